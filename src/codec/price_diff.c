/*
 * Two versions side by side.  Bands, seasons, types of day and charges are known by their names,
 * tiers by their place.
 */
#include "codec/price_words.h"

#include "codec/price_diff.h"
#include "model/price.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
price_diff_end_line(struct price_diff *d)
{
	buf_put_u8(d->out, '\n');
	d->n++;
}

void
price_diff_say(struct price_diff *d, const char *fmt, ...)
{
	char line[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	buf_put_text(d->out, line);
	price_diff_end_line(d);
}

/* --- prices -------------------------------------------------------------------------------- */

static void
put_per_cent(struct buf *out, int64_t a, int64_t b)
{
	__int128 ppm;

	if (a <= 0 || a == PRICE_NONE || b == PRICE_NONE)
		return;
	ppm = (__int128)(b - a) * 1000000 / a;
	if (ppm > INT64_C(1000000000) || ppm < INT64_C(-1000000000))
		return;
	ppm = ppm / 100 * 100; /* two digits of a per cent will do */
	buf_put_text(out, ppm < 0 ? " (" : " (+");
	price_put_ppm(out, (int64_t)ppm);
	buf_put_u8(out, ')');
}

static void
price(struct price_diff *d, const char *what, int64_t a, int64_t b)
{
	if (a == b)
		return;
	buf_printf(d->out, "%s: ", what);
	price_put_micro(d->out, b);
	buf_put_text(d->out, ", was ");
	price_put_micro(d->out, a);
	put_per_cent(d->out, a, b);
	price_diff_end_line(d);
}

static int
band_named(const struct price_version *v, const char *name)
{
	for (size_t b = 0; b < v->nbands; b++)
		if (strcmp(v->band[b], name) == 0)
			return (int)b;
	return -1;
}

static void
ladder(struct price_diff *d, const char *of, const struct price_ladder *a,
    const struct price_ladder *b)
{
	size_t n = a->n > b->n ? a->n : b->n;

	for (size_t i = 0; i + 1 < n; i++) {
		if (i + 1 < a->n && i + 1 < b->n && a->upto_wh[i] == b->upto_wh[i])
			continue;
		buf_printf(d->out, "%stier %zu ", of, i + 1);
		if (i + 1 >= b->n) {
			buf_put_text(d->out, "is the last, ended at ");
			price_put_kwh(d->out, a->upto_wh[i]);
			price_diff_end_line(d);
			break;
		}
		buf_put_text(d->out, "ends at ");
		price_put_kwh(d->out, b->upto_wh[i]);
		if (i + 1 < a->n) {
			buf_put_text(d->out, ", was ");
			price_put_kwh(d->out, a->upto_wh[i]);
		} else {
			buf_put_text(d->out, ", was open");
		}
		price_diff_end_line(d);
	}
}

static void
tier_prices(struct price_diff *d, const char *of, const struct price_ladder *a,
    const struct price_ladder *b,
    int64_t (*micro)(const struct price_version *v, size_t t, int band), int band_a, int band_b)
{
	char what[PRICE_NAME + 40];

	for (size_t t = 0; t < a->n || t < b->n; t++) {
		snprintf(what, sizeof what, "%stier %zu", of, t + 1);
		if (t < a->n && t < b->n) {
			price(d, what, micro(d->a, t, band_a), micro(d->b, t, band_b));
		} else if (t < b->n) {
			buf_printf(d->out, "%s is new: ", what);
			price_put_micro(d->out, micro(d->b, t, band_b));
			price_diff_end_line(d);
		} else {
			price_diff_say(d, "%s is gone", what);
		}
	}
}

static int64_t
additive_micro(const struct price_version *v, size_t t, int band)
{
	(void)band;
	return v->tier_micro[t];
}

static int64_t
banded_micro(const struct price_version *v, size_t t, int band)
{
	return v->micro[t][band];
}

static void
additive(struct price_diff *d)
{
	if (d->a->tiered != d->b->tiered)
		price_diff_say(d, d->b->tiered ? "tiers are new" : "tiers are gone");
	ladder(d, "", &d->a->ladder[0], &d->b->ladder[0]);
	if (d->a->tiered || d->b->tiered)
		tier_prices(d, "", &d->a->ladder[0], &d->b->ladder[0], additive_micro, 0, 0);
	for (size_t b = 0; b < d->b->nbands; b++) {
		int a = band_named(d->a, d->b->band[b]);

		if (a >= 0)
			price(d, d->b->band[b], d->a->band_micro[a], d->b->band_micro[b]);
	}
}

static void
banded(struct price_diff *d)
{
	bool each = d->a->mode == PRICE_PER_BAND;
	char of[PRICE_NAME + 8];

	if (!each)
		ladder(d, "", &d->a->ladder[0], &d->b->ladder[0]);
	for (size_t b = 0; b < d->b->nbands; b++) {
		int a = band_named(d->a, d->b->band[b]);

		if (a < 0)
			continue;
		snprintf(of, sizeof of, "%s, ", d->b->band[b]);
		if (each)
			ladder(d, of, &d->a->ladder[a], &d->b->ladder[b]);
		tier_prices(d, of, &d->a->ladder[each ? a : 0], &d->b->ladder[each ? b : 0],
		    banded_micro, a, (int)b);
	}
}

static void
bands(struct price_diff *d)
{
	for (size_t b = 0; b < d->b->nbands && d->b->banded; b++)
		if (!d->a->banded || band_named(d->a, d->b->band[b]) < 0)
			price_diff_say(d, "band %s is new", d->b->band[b]);
	for (size_t b = 0; b < d->a->nbands && d->a->banded; b++)
		if (!d->b->banded || band_named(d->b, d->a->band[b]) < 0)
			price_diff_say(d, "band %s is gone", d->a->band[b]);
}

static void
prices(struct price_diff *d)
{
	bands(d);
	if (d->a->mode != d->b->mode) {
		price_diff_say(d, "mode is %s, was %s: their prices do not compare",
		    price_mode_name(d->b->mode), price_mode_name(d->a->mode));
		return;
	}
	if (d->a->mode == PRICE_ADDITIVE)
		additive(d);
	else
		banded(d);
}

/* --- the rest ------------------------------------------------------------------------------ */

static void
fixed(struct price_diff *d)
{
	const struct price_version *a = d->a, *b = d->b;
	size_t k;

	for (size_t i = 0; i < b->nfixed; i++) {
		for (k = 0; k < a->nfixed && strcmp(a->fixed[k].name, b->fixed[i].name) != 0; k++)
			;
		if (k < a->nfixed && a->fixed[k].micro == b->fixed[i].micro &&
		    a->fixed[k].accrual == b->fixed[i].accrual)
			continue;
		buf_printf(d->out, "fixed charge %s: ", b->fixed[i].name);
		price_put_amount(d->out, b, i);
		buf_put_text(d->out, k < a->nfixed ? ", was " : ", is new");
		if (k < a->nfixed)
			price_put_amount(d->out, a, k);
		price_diff_end_line(d);
	}
	for (size_t i = 0; i < a->nfixed; i++) {
		for (k = 0; k < b->nfixed && strcmp(b->fixed[k].name, a->fixed[i].name) != 0; k++)
			;
		if (k == b->nfixed)
			price_diff_say(d, "fixed charge %s is gone", a->fixed[i].name);
	}
}

static void
surcharges(struct price_diff *d)
{
	const struct price_version *a = d->a, *b = d->b;
	char what[PRICE_NAME + 16];
	size_t k;

	for (size_t i = 0; i < b->nsurcharges; i++) {
		for (k = 0;
		     k < a->nsurcharges && strcmp(a->surcharge[k].name, b->surcharge[i].name) != 0;
		     k++)
			;
		snprintf(what, sizeof what, "surcharge %s", b->surcharge[i].name);
		price(d, what, k < a->nsurcharges ? a->surcharge[k].micro : PRICE_NONE,
		    b->surcharge[i].micro);
	}
	for (size_t i = 0; i < a->nsurcharges; i++) {
		for (k = 0;
		     k < b->nsurcharges && strcmp(b->surcharge[k].name, a->surcharge[i].name) != 0;
		     k++)
			;
		if (k == b->nsurcharges)
			price_diff_say(d, "surcharge %s is gone", a->surcharge[i].name);
	}
}

static void
put_tax(struct buf *out, const struct price_version *v)
{
	if (!v->taxed) {
		buf_put_text(out, "none");
		return;
	}
	price_put_ppm(out, v->tax_ppm);
	buf_put_text(out, v->tax_inclusive ? " in all prices" : " on top of all prices");
}

static void
tax(struct price_diff *d)
{
	if (d->a->taxed == d->b->taxed && d->a->tax_ppm == d->b->tax_ppm &&
	    d->a->tax_inclusive == d->b->tax_inclusive)
		return;
	buf_put_text(d->out, "tax: ");
	put_tax(d->out, d->b);
	buf_put_text(d->out, ", was ");
	put_tax(d->out, d->a);
	price_diff_end_line(d);
}

static void
period(struct price_diff *d)
{
	const struct price_version *a = d->a, *b = d->b;

	if (!a->tiered || !b->tiered ||
	    (a->period.kind == b->period.kind && a->period.day == b->period.day &&
		a->period.hour == b->period.hour && a->prorate == b->prorate &&
		a->nominal_days == b->nominal_days))
		return;
	buf_put_text(d->out, "tiers begin anew ");
	price_put_period(d->out, b);
	buf_put_text(d->out, ", was ");
	price_put_period(d->out, a);
	price_diff_end_line(d);
}

static void
head(struct price_diff *d)
{
	if (d->a->effective_from_us != d->b->effective_from_us) {
		buf_put_text(d->out, "from ");
		price_put_instant(d->out, d->b);
		buf_put_text(d->out, ", was from ");
		price_put_instant(d->out, d->a);
		price_diff_end_line(d);
	}
	if (strcmp(d->a->currency, d->b->currency) != 0 || d->a->exponent != d->b->exponent)
		price_diff_say(d, "currency %s of %d digits, was %s of %d", d->b->currency,
		    d->b->exponent, d->a->currency, d->a->exponent);
	if (strcmp(d->a->zone, d->b->zone) != 0)
		price_diff_say(d, "zone %s, was %s", d->b->zone, d->a->zone);
	if (d->a->rounding != d->b->rounding)
		price_diff_say(d, "rounding %s, was %s", price_rounding_name(d->b->rounding),
		    price_rounding_name(d->a->rounding));
}

int
price_words_diff(const struct price_version *a, const struct price_version *b, struct buf *out)
{
	struct price_diff d = {a, b, out, 0};

	head(&d);
	period(&d);
	prices(&d);
	price_diff_hours(&d);
	price_diff_days(&d);
	fixed(&d);
	surcharges(&d);
	tax(&d);
	return d.n;
}
