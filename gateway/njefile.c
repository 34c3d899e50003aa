/* gateway/njefile.c -- text and bytes to decks and back. */
#include "gateway/njefile.h"

#include <string.h>

#include "gateway/atsign.h"
#include "rscs/punch.h"
#include "rscs/unload.h"
#include "rscs/wire.h"

#define BINARY_LRECL 8192u
#define ITEMS_MAX 64u /* files of a transmission, and as many members of data sets */
#define MEMBERS_TEXT_MAX 65536u
#define NL_LF '\n'

/* --- writing
 * ---------------------------------------------------------------------------------------------- */

static void fill_file(const struct njefile_spec *spec, uint32_t records, struct deck_file *f)
{
    *f = (struct deck_file){
        .from_node = ebc_name_of(spec->from_node),
        .from_user = ebc_name_of(spec->from_user),
        .to_node = ebc_name_of(spec->to_node),
        .to_user = ebc_name_of(spec->to_user),
        .spool_id = (uint16_t)(spec->id % 9999 + 1),
        .entered = spec->now,
        .class = spec->class,
        .fn = spec->fn,
        .ft = spec->ft,
        .form = spec->form,
        .records = records,
    };
}

/* Put the cards (80 bytes each in `cards`, the last filled up with nulls) into a deck and a body.
 */
static int finish_deck(struct store *s, const struct njefile_spec *spec, struct buf *cards,
                       size_t max, struct njefile_out *out, struct why *w)
{
    if (cards->n == 0)
        buf_u8(cards, 0x40); /* a file without a record breaks peers: a blank card */
    buf_fill(cards, 0, (CARD_SIZE - cards->n % CARD_SIZE) % CARD_SIZE);
    if (cards->over)
        return why_set(w, E_LIMIT, 552, "5.3.4", "The file would be larger than %zu bytes", max);
    struct deck_file f;
    fill_file(spec, (uint32_t)(cards->n / CARD_SIZE), &f);
    struct buf deck;
    buf_init(&deck, max + max / 8 + 4096);
    deck_file_begin(&deck, &f);
    struct cur rest = buf_cur(cards);
    while (cur_left(&rest) > 0)
        deck_card(&deck, cur_sub(&rest, CARD_SIZE));
    deck_file_end(&deck, &f);
    int v = 0;
    if (deck.over)
        v = why_set(w, E_LIMIT, 552, "5.3.4", "The file would be larger than %zu bytes", max);
    struct body_writer *bw = v == 0 ? body_writer_new(s) : NULL;
    if (v == 0)
        v = body_write(bw, deck.p, deck.n, w);
    buf_done(&deck);
    if (v < 0) {
        body_writer_drop(&bw);
        return v;
    }
    out->records = f.records;
    out->deck = body_writer_end(&bw, w);
    return out->deck != NULL ? 0 : w->err;
}

static void netdata_begin(struct buf *b, const struct njefile_spec *spec, uint64_t size,
                          uint16_t recfm, uint32_t lrecl)
{
    char name[24];
    size_t n = 0;
    memcpy(name, "A.", 2), n = 2;
    memcpy(name + n, spec->fn.p, spec->fn.n < 8 ? spec->fn.n : 8),
        n += spec->fn.n < 8 ? spec->fn.n : 8;
    name[n++] = '.';
    memcpy(name + n, spec->ft.p, spec->ft.n < 8 ? spec->ft.n : 8),
        n += spec->ft.n < 8 ? spec->ft.n : 8;
    struct nd_file nd = {
        .from_node = ebc_name_of(spec->from_node),
        .from_user = ebc_name_of(spec->from_user),
        .to_node = ebc_name_of(spec->to_node),
        .to_user = ebc_name_of(spec->to_user),
        .dsname = spec->note ? STR("") : (struct str){name, n},
        .utility = STR("INMCOPY"),
        .recfm = recfm,
        .dsorg = 0x4000,
        .lrecl = lrecl,
        .size = size,
        .note = spec->note,
    };
    nd_begin(b, &nd, spec->now);
}

/* Lines longer than a record can be are cut: nothing is lost, a line is only broken. */
#define TEXT_RECORD_MAX 32000u

/* Put the lines' records into b, each behind its length; answers the longest, 80 at least. How long
 * one is depends on the page: replacements and shifts take room. */
