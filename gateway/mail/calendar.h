/* gateway/mail/calendar.h -- an invitation (iCalendar, RFC 5545) in lines for a reader. Pure. */
#ifndef GATEWAY_MAIL_CALENDAR_H
#define GATEWAY_MAIL_CALENDAR_H

#include "base/bytes.h"

/* Append what the first event of the calendar says, UTF-8: a line of its kind, then What, When (in
 * the zone as given), Where and Who, those that are there. Nothing when there is no event with a
 * summary or a time. */
void calendar_put(struct buf *b, struct str ics);

#endif
