/* tests/unit/aliases/test_snads.c -- each row of the SNADS gateway's tables: recipients and senders
 * in both directions, automatic registration. */
#include "aliases/snads.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static struct loop *loop;
static struct store *store;
static struct db *other; /* njegate's own connection */
static struct snads *snads;
static struct arena *arena;
static int open_commits;

static struct snads_set set;
static const struct str alt = {"alt.example.net", 15};
static const struct addr_names names = {.hostname = {"here.under.the.sea", 18},
                                        .alt = &alt,
                                        .nalt = 1,
                                        .local_node = {"HERE", 4},
                                        .rscs_domain = {"", 0},
                                        .alt_rscs_domain = {"", 0},
                                        .dim_node = {"HERE", 4}};

/* SHADE and GARDEN are SNADS nodes with a link, CAVE is one without, VMNODE is an RSCS node. */
static bool is_scheme(void *arg, struct str node)
{
    (void)arg;
    return str_is(node, "SHADE") || str_is(node, "CAVE") || str_is(node, "GARDEN");
}

static bool is_routed(void *arg, struct str node)
{
    (void)arg;
    return str_is(node, "SHADE") || str_is(node, "GARDEN") || str_is(node, "VMNODE");
}

static bool is_user(void *arg, struct str user)
{
    (void)arg;
    return str_is(user, "A_B");
}

static struct snads_world world;

static void setup(void)
{
    static char path[400], spool[400];
    struct why w = {.text = ""};
    const char *dir = unit_tmp();
    snprintf(path, sizeof path, "%s/db", dir);
    snprintf(spool, sizeof spool, "%s/spool", dir);
    loop = loop_new();
    struct store_set how = {.loop = loop, .path = path, .spooldir = spool};
    ck_assert_msg(store_open(&store, &how, &w) == 0, "%s", w.text);
    ck_assert_msg(db_open(&other, path, DB_WRITE, &w) == 0, "%s", w.text);
    snads = snads_new(store);
    arena = arena_new(64u << 20);
    set = (struct snads_set){.address = STR("QSMRMTAD"),
                             .prefix = STR("QSM"),
                             .router = STR(""),
                             .delimiter = '?',
                             .autoadd = true};
    world = (struct snads_world){.d = other,
                                 .set = &set,
                                 .names = &names,
                                 .is_scheme = is_scheme,
                                 .is_routed = is_routed,
                                 .is_user = is_user};
    open_commits = 0;
}

static void teardown(void)
{
    snads_free(&snads);
    snads_free(&snads);
    db_close(&other);
    store_close(&store);
    loop_free(&loop);
    arena_free(&arena);
}

static void alias_of(const char *owner, const char *userid, const char *address,
                     const char *mailbox)
{
    struct why w = {.text = ""};
    struct alias_row row = {.owner = str_of(owner),
                            .userid = str_of(userid),
                            .address = str_of(address),
                            .mailbox = str_of(mailbox),
                            .by = STR("root")};
    ck_assert_msg(snads_check(arena, &row, &w) == 0, "%s", w.text);
    ck_assert_msg(aliasrow_add(other, &row, &w) == 0, "%s", w.text);
}

/* "USER at ADDRESS", "-" when the ordinary forms hold, "!why" for an error. */
static const char *inbound(const char *mailbox)
{
    static char text[500];
    struct why w;
    struct str user = STR("poison"), address = STR("poison"), m = str_of(mailbox);
    ptrdiff_t at = str_find_last(m, '@');
    int rc = snads_inbound(&world, str_sub(m, 0, (size_t)at), str_sub(m, (size_t)at + 1, m.n),
                           arena, &user, &address, &w);
    if (rc == 1)
        snprintf(text, sizeof text, "%.*s at %.*s", STR_ARG(user), STR_ARG(address));
    else
        snprintf(text, sizeof text, rc == 0 ? "-" : "!%s", w.text);
    return text;
}

static const char *outbound(const char *sender, const char *user, const char *address)
{
    static char text[500];
    struct why w;
    struct str mailbox = STR("poison");
    int rc =
        snads_outbound(&world, str_of(sender), str_of(user), str_of(address), arena, &mailbox, &w);
    if (rc == 1)
        snprintf(text, sizeof text, "%.*s", STR_ARG(mailbox));
    else if (rc == 0)
        snprintf(text, sizeof text, "-");
    else
        snprintf(text, sizeof text, "!%d %s %s", w.smtp, w.enh, w.text);
    return text;
}

