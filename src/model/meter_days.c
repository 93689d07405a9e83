/*
 * Which band when: seasons, kinds of day and dates, as year zones, day tables, a weekend and
 * holidays.
 *
 * The meter tells two kinds of weekday apart.  One of them has a table for each zone, the other
 * has one table for the whole year, so of a version's two kinds one must not care for the season;
 * which of them is the weekend does not matter.  Dates stand by themselves and may point to any
 * table; one that would have that table anyway is left out.
 */
#include "model/meter_tariff.h"

#include "base/err.h"
#include "model/calendar.h"
#include "model/price.h"

#include <stdlib.h>

struct days {
	struct meter_tariff *out;
	const struct price_version *v;
	const struct meter_room *room;
	struct err *e;
};

/* --- tables ------------------------------------------------------------------------------ */

static bool
same_table(const struct meter_table *a, const struct meter_table *b)
{
	for (int i = 0; i < a->n && i < b->n; i++)
		if (a->slot[i].minute != b->slot[i].minute ||
		    a->slot[i].tariff != b->slot[i].tariff)
			return false;
	return a->n == b->n;
}

static int
make_table(const struct days *d, const struct price_schedule *s, struct meter_table *t)
{
	t->n = 0;
	for (size_t i = 0; i < s->n; i++) {
		int tariff = s->slot[i].band + 1;

		if (t->n > 0 && t->slot[t->n - 1].tariff == tariff)
			continue;
		if (t->n == METER_SLOTS || t->n == d->room->slots)
			return err_set(d->e, ERR_INPUT,
			    "the band changes more often in a day than the meter has room for (%d)",
			    d->room->slots);
		t->slot[t->n++] = (struct meter_slot){s->slot[i].from, tariff};
	}
	return 0;
}

/* The number of the schedule's table, from 1; -1 when there is no room. */
static int
table_for(const struct days *d, size_t season, size_t type)
{
	struct meter_tariff *out = d->out;
	struct meter_table t;

	if (make_table(d, &d->v->schedule[d->v->season[season].schedule[type]], &t) < 0)
		return -1;
	for (int i = 0; i < out->ntables; i++)
		if (same_table(&out->table[i], &t))
			return i + 1;
	if (out->ntables == METER_TABLES || out->ntables == d->room->tables)
		return err_set(d->e, ERR_INPUT,
		    "more kinds of day than the meter has day tables (%d)", d->room->tables);
	out->table[out->ntables++] = t;
	return out->ntables;
}

static int
same_schedule(const struct days *d, size_t season, size_t type, size_t season2, size_t type2)
{
	const struct price_season *s = d->v->season;
	struct meter_table a, b;

	if (make_table(d, &d->v->schedule[s[season].schedule[type]], &a) < 0 ||
	    make_table(d, &d->v->schedule[s[season2].schedule[type2]], &b) < 0)
		return -1;
	return same_table(&a, &b);
}

/* --- kinds of weekday -------------------------------------------------------------------- */

static size_t
type_of(const struct price_version *v, unsigned is)
{
	size_t type = 0;

	while (type + 1 < v->nday_types && (v->day_type[type].days & is) == 0)
		type++;
	return type;
}

/* Whether two types of day are alike in every season. */
static int
alike(const struct days *d, size_t a, size_t b)
{
	for (size_t s = 0; s < d->v->nseasons; s++) {
		int same = same_schedule(d, s, a, s, b);

		if (same != 1)
			return same;
	}
	return 1;
}

/* Whether a type of day is the same in all seasons. */
static int
constant(const struct days *d, size_t type)
{
	for (size_t s = 1; s < d->v->nseasons; s++) {
		int same = same_schedule(d, 0, type, s, type);

		if (same != 1)
			return same;
	}
	return 1;
}

/* The types that hold on weekdays: *other is that of the days in `others`, if there are any. */
static int
weekday_types(const struct days *d, size_t *first, size_t *other, unsigned *others)
{
	*first = *other = type_of(d->v, 1u << 1); /* Monday's */
	*others = 0;
	for (unsigned day = 0; day < 7; day++) {
		size_t type = type_of(d->v, 1u << day);
		int same = alike(d, type, *first);

		if (same == 0 && *others != 0) {
			same = alike(d, type, *other);
			if (same == 0)
				return err_set(
				    d->e, ERR_INPUT, "three kinds of weekday: the meter has two");
			*others |= 1u << day;
		} else if (same == 0) {
			*other = type;
			*others = 1u << day;
		}
		if (same < 0)
			return -1;
	}
	return 0;
}

/* Which of the two is the zones', and which is the weekend's? */
static int
choose_weekend(const struct days *d, size_t *zoned, size_t *weekend)
{
	size_t first, other;
	unsigned others;
	int is;

	if (weekday_types(d, &first, &other, &others) < 0)
		return -1;
	*zoned = first;
	*weekend = other;
	d->out->workdays = 0x7f & ~others;
	if (others == 0)
		return 0;
	is = constant(d, other);
	if (is != 0)
		return is < 0 ? -1 : 0;
	*zoned = other;
	*weekend = first;
	d->out->workdays = others;
	is = constant(d, first);
	if (is == 0)
		err_set(d->e, ERR_INPUT,
		    "both kinds of weekday change with the season: the meter has one table for "
		    "weekends");
	return is == 1 ? 0 : -1;
}

