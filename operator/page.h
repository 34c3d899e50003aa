/* operator/page.h -- the status page: HTML without scripts and without anything from elsewhere, its
 * charts drawn as inline SVG. */
#ifndef OPERATOR_PAGE_H
#define OPERATOR_PAGE_H

#include "gateway/gate/gate.h"

void page_status(const struct gate *g, struct buf *out);

#endif
