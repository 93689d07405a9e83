#include "service/billing.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/calendar.h"
#include "service/billing_parts.h"
#include "service/prices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH      500
#define MOST_CHAIN 50 /* tenancies a round whose charges are rated again */
#define SWEEP_US   SECOND_US

struct billing {
	struct loop *loop;
	struct db *db;
	const struct prices *prices;
	const struct billing_conf *conf;
	billing_rated_fn *fn;
	void *arg;
	bool busy, again;
	int alone; /* so many more are rated one by one, for one among them fails */
	struct due due;
	struct rated out;
	struct timer sweep, poke;
	struct logctx log;
};

static void billing_poke(void *arg);

static void
billing_end(struct billing *b)
{
	due_clear(&b->due);
	b->busy = false;
	if (b->again)
		billing_look(b);
}

/* --- one account ---------------------------------------------------------------------------- */

static bool
to_be_repaired(const struct billing *b, const struct due_account *a)
{
	for (size_t k = 0; k < a->ntenancies; k++)
		if (b->due.tenancies[a->first_tenancy + k].repair_us != NO_END_US)
			return true;
	return false;
}

/* Ended, and every meter and midnight of it is charged. */
static bool
tenancy_settled(const struct bill *b, const struct due_tenancy *t)
{
	if (t->who.to_us == NO_END_US)
		return false;
	for (size_t k = 0; k < t->ninstallations; k++)
		if (b->due->installations[t->first_installation + k].billed.at_us <
		    b->due->installations[t->first_installation + k].to_us)
			return false;
	return b->account->tariff_id == 0 || t->fixed_us == NOT_YET || t->fixed_us >= t->who.to_us;
}

static int
rate_tenancy(struct bill *b, struct due_tenancy *t, const struct past *past, struct err *e)
{
	const struct price_position at = t->at;
	int64_t fixed_us = t->fixed_us;
	bool settled;

	if (past != NULL) {
		if (t->repair_us == NO_END_US)
			return 0;
		if (bill_again(b, t, past, e) < 0)
			return -1;
		rated_tenancy(b->out, b->account->id, t, t->who.to_us != NO_END_US, false);
		return 0;
	}
	if (bill_energy(b, t, e) < 0 || bill_fixed(b, t, e) < 0)
		return -1;
	settled = tenancy_settled(b, t);
	if (settled || t->fixed_us != fixed_us || memcmp(&t->at, &at, sizeof at) != 0)
		rated_tenancy(b->out, b->account->id, t, false, settled);
	return 0;
}

static bool
same_sum(const struct price_sum *a, const struct price_sum *b)
{
	return strcmp(a->name, b->name) == 0 && a->tax_inclusive == b->tax_inclusive &&
	       a->tax_ppm == b->tax_ppm && a->base_nano == b->base_nano &&
	       a->base_parts == b->base_parts && a->gross_femto == b->gross_femto &&
	       a->net_femto == b->net_femto && a->gross_minor == b->gross_minor &&
	       a->net_minor == b->net_minor;
}

static void
put_sums(struct bill *b, const struct price_sums *before)
{
	const struct price_sums *now = &b->account->sums;

	for (size_t i = 0; i < now->n; i++)
		if (i >= before->n || !same_sum(&now->of[i], &before->of[i]))
			rated_sum(b->out, b->account->id, i, &now->of[i]);
}

static void
rate_account(struct billing *b, struct due_account *a, const struct past *past)
{
	struct bill bill = {.conf = b->conf,
	    .book = a->tariff_id != 0 ? prices_book(b->prices, a->tariff_id) : NULL,
	    .prices_mark = prices_mark(b->prices),
	    .now_us = loop_now_us(b->loop),
	    .due = &b->due,
	    .account = a,
	    .out = &b->out};
	struct rated_account r = {.account_id = a->id, .version = a->version};
	struct rated_mark mark = rated_mark(&b->out);
	struct price_sums before = a->sums;
	/* without its prices nothing is done again, nor noted as done */
	bool waits = past != NULL && a->tariff_id != 0 && bill.book == NULL;
	struct err e;
	int rc = 0;

	if (past != NULL)
		bill_unrated(&bill, a->unrated);
	if (waits)
		bill_unrated(&bill, "its tariff cannot be read");
	for (size_t k = 0; k < a->ntenancies && rc == 0 && !waits; k++)
		rc = rate_tenancy(&bill, &b->due.tenancies[a->first_tenancy + k], past, &e);
	if (rc < 0) {
		slog(b, LOG_LEVEL_ERROR, "account=%lld %s", (long long)a->id, e.text);
		rated_back_to(&b->out, &mark);
		bill.keep = false;
		snprintf(bill.unrated, sizeof bill.unrated, "it cannot be charged: %.150s", e.text);
	} else {
		put_sums(&bill, &before);
	}
	bill_unrated(&bill, a->standing);
	if (a->ntenancies > 0)
		r.again_us = calendar_midnight_after(a->zone, bill.now_us);
	r.keep = bill.keep;
	r.unrated = bill.unrated[0] != '\0' ? bill.unrated : NULL;
	r.estimate_minor = bill.estimate_minor;
	r.rebill_id = past != NULL && rc == 0 && !waits ? a->rebill_id : 0;
	b->again = b->again || bill.keep;
	rated_account(&b->out, &r);
}

