/*
 * From Wh to money, stretch by stretch.
 *
 * Nothing is charged unless all of an interval can be: each stretch is priced and the position
 * moved on, and when one of them had no price the money is taken out again while the position
 * stays where it got to (domain.md 5.12.8).
 */
#include "model/price_inside.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rating {
	const struct price_book *book;
	const struct price_tenancy *who;
	struct price_position *at;
	struct price_charge *out;
	const struct price_stretch *s;
	int64_t wh[PRICE_BANDS]; /* of the stretch, within the cut */
	__int128 nano;           /* its energy */
};

/* The first reason stands. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct price_charge *out, enum price_result result, const char *fmt, ...)
{
	va_list ap;

	if (out->result != PRICE_RATED)
		return;
	out->result = result;
	va_start(ap, fmt);
	vsnprintf(out->why, sizeof out->why, fmt, ap);
	va_end(ap);
}

static void
touch(struct rating *r, int tier, int band, int64_t wh, int64_t micro)
{
	struct price_charge *out = r->out;

	if (wh == 0)
		return;
	if (micro == PRICE_NONE) {
		refuse(out, PRICE_UNRATED, "tier %d in band %d has no price", tier + 1, band + 1);
		return;
	}
	if (out->ntouches == out->room) {
		out->room = out->room > 0 ? 2 * out->room : 8;
		out->touches = mem_more(out->touches, out->room * sizeof *out->touches);
	}
	out->touches[out->ntouches++] =
	    (struct price_touch){out->nparts - 1, tier, band, wh, micro};
	r->nano += (__int128)wh * micro;
}

/* --- tiers ------------------------------------------------------------------------------- */

/* What of [from, to) lies below the end of tier t and above the end of the one before. */
static int64_t
in_tier(const struct price_ladder *l, size_t t, int64_t from, int64_t to)
{
	int64_t low = t > 0 ? l->upto_wh[t - 1] : INT64_MIN, high = l->upto_wh[t];

	if (from > low)
		low = from;
	if (to < high)
		high = to;
	return high > low ? high - low : 0;
}

static void
rate_additive(struct rating *r, int64_t wh)
{
	const struct price_version *v = r->s->version;
	struct price_ladder l = price_ladder_in(r->book, v, 0, r->s->span, r->who);
	int64_t used = r->at->used_wh;

	for (size_t t = 0; t < l.n && v->tiered; t++)
		touch(r, (int)t, -1, in_tier(&l, t, used, used + wh), v->tier_micro[t]);
	for (size_t b = 0; b < v->nbands && v->banded; b++)
		touch(r, -1, (int)b, r->wh[b], v->band_micro[b]);
}

static void
rate_per_band(struct rating *r)
{
	const struct price_version *v = r->s->version;

	for (size_t b = 0; b < v->nbands; b++) {
		struct price_ladder l = price_ladder_in(r->book, v, b, r->s->span, r->who);
		int64_t used = r->at->band_wh[b];

		for (size_t t = 0; t < l.n; t++)
			touch(r, (int)t, (int)b, in_tier(&l, t, used, used + r->wh[b]),
			    v->micro[t][b]);
	}
}

/* --- matrix ------------------------------------------------------------------------------ */

/* The bands' shares of the first n Wh of an interval, as if all ran evenly side by side: nearest
 * to pro rata, in whole Wh, together n, never falling with n, and each band's whole at the end.
 * So a tier has exactly its Wh, the last one takes the rest, and an interval that is cut in
 * proportion gives the same. */
static void
first_of(int64_t n, const int64_t whole[PRICE_BANDS], int64_t share[PRICE_BANDS])
{
	int64_t left = 0;

	for (size_t b = 0; b < PRICE_BANDS; b++)
		left += whole[b];
	for (size_t b = 0; b < PRICE_BANDS; b++) {
		share[b] = left == 0 ? 0 : price_round((__int128)n * whole[b], left, PRICE_HALF_UP);
		n -= share[b];
		left -= whole[b];
	}
}

static int64_t
overlap(int64_t a_from, int64_t a_to, int64_t b_from, int64_t b_to)
{
	int64_t from = a_from > b_from ? a_from : b_from, to = a_to < b_to ? a_to : b_to;

	return to > from ? to - from : 0;
}

