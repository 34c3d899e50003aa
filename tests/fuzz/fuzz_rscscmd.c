/* tests/fuzz/fuzz_rscscmd.c -- a command from the network: byte 0 says who asks, the rest is its
 * text as it came in the record. Every answer is text of a bounded number of lines. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "gateway/nje.h"
#include "operator/rscscmd.h"

#define LINES 64u

static struct conf_link links[] = {
    {.name = {"FAR", 3}, .node = {"MVSB", 4}, .bufsize = 8192, .streams = 1, .retry_s = 60},
    {.name = {"N", 1}, .node = {"MVSN", 4}, .bufsize = 8192, .streams = 1, .retry_s = 60}};
static struct conf_user users[] = {{.userid = {"OPER", 4}}, {.userid = {"ALICE", 5}}};
static struct str authorised[] = {{"ROOT@MVSA", 9}};
static struct conf conf;
static struct gate g;
static size_t lines;

static void answer(void *arg, struct str line)
{
    (void)arg;
    if (++lines > LINES || line.n > 250 || !text_is_utf8(line))
        abort();
}

static char folder[] = "/tmp/fuzz-rscscmd-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void finish(void)
{
    nje_stop(g.nje);
    store_close(&g.store);
    nje_free(&g.nje);
    routes_free(&g.routes);
    loop_free(&g.loop);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void begin(void)
{
    static char path[64], spool[64];
    struct why w;
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/db", folder);
    snprintf(spool, sizeof spool, "%s/spool", folder);
    conf = (struct conf){.local = STR("GATE"),
                         .link = links,
                         .nlink = 2,
                         .user = users,
                         .nuser = 2,
                         .smsg_auth = authorised,
                         .nsmsg_auth = 1,
                         .page = ebc_page_default(),
                         .max_mail_bytes = 1 << 20};
    g = (struct gate){.loop = loop_new(), .conf = &conf, .routes = routes_new()};
    struct store_set set = {.loop = g.loop, .path = path, .spooldir = spool};
    if (store_open(&g.store, &set, &w) < 0 || routes_add(g.routes, STR("MVSB"), STR("FAR"), &w) < 0)
        abort();
    g.nje = nje_new(&g);
    nje_start(g.nje);
    atexit(finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const askers[] = {"BOB", "ROOT", "", "EVE"};
    struct nmr m = {.command = true};
    struct buf text;
    if (size == 0)
        return 0;
    if (g.store == NULL)
        begin();
    m.ntext = size - 1 < sizeof m.text ? size - 1 : sizeof m.text;
    memcpy(m.text, data + 1, m.ntext);
    buf_init(&text, 1024);
    nmr_text(&m, conf.page, &text);
    struct oper_asker who = {str_of(askers[data[0] % 4]), STR("MVSA"), "N"};
    lines = 0;
    rscscmd_run(&g, &who, buf_text(&text), answer, NULL);
    /* and as text of any kind, which no record can hold */
    struct str raw = {(const char *)data + 1, size - 1};
    if (text_is_utf8(raw)) {
        lines = 0;
        rscscmd_run(&g, &who, raw, answer, NULL);
    }
    buf_done(&text);
    loop_turn(g.loop, false);
    return 0;
}
