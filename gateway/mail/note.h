/* gateway/mail/note.h -- the CMS NOTE: header lines in columns and text, both ways. docs/NOTE.md.
 * Lines are UTF-8 here; EBCDIC is the caller's affair.
 *
 *   Date: 8 February 1995, 15:49:33 EST
 *   From: Steve Hayes                                    HAYES    at WTSCPOK
 *   To:   Matthias Enders                                ENDERS   at WTSCPOK
 *   Subject: Testing TCP/IP NOTE EXEC */
#ifndef GATEWAY_MAIL_NOTE_H
#define GATEWAY_MAIL_NOTE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"

enum note_style { NOTE_CMS, NOTE_SEED }; /* NOTESTYLE: SEED writes 2-digit years, nicknames unpadded */

struct note_addr {
    struct str name;  /* full name, "" none */
    struct str user;  /* userid, nickname or local part (case kept) */
    struct str node;  /* node, or a dotted host */
    bool nick;        /* user is a nickname at DIMNODE (SEED writes it without padding) */
};
enum note_role { NOTE_TO, NOTE_CC };
struct note_rcpt {
    enum note_role role;
    struct note_addr addr;
};
struct note {
    struct wall date;      /* us 0: none or unreadable */
    int offset;            /* minutes east of UTC */
    char zone[8];          /* "EST", or "" numeric */
    struct note_addr from;
    bool has_from;
    struct note_rcpt *rcpt;
    size_t nrcpt;
    struct str subject;
    struct str in_reply_to, reply_to, return_path; /* "" absent */
    struct str text;       /* LF lines, after the header's blank line */
};
/* Do these first lines (LF) look like a note header? Date: or From: in the first five lines, From with
 * "user at node", "user@node", "NODE(USER)" or "user--node". */
bool note_looks(struct str lines);
/* Parse; fields that do not parse are left empty, never an error; E_LIMIT over 1000 recipients. An
 * OPTIONS: line is skipped. */
int note_parse(struct arena *a, struct str lines, struct note *n, struct why *w) MUST_CHECK;
/* Write header lines and text, LF lines: Date, From, To, cc, Subject, In-Reply-To..., Return-Path last, one
 * blank line, text wrapped at `width` columns (0: not wrapped). */
void note_write(struct buf *b, const struct note *n, enum note_style style, unsigned width);

#endif
