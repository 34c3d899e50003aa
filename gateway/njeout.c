/* gateway/njeout.c -- text and bytes to decks (gateway/njefile.h). */
#include <string.h>

#include "gateway/njefile.h"
#include "rscs/punch.h"

#define BINARY_LRECL 8192u
#define BLANK 0x40u
#define HELD_MAX 262144u  /* cards kept until their number is known; more are made twice */
#define DRAIN_AT 65536u   /* cards of a large file go to the disk in pieces of this size */
#define RECORD_MAX 65535u /* of NETDATA */

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

/* --- NETDATA
 * ---------------------------------------------------------------------------------------------- */

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

/* --- text
 * -------------------------------------------------------------------------------------------------
 */

/* Lines longer than a record can be are cut: nothing is lost, a line is only broken. */
#define TEXT_RECORD_MAX 32000u
#define NOTE_RECORD_MAX 255u /* what programs that read notes take */

struct text_job {
    const struct njefile_spec *spec;
    const struct filefact *fact; /* NULL: the records are the lines, no more */
    struct str text;
    struct buf records; /* NETDATA: each behind its length */
    size_t longest;
};

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

static void add_text_record(struct text_job *j, struct cur record, size_t blanks)
{
    size_t n = cur_left(&record) + blanks;
    n = n < RECORD_MAX ? n : RECORD_MAX;
    buf_be32(&j->records, (uint32_t)n);
    buf_add(&j->records, record.p, cur_left(&record));
    buf_fill(&j->records, BLANK, n - cur_left(&record));
    j->longest = n > j->longest ? n : j->longest;
}

/* Put the lines' records into j->records. How long one is depends on the page: replacements and
 * shifts take room. */
static size_t text_records(struct text_job *j)
{
    size_t replaced = 0;
    struct str line, text = j->text;
    struct buf bytes;
    size_t most = j->spec->note ? NOTE_RECORD_MAX : TEXT_RECORD_MAX;
    struct runs_reader runs = runs_read(j->fact != NULL ? j->fact->lengths : STR(""));
    buf_init(&bytes, SIZE_MAX / 4);
    while (str_line(&text, &line)) {
        struct ebc_cut cut;
        struct cur record;
        buf_reset(&bytes);
        replaced += ebc_from_utf8(&bytes, j->spec->page, line);
        size_t blanks = blanks_behind(j, &runs, bytes.n);
        ebc_cut_begin(&cut, j->spec->page, buf_cur(&bytes));
        while (ebc_cut_next(&cut, most, &record))
            add_text_record(j, record, blanks);
        ebc_cut_end(&cut);
    }
    buf_done(&bytes);
    return replaced;
}

static int make_text(void *arg, struct sink *k)
{
    const struct text_job *j = arg;
    const struct filefact *f = j->fact;
    size_t lrecl = f == NULL && j->longest < CARD_SIZE ? CARD_SIZE : j->longest;
    if (f != NULL && f->lrecl > lrecl)
        lrecl = f->lrecl;
    netdata_begin(&k->cards, j->spec, j->text.n, f != NULL ? f->recfm : ND_RECFM_V,
                  (uint32_t)lrecl);
    struct cur rest = buf_cur(&j->records);
    int v = 0;
    while (cur_left(&rest) > 0 && v == 0) {
        nd_record(&k->cards, cur_sub(&rest, cur_be32(&rest)));
        v = drain(k);
    }
    nd_end(&k->cards);
    return v;
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
    struct str text;
    size_t replaced;
};

static int make_punch(void *arg, struct sink *k)
{
    struct punch_job *j = arg;
    struct str line, text = j->text;
    int v = 0;
    j->replaced = 0;
    while (v == 0 && str_line(&text, &line)) {
        j->replaced += punch_text(line, j->spec->page, add_card, &k->cards);
        v = drain(k);
    }
    return v;
}

/* Somebody on the way may have changed the text: then what was said of it is no longer true. */
static bool fact_fits(const struct filefact *f, struct str text)
{
    uint64_t lines = 0;
    struct str line;
    if (f == NULL || f->form != FACT_TEXT)
        return false;
    struct runs_reader runs = runs_read(f->lengths);
    while (str_line(&text, &line)) {
        lines++;
        if (f->lengths.n > 0)
            (void)runs_next(&runs);
    }
    return lines == f->records && (f->lengths.n == 0 || runs_all_read(&runs));
}

int njefile_text(struct store *s, const struct njefile_spec *spec, struct str text, size_t max,
                 struct njefile_out *out, struct why *w)
{
    *out = (struct njefile_out){0};
    if (spec->format != FORMAT_NETDATA) {
        struct punch_job j = {.spec = spec, .text = text};
        int v = make_deck(s, spec, make_punch, &j, max, out, w);
        out->replaced = j.replaced;
        return v;
    }
    struct text_job j = {.spec = spec, .text = text};
    j.fact = fact_fits(spec->fact, text) ? spec->fact : NULL;
    buf_init(&j.records, SIZE_MAX / 4);
    out->replaced = text_records(&j);
    int v = make_deck(s, spec, make_text, &j, max, out, w);
    buf_done(&j.records);
    return v;
}

/* --- bytes
 * ------------------------------------------------------------------------------------------------
 */

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

static int whole_bytes(void *arg, bool first, struct cur *piece, struct why *w)
{
    (void)w;
    *piece = first ? *(const struct cur *)arg : cur_of(NULL, 0);
    return first && cur_left(piece) > 0;
}

int njefile_bytes(struct store *s, const struct njefile_spec *spec, struct cur bytes, size_t max,
                  struct njefile_out *out, struct why *w)
{
    struct njefile_source from = {.arg = &bytes, .size = cur_left(&bytes), .next = whole_bytes};
    return njefile_stream(s, spec, &from, max, out, w);
}
