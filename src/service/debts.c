#include "service/debts.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store_debt.h"
#include "store/store_instalment.h"

#include <stdlib.h>
#include <string.h>

#define BATCH    100
#define SWEEP_US SECOND_US
#define PAUSE_US (10 * SECOND_US) /* until a meter without room is looked at again */

struct debts {
	struct loop *loop;
	struct db *db;
	debts_work_fn *fn;
	void *arg;
	struct splits batch;
	bool busy, again; /* a pass is under way; something came meanwhile */
	bool walking, delivering, taking;
	struct timer sweep, poke;
	struct logctx log;
};

static void debts_poke(void *arg);

static void
complain(struct debts *d, const struct err *e)
{
	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "%s", e->text);
}

/* --- splits ------------------------------------------------------------------------------- */

static void
pass_end(struct debts *d)
{
	d->busy = false;
	if (d->again)
		debts_look(d);
}

static void
on_given_up(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	(void)n;
	complain(d, e);
	d->fn(0, d->arg);
}

static void
give_up(struct debts *d, int64_t payment_id, const char *why)
{
	slog(d, LOG_LEVEL_ERROR, "payment %lld is not split: %s", (long long)payment_id, why);
	store_waterfall_given_up(d->db, payment_id, why, loop_now_us(d->loop), on_given_up, d);
}

static void
on_owing(const struct owing *o, void *arg)
{
	struct debts *d = arg;
	struct waterfall_line lines[WATERFALL_LINES];

	if (o->fault != NULL)
		give_up(d, o->payment_id, o->fault);
	else
		splits_add(&d->batch, o, lines, waterfall_split(&o->view, lines));
}

static void
on_split(int64_t payment_id, const char *outcome, int64_t endpoint_id, void *arg)
{
	struct debts *d = arg;

	if (strcmp(outcome, "split") == 0) {
		slog(d, LOG_LEVEL_INFO, "payment %lld is split", (long long)payment_id);
		d->fn(endpoint_id, d->arg);
	} else if (strncmp(outcome, "refused", 7) == 0) {
		give_up(d, payment_id, outcome);
	}
}

static void
on_split_done(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	complain(d, e);
	d->again = d->again || n > 0; /* an account's next payment, or one whose facts changed */
	pass_end(d);
}

static void
on_due_done(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	(void)n;
	complain(d, e);
	if (d->batch.n > 0)
		store_waterfalls_split(
		    d->db, &d->batch, loop_now_us(d->loop), on_split, on_split_done, d);
	else
		pass_end(d);
}

static void
debts_poke(void *arg)
{
	struct debts *d = arg;

	if (d->busy) {
		d->again = true;
		return;
	}
	d->busy = true;
	d->again = false;
	store_waterfalls_due(d->db, BATCH, on_owing, on_due_done, d);
}

/* --- the sweep ---------------------------------------------------------------------------- */

static void
on_walked(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	d->walking = false;
	complain(d, e);
	if (n > 0)
		d->fn(0, d->arg);
}

static void
on_follows(int64_t endpoint_id, void *arg)
{
	struct debts *d = arg;

	d->fn(endpoint_id, d->arg);
}

static void
on_followed(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	(void)n;
	d->delivering = false;
	complain(d, e);
}

static void
on_taken(int n, const struct err *e, void *arg)
{
	struct debts *d = arg;

	d->taking = false;
	complain(d, e);
	if (n > 0)
		d->fn(0, d->arg);
}

static void
on_sweep(void *arg)
{
	struct debts *d = arg;
	int64_t now = loop_now_us(d->loop);

	timer_sweep(&d->sweep, d->loop, SWEEP_US, on_sweep, d);
	debts_poke(d);
	if (!d->walking) {
		d->walking = true;
		store_emergencies_walk(d->db, BATCH, now, on_walked, d);
	}
	if (!d->taking) {
		d->taking = true;
		store_instalments_take(d->db, BATCH, now, on_taken, d);
	}
	if (!d->delivering) {
		d->delivering = true;
		store_surplus_deliver(d->db, BATCH, PAUSE_US, now, on_follows, on_followed, d);
	}
}

struct debts *
debts_new(struct loop *l, struct db *db, debts_work_fn *fn, void *arg)
{
	struct debts *d = mem_new(sizeof *d);

	d->loop = l;
	d->db = db;
	d->fn = fn;
	d->arg = arg;
	d->log.module = "debts";
	timer_start(&d->sweep, l, SWEEP_US, on_sweep, d);
	return d;
}

void
debts_free(struct debts *d)
{
	if (d == NULL)
		return;
	timer_stop(&d->sweep);
	timer_stop(&d->poke);
	splits_free(&d->batch);
	free(d);
}

void
debts_look(struct debts *d)
{
	loop_defer(&d->poke, d->loop, debts_poke, d);
}
