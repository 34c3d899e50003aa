/* gateway/file/njefile.c -- decks to text and bytes, and copies of them. njeout.c writes them. */
#include "gateway/file/njefile.h"

#include <string.h>

#include "base/text.h"
#include "gateway/file/atsign.h"
#include "gateway/file/printfile.h"
#include "rscs/punch.h"
#include "rscs/unload.h"
#include "rscs/wire.h"

#define ITEMS_MAX 64u /* files of a transmission, and as many members of data sets */
#define MEMBERS_TEXT_MAX 65536u
#define NL_LF '\n'
#define BLANK 0x40u
#define SAMPLE_MOST 4096u /* bytes of a file that are read as its code page has them */
#define RECORD_MAX 65536u
#define RECORD_HEAD 5u /* before each gathered */
#define KEPT_RECFM (ND_RECFM_U | ND_RECFM_ASA | ND_RECFM_MACHINE)

/* --- reading --- */

/* Records of one item as they come; turned into text or bytes at its end, when all are known. */
struct gather {
    struct arena *arena;
    const struct ebc_page *page;
    struct str atsign;
    struct njefile_in *in;
    struct str fn, ft; /* of the data set at hand */
    struct dsh dsh;
    struct njefile_item *item; /* NULL: none begun */
    struct buf bytes; /* length (uint32_t), carriage control (0 none), record; and the next */
    size_t sample;    /* bytes seen and bytes that look like text */
    size_t printable;
    bool nulls;
    bool padded;                /* a record ends with them */
    bool archive;               /* it begins as no text does */
    bool carried;               /* what shaped the records was no plain copy: a cipher */
    struct unload *pds;         /* its members come */
    struct njefile_item *whole; /* the transmission itself, because it has one */
    struct buf members;         /* their list */
};

static bool byte_is_text(uint8_t e)
{
    return e >= 0x40 || e == 0x05 || e == 0x0C || e == 0x15 || e == 0x25 || e == 0x0D ||
           e == 0x0E || e == 0x0F;
}

/* Eight bytes from X'40' on. */
static bool eight_graphic(const uint8_t *p)
{
    const uint64_t high = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return ((v | v << 1) & high) == high;
}

static void judge_record(struct gather *ga, struct cur record)
{
    while (cur_left(&record) > 0 && (record.end[-1] == 0 || record.end[-1] == 0x40)) {
        ga->padded = ga->padded || record.end[-1] == 0;
        record.end--; /* trailing nulls and blanks say little */
    }
    size_t printable = 0;
    bool nulls = false;
    ga->sample += cur_left(&record);
    for (const uint8_t *p = record.p; p < record.end; p++) {
        for (; record.end - p > 8 && eight_graphic(p); p += 8)
            printable += 8;
        printable += byte_is_text(*p);
        nulls = nulls || *p == 0;
    }
    ga->printable += printable;
    ga->nulls = ga->nulls || nulls;
}

static void sample_record(struct buf *sample, struct cur record)
{
    while (cur_left(&record) > 0 && sample->n < SAMPLE_MOST) {
        uint8_t e = cur_u8(&record);
        if (e > BLANK)
            buf_u8(sample, e);
    }
}

/* What a page can print need not be words of anybody: the letters of ASCII are letters with accents
 * there, and without one plain letter or digit beside them, they are ASCII. Nor has text more than
 * a few bytes that its page has no character for. */
static bool reads_well(const struct ebc_page *page, const struct buf *sample)
{
    struct buf text;
    size_t n = 0, plain = 0, marked = 0, odd = 0;
    if (ebc_page_double(page))
        return true;
    buf_init(&text, SAMPLE_MOST * 4);
    ebc_to_utf8(&text, page, buf_cur(sample));
    for (struct str rest = buf_text(&text); rest.n > 0; n++) {
        uint32_t r = text_rune(&rest), low = r | 0x20;
        bool letter = low >= 'a' && low <= 'z', digit = r >= '0' && r <= '9';
        plain += letter || digit || (r >= 0x250 && r < 0x2000); /* Greek, Cyrillic, Hebrew, Thai */
        marked += r >= 0xc0 && r < 0x250 && r != 0xd7 && r != 0xf7;
        odd += r == 0xfffd || (r >= 0x80 && r <= 0x9f);
    }
    buf_done(&text);
    return odd * 20 <= n && (marked == 0 || plain > 0);
}

static bool is_text(const struct gather *ga, const struct buf *sample)
{
    if (ga->nulls || ga->printable * 100 < ga->sample * 95)
        return false;
    return ga->sample > 0 ? reads_well(ga->page, sample) : !ga->padded;
}

