/* rscs/link_in.c -- a link's incoming files
 *
 *   sender                        we
 *   90 s  request -------------->  file_open
 *         <--------------- A0 s    (B0 s: refused; nothing when the request said fast open)
 *   s C0  job header ----------->  file_record, its segments joined
 *   s E0  data set header ------>
 *   s 80  data ----------------->
 *   s D0  job trailer ---------->
 *   s 80  empty: end of file --->  file_end
 *         <--------------- C0 s    link_in_done: the owner has it safe
 *
 * A file that cannot be taken is cancelled with B0 s, and what its sender had already under way is
 * swallowed up to the end of the file. The sender's own abort (SCB X'40') is answered as the end of
 * a file is. All streams are open to the peer whatever our own number is: UnixNJE holds a file that
 * is refused until the link restarts. IBM SA32-0988, "Data transmission". */
#include <stdlib.h>

#include "base/mem.h"
#include "rscs/link_priv.h"

static struct in_slot *slot_of(struct link *k, uint8_t rcb)
{
    return &k->in[2 * (wire_rcb_stream(rcb) - 1) + (rcb & 1u)];
}

void in_init(struct link *k)
{
    for (unsigned i = 0; i < 2 * LINK_STREAMS; i++) {
        unsigned stream = i / 2 + 1;
        uint8_t rcb = (uint8_t)(wire_rcb_sysout(stream) - 1 + (i & 1));
        k->in[i].rcb = rcb;
        k->in[i].after = &k->in[i].first;
        buf_init(&k->in[i].header, HEADER_MAX);
    }
}

/* --- files and their answers --- */

static struct in_file *file_new(struct link *k, const struct in_slot *in)
{
    struct in_file *f = mem_new(sizeof *f);
    f->pub = (struct link_in){.link = k, .stream = wire_rcb_stream(in->rcb), .rcb = in->rcb};
    k->in_files++;
    return f;
}

static void file_free(struct link *k, struct in_file *f)
{
    k->in_files--;
    k->in_kept -= f->kept;
    free(f);
}

bool in_full(const struct link *k)
{
    return k->in_files >= LINK_UNSAFE_FILES || k->in_kept >= LINK_UNSAFE_BYTES;
}

/* Its answer comes behind those of the files before it. */
static void await_answer(struct link *k, struct in_slot *in, struct in_file *f)
{
    f->next = NULL;
    *in->after = f;
    in->after = &f->next;
    f->kept = in->bytes < LINK_FILE_KEPT ? in->bytes : LINK_FILE_KEPT;
    k->in_kept += f->kept;
}

static void give_answers(struct link *k, struct in_slot *in)
{
    for (struct in_file *f; (f = in->first) != NULL && f->answer != 0;) {
        in->first = f->next;
        if (in->first == NULL)
            in->after = &in->first;
        out_reply(k, f->answer, in->rcb);
        file_free(k, f);
    }
}

/* For a file the owner has nothing of, or no longer. */
static void answer(struct link *k, struct in_slot *in, uint8_t rcb)
{
    struct in_file *f = file_new(k, in);
    f->answer = rcb;
    in->bytes = 0;
    await_answer(k, in, f);
    give_answers(k, in);
}

static void close_slot(struct in_slot *in, enum in_state next)
{
    in->state = next;
    in->file = NULL;
    in->header_srcb = 0;
    in->again = false;
}

/* Tell the owner that it comes to nothing; the slot is closed already, as he may call back. */
static void forget(struct link *k, struct in_slot *in, enum in_state next, const struct why *w)
{
    struct in_file *f = in->file;
    close_slot(in, next);
    k->ops.file_abort(k->arg, &f->pub, w);
    file_free(k, f);
}

static void cancel(struct link *k, struct in_slot *in, enum in_state next, const struct why *w)
{
    answer(k, in, RCB_CANCEL);
    forget(k, in, next, w);
}

/* --- requests --- */

