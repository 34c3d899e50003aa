/* tests/unit/mail/test_rewrite.c -- the SMTP RULES language, the default sets, addresses in fields.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/mail/rewrite.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)

/* --- the world of the manual's worked example --- */

static struct str alt_host[2];
static struct rules_env env;
static struct rules *rules;
static struct buf out;

static bool is_node(void *arg, struct str name)
{
    (void)arg;
    return str_is(name, "mvs1") || str_is(name, "bird") || str_is(name, "iron");
}

/* security.md 3: the nickname is that of the pair's primary_mbox row */
static bool nick_of(void *arg, struct str user, struct str node, struct str *nick)
{
    (void)arg;
    *nick = str_is(node, "bird") ? STR("TCP1") : STR("FRED1");
    return str_is(user, "debulois") && (str_is(node, "bird") || str_is(node, "iron"));
}

static bool addr_of(void *arg, struct str nick, struct str *user, struct str *node)
{
    (void)arg;
    *user = STR("DEBULOIS");
    *node = str_is(nick, "TCP1") ? STR("BIRD") : STR("IRON");
    return str_is(nick, "TCP1") || str_is(nick, "FRED1");
}

static bool mailbox(void *arg, struct str local, struct str domain, struct str *box)
{
    (void)arg;
    *box = STR("Anne.Miner@example.org");
    return str_is(local, "anne") && str_is(domain, "mvs1");
}

static const struct rules_ask ask = {.is_node = is_node, .nick_of = nick_of, .addr_of = addr_of};

static void setup(void)
{
    alt_host[0] = STR("seeds.acme.com");
    alt_host[1] = STR("ore.acme.com");
    env = (struct rules_env){.host = STR("mvs1.acme.com"),
                             .domain = STR("acme.com"),
                             .node = STR("mvs1"),
                             .rscs_domain = STR("acmenet"),
                             .alt_rscs_domain = STR("centralnet"),
                             .alt_host = alt_host,
                             .nalt_host = 2};
    rules = NULL;
    buf_init(&out, 1 << 20);
}

static void teardown(void)
{
    rules_free(&rules);
    buf_done(&out);
}

static void use_text(const char *text)
{
    struct why w = {.text = "untouched"};
    rules_free(&rules);
    rules = rules_parse(&env, str_of(text), NULL, NULL, &w);
    ck_assert_msg(rules != NULL, "%s", w.text);
    ck_assert_str_eq(w.text, "untouched");
}

/* The address as the rules in use make it. */
static const char *address(const char *field, const char *in)
{
    struct rules_use u = {.rules = rules, .ask = &ask};
    struct why w;
    buf_reset(&out);
    buf_z(&out, "kept:");
    int v = rules_address(&u, str_of(field), str_of(in), &out, &w);
    ck_assert_int_ge(v, 0);
    ck_assert(strncmp(buf_cstr(&out), "kept:", 5) == 0);
    if (v == 0) {
        ck_assert_int_eq(out.n, 5);
        return in;
    }
    return buf_cstr(&out) + 5;
}

/* --- golden --- */

static const struct {
    const char *name, *rules;
    bool secure;
} golden[] = {{"example", NULL, false},
              {"route", "route", false},
              {"around", NULL, false},
              {"malformed", NULL, false},
              {"secure", NULL, true}};

static char *golden_file(const char *name, const char *ext)
{
    char path[200];
    size_t n;
    snprintf(path, sizeof path, "tests/golden/rules/%s.%s", name, ext);
    return unit_file(path, &n);
}

/* A field with its continuation lines, off *rest. */
static struct str take_field(struct str *rest)
{
    size_t n = 0;
    for (; n < rest->n; n++)
        if (rest->p[n] == '\n' &&
            (n + 1 == rest->n || (rest->p[n + 1] != ' ' && rest->p[n + 1] != '\t')))
            break;
    struct str field = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n + 1, rest->n);
    return field;
}

