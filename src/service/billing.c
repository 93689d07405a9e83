#include "service/billing.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/calendar.h"
#include "model/meter.h"
#include "model/tariff.h"
#include "service/prices.h"
#include "store/store_rating.h"

#include <stdlib.h>

#define BATCH    200
#define SWEEP_US SECOND_US
#define EXPONENT 2 /* minor units a major one: yuan and fen */

struct billing {
	struct loop *loop;
	struct db *db;
	billing_rated_fn *fn;
	void *arg;
	const struct prices *prices;
	bool busy, again;
	struct charges batch;
	struct timer sweep, poke;
	struct logctx log;
};

static void billing_poke(void *arg);

/* --- tariffs ------------------------------------------------------------------------------ */

/* Of a version with tiers alone, the steps: until price_rate() bills. */
static struct tariff
tariff_of(const struct price_book *book, int64_t at_us, struct tariff_step steps[PRICE_TIERS])
{
	const struct price_version *v = NULL;
	struct tariff t = {.steps = steps};

	for (size_t i = 0; book != NULL && i < book->n; i++)
		if (book->versions[i]->effective_from_us <= at_us)
			v = book->versions[i];
	if (v == NULL || v->mode != PRICE_ADDITIVE || v->banded || v->nfixed > 0 ||
	    v->nsurcharges > 0 || v->taxed)
		return t;
	for (; t.n < v->ladder[0].n; t.n++)
		steps[t.n] = (struct tariff_step){
		    t.n > 0 ? v->ladder[0].upto_wh[t.n - 1] : 0, v->tier_micro[t.n]};
	return t;
}

/* --- one account -------------------------------------------------------------------------- */

/* What the meter may have counted at most since it was billed, with a fifth to spare. */
static int64_t
plausible_wh(const struct due *a)
{
	__int128 us = a->total_us - a->billed_us;
	__int128 wh = (__int128)a->most_watts * us / (3600 * (__int128)SECOND_US);

	return (int64_t)(wh + wh / 5) + 1000;
}

/* Prices what was used since the last charge.  An interval over a month's end is counted in
 * the month it ends in; the midnight freeze keeps such intervals short. */
static struct charged
charge(struct billing *b, const struct due *a)
{
	struct charged c = {.carry_nano = a->carry_nano};
	struct tariff_step steps[PRICE_TIERS];
	struct tariff t = tariff_of(prices_book(b->prices, a->tariff_id), a->total_us, steps);
	int64_t delta, nano;
	struct err e;

	if (a->local || a->meter_id == 0 || a->total_wh < 0 || a->total_us <= a->billed_us)
		return c;
	if (register_delta(a->billed_wh, a->total_wh, a->wraps_wh, plausible_wh(a), &delta, &e) <
	    0) {
		slog(b, LOG_LEVEL_WARN, "account=%lld %s", (long long)a->account_id, e.text);
		c.unrated = "the register went back or jumped: meter swapped or reset?";
		return c;
	}
	c.period = calendar_month(a->zone, a->total_us);
	c.period_wh = c.period == a->period ? a->period_wh : 0;
	if (tariff_nano(&t, c.period_wh, delta, &nano, &e) < 0) {
		slog(b, LOG_LEVEL_WARN, "account=%lld %s", (long long)a->account_id, e.text);
		c.unrated = "no price for this energy";
		return c;
	}
	c.minor = tariff_post(&c.carry_nano, nano, EXPONENT);
	c.wh = delta;
	c.period_wh += delta;
	c.billed_wh = a->total_wh;
	c.billed_us = a->total_us;
	c.moved = true;
	return c;
}

static void
on_due(const struct due *a, void *arg)
{
	struct billing *b = arg;
	struct charged c = charge(b, a);

	charges_add(&b->batch, a, &c);
}

static void
on_charged(int n, const struct err *e, void *arg)
{
	struct billing *b = arg;

	b->busy = false;
	if (e->class != ERR_NONE)
		slog(b, LOG_LEVEL_ERROR, "%s", e->text);
	else if (b->again)
		billing_look(b);
	if (n > 0)
		b->fn(b->arg);
}

static void
on_due_done(int n, const struct err *e, void *arg)
{
	struct billing *b = arg;

	if (e->class != ERR_NONE)
		slog(b, LOG_LEVEL_ERROR, "%s", e->text);
	if (n == 0) {
		b->busy = false;
		if (b->again)
			billing_look(b);
		return;
	}
	b->again = b->again || n == BATCH;
	store_rating_put(b->db, &b->batch, loop_now_us(b->loop), on_charged, b);
}

static void
billing_poke(void *arg)
{
	struct billing *b = arg;

	if (b->busy || !prices_known(b->prices)) {
		b->again = true;
		return;
	}
	b->busy = true;
	b->again = false;
	store_rating_due(b->db, BATCH, on_due, on_due_done, b);
}

static void
on_sweep(void *arg)
{
	struct billing *b = arg;

	timer_sweep(&b->sweep, b->loop, SWEEP_US, on_sweep, b);
	if (db_backlog(b->db, DB_RATING) < 8)
		billing_poke(b);
}

struct billing *
billing_new(
    struct loop *l, struct db *db, const struct prices *prices, billing_rated_fn *fn, void *arg)
{
	struct billing *b = mem_new(sizeof *b);

	b->loop = l;
	b->db = db;
	b->fn = fn;
	b->arg = arg;
	b->prices = prices;
	b->log.module = "billing";
	timer_start(&b->sweep, l, SWEEP_US, on_sweep, b);
	return b;
}

void
billing_free(struct billing *b)
{
	if (b == NULL)
		return;
	timer_stop(&b->sweep);
	timer_stop(&b->poke);
	buf_clear(&b->batch.rows);
	free(b);
}

void
billing_look(struct billing *b)
{
	loop_defer(&b->poke, b->loop, billing_poke, b);
}
