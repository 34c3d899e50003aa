/* gateway/file/njeout.c -- text and bytes to decks (gateway/file/njefile.h). */
#include <string.h>

#include "gateway/file/njefile.h"
#include "rscs/punch.h"

#define BINARY_LRECL 8192u
#define BLANK 0x40u
#define HELD_MAX (2u << 20) /* cards kept until their number is known; more are made twice */
#define DRAIN_AT 65536u     /* cards of a large file go to the disk in pieces of this size */
#define RECORD_MAX 65535u   /* of NETDATA */

/* The cards of one deck on their way into a body. How many there will be stands before them: a
 * small file is held until that is known, of a large one they are counted first and made again. */
struct sink {
    const struct njefile_spec *spec;
    struct buf cards; /* not yet whole or not yet passed on */
    uint64_t passed;  /* bytes counted or written, behind them */
    uint64_t max;
    bool counting, writing;
    struct buf deck;
    struct body_writer *bw;
    struct why *w;
    int v; /* sticky */
};
/* Puts all cards' bytes into k->cards and calls drain now and then. */
typedef int make_fn(void *arg, struct sink *k);

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
        .dist = spec->dist,
        .records = records,
    };
}

static int too_large(const struct sink *k)
{
    return why_set(k->w, E_LIMIT, 552, "5.3.4", "The file would be larger than %llu bytes",
                   (unsigned long long)k->max);
}

static void flush_deck(struct sink *k)
{
    if (k->v == 0)
        k->v = body_write(k->bw, k->deck.p, k->deck.n, k->w);
    buf_reset(&k->deck);
}

/* Whole cards leave k->cards, to the deck or only counted. */
static void pass_on(struct sink *k)
{
    size_t whole = k->cards.n - k->cards.n % CARD_SIZE;
    struct cur rest = cur_of(k->cards.p, whole);
    k->passed += whole;
    if (k->passed > k->max || k->cards.over)
        k->v = k->v < 0 ? k->v : too_large(k);
    while (k->writing && cur_left(&rest) > 0) {
        deck_card(&k->deck, cur_sub(&rest, CARD_SIZE));
        if (k->deck.n > DRAIN_AT)
            flush_deck(k);
    }
    buf_take(&k->cards, whole);
    if (k->writing)
        flush_deck(k);
}

static int drain(struct sink *k)
{
    if (!k->counting && !k->writing && k->cards.n > HELD_MAX)
        k->counting = true;
    if ((k->counting || k->writing) && k->cards.n >= DRAIN_AT)
        pass_on(k);
    return k->v;
}

static void finish_cards(struct sink *k)
{
    if (k->passed == 0 && k->cards.n == 0)
        buf_u8(&k->cards, BLANK); /* a file without a record breaks peers: a blank card */
    size_t part = k->cards.n % CARD_SIZE;
    if (part != 0)
        buf_fill(&k->cards, k->spec->format == FORMAT_NETDATA ? 0 : BLANK, CARD_SIZE - part);
}

/* Once more, this time into the deck. */
static int make_again(struct sink *k, make_fn *make, void *arg)
{
    buf_reset(&k->cards);
    k->counting = false;
    k->passed = 0;
    int v = make(arg, k);
    finish_cards(k);
    return v;
}

static int write_deck(struct sink *k, struct store *s, make_fn *make, void *arg,
                      struct njefile_out *out)
{
    struct deck_file f;
    bool twice = k->counting;
    out->records = (uint32_t)((k->passed + k->cards.n) / CARD_SIZE);
    fill_file(k->spec, out->records, &f);
    k->bw = body_writer_new(s);
    k->writing = true;
    buf_init(&k->deck, 2 * (HELD_MAX + DRAIN_AT));
    deck_file_begin(&k->deck, &f);
    int v = twice ? make_again(k, make, arg) : 0;
    pass_on(k);
    deck_file_end(&k->deck, &f);
    flush_deck(k);
    buf_done(&k->deck);
    if (v == 0)
        v = k->v;
    if (v == 0)
        out->deck = body_writer_end(&k->bw, k->w);
    body_writer_drop(&k->bw);
    return v < 0 ? v : out->deck != NULL ? 0 : k->w->err;
}

