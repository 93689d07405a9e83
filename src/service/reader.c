#include "service/reader.h"

#include "base/log.h"
#include "base/loop.h"
#include "codec/dlt645_profile.h"
#include "model/calendar.h"
#include "service/poll.h"
#include "store/store_reading.h"

#include <stdlib.h>
#include <string.h>

#define TICK_US       (SECOND_US / 5)
#define GAPS_US       (30 * SECOND_US) /* between two queries for missing freezes */
#define MOST_GAPS     500
#define MOST_STEPS    4 /* records tried for one day */
#define LATE_CLOCK_US (2 * HOUR_US)

struct reader {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	struct intake *intake;
	struct polls polls;
	struct checks checks;
	struct gateway *gateway;
	const char *node;
	const struct reader_conf *conf;
	struct calendar *zone;
	struct gap *gaps; /* days to be read, the most urgent first */
	size_t ngaps, gap_room;
	bool asking_gaps, look_soon;
	struct timer tick, look;
	struct logctx log;
};

struct gap {
	int64_t meter_id, endpoint_id;
	int day, nth;
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

/* --- freezes ------------------------------------------------------------------------------ */

/* One day of one meter being looked for. */
struct freezing {
	struct reader *r;
	struct meter *m;
	int day, steps, nth;
};

static void freeze_ask(struct session *s, struct freezing *f);

static void
freeze_end(struct session *s, struct freezing *f)
{
	session_release(s);
	free(f);
}

static void
on_counted(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct freezing *f = arg;

	if (e->class == ERR_NONE || e->class == ERR_REFUSED)
		intake_readings(f->r->intake, a->readings, a->n);
	freeze_end(s, f);
}

/* With today's record, or when it was given up, a wallet is asked once a day how often and with
 * how much it was filled: credit that we did not send is seen the next morning. */
static void
freeze_done(struct session *s, struct freezing *f)
{
	static const struct task counts = {
	    .kind = TASK_READ, .regs = {REG_PURCHASES, REG_BOUGHT},
                 .nregs = 2
        };
	const struct dlt645_profile *profile = dlt645_profile(f->m->profile);

	if (profile != NULL && profile->recharge != RECHARGE_NONE &&
	    f->day == calendar_day(f->m->zone, loop_now_us(f->r->loop)))
		session_ask(s, f->m, &counts, NULL, on_counted, f);
	else
		freeze_end(s, f);
}

/* A meter whose clock is late has its midnight after ours: today is given up only some hours on. */
static void
freeze_missing(struct session *s, struct freezing *f)
{
	struct reader *r = f->r;
	int64_t now = loop_now_us(r->loop);

	if (now - calendar_day_start(f->m->zone, f->day) > LATE_CLOCK_US) {
		store_freeze_absent(r->db, f->m->id, f->day, now);
		freeze_done(s, f);
	} else {
		freeze_end(s, f);
	}
}

static int
days_between(const struct calendar *zone, int from, int to)
{
	int64_t us = calendar_day_start(zone, to) - calendar_day_start(zone, from);

	return (int)((us + (us > 0 ? DAY_US / 2 : -DAY_US / 2)) / DAY_US);
}

/* The record's own time decides which day it is; the place of a day among the records is a
 * guess, since a meter without power at midnight has none for it. */
static void
on_frozen(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct freezing *f = arg;
	struct reader *r = f->r;
	int day, off, next;

	if (e->class == ERR_REFUSED && a->refusal == REFUSAL_NO_DATA) {
		freeze_missing(s, f);
		return;
	}
	if (e->class != ERR_NONE) {
		freeze_end(s, f);
		return;
	}
	day = calendar_day(f->m->zone, a->frozen_us);
	store_freeze(r->db, f->m->id, day, a->frozen_us, a->frozen_wh, loop_now_us(r->loop));
	off = days_between(f->m->zone, f->day, day);
	if (off == 0) {
		freeze_done(s, f);
		return;
	}
	/* off > 0: the record is newer than the day; older ones have higher numbers */
	next = f->nth + off > 1 ? f->nth + off : 1;
	if (next == f->nth || ++f->steps >= MOST_STEPS) {
		freeze_missing(s, f);
		return;
	}
	f->nth = next;
	freeze_ask(s, f);
}

static void
freeze_ask(struct session *s, struct freezing *f)
{
	const struct task t = {.kind = TASK_FREEZE, .record = f->nth};

	session_ask(s, f->m, &t, NULL, on_frozen, f);
}

static void
freeze_begin(struct reader *r, struct session *s, struct meter *m, const struct gap *gap)
{
	struct freezing *f = mem_new(sizeof *f);

	*f = (struct freezing){.r = r, .m = m, .day = gap->day, .nth = gap->nth};
	session_hold(s);
	freeze_ask(s, f);
}

static void
on_gap(int64_t meter_id, int64_t endpoint_id, int day, int nth, void *arg)
{
	struct reader *r = arg;

	if (r->ngaps == r->gap_room) {
		r->gap_room = r->gap_room > 0 ? r->gap_room * 2 : 64;
		r->gaps = mem_more(r->gaps, r->gap_room * sizeof *r->gaps);
	}
	r->gaps[r->ngaps++] = (struct gap){meter_id, endpoint_id, day, nth};
}

static void
on_gaps_done(const struct err *e, void *arg)
{
	struct reader *r = arg;

	(void)e; /* asked again in a moment */
	r->asking_gaps = false;
}

/* Today's midnight record is due for a meter only after its place in the window. */
static void
on_look(void *arg)
{
	struct reader *r = arg;
	struct db_column starts = {0}, days = {0};
	int64_t now = loop_now_us(r->loop);
	int today = calendar_day(r->zone, now);

	timer_sweep(&r->look, r->loop, GAPS_US, on_look, r);
	r->look_soon = false;
	if (r->asking_gaps || r->ngaps > 0)
		return;
	for (int i = 0; i < r->conf->freeze_days && i < 62; i++) {
		int day = calendar_day_add(today, -i);

		db_column_int(&starts, calendar_day_start(r->zone, day));
		db_column_int(&days, day);
	}
	r->asking_gaps = true;
	store_freeze_gaps(r->db, r->node, &starts, &days,
	    now - calendar_midnight_before(r->zone, now), r->conf->freeze_window_us, MOST_GAPS,
	    on_gap, on_gaps_done, r);
	db_column_free(&starts);
	db_column_free(&days);
}

/* --- who is free -------------------------------------------------------------------------- */

static bool
idle(const struct reader *r, const struct session *s)
{
	return session_free(s) && session_endpoint(s)->claimed &&
	       !dispatch_wants(r->dispatch, session_endpoint(s)->id);
}

static void
serve_gaps(struct reader *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->ngaps; i++) {
		const struct gap *g = &r->gaps[i];
		struct session *s = gateway_find(r->gateway, g->endpoint_id);
		struct meter *m =
		    s != NULL ? endpoint_meter_of(session_endpoint(s), g->meter_id) : NULL;

		if (m == NULL)
			continue; /* gone: the next query finds it again */
		if (idle(r, s) && m->quiet_until_us <= loop_mono_us(r->loop))
			freeze_begin(r, s, m, g);
		else
			r->gaps[kept++] = *g;
	}
	r->ngaps = kept;
}

