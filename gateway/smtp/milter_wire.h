/* gateway/smtp/milter_wire.h -- the bytes of the milter protocol, version 6, on the mail server's
 * side: packets out, replies in. No socket, no clock, no state. The protocol is Sendmail's: a
 * packet is a 4-byte length (big-endian, of what follows), a letter, and data of the letter's own
 * form; strings end in NUL. */
#ifndef GATEWAY_SMTP_MILTER_WIRE_H
#define GATEWAY_SMTP_MILTER_WIRE_H

#include "base/bytes.h"
#include "base/stream.h"

#define MILTER_VERSION 6u
#define MILTER_VERSION_LEAST 2u
#define MILTER_CHUNK 65535u        /* most octets of body in one packet, either way */
#define MILTER_PACKET_MAX 1048576u /* a longer packet from a filter is nonsense */

/* What a filter may change (SMFIF_). */
enum {
    MILTER_MAY_ADD_HEADER = 0x01,
    MILTER_MAY_CHANGE_BODY = 0x02,
    MILTER_MAY_ADD_RCPT = 0x04,
    MILTER_MAY_DEL_RCPT = 0x08,
    MILTER_MAY_CHANGE_HEADER = 0x10,
    MILTER_MAY_QUARANTINE = 0x20,
    MILTER_MAY_CHANGE_SENDER = 0x40,
    MILTER_MAY_ADD_RCPT_ARGS = 0x80,
    MILTER_MAY_CHOOSE_MACROS = 0x100,
    MILTER_MAY_ALL = 0x1FF,
};
/* What it does not want to be told, what it will not answer, what else is agreed (SMFIP_). */
enum {
    MILTER_NO_CONNECT = 0x01,
    MILTER_NO_HELO = 0x02,
    MILTER_NO_MAIL = 0x04,
    MILTER_NO_RCPT = 0x08,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADERS = 0x20,
    MILTER_NO_EOH = 0x40,
    MILTER_NR_HEADER = 0x80,
    MILTER_NO_UNKNOWN = 0x100,
    MILTER_NO_DATA = 0x200,
    MILTER_CAN_SKIP = 0x400,
    MILTER_WANTS_REFUSED = 0x800, /* to be told of recipients refused already */
    MILTER_NR_CONNECT = 0x1000,
    MILTER_NR_HELO = 0x2000,
    MILTER_NR_MAIL = 0x4000,
    MILTER_NR_RCPT = 0x8000,
    MILTER_NR_DATA = 0x10000,
    MILTER_NR_UNKNOWN = 0x20000,
    MILTER_NR_EOH = 0x40000,
    MILTER_NR_BODY = 0x80000,
    MILTER_LEADING_SPACE = 0x100000,
    MILTER_STEPS_OFFERED = 0x1FFFFF,
};
/* Places macros belong to, as the filter numbers them when it chooses; then the questions that have
 * none of their own. */
enum milter_place {
    MILTER_AT_CONNECT,
    MILTER_AT_HELO,
    MILTER_AT_MAIL,
    MILTER_AT_RCPT,
    MILTER_AT_DATA,
    MILTER_AT_EOM,
    MILTER_AT_EOH,
    MILTER_PLACES,
    MILTER_AT_REFUSED = MILTER_PLACES, /* a recipient we refuse; the answer changes nothing */
    MILTER_AT_UNKNOWN,                 /* a command we do not know; the answer may be another no */
    MILTER_QUESTIONS
};
struct milter_options {
    uint32_t version, actions, steps;
    bool chosen[MILTER_PLACES];       /* the filter has named its macros for this place */
    struct str macros[MILTER_PLACES]; /* their names, blanks between; borrowed from the packet */
};
/* One packet off the front of *in: 1 with its letter and data (borrowed), 0 when it is not whole
 * yet, E_SYNTAX when it can be none. */
int milter_packet(struct cur *in, char *letter, struct cur *data, struct why *w) MUST_CHECK;
int milter_read_options(struct cur data, struct milter_options *o, struct why *w) MUST_CHECK;

/* Replies, by their letters. */
enum milter_letter {
    MILTER_ADD_RCPT = '+',
    MILTER_ADD_RCPT_ARGS = '2',
    MILTER_DEL_RCPT = '-',
    MILTER_SHUTDOWN = '4',
    MILTER_ACCEPTS = 'a',
    MILTER_REPLACE_BODY = 'b',
    MILTER_CONTINUES = 'c',
    MILTER_DISCARDS = 'd',
    MILTER_CHANGE_SENDER = 'e',
    MILTER_CONN_FAIL = 'f',
    MILTER_ADD_HEADER = 'h',
    MILTER_INSERT_HEADER = 'i',
    MILTER_CHANGE_HEADER = 'm',
    MILTER_PROGRESS = 'p',
    MILTER_QUARANTINE = 'q',
    MILTER_REJECTS = 'r',
    MILTER_SKIP = 's',
    MILTER_TEMPFAIL = 't',
    MILTER_REPLY = 'y',
};
/* What the letter's data say; unused fields are empty. Borrowed from the packet. */
struct milter_reply {
    enum milter_letter letter;
    struct str name;  /* header field; recipient or sender address as sent; reason */
    struct str value; /* of the field; ESMTP arguments */
    uint32_t index;   /* insert: place from 0; change: which of that name, from 1 */
    struct cur body;
};
/* E_SYNTAX for an unknown letter or data that are not of its form. A MILTER_REPLY is checked and
 * put into *reply: 4xx or 5xx, several lines made one. */
int milter_read_reply(char letter, struct cur data, struct milter_reply *r, struct why *reply,
                      struct why *w) MUST_CHECK;
/* The bit of MILTER_MAY_ that allows it; 0: always allowed. */
uint32_t milter_needs(enum milter_letter letter);

/* Packets to a filter, appended. No string may hold a NUL: it would end there. */
void milter_put_options(struct buf *b, uint32_t version, uint32_t actions, uint32_t steps);
void milter_put_empty(struct buf *b, char letter); /* T N E A Q */
/* C: name of the client, "[addr]" when it has none. */
void milter_put_connect(struct buf *b, struct str name, const union endpoint *peer);
void milter_put_helo(struct buf *b, struct str helo);
void milter_put_unknown(struct buf *b, struct str command); /* U, from version 3 on */
/* M or R: address (without <>) and the ESMTP parameters as words. */
void milter_put_path(struct buf *b, char letter, struct str address, struct str params);
void milter_put_header(struct buf *b, struct str name, struct str value);
void milter_put_body(struct buf *b, struct cur piece); /* at most MILTER_CHUNK */
/* D: begin, one call for each macro, end. */
size_t milter_macros_begin(struct buf *b, char for_letter);
void milter_macro(struct buf *b, struct str name, struct str value);
void milter_macros_end(struct buf *b, size_t begun);

#endif
