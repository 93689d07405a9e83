/*
 * supply -- from balance, holds, hours and what was seen to what is wanted, and why.
 *
 * Deciding twice gives the same answer, so lost or doubled causes cost nothing.  A trip for want
 * of money needs an actual reading, a final notice that was delivered long enough ago, credit
 * that has been gone for the time of grace, an hour in which people are cut off at all, and time
 * since the last close.  A restore needs nothing but the money (domain.md 5.10).
 *
 * After overload a meter rests before it is given power again, and after too many within a time
 * it stays off until a person has seen to it.
 *
 * The balance is the account's; the relays are its meters', and each is wished for by itself.
 */
#ifndef MODEL_SUPPLY_H
#define MODEL_SUPPLY_H

#include "model/hold.h"
#include "model/meter.h"

#include <stddef.h>

struct calendar;

struct policy {
	int64_t restore_over_minor; /* restored at trip threshold + this, hysteresis */
	int64_t notice_us;          /* between the final notice and the trip */
	int64_t grace_us;           /* credit must have been gone for as long */
	int64_t reading_age_us;     /* an older reading trips nobody */
	int64_t after_close_us;     /* no automatic trip sooner after a close */
	int64_t trip_life_us;       /* a trip that could not be sent by then is decided anew */
	int64_t spread_us;          /* trips that waited for the morning leave over this time */
	int64_t permit_after_us;    /* off for longer: somebody at the meter must close it */
	int trip_from_minute, trip_until_minute; /* local minutes of the day; equal: any time */
	bool trip_rest_days;        /* also on rest days, and on the day before a holiday */
	int64_t rearm_minor;        /* a warning is armed again this far above its level */
	int days_left;              /* warn when the credit lasts no longer; 0 never */
	int silence_percent;        /* so many of the meters silent at once halts trips; 0 never */
	int64_t restore_slo_us;     /* a restore that takes longer is an alarm */
	int overload_retries;       /* so often power comes back after overload, */
	int64_t overload_period_us; /* within so long; once more, and it stays off */
	int64_t overload_rest_us;   /* off at least so long after each */
};

/* The days of a site that are not like their weekday. */
enum day_kind { DAY_HOLIDAY, DAY_MAKEUP, DAY_EXTREME };

struct site_day {
	int day; /* 20261001 */
	enum day_kind kind;
};

#define SUPPLY_LEVELS    8
#define SUPPLY_OVERLOADS 11 /* one more than the settings allow retries */
#define SUPPLY_METERS    16

struct account_view {
	int64_t account_id, version;
	bool local, live;
	const struct calendar *zone;
	const struct site_day *days; /* rising */
	size_t ndays;
	int64_t balance_minor;         /* what is left after all that was used is charged */
	int64_t estimate_minor;        /* used since, by guess: warns, never trips */
	int64_t daily_minor;           /* use of a day, 0 unknown */
	int64_t trip_minor;            /* overdraft and emergency credit are in it */
	int64_t levels[SUPPLY_LEVELS]; /* falling */
	int nlevels;
	bool warned, days_warned;
	int64_t warned_level;
	bool paid_open; /* a paid recharge is not settled, or not yet split over debts */
	bool unrated;
	int64_t below_us; /* the balance has been at the threshold or below since; 0: it is not */
	bool final_asked;
	int64_t final_sent_us; /* final notice delivered, 0: not yet */
};

struct meter_view {
	int64_t meter_id;
	enum relay wanted, seen;
	enum hold wanted_for; /* why it is wanted open */
	bool relay_pending;   /* a relay command is on its way */
	bool refused;         /* it refused an order, and nobody has looked at that yet */
	unsigned holds;       /* HOLD_BITs of those placed */
	unsigned at_once;     /* of these: a person said not to wait for the hours */
	bool temporary;       /* temporary supply in force */
	bool spared;          /* protected, power-keep, or a no-disconnect time of the site */
	bool permit_only;     /* never closed without somebody at the meter */
	bool kept;            /* it keeps power on by itself: only SAFETY is obeyed */
	bool exposed;         /* an exposure is being counted */
	int64_t reading_us;   /* newest actual reading, 0 for none */
	int64_t closed_us;    /* last seen to close, 0 for never */
	int64_t off_us;       /* off since, 0: it is not, or unknown */
	int64_t overload_us[SUPPLY_OVERLOADS]; /* when it switched itself off for overload, newest
						  first, since a person last saw to it */
	int noverloads;
};

enum notice_kind { NOTICE_NONE, NOTICE_LOW, NOTICE_DAYS, NOTICE_FINAL };
const char *notice_kind_name(enum notice_kind k);

/* Why a trip that is due does not leave: the causes of exposure. */
enum hindrance {
	HINDRANCE_NONE,
	HINDRANCE_NOTICE,   /* not warned, or not long enough ago */
	HINDRANCE_GRACE,    /* or too soon after the last close */
	HINDRANCE_HOURS,    /* nobody is cut off now */
	HINDRANCE_SPARED,   /* protected, promised, kept */
	HINDRANCE_READING,  /* the newest reading is too old */
	HINDRANCE_PAYMENT,  /* money is on its way */
	HINDRANCE_UNRATED,  /* a price is missing */
	HINDRANCE_OBSERVED, /* the site is only observed */
	HINDRANCE_REFUSED,  /* it refuses: a person must look */
	HINDRANCE_SENT,     /* decided, and not seen to be off yet */
	HINDRANCE_KEPT,     /* held off, and the meter's power-keep stands above that */
	HINDRANCE_COUNT
};
const char *hindrance_name(enum hindrance h);

struct wish {
	enum relay wanted;        /* RELAY_UNKNOWN: leave it as it is */
	enum hold hold;           /* what it is for */
	enum hindrance hindrance; /* of a trip */
	bool lock; /* too many overloads: a hold for SAFETY is placed, for that reason */
	char why[120];
};

struct decision {
	struct wish wish[SUPPLY_METERS]; /* in the order of the meters */
	enum notice_kind notice;
	int64_t level_minor; /* the lowest level that was crossed */
	bool urgent;         /* the last level: also at night */
	bool rearm;          /* back above the levels: warn anew next time */
	bool days_rearm;
	bool below;            /* at the trip threshold or below */
	int64_t look_again_us; /* 0: only something that moves can change it */
};

/* n up to SUPPLY_METERS; the rest of an account's meters stays as it is. */
void supply_decide(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int n, int64_t now_us, struct decision *out);

/* The next instant at or after at_us in which people may be cut off; at_us itself when then.
 * Nothing within a month: a month later. */
int64_t supply_trip_window(const struct policy *p, const struct account_view *v, int64_t at_us);

#endif
