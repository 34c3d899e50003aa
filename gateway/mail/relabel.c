/* gateway/mail/relabel.c -- see relabel.h */
#include "gateway/mail/relabel.h"

#include <string.h>

#include "base/text.h"
#include "gateway/mail/mime_private.h"
#include "gateway/mail/plain.h"

#define B64_LINE 57u /* octets in 76 characters */

struct relabel {
    struct walk k;
    struct buf *out;
    bool was_utf8;
};

static int one_entity(struct relabel *r, struct str raw, const char *type, unsigned depth);

/* Raw 8-bit characters of a header are UTF-8 or, as ever, windows-1252. */
static void put_header(struct relabel *r, struct str raw)
{
    struct why ignored;
    size_t start = r->out->n;
    if (text_is_utf8(raw))
        buf_str(r->out, raw);
    else if (text_to_utf8(r->out, "windows-1252", cur_of_str(raw), NULL, &ignored) < 0)
        buf_trim(r->out, start);
}

/* The value with charset=utf-8 for whatever it had. */
static struct str with_charset(struct arena *a, struct str value, const char *type)
{
    struct buf b;
    struct str piece;
    bool first = true;
    buf_init(&b, 2 * value.n + 256);
    while (value.n > 0 && str_split(&value, ';', &piece)) {
        if (!first && str_starts_nocase(str_trim(piece), "charset"))
            continue;
        buf_z(&b, first ? "" : ";");
        buf_str(&b, piece);
        first = false;
    }
    buf_z(&b, first ? type : "");
    buf_z(&b, "; charset=utf-8");
    struct str out = arena_str(a, buf_text(&b));
    buf_done(&b);
    return out;
}

static void put_fields(struct relabel *r, const struct entity *e, struct str type,
                       const char *coding)
{
    for (size_t i = 0; i < e->h.n; i++) {
        char name[80];
        const struct hdr_field *f = &e->h.field[i];
        if (str_is(f->name, "Content-Type") || str_is(f->name, "Content-Transfer-Encoding"))
            continue;
        struct buf value;
        struct why ignored;
        str_copy(name, sizeof name, f->name);
        buf_init(&value, 4 * f->value.n + 16);
        if (text_is_utf8(f->value) ||
            text_to_utf8(&value, "windows-1252", cur_of_str(f->value), NULL, &ignored) < 0)
            hdr_put(r->out, name, f->value);
        else
            hdr_put(r->out, name, buf_text(&value));
        buf_done(&value);
    }
    hdr_put(r->out, "Content-Type", type);
    hdr_put(r->out, "Content-Transfer-Encoding", str_of(coding));
    buf_crlf(r->out);
}

static int put_text_leaf(struct relabel *r, const struct entity *e)
{
    struct str type = with_charset(r->k.a, hdr_value(&e->h, "Content-Type"), "text/plain");
    struct str line, body = e->body;
    struct buf utf8;
    size_t replaced = 0;
    put_fields(r, e, type, "8bit");
    if (r->was_utf8) {
        buf_str(r->out, body);
        return OK;
    }
    buf_init(&utf8, r->out->max);
    plain_put(&utf8, body, e->charset, &replaced);
    bool over = utf8.over;
    body = buf_text(&utf8);
    while (str_line(&body, &line)) {
        buf_str(r->out, line);
        buf_z(r->out, body.n > 0 || e->body.p[e->body.n - 1] == '\n' ? "\r\n" : "");
    }
    buf_done(&utf8);
    return over ? mime_no_room(&r->k) : OK;
}

static void put_bytes_leaf(struct relabel *r, const struct entity *e)
{
    struct cur rest = cur_of_str(e->body);
    struct str type = hdr_value(&e->h, "Content-Type");
    put_fields(r, e, type.n > 0 ? type : e->type, "base64");
    while (cur_left(&rest) > 0) {
        size_t n = cur_left(&rest) < B64_LINE ? cur_left(&rest) : B64_LINE;
        text_b64(r->out, cur_sub(&rest, n));
        buf_crlf(r->out);
    }
}

/* What stands between the parts (the delimiters, preamble and epilogue) stays. */
static int each_part(struct relabel *r, const struct entity *e, struct str raw,
                     const struct children *c, unsigned depth)
{
    const char *at = e->body.p;
    bool digest = mime_is_type(e, "multipart/digest");
    int rc = OK;
    put_header(r, str_sub(raw, 0, (size_t)(e->body.p - raw.p)));
    for (size_t i = 0; rc == OK && i < c->n; i++) {
        buf_str(r->out, (struct str){at, (size_t)(c->raw[i].p - at)});
        rc = one_entity(r, c->raw[i], digest ? "message/rfc822" : "text/plain", depth + 1);
        at = c->raw[i].p + c->raw[i].n;
    }
    buf_str(r->out, (struct str){at, (size_t)(raw.p + raw.n - at)});
    return rc;
}

static int one_entity(struct relabel *r, struct str raw, const char *type, unsigned depth)
{
    struct entity e;
    struct children c = {0};
    if (text_is_ascii(raw)) {
        buf_str(r->out, raw);
        return OK;
    }
    if (depth > MIME_DEPTH_MAX)
        return mime_limit(&r->k, "levels", MIME_DEPTH_MAX);
    int rc = mime_read_entity(r->k.a, raw, type, &e, r->k.w);
    if (rc == OK && mime_is_type(&e, "multipart/"))
        rc = mime_split(&r->k, &e, &c);
    if (rc == OK && arena_full(r->k.a))
        rc = mime_no_room(&r->k);
    if (rc != OK)
        return rc;
    if (c.n > 0)
        return each_part(r, &e, raw, &c, depth);
    bool bare = e.coding == MIME_PLAIN && !text_is_ascii(e.body);
    if (!bare) {
        put_header(r, str_sub(raw, 0, raw.n - e.body.n));
        buf_str(r->out, e.body);
        return OK;
    }
    if (mime_is_type(&e, "message/rfc822") || mime_is_type(&e, "message/global")) {
        put_header(r, str_sub(raw, 0, raw.n - e.body.n));
        return one_entity(r, e.body, "text/plain", depth + 1);
    }
    if (mime_is_type(&e, "text/") || mime_is_type(&e, "multipart/") || r->was_utf8)
        return put_text_leaf(r, &e);
    put_bytes_leaf(r, &e);
    return OK;
}

int relabel_put(struct arena *a, struct str message, bool was_utf8, struct buf *out, struct why *w)
{
    struct mime_text unused = {.text = STR("")};
    struct relabel r = {
        .k = {.a = a, .out = &unused, .w = w, .parts = 1, .scan_left = MIME_SCAN(message.n)},
        .out = out,
        .was_utf8 = was_utf8};
    int rc = one_entity(&r, message, "text/plain", 0);
    return rc == OK && out->over ? mime_no_room(&r.k) : rc;
}
