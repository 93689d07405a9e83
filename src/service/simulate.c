/*
 * Rows come by account and time.  What is kept while an account goes by is the last reading of
 * each of its meters and, for either side, the position in the tiers and the sums: the same
 * price_rate() and price_post() that bill.
 */
#include "service/simulate.h"

#include "base/log.h"
#include "base/loop.h"
#include "codec/price_words.h"
#include "model/meter.h"
#include "service/prices.h"
#include "store/store_names.h"
#include "store/store_price.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MOST 16
#define INTERVALS    400 /* a portion: two ratings each, some milliseconds in all */
#define METERS_MOST  8   /* of an account */
#define UNIT_WH      10  /* of a meter's register */

struct side {
	const struct price_book *book; /* NULL: nothing is in force */
	struct price_position at;
	struct price_sums sums;
	int64_t minor;
};

struct person {
	int64_t id;
	struct simulate_account told;
	struct store_use last[METERS_MOST];
	size_t nmeters;
	struct side before, after;
	int64_t wh;
	bool used, estimated;
	char why[160]; /* it cannot be rated */
};

struct simulation {
	struct simulation *next;
	int64_t tariff_id, reached;
	char site[128];
	struct price_version version;
	const struct price_version *own;
	struct price_book book; /* of the new one alone, in force all the time */
	const struct price_book *now;
	const struct price_version *compared; /* with which same_hours was found */
	bool same_hours;
	int limit;
	struct person person;
	struct simulated sum;
	simulate_fn *fn;
	void *arg;
};

struct simulator {
	struct loop *loop;
	struct db *db;
	const struct prices *prices;
	struct simulation *first, **last;
	size_t waiting;
	bool busy;
	struct timer poke;
	struct logctx log;
};

/* --- one interval -------------------------------------------------------------------------- */

static const struct price_version *
in_force(const struct price_book *b, int64_t at_us)
{
	const struct price_version *v = b->versions[0];

	for (size_t i = 1; i < b->n && b->versions[i]->effective_from_us <= at_us; i++)
		v = b->versions[i];
	return v;
}

static int64_t
plausible_wh(const struct store_use *a, const struct store_use *b)
{
	__int128 wh = (__int128)b->most_watts * (b->at_us - a->at_us) / HOUR_US;

	return (int64_t)(wh + wh / 5) + 1000;
}

/* The bands' registers, when they are what the version has bands for. */
static void
add_registers(const struct store_use *a, const struct store_use *b, const struct price_version *v,
    struct price_usage *u)
{
	int64_t wh[4], sum = 0, most = plausible_wh(a, b);
	struct err e;

	if (!v->banded || v->nbands > 4)
		return;
	for (size_t i = 0; i < 4; i++) {
		if (a->register_wh[i] < 0 && b->register_wh[i] < 0 && i >= v->nbands)
			wh[i] = 0;
		else if (register_delta(a->register_wh[i], b->register_wh[i], b->wraps_wh, most,
			     &wh[i], &e) < 0 ||
			 (i >= v->nbands && wh[i] > 0))
			return;
		sum += wh[i];
	}
	if (sum - u->total_wh > UNIT_WH * (int64_t)v->nbands ||
	    u->total_wh - sum > UNIT_WH * (int64_t)v->nbands)
		return;
	u->nregisters = v->nbands;
	u->unit_wh = UNIT_WH;
	memcpy(u->register_wh, wh, v->nbands * sizeof *wh);
}

static void
unrated(struct person *p, const char *why)
{
	if (p->why[0] == '\0')
		snprintf(p->why, sizeof p->why, "account %s: %.100s", p->told.number, why);
}

static void
rate(struct person *p, struct side *s, const struct price_usage *u)
{
	struct price_charge c;
	struct price_posting posting;
	const struct price_version *v = s->book->versions[0];
	struct err e;

	if (price_rate(s->book, NULL, u, &s->at, &c) != PRICE_RATED)
		unrated(p, c.why);
	else if (price_post(&s->sums, &c, v->rounding, v->exponent, &posting, &e) < 0)
		unrated(p, e.text);
	else
		s->minor += posting.gross_minor;
	price_charge_clear(&c);
}

