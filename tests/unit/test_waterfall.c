/* waterfall: what becomes of a payment, and what is asked before one is taken. */
#include "base/err.h"
#include "model/calendar.h"
#include "model/waterfall.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S     INT64_C(1000000)
#define MOST  INT64_C(9007199254740991) /* the largest payment there is */
#define USUAL "payment instalment accumulated balance emergency"

static struct waterfall_view
paid(int64_t amount_minor)
{
	struct waterfall_view v = {.amount_minor = amount_minor};
	struct err e;

	ck_assert_int_eq(waterfall_order_parse(USUAL, v.order, &e), 0);
	return v;
}

static void
owes(struct waterfall_view *v, enum waterfall_kind kind, int64_t owed_minor, int percent_bp,
    int64_t week_cap_minor, int64_t week_taken_minor)
{
	v->debts[v->ndebts] = (struct waterfall_debt){
	    .id = (int64_t)v->ndebts + 1,
	    .kind = kind,
	    .owed_minor = owed_minor,
	    .percent_bp = percent_bp,
	    .week_cap_minor = week_cap_minor,
	    .week_taken_minor = week_taken_minor,
	    .due_minor = owed_minor,
	};
	v->ndebts++;
}

/* "payment:1=2000 accumulated:2=350 balance=120", as a split reads aloud. */
static const char *
aloud(const struct waterfall_view *v)
{
	static char text[512];
	struct waterfall_line lines[WATERFALL_LINES];
	size_t n = waterfall_split(v, lines), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " " : "",
		    waterfall_kind_name(lines[i].kind));
		if (lines[i].debt_id != 0)
			at += (size_t)snprintf(
			    text + at, sizeof text - at, ":%d", (int)lines[i].debt_id);
		at += (size_t)snprintf(
		    text + at, sizeof text - at, "=%lld", (long long)lines[i].amount_minor);
	}
	return text;
}

/* --- the example, and its edges --- */

START_TEST(gv10_the_example_of_the_rules)
{
	struct waterfall_view v = paid(10000);

	owes(&v, WATERFALL_PAYMENT, 60000, 2500, 2000, 0);
	owes(&v, WATERFALL_ACCUMULATED, 350, 0, -1, 0);
	v.balance_minor = -120;
	v.emergency_minor = 500;
	ck_assert_str_eq(
	    aloud(&v), "payment:1=2000 accumulated:2=350 balance=120 emergency=500 credit=7030");
}
END_TEST

START_TEST(who_owes_nothing_gets_it_all)
{
	struct waterfall_view v = paid(10000);

	v.balance_minor = 55;
	ck_assert_str_eq(aloud(&v), "credit=10000");
}
END_TEST

START_TEST(a_percentage_rounds_down)
{
	struct waterfall_view v = paid(99);

	owes(&v, WATERFALL_PAYMENT, 1000, 3333, -1, 0); /* 32.9967 */
	ck_assert_str_eq(aloud(&v), "payment:1=32 credit=67");
	v.amount_minor = 3;
	ck_assert_str_eq(aloud(&v), "credit=3"); /* 0.9999 of a minor unit is none */
	v.amount_minor = MOST;
	v.debts[0].owed_minor = MOST;
	v.debts[0].percent_bp = 9999;
	ck_assert_str_eq(aloud(&v), "payment:1=9006298534815516 credit=900719925475");
}
END_TEST

START_TEST(a_cap_counts_what_the_week_has_taken)
{
	struct waterfall_view v = paid(10000);

	owes(&v, WATERFALL_PAYMENT, 60000, 2500, 2000, 1400);
	ck_assert_str_eq(aloud(&v), "payment:1=600 credit=9400");
	v.debts[0].week_taken_minor = 2000;
	ck_assert_str_eq(aloud(&v), "credit=10000");
	v.debts[0].week_taken_minor = 2500; /* it was lowered meanwhile */
	ck_assert_str_eq(aloud(&v), "credit=10000");
	v.debts[0].week_cap_minor = -1;
	ck_assert_str_eq(aloud(&v), "payment:1=2500 credit=7500");
}
END_TEST

START_TEST(no_debt_takes_more_than_is_owed)
{
	struct waterfall_view v = paid(10000);

	owes(&v, WATERFALL_PAYMENT, 17, 10000, -1, 0);
	owes(&v, WATERFALL_INSTALMENT, 30, 0, -1, 0);
	v.debts[1].due_minor = 12;
	ck_assert_str_eq(aloud(&v), "payment:1=17 instalment:2=12 credit=9971");
}
END_TEST