static const char *sender(const char *user, const char *node)
{
    static char text[500];
    struct str s = snads_sender(&world, arena, str_of(user), str_of(node));
    snprintf(text, sizeof text, "%.*s", STR_ARG(s));
    return text;
}

/* --- inbound recipients --- */

static const struct {
    const char *mailbox, *without, *with; /* an alias octopus -> OCTO1 at GARDEN */
} inbound_rows[] = {
    {"octopus@here.under.the.sea", "-", "OCTO1 at GARDEN"}, /* "-": OCTOPUS at HERE */
    {"OCTOPUS@Here.Under.The.Sea", "-", "OCTO1 at GARDEN"},
    {"octopus@alt.example.net", "-", "OCTO1 at GARDEN"},
    {"octopus@elsewhere.example", "-", "-"}, /* not our host */
    {"octopus?garden@here.under.the.sea", "OCTOPUS at GARDEN", "OCTOPUS at GARDEN"},
    {"octopus?garden@alt.example.net", "OCTOPUS at GARDEN", "OCTOPUS at GARDEN"},
    {"octopus?garden@elsewhere.example", "-", "-"},
    /* we route for SHADE; CAVE is behind no link, so its name is dropped */
    {"octopus%shade@here.under.the.sea", "OCTOPUS at SHADE", "OCTOPUS at SHADE"},
    {"octopus%cave@here.under.the.sea", "OCTOPUS at HERE", "OCTO1 at GARDEN"},
    {"octopus?garden%shade@here.under.the.sea", "OCTOPUS at GARDEN", "OCTOPUS at GARDEN"},
    {"octopus?garden%cave@here.under.the.sea", "OCTOPUS at GARDEN", "OCTOPUS at GARDEN"},
    /* other nodes have the %-form of the RSCS gateway */
    {"octopus%vmnode@here.under.the.sea", "-", "-"},
    {"octopus%unknown@here.under.the.sea", "-", "-"},
    /* what cannot be a name */
    {"octopus?@here.under.the.sea", "-", "-"},
    {"?garden@here.under.the.sea", "-", "-"},
    {"octopuses9?garden@here.under.the.sea", "-", "-"},
    {"octopus?gardens99@here.under.the.sea", "-", "-"},
};

START_TEST(inbound_without_alias)
{
    ck_assert_str_eq(inbound(inbound_rows[_i].mailbox), inbound_rows[_i].without);
}
END_TEST

START_TEST(inbound_with_alias)
{
    alias_of("", "OCTO1", "GARDEN", "octopus@here.under.the.sea");
    alias_of("", "*ANY", "REEF", "*@reef.example");
    ck_assert_str_eq(inbound(inbound_rows[_i].mailbox), inbound_rows[_i].with);
}
END_TEST

/* Without SNADSADDRESS aliases hold, the other forms do not. */
START_TEST(inbound_not_coded)
{
    set.address = STR("");
    alias_of("", "OCTO1", "GARDEN", "octopus@here.under.the.sea");
    ck_assert_str_eq(inbound("octopus@here.under.the.sea"), "OCTO1 at GARDEN");
    ck_assert_str_eq(inbound("octopus?garden@here.under.the.sea"), "-");
    ck_assert_str_eq(inbound("octopus%cave@here.under.the.sea"), "-");
}
END_TEST

START_TEST(each_delimiter)
{
    char mailbox[80];
    set.delimiter = SNADS_DELIMITERS[_i];
    snprintf(mailbox, sizeof mailbox, "octopus%cgarden@here.under.the.sea", set.delimiter);
    ck_assert_str_eq(inbound(mailbox), "OCTOPUS at GARDEN");
    /* and it comes back from the form a sender is given, unquoted */
    struct str form = snads_sender(&world, arena, STR("OCTOPUS"), STR("GARDEN"));
    ck_assert_str_eq(
        arena_cstr(arena, form),
        set.delimiter == '"' ? "\"OCTOPUS\\\"GARDEN\"@here.under.the.sea"
        : set.delimiter == '.'
            ? "OCTOPUS.GARDEN@here.under.the.sea"
            : arena_cstr(arena,
                         arena_printf(arena, "OCTOPUS%cGARDEN@here.under.the.sea", set.delimiter)));
}
END_TEST

