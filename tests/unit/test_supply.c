/* supply: who has power, from money, holds, hours and what was seen. */
#include "base/err.h"
#include "model/calendar.h"
#include "model/supply.h"

#include <check.h>
#include <stdlib.h>

#define S    INT64_C(1000000)
#define HOUR (3600 * S)
#define NOW  (INT64_C(1795158000) * S) /* Friday 2026-11-20, 15:00 in Shanghai */

static struct calendar *shanghai;

static void
setup(void)
{
	struct err e;

	shanghai = calendar_new("Asia/Shanghai", &e);
	ck_assert_msg(shanghai != NULL, "%s", e.text);
}

static void
teardown(void)
{
	calendar_free(shanghai);
}

static struct policy
daytime(void)
{
	return (struct policy){.restore_over_minor = 1,
	    .notice_us = 1800 * S,
	    .reading_age_us = 7200 * S,
	    .after_close_us = 300 * S,
	    .trip_life_us = 1800 * S,
	    .permit_after_us = 24 * HOUR,
	    .trip_from_minute = 8 * 60,
	    .trip_until_minute = 18 * 60,
	    .rearm_minor = 200,
	    .overload_retries = 3,
	    .overload_period_us = 24 * HOUR,
	    .overload_rest_us = 300 * S};
}

static struct account_view
empty_account(void)
{
	return (struct account_view){
	    .account_id = 1,
	    .live = true,
	    .zone = shanghai,
	    .balance_minor = -5,
	    .levels = {5000, 2000, 1000},
	    .nlevels = 3,
	    .warned = true,
	    .warned_level = 1000,
	    .below_us = NOW - HOUR,
	    .final_asked = true,
	    .final_sent_us = NOW - HOUR
        };
}

static struct meter_view
live_meter(void)
{
	return (struct meter_view){.meter_id = 1,
	    .wanted = RELAY_CLOSED,
	    .seen = RELAY_CLOSED,
	    .reading_us = NOW - 60 * S,
	    .closed_us = NOW - 24 * HOUR};
}

static struct meter_view
cut_off_for(enum hold h)
{
	struct meter_view m = live_meter();

	m.wanted = m.seen = RELAY_OPEN;
	m.wanted_for = h;
	m.off_us = NOW - HOUR;
	if (h != HOLD_ARREARS)
		m.holds = HOLD_BIT(h);
	return m;
}

static struct decision
decide_at(const struct policy *p, const struct account_view *v, struct meter_view m, int64_t now)
{
	struct decision d;

	supply_decide(p, v, &m, 1, now, &d);
	return d;
}

static enum relay
wanted(const struct policy *p, const struct account_view *v, struct meter_view m)
{
	return decide_at(p, v, m, NOW).wish[0].wanted;
}

/* --- want of money ------------------------------------------------------------------------ */

START_TEST(no_credit_no_power_but_only_after_due_notice)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct decision d = decide_at(&p, &v, live_meter(), NOW);

	ck_assert_int_eq(d.wish[0].wanted, RELAY_OPEN);
	ck_assert_int_eq(d.wish[0].hold, HOLD_ARREARS);
	v.final_asked = false;
	d = decide_at(&p, &v, live_meter(), NOW);
	ck_assert_int_eq(d.notice, NOTICE_FINAL);
	ck_assert_int_eq(d.wish[0].hindrance, HINDRANCE_NOTICE);
	v.final_asked = true;
	v.final_sent_us = 0; /* not delivered yet */
	ck_assert_int_eq(wanted(&p, &v, live_meter()), RELAY_UNKNOWN);
	v.final_sent_us = NOW - 60 * S;
	d = decide_at(&p, &v, live_meter(), NOW);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_int_eq(d.look_again_us, NOW + 1740 * S);
}
END_TEST

START_TEST(credit_must_have_been_gone_for_the_time_of_grace)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct decision d;

	p.grace_us = 2 * HOUR;
	d = decide_at(&p, &v, live_meter(), NOW);
	ck_assert_int_eq(d.wish[0].hindrance, HINDRANCE_GRACE);
	ck_assert_int_eq(d.look_again_us, NOW + HOUR);
	v.below_us = NOW - 2 * HOUR;
	ck_assert_int_eq(wanted(&p, &v, live_meter()), RELAY_OPEN);
}
END_TEST

