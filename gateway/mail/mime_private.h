/* gateway/mail/mime_private.h -- between mime.c (the tree of a message), mimepart.c (its files) and
 * mimeshow.c (what it shows of messages within it). */
#ifndef GATEWAY_MAIL_MIME_PRIVATE_H
#define GATEWAY_MAIL_MIME_PRIVATE_H

#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"

#define PARTS_MAX 1000u
#define MIME_DEPTH_MAX 50u
/* A text with more is a file, and only its beginning is shown: what is shown is held in memory, in
 * several forms, and nobody reads so much on a screen. */
#define SHOWN_MAX ((size_t)2 << 20)
#define SHOWN_START 65536u
/* Levels that may each hold nearly all of a large message are 16. */
#define MIME_SCAN(n) ((n)*16 + ((size_t)8 << 20))

struct walk {
    struct arena *a;
    struct mime_text *out;
    struct buf text;
    struct why *w;
    size_t parts; /* entities seen */
    size_t part_room;
    size_t held;        /* bytes of files kept decoded */
    size_t scan_left;   /* bytes that may still be searched for boundaries: each level searches its
                           own */
    bool only_pictures; /* a page without a word was seen */
    bool files_only;    /* in an alternative that is not shown: its attachments count, its text does
                           not */
};

/* One entity: its fields as far as they matter here. */
struct entity {
    struct hdr h;
    struct str body; /* not decoded */
    struct str type; /* "text/plain", lower case */
    struct str charset, boundary, start, name, protocol, smime;
    bool flowed, delsp;
    bool attachment; /* Content-Disposition says so */
    bool has_id;     /* Content-ID: something may show it inline */
    enum mime_coding coding;
};

/* The parts of a multipart, slices of its body. */
struct children {
    struct str *raw;
    size_t n;
};

int mime_read_entity(struct arena *a, struct str raw, const char *default_type, struct entity *e,
                     struct why *w) MUST_CHECK;
/* Cut a multipart's body; no children when the boundary is missing or never found. */
int mime_split(struct walk *k, const struct entity *e, struct children *c) MUST_CHECK;
int mime_limit(struct walk *k, const char *what, unsigned most);
int mime_no_room(struct walk *k);
bool mime_is_type(const struct entity *e, const char *type); /* "image/": the family */
/* Undo the transfer encoding, in the arena; the body itself when it has none. */
int mime_decode(struct walk *k, const struct entity *e, struct str *out) MUST_CHECK;
void mime_new_paragraph(struct walk *k); /* a blank line between what stands there and what comes */
void mime_show_line(struct walk *k, const char *line);

/* Any entity, what it holds too. */
int mime_walk(struct walk *k, struct str raw, const char *default_type, unsigned depth) MUST_CHECK;
int mime_show_text(struct walk *k, const struct entity *e) MUST_CHECK;
/* The entity with the first lines of its text. */
struct entity mime_beginning(const struct entity *e);

/* mimeopen.c: opened when they can be, else attached as they are */
int mime_open_tnef(struct walk *k, const struct entity *e) MUST_CHECK;
int mime_open_smime(struct walk *k, const struct entity *e, unsigned depth) MUST_CHECK;

/* mimepart.c */
int mime_attach(struct walk *k, const struct entity *e) MUST_CHECK;
/* As a file of these bytes, which are decoded and live as long as the arena. */
int mime_attach_bytes(struct walk *k, const struct entity *e, struct str bytes) MUST_CHECK;

/* mimeshow.c */
void mime_show_envelope(struct walk *k, const struct hdr *h, const char *title);
int mime_show_status(struct walk *k, const struct entity *e) MUST_CHECK;
/* A text of more than SHOWN_MAX: its beginning, and all of it as a file. */
int mime_show_beginning(struct walk *k, const struct entity *e) MUST_CHECK;

#endif
