/*
 * outbox -- bytes that leave later, in the order they were posted.
 *
 * Nothing overtakes: what is posted behind a slow parcel waits for it.  Lies in its owner.
 */
#ifndef SIM_OUTBOX_H
#define SIM_OUTBOX_H

#include "base/buf.h"
#include "base/loop.h"

#include <stdbool.h>

/* `last` was given to outbox_post(): the owner may now clear the outbox, but not let it go. */
typedef void outbox_fn(void *arg, struct span bytes, bool last);

struct outbox {
	struct loop *loop;
	outbox_fn *deliver;
	void *arg;
	struct timer due;
	struct parcel *first, **end;
};

void outbox_init(struct outbox *o, struct loop *loop, outbox_fn *deliver, void *arg);
void outbox_clear(struct outbox *o); /* forgets what has not left */
void outbox_post(struct outbox *o, struct span bytes, int64_t delay_us, bool last);
bool outbox_empty(const struct outbox *o);

#endif