static int64_t
sum_of(const int64_t wh[PRICE_BANDS])
{
	int64_t sum = 0;

	for (size_t b = 0; b < PRICE_BANDS; b++)
		sum += wh[b];
	return sum;
}

/* The whole stretch is given to the tiers, then each band's part of the cut is looked up in it:
 * its Wh fill the lower tiers first. */
static void
rate_matrix(struct rating *r)
{
	const struct price_version *v = r->s->version;
	struct price_ladder l = price_ladder_in(r->book, v, 0, r->s->span, r->who);
	int64_t whole = sum_of(r->s->wh), begin = r->at->used_wh - sum_of(r->s->before_wh);
	int64_t done = 0, low[PRICE_BANDS] = {0}, high[PRICE_BANDS];

	for (size_t t = 0; t < l.n; t++) {
		int64_t wh = in_tier(&l, t, begin, begin + whole);

		if (wh == 0)
			continue;
		r->out->pro_rata = r->out->pro_rata || (wh < whole && v->nbands > 1);
		done += wh;
		first_of(done, r->s->wh, high);
		for (size_t b = 0; b < v->nbands; b++)
			touch(r, (int)t, (int)b,
			    overlap(low[b], high[b], r->s->before_wh[b], r->s->upto_wh[b]),
			    v->micro[t][b]);
		memcpy(low, high, sizeof low);
	}
}

/* --- one stretch ------------------------------------------------------------------------- */

static bool
bands_fit(struct rating *r, const struct price_usage *u)
{
	const struct price_version *v = r->s->version;

	if (u->nregisters == 0)
		return true;
	for (size_t b = v->nbands; b < u->nregisters; b++)
		if (r->s->wh[b] > 0) {
			refuse(r->out, PRICE_UNRATED, "register %zu has no band", b + 1);
			return false;
		}
	if (u->nregisters < v->nbands) {
		refuse(r->out, PRICE_UNRATED, "band %s has no register", v->band[u->nregisters]);
		return false;
	}
	return true;
}

static void
rate_prices(struct rating *r, struct price_part *part)
{
	const struct price_version *v = r->s->version;

	switch (v->mode) {
	case PRICE_ADDITIVE:
		rate_additive(r, part->wh);
		break;
	case PRICE_MATRIX:
		rate_matrix(r);
		break;
	case PRICE_PER_BAND:
		rate_per_band(r);
		break;
	}
	if (r->nano > INT64_MAX || r->s->fixed_parts / PRICE_PARTS > INT64_MAX) {
		refuse(r->out, PRICE_HELD, "the charge is out of range");
		return;
	}
	part->energy_nano = (int64_t)r->nano;
	part->fixed_nano = (int64_t)(r->s->fixed_parts / PRICE_PARTS);
	part->fixed_parts = (int64_t)(r->s->fixed_parts % PRICE_PARTS);
	for (size_t i = 0; i < v->nsurcharges; i++) {
		__int128 nano = (__int128)part->wh * v->surcharge[i].micro;

		if (nano > INT64_MAX || nano < INT64_MIN)
			refuse(r->out, PRICE_HELD, "surcharge %s is out of range",
			    v->surcharge[i].name);
		else
			part->surcharge_nano[i] = (int64_t)nano;
	}
}

static int64_t
add_up(int64_t used, int64_t wh)
{
	return used > INT64_MAX / 2 - wh ? INT64_MAX / 2 : used + wh;
}

/* The position goes on whether there is a price or not. */
static void
advance(struct rating *r, int64_t wh)
{
	struct price_position *at = r->at;

	at->used_wh = add_up(at->used_wh, wh);
	for (size_t b = 0; b < PRICE_BANDS; b++)
		at->band_wh[b] = add_up(at->band_wh[b], r->wh[b]);
}