static int make_deck(struct store *s, const struct njefile_spec *spec, make_fn *make, void *arg,
                     size_t max, struct njefile_out *out, struct why *w)
{
    struct sink k = {.spec = spec, .max = max, .w = w};
    *out = (struct njefile_out){.replaced = out->replaced};
    buf_init(&k.cards, max < SIZE_MAX / 2 ? max + HELD_MAX : max);
    int v = make(arg, &k);
    finish_cards(&k);
    if (k.counting)
        pass_on(&k);
    if (v == 0 && (k.cards.over || k.passed + k.cards.n > k.max))
        v = too_large(&k);
    if (v == 0)
        v = k.v < 0 ? k.v : write_deck(&k, s, make, arg, out);
    buf_done(&k.cards);
    return v;
}

/* --- NETDATA --- */

static size_t add_word(char *to, struct str word)
{
    size_t n = word.n < 8 ? word.n : 8;
    memcpy(to, word.p, n);
    return n;
}

/* CMS's form, "A.FN.FT"; a data set keeps its name. */
static struct str dsname(const struct njefile_spec *spec, char name[24])
{
    const struct filefact *f = spec->fact;
    if (f != NULL && str_find(f->name, '.') != str_find_last(f->name, '.') &&
        str_find(f->name, '(') < 0)
        return f->name;
    size_t n = add_word(name, STR("A."));
    n += add_word(name + n, spec->fn);
    name[n++] = '.';
    n += add_word(name + n, spec->ft);
    return (struct str){name, n};
}

static void netdata_begin(struct buf *b, const struct njefile_spec *spec, uint64_t size,
                          uint16_t recfm, uint32_t lrecl)
{
    char name[24];
    struct nd_file nd = {
        .from_node = ebc_name_of(spec->from_node),
        .from_user = ebc_name_of(spec->from_user),
        .to_node = ebc_name_of(spec->to_node),
        .to_user = ebc_name_of(spec->to_user),
        .dsname = spec->note ? STR("") : dsname(spec, name),
        .utility = STR("INMCOPY"),
        .recfm = recfm,
        .dsorg = 0x4000,
        .lrecl = lrecl,
        .size = size,
        .note = spec->note,
    };
    nd_begin(b, &nd, spec->now);
}

/* --- text --- */

/* Lines longer than a record can be are cut: nothing is lost, a line is only broken. */
#define TEXT_RECORD_MAX 32000u
#define NOTE_RECORD_MAX 255u /* what programs that read notes take */

/* Bytes of UTF-8 in a line; a longer one is broken, so that it need not fit into memory. */
#define LINE_MOST ((size_t)4 * TEXT_RECORD_MAX)

/* Lines of a text that comes in pieces: the same lines however it is cut. */
struct lines {
    const struct njefile_source *from;
    struct str rest;    /* what has come and was not answered: in a piece, or in held[at] */
    struct buf held[2]; /* what was left of a piece, and the next one behind it */
    unsigned at;
    bool begun, ended;
};

static void lines_begin(struct lines *l, const struct njefile_source *from)
{
    *l = (struct lines){.from = from};
    buf_init(&l->held[0], SIZE_MAX / 4);
    buf_init(&l->held[1], SIZE_MAX / 4);
}

static void lines_done(struct lines *l)
{
    buf_done(&l->held[0]);
    buf_done(&l->held[1]);
}

/* Take a line off *s, when there is one: up to its LF (which goes, and a CR before it), or as much
 * as a line may have, up to the end of a character. */
static bool cut_line(struct str *s, struct str *line)
{
    const char *lf = s->n > 0 ? memchr(s->p, '\n', s->n) : NULL;
    size_t n = lf != NULL ? (size_t)(lf - s->p) : s->n;
    bool broken = n > LINE_MOST;
    if (lf == NULL && !broken)
        return false;
    if (broken)
        for (n = LINE_MOST; n > LINE_MOST - 3 && ((uint8_t)s->p[n] & 0xC0) == 0x80;)
            n--;
    *line = str_sub(*s, 0, n);
    *s = str_sub(*s, n + !broken, s->n);
    if (!broken && n > 0 && line->p[n - 1] == '\r')
        line->n--;
    return true;
}

