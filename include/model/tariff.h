/*
 * tariff -- what energy costs, exactly.
 *
 * Wh x micro major units per kWh = nano major units, without a division; products are 128 bits
 * wide.  Posted is the difference of rounded cumulatives, so splitting an interval never changes
 * what is paid in all (domain.md 5.1).  Steps are marginal and counted by calendar month.
 */
#ifndef MODEL_TARIFF_H
#define MODEL_TARIFF_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct tariff_step {
	int64_t from_wh;     /* the first step begins at 0 */
	int64_t price_micro; /* micro major units per kWh */
};

struct tariff {
	int64_t id;
	struct tariff_step *steps; /* rising */
	size_t n;
};

/* nano major units for the energy from used_wh to used_wh + wh of one month.
 * ERR_INPUT when a price is missing; nothing is then charged (domain.md 5.3). */
int tariff_nano(const struct tariff *t, int64_t used_wh, int64_t wh, int64_t *nano, struct err *e);

/* Adds nano to the carry and takes whole minor units out of it, half up; exponent is the
 * currency's digits (2: 10^7 nano are one minor unit). */
int64_t tariff_post(int64_t *carry_nano, int64_t nano, int exponent);

#endif
