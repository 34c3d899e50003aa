/* tests/unit/gateway/cross.c -- see cross.h */
#include "unit/gateway/cross.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/journal.h"
#include "gateway/config/conf.h"
#include "gateway/fromnje.h"
#include "gateway/intake.h"
#include "gateway/nje.h"
#include "gateway/relay_private.h"
#include "unit/unit.h"

#define FILE_MAX_BYTES (8u << 20)

struct gate cross;
static struct message **taken;
static size_t ntaken, waiting;
static msg_id last_file;

static void problem(void *arg, const char *file, unsigned line, bool error, const char *text)
{
    (void)arg;
    ck_assert_msg(!error, "%s:%u: %s", file, line, text);
}

static struct conf *make_conf(const char *lines)
{
    char path[600];
    const char *dir = unit_tmp();
    snprintf(path, sizeof path, "%s/conf", dir);
    FILE *f = fopen(path, "w");
    fprintf(f,
            "LOCAL GATE\nHOSTNAME gate\nDOMAINORIGIN example.test\nGATEWAY\nRSCSDOMAIN RSCSNET\n"
            "DATABASE %s/db\nSPOOLDIR %s/spool\nCONTROL %s/control\nTIMEZONE UTC\n"
            "LINKDEFINE MVSA TYPE TCPNJE NODE MVSA\nROUTE * TO MVSA\nLOCALUSER ANN\n%s\n",
            dir, dir, dir, lines);
    fclose(f);
    struct conf *c = conf_load(path, problem, NULL);
    ck_assert_ptr_nonnull(c);
    return c;
}

void cross_open(const char *lines)
{
    struct why w;
    struct conf *c = make_conf(lines);
    log_open(2, LOG_ERROR);
    cross = (struct gate){.loop = loop_new(), .conf = c, .routes = routes_new()};
    cross.names = (struct addr_names){.hostname = c->hostname,
                                      .alt = c->alt_host,
                                      .nalt = c->nalt_host,
                                      .local_node = c->local,
                                      .rscs_domain = c->rscs_domain,
                                      .dim_node = c->dim_node};
    ck_assert_int_eq(routes_add(cross.routes, STR("*"), STR("MVSA"), &w), 0);
    struct store_set set = {.loop = cross.loop,
                            .path = c->database.p,
                            .spooldir = c->spooldir.p,
                            .keep.journal_days = 1};
    ck_assert_msg(store_open(&cross.store, &set, &w) == 0, "%s", w.text);
    cross.tls = tls_new();
    cross.nje = nje_new(&cross);
    cross.nicks = nicks_new(cross.store);
    cross.snads = snads_new(cross.store);
    cross.relay = relay_new(&cross);
    relay_stop(cross.relay); /* it only gathers what becomes durable */
}

static void forget_taken(void)
{
    for (size_t i = 0; i < ntaken; i++)
        message_free(&taken[i]);
    free(taken);
    taken = NULL;
    ntaken = 0;
}

void cross_close(void)
{
    forget_taken();
    nje_stop(cross.nje);
    store_close(&cross.store);
    nje_free(&cross.nje);
    relay_free(&cross.relay);
    nicks_free(&cross.nicks);
    snads_free(&cross.snads);
    tls_free(&cross.tls);
    routes_free(&cross.routes);
    loop_free(&cross.loop);
    conf_free((struct conf **)&cross.conf);
}

static void durable(void *arg, const struct why *w)
{
    (void)arg;
    ck_assert_msg(w == NULL, "%s", w->text);
    waiting--;
}

static int finish(struct intake **in, int v)
{
    if (v < 0) {
        intake_drop(in);
        return v;
    }
    waiting++;
    intake_commit(in, durable, NULL);
    return 0;
}

int cross_mail_to(struct str mail, const char *const *rcpt, struct why *w)
{
    struct arena *a = arena_new(1u << 20);
    struct admitted to[8];
    struct mail m = {.from = DOOR_SMTP,
                     .origin_sender = STR("steve@example.org"),
                     .sender = STR("steve@example.org"),
                     .content = cur_of_str(mail),
                     .rcpt = to};
    int v = 0;
    for (; v == 0 && rcpt[m.nrcpt] != NULL && m.nrcpt < 8; m.nrcpt++) {
        struct str s = str_of(rcpt[m.nrcpt]);
        ptrdiff_t at = str_find_last(s, '@');
        v = admit_mailbox(&cross, (struct asker){.source = FROM_INTERNET},
                          str_sub(s, 0, (size_t)at), str_sub(s, (size_t)at + 1, s.n), a,
                          &to[m.nrcpt], w);
    }
    struct intake *in = intake_new(&cross);
    if (v == 0)
        v = intake_mail(in, &m, NULL, w);
    v = finish(&in, v);
    arena_free(&a);
    return v;
}

int cross_mail(struct str mail, struct why *w)
{
    return cross_mail_to(mail, (const char *const[]){"bob%mvsa@gate.example.test", NULL}, w);
}