START_TEST(nothing_is_cut_on_old_readings_open_money_or_missing_prices)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();

	m.reading_us = NOW - 3 * HOUR;
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].hindrance, HINDRANCE_READING);
	v.paid_open = true;
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).wish[0].hindrance, HINDRANCE_PAYMENT);
	v = empty_account();
	v.unrated = true;
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).wish[0].hindrance, HINDRANCE_UNRATED);
	v = empty_account();
	v.live = false;
	ck_assert_int_eq(
	    decide_at(&p, &v, live_meter(), NOW).wish[0].hindrance, HINDRANCE_OBSERVED);
	v = empty_account();
	m = live_meter();
	m.closed_us = NOW - 60 * S; /* five minutes after a close, and no sooner */
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).look_again_us, NOW + 240 * S);
}
END_TEST

START_TEST(an_estimate_warns_and_never_cuts_off)
{
	struct policy p = daytime();
	struct account_view v = empty_account();

	v.balance_minor = 6000;
	v.below_us = 0;
	v.warned = v.final_asked = false;
	v.estimate_minor = 5500;
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).notice, NOTICE_LOW);
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).level_minor, 1000);
	v.estimate_minor = 9000;
	ck_assert_int_eq(wanted(&p, &v, live_meter()), RELAY_UNKNOWN);
	ck_assert(!decide_at(&p, &v, live_meter(), NOW).below);
}
END_TEST

START_TEST(paying_restores_at_any_hour_with_a_cent_over)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	int64_t night = NOW + 12 * HOUR;

	v.balance_minor = 1;
	ck_assert_int_eq(
	    decide_at(&p, &v, cut_off_for(HOLD_ARREARS), night).wish[0].wanted, RELAY_CLOSED);
	v.balance_minor = 0;
	ck_assert_int_eq(
	    decide_at(&p, &v, cut_off_for(HOLD_ARREARS), night).wish[0].wanted, RELAY_UNKNOWN);
}
END_TEST

START_TEST(who_was_off_for_a_day_or_for_danger_presses_the_button)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = cut_off_for(HOLD_ARREARS);

	v.balance_minor = 1000;
	m.off_us = NOW - 25 * HOUR;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_PERMITTED);
	m = cut_off_for(HOLD_SAFETY);
	m.holds = 0;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_PERMITTED);
	m = cut_off_for(HOLD_ADMIN);
	m.holds = 0;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
	m.permit_only = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_PERMITTED);
}
END_TEST

START_TEST(what_somebody_else_switched_off_comes_back_and_what_he_switched_on_goes)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();

	v.balance_minor = 1000;
	v.below_us = 0;
	m.seen = RELAY_OPEN;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
	m.relay_pending = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_UNKNOWN);
	m = cut_off_for(HOLD_ARREARS);
	m.seen = RELAY_CLOSED; /* closed by hand */
	v = empty_account();
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_OPEN);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW + 12 * HOUR).wish[0].wanted, RELAY_UNKNOWN);
}
END_TEST

/* --- hours -------------------------------------------------------------------------------- */

START_TEST(nobody_is_cut_off_at_night_or_at_the_weekend)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	int64_t evening = NOW + 4 * HOUR; /* Friday 19:00 */
	struct meter_view m = live_meter();
	struct decision d;

	m.reading_us = evening;
	d = decide_at(&p, &v, m, evening);
	ck_assert_int_eq(d.wish[0].hindrance, HINDRANCE_HOURS);
	/* Monday 2026-11-23 08:00 */
	ck_assert_int_eq(calendar_day(shanghai, d.look_again_us), 20261123);
	ck_assert_int_eq(calendar_civil(shanghai, d.look_again_us).hour, 8);
	p.trip_rest_days = true;
	ck_assert_int_eq(
	    calendar_day(shanghai, decide_at(&p, &v, m, evening).look_again_us), 20261121);
}
END_TEST

