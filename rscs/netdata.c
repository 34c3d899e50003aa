/* rscs/netdata.c -- see netdata.h
 *
 * A transmission is a stream of segments (length, flags, up to 253 bytes); segments make records;
 * control records (INMR01...) hold text units: key(2) count(2) {length(2) value} of each item. */
#include "rscs/netdata.h"

#include <string.h>
#include <time.h>

#define SEGMENT_MAX 255u
#define SEGMENT_DATA 253u
#define FLAG_FIRST 0x80u
#define FLAG_LAST 0x40u
#define FLAG_CONTROL 0x20u
#define FLAG_NUMBER 0x10u
#define RECORD_MAX 65535u
#define FILES_MAX 16u
#define BLANK 0x40u

enum key {
    INMDSNAM = 0x0002,
    INMTERM = 0x0028,
    INMDSORG = 0x003C,
    INMLRECL = 0x0042,
    INMRECFM = 0x0049,
    INMTNODE = 0x1001,
    INMTUID = 0x1002,
    INMFNODE = 0x1011,
    INMFUID = 0x1012,
    INMFTIME = 0x1024,
    INMFACK = 0x1026,
    INMERRCD = 0x1027,
    INMUTILN = 0x1028,
    INMSIZE = 0x102C,
    INMFFM = 0x102D,
    INMNUMF = 0x102F,
};

struct nd_reader {
    struct arena *arena;
    struct nd_file head; /* what INMR01 says of all files */
    bool started;        /* INMR01 seen */
    bool ended;          /* INMR06 seen */
    bool broken;
    bool in_record, control; /* a record is being joined from segments; it is a control record */
    struct nd_file file[FILES_MAX];
    uint32_t number[FILES_MAX]; /* their file numbers */
    size_t nfiles, given;       /* described by INMR02; begun by INMR03 */
    uint8_t *record;            /* RECORD_MAX bytes, made when first needed */
    size_t nrecord;
    struct cur split; /* rest of a block of fixed records, in `record` */
    uint8_t segment[SEGMENT_MAX];
    size_t nsegment; /* bytes of a segment that came in pieces */
};

struct nd_reader *nd_reader_new(struct arena *a)
{
    struct nd_reader *r = arena_alloc(a, sizeof *r);
    if (r == NULL || arena_full(a))
        return NULL;
    r->arena = a;
    return r;
}

bool nd_looks(struct cur first)
{
    static const uint8_t inmr01[6] = {0xC9, 0xD5, 0xD4, 0xD9, 0xF0, 0xF1};
    uint8_t name[sizeof inmr01];
    uint8_t n = cur_u8(&first), flags = cur_u8(&first);
    cur_copy(&first, name, sizeof name);
    return !cur_bad(&first) && n >= 8 && (flags & (FLAG_FIRST | FLAG_CONTROL)) == 0xA0u &&
           memcmp(name, inmr01, sizeof name) == 0;
}

/* --- text units --- */

/* A value as text: the controls a hostile name may hold must not reach a header line. */
static struct str text_of(struct nd_reader *r, struct cur value)
{
    uint8_t clean[256];
    size_t n = cur_left(&value) < sizeof clean ? cur_left(&value) : sizeof clean;
    cur_copy(&value, clean, n);
    for (size_t i = 0; i < n; i++)
        if (clean[i] < BLANK || clean[i] == 0xFF)
            clean[i] = 0x6F; /* '?' */
    struct buf b;
    buf_init(&b, 3 * sizeof clean);
    ebc_to_utf8(&b, ebc_page_default(), cur_of(clean, n));
    struct str text = arena_str(r->arena, str_trim(buf_text(&b)));
    buf_done(&b);
    return text;
}

static struct nje_name name_of(struct cur value)
{
    struct nje_name name;
    memset(name.e, BLANK, sizeof name.e);
    size_t n = cur_left(&value) < sizeof name.e ? cur_left(&value) : sizeof name.e;
    cur_copy(&value, name.e, n);
    return name;
}

/* Senders write numbers in 1, 2, 4 or 8 bytes. */
static uint64_t number_of(struct cur value)
{
    uint64_t v = 0;
    if (cur_left(&value) > 8)
        return 0;
    while (cur_left(&value) > 0)
        v = v << 8 | cur_u8(&value);
    return v;
}

