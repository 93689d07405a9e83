/*
 * endpoint -- what connects: one meter, or a converter with a bus of meters behind it.
 *
 * Its epoch rises with every new session; what an older session says or writes is refused.
 */
#ifndef MODEL_ENDPOINT_H
#define MODEL_ENDPOINT_H

#include "model/meter.h"

struct endpoint {
	int64_t id, epoch;
	int n;
	bool claimed;          /* else quarantined: kept, listed, and nothing is asked of it */
	bool live;             /* the site is not in observe mode */
	bool waited_for;       /* somebody's power or credit was on its way when it logged in */
	struct meter meters[]; /* in the order of their ids */
};

struct endpoint *endpoint_new(int nmeters);
void endpoint_free(struct endpoint *ep);
struct meter *endpoint_meter(struct endpoint *ep, const char *address); /* NULL: not on this bus */
struct meter *endpoint_meter_of(struct endpoint *ep, int64_t meter_id);

#endif