/* Comparing hours takes longer than rating; versions follow each other rarely. */
static bool
same_hours(struct simulation *m, const struct price_version *v)
{
	if (v != m->compared) {
		m->compared = v;
		m->same_hours = price_words_same_hours(v, &m->version);
	}
	return m->same_hours;
}

static void
interval(struct simulation *m, const struct store_use *a, const struct store_use *b)
{
	struct person *p = &m->person;
	struct price_usage u = {.from_us = a->at_us, .to_us = b->at_us, .has_total = true};
	const struct price_version *v = m->now != NULL ? in_force(m->now, a->at_us) : NULL;
	struct err e;

	if (register_delta(
		a->total_wh, b->total_wh, b->wraps_wh, plausible_wh(a, b), &u.total_wh, &e) < 0) {
		unrated(p, e.text);
		return;
	}
	p->used = true;
	p->wh += u.total_wh;
	add_registers(a, b, v != NULL ? v : &m->version, &u);
	if (v != NULL)
		rate(p, &p->before, &u);
	if (v != NULL && !same_hours(m, v))
		u.nregisters = 0; /* they counted by other hours */
	p->estimated = p->estimated || (m->version.banded && u.nregisters == 0);
	rate(p, &p->after, &u);
}

/* --- one account --------------------------------------------------------------------------- */

static int64_t
difference(const struct simulate_account *a)
{
	return a->after_minor - a->before_minor;
}

/* Into a list of the most, by `worth`, larger first; of equal ones the first stays ahead. */
static void
rank(struct simulate_account *list, size_t *n, const struct simulate_account *a, int sign)
{
	size_t at = *n;

	while (at > 0 && sign * difference(&list[at - 1]) < sign * difference(a))
		at--;
	if (at == SIMULATE_MOST)
		return;
	if (*n < SIMULATE_MOST)
		++*n;
	memmove(&list[at + 1], &list[at], (*n - at - 1) * sizeof *list);
	list[at] = *a;
}

static void
count_cut(struct simulated *s, const struct simulate_account *a)
{
	if (a->balance_minor <= a->trip_minor) {
		s->cut_already++;
	} else if (a->balance_minor - difference(a) <= a->trip_minor) {
		s->cut++;
		rank(s->cuts, &s->ncuts, a, 1);
	}
}

static void
person_ends(struct simulation *m)
{
	struct person *p = &m->person;
	struct simulated *s = &m->sum;

	if (p->id == 0)
		return;
	s->accounts++;
	if (p->why[0] != '\0') {
		if (s->unrated++ == 0)
			snprintf(s->why, sizeof s->why, "%s", p->why);
		return;
	}
	if (!p->used)
		return;
	s->rated++;
	s->estimated += p->estimated;
	s->wh += p->wh;
	p->told.before_minor = p->before.minor;
	p->told.after_minor = p->after.minor;
	s->before_minor += p->before.minor;
	s->after_minor += p->after.minor;
	if (difference(&p->told) < 0) {
		s->winners++;
		rank(s->won, &s->nwon, &p->told, -1);
	} else if (difference(&p->told) > 0) {
		s->losers++;
		rank(s->lost, &s->nlost, &p->told, 1);
	}
	count_cut(s, &p->told);
}

static void
person_begins(struct simulation *m, const struct store_use *u)
{
	struct person *p = &m->person;

	*p = (struct person){.id = u->account_id};
	snprintf(p->told.number, sizeof p->told.number, "%s", u->number);
	p->told.balance_minor = u->balance_minor;
	p->told.trip_minor = u->trip_minor;
	p->before.book = m->now;
	p->after.book = &m->book;
}

/* Where this meter was last; NULL when it is seen for the first time. */
static struct store_use *
last_of(struct person *p, int64_t meter_id)
{
	for (size_t i = 0; i < p->nmeters; i++)
		if (p->last[i].meter_id == meter_id)
			return &p->last[i];
	return NULL;
}

