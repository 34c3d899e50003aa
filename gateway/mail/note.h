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

#define NOTE_RCPTS_MAX 1000u
#define NOTE_NICKS_MAX 100u

/* NOTESTYLE: SEED writes 2-digit years, nicknames unpadded. PROFS is STYLE=PROFS of a node. */
enum note_style { NOTE_CMS, NOTE_SEED, NOTE_PROFS };

struct note_addr {
    struct str name; /* full name, "" none */
    struct str user; /* userid, nickname or local part (case kept) */
    struct str node; /* node, or a dotted host */
    bool nick;       /* user is a nickname at DIMNODE (SEED writes it without padding) */
};
enum note_role { NOTE_TO, NOTE_CC };
struct note_rcpt {
    enum note_role role;
    struct note_addr addr;
};
struct note_nick { /* a temporary nickname, good for this note only */
    struct str nick, mailbox;
};
struct note_field {  /* of the mail, as it is shown */
    const char *tag; /* "Resent-From: " */
    struct str value;
};
struct note {
    struct wall date; /* us 0: none or unreadable */
    int offset;       /* minutes east of UTC */
    char zone[8];     /* "EST", or "" numeric */
    struct note_addr from;
    bool has_from;
    struct note_rcpt *rcpt;
    size_t nrcpt;
    struct note_nick *nick; /* read only; note_write does not write them */
    size_t nnick;
    struct str subject;
    struct str in_reply_to, reply_to, return_path; /* "" absent; return_path with or without <> */
    struct note_field
        *more; /* written only: who sent it again, its list; their names have hyphens */
    size_t nmore;
    struct str verified; /* written only: what is known of the sender, "" not to be said */
    struct str text;     /* LF lines, after the header's blank line */
};
/* Do these first lines (LF) look like a note header? Before any line of text stands either a From:
 * with "user at node", "user@node", "NODE(USER)" or "user--node", or a readable Date: and such a
 * To: or cc:, in the first five header lines; an OPTIONS: line and up to five blank lines may come
 * first. */
bool note_looks(struct str lines);
/* Parse; fields that do not parse are left empty, never an error; E_LIMIT over 1000 recipients. An
 * OPTIONS: line is skipped. A date without a zone, or with an unknown one, is of the local zone.
 * The header ends at its blank line or before the first line that is neither a header line nor
 * one's continuation. Temporary nicknames stand directly after the header lines or their blank
 * line:
 * ".STEVE = steve@host" or ":nick.STEVE :mbox.steve@host", a line each. note->text borrows from
 * lines. */
int note_parse(struct arena *a, struct str lines, struct note *n, struct why *w) MUST_CHECK;
/* Write header lines and text, LF lines: Date, From, To, cc, Subject, In-Reply-To, Reply-To,
 * `more`, Sender-verified, Return-Path last, one blank line, text wrapped at `width` columns (0:
 * not wrapped; words longer than that are left whole, "> " quoting is repeated). Nothing in the
 * fields can add a line. */
void note_write(struct buf *b, const struct note *n, enum note_style style, unsigned width);

/* The same header for the Internet, its addresses mapped to mailboxes by the caller. */
struct note_mail_rcpt {
    enum note_role role;
    struct str name, mailbox;
};
struct note_mail {
    struct wall date; /* us 0: no Date field */
    int offset;
    struct str from_name, from_mailbox; /* from_mailbox "": no From field */
    const struct note_mail_rcpt *rcpt;
    size_t nrcpt;
    struct str subject;
    struct str message_id, in_reply_to; /* with their <>; "" absent */
    struct str references;              /* of the thread, "" none */
    struct str reply_to;                /* a mailbox; "" absent */
    bool utf8; /* the mail goes as SMTPUTF8 (RFC 6531): mailboxes need not be ASCII */
};
/* Append RFC 5322 fields with CRLF, no blank line: Date, From, To, Cc, Subject, In-Reply-To,
 * References, Reply-To, Message-ID. Names are quoted or encoded: "Steve Hayes"
 * <HAYES@wtscpok.example>. */
void note_mail_header(struct buf *out, const struct note_mail *m);

#endif