START_TEST(gv18_friday_night_before_a_holiday_monday_is_tuesday_morning)
{
	static const struct site_day days[] = {
	    {20261123, DAY_HOLIDAY}
        };
	struct policy p = daytime();
	struct account_view v = empty_account();
	int64_t friday = NOW + 8 * HOUR; /* 23:00 */
	struct decision d;

	v.days = days;
	v.ndays = 1;
	d = decide_at(&p, &v, live_meter(), friday);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_int_eq(calendar_day(shanghai, d.look_again_us), 20261124);
	ck_assert_int_eq(calendar_civil(shanghai, d.look_again_us).hour, 8);
	/* and then it is looked at anew: paid meanwhile */
	v.balance_minor = 500;
	ck_assert_int_eq(
	    decide_at(&p, &v, live_meter(), d.look_again_us).wish[0].wanted, RELAY_UNKNOWN);
}
END_TEST

START_TEST(the_day_before_a_holiday_is_spared_and_a_make_up_day_is_not)
{
	static const struct site_day holiday[] =
	    {
		{20261124, DAY_HOLIDAY}
        },
				     makeup[] = {{20261121, DAY_MAKEUP}},
				     heat[] = {{20261120, DAY_EXTREME}};
	struct policy p = daytime();
	struct account_view v = empty_account();
	int64_t monday = NOW + 72 * HOUR, saturday = NOW + 24 * HOUR;

	v.days = holiday;
	v.ndays = 1;
	ck_assert_int_eq(calendar_day(shanghai, supply_trip_window(&p, &v, monday)), 20261125);
	v.days = makeup;
	ck_assert_int_eq(supply_trip_window(&p, &v, saturday), saturday);
	v.days = heat;
	p.trip_rest_days = true;
	ck_assert_int_eq(calendar_day(shanghai, supply_trip_window(&p, &v, NOW)), 20261121);
}
END_TEST

START_TEST(the_hours_are_the_wall_clocks_when_it_is_set)
{
	struct err e;
	struct calendar *berlin = calendar_new("Europe/Berlin", &e);
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct civil spring = {.year = 2026, .month = 3, .day = 29, .hour = 1};
	struct civil opens;

	ck_assert_ptr_nonnull(berlin);
	v.zone = berlin;
	p.trip_rest_days = true; /* it is a Sunday */
	opens =
	    calendar_civil(berlin, supply_trip_window(&p, &v, calendar_instant(berlin, &spring)));
	ck_assert_int_eq(opens.day, 29);
	ck_assert_int_eq(opens.hour, 8);
	calendar_free(berlin);
}
END_TEST

START_TEST(those_that_waited_do_not_leave_all_with_the_stroke_of_the_clock)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	int64_t night = NOW - 12 * HOUR, opens = NOW - 7 * HOUR, first = INT64_MAX, last = 0;

	p.spread_us = HOUR;
	v.final_sent_us = v.below_us = night - 2 * HOUR;
	for (int i = 1; i <= 200; i++) {
		struct meter_view m = live_meter();
		int64_t at;

		m.meter_id = i;
		at = decide_at(&p, &v, m, night).look_again_us;
		ck_assert(at >= opens && at < opens + HOUR);
		first = at < first ? at : first;
		last = at > last ? at : last;
		m.reading_us = at;
		ck_assert_int_eq(decide_at(&p, &v, m, at).wish[0].wanted, RELAY_OPEN);
	}
	ck_assert(last - first > HOUR / 2);
}
END_TEST

/* --- holds -------------------------------------------------------------------------------- */

START_TEST(gv16_paying_lifts_arrears_and_nothing_else)
{
	static const enum hold held[] = {
	    HOLD_ADMIN, HOLD_MOVE_OUT, HOLD_FRAUD, HOLD_MAINTENANCE, HOLD_SAFETY};
	struct policy p = daytime();
	struct account_view v = empty_account();

	v.balance_minor = 100000;
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		ck_assert_int_eq(wanted(&p, &v, cut_off_for(held[i])), RELAY_UNKNOWN);
}
END_TEST

