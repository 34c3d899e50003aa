/* tests/fuzz/fuzz_note.c -- a note is read, written in each style, and what was written is a note.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/mail/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of more than twelve of a kind ten are shown. */
static size_t shown(const struct note *n, enum note_role role)
{
    size_t all = 0;
    for (size_t i = 0; i < n->nrcpt; i++)
        all += n->rcpt[i].role == role;
    return all > 12 ? 10 : all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(4 << 20);
    struct str lines = {(const char *)data, size};
    struct note n, again;
    struct why w;
    struct buf out;
    buf_init(&out, 16 << 20);
    (void)note_looks(lines);
    if (note_parse(a, lines, &n, &w) == OK)
        for (int style = NOTE_CMS; style <= NOTE_PROFS; style++) {
            buf_reset(&out);
            note_write(&out, &n, (enum note_style)style, size % 3 == 0 ? 0 : 78);
            if (note_parse(a, buf_text(&out), &again, &w) == OK &&
                again.nrcpt < shown(&n, NOTE_TO) + shown(&n, NOTE_CC) && style == NOTE_CMS &&
                !out.over)
                abort(); /* a recipient was lost on the way */
        }
    buf_done(&out);
    arena_free(&a);
    return 0;
}
