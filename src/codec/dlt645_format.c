/*
 * One value: how each format is read and printed.  A decoder is given exactly the bytes of its
 * field and cannot reach further; what is no value becomes absent, with the reason, and never
 * a zero.
 */
#include "codec/dlt645_fields.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* --- digits ------------------------------------------------------------------------------ */

int
bcd_get(struct span s, int64_t *value)
{
	int64_t n = 0;

	if (s.len > 9)
		return -1;
	for (size_t i = s.len; i > 0; i--) {
		unsigned high = s.bytes[i - 1] >> 4, low = s.bytes[i - 1] & 15;

		if (high > 9 || low > 9)
			return -1;
		n = n * 100 + (int64_t)(high * 10 + low);
	}
	*value = n;
	return 0;
}

void
bcd_put(uint8_t *out, size_t bytes, int64_t value)
{
	for (size_t i = 0; i < bytes; i++, value /= 100)
		out[i] = (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

/* One byte, or a number no date or time has. */
static unsigned
pair(uint8_t b)
{
	return (b >> 4) <= 9 && (b & 15) <= 9 ? (b >> 4) * 10u + (b & 15u) : 255;
}

bool
bcd_is_date(const uint8_t *date)
{
	static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned day = pair(date[0]), month = pair(date[1]), year = pair(date[2]);
	bool leap = year % 4 == 0; /* 2000 to 2099 */

	if (year > 99 || month < 1 || month > 12)
		return false;
	return day >= 1 && day <= days[month] + (month == 2 && leap ? 1u : 0u);
}

bool
bcd_is_time(const uint8_t *time, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i++)
		if (pair(time[i]) > 59)
			return false;
	return bytes > 0 && pair(time[bytes - 1]) <= 23;
}

/* --- one value --------------------------------------------------------------------------- */

static void
value_absent(struct dlt645_value *v, const char *why)
{
	v->absent = true;
	v->why = why;
	v->text[0] = '\0';
}

/* FF or EE throughout stands where a meter has nothing to say (quirk 8). */
static bool
is_filler(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.bytes[i] != s.bytes[0])
			return false;
	return s.len > 0 && (s.bytes[0] == 0xff || s.bytes[0] == 0xee);
}

static bool
is_zero(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.bytes[i] != 0)
			return false;
	return true;
}

static void
number_text(struct dlt645_value *v)
{
	uint64_t n = v->number < 0 ? -(uint64_t)v->number : (uint64_t)v->number;
	char digits[48];
	size_t at = sizeof digits;

	digits[--at] = '\0';
	for (int i = 0; (i <= v->field->scale || n > 0) && at > 2; i++, n /= 10) {
		if (i > 0 && i == v->field->scale)
			digits[--at] = '.';
		digits[--at] = (char)('0' + n % 10);
	}
	snprintf(v->text, sizeof v->text, "%s%s", v->number < 0 ? "-" : "", digits + at);
	v->is_number = true;
}

static void
get_bcd(struct dlt645_value *v, struct span s)
{
	uint8_t b[9];
	bool minus = false;

	if (s.len == 0 || s.len > sizeof b || is_filler(s)) {
		value_absent(v, "filler");
		return;
	}
	memcpy(b, s.bytes, s.len);
	if (v->field->format == FMT_BCD_SIGNED) {
		minus = (b[s.len - 1] & 0x80) != 0;
		b[s.len - 1] &= 0x7f;
	}
	if (bcd_get(span_of(b, s.len), &v->number) < 0) {
		value_absent(v, "not BCD");
		return;
	}
	if (minus)
		v->number = -v->number;
	number_text(v);
}

static int64_t
binary(struct span s)
{
	uint64_t n = 0;

	for (size_t i = s.len; i > 0; i--)
		n = n << 8 | s.bytes[i - 1];
	return (int64_t)n;
}