/* What is left is copied first: a piece is gone when the next one is asked for. */
static int more_text(struct lines *l, struct why *w)
{
    struct cur piece;
    struct buf *b = &l->held[l->at ^ 1];
    buf_reset(b);
    buf_str(b, l->rest);
    int v = l->from->next(l->from->arg, !l->begun, &piece, w);
    l->begun = true;
    l->ended = v == 0;
    if (v > 0 && b->n == 0) {
        l->rest = cur_str(&piece);
        return v;
    }
    if (v > 0)
        buf_add(b, piece.p, cur_left(&piece));
    l->rest = buf_text(b);
    l->at ^= 1;
    return v;
}

/* 1 a line, valid until the next call; 0 the end; negative. */
static int next_line(struct lines *l, struct str *line, struct why *w)
{
    while (!cut_line(&l->rest, line)) {
        int v = l->ended ? 0 : more_text(l, w);
        if (v < 0)
            return v;
        if (!l->ended)
            continue;
        *line = l->rest;
        l->rest = STR("");
        return line->n > 0;
    }
    return 1;
}

struct text_job {
    const struct njefile_spec *spec;
    const struct filefact *fact; /* NULL: the records are the lines, no more */
    const struct njefile_source *from;
    struct buf records; /* NETDATA: each behind its length, as long as they are few */
    bool many;          /* they are not: made again when they are written */
    struct buf one;     /* a record with the blanks behind it */
    size_t longest;
};
typedef int record_fn(struct text_job *j, void *arg, struct cur record);

/* How many blanks stood behind this record. */
static size_t blanks_behind(const struct text_job *j, struct runs_reader *runs, size_t n)
{
    if (j->fact == NULL)
        return 0;
    if (j->fact->lengths.n > 0)
        return runs_next(runs);
    bool fixed = (j->fact->recfm & ND_RECFM_U) == ND_RECFM_F;
    return fixed && n < j->fact->lrecl ? j->fact->lrecl - n : 0;
}

static struct cur with_blanks(struct text_job *j, struct cur record, size_t blanks)
{
    size_t n = cur_left(&record);
    if (blanks == 0 || n >= RECORD_MAX)
        return record;
    buf_reset(&j->one);
    buf_add(&j->one, record.p, n);
    buf_fill(&j->one, BLANK, blanks < RECORD_MAX - n ? blanks : RECORD_MAX - n);
    return buf_cur(&j->one);
}

/* Give the lines' records one by one. How long one is depends on the page: replacements and shifts
 * take room. */
static int each_record(struct text_job *j, record_fn *fn, void *arg, size_t *replaced,
                       struct why *w)
{
    struct str line;
    struct buf bytes;
    struct lines l;
    size_t most = j->spec->note ? NOTE_RECORD_MAX : TEXT_RECORD_MAX;
    struct runs_reader runs = runs_read(j->fact != NULL ? j->fact->lengths : STR(""));
    int v;
    *replaced = 0;
    buf_init(&bytes, SIZE_MAX / 4);
    lines_begin(&l, j->from);
    while ((v = next_line(&l, &line, w)) > 0) {
        struct ebc_cut cut;
        struct cur record;
        buf_reset(&bytes);
        *replaced += ebc_from_utf8(&bytes, j->spec->page, line);
        size_t blanks = blanks_behind(j, &runs, bytes.n);
        if (bytes.n <= most && !ebc_page_double(j->spec->page)) { /* nothing to cut */
            v = fn(j, arg, with_blanks(j, buf_cur(&bytes), blanks)) < 0 ? -1 : 1;
            if (v < 0)
                break;
            continue;
        }
        ebc_cut_begin(&cut, j->spec->page, buf_cur(&bytes));
        while (v > 0 && ebc_cut_next(&cut, most, &record))
            v = fn(j, arg, with_blanks(j, record, blanks)) < 0 ? -1 : 1;
        ebc_cut_end(&cut);
        if (v < 0)
            break;
    }
    lines_done(&l);
    buf_done(&bytes);
    return v;
}

static int keep_record(struct text_job *j, void *arg, struct cur record)
{
    size_t n = cur_left(&record);
    (void)arg;
    j->longest = n > j->longest ? n : j->longest;
    if (!j->many && j->records.n + n > HELD_MAX) {
        j->many = true;
        buf_done(&j->records);
    }
    if (!j->many) {
        buf_be32(&j->records, (uint32_t)n);
        buf_add(&j->records, record.p, n);
    }
    return 0;
}

static int write_record(struct text_job *j, void *arg, struct cur record)
{
    struct sink *k = arg;
    (void)j;
    nd_record(&k->cards, record);
    return drain(k);
}