/* Where the delimiter may be part of a name: an alias, a user of ours, then the form. */
START_TEST(ambiguous_delimiter)
{
    set.delimiter = '_';
    ck_assert_str_eq(inbound("a_b@here.under.the.sea"), "-"); /* A_B is a local user */
    ck_assert_str_eq(inbound("x_y_shade@here.under.the.sea"), "X_Y at SHADE");
    alias_of("", "OCTO1", "GARDEN", "X_Y_shade@here.under.the.sea");
    ck_assert_str_eq(inbound("x_y_shade@here.under.the.sea"), "OCTO1 at GARDEN");
}
END_TEST

/* --- outbound recipients --- */

START_TEST(outbound_order)
{
    alias_of("", "WALRUS", "REEF", "Walrus.The@cold.example");
    alias_of("", "*ANY", "REEF", "*@reef.example");
    alias_of("", "QSM01", "QSMRMTAD", "steve@example.org");
    alias_of("", "OCTOPUS", "GARDEN", "octopus@here.under.the.sea"); /* a sender's alias */
    /* exact, then *ANY and the address alone, else an error at once */
    ck_assert_str_eq(outbound("", "WALRUS", "REEF"), "Walrus.The@cold.example");
    ck_assert_str_eq(outbound("", "walrus", "reef"), "Walrus.The@cold.example");
    ck_assert_str_eq(outbound("", "CRAB", "REEF"), "crab@reef.example");
    ck_assert_str_eq(outbound("", "QSM01", "QSMRMTAD"), "steve@example.org");
    ck_assert_str_eq(
        outbound("", "QSM02", "QSMRMTAD"),
        "!550 5.1.1 QSM02 at QSMRMTAD is not registered: there is no alias of that name");
    ck_assert_str_eq(outbound("", "OCTOPUS", "GARDEN"), "-");
    ck_assert_str_eq(outbound("", "CRAB", "NOWHERE"), "-");
}
END_TEST

/* *ANY *ANY: everything not otherwise known; without an alias of its own the address is the host.
 */
START_TEST(outbound_everything)
{
    alias_of("", "*ANY", "*ANY", "*@*");
    ck_assert_str_eq(outbound("", "CRAB", "NOWHERE"), "crab@nowhere.under.the.sea");
    ck_assert_str_eq(outbound("", "CRAB", "VMNODE"), "-");      /* it has a link */
    ck_assert_str_eq(outbound("", "CRAB", "HERE"), "-");        /* it is ours */
    ck_assert_int_eq(outbound("", "CRAB", "QSMRMTAD")[0], '!'); /* so is this */
    set.router = STR("router.example");
    ck_assert_str_eq(outbound("", "CRAB", "NOWHERE"), "crab%nowhere@router.example");
}
END_TEST

START_TEST(outbound_own_domain)
{
    alias_of("", "*ANY", "*ANY", "*@*.sea.example");
    ck_assert_str_eq(outbound("", "CRAB", "NOWHERE"), "crab@nowhere.sea.example");
}
END_TEST

/* An *ANY row must never lead back to us. */
START_TEST(outbound_loop)
{
    alias_of("", "*ANY", "REEF", "*@here.under.the.sea");
    ck_assert_str_eq(outbound("", "CRAB", "REEF"),
                     "!550 5.4.6 CRAB at REEF: the alias for *ANY REEF leads back to this gateway");
    alias_of("", "*ANY", "*ANY", "*@*");
    ck_assert_int_eq(outbound("", "CRAB", "HERE")[0], '-');
}
END_TEST

START_TEST(outbound_route)
{
    alias_of("", "WALRUS", "REEF", "@host-a.example,@host-b.example:walrus@host-c.example");
    ck_assert_str_eq(outbound("", "WALRUS", "REEF"),
                     "walrus%host-c.example%host-b.example@host-a.example");
    alias_of("", "CRAB", "REEF", "@Host-A.example:Crab@host-c.example");
    ck_assert_str_eq(outbound("", "CRAB", "REEF"), "Crab%host-c.example@host-a.example");
    set.router = STR("router.example");
    alias_of("", "SHRIMP", "REEF", "shrimp@tank"); /* not a host the network knows */
    ck_assert_str_eq(outbound("", "SHRIMP", "REEF"), "shrimp%tank@router.example");
}
END_TEST