START_TEST(a_hold_that_is_lifted_leaves_what_the_balance_says)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = cut_off_for(HOLD_ADMIN);
	struct decision d;

	m.holds = 0;
	d = decide_at(&p, &v, m, NOW); /* no credit: it stays off, for another reason */
	ck_assert_int_eq(d.wish[0].wanted, RELAY_OPEN);
	ck_assert_int_eq(d.wish[0].hold, HOLD_ARREARS);
	v.balance_minor = 1000;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
	/* lifted before it was carried out: nobody is cut off without notice */
	v = empty_account();
	v.final_asked = false;
	v.final_sent_us = 0;
	m.seen = RELAY_CLOSED;
	m.relay_pending = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
}
END_TEST

START_TEST(danger_does_not_wait_for_the_morning_and_an_order_of_the_office_does)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();
	int64_t night = NOW + 8 * HOUR;

	v.balance_minor = 1000;
	v.below_us = 0;
	m.holds = HOLD_BIT(HOLD_SAFETY);
	ck_assert_int_eq(decide_at(&p, &v, m, night).wish[0].wanted, RELAY_OPEN);
	m.holds = HOLD_BIT(HOLD_FRAUD);
	ck_assert_int_eq(decide_at(&p, &v, m, night).wish[0].wanted, RELAY_OPEN);
	m.holds = HOLD_BIT(HOLD_ADMIN);
	ck_assert_int_eq(decide_at(&p, &v, m, night).wish[0].wanted, RELAY_UNKNOWN);
	ck_assert(decide_at(&p, &v, m, night).look_again_us > night);
	m.at_once = m.holds;
	ck_assert_int_eq(decide_at(&p, &v, m, night).wish[0].wanted, RELAY_OPEN);
}
END_TEST

/* domain.md 5.10.6, each pair of neighbours. */
START_TEST(precedence_is_as_written)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();

	m.holds = HOLD_BIT(HOLD_SAFETY) | HOLD_BIT(HOLD_FRAUD) | HOLD_BIT(HOLD_ADMIN);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].hold, HOLD_SAFETY);
	m.temporary = true; /* stands above ADMIN and MOVE_OUT, below FRAUD */
	m.holds = HOLD_BIT(HOLD_FRAUD);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_OPEN);
	m.holds = HOLD_BIT(HOLD_MAINTENANCE);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_OPEN);
	m.holds = HOLD_BIT(HOLD_ADMIN) | HOLD_BIT(HOLD_MOVE_OUT);
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_UNKNOWN);
	m.temporary = false;
	m.spared = true; /* stands above ARREARS only */
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].hold, HOLD_MOVE_OUT);
	m.holds = 0;
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].hindrance, HINDRANCE_SPARED);
	m = cut_off_for(HOLD_ARREARS);
	m.spared = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
	m = cut_off_for(HOLD_ADMIN);
	m.temporary = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_CLOSED);
}
END_TEST

START_TEST(a_protected_customer_is_not_told_that_he_will_be_cut_off)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();

	v.final_asked = false;
	m.spared = true;
	ck_assert_int_ne(decide_at(&p, &v, m, NOW).notice, NOTICE_FINAL);
}
END_TEST

START_TEST(each_meter_of_an_account_has_its_own_wish)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m[3] = {live_meter(), live_meter(), live_meter()};
	struct decision d;

	m[0].spared = true;
	m[1].meter_id = 2;
	m[2].meter_id = 3;
	m[2].reading_us = NOW - 3 * HOUR;
	supply_decide(&p, &v, m, 3, NOW, &d);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_int_eq(d.wish[1].wanted, RELAY_OPEN);
	ck_assert_int_eq(d.wish[2].hindrance, HINDRANCE_READING);
}
END_TEST

/* --- warnings ----------------------------------------------------------------------------- */

START_TEST(one_warning_a_crossing_and_the_lowest_level_only)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct decision d;

	v.warned = v.final_asked = false;
	v.below_us = 0;
	v.balance_minor = 1500;
	d = decide_at(&p, &v, live_meter(), NOW);
	ck_assert_int_eq(d.notice, NOTICE_LOW);
	ck_assert_int_eq(d.level_minor, 2000);
	ck_assert(!d.urgent);
	v.balance_minor = 1000; /* at the level is below it */
	ck_assert(decide_at(&p, &v, live_meter(), NOW).urgent);
	v.balance_minor = 1500;
	v.warned = true;
	v.warned_level = 2000;
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).notice, NOTICE_NONE);
	v.balance_minor = 2100; /* above, but not by the margin */
	ck_assert(!decide_at(&p, &v, live_meter(), NOW).rearm);
	v.balance_minor = 2200;
	ck_assert(decide_at(&p, &v, live_meter(), NOW).rearm);
}
END_TEST

