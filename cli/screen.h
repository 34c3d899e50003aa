/* cli/screen.h -- text for a terminal: folded at blanks to its width, so that the terminal itself
 * breaks no line, and no longer than it has rows. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdio.h>

#include "base/bytes.h"

/* The size of the terminal behind fd; false when there is none. */
bool screen_size(int fd, unsigned *columns, unsigned *rows);
/* Lines of more than `columns` go on in the next one, indented; the blanks that align them are then
 * one. rows 0: all of them; else what is over is counted in the last line, and the cursor stays on
 * the screen. */
void screen_put(FILE *f, struct str text, unsigned columns, unsigned rows);

#endif
