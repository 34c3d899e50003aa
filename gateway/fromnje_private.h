/* gateway/fromnje_private.h -- between fromnje.c (notes, files), frombatch.c (batch SMTP) and
 * letter.c (the mails made of them). */
#ifndef GATEWAY_FROMNJE_PRIVATE_H
#define GATEWAY_FROMNJE_PRIVATE_H

#include "gateway/config/headrules.h"
#include "gateway/fromnje.h"
#include "gateway/mail/note.h"

/* A file that becomes mail. It lives until the last of its letters is in the change. */
struct job {
    unsigned holders;
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
    bool batch;
    bool utf8; /* the mail at hand needs SMTPUTF8 (RFC 6531): an address of its envelope does */
    /* what the header rules ask of this gateway */
    struct headrules about;
    struct rules_ask ask;
};

/* The file with all that is in it; to be freed also after a failure. */
int job_open(struct job **j, struct gate *g, struct intake *in, struct body *deck,
             enum policy_source source, struct why *w) MUST_CHECK;
/* It becomes mail to that mailbox (to->mailbox "": there is none, for that reason). */
int job_take(struct job *j, const struct admitted *to, const struct why *reason,
             struct why *w) MUST_CHECK;
/* 1: it may be with others in one mail. 0: it was dealt with, being none that can be. */
int job_alone(struct job *j, const struct admitted *to, struct why *w) MUST_CHECK;
bool job_is_note(struct job *j);
struct job *job_hold(struct job *j);
void job_free(struct job **j);
/* Tell the file's sender that this recipient does not get the mail. */
void job_refuse(struct job *j, struct str recipient, const struct why *why, struct str text);
/* A recipient as the file names him; own (may be NULL) is a nickname that the file itself gives. */
int job_recipient(struct job *j, const struct note_nick *own, struct str local, struct str domain,
                  struct admitted *out, struct why *w) MUST_CHECK;
/* RFC 822 text becomes a mail to these. */
int job_post_822(struct job *j, struct str text, const struct admitted *rcpt, size_t nrcpt,
                 struct why *w) MUST_CHECK;
/* Held: files that go along in the same mail. */
void job_beside(struct job *j, struct job *const *beside, size_t n);
/* The message that came with a file, NULL: none did. */
struct njefile_item *job_message(struct job *j);
/* The item that is its text, NULL: none is. */
struct njefile_item *job_text(struct job *j);
void job_batch(struct job *j, const struct njefile_item *text); /* frombatch.c */

/* A mail on its way: letter_new, its header into b, what its content is to be, letter_post. */
enum letter_form {
    LETTER_NOTE,  /* the text, and the files beside it */
    LETTER_PLAIN, /* the text of a mail without MIME fields */
    LETTER_MIME   /* lines of a body that the header tells about */
};
struct letter {
    struct intake_task task; /* first */
    struct job *j;
    struct buf b; /* the header, then all of it */
    enum letter_form form;
    struct str text;                 /* UTF-8, LF; the job's, as all that follows */
    const struct njefile_item *item; /* of a note, which is no attachment; NULL: all are */
    struct str seed;                 /* for boundaries */
    struct str sender, origin_sender, envid;
    enum door from;
    enum ret ret;
    bool utf8;
    const struct admitted *rcpt;
    size_t nrcpt;
    int64_t most; /* MAXMAILBYTES */
    struct body *body;
    int v; /* of making it */
    struct why why;
};
/* The envelope is that of the job at this moment; rcpt lives as long as the job. */
struct letter *letter_new(struct job *j, const struct admitted *rcpt, size_t nrcpt);
/* Takes the letter: into the intake at once, or when its content, about so large, has been made in
 * a work thread. */
int letter_post(struct letter **l, uint64_t size, struct why *w) MUST_CHECK;
void letter_drop(struct letter **l);

#endif
