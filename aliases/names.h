/* aliases/names.h -- CMS NAMES files and OS/2 LaMail's nickname.nam: entries of `:tag.value`, each
 * beginning with `:nick.`. Pure. */
#ifndef ALIASES_NAMES_H
#define ALIASES_NAMES_H

#include "base/arena.h"
#include "base/bytes.h"

struct names_tag {
    struct str tag; /* lower case */
    struct str value;
};
struct names_entry {
    unsigned line; /* of its :nick. */
    struct names_tag *tag;
    size_t ntag;
};
struct names_file {
    struct names_entry *entry;
    size_t nentry;
};
/* Bytes of a file to UTF-8 text: code page 850 when they are no UTF-8; what follows X'1A' is not
 * there. E_SYNTAX, naming the line, when they are no text. */
int names_text(struct buf *out, struct cur bytes, struct why *w) MUST_CHECK;
/* Read it; LF or CRLF. Everything is in the arena. E_SYNTAX names the line. */
int names_read(struct arena *a, struct str text, struct names_file *out, struct why *w) MUST_CHECK;
struct str names_value(const struct names_entry *e, const char *tag); /* "" absent */
const struct names_entry *names_find(const struct names_file *f, struct str nick);
/* :userid. and :node. (or a whole address in :userid.) as local part and host; false when it has
 * none. */
bool names_address(const struct names_entry *e, struct str *user, struct str *node);
/* Every address behind a name: its own, and those of its :list., lists within lists included, each
 * once. Members are nicknames of the file, user@host, or user AT host. out[most]; the count,
 * E_LIMIT when they are more, E_ABSENT for a member that is nothing, E_DENIED for a list that holds
 * itself. */
int names_expand(struct arena *a, const struct names_file *f, struct str nick, struct str *out,
                 size_t most, struct why *w) MUST_CHECK;
/* The members of its :list. as a nickname's row keeps them, a blank between: nicknames of the file
 * in upper case, addresses as user@host; who has a nickname there but is an NJE user as USER@NODE.
 */
struct str names_members(struct arena *a, const struct names_file *f, const struct names_entry *e);
/* The tags that stand for themselves (not nick, userid, node, name, owner, list) as one text for
 * the `tags` column; and an entry with them as lines of a file. */
struct str names_tags(struct arena *a, const struct names_entry *e);
struct names_parts {
    struct str nick, user, node, name, owner, list, tags;
};
void names_put(struct buf *b, const struct names_parts *p);

#endif
