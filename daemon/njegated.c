/* daemon/njegated.c -- the daemon's command line. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"

static const char usage[] =
    "usage: njegated [-c FILE] [-t] [-v]\n"
    "  -c FILE  configuration (default $NJEGATE_CONFIG, /etc/njegate/njegate.conf)\n"
    "  -t       check the configuration and exit\n"
    "  -v       log more\n";

int main(int argc, char **argv)
{
    const char *path = getenv("NJEGATE_CONFIG");
    bool check = false;
    if (path == NULL)
        path = "/etc/njegate/njegate.conf";
    for (int opt; (opt = getopt(argc, argv, "c:tv")) != -1;) {
        if (opt == 'c')
            path = optarg;
        else if (opt == 't')
            check = true;
        else if (opt == 'v')
            log_open(2, LOG_DEBUG);
        else
            return fputs(usage, stderr), 2;
    }
    if (optind < argc)
        return fputs(usage, stderr), 2;
    struct conf *c = conf_load(path, conf_report_stderr, NULL);
    if (c == NULL)
        return 1;
    if (check) {
        conf_free(&c);
        return 0;
    }
    mem_keep();
    return daemon_run(c);
}