static void
check_one(struct reader *r, struct session *s, int64_t mono)
{
	struct endpoint *ep = session_endpoint(s);

	for (int i = 0; i < ep->n; i++)
		if (check_due(&r->checks, &ep->meters[i], mono)) {
			check_meter(&r->checks, s, &ep->meters[i]);
			return;
		}
}

static void
on_tick(void *arg)
{
	struct reader *r = arg;
	int64_t mono = loop_mono_us(r->loop);

	timer_sweep(&r->tick, r->loop, TICK_US, on_tick, r);
	if (intake_behind(r->intake))
		return;
	serve_gaps(r);
	for (struct session *s = gateway_first(r->gateway); s != NULL; s = session_next(s)) {
		struct meter *m;

		if (!idle(r, s))
			continue;
		m = poll_due(session_endpoint(s), mono);
		if (m != NULL)
			poll_meter(&r->polls, s, m, r->conf->poll_us);
		else
			check_one(r, s, mono);
	}
}

struct reader *
reader_new(struct loop *l, struct db *db, struct dispatch *d, struct intake *i, const char *node,
    const struct reader_conf *conf, const struct check_conf *check, struct err *e)
{
	struct calendar *zone = calendar_new(conf->zone, e);
	struct reader *r;

	if (zone == NULL)
		return NULL;
	r = mem_new(sizeof *r);
	r->loop = l;
	r->db = db;
	r->dispatch = d;
	r->intake = i;
	r->polls = (struct polls){l, db, d, i};
	r->checks = (struct checks){l, db, d, check};
	r->node = node;
	r->conf = conf;
	r->zone = zone;
	r->log.module = "reader";
	return r;
}

void
reader_set_gateway(struct reader *r, struct gateway *g)
{
	r->gateway = g;
	timer_start(&r->tick, r->loop, TICK_US, on_tick, r);
	timer_start(&r->look, r->loop, SECOND_US, on_look, r);
}

void
reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	timer_stop(&r->tick);
	timer_stop(&r->look);
	calendar_free(r->zone);
	free(r->gaps);
	free(r);
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
	if (!r->look_soon && r->ngaps == 0) { /* it may bring days that are missing */
		r->look_soon = true;
		timer_start(&r->look, r->loop, 2 * SECOND_US, on_look, r);
	}
}
