/* db/readerrow.h -- files in the readers of our local users, as decks (rscs/deck.h). */
#ifndef DB_READERROW_H
#define DB_READERROW_H

#include "db/db.h"
#include "db/message.h"

struct reader_row {
    uint64_t number; /* one series per node */
    struct str user; /* local userid */
    struct str from; /* "USER@NODE" */
    struct str fn, ft;
    char class;
    uint32_t records;
    struct wall date;
    struct str kind; /* "NOTE", "FILE", "MAIL", "ACK" */
};
/* user "" lists all. Rows in order of number. */
int readerrow_each(struct db *d, struct str user, int (*fn)(void *arg, const struct reader_row *r),
                   void *arg, struct why *w) MUST_CHECK;
/* One file with its deck. spooldir: where large bodies are. E_ABSENT. */
int readerrow_get(struct db *d, const char *spooldir, uint64_t number, struct arena *a,
                  struct reader_row *row, struct body **deck, struct why *w) MUST_CHECK;
int readerrow_purge(struct db *d, const char *spooldir, uint64_t number, struct why *w) MUST_CHECK;

#endif
