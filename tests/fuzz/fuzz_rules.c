/* tests/fuzz/fuzz_rules.c -- any text as a rules file, any text as a field: rules up to a line
 * "%%", then the field's value. What the default rules wrote they must read and leave as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mail/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_node(void *arg, struct str name)
{
    (void)arg;
    return name.n > 0 && (name.p[0] | 0x20) == 'b';
}

static bool nick_of(void *arg, struct str user, struct str node, struct str *nick)
{
    (void)arg;
    *nick = STR("NICK");
    return user.n < 9 && str_is(node, "bird");
}

static bool addr_of(void *arg, struct str nick, struct str *user, struct str *node)
{
    (void)arg;
    *user = STR("USER");
    *node = STR("BIRD");
    return str_is(nick, "NICK");
}

static void apply(const struct rules *r, struct str value, bool settled)
{
    struct rules_ask ask = {.is_node = is_node, .nick_of = nick_of, .addr_of = addr_of};
    struct rules_use u = {.rules = r, .ask = &ask, .origin = STR("BIRD")};
    struct buf once, again;
    struct why w;
    buf_init(&once, RULES_FIELD_MAX);
    buf_init(&again, RULES_FIELD_MAX);
    int v = rules_field(&u, STR("To"), value, &once, &w);
    if ((v == 0 && !str_eq(buf_text(&once), value)) || (v < 0 && once.n != 0))
        abort();
    if (v > 0 && settled) {
        v = rules_field(&u, STR("To"), buf_text(&once), &again, &w);
        if (v != E_LIMIT && (v != 0 || !str_eq(buf_text(&once), buf_text(&again))))
            abort();
    }
    buf_done(&once);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str alt = STR("seeds.acme.com");
    struct rules_env env = {.host = STR("mvs1.acme.com"),
                            .domain = STR("acme.com"),
                            .node = STR("mvs1"),
                            .rscs_domain = STR("acmenet"),
                            .alt_host = &alt,
                            .nalt_host = 1,
                            .secure = true};
    const char *cut = size >= 3 ? memmem(data, size, "%%\n", 3) : NULL;
    size_t n = cut != NULL ? (size_t)(cut - (const char *)data) : size;
    struct str text = {(const char *)data, n}, value = {(const char *)data, size};
    struct why w;
    if (cut != NULL)
        value = str_sub(value, n + 3, size);
    struct rules *r = rules_parse(&env, text, NULL, NULL, &w);
    if (r != NULL) {
        struct buf listing;
        buf_init(&listing, 1 << 20);
        rules_print(r, &listing);
        buf_done(&listing);
        apply(r, value, false);
    }
    rules_free(&r);
    r = rules_parse(&env, str_of(rules_default(true)), NULL, NULL, &w);
    apply(r, value, true);
    rules_free(&r);
    return 0;
}
