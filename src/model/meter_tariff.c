/*
 * Prices and steps.
 *
 * All of a version's prices are laid out as one table of tier by band, with what is charged for
 * each kWh beside them and with tax, for that is what the meter takes off.  The table can be held
 * when its rows differ by the same amount in every band: then each band has a price, each tier an
 * addition, and the meter adds them.  Whether the version calls itself additive or a matrix does
 * not matter: where tiers add the same to every band, who gets which kWh of an interval makes no
 * difference to the sum.
 */
#include "model/meter_tariff.h"

#include "base/err.h"
#include "model/calendar.h"
#include "model/price.h"

#include <string.h>

#define PRICE_UNIT 100 /* NNNN.NNNN, in micro */
#define STEP_UNIT  10  /* XXXXXX.XX kWh, in Wh */
#define DIGITS_8   INT64_C(99999999)
#define MINUTE     (INT64_C(60) * 1000000)

struct meter_room
meter_room_most(bool priced)
{
	return (struct meter_room){METER_TARIFFS, METER_STEPS, METER_ZONES, METER_TABLES,
	    METER_SLOTS, METER_HOLIDAYS, priced};
}

/* --- prices ------------------------------------------------------------------------------ */

struct grid {
	size_t tiers, bands;
	int64_t micro[PRICE_TIERS][PRICE_BANDS];
};

/* What a kWh costs in all, before tax. */
static int64_t
kwh_micro(const struct price_version *v, size_t tier, size_t band)
{
	int64_t micro = v->mode != PRICE_ADDITIVE ? v->micro[tier][band] : 0;

	if (v->mode == PRICE_ADDITIVE && v->tiered)
		micro += v->tier_micro[tier];
	if (v->mode == PRICE_ADDITIVE && v->banded)
		micro += v->band_micro[band];
	for (size_t i = 0; i < v->nsurcharges; i++)
		micro += v->surcharge[i].micro;
	return micro;
}

static int
grid_cell(struct grid *g, const struct price_version *v, size_t tier, size_t band, struct err *e)
{
	int64_t micro = kwh_micro(v, tier, band);
	__int128 taxed = (__int128)micro * (1000000 + v->tax_ppm);

	if (v->taxed && !v->tax_inclusive) {
		if (taxed % 1000000 != 0)
			return err_set(e, ERR_INPUT,
			    "tier %zu in band %s: its price with tax has too many digits", tier + 1,
			    v->band[band]);
		micro = (int64_t)(taxed / 1000000);
	}
	if (micro % PRICE_UNIT != 0)
		return err_set(e, ERR_INPUT,
		    "tier %zu in band %s: the meter's prices have four digits behind the point",
		    tier + 1, v->band[band]);
	if (micro < 0)
		return err_set(e, ERR_INPUT, "tier %zu in band %s: the meter pays nothing out",
		    tier + 1, v->band[band]);
	g->micro[tier][band] = micro;
	return 0;
}

static int
grid_of(struct grid *g, const struct price_version *v, struct err *e)
{
	g->bands = v->nbands;
	g->tiers = v->ladder[0].n;
	if (v->mode == PRICE_PER_BAND && v->nbands > 1)
		for (size_t b = 0; b < v->nbands; b++)
			if (v->ladder[b].n > 1)
				return err_set(e, ERR_INPUT,
				    "tiers of band %s by itself: the meter counts its steps over "
				    "all bands",
				    v->band[b]);
	for (size_t t = 0; t < g->tiers; t++)
		for (size_t b = 0; b < g->bands; b++)
			if (grid_cell(g, v, t, b, e) < 0)
				return -1;
	return 0;
}

/* Step and tariff are both at least zero: the least of the additions is taken off all of them
 * and put onto the tariffs. */
static int
split_grid(
    struct meter_tariff *out, const struct grid *g, const struct price_version *v, struct err *e)
{
	int64_t least = 0;

	for (size_t t = 0; t < g->tiers; t++) {
		out->step_micro[t] = g->micro[t][0] - g->micro[0][0];
		if (out->step_micro[t] < least)
			least = out->step_micro[t];
		for (size_t b = 1; b < g->bands; b++)
			if (g->micro[t][b] - g->micro[0][b] != out->step_micro[t])
				return err_set(e, ERR_INPUT,
				    "tier %zu adds another amount in band %s than in band %s: the "
				    "meter has one for all",
				    t + 1, v->band[b], v->band[0]);
	}
	for (size_t t = 0; t < g->tiers; t++)
		out->step_micro[t] -= least;
	for (size_t b = 0; b < g->bands; b++)
		out->price_micro[b] = g->micro[0][b] + least;
	return 0;
}