START_TEST(a_small_payment_ends_where_it_ends)
{
	struct waterfall_view v = paid(400);

	owes(&v, WATERFALL_ACCUMULATED, 350, 0, -1, 0);
	v.balance_minor = -120;
	v.emergency_minor = 500;
	ck_assert_str_eq(aloud(&v), "accumulated:1=350 balance=50");
}
END_TEST

START_TEST(shares_are_of_the_whole_payment)
{
	struct waterfall_view v = paid(10000);

	owes(&v, WATERFALL_PAYMENT, 60000, 6000, -1, 0);
	owes(&v, WATERFALL_PAYMENT, 60000, 6000, -1, 0);
	ck_assert_str_eq(aloud(&v), "payment:1=6000 payment:2=4000");
}
END_TEST

START_TEST(the_balance_is_brought_to_the_threshold_not_to_zero)
{
	struct waterfall_view v = paid(1000);

	v.threshold_minor = -300; /* an overdraft */
	v.balance_minor = -450;
	ck_assert_str_eq(aloud(&v), "balance=150 credit=850");
	v.balance_minor = -200;
	ck_assert_str_eq(aloud(&v), "credit=1000");
}
END_TEST

START_TEST(the_order_is_the_operators)
{
	struct waterfall_view v = paid(1000);
	struct err e;

	owes(&v, WATERFALL_ACCUMULATED, 800, 0, -1, 0);
	owes(&v, WATERFALL_PAYMENT, 800, 10000, -1, 0);
	v.balance_minor = -300;
	v.emergency_minor = 400;
	ck_assert_int_eq(
	    waterfall_order_parse("emergency balance payment  accumulated instalment", v.order, &e),
	    0);
	ck_assert_str_eq(aloud(&v), "emergency=400 balance=300 payment:2=300");
}
END_TEST

START_TEST(an_order_has_every_step_once)
{
	enum waterfall_kind order[WATERFALL_STEPS];
	struct err e;

	ck_assert_int_eq(waterfall_order_parse("payment balance emergency", order, &e), -1);
	ck_assert_str_eq(e.text, "the order has 3 steps of 5");
	ck_assert_int_eq(waterfall_order_parse(USUAL " payment", order, &e), -1);
	ck_assert_str_eq(e.text, "\"payment\" stands twice in the order");
	ck_assert_int_eq(waterfall_order_parse(USUAL " credit", order, &e), -1);
	ck_assert_str_eq(e.text, "\"credit\" is no step of a waterfall");
	ck_assert_int_eq(waterfall_order_parse("", order, &e), -1);
}
END_TEST

/* --- what holds for any payment --- */

static uint64_t chance_state;

static int64_t
chance(int64_t least, int64_t most)
{
	chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
	return least + (int64_t)((chance_state >> 16) % (uint64_t)(most - least + 1));
}

/* Small numbers meet each other's edges more often than large ones. */
static int64_t
money(void)
{
	static const int64_t most[] = {3, 100, 20000, MOST};

	return chance(0, most[chance(0, 3)]);
}

static struct waterfall_view
any_view(void)
{
	struct waterfall_view v = paid(money() + 1 > MOST ? MOST : money() + 1);

	for (int i = WATERFALL_STEPS - 1; i > 0; i--) {
		int k = (int)chance(0, i);
		enum waterfall_kind was = v.order[i];

		v.order[i] = v.order[k];
		v.order[k] = was;
	}
	v.balance_minor = money() - money();
	v.threshold_minor = chance(0, 2) == 0 ? -money() : 0;
	v.emergency_minor = chance(0, 1) == 0 ? money() : 0;
	for (int64_t n = chance(0, chance(0, 3) == 0 ? WATERFALL_DEBTS : 3); n > 0; n--) {
		owes(&v, (enum waterfall_kind)chance(0, 2), money() + 1, (int)chance(1, 10000),
		    chance(0, 2) == 0 ? -1 : money(), money());
		v.debts[v.ndebts - 1].due_minor = money();
	}
	return v;
}

static int
step_of(const struct waterfall_view *v, enum waterfall_kind k)
{
	int i = 0;

	while (i < WATERFALL_STEPS && v->order[i] != k)
		i++;
	return i; /* credit is behind them all */
}

static void
check_debt(const struct waterfall_view *v, const struct waterfall_line *l)
{
	const struct waterfall_debt *d = &v->debts[l->debt_id - 1];

	ck_assert_int_eq(d->kind, l->kind);
	ck_assert_int_le(l->amount_minor, d->owed_minor);
	if (d->kind == WATERFALL_INSTALMENT)
		ck_assert_int_le(l->amount_minor, d->due_minor);
	if (d->kind != WATERFALL_PAYMENT)
		return;
	if (d->week_cap_minor >= 0)
		ck_assert_int_le(l->amount_minor, d->week_cap_minor - d->week_taken_minor);
	/* rounded down: never above the exact share */
	ck_assert((__int128)l->amount_minor * 10000 <= (__int128)v->amount_minor * d->percent_bp);
}

