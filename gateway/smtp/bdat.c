/* gateway/smtp/bdat.c -- content by its length: BDAT (RFC 3030)
 *
 * A chunk is read to its end whatever becomes of it, for what stands in it are never commands; the
 * answer comes behind it. After a chunk that was refused the transaction is lost: the chunks that
 * follow in the pipeline are passed over and refused for the same reason. */
#include "gateway/smtp/session.h"

/* Why this chunk cannot be taken, as far as the command tells: 0 it can. */
static int judge(struct smtpd_session *s, struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (tx == NULL)
        return why_set(w, E_SYNTAX, 503, "5.5.1", "No sender specified");
    if (tx->failed) {
        *w = tx->why;
        return w->err;
    }
    if (tx->m.nrcpt == 0)
        return why_set(w, E_SYNTAX, tx->refused > 0 ? 554 : 503, "5.5.1", "%s",
                       tx->refused > 0 ? "No valid recipients" : "No recipient specified");
    return 0;
}

void smtpd_bdat(struct smtpd_session *s, struct str rest)
{
    struct why w;
    struct str size = str_word(&rest), last = str_word(&rest);
    bool whole = size.n > 0 && str_number(size, UINT64_MAX, &s->chunk);
    s->last = str_is(last, "LAST");
    if (!whole || (last.n > 0 && !s->last) || str_trim(rest).n > 0) {
        /* How many octets are no commands is not known: nothing more can be read. */
        smtpd_wrong(s, 501, "5.5.4", "Syntax: BDAT octets [LAST]");
        smtpd_hang_up(s, "refused", "4.5.0", "cannot tell where this chunk ends");
        return;
    }
    if (s->chunk > s->d->set.max_size + SMTPD_SWALLOW_MAX) {
        smtpd_hang_up(s, "limit", "4.3.4", "does not read a chunk of that size");
        return;
    }
    s->chunk_left = s->chunk;
    smtpd_set_state(s, SMTPD_BDAT);
    if (s->tx == NULL || s->tx->chunks)
        return;
    s->tx->chunks = true;
    if (judge(s, &w) == 0)
        smtpd_ask(s, SMTPD_AT_DATA);
}

void smtpd_begin_chunks(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (w == NULL) {
        smtpd_begin_content(tx);
    } else {
        tx->failed = true;
        tx->why = *w;
    }
}

static void keep(struct smtpd_session *s, struct cur *piece)
{
    struct smtpd_tx *tx = s->tx;
    struct buf *out = &s->d->content;
    buf_reset(out);
    if (tx->m.params.binary)
        buf_add(out, piece->p, cur_left(piece));
    else
        (void)!smtp_chunk(&tx->undot, piece,
                          out); /* what is wrong is told at the end, as with DATA */
    smtpd_write_content(tx, out);
}

static void refused(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (tx == NULL || !tx->failed)
        s->errors++;
    if (tx != NULL && s->last)
        smtpd_end_tx(s);
    else if (tx != NULL)
        smtpd_set_state(s, SMTPD_MAIL);
    else
        smtpd_set_state(s, s->helo != NULL ? SMTPD_READY : SMTPD_START);
    smtpd_refuse(s, w);
}

static void end_chunk(struct smtpd_session *s)
{
    struct smtpd_tx *tx = s->tx;
    struct buf *b = &s->d->content;
    struct why w;
    buf_reset(b);
    if (judge(s, &w) < 0) {
        refused(s, &w);
    } else if (!s->last) {
        smtpd_set_state(s, SMTPD_MAIL);
        buf_printf(b, "%llu octets received", (unsigned long long)s->chunk);
        smtpd_say(s, 250, "2.0.0", buf_text(b));
    } else {
        if (!tx->m.params.binary && smtp_chunk_end(&tx->undot, b) == 0)
            smtpd_write_content(tx, b);
        smtpd_end_content(s);
    }
}

bool smtpd_take_chunk(struct smtpd_session *s)
{
    struct cur in = stream_in(s->stream);
    size_t n = cur_left(&in);
    if (s->chunk_left == 0) {
        end_chunk(s);
        return true;
    }
    n = n < SMTPD_CHUNK ? n : SMTPD_CHUNK;
    n = n < s->chunk_left ? n : (size_t)s->chunk_left;
    if (n == 0)
        return false;
    struct cur piece = cur_sub(&in, n);
    if (s->tx != NULL && s->tx->m.content != NULL)
        keep(s, &piece);
    stream_take(s->stream, n);
    s->chunk_left -= n;
    smtpd_content_came(s, n);
    if (s->chunk_left == 0)
        s->since.us = 0;
    else if (smtpd_chunk_dribbles(s))
        return true;
    if (s->tx != NULL && s->tx->taken > s->d->set.max_size + SMTPD_SWALLOW_MAX)
        smtpd_hang_up(s, "limit", "4.3.4", "reads no more of this message, it is too large");
    return true;
}
