/* gateway/smtp/proxy.c -- PROXY protocol: see proxy.h */
#include "gateway/smtp/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#define V1_MAX 107u /* a line with CRLF */

static const char v2_mark[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                 '\n', 'Q',  'U',  'I',  'T',  '\n'};

static int no_header(struct why *w)
{
    return why_set(w, E_SYNTAX, 421, "4.7.0", "The connection does not begin with a PROXY header");
}

static bool address(struct str text, bool six, union endpoint *e)
{
    char z[64];
    if (text.n >= sizeof z)
        return false;
    str_copy(z, sizeof z, text);
    memset(e, 0, sizeof *e);
    e->any.sa_family = six ? AF_INET6 : AF_INET;
    return inet_pton(six ? AF_INET6 : AF_INET, z,
                     six ? (void *)&e->in6.sin6_addr : (void *)&e->in4.sin_addr) == 1;
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 4711 25" without its CRLF; the words are one blank apart. */
static int read_line(struct str line, union endpoint *peer, union endpoint *local, struct why *w)
{
    struct str rest = line, word[6];
    size_t n = 0;
    while (n < 6 && str_split(&rest, ' ', &word[n]))
        n++;
    if (n >= 2 && str_eq(word[1], STR("UNKNOWN")))
        return 0;
    bool six = n >= 2 && str_eq(word[1], STR("TCP6"));
    union endpoint from, to;
    uint64_t from_port, to_port;
    if (n != 6 || rest.p != NULL || (!six && !str_eq(word[1], STR("TCP4"))) ||
        !address(word[2], six, &from) || !address(word[3], six, &to) ||
        !str_number(word[4], 65535, &from_port) || !str_number(word[5], 65535, &to_port))
        return no_header(w);
    *peer = from;
    *local = to;
    endpoint_set_port(peer, (uint16_t)from_port);
    endpoint_set_port(local, (uint16_t)to_port);
    return 0;
}

static int read_v1(struct str in, union endpoint *peer, union endpoint *local, struct why *w)
{
    struct str most = str_sub(in, 0, V1_MAX);
    ptrdiff_t lf = str_find(most, '\n');
    if (lf < 0)
        return most.n < V1_MAX ? 0 : no_header(w);
    if (lf < 1 || most.p[lf - 1] != '\r')
        return no_header(w);
    int rc = read_line(str_sub(most, 0, (size_t)lf - 1), peer, local, w);
    return rc < 0 ? rc : (int)lf + 1;
}

static void read_pair(struct cur *c, bool six, union endpoint *peer, union endpoint *local)
{
    union endpoint *both[2] = {peer, local};
    for (size_t i = 0; i < 2; i++) {
        memset(both[i], 0, sizeof *both[i]);
        both[i]->any.sa_family = six ? AF_INET6 : AF_INET;
        cur_copy(c, six ? (void *)&both[i]->in6.sin6_addr : (void *)&both[i]->in4.sin_addr,
                 six ? 16 : 4);
    }
    for (size_t i = 0; i < 2; i++)
        endpoint_set_port(both[i], cur_be16(c));
}

static int read_v2(struct str in, union endpoint *peer, union endpoint *local, struct why *w)
{
    struct cur c = cur_of_str(in);
    cur_skip(&c, sizeof v2_mark);
    uint8_t how = cur_u8(&c), family = cur_u8(&c);
    size_t n = cur_be16(&c);
    if (cur_bad(&c))
        return 0;
    if (how >> 4 != 2 || (how & 15) > 1 || 16 + n > PROXY_MAX)
        return no_header(w);
    struct cur body = cur_sub(&c, n);
    if (cur_bad(&c))
        return 0;
    bool six = family == 0x21;
    if ((how & 15) == 1 && (family == 0x11 || six)) { /* PROXY, TCP over IPv4 or IPv6 */
        if (n < (six ? 36u : 12u))
            return no_header(w);
        read_pair(&body, six, peer, local);
    }
    return (int)(16 + n);
}

int proxy_read(struct str in, union endpoint *peer, union endpoint *local, struct why *w)
{
    static const char v1_mark[] = "PROXY ";
    size_t n1 = in.n < 6 ? in.n : 6, n2 = in.n < 12 ? in.n : 12;
    if (in.n == 0)
        return 0;
    if (memcmp(in.p, v1_mark, n1) == 0)
        return n1 < 6 ? 0 : read_v1(in, peer, local, w);
    if (memcmp(in.p, v2_mark, n2) == 0)
        return n2 < 12 ? 0 : read_v2(in, peer, local, w);
    return no_header(w);
}
