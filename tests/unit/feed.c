/* tests/unit/feed.c -- see feed.h */
#include "unit/feed.h"

#include <check.h>
#include <stdlib.h>

static void compare(const struct buf *want, const struct buf *got, const char *manner, size_t at)
{
    struct str a = buf_text(want), b = buf_text(got);
    ck_assert_msg(str_eq(a, b), "%s %zu: whole says\n%.*s\nnow\n%.*s", manner, at, STR_ARG(a),
                  STR_ARG(b));
}

static void bytewise(feed_fn *fn, void *arg, struct str input, const struct buf *want)
{
    struct str *piece = calloc(input.n + 1, sizeof *piece);
    for (size_t i = 0; i < input.n; i++)
        piece[i] = (struct str){input.p + i, 1};
    struct buf got;
    buf_init(&got, SIZE_MAX / 2);
    fn(arg, piece, input.n, &got);
    compare(want, &got, "byte by byte, bytes", input.n);
    buf_done(&got);
    free(piece);
}

void feed_all(feed_fn *fn, void *arg, struct str input, size_t cuts)
{
    struct buf want;
    buf_init(&want, SIZE_MAX / 2);
    fn(arg, &input, 1, &want);
    bytewise(fn, arg, input, &want);
    for (size_t i = 1; i < input.n && (cuts == 0 || i < cuts); i++) {
        struct str piece[2] = {{input.p, i}, {input.p + i, input.n - i}};
        struct buf got;
        buf_init(&got, SIZE_MAX / 2);
        fn(arg, piece, 2, &got);
        compare(&want, &got, "cut at", i);
        buf_done(&got);
    }
    buf_done(&want);
}
