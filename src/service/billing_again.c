/*
 * Charges on new ground: a register value came for a boundary inside an estimate, a price for what
 * had none, the end of a tenancy whose thresholds are prorated, a person's order to rebill.
 *
 * Each charge that is touched is rated again in its own place, cut where there are readings now,
 * and so are those behind it whose place in the tiers has moved by that.  What the new ones cost
 * less what the old ones did is one journal; the sums come to where they would have been had all
 * been known from the beginning, to the nano.
 */
#include "service/billing_parts.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	struct rated_charge r;
	struct price_position at;
	struct price_item items[PRICE_ITEMS];
	char why[160];
};

struct again {
	struct bill *b;
	struct due_tenancy *t;
	const struct past *past;
	struct price_tenancy who;
	struct price_position at;
	bool loose;           /* `at` is not what the next charge began with */
	struct piece *pieces; /* the new charges */
	size_t npieces, room;
	struct price_item *less, *more; /* of the old and of the new */
	size_t nless, nmore, less_room, more_room;
	int64_t first_id;
	struct err *e;
};

static void
add_items(struct price_item **all, size_t *n, size_t *room, const struct price_item *items, int k,
    bool negative)
{
	if (*n + (size_t)k > *room) {
		*room = 2 * (*n + (size_t)k);
		*all = mem_more(*all, *room * sizeof **all);
	}
	for (int i = 0; i < k; i++)
		(*all)[(*n)++] = negative ? price_item_negative(&items[i]) : items[i];
}

/* --- one piece ------------------------------------------------------------------------------ */

static struct piece *
add_piece(struct again *g)
{
	if (g->npieces == g->room) {
		g->room = g->room > 0 ? 2 * g->room : 8;
		g->pieces = mem_more(g->pieces, g->room * sizeof *g->pieces);
	}
	memset(&g->pieces[g->npieces], 0, sizeof *g->pieces);
	return &g->pieces[g->npieces++];
}

/* 1: rated, or still without a price; 0: it cannot be right; -1. */
static int
rate_piece(struct again *g, const struct past_charge *c, const struct registers *from,
    const struct registers *to)
{
	struct piece *p = add_piece(g);
	int64_t delta[REGISTERS];
	struct price_charge charge;
	struct price_usage u;
	enum price_result result;

	if (!bill_deltas(from, to, c->wraps_wh, delta) && to != &c->to)
		return 0; /* nobody has accepted such bands of a cut */
	u = bill_usage(g->b->book, c->multiplier, from->at_us, to->at_us, delta);
	p->at = g->at;
	result = price_rate(g->b->book, &g->who, &u, &g->at, &charge);
	p->r = (struct rated_charge){.account_id = g->b->account->id,
	    .tenancy_id = g->t->id,
	    .installation_id = c->installation_id,
	    .estimate = bill_is_estimate(&charge),
	    .unrated = result == PRICE_UNRATED,
	    .from = *from,
	    .to = *to,
	    .multiplier = c->multiplier,
	    .wh = charge.wh,
	    .tenant_to_us = g->who.to_us,
	    .extra_wh = g->who.extra_wh,
	    .tried = result == PRICE_UNRATED ? g->b->prices_mark : 0,
	    .replaces = c->id};
	snprintf(p->why, sizeof p->why, "%s", charge.why);
	p->r.nitems = price_items(&charge, PRICE_USED, p->items, g->e);
	price_charge_clear(&charge);
	if (p->r.nitems < 0)
		return -1;
	return result != PRICE_HELD;
}

/* What has been read within it and lies on the way from its one end to the other. */
static size_t
fitting(const struct again *g, const struct past_charge *c, struct registers *out)
{
	const struct registers *last = &c->from;
	size_t n = 0;

	for (size_t k = 0; k < c->nreads; k++) {
		const struct registers *r = &g->past->reads[c->first_read + k];
		bool fits = r->at_us > last->at_us;

		for (int i = 0; i < REGISTERS && fits; i++) {
			if (r->wh[i] == NO_WH || last->wh[i] == NO_WH || c->to.wh[i] == NO_WH)
				continue;
			fits = validate_delta(last->wh[i], r->wh[i], c->wraps_wh) <=
			       validate_delta(last->wh[i], c->to.wh[i], c->wraps_wh);
		}
		if (fits) {
			out[n++] = *r;
			last = r;
		}
	}
	return n;
}

