/* prove_parts -- what the files of codec/prove share; nobody else includes it. */
#ifndef CODEC_PROVE_PARTS_H
#define CODEC_PROVE_PARTS_H

#include "codec/prove.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* Adds a link; returns `holds`. */
bool prove_link(struct proof *p, const char *name, bool holds, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Members that the facts must have; -1 and "" where they do not. */
int64_t prove_number(const cJSON *o, const char *name);
const char *prove_text(const cJSON *o, const char *name);
const cJSON *prove_list(const cJSON *o, const char *name);
/* currency NULL: as a meter counts it. */
const char *prove_money(int64_t minor, const char *currency, char out[32]);

/* prove_frames.c: order to balance, of one delivery into a local meter; and of the relay orders of
 * a remote account. */
bool prove_delivery(const cJSON *delivery, const char *zone, struct proof *p);
bool prove_relay(const cJSON *commands, struct proof *p);

#endif