static int
prices_of(struct meter_tariff *out, const struct price_version *v, struct err *e)
{
	struct grid g = {0};

	if (v->exponent != 2)
		return err_set(e, ERR_INPUT, "%s has %d digits behind the point, the meter has two",
		    v->currency, v->exponent);
	if (v->nfixed > 0)
		return err_set(e, ERR_INPUT, "charge %s by the day: the meter charges for energy",
		    v->fixed[0].name);
	if (grid_of(&g, v, e) < 0)
		return -1;
	return split_grid(out, &g, v, e);
}

/* --- steps ------------------------------------------------------------------------------- */

static int
steps_of(struct meter_tariff *out, const struct price_version *v, struct err *e)
{
	const struct price_ladder *l = &v->ladder[0];

	if (l->n < 2)
		return 0;
	if (v->prorate)
		return err_set(e, ERR_INPUT,
		    "tiers by the length of the period: the meter's steps are as long in each");
	if (v->period.kind == PRICE_YEAR)
		return err_set(
		    e, ERR_INPUT, "tiers by the year: the meter counts its steps by the month");
	out->nsteps = (int)l->n - 1;
	memcpy(out->step_wh, l->upto_wh, (size_t)out->nsteps * sizeof *out->step_wh);
	out->settle_day = v->period.kind == PRICE_CYCLE ? v->period.day : 1;
	out->settle_hour = v->period.kind == PRICE_CYCLE ? v->period.hour : 0;
	for (int i = 0; i < out->nsteps; i++)
		if (out->step_wh[i] % STEP_UNIT != 0)
			return err_set(e, ERR_INPUT,
			    "tier %d ends between two hundredths of a kWh: the meter's do not",
			    i + 1);
	return 0;
}

/* --- the whole --------------------------------------------------------------------------- */

int
meter_tariff_of(struct meter_tariff *out, const struct price_version *v,
    const struct calendar *calendar, const struct meter_room *room, int64_t now_us, struct err *e)
{
	int64_t from = v->effective_from_us > now_us ? v->effective_from_us : now_us;

	*out = (struct meter_tariff){.priced = room->priced, .switch_us = v->effective_from_us};
	if (out->switch_us % MINUTE != 0)
		return err_set(
		    e, ERR_INPUT, "it begins between two minutes: the meter's switch times do not");
	out->ntariffs = (int)v->nbands;
	if (v->nbands > METER_TARIFFS)
		return err_set(e, ERR_INPUT, "%zu bands are more than any meter has", v->nbands);
	if (room->priced && (prices_of(out, v, e) < 0 || steps_of(out, v, e) < 0))
		return -1;
	if (meter_days_of(out, v, calendar_day(calendar, from), room, e) < 0)
		return -1;
	return meter_tariff_fits(out, room, e) < 0 ? -1 : meter_tariff_check(out, e);
}

static int
fits(int n, int room, const char *what, struct err *e)
{
	return n <= room ? 0
			 : err_set(e, ERR_INPUT, "%d %s, the meter has room for %d", n, what, room);
}

int
meter_tariff_fits(const struct meter_tariff *t, const struct meter_room *room, struct err *e)
{
	int slots = 0;

	for (int i = 0; i < t->ntables; i++)
		if (t->table[i].n > slots)
			slots = t->table[i].n;
	if (t->priced && !room->priced)
		return err_set(e, ERR_INPUT, "prices, and the meter keeps no money");
	if (fits(t->ntariffs, room->tariffs, "bands", e) < 0 ||
	    fits(t->nsteps, room->steps, "steps", e) < 0 ||
	    fits(t->nzones, room->zones, "seasons", e) < 0 ||
	    fits(t->ntables, room->tables, "kinds of day", e) < 0 ||
	    fits(slots, room->slots, "changes of band in a day", e) < 0)
		return -1;
	return fits(t->nholidays, room->holidays, "holidays", e);
}

static bool
is_month_day(int md)
{
	struct civil c = {.year = 2000, .month = md / 100, .day = md % 100};

	return calendar_valid(&c);
}

static bool
is_price(int64_t micro)
{
	return micro >= 0 && micro % PRICE_UNIT == 0 && micro / PRICE_UNIT <= DIGITS_8;
}

static bool
is_table(const struct meter_tariff *t, const struct meter_table *d)
{
	if (d->n < 1 || d->n > METER_SLOTS || d->slot[0].minute != 0)
		return false;
	for (int i = 0; i < d->n; i++)
		if (d->slot[i].tariff < 1 || d->slot[i].tariff > t->ntariffs ||
		    d->slot[i].minute > 1439 ||
		    (i > 0 && d->slot[i].minute <= d->slot[i - 1].minute))
			return false;
	return true;
}