static int make_text(void *arg, struct sink *k)
{
    struct text_job *j = arg;
    const struct filefact *f = j->fact;
    size_t lrecl = f == NULL && j->longest < CARD_SIZE ? CARD_SIZE : j->longest, replaced;
    if (f != NULL && f->lrecl > lrecl)
        lrecl = f->lrecl;
    netdata_begin(&k->cards, j->spec, j->from->size, f != NULL ? f->recfm : ND_RECFM_V,
                  (uint32_t)lrecl);
    struct cur rest = buf_cur(&j->records);
    int v = j->many ? each_record(j, write_record, k, &replaced, k->w) : 0;
    while (!j->many && cur_left(&rest) > 0 && v == 0) {
        nd_record(&k->cards, cur_sub(&rest, cur_be32(&rest)));
        v = drain(k);
    }
    nd_end(&k->cards);
    return v < 0 && k->v < 0 ? k->v : v;
}

static void add_card(void *arg, struct cur bytes)
{
    struct buf *cards = arg;
    size_t n = cur_left(&bytes);
    buf_add(cards, bytes.p, n);
    buf_fill(cards, BLANK, CARD_SIZE - n);
}

struct punch_job {
    const struct njefile_spec *spec;
    const struct njefile_source *from;
    size_t replaced;
};

static int make_punch(void *arg, struct sink *k)
{
    struct punch_job *j = arg;
    struct lines l;
    struct str line;
    int v;
    j->replaced = 0;
    lines_begin(&l, j->from);
    while ((v = next_line(&l, &line, k->w)) > 0) {
        j->replaced += punch_text(line, j->spec->page, add_card, &k->cards);
        if ((v = drain(k)) < 0)
            break;
    }
    lines_done(&l);
    return v;
}

/* Somebody on the way may have changed the text: then what was said of it is no longer true. 1 it
 * is, 0 it is not, negative. */
static int fact_fits(const struct filefact *f, const struct njefile_source *from, struct why *w)
{
    uint64_t n = 0;
    struct str line;
    struct lines l;
    int v;
    if (f == NULL || f->form != FACT_TEXT)
        return 0;
    struct runs_reader runs = runs_read(f->lengths);
    lines_begin(&l, from);
    while ((v = next_line(&l, &line, w)) > 0) {
        n++;
        if (f->lengths.n > 0)
            (void)runs_next(&runs);
    }
    lines_done(&l);
    return v < 0 ? v : n == f->records && (f->lengths.n == 0 || runs_all_read(&runs));
}

static int make_text_deck(struct store *s, struct text_job *j, size_t max, struct njefile_out *out,
                          struct why *w)
{
    int fits = fact_fits(j->spec->fact, j->from, w);
    if (fits < 0)
        return fits;
    j->fact = fits > 0 ? j->spec->fact : NULL;
    buf_init(&j->records, 2 * HELD_MAX);
    buf_init(&j->one, RECORD_MAX);
    int v = each_record(j, keep_record, NULL, &out->replaced, w);
    if (v == 0)
        v = make_deck(s, j->spec, make_text, j, max, out, w);
    buf_done(&j->records);
    buf_done(&j->one);
    return v;
}

int njefile_lines(struct store *s, const struct njefile_spec *spec,
                  const struct njefile_source *from, size_t max, struct njefile_out *out,
                  struct why *w)
{
    *out = (struct njefile_out){0};
    if (spec->format != FORMAT_NETDATA) {
        struct punch_job j = {.spec = spec, .from = from};
        int v = make_deck(s, spec, make_punch, &j, max, out, w);
        out->replaced = j.replaced;
        return v;
    }
    struct text_job j = {.spec = spec, .from = from};
    return make_text_deck(s, &j, max, out, w);
}

/* What is there whole, as one piece. */
static int whole_piece(void *arg, bool first, struct cur *piece, struct why *w)
{
    (void)w;
    *piece = first ? *(const struct cur *)arg : cur_of(NULL, 0);
    return first && cur_left(piece) > 0;
}

int njefile_text(struct store *s, const struct njefile_spec *spec, struct str text, size_t max,
                 struct njefile_out *out, struct why *w)
{
    struct cur whole = cur_of_str(text);
    struct njefile_source from = {.arg = &whole, .size = text.n, .next = whole_piece};
    return njefile_lines(s, spec, &from, max, out, w);
}

