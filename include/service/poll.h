/*
 * poll -- one meter being read: its registers, its relay, and whether it switched itself off.
 *
 * One register at a time, so that an order waits for one answer at most.  What a meter refuses
 * to be read is left out for a day; the rest is read all the same.
 *
 * A relay that is found open is not told before it is known whether the meter opened it for
 * overload: else power would be on again at once.
 */
#ifndef SERVICE_POLL_H
#define SERVICE_POLL_H

#include "service/session.h"

struct clocks;
struct db;
struct dispatch;
struct intake;

struct polls {
	struct loop *loop;
	struct db *db;
	struct clocks *clocks;
	struct dispatch *dispatch;
	struct intake *intake;
};

/* Of a session that is free; `p` must outlive it.  The meter's next poll comes after every_us. */
void poll_meter(const struct polls *p, struct session *s, struct meter *m, int64_t every_us);

/* It says that its relay is open: it is read as soon as it may be asked, and not at its next time
 * when it does not answer. */
void poll_soon(struct meter *m);

#endif
