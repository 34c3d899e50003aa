/* tests/fuzz/fuzz_conf.c -- any bytes as a configuration: problems are told, what is accepted can
 * be shown. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    if (path[0] == '\0')
        snprintf(path, sizeof path, "/tmp/njegate-fuzz-conf-%d", (int)getpid());
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return 0;
    fwrite(data, 1, size, f);
    fclose(f);
    struct conf *c = conf_load(path, NULL, NULL);
    if (c != NULL) {
        struct buf out;
        buf_init(&out, 1 << 20);
        conf_show(c, &out);
        buf_done(&out);
    }
    conf_free(&c);
    unlink(path);
    return 0;
}
