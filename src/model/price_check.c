/*
 * What must hold before anybody is charged by a version.  Rating relies on it: no default, no
 * free kWh, and no hour without a band can come out of a version that passed.
 */
#include "model/price.h"

#include "base/err.h"
#include "model/calendar.h"

#include <stdio.h>
#include <string.h>

const char *
price_mode_name(enum price_mode m)
{
	static const char *const names[] = {"additive", "matrix", "per_band"};

	return names[m];
}

const char *
price_period_name(enum price_period_kind k)
{
	static const char *const names[] = {"month", "cycle", "year"};

	return names[k];
}

const char *
price_rounding_name(enum price_rounding r)
{
	static const char *const names[] = {"half_up", "half_even", "down"};

	return names[r];
}

/* --- tiers and prices -------------------------------------------------------------------- */

static int
check_ladder(const struct price_ladder *l, const char *of, struct err *e)
{
	int64_t below = 0;

	if (l->n == 0 || l->n > PRICE_TIERS)
		return err_set(e, ERR_INPUT, "%sthere must be 1 to %d tiers", of, PRICE_TIERS);
	for (size_t i = 0; i + 1 < l->n; i++) {
		if (l->upto_wh[i] == PRICE_OPEN)
			return err_set(
			    e, ERR_INPUT, "%stier %zu is open but not the last", of, i + 1);
		if (l->upto_wh[i] <= below || l->upto_wh[i] > PRICE_MOST)
			return err_set(e, ERR_INPUT,
			    "%stier %zu does not end above the tier before it", of, i + 1);
		below = l->upto_wh[i];
	}
	if (l->upto_wh[l->n - 1] != PRICE_OPEN)
		return err_set(e, ERR_INPUT, "%sthe last tier must be open", of);
	return 0;
}

static int
check_price(int64_t micro, int64_t least, const char *of, struct err *e)
{
	if (micro == PRICE_NONE)
		return err_set(e, ERR_INPUT, "%s has no price", of);
	if (micro < least || micro > PRICE_MOST)
		return err_set(e, ERR_INPUT, "%s has a price out of range", of);
	return 0;
}

static int
check_sums(const struct price_version *v, struct err *e)
{
	char of[80];

	for (size_t b = 0; b < v->nbands; b++) {
		snprintf(of, sizeof of, "band %s", v->band[b]);
		if (check_price(v->band_micro[b], -PRICE_MOST, of, e) < 0)
			return -1;
	}
	for (size_t t = 0; t < v->ladder[0].n; t++) {
		snprintf(of, sizeof of, "tier %zu", t + 1);
		if (check_price(v->tier_micro[t], -PRICE_MOST, of, e) < 0)
			return -1;
		for (size_t b = 0; b < v->nbands; b++)
			if (v->tier_micro[t] + v->band_micro[b] < 0)
				return err_set(e, ERR_INPUT, "tier %zu in band %s is below zero",
				    t + 1, v->band[b]);
	}
	return 0;
}

static int
check_cells(const struct price_version *v, struct err *e)
{
	char of[80];

	for (size_t b = 0; b < v->nbands; b++) {
		const struct price_ladder *l = &v->ladder[v->mode == PRICE_PER_BAND ? b : 0];

		for (size_t t = 0; t < l->n; t++) {
			snprintf(of, sizeof of, "tier %zu in band %s", t + 1, v->band[b]);
			if (check_price(v->micro[t][b], 0, of, e) < 0)
				return -1;
		}
	}
	return 0;
}

static int
check_bands(const struct price_version *v, struct err *e)
{
	if (v->nbands == 0 || v->nbands > PRICE_BANDS)
		return err_set(e, ERR_INPUT, "there must be 1 to %d bands", PRICE_BANDS);
	for (size_t b = 0; b < v->nbands; b++)
		for (size_t other = 0; other < b; other++)
			if (strcmp(v->band[b], v->band[other]) == 0)
				return err_set(e, ERR_INPUT, "band %s is there twice", v->band[b]);
	return 0;
}

static int
check_tiers(const struct price_version *v, struct err *e)
{
	char of[80] = "";

	for (size_t b = 0; b < (v->mode == PRICE_PER_BAND ? v->nbands : 1); b++) {
		if (v->mode == PRICE_PER_BAND)
			snprintf(of, sizeof of, "band %s: ", v->band[b]);
		if (check_ladder(&v->ladder[b], of, e) < 0)
			return -1;
	}
	return v->mode == PRICE_ADDITIVE ? check_sums(v, e) : check_cells(v, e);
}

