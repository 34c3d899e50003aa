/* daemon/rights.c -- becomes the USER, and goes into the jail: see rights.h. */
#include "daemon/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "security/jail.h"

/* Descriptors besides those of SMTP connections: the database, bodies being sent, readers. */
#define DESCRIPTORS_OWN 512
#define DESCRIPTORS_A_LINK 8

static int become(const struct conf *c, struct why *w)
{
    if (c->run_user.n == 0) {
        if (geteuid() == 0)
            log_event(LOG_WARN, 0, "start", "text=%s",
                      log_quote(STR("runs as root: USER is not configured")));
        return OK;
    }
    struct passwd *pw = getpwnam(c->run_user.p);
    if (pw == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "USER %.*s: there is no such user",
                       STR_ARG(c->run_user));
    struct group *gr = c->run_group.n > 0 ? getgrnam(c->run_group.p) : NULL;
    if (c->run_group.n > 0 && gr == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "USER ... %.*s: there is no such group",
                       STR_ARG(c->run_group));
    if (geteuid() == pw->pw_uid)
        return OK;
    if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
        setgid(gr != NULL ? gr->gr_gid : pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
        return why_errno(w, "cannot become the configured USER");
    return OK;
}

struct paths {
    struct jail_path *item;
    size_t n;
};

static void allow(struct paths *p, const char *path, bool write)
{
    p->item = mem_grow(p->item, p->n + 1, sizeof *p->item);
    p->item[p->n++] = (struct jail_path){mem_dup(path), write};
}

/* The folder of a file: files are replaced by renaming, and a database has files beside it. For a
 * file in / the file alone: nobody means to open the whole tree. */
static void allow_folder(struct paths *p, struct str file, bool write)
{
    char *path = mem_new(file.n + 2);
    memcpy(path, file.p, file.n);
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        memcpy(path, ".", 2);
    else if (slash != path)
        *slash = '\0';
    allow(p, path, write);
    free(path);
}

static void gather(struct paths *p, const struct conf *c)
{
    /* Of the system: zones, certificates, resolver, character sets, what libraries open late. */
    static const char *const system[] = {"/etc",
                                         "/usr",
                                         "/lib",
                                         "/lib64",
                                         "/run/systemd/resolve",
                                         "/run/NetworkManager",
                                         "/run/resolvconf",
                                         "/proc/self",
                                         "/sys/devices/system/cpu",
                                         "/dev/urandom",
                                         "/dev/null"};
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
        allow(p, system[i], false);
    for (size_t i = 0; i < c->npath; i++)
        allow_folder(p, c->paths[i], false);
    allow_folder(p, c->path, false);
    allow_folder(p, c->database, true);
    allow_folder(p, c->control, true);
    allow(p, c->spooldir.p, true);
}

static int confine(const struct conf *c, struct why *w)
{
    struct paths p = {0};
    /* A rule needs the folder; when it cannot be made the store says why. */
    if (mkdir(c->spooldir.p, 0700) != 0 && errno != EEXIST)
        log_event(LOG_DEBUG, 0, "start", "spooldir=%.*s error=%s", STR_ARG(c->spooldir),
                  log_quote(str_of(strerror(errno))));
    gather(&p, c);
    int v = jail_confine(p.item, p.n, w);
    if (v == 0)
        log_event(LOG_WARN, 0, "start", "text=%s error=%s",
                  log_quote(STR("not confined to its own files")), log_quote(str_of(w->text)));
    for (size_t i = 0; i < p.n; i++)
        free((char *)(uintptr_t)p.item[i].path);
    free(p.item);
    return v < 0 ? v : OK;
}

int rights_drop(const struct conf *c, struct why *w)
{
    uint64_t wanted = (uint64_t)(c->inbound_limit + c->outbound_limit) + DESCRIPTORS_OWN +
                      DESCRIPTORS_A_LINK * c->nlink;
    uint64_t have = jail_descriptors(wanted);
    if (have < wanted)
        log_event(LOG_WARN, 0, "start", "descriptors=%llu wanted=%llu text=%s",
                  (unsigned long long)have, (unsigned long long)wanted,
                  log_quote(STR("fewer connections than INBOUNDOPENLIMIT and OUTBOUNDOPENLIMIT "
                                "allow: raise LimitNOFILE")));
    int v = become(c, w);
    if (v == OK)
        v = jail_strip(w);
    return v == OK ? confine(c, w) : v;
}
