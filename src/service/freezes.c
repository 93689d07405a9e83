#include "service/freezes.h"

#include "base/log.h"
#include "base/loop.h"
#include "codec/dlt645_profile.h"
#include "model/calendar.h"
#include "model/record_search.h"
#include "service/gateway.h"
#include "service/reader.h"
#include "store/store_reading.h"

#include <stdlib.h>

#define LOOK_US     (30 * SECOND_US) /* between two looks at the last two days */
#define DEEP_US     (10 * MINUTE_US) /* between two looks as far back as the setting says */
#define REST_US     (5 * SECOND_US)  /* ... and at least, when meters come back all the time */
#define SOON_US     (2 * SECOND_US)
#define NEAR_DAYS   2
#define NEAR_METERS 20000 /* looked at by one query */
#define DEEP_METERS 4000
#define MOST_GAPS   20000
#define LATE_US     (5 * MINUTE_US)  /* a line that is busy for so long is left to a later look */
#define SURE_US     (10 * MINUTE_US) /* so long after its own midnight a meter has its record */
#define UNSURE_US   (2 * HOUR_US)    /* ... when its clock is not known */

struct gap {
	int64_t meter_id, endpoint_id;
	int day, nth;
};

struct freezes {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	struct intake *intake;
	struct gateway *gateway;
	const char *node;
	const struct reader_conf *conf;
	struct calendar *zone;
	struct gap *gaps; /* days to be read, meter by meter, each the newest first */
	size_t ngaps, room;
	bool asking, deep, deep_wanted, look_soon;
	int64_t after;    /* the meter up to which this look has come; 0: from the first */
	int64_t asked_us; /* monotonic */
	int64_t deep_us;  /* the last deep look began, monotonic */
	struct timer look;
};

static void on_look(void *arg);
static void serve(struct freezes *f, int64_t endpoint_id);

/* --- one day of one meter ----------------------------------------------------------------- */

struct freezing {
	struct freezes *f;
	struct meter *m;
	struct record_search search;
	int day;
	int today; /* on the meter's clock, when the search began */
};

static void freeze_ask(struct session *s, struct freezing *z);

static int
day_count(int day)
{
	return (int)calendar_days_between(20000101, day);
}

static int64_t
meter_now(const struct freezing *z)
{
	return loop_now_us(z->f->loop) + (z->m->skew_known ? z->m->clock_skew_us : 0);
}

static void
freeze_end(struct session *s, struct freezing *z)
{
	session_release(s);
	free(z);
}

static void
on_counted(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct freezing *z = arg;

	if (e->class == ERR_NONE || e->class == ERR_REFUSED)
		intake_readings(z->f->intake, a->readings, a->n);
	freeze_end(s, z);
}

/* With today's record, or when it was given up, a wallet is asked once a day how often and with
 * how much it was filled: credit that we did not send is seen the next morning. */
static void
freeze_done(struct session *s, struct freezing *z)
{
	static const struct task counts = {
	    .kind = TASK_READ, .regs = {REG_PURCHASES, REG_BOUGHT},
                 .nregs = 2
        };
	const struct dlt645_profile *profile = dlt645_profile(z->m->profile);

	if (profile != NULL && profile->recharge != RECHARGE_NONE &&
	    z->day == calendar_day(z->m->zone, loop_now_us(z->f->loop)))
		session_ask(s, z->m, &counts, NULL, on_counted, z);
	else
		freeze_end(s, z);
}

/* The days that are older than all of its records go with it. */
static void
forget_gaps(struct freezes *f, int64_t meter_id, int day)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->ngaps; i++)
		if (f->gaps[i].meter_id != meter_id || f->gaps[i].day > day)
			f->gaps[kept++] = f->gaps[i];
	f->ngaps = kept;
}

/* Whether a day that is newer than all of its records may still come; and whether a midnight went
 * by meanwhile, with which every record got another number. */
static bool
freeze_is_over(const struct freezing *z)
{
	int64_t since = meter_now(z) - calendar_day_start(z->m->zone, z->day);

	return calendar_day(z->m->zone, meter_now(z)) == z->today &&
	       since > (z->m->skew_known ? SURE_US : UNSURE_US);
}