static size_t text_records(struct buf *b, const struct njefile_spec *spec, struct str text,
                           size_t *replaced)
{
    size_t most = 80;
    struct str line;
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX / 4);
    while (str_line(&text, &line)) {
        struct ebc_cut cut;
        struct cur record;
        buf_reset(&bytes);
        *replaced += ebc_from_utf8(&bytes, spec->page, line);
        ebc_cut_begin(&cut, spec->page, buf_cur(&bytes));
        while (ebc_cut_next(&cut, TEXT_RECORD_MAX, &record)) {
            size_t n = cur_left(&record);
            buf_be32(b, (uint32_t)n);
            buf_add(b, record.p, n);
            most = n > most ? n : most;
        }
        ebc_cut_end(&cut);
    }
    buf_done(&bytes);
    return most;
}

static void text_netdata(struct buf *cards, const struct njefile_spec *spec, struct str text,
                         size_t *replaced)
{
    struct buf records;
    buf_init(&records, SIZE_MAX / 4);
    size_t longest = text_records(&records, spec, text, replaced);
    netdata_begin(cards, spec, text.n, ND_RECFM_V, (uint32_t)longest);
    struct cur rest = buf_cur(&records);
    while (cur_left(&rest) > 0)
        nd_record(cards, cur_sub(&rest, cur_be32(&rest)));
    nd_end(cards);
    buf_done(&records);
}

static void add_card(void *arg, struct cur bytes)
{
    struct buf *cards = arg;
    size_t n = cur_left(&bytes);
    buf_add(cards, bytes.p, n);
    buf_fill(cards, 0x40, CARD_SIZE - n);
}

int njefile_text(struct store *s, const struct njefile_spec *spec, struct str text, size_t max,
                 struct njefile_out *out, struct why *w)
{
    struct buf cards;
    buf_init(&cards, max);
    *out = (struct njefile_out){0};
    if (spec->format == FORMAT_NETDATA) {
        text_netdata(&cards, spec, text, &out->replaced);
    } else {
        struct str line;
        while (str_line(&text, &line))
            out->replaced += punch_text(line, spec->page, add_card, &cards);
    }
    int v = finish_deck(s, spec, &cards, max, out, w);
    buf_done(&cards);
    return v;
}

int njefile_bytes(struct store *s, const struct njefile_spec *spec, struct cur bytes, size_t max,
                  struct njefile_out *out, struct why *w)
{
    struct buf cards;
    buf_init(&cards, max);
    *out = (struct njefile_out){0};
    netdata_begin(&cards, spec, cur_left(&bytes), ND_RECFM_V, BINARY_LRECL);
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes);
        nd_record(&cards, cur_sub(&bytes, n < BINARY_LRECL ? n : BINARY_LRECL));
    }
    nd_end(&cards);
    int v = finish_deck(s, spec, &cards, max, out, w);
    buf_done(&cards);
    return v;
}

/* --- reading
 * ---------------------------------------------------------------------------------------------- */

/* Records of one item as they come; turned into text or bytes at its end, when all are known. */
struct gather {
    struct arena *arena;
    const struct ebc_page *page;
    struct str atsign;
    struct njefile_in *in;
    struct njefile_item *item; /* NULL: none begun */
    struct buf bytes;          /* 4-byte length and record, one after the other */
    size_t sample;             /* bytes seen and bytes that look like text */
    size_t printable;
    bool nulls;
    bool archive;               /* it begins as no text does */
    struct unload *pds;         /* its members come */
    struct njefile_item *whole; /* the transmission itself, because it has one */
    struct buf members;         /* their list */
};

static bool byte_is_text(uint8_t e)
{
    return e >= 0x40 || e == 0x05 || e == 0x0C || e == 0x15 || e == 0x25 || e == 0x0D ||
           e == 0x0E || e == 0x0F;
}

static void judge_record(struct gather *ga, struct cur record)
{
    while (cur_left(&record) > 0 && (record.end[-1] == 0 || record.end[-1] == 0x40))
        record.end--; /* trailing nulls and blanks say nothing */
    for (const uint8_t *p = record.p; p < record.end; p++) {
        ga->sample++;
        ga->printable += byte_is_text(*p);
        ga->nulls = ga->nulls || *p == 0;
    }
}

bool njefile_looks_text(struct cur bytes)
{
    struct gather ga = {0};
    judge_record(&ga, bytes);
    return !ga.nulls && ga.printable * 100 >= ga.sample * 95;
}