/* --- batches -------------------------------------------------------------------------------- */

static void
on_rated(int n, const struct err *e, void *arg)
{
	struct billing *b = arg;
	bool later = e->class == ERR_RETRY || e->class == ERR_UNCERTAIN;

	if (e->class != ERR_NONE) {
		slog(b, LOG_LEVEL_ERROR, "%s", e->text);
		if (b->due.naccounts == 1 && !later)
			store_rating_failed(
			    b->db, b->due.accounts[0].id, e->text, loop_now_us(b->loop));
		else if (!later)
			b->alone = (int)b->due.naccounts;
		b->again = !later;
	} else if (n == 0) {
		b->again = false; /* all of them moved underneath: the sweep comes again */
	}
	billing_end(b);
	if (n > 0)
		b->fn(b->arg);
}

/* past NULL: those that have something to be rated again wait for their turn. */
static void
rate_batch(struct billing *b, const struct past *past)
{
	for (size_t i = 0; i < b->due.naccounts; i++) {
		struct due_account *a = &b->due.accounts[i];

		if (to_be_repaired(b, a) == (past != NULL))
			rate_account(b, a, past);
	}
	if (b->out.naccounts == 0)
		billing_end(b);
	else
		store_rating_done(
		    b->db, &b->out, b->conf->drift_minor, loop_now_us(b->loop), on_rated, b);
}

static void
on_past(struct past *p, const struct err *e, void *arg)
{
	struct billing *b = arg;

	if (e->class != ERR_NONE) {
		slog(b, LOG_LEVEL_ERROR, "%s", e->text);
		billing_end(b);
		return;
	}
	b->again = true;
	rate_batch(b, p);
	past_clear(p);
}

/* Whole accounts only: what is charged again is so for all of an account's tenancies at once. */
static int
ask_chains(struct billing *b, struct db_column *tenancies, struct db_column *from)
{
	size_t kept = 0;
	int n = 0;

	for (size_t i = 0; i < b->due.naccounts; i++) {
		struct due_account *a = &b->due.accounts[i];

		if (!to_be_repaired(b, a) || n >= MOST_CHAIN)
			continue;
		for (size_t k = 0; k < a->ntenancies; k++) {
			const struct due_tenancy *t = &b->due.tenancies[a->first_tenancy + k];

			if (t->repair_us == NO_END_US)
				continue;
			db_column_int(tenancies, t->id);
			db_column_int(from, t->repair_us);
			n++;
		}
		b->due.accounts[kept++] = *a;
	}
	if (n > 0)
		b->due.naccounts = kept;
	return n;
}

static void
on_due(struct due *d, const struct err *e, void *arg)
{
	struct billing *b = arg;
	struct db_column tenancies = {0}, from = {0};

	b->due = *d;
	if (e->class != ERR_NONE) {
		slog(b, LOG_LEVEL_ERROR, "%s", e->text);
		b->again = false;
		billing_end(b);
		return;
	}
	if (b->due.naccounts == 0) {
		billing_end(b);
		return;
	}
	b->again = b->again || b->due.naccounts == BATCH || b->alone > 0;
	if (ask_chains(b, &tenancies, &from) > 0) {
		b->again = true; /* the others come next */
		store_rating_chain(b->db, &tenancies, &from, on_past, b);
	} else {
		rate_batch(b, NULL);
	}
	db_column_free(&tenancies);
	db_column_free(&from);
}

static void
billing_poke(void *arg)
{
	struct billing *b = arg;
	struct rating_ask ask = {.limit = BATCH,
	    .prices_mark = prices_mark(b->prices),
	    .silent_us = b->conf->silent_us,
	    .now_us = loop_now_us(b->loop)};

	if (b->busy || !prices_known(b->prices)) {
		b->again = true;
		return;
	}
	if (b->alone > 0) {
		b->alone--;
		ask.limit = 1;
	}
	b->busy = true;
	b->again = false;
	store_rating_due(b->db, &ask, on_due, b);
}

static void
on_sweep(void *arg)
{
	struct billing *b = arg;

	timer_sweep(&b->sweep, b->loop, SWEEP_US, on_sweep, b);
	if (db_backlog(b->db, DB_RATING) < 8)
		billing_poke(b);
}

/* --- life ----------------------------------------------------------------------------------- */

struct billing *
billing_new(struct loop *l, struct db *db, const struct prices *prices,
    const struct billing_conf *conf, billing_rated_fn *fn, void *arg)
{
	struct billing *b = mem_new(sizeof *b);

	b->loop = l;
	b->db = db;
	b->prices = prices;
	b->conf = conf;
	b->fn = fn;
	b->arg = arg;
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
	due_clear(&b->due);
	rated_clear(&b->out);
	free(b);
}

void
billing_look(struct billing *b)
{
	loop_defer(&b->poke, b->loop, billing_poke, b);
}

void
billing_prices_changed(struct billing *b)
{
	store_prices_changed(b->db, loop_now_us(b->loop));
	billing_look(b);
}