static void rewrite_block(struct str text, struct buf *to)
{
    struct rules_use u = {.rules = rules, .ask = &ask, .origin = STR("bird")};
    while (text.n > 0) {
        struct str field = take_field(&text);
        ptrdiff_t colon = str_find(field, ':');
        struct str name = str_sub(field, 0, (size_t)colon);
        struct str value = str_sub(field, (size_t)colon + 1, field.n);
        struct why w = {.text = ""};
        buf_str(to, name);
        buf_u8(to, ':');
        size_t n = to->n;
        int v = rules_field(&u, name, value, to, &w);
        if (v < 0) {
            ck_assert_int_eq(to->n, n);
            ck_assert_str_ne(w.text, "");
            buf_str(to, value);
        } else {
            ck_assert_int_eq(v, !str_eq(str_sub(buf_text(to), n, to->n), value));
        }
        buf_u8(to, '\n');
    }
}

START_TEST(files)
{
    const char *name = golden[_i].name;
    char *own = golden[_i].rules != NULL ? golden_file(golden[_i].rules, "rules") : NULL;
    char *in = golden_file(name, "in"), *want = golden_file(name, "out");
    struct buf got;
    buf_init(&got, 1 << 20);
    env.secure = golden[_i].secure;
    use_text(own != NULL ? own : rules_default(env.secure));
    rewrite_block(str_of(in), &got);
    ck_assert_str_eq(buf_cstr(&got), want);
    if (own == NULL) { /* the default sets come to rest: what they wrote they write again */
        struct buf again;
        buf_init(&again, 1 << 20);
        rewrite_block(buf_text(&got), &again);
        ck_assert_str_eq(buf_cstr(&again), want);
        buf_done(&again);
    }
    buf_done(&got);
    free(own);
    free(in);
    free(want);
}
END_TEST

/* --- default sets --- */

static const struct {
    const char *domain, *alt, *in, *want;
} defaults[] = {
    {"", "", "u@mvs1", "u@mvs1.acme.com"},
    {"", "", "u@bird", "u%bird@mvs1.acme.com"},
    {"", "", "u@bird.acmenet", "u@bird.acmenet"},
    {"", "", "u@elsewhere", "u@elsewhere.acme.com"},
    {"acmenet", "", "u@mvs1.acmenet", "u@mvs1.acme.com"},
    {"acmenet", "", "u@bird", "u%bird.acmenet@mvs1.acme.com"},
    {"acmenet", "", "u@bird.centralnet", "u@bird.centralnet"},
    {"acmenet", "centralnet", "u@mvs1.centralnet", "u@mvs1.acme.com"},
    {"acmenet", "centralnet", "u@acmenet", "u%acmenet@mvs1.acme.com"},
    {"acmenet", "centralnet", "u@centralnet", "u%acmenet@mvs1.acme.com"},
    {"nje.acme.com", "", "u@bird", "u@bird.nje.acme.com"},
    {"nje.acme.com", "", "u@BIRD.NJE.ACME.COM", "u@BIRD.nje.acme.com"},
    {"nje.acme.com", "old.acme.com", "u@iron.old.acme.com", "u@iron.nje.acme.com"},
    {"nje.acme.com", "", "u@mvs1.nje.acme.com", "u@mvs1.acme.com"},
    {"acmenet", "", "u@MVS1.ACME.COM", "u@mvs1.acme.com"},
    {"acmenet", "", "u@ore.acme.com", "u@mvs1.acme.com"},
    {"acmenet", "", "U.Pper@Else.Example", "U.Pper@Else.Example"},
    {"acmenet", "", "a%b", "a%b"},
};

START_TEST(default_set)
{
    env.rscs_domain = str_of(defaults[_i].domain);
    env.alt_rscs_domain = str_of(defaults[_i].alt);
    use_text(rules_default(false));
    ck_assert_str_eq(address("To", defaults[_i].in), defaults[_i].want);
    ck_assert_str_eq(address("Resent-To", defaults[_i].in), defaults[_i].in);
    ck_assert_str_eq(address("Subject", defaults[_i].in), defaults[_i].in);
}
END_TEST

START_TEST(mailbox_first)
{
    struct rules_ask own = {.is_node = is_node, .mailbox = mailbox};
    struct rules_use u = {.rules = rules, .ask = &own};
    struct why w;
    use_text(rules_default(false));
    u.rules = rules;
    ck_assert_int_eq(rules_field(&u, STR("To"), STR("Anne <ANNE@MVS1>, b@mvs1"), &out, &w), 1);
    ck_assert_str_eq(buf_cstr(&out), "Anne <Anne.Miner@example.org>, b@mvs1.acme.com");
}
END_TEST

/* --- the language --- */