/* What an earlier step leaves unpaid, a later one does not see. */
static void
check_earlier_first(const struct waterfall_view *v, const struct waterfall_line *lines, size_t n)
{
	int64_t before = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			int was = step_of(v, lines[i - 1].kind), is = step_of(v, lines[i].kind);

			ck_assert(
			    was < is || (was == is && lines[i - 1].debt_id < lines[i].debt_id));
		}
		if (lines[i].kind == WATERFALL_CREDIT) {
			int64_t short_of = v->threshold_minor - v->balance_minor;

			/* something is left: everybody before has had what he may */
			for (size_t k = 0; k < v->ndebts; k++)
				if (v->debts[k].kind == WATERFALL_ACCUMULATED)
					before -= v->debts[k].owed_minor;
			before -= short_of > 0 ? short_of : 0;
			before -= v->emergency_minor;
			for (size_t k = 0; k < i; k++)
				if (lines[k].kind >= WATERFALL_ACCUMULATED)
					before += lines[k].amount_minor;
			ck_assert_int_eq(before, 0);
		}
	}
}

START_TEST(whatever_is_owed_the_lines_add_up_in_order_under_the_caps)
{
	struct waterfall_line lines[WATERFALL_LINES];

	chance_state = 20261120;
	for (int round = 0; round < 50000; round++) {
		struct waterfall_view v = any_view();
		size_t n = waterfall_split(&v, lines);
		int64_t sum = 0;

		ck_assert_uint_ge(n, 1);
		ck_assert_uint_le(n, WATERFALL_LINES);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_gt(lines[i].amount_minor, 0);
			sum += lines[i].amount_minor;
			if (lines[i].debt_id != 0)
				check_debt(&v, &lines[i]);
			else
				ck_assert_int_ge(lines[i].kind, WATERFALL_BALANCE);
		}
		ck_assert_int_eq(sum, v.amount_minor);
		check_earlier_first(&v, lines, n);
	}
}
END_TEST

START_TEST(a_debt_that_is_paid_often_enough_is_paid)
{
	int64_t owed = 1000003, taken = 0;
	int payments = 0;

	while (owed > 0) {
		struct waterfall_line lines[WATERFALL_LINES];
		struct waterfall_view v = paid(9999);
		size_t n;

		owes(&v, WATERFALL_PAYMENT, owed, 1234, 1000, taken);
		n = waterfall_split(&v, lines);
		taken = n == 2 ? taken + lines[0].amount_minor : 0; /* else a new week begins */
		owed -= n == 2 ? lines[0].amount_minor : 0;
		ck_assert_int_ge(owed, 0);
		ck_assert_int_le(taken, 1000);
		payments++;
	}
	ck_assert_int_eq(
	    payments, 2001); /* 1000 of one payment, none of the next, and the last 3 */
}
END_TEST

/* --- instalments --- */

START_TEST(instalments_fall_due_by_the_calendar)
{
	struct instalment_plan p = {10000, 1000, 20261215, EVERY_MONTH};

	ck_assert_int_eq(instalment_due(&p, 10000, 20261214), 0);
	ck_assert_int_eq(instalment_due(&p, 10000, 20261215), 1000);
	ck_assert_int_eq(instalment_due(&p, 10000, 20270114), 1000);
	ck_assert_int_eq(instalment_due(&p, 10000, 20270115), 2000);
	ck_assert_int_eq(instalment_due(&p, 9000, 20270115), 1000); /* one is paid */
	ck_assert_int_eq(instalment_due(&p, 8500, 20270115), 500);
	ck_assert_int_eq(instalment_due(&p, 7000, 20270115), 0);  /* ahead of it */
	ck_assert_int_eq(instalment_due(&p, 700, 20361215), 700); /* all of the rest */
	p.every = EVERY_WEEK;
	ck_assert_int_eq(instalment_due(&p, 10000, 20261221), 1000);
	ck_assert_int_eq(instalment_due(&p, 10000, 20261222), 2000);
	p.every = EVERY_DAY;
	ck_assert_int_eq(instalment_due(&p, 10000, 20261217), 3000);
	ck_assert_int_eq(instalment_due(&p, 10000, 20990101), 10000);
}
END_TEST

