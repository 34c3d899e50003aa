/* security/sectab.h -- IBM's security table: the file's records, their checks, and what the table
 * says about a name in either direction. docs/SECURITY.md.
 *
 *   * a comment
 *   NJE_userid NJE_nodeid [nickname primary_nick? primary_mbox?]
 *
 * Blank-separated, free form, lines of up to 255 characters. The last three go together. */
#ifndef SECURITY_SECTAB_H
#define SECURITY_SECTAB_H

#include "db/secrow.h"

#define SECTAB_LINE_MAX 255u
#define SECTAB_NICK_MAX 64u /* a local part, RFC 5321 4.5.3.1.1 */

/* One row's own form: user and node of 1-8 NJE characters, nickname without blanks, control
 * characters and < > ( ) [ ] \ . , ; : @ " % !; flags need a nickname. E_SYNTAX. */
int sectab_check(const struct sec_row *row, struct why *w) MUST_CHECK;

struct sectab {
    struct sec_row *row; /* strings in the arena */
    unsigned *line;      /* of each row, from 1 */
    size_t n;
};
typedef void sectab_report_fn(void *arg, unsigned line, const char *text);
/* Read a whole file and check it: each row, a record given twice, two primary_nick rows of a
 * nickname, two primary_mbox rows of a user. Every problem is told (report may be NULL) and
 * counted; a table with a problem must not be used. */
unsigned sectab_read(struct arena *a, struct str text, struct sectab *t, sectab_report_fn *report,
                     void *arg);
/* The record as it stands in such a file, with LF. */
void sectab_write(struct buf *b, const struct sec_row *row);

/* Mail for nickname@gateway: the nickname's primary_nick row; without one its only row (not when
 * strict); else E_DENIED: several and none is primary. E_ABSENT: no such nickname. */
int sectab_inbound(struct db *d, struct str nick, bool strict, struct arena *a, struct sec_row *row,
                   struct why *w) MUST_CHECK;
/* The nickname under which user at node is known outside: that of his primary_mbox row. E_ABSENT:
 * he keeps the ordinary form of his address. */
int sectab_outbound(struct db *d, struct str user, struct str node, struct arena *a,
                    struct sec_row *row, struct why *w) MUST_CHECK;

#endif
