/* gateway/mail/date.h -- the dates of mail (RFC 5322 3.3, 4.3) and of CMS and PROFS notes, and time
 * zones by name. Pure, but for zone_local, which asks libc. */
#ifndef GATEWAY_MAIL_DATE_H
#define GATEWAY_MAIL_DATE_H

#include "base/bytes.h"
#include "base/clock.h"

/* Read "Wed, 8 Feb 1995 15:15:46 -0500", with obsolete zones, two-digit years (below 50: 2000s) and
 * comments; also "8 February 95, 15:20:34 EST", "Feb 8 15:20:34 1995" and "02/08/95 15:20:34"
 * (month first). offset: minutes east of UTC, 0 when the zone is unknown (RFC 5322: -0000) or
 * absent. zone_name, which may be NULL: the zone as written ("EST", "-0500"), borrowed from value,
 * "" absent. E_SYNTAX. */
int date_parse(struct str value, struct wall *t, int *offset, struct str *zone_name) MUST_CHECK;
/* Append "Wed, 8 Feb 1995 15:15:46 -0500". */
void date_put(struct buf *b, struct wall t, int offset);

/* A moment on the clock on the wall of a zone `offset` minutes east of UTC. */
struct date_civil {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
    int hour, minute, second;
    int weekday; /* 0 Sunday */
};
struct date_civil date_civil(struct wall t, int offset);
const char *date_month(int month); /* "February", 1..12 */

/* Zones a note knows: "EST" to -300, "+0530" to 330; false when unknown. */
bool zone_offset(struct str name, int *offset);
/* And back: the local zone's own name when the offsets agree, else the well-known American one or
 * GMT; NULL when there is no such name. local_name may be NULL or "". */
const char *zone_name(int offset, const char *local_name, int local_offset);
/* Offset and name of the local zone (TZ) at t; "" when the zone has no alphabetic name. */
void zone_local(struct wall t, int *offset, char name[8]);

#endif
