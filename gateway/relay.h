/* gateway/relay.h -- the queue runner: what is due goes out, grouped by destination, with limits
 * and back-off for each, so that no destination holds up another. It holds a bounded window of
 * messages in memory; the rest waits in the database. */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/gate/gate.h"

struct link_out;

struct relay *relay_new(struct gate *g);
void relay_free(struct relay **r);
void relay_start(struct relay *r); /* read what is due from the database */
/* A message that has just become durable. Takes it; it is begun with in the next turn, when all who
 * waited for the commit have their answers. */
void relay_add(struct relay *r, struct message *m);
/* The queue was changed by hand (release, retry): look again. pattern: a destination to retry now,
 * "" all, or none with NULL. */
void relay_rescan(struct relay *r);
/* EXPIRE: look up anew the hosts of the Internet destinations that are queued to that address or
 * have that name: how many. */
unsigned relay_expire(struct relay *r, struct str what);
/* Forget what is in memory of a message that is about to be deleted, held or changed by hand. False
 * when it is being sent right now: then what the peer says of this attempt still holds, but there
 * is no other. */
bool relay_let_go(struct relay *r, msg_id id);

/* Something in the database falls due then. */
void relay_due(struct relay *r, struct wall due);
/* The store has failed, rows are as they were: all that is due is looked at again in a second. */
void relay_again(struct relay *r);
/* The schedule of all that is tried again: the wait before the next try, and when it is given up.
 */
struct rcpt;
int64_t relay_backoff_us(const struct conf *c, unsigned tries);
bool relay_too_old(const struct gate *g, const struct message *m, const struct rcpt *to);
/* How long it has been here, a clock that was set aside. */
int64_t relay_age_us(const struct gate *g, const struct message *m);

/* For gateway/nje: the next file for a link, and the fate of one given. */
bool relay_next_file(struct relay *r, const char *link, struct link_out *out);
void relay_file_sent(struct relay *r, void *ref, const struct why *w);
void relay_file_passed(void *ref, struct cur part); /* that part is not needed for now */
bool relay_file_ready(void *ref, struct cur part);  /* in memory; else it is being fetched */
void relay_link_up(struct relay *r, const char *link);

/* Finish what is being sent, begin nothing new. */
void relay_drain(struct relay *r);
/* Break off what is still being sent; the rows stand. Then the store is closed, then relay_free. */
void relay_stop(struct relay *r);
size_t relay_busy(const struct relay *r); /* transfers under way */

struct relay_line {
    const char *key; /* "smtp example.com", "nje LINK1" */
    size_t waiting;
    unsigned open;      /* connections or streams */
    int64_t retry_s;    /* seconds until it is tried again, 0: now */
    const char *reason; /* of the last failure, "" */
};
void relay_each(const struct relay *r, void (*fn)(void *arg, const struct relay_line *l),
                void *arg);

#endif
