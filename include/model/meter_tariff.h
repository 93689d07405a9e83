/*
 * meter_tariff -- a price version as a DL/T 645 meter can hold it (dlt645.md 2.4, 2.5).
 *
 *	prices     one a tariff, the tariffs in the order of the energy registers
 *	steps      by what was used since the settlement day; a kWh costs the price of its tariff
 *	           and, added to it, the price of its step
 *	zones      from which day of the year on which day table holds
 *	tables     from which minute on which tariff holds; each begins at 00:00
 *	weekend    one day table for the days of the week that are not worked, all year round
 *	holidays   dates with a day table of their own; also the workdays by decree
 *
 * What cannot be held is refused with the reason, never rounded and never left out: a meter that
 * charges almost the right price is wrong on every kWh.
 *
 * Prices, steps, zones and tables are there twice, and the spare set takes over at a time that is
 * written beforehand; weekend, holidays and settlement day are there once.
 */
#ifndef MODEL_METER_TARIFF_H
#define MODEL_METER_TARIFF_H

#include <stdbool.h>
#include <stdint.h>

struct calendar;
struct civil;
struct err;
struct price_version;

#define METER_TARIFFS  12 /* 63 by the sheet; no more bands than a price version has */
#define METER_STEPS    11
#define METER_ZONES    14
#define METER_TABLES   8
#define METER_SLOTS    14
#define METER_HOLIDAYS 254

/* What one meter has room for: of the sheet's most, what its own counts (04000201 to 0207) say. */
struct meter_room {
	int tariffs, steps, zones, tables, slots, holidays;
	bool priced; /* it keeps money; else it only counts by tariff, and has no prices */
};

/* As much as any meter has. */
struct meter_room meter_room_most(bool priced);

struct meter_slot {
	int minute; /* of the day, from then on */
	int tariff; /* 1 .. */
};

struct meter_table {
	int n;
	struct meter_slot slot[METER_SLOTS]; /* rising; the first at 0 */
};

struct meter_tariff {
	bool priced;
	int ntariffs, nsteps;
	int64_t price_micro[METER_TARIFFS]; /* whole 0.0001 a kWh, never below zero */
	int64_t step_wh[METER_STEPS];       /* rising; what is used beyond costs the next price */
	int64_t step_micro[METER_STEPS + 1];
	int settle_day, settle_hour; /* when steps begin anew, each month; day 0: no matter */

	int nzones, ntables, nholidays;
	struct meter_zone {
		int from;    /* 601: 1 June */
		int table;   /* 1 .. */
	} zone[METER_ZONES]; /* rising; the last holds until the first comes round */
	struct meter_table table[METER_TABLES];
	struct meter_holiday {
		int date; /* 20261001 */
		int table;
	} holiday[METER_HOLIDAYS]; /* rising */
	unsigned workdays;         /* 1 << weekday (0 = Sunday): the zone's table holds */
	int weekend_table;         /* on the others this one does */

	int64_t switch_us; /* when it takes over: a whole minute */
};

/* ERR_INPUT says what the meter has no room or no words for.  Holidays before `now_us`, or before
 * the version's own beginning, are left out.  The calendar is of the version's zone. */
int meter_tariff_of(struct meter_tariff *out, const struct price_version *v,
    const struct calendar *calendar, const struct meter_room *room, int64_t now_us, struct err *e);
/* Whether it fits that meter; the reason when not. */
int meter_tariff_fits(const struct meter_tariff *t, const struct meter_room *room, struct err *e);
/* Whether it is one at all: for what comes from elsewhere. */
int meter_tariff_check(const struct meter_tariff *t, struct err *e);

/* --- what the meter does with it ----------------------------------------------------------- */

int meter_tariff_at(const struct meter_tariff *t, const struct civil *at); /* tariff, 1 .. */
int64_t meter_tariff_price(const struct meter_tariff *t, int tariff, int64_t used_wh); /* micro */
/* Nano major units for wh after used_wh since the settlement day. */
int64_t meter_tariff_nano(const struct meter_tariff *t, int tariff, int64_t used_wh, int64_t wh);

/* --- meter_days.c, for meter_tariff.c ------------------------------------------------------ */

int meter_days_of(struct meter_tariff *out, const struct price_version *v, int from_date,
    const struct meter_room *room, struct err *e);

#endif
