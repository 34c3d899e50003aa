/* tests/unit/security/test_authfile.c -- user:crypt lines */
#include <check.h>
#include <stdio.h>
#include <sys/stat.h>

#include "security/authfile.h"
#include "unit/unit.h"

/* "secret" by openssl passwd -6 -salt abcdefgh */
#define SIX                                                                                        \
    "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/"      \
    "O6IND4WQhG."

static struct authfile *read_text(const char *text, mode_t mode, struct why *w)
{
    char path[400];
    snprintf(path, sizeof path, "%s/users", unit_tmp());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
    return authfile_read(path, w);
}

START_TEST(test_passwords)
{
    struct why w;
    char hash[AUTH_HASH_MAX], made[AUTH_HASH_MAX + 40];
    struct authfile *f = read_text("# people\n\nold:" SIX "\n", 0600, &w);
    ck_assert_msg(f != NULL, "%s", w.text);
    ck_assert(authfile_hash(f, STR("old"), hash));
    ck_assert(authfile_check(hash, "secret"));
    ck_assert(!authfile_check(hash, "Secret"));
    ck_assert(!authfile_check(hash, ""));
    ck_assert(!authfile_hash(f, STR("nobody"), made));
    ck_assert(!authfile_check(made, "secret"));
    ck_assert(!authfile_hash(f, STR("OLD"), made));
    ck_assert(!authfile_check("no hash", "secret"));
    authfile_free(&f);
}
END_TEST

START_TEST(test_bad_files)
{
    static const struct {
        const char *text;
        mode_t mode;
    } bad[] = {{"anne\n", 0600},
               {":x\n", 0600},
               {"anne:\n", 0600},
               {"# nobody\n", 0600},
               {"anne:" SIX "\n", 0622}};
    struct why w;
    ck_assert_ptr_null(read_text(bad[_i].text, bad[_i].mode, &w));
    ck_assert(w.text[0] != '\0');
}
END_TEST

static Suite *test_authfile_suite(void)
{
    Suite *s = suite_create("authfile");
    TCase *t = tcase_create("authfile");
    tcase_add_test(t, test_passwords);
    tcase_add_loop_test(t, test_bad_files, 0, 5);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_authfile_suite)
