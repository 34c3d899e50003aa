/* gateway/mail/plain.h -- the bytes of a text part as text, and files that hide in it. Pure. */
#ifndef GATEWAY_MAIL_PLAIN_H
#define GATEWAY_MAIL_PLAIN_H

#include "base/bytes.h"
#include "gateway/mail/transfer.h"

/* Append bytes of that charset as UTF-8 with LF lines, NUL left out. charset "" or unknown:
 * guessed, UTF-8 or windows-1252. *replaced grows by the characters that could not be read. */
void plain_put(struct buf *b, struct str bytes, struct str charset, size_t *replaced);
/* More than one control character in twenty, or a NUL (but for charsets of wide units): no text,
 * whatever its label says. */
bool plain_is_binary(struct str bytes, struct str charset);

/* The same for a text that comes in pieces, cut anywhere: all of it is judged first, then made
 * text.
 */
struct plain_judge {
    struct str charset; /* as told; borrowed */
    struct text_flow *utf8;
    struct buf room;
    size_t bytes, controls, bad;
    bool nul;
};
void plain_judge_begin(struct plain_judge *j, struct str charset);
void plain_judge_put(struct plain_judge *j, struct cur piece);
/* Is it binary, as plain_is_binary says? Else the charset to take it in, for plain_flow_begin. */
bool plain_judge_end(struct plain_judge *j, char charset[64]);
struct plain_flow {
    struct text_flow *flow;
    struct buf utf8;
    bool cr; /* the last character was one */
};
void plain_flow_begin(struct plain_flow *f, const char *charset);
/* Answers how many characters could not be read. */
size_t plain_flow_put(struct plain_flow *f, struct buf *b, struct cur piece, bool last);
void plain_flow_done(struct plain_flow *f);

/* A uuencoded or xxencoded file in a text, as mail had them before MIME. */
struct plain_uu {
    enum mime_coding coding; /* MIME_UU or MIME_XX */
    size_t start, end;       /* of its lines in the text, "begin" to "end" */
    struct str name;
    struct str data; /* the lines between, with the empty one */
};
/* The next one at or after `from`, a line's start; false when there is none. */
bool plain_find_uu(struct str text, size_t from, struct plain_uu *out);

#endif
