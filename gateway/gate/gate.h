/* gateway/gate/gate.h -- what the parts of the daemon share: borrowed pointers, set once by
 * daemon/daemon.c. Each part takes what it needs from here and owns nothing of it. */
#ifndef GATEWAY_GATE_GATE_H
#define GATEWAY_GATE_GATE_H

#include "aliases/addr.h"
#include "aliases/nick.h"
#include "base/dns.h"
#include "base/loop.h"
#include "base/work.h"
#include "db/store.h"
#include "gateway/config/conf.h"
#include "rscs/route.h"
#include "security/tls.h"

struct filters;
struct nje;
struct nje_asked;
struct metrics;
struct relay;
struct service;
struct snads;
struct sts;

struct gate {
    struct loop *loop;
    struct service *service; /* the service manager; gives listening sockets */
    const struct conf *conf; /* replaced by a reload between two turns */
    struct addr_names names; /* of conf */
    struct routes *routes;   /* of conf */
    struct store *store;
    struct work *work; /* what would keep the loop's thread too long; job sizes in octets */
    struct nicks *nicks;
    struct snads *snads;
    struct dns *dns;
    struct tls *tls;
    struct sts *sts;         /* gateway/sts.h */
    struct filters *filters; /* gateway/gate/filter.h */
    struct nje *nje;
    void (*asked)(struct gate *g, const struct nje_asked *q); /* messages for us */
    struct relay *relay;
    struct metrics *metrics;
    struct clockwatch *clock; /* gateway/clockwatch.h */
    struct wall started;
    bool debug, trace; /* njegated -v, the operator's DEBUG; his TRACE */
    struct gate_stat {
        uint64_t from_smtp, from_nje, from_local; /* mails and files taken */
        uint64_t to_smtp, to_nje, to_reader;      /* recipients delivered */
        uint64_t deferred, returned, refused;
    } stat;
};

/* How much is logged, by the configuration and g->debug, from now on. */
void gate_log_level(const struct gate *g);

#endif
