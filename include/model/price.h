/*
 * price -- one version of a tariff, and what an interval of use costs by it, exactly.
 *
 * The way of an interval:
 *
 *	price_rate()	what the registers counted is spread over the time in which one version, one
 *			tier period and one band hold, in whole Wh (domain.md 5.12.1, .2, .11); each
 *			part is priced from the tier position on, in exact nano major units
 *	price_post()	the exact charge goes onto the cumulatives of the account, and the growth
 *			of the rounded cumulatives is what is posted (5.1.3, 5.12.3, .4)
 *
 * How band and tier go together is the version's mode:
 *
 *	additive	each kWh costs the price of its band and the price of its tier
 *	matrix		price[tier][band]; an interval that crosses a tier gives each band's Wh to
 *			the tiers pro rata
 *	per band	each band has its own tiers and its own position in them
 *
 * Wh x micro major units per kWh are nano major units without a division.  What has no price is
 * not charged at all, not even in part; the tier position goes on all the same (5.12.8).
 *
 * A version is plain data: it may be copied, and nothing in it needs to be freed.
 */
#ifndef MODEL_PRICE_H
#define MODEL_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calendar;
struct err;

#define PRICE_BANDS      12
#define PRICE_TIERS      12
#define PRICE_SLOTS      48 /* of a day */
#define PRICE_DAY_TYPES  8
#define PRICE_SEASONS    12
#define PRICE_SCHEDULES  48
#define PRICE_FIXED      8
#define PRICE_SURCHARGES 8
#define PRICE_DATES      400
#define PRICE_NAME       32
#define PRICE_SUMS       24

/* The days of each month, and of a year, divide it: a day's part of a month is whole in it. */
#define PRICE_PARTS 27563340

#define PRICE_OPEN INT64_MAX             /* where the last tier ends */
#define PRICE_NONE INT64_MIN             /* a price that nobody gave */
#define PRICE_MOST INT64_C(999999999999) /* micro major units; also Wh */

enum price_mode { PRICE_ADDITIVE, PRICE_MATRIX, PRICE_PER_BAND };
enum price_rounding { PRICE_HALF_UP, PRICE_HALF_EVEN, PRICE_DOWN };
enum price_accrual { PRICE_CALENDAR, PRICE_12_365, PRICE_DAILY };
enum price_period_kind { PRICE_MONTH, PRICE_CYCLE, PRICE_YEAR };

struct price_period {
	enum price_period_kind kind;
	int day, hour; /* CYCLE: 1..28 and 0..23, local */
};

struct price_ladder {
	size_t n;
	int64_t upto_wh[PRICE_TIERS]; /* rising, the last one PRICE_OPEN */
};

struct price_slot {
	int from, to; /* minutes of the day, by the wall clock */
	int band;
};

struct price_schedule {
	size_t n;
	struct price_slot slot[PRICE_SLOTS]; /* rising, without gap or overlap: 0 to 1440 */
};

#define PRICE_HOLIDAY (1u << 7)
#define PRICE_MAKEUP  (1u << 8) /* a workday by decree */

struct price_day_type {
	char name[PRICE_NAME];
	unsigned days; /* 1 << weekday (0 = Sunday), PRICE_HOLIDAY, PRICE_MAKEUP */
};

struct price_season {
	char name[PRICE_NAME];
	int from, to;                     /* 601 to 930 is June to September; both belong to it */
	size_t schedule[PRICE_DAY_TYPES]; /* by type of day */
};

struct price_fixed {
	char name[PRICE_NAME];
	enum price_accrual accrual;
	int64_t micro; /* of a month; DAILY: of a day */
};

struct price_surcharge {
	char name[PRICE_NAME];
	int64_t micro; /* per kWh; below zero it is a rebate */
};

struct price_version {
	char name[PRICE_NAME], zone[64], currency[4];
	int exponent; /* digits of the minor unit */
	enum price_rounding rounding;
	int64_t effective_from_us;

	struct price_period period;
	bool prorate;     /* the thresholds of periods that are longer or shorter than normal */
	int nominal_days; /* of a normal CYCLE */

	enum price_mode mode;
	bool tiered, banded; /* whether there is more than the one that stands for all */
	size_t nbands;
	char band[PRICE_BANDS][PRICE_NAME];
	struct price_ladder ladder[PRICE_BANDS]; /* PER_BAND: one each; else the first is for all */
	int64_t band_micro[PRICE_BANDS];         /* ADDITIVE; may be below zero, the sum may not */
	int64_t tier_micro[PRICE_TIERS];         /* ADDITIVE */
	int64_t micro[PRICE_TIERS][PRICE_BANDS]; /* MATRIX, PER_BAND */

	size_t nschedules, nday_types, nseasons, nholidays, nmakeups;
	struct price_schedule schedule[PRICE_SCHEDULES];
	struct price_day_type day_type[PRICE_DAY_TYPES];
	struct price_season season[PRICE_SEASONS];
	int holiday[PRICE_DATES], makeup[PRICE_DATES]; /* 20261001 */

	size_t nfixed, nsurcharges;
	struct price_fixed fixed[PRICE_FIXED];
	struct price_surcharge surcharge[PRICE_SURCHARGES];
	bool taxed, tax_inclusive;
	int64_t tax_ppm;
};

/* All that must hold before a version may be used: last tier open, thresholds rising, bands
 * cover each kind of day without gap or overlap, every price there.  *about, unless NULL, gets
 * what of it is wrong, by its name in a tariff file. */
int price_check(const struct price_version *v, const char **about, struct err *e);
int price_schedule_check(const struct price_schedule *s, size_t nbands, struct err *e);

/* --- rating ------------------------------------------------------------------------------ */

/* Versions as they follow each other, by rising effective_from_us.  Registers go by their place:
 * the first is the first band of each version. */
