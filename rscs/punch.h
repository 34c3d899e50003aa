/* rscs/punch.h -- text on 80-column cards and card text back to lines. Pure codec. */
#ifndef RSCS_PUNCH_H
#define RSCS_PUNCH_H

#include "rscs/ebcdic.h"

#define CARD_SIZE 80u

/* A card image or any record to a line of UTF-8: trailing blanks and nulls cut, appended to line.
 * Controls inside (X'15' and X'25' too) become blanks, a tab stays. */
void punch_line(struct buf *line, struct cur card, const struct ebc_page *page);
/* A line of UTF-8 onto cards: calls card() for each 80 bytes, the last filled with blanks (one
 * blank card for an empty line). Tabs go to the next multiple of 8; other controls become blanks,
 * form feeds vanish. Answers the number of characters replaced, controls included. */
size_t punch_text(struct str line, const struct ebc_page *page,
                  void (*card)(void *arg, struct cur bytes), void *arg);
/* CMS "READ" control card (":READ  FN       FT       FM ..." ): name and type; false when it is
 * none. */
bool punch_read_card(struct cur card, struct nje_name *fn, struct nje_name *ft);

#endif
