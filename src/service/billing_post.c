#include "service/billing_parts.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

void
bill_unrated(struct bill *b, const char *why)
{
	if (b->unrated[0] == '\0')
		snprintf(b->unrated, sizeof b->unrated, "%s", why);
}

/* --- posting -------------------------------------------------------------------------------- */

struct lines {
	struct bill *b;
	int journal, n;
};

static void
line(struct lines *l, const char *ledger, const char *owner, int64_t minor)
{
	if (minor != 0)
		rated_line(l->b->out, l->b->account->id, l->journal, ++l->n, ledger, owner, minor);
}

static bool
nothing(const struct price_posting *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p->of[i] != 0 || p->net_of[i] != 0)
			return false;
	return true;
}

/* Net and tax add up to the gross, also where the gross is 0 and they are 1 and -1. */
static void
put_lines(struct bill *b, int journal, const struct price_posting *p)
{
	const struct price_sums *sums = &b->account->sums;
	struct lines l = {b, journal, 0};

	line(&l, b->account->local ? "loaded" : "prepaid", "", p->gross_minor);
	for (size_t i = 0; i < sums->n; i++)
		if (strcmp(sums->of[i].name, "energy") == 0)
			line(&l, "energy", "", -p->net_of[i]);
		else
			line(&l, "fees", sums->of[i].name, -p->net_of[i]);
	line(&l, "tax", "", p->net_minor - p->gross_minor);
}

int
bill_post(struct bill *b, const struct bill_entry *j, const struct price_item *items, int n,
    int *journal, int64_t *minor, struct err *e)
{
	const struct price_version *v = b->book->versions[0];
	struct price_posting p;

	*journal = 0;
	*minor = 0;
	if (price_post_items(&b->account->sums, items, (size_t)n, v->rounding, v->exponent, &p, e) <
	    0)
		return -1;
	if (nothing(&p, b->account->sums.n))
		return 0;
	*minor = p.gross_minor;
	*journal = rated_journal(
	    b->out, b->account->id, j->key, j->kind, j->memo, j->value_us, b->account->currency);
	put_lines(b, *journal, &p);
	return 0;
}

/* --- use ------------------------------------------------------------------------------------ */

bool
bill_deltas(const struct registers *from, const struct registers *to, int64_t wraps_wh,
    int64_t delta_wh[REGISTERS])
{
	bool fit;

	for (int k = 0; k < REGISTERS; k++)
		delta_wh[k] = from->wh[k] == NO_WH || to->wh[k] == NO_WH
				  ? NO_WH
				  : validate_delta(from->wh[k], to->wh[k], wraps_wh);
	for (int k = 1; k < REGISTERS; k++)
		if (delta_wh[k] == NO_WH)
			delta_wh[1] = NO_WH; /* all bands, or none */
	fit = delta_wh[1] == NO_WH || validate_bands_fit(delta_wh, UNIT_WH);
	if (!fit)
		delta_wh[1] = NO_WH;
	return fit;
}

/* Every version of that time goes by bands. */
static bool
wants_bands(const struct price_book *book, int64_t from_us, int64_t to_us)
{
	bool any = false;

	for (size_t i = 0; i < book->n; i++) {
		const struct price_version *v = book->versions[i];

		if (v->effective_from_us >= to_us ||
		    (i + 1 < book->n && book->versions[i + 1]->effective_from_us <= from_us))
			continue;
		if (v->nbands < 2)
			return false;
		any = true;
	}
	return any;
}

struct price_usage
bill_usage(const struct price_book *book, int multiplier, int64_t from_us, int64_t to_us,
    const int64_t delta_wh[REGISTERS])
{
	struct price_usage u = {.from_us = from_us,
	    .to_us = to_us,
	    .has_total = true,
	    .total_wh = delta_wh[0] * multiplier,
	    .unit_wh = UNIT_WH * (int64_t)multiplier};

	if (delta_wh[1] == NO_WH || !wants_bands(book, from_us, to_us))
		return u;
	for (u.nregisters = 0; u.nregisters < REGISTERS - 1; u.nregisters++)
		u.register_wh[u.nregisters] = delta_wh[u.nregisters + 1] * multiplier;
	return u;
}

bool
bill_is_estimate(const struct price_charge *c)
{
	return c->nparts > 1 && c->wh > 0;
}
