/* db/threadrow.c -- see threadrow.h */
#include "db/threadrow.h"

#include "db/row.h"

#define DAY_US (86400ll * 1000000)

struct str threadrow_subject(struct str subject, bool *reply)
{
    static const struct {
        const char *mark;
        bool reply;
    } marks[] = {{"Re:", true}, {"AW:", true},   {"SV:", true},  {"Antw:", true},
                 {"RE^", true}, {"Fwd:", false}, {"FW:", false}, {"WG:", false}};
    *reply = false;
    for (bool more = true; more;) {
        more = false;
        subject = str_trim(subject);
        for (size_t i = 0; i < sizeof marks / sizeof *marks && !more; i++) {
            if (!str_starts_nocase(subject, marks[i].mark))
                continue;
            *reply = *reply || marks[i].reply;
            subject = str_sub(subject, str_of(marks[i].mark).n, subject.n);
            more = true;
        }
    }
    return subject;
}

int threadrow_put(struct db *d, const struct thread_row *row, struct why *w)
{
    struct row_key who, peer;
    if (!row_upper(&who, row->who, ROW_MAILBOX_MAX) || !row_mailbox(&peer, row->peer) ||
        row->subject.n > THREAD_TEXT_MAX || row->message_id.n > THREAD_TEXT_MAX ||
        row->refs.n > THREAD_TEXT_MAX)
        return OK;
    const struct cell value[] = {cell_text(who.s),        cell_text(peer.s),
                                 cell_text(row->subject), cell_text(row->message_id),
                                 cell_text(row->refs),    cell_number(row->at.us)};
    return row_run(d,
                   "INSERT OR REPLACE INTO thread (who, peer, subject, message_id, refs, at)"
                   " VALUES (?,?,?,?,?,?)",
                   "tttttn", value, NULL, w);
}

int threadrow_find(struct db *d, struct str who, struct str peer, struct str subject,
                   struct arena *a, struct thread_row *row, struct why *w)
{
    static const struct row_query query = {"SELECT message_id, refs, at FROM thread"
                                           " WHERE who = ?1 AND peer = ?2 AND subject = ?3",
                                           "ttn", 0};
    struct row_key k, p;
    struct cell cell[ROW_CELLS];
    if (!row_upper(&k, who, ROW_MAILBOX_MAX) || !row_mailbox(&p, peer))
        return 0;
    const struct str key[] = {k.s, p.s, subject};
    int rc = row_find(d, &query, key, 3, false, a, cell, w);
    if (rc > 0)
        *row = (struct thread_row){.who = who,
                                   .peer = peer,
                                   .subject = subject,
                                   .message_id = cell[0].text,
                                   .refs = cell[1].text,
                                   .at = {cell[2].number}};
    return rc;
}

int threadrow_prune(struct db *d, struct wall now, int most, struct why *w)
{
    const struct cell value[] = {cell_number(now.us - THREAD_DAYS * DAY_US), cell_number(most),
                                 cell_number(THREADS_MAX)};
    int changed = 0;
    /* The oldest go first, whichever bound they pass. */
    int rc = row_run(d,
                     "DELETE FROM thread WHERE (who, peer, subject) IN (SELECT who, peer, subject"
                     " FROM thread ORDER BY at LIMIT max((SELECT count(*) FROM (SELECT 1 FROM"
                     " thread WHERE at < ?1 LIMIT ?2)), min(?2, (SELECT count(*) FROM thread) -"
                     " ?3)))",
                     "nnn", value, &changed, w);
    return rc < 0 ? rc : changed;
}
