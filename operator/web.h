/* operator/web.h -- the pages of METRICS: a small HTTP server that answers GET and HEAD of two
 * pages and closes (RFC 9112, of which it needs the request line only). Read-only, bounded in
 * clients, bytes and time; it never waits. */
#ifndef OPERATOR_WEB_H
#define OPERATOR_WEB_H

#include "gateway/gate/gate.h"

#define WEB_REQUEST_MAX 8192u
#define WEB_CLIENTS_MAX 32u

struct web;
/* Opens the ports of METRICS. The pages need web_start. */
int web_listen(struct web **out, struct gate *g, struct why *w) MUST_CHECK;
void web_start(struct web *web);  /* the other parts stand now */
void web_reload(struct web *web); /* the ports of the configuration that is in force now */
void web_free(struct web **web);

enum web_page { WEB_STATUS, WEB_METRICS };
struct web_request {
    int status; /* 200, or what is wrong: 400, 404, 405, 431, 505 */
    bool head;
    enum web_page page;
};
/* A request's head: 1 whole, 0 more is needed. */
int web_request(struct cur in, struct web_request *r);

#endif