struct price_book {
	const struct calendar *calendar;
	const struct price_version *const *versions;
	size_t n;
};

/* One currency, one zone and one rounding for all, and each version good by itself. */
int price_book_check(const struct price_book *b, struct err *e);

/* When the tier period around an instant began, and its settlement day: the day of the month on
 * which one of its periods begins by the clock of the zone.  -1: no version is in force then. */
int price_period_at(const struct price_book *b, int64_t at_us, int64_t *from_us, int *day);

/* Whose use it is: the thresholds begin anew with a tenancy, and grow with the household. */
struct price_tenancy {
	int64_t from_us, to_us; /* INT64_MIN, INT64_MAX: not in sight */
	int64_t extra_wh;       /* added to each threshold, before prorating */
};

/* What the registers counted from one reading to the next: the total, the bands, or both. */
struct price_usage {
	int64_t from_us, to_us;
	bool has_total;
	int64_t total_wh;
	size_t nregisters; /* 0: only the total is known */
	int64_t register_wh[PRICE_BANDS];
	int64_t unit_wh; /* of a register: bands may differ from the total by one each */
	/* Only this part of the interval is rated now; both 0: all of it.  However it is cut, the
	 * parts in their order add up to the whole, to the nano. */
	int64_t cut_from_us, cut_to_us;
};

/* Where in the tiers a service point is.  Begins as {0}, is kept between intervals, and starts
 * anew by itself when the time stamps say so. */
struct price_position {
	int64_t period_us; /* when the period of these began */
	int64_t used_wh, band_wh[PRICE_BANDS];
};

enum price_result {
	PRICE_RATED,
	PRICE_UNRATED, /* a version, price, tier or band is missing */
	PRICE_HELD,    /* the figures cannot be right */
};

/* A stretch of one version and one tier period. */
struct price_part {
	const struct price_version *version; /* NULL: there is none */
	int64_t from_us, to_us, period_us, wh;
	int64_t used_wh; /* the position at its beginning */
	int64_t energy_nano, surcharge_nano[PRICE_SURCHARGES];
	int64_t fixed_nano, fixed_parts; /* parts of a nano, 0 to PRICE_PARTS - 1 */
};

/* Why it costs that: wh x micro, added up over the touches of a part, is its energy. */
struct price_touch {
	size_t part;
	int tier, band; /* -1: a price that does not look at it; tiers count from 0 */
	int64_t wh, micro;
};

struct price_charge {
	enum price_result result;
	char why[160]; /* it is not rated */
	int64_t wh;
	bool pro_rata;     /* no order known: bands went to tiers by their shares */
	bool off_schedule; /* a register counted while its band never was */
	bool corrected;    /* the bands, by what they differed from the total */
	size_t nparts, ntouches, room;
	struct price_part *parts;
	struct price_touch *touches;
};

/* who NULL: one tenant for ever.  The charge is the caller's to clear; when it is not rated it
 * has parts with their Wh, and no money in them. */
enum price_result price_rate(const struct price_book *b, const struct price_tenancy *who,
    const struct price_usage *u, struct price_position *at, struct price_charge *out);
void price_charge_clear(struct price_charge *c);

/* --- posting ----------------------------------------------------------------------------- */

/* One component of an account: "energy", "fixed", or a surcharge by its name.  When the tax
 * changes, what is not posted yet is brought forward, and the cumulative begins anew. */
struct price_sum {
	char name[PRICE_NAME];
	bool tax_inclusive;
	int64_t tax_ppm;
	int64_t base_nano, base_parts;  /* exact, as priced, under this tax */
	int64_t gross_femto, net_femto; /* brought forward */
	int64_t gross_minor, net_minor; /* posted under this tax */
};

struct price_sums {
	size_t n;
	struct price_sum of[PRICE_SUMS];
};

struct price_posting {
	int64_t gross_minor, net_minor;                     /* their difference is tax */
	int64_t energy_minor, fixed_minor, surcharge_minor; /* gross */
	int64_t of[PRICE_SUMS], net_of[PRICE_SUMS]; /* gross and net, in the order of the sums */
};

/* What a charge adds to one component under one tax.  To take it back is to add its negative. */
struct price_item {
	char name[PRICE_NAME];
	bool tax_inclusive;
	int64_t tax_ppm;
	int64_t nano, parts; /* parts: 0 to PRICE_PARTS - 1 */
};
#define PRICE_ITEMS 64

/* Only what is rated may be posted.  ERR_INPUT when a sum runs out of range; then all sums stay
 * as they were. */
int price_post(struct price_sums *sums, const struct price_charge *c, enum price_rounding rounding,
    int exponent, struct price_posting *out, struct err *e);
/* The items of a charge, what is alike and follows each other together: all of them, or, of those
 * that are not 0, the days' fixed charges or the rest.  Returns how many; room for PRICE_ITEMS,
 * and more is ERR_INPUT. */
enum price_which { PRICE_ALL, PRICE_USED, PRICE_FIXED_ONLY };
int price_items(
    const struct price_charge *c, enum price_which which, struct price_item *out, struct err *e);
struct price_item price_item_negative(const struct price_item *i);
int price_post_items(struct price_sums *sums, const struct price_item *items, size_t n,
    enum price_rounding rounding, int exponent, struct price_posting *out, struct err *e);
/* Exact less posted, gross, rounded down to a nano. */
int64_t price_carry_nano(const struct price_sum *s, int exponent);
/* num / den as a whole number; den above 0. */
int64_t price_round(__int128 num, __int128 den, enum price_rounding rounding);

const char *price_mode_name(enum price_mode m);
const char *price_period_name(enum price_period_kind k);
const char *price_rounding_name(enum price_rounding r);

#endif