#define F "Field Definition Section\n"
#define R "Rule Definition Section\n"

static const struct {
    const char *rules, *in, *want;
} language[] = {
    /* lexical */
    {R "A'@'B=>B'!'A;", "u@h", "h!u"},
    {"rule DEFINITION section a '@' B => A '.' b;", "u@h", "u.h"},
    {R "-- comment ; => '\nA -- one\n '@' B --two\n=>\n\nA;", "u@h", "u"},
    {R "'Abc@x' => 'y@z';", "aBC@X", "y@z"},
    {R "\"Abc@x\" => 'y@z';", "Abc@X", "Abc@X"},
    {R "\"Abc@x\" => 'y@z';", "Abc@x", "y@z"},
    {R "\"it's\" '@' A => A '@' 'say \"x\"';", "it's@h", "h@say \"x\""},
    {R ";; A '@' 'h' => A '@' 'i' ;;", "u@h", "u@i"},
    {R "A '@' B 'x' \"Y\" => B;", "u@hXY", "h"},
    {R "A '@' B 'x' \"Y\" => B;", "u@hxy", "u@hxy"},
    {R "A '' '@' '' B => A;", "u@h", "u"},
    /* first match wins, once */
    {R "A '@' 'one' => A '@' 'two'; A '@' 'two' => A '@' 'three';", "u@one", "u@two"},
    {R "A '@' B => 'x'; A '@' 'one' => 'y';", "u@one", "x"},
    {R "A '@' 'no' => 'x';", "u@one", "u@one"},
    /* wildcards: not empty, shortest first, the same name the same text */
    {R "A 'x@' B => A;", "x@h", "x@h"},
    {R "A '.' B '@' C => B '|' A;", "a.b.c@h", "b.c|a"},
    {R "A '@' A => A;", "Same@sAME", "Same"},
    {R "A '@' A => A;", "same@other", "same@other"},
    {R "A '.' A '@' B => A;", "ab.ab.ab.ab@h", "ab.ab"},
    {R "A 'b' C '@' D => A '|' C;", "abab@h", "a|ab"},
    {R "A '%' B '@' C => B '!' A;", "u%n%m@h", "n%m!u"},
    /* both spellings, every keyword */
    {R "A '@' RSCSHostName => 'n';", "u@MVS1", "n"},
    {R "A '@' njehostname => 'n';", "u@MVS1", "n"},
    {R "A '@' AnyRSCSHostName => AnyNJEHostName '!' A;", "u@bird", "bird!u"},
    {R "A '@' AnyNJEHostName => AnyRSCSHostName '!' A;", "u@nobird", "u@nobird"},
    {R "A '@' B '.' RSCSDomain => B '.' NJEDomain;", "u@x.ACMENET", "x.acmenet"},
    {R "A '@' B '.' AltNJEDomain => B '.' AltRSCSDomain;", "u@x.centralNET", "x.centralnet"},
    {R "A '@' AltTCPHostName => A '@' TCPHostName ' ' AltTCPHostName;", "u@ore.ACME.com",
     "u@mvs1.acme.com ore.ACME.com"},
    {R "A '@' AltTCPHostName '.' AltTCPHostName => A '%' TCPHostName '@' TCPHostName;",
     "u@ore.acme.com.seeds.acme.com", "u%mvs1.acme.com@mvs1.acme.com"},
    {R "A '@' AnyDomainName => AnyDomainName;", "u@a.b", "a.b"},
    {R "A '@' AnyDomainName => AnyDomainName;", "u@ab", "u@ab"},
    {R "A '@' ShortTCPHostName => ShortTCPHostName '.' TCPHostNameDomain;", "u@mvs1",
     "mvs1.acme.com"},
    {R "SecureNickAddr => SecureNickName '@' TCPHostName;", "debulois@bird", "TCP1@mvs1.acme.com"},
    {R "SecureNickAddr => SecureNickAddr '.x';", "debulois@bird", "debulois@bird.x"},
    {R "SecureNickName '@' TCPHostName => SecureNickAddr;", "fred1@mvs1.acme.com", "DEBULOIS@IRON"},
    {R "SecureNickName '@' B => SecureNickName;", "fred1@h", "fred1"},
    {R "SecureNickAddr => SecureNickName;", "tcpmaint@iron", "tcpmaint@iron"},
    /* quotes and literals are one piece */
    {R "A '@' B => B;", "\"a@b\"@c", "c"},
    {R "A '.' B '@' C => 'x';", "\"a.b\"@c", "\"a.b\"@c"},
    {R "A '@' B => A '%' B '@' 'g';", "\"a b\"@c", "\"a b%c\"@g"},
    {R "A '@' B => A '%' B '@' 'g';", "\"a\\\" b\"@c", "\"a\\\" b%c\"@g"},
    {R "A '@' B => 'pre.' A '@' 'g';", "\"a b\"@c", "pre.\"a b\"@g"},
    {R "A '@' B '.' C => 'x';", "a@[1.2]", "a@[1.2]"},
    /* conditions */
    {R "IF NJEDomain = 'ACMENET' THEN A '@' B => 'y'; ELSE A '@' B => 'n'; ENDIF", "u@h", "y"},
    {R "IF NJEDomain = \"ACMENET\" THEN A '@' B => 'y'; ELSE A '@' B => 'n'; ENDIF", "u@h", "n"},
    {R "IF NJEDomain NOT = '' THEN A '@' B => 'y'; ENDIF", "u@h", "y"},
    {R "if TCPHostName contains 'ACME.' then A '@' B => 'y'; endif", "u@h", "y"},
    {R "IF TCPHostName CONTAINS \"ACME.\" THEN A '@' B => 'y'; ENDIF", "u@h", "u@h"},
    {R "IF TCPHostName NOT CONTAINS 'zz' THEN A '@' B => 'y'; ENDIF", "u@h", "y"},
    {R "IF TCPHostName CONTAINS '' THEN A '@' B => 'y'; ENDIF", "u@h", "y"},
    {R "IF NJEDomain = '' THEN IF NJEDomain = '' THEN A '@' B => '1'; ELSE A '@' B => '2'; ENDIF "
       "ELSE IF NJEDomain = '' THEN A '@' B => '3'; ELSE A '@' B => '4'; ENDIF ENDIF",
     "u@h", "4"},
    {R "IF NJEDomain = '' THEN IF NJEDomain NOT = '' THEN A '@' B => '1'; ENDIF ENDIF "
       "A '@' B => '2';",
     "u@h", "2"},
};

