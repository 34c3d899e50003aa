/* operator/page.c -- see page.h */
#include "operator/page.h"

#include <string.h>
#include <time.h>

#include "gateway/metrics.h"
#include "gateway/nje.h"
#include "gateway/relay.h"

#define QUEUES_SHOWN 20u
#define CHART_W 560
#define CHART_H 120
#define STEPS 60u /* points of a chart: a minute each */
#define SAMPLES_A_STEP (METRICS_SAMPLES / STEPS)

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:75rem;padding:0 1rem;"
    "color:#1c2430;background:#f6f7f9}h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;"
    "margin:0 0 "
    ".5rem}.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),"
    "1fr));"
    "gap:1rem;margin:1rem 0}.wide{grid-column:1/-1}section{background:#fff;border:1px solid "
    "#dde1e7;"
    "border-radius:8px;padding:1rem;overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th{text-align:left;font-weight:600;color:#5b6675}td,th{padding:.15rem .8rem .15rem 0;"
    "vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".charts{grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr))}.up{color:#14793e}."
    "down{"
    "color:#b3261e}.key{display:inline-block;width:.8em;height:.8em;"
    "border-radius:2px;margin:0 .35em 0 .8em}p{margin:.3rem 0;color:#5b6675}svg{width:100%;"
    "height:auto;display:block}text{font:11px system-ui,sans-serif;fill:#5b6675}"
    "@media(prefers-color-scheme:dark){body{color:#e4e7ec;background:#14181e}section{background:"
    "#1c222b;border-color:#323a46}th,p,text{color:#9aa5b4;fill:#9aa5b4}.up{color:#5fcf8c}"
    ".down{color:#ff8a80}}";

static void put_text(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '<')
            buf_z(b, "&lt;");
        else if (c == '>')
            buf_z(b, "&gt;");
        else if (c == '&')
            buf_z(b, "&amp;");
        else if (c == '"')
            buf_z(b, "&quot;");
        else
            buf_u8(b, (uint8_t)((uint8_t)c < ' ' ? ' ' : c));
    }
}

static void put_time(struct buf *b, struct wall at)
{
    time_t t = (time_t)wall_s(at);
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
    buf_z(b, text);
}

static void cell(struct buf *b, struct str s)
{
    buf_z(b, "<td>");
    put_text(b, s);
    buf_z(b, "</td>");
}

static void number(struct buf *b, uint64_t n)
{
    buf_printf(b, "<td class=\"n\">%llu</td>", (unsigned long long)n);
}

static void size_cell(struct buf *b, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t u = 0;
    for (; v >= 1024 && u < 4; u++)
        v /= 1024;
    buf_printf(b, "<td class=\"n\">%.*f %s</td>", u == 0 ? 0 : 1, v, units[u]);
}

/* --- charts --- */

struct curve {
    const char *name, *color;
    uint64_t value[STEPS]; /* oldest first */
};

/* The least of 1, 2 and 5 times a power of ten that is no less. */
static uint64_t round_top(uint64_t most)
{
    uint64_t power = 1;
    while (power * 10 <= most && power < UINT64_MAX / 100)
        power *= 10;
    for (uint64_t k = 1; k <= 5; k += k == 1 ? 1 : 3)
        if (power * k >= most)
            return power * k;
    return power * 10;
}