START_TEST(credit_that_lasts_only_days_is_a_warning_of_its_own)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct decision d;

	p.days_left = 3;
	v.warned = v.final_asked = false;
	v.below_us = 0;
	v.balance_minor = 6000;
	v.daily_minor = 2500;
	d = decide_at(&p, &v, live_meter(), NOW);
	ck_assert_int_eq(d.notice, NOTICE_DAYS);
	ck_assert_int_eq(d.level_minor, 2);
	v.days_warned = true;
	ck_assert_int_eq(decide_at(&p, &v, live_meter(), NOW).notice, NOTICE_NONE);
	v.balance_minor = 11000;
	ck_assert(decide_at(&p, &v, live_meter(), NOW).days_rearm);
}
END_TEST

START_TEST(a_local_meter_is_warned_about_and_switched_for_holds_only)
{
	struct policy p = daytime();
	struct account_view v = empty_account();
	struct meter_view m = live_meter();

	v.local = true;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_UNKNOWN);
	m.seen = RELAY_OPEN; /* by itself: its credit is gone */
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_UNKNOWN);
	v.warned = false;
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).notice, NOTICE_LOW);
	m = live_meter();
	m.holds = HOLD_BIT(HOLD_SAFETY);
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_OPEN);
	m = cut_off_for(HOLD_SAFETY);
	m.holds = 0;
	ck_assert_int_eq(wanted(&p, &v, m), RELAY_PERMITTED);
}
END_TEST

/* --- whatever comes ----------------------------------------------------------------------- */

/* The world after a wish has been written down and carried out. */
static void
carry_out(struct meter_view *m, const struct wish *w, int64_t now)
{
	if (w->wanted == RELAY_UNKNOWN)
		return;
	m->wanted = m->seen = w->wanted;
	m->wanted_for = w->wanted == RELAY_OPEN ? w->hold : HOLD_NONE;
	m->relay_pending = false;
	if (w->wanted == RELAY_CLOSED)
		m->closed_us = now;
	m->off_us = w->wanted == RELAY_CLOSED ? 0 : now;
}

/* --- overload ----------------------------------------------------------------------------- */

/* Off by itself since so long, the last of so many overloads a quarter of an hour apart. */
static struct meter_view
overloaded(int times, int64_t ago_us)
{
	struct meter_view m = live_meter();

	m.seen = RELAY_OPEN;
	m.off_us = NOW - ago_us;
	m.closed_us = NOW - ago_us - 60 * S;
	m.noverloads = times;
	for (int i = 0; i < times; i++)
		m.overload_us[i] = NOW - ago_us - i * 900 * S;
	return m;
}

static struct account_view
paid_account(void)
{
	struct account_view v = empty_account();

	v.balance_minor = 9000;
	v.below_us = v.final_sent_us = 0;
	v.warned = v.final_asked = false;
	return v;
}

START_TEST(after_overload_it_rests_and_is_given_power_again)
{
	struct policy p = daytime();
	struct account_view v = paid_account();
	struct decision d = decide_at(&p, &v, overloaded(1, 100 * S), NOW);

	ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_int_eq(d.look_again_us, NOW + 200 * S);
	d = decide_at(&p, &v, overloaded(1, 300 * S), NOW);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_CLOSED);
	ck_assert(!d.wish[0].lock);
	ck_assert_str_eq(d.wish[0].why, "after overload: 1 of 3 times");
	d = decide_at(&p, &v, overloaded(3, 300 * S), NOW);
	ck_assert_str_eq(d.wish[0].why, "after overload: 3 of 3 times");
}
END_TEST

