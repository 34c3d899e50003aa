/* tests/unit/rscs/made.h -- NETDATA transmissions made by hand, and what a reader says of them */
#ifndef TESTS_MADE_H
#define TESTS_MADE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rscs/netdata.h"
#include "unit/feed.h"

__attribute__((unused)) static struct nje_name name(const char *text)
{
    return ebc_name_of(str_of(text));
}

/* --- transmissions made by hand: text is EBCDIC once put */

struct made {
    struct buf b, record;
};

__attribute__((unused)) static void made_init(struct made *m)
{
    buf_init(&m->b, 1 << 20);
    buf_init(&m->record, 1 << 18);
}

__attribute__((unused)) static void made_done(struct made *m)
{
    buf_done(&m->b);
    buf_done(&m->record);
}

__attribute__((unused)) static void segment(struct made *m, uint8_t flags, const void *p, size_t n)
{
    buf_u8(&m->b, (uint8_t)(n + 2));
    buf_u8(&m->b, flags);
    buf_add(&m->b, p, n);
}

__attribute__((unused)) static void begin(struct made *m, const char *which)
{
    buf_reset(&m->record);
    (void)ebc_from_utf8(&m->record, ebc_page_default(), str_of(which));
}

__attribute__((unused)) static void unit(struct made *m, uint16_t key, const char *const *values,
                                         uint16_t count)
{
    buf_be16(&m->record, key);
    buf_be16(&m->record, count);
    for (uint16_t i = 0; i < count; i++) {
        buf_be16(&m->record, (uint16_t)strlen(values[i]));
        (void)ebc_from_utf8(&m->record, ebc_page_default(), str_of(values[i]));
    }
}

__attribute__((unused)) static void text(struct made *m, uint16_t key, const char *value)
{
    unit(m, key, &value, 1);
}

__attribute__((unused)) static void number(struct made *m, uint16_t key, uint64_t value,
                                           size_t size)
{
    buf_be16(&m->record, key);
    buf_be16(&m->record, 1);
    buf_be16(&m->record, (uint16_t)size);
    for (size_t i = size; i > 0; i--)
        buf_u8(&m->record, i > 8 ? 0 : (uint8_t)(value >> 8 * (i - 1)));
}

__attribute__((unused)) static void end(struct made *m)
{
    segment(m, 0xE0, m->record.p, m->record.n);
}

__attribute__((unused)) static void data(struct made *m, const char *value)
{
    struct buf e;
    buf_init(&e, 1000);
    (void)ebc_from_utf8(&e, ebc_page_default(), str_of(value));
    segment(m, 0xC0, e.p, e.n);
    buf_done(&e);
}

__attribute__((unused)) static void simple(struct made *m, const char *which)
{
    begin(m, which);
    end(m);
}

__attribute__((unused)) static void inmr02(struct made *m, uint32_t file)
{
    begin(m, "INMR02");
    buf_be32(&m->record, file);
}

__attribute__((unused)) static void inmr01(struct made *m)
{
    begin(m, "INMR01");
    text(m, 0x1011, "NODEA");
    text(m, 0x1012, "ALICE");
    text(m, 0x1001, "NODEB");
    text(m, 0x1002, "BOB");
    text(m, 0x1024, "20261121212327");
    number(m, 0x0042, 80, 1);
    end(m);
}

/* --- what a reader says of a transmission, as text */

__attribute__((unused)) static void say_file(struct buf *out, const struct nd_file *f)
{
    char fn[9], fu[9], tn[9], tu[9];
    buf_printf(out,
               "file %s(%s) to %s(%s) '%.*s' %.*s %04X %04X lrecl=%u size=%llu "
               "at=%.*s%s%s%s%s%.*s%s%.*s\n",
               ebc_name_text(&f->from_node, fn).p, ebc_name_text(&f->from_user, fu).p,
               ebc_name_text(&f->to_node, tn).p, ebc_name_text(&f->to_user, tu).p,
               STR_ARG(f->dsname), STR_ARG(f->utility), f->recfm, f->dsorg, f->lrecl,
               (unsigned long long)f->size, STR_ARG(f->stamp), f->note ? " note" : "",
               f->is_ack ? " ack" : "", f->ack_wanted ? " wanted" : "",
               f->ack.n > 0 ? " mark=" : "", STR_ARG(f->ack), f->error.n > 0 ? " error=" : "",
               STR_ARG(f->error));
}

__attribute__((unused)) static void say(struct nd_reader *r, struct cur in, struct buf *out)
{
    for (;;) {
        struct nd_file f = {0};
        struct cur record = {0};
        struct why w;
        int item = nd_reader_next(r, &in, &f, &record, &w);
        if (item == ND_MORE && !cur_bad(&in) && cur_left(&in) == 0)
            return;
        if (item < 0) {
            buf_printf(out, "error %d %s\n", item, w.text);
            return;
        }
        if (item == ND_FILE)
            say_file(out, &f);
        if (item == ND_RECORD) {
            buf_printf(out, "%zu '", cur_left(&record));
            ebc_to_utf8(out, ebc_page_default(), record);
            buf_z(out, "'\n");
        }
        if (item == ND_END)
            buf_z(out, "end\n");
    }
}

__attribute__((unused)) static void read_pieces(void *arg, const struct str *piece, size_t n,
                                                struct buf *out)
{
    struct arena *a = arena_new(arg != NULL ? *(size_t *)arg : 1 << 20);
    struct nd_reader *r = nd_reader_new(a);
    ck_assert_ptr_nonnull(r);
    for (size_t i = 0; i < n; i++) {
        void *mem = malloc(piece[i].n + 1);
        memcpy(mem, piece[i].p, piece[i].n);
        size_t before = out->n;
        say(r, cur_of(mem, piece[i].n), out);
        free(mem); /* nothing may be borrowed from it any more */
        if (out->n > before + 6 && memcmp(out->p + before, "error ", 6) == 0)
            break;
    }
    arena_free(&a);
}

__attribute__((unused)) static void check(struct made *m, const char *want)
{
    struct buf out;
    struct str input = buf_text(&m->b);
    buf_init(&out, 1 << 20);
    read_pieces(NULL, &input, 1, &out);
    ck_assert_str_eq(buf_cstr(&out), want);
    buf_done(&out);
}

/* The same in any pieces; only for what is no error. */
__attribute__((unused)) static void check_all(struct made *m, const char *want)
{
    check(m, want);
    feed_all(read_pieces, NULL, buf_text(&m->b), 0);
}

#endif