START_TEST(an_instalment_of_the_31st_falls_due_on_the_last_of_a_short_month)
{
	struct instalment_plan p = {100000, 1000, 20270131, EVERY_MONTH};

	ck_assert_int_eq(instalment_due(&p, 100000, 20270227), 1000);
	ck_assert_int_eq(instalment_due(&p, 100000, 20270228), 2000);
	ck_assert_int_eq(instalment_due(&p, 100000, 20270330), 2000);
	ck_assert_int_eq(instalment_due(&p, 100000, 20270331), 3000);
	ck_assert_int_eq(instalment_due(&p, 100000, 20280228), 13000);
	ck_assert_int_eq(instalment_due(&p, 100000, 20280229), 14000);
}
END_TEST

/* --- the week --- */

START_TEST(a_week_is_the_iso_week_of_the_zone)
{
	struct err e;
	struct calendar *here = calendar_new("Asia/Shanghai", &e);
	struct calendar *there = calendar_new("America/New_York", &e);
	/* Monday 2026-11-23 00:00 in Shanghai */
	int64_t monday = calendar_day_start(here, 20261123);

	ck_assert_int_eq(calendar_week(here, monday), 202648);
	ck_assert_int_eq(calendar_week(here, monday - 1), 202647);
	ck_assert_int_eq(calendar_week(there, monday), 202647); /* Sunday there */
	/* years begin with the week that has their first Thursday */
	ck_assert_int_eq(calendar_week(here, calendar_day_start(here, 20261231)), 202653);
	ck_assert_int_eq(calendar_week(here, calendar_day_start(here, 20270103)), 202653);
	ck_assert_int_eq(calendar_week(here, calendar_day_start(here, 20270104)), 202701);
	ck_assert_int_eq(calendar_week(here, calendar_day_start(here, 20241230)), 202501);
	ck_assert_int_eq(calendar_week(here, calendar_day_start(here, 20230101)), 202252);
	ck_assert_int_eq(calendar_days_between(20240228, 20240301), 2);
	ck_assert_int_eq(calendar_days_between(20270101, 20261231), -1);
	calendar_free(here);
	calendar_free(there);
}
END_TEST

/* --- limits --- */

START_TEST(limits_look_at_the_credit_a_payment_leads_to)
{
	struct topup_limits none = {-1, -1, -1, 0}, l = {1000, 50000, 60000, 5000};
	struct waterfall_line lines[] = {
	    {WATERFALL_PAYMENT,   1, 2000 },
            {WATERFALL_BALANCE,   0, 100  },
	    {WATERFALL_EMERGENCY, 0, 900  },
            {WATERFALL_CREDIT,    0, 54900}
        };

	ck_assert_uint_eq(topup_check(&none, 1, lines, 4), 0);
	ck_assert_uint_eq(topup_check(&none, MOST, lines, 4), 0);
	ck_assert_uint_eq(topup_check(&l, 50000, lines, 4), 0); /* 5000 + 100 + 54900 */
	lines[3].amount_minor++;
	ck_assert_uint_eq(topup_check(&l, 50000, lines, 4), TOPUP_TOO_MUCH_LEFT);
	ck_assert_uint_eq(topup_check(&l, 50001, lines, 1), TOPUP_TOO_MUCH);
	ck_assert_uint_eq(topup_check(&l, 1000, lines, 0), 0);
	ck_assert_uint_eq(topup_check(&l, 999, lines, 0), TOPUP_TOO_LITTLE);
	l.credit_minor = 60001;
	ck_assert_uint_eq(topup_check(&l, 999, lines, 0), TOPUP_TOO_LITTLE | TOPUP_TOO_MUCH_LEFT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("waterfall");
	TCase *t = tcase_create("waterfall");
	SRunner *r;
	int failed;

	tcase_add_test(t, gv10_the_example_of_the_rules);
	tcase_add_test(t, who_owes_nothing_gets_it_all);
	tcase_add_test(t, a_percentage_rounds_down);
	tcase_add_test(t, a_cap_counts_what_the_week_has_taken);
	tcase_add_test(t, no_debt_takes_more_than_is_owed);
	tcase_add_test(t, a_small_payment_ends_where_it_ends);
	tcase_add_test(t, shares_are_of_the_whole_payment);
	tcase_add_test(t, the_balance_is_brought_to_the_threshold_not_to_zero);
	tcase_add_test(t, the_order_is_the_operators);
	tcase_add_test(t, an_order_has_every_step_once);
	tcase_add_test(t, whatever_is_owed_the_lines_add_up_in_order_under_the_caps);
	tcase_add_test(t, a_debt_that_is_paid_often_enough_is_paid);
	tcase_add_test(t, instalments_fall_due_by_the_calendar);
	tcase_add_test(t, an_instalment_of_the_31st_falls_due_on_the_last_of_a_short_month);
	tcase_add_test(t, a_week_is_the_iso_week_of_the_zone);
	tcase_add_test(t, limits_look_at_the_credit_a_payment_leads_to);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
