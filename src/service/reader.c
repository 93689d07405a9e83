#include "service/reader.h"

#include "base/loop.h"
#include "service/freezes.h"
#include "service/hours.h"
#include "service/lines.h"
#include "service/poll.h"

#include <stdlib.h>

#define TICK_US (SECOND_US / 5)

struct reader {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	struct intake *intake;
	struct polls polls;
	struct checks checks;
	struct gateway *gateway;
	const struct reader_conf *conf;
	struct freezes *freezes;
	struct lines *lines;
	struct hours *hours;
	struct timer tick;
};

/* --- polls -------------------------------------------------------------------------------- */

/* The meter of this session that has waited longest beyond its time. */
static struct meter *
poll_due(struct endpoint *ep, int64_t mono)
{
	struct meter *due = NULL;

	for (int i = 0; i < ep->n; i++) {
		struct meter *m = &ep->meters[i];

		if (m->poll_us <= mono && m->quiet_until_us <= mono &&
		    (due == NULL || m->poll_us < due->poll_us))
			due = m;
	}
	return due;
}

/* --- who is free -------------------------------------------------------------------------- */

static bool
idle(const struct reader *r, const struct session *s)
{
	return session_free(s) && session_endpoint(s)->claimed &&
	       !dispatch_wants(r->dispatch, session_endpoint(s)->id);
}

/* Was there one to ask? */
static bool
check_one(struct reader *r, struct session *s, int64_t mono)
{
	struct endpoint *ep = session_endpoint(s);

	for (int i = 0; i < ep->n; i++)
		if (check_due(&r->checks, &ep->meters[i], mono)) {
			check_meter(&r->checks, s, &ep->meters[i]);
			return true;
		}
	return false;
}

static void
on_tick(void *arg)
{
	struct reader *r = arg;
	int64_t mono = loop_mono_us(r->loop);

	timer_sweep(&r->tick, r->loop, TICK_US, on_tick, r);
	if (intake_behind(r->intake))
		return;
	freezes_serve(r->freezes, true);
	clocks_freed(r->polls.clocks, 0);
	for (struct session *s = gateway_first(r->gateway); s != NULL; s = session_next(s)) {
		struct meter *m;

		if (!idle(r, s))
			continue;
		m = poll_due(session_endpoint(s), mono);
		if (m != NULL)
			poll_meter(&r->polls, s, m, r->conf->poll_us);
		else if (!check_one(r, s, mono))
			lines_serve(r->lines, s);
		hours_look(r->hours, s);
	}
	freezes_serve(r->freezes, false);
	hours_freed(r->hours, 0);
}

struct reader *
reader_new(struct loop *l, struct db *db, struct dispatch *d, struct intake *i, struct clocks *c,
    const char *node, const struct reader_conf *conf, const struct check_conf *check, struct err *e)
{
	struct freezes *f = freezes_new(l, db, d, i, node, conf, e);
	struct reader *r;

	if (f == NULL)
		return NULL;
	r = mem_new(sizeof *r);
	r->loop = l;
	r->db = db;
	r->dispatch = d;
	r->intake = i;
	r->polls = (struct polls){l, db, c, d, i};
	r->checks = (struct checks){l, db, d, check};
	r->conf = conf;
	r->freezes = f;
	r->lines = lines_new(l, db, d, conf);
	r->hours = hours_new(l, db, d, conf);
	return r;
}

void
reader_set_gateway(struct reader *r, struct gateway *g)
{
	r->gateway = g;
	timer_start(&r->tick, r->loop, TICK_US, on_tick, r);
	freezes_set_gateway(r->freezes, g);
	hours_set_gateway(r->hours, g);
}

void
reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	timer_stop(&r->tick);
	freezes_free(r->freezes);
	lines_free(r->lines);
	hours_free(r->hours);
	free(r);
}

/* What is due is read first; then its missing days, one after the other. */
void
reader_freed(struct reader *r, struct session *s)
{
	if (!intake_behind(r->intake) && idle(r, s) &&
	    poll_due(session_endpoint(s), loop_mono_us(r->loop)) == NULL)
		freezes_freed(r->freezes, s);
	if (idle(r, s))
		hours_freed(r->hours, session_endpoint(s)->id);
}

void
reader_ready(struct reader *r, struct session *s)
{
	struct endpoint *ep = session_endpoint(s);

	for (int i = 0; i < ep->n; i++) {
		ep->meters[i].poll_us =
		    loop_mono_us(r->loop) + loop_jitter_us(r->loop, r->conf->poll_us / 4 + 1);
		check_login(&r->checks, &ep->meters[i]);
	}
	freezes_look_soon(r->freezes);
}

void
reader_look(struct reader *r)
{
	freezes_look_soon(r->freezes);
}