/* --- days -------------------------------------------------------------------------------- */

int
price_schedule_check(const struct price_schedule *s, size_t nbands, struct err *e)
{
	int until = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct price_slot *slot = &s->slot[i];

		if (slot->from != until)
			return err_set(e, ERR_INPUT, "%02d:%02d-%02d:%02d %s",
			    (slot->from < until ? slot->from : until) / 60,
			    (slot->from < until ? slot->from : until) % 60,
			    (slot->from < until ? until : slot->from) / 60,
			    (slot->from < until ? until : slot->from) % 60,
			    slot->from < until ? "is in two bands" : "is in no band");
		if (slot->to <= slot->from || slot->to > 1440)
			return err_set(e, ERR_INPUT, "a band that ends before it begins");
		if (slot->band < 0 || (size_t)slot->band >= nbands)
			return err_set(e, ERR_INPUT, "%02d:%02d begins a band that is not there",
			    slot->from / 60, slot->from % 60);
		until = slot->to;
	}
	return until == 1440
		   ? 0
		   : err_set(e, ERR_INPUT, "%02d:%02d-24:00 is in no band", until / 60, until % 60);
}

static int
check_day_types(const struct price_version *v, struct err *e)
{
	static const char *const words[] = {
	    "sun", "mon", "tue", "wed", "thu", "fri", "sat", "holiday", "makeup"};

	for (unsigned day = 0; day < sizeof words / sizeof *words; day++) {
		size_t n = 0;

		for (size_t i = 0; i < v->nday_types; i++)
			n += v->day_type[i].days >> day & 1;
		if (n > 1)
			return err_set(e, ERR_INPUT, "%s is in two types of day", words[day]);
		if (n == 0 && (day < 7 || (1u << day == PRICE_HOLIDAY && v->nholidays > 0) ||
				  (1u << day == PRICE_MAKEUP && v->nmakeups > 0)))
			return err_set(e, ERR_INPUT, "%s is in no type of day", words[day]);
	}
	return 0;
}

static bool
within(const struct price_season *s, int month_day)
{
	if (s->from <= s->to)
		return month_day >= s->from && month_day <= s->to;
	return month_day >= s->from || month_day <= s->to;
}

static int
check_seasons(const struct price_version *v, struct err *e)
{
	for (int day = 20240101; day <= 20241231; day = calendar_day_add(day, 1)) {
		size_t n = 0;

		for (size_t i = 0; i < v->nseasons; i++)
			n += within(&v->season[i], day % 10000);
		if (n != 1)
			return err_set(e, ERR_INPUT, "%02d-%02d is in %s", day / 100 % 100,
			    day % 100, n == 0 ? "no season" : "two seasons");
	}
	return 0;
}

static int
check_schedules(const struct price_version *v, struct err *e)
{
	for (size_t i = 0; i < v->nseasons; i++)
		for (size_t t = 0; t < v->nday_types; t++) {
			size_t s = v->season[i].schedule[t];

			if (s >= v->nschedules)
				return err_set(e, ERR_INPUT, "%s%s%s has no schedule",
				    v->season[i].name, v->season[i].name[0] != '\0' ? ", " : "",
				    v->day_type[t].name);
			if (price_schedule_check(&v->schedule[s], v->nbands, e) < 0)
				return err_wrap(e, "%s", v->day_type[t].name);
		}
	return 0;
}

static bool
in_list(const int *dates, size_t n, int date)
{
	for (size_t i = 0; i < n; i++)
		if (dates[i] == date)
			return true;
	return false;
}

static int
check_dates(const struct price_version *v, struct err *e)
{
	for (size_t i = 0; i < v->nholidays; i++)
		if (in_list(v->holiday, i, v->holiday[i]))
			return err_set(e, ERR_INPUT, "holiday %d is there twice", v->holiday[i]);
	for (size_t i = 0; i < v->nmakeups; i++)
		if (in_list(v->makeup, i, v->makeup[i]) ||
		    in_list(v->holiday, v->nholidays, v->makeup[i]))
			return err_set(e, ERR_INPUT,
			    "make-up workday %d is there twice, or a holiday", v->makeup[i]);
	return 0;
}