START_TEST(once_more_and_it_stays_off_until_a_person_comes)
{
	struct policy p = daytime();
	struct account_view v = paid_account();
	struct meter_view m = overloaded(4, 10 * S);
	struct decision d = decide_at(&p, &v, m, NOW);

	ck_assert(d.wish[0].lock);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_str_eq(d.wish[0].why, "overload 4 times within 24 h");
	m.seen = RELAY_CLOSED; /* it tries by itself */
	ck_assert(decide_at(&p, &v, m, NOW).wish[0].lock);
	m.holds = HOLD_BIT(HOLD_SAFETY); /* the hold is there */
	d = decide_at(&p, &v, m, NOW);
	ck_assert(!d.wish[0].lock);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_OPEN);
	ck_assert_int_eq(d.wish[0].hold, HOLD_SAFETY);
	p.overload_retries = 0;
	ck_assert(decide_at(&p, &v, overloaded(1, 10 * S), NOW).wish[0].lock);
}
END_TEST

START_TEST(only_those_within_the_period_count)
{
	struct policy p = daytime();
	struct account_view v = paid_account();
	struct meter_view m = overloaded(4, 600 * S);

	m.overload_us[3] = NOW - 24 * HOUR;
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_CLOSED);
	m.overload_us[3]++;
	ck_assert(decide_at(&p, &v, m, NOW).wish[0].lock);
}
END_TEST

START_TEST(who_pays_gets_power_back_after_the_rest_and_a_local_meter_too)
{
	struct policy p = daytime();
	struct account_view v = paid_account();
	struct meter_view m = overloaded(1, 100 * S);

	m.wanted = RELAY_OPEN; /* it was cut off for money meanwhile */
	m.wanted_for = HOLD_ARREARS;
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_UNKNOWN);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW + 200 * S).wish[0].wanted, RELAY_CLOSED);
	m.closed_us = m.overload_us[0] + S; /* it was on since: the rest is over */
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_CLOSED);
	v.local = true;
	m = overloaded(1, 400 * S);
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_CLOSED);
	m.noverloads = 0; /* its credit is used up: its own affair */
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_UNKNOWN);
}
END_TEST

/* --- power-keep --------------------------------------------------------------------------- */

START_TEST(a_meter_that_keeps_power_on_is_ordered_nothing_that_it_refuses)
{
	static const enum hold others[] = {HOLD_ADMIN, HOLD_MOVE_OUT, HOLD_FRAUD, HOLD_MAINTENANCE};
	struct policy p = daytime();
	struct account_view v = paid_account();
	struct meter_view m = live_meter();
	struct decision d;

	m.kept = true;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		m.holds = m.at_once = HOLD_BIT(others[i]);
		d = decide_at(&p, &v, m, NOW);
		ck_assert_int_eq(d.wish[0].wanted, RELAY_UNKNOWN);
		ck_assert_int_eq(d.wish[0].hindrance, HINDRANCE_KEPT);
	}
	m.holds |= HOLD_BIT(HOLD_SAFETY); /* which ends the power-keep first */
	ck_assert_int_eq(decide_at(&p, &v, m, NOW).wish[0].wanted, RELAY_OPEN);
	m.holds = m.at_once = HOLD_BIT(HOLD_ADMIN);
	m.kept = false;
	d = decide_at(&p, &v, m, NOW);
	ck_assert_int_eq(d.wish[0].wanted, RELAY_OPEN);
	ck_assert_int_eq(d.wish[0].hindrance, HINDRANCE_NONE);
}
END_TEST

