/* rscs/port.c -- see port.h */
#include "rscs/port.h"

#include <stdlib.h>

#include "base/mem.h"

/* A connection whose OPEN has not come yet. */
struct caller {
    struct port *port;
    unsigned at; /* its place among the port's callers */
    struct stream *s;
    struct timer limit; /* of the whole OPEN: a byte now and then does not prolong it */
};

struct port {
    struct port_set set;
    struct caller **callers; /* one more than may wait: the one that is told so */
    unsigned waiting;
};

struct port *port_new(const struct port_set *set)
{
    struct port *p = mem_new(sizeof *p);
    p->set = *set;
    if (p->set.open_ms <= 0)
        p->set.open_ms = 30000;
    if (p->set.max_waiting == 0)
        p->set.max_waiting = 64;
    p->callers = mem_new((p->set.max_waiting + 1) * sizeof(struct caller *));
    return p;
}

/* Forget the caller; its stream must have found another owner or its end. */
static void drop(struct caller *c)
{
    struct port *p = c->port;
    loop_disarm(p->set.loop, &c->limit);
    p->callers[c->at] = p->callers[--p->waiting];
    p->callers[c->at]->at = c->at;
    stream_free(&c->s);
    free(c);
}

void port_free(struct port **pp)
{
    struct port *p = *pp;
    if (p == NULL)
        return;
    *pp = NULL;
    while (p->waiting > 0)
        drop(p->callers[p->waiting - 1]);
    free(p->callers);
    free(p);
}

static void refuse(struct caller *c, const struct why *w)
{
    struct port *p = c->port;
    union endpoint peer = *stream_peer(c->s);
    drop(c);
    p->set.refused(p->set.arg, &peer, w);
}

/* NAK 1, whatever is wrong: UnixNJE gives the same answer to each of these. */
static void answer_nak(struct caller *c, const struct wire_ctl *open, const struct why *w)
{
    const struct wire_ctl nak = {
        .type = WIRE_NAK,
        .rhost = c->port->set.us,
        .rip = open->oip,
        .ohost = open->rhost,
        .oip = open->rip,
        .reason = 1,
    };
    struct buf b;
    buf_init(&b, WIRE_CTL_SIZE);
    wire_ctl_put(&b, &nak);
    stream_put(c->s, b.p, b.n);
    buf_done(&b);
    union endpoint peer = *stream_peer(c->s);
    struct port *p = c->port;
    stream_finish(&c->s);
    drop(c);
    p->set.refused(p->set.arg, &peer, w);
}

/* What else comes to such a port, for the person who reads the log. */
static const char *hint(const uint8_t *p)
{
    if (p[0] == 0x16 && p[1] == 0x03)
        return " (it looks like TLS: is this listener meant to have TLS?)";
    if (p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' && p[1] <= 'Z')
        return " (it looks like ASCII text, of another protocol)";
    return "";
}

/* Why the caller may not go on to a link; *k is the link otherwise. */
static int judge(struct port *p, const struct wire_ctl *open, struct link **k, struct why *w)
{
    char them[9], us[9], meant[9];
    (void)ebc_name_text(&open->rhost, them);
    (void)ebc_name_text(&open->ohost, meant);
    if (open->type != WIRE_OPEN)
        return why_set(w, E_SYNTAX, 0, NULL, "%s began with an ACK or NAK instead of an OPEN",
                       them);
    if (!ebc_name_eq(&open->ohost, &p->set.us))
        return why_set(w, E_DENIED, 0, NULL, "%s calls for node %s, but this is %s", them, meant,
                       ebc_name_text(&p->set.us, us).p);
    *k = p->set.find(p->set.arg, &open->rhost, &open->ohost);
    if (*k == NULL)
        return why_set(w, E_DENIED, 0, NULL, "node %s calls, but no link is defined for it", them);
    return OK;
}

/* The link answers the caller, perhaps with a NAK; then the log should have it. */
static void hand_over(struct caller *c, struct link *k, const struct wire_ctl *open)
{
    struct port *p = c->port;
    struct why w = {0};
    char them[9];
    enum link_state before = link_state_of(k);
    union endpoint peer = *stream_peer(c->s);
    link_accept(k, &c->s, open);
    drop(c);
    if (before == LINK_WAITING || link_state_of(k) != before)
        return;
    why_set(&w, E_TEMP, 0, NULL, "node %s calls, but its link is %s",
            ebc_name_text(&open->rhost, them).p, link_state_name(before));
    p->set.refused(p->set.arg, &peer, &w);
}

static void open_record(struct caller *c, struct cur in)
{
    struct wire_ctl open = {0};
    struct why w = {0};
    struct link *k = NULL;
    const uint8_t *front = in.p;
    int err = wire_ctl_get(&in, &open, &w);
    if (err < 0) {
        char text[sizeof w.text];
        str_copy(text, sizeof text, str_of(w.text));
        why_set(&w, E_SYNTAX, 0, NULL, "%s%s", text, hint(front));
    } else {
        err = judge(c->port, &open, &k, &w);
    }
    if (err < 0) {
        answer_nak(c, &open, &w);
        return;
    }
    stream_take(c->s, WIRE_CTL_SIZE);
    hand_over(c, k, &open);
}

static void on_caller(struct stream *s, enum stream_event ev, void *arg)
{
    struct caller *c = arg;
    struct why w = {0};
    struct cur in = stream_in(s);
    if (ev == STREAM_FAIL) {
        w = *stream_why(s);
        refuse(c, &w);
    } else if (cur_left(&in) >= WIRE_CTL_SIZE) {
        open_record(c, in);
    } else if (ev == STREAM_EOF) {
        why_set(&w, E_GONE, 0, NULL, "closed after %zu of the %u bytes of an OPEN", cur_left(&in),
                WIRE_CTL_SIZE);
        refuse(c, &w);
    }
}

static void on_limit(void *arg)
{
    struct caller *c = arg;
    struct why w = {0};
    why_set(&w, E_TEMP, 0, NULL, "no OPEN record within %lld seconds",
            (long long)(c->port->set.open_ms / 1000));
    refuse(c, &w);
}

void port_take(struct port *p, struct stream *s)
{
    struct caller *c = mem_new(sizeof *c);
    c->port = p;
    c->s = s;
    c->at = p->waiting;
    p->callers[p->waiting++] = c;
    if (p->waiting > p->set.max_waiting) {
        struct why w = {0};
        why_set(&w, E_LIMIT, 0, NULL, "%u connections wait for their OPEN already",
                p->set.max_waiting);
        refuse(c, &w);
        return;
    }
    stream_owner(s, on_caller, c);
    loop_arm(p->set.loop, &c->limit, p->set.open_ms, on_limit, c);
}