static void open_file(struct link *k, struct in_slot *in, bool fast)
{
    struct why w = {0};
    unsigned gen = k->gen;
    struct in_file *f = file_new(k, in);
    bool willing = k->state == LINK_UP && k->ops.file_open(k->arg, &f->pub, &w) >= 0;
    if (k->gen != gen) { /* the owner has ended the connection from within file_open */
        if (willing) {
            why_set(&w, E_GONE, 0, NULL, "the link went down");
            k->ops.file_abort(k->arg, &f->pub, &w);
        }
        file_free(k, f);
        return;
    }
    close_slot(in, willing ? IN_OPEN : fast ? IN_SWALLOW : IN_IDLE);
    if (willing)
        in->file = f;
    else
        file_free(k, f);
    in->njh = in->dsh = in->njt = false;
    in->bytes = 0;
    in->since = mono_now();
    out_watch(k);
    if (!willing)
        answer(k, in, RCB_CANCEL);
    else if (!fast)
        out_reply(k, RCB_PERMIT, in->rcb);
}

void in_request(struct link *k, uint8_t rcb, bool fast)
{
    if (!wire_rcb_is_stream(rcb)) {
        line_odd(k, "a request for a stream that cannot be");
        out_reply(k, RCB_CANCEL, rcb);
        return;
    }
    struct in_slot *in = slot_of(k, rcb);
    if (in->state != IN_OPEN && (in->first == NULL || k->ahead))
        open_file(k, in, fast);
    else if (in->state != IN_OPEN && !in->again && !fast)
        in->again = true; /* permitted once the file before is safe */
    else
        out_reply(k, RCB_CANCEL, rcb); /* the file before goes on */
}

void in_again(struct link *k)
{
    for (unsigned i = 0; i < 2 * LINK_STREAMS && link_is_up(k); i++)
        if (k->in[i].first == NULL && k->in[i].again)
            open_file(k, &k->in[i], false);
}

/* --- records --- */

/* 1 the header is whole and in in->header, 0 segments are missing. */
static int header(struct in_slot *in, uint8_t kind, struct cur data, struct why *w)
{
    if (in->header_srcb == 0)
        buf_reset(&in->header);
    else if (in->header_srcb != kind)
        return why_set(w, E_SYNTAX, 0, NULL, "a header begins before the one before is complete");
    if (kind == SRCB_NJH ? in->njh : !in->njh)
        return why_set(w, E_SYNTAX, 0, NULL, "%s",
                       kind == SRCB_NJH ? "a second job header in one file"
                                        : "the file does not begin with its job header");
    int r = header_join(&in->header, data, w);
    if (r < 0)
        return r;
    in->header_srcb = r > 0 ? 0 : kind;
    in->njh |= r > 0 && kind == SRCB_NJH;
    in->dsh |= r > 0 && kind == SRCB_DSH;
    in->njt |= r > 0 && kind == SRCB_NJT;
    return r;
}

static int data_order(const struct in_slot *in, struct why *w)
{
    if (in->header_srcb != 0)
        return why_set(w, E_SYNTAX, 0, NULL, "data comes where a header's next segment was due");
    if (!in->njh || ((in->rcb & 1) != 0 && !in->dsh))
        return why_set(w, E_SYNTAX, 0, NULL, "data comes before its %s",
                       in->njh ? "data set header" : "job header");
    return OK;
}

/* 1 a record for the owner is in *data, 0 there is none yet, negative the file is out of order. */
static int judge(struct link *k, struct in_slot *in, uint8_t *srcb, struct cur *data, struct why *w)
{
    uint8_t kind = *srcb & 0xF0;
    int r = 1;
    if (in->njt)
        return why_set(w, E_SYNTAX, 0, NULL, "a record comes behind the job trailer");
    in->bytes += 4 + cur_left(data);
    if (in->bytes > k->conf.file_max)
        return why_set(w, E_LIMIT, 0, NULL, "the file is larger than the %zu bytes allowed",
                       k->conf.file_max);
    if (kind != SRCB_NJH && kind != SRCB_DSH && kind != SRCB_NJT)
        return data_order(in, w) < 0 ? E_SYNTAX : 1;
    r = header(in, kind, *data, w);
    if (r > 0) {
        *srcb = kind;
        *data = buf_cur(&in->header);
    }
    return r;
}

