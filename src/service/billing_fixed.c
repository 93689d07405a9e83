/*
 * A day's fixed charge belongs to the version and the tenant at that day's local midnight
 * (domain.md 5.12.10), whether anything was read or not.  It is the engine's own charge for an
 * interval from that midnight to the next in which nothing was used.
 */
#include "service/billing_parts.h"

#include "base/err.h"
#include "model/calendar.h"

#include <stdio.h>

#define MOST_DAYS 62 /* a round; what is left comes with the next */

static int64_t
midnight_from(const struct calendar *c, int64_t at_us)
{
	int64_t before = calendar_midnight_before(c, at_us);

	return before == at_us ? at_us : calendar_midnight_after(c, at_us);
}

/* They begin with the tenancy or, where nobody knows when that was, with the first reading. */
static int64_t
first_day(const struct bill *b, const struct due_tenancy *t)
{
	int64_t begins = NO_END_US;

	if (t->who.from_us != INT64_MIN)
		return midnight_from(b->book->calendar, t->who.from_us);
	for (size_t k = 0; k < t->ninstallations; k++) {
		const struct due_installation *i =
		    &b->due->installations[t->first_installation + k];

		if (i->billed.at_us != NOT_YET && i->billed.at_us < begins)
			begins = i->billed.at_us;
	}
	return begins == NO_END_US ? NOT_YET : midnight_from(b->book->calendar, begins);
}

static int
charge_day(struct bill *b, struct due_tenancy *t, int64_t from_us, int64_t to_us, struct err *e)
{
	const struct price_usage u = {.from_us = from_us, .to_us = to_us, .has_total = true};
	struct price_sums sums = b->account->sums;
	struct price_position at = t->at;
	struct price_item items[PRICE_ITEMS];
	struct price_charge c;
	char key[80], memo[60];
	struct bill_entry j = {key, "fixed", memo, from_us};
	struct rated_charge r = {.account_id = b->account->id,
	    .tenancy_id = t->id,
	    .fixed = true,
	    .from = {.at_us = from_us},
	    .to = {.at_us = to_us},
	    .multiplier = 1,
	    .tenant_to_us = t->who.to_us,
	    .extra_wh = t->who.extra_wh,
	    .at = &t->at,
	    .items = items,
	    .before = &sums};
	int day = calendar_day(b->book->calendar, from_us);

	if (price_rate(b->book, &t->who, &u, &at, &c) == PRICE_RATED)
		r.nitems = price_items(&c, PRICE_FIXED_ONLY, items, e);
	price_charge_clear(&c);
	if (r.nitems <= 0)
		return r.nitems;
	snprintf(key, sizeof key, "fixed:%lld:%d", (long long)t->id, day);
	snprintf(memo, sizeof memo, "fixed charges of %d", day);
	if (bill_post(b, &j, items, r.nitems, &r.journal, &r.minor, e) < 0)
		return -1;
	rated_charge(b->out, &r);
	return 0;
}

static bool
rests(const struct due_tenancy *t, int64_t at_us)
{
	for (int i = 0; i < t->nrests; i++)
		if (t->rests[2 * i] <= at_us && at_us < t->rests[2 * i + 1])
			return true;
	return false;
}

int
bill_fixed(struct bill *b, struct due_tenancy *t, struct err *e)
{
	int64_t first;

	if (b->book == NULL || b->book->n == 0)
		return 0;
	if (t->fixed_us == NOT_YET)
		t->fixed_us = first_day(b, t);
	if (t->fixed_us == NOT_YET)
		return 0;
	first = midnight_from(b->book->calendar, b->book->versions[0]->effective_from_us);
	if (t->fixed_us < first) /* before its first version a tariff costs nothing */
		t->fixed_us = first;
	for (int n = 0; t->fixed_us <= b->now_us && t->fixed_us < t->who.to_us; n++) {
		int64_t next = calendar_midnight_after(b->book->calendar, t->fixed_us);

		if (n == MOST_DAYS) {
			b->keep = true;
			break;
		}
		if (!rests(t, t->fixed_us) && charge_day(b, t, t->fixed_us, next, e) < 0)
			return -1;
		t->fixed_us = next;
	}
	return 0;
}