bool njefile_looks_text(const struct ebc_page *page, struct cur bytes)
{
    struct gather ga = {.page = page};
    struct buf sample;
    buf_init(&sample, SAMPLE_MOST);
    judge_record(&ga, bytes);
    sample_record(&sample, bytes);
    bool text = is_text(&ga, &sample);
    buf_done(&sample);
    return text;
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
    ga->nulls = ga->padded = ga->archive = ga->carried = false;
    return 0;
}

static void add_record(struct gather *ga, uint8_t control, struct cur record)
{
    uint16_t recfm = ga->item->fact.recfm;
    if (control == 0 && (recfm & (ND_RECFM_ASA | ND_RECFM_MACHINE)) != 0)
        control = cur_u8(&record);
    ga->item->print = ga->item->print || control != 0;
    ga->archive = ga->archive || (ga->item->fact.records == 0 && is_archive(record));
    uint32_t n = (uint32_t)cur_left(&record);
    uint8_t *to = buf_room(&ga->bytes, RECORD_HEAD + n);
    if (to == NULL) {
        ga->bytes.over = true;
        return;
    }
    memcpy(to, &n, sizeof n);
    to[sizeof n] = control;
    memcpy(to + RECORD_HEAD, record.p, n);
    buf_wrote(&ga->bytes, RECORD_HEAD + n);
    ga->item->fact.records++;
    judge_record(ga, record);
}

static bool next_record(struct cur *rest, uint8_t *control, struct cur *record)
{
    uint32_t n;
    if (cur_left(rest) < RECORD_HEAD)
        return false;
    memcpy(&n, rest->p, sizeof n);
    *control = rest->p[sizeof n];
    rest->p += RECORD_HEAD;
    *record = cur_sub(rest, n);
    return true;
}

/* Does this line give that record again, and with how many blanks behind it? */
static bool same_again(struct gather *ga, struct buf *again, struct str line, struct cur record,
                       size_t *blanks)
{
    size_t n = cur_left(&record);
    buf_reset(again);
    bool whole = ebc_from_utf8(again, ga->page, line) == 0 && again->n <= n;
    for (size_t i = again->n; whole && i < n; i++)
        whole = record.p[i] == BLANK;
    *blanks = whole ? n - again->n : 0;
    return whole && (again->n == 0 || memcmp(again->p, record.p, again->n) == 0);
}

/* Lines of records, and whether they can become the same records again. */
static bool text_lines(struct gather *ga, struct buf *out, struct runs *blanks)
{
    struct njefile_item *item = ga->item;
    bool exact = !item->note, fill = (item->fact.recfm & ND_RECFM_U) == ND_RECFM_F;
    struct buf again;
    struct atsign at;
    uint8_t control;
    size_t behind;
    struct cur record, rest = buf_cur(&ga->bytes);
    buf_init(&again, 4 * RECORD_MAX);
    atsign_begin(&at, ga->page, ga->atsign);
    while (next_record(&rest, &control, &record)) {
        size_t start = out->n;
        atsign_line(&at, out, record);
        exact =
            exact && same_again(ga, &again, str_sub(buf_text(out), start, out->n), record, &behind);
        if (exact)
            runs_add(blanks, (uint32_t)behind);
        fill = fill && cur_left(&record) == item->fact.lrecl;
        buf_u8(out, NL_LF);
    }
    buf_done(&again);
    if (fill) { /* the record's length says how many */
        runs_done(blanks);
        runs_begin(blanks);
    }
    return exact;
}

static void print_lines(struct gather *ga, struct buf *out)
{
    struct print p;
    uint8_t control;
    struct cur record, rest = buf_cur(&ga->bytes);
    print_begin(&p, ga->page);
    while (next_record(&rest, &control, &record))
        print_record(&p, out, control, record);
    print_end(&p, out);
}

static void join_bytes(struct gather *ga, struct buf *out, struct runs *lengths)
{
    uint8_t control;
    struct cur record, rest = buf_cur(&ga->bytes);
    while (next_record(&rest, &control, &record)) {
        if (control != 0)
            buf_u8(out, control);
        buf_add(out, record.p, cur_left(&record));
        runs_add(lengths, (uint32_t)cur_left(&record) + (control != 0));
    }
}

static bool all_is_text(const struct gather *ga)
{
    uint8_t control;
    struct cur record, rest = buf_cur(&ga->bytes);
    struct buf sample;
    buf_init(&sample, SAMPLE_MOST);
    while (sample.n < SAMPLE_MOST && next_record(&rest, &control, &record))
        sample_record(&sample, record);
    bool text = is_text(ga, &sample);
    buf_done(&sample);
    return text;
}

