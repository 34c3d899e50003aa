/* tests/unit/rscs/test_netdata_bent.c -- NETDATA of the hostile: each text unit and control record
 * cut, oversized, repeated, out of order and where it does not belong */
#include "unit/rscs/made.h"
#include "unit/unit.h"

/* --- every kind of text unit in every control record, bent in every way */

static const uint16_t keys[] = {0x1011, 0x1012, 0x1001, 0x1002, 0x1024, 0x1026, 0x1022, 0x1023,
                                0x0042, 0x102F, 0x1028, 0x003C, 0x0049, 0x102C, 0x0002, 0x102D,
                                0x0028, 0x0003, 0x000C, 0x0030, 0x1027, 0x102A, 0x8012, 0x7777};

/* One unit: its count and its values as said, which need not be true. */
struct bent {
    const char *what;
    uint16_t count, length;
    unsigned values, size; /* what is there */
    unsigned times;
};
static const struct bent bends[] = {
    {"as it should be", 1, 2, 1, 2, 1},      {"no value", 0, 0, 0, 0, 1},
    {"an empty value", 1, 0, 1, 0, 1},       {"more values than there are", 3, 2, 1, 2, 1},
    {"65535 values", 0xFFFF, 2, 1, 2, 1},    {"a value longer than there is", 1, 200, 1, 2, 1},
    {"65535 bytes", 1, 0xFFFF, 1, 2, 1},     {"a value of 200 bytes", 1, 200, 1, 200, 1},
    {"twenty values", 20, 8, 20, 8, 1},      {"twice", 1, 2, 1, 2, 2},
    {"five hundred times", 1, 8, 1, 8, 500}, {"its end cut off", 1, 2, 1, 1, 1},
};

static void put_bent(struct made *m, uint16_t key, const struct bent *b)
{
    for (unsigned i = 0; i < b->times; i++) {
        buf_be16(&m->record, key);
        buf_be16(&m->record, b->count);
        for (unsigned v = 0; v < b->values; v++) {
            buf_be16(&m->record, b->length);
            buf_fill(&m->record, 0xF1, b->size);
        }
    }
}

/* A control record of any length, in as many segments as it takes. */
static void end_long(struct made *m)
{
    struct cur c = buf_cur(&m->record);
    for (bool first = true; first || cur_left(&c) > 0; first = false) {
        size_t n = cur_left(&c) < 253 ? cur_left(&c) : 253;
        uint8_t flags = (uint8_t)(0x20 | (first ? 0x80 : 0) | (n == cur_left(&c) ? 0x40 : 0));
        struct cur part = cur_sub(&c, n);
        segment(m, flags, part.p, n);
    }
}

/* The transmission with the unit in record `where` (0 to 4: INMR01 02 03 06 07), before or behind
 * the others of it. */
static void bent_file(struct made *m, unsigned where, bool before, uint16_t key,
                      const struct bent *b)
{
    static const char *const names[] = {"INMR01", "INMR02", "INMR03", "INMR06", "INMR07"};
    buf_reset(&m->b);
    for (unsigned i = 0; i < 4; i++) {
        begin(m, names[i == 3 && where == 4 ? 4 : i]);
        if (i == 1)
            buf_be32(&m->record, 1);
        if (where == i && before)
            put_bent(m, key, b);
        if (i == 0) {
            text(m, 0x1011, "NODEA");
            text(m, 0x1001, "NODEB");
        }
        if (i == 1)
            text(m, 0x1028, "INMCOPY");
        if ((where == i || where == i + 1) && !before)
            put_bent(m, key, b);
        end_long(m);
        if (i == 2)
            data(m, "the only line");
    }
}