static int
check_days(const struct meter_tariff *t, struct err *e)
{
	if (t->nzones < 1 || t->nzones > METER_ZONES || t->ntables < 1 ||
	    t->ntables > METER_TABLES || t->nholidays < 0 || t->nholidays > METER_HOLIDAYS)
		return err_set(e, ERR_INPUT, "a number of zones, tables or holidays no meter has");
	for (int i = 0; i < t->ntables; i++)
		if (!is_table(t, &t->table[i]))
			return err_set(e, ERR_INPUT, "day table %d is none", i + 1);
	for (int i = 0; i < t->nzones; i++)
		if (!is_month_day(t->zone[i].from) || t->zone[i].table < 1 ||
		    t->zone[i].table > t->ntables ||
		    (i > 0 && t->zone[i].from <= t->zone[i - 1].from))
			return err_set(e, ERR_INPUT, "year zone %d is none", i + 1);
	for (int i = 0; i < t->nholidays; i++)
		if (t->holiday[i].date < 20000101 || t->holiday[i].date > 20991231 ||
		    t->holiday[i].table < 1 || t->holiday[i].table > t->ntables ||
		    (i > 0 && t->holiday[i].date <= t->holiday[i - 1].date))
			return err_set(e, ERR_INPUT, "holiday %d is none", i + 1);
	if (t->workdays > 0x7f || t->weekend_table < 1 || t->weekend_table > t->ntables)
		return err_set(e, ERR_INPUT, "the weekend is none");
	return 0;
}

int
meter_tariff_check(const struct meter_tariff *t, struct err *e)
{
	if (t->ntariffs < 1 || t->ntariffs > METER_TARIFFS || t->nsteps < 0 ||
	    t->nsteps > METER_STEPS)
		return err_set(e, ERR_INPUT, "a number of tariffs or steps no meter has");
	for (int i = 0; i < t->ntariffs && t->priced; i++)
		if (!is_price(t->price_micro[i]))
			return err_set(e, ERR_INPUT, "the meter has no such price, band %d", i + 1);
	for (int i = 0; i <= t->nsteps && t->priced; i++)
		if (!is_price(t->step_micro[i]))
			return err_set(e, ERR_INPUT, "the meter has no such price, step %d", i + 1);
	for (int i = 0; i < t->nsteps; i++)
		if (t->step_wh[i] % STEP_UNIT != 0 || t->step_wh[i] / STEP_UNIT > DIGITS_8 ||
		    t->step_wh[i] <= (i > 0 ? t->step_wh[i - 1] : 0))
			return err_set(e, ERR_INPUT, "the meter has no such limit, step %d", i + 1);
	if (t->settle_day < 0 || t->settle_day > 28 || t->settle_hour < 0 || t->settle_hour > 23)
		return err_set(e, ERR_INPUT, "no such settlement day");
	if (t->switch_us < 0 || t->switch_us % MINUTE != 0)
		return err_set(e, ERR_INPUT, "no such switch time");
	return check_days(t, e);
}

/* --- what the meter does with it --------------------------------------------------------- */

static int
table_of(const struct meter_tariff *t, const struct civil *at)
{
	int date = (at->year * 100 + at->month) * 100 + at->day;
	int zone = t->nzones - 1;

	for (int i = 0; i < t->nholidays; i++)
		if (t->holiday[i].date == date)
			return t->holiday[i].table;
	if ((t->workdays & 1u << at->weekday) == 0)
		return t->weekend_table;
	while (zone > 0 && t->zone[zone].from > date % 10000)
		zone--;
	if (t->zone[zone].from > date % 10000)
		zone = t->nzones - 1; /* the one that began last year */
	return t->zone[zone].table;
}

int
meter_tariff_at(const struct meter_tariff *t, const struct civil *at)
{
	const struct meter_table *d = &t->table[table_of(t, at) - 1];
	int i = d->n - 1;

	while (i > 0 && d->slot[i].minute > at->hour * 60 + at->minute)
		i--;
	return d->slot[i].tariff;
}

static int
step_at(const struct meter_tariff *t, int64_t used_wh)
{
	int i = 0;

	while (i < t->nsteps && used_wh >= t->step_wh[i])
		i++;
	return i;
}

int64_t
meter_tariff_price(const struct meter_tariff *t, int tariff, int64_t used_wh)
{
	return t->price_micro[tariff - 1] + t->step_micro[step_at(t, used_wh)];
}

int64_t
meter_tariff_nano(const struct meter_tariff *t, int tariff, int64_t used_wh, int64_t wh)
{
	int64_t nano = 0;

	while (wh > 0) {
		int step = step_at(t, used_wh);
		int64_t part = wh;

		if (step < t->nsteps && t->step_wh[step] - used_wh < part)
			part = t->step_wh[step] - used_wh;
		nano += part * meter_tariff_price(t, tariff, used_wh);
		used_wh += part;
		wh -= part;
	}
	return nano;
}
