/* tests/unit/cli/disk.c -- the disk of the database's tests, for the command line's. */
#include "unit/db/power.c"
