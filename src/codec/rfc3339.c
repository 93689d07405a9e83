/* Instants as RFC 3339 writes them: "2026-11-20T16:00:00.5+08:00". */
#include "codec/webhook.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

struct stamp {
	const char *p;
	bool failed;
};

static int
take_digits(struct stamp *t, int n)
{
	int value = 0;

	for (int i = 0; i < n && !t->failed; i++) {
		if (*t->p < '0' || *t->p > '9')
			t->failed = true;
		else
			value = value * 10 + (*t->p++ - '0');
	}
	return value;
}

static char
take_one_of(struct stamp *t, const char *allowed)
{
	for (; *allowed != '\0' && !t->failed; allowed++)
		if (*t->p == *allowed)
			return *t->p++;
	t->failed = true;
	return '\0';
}

/* Up to nine digits; what is finer than a microsecond is cut off. */
static int64_t
take_fraction_us(struct stamp *t)
{
	int64_t us = 0, unit = 100000;
	int n = 0;

	for (; *t->p >= '0' && *t->p <= '9' && n < 9; n++) {
		us += (*t->p++ - '0') * unit;
		unit /= 10;
	}
	if (n == 0)
		t->failed = true;
	return us;
}

static int64_t
take_offset_s(struct stamp *t)
{
	char sign = take_one_of(t, "Zz+-");
	int hour, minute;

	if (sign != '+' && sign != '-')
		return 0;
	hour = take_digits(t, 2);
	take_one_of(t, ":");
	minute = take_digits(t, 2);
	if (hour > 23 || minute > 59)
		t->failed = true;
	return (sign == '-' ? -60 : 60) * (int64_t)(hour * 60 + minute);
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Days since 1970-01-01; years begin in March here, so the leap day comes last. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
	int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void
civil_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097,
		in_era = z - era * 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;

	*day = (int)(in_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

int
time_rfc3339_in(const char *text, int64_t *us, struct err *e)
{
	struct stamp t = {.p = text};
	int year, month, day, hour, minute, second;
	int64_t fraction = 0, offset;

	year = take_digits(&t, 4);
	take_one_of(&t, "-");
	month = take_digits(&t, 2);
	take_one_of(&t, "-");
	day = take_digits(&t, 2);
	take_one_of(&t, "Tt");
	hour = take_digits(&t, 2);
	take_one_of(&t, ":");
	minute = take_digits(&t, 2);
	take_one_of(&t, ":");
	second = take_digits(&t, 2);
	if (!t.failed && *t.p == '.') {
		t.p++;
		fraction = take_fraction_us(&t);
	}
	offset = take_offset_s(&t);
	if (t.failed || *t.p != '\0')
		return err_set(e, ERR_INPUT, "\"%.40s\" is not a time by RFC 3339", text);
	/* A leap second is the first of the next minute: our seconds do not know it. */
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return err_set(e, ERR_INPUT, "\"%.40s\" is no day or no time of day", text);
	*us = ((days_of(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - offset) *
		  INT64_C(1000000) +
	      fraction;
	return 0;
}

int
time_clock_in(const char *text, const char *offset, int64_t *us, struct err *e)
{
	const char *t = text;
	size_t len = strlen(t);
	char stamp[48] = "";

	if (len >= 19 && len <= 29 && t[10] == ' ') /* perhaps with a fraction */
		snprintf(stamp, sizeof stamp, "%.10sT%s%.6s", t, t + 11, offset);
	else if (len == 14)
		snprintf(stamp, sizeof stamp, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.6s", t, t + 4, t + 6,
		    t + 8, t + 10, t + 12, offset);
	if (stamp[0] == '\0' || time_rfc3339_in(stamp, us, e) < 0)
		return err_set(e, ERR_INPUT, "\"%.40s\" is no time of a clock", text);
	return 0;
}

void
time_rfc3339_out(int64_t us, char out[32])
{
	int64_t s = us / 1000000, day_s, year;
	int64_t fraction = us % 1000000;
	int month, day;
	char text[64];

	if (fraction < 0) {
		fraction += 1000000;
		s--;
	}
	day_s = (s % 86400 + 86400) % 86400;
	civil_of((s - day_s) / 86400, &year, &month, &day);
	snprintf(text, sizeof text, "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", (long long)year, month,
	    day, (int)(day_s / 3600), (int)(day_s / 60 % 60), (int)(day_s % 60), (int)fraction);
	memcpy(out, text, 32); /* any int64_t fits */
	out[31] = '\0';
}