static void end_item(struct gather *ga)
{
    struct njefile_item *item = ga->item;
    if (item == NULL)
        return;
    struct buf out;
    struct runs runs;
    bool exact = true;
    buf_init(&out, ga->bytes.n * 3 + 16);
    (void)buf_room(&out, ga->bytes.n); /* of most files all */
    runs_begin(&runs);
    item->text = !ga->archive && !ga->carried && all_is_text(ga);
    if (item->text && item->print) {
        print_lines(ga, &out);
        exact = false;
    } else if (item->text) {
        exact = text_lines(ga, &out, &runs);
    } else {
        join_bytes(ga, &out, &runs);
    }
    item->fact.lengths = arena_str(ga->arena, runs_end(&runs));
    if (exact && !ga->carried && !runs.text.over)
        item->fact.form = item->text ? FACT_TEXT : FACT_BYTES;
    item->content = arena_keep(ga->arena, &out);
    runs_done(&runs);
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
    struct cur first = deck;
    *in = (struct njefile_in){.kind = cur_u8(&first)};
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
        return arena_printf(ga->arena, "%.*s.%.*s", STR_ARG(ga->fn), STR_ARG(ga->ft));
    return arena_str(ga->arena, name);
}

/* --- partitioned data sets: members, and the transmission as it came --- */

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
                   (unsigned)ga->item->fact.records, ga->nulls || ga->archive ? ", binary" : "");
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
    ga->item->fact.name = ga->item->name;
    unload_format(ga->pds, &ga->item->fact.recfm, &ga->item->fact.lrecl);
    ga->item->fact.recfm &= KEPT_RECFM;
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
            add_record(ga, 0, data);
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
    struct buf b;
    buf_init(&b, ga->bytes.max);
    int v = njefile_cards(deck, &b, w);
    ga->whole->content = arena_str(ga->arena, buf_text(&b));
    ga->whole->fact = (struct filefact){
        .name = arena_str(ga->arena, str_sub(ga->whole->name, 0, ga->whole->name.n - 4)),
        .recfm = ND_RECFM_F,
        .lrecl = CARD_SIZE,
        .records = b.n / CARD_SIZE,
        .form = FACT_NETDATA};
    ga->in->members = arena_str(ga->arena, buf_text(&ga->members));
    buf_done(&b);
    return v;
}

/* Of several files in one transmission it is the last with a name that is spoken of. */
static void keep_receipt(struct njefile_in *in, const struct nd_file *f)
{
    if (f->is_ack || !f->ack_wanted)
        return;
    in->receipt = true;
    in->nd_stamp = f->stamp;
    in->nd_ack = f->ack;
    if (f->dsname.n > 0)
        in->nd_dsname = f->dsname;
}

/* Take one logical record (a piece of the NETDATA byte stream). 1: the transmission has ended. */
static int feed_netdata(struct gather *ga, struct nd_reader *nd, struct cur *piece, struct why *w)
{
    for (;;) {
        struct nd_file f;
        struct cur record;
        int what = nd_reader_next(nd, piece, &f, &record, w);
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
                add_record(ga, 0, record);
            continue;
        }
        end_member(ga);
        ga->pds = NULL;
        if (ga->in->nitem == 0) {
            ga->in->nd_user = name_text(ga->arena, &f.from_user);
            ga->in->nd_node = name_text(ga->arena, &f.from_node);
        }
        keep_receipt(ga->in, &f);
        bool pds = str_is(f.utility, "IEBCOPY");
        int v = pds ? begin_data_set(ga, &f, w) : begin_item(ga, w);
        if (v < 0)
            return v;
        if (pds)
            continue;
        ga->item->note = f.note && !f.is_ack;
        ga->item->ack = f.is_ack;
        ga->item->name = item_name(ga, &f);
        ga->item->fact = (struct filefact){
            .name = ga->item->name, .recfm = f.recfm & KEPT_RECFM, .lrecl = f.lrecl};
        ga->carried = !str_is(f.utility, "INMCOPY");
    }
}

/* Another data set of the job is a file of its own; JES2 may also put the same header again into
 * the middle of one. */
static bool next_data_set(struct gather *ga, const struct deck_reader *r)
{
    struct dsh dsh;
    struct why w;
    if (dsh_get(r->dsh, &dsh, &w) < 0 ||
        (dsh.dsno == ga->dsh.dsno && memcmp(dsh.fn, ga->dsh.fn, sizeof dsh.fn) == 0 &&
         memcmp(dsh.ft, ga->dsh.ft, sizeof dsh.ft) == 0))
        return false;
    end_item(ga);
    ga->dsh = dsh;
    struct str fn = label_text(ga->arena, dsh.fn, sizeof dsh.fn);
    struct str ft = label_text(ga->arena, dsh.ft, sizeof dsh.ft);
    if (fn.n + ft.n > 0)
        ga->fn = fn, ga->ft = ft;
    return true;
}

static int cut_off(struct why *w)
{
    return why_set(w, E_SYNTAX, 0, NULL, "The NETDATA transmission is cut off before its end");
}

