#include "model/supply.h"

#include <stdio.h>

#define US INT64_C(1000000)

const char *
notice_kind_name(enum notice_kind k)
{
	static const char *const names[] = {"none", "low", "days_left", "final"};

	return names[k];
}

const char *
hindrance_name(enum hindrance h)
{
	static const char *const names[HINDRANCE_COUNT] = {"none", "notice", "grace", "hours",
	    "spared", "reading", "payment", "unrated", "observed", "refused", "unreachable",
	    "kept"};

	return names[h];
}

/* --- warnings ----------------------------------------------------------------------------- */

static int64_t
rearm_at(const struct policy *p, int64_t level)
{
	int64_t margin = level / 10;

	return level + (margin > p->rearm_minor ? margin : p->rearm_minor);
}

/* One notice a crossing, the lowest level only; armed again well above. */
static void
decide_levels(const struct policy *p, const struct account_view *v, struct decision *d)
{
	int64_t balance = v->balance_minor - v->estimate_minor, lowest = 0;
	bool crossed = false;

	for (int i = 0; i < v->nlevels; i++)
		if (balance <= v->levels[i]) {
			lowest = v->levels[i];
			crossed = true;
		}
	if (crossed && (!v->warned || lowest < v->warned_level)) {
		d->notice = NOTICE_LOW;
		d->level_minor = lowest;
		d->urgent = lowest == v->levels[v->nlevels - 1];
	} else if (v->warned || v->final_asked) {
		/* from the level that was warned of; who is still below the trip level has had
		 * his notice */
		int64_t level =
		    v->warned && v->warned_level > v->trip_minor ? v->warned_level : v->trip_minor;

		d->rearm = balance >= rearm_at(p, level);
	}
}

/* How long the credit lasts, by the last days' use; said when no level says more. */
static void
decide_days(const struct policy *p, const struct account_view *v, struct decision *d)
{
	int64_t left = v->balance_minor - v->estimate_minor - v->trip_minor;

	if (p->days_left == 0 || v->daily_minor <= 0)
		return;
	if (left > (p->days_left + 1) * v->daily_minor)
		d->days_rearm = v->days_warned;
	else if (left > 0 && left <= p->days_left * v->daily_minor && !v->days_warned &&
		 d->notice == NOTICE_NONE) {
		d->notice = NOTICE_DAYS;
		d->level_minor = left / v->daily_minor;
	}
}

/* --- trips -------------------------------------------------------------------------------- */

static void
look_again(struct decision *d, int64_t at_us)
{
	if (d->look_again_us == 0 || at_us < d->look_again_us)
		d->look_again_us = at_us;
}

/* Each meter has its own place in the time over which those that waited leave. */
static int64_t
own_place(const struct policy *p, int64_t meter_id)
{
	uint64_t x = (uint64_t)meter_id * UINT64_C(0x9e3779b97f4a7c15);

	return p->spread_us > 0 ? (int64_t)((x >> 33) % (uint64_t)p->spread_us) : 0;
}

/* The first instant at or after at_us in which this meter's turn to be cut off comes. */
static int64_t
trip_turn(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int64_t at_us, int64_t now_us)
{
	int64_t opens = supply_trip_window(p, v, at_us), turn;

	if (opens > at_us) /* it waits: not all with the stroke of the clock */
		turn = opens + own_place(p, m->meter_id);
	else
		turn = at_us;
	return turn > now_us ? turn : now_us;
}

/* What account and money say; HINDRANCE_NONE when the meter's turn is all that is left to ask. */
static enum hindrance
account_hindrance(const struct account_view *v)
{
	if (!v->live)
		return HINDRANCE_OBSERVED;
	if (v->paid_open)
		return HINDRANCE_PAYMENT;
	if (v->unrated)
		return HINDRANCE_UNRATED;
	/* not said yet, or not delivered: its delivery marks the account */
	return !v->final_asked || v->final_sent_us == 0 ? HINDRANCE_NOTICE : HINDRANCE_NONE;
}