static uint32_t number32(struct cur value)
{
    uint64_t v = number_of(value);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void add_qualifier(struct nd_reader *r, struct nd_file *f, struct cur value)
{
    if (f->dsname.n > 200) /* no name is so long; this is somebody's mischief */
        return;
    struct str text = text_of(r, value);
    f->dsname = f->dsname.n == 0
                    ? text
                    : arena_printf(r->arena, "%.*s.%.*s", STR_ARG(f->dsname), STR_ARG(text));
}

/* The step that shaped the data counts, not the one that carried it. */
static void set_utility(struct nd_file *f, struct str utility)
{
    if (f->utility.n == 0 || str_is(f->utility, "INMCOPY") || str_is(utility, "AMSCIPHR"))
        f->utility = utility;
}

/* Take over one value. */
static void apply(struct nd_reader *r, struct nd_file *f, unsigned key, struct cur value)
{
    switch (key) {
    case INMTNODE:
        f->to_node = name_of(value);
        break;
    case INMTUID:
        f->to_user = name_of(value);
        break;
    case INMFNODE:
        f->from_node = name_of(value);
        break;
    case INMFUID:
        f->from_user = name_of(value);
        break;
    case INMDSNAM:
        add_qualifier(r, f, value);
        break;
    case INMUTILN:
        set_utility(f, text_of(r, value));
        break;
    case INMFTIME:
        f->stamp = text_of(r, value);
        break;
    case INMFACK:
        f->ack = text_of(r, value);
        break;
    case INMERRCD:
        f->error = text_of(r, value);
        break;
    case INMRECFM:
        f->recfm = (uint16_t)number_of(value);
        break;
    case INMDSORG:
        f->dsorg = (uint16_t)number_of(value);
        break;
    case INMLRECL:
        f->lrecl = number32(value);
        break;
    case INMSIZE:
        f->size = number_of(value);
        break;
    default: /* of no use to us */
        break;
    }
}

static int text_units(struct nd_reader *r, struct nd_file *f, struct cur c, struct why *w)
{
    while (cur_left(&c) > 0) {
        unsigned key = cur_be16(&c), count = cur_be16(&c);
        if (key == INMTERM)
            f->note = true;
        if (key == INMFACK)
            f->ack_wanted = true;
        if (key == INMDSNAM)
            f->dsname = (struct str){0}; /* of an earlier step */
        for (unsigned i = 0; i < count && !cur_bad(&c); i++) {
            size_t n = cur_be16(&c);
            struct cur value = cur_sub(&c, n);
            if (!cur_bad(&c))
                apply(r, f, key, value);
        }
        if (cur_bad(&c))
            return why_set(w, E_SYNTAX, 0, NULL,
                           "NETDATA: the text unit X'%04X' runs past its control record", key);
        if (arena_full(r->arena))
            return why_set(w, E_LIMIT, 0, NULL, "NETDATA: its control records are too large");
    }
    return OK;
}

/* --- control records --- */

/* The file a number means, made from what INMR01 said when it is new. */
static struct nd_file *file_of(struct nd_reader *r, uint32_t number)
{
    /* Numbers may be used again once the file has begun. */
    for (size_t i = r->given; i < r->nfiles; i++)
        if (r->number[i] == number)
            return &r->file[i];
    if (r->nfiles == FILES_MAX)
        return NULL;
    r->number[r->nfiles] = number;
    r->file[r->nfiles] = r->head;
    return &r->file[r->nfiles++];
}

static int inmr01(struct nd_reader *r, struct cur c, struct why *w)
{
    if (r->started)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: a second INMR01 in one transmission");
    r->started = true;
    int err = text_units(r, &r->head, c, w);
    r->head.lrecl = 0; /* of the control records */
    return err;
}

static int inmr02(struct nd_reader *r, struct cur c, struct why *w)
{
    uint32_t number = cur_be32(&c);
    if (cur_bad(&c))
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: INMR02 without file number");
    struct nd_file *f = file_of(r, number);
    if (f == NULL)
        return why_set(w, E_LIMIT, 0, NULL, "NETDATA: more than %u files in one transmission",
                       FILES_MAX);
    uint16_t dsorg = f->dsorg;
    int err = text_units(r, f, c, w);
    if (dsorg != 0)
        f->dsorg = dsorg; /* the file's is said by the first step */
    return err;
}

static int inmr03(struct nd_reader *r, struct nd_file *file, struct why *w)
{
    if (r->given == r->nfiles)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: INMR03 without its INMR02");
    *file = r->file[r->given++];
    return ND_FILE;
}

static int inmr07(struct nd_reader *r, struct cur c, struct nd_file *file, struct why *w)
{
    struct nd_file f = r->head;
    f.is_ack = true;
    f.stamp = (struct str){0}; /* not of this, but of the file acknowledged */
    int err = text_units(r, &f, c, w);
    if (err < 0)
        return err;
    f.ack_wanted = false; /* its INMFACK is the mark of the file acknowledged */
    *file = f;
    return ND_FILE;
}

/* Answers an item to give, ND_MORE when there is none. */
static int control_record(struct nd_reader *r, struct cur c, struct nd_file *file, struct why *w)
{
    static const uint8_t inmr0[5] = {0xC9, 0xD5, 0xD4, 0xD9, 0xF0};
    uint8_t name[sizeof inmr0];
    cur_copy(&c, name, sizeof name);
    unsigned which = cur_u8(&c) & 0x0Fu;
    if (cur_bad(&c) || memcmp(name, inmr0, sizeof name) != 0)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: a control record that is no INMR0n");
    if (!r->started && which != 1)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: it begins with INMR0%u, not INMR01", which);
    switch (which) {
    case 1:
        return inmr01(r, c, w);
    case 2:
        return inmr02(r, c, w);
    case 3:
        return inmr03(r, file, w);
    case 6:
        r->ended = true;
        return ND_END;
    case 7:
        return inmr07(r, c, file, w);
    default: /* INMR04 is for user exits */
        return ND_MORE;
    }
}

/* --- segments and records --- */

/* The next whole segment, out of *in or gathered from pieces: 1 there, 0 more bytes are needed. */
static int take_segment(struct nd_reader *r, struct cur *in, struct cur *segment, struct why *w)
{
    if (cur_left(in) == 0)
        return 0;
    size_t n = r->nsegment > 0 ? r->segment[0] : cur_peek(in);
    if (n < 2)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "NETDATA: a segment of length %zu before the end (INMR06)", n);
    if (r->nsegment == 0 && cur_left(in) >= n) {
        *segment = cur_sub(in, n);
        return 1;
    }
    size_t part = n - r->nsegment < cur_left(in) ? n - r->nsegment : cur_left(in);
    cur_copy(in, r->segment + r->nsegment, part);
    r->nsegment += part;
    if (r->nsegment < n)
        return 0;
    *segment = cur_of(r->segment, n);
    r->nsegment = 0;
    return 1;
}

