/* security/jail.h -- what the daemon gives up once its ports are open: privileges, core dumps, and
 * by Landlock every path but those it works with. Nothing here can be taken back. */
#ifndef SECURITY_JAIL_H
#define SECURITY_JAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct jail_path {
    const char *path; /* a file, or a folder and all below it; one that is absent is left out */
    bool write;       /* else it is read only */
};

/* No set-user-ID program gives us anything (no_new_privs), no core file holds anybody's mail, no
 * process of the same user looks into our memory, and unless we are root no capability is kept. */
int jail_strip(struct why *w) MUST_CHECK;
/* Let the process open this many descriptors, as far as it may; the number that holds now. */
uint64_t jail_descriptors(uint64_t wanted);
/* Landlock for this thread and those it starts: files outside the paths can neither be opened,
 * made nor removed, and no program can be run. Answers 1; 0 with *w when this kernel has no
 * Landlock that lets files move between folders (Linux 5.19). */
int jail_confine(const struct jail_path *path, size_t n, struct why *w) MUST_CHECK;

#endif