static void
freeze_missing(struct session *s, struct freezing *z, enum search_end end)
{
	struct freezes *f = z->f;
	int from = z->day;

	if (!freeze_is_over(z)) {
		freeze_end(s, z);
		return;
	}
	if (end == SEARCH_OLDER) {
		from = calendar_day_add(z->today, -(int)f->conf->freeze_days + 1);
		if (from > z->day)
			from = z->day;
		forget_gaps(f, z->m->id, z->day);
	}
	store_freeze_absent(f->db, z->m->id, from, z->day, loop_now_us(f->loop));
	freeze_done(s, z);
}

static void
on_frozen(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct freezing *z = arg;
	struct freezes *f = z->f;
	enum search_end end;
	int day = 0;

	if (e->class == ERR_NONE) {
		/* the record's own time says which day it is */
		day = calendar_day(z->m->zone, a->frozen_us);
		store_freeze(
		    f->db, z->m->id, day, a->frozen_us, a->frozen_wh, loop_now_us(f->loop));
	} else if (e->class != ERR_REFUSED || a->refusal != REFUSAL_NO_DATA) {
		freeze_end(s, z);
		return;
	}
	end = record_search_heard(&z->search, day != 0 ? day_count(day) : 0);
	if (end == SEARCH_FOUND)
		freeze_done(s, z);
	else if (end != SEARCH_ON)
		freeze_missing(s, z, end);
	else if (dispatch_wants(f->dispatch, session_endpoint(s)->id))
		freeze_end(s, z); /* it is found again */
	else
		freeze_ask(s, z);
}

static void
freeze_ask(struct session *s, struct freezing *z)
{
	const struct task t = {.kind = TASK_FREEZE, .record = z->search.at};

	session_ask(s, z->m, &t, NULL, on_frozen, z);
}

static void
freeze_begin(struct freezes *f, struct session *s, struct meter *m, const struct gap *gap)
{
	struct freezing *z = mem_new(sizeof *z);

	*z = (struct freezing){.f = f, .m = m};
	z->day = gap->day;
	z->today = calendar_day(m->zone, meter_now(z));
	record_search_begin(&z->search, day_count(gap->day), gap->nth, RECORDS_KEPT);
	session_hold(s);
	freeze_ask(s, z);
}

/* --- which are missing -------------------------------------------------------------------- */

static void
on_gap(int64_t meter_id, int64_t endpoint_id, int day, int nth, void *arg)
{
	struct freezes *f = arg;

	if (f->ngaps == f->room) {
		f->room = f->room > 0 ? f->room * 2 : 64;
		f->gaps = mem_more(f->gaps, f->room * sizeof *f->gaps);
	}
	f->gaps[f->ngaps++] = (struct gap){meter_id, endpoint_id, day, nth};
}

/* upto: the last meter that was looked at; 0: there are no more. */
static void
on_gaps_done(int64_t upto, const struct err *e, void *arg)
{
	struct freezes *f = arg;

	f->asking = false;
	if (e->class == ERR_NONE)
		f->after = upto;
	if (e->class == ERR_NONE && upto != 0)
		timer_start(&f->look, f->loop, SECOND_US, on_look, f);
	if (f->deep)
		serve(f, 0); /* who is free begins at once */
}

static void
gaps_ask(struct freezes *f)
{
	struct db_column starts = {0}, days = {0};
	int64_t now = loop_now_us(f->loop);
	int today = calendar_day(f->zone, now);
	int n = f->deep || f->conf->freeze_days < NEAR_DAYS ? (int)f->conf->freeze_days : NEAR_DAYS;

	for (int i = 0; i < n; i++) {
		int day = calendar_day_add(today, -i);

		db_column_int(&starts, calendar_day_start(f->zone, day));
		db_column_int(&days, day);
	}
	f->asking = true;
	f->asked_us = loop_mono_us(f->loop);
	store_freeze_gaps(f->db, f->node, &starts, &days,
	    now - calendar_midnight_before(f->zone, now), f->conf->freeze_window_us, f->after,
	    f->deep ? DEEP_METERS : NEAR_METERS, MOST_GAPS, on_gap, on_gaps_done, f);
	db_column_free(&starts);
	db_column_free(&days);
}

