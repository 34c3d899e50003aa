/* tests/unit/cert.h -- certificates for tests, made on the spot and written as PEM files. */
#ifndef TESTS_UNIT_CERT_H
#define TESTS_UNIT_CERT_H

#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

struct cert {
    char cert[200], key[200]; /* the files */
};

static inline X509 *cert_self_signed(EVP_PKEY *key, const char *names, time_t from, time_t until)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), from);
    ASN1_TIME_set(X509_getm_notAfter(x), until);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"mx.example", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ck_assert_ptr_nonnull(san);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    return x;
}

/* names: "DNS:mx.example,IP:192.0.2.1". OpenSSL looks at the real clock, whatever clock_fake says;
 * days: from now, negative: expired then. */
static inline struct cert cert_make(const char *folder, const char *file, const char *names,
                                    int days)
{
    struct cert c;
    time_t now = time(NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = cert_self_signed(key, names, now - 864000, now + days * 86400);
    (void)snprintf(c.cert, sizeof c.cert, "%s/%s.pem", folder, file);
    (void)snprintf(c.key, sizeof c.key, "%s/%s.key", folder, file);
    FILE *f = fopen(c.cert, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(PEM_write_X509(f, x), 1);
    (void)fclose(f);
    f = fopen(c.key, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
    return c;
}

#endif
