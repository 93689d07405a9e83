/* scan -- what a scanner says about the bytes at the front of a stream. */
#ifndef CODEC_SCAN_H
#define CODEC_SCAN_H

#include "base/buf.h"

enum scan { SCAN_MORE, SCAN_NOISE, SCAN_NAME, SCAN_PING, SCAN_FRAME };
typedef enum scan scan_fn(struct span in, struct span *found, size_t *used);

#endif
