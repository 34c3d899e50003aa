/* security/jail.c -- privileges, limits and Landlock: see jail.h. */
#include "security/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock's first version forbids every move between two folders: large bodies move from tmp/ to
 * body/ when they are sealed. */
#define ABI_LEAST 2
#define BIT(n) (UINT64_C(1) << (n))
/* The rights of <linux/landlock.h> by their numbers: the header may be older than the kernel. */
#define FS_EXECUTE BIT(0)
#define FS_WRITE_FILE BIT(1)
#define FS_READ_FILE BIT(2)
#define FS_READ_DIR BIT(3)
#define FS_REFER BIT(13)
#define FS_TRUNCATE BIT(14)  /* version 3 */
#define FS_IOCTL_DEV BIT(15) /* version 5 */
#define FS_READ (FS_READ_FILE | FS_READ_DIR)
/* What a rule for a file may speak of. */
#define FS_OF_A_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return -1;
    return (int)syscall(SYS_capset, &head, none);
}

int jail_strip(struct why *w)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return why_errno(w, "cannot give up new privileges");
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return why_errno(w, "cannot switch core dumps off");
#ifndef __SANITIZE_ADDRESS__ /* its search for leaks looks at us from another process */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return why_errno(w, "cannot switch core dumps off");
#endif
    if (geteuid() != 0 && drop_capabilities() != 0)
        return why_errno(w, "cannot give up capabilities");
    return OK;
}

uint64_t jail_descriptors(uint64_t wanted)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return wanted;
    if (now.rlim_cur >= wanted)
        return now.rlim_cur;
    struct rlimit more = {wanted, now.rlim_max < wanted ? wanted : now.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return wanted;
    more = (struct rlimit){now.rlim_max < wanted ? now.rlim_max : wanted, now.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &more) == 0 ? more.rlim_cur : now.rlim_cur;
}

static int add_path(int rules, const struct jail_path *p, uint64_t all, struct why *w)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = p->write ? all & ~(FS_EXECUTE | FS_IOCTL_DEV) : FS_READ,
        .parent_fd = open(p->path, O_PATH | O_CLOEXEC)};
    struct stat st;
    int v = OK;
    if (rule.parent_fd < 0)
        return OK;
    if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= FS_OF_A_FILE;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        v = why_errno(w, p->path);
    close(rule.parent_fd);
    return v;
}

int jail_confine(const struct jail_path *path, size_t n, struct why *w)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return why_errno(w, "Landlock"), 0;
    if (abi < ABI_LEAST)
        return why_set(w, E_ABSENT, 0, NULL, "Landlock: version %ld, version %d is needed", abi,
                       ABI_LEAST),
               0;
    uint64_t all = (FS_REFER << 1) - 1;
    all |= (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
    struct landlock_ruleset_attr set = {.handled_access_fs = all};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof set, 0);
    if (rules < 0)
        return why_errno(w, "Landlock");
    int v = OK;
    for (size_t i = 0; i < n && v == OK; i++)
        v = add_path(rules, &path[i], all, w);
    if (v == OK && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        v = why_errno(w, "Landlock");
    close(rules);
    return v < 0 ? v : 1;
}