static int keep(struct nd_reader *r, struct cur data, struct why *w)
{
    size_t n = cur_left(&data);
    if (r->record == NULL)
        r->record = arena_alloc(r->arena, RECORD_MAX);
    if (r->record == NULL || arena_full(r->arena))
        return why_set(w, E_LIMIT, 0, NULL, "NETDATA: no space left to join a record");
    if (n > RECORD_MAX - r->nrecord)
        return why_set(w, E_LIMIT, 0, NULL, "NETDATA: a record longer than %u bytes", RECORD_MAX);
    cur_copy(&data, r->record + r->nrecord, n);
    r->nrecord += n;
    return OK;
}

/* Give the next LRECL bytes of a block of fixed records. */
static int give_split(struct nd_reader *r, struct cur *record)
{
    size_t lrecl = r->file[r->given - 1].lrecl, left = cur_left(&r->split);
    *record = cur_sub(&r->split, lrecl < left ? lrecl : left);
    return ND_RECORD;
}

static int data_record(struct nd_reader *r, struct cur data, struct cur *record, struct why *w)
{
    if (r->given == 0)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: data before INMR03");
    const struct nd_file *f = &r->file[r->given - 1];
    bool fixed = (f->recfm & ND_RECFM_U) == ND_RECFM_F;
    if (!fixed || f->lrecl == 0 || cur_left(&data) <= f->lrecl) {
        *record = data;
        return ND_RECORD;
    }
    if (data.p != r->record) {
        int err = keep(r, data, w);
        if (err < 0)
            return err;
    }
    r->split = cur_of(r->record, r->nrecord);
    return give_split(r, record);
}

