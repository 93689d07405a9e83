/*
 * calendar -- civil days and hours in a site's own time zone.
 *
 * Instants are int64 microseconds UTC everywhere else; only here, and in the meter's own clock,
 * does local time exist.  Days are [00:00, 24:00) local and may have 23 or 25 hours.
 */
#ifndef MODEL_CALENDAR_H
#define MODEL_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct calendar;

struct civil {
	int year, month, day; /* month 1..12, day 1..31 */
	int hour, minute, second;
	int weekday; /* 0 = Sunday */
};

/* zone is a name of the IANA data base ("Asia/Shanghai").  NULL and *e when unknown. */
struct calendar *calendar_new(const char *zone, struct err *e);
void calendar_free(struct calendar *c);
/* A calendar that is asked changes TZ for the whole process; this puts back what it was, for who
 * prints local times. */
void calendar_rest(void);

struct civil calendar_civil(const struct calendar *c, int64_t at_us);
/* The instant of a local time; an hour that the spring skips is read an hour later, of one
 * that the autumn repeats the first is meant. */
int64_t calendar_instant(const struct calendar *c, const struct civil *t);

int64_t calendar_midnight_before(const struct calendar *c, int64_t at_us); /* at or before */
int64_t calendar_midnight_after(const struct calendar *c, int64_t at_us);  /* strictly after */
int calendar_day(const struct calendar *c, int64_t at_us);                 /* 20261120 */
int calendar_month(const struct calendar *c, int64_t at_us);               /* 202611 */
int calendar_week(const struct calendar *c, int64_t at_us);                /* of ISO 8601, 202647 */
int64_t calendar_day_start(const struct calendar *c, int yyyymmdd);
int calendar_day_add(int yyyymmdd, int days);
int64_t calendar_days_between(int from, int to); /* both 20261120; below 0 when to is earlier */
bool calendar_valid(const struct civil *t);      /* month lengths, leap years, ranges */

#endif
