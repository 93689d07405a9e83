#include "model/supply.h"

#include "model/calendar.h"

#include <stdio.h>

#define US INT64_C(1000000)

const char *
notice_kind_name(enum notice_kind k)
{
	static const char *const names[] = {"none", "low", "final"};

	return names[k];
}

/* The next instant at or after now in which people may be cut off. */
static int64_t
trip_window(const struct policy *p, const struct calendar *zone, int64_t now_us)
{
	for (int day = 0; day < 8; day++) {
		struct civil t = calendar_civil(zone, now_us + day * 86400 * US);
		int64_t midnight = calendar_midnight_before(zone, now_us + day * 86400 * US);
		int64_t from = midnight + p->trip_from_minute * 60 * US;
		int64_t until = midnight + p->trip_until_minute * 60 * US;

		if (!p->trip_rest_days && (t.weekday == 0 || t.weekday == 6))
			continue;
		if (p->trip_from_minute == p->trip_until_minute)
			return day == 0 ? now_us : midnight;
		if (now_us < from)
			return from;
		if (now_us < until)
			return now_us;
	}
	return now_us + 86400 * US;
}

/* One notice a crossing, the lowest level only; armed again well above. */
static void
decide_warning(const struct policy *p, const struct account_view *v, struct decision *d)
{
	int64_t lowest = 0;
	bool crossed = false;

	for (int i = 0; i < v->nlevels; i++)
		if (v->balance_minor <= v->levels[i]) {
			lowest = v->levels[i];
			crossed = true;
		}
	if (crossed && (!v->warned || lowest < v->warned_level)) {
		d->notice = NOTICE_LOW;
		d->level_minor = lowest;
	} else if (v->warned || v->final_asked) {
		/* armed again from the level that was warned of, by a margin; who is still below
		 * the trip level has had his notice */
		int64_t level =
		    v->warned && v->warned_level > v->trip_minor ? v->warned_level : v->trip_minor;
		int64_t margin = level / 10 > p->rearm_minor ? level / 10 : p->rearm_minor;

		d->rearm = v->balance_minor >= level + margin;
	}
}

/* Returns whether a trip may leave now; otherwise says when to look again. */
static bool
decide_trip(
    const struct policy *p, const struct account_view *v, int64_t now_us, struct decision *d)
{
	int64_t at;

	if (!v->live || v->paid_open || v->unrated)
		return false;
	if (!v->final_asked) {
		d->notice = NOTICE_FINAL; /* says more than any level, and stands for all of them */
		d->level_minor = v->nlevels > 0 ? v->levels[v->nlevels - 1] : v->trip_minor;
		return false;
	}
	if (v->final_sent_us == 0)
		return false; /* its delivery marks the account */
	at = v->final_sent_us + p->notice_us;
	if (v->closed_us != 0 && at < v->closed_us + p->after_close_us)
		at = v->closed_us + p->after_close_us;
	if (at < now_us)
		at = now_us;
	at = trip_window(p, v->zone, at);
	if (at > now_us) {
		d->look_again_us = at;
		return false;
	}
	if (v->reading_us + p->reading_age_us < now_us)
		return false; /* the next reading marks the account */
	return true;
}

struct decision
supply_decide(const struct policy *p, const struct account_view *v, int64_t now_us)
{
	struct decision d = {.wanted = RELAY_UNKNOWN};

	decide_warning(p, v, &d);
	if (v->local || v->meter_id == 0)
		return d; /* a local meter trips and closes by itself */
	if (v->wanted == RELAY_OPEN) {
		if (v->wanted_for_arrears &&
		    v->balance_minor >= v->trip_minor + p->restore_over_minor) {
			d.wanted = RELAY_CLOSED;
			snprintf(d.why, sizeof d.why, "paid: balance %lld is above %lld",
			    (long long)v->balance_minor, (long long)v->trip_minor);
		}
		return d;
	}
	if (v->balance_minor <= v->trip_minor) {
		if (decide_trip(p, v, now_us, &d)) {
			d.wanted = RELAY_OPEN;
			snprintf(d.why, sizeof d.why, "credit is used up: balance %lld",
			    (long long)v->balance_minor);
		}
		return d;
	}
	/* It should have power and has none: a command that expired or a hand at the meter. */
	if (v->seen == RELAY_OPEN && !v->relay_pending && v->live) {
		d.wanted = RELAY_CLOSED;
		snprintf(d.why, sizeof d.why, "it is off and nothing keeps it off");
	}
	return d;
}