/* A segment: an item to give, or ND_MORE when it made none. */
static int take_in(struct nd_reader *r, struct cur segment, struct nd_file *file,
                   struct cur *record, struct why *w)
{
    cur_skip(&segment, 1);
    uint8_t flags = cur_u8(&segment);
    if ((flags & FLAG_NUMBER) != 0)
        return ND_MORE;
    bool first = (flags & FLAG_FIRST) != 0, last = (flags & FLAG_LAST) != 0;
    if (first == r->in_record)
        return why_set(w, E_SYNTAX, 0, NULL,
                       first ? "NETDATA: a record begins inside another"
                             : "NETDATA: a record without its first segment");
    if (first) {
        r->nrecord = 0;
        r->control = (flags & FLAG_CONTROL) != 0;
    }
    r->in_record = !last;
    struct cur whole = segment;
    if (!(first && last)) {
        int err = keep(r, segment, w);
        if (err < 0 || !last)
            return err < 0 ? err : ND_MORE;
        whole = cur_of(r->record, r->nrecord);
    }
    return r->control ? control_record(r, whole, file, w) : data_record(r, whole, record, w);
}

int nd_reader_next(struct nd_reader *r, struct cur *in, struct nd_file *file, struct cur *record,
                   struct why *w)
{
    if (r->broken)
        return why_set(w, E_SYNTAX, 0, NULL, "NETDATA: the transmission is broken");
    if (cur_left(&r->split) > 0)
        return give_split(r, record);
    if (r->ended) { /* what follows INMR06 fills the last card */
        cur_skip(in, cur_left(in));
        return ND_MORE;
    }
    int item = ND_MORE;
    while (item == ND_MORE) {
        struct cur segment;
        int there = take_segment(r, in, &segment, w);
        if (there == 0)
            return ND_MORE;
        item = there < 0 ? there : take_in(r, segment, file, record, w);
    }
    r->broken = item < 0;
    return item;
}

/* --- writing --- */

static void put_record(struct buf *b, uint8_t control, struct cur data)
{
    uint8_t flags = FLAG_FIRST | control;
    do {
        uint8_t segment[SEGMENT_MAX];
        size_t n = cur_left(&data) < SEGMENT_DATA ? cur_left(&data) : SEGMENT_DATA;
        cur_copy(&data, segment + 2, n);
        if (cur_left(&data) == 0)
            flags |= FLAG_LAST;
        segment[0] = (uint8_t)(n + 2);
        segment[1] = flags;
        buf_add(b, segment, n + 2);
        flags = control;
    } while (cur_left(&data) > 0);
}

static void begin_control(struct buf *record, uint8_t which)
{
    const uint8_t name[6] = {0xC9, 0xD5, 0xD4, 0xD9, 0xF0, (uint8_t)(0xF0 | which)};
    buf_reset(record);
    buf_add(record, name, sizeof name);
}

static void put_key(struct buf *record, uint16_t key, uint16_t count)
{
    buf_be16(record, key);
    buf_be16(record, count);
}

