/* Money as providers write it.  No floating point comes near it. */
#include "codec/money.h"

#include "base/buf.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

int
money_digits(const char *currency)
{
	static const char none[] =
	    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
	static const char three[] = "BHD IQD JOD KWD LYD OMR TND";

	return strstr(none, currency) != NULL ? 0 : strstr(three, currency) != NULL ? 3 : 2;
}

static int
digits_in(const char *p, const char *end, int digits, int64_t *minor)
{
	int64_t value = 0;
	int behind = -1; /* digits behind the point, once there is one */

	if (p == end || *p == '.' || end[-1] == '.' || (end - p > 1 && p[0] == '0' && p[1] != '.'))
		return -1;
	for (; p < end; p++) {
		if (*p == '.' && behind < 0) {
			behind = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || (behind >= digits && *p != '0'))
			return -1;
		if (behind >= digits)
			continue;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value))
			return -1;
		behind += behind >= 0;
	}
	for (behind = behind < 0 ? 0 : behind; behind < digits; behind++)
		if (__builtin_mul_overflow(value, 10, &value))
			return -1;
	*minor = value;
	return 0;
}

int
money_in(const char *text, size_t len, int digits, bool below, int64_t *minor, struct err *e)
{
	bool minus = below && len > 0 && text[0] == '-';
	size_t sign = minus ? 1 : 0;

	if (digits_in(text + sign, text + len, digits, minor) < 0)
		return err_set(e, ERR_INPUT, "\"%.*s\" is no amount with %d digits at most%s",
		    len < 40 ? (int)len : 40, text, digits, len > 18 ? ", or too large" : "");
	if (minus)
		*minor = -*minor;
	return 0;
}

void
money_out(struct buf *out, int64_t minor, int digits)
{
	uint64_t whole = minor < 0 ? -(uint64_t)minor : (uint64_t)minor, unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	buf_printf(out, "%s%" PRIu64, minor < 0 ? "-" : "", whole / unit);
	if (digits > 0)
		buf_printf(out, ".%0*" PRIu64, digits, whole % unit);
}
