/* security/authfile.c -- user:crypt lines */
#include "security/authfile.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define LINE_LENGTH 512

struct user {
    char *name, *hash;
};
struct authfile {
    struct user *user;
    size_t n;
};

void authfile_free(struct authfile **f)
{
    if (*f == NULL)
        return;
    for (size_t i = 0; i < (*f)->n; i++) {
        free((*f)->user[i].name);
        free((*f)->user[i].hash);
    }
    free((*f)->user);
    free(*f);
    *f = NULL;
}

/* One line; an htpasswd or passwd(5) line may go on behind a further colon. */
static bool read_line(struct authfile *f, struct str line)
{
    struct str name, rest = str_trim(line), hash;
    if (rest.n == 0 || rest.p[0] == '#')
        return true;
    if (!str_split(&rest, ':', &name) || name.n == 0 || name.n > AUTH_USER_MAX ||
        !str_split(&rest, ':', &hash) || hash.n < 2 || hash.n >= AUTH_HASH_MAX)
        return false;
    f->user = mem_grow(f->user, f->n + 1, sizeof *f->user);
    f->user[f->n++] =
        (struct user){.name = mem_copy(name.p, name.n), .hash = mem_copy(hash.p, hash.n)};
    return true;
}

static int read_all(struct authfile *f, FILE *in, const char *path, struct why *w)
{
    char line[LINE_LENGTH];
    for (unsigned n = 1; fgets(line, sizeof line, in) != NULL; n++)
        if (!read_line(f, str_of(line)))
            return why_set(w, E_SYNTAX, 0, NULL, "%s:%u: must be user:crypt", path, n);
    if (ferror(in))
        return why_set(w, E_IO, 0, NULL, "%s cannot be read", path);
    return f->n > 0 ? 0 : why_set(w, E_SYNTAX, 0, NULL, "%s names nobody", path);
}

struct authfile *authfile_read(const char *path, struct why *w)
{
    struct stat st;
    FILE *in = fopen(path, "re");
    if (in == NULL || fstat(fileno(in), &st) != 0) {
        why_errno(w, path);
        if (in != NULL)
            fclose(in);
        return NULL;
    }
    struct authfile *f = mem_new(sizeof *f);
    int rc = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0
                 ? why_set(w, E_DENIED, 0, NULL, "%s may be written by others", path)
                 : read_all(f, in, path, w);
    fclose(in);
    if (rc < 0)
        authfile_free(&f);
    return f;
}

bool authfile_hash(const struct authfile *f, struct str user, char hash[AUTH_HASH_MAX])
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(user, str_of(f->user[i].name))) {
            str_copy(hash, AUTH_HASH_MAX, str_of(f->user[i].hash));
            return true;
        }
    str_copy(hash, AUTH_HASH_MAX, str_of(f->user[0].hash));
    size_t n = strlen(hash);
    hash[n - 1] = hash[n - 1] == '.' ? '/' : '.';
    return false;
}

/* Takes as long wherever the two differ. */
static bool same(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned differ = n != m;
    for (size_t i = 0; i < n && i < m; i++)
        differ |= (unsigned)(a[i] ^ b[i]);
    return differ == 0;
}

bool authfile_check(const char *hash, const char *password)
{
    struct crypt_data *data = mem_new(sizeof *data);
    const char *made = crypt_r(password, hash, data);
    bool good = made != NULL && made[0] != '*' && same(made, hash);
    explicit_bzero(data, sizeof *data);
    free(data);
    return good;
}
