/*
 * Two versions side by side.  Bands, seasons, types of day and charges are known by their names,
 * tiers by their place; hours are compared minute by minute, so that another way to write the
 * same day is no difference.
 */
#include "codec/price_words.h"

#include "model/price.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct diff {
	const struct price_version *a, *b;
	struct buf *out;
	int n;
};

static void
end_line(struct diff *d)
{
	buf_put_u8(d->out, '\n');
	d->n++;
}

static void __attribute__((format(printf, 2, 3))) say(struct diff *d, const char *fmt, ...)
{
	char line[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	buf_put_text(d->out, line);
	end_line(d);
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
price(struct diff *d, const char *what, int64_t a, int64_t b)
{
	if (a == b)
		return;
	buf_printf(d->out, "%s: ", what);
	price_put_micro(d->out, b);
	buf_put_text(d->out, ", was ");
	price_put_micro(d->out, a);
	put_per_cent(d->out, a, b);
	end_line(d);
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
ladder(struct diff *d, const char *of, const struct price_ladder *a, const struct price_ladder *b)
{
	size_t n = a->n > b->n ? a->n : b->n;

	for (size_t i = 0; i + 1 < n; i++) {
		if (i + 1 < a->n && i + 1 < b->n && a->upto_wh[i] == b->upto_wh[i])
			continue;
		buf_printf(d->out, "%stier %zu ", of, i + 1);
		if (i + 1 >= b->n) {
			buf_put_text(d->out, "is the last, ended at ");
			price_put_kwh(d->out, a->upto_wh[i]);
			end_line(d);
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
		end_line(d);
	}
}

static void
tier_prices(struct diff *d, const char *of, const struct price_ladder *a,
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
			end_line(d);
		} else {
			say(d, "%s is gone", what);
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
additive(struct diff *d)
{
	if (d->a->tiered != d->b->tiered)
		say(d, d->b->tiered ? "tiers are new" : "tiers are gone");
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
banded(struct diff *d)
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
bands(struct diff *d)
{
	for (size_t b = 0; b < d->b->nbands && d->b->banded; b++)
		if (!d->a->banded || band_named(d->a, d->b->band[b]) < 0)
			say(d, "band %s is new", d->b->band[b]);
	for (size_t b = 0; b < d->a->nbands && d->a->banded; b++)
		if (!d->b->banded || band_named(d->b, d->a->band[b]) < 0)
			say(d, "band %s is gone", d->a->band[b]);
}

static void
prices(struct diff *d)
{
	bands(d);
	if (d->a->mode != d->b->mode) {
		say(d, "mode is %s, was %s: their prices do not compare",
		    price_mode_name(d->b->mode), price_mode_name(d->a->mode));
		return;
	}
	if (d->a->mode == PRICE_ADDITIVE)
		additive(d);
	else
		banded(d);
}

/* --- hours --------------------------------------------------------------------------------- */

static const char *
band_at(const struct price_version *v, const struct price_schedule *s, int minute)
{
	for (size_t i = 0; i < s->n; i++)
		if (minute < s->slot[i].to)
			return v->band[s->slot[i].band];
	return "";
}

static void
schedule(
    struct diff *d, const char *of, const struct price_schedule *a, const struct price_schedule *b)
{
	for (int from = 0, to; from < 1440; from = to) {
		const char *was = band_at(d->a, a, from), *is = band_at(d->b, b, from);

		for (to = from + 1; to < 1440 && strcmp(was, band_at(d->a, a, to)) == 0 &&
				    strcmp(is, band_at(d->b, b, to)) == 0;)
			to++;
		if (strcmp(was, is) == 0)
			continue;
		buf_printf(d->out, "%s ", of);
		price_put_clock(d->out, from);
		buf_put_u8(d->out, '-');
		price_put_clock(d->out, to);
		buf_printf(d->out, ": %s, was %s", is, was);
		end_line(d);
	}
}

/* The one season of a version that has none has no name. */
static const char *
season_name(const struct price_season *s)
{
	return s->name[0] != '\0' ? s->name : "all year";
}

/* Whether the seasons, and the types of day, are the same ones. */
static bool
seasons(struct diff *d)
{
	bool same = d->a->nseasons == d->b->nseasons;

	for (size_t i = 0; i < d->b->nseasons; i++) {
		const struct price_season *b = &d->b->season[i], *a = NULL;

		for (size_t k = 0; k < d->a->nseasons; k++)
			if (strcmp(d->a->season[k].name, b->name) == 0)
				a = &d->a->season[k];
		if (a != NULL && a->from == b->from && a->to == b->to)
			continue;
		same = false;
		if (a == NULL)
			say(d, "season %s is new: %02d-%02d to %02d-%02d", season_name(b),
			    b->from / 100, b->from % 100, b->to / 100, b->to % 100);
		else
			say(d, "season %s: %02d-%02d to %02d-%02d, was %02d-%02d to %02d-%02d",
			    b->name, b->from / 100, b->from % 100, b->to / 100, b->to % 100,
			    a->from / 100, a->from % 100, a->to / 100, a->to % 100);
	}
	for (size_t i = 0; i < d->a->nseasons; i++) {
		bool there = false;

		for (size_t k = 0; k < d->b->nseasons; k++)
			there = there || strcmp(d->a->season[i].name, d->b->season[k].name) == 0;
		if (!there)
			say(d, "season %s is gone", season_name(&d->a->season[i]));
		same = same && there;
	}
	return same;
}

static int
day_type_named(const struct price_version *v, const char *name)
{
	for (size_t i = 0; i < v->nday_types; i++)
		if (strcmp(v->day_type[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool
day_types(struct diff *d)
{
	bool same = d->a->nday_types == d->b->nday_types;

	for (size_t i = 0; i < d->b->nday_types; i++) {
		int a = day_type_named(d->a, d->b->day_type[i].name);

		if (a >= 0 && d->a->day_type[a].days == d->b->day_type[i].days)
			continue;
		same = false;
		say(d, "type of day %s %s", d->b->day_type[i].name,
		    a < 0 ? "is new" : "has other days");
	}
	for (size_t i = 0; i < d->a->nday_types; i++)
		if (day_type_named(d->b, d->a->day_type[i].name) < 0) {
			say(d, "type of day %s is gone", d->a->day_type[i].name);
			same = false;
		}
	return same;
}

static void
hours(struct diff *d)
{
	bool same;

	if (!d->a->banded || !d->b->banded)
		return;
	same = seasons(d);
	same = day_types(d) && same;
	for (size_t s = 0; same && s < d->b->nseasons; s++) {
		const struct price_season *b = &d->b->season[s], *a = d->a->season;
		char of[2 * PRICE_NAME + 8];

		while (strcmp(a->name, b->name) != 0)
			a++;
		for (size_t t = 0; t < d->b->nday_types; t++) {
			int other = day_type_named(d->a, d->b->day_type[t].name);

			snprintf(of, sizeof of, "%s%s%s", d->b->nseasons > 1 ? b->name : "",
			    d->b->nseasons > 1 ? ", " : "", d->b->day_type[t].name);
			schedule(d, of, &d->a->schedule[a->schedule[other]],
			    &d->b->schedule[b->schedule[t]]);
		}
	}
}

/* --- days ---------------------------------------------------------------------------------- */

static bool
in_list(const int *dates, size_t n, int date)
{
	for (size_t i = 0; i < n; i++)
		if (dates[i] == date)
			return true;
	return false;
}

/* Those of `some` that are not among `others`, in a line. */
static void
dates(
    struct diff *d, const char *what, const int *some, size_t n, const int *others, size_t nothers)
{
	int only[PRICE_DATES];
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (!in_list(others, nothers, some[i]))
			only[count++] = some[i];
	if (count == 0)
		return;
	buf_put_text(d->out, what);
	price_put_dates(d->out, only, count);
	end_line(d);
}

static void
days(struct diff *d)
{
	const struct price_version *a = d->a, *b = d->b;

	dates(d, "new holidays: ", b->holiday, b->nholidays, a->holiday, a->nholidays);
	dates(d, "no longer holidays: ", a->holiday, a->nholidays, b->holiday, b->nholidays);
	dates(d, "new make-up workdays: ", b->makeup, b->nmakeups, a->makeup, a->nmakeups);
	dates(d, "no longer make-up workdays: ", a->makeup, a->nmakeups, b->makeup, b->nmakeups);
}

/* --- the rest ------------------------------------------------------------------------------ */

static void
fixed(struct diff *d)
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
		end_line(d);
	}
	for (size_t i = 0; i < a->nfixed; i++) {
		for (k = 0; k < b->nfixed && strcmp(b->fixed[k].name, a->fixed[i].name) != 0; k++)
			;
		if (k == b->nfixed)
			say(d, "fixed charge %s is gone", a->fixed[i].name);
	}
}

static void
surcharges(struct diff *d)
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
			say(d, "surcharge %s is gone", a->surcharge[i].name);
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
tax(struct diff *d)
{
	if (d->a->taxed == d->b->taxed && d->a->tax_ppm == d->b->tax_ppm &&
	    d->a->tax_inclusive == d->b->tax_inclusive)
		return;
	buf_put_text(d->out, "tax: ");
	put_tax(d->out, d->b);
	buf_put_text(d->out, ", was ");
	put_tax(d->out, d->a);
	end_line(d);
}

static void
period(struct diff *d)
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
	end_line(d);
}

static void
head(struct diff *d)
{
	if (d->a->effective_from_us != d->b->effective_from_us) {
		buf_put_text(d->out, "from ");
		price_put_instant(d->out, d->b);
		buf_put_text(d->out, ", was from ");
		price_put_instant(d->out, d->a);
		end_line(d);
	}
	if (strcmp(d->a->currency, d->b->currency) != 0 || d->a->exponent != d->b->exponent)
		say(d, "currency %s of %d digits, was %s of %d", d->b->currency, d->b->exponent,
		    d->a->currency, d->a->exponent);
	if (strcmp(d->a->zone, d->b->zone) != 0)
		say(d, "zone %s, was %s", d->b->zone, d->a->zone);
	if (d->a->rounding != d->b->rounding)
		say(d, "rounding %s, was %s", price_rounding_name(d->b->rounding),
		    price_rounding_name(d->a->rounding));
}

int
price_words_diff(const struct price_version *a, const struct price_version *b, struct buf *out)
{
	struct diff d = {a, b, out, 0};

	head(&d);
	period(&d);
	prices(&d);
	hours(&d);
	days(&d);
	fixed(&d);
	surcharges(&d);
	tax(&d);
	return d.n;
}

bool
price_words_same_hours(const struct price_version *a, const struct price_version *b)
{
	struct buf unread = {0};
	struct diff d = {a, b, &unread, a->nbands != b->nbands};

	for (size_t i = 0; d.n == 0 && i < a->nbands; i++)
		d.n += strcmp(a->band[i], b->band[i]) != 0;
	hours(&d);
	days(&d);
	buf_clear(&unread);
	return d.n == 0;
}