/* A trip for want of money, of one meter: HINDRANCE_NONE when it may leave now. */
static enum hindrance
arrears_hindrance(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int64_t now_us, struct decision *d)
{
	enum hindrance h = account_hindrance(v);
	int64_t told, due, turn;

	if (m->spared || m->temporary)
		return HINDRANCE_SPARED;
	if (h != HINDRANCE_NONE)
		return h;
	if (m->refused) /* three wrong passwords lock a meter for a day */
		return HINDRANCE_REFUSED;
	told = v->final_sent_us + p->notice_us;
	due = v->below_us + p->grace_us;
	if (m->closed_us != 0 && due < m->closed_us + p->after_close_us)
		due = m->closed_us + p->after_close_us;
	turn = trip_turn(p, v, m, due > told ? due : told, now_us);
	if (turn > now_us) {
		look_again(d, turn);
		return now_us < told  ? HINDRANCE_NOTICE
		       : now_us < due ? HINDRANCE_GRACE
				      : HINDRANCE_HOURS;
	}
	if (supply_trip_window(p, v, now_us) > now_us) {
		look_again(d, trip_turn(p, v, m, now_us, now_us));
		return HINDRANCE_HOURS;
	}
	/* the next reading marks the account */
	return m->reading_us + p->reading_age_us < now_us ? HINDRANCE_READING : HINDRANCE_NONE;
}

/* --- overload ----------------------------------------------------------------------------- */

static int
overloads_lately(const struct policy *p, const struct meter_view *m, int64_t now_us)
{
	int n = 0;

	while (n < m->noverloads && m->overload_us[n] > now_us - p->overload_period_us)
		n++;
	return n;
}

/* Also one that tries again by itself: it would go on for ever. */
static bool
overload_locks(const struct policy *p, const struct meter_view *m, int64_t now_us, struct wish *w)
{
	int n = overloads_lately(p, m, now_us);

	if (n <= p->overload_retries)
		return false;
	w->lock = true;
	snprintf(w->why, sizeof w->why, "overload %d times within %lld h", n,
	    (long long)((p->overload_period_us + 1800 * US) / (3600 * US)));
	return true;
}

/* It has not been on since its newest overload. */
static bool
overload_off(const struct meter_view *m)
{
	return m->noverloads > 0 && m->seen != RELAY_CLOSED && m->overload_us[0] > m->closed_us;
}

static bool
overload_rests(
    const struct policy *p, const struct meter_view *m, int64_t now_us, struct decision *d)
{
	int64_t over_us = m->noverloads > 0 ? m->overload_us[0] + p->overload_rest_us : 0;

	if (!overload_off(m) || over_us <= now_us)
		return false;
	look_again(d, over_us);
	return true;
}

/* --- one meter ---------------------------------------------------------------------------- */

static void
want_open(const struct account_view *v, const struct meter_view *m, enum hold hold, struct wish *w)
{
	w->hold = hold;
	if (m->wanted == RELAY_OPEN && m->wanted_for == hold &&
	    (m->relay_pending || m->refused || m->seen != RELAY_CLOSED))
		return;
	w->wanted = RELAY_OPEN;
	if (hold == HOLD_ARREARS)
		snprintf(w->why, sizeof w->why, "credit is used up: balance %lld",
		    (long long)v->balance_minor);
	else
		snprintf(w->why, sizeof w->why, "hold %s", hold_name(hold));
}

/* Whether it was cut off, for whatever reason, and the money says that it stays so. */
static bool
stays_off(const struct policy *p, const struct account_view *v, const struct meter_view *m)
{
	return m->wanted == RELAY_OPEN && !v->local && !m->spared && !m->temporary &&
	       (v->paid_open || v->balance_minor < v->trip_minor + p->restore_over_minor);
}