/* As many bytes as the text has room for, highest first or as they came. */
static void
get_hex(struct dlt645_value *v, struct span s, bool reversed, const char *behind)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t most = (sizeof v->text - 4) / 2, n = s.len < most ? s.len : most, at = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t b = s.bytes[reversed ? s.len - 1 - i : i];

		v->text[at++] = digits[b >> 4];
		v->text[at++] = digits[b & 15];
	}
	snprintf(v->text + at, sizeof v->text - at, "%s", n < s.len ? ".." : behind);
	if (s.len <= 4)
		v->number = binary(s);
}

static void
get_digits(struct dlt645_value *v, struct span s)
{
	get_hex(v, s, true, "");
	if (is_filler(s))
		value_absent(v, "filler");
	else if (strspn(v->text, "0123456789") != strlen(v->text))
		value_absent(v, "not BCD");
}

static void
get_ascii(struct dlt645_value *v, struct span s)
{
	size_t from = 0, to = s.len, n = 0;

	if (is_filler(s) || is_zero(s)) {
		value_absent(v, is_zero(s) ? "empty" : "filler");
		return;
	}
	while (from < to && (s.bytes[from] == 0 || s.bytes[from] == ' '))
		from++;
	while (to > from && (s.bytes[to - 1] == 0 || s.bytes[to - 1] == ' '))
		to--;
	for (size_t i = to; i > from && n < sizeof v->text - 1; i--) {
		if (s.bytes[i - 1] < 0x20 || s.bytes[i - 1] > 0x7e) {
			value_absent(v, "not text");
			return;
		}
		v->text[n++] = (char)s.bytes[i - 1];
	}
	v->text[n] = '\0';
}

/* [ss] mm hh [WW] DD MM YY; what is there is told by the format and its length. */
static void
get_moment(struct dlt645_value *v, struct span s)
{
	static const char days[7][5] = {" Sun", " Mon", " Tue", " Wed", " Thu", " Fri", " Sat"};
	bool week = v->field->format == FMT_DATE_WEEK || v->field->format == FMT_DATE_WEEK_TIME;
	size_t time = s.len - 3 - (week ? 1 : 0);
	const uint8_t *t = s.bytes, *d = t + s.len - 3;
	int n;

	if (is_filler(s) || is_zero(s)) {
		value_absent(v, is_zero(s) ? "empty" : "filler");
		return;
	}
	if (!bcd_is_date(d) || (time > 0 && !bcd_is_time(t, time))) {
		value_absent(v, "not a date");
		return;
	}
	n = snprintf(v->text, sizeof v->text, "20%02x-%02x-%02x%s", d[2], d[1], d[0],
	    week && d[-1] < 7 ? days[d[-1]] : "");
	if (time == 2)
		snprintf(v->text + n, sizeof v->text - (size_t)n, " %02x:%02x", t[1], t[0]);
	if (time == 3)
		snprintf(
		    v->text + n, sizeof v->text - (size_t)n, " %02x:%02x:%02x", t[2], t[1], t[0]);
}

static void
get_clock(struct dlt645_value *v, struct span s)
{
	const uint8_t *t = s.bytes;

	if (!bcd_is_time(t, s.len))
		value_absent(v, is_filler(s) ? "filler" : "not a time");
	else if (s.len == 3)
		snprintf(v->text, sizeof v->text, "%02x:%02x:%02x", t[2], t[1], t[0]);
	else
		snprintf(v->text, sizeof v->text, "%02x:%02x", t[1], t[0]);
}

/* A number of a table, and when it holds: NN DD MM, NN mm hh, NN DD MM YY. */
static void
get_entry(struct dlt645_value *v, struct span s)
{
	const uint8_t *p = s.bytes;
	uint8_t date[3] = {p[1], p[2], s.len > 3 ? p[3] : 0};
	bool time = v->field->format == FMT_PERIOD;

	if (is_filler(s) || (is_zero(s) && !time))
		value_absent(v, is_filler(s) ? "filler" : "empty");
	else if (pair(p[0]) > 99 || (time ? !bcd_is_time(p + 1, 2) : !bcd_is_date(date)))
		value_absent(v, time ? "not a time" : "not a date");
	else if (time)
		snprintf(v->text, sizeof v->text, "%02x:%02x tariff %u", p[2], p[1], pair(p[0]));
	else if (s.len > 3)
		snprintf(v->text, sizeof v->text, "20%02x-%02x-%02x table %u", p[3], p[2], p[1],
		    pair(p[0]));
	else
		snprintf(v->text, sizeof v->text, "%02x-%02x table %u", p[2], p[1], pair(p[0]));
}

