/*
 * Readings in their order, each judged by the last one that was billed.  One that is held leaves
 * the others their chance: the next plausible one is billed from where billing stands.
 */
#include "service/billing_parts.h"

#include "base/err.h"
#include "base/loop.h"

#include <stdio.h>
#include <string.h>

struct metered {
	struct bill *b;
	struct due_tenancy *t;
	struct due_installation *i;
	bool begins, moved, held;
	struct err *e;
};

/* --- one interval --------------------------------------------------------------------------- */

static void
put_charge(struct metered *m, const struct due_read *to, const struct price_charge *c,
    const struct price_position *before, struct rated_charge *r)
{
	r->account_id = m->b->account->id;
	r->tenancy_id = m->t->id;
	r->installation_id = m->i->id;
	r->from = m->i->billed;
	r->to = to->r;
	r->multiplier = m->i->multiplier;
	r->wh = c->wh;
	r->tenant_to_us = m->t->who.to_us;
	r->extra_wh = m->t->who.extra_wh;
	r->at = before;
	r->estimate = bill_is_estimate(c);
	rated_charge(m->b->out, r);
}

static int
post_interval(struct metered *m, const struct due_read *to, const struct price_charge *c,
    const struct price_position *before)
{
	struct price_sums sums = m->b->account->sums;
	struct price_item items[PRICE_ITEMS];
	char key[80], memo[120];
	struct bill_entry j = {key, "charge", memo, to->r.at_us};
	struct rated_charge r = {.items = items, .before = &sums};

	r.nitems = price_items(c, PRICE_USED, items, m->e);
	if (r.nitems < 0)
		return -1;
	snprintf(key, sizeof key, "charge:%lld:%lld", (long long)m->i->id, (long long)to->r.at_us);
	snprintf(memo, sizeof memo, "%lld Wh by meter %s to register %lld", (long long)c->wh,
	    m->i->address, (long long)to->r.wh[0]);
	if (bill_post(m->b, &j, items, r.nitems, &r.journal, &r.minor, m->e) < 0)
		return -1;
	put_charge(m, to, c, before, &r);
	return 0;
}

/* 1: it is billed, or waits for its price in its own place; 0: it cannot be right. */
static int
rate_interval(struct metered *m, const struct due_read *to, const struct validation *v)
{
	struct price_position before = m->t->at;
	struct price_usage u =
	    bill_usage(m->b->book, m->i->multiplier, m->i->billed.at_us, to->r.at_us, v->delta_wh);
	struct price_charge c;
	int rc = 1;

	switch (price_rate(m->b->book, &m->t->who, &u, &m->t->at, &c)) {
	case PRICE_RATED:
		rc = post_interval(m, to, &c, &before) < 0 ? -1 : 1;
		break;
	case PRICE_UNRATED:
		put_charge(m, to, &c, &before,
		    &(struct rated_charge){
			.unrated = true, .why = c.why, .tried = m->b->prices_mark});
		bill_unrated(m->b, c.why);
		break;
	case PRICE_HELD:
		m->t->at = before;
		rated_doubt(m->b->out, m->b->account->id, m->i, "HELD", &to->r, c.why);
		bill_unrated(m->b, c.why);
		m->held = true;
		rc = 0;
		break;
	}
	price_charge_clear(&c);
	return rc;
}

/* --- one reading ---------------------------------------------------------------------------- */

static bool
moved(const struct validation *v)
{
	for (int k = 0; k < REGISTERS; k++)
		if (v->delta_wh[k] > 0)
			return true;
	return false;
}

/* Said once: when it has just been that long. */
static void
look_stuck(struct metered *m, const struct due_read *r)
{
	int64_t was = m->i->billed.at_us - m->i->moved_us, is = r->r.at_us - m->i->moved_us;
	char why[100];

	if (!m->i->relay_closed || was >= m->b->conf->stuck_us || is < m->b->conf->stuck_us)
		return;
	snprintf(why, sizeof why, "its register has stood still for %lld days at %lld Wh",
	    (long long)(is / DAY_US), (long long)r->r.wh[0]);
	rated_doubt(m->b->out, m->b->account->id, m->i, "STUCK", &r->r, why);
}

static void
held(struct metered *m, const struct due_read *r, const char *why)
{
	rated_doubt(m->b->out, m->b->account->id, m->i, "HELD", &r->r, why);
	m->held = true;
}

static void
stand_at(struct metered *m, const struct due_read *r)
{
	m->i->billed = r->r;
	m->moved = true;
}

/* A banded price wants bands: a total that was heard by itself waits for the whole block, unless
 * it is the last there will be.  Those of a clock that is off never come. */
