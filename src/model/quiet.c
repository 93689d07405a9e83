#include "model/quiet.h"

#include "model/calendar.h"

#include <stdbool.h>
#include <stdio.h>

int64_t
quiet_ends_us(const struct calendar *zone, int from, int until, int64_t now_us)
{
	struct civil t = calendar_civil(zone, now_us);
	int minute = t.hour * 60 + t.minute;
	bool over_midnight = from > until;
	bool quiet =
	    over_midnight ? minute >= from || minute < until : minute >= from && minute < until;

	if (!quiet)
		return 0;
	t.day += over_midnight && minute >= from;
	t.hour = until / 60;
	t.minute = until % 60;
	t.second = 0;
	return calendar_instant(zone, &t);
}

int
quiet_parse(const char *text, int *from, int *until)
{
	int h1, m1, h2, m2, end = 0;

	*from = *until = 0;
	if (text[0] == '\0')
		return 0;
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &end) != 4 || end != 11 ||
	    text[end] != '\0' || h1 < 0 || h1 > 23 || h2 < 0 || h2 > 23 || m1 < 0 || m1 > 59 ||
	    m2 < 0 || m2 > 59)
		return -1;
	*from = h1 * 60 + m1;
	*until = h2 * 60 + m2;
	return 0;
}

int
clock_parse(const char *text, int *minute)
{
	int hour, min, end = 0;

	if (sscanf(text, "%2d:%2d%n", &hour, &min, &end) != 2 || end != 5 || text[end] != '\0' ||
	    hour < 0 || hour > 23 || min < 0 || min > 59)
		return -1;
	*minute = hour * 60 + min;
	return 0;
}