START_TEST(sentences)
{
    env.secure = true;
    use_text(language[_i].rules);
    ck_assert_str_eq(address("To", language[_i].in), language[_i].want);
}
END_TEST

static const struct {
    const char *rules, *fields; /* of these the ones in force */
} aliases[] = {
    {R "A => 'x';", "To Cc From Bcc Sender Reply-To Return-Path Resent-From"},
    {F "DefaultFields = 'X';" R "A => 'x';", "X"},
    {F "M = 'Errors-To';" R "m : A => 'x';", "Errors-To"},
    {F "M = 'To' 'Cc'; Y = 'Sender'; T = M Y;" R "T : A => 'x';", "To Cc Sender"},
    {F "M = 'To' + 'Cc' 'to';" R "M:A => 'x';", "To Cc"},
    {F "M = 'To' 'Cc' 'From'; N = M - 'CC';" R "N : A => 'x';", "To From"},
    {F "M = 'To' 'Cc'; N = M 'X' - M + 'Cc';" R "N : A => 'x';", "Cc X"},
    {F "N = DefaultFields - 'To' - 'From';" R "N : A => 'x';",
     "Cc Bcc Sender Reply-To Return-Path Resent-From"},
    {F "DefaultFields = DefaultFields 'Errors-To' - 'To';" R "A => 'x';",
     "Cc From Bcc Sender Reply-To Return-Path Resent-From Errors-To"},
    {F R "A => 'x';", "To Cc From Bcc Sender Reply-To Return-Path Resent-From"},
};

START_TEST(fields)
{
    static const char *const all[] = {"To",        "Cc",       "From",        "Bcc",
                                      "Sender",    "Reply-To", "Return-Path", "Resent-From",
                                      "Errors-To", "X",        "Subject"};
    struct buf got;
    buf_init(&got, 1000);
    use_text(aliases[_i].rules);
    for (int i = 0; i < N(all); i++) {
        bool in = strcmp(address(all[i], "a"), "x") == 0;
        ck_assert_int_eq(in, rules_covers(rules, str_of(all[i])));
        if (in)
            buf_printf(&got, "%s%s", got.n > 0 ? " " : "", all[i]);
    }
    size_t n = got.n;
    for (struct str rest = str_of(aliases[_i].fields), word; (word = str_word(&rest)).n > 0;)
        ck_assert_msg(rules_covers(rules, word), "%.*s", STR_ARG(word));
    ck_assert_int_eq(n, strlen(aliases[_i].fields));
    buf_done(&got);
}
END_TEST

