/* gateway/smtp/milter_wire.c -- the bytes of the milter protocol. */
#include "gateway/smtp/milter_wire.h"

#include <arpa/inet.h>
#include <string.h>

/* --- in --- */

int milter_packet(struct cur *in, char *letter, struct cur *data, struct why *w)
{
    struct cur c = *in;
    if (cur_left(&c) < 4)
        return 0;
    size_t n = cur_be32(&c);
    if (n == 0 || n > MILTER_PACKET_MAX)
        return why_set(w, E_SYNTAX, 0, NULL, "a packet of %zu bytes", n);
    if (cur_left(&c) < n)
        return 0;
    *letter = (char)cur_u8(&c);
    *data = cur_sub(&c, n - 1);
    *in = c;
    return 1;
}

/* The string up to its NUL; sticky-bad when there is none. */
static struct str text(struct cur *c)
{
    const uint8_t *end = cur_left(c) > 0 ? memchr(c->p, 0, cur_left(c)) : NULL;
    if (end == NULL) {
        cur_spoil(c);
        return STR("");
    }
    struct cur t = cur_sub(c, (size_t)(end - c->p));
    cur_skip(c, 1);
    return cur_str(&t);
}

int milter_read_options(struct cur data, struct milter_options *o, struct why *w)
{
    *o = (struct milter_options){.version = cur_be32(&data)};
    o->actions = cur_be32(&data);
    o->steps = cur_be32(&data);
    while (!cur_bad(&data) && cur_left(&data) > 0) {
        uint32_t place = cur_be32(&data);
        struct str names = text(&data);
        if (!cur_bad(&data) && place < MILTER_PLACES) {
            o->chosen[place] = true;
            o->macros[place] = names;
        }
    }
    if (cur_bad(&data))
        return why_set(w, E_SYNTAX, 0, NULL, "malformed options");
    if (o->version < MILTER_VERSION_LEAST || o->version > MILTER_VERSION)
        return why_set(w, E_SYNTAX, 0, NULL, "it wants version %u of the protocol", o->version);
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "550 5.7.1 words", each line of several with "550-" or "550 " before it. */
static int read_code(struct str t, struct why *reply, struct why *w)
{
    char joined[sizeof reply->text], enh[sizeof reply->enh] = "";
    struct str line;
    size_t n = 0;
    if (t.n < 3 || (t.p[0] != '4' && t.p[0] != '5') || !is_digit(t.p[1]) || !is_digit(t.p[2]))
        return why_set(w, E_SYNTAX, 0, NULL, "a reply code that is neither 4xx nor 5xx");
    int code = (t.p[0] - '0') * 100 + (t.p[1] - '0') * 10 + t.p[2] - '0';
    while (str_line(&t, &line)) {
        line = str_trim(str_sub(line, line.n > 3 ? 4 : line.n, line.n));
        struct str rest = line, word = str_word(&rest);
        if (word.n >= 5 && word.n < sizeof enh && is_digit(word.p[0]) && word.p[1] == '.' &&
            is_digit(word.p[word.n - 1])) {
            str_copy(enh, sizeof enh, word);
            line = str_trim(rest);
        }
        if (n > 0 && n + 1 < sizeof joined && line.n > 0)
            joined[n++] = ' ';
        size_t fits = line.n < sizeof joined - 1 - n ? line.n : sizeof joined - 1 - n;
        memcpy(joined + n, line.p, fits);
        n += fits;
    }
    joined[n] = '\0';
    if (enh[0] != '\0' && enh[0] - '0' != code / 100)
        enh[0] = '\0'; /* of another class than the code */
    (void)why_set(reply, code < 500 ? E_TEMP : E_DENIED, code,
                  enh[0] != '\0' ? enh
                  : code < 500   ? "4.7.1"
                                 : "5.7.1",
                  "%s",
                  n > 0        ? joined
                  : code < 500 ? "Try again later"
                               : "Refused");
    return 0;
}

static bool index_and_field(struct cur *data, struct milter_reply *r)
{
    r->index = cur_be32(data);
    r->name = text(data);
    r->value = text(data);
    return r->name.n > 0;
}

int milter_read_reply(char letter, struct cur data, struct milter_reply *r, struct why *reply,
                      struct why *w)
{
    bool ok = true;
    *r = (struct milter_reply){.letter = (enum milter_letter)letter};
    switch (r->letter) {
    case MILTER_ADD_RCPT:
    case MILTER_DEL_RCPT:
    case MILTER_QUARANTINE:
        r->name = text(&data);
        ok = r->name.n > 0 || letter == MILTER_QUARANTINE;
        break;
    case MILTER_ADD_RCPT_ARGS:
    case MILTER_CHANGE_SENDER:
        r->name = text(&data);
        r->value = cur_left(&data) > 0 ? text(&data) : STR("");
        break;
    case MILTER_REPLACE_BODY:
        r->body = cur_sub(&data, cur_left(&data));
        break;
    case MILTER_ADD_HEADER:
        r->name = text(&data);
        r->value = text(&data);
        ok = r->name.n > 0;
        break;
    case MILTER_INSERT_HEADER:
    case MILTER_CHANGE_HEADER:
        ok = index_and_field(&data, r);
        break;
    case MILTER_REPLY:
        r->value = text(&data);
        if (!cur_bad(&data) && read_code(r->value, reply, w) < 0)
            return E_SYNTAX;
        break;
    case MILTER_SHUTDOWN:
    case MILTER_ACCEPTS:
    case MILTER_CONTINUES:
    case MILTER_DISCARDS:
    case MILTER_CONN_FAIL:
    case MILTER_PROGRESS:
    case MILTER_REJECTS:
    case MILTER_SKIP:
    case MILTER_TEMPFAIL:
        break;
    default:
        return why_set(w, E_SYNTAX, 0, NULL, "unknown reply 0x%02x", (unsigned char)letter);
    }
    if (cur_bad(&data) || !ok)
        return why_set(w, E_SYNTAX, 0, NULL, "malformed reply \"%c\"", letter);
    return 0;
}

uint32_t milter_needs(enum milter_letter letter)
{
    switch (letter) {
    case MILTER_ADD_RCPT:
        return MILTER_MAY_ADD_RCPT;
    case MILTER_ADD_RCPT_ARGS:
        return MILTER_MAY_ADD_RCPT_ARGS;
    case MILTER_DEL_RCPT:
        return MILTER_MAY_DEL_RCPT;
    case MILTER_REPLACE_BODY:
        return MILTER_MAY_CHANGE_BODY;
    case MILTER_CHANGE_SENDER:
        return MILTER_MAY_CHANGE_SENDER;
    case MILTER_ADD_HEADER:
        return MILTER_MAY_ADD_HEADER;
    case MILTER_INSERT_HEADER: /* libmilter asks for ADDHDRS, too */
        return MILTER_MAY_ADD_HEADER;
    case MILTER_CHANGE_HEADER:
        return MILTER_MAY_CHANGE_HEADER;
    case MILTER_QUARANTINE:
        return MILTER_MAY_QUARANTINE;
    default:
        return 0;
    }
}

/* --- out --- */

static size_t begin(struct buf *b, char letter)
{
    size_t at = b->n;
    buf_be32(b, 0);
    buf_u8(b, (uint8_t)letter);
    return at;
}

static void end(struct buf *b, size_t at)
{
    if (b->over)
        return;
    size_t n = b->n - at - 4;
    for (int i = 0; i < 4; i++)
        b->p[at + (size_t)i] = (uint8_t)(n >> (24 - 8 * i));
}

static void put(struct buf *b, struct str s)
{
    const char *nul = s.n > 0 ? memchr(s.p, 0, s.n) : NULL;
    buf_add(b, s.p, nul != NULL ? (size_t)(nul - s.p) : s.n);
    buf_u8(b, 0);
}

void milter_put_options(struct buf *b, uint32_t version, uint32_t actions, uint32_t steps)
{
    size_t at = begin(b, 'O');
    buf_be32(b, version);
    buf_be32(b, actions);
    buf_be32(b, steps);
    end(b, at);
}

void milter_put_empty(struct buf *b, char letter)
{
    end(b, begin(b, letter));
}

void milter_put_connect(struct buf *b, struct str name, const union endpoint *peer)
{
    char addr[64];
    size_t at = begin(b, 'C');
    put(b, name);
    int family = peer->any.sa_family;
    if (family == AF_INET || family == AF_INET6) {
        buf_u8(b, family == AF_INET ? '4' : '6');
        buf_be16(b, endpoint_port(peer));
        put(b, str_of(endpoint_text(peer, false, addr)));
    } else {
        buf_u8(b, 'U');
    }
    end(b, at);
}

static void put_text(struct buf *b, char letter, struct str text)
{
    size_t at = begin(b, letter);
    put(b, text);
    end(b, at);
}

void milter_put_helo(struct buf *b, struct str helo)
{
    put_text(b, 'H', helo);
}

void milter_put_unknown(struct buf *b, struct str command)
{
    put_text(b, 'U', command);
}

void milter_put_path(struct buf *b, char letter, struct str address, struct str params)
{
    size_t at = begin(b, letter);
    buf_u8(b, '<');
    buf_str(b, address);
    put(b, STR(">"));
    for (struct str word = str_word(&params); word.n > 0; word = str_word(&params))
        put(b, word);
    end(b, at);
}

void milter_put_header(struct buf *b, struct str name, struct str value)
{
    size_t at = begin(b, 'L');
    put(b, name);
    put(b, value);
    end(b, at);
}

void milter_put_body(struct buf *b, struct cur piece)
{
    size_t at = begin(b, 'B');
    buf_add(b, piece.p, cur_left(&piece));
    end(b, at);
}

size_t milter_macros_begin(struct buf *b, char for_letter)
{
    size_t at = begin(b, 'D');
    buf_u8(b, (uint8_t)for_letter);
    return at;
}

void milter_macro(struct buf *b, struct str name, struct str value)
{
    put(b, name);
    put(b, value);
}

void milter_macros_end(struct buf *b, size_t begun)
{
    end(b, begun);
}
