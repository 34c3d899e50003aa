/* tests/fuzz/fuzz_names.c -- NAMES files: any bytes are read or refused; what is read can be
 * expanded and written, and what is written reads again with as many entries. */
#include <stdlib.h>

#include "aliases/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(struct arena *a, const struct names_file *f)
{
    struct names_file again;
    struct why w;
    struct buf b;
    buf_init(&b, 16u << 20);
    for (size_t i = 0; i < f->nentry; i++) {
        const struct names_entry *e = &f->entry[i];
        struct names_parts p = {.nick = names_value(e, "nick"),
                                .user = names_value(e, "userid"),
                                .node = names_value(e, "node"),
                                .name = names_value(e, "name"),
                                .owner = names_value(e, "owner"),
                                .list = names_members(a, f, e),
                                .tags = names_tags(a, e)};
        names_put(&b, &p);
    }
    if (!b.over && !arena_full(a) && names_read(a, buf_text(&b), &again, &w) == 0 &&
        again.nentry != f->nentry)
        abort();
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(32u << 20);
    struct names_file f;
    struct str out[20];
    struct why w;
    struct buf text;
    buf_init(&text, 4u << 20);
    if (names_text(&text, cur_of(data, size), &w) == 0 &&
        names_read(a, buf_text(&text), &f, &w) == 0) {
        for (size_t i = 0; i < f.nentry && i < 20; i++)
            if (names_expand(a, &f, names_value(&f.entry[i], "nick"), out, 20, &w) > 20)
                abort();
        write_again(a, &f);
    }
    buf_done(&text);
    arena_free(&a);
    return 0;
}