/* An error names itself; otherwise the one line comes whole or not at all, and never twice. */
static void judge_bent(struct made *m, unsigned where, uint16_t key, const struct bent *b)
{
    struct buf out;
    size_t arena = 1 << 17;
    struct str input = buf_text(&m->b);
    buf_init(&out, 1 << 20);
    read_pieces(&arena, &input, 1, &out);
    const char *text_ = buf_cstr(&out), *line = strstr(text_, "the only line");
    const char *error = strstr(text_, "error ");
    ck_assert_msg(error == NULL || strstr(error, "NETDATA: ") != NULL, "record %u key %04X, %s: %s",
                  where, key, b->what, text_);
    ck_assert_msg(line == NULL || strstr(line + 1, "the only line") == NULL, "%s", text_);
    ck_assert_msg(error != NULL || line != NULL || strstr(text_, "ack") != NULL,
                  "record %u key %04X, %s: nothing", where, key, b->what);
    buf_done(&out);
}

START_TEST(text_units_bent)
{
    struct made m;
    unsigned cases = 0, refused = 0;
    made_init(&m);
    for (unsigned where = 0; where < 5; where++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            for (size_t i = 0; i < sizeof bends / sizeof *bends; i++)
                for (int before = 0; before < 2; before++) {
                    struct buf out;
                    bent_file(&m, where, before != 0, keys[k], &bends[i]);
                    judge_bent(&m, where, keys[k], &bends[i]);
                    struct str input = buf_text(&m.b);
                    buf_init(&out, 1 << 20);
                    read_pieces(NULL, &input, 1, &out);
                    bool lies = i >= 3 && i <= 6 && where < 3;
                    bool failed = strstr(buf_cstr(&out), "error ") != NULL;
                    ck_assert_msg(!lies || failed || before == 1,
                                  "record %u key %04X, %s: taken: %s", where, keys[k],
                                  bends[i].what, buf_cstr(&out));
                    refused += failed;
                    cases++;
                    buf_done(&out);
                }
    ck_assert_uint_eq(cases, 5 * 24 * 12 * 2);
    ck_assert_uint_gt(refused, 500);
    made_done(&m);
}
END_TEST

/* Each control record where another is due: any two exchanged, any one left out or sent twice. */
START_TEST(control_records_out_of_order)
{
    struct made m;
    made_init(&m);
    for (unsigned code = 0; code < 4 * 4 * 4 * 4 * 4; code++) {
        static const char *const kinds[] = {"INMR01", "INMR02", "INMR03", "INMR06"};
        struct buf out;
        bool right = code % 4 == 0 && code / 4 % 4 == 1 && code / 16 % 4 == 2 && code / 64 % 4 == 3;
        buf_init(&out, 1 << 16);
        buf_reset(&m.b);
        for (unsigned i = 0, rest = code; i < 5; i++, rest /= 4) {
            begin(&m, kinds[rest % 4]);
            if (rest % 4 == 1)
                buf_be32(&m.record, 1);
            end(&m);
            if (rest % 4 == 2)
                data(&m, "line");
        }
        struct str input = buf_text(&m.b);
        read_pieces(NULL, &input, 1, &out);
        const char *done = strstr(buf_cstr(&out), "end\n");
        ck_assert_msg(!right || done != NULL, "%03X: %s", code, buf_cstr(&out));
        if (done != NULL) { /* only behind its beginning, and once */
            ck_assert_msg(code % 4 == 0, "%03X: %s", code, buf_cstr(&out));
            ck_assert_ptr_null(strstr(done + 1, "end\n"));
        }
        const char *line = strstr(buf_cstr(&out), "'line'");
        ck_assert_msg(line == NULL || strstr(buf_cstr(&out), "file ") < line, "%03X: %s", code,
                      buf_cstr(&out));
        buf_done(&out);
    }
    made_done(&m);
}
END_TEST

static Suite *netdata_bent_suite(void)
{
    Suite *s = suite_create("netdata_bent");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, text_units_bent);
    tcase_add_test(t, control_records_out_of_order);
    suite_add_tcase(s, t);
    return s;
}
UNIT(netdata_bent_suite)
