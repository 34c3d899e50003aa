/* base/endpoint.c -- addresses and ports as text (declared in base/stream.h). */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/stream.h"

/* Cut ":port" off *host; false when the port is there and is none. */
static bool cut_port(struct str *host, uint16_t *port)
{
    ptrdiff_t colon = str_find_last(*host, ':');
    ptrdiff_t bracket = str_find_last(*host, ']');
    struct str digits = str_sub(*host, (size_t)(colon + 1), host->n);
    /* More colons without brackets are those of an IPv6 address. */
    if (colon < bracket || (bracket < 0 && colon >= 0 && str_find(*host, ':') != colon))
        colon = -1;
    uint64_t v;
    if (colon < 0) {
        if (str_number(*host, UINT16_MAX, &v)) {
            *port = (uint16_t)v;
            *host = STR("");
        }
        return true;
    }
    if (!str_number(digits, UINT16_MAX, &v))
        return false;
    *port = (uint16_t)v;
    *host = str_sub(*host, 0, (size_t)colon);
    return true;
}

int endpoint_parse(union endpoint *e, struct str text, uint16_t default_port, struct why *w)
{
    union endpoint to = {0};
    uint16_t port = default_port;
    struct str host = str_trim(text);
    char z[64];
    bool good = host.n > 0 && cut_port(&host, &port) && host.n < sizeof z;
    if (good && host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        str_copy(z, sizeof z, str_sub(host, 1, host.n - 2));
        good = inet_pton(AF_INET6, z, &to.in6.sin6_addr) == 1;
        to.any.sa_family = AF_INET6;
    } else if (good) {
        str_copy(z, sizeof z, host.n == 0 || str_is(host, "*") ? STR("0.0.0.0") : host);
        to.any.sa_family = AF_INET;
        if (inet_pton(AF_INET, z, &to.in4.sin_addr) != 1) {
            to.any.sa_family = AF_INET6;
            good = inet_pton(AF_INET6, z, &to.in6.sin6_addr) == 1;
        }
    }
    if (!good)
        return why_set(
            w, E_SYNTAX, 0, NULL,
            "\"%.*s\" is not an address and port, such as 192.0.2.1:25, [2001:db8::1]:25 or 25",
            STR_ARG(str_sub(text, 0, 80)));
    endpoint_set_port(&to, port);
    *e = to;
    return OK;
}

socklen_t endpoint_len(const union endpoint *e)
{
    return e->any.sa_family == AF_INET6 ? sizeof e->in6 : sizeof e->in4;
}

uint16_t endpoint_port(const union endpoint *e)
{
    if (e->any.sa_family == AF_INET6)
        return ntohs(e->in6.sin6_port);
    return e->any.sa_family == AF_INET ? ntohs(e->in4.sin_port) : 0;
}

void endpoint_set_port(union endpoint *e, uint16_t port)
{
    if (e->any.sa_family == AF_INET6)
        e->in6.sin6_port = htons(port);
    else if (e->any.sa_family == AF_INET)
        e->in4.sin_port = htons(port);
}

const char *endpoint_text(const union endpoint *e, bool with_port, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "unknown";
    bool six = e->any.sa_family == AF_INET6;
    if (six)
        (void)inet_ntop(AF_INET6, &e->in6.sin6_addr, host, sizeof host);
    else if (e->any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &e->in4.sin_addr, host, sizeof host);
    else if (e->any.sa_family == AF_UNIX)
        str_copy(host, sizeof host, STR("local"));
    if (!with_port || (!six && e->any.sa_family != AF_INET))
        str_copy(out, 64, str_of(host));
    else
        (void)snprintf(out, 64, six ? "[%s]:%u" : "%s:%u", host, (unsigned)endpoint_port(e));
    return out;
}