int cross_file(struct cur deck, const char *to, struct why *w)
{
    struct arena *a = arena_new(1u << 20);
    struct admitted rcpt = {.original = str_of(to)};
    struct body *body = body_of(deck);
    struct intake *in = intake_new(&cross);
    last_file = intake_id(in);
    int v = admit_is_mailer(str_of(to))
                ? fromnje_mailer(&cross, in, body, FROM_NJE, w)
                : admit_user(&cross, (struct asker){.source = FROM_NJE, .user = STR("BOB@MVSA")},
                             str_of(to), STR("GATE"), a, &rcpt, w);
    if (v == 0 && !admit_is_mailer(str_of(to)))
        v = fromnje_mailbox(&cross, in, body, FROM_NJE, &rcpt, w);
    v = finish(&in, v);
    body_free(&body);
    arena_free(&a);
    return v;
}

static int count_row(void *arg, const struct journal_row *row)
{
    (void)row;
    ++*(size_t *)arg;
    return 0;
}

size_t cross_file_journal(void)
{
    struct why w;
    size_t n = 0;
    db_refresh(store_reader(cross.store));
    ck_assert_int_ge(journal_of(store_reader(cross.store), last_file, count_row, &n, &w), 0);
    return n;
}

size_t cross_taken(struct message ***list)
{
    forget_taken();
    while (waiting > 0)
        (void)loop_turn(cross.loop, true);
    struct relay *r = cross.relay;
    taken = r->fresh;
    ntaken = r->nfresh;
    r->fresh = NULL;
    r->nfresh = r->fresh_space = 0;
    *list = taken;
    return ntaken;
}

struct cross_records cross_records(struct arena *a, struct body *deck)
{
    struct why w = {.text = ""};
    struct buf cards;
    struct cross_records out = {0};
    struct nd_file file;
    struct cur record;
    size_t room = 0;
    int what = 0;
    buf_init(&cards, 1u << 28);
    ck_assert_msg(njefile_cards(body_cur(deck, &w), &cards, &w) == 0, "%s", w.text);
    struct cur in = buf_cur(&cards);
    struct nd_reader *r = nd_reader_new(a);
    while ((what = nd_reader_next(r, &in, &file, &record, &w)) > 0 && what != ND_END) {
        out.note = out.note || (what == ND_FILE && file.note);
        if (what != ND_RECORD)
            continue;
        if (out.n == room) {
            room = room == 0 ? 64 : room * 2;
            out.record = mem_grow(out.record, room, sizeof *out.record);
        }
        struct str copy = arena_str(a, cur_str(&record));
        out.record[out.n++] = cur_of_str(copy);
    }
    ck_assert_msg(what == ND_END, "NETDATA is not whole: %d %s", what, w.text);
    struct cur *kept = arena_alloc(a, (out.n + 1) * sizeof *kept);
    if (out.n > 0)
        memcpy(kept, out.record, out.n * sizeof *kept);
    free(out.record);
    out.record = kept;
    buf_done(&cards);
    return out;
}

/* The origin stands in the job header, the first item of the deck. */
struct cur cross_sent_on(struct arena *a, struct body *deck, const char *to)
{
    struct why w = {.text = ""};
    struct njefile_edit edit = {.to_user = str_of(to), .to_node = STR("GATE"), .set_hops = true};
    struct body *copy;
    ck_assert_msg(njefile_copy(cross.store, body_cur(deck, &w), &edit, &copy, &w) == 0, "%s",
                  w.text);
    struct cur from = body_cur(copy, &w);
    struct str bytes = arena_str(a, cur_str(&from));
    body_free(&copy);
    struct njefile_in in;
    ck_assert_int_eq(njefile_read_headers(a, cur_of_str(bytes), &in, &w), 0);
    struct cur whole = cur_of_str(bytes);
    struct deck_item item;
    uint8_t kind;
    ck_assert(deck_kind(&whole, &kind, &w) == 0 && deck_next(&whole, &item, &w) == 1);
    struct nje_name bob = ebc_name_of(STR("BOB")), mvsa = ebc_name_of(STR("MVSA"));
    for (uint8_t *p = (uint8_t *)item.data.p; p + 8 <= item.data.end; p++) {
        if (memcmp(p, in.njh.origin_node.e, 8) == 0)
            memcpy(p, mvsa.e, 8);
        else if (memcmp(p, in.njh.origin_user.e, 8) == 0 || memcmp(p, in.njh.user.e, 8) == 0)
            memcpy(p, bob.e, 8);
    }
    return cur_of_str(bytes);
}

static bool has_ending(const char *name, const char *ending)
{
    return str_ends_nocase(str_of(name), ending) && name[0] != '.';
}

static void one_file(const char *path, cross_each_fn *fn, void *arg)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    char *p = malloc(FILE_MAX_BYTES);
    size_t n = fread(p, 1, FILE_MAX_BYTES, f);
    fclose(f);
    p = realloc(p, n > 0 ? n : 1); /* ASan sees a look past the end */
    fn(arg, path, (struct str){p, n});
    free(p);
}

bool cross_each(const char *folder, const char *ending, cross_each_fn *fn, void *arg)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_type != DT_DIR && has_ending(names[i]->d_name, ending))
            one_file(path, fn, arg);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return n >= 0;
}