static void
get_freeze_at(struct dlt645_value *v, struct span s)
{
	const uint8_t *p = s.bytes;

	if (p[3] != 0x99)
		snprintf(v->text, sizeof v->text, "%02x-%02x %02x:%02x", p[3], p[2], p[1], p[0]);
	else if (p[2] != 0x99)
		snprintf(
		    v->text, sizeof v->text, "every month, day %02x %02x:%02x", p[2], p[1], p[0]);
	else if (p[1] != 0x99)
		snprintf(v->text, sizeof v->text, "every day %02x:%02x", p[1], p[0]);
	else if (p[0] != 0x99)
		snprintf(v->text, sizeof v->text, "every hour, minute %02x", p[0]);
	else
		snprintf(v->text, sizeof v->text, "at once");
}

void
dlt645_value_get(struct dlt645_value *v, const struct dlt645_field *f, int index, struct span s)
{
	*v = (struct dlt645_value){.field = f, .index = index};
	switch (f->format) {
	case FMT_BCD:
	case FMT_BCD_SIGNED:
		get_bcd(v, s);
		break;
	case FMT_BINARY:
		v->number = binary(s);
		number_text(v);
		break;
	case FMT_BITS:
		get_hex(v, s, true, "h");
		break;
	case FMT_ASCII:
		get_ascii(v, s);
		break;
	case FMT_DATE_TIME:
	case FMT_MINUTE:
	case FMT_DATE_WEEK:
	case FMT_DATE_WEEK_TIME:
		get_moment(v, s);
		break;
	case FMT_CLOCK:
		get_clock(v, s);
		break;
	case FMT_HEX:
	case FMT_DI:
		get_hex(v, s, f->format == FMT_DI, "");
		break;
	case FMT_DIGITS:
		get_digits(v, s);
		break;
	case FMT_ZONE:
	case FMT_PERIOD:
	case FMT_HOLIDAY:
		get_entry(v, s);
		break;
	case FMT_FREEZE_AT:
		get_freeze_at(v, s);
		break;
	case FMT_SECRET:
		snprintf(v->text, sizeof v->text, "**");
		break;
	}
}

int
dlt645_put_number(struct buf *out, const struct dlt645_field *f, int64_t number, struct err *e)
{
	bool bcd = f->format == FMT_BCD || f->format == FMT_BCD_SIGNED;
	bool minus = f->format == FMT_BCD_SIGNED && number < 0;
	int64_t most = 1;
	uint8_t b[9] = {0};

	if ((!bcd && f->format != FMT_BINARY && f->format != FMT_BITS) || f->bytes < 1 ||
	    f->bytes > (bcd ? 9 : 7))
		return err_set(e, ERR_INPUT, "%s is no number", f->name);
	for (int i = 0; i < f->bytes; i++)
		most *= bcd ? 100 : 256;
	if (f->format == FMT_BCD_SIGNED)
		most = most / 10 * 8; /* its first digit shares a nibble with the sign */
	if ((minus ? number <= -most : number < 0) || number >= most)
		return err_set(e, ERR_INPUT, "%s: %lld does not fit %d bytes", f->name,
		    (long long)number, f->bytes);
	if (bcd)
		bcd_put(b, f->bytes, minus ? -number : number);
	else
		for (int i = 0; i < f->bytes; i++)
			b[i] = (uint8_t)(number >> 8 * i);
	if (minus)
		b[f->bytes - 1] |= 0x80;
	buf_put(out, b, f->bytes);
	return 0;
}