START_TEST(personal_before_system)
{
    alias_of("", "WALRUS", "REEF", "walrus@cold.example");
    alias_of("", "*ANY", "REEF", "*@reef.example");
    alias_of("OCTOPUS@GARDEN", "WALRUS", "REEF", "walrus@warm.example");
    alias_of("OCTOPUS@GARDEN", "CRAB", "REEF", "crab@warm.example");
    ck_assert_str_eq(outbound("OCTOPUS@GARDEN", "WALRUS", "REEF"), "walrus@warm.example");
    ck_assert_str_eq(outbound("octopus@garden", "CRAB", "REEF"), "crab@warm.example");
    ck_assert_str_eq(outbound("OTHER@GARDEN", "WALRUS", "REEF"), "walrus@cold.example");
    ck_assert_str_eq(outbound("OTHER@GARDEN", "CRAB", "REEF"), "crab@reef.example");
    ck_assert_str_eq(outbound("OCTOPUS@GARDEN", "FISH", "REEF"), "fish@reef.example");
}
END_TEST

/* --- senders --- */

START_TEST(sender_form)
{
    ck_assert_str_eq(sender("OCTOPUS", "GARDEN"), "OCTOPUS?GARDEN@here.under.the.sea");
    ck_assert_str_eq(sender("FRED", "VMNODE"), ""); /* %-form */
    alias_of("", "OCTOPUS", "GARDEN", "the.octopus@here.under.the.sea");
    alias_of("", "FRED", "VMNODE", "Fred.Smith@here.under.the.sea");
    alias_of("", "CRAB", "GARDEN", "crab@elsewhere.example"); /* he is at elsewhere, not here */
    alias_of("OCTO2@GARDEN", "OCTO2", "GARDEN", "mine@here.under.the.sea"); /* not the system's */
    alias_of("", "*ANY", "SHADE", "*@shade.example");                       /* outbound only */
    ck_assert_str_eq(sender("octopus", "garden"), "the.octopus@here.under.the.sea");
    ck_assert_str_eq(sender("FRED", "VMNODE"), "Fred.Smith@here.under.the.sea");
    ck_assert_str_eq(sender("CRAB", "GARDEN"), "CRAB?GARDEN@here.under.the.sea");
    ck_assert_str_eq(sender("OCTO2", "GARDEN"), "OCTO2?GARDEN@here.under.the.sea");
    ck_assert_str_eq(sender("EEL", "SHADE"), "EEL?SHADE@here.under.the.sea");
    set.address = STR("");
    ck_assert_str_eq(sender("CRAB", "GARDEN"), "");
    ck_assert_str_eq(sender("OCTOPUS", "GARDEN"), "the.octopus@here.under.the.sea");
}
END_TEST

START_TEST(takes_nodes)
{
    ck_assert(snads_takes(&world, STR(""), STR("qsmrmtad")));
    ck_assert(!snads_takes(&world, STR(""), STR("REEF")));
    alias_of("OCTOPUS@GARDEN", "CRAB", "REEF", "crab@warm.example");
    ck_assert(!snads_takes(&world, STR(""), STR("REEF")));
    ck_assert(snads_takes(&world, STR("octopus@garden"), STR("REEF")));
    alias_of("", "*ANY", "REEF", "*@reef.example");
    ck_assert(snads_takes(&world, STR(""), STR("REEF")));
    ck_assert(!snads_takes(&world, STR(""), STR("LAGOON")));
    alias_of("", "*ANY", "*ANY", "*@*");
    ck_assert(snads_takes(&world, STR(""), STR("LAGOON")));
}
END_TEST

/* --- what may be an alias --- */

