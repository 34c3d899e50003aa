/* gateway/mail/markup.h -- the tags and texts of a web page, one after the other (HTML Living
 * Standard 13.2.5). Pure; takes time linear in the page, allocates nothing, and knows nothing of
 * what encloses what: that is htmltree. */
#ifndef GATEWAY_MAIL_MARKUP_H
#define GATEWAY_MAIL_MARKUP_H

#include "base/bytes.h"

#define MARKUP_VALUE_MAX 2048u /* an attribute with more is left out: pictures in the text */
#define MARKUP_TEXT_MAX ((size_t)1 << 20) /* a longer text comes in pieces */

enum tag {
    TAG_other,
#define ELEMENT(name, walk, flags) TAG_##name,
#include "gateway/mail/element.def"
#undef ELEMENT
    TAG_COUNT
};

enum attribute {
#define ATTRIBUTE(name) AT_##name,
#include "gateway/mail/attribute.def"
#undef ATTRIBUTE
    AT_COUNT
};

enum markup_flag {
    INLINE = 1,      /* a piece of a line: its end tag reaches no further than its block */
    EMPTY = 2,       /* has no content and no end tag */
    CLOSES_P = 4,    /* ends an open <p> */
    SCOPE = 8,       /* what is outside cannot be ended from within */
    TABLE_PART = 16, /* ends what is open in its table */
    LIST = 32,       /* an <li> within does not end one outside */
    HEADING = 64,    /* any end tag of a heading ends it */
    RAW = 128,       /* what stands in it up to its end tag are no tags */
    IGNORED = 256    /* neither tag means anything to the text */
};
/* Of an element; INLINE for TAG_other. */
unsigned markup_flags(enum tag tag);

struct attr {
    enum attribute name;
    struct str value; /* as it stands in the page, "" without one */
};

enum token_kind { TOKEN_TEXT, TOKEN_START, TOKEN_END };

struct token {
    enum token_kind kind;
    bool closed; /* a start tag with a slash at its end */
    enum tag tag;
    struct str text; /* a text; of a tag its name */
    size_t n;        /* attributes of a start tag, each at most once */
    struct attr attr[AT_COUNT];
};

struct markup {
    struct str rest;         /* what is still to be read */
    enum tag within;         /* the element with RAW whose content comes next, or other */
    bool endless[TAG_COUNT]; /* no end tag of it is in the rest */
};

void markup_begin(struct markup *m, struct str utf8);
/* The next text or tag, borrowed from the page; false at its end. Comments, declarations and
 * processing instructions are passed over, so is a tag that does not end. */
bool markup_next(struct markup *m, struct token *t);

#endif