/* --- one charge ----------------------------------------------------------------------------- */

static bool
same_position(const struct price_position *a, const struct price_position *b)
{
	return a->period_us == b->period_us && a->used_wh == b->used_wh &&
	       memcmp(a->band_wh, b->band_wh, sizeof a->band_wh) == 0;
}

static bool
same_items(const struct price_item *a, int na, const struct price_item *b, int nb)
{
	if (na != nb)
		return false;
	for (int i = 0; i < na; i++)
		if (strcmp(a[i].name, b[i].name) != 0 || a[i].nano != b[i].nano ||
		    a[i].parts != b[i].parts || a[i].tax_ppm != b[i].tax_ppm ||
		    a[i].tax_inclusive != b[i].tax_inclusive)
			return false;
	return true;
}

/* The one new piece says what the old charge says. */
static bool
unchanged(const struct again *g, const struct past_charge *c, size_t since)
{
	const struct piece *p = &g->pieces[since];

	return g->npieces == since + 1 && same_position(&p->at, &c->at) &&
	       p->r.unrated == c->unrated && p->r.estimate == c->estimate &&
	       p->r.tenant_to_us == c->tenant_to_us && p->r.extra_wh == c->extra_wh &&
	       same_items(p->items, p->r.nitems, c->items, c->nitems);
}

static void
replace(struct again *g, const struct past_charge *c, size_t since)
{
	if (g->first_id == 0)
		g->first_id = c->id;
	rated_replaced(g->b->out, g->b->account->id, c->id);
	add_items(&g->less, &g->nless, &g->less_room, c->items, c->nitems, true);
	for (size_t i = since; i < g->npieces; i++)
		add_items(&g->more, &g->nmore, &g->more_room, g->pieces[i].items,
		    g->pieces[i].r.nitems, false);
}

static int
rate_cut(struct again *g, const struct past_charge *c, const struct registers *at, size_t n)
{
	const struct registers *last = &c->from;
	int rc = 1;

	for (size_t i = 0; i <= n && rc == 1; i++) {
		const struct registers *to = i < n ? &at[i] : &c->to;

		rc = rate_piece(g, c, last, to);
		last = to;
	}
	return rc;
}

static int
again_energy(struct again *g, const struct past_charge *c)
{
	struct registers *cuts = mem_new((c->nreads + 1) * sizeof *cuts);
	size_t since = g->npieces, n = c->estimate ? fitting(g, c, cuts) : 0;
	struct price_position before = g->at;
	int rc = rate_cut(g, c, cuts, n);

	if (rc == 0 && n > 0) { /* the cuts do not fit: as a whole then */
		g->npieces = since;
		g->at = before;
		rc = rate_cut(g, c, cuts, 0);
	}
	free(cuts);
	if (rc < 0)
		return -1;
	if (rc == 0 || unchanged(g, c, since)) {
		g->npieces = since;
		rated_tried(
		    g->b->out, g->b->account->id, c->id, c->unrated ? g->b->prices_mark : 0);
		/* Wrong, but used all the same: those behind it begin where it ends. */
		if (rc == 0 && same_position(&g->at, &before))
			g->at.used_wh += c->wh;
		g->loose = rc == 0;
		return 0;
	}
	replace(g, c, since);
	g->loose = true;
	return 0;
}