/* --- bytes --- */

struct bytes_job {
    const struct njefile_spec *spec;
    const struct njefile_source *from;
    const struct filefact *fact; /* NULL: records of BINARY_LRECL */
    uint64_t size;               /* as they came, once they were counted */
};

/* Cuts what comes into records. */
struct cutter {
    struct buf part; /* of a record that is not whole yet */
    struct runs_reader runs;
    bool by_runs;
    size_t want;
};

static void next_want(struct cutter *c)
{
    c->want = c->by_runs ? runs_next(&c->runs) : BINARY_LRECL;
    if (c->want == 0) /* nothing is said of what is left: it must not be lost */
        c->want = BINARY_LRECL;
}

static void cut_piece(struct cutter *c, struct sink *k, struct cur piece)
{
    while (cur_left(&piece) > 0 && k->v == 0) {
        size_t need = c->want - c->part.n, n = cur_left(&piece);
        if (c->part.n == 0 && n >= need) {
            nd_record(&k->cards, cur_sub(&piece, need));
        } else {
            struct cur take = cur_sub(&piece, n < need ? n : need);
            buf_add(&c->part, take.p, cur_left(&take));
            if (c->part.n < c->want)
                return;
            nd_record(&k->cards, buf_cur(&c->part));
            buf_reset(&c->part);
        }
        next_want(c);
        (void)drain(k);
    }
}

static int make_bytes(void *arg, struct sink *k)
{
    struct bytes_job *j = arg;
    const struct filefact *f = j->fact;
    struct cutter c = {.by_runs = f != NULL && f->lengths.n > 0,
                       .runs = runs_read(f != NULL ? f->lengths : STR(""))};
    struct cur piece;
    int v;
    netdata_begin(&k->cards, j->spec, j->from->size, f != NULL ? f->recfm : ND_RECFM_V,
                  f != NULL ? f->lrecl : BINARY_LRECL);
    buf_init(&c.part, RECORD_MAX);
    next_want(&c);
    j->size = 0;
    for (bool first = true; (v = j->from->next(j->from->arg, first, &piece, k->w)) > 0;
         first = false) {
        j->size += cur_left(&piece);
        cut_piece(&c, k, piece);
        if (k->v < 0)
            break;
    }
    if (c.part.n > 0)
        nd_record(&k->cards, buf_cur(&c.part));
    nd_end(&k->cards);
    buf_done(&c.part);
    return v < 0 ? v : k->v;
}

static int make_netdata(void *arg, struct sink *k)
{
    struct bytes_job *j = arg;
    struct cur piece;
    int v;
    for (bool first = true; (v = j->from->next(j->from->arg, first, &piece, k->w)) > 0;
         first = false) {
        buf_add(&k->cards, piece.p, cur_left(&piece));
        if (drain(k) < 0)
            break;
    }
    return v < 0 ? v : k->v;
}

/* Do the lengths told add up to the bytes there are? */
static bool lengths_fit(const struct filefact *f, uint64_t size)
{
    uint64_t sum = 0;
    struct runs_reader runs = runs_read(f->lengths);
    if (f->records > size) /* a record is a byte at least */
        return false;
    for (uint64_t i = 0; i < f->records && !runs.bad && sum <= size; i++) {
        uint32_t n = runs_next(&runs);
        if (n == 0)
            return false;
        sum += n;
    }
    return runs_all_read(&runs) && sum == size;
}

int njefile_stream(struct store *s, const struct njefile_spec *spec,
                   const struct njefile_source *from, size_t max, struct njefile_out *out,
                   struct why *w)
{
    struct bytes_job j = {.spec = spec, .from = from};
    const struct filefact *f = spec->fact;
    *out = (struct njefile_out){0};
    if (f != NULL && f->form == FACT_NETDATA)
        return make_deck(s, spec, make_netdata, &j, max, out, w);
    if (f != NULL && f->form == FACT_BYTES && lengths_fit(f, from->size))
        j.fact = f;
    return make_deck(s, spec, make_bytes, &j, max, out, w);
}

int njefile_bytes(struct store *s, const struct njefile_spec *spec, struct cur bytes, size_t max,
                  struct njefile_out *out, struct why *w)
{
    struct njefile_source from = {.arg = &bytes, .size = cur_left(&bytes), .next = whole_piece};
    return njefile_stream(s, spec, &from, max, out, w);
}
