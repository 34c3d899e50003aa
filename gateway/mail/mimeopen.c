/* gateway/mail/mimeopen.c -- parts that are wrapped in what mail programs invented: winmail.dat,
 * and messages that are signed as a whole. */
#include "gateway/mail/mime_private.h"
#include "gateway/mail/tnef.h"
#include "security/cms.h"

/* --- winmail.dat --- */

static struct entity entity_of(const struct tnef_item *item)
{
    static const char *const types[] = {[TNEF_TEXT] = "text/plain",
                                        [TNEF_HTML] = "text/html",
                                        [TNEF_RTF] = "application/rtf",
                                        [TNEF_FILE] = "application/octet-stream"};
    return (struct entity){.type = str_of(types[item->kind]),
                           .charset = item->kind == TNEF_TEXT ? STR("utf-8") : STR(""),
                           .body = item->content,
                           .coding = MIME_PLAIN};
}

static bool has(const struct tnef *t, enum tnef_kind kind)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->item[i].kind == kind)
            return true;
    return false;
}

/* The text counts when there is none yet: usually it stands before the part as text/plain. Plain is
 * better than HTML, RTF is a file for who has nothing else. */
static int take_item(struct walk *k, const struct tnef *t, const struct tnef_item *item, bool shown)
{
    struct entity e = entity_of(item);
    bool other = shown || has(t, TNEF_TEXT);
    if (item->kind == TNEF_TEXT || (item->kind == TNEF_HTML && !other))
        return shown ? OK : mime_show_text(k, &e);
    if (item->kind == TNEF_HTML || (item->kind == TNEF_RTF && (other || has(t, TNEF_HTML))))
        return OK;
    if (++k->parts > PARTS_MAX)
        return mime_limit(k, "parts", PARTS_MAX);
    e.name = item->kind == TNEF_RTF ? STR("message.rtf") : item->name;
    if (str_find(item->type, '/') > 0)
        e.type = item->type;
    return mime_attach_bytes(k, &e, item->content);
}

int mime_open_tnef(struct walk *k, const struct entity *e)
{
    struct tnef t;
    struct str bytes;
    bool shown = k->text.n > 0 || k->files_only;
    int rc = mime_decode(k, e, &bytes);
    if (rc != OK)
        return rc;
    if (!tnef_read(k->a, bytes, &t))
        return mime_attach(k, e);
    for (size_t i = 0; rc == OK && i < t.n; i++)
        rc = take_item(k, &t, &t.item[i], shown);
    return rc;
}

/* --- S/MIME --- */

static bool open_signed(struct walk *k, const struct entity *e, struct str *inner, int *rc)
{
    struct buf b;
    struct str bytes;
    *rc = mime_decode(k, e, &bytes);
    if (*rc != OK)
        return false;
    buf_init(&b, bytes.n + 64);
    bool ok = cms_signed_content(bytes, &b);
    *inner = ok ? arena_str(k->a, buf_text(&b)) : STR("");
    buf_done(&b);
    return ok;
}

int mime_open_smime(struct walk *k, const struct entity *e, unsigned depth)
{
    struct str inner;
    int rc = OK;
    bool sealed = str_is(e->smime, "enveloped-data") || str_is(e->smime, "authEnveloped-data");
    bool is_signed = str_is(e->smime, "signed-data");
    if (!sealed && open_signed(k, e, &inner, &rc)) {
        rc = mime_walk(k, inner, "text/plain", depth + 1);
        if (rc == OK)
            mime_show_line(k, "[signed message, S/MIME, not verified]");
        return rc;
    }
    if (rc != OK)
        return rc;
    mime_show_line(k, is_signed ? "[signed message, S/MIME, cannot be shown]"
                                : "[encrypted message, cannot be shown]");
    return mime_attach(k, e);
}