static int read_records(struct gather *ga, struct deck_reader *r, struct why *w)
{
    struct nd_reader *nd = NULL;
    bool first = true, over = false;
    unsigned data_set = r->data_set;
    uint8_t cc;
    int v;
    while ((v = deck_reader_next(r, &cc, w)) == 1) {
        if (r->data_set > data_set && (nd == NULL || over) && next_data_set(ga, r)) {
            nd = NULL, over = false;
            first = true;
        }
        data_set = r->data_set;
        if (first && nd_looks(r->data)) {
            nd = nd_reader_new(ga->arena);
            ga->in->netdata = true;
        } else if (first) {
            struct nje_name fn, ft;
            if ((v = begin_item(ga, w)) < 0)
                return v;
            ga->item->name = arena_printf(ga->arena, "%.*s.%.*s", STR_ARG(ga->fn), STR_ARG(ga->ft));
            ga->item->fact =
                (struct filefact){.name = ga->item->name, .recfm = ND_RECFM_F, .lrecl = CARD_SIZE};
            if (punch_read_card(r->data, &fn, &ft)) {
                ga->in->headed = true;
                first = false;
                continue; /* CMS's :READ card names the file and is no part of it */
            }
        }
        first = false;
        if (nd == NULL)
            add_record(ga, cc, r->data);
        else if (!over && (v = feed_netdata(ga, nd, &r->data, w)) != 0)
            over = v > 0;
        if (v < 0)
            return v;
    }
    return v == 0 && nd != NULL && !over ? cut_off(w) : v;
}

int njefile_read(struct arena *a, struct cur deck, const struct ebc_page *page, struct str atsign,
                 struct njefile_in *in, struct why *w)
{
    int v = njefile_read_headers(a, deck, in, w);
    if (v < 0)
        return v;
    in->item = arena_alloc(a, 2 * ITEMS_MAX * sizeof *in->item);
    struct gather ga = {.arena = a,
                        .page = page,
                        .atsign = atsign,
                        .in = in,
                        .fn = in->fn,
                        .ft = in->ft,
                        .dsh = in->dsh};
    /* A card of one byte counts 6 in the deck and 84 here. */
    buf_init(&ga.bytes, cur_left(&deck) * 16 + 65536);
    (void)buf_room(&ga.bytes, cur_left(&deck));
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

int njefile_cards(struct cur deck, struct buf *out, struct why *w)
{
    struct deck_reader r;
    uint8_t cc;
    int v = deck_reader_init(&r, deck, w);
    if (v < 0)
        return v;
    while ((v = deck_reader_next(&r, &cc, w)) == 1)
        buf_add(out, r.data.p, cur_left(&r.data));
    deck_reader_done(&r);
    if (v == 0 && out->over)
        v = why_set(w, E_LIMIT, 552, "5.3.4", "The file is larger than this gateway carries");
    return v;
}

/* --- copying --- */

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

/* The data set header a job has not. */
static int job_data_set(struct body_writer *bw, struct cur deck, const struct njefile_edit *edit,
                        struct why *w)
{
    struct njh njh;
    struct dsh dsh;
    uint8_t head[4];
    struct buf b;
    int v = deck_headers(deck, &njh, &dsh, w);
    if (v < 0)
        return v;
    dsh.node = ebc_name_of(edit->to_node);
    dsh.user = ebc_name_of(edit->to_user);
    dsh.recfm = 0x80;
    dsh.lrecl = CARD_SIZE;
    dsh.flags2 = 0x40;
    dsh.device = 0x82;
    dsh.rscs = true;
    dsh.copies = 1;
    dsh.dsno = 1;
    buf_init(&b, HEADER_MAX);
    dsh_put(&b, &dsh);
    deck_item_head(head, SRCB_DSH, b.n);
    v = body_write(bw, head, sizeof head, w);
    if (v >= 0)
        v = body_write(bw, b.p, b.n, w);
    buf_done(&b);
    return v;
}

static int copy_items(struct body_writer *bw, struct cur deck, const struct njefile_edit *edit,
                      struct why *w)
{
    uint8_t kind, head[4], header[HEADER_MAX];
    struct deck_item item;
    struct cur whole = deck;
    int v = deck_kind(&deck, &kind, w);
    bool job = kind == DECK_SYSIN && edit->to_node.n > 0, dsh = false;
    if (job)
        kind = DECK_SYSOUT;
    if (v >= 0)
        v = body_write(bw, &kind, 1, w);
    while (v >= 0 && (v = deck_next(&deck, &item, w)) == 1) {
        const uint8_t *data = item.data.p;
        dsh = dsh || item.srcb == SRCB_DSH;
        if (job && !dsh && item.srcb != SRCB_NJH) {
            v = job_data_set(bw, whole, edit, w);
            dsh = true;
        }
        if (v >= 0 && (item.srcb == SRCB_NJH || item.srcb == SRCB_DSH)) {
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