static const struct {
    const char *owner, *userid, *address, *mailbox, *why; /* why NULL: good */
} check_rows[] = {
    {"", "QSM01", "QSMRMTAD", "steve@example.org", NULL},
    {"", "*any", "reef", "*@reef.example", NULL},
    {"", "*ANY", "*ANY", "*@*", NULL},
    {"", "*ANY", "*ANY", "*@*.example", NULL},
    {"a@b", "X", "Y", "x@y", NULL},
    {"", "X", "Y", "x@b\xc3\xbc\x63her.example", NULL},
    {"", "X", "Y", "x@b\xc3\xbc\x63her..example", "\"x@b\xc3\xbc\x63her..example\" is no mailbox"},
    {"", "X", "Y", "@a,@b:x@c", NULL},
    {"", "WALRUSES1", "REEF", "x@y.example", "\"WALRUSES1\" is no user ID"},
    {"", "", "REEF", "x@y.example", "\"\" is no user ID"},
    {"", "WAL RUS", "REEF", "x@y.example", "\"WAL RUS\" is no user ID"},
    {"", "WALRUS", "REEFREEF1", "x@y.example", "\"REEFREEF1\" is no address"},
    {"", "WALRUS", "*ANY", "x@y.example", "\"*ANY\" is no address"},
    {"", "WALRUS", "REEF", "walrus", "\"walrus\" is no mailbox"},
    {"", "WALRUS", "REEF", "walrus@", "\"walrus@\" is no mailbox"},
    {"", "WALRUS", "REEF", "@reef.example", "\"@reef.example\" is no mailbox"},
    {"", "WALRUS", "REEF", "*@reef.example", "\"*@reef.example\" is no mailbox"},
    {"", "WALRUS", "REEF", "w@*.example", "\"w@*.example\" is no mailbox"},
    {"", "WALRUS", "REEF", "w@reef example", "\"w@reef example\" is no mailbox"},
    {"", "WALRUS", "REEF", "w@.example", "\"w@.example\" is no mailbox"},
    {"", "WALRUS", "REEF", "@a,b:w@c", "\"@a,b:w@c\" is no mailbox"},
    {"", "WALRUS", "REEF", "@a,@b,@c,@d,@e,@f,@g,@h,@i:w@c",
     "\"@a,@b,@c,@d,@e,@f,@g,@h,@i:w@c\" is"},
    {"", "*ANY", "REEF", "steve@reef.example", "\"steve@reef.example\" is no mailbox for *ANY"},
    {"", "*ANY", "REEF", "@a:*@reef.example", "\"@a:*@reef.example\" is no mailbox for *ANY"},
    {"OCTOPUS@GARDEN", "*ANY", "REEF", "*@reef.example", "*ANY is for the system's table"},
    {"OCTOPUS", "X", "REEF", "x@y", "\"OCTOPUS\" is no NJE user"},
    {"OCTOPUS@", "X", "REEF", "x@y", "\"OCTOPUS@\" is no NJE user"},
};

START_TEST(checked)
{
    struct why w = {.text = ""};
    struct alias_row row = {.owner = str_of(check_rows[_i].owner),
                            .userid = str_of(check_rows[_i].userid),
                            .address = str_of(check_rows[_i].address),
                            .mailbox = str_of(check_rows[_i].mailbox)};
    int rc = snads_check(arena, &row, &w);
    const char *why = check_rows[_i].why;
    ck_assert_msg((rc == 0) == (why == NULL), "%s: %s", check_rows[_i].mailbox, w.text);
    if (why != NULL)
        ck_assert_msg(strncmp(w.text, why, strlen(why)) == 0, "%s", w.text);
}
END_TEST

START_TEST(rows_kept)
{
    struct why w = {.text = ""};
    struct alias_row row = {.userid = STR("walrus"),
                            .address = STR("reef"),
                            .mailbox = STR("a@b"),
                            .by = STR("root")},
                     got;
    ck_assert_int_eq(aliasrow_add(other, &row, &w), 0);
    ck_assert_int_eq(aliasrow_add(other, &row, &w), E_DENIED); /* twice by hand is a mistake */
    ck_assert_msg(strstr(w.text, "exists already") != NULL, "%s", w.text);
    row.mailbox = STR("c@d");
    ck_assert_int_eq(aliasrow_add(other, &row, &w), E_DENIED);
    ck_assert_msg(strstr(w.text, "it is a@b") != NULL, "%s", w.text);
    memset(&got, 0xA5, sizeof got);
    ck_assert_int_eq(aliasrow_get(other, &row, arena, &got, &w), 0);
    ck_assert(str_eq(got.userid, STR("WALRUS")) && str_eq(got.mailbox, STR("a@b")));
    ck_assert(str_eq(got.by, STR("root")) && got.changed.us > 0 && !got.automatic);
    ck_assert_int_eq(aliasrow_delete(other, &row, &w), 0);
    ck_assert_int_eq(aliasrow_delete(other, &row, &w), E_ABSENT);
    ck_assert_str_eq(w.text, "there is no alias for walrus reef");
}
END_TEST

/* --- automatic registration --- */

static void committed(void *arg, const struct why *w)
{
    (void)arg;
    ck_assert_msg(w == NULL, "%s", w != NULL ? w->text : "");
    open_commits--;
}