static int
again_fixed(struct again *g, const struct past_charge *c)
{
	const struct price_usage u = {
	    .from_us = c->from.at_us, .to_us = c->to.at_us, .has_total = true};
	struct price_position at = c->at;
	struct piece *p = add_piece(g);
	struct price_charge charge;

	if (price_rate(g->b->book, &g->who, &u, &at, &charge) == PRICE_RATED)
		p->r.nitems = price_items(&charge, PRICE_FIXED_ONLY, p->items, g->e);
	price_charge_clear(&charge);
	if (p->r.nitems < 0)
		return -1;
	if (same_items(p->items, p->r.nitems, c->items, c->nitems)) {
		g->npieces--;
		return 0;
	}
	p->at = c->at;
	p->r = (struct rated_charge){.account_id = g->b->account->id,
	    .tenancy_id = g->t->id,
	    .fixed = true,
	    .from = c->from,
	    .to = c->to,
	    .multiplier = 1,
	    .tenant_to_us = g->who.to_us,
	    .extra_wh = g->who.extra_wh,
	    .replaces = c->id,
	    .nitems = p->r.nitems};
	replace(g, c, g->npieces - 1);
	return 0;
}

/* --- the chain ------------------------------------------------------------------------------ */

static bool
touched(const struct again *g, const struct past_charge *c)
{
	return g->b->account->rebill_id != 0 || c->tenant_to_us != g->who.to_us ||
	       (c->unrated && c->tried != g->b->prices_mark) || (c->estimate && c->nreads > 0);
}

static int
walk(struct again *g)
{
	bool last_moved = false;

	for (size_t i = 0; i < g->past->n; i++) {
		const struct past_charge *c = &g->past->charges[i];

		if (c->tenancy_id != g->t->id)
			continue;
		if (g->b->account->rebill_id == 0)
			g->who.extra_wh = c->extra_wh;
		if (c->fixed) {
			if (again_fixed(g, c) < 0)
				return -1;
			continue;
		}
		if (!g->loose || same_position(&g->at, &c->at)) {
			g->at = c->at;
			g->loose = false;
			last_moved = touched(g, c);
			if (!last_moved)
				continue;
		}
		last_moved = true;
		if (again_energy(g, c) < 0)
			return -1;
	}
	if (last_moved)
		g->t->at = g->at;
	return 0;
}

static int
post_difference(struct again *g, int *journal)
{
	struct bill *b = g->b;
	struct bill_entry j = {.value_us = b->now_us};
	char key[80];
	int64_t minor;
	int back;

	j.key = key;
	if (b->account->rebill_id != 0) {
		j.kind = "rebill";
		j.memo = "charges taken back";
		snprintf(key, sizeof key, "rebill:%lld:%lld:back", (long long)b->account->rebill_id,
		    (long long)g->t->id);
		if (bill_post(b, &j, g->less, (int)g->nless, &back, &minor, g->e) < 0)
			return -1;
		j.memo = "charged anew";
		snprintf(key, sizeof key, "rebill:%lld:%lld", (long long)b->account->rebill_id,
		    (long long)g->t->id);
		return bill_post(b, &j, g->more, (int)g->nmore, journal, &minor, g->e);
	}
	j.kind = "trueup";
	j.memo = "what is known now, less what was charged before";
	snprintf(key, sizeof key, "trueup:%lld", (long long)g->first_id);
	add_items(&g->less, &g->nless, &g->less_room, g->more, (int)g->nmore, false);
	return bill_post(b, &j, g->less, (int)g->nless, journal, &minor, g->e);
}

static int
put_pieces(struct again *g)
{
	int journal = 0;

	if (g->first_id != 0 && post_difference(g, &journal) < 0)
		return -1;
	for (size_t i = 0; i < g->npieces; i++) {
		struct piece *p = &g->pieces[i];

		p->r.journal = journal;
		p->r.at = &p->at;
		p->r.items = p->items;
		p->r.why = p->why;
		rated_charge(g->b->out, &p->r);
	}
	return 0;
}

int
bill_again(struct bill *b, struct due_tenancy *t, const struct past *past, struct err *e)
{
	struct again g = {.b = b, .t = t, .past = past, .who = t->who, .e = e};
	int rc = 0;

	b->keep = true; /* then what is new is rated */
	if (b->book != NULL)
		rc = walk(&g);
	if (rc == 0)
		rc = put_pieces(&g);
	free(g.pieces);
	free(g.less);
	free(g.more);
	return rc;
}
