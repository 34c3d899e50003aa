/* gateway/smtp/milter_mail.h -- a mail in the hands of filters: what they are shown, and what they
 * change in it. Fields nobody changes keep their bytes. Pure.
 *
 * The first field may be our own trace (Received), which filters are not shown; it counts as a
 * place for inserted fields (0: above it, 1: below), as with Sendmail, and not as "the nth
 * Received". */
#ifndef GATEWAY_SMTP_MILTER_MAIL_H
#define GATEWAY_SMTP_MILTER_MAIL_H

#include "base/arena.h"
#include "gateway/smtp/milter_wire.h"

#define MILTER_FIELDS_MAX 5000u
#define MILTER_EDITS_MAX 10000u /* of one filter in one mail */

struct milter_field {
    struct str name;
    struct str value; /* behind the colon: leading blank, CRLF folds, without the last CRLF */
    struct str raw;   /* the whole field with its CRLF */
    bool own;         /* ours, not shown */
};
struct milter_rcpt {
    struct str addr; /* without <> */
    struct str args; /* ESMTP parameters of one that was added */
    bool gone;       /* deleted by a filter */
    bool added;
};
struct milter_mail {
    struct arena *arena;
    struct milter_field *field;
    size_t nfield, field_space;
    struct str gap;   /* between header and body: CRLF, or "" where the mail has none */
    struct str body;  /* borrowed, or of the buf */
    struct buf fresh; /* a body a filter has made */
    size_t max;       /* octets the body may have */
    struct str sender;
    struct milter_rcpt *rcpt;
    size_t nrcpt, rcpt_space;
    bool held;
    struct str hold; /* why */
    unsigned changes;
};
/* own: our trace field with its CRLF, "" none; content: the mail as it came, CRLF lines. All is
 * borrowed until milter_mail_done. E_LIMIT: too many fields. */
int milter_mail_init(struct milter_mail *m, struct str own, struct str content, size_t max,
                     struct why *w) MUST_CHECK;
void milter_mail_done(struct milter_mail *m);
void milter_mail_rcpt(struct milter_mail *m, struct str addr); /* before any filter sees it */
/* Take out every field of that name that the test says yes to. Answers how many. */
size_t milter_mail_strip(struct milter_mail *m, const char *name,
                         bool (*test)(const void *arg, struct str value), const void *arg);
/* The size of the text now, and the text in pieces, for the queue. */
size_t milter_mail_size(const struct milter_mail *m);
typedef int milter_put_fn(void *to, const void *p, size_t n, struct why *w); /* as body_write */
int milter_mail_put(const struct milter_mail *m, milter_put_fn *put, void *to,
                    struct why *w) MUST_CHECK;

/* What one filter asks for is kept until it says that it is content with the mail: nothing of it is
 * done when it rejects, or goes away. */
struct milter_edit {
    struct milter_edit *next;
    struct milter_reply what;
};
struct milter_edits {
    struct arena *arena; /* limit: what one filter may ask for */
    struct milter_edit *first, **last;
    unsigned n;
    struct buf body;
    bool new_body;
};
void milter_edits_init(struct milter_edits *e, size_t max);
void milter_edits_done(struct milter_edits *e);
/* Keep it. E_LIMIT: more than a filter may ask for. */
int milter_edit_add(struct milter_edits *e, const struct milter_reply *r, struct why *w) MUST_CHECK;
/* leading: values come with their leading blank (MILTER_LEADING_SPACE). The edits' strings must
 * stay: they are copied to the mail's arena. E_LIMIT: the mail would be too large. */
int milter_mail_apply(struct milter_mail *m, struct milter_edits *e, bool leading,
                      struct why *w) MUST_CHECK;

#endif