static void
on_use(const struct store_use *u, void *arg)
{
	struct simulator *s = arg;
	struct simulation *m = s->first;
	struct person *p = &m->person;
	struct store_use *last;

	if (u->account_id != p->id) {
		person_ends(m);
		person_begins(m, u);
		m->reached = u->account_id;
	}
	if (u->meter_id == 0)
		return;
	last = last_of(p, u->meter_id);
	if (last == NULL && p->nmeters == METERS_MOST) {
		unrated(p, "more meters than can be followed");
		return;
	}
	if (last == NULL)
		last = &p->last[p->nmeters++];
	else if (u->at_us > last->at_us)
		interval(m, last, u);
	*last = *u;
	last->number = NULL;
}

/* --- portions ------------------------------------------------------------------------------ */

static void simulator_poke(void *arg);

static void
simulation_ends(struct simulator *s, const struct err *e)
{
	struct simulation *m = s->first;

	s->first = m->next;
	if (s->first == NULL)
		s->last = &s->first;
	s->waiting--;
	if (s->first != NULL)
		loop_defer(&s->poke, s->loop, simulator_poke, s);
	m->fn(e->class == ERR_NONE ? &m->sum : NULL, e, m->arg);
	free(m);
}

static void
on_used(int n, const struct err *e, void *arg)
{
	struct simulator *s = arg;
	struct simulation *m = s->first;

	s->busy = false;
	if (e->class != ERR_NONE) {
		simulation_ends(s, e);
		return;
	}
	person_ends(m);
	m->person.id = 0;
	if (n == 0)
		simulation_ends(s, e);
	else
		loop_defer(&s->poke, s->loop, simulator_poke, s);
}

static void
simulator_poke(void *arg)
{
	struct simulator *s = arg;
	struct simulation *m = s->first;

	if (s->busy || m == NULL)
		return;
	s->busy = true;
	store_tariff_use(s->db, m->tariff_id, m->site, m->sum.from_us, m->sum.to_us, m->reached,
	    m->limit, on_use, on_used, s);
}

int
simulate(
    struct simulator *s, const struct simulate_order *o, simulate_fn *fn, void *arg, struct err *e)
{
	struct simulation *m;
	int64_t days;

	if (s->waiting == WAITING_MOST)
		return err_set(e, ERR_RETRY, "%d simulations wait already", WAITING_MOST);
	m = mem_new(sizeof *m);
	m->tariff_id = o->tariff_id;
	snprintf(m->site, sizeof m->site, "%s", o->site);
	m->fn = fn;
	m->arg = arg;
	m->now = prices_book(s->prices, o->tariff_id);
	m->sum.priced = m->now != NULL;
	m->sum.from_us = o->from_us;
	m->sum.to_us = o->to_us;
	if (m->now != NULL && m->sum.from_us < m->now->versions[0]->effective_from_us)
		m->sum.from_us = m->now->versions[0]->effective_from_us;
	m->version = *o->version;
	if (m->version.effective_from_us > m->sum.from_us)
		m->version.effective_from_us = m->sum.from_us;
	m->own = &m->version;
	m->book = (struct price_book){store_zone(m->version.zone), &m->own, 1};
	days = (o->to_us - o->from_us) / DAY_US;
	m->limit = days + 2 > INTERVALS ? 1 : (int)(INTERVALS / (days + 2));
	*s->last = m;
	s->last = &m->next;
	s->waiting++;
	loop_defer(&s->poke, s->loop, simulator_poke, s);
	return 0;
}

struct simulator *
simulator_new(struct loop *l, struct db *db, const struct prices *prices)
{
	struct simulator *s = mem_new(sizeof *s);

	s->loop = l;
	s->db = db;
	s->prices = prices;
	s->last = &s->first;
	s->log.module = "simulate";
	return s;
}

void
simulator_free(struct simulator *s)
{
	struct simulation *m;

	if (s == NULL)
		return;
	timer_stop(&s->poke);
	while ((m = s->first) != NULL) {
		s->first = m->next;
		free(m);
	}
	free(s);
}
