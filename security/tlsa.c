/* security/tlsa.c -- see tlsa.h */
#include "security/tlsa.h"

#include <stdlib.h>

#include "base/mem.h"

#define FULL_MAX 8192u /* a whole certificate or key in the DNS */

struct tlsa *tlsa_new(const char *base, const char *domain)
{
    struct tlsa *t = mem_new(sizeof *t);
    t->refs = 1;
    str_copy(t->base, sizeof t->base, str_of(base));
    str_copy(t->domain, sizeof t->domain, str_of(domain));
    return t;
}

static bool length_is_right(uint8_t matching, size_t n)
{
    return matching == 0 ? n > 0 && n <= FULL_MAX : n == (matching == 1 ? 32u : 64u);
}

bool tlsa_add(struct tlsa *t, struct cur rdata)
{
    uint8_t usage = cur_u8(&rdata), selector = cur_u8(&rdata), matching = cur_u8(&rdata);
    size_t n = cur_left(&rdata);
    bool usable = !cur_bad(&rdata) && (usage == 2 || usage == 3) && selector <= 1 &&
                  matching <= 2 && length_is_right(matching, n);
    if (!usable || t->n == TLSA_MAX)
        return false;
    t->rr[t->n++] = (struct stream_tlsa){.usage = usage,
                                         .selector = selector,
                                         .matching = matching,
                                         .data = (uint8_t *)mem_copy(rdata.p, n),
                                         .n = n};
    return true;
}

struct tlsa *tlsa_ref(struct tlsa *t)
{
    if (t != NULL)
        t->refs++;
    return t;
}

void tlsa_drop(struct tlsa **tp)
{
    struct tlsa *t = *tp;
    *tp = NULL;
    if (t == NULL || --t->refs > 0)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->rr[i].data);
    free(t);
}