static bool
waits_for_bands(const struct metered *m, const struct due_read *r)
{
	const struct price_usage u = bill_usage(m->b->book, 1, m->i->billed.at_us, r->r.at_us,
	    (const int64_t[REGISTERS]){0, 0, 0, 0, 0});

	return !r->clock_off && u.nregisters > 0 && m->i->billed.wh[1] != NO_WH &&
	       r->r.wh[1] == NO_WH && r->r.at_us != m->i->to_us &&
	       r->r.at_us - m->i->billed.at_us < 2 * DAY_US;
}

static int
bill_read(struct metered *m, const struct due_read *r, const struct validation *v)
{
	int rated = 1;

	if (m->b->account->tariff_id == 0) { /* a local meter without prices is only followed */
		stand_at(m, r);
		return 0;
	}
	if (m->b->book == NULL) {
		if (moved(v))
			bill_unrated(m->b, "no price for this energy");
		return 0;
	}
	if (waits_for_bands(m, r))
		return 0;
	if (moved(v)) {
		rated = rate_interval(m, r, v);
		if (rated > 0)
			m->i->moved_us = r->r.at_us;
	} else {
		look_stuck(m, r);
	}
	if (rated > 0) {
		if (m->held || m->b->account->unrated[0] != '\0')
			rated_doubt(m->b->out, m->b->account->id, m->i, "PLAUSIBLE", &r->r,
			    "a later reading was plausible, and billing went on with it");
		m->held = false;
		stand_at(m, r);
	}
	return rated < 0 ? -1 : 0;
}

static int
take_read(struct metered *m, const struct due_read *r)
{
	static const enum validate_as as[] = {[DECIDED_NOT] = AS_IT_IS,
	    [DECIDED_USED] = AS_USED,
	    [DECIDED_ROLLOVER] = AS_ROLLED_OVER};
	bool first = m->i->billed.at_us == NOT_YET;
	struct validate_meter meter = {m->i->wraps_wh, UNIT_WH, m->i->most_watts, m->i->multiplier,
	    m->b->conf->clock_ahead_us};
	struct validation v;

	if (r->decision == DECIDED_AWAY)
		return 0;
	v = validate_reading(
	    &meter, first ? NULL : &m->i->billed, &r->r, as[r->decision], m->b->now_us);
	if (v.is == READING_HELD) {
		held(m, r, v.why);
		bill_unrated(m->b, v.why);
		return 0;
	}
	if (v.is != READING_GOOD)
		return 0;
	if (first) { /* it begins the energy, and is not charged */
		m->begins = m->b->keep = true;
		m->i->moved_us = r->r.at_us;
		stand_at(m, r);
		return 0;
	}
	return bill_read(m, r, &v);
}

/* --- silence -------------------------------------------------------------------------------- */

/* By what it used to count a day.  Never posted: it is only warned of (domain.md 5.5.5). */
static int
estimate(struct metered *m)
{
	int64_t us = m->b->now_us - m->i->billed.at_us;
	struct price_sums sums = m->b->account->sums;
	struct price_position at = m->t->at;
	struct price_item items[PRICE_ITEMS];
	struct price_posting p;
	struct price_charge c;
	struct price_usage u;
	int n = 0;

	if (m->i->day_wh <= 0 || m->b->book == NULL || us < m->b->conf->silent_us)
		return 0;
	u = bill_usage(m->b->book, m->i->multiplier, m->i->billed.at_us, m->b->now_us,
	    (const int64_t[REGISTERS]){(int64_t)((__int128)m->i->day_wh * us / DAY_US), NO_WH});
	if (price_rate(m->b->book, &m->t->who, &u, &at, &c) == PRICE_RATED)
		n = price_items(&c, PRICE_USED, items, m->e);
	price_charge_clear(&c);
	if (n < 0 || price_post_items(&sums, items, (size_t)n, m->b->book->versions[0]->rounding,
			 m->b->book->versions[0]->exponent, &p, m->e) < 0)
		return -1;
	m->b->estimate_minor += p.gross_minor;
	return 0;
}

/* --- a tenancy ------------------------------------------------------------------------------ */

static int
bill_installation(struct bill *b, struct due_tenancy *t, struct due_installation *i, struct err *e)
{
	struct metered m = {.b = b, .t = t, .i = i, .e = e};
	bool over;

	for (size_t k = 0; k < i->nreads; k++)
		if (take_read(&m, &b->due->reads[i->first_read + k]) < 0)
			return -1;
	over = i->to_us != NO_END_US && i->billed.at_us >= i->to_us;
	if (m.moved || over)
		rated_installation(b->out, b->account->id, i, m.begins, over);
	return i->to_us == NO_END_US && i->billed.at_us != NOT_YET ? estimate(&m) : 0;
}

int
bill_energy(struct bill *b, struct due_tenancy *t, struct err *e)
{
	for (size_t k = 0; k < t->ninstallations; k++)
		if (bill_installation(b, t, &b->due->installations[t->first_installation + k], e) <
		    0)
			return -1;
	return 0;
}
