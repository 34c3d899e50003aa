/* tests/fuzz/fuzz_partfile.c -- names of attachments, a line each: every file of a mail gets a name
 * that CMS takes, no two the same, and none the type of a program. */
#include <stdlib.h>
#include <string.h>

#include "gateway/file/partfile.h"

#define PARTS 40u

static void check_word(struct str s)
{
    if (s.n == 0 || s.n > 8)
        abort();
    for (size_t i = 0; i < s.n; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$#@+-:_", s.p[i]) == NULL)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct str unsafe[] = {{"EXEC", 4}, {"MODULE", 6}};
    struct conf c = {.unsafe_type = unsafe, .nunsafe_type = 2};
    struct arena *a = arena_new(16u << 20);
    struct str rest = {(const char *)p, n}, line;
    struct mime_part part[PARTS];
    struct mime_text text = {.part = part};
    struct buf list;
    size_t nfile;
    while (text.nparts < PARTS && str_line(&rest, &line)) {
        ptrdiff_t tab = str_find(line, '\t');
        part[text.nparts++] = (struct mime_part){
            .name = str_sub(line, 0, tab < 0 ? line.n : (size_t)tab),
            .type = STR("application/octet-stream"),
            .nje_file = tab < 0 ? STR("") : str_sub(line, (size_t)tab + 1, line.n),
            .content = line,
            .size = line.n};
    }
    struct partfile *file = partfile_all(a, &c, &text, &nfile);
    for (size_t i = 0; i < nfile; i++) {
        check_word(file[i].fn);
        check_word(file[i].ft);
        if (str_is(file[i].ft, "EXEC") || str_is(file[i].ft, "MODULE"))
            abort();
        for (size_t k = 0; k < i; k++)
            if (str_eq(file[i].fn, file[k].fn) && str_eq(file[i].ft, file[k].ft))
                abort();
    }
    buf_init(&list, 1u << 20);
    partfile_list(&list, file, nfile, 3, partfile_dist(a, n, 1, nfile));
    for (size_t i = 0, lines = 0; i < list.n; i++)
        if (list.p[i] == '\n' && ++lines > nfile + 4)
            abort();
    buf_done(&list);
    arena_free(&a);
    return 0;
}
