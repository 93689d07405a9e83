/*
 * The C library knows the zones and their rules; it only knows one at a time.  So the process
 * zone is switched when another calendar is asked, which costs nothing while one is in use.
 * The daemon is single-threaded; nobody else may call tzset().
 */
#include "model/calendar.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define US INT64_C(1000000)

struct calendar {
	char zone[64];
};

static char current[64];
static char *own; /* TZ before the first calendar was asked; NULL: there was none */

struct calendar *
calendar_new(const char *zone, struct err *e)
{
	struct calendar *c;
	char path[128];

	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
	if (zone[0] == '\0' || zone[0] == '/' || strlen(zone) >= sizeof c->zone ||
	    strstr(zone, "..") != NULL || access(path, R_OK) != 0) {
		err_set(e, ERR_INPUT, "no time zone \"%s\"", zone);
		return NULL;
	}
	c = mem_new(sizeof *c);
	snprintf(c->zone, sizeof c->zone, "%s", zone);
	return c;
}

void
calendar_free(struct calendar *c)
{
	free(c);
}

static void
use(const struct calendar *c)
{
	if (strcmp(current, c->zone) == 0)
		return;
	if (current[0] == '\0' && own == NULL && getenv("TZ") != NULL)
		own = mem_text(getenv("TZ"));
	snprintf(current, sizeof current, "%s", c->zone);
	setenv("TZ", current, 1);
	tzset();
}

void
calendar_rest(void)
{
	if (current[0] == '\0')
		return;
	current[0] = '\0';
	if (own != NULL)
		setenv("TZ", own, 1);
	else
		unsetenv("TZ");
	free(own);
	own = NULL;
	tzset();
}

/* Whole seconds, rounded down also before 1970. */
static time_t
seconds_of(int64_t at_us)
{
	return (time_t)(at_us >= 0 ? at_us / US : -((-at_us + US - 1) / US));
}

static int64_t
offset_at(const struct calendar *c, time_t t)
{
	struct tm tm;

	use(c);
	localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

struct civil
calendar_civil(const struct calendar *c, int64_t at_us)
{
	time_t t = seconds_of(at_us);
	struct tm tm;

	use(c);
	localtime_r(&t, &tm);
	return (struct civil){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, tm.tm_wday};
}

int64_t
calendar_instant(const struct calendar *c, const struct civil *t)
{
	struct tm tm = {.tm_year = t->year - 1900,
	    .tm_mon = t->month - 1,
	    .tm_mday = t->day,
	    .tm_hour = t->hour,
	    .tm_min = t->minute,
	    .tm_sec = t->second};
	time_t local = timegm(&tm);
	/* The two offsets that can be in force around then; the larger gives the earlier instant.
	 */
	int64_t before = offset_at(c, local - 86400), after = offset_at(c, local + 86400);
	time_t early = local - (before > after ? before : after);
	time_t late = local - (before > after ? after : before);

	if (offset_at(c, early) == local - early)
		return early * US;
	if (offset_at(c, late) == local - late)
		return late * US;
	return (local - before) * US; /* skipped by the spring: an hour later on the clock */
}

static int64_t
day_start(const struct calendar *c, int year, int month, int day)
{
	struct civil t = {.year = year, .month = month, .day = day};

	return calendar_instant(c, &t);
}

int64_t
calendar_midnight_before(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);

	return day_start(c, t.year, t.month, t.day);
}

int64_t
calendar_midnight_after(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);

	return day_start(c, t.year, t.month, t.day + 1); /* timegm() carries over */
}

int
calendar_day(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);

	return (t.year * 100 + t.month) * 100 + t.day;
}

int
calendar_month(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);

	return t.year * 100 + t.month;
}

/* A week is of the year its Thursday is in; the first is the one with the year's first Thursday. */
int
calendar_week(const struct calendar *c, int64_t at_us)
{
	struct civil t = calendar_civil(c, at_us);
	int monday_is_1 = t.weekday == 0 ? 7 : t.weekday;
	int thursday = calendar_day_add(calendar_day(c, at_us), 4 - monday_is_1);
	int year = thursday / 10000;

	return year * 100 + (int)(calendar_days_between(year * 10000 + 101, thursday) / 7) + 1;
}

int64_t
calendar_day_start(const struct calendar *c, int yyyymmdd)
{
	return day_start(c, yyyymmdd / 10000, yyyymmdd / 100 % 100, yyyymmdd % 100);
}

/* That many days behind a day, at midnight UTC: the same everywhere. */
static time_t
day_behind(int yyyymmdd, int days)
{
	struct tm tm = {.tm_year = yyyymmdd / 10000 - 1900,
	    .tm_mon = yyyymmdd / 100 % 100 - 1,
	    .tm_mday = yyyymmdd % 100 + days};

	return timegm(&tm);
}

int
calendar_day_add(int yyyymmdd, int days)
{
	time_t t = day_behind(yyyymmdd, days);
	struct tm tm;

	gmtime_r(&t, &tm);
	return ((tm.tm_year + 1900) * 100 + tm.tm_mon + 1) * 100 + tm.tm_mday;
}

int64_t
calendar_days_between(int from, int to)
{
	return (day_behind(to, 0) - day_behind(from, 0)) / 86400;
}

bool
calendar_valid(const struct civil *t)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
	int last;

	if (t->month < 1 || t->month > 12)
		return false;
	last = days[t->month - 1] + (t->month == 2 && leap ? 1 : 0);
	return t->day >= 1 && t->day <= last && t->hour >= 0 && t->hour <= 23 && t->minute >= 0 &&
	       t->minute <= 59 && t->second >= 0 && t->second <= 59;
}
