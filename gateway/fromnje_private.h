/* gateway/fromnje_private.h -- between fromnje.c (notes, files) and frombatch.c (batch SMTP). */
#ifndef GATEWAY_FROMNJE_PRIVATE_H
#define GATEWAY_FROMNJE_PRIVATE_H

#include "gateway/fromnje.h"
#include "gateway/headrules.h"
#include "gateway/mail/note.h"

struct job {
    struct gate *g;
    struct intake *in;
    struct body *deck;
    enum policy_source source;
    struct arena *arena;
    struct njefile_in file;
    struct job *const *beside; /* files that go along in the same mail */
    size_t nbeside;
    struct str asker; /* the file's origin, USER@NODE: whose personal aliases count */
    /* batch SMTP: the sender of the mail at hand */
    struct str sender, origin_sender;
    enum door from;
    enum ret ret; /* what he wants to hear of it (RFC 3461) */
    struct str envid;
    bool utf8; /* the mail at hand needs SMTPUTF8 (RFC 6531): an address of its envelope does */
    /* what the header rules ask of this gateway */
    struct headrules about;
    struct rules_ask ask;
};

/* The file with all that is in it; free j->arena, also after a failure. */
int job_open(struct job *j, struct gate *g, struct intake *in, struct body *deck,
             enum policy_source source, struct why *w) MUST_CHECK;
/* It becomes mail to that mailbox (to->mailbox "": there is none, for that reason). */
int job_take(struct job *j, const struct admitted *to, const struct why *reason,
             struct why *w) MUST_CHECK;
/* 1: it may be with others in one mail. 0: it was dealt with, being none that can be. */
int job_alone(struct job *j, const struct admitted *to, struct why *w) MUST_CHECK;
bool job_is_note(struct job *j);
/* A recipient as the file names him; own (may be NULL) is a nickname that the file itself gives. */
int job_recipient(struct job *j, const struct note_nick *own, struct str local, struct str domain,
                  struct admitted *out, struct why *w) MUST_CHECK;
/* RFC 822 text becomes a mail to these. */
int job_post_822(struct job *j, struct str text, const struct admitted *rcpt, size_t nrcpt,
                 struct why *w) MUST_CHECK;
void job_batch(struct job *j, const struct njefile_item *text); /* frombatch.c */

#endif
