/* rscs/link_signon.c -- a link's OPEN, ACK and NAK; SOH ENQ and DLE ACK0; the I and J records
 *
 *     caller                                  called
 *       | -- OPEN (33 bytes, then nothing) ----> |
 *       | <-------------------- ACK or NAK ----- |   names and addresses swapped
 *       | -- SOH ENQ --------------------------> |   until this comes the called side is silent
 *       | <------------------------ DLE ACK0 --- |
 *       | -- I: node, buffer size, passwords --> |
 *       | <------------------------------- J --- |   the smaller buffer size is agreed
 *       | -- DLE ACK0 -------------------------> |
 *
 * IBM SA32-0988 "Initial Signon", "Response Signon"; what peers make of it: docs/NJE.md. */
#include <string.h>

#include "rscs/link_priv.h"

#define SOH 0x01u
#define ENQ 0x2Du
#define DLE 0x10u
#define ACK0 0x70u

/* IPv4 of an endpoint as the control record has it; 0 for another family. */
static uint32_t address(const union endpoint *e)
{
    if (e->any.sa_family == AF_INET)
        return ntohl(e->in4.sin_addr.s_addr);
    if (e->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&e->in6.sin6_addr)) {
        struct cur c = cur_of(e->in6.sin6_addr.s6_addr + 12, 4);
        return cur_be32(&c);
    }
    return 0;
}

static void put_ctl(struct stream *s, const struct wire_ctl *ctl)
{
    struct buf b;
    buf_init(&b, WIRE_CTL_SIZE);
    wire_ctl_put(&b, ctl);
    stream_put(s, b.p, b.n); /* at once: UnixNJE takes it with a single read */
    buf_done(&b);
}

void signon_open(struct link *k)
{
    const struct wire_ctl open = {
        .type = WIRE_OPEN,
        .rhost = k->conf.us,
        .rip = address(stream_local(k->s)),
        .ohost = k->conf.them,
        .oip = address(stream_peer(k->s)),
    };
    put_ctl(k->s, &open);
    k->stat.bytes_out += WIRE_CTL_SIZE;
}

void signon_reply(struct stream *s, const struct wire_ctl *open, uint8_t nak)
{
    const struct wire_ctl answer = {
        .type = nak == 0 ? WIRE_ACK : WIRE_NAK,
        .rhost = open->ohost,
        .rip = open->oip,
        .ohost = open->rhost,
        .oip = open->rip,
        .reason = nak,
    };
    put_ctl(s, &answer);
}

static int refused(struct link *k, uint8_t reason, struct why *w)
{
    char us[9];
    (void)ebc_name_text(&k->conf.us, us);
    switch (reason) {
    case 1:
        return why_set(w, E_DENIED, 0, NULL,
                       "%s refuses the link (NAK 1): it has no link to %s, or it is not %s",
                       k->them, us, k->them);
    case 2:
        return why_set(w, E_TEMP, 0, NULL,
                       "%s refuses the link (NAK 2): it takes the link for active", k->them);
    case 3:
        k->collision = true;
        return why_set(w, E_TEMP, 0, NULL,
                       "%s refuses the link (NAK 3): it is dialling us at the same moment",
                       k->them);
    case 4:
        return why_set(w, E_TEMP, 0, NULL, "%s refuses the link for now (NAK 4)", k->them);
    default:
        return why_set(w, E_TEMP, 0, NULL, "%s refuses the link (NAK with the unknown reason %u)",
                       k->them, reason);
    }
}

int signon_answer(struct link *k, struct cur in, struct why *w)
{
    struct wire_ctl ctl;
    if (cur_left(&in) < WIRE_CTL_SIZE)
        return 0;
    int err = wire_ctl_get(&in, &ctl, w);
    if (err < 0)
        return err;
    if (ctl.type == WIRE_NAK) /* UnixNJE leaves rubbish in its other fields */
        return refused(k, ctl.reason, w);
    if (ctl.type != WIRE_ACK)
        return why_set(w, E_SYNTAX, 0, NULL, "%s answered our OPEN with an OPEN", k->them);
    return 1;
}

void signon_enq(struct link *k)
{
    k->enqs++;
    line_control(k, SOH, ENQ);
}

void signon_ack0(struct link *k)
{
    line_control(k, DLE, ACK0);
}

/* In the feature bytes that IBM leaves reserved, so that others let it pass; not the same both
 * ways, so that who gives us our own bytes back is not taken for one of us. */
#define AHEAD_I 0x0000D5C7u
#define AHEAD_J 0x0000D5D1u
#define AHEAD_MASK 0x00FFFFFFu

static bool offers_ahead(const struct wire_signon *s)
{
    return (s->features & AHEAD_MASK) == (s->srcb == SIGNON_I ? AHEAD_I : AHEAD_J);
}

static uint32_t features(const struct link *k, uint8_t srcb)
{
    if (!k->conf.ahead)
        return 0;
    if (srcb == SIGNON_J)
        return offers_ahead(&k->theirs) ? AHEAD_J : 0;
    return k->no_offer ? 0 : AHEAD_I;
}

/* Sign-on and sign-off records go in a TTB of their own and without a closing RCB, as UnixNJE, RSCS
 * and NJE38 send them. */
void signon_send(struct link *k, uint8_t srcb)
{
    const struct wire_signon s = {
        .srcb = srcb,
        .node = k->conf.us,
        .member = 1,
        .event = srcb == SIGNON_J ? UINT32_MAX : 0,
        .bufsize = srcb == SIGNON_J ? k->bufsize : k->conf.bufsize,
        .line_password = k->conf.line_password,
        .node_password = k->conf.node_password,
        .features = features(k, srcb),
    };
    line_begin(k, 64);
    wire_signon_put(&k->out, &s);
    line_end(k, false);
    line_end_ttb(k);
}

void signon_off(struct link *k)
{
    line_begin(k, 8);
    wire_signoff_put(&k->out);
    line_end(k, false);
    line_end_ttb(k);
}

/* In a time that does not tell how many characters were right. */
static bool same_password(const struct nje_name *a, const struct nje_name *b)
{
    unsigned differ = 0;
    for (size_t i = 0; i < sizeof a->e; i++)
        differ |= (unsigned)(a->e[i] ^ b->e[i]);
    return differ == 0;
}

static int password(const struct link *k, const char *what, const struct nje_name *ours,
                    const struct nje_name *theirs, struct why *w)
{
    if (ebc_name_empty(ours) || same_password(ours, theirs))
        return OK;
    return why_set(w, E_DENIED, 0, NULL, "%s gave %s %s password in its sign-on", k->them,
                   ebc_name_empty(theirs) ? "no" : "a wrong", what);
}

int signon_check(struct link *k, struct why *w)
{
    const struct wire_signon *s = &k->theirs;
    if (!ebc_name_eq(&s->node, &k->conf.them)) {
        char name[9];
        return why_set(w, E_DENIED, 0, NULL, "the node that signs on is %s, this link is for %s",
                       ebc_name_text(&s->node, name).p, k->them);
    }
    int err = password(k, "line", &k->conf.line_password, &s->line_password, w);
    if (err == OK)
        err = password(k, "node", &k->conf.node_password, &s->node_password, w);
    if (err < 0)
        return err;
    uint16_t offer = s->bufsize < LINK_BUFSIZE_LEAST ? LINK_BUFSIZE_SMALL : s->bufsize;
    k->bufsize = offer < k->conf.bufsize ? offer : k->conf.bufsize;
    k->block_max = k->bufsize;
    k->ahead = k->conf.ahead && offers_ahead(s);
    return OK;
}