/* --- zones ------------------------------------------------------------------------------- */

static int
by_start(const void *a, const void *b)
{
	const struct meter_zone *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Neighbours with the same table are one; also the last and the first, over New Year. */
static int
join_zones(struct meter_zone *z, int n)
{
	int kept = 0;

	qsort(z, (size_t)n, sizeof *z, by_start);
	for (int i = 0; i < n; i++)
		if (z[i].table != z[i > 0 ? i - 1 : n - 1].table)
			z[kept++] = z[i];
	if (kept == 0) {
		z[0].from = 101;
		kept = 1;
	}
	return kept;
}

static int
zones_of(const struct days *d, size_t type)
{
	struct meter_zone zones[PRICE_SEASONS] = {0};
	int n = 0;

	for (size_t s = 0; s < d->v->nseasons; s++) {
		int table = table_for(d, s, type);

		if (table < 0)
			return -1;
		zones[n++] = (struct meter_zone){d->v->season[s].from, table};
	}
	n = join_zones(zones, n);
	if (n > METER_ZONES)
		return err_set(
		    d->e, ERR_INPUT, "%d seasons, no meter has more than %d", n, METER_ZONES);
	for (int i = 0; i < n; i++)
		d->out->zone[i] = zones[i];
	d->out->nzones = n;
	return 0;
}

/* --- dates ------------------------------------------------------------------------------- */

static int
weekday_of(int date)
{
	static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
	int y = date / 10000, m = date / 100 % 100, day = date % 100;

	if (m < 3)
		y--;
	return (y + y / 4 - y / 100 + y / 400 + shift[m - 1] + day) % 7;
}

static size_t
season_of(const struct price_version *v, int md)
{
	size_t s = 0;

	for (; s + 1 < v->nseasons; s++) {
		const struct price_season *x = &v->season[s];

		if (x->from <= x->to ? md >= x->from && md <= x->to : md >= x->from || md <= x->to)
			break;
	}
	return s;
}

/* A date that is not what its weekday says.  -1: no room. */
static int
add_date(const struct days *d, int date, unsigned is)
{
	struct meter_tariff *out = d->out;
	size_t season = season_of(d->v, date % 10000), type = type_of(d->v, is);
	size_t weekday = type_of(d->v, 1u << weekday_of(date));
	int same = same_schedule(d, season, type, season, weekday), table;

	if (same != 0)
		return same < 0 ? -1 : 0;
	table = table_for(d, season, type);
	if (table < 0)
		return -1;
	if (out->nholidays == METER_HOLIDAYS)
		return err_set(d->e, ERR_INPUT, "more holidays than any meter has room for");
	out->holiday[out->nholidays++] = (struct meter_holiday){date, table};
	return 0;
}

static bool
listed(const int *dates, size_t n, int date)
{
	for (size_t i = 0; i < n; i++)
		if (dates[i] == date)
			return true;
	return false;
}

static int
by_date(const void *a, const void *b)
{
	const struct meter_holiday *x = a, *y = b;

	return (x->date > y->date) - (x->date < y->date);
}

/* A workday by decree stands before a holiday, as everywhere. */
static int
dates_of(const struct days *d, int from_date)
{
	const struct price_version *v = d->v;

	for (size_t i = 0; i < v->nmakeups; i++)
		if (v->makeup[i] >= from_date && !listed(v->makeup, i, v->makeup[i]) &&
		    add_date(d, v->makeup[i], PRICE_MAKEUP) < 0)
			return -1;
	for (size_t i = 0; i < v->nholidays; i++)
		if (v->holiday[i] >= from_date && !listed(v->holiday, i, v->holiday[i]) &&
		    !listed(v->makeup, v->nmakeups, v->holiday[i]) &&
		    add_date(d, v->holiday[i], PRICE_HOLIDAY) < 0)
			return -1;
	qsort(d->out->holiday, (size_t)d->out->nholidays, sizeof *d->out->holiday, by_date);
	return 0;
}

int
meter_days_of(struct meter_tariff *out, const struct price_version *v, int from_date,
    const struct meter_room *room, struct err *e)
{
	struct days d = {out, v, room, e};
	size_t zoned, weekend;
	int table;

	if (v->nbands == 1) { /* no hours at all */
		out->nzones = out->ntables = out->weekend_table = 1;
		out->zone[0] = (struct meter_zone){101, 1};
		out->table[0] = (struct meter_table){1, {{0, 1}}};
		out->workdays = 0x7f;
		return 0;
	}
	if (choose_weekend(&d, &zoned, &weekend) < 0 || zones_of(&d, zoned) < 0)
		return -1;
	table = out->workdays == 0x7f ? 1 : table_for(&d, 0, weekend);
	if (table < 0)
		return -1;
	out->weekend_table = table;
	return dates_of(&d, from_date);
}
