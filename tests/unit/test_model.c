/* model: the rules as plain arithmetic. */
#include "base/err.h"
#include "model/calendar.h"
#include "model/command.h"
#include "model/delivery.h"
#include "model/meter.h"
#include "model/task.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define S   INT64_C(1000000)
#define NOW (INT64_C(1795158000) * S) /* Friday 2026-11-20, 15:00 in Shanghai */

static struct calendar *
zone(const char *name)
{
	struct err e;
	struct calendar *c = calendar_new(name, &e);

	ck_assert_msg(c != NULL, "%s", e.text);
	return c;
}

/* --- calendar --- */

START_TEST(a_day_in_shanghai_begins_at_four_in_the_afternoon_utc)
{
	struct calendar *c = zone("Asia/Shanghai");
	int64_t noon = INT64_C(1795147200) * S; /* 2026-11-20 04:00:00 UTC, noon there */

	ck_assert_int_eq(calendar_day(c, noon), 20261120);
	ck_assert_int_eq(calendar_midnight_before(c, noon), noon - 12 * 3600 * S);
	ck_assert_int_eq(calendar_midnight_after(c, noon), noon + 12 * 3600 * S);
	ck_assert_int_eq(calendar_day_start(c, 20261120), noon - 12 * 3600 * S);
	calendar_free(c);
}
END_TEST

START_TEST(a_day_of_the_clock_change_has_23_or_25_hours)
{
	struct calendar *c = zone("Europe/Berlin");
	int64_t spring = calendar_day_start(c, 20260329), autumn = calendar_day_start(c, 20261025);

	ck_assert_int_eq(calendar_midnight_after(c, spring) - spring, 23 * 3600 * S);
	ck_assert_int_eq(calendar_midnight_after(c, autumn) - autumn, 25 * 3600 * S);
	calendar_free(c);
}
END_TEST

START_TEST(an_hour_that_does_not_exist_is_read_an_hour_later)
{
	struct calendar *c = zone("Europe/Berlin");
	struct civil gap = {.year = 2026, .month = 3, .day = 29, .hour = 2, .minute = 30};
	struct civil twice = {.year = 2026, .month = 10, .day = 25, .hour = 2, .minute = 30};
	struct civil got = calendar_civil(c, calendar_instant(c, &gap));

	ck_assert_int_eq(got.hour, 3);
	ck_assert_int_eq(got.minute, 30);
	/* the first of the two: summer time, 00:30 UTC */
	ck_assert_int_eq(calendar_instant(c, &twice) / S % 86400, 30 * 60);
	calendar_free(c);
}
END_TEST

START_TEST(days_add_over_months_and_leap_years)
{
	struct civil feb29 = {.year = 2027, .month = 2, .day = 29};
	struct err e;

	ck_assert_int_eq(calendar_day_add(20261231, 1), 20270101);
	ck_assert_int_eq(calendar_day_add(20280301, -1), 20280229);
	ck_assert(!calendar_valid(&feb29));
	ck_assert_ptr_null(calendar_new("Mars/Olympus", &e));
	ck_assert_ptr_null(calendar_new("../../etc/passwd", &e));
}
END_TEST

/* --- registers --- */

START_TEST(gv7_a_register_wraps_only_near_its_end_and_plausibly)
{
	int64_t d;
	struct err e;

	/* GV7: 999999.99 -> 000003.20 kWh */
	ck_assert_int_eq(register_delta(999999990, 3200, 1000000000, 100000, &d, &e), 0);
	ck_assert_int_eq(d, 3210);
	ck_assert_int_eq(register_delta(500000000, 3200, 1000000000, 100000, &d, &e), -1);
	ck_assert_int_eq(register_delta(1000, 900, 1000000000, 100000, &d, &e), -1);
	ck_assert_int_eq(register_delta(1000, 900000, 1000000000, 100000, &d, &e), -1);
}
END_TEST

START_TEST(status_word_three_is_read_by_the_truth_table)
{
	ck_assert_int_eq(meter_status_relay(0x0000), RELAY_CLOSED);
	ck_assert_int_eq(meter_status_relay(0x0050), RELAY_OPEN);
	ck_assert_int_eq(meter_status_relay(0x0010), RELAY_PERMITTED);
	ck_assert_int_eq(meter_status_relay(0x0040), RELAY_CLOSED);
	ck_assert(meter_status_trip_pending(0x0040));
}
END_TEST

/* --- commands --- */

START_TEST(silence_is_not_failure)
{
	enum command_state s = COMMAND_SENT;
	struct err e;

	ck_assert_int_eq(command_step(&s, COMMAND_UNANSWERED, &e), 0);
	ck_assert_str_eq(command_state_name(s), "unsure");
}
END_TEST

START_TEST(what_is_done_has_no_way_out)
{
	struct err e;

	for (int from = COMMAND_DONE; from <= COMMAND_CANCELLED; from++)
		for (int on = COMMAND_DISPATCHED; on <= COMMAND_WITHDRAWN; on++) {
			enum command_state s = (enum command_state)from;

			ck_assert_int_eq(command_step(&s, (enum command_event)on, &e), -1);
			ck_assert_int_eq(s, from);
		}
}
END_TEST