static void durable(struct change **c)
{
    open_commits++;
    change_commit(c, committed, NULL);
    while (open_commits > 0)
        (void)loop_turn(loop, true);
}

static const char *registered(const char *mailbox, struct change *c)
{
    static char text[500];
    struct why w = {.text = ""};
    struct alias_row row;
    memset(&row, 0xA5, sizeof row);
    int rc = snads_register(snads, &set, str_of(mailbox), c, arena, &row, &w);
    if (rc < 0)
        snprintf(text, sizeof text, "!%s", w.text);
    else
        snprintf(text, sizeof text, "%.*s %.*s", STR_ARG(row.userid), STR_ARG(row.address));
    return text;
}

START_TEST(registered_once)
{
    struct change *c = change_new(store), *second = change_new(store);
    ck_assert_str_eq(registered("Steve@Example.ORG", c), "QSM01 QSMRMTAD");
    ck_assert_str_eq(registered("Steve@example.org", c), "QSM01 QSMRMTAD");
    ck_assert_str_eq(registered("Steve@EXAMPLE.org", second),
                     "QSM01 QSMRMTAD"); /* not yet durable */
    ck_assert_str_eq(registered("steve@example.org", second), "QSM02 QSMRMTAD"); /* case counts */
    change_drop(&c); /* nothing is lost: the second brings the row, too */
    durable(&second);
    ck_assert_str_eq(outbound("", "QSM01", "QSMRMTAD"), "Steve@example.org");
    ck_assert_str_eq(outbound("", "QSM02", "QSMRMTAD"), "steve@example.org");
    c = change_new(store);
    ck_assert_str_eq(registered("Steve@example.org", c), "QSM01 QSMRMTAD");
    ck_assert_str_eq(registered("third@example.org", c), "QSM03 QSMRMTAD");
    durable(&c);
    struct snads *fresh = snads_new(store); /* after a restart the numbers go on */
    snads_free(&snads);
    snads = fresh;
    c = change_new(store);
    ck_assert_str_eq(registered("third@example.org", c), "QSM03 QSMRMTAD");
    ck_assert_str_eq(registered("fourth@example.org", c), "QSM04 QSMRMTAD");
    durable(&c);
}
END_TEST

/* A row made by hand is the sender's name; *ANY is never. */
START_TEST(registered_by_hand)
{
    struct change *c = change_new(store);
    alias_of("", "*ANY", "REEF", "*@reef.example");
    alias_of("", "WALRUS", "REEF", "walrus@reef.example");
    ck_assert_str_eq(registered("walrus@reef.example", c), "WALRUS REEF");
    ck_assert_str_eq(registered("crab@reef.example", c), "QSM01 QSMRMTAD");
    set.autoadd = false;
    ck_assert_str_eq(registered("eel@reef.example", c), "!no alias stands for eel@reef.example");
    ck_assert_str_eq(registered("walrus@reef.example", c), "WALRUS REEF");
    durable(&c);
}
END_TEST

START_TEST(number_never_reused_while_live)
{
    struct change *c = change_new(store);
    alias_of("", "QSM02", "QSMRMTAD", "taken@example.org");
    alias_of("", "QSM99998", "QSMRMTAD", "high@example.org");
    ck_assert_str_eq(registered("a@example.org", c), "QSM99999 QSMRMTAD");
    ck_assert_str_eq(registered("b@example.org", c), "QSM01 QSMRMTAD");
    ck_assert_str_eq(registered("c@example.org", c), "QSM03 QSMRMTAD"); /* 02 lives */
    durable(&c);
}
END_TEST

START_TEST(number_width)
{
    static const unsigned after[] = {98, 99, 999, 9999};
    static const char *const want[] = {"QSM99 QSMRMTAD", "QSM100 QSMRMTAD", "QSM1000 QSMRMTAD",
                                       "QSM10000 QSMRMTAD"};
    struct change *c = change_new(store);
    char last[16];
    snprintf(last, sizeof last, "QSM%02u", after[_i]);
    alias_of("", last, "QSMRMTAD", "high@example.org");
    ck_assert_str_eq(registered("a@example.org", c), want[_i]);
    durable(&c);
}
END_TEST