static void put_number(struct buf *record, uint16_t key, uint64_t value)
{
    put_key(record, key, 1);
    if (value <= UINT16_MAX) {
        buf_be16(record, 2);
        buf_be16(record, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        buf_be16(record, 4);
        buf_be32(record, (uint32_t)value);
    } else {
        buf_be16(record, 8);
        buf_be64(record, value);
    }
}

static void put_item(struct buf *record, struct str text)
{
    size_t hole = buf_hole16(record);
    (void)ebc_from_utf8(record, ebc_page_default(), text);
    buf_fill16(record, hole, record->n - hole - 2);
}

static void put_text(struct buf *record, uint16_t key, struct str text)
{
    put_key(record, key, 1);
    put_item(record, text);
}

/* Names go without their padding. */
static void put_name(struct buf *record, uint16_t key, const struct nje_name *name)
{
    size_t n = sizeof name->e;
    while (n > 0 && (name->e[n - 1] == BLANK || name->e[n - 1] == 0))
        n--;
    put_key(record, key, 1);
    buf_be16(record, (uint16_t)n);
    buf_add(record, name->e, n);
}

static void put_time(struct buf *record, struct wall now)
{
    char digits[32];
    struct tm tm;
    time_t t = (time_t)wall_s(now);
    if (gmtime_r(&t, &tm) == NULL || strftime(digits, sizeof digits, "%Y%m%d%H%M%S", &tm) == 0)
        digits[0] = '\0';
    put_text(record, INMFTIME, str_of(digits));
}

static void put_inmr01(struct buf *b, struct buf *record, const struct nd_file *f, struct wall now)
{
    begin_control(record, 1);
    put_number(record, INMLRECL, 80);
    put_name(record, INMFNODE, &f->from_node);
    put_name(record, INMFUID, &f->from_user);
    put_name(record, INMTNODE, &f->to_node);
    put_name(record, INMTUID, &f->to_user);
    put_time(record, now);
    if (f->ack_wanted && !f->is_ack && f->ack.n > 0)
        put_text(record, INMFACK, f->ack);
    else if (f->ack_wanted && !f->is_ack)
        put_key(record, INMFACK, 0);
    if (!f->is_ack)
        put_number(record, INMNUMF, 1);
    put_record(b, FLAG_CONTROL, buf_cur(record));
}

/* INMDSNAM, its qualifiers as items, or INMTERM instead of it. CMS puts the mode letter first and
 * gives the mode number on its own. */
static void put_dsname(struct buf *record, const struct nd_file *f, bool number)
{
    if (f->note) {
        put_key(record, INMTERM, 0);
        return;
    }
    struct str rest = f->dsname, piece;
    uint16_t count = 0;
    while (str_split(&rest, '.', &piece))
        count++;
    rest = f->dsname;
    put_key(record, INMDSNAM, count);
    for (uint16_t i = 0; i < count && str_split(&rest, '.', &piece); i++)
        put_item(record, piece);
    if (number && f->dsname.n > 1 && f->dsname.p[1] == '.')
        put_text(record, INMFFM, STR("1"));
}

static void put_inmr02(struct buf *b, struct buf *record, const struct nd_file *f)
{
    begin_control(record, 2);
    buf_be32(record, 1);
    put_text(record, INMUTILN, STR("INMCOPY"));
    put_number(record, INMSIZE, f->size);
    put_number(record, INMDSORG, 0x4000);
    put_number(record, INMLRECL, f->lrecl);
    put_number(record, INMRECFM, f->recfm);
    put_dsname(record, f, true);
    put_record(b, FLAG_CONTROL, buf_cur(record));
}

static void put_inmr03(struct buf *b, struct buf *record, const struct nd_file *f)
{
    begin_control(record, 3);
    put_number(record, INMSIZE, f->size);
    put_number(record, INMDSORG, 0x4000);
    put_number(record, INMLRECL, 80);
    put_number(record, INMRECFM, 0x0001);
    put_record(b, FLAG_CONTROL, buf_cur(record));
}

void nd_begin(struct buf *b, const struct nd_file *f, struct wall now)
{
    struct buf record;
    buf_init(&record, RECORD_MAX);
    put_inmr01(b, &record, f, now);
    put_inmr02(b, &record, f);
    put_inmr03(b, &record, f);
    buf_done(&record);
}

void nd_record(struct buf *b, struct cur record)
{
    static const uint8_t blank = BLANK;
    put_record(b, 0, cur_left(&record) > 0 ? record : cur_of(&blank, 1));
}

void nd_end(struct buf *b)
{
    struct buf record;
    buf_init(&record, RECORD_MAX);
    begin_control(&record, 6);
    put_record(b, FLAG_CONTROL, buf_cur(&record));
    buf_done(&record);
}

void nd_ack(struct buf *b, const struct nd_file *f, struct wall now)
{
    struct nd_file ack = *f;
    struct buf record;
    ack.is_ack = true;
    buf_init(&record, RECORD_MAX);
    put_inmr01(b, &record, &ack, now);
    begin_control(&record, 7);
    if (f->stamp.n > 0)
        put_text(&record, INMFTIME, f->stamp);
    put_dsname(&record, f, false);
    if (f->ack.n > 0)
        put_text(&record, INMFACK, f->ack);
    if (f->error.n > 0)
        put_text(&record, INMERRCD, f->error);
    put_record(b, FLAG_CONTROL, buf_cur(&record));
    buf_done(&record);
    nd_end(b);
}