static void
rate_stretch(struct rating *r, const struct price_usage *u)
{
	const struct price_stretch *s = r->s;
	struct price_part *part = &r->out->parts[r->out->nparts++];

	if (r->at->period_us != s->span.from_us)
		*r->at = (struct price_position){.period_us = s->span.from_us};
	*part = (struct price_part){.version = s->version,
	    .from_us = s->from_us,
	    .to_us = s->to_us,
	    .period_us = s->span.from_us,
	    .used_wh = r->at->used_wh};
	if (u->cut_to_us != 0 || u->cut_from_us != 0) {
		part->from_us = s->from_us > u->cut_from_us ? s->from_us : u->cut_from_us;
		part->to_us = s->to_us < u->cut_to_us ? s->to_us : u->cut_to_us;
	}
	r->nano = 0;
	for (size_t b = 0; b < PRICE_BANDS; b++) {
		r->wh[b] = s->upto_wh[b] - s->before_wh[b];
		part->wh += r->wh[b];
	}
	r->out->wh += part->wh;
	if (s->version == NULL)
		refuse(r->out, PRICE_UNRATED, "no price is in force yet");
	else if (bands_fit(r, u))
		rate_prices(r, part);
	advance(r, part->wh);
}

/* --- the interval ------------------------------------------------------------------------ */

/* The total is what is billed; the largest band takes what the bands differ from it, as long as
 * that can be the registers' last digit (domain.md 5.12.6). */
static void
fit_bands(struct price_usage *u, struct price_charge *out)
{
	int64_t diff = u->total_wh, most;
	size_t largest = 0;

	if (!u->has_total || u->nregisters == 0 || u->nregisters > PRICE_BANDS)
		return;
	for (size_t b = 0; b < u->nregisters; b++) {
		if (__builtin_sub_overflow(diff, u->register_wh[b], &diff))
			return; /* told apart later */
		if (u->register_wh[b] > u->register_wh[largest])
			largest = b;
	}
	most = u->unit_wh * (int64_t)u->nregisters;
	if (diff > most || diff < -most || u->register_wh[largest] + diff < 0) {
		refuse(out, PRICE_HELD, "the bands differ from the total by %lld Wh",
		    (long long)(diff < 0 ? -diff : diff));
		u->nregisters = 0; /* the position goes on by the total */
		return;
	}
	u->register_wh[largest] += diff;
	out->corrected = diff != 0;
}

static void
take_money_out(struct price_charge *out)
{
	out->ntouches = 0;
	for (size_t i = 0; i < out->nparts; i++) {
		struct price_part *p = &out->parts[i];

		p->energy_nano = p->fixed_nano = p->fixed_parts = 0;
		memset(p->surcharge_nano, 0, sizeof p->surcharge_nano);
	}
}

static bool
in_cut(const struct price_usage *u, const struct price_stretch *s)
{
	return (u->cut_from_us == 0 && u->cut_to_us == 0) ||
	       (s->to_us > u->cut_from_us && s->from_us < u->cut_to_us);
}

enum price_result
price_rate(const struct price_book *b, const struct price_tenancy *who,
    const struct price_usage *usage, struct price_position *at, struct price_charge *out)
{
	struct rating r = {.book = b, .who = who, .at = at, .out = out};
	struct price_usage u = *usage;
	struct price_spread spread;
	struct err e;

	*out = (struct price_charge){0};
	if (b->n == 0) {
		refuse(out, PRICE_UNRATED, "no price version");
		return out->result;
	}
	fit_bands(&u, out);
	if (price_spread_usage(b, who, &u, &spread, &e) < 0) {
		refuse(out, PRICE_HELD, "%s", e.text);
		return out->result;
	}
	out->off_schedule = spread.off_schedule;
	out->parts = mem_new(spread.n * sizeof *out->parts);
	for (size_t i = 0; i < spread.n; i++) {
		r.s = &spread.stretches[i];
		if (in_cut(&u, r.s))
			rate_stretch(&r, &u);
		else if (r.s->version == NULL)
			refuse(out, PRICE_UNRATED, "no price is in force yet");
	}
	free(spread.stretches);
	if (out->result != PRICE_RATED)
		take_money_out(out);
	return out->result;
}

void
price_charge_clear(struct price_charge *c)
{
	free(c->parts);
	free(c->touches);
	*c = (struct price_charge){0};
}