static void fill_numbers(void)
{
    struct why w = {.text = ""};
    ck_assert_int_eq(db_begin(other, &w), 0);
    for (unsigned i = 1; i <= 99999; i++) {
        char userid[16], mailbox[40];
        snprintf(userid, sizeof userid, "QSM%02u", i);
        snprintf(mailbox, sizeof mailbox, "u%u@example.org", i);
        struct alias_row row = {.userid = str_of(userid),
                                .address = STR("QSMRMTAD"),
                                .mailbox = str_of(mailbox),
                                .automatic = true,
                                .by = STR("test")};
        ck_assert_msg(aliasrow_insert(other, &row, &w) == 0, "%s", w.text);
    }
    ck_assert_int_eq(db_commit(other, &w), 0);
}

START_TEST(all_numbers_used)
{
    struct change *c = change_new(store);
    fill_numbers();
    ck_assert_str_eq(registered("u77@example.org", c), "QSM77 QSMRMTAD"); /* the known still go */
    ck_assert_str_eq(registered("new@example.org", c),
                     "!All automatic user IDs up to QSM99999 at QSMRMTAD are in use: delete some "
                     "aliases");
    change_drop(&c);
}
END_TEST

/* The one number left, given but not yet durable, is not given again. */
START_TEST(last_number_once)
{
    struct why w;
    struct change *c = change_new(store);
    struct alias_row key = {.userid = STR("QSM05"), .address = STR("QSMRMTAD")};
    fill_numbers();
    ck_assert_int_eq(aliasrow_delete(other, &key, &w), 0);
    ck_assert_str_eq(registered("first@example.org", c), "QSM05 QSMRMTAD");
    ck_assert_int_eq(registered("second@example.org", c)[0], '!');
    durable(&c);
}
END_TEST

START_TEST(registered_now)
{
    struct why w = {.text = ""};
    struct alias_row row;
    set.autoadd = false;
    ck_assert_int_eq(
        snads_register_now(other, &set, STR("x@Y.example"), STR("root"), arena, &row, &w), 0);
    ck_assert(str_eq(row.userid, STR("QSM01")) && str_eq(row.by, STR("root")));
    ck_assert_int_eq(
        snads_register_now(other, &set, STR("x@y.example"), STR("root"), arena, &row, &w), 0);
    ck_assert(str_eq(row.userid, STR("QSM01")));
    ck_assert_str_eq(outbound("", "QSM01", "QSMRMTAD"), "x@y.example");
}
END_TEST

/* More at once than are remembered: each keeps one name. */
START_TEST(many_not_durable)
{
    struct change *c = change_new(store);
    char mailbox[40];
    for (unsigned i = 1; i <= 600; i++) {
        snprintf(mailbox, sizeof mailbox, "m%u@example.org", i);
        ck_assert_int_eq(registered(mailbox, c)[0], 'Q');
        if (i % 200 == 0) {
            durable(&c);
            c = change_new(store);
        }
    }
    ck_assert_str_eq(registered("m1@example.org", c), "QSM01 QSMRMTAD");
    ck_assert_str_eq(registered("m600@example.org", c), "QSM600 QSMRMTAD");
    durable(&c);
}
END_TEST

static Suite *test_snads_suite(void)
{
    Suite *s = suite_create("aliases/snads");
    TCase *t = tcase_create("snads");
    int n = (int)(sizeof inbound_rows / sizeof inbound_rows[0]);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, inbound_without_alias, 0, n);
    tcase_add_loop_test(t, inbound_with_alias, 0, n);
    tcase_add_test(t, inbound_not_coded);
    tcase_add_loop_test(t, each_delimiter, 0, (int)sizeof SNADS_DELIMITERS - 1);
    tcase_add_test(t, ambiguous_delimiter);
    tcase_add_test(t, outbound_order);
    tcase_add_test(t, outbound_everything);
    tcase_add_test(t, outbound_own_domain);
    tcase_add_test(t, outbound_loop);
    tcase_add_test(t, outbound_route);
    tcase_add_test(t, personal_before_system);
    tcase_add_test(t, sender_form);
    tcase_add_test(t, takes_nodes);
    tcase_add_loop_test(t, checked, 0, (int)(sizeof check_rows / sizeof check_rows[0]));
    tcase_add_test(t, rows_kept);
    tcase_add_test(t, registered_once);
    tcase_add_test(t, registered_by_hand);
    tcase_add_test(t, number_never_reused_while_live);
    tcase_add_loop_test(t, number_width, 0, 4);
    tcase_add_test(t, all_numbers_used);
    tcase_add_test(t, last_number_once);
    tcase_add_test(t, registered_now);
    tcase_add_test(t, many_not_durable);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_snads_suite)
