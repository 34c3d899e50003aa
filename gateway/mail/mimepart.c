/* gateway/mail/mimepart.c -- the parts of a message that become files. */
#include <string.h>

#include "gateway/mail/mime_private.h"
#include "gateway/mail/plain.h"

/* Content up to here is kept decoded, as long as all of a message is not more than that; what is
 * larger is decoded again when it is read. */
#define HELD_MAX 262144u
#define HELD_ALL ((size_t)4 << 20)
#define PIECE 65536u /* of an encoded file, decoded at once */

static int add_part(struct walk *k, struct mime_part part)
{
    struct mime_text *out = k->out;
    if (out->nparts == k->part_room) {
        size_t room = k->part_room == 0 ? 4 : k->part_room * 2;
        struct mime_part *more = arena_alloc(k->a, room * sizeof *more);
        if (more == NULL || arena_full(k->a))
            return mime_no_room(k);
        if (out->nparts > 0)
            memcpy(more, out->part, out->nparts * sizeof *more);
        out->part = more;
        k->part_room = room;
    }
    out->part[out->nparts++] = part;
    return OK;
}

static struct mime_part part_of(struct walk *k, const struct entity *e)
{
    return (struct mime_part){
        .type = e->type,
        .name = e->name,
        .nje_file = arena_str(k->a, hdr_value(&e->h, "X-NJE-File")),
        .nje_records = arena_str(k->a, hdr_value(&e->h, "X-NJE-Records")),
    };
}

/* Is it text by its type? Then its lines are converted. */
static bool is_text_type(const struct entity *e)
{
    static const char *const types[] = {"application/json",       "application/xml",
                                        "application/javascript", "application/x-sh",
                                        "application/sql",        "application/x-httpd-php",
                                        "application/yaml",       "application/batch-smtp",
                                        "message/rfc822",         "message/global"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_is(e->type, types[i]))
            return true;
    return mime_is_type(e, "text/") || str_ends_nocase(e->type, "+xml") ||
           str_ends_nocase(e->type, "+json");
}

int mime_attach_bytes(struct walk *k, const struct entity *e, struct str bytes)
{
    struct mime_part part = part_of(k, e);
    if (is_text_type(e) && !plain_is_binary(bytes, e->charset)) {
        struct buf b;
        buf_init(&b, k->text.max);
        plain_put(&b, bytes, e->charset, &k->out->replaced);
        part.content = arena_str(k->a, buf_text(&b));
        part.text = true;
        bool over = b.over;
        buf_done(&b);
        if (over)
            return mime_no_room(k);
    } else {
        bool own = e->coding != MIME_PLAIN; /* decoded: it is in the arena */
        part.content = own ? bytes : arena_str(k->a, bytes);
    }
    part.size = part.content.n;
    return arena_full(k->a) ? mime_no_room(k) : add_part(k, part);
}

/* Is it text, and in which charset? */
static void judge_large(struct walk *k, const struct entity *e, struct mime_part *part)
{
    struct plain_judge j;
    struct mime_pieces p;
    struct cur piece;
    char charset[64];
    plain_judge_begin(&j, e->charset);
    mime_pieces_begin(&p, part);
    while (mime_pieces_next(&p, &piece))
        plain_judge_put(&j, piece);
    mime_pieces_done(&p);
    part->text = !plain_judge_end(&j, charset);
    part->charset = part->text ? arena_cstr(k->a, str_of(charset)) : NULL;
}

/* A large file stays where it is; only what it is is found, and its size. */
static int attach_large(struct walk *k, const struct entity *e)
{
    struct mime_part part = part_of(k, e);
    struct mime_pieces p;
    struct cur piece;
    part.raw = e->body;
    part.coding = e->coding;
    if (is_text_type(e))
        judge_large(k, e, &part);
    mime_pieces_begin(&p, &part);
    while (mime_pieces_next(&p, &piece))
        part.size += cur_left(&piece);
    k->out->replaced += p.replaced;
    mime_pieces_done(&p);
    return arena_full(k->a) ? mime_no_room(k) : add_part(k, part);
}

int mime_attach(struct walk *k, const struct entity *e)
{
    struct str bytes;
    if (e->body.n > HELD_MAX || k->held + e->body.n > HELD_ALL)
        return attach_large(k, e);
    k->held += e->body.n;
    int rc = mime_decode(k, e, &bytes);
    return rc == OK ? mime_attach_bytes(k, e, bytes) : rc;
}

void mime_pieces_begin(struct mime_pieces *p, const struct mime_part *part)
{
    bool kept = part->content.n > 0;
    *p = (struct mime_pieces){.part = part,
                              .rest = kept ? part->content : part->raw,
                              .flows = !kept && part->charset != NULL};
    transfer_begin(&p->transfer, kept ? MIME_PLAIN : part->coding);
    buf_init(&p->room, 2 * PIECE);
    buf_init(&p->text, 16 * PIECE);
    if (p->flows)
        plain_flow_begin(&p->flow, part->charset);
}

/* The next piece without its transfer encoding, in room: nothing at the end. */
static void decode_piece(struct mime_pieces *p)
{
    buf_reset(&p->room);
    while (p->room.n == 0 && p->rest.n > 0) {
        size_t n = p->rest.n < PIECE ? p->rest.n : PIECE;
        transfer_put(&p->transfer, str_sub(p->rest, 0, n), &p->room);
        p->rest = str_sub(p->rest, n, p->rest.n);
    }
    if (p->room.n == 0 && !p->ended)
        transfer_end(&p->transfer, &p->room);
}

bool mime_pieces_next(struct mime_pieces *p, struct cur *piece)
{
    struct buf *out = p->flows ? &p->text : &p->room;
    buf_reset(&p->text);
    buf_reset(out);
    while (out->n == 0 && !p->ended) {
        decode_piece(p);
        p->ended = p->rest.n == 0 && p->room.n == 0;
        if (p->flows)
            p->replaced += plain_flow_put(&p->flow, &p->text, buf_cur(&p->room), p->ended);
    }
    *piece = buf_cur(out);
    return out->n > 0;
}

void mime_pieces_done(struct mime_pieces *p)
{
    if (p->flows)
        plain_flow_done(&p->flow);
    buf_done(&p->room);
    buf_done(&p->text);
}