/* What its first bytes say is never text, however much of it can be printed. */
static bool is_archive(struct cur record)
{
    static const struct {
        const char *mark;
        size_t n;
    } known[] = {
        {"\x7A\xC3\xC6\xC6\x40", 5}, /* ":CFF ": VMARC */
        {"\x02\xC3\xD4\xE2", 4},     /* CMS DISK DUMP */
        {"\x02\xC5\xE2\xC4", 4},     /* an object deck: ESD, TXT, RLD, END, SYM */
        {"\x02\xE3\xE7\xE3", 4},
        {"\x02\xD9\xD3\xC4", 4},
        {"\x02\xC5\xD5\xC4", 4},
        {"\x02\xE2\xE8\xD4", 4},
        {"PK\x03\x04", 4},
        {"%PDF", 4},
        {"\x1F\x8B", 2},
        {"GIF8", 4},
        {"\x89PNG", 4},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (cur_left(&record) >= known[i].n && memcmp(record.p, known[i].mark, known[i].n) == 0)
            return true;
    return false;
}

static int begin_item(struct gather *ga, struct why *w)
{
    if (ga->in->nitem >= 2 * ITEMS_MAX)
        return why_set(w, E_LIMIT, 552, "5.3.4", "More than %u files in one transmission",
                       2 * ITEMS_MAX);
    ga->item = &ga->in->item[ga->in->nitem++];
    *ga->item = (struct njefile_item){0};
    buf_reset(&ga->bytes);
    ga->sample = ga->printable = 0;
    ga->nulls = ga->archive = false;
    return 0;
}

static void add_record(struct gather *ga, struct cur record)
{
    buf_be32(&ga->bytes, (uint32_t)cur_left(&record));
    buf_add(&ga->bytes, record.p, cur_left(&record));
    ga->archive = ga->archive || (ga->item->records == 0 && is_archive(record));
    ga->item->records++;
    judge_record(ga, record);
}

static void end_item(struct gather *ga)
{
    struct njefile_item *item = ga->item;
    if (item == NULL)
        return;
    struct buf out;
    buf_init(&out, ga->bytes.n * 3 + 16);
    item->text = !ga->archive && !ga->nulls && ga->printable * 100 >= ga->sample * 95;
    struct atsign at;
    atsign_begin(&at, ga->page, ga->atsign);
    struct cur rest = buf_cur(&ga->bytes);
    while (cur_left(&rest) > 0) {
        struct cur record = cur_sub(&rest, cur_be32(&rest));
        if (item->text) {
            atsign_line(&at, &out, record);
            buf_u8(&out, NL_LF);
        } else {
            buf_add(&out, record.p, cur_left(&record));
        }
    }
    item->content = arena_str(ga->arena, buf_text(&out));
    buf_done(&out);
    ga->item = NULL;
}

static struct str name_text(struct arena *a, const struct nje_name *n)
{
    char text[9];
    return arena_str(a, ebc_name_text(n, text));
}

static struct str label_text(struct arena *a, const uint8_t *e, size_t n)
{
    struct buf b;
    buf_init(&b, 64);
    ebc_to_utf8(&b, ebc_page_default(), cur_of(e, n));
    struct str s = arena_str(a, str_trim(buf_text(&b)));
    buf_done(&b);
    return s;
}

int njefile_read_headers(struct arena *a, struct cur deck, struct njefile_in *in, struct why *w)
{
    *in = (struct njefile_in){0};
    int v = deck_headers(deck, &in->njh, &in->dsh, w);
    if (v < 0)
        return v;
    const struct nje_name *user =
        ebc_name_empty(&in->njh.origin_user) ? &in->njh.user : &in->njh.origin_user;
    in->from_user = name_text(a, user);
    in->from_node = name_text(a, &in->njh.origin_node);
    in->to_user = name_text(a, &in->dsh.user);
    in->to_node = name_text(a, &in->dsh.node);
    in->fn = label_text(a, in->dsh.fn, sizeof in->dsh.fn);
    in->ft = label_text(a, in->dsh.ft, sizeof in->dsh.ft);
    return 0;
}

static struct str item_name(struct gather *ga, const struct nd_file *f)
{
    struct str name = f->dsname;
    /* CMS puts the file mode letter before name and type: A.FN.FT is FN.FT. */
    if (name.n > 2 && name.p[1] == '.')
        name = str_sub(name, 2, name.n);
    if (name.n == 0)
        return arena_printf(ga->arena, "%.*s.%.*s", STR_ARG(ga->in->fn), STR_ARG(ga->in->ft));
    return arena_str(ga->arena, name);
}

/* --- partitioned data sets: the members, and the transmission as it came, for who can take it in
 * ---------------------------------------------------------------------------------------------- */

static int begin_data_set(struct gather *ga, const struct nd_file *f, struct why *w)
{
    if (ga->whole == NULL) {
        int v = begin_item(ga, w);
        if (v < 0)
            return v;
        ga->whole = ga->item;
        ga->whole->name = arena_printf(ga->arena, "%.*s.XMI", STR_ARG(item_name(ga, f)));
    }
    ga->item = NULL;
    ga->pds = unload_new(ga->arena);
    return ga->pds != NULL ? 0 : why_set(w, E_LIMIT, 552, "5.3.4", "The file is too large");
}

static void end_member(struct gather *ga)
{
    if (ga->item != NULL && ga->item->member)
        buf_printf(&ga->members, "%-8.*s %7u records%s\n", STR_ARG(ga->item->name),
                   ga->item->records, ga->nulls || ga->archive ? ", binary" : "");
    end_item(ga);
}

static void begin_member(struct gather *ga, const struct unload_member *m)
{
    struct nje_name name;
    struct why w;
    end_member(ga);
    memcpy(name.e, m->name, sizeof name.e);
    if (ga->in->nitem >= 2 * ITEMS_MAX - 1 || begin_item(ga, &w) < 0) { /* it is in the whole */
        char text[9];
        buf_printf(&ga->members, "%-8.*s only in %.*s\n", STR_ARG(ebc_name_text(&name, text)),
                   STR_ARG(ga->whole->name));
        return;
    }
    ga->item->member = true;
    ga->item->name = name_text(ga->arena, &name);
    unload_format(ga->pds, &ga->item->recfm, &ga->item->lrecl);
}

/* What cannot be taken apart is in the whole all the same. */
static void feed_data_set(struct gather *ga, struct cur record)
{
    struct unload_member m;
    struct cur data;
    struct why w;
    int what;
    unload_give(ga->pds, record);
    while ((what = unload_next(ga->pds, &m, &data, &w)) > 0) {
        if (what == UNLOAD_MEMBER)
            begin_member(ga, &m);
        else if (ga->item != NULL)
            add_record(ga, data);
    }
    if (what < 0) {
        end_member(ga);
        buf_printf(&ga->members, "%s\n", w.text);
        ga->pds = NULL;
    }
}

/* All records of the deck one after the other, as they came. */
static int keep_whole(struct gather *ga, struct cur deck, struct why *w)
{
    struct deck_reader r;
    struct buf b;
    uint8_t cc;
    int v = deck_reader_init(&r, deck, w);
    if (v < 0)
        return v;
    buf_init(&b, ga->bytes.max);
    while ((v = deck_reader_next(&r, &cc, w)) == 1)
        buf_add(&b, r.record.p, r.record.n);
    ga->whole->content = arena_str(ga->arena, buf_text(&b));
    ga->whole->recfm = ND_RECFM_F;
    ga->whole->lrecl = CARD_SIZE;
    ga->in->members = arena_str(ga->arena, buf_text(&ga->members));
    buf_done(&b);
    deck_reader_done(&r);
    return v;
}

/* Feed one logical record (a piece of the NETDATA byte stream). 1: the transmission has ended. */
static int feed_netdata(struct gather *ga, struct nd_reader *nd, struct cur piece, struct why *w)
{
    for (;;) {
        struct nd_file f;
        struct cur record;
        int what = nd_reader_next(nd, &piece, &f, &record, w);
        if (what < 0 || what == ND_MORE)
            return what < 0 ? what : 0;
        if (what == ND_END) {
            end_member(ga);
            return 1;
        }
        if (what == ND_RECORD) {
            if (ga->pds != NULL)
                feed_data_set(ga, record);
            else if (ga->item != NULL)
                add_record(ga, record);
            continue;
        }
        end_member(ga);
        ga->pds = NULL;
        if (ga->in->nitem == 0) {
            ga->in->nd_user = name_text(ga->arena, &f.from_user);
            ga->in->nd_node = name_text(ga->arena, &f.from_node);
        }
        bool pds = str_is(f.utility, "IEBCOPY");
        int v = pds ? begin_data_set(ga, &f, w) : begin_item(ga, w);
        if (v < 0)
            return v;
        if (pds)
            continue;
        ga->item->note = f.note && !f.is_ack;
        ga->item->ack = f.is_ack;
        ga->item->recfm = f.recfm;
        ga->item->lrecl = f.lrecl;
        ga->item->name = item_name(ga, &f);
    }
}

static int read_records(struct gather *ga, struct deck_reader *r, struct why *w)
{
    struct nd_reader *nd = NULL;
    bool first = true, over = false;
    uint8_t cc;
    int v;
    while ((v = deck_reader_next(r, &cc, w)) == 1) {
        struct cur record = buf_cur(&r->record);
        if (first && nd_looks(record)) {
            nd = nd_reader_new(ga->arena);
            ga->in->netdata = true;
        } else if (first) {
            struct nje_name fn, ft;
            if ((v = begin_item(ga, w)) < 0)
                return v;
            ga->item->name =
                arena_printf(ga->arena, "%.*s.%.*s", STR_ARG(ga->in->fn), STR_ARG(ga->in->ft));
            ga->item->recfm = ND_RECFM_F;
            ga->item->lrecl = ga->in->dsh.lrecl;
            if (punch_read_card(record, &fn, &ft)) {
                first = false;
                continue; /* CMS's :READ card names the file and is no part of it */
            }
        }
        first = false;
        if (nd == NULL)
            add_record(ga, record);
        else if (!over && (v = feed_netdata(ga, nd, record, w)) != 0)
            over = v > 0;
        if (v < 0)
            return v;
    }
    if (v == 0 && nd != NULL && !over)
        return why_set(w, E_SYNTAX, 0, NULL, "The NETDATA transmission is cut off before its end");
    return v;
}

int njefile_read(struct arena *a, struct cur deck, const struct ebc_page *page, struct str atsign,
                 struct njefile_in *in, struct why *w)
{
    int v = njefile_read_headers(a, deck, in, w);
    if (v < 0)
        return v;
    in->item = arena_alloc(a, 2 * ITEMS_MAX * sizeof *in->item);
    struct gather ga = {.arena = a, .page = page, .atsign = atsign, .in = in};
    /* A card of one byte counts 6 in the deck and 84 here. */
    buf_init(&ga.bytes, cur_left(&deck) * 16 + 65536);
    buf_init(&ga.members, MEMBERS_TEXT_MAX);
    struct deck_reader r;
    v = deck_reader_init(&r, deck, w);
    if (v >= 0) {
        v = read_records(&ga, &r, w);
        deck_reader_done(&r);
    }
    if (v >= 0)
        end_item(&ga);
    if (v >= 0 && ga.whole != NULL)
        v = keep_whole(&ga, deck, w);
    buf_done(&ga.members);
    bool over = ga.bytes.over || arena_full(a);
    buf_done(&ga.bytes);
    if (v >= 0 && over)
        return why_set(w, E_LIMIT, 552, "5.3.4", "The file is larger than this gateway carries");
    return v;
}

/* --- copying
 * ------------------------------------------------------------------------------------------------
 */

static int edit_header(const struct njefile_edit *edit, const struct deck_item *item,
                       uint8_t *header, struct why *w)
{
    size_t n = cur_left(&item->data);
    if (n > HEADER_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "a header of %zu bytes", n);
    memcpy(header, item->data.p, n);
    bool ok = true;
    if (item->srcb == SRCB_NJH && edit->set_hops) {
        ok = njh_set_hops(header, n, edit->hops);
    } else if (item->srcb == SRCB_DSH && edit->to_node.n > 0) {
        struct nje_name node = ebc_name_of(edit->to_node), user = ebc_name_of(edit->to_user);
        ok = dsh_set_destination(header, n, &node, &user);
    }
    return ok ? 0 : why_set(w, E_SYNTAX, 0, NULL, "a header that cannot be changed");
}

static int copy_items(struct body_writer *bw, struct cur deck, const struct njefile_edit *edit,
                      struct why *w)
{
    uint8_t kind, head[4], header[HEADER_MAX];
    struct deck_item item;
    int v = deck_kind(&deck, &kind, w);
    if (v >= 0)
        v = body_write(bw, &kind, 1, w);
    while (v >= 0 && (v = deck_next(&deck, &item, w)) == 1) {
        const uint8_t *data = item.data.p;
        if (item.srcb == SRCB_NJH || item.srcb == SRCB_DSH) {
            v = edit_header(edit, &item, header, w);
            data = header;
        }
        deck_item_head(head, item.srcb, cur_left(&item.data));
        if (v >= 0)
            v = body_write(bw, head, sizeof head, w);
        if (v >= 0)
            v = body_write(bw, data, cur_left(&item.data), w);
    }
    return v;
}

int njefile_copy(struct store *s, struct cur deck, const struct njefile_edit *edit,
                 struct body **out, struct why *w)
{
    struct body_writer *bw = body_writer_new(s);
    int v = copy_items(bw, deck, edit, w);
    *out = v >= 0 ? body_writer_end(&bw, w) : NULL;
    body_writer_drop(&bw);
    return *out != NULL ? 0 : w->err;
}