START_TEST(deciding_twice_is_deciding_once_and_no_hold_lets_power_on)
{
	static const enum relay states[] = {
	    RELAY_UNKNOWN, RELAY_OPEN, RELAY_PERMITTED, RELAY_CLOSED};
	struct policy p = daytime();

	srandom(645);
	for (int i = 0; i < 20000; i++) {
		struct account_view v = empty_account();
		struct meter_view m = live_meter();
		int64_t now = NOW + (random() % 96) * HOUR / 4;
		struct decision first, again;
		enum hold strongest;

		v.local = random() % 4 == 0;
		v.balance_minor = random() % 5000 - 2500;
		v.below_us = v.balance_minor <= 0 ? now - random() % HOUR : 0;
		v.paid_open = random() % 5 == 0;
		v.final_asked = random() % 2;
		v.final_sent_us = v.final_asked && random() % 2 ? now - random() % (2 * HOUR) : 0;
		m.wanted = states[1 + random() % 3];
		m.seen = states[random() % 4];
		m.wanted_for = m.wanted == RELAY_OPEN ? 1 + random() % (HOLD_COUNT - 1) : HOLD_NONE;
		m.holds = (unsigned)random() % (1 << HOLD_COUNT) &
			  ~(HOLD_BIT(HOLD_NONE) | HOLD_BIT(HOLD_ARREARS));
		m.holds = random() % 2 ? m.holds : 0;
		m.temporary = random() % 5 == 0;
		m.spared = random() % 5 == 0;
		m.kept = random() % 7 == 0;
		m.reading_us = now - random() % (4 * HOUR);
		supply_decide(&p, &v, &m, 1, now, &first);
		strongest = hold_strongest(m.holds);
		if (strongest != HOLD_NONE && (!m.temporary || hold_beats_temporary(strongest)))
			ck_assert(first.wish[0].wanted == RELAY_UNKNOWN ||
				  first.wish[0].wanted == RELAY_OPEN);
		if (first.wish[0].wanted == RELAY_OPEN && first.wish[0].hold == HOLD_ARREARS) {
			ck_assert(!m.spared && !m.temporary && !v.local);
			ck_assert(v.balance_minor < p.restore_over_minor || v.paid_open);
		}
		carry_out(&m, &first.wish[0], now);
		supply_decide(&p, &v, &m, 1, now, &again);
		ck_assert_msg(again.wish[0].wanted == RELAY_UNKNOWN, "case %d: %d then %d", i,
		    first.wish[0].wanted, again.wish[0].wanted);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("supply");
	TCase *c = tcase_create("supply");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, no_credit_no_power_but_only_after_due_notice);
	tcase_add_test(c, credit_must_have_been_gone_for_the_time_of_grace);
	tcase_add_test(c, nothing_is_cut_on_old_readings_open_money_or_missing_prices);
	tcase_add_test(c, an_estimate_warns_and_never_cuts_off);
	tcase_add_test(c, paying_restores_at_any_hour_with_a_cent_over);
	tcase_add_test(c, who_was_off_for_a_day_or_for_danger_presses_the_button);
	tcase_add_test(c, what_somebody_else_switched_off_comes_back_and_what_he_switched_on_goes);
	tcase_add_test(c, nobody_is_cut_off_at_night_or_at_the_weekend);
	tcase_add_test(c, gv18_friday_night_before_a_holiday_monday_is_tuesday_morning);
	tcase_add_test(c, the_day_before_a_holiday_is_spared_and_a_make_up_day_is_not);
	tcase_add_test(c, the_hours_are_the_wall_clocks_when_it_is_set);
	tcase_add_test(c, those_that_waited_do_not_leave_all_with_the_stroke_of_the_clock);
	tcase_add_test(c, gv16_paying_lifts_arrears_and_nothing_else);
	tcase_add_test(c, a_hold_that_is_lifted_leaves_what_the_balance_says);
	tcase_add_test(c, danger_does_not_wait_for_the_morning_and_an_order_of_the_office_does);
	tcase_add_test(c, precedence_is_as_written);
	tcase_add_test(c, a_protected_customer_is_not_told_that_he_will_be_cut_off);
	tcase_add_test(c, each_meter_of_an_account_has_its_own_wish);
	tcase_add_test(c, one_warning_a_crossing_and_the_lowest_level_only);
	tcase_add_test(c, credit_that_lasts_only_days_is_a_warning_of_its_own);
	tcase_add_test(c, a_local_meter_is_warned_about_and_switched_for_holds_only);
	tcase_add_test(c, after_overload_it_rests_and_is_given_power_again);
	tcase_add_test(c, once_more_and_it_stays_off_until_a_person_comes);
	tcase_add_test(c, only_those_within_the_period_count);
	tcase_add_test(c, who_pays_gets_power_back_after_the_rest_and_a_local_meter_too);
	tcase_add_test(c, a_meter_that_keeps_power_on_is_ordered_nothing_that_it_refuses);
	tcase_add_test(c, deciding_twice_is_deciding_once_and_no_hold_lets_power_on);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
