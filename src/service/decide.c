#include "service/decide.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/calendar.h"
#include "store/store_account.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH           500
#define SWEEP_US        SECOND_US
#define SUPPLY_SWEEP_US (5 * SECOND_US)
#define CLOCK_JUMP_US   (60 * SECOND_US)

struct decider {
	struct loop *loop;
	struct db *db;
	const struct policy *policy;
	decide_work_fn *fn;
	void *arg;
	bool busy, again, sweeping;
	int64_t wall_us, mono_us; /* as they were a moment ago */
	int64_t swept_us;
	struct decided batch;
	struct timer sweep, poke;
	struct logctx log;
};

/* What a day costs, by the last week; 0 while not even a day is known. */
static int64_t
daily_minor(const struct dirty *a, int64_t now_us)
{
	int64_t us;

	if (a->spent_since_day == 0)
		return 0;
	us = now_us - calendar_day_start(a->view.zone, a->spent_since_day);
	return us < DAY_US
		   ? 0
		   : (int64_t)((__int128)(a->spent_minor - a->spent_since_minor) * DAY_US / us);
}

static void
on_dirty(struct dirty *a, void *arg)
{
	struct decider *d = arg;
	int64_t now = loop_now_us(d->loop);
	struct decision what;

	/* A local customer's money is in the meter; what has not arrived there yet counts too. */
	if (a->view.local)
		a->view.balance_minor += a->local_minor;
	if (a->view.local && !a->has_local)
		a->view.nlevels = 0; /* never read: nothing to warn of */
	a->view.daily_minor = daily_minor(a, now);
	supply_decide(d->policy, &a->view, a->meter, a->nmeters, now, &what);
	decided_add(&d->batch, a, &what, d->policy->trip_life_us, now);
}

static void
on_decided(int64_t account_id, int64_t endpoint_id, void *arg)
{
	struct decider *d = arg;

	(void)account_id;
	if (endpoint_id != 0)
		d->fn(endpoint_id, d->arg);
}

static void
on_decided_done(int n, const struct err *e, void *arg)
{
	struct decider *d = arg;

	(void)n;
	d->busy = false;
	d->fn(0, d->arg); /* notices may wait */
	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "%s", e->text);
	else if (d->again)
		decider_look(d);
}

static void
on_dirty_done(int n, const struct err *e, void *arg)
{
	struct decider *d = arg;

	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "%s", e->text);
	if (n == 0) {
		d->busy = false;
		if (d->again)
			decider_look(d);
		return;
	}
	d->again = d->again || n == BATCH;
	store_accounts_decided(
	    d->db, &d->batch, loop_now_us(d->loop), on_decided, on_decided_done, d);
}

static void
decider_poke(void *arg)
{
	struct decider *d = arg;

	if (d->busy) {
		d->again = true;
		return;
	}
	d->busy = true;
	d->again = false;
	store_accounts_dirty(d->db, BATCH, loop_now_us(d->loop), on_dirty, on_dirty_done, d);
}

/* --- what time brings about --------------------------------------------------------------- */

static void
on_swept(int n, const struct err *e, void *arg)
{
	struct decider *d = arg;

	d->sweeping = false;
	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "%s", e->text);
	else if (n > 0)
		decider_look(d);
}

/* A wall clock that was moved is no reason to cut anybody off: all deadlines have moved too. */
static void
watch_clock(struct decider *d)
{
	int64_t wall = loop_now_us(d->loop), mono = loop_mono_us(d->loop);
	int64_t jump = (wall - d->wall_us) - (mono - d->mono_us);
	char why[96];

	if (d->wall_us != 0 && (jump > CLOCK_JUMP_US || jump < -CLOCK_JUMP_US)) {
		snprintf(why, sizeof why, "the server's clock jumped by %lld s",
		    (long long)(jump / SECOND_US));
		slog(d, LOG_LEVEL_WARN, "%s: automatic trips are halted", why);
		store_trips_halt(d->db, "clock", why, wall);
	}
	d->wall_us = wall;
	d->mono_us = mono;
}

static void
on_sweep(void *arg)
{
	struct decider *d = arg;

	timer_sweep(&d->sweep, d->loop, SWEEP_US, on_sweep, d);
	watch_clock(d);
	if (db_backlog(d->db, DB_BILLING) >= 8)
		return;
	if (!d->sweeping && d->mono_us - d->swept_us >= SUPPLY_SWEEP_US) {
		d->sweeping = true;
		d->swept_us = d->mono_us;
		store_supply_sweep(d->db, d->policy->silence_percent, d->policy->restore_slo_us,
		    d->wall_us, on_swept, d);
	}
	decider_poke(d);
}

struct decider *
decider_new(struct loop *l, struct db *db, const struct policy *p, decide_work_fn *fn, void *arg)
{
	struct decider *d = mem_new(sizeof *d);

	d->loop = l;
	d->db = db;
	d->policy = p;
	d->fn = fn;
	d->arg = arg;
	d->log.module = "decide";
	timer_start(&d->sweep, l, SWEEP_US, on_sweep, d);
	return d;
}

void
decider_free(struct decider *d)
{
	if (d == NULL)
		return;
	timer_stop(&d->sweep);
	timer_stop(&d->poke);
	decided_free(&d->batch);
	free(d);
}

void
decider_look(struct decider *d)
{
	loop_defer(&d->poke, d->loop, decider_poke, d);
}
