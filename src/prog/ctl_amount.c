/*
 * Money and energy as people write them, in integers throughout.
 *
 * An amount has two digits behind the point or it is none: "50" may be fifty of the large unit or
 * of the small one, and a cashier's slip is not guessed at.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

#define STEP_MOST INT64_C(999999999999) /* what the API takes */

/* Digits, then at least `least` and at most `most` behind a point, as a multiple of 10^-most. */
static int
fixed(const char *text, size_t len, int least, int most, int64_t *out)
{
	int64_t value = 0;
	int behind = -1; /* digits behind the point, once there is one */

	if (len == 0 || text[0] == '.' || text[len - 1] == '.' ||
	    (len > 1 && text[0] == '0' && text[1] != '.'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && behind < 0) {
			behind = 0;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || behind == most ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, text[i] - '0', &value))
			return -1;
		behind += behind >= 0;
	}
	if (behind < 0)
		behind = 0;
	if (behind < least)
		return -1;
	for (; behind < most; behind++)
		if (__builtin_mul_overflow(value, 10, &value))
			return -1;
	*out = value;
	return 0;
}

int
ctl_amount(const char *text, bool any, int64_t *minor, struct err *e)
{
	bool below = any && text[0] == '-';

	if (fixed(text + below, strlen(text + below), 2, 2, minor) < 0)
		return err_set(e, ERR_INPUT,
		    "\"%.40s\" is no amount%s: write 50.00, two digits behind the point", text,
		    strlen(text) > 18 ? " or too large" : "");
	if (!any && *minor == 0)
		return err_set(e, ERR_INPUT, "the amount must be above 0.00");
	if (below)
		*minor = -*minor;
	return 0;
}

int
ctl_registers(const char *text, struct buf *out, struct err *e)
{
	int64_t wh;
	size_t len;
	int n = 0;

	for (const char *p = text;; p += len + 1) {
		len = strcspn(p, ",");
		if (fixed(p, len, 0, 3, &wh) < 0)
			break;
		buf_printf(out, "%s%" PRId64, n++ > 0 ? "," : "", wh);
		if (p[len] == '\0')
			return n == 1 || n == 5 ? 0
						: err_set(e, ERR_INPUT,
						      "the total alone, or the total and T1 to T4");
	}
	return err_set(e, ERR_INPUT, "\"%.40s\" are no registers in kWh: 1234.56", text);
}

int
ctl_levels(const char *text, struct buf *out, struct err *e)
{
	char level[40];
	int64_t minor, above = INT64_MAX;
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, ",");
		snprintf(level, sizeof level, "%.*s", (int)len, text);
		if (len >= sizeof level || ctl_amount(level, true, &minor, e) < 0)
			return err_set(e, ERR_INPUT,
			    "\"%.40s\" is no list of amounts: write 50.00,20.00", text);
		if (minor >= above)
			return err_set(e, ERR_INPUT, "%s is not below the level before it", level);
		buf_printf(out, "%s%" PRId64, out->len > 0 ? "," : "", minor);
		above = minor;
		text += len;
		if (*text == ',' && *++text == '\0')
			return err_set(e, ERR_INPUT, "a level is missing at the end");
	}
	return 0;
}

/* "100kWh" or "100.5kWh" or "100500Wh"; nothing needs no unit. */
static int
step_from(const char *text, size_t len, int64_t *wh)
{
	if (len == 1 && text[0] == '0') {
		*wh = 0;
		return 0;
	}
	if (len > 3 && strncmp(text + len - 3, "kWh", 3) == 0)
		return fixed(text, len - 3, 0, 3, wh);
	if (len > 2 && strncmp(text + len - 2, "Wh", 2) == 0)
		return fixed(text, len - 2, 0, 0, wh);
	return -1;
}

static int
step_add(const char *text, size_t len, int64_t *last, struct buf *out, struct err *e)
{
	const char *colon = memchr(text, ':', len);
	size_t from_len = colon != NULL ? (size_t)(colon - text) : len;
	int shown = len < 40 ? (int)len : 40;
	int64_t from, price;

	if (colon == NULL)
		return err_set(e, ERR_INPUT, "\"%.*s\" is no step: write 100kWh:1.50", shown, text);
	if (step_from(text, from_len, &from) < 0)
		return err_set(e, ERR_INPUT,
		    "\"%.*s\" begins at no energy: write 0, 100kWh or 500Wh", shown, text);
	if (fixed(colon + 1, len - from_len - 1, 0, 6, &price) < 0)
		return err_set(e, ERR_INPUT,
		    "\"%.*s\" has no price per kWh: write 1.50, six digits behind the point at "
		    "most",
		    shown, text);
	if (from > STEP_MOST || price > STEP_MOST)
		return err_set(e, ERR_INPUT, "\"%.*s\" is too large", shown, text);
	if (*last < 0 && from != 0)
		return err_set(
		    e, ERR_INPUT, "the first step begins at 0, not at \"%.*s\"", shown, text);
	if (from <= *last)
		return err_set(
		    e, ERR_INPUT, "\"%.*s\" does not begin above the step before it", shown, text);
	*last = from;
	buf_printf(out, "%s%" PRId64 ":%" PRId64, out->len > 0 ? " " : "", from, price);
	return 0;
}

int
ctl_steps(const char *text, struct buf *out, struct err *e)
{
	int64_t last = -1;

	for (;;) {
		size_t len;

		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (len == 0)
			break;
		if (step_add(text, len, &last, out, e) < 0)
			return -1;
		text += len;
	}
	return last < 0 ? err_set(e, ERR_INPUT, "no step: write 0:1.00 100kWh:1.50") : 0;
}

void
ctl_decimal(struct buf *out, int64_t value, int digits, int keep)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	buf_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / unit);
	size %= unit;
	for (; digits > keep && size % 10 == 0; digits--)
		size /= 10;
	if (digits > 0)
		buf_printf(out, ".%0*" PRIu64, digits, size);
}
