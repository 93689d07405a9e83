/*
 * A walk over local days: which band is active how long, and what each day's midnight costs.
 *
 * Bands go by the wall clock.  A day whose clock jumps is two runs of an even clock; a band's
 * hour that the spring skips is not there, and one that the autumn repeats is there twice.
 */
#include "model/price_inside.h"

#include "model/calendar.h"

#define S      INT64_C(1000000)
#define MINUTE (60 * S)

struct walk {
	const struct price_version *v;
	const struct calendar *c;
	struct price_span within;
	int64_t *active_us;
};

/* --- bands ------------------------------------------------------------------------------- */

static bool
season_has(const struct price_season *s, int month_day)
{
	if (s->from <= s->to)
		return month_day >= s->from && month_day <= s->to;
	return month_day >= s->from || month_day <= s->to;
}

static bool
listed(const int *dates, size_t n, int date)
{
	for (size_t i = 0; i < n; i++)
		if (dates[i] == date)
			return true;
	return false;
}

static const struct price_schedule *
schedule_of(const struct price_version *v, const struct civil *day)
{
	int date = (day->year * 100 + day->month) * 100 + day->day;
	unsigned is = 1u << day->weekday;
	size_t season = 0, type = 0;

	if (listed(v->makeup, v->nmakeups, date))
		is = PRICE_MAKEUP;
	else if (listed(v->holiday, v->nholidays, date))
		is = PRICE_HOLIDAY;
	while (season + 1 < v->nseasons && !season_has(&v->season[season], date % 10000))
		season++;
	while (type + 1 < v->nday_types && (v->day_type[type].days & is) == 0)
		type++;
	return &v->schedule[v->season[season].schedule[type]];
}

/* A run of an even clock, that shows wall_us at its beginning. */
static void
add_run(struct walk *w, const struct price_schedule *s, struct price_span run, int64_t wall_us)
{
	int64_t midnight = run.from_us - wall_us; /* as this clock has it */

	if (run.from_us < w->within.from_us)
		run.from_us = w->within.from_us;
	if (run.to_us > w->within.to_us)
		run.to_us = w->within.to_us;
	for (size_t i = 0; i < s->n; i++) {
		int64_t from = midnight + s->slot[i].from * MINUTE;
		int64_t to = midnight + s->slot[i].to * MINUTE;

		if (from < run.from_us)
			from = run.from_us;
		if (to > run.to_us)
			to = run.to_us;
		if (to > from)
			w->active_us[s->slot[i].band] += to - from;
	}
}

static int64_t
wall(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);

	return (t.hour * 3600 + t.minute * 60 + t.second) * S;
}

/* The day's clock jumps once: where?  Both ends are whole seconds. */
static int64_t
jump_of(const struct calendar *c, struct price_span day)
{
	int64_t low = day.from_us / S, high = day.to_us / S - 1;
	int64_t ahead = wall(c, day.from_us) - day.from_us;

	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (wall(c, middle * S) - middle * S == ahead)
			low = middle;
		else
			high = middle;
	}
	return high * S;
}

static void
add_day(struct walk *w, struct price_span day, const struct civil *date)
{
	const struct price_schedule *s = schedule_of(w->v, date);
	int64_t first = wall(w->c, day.from_us), last = wall(w->c, day.to_us - S), jump;

	if (last - first == day.to_us - S - day.from_us) {
		add_run(w, s, day, first);
		return;
	}
	jump = jump_of(w->c, day);
	add_run(w, s, (struct price_span){day.from_us, jump}, first);
	add_run(w, s, (struct price_span){jump, day.to_us}, wall(w->c, jump));
}

/* --- fixed charges ----------------------------------------------------------------------- */

static int
month_days(const struct civil *day)
{
	struct civil t = {.year = day->year, .month = day->month, .day = 31};

	while (!calendar_valid(&t))
		t.day--;
	return t.day;
}

int64_t
price_day_number(const struct civil *day)
{
	int64_t y = day->month <= 2 ? day->year - 1 : day->year, era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400, m = day->month > 2 ? day->month - 3 : day->month + 9;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * m + 2) / 5 +
	       day->day - 1 - 719468;
}

/* Exact: a month's days, and a year's, divide the parts. */
static __int128
fixed_of_day(const struct price_version *v, const struct civil *day)
{
	__int128 sum = 0;

	for (size_t i = 0; i < v->nfixed; i++) {
		__int128 parts = (__int128)v->fixed[i].micro * 1000 * PRICE_PARTS;

		switch (v->fixed[i].accrual) {
		case PRICE_CALENDAR:
			sum += parts / month_days(day);
			break;
		case PRICE_12_365:
			sum += parts / 365 * 12;
			break;
		case PRICE_DAILY:
			sum += parts;
			break;
		}
	}
	return sum;
}

/* --- the walk ---------------------------------------------------------------------------- */

void
price_walk(const struct price_version *v, const struct calendar *c, int64_t from_us, int64_t to_us,
    int64_t active_us[PRICE_BANDS], __int128 *fixed_parts)
{
	struct walk w = {
	    v, c, {from_us, to_us},
              active_us
        };
	struct price_span day;

	if (v->nbands == 1)
		active_us[0] += to_us - from_us;
	if (v->nbands == 1 && v->nfixed == 0)
		return;
	day.from_us = calendar_midnight_before(c, from_us);
	for (; day.from_us < to_us; day.from_us = day.to_us) {
		struct civil date = calendar_civil(c, day.from_us);

		day.to_us = calendar_midnight_after(c, day.from_us);
		if (v->nbands > 1)
			add_day(&w, day, &date);
		if (day.from_us >= from_us)
			*fixed_parts += fixed_of_day(v, &date);
	}
}