/* A keyword without a value takes its rules away, whatever is on their other side. */
static const char *const nulls[] = {
    R "A '@' B '.' AltRSCSDomain => 'x';",
    R "A '@' AltTCPHostName => 'x';",
    R "SecureNickAddr => 'x';",
    R "SecureNickName '@' B => 'x';",
    R "A '@' NJEDomain => 'x';",
    R "A '@' B => A '@' TCPHostNameDomain;",
    R "NJEDomain => 'x';",
};

START_TEST(null_keywords)
{
    env = (struct rules_env){.host = STR("mvs1"), .node = STR("mvs1")};
    use_text(nulls[_i]);
    ck_assert_str_eq(address("To", "debulois@iron"), "debulois@iron");
    ck_assert_str_eq(address("To", "a@b."), "a@b.");
    ck_assert_str_eq(address("To", "tcp1@"), "tcp1@");
    struct buf b;
    buf_init(&b, 10000);
    rules_print(rules, &b);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "not in force: "));
    buf_done(&b);
}
END_TEST

/* --- errors --- */

static const struct {
    const char *rules, *want; /* "line: a part of the text" for each, in order */
} errors[] = {
    {"", "1:the file must begin with"},
    {"A '@' B => A;", "1:the file must begin with"},
    {F "A = 'x';\n", "3:no Rule Definition Section"},
    {R "A '@' B => A", "2:a semicolon is expected before \"the end of the file\""},
    {R "A '@' B;", "2:\"=>\" is expected before"},
    {R "A '@' B -> B;", "2:\"->\" is no arrow"},
    {R "A '@' B\n=> C;", "3:C is unbound"},
    {R "A '@' TCPHostName => A '@' AltTCPHostName;", "2:AltTCPHostName is unbound"},
    {R "A '@' AltTCPHostName '.' AltTCPHostName => A '%' AltTCPHostName '@' TCPHostName;",
     "2:AltTCPHostName is ambiguous"},
    {R "A '@' B => AnyDomainName;", "2:AnyDomainName is unbound"},
    {R "A '@' B => AnyNJEHostName;", "2:AnyNJEHostName is unbound"},
    {R "AnyNJEHostName '@' AnyRSCSHostName => AnyNJEHostName;", "2:AnyNJEHostName is ambiguous"},
    {R "A => SecureNickName;", "2:SecureNickName is unbound"},
    {R "SecureNickAddr '.' SecureNickName => SecureNickName;", "2:SecureNickName is ambiguous"},
    {R "A B => A;", "2:B directly follows another wildcard"},
    {R "A '@' B AnyDomainName => A;", "2:AnyDomainName directly follows"},
    {R "A A => A;", "2:A directly follows"},
    {R "=> 'x';", "2:nothing stands on the left"},
    {R "A => ;", "2:nothing stands on the right"},
    {R "Nope : A => 'x';", "2:no alias Nope"},
    {R "A '@ => 'x';", "2:has no closing quote"},
    {R "A # B => 'x';", "2:'#' means nothing"},
    {R "A \x01 => 'x';", "2:X'01'"},
    {R "IF NJEDomain = '' THEN\nA => 'x';\n", "2:this IF has no ENDIF"},
    {R "A => 'x'; ENDIF", "2:ENDIF without IF"},
    {R "ELSE A => 'x';", "2:ELSE without IF"},
    {R "IF NJEDomain = '' THEN ELSE\nELSE ENDIF", "3:a second ELSE for the IF of line 2"},
    {R "IF AnyDomainName = '' THEN ENDIF", "2:AnyDomainName has many values"},
    {R "IF Foo = '' THEN ENDIF", "2:IF must ask for a keyword, not for \"Foo\""},
    {R "IF NJEDomain '' THEN ENDIF", "2:= or CONTAINS is expected"},
    {R "IF NJEDomain = x THEN ENDIF", "2:a string is expected"},
    {R "IF NJEDomain = ''\nA => 'x'; ENDIF", "3:THEN is expected before \"A\""},
    {R "IF NJEDomain = '' THEN A => 'x' ENDIF", "2:a semicolon is expected before \"ENDIF\""},
    {R "IF NJEDomain = '' THEN A => B; ENDIF", "2:B is unbound"}, /* in no branch that is taken */
    {F "M = Nope;" R, "2:no alias Nope above"},
    {F "M = 'To'; M = 'Cc';" R, "2:M is defined twice"},
    {F "TCPHostName = 'To';" R, "2:TCPHostName is a word of the language"},
    {F "IF = 'To';" R, "2:IF is a word of the language"},
    {F "M = ;" R, "2:a field name or an alias is expected"},
    {F "M = 'To' - ;" R, "2:a field name or an alias is expected"},
    {F "M = 'To:';" R, "2:'To:' is no field name"},
    {F "M 'To';" R, "2:\"=\" is expected before \"To\""},
    {F "'To';" R, "2:the name of an alias is expected"},
    {F "M = 'To' => ;" R, "2:a semicolon is expected before \"=>\""},
    {R "A => B;\nC => 'x';\n\nD '@' => E;", "2:B is unbound;5:E is unbound"},
};