static void put_curve(struct buf *b, const struct curve *c, size_t n, uint64_t top)
{
    buf_printf(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", c->color);
    for (size_t i = STEPS - n; i < STEPS; i++)
        buf_printf(b, "%s%.1f,%.1f", i > STEPS - n ? " " : "",
                   45 + (double)i * (CHART_W - 55) / (STEPS - 1),
                   10 + (CHART_H - 30) * (1 - (double)c->value[i] / (double)top));
    buf_z(b, "\"/>");
}

/* n points are known, the last ones. */
static void put_chart(struct buf *b, const char *title, const struct curve *c, size_t ncurves,
                      size_t n)
{
    uint64_t most = 1;
    for (size_t k = 0; k < ncurves; k++)
        for (size_t i = STEPS - n; i < STEPS; i++)
            most = c[k].value[i] > most ? c[k].value[i] : most;
    uint64_t top = round_top(most);
    buf_printf(b, "<section><h2>%s", title);
    for (size_t k = 0; k < ncurves; k++)
        buf_printf(b, "<span class=\"key\" style=\"background:%s\"></span><small>%s</small>",
                   c[k].color, c[k].name);
    buf_printf(b, "</h2><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", CHART_W,
               CHART_H, title);
    for (int k = 0; k <= 2; k++) {
        int y = 10 + (CHART_H - 30) * k / 2;
        buf_printf(b,
                   "<line x1=\"45\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"#8884\"/>"
                   "<text x=\"40\" y=\"%d\" text-anchor=\"end\">%g</text>",
                   CHART_W - 10, y, y, y + 4, (double)top * (2 - k) / 2);
    }
    buf_printf(b,
               "<text x=\"45\" y=\"%d\">an hour ago</text>"
               "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">now</text>",
               CHART_H - 4, CHART_W - 10, CHART_H - 4);
    for (size_t k = 0; k < ncurves; k++)
        put_curve(b, &c[k], n, top);
    buf_z(b, "</svg></section>");
}

/* The points from the samples: differences a minute, or the length of the queue. */
static void put_charts(const struct gate *g, struct buf *b)
{
    struct curve rate[2] = {{.name = "taken", .color = "#2f6fdb"},
                            {.name = "delivered", .color = "#159a58"}};
    struct curve queue = {.name = "messages", .color = "#c2571a"};
    size_t n = 0;
    struct metrics_sample now = metrics_now(g);
    const struct metrics_sample *to = &now, *from;
    for (size_t i = 0; i < STEPS && to != NULL; i++, to = from) {
        from = metrics_sample(g->metrics, (i + 1) * SAMPLES_A_STEP - 1);
        if (from == NULL && i > 0)
            break; /* less than a minute would look like a calm one */
        if (from == NULL)
            from = metrics_oldest(g->metrics);
        rate[0].value[STEPS - 1 - i] = to->taken - from->taken;
        rate[1].value[STEPS - 1 - i] = to->delivered - from->delivered;
        queue.value[STEPS - 1 - i] = to->queued;
        n++;
    }
    put_chart(b, "Mails a minute", rate, 2, n);
    put_chart(b, "In the queue", &queue, 1, n);
}

/* --- tables --- */

static void link_row(void *arg, const struct conf_link *c, enum link_state s,
                     const struct link_stat *st)
{
    struct buf *b = arg;
    buf_z(b, "<tr>");
    cell(b, c->name);
    cell(b, c->node);
    buf_printf(b, "<td class=\"%s\">%s</td>", s == LINK_UP ? "up" : "down", link_state_name(s));
    number(b, st->files_in);
    number(b, st->files_out);
    size_cell(b, st->bytes_in);
    size_cell(b, st->bytes_out);
    cell(b, str_of(st->reason));
    buf_z(b, "</tr>");
}

static void put_links(const struct gate *g, struct buf *b)
{
    buf_z(b, "<section class=\"wide\"><h2>Links</h2><table><tr><th>link<th>node<th>state"
             "<th class=\"n\">files in<th class=\"n\">files out<th class=\"n\">bytes in"
             "<th class=\"n\">bytes out<th>reason</tr>");
    nje_each(g->nje, link_row, b);
    buf_z(b, "</table></section>");
}

static void put_queues(const struct gate *g, struct buf *b)
{
    size_t n;
    uint64_t others;
    struct metrics_queue *q = metrics_queues(g, QUEUES_SHOWN, &n, &others);
    buf_printf(b,
               "<section><h2>Queue: %llu message%s</h2><table><tr><th>destination"
               "<th class=\"n\">recipients</tr>",
               (unsigned long long)store_queued(g->store), store_queued(g->store) == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        buf_z(b, "<tr>");
        cell(b, q[i].dest[0] != '\0' ? str_of(q[i].dest) : STR("(here)"));
        number(b, q[i].n);
        buf_z(b, "</tr>");
    }
    if (others > 0) {
        buf_z(b, "<tr>");
        cell(b, STR("(others)"));
        number(b, others);
        buf_z(b, "</tr>");
    }
    buf_z(b, "</table></section>");
    metrics_queues_free(q, n);
}

static void put_troubles(const struct gate *g, struct buf *b)
{
    const struct metrics_trouble *t;
    buf_z(b, "<section class=\"wide\"><h2>Last troubles</h2><table><tr><th>time<th>message<th>what"
             "<th>why</tr>");
    for (size_t k = 0; (t = metrics_last(g->metrics, k)) != NULL; k++) {
        buf_z(b, "<tr><td>");
        put_time(b, t->at);
        buf_printf(b, "</td><td>" MSG_ID_FMT "</td>", MSG_ID_ARG(t->id));
        cell(b, str_of(t->event));
        cell(b, str_of(t->text));
        buf_z(b, "</tr>");
    }
    if (metrics_last(g->metrics, 0) == NULL)
        buf_z(b, "<tr><td colspan=\"4\">none</td></tr>");
    buf_z(b, "</table></section>");
}

static void row(struct buf *b, const char *name, uint64_t n)
{
    buf_printf(b, "<tr><td>%s</td>", name);
    number(b, n);
    buf_z(b, "</tr>");
}

static void put_totals(const struct gate *g, struct buf *b)
{
    const struct gate_stat *s = &g->stat;
    struct metrics_rates r = metrics_rates(g);
    struct metrics_disk d = metrics_disk(g);
    buf_z(b, "<section><h2>Carried since the start</h2><table>");
    row(b, "taken by SMTP", s->from_smtp);
    row(b, "taken by NJE", s->from_nje);
    row(b, "taken here", s->from_local);
    row(b, "delivered by SMTP", s->to_smtp);
    row(b, "delivered by NJE", s->to_nje);
    row(b, "delivered to readers", s->to_reader);
    row(b, "put off", s->deferred);
    row(b, "returned", s->returned);
    row(b, "refused", s->refused);
    buf_z(b, "</table></section><section><h2>Now</h2><table>");
    row(b, "taken, last minute", r.taken_minute);
    row(b, "delivered, last minute", r.delivered_minute);
    row(b, "taken, last hour", r.taken_hour);
    row(b, "delivered, last hour", r.delivered_hour);
    int64_t half = metrics_delay_ms(g->metrics, 50), most = metrics_delay_ms(g->metrics, 95);
    if (half >= 0)
        buf_printf(b,
                   "<tr><td>delay, half of the mails</td><td class=\"n\">%.1f s</td></tr>"
                   "<tr><td>delay, 95 of 100</td><td class=\"n\">%.1f s</td></tr>",
                   (double)half / 1000, (double)most / 1000);
    buf_z(b, "<tr><td>disk, free</td>");
    size_cell(b, d.free);
    buf_z(b, "</tr><tr><td>database</td>");
    size_cell(b, d.database + d.wal);
    buf_z(b, "</tr></table></section>");
}

void page_status(const struct gate *g, struct buf *b)
{
    int64_t up = wall_s(wall_now()) - wall_s(g->started);
    buf_z(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
             "<meta http-equiv=\"refresh\" content=\"10\"><title>njegate at ");
    put_text(b, g->conf->local);
    buf_printf(b, "</title><style>%s</style></head><body><h1>njegate at ", style);
    put_text(b, g->conf->local);
    buf_z(b, "</h1><p>");
    put_text(b, g->names.hostname);
    buf_printf(b, ", up %lld d %02lld:%02lld:%02lld, seen ", (long long)(up / 86400),
               (long long)(up / 3600 % 24), (long long)(up / 60 % 60), (long long)(up % 60));
    put_time(b, wall_now());
    buf_z(b, "</p><div class=\"grid charts\">");
    put_charts(g, b);
    buf_z(b, "</div><div class=\"grid\">");
    put_totals(g, b);
    put_queues(g, b);
    put_links(g, b);
    put_troubles(g, b);
    buf_z(b, "</div></body></html>\n");
}