/* A look that is not at its end goes on when what it found is done. */
static void
on_look(void *arg)
{
	struct freezes *f = arg;
	int64_t mono = loop_mono_us(f->loop);

	timer_sweep(&f->look, f->loop, f->deep_wanted ? REST_US : LOOK_US, on_look, f);
	f->look_soon = false;
	if (f->asking || f->ngaps > 0)
		return;
	if (f->after == 0) {
		f->deep = f->conf->freeze_days > NEAR_DAYS &&
			  ((f->deep_wanted && mono - f->deep_us >= REST_US) ||
			      mono - f->deep_us >= DEEP_US);
		if (f->deep) {
			f->deep_us = mono;
			f->deep_wanted = false;
		}
	}
	gaps_ask(f);
}

void
freezes_look_soon(struct freezes *f)
{
	f->deep_wanted = true;
	if (f->look_soon || f->ngaps > 0)
		return;
	f->look_soon = true;
	timer_start(&f->look, f->loop, SOON_US, on_look, f);
}

/* --- who is free -------------------------------------------------------------------------- */

/* True: the gap is done with here, begun or left to a later look; a meter that is silent or gone
 * is, and so is what waits for a session that is busy all the time: nobody else's days wait. */
static bool
gap_try(struct freezes *f, const struct gap *g)
{
	int64_t mono = loop_mono_us(f->loop);
	struct session *s = gateway_find(f->gateway, g->endpoint_id);
	struct meter *m = s != NULL ? endpoint_meter_of(session_endpoint(s), g->meter_id) : NULL;

	if (m == NULL || m->quiet_until_us > mono)
		return true;
	if (!session_free(s) || !session_endpoint(s)->claimed ||
	    dispatch_wants(f->dispatch, session_endpoint(s)->id))
		return mono - f->asked_us > LATE_US;
	freeze_begin(f, s, m, g);
	return true;
}

/* endpoint_id 0: any. */
static void
serve(struct freezes *f, int64_t endpoint_id)
{
	size_t kept = 0, had = f->ngaps;

	for (size_t i = 0; i < had; i++)
		if ((endpoint_id != 0 && f->gaps[i].endpoint_id != endpoint_id) ||
		    !gap_try(f, &f->gaps[i]))
			f->gaps[kept++] = f->gaps[i];
	f->ngaps = kept;
	if (had > 0 && kept == 0 && f->after != 0 && !f->asking)
		timer_start(&f->look, f->loop, 0, on_look, f);
}

void
freezes_serve(struct freezes *f, bool near)
{
	if (near != f->deep)
		serve(f, 0);
}

/* One day after the other, without waiting for a tick between them. */
void
freezes_freed(struct freezes *f, const struct session *s)
{
	if (f->ngaps > 0)
		serve(f, session_endpoint(s)->id);
}

/* --- life --------------------------------------------------------------------------------- */

struct freezes *
freezes_new(struct loop *l, struct db *db, struct dispatch *d, struct intake *i, const char *node,
    const struct reader_conf *conf, struct err *e)
{
	struct calendar *zone = calendar_new(conf->zone, e);
	struct freezes *f;

	if (zone == NULL)
		return NULL;
	f = mem_new(sizeof *f);
	f->loop = l;
	f->db = db;
	f->dispatch = d;
	f->intake = i;
	f->node = node;
	f->conf = conf;
	f->zone = zone;
	f->deep_us = loop_mono_us(l) - DEEP_US;
	return f;
}

void
freezes_set_gateway(struct freezes *f, struct gateway *g)
{
	f->gateway = g;
	timer_start(&f->look, f->loop, SECOND_US, on_look, f);
}

void
freezes_free(struct freezes *f)
{
	if (f == NULL)
		return;
	timer_stop(&f->look);
	calendar_free(f->zone);
	free(f->gaps);
	free(f);
}