static void end(struct link *k, struct in_slot *in)
{
    struct why w = {0};
    if (!in->njt) {
        why_set(&w, E_SYNTAX, 0, NULL, "the file from %s ended without its job trailer", k->them);
        cancel(k, in, IN_IDLE, &w);
        return;
    }
    struct in_file *f = in->file;
    close_slot(in, IN_IDLE);
    await_answer(k, in, f);
    k->ops.file_end(k->arg, &f->pub);
}

static void open_record(struct link *k, struct in_slot *in, const struct wire_record *rec)
{
    struct why w; /* filled by what fails: to clear it would take longer than all else here */
    if (rec->abort) {
        why_set(&w, E_GONE, 0, NULL, "%s broke off the file", k->them);
        answer(k, in, RCB_COMPLETE);
        forget(k, in, IN_IDLE, &w);
        return;
    }
    if (rec->eof) {
        end(k, in);
        return;
    }
    unsigned gen = k->gen;
    uint8_t srcb = rec->srcb;
    struct cur data = rec->data;
    int r = judge(k, in, &srcb, &data, &w);
    if (r == E_SYNTAX)
        line_show(&w, k->at);
    if (r > 0)
        r = k->ops.file_record(k->arg, &in->file->pub, srcb, data, &w);
    if (r < 0 && k->gen == gen)
        cancel(k, in, IN_SWALLOW, &w);
}

void in_record(struct link *k, const struct wire_record *rec)
{
    struct in_slot *in = slot_of(k, rec->rcb);
    switch (in->state) {
    case IN_OPEN:
        in->since = k->heard;
        open_record(k, in, rec);
        break;
    case IN_IDLE:
        /* Never asked for: say so once. Behind a file that waits for its answer it would be heard
         * as that. */
        if (!rec->eof && !rec->abort && in->first != NULL) {
            line_odd(k, "a record behind the end of its file");
        } else if (!rec->eof && !rec->abort) {
            line_odd(k, "a record of a file it never asked to send");
            out_reply(k, RCB_CANCEL, rec->rcb);
            close_slot(in, IN_SWALLOW);
        }
        break;
    case IN_SWALLOW:
        if (rec->eof || rec->abort)
            close_slot(in, IN_IDLE);
        break;
    }
}

void link_in_done(struct link *k, struct link_in *pub)
{
    struct in_file *f = (struct in_file *)pub; /* its first member */
    f->answer = RCB_COMPLETE;
    k->stat.files_in++;
    give_answers(k, slot_of(k, pub->rcb));
    link_later(k);
}

/* --- the end of a connection --- */

static void lost_answers(struct link *k, struct in_slot *in, const struct why *w)
{
    struct in_file *f = in->first;
    in->first = NULL;
    in->after = &in->first;
    for (struct in_file *next; f != NULL; f = next) {
        next = f->next;
        if (f->answer == 0)
            k->ops.file_abort(k->arg, &f->pub, w);
        file_free(k, f);
    }
}

void in_lost(struct link *k, const struct why *w)
{
    k->in_paused = false;
    for (unsigned i = 0; i < 2 * LINK_STREAMS; i++) {
        struct in_slot *in = &k->in[i];
        lost_answers(k, in, w);
        if (in->state == IN_OPEN)
            forget(k, in, IN_IDLE, w);
        else
            close_slot(in, IN_IDLE);
    }
}

int64_t in_stuck(const struct link *k, const char **what)
{
    struct mono now = mono_now();
    int64_t most = 0;
    for (unsigned i = 0; i < 2 * LINK_STREAMS; i++) {
        int64_t age = k->in[i].state == IN_OPEN ? mono_ms(k->in[i].since, now) : 0;
        if (age > most) {
            most = age;
            *what = "sent more of a file it began";
        }
    }
    return most;
}

unsigned in_count(const struct link *k)
{
    return k->in_files;
}