/* --- the rest ---------------------------------------------------------------------------- */

static int
check_fixed(const struct price_version *v, struct err *e)
{
	for (size_t i = 0; i < v->nfixed; i++)
		if (check_price(v->fixed[i].micro, 0, v->fixed[i].name, e) < 0)
			return -1;
	return 0;
}

static int
check_surcharges(const struct price_version *v, struct err *e)
{
	for (size_t i = 0; i < v->nsurcharges; i++) {
		const char *name = v->surcharge[i].name;

		if (check_price(v->surcharge[i].micro, -PRICE_MOST, name, e) < 0)
			return -1;
		if (strcmp(name, "energy") == 0 || strcmp(name, "fixed") == 0)
			return err_set(e, ERR_INPUT, "no surcharge may be called %s", name);
		for (size_t other = 0; other < i; other++)
			if (strcmp(name, v->surcharge[other].name) == 0)
				return err_set(e, ERR_INPUT, "surcharge %s is there twice", name);
	}
	return 0;
}

static int
check_tax(const struct price_version *v, struct err *e)
{
	if (v->tax_ppm < 0 || v->tax_ppm > 1000000)
		return err_set(e, ERR_INPUT, "the rate is not between 0 and 100 per cent");
	return 0;
}

static int
check_currency(const struct price_version *v, struct err *e)
{
	if (strlen(v->currency) != 3 || v->exponent < 0 || v->exponent > 6)
		return err_set(e, ERR_INPUT, "no currency of 0 to 6 digits");
	return 0;
}

static int
check_period(const struct price_version *v, struct err *e)
{
	const struct price_period *p = &v->period;

	if (p->kind == PRICE_CYCLE && (p->day < 1 || p->day > 28 || p->hour < 0 || p->hour > 23))
		return err_set(e, ERR_INPUT, "a cycle begins on day 1 to 28 at hour 0 to 23");
	if (v->prorate && p->kind == PRICE_CYCLE && (v->nominal_days < 1 || v->nominal_days > 366))
		return err_set(e, ERR_INPUT, "a normal cycle has 1 to 366 days");
	return 0;
}

/* --- all of it --------------------------------------------------------------------------- */

static const struct check {
	const char *about;
	int (*check)(const struct price_version *v, struct err *e);
	bool days; /* with one band there is nothing to look up */
} checks[] = {
    {"currency",        check_currency,   false},
    {"tier_period",     check_period,     false},
    {"bands",           check_bands,      false},
    {"tiers",           check_tiers,      false},
    {"makeup_workdays", check_dates,      true },
    {"day_types",       check_day_types,  true },
    {"seasons",         check_seasons,    true },
    {"schedules",       check_schedules,  true },
    {"fixed",           check_fixed,      false},
    {"surcharges",      check_surcharges, false},
    {"tax",	     check_tax,        false},
};

int
price_check(const struct price_version *v, const char **about, struct err *e)
{
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (checks[i].days && v->nbands == 1 && v->nschedules == 0)
			continue;
		if (checks[i].check(v, e) < 0) {
			if (about != NULL)
				*about = checks[i].about;
			return -1;
		}
	}
	return 0;
}

int
price_book_check(const struct price_book *b, struct err *e)
{
	if (b->n == 0)
		return err_set(e, ERR_INPUT, "no price version");
	for (size_t i = 0; i < b->n; i++) {
		const struct price_version *v = b->versions[i], *first = b->versions[0];

		if (price_check(v, NULL, e) < 0)
			return -1;
		if (i > 0 && v->effective_from_us <= b->versions[i - 1]->effective_from_us)
			return err_set(e, ERR_INPUT,
			    "version %zu does not begin after the one before it", i + 1);
		if (strcmp(v->currency, first->currency) != 0 || v->exponent != first->exponent)
			return err_set(e, ERR_INPUT, "version %zu has another currency", i + 1);
		if (v->rounding != first->rounding)
			return err_set(e, ERR_INPUT,
			    "version %zu rounds otherwise: rounding is chosen once", i + 1);
		if (strcmp(v->zone, first->zone) != 0)
			return err_set(e, ERR_INPUT, "version %zu has another zone", i + 1);
	}
	return 0;
}
