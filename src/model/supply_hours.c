/*
 * When people may be cut off: by day, on working days, not before a holiday, not in a heat wave.
 * A make-up workday is a working day whatever its weekday (domain.md 5.10.4).
 */
#include "model/calendar.h"
#include "model/supply.h"

#define US     INT64_C(1000000)
#define DAY_US (86400 * US)

static bool
day_is(const struct account_view *v, int day, enum day_kind kind)
{
	for (size_t i = 0; i < v->ndays && v->days[i].day <= day; i++)
		if (v->days[i].day == day && v->days[i].kind == kind)
			return true;
	return false;
}

static bool
day_allowed(const struct policy *p, const struct account_view *v, int day, int weekday)
{
	if (day_is(v, day, DAY_EXTREME))
		return false;
	if (p->trip_rest_days)
		return true;
	if (day_is(v, day, DAY_HOLIDAY) || day_is(v, calendar_day_add(day, 1), DAY_HOLIDAY))
		return false;
	return (weekday != 0 && weekday != 6) || day_is(v, day, DAY_MAKEUP);
}

int64_t
supply_trip_window(const struct policy *p, const struct account_view *v, int64_t at_us)
{
	int64_t midnight = calendar_midnight_before(v->zone, at_us);

	for (int i = 0; i < 31; i++, midnight = calendar_midnight_after(v->zone, midnight)) {
		struct civil t = calendar_civil(v->zone, midnight);
		struct civil from = t, until = t;
		int64_t opens, ends;

		if (!day_allowed(p, v, calendar_day(v->zone, midnight), t.weekday))
			continue;
		if (p->trip_from_minute == p->trip_until_minute)
			return at_us > midnight ? at_us : midnight;
		from.hour = p->trip_from_minute / 60; /* by the wall clock, also when it is set */
		from.minute = p->trip_from_minute % 60;
		opens = calendar_instant(v->zone, &from);
		until.hour = p->trip_until_minute / 60;
		until.minute = p->trip_until_minute % 60;
		ends = p->trip_until_minute == 24 * 60 ? calendar_midnight_after(v->zone, midnight)
						       : calendar_instant(v->zone, &until);
		if (at_us < opens)
			return opens;
		if (at_us < ends)
			return at_us;
	}
	return at_us + 31 * DAY_US;
}