START_TEST(nothing_that_was_sent_is_withdrawn_or_expires)
{
	enum command_state s = COMMAND_SENT;
	struct err e;

	ck_assert_int_eq(command_step(&s, COMMAND_WITHDRAWN, &e), -1);
	ck_assert_int_eq(command_step(&s, COMMAND_TOO_LATE, &e), -1);
}
END_TEST

START_TEST(waiting_grows_to_ten_minutes_and_no_more)
{
	ck_assert_int_eq(command_backoff_us(1, 0), 1 * S);
	ck_assert_int_eq(command_backoff_us(4, 0), 8 * S);
	ck_assert_int_eq(command_backoff_us(60, 0), 600 * S);
	ck_assert_int_lt(command_backoff_us(60, 255), 750 * S);
}
END_TEST

/* --- deliveries: what a read-back means --- */

static struct answer
meter_shows(
    uint32_t count, bool found, int64_t amount, int64_t before, int64_t after, int64_t bought)
{
	return (struct answer){
	    .has_count = true,
	    .count = count,
	    .record = {found, NOW - 60 * S, count, amount, before, after, bought}
        };
}

START_TEST(gv12_our_count_and_amount_in_the_record_is_proof)
{
	const struct delivery d = {
	    .id = 1, .amount_minor = 10000, .purchase = 7, .base_bought = 500};
	struct answer a = meter_shows(7, true, 10000, 20, 10020, 10500);
	char why[160];

	ck_assert_int_eq(delivery_judge(&d, &a, 0, NOW, why, sizeof why), VERDICT_APPLIED);
}
END_TEST

START_TEST(a_record_of_another_time_is_not_ours)
{
	const struct delivery d = {
	    .amount_minor = 100, .purchase = 7, .planned_us = NOW - 7200 * S};
	struct answer a = meter_shows(7, true, 100, 0, 100, 100);
	char why[160];

	ck_assert_int_eq(delivery_judge(&d, &a, 0, NOW, why, sizeof why), VERDICT_APPLIED);
	a.record.at_us = NOW - 4 * 3600 * S; /* before the count was reserved */
	ck_assert_int_eq(delivery_judge(&d, &a, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
	/* but a clock three hours slow says just that of a purchase an hour ago */
	ck_assert_int_eq(
	    delivery_judge(&d, &a, -3 * 3600 * S, NOW, why, sizeof why), VERDICT_APPLIED);
	a.record.at_us = NOW + 2 * 3600 * S;
	ck_assert_int_eq(delivery_judge(&d, &a, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
}
END_TEST

START_TEST(gv13_one_less_means_send_the_same_count_again)
{
	const struct delivery d = {.id = 1, .amount_minor = 10000, .purchase = 7};
	struct answer a = meter_shows(6, false, 0, 0, 0, 0);
	char why[160];

	ck_assert_int_eq(delivery_judge(&d, &a, 0, NOW, why, sizeof why), VERDICT_ABSENT);
}
END_TEST

START_TEST(a_count_burnt_by_somebody_else_goes_to_people)
{
	const struct delivery d = {.id = 1, .amount_minor = 10000, .purchase = 7};
	struct answer other = meter_shows(7, true, 3000, 0, 3000, 3000);
	struct answer cleared = meter_shows(2, false, 0, 0, 0, 0);
	struct answer forgotten = meter_shows(40, false, 0, 0, 0, 0);
	struct answer odd = meter_shows(7, true, 10000, 0, 9000, 10000);
	struct answer less = meter_shows(7, true, 10000, 0, 10000, 9000);
	struct answer nothing = {0};
	char why[160];

	ck_assert_int_eq(delivery_judge(&d, &other, 0, NOW, why, sizeof why), VERDICT_BURNT);
	ck_assert_int_eq(
	    delivery_judge(&d, &cleared, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
	ck_assert_int_eq(
	    delivery_judge(&d, &forgotten, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
	ck_assert_int_eq(delivery_judge(&d, &odd, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
	ck_assert_int_eq(delivery_judge(&d, &less, 0, NOW, why, sizeof why), VERDICT_CONTRADICTORY);
	ck_assert_int_eq(delivery_judge(&d, &nothing, 0, NOW, why, sizeof why), VERDICT_LOOK_AGAIN);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("model");
	TCase *c = tcase_create("model");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, a_day_in_shanghai_begins_at_four_in_the_afternoon_utc);
	tcase_add_test(c, a_day_of_the_clock_change_has_23_or_25_hours);
	tcase_add_test(c, an_hour_that_does_not_exist_is_read_an_hour_later);
	tcase_add_test(c, days_add_over_months_and_leap_years);
	tcase_add_test(c, gv7_a_register_wraps_only_near_its_end_and_plausibly);
	tcase_add_test(c, status_word_three_is_read_by_the_truth_table);
	tcase_add_test(c, silence_is_not_failure);
	tcase_add_test(c, what_is_done_has_no_way_out);
	tcase_add_test(c, nothing_that_was_sent_is_withdrawn_or_expires);
	tcase_add_test(c, waiting_grows_to_ten_minutes_and_no_more);
	tcase_add_test(c, gv12_our_count_and_amount_in_the_record_is_proof);
	tcase_add_test(c, a_record_of_another_time_is_not_ours);
	tcase_add_test(c, gv13_one_less_means_send_the_same_count_again);
	tcase_add_test(c, a_count_burnt_by_somebody_else_goes_to_people);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
