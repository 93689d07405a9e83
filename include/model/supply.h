/*
 * supply -- from balance, hours and what was seen to what is wanted, and why in one sentence.
 *
 * Deciding twice gives the same answer, so lost or doubled causes cost nothing.  A trip needs
 * an actual reading, a final notice that was delivered long enough ago, an hour in which people
 * are cut off at all, and time since the last close.  A restore needs nothing but the money.
 */
#ifndef MODEL_SUPPLY_H
#define MODEL_SUPPLY_H

#include "model/meter.h"

#include <stddef.h>

struct calendar;

struct policy {
	int64_t restore_over_minor; /* restored at trip threshold + this, hysteresis */
	int64_t notice_us;          /* between the final notice and the trip */
	int64_t reading_age_us;     /* an older reading trips nobody */
	int64_t after_close_us;     /* no automatic trip sooner after a close */
	int64_t trip_life_us;       /* a trip that could not be sent by then is decided anew */
	int trip_from_minute, trip_until_minute; /* local minutes of the day; equal: any time */
	bool trip_rest_days;                     /* also on Saturdays and Sundays */
	int64_t rearm_minor; /* a warning is armed again this far above its level */
};

#define SUPPLY_LEVELS 8

struct account_view {
	int64_t account_id, meter_id, version;
	bool local, live;
	const struct calendar *zone;
	int64_t balance_minor; /* what is left after all that was used is charged */
	int64_t trip_minor;
	int64_t levels[SUPPLY_LEVELS]; /* falling */
	int nlevels;
	bool warned;
	int64_t warned_level;
	enum relay wanted, seen;
	bool wanted_for_arrears; /* the open relay is our own doing */
	bool relay_pending;      /* a relay command is on its way */
	bool paid_open;          /* a paid recharge is not settled */
	bool unrated;
	int64_t reading_us; /* newest actual reading, 0 for none */
	int64_t closed_us;  /* last seen to close, 0 for never */
	bool final_asked;
	int64_t final_sent_us; /* final notice delivered, 0: not yet */
};

enum notice_kind { NOTICE_NONE, NOTICE_LOW, NOTICE_FINAL };
const char *notice_kind_name(enum notice_kind k);

struct decision {
	enum relay wanted; /* RELAY_UNKNOWN: leave it as it is */
	enum notice_kind notice;
	int64_t level_minor;   /* the lowest level that was crossed */
	bool rearm;            /* back above the levels: warn anew next time */
	int64_t look_again_us; /* 0: only something that moves can change it */
	char why[160];
};

struct decision supply_decide(const struct policy *p, const struct account_view *v, int64_t now_us);

#endif
