#include "model/tariff.h"

#include "base/err.h"

int
tariff_nano(const struct tariff *t, int64_t used_wh, int64_t wh, int64_t *nano, struct err *e)
{
	__int128 sum = 0;

	if (t == NULL || t->n == 0 || t->steps[0].from_wh != 0)
		return err_set(e, ERR_INPUT, "no price for the first kWh");
	if (used_wh < 0 || wh < 0)
		return err_set(e, ERR_BUG, "energy runs forward only");
	for (size_t i = 0; i < t->n; i++) {
		int64_t from = t->steps[i].from_wh > used_wh ? t->steps[i].from_wh : used_wh;
		int64_t to = used_wh + wh;

		if (i + 1 < t->n && t->steps[i + 1].from_wh < to)
			to = t->steps[i + 1].from_wh;
		if (to > from)
			sum += (__int128)(to - from) * t->steps[i].price_micro;
	}
	if (sum > INT64_MAX)
		return err_set(e, ERR_INPUT, "charge out of range");
	*nano = (int64_t)sum;
	return 0;
}

int64_t
tariff_post(int64_t *carry_nano, int64_t nano, int exponent)
{
	int64_t unit = 1000000000, sum = *carry_nano + nano, minor;

	for (int i = 0; i < exponent; i++)
		unit /= 10;
	/* floor((sum + half) / unit): the carry stays within half a unit either side */
	minor = (sum + unit / 2) / unit;
	if ((sum + unit / 2) % unit < 0)
		minor--;
	*carry_nano = sum - minor * unit;
	return minor;
}