static void hear(void *arg, unsigned line, const char *text)
{
    buf_printf(arg, "%u:%s\n", line, text);
}

START_TEST(mistakes)
{
    struct why w = {.text = ""};
    struct buf heard;
    buf_init(&heard, 10000);
    ck_assert_ptr_null(rules_parse(&env, str_of(errors[_i].rules), hear, &heard, &w));
    ck_assert_int_eq(w.err, E_SYNTAX);
    ck_assert(strncmp(w.text, "line ", 5) == 0);
    struct str got = buf_text(&heard), line, want = str_of(errors[_i].want), piece;
    while (str_split(&want, ';', &piece)) {
        if (piece.n == 0)
            continue;
        ck_assert_msg(str_line(&got, &line), "missing: %.*s", STR_ARG(piece));
        size_t colon = (size_t)str_find(piece, ':') + 1;
        char part[200];
        str_copy(part, sizeof part, str_sub(piece, colon, piece.n));
        char said[500];
        str_copy(said, sizeof said, line);
        ck_assert_msg(strncmp(said, piece.p, colon) == 0 && strstr(said, part) != NULL,
                      "got \"%s\", want \"%.*s\"", said, STR_ARG(piece));
    }
    ck_assert_msg(got.n == 0, "too much: %.*s", STR_ARG(got));
    buf_done(&heard);
}
END_TEST

START_TEST(limits)
{
    struct why w = {.text = ""};
    struct rules_use u = {.ask = &ask};
    struct buf b;
    buf_init(&b, 4 << 20);
    buf_z(&b, R);
    for (unsigned i = 0; i < RULES_MAX; i++)
        buf_z(&b, "A => 'x';\n");
    rules = rules_parse(&env, buf_text(&b), NULL, NULL, &w);
    ck_assert_ptr_nonnull(rules);
    rules_free(&rules);
    buf_z(&b, "A => 'x';");
    ck_assert_ptr_null(rules_parse(&env, buf_text(&b), NULL, NULL, &w));
    buf_fill(&b, ' ', RULES_TEXT_MAX);
    ck_assert_ptr_null(rules_parse(&env, buf_text(&b), NULL, NULL, &w));
    /* so many ways to match that nobody waits for the last */
    use_text(R "A 'a' B 'a' C 'a' D 'a' E 'a' F 'b' G => A;");
    u.rules = rules;
    buf_reset(&b);
    buf_fill(&b, 'a', RULES_ADDRESS_MAX);
    buf_reset(&out);
    ck_assert_int_eq(rules_address(&u, STR("To"), buf_text(&b), &out, &w), E_LIMIT);
    ck_assert_int_eq(rules_field(&u, STR("To"), buf_text(&b), &out, &w), E_LIMIT);
    ck_assert_int_eq(out.n, 0);
    buf_u8(&b, 'b');
    ck_assert_int_eq(rules_address(&u, STR("To"), buf_text(&b), &out, &w), E_LIMIT);
    ck_assert_int_eq(rules_field(&u, STR("To"), buf_text(&b), &out, &w), E_LIMIT);
    ck_assert_int_eq(rules_field(&u, STR("Subject"), buf_text(&b), &out, &w), 0);
    buf_done(&b);
}
END_TEST