static void
want_closed(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int64_t now_us, struct decision *d, struct wish *w)
{
	bool off_long = m->off_us != 0 && now_us - m->off_us > p->permit_after_us;
	bool somebody;

	if (overload_rests(p, m, now_us, d))
		return;
	if (m->wanted != RELAY_OPEN) {
		/* It should have power and has none: a command that came to nothing, a hand at the
		 * meter, or overload.  A local meter switches by itself, but for that. */
		if (m->seen != RELAY_OPEN || m->relay_pending || m->refused ||
		    (v->local && !overload_off(m)))
			return;
		if (overload_off(m))
			snprintf(w->why, sizeof w->why, "after overload: %d of %d times",
			    overloads_lately(p, m, now_us), p->overload_retries);
		else
			snprintf(w->why, sizeof w->why, "it is off and nothing keeps it off");
	} else if (m->wanted_for == HOLD_ARREARS) {
		if (stays_off(p, v, m))
			return; /* somebody closed it; its turn to be cut off comes */
		snprintf(w->why, sizeof w->why, "paid: balance %lld is above %lld",
		    (long long)v->balance_minor, (long long)v->trip_minor);
	} else {
		snprintf(w->why, sizeof w->why, "hold %s is lifted", hold_name(m->wanted_for));
	}
	/* Nobody may stand at an open wire when it comes alive after a day, or after an alarm. */
	somebody = m->permit_only || off_long || m->wanted == RELAY_PERMITTED ||
		   m->wanted_for == HOLD_SAFETY;
	w->wanted = somebody ? RELAY_PERMITTED : RELAY_CLOSED;
}

static void
decide_hold(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    enum hold hold, int64_t now_us, struct decision *d, struct wish *w)
{
	if (m->kept && hold != HOLD_SAFETY && m->seen != RELAY_OPEN) {
		w->hindrance = HINDRANCE_KEPT; /* its end marks the account */
		return;
	}
	if (m->wanted == RELAY_CLOSED && !hold_any_hour(hold) && !(m->at_once & HOLD_BIT(hold))) {
		int64_t turn = supply_trip_window(p, v, now_us);

		if (turn > now_us) {
			look_again(d, turn);
			return;
		}
	}
	want_open(v, m, hold, w);
}

static void
decide_meter(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int64_t now_us, struct decision *d, struct wish *w)
{
	enum hold hold = hold_strongest(m->holds);

	if (!v->live) {
		w->hindrance = d->below && !v->local ? HINDRANCE_OBSERVED : HINDRANCE_NONE;
		return;
	}
	if (hold != HOLD_NONE && (!m->temporary || hold_beats_temporary(hold))) {
		decide_hold(p, v, m, hold, now_us, d, w);
		return;
	}
	if (overload_locks(p, m, now_us, w))
		return;
	if (stays_off(p, v, m)) {
		bool off = m->seen != RELAY_CLOSED;

		if (m->wanted_for == HOLD_ARREARS && (off || m->relay_pending)) {
			w->hindrance = off ? HINDRANCE_NONE : HINDRANCE_SENT;
			return;
		}
		if (m->wanted_for != HOLD_ARREARS && off) {
			/* what kept it off is lifted; now it is the balance */
			want_open(v, m, HOLD_ARREARS, w);
			return;
		}
	}
	if (d->below && !v->local) {
		w->hindrance = arrears_hindrance(p, v, m, now_us, d);
		if (w->hindrance == HINDRANCE_NONE) {
			want_open(v, m, HOLD_ARREARS, w);
			w->hindrance = HINDRANCE_SENT;
			return;
		}
	}
	want_closed(p, v, m, now_us, d, w);
}

/* Whether there is a meter that the want of money would cut off. */
static bool
threatened(const struct account_view *v, const struct meter_view *m, int n)
{
	for (int i = 0; i < n; i++)
		if (!v->local && !m[i].spared && !m[i].temporary && m[i].wanted != RELAY_OPEN)
			return true;
	return false;
}

void
supply_decide(const struct policy *p, const struct account_view *v, const struct meter_view *m,
    int n, int64_t now_us, struct decision *out)
{
	*out = (struct decision){.below = v->balance_minor <= v->trip_minor};
	decide_levels(p, v, out);
	decide_days(p, v, out);
	/* Says more than any level, and stands for all of them. */
	if (out->below && v->live && !v->paid_open && !v->unrated && !v->final_asked &&
	    threatened(v, m, n)) {
		out->notice = NOTICE_FINAL;
		out->level_minor = v->nlevels > 0 ? v->levels[v->nlevels - 1] : v->trip_minor;
		out->urgent = true;
	}
	for (int i = 0; i < n && i < SUPPLY_METERS; i++)
		decide_meter(p, v, &m[i], now_us, out, &out->wish[i]);
}
