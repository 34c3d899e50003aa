/* gateway/ibmlog.c -- see ibmlog.h */
#include "gateway/ibmlog.h"

#include <time.h>

#include "base/log.h"

/* "msgid mm/dd/yy hh:mm:ss", local time as on the machine it replaces. */
static const char *stamp(char out[32])
{
    time_t now = (time_t)wall_s(wall_now());
    struct tm tm;
    strftime(out, 32, "%m/%d/%y %H:%M:%S", localtime_r(&now, &tm));
    return out;
}

/* Eight digits, as everywhere. */
static unsigned long long note(msg_id id)
{
    return id % 100000000u;
}

void ibmlog_received(const struct gate *g, msg_id id, bool tcp, struct str from, uint64_t bytes)
{
    char at[32];
    if (g->conf->log_ibm)
        log_line("%s %s Received Note %08llu via %s From <%.*s> %llu Bytes",
                 tcp ? "EZA5475I" : "EZA5474I", stamp(at), note(id), tcp ? "TCP (0)" : "BSMTP",
                 STR_ARG(from), (unsigned long long)bytes);
}

void ibmlog_delivered(const struct gate *g, msg_id id, enum door to, struct str addr)
{
    char at[32];
    ptrdiff_t sign = str_find_last(addr, '@');
    if (!g->conf->log_ibm)
        return;
    if (to == DOOR_SMTP || sign < 0)
        log_line("EZA5476I %s Delivered Note %08llu to <%.*s>", stamp(at), note(id), STR_ARG(addr));
    else
        log_line("EZA5476I %s Delivered Note %08llu to %.*s at %.*s", stamp(at), note(id),
                 (int)sign, addr.p, STR_ARG(str_sub(addr, (size_t)sign + 1, addr.n)));
}

void ibmlog_notice(const struct gate *g, msg_id id)
{
    char at[32];
    if (g->conf->log_ibm)
        log_line("EZA5472I %s Generating Note %08llu as Error Notification", stamp(at), note(id));
}

void ibmlog_rejected(const struct gate *g, struct str from, struct str to)
{
    char at[32];
    if (g->conf->log_ibm)
        log_line("EZA5550I %s Mail rejected from <%.*s> to <%.*s>", stamp(at), STR_ARG(from),
                 STR_ARG(to));
}

void ibmlog_unregistered(const struct gate *g, struct str user, struct str node)
{
    char at[32];
    if (g->conf->log_ibm)
        log_line("EZA5463E %s Unregistered BSMTP Spool File from %.*s@%.*s", stamp(at),
                 STR_ARG(user), STR_ARG(node));
}