/* --- listings --- */

static void traced(void *arg, struct str tried, unsigned line, struct str rule, bool matched,
                   struct str result)
{
    buf_printf(arg, "%.*s|%u|%.*s|%d|%.*s\n", STR_ARG(tried), line, STR_ARG(rule), matched,
               STR_ARG(result));
}

START_TEST(trace)
{
    struct buf heard;
    buf_init(&heard, 10000);
    use_text(F "M = 'To';\n" R "m : A '@' 'x' -- c\n => A;\nA '@' \"y\" => A;\nA'@'B => B;");
    struct rules_use u = {.rules = rules, .trace = traced, .trace_arg = &heard};
    struct why w;
    ck_assert_int_eq(rules_field(&u, STR("To"), STR("u@h, v@y"), &out, &w), 1);
    ck_assert_str_eq(buf_cstr(&heard), "u@h|4|m : A '@' 'x' => A|0|\n"
                                       "u@h|6|A '@' \"y\" => A|0|\n"
                                       "u@h|7|A '@' B => B|1|h\n"
                                       "v@y|4|m : A '@' 'x' => A|0|\n"
                                       "v@y|6|A '@' \"y\" => A|1|v\n");
    ck_assert_str_eq(buf_cstr(&out), "h, v");
    buf_reset(&out);
    rules_print(rules, &out);
    ck_assert_str_eq(buf_cstr(&out), "DefaultFields = 'Bcc' 'Cc' 'From' 'Reply-To' 'Resent-From' "
                                     "'Resent-Reply-To' 'Resent-Sender' 'Return-Path' 'Sender' "
                                     "'To';\nM = 'To';\n4: m : A '@' 'x' => A;\n"
                                     "6: A '@' \"y\" => A;\n7: A '@' B => B;\n");
    buf_done(&heard);
}
END_TEST

/* A value is never let through when it could be two fields. */
START_TEST(no_second_field)
{
    static const char *const bad[] = {
        "a@bird\nBcc: x", "a@bird\r\nBcc: x",   "a@bird\r x@y",       "a@bird,\n\nx@y",
        "a\x01@bird",     "\"a\nBcc: x\"@bird", "(c\nBcc: x) a@bird", "a@bird, b@[1\r\nX: 2]"};
    struct why w;
    use_text(rules_default(false));
    struct rules_use u = {.rules = rules, .ask = &ask};
    for (int i = 0; i < N(bad); i++)
        ck_assert_int_eq(rules_field(&u, STR("To"), str_of(bad[i]), &out, &w), E_SYNTAX);
    ck_assert_int_eq(out.n, 0);
    /* every cut of a value is answered, and what is appended ends with what was cut */
    struct str whole =
        STR("G: \"q\\\"\" <@r,@s:a@bird> (c (d)),\r\n b@[1.2];, \"l\"@mvs1 <x@iron>");
    for (size_t n = 0; n <= whole.n; n++) {
        char *exact = malloc(n + 1); /* ASan sees a look past the end */
        memcpy(exact, whole.p, n);
        exact = realloc(exact, n > 0 ? n : 1);
        buf_reset(&out);
        int v = rules_field(&u, STR("To"), (struct str){exact, n}, &out, &w);
        ck_assert_int_eq(v < 0, out.n == 0 && n > 0);
        free(exact);
    }
    ck_assert_str_eq(buf_cstr(&out),
                     "G: \"q\\\"\" <@r,@s:a%bird.acmenet@mvs1.acme.com> (c (d)),\r\n b@[1.2];, "
                     "\"l\"@mvs1 <x%iron.acmenet@mvs1.acme.com>");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("rewrite");
    TCase *t = tcase_create("rewrite");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, files, 0, N(golden));
    tcase_add_loop_test(t, default_set, 0, N(defaults));
    tcase_add_test(t, mailbox_first);
    tcase_add_loop_test(t, sentences, 0, N(language));
    tcase_add_loop_test(t, fields, 0, N(aliases));
    tcase_add_loop_test(t, null_keywords, 0, N(nulls));
    tcase_add_loop_test(t, mistakes, 0, N(errors));
    tcase_add_test(t, limits);
    tcase_add_test(t, trace);
    tcase_add_test(t, no_second_field);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
