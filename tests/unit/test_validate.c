/* validate: which readings may be billed (domain.md 5.5, GV7). */
#include "model/validate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600000000)
#define NOON (INT64_C(1750000000) * 1000000)

static const struct validate_meter meter = {
    .wraps_wh = 1000000000, /* 1 000 000 kWh */
    .unit_wh = 10,
    .most_watts = 10000,
    .multiplier = 1,
    .late_us = 5 * 60 * INT64_C(1000000),
};

static struct registers
total(int64_t at_us, int64_t wh)
{
	return (struct registers){
	    at_us, {wh, NO_WH, NO_WH, NO_WH, NO_WH}
        };
}

static struct validation
judge(struct registers before, struct registers now)
{
	return validate_reading(&meter, &before, &now, AS_IT_IS, now.at_us);
}

START_TEST(gv7_a_register_rolls_over)
{
	/* 999999.99 -> 000003.20 */
	struct validation v = judge(total(NOON, 999999990), total(NOON + HOUR, 3200));

	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert_int_eq(v.delta_wh[0], 3210);
	ck_assert(v.rolled_over);
}
END_TEST

START_TEST(no_rollover_when_it_was_not_near_its_end_or_is_too_far_beyond)
{
	struct validation v = judge(total(NOON, 500000000), total(NOON + HOUR, 3200));

	ck_assert_int_eq(v.is, READING_HELD);
	ck_assert_ptr_nonnull(strstr(v.why, "went back"));
	v = judge(total(NOON, 999999990), total(NOON + HOUR, 90000));
	ck_assert_int_eq(v.is, READING_HELD);
	ck_assert_ptr_nonnull(strstr(v.why, "jumped"));
}
END_TEST

START_TEST(what_no_wire_could_carry_is_held)
{
	/* 10 kW for an hour, a fifth and a kWh to spare */
	ck_assert_int_eq(judge(total(NOON, 0), total(NOON + HOUR, 13000)).is, READING_GOOD);
	ck_assert_int_eq(judge(total(NOON, 0), total(NOON + HOUR, 13020)).is, READING_HELD);
}
END_TEST

START_TEST(plausibility_is_judged_behind_the_transformers)
{
	struct validate_meter ct = meter;
	struct registers a = total(NOON, 0), b = total(NOON + HOUR, 325),
			 c = total(NOON + HOUR, 340);

	ct.multiplier = 40; /* 13 kWh are 325 Wh of its register */
	ck_assert_int_eq(validate_reading(&ct, &a, &b, AS_IT_IS, b.at_us).is, READING_GOOD);
	ck_assert_int_eq(validate_reading(&ct, &a, &c, AS_IT_IS, c.at_us).is, READING_HELD);
}
END_TEST

START_TEST(the_same_moment_and_an_older_one_are_told_apart)
{
	ck_assert_int_eq(judge(total(NOON, 100), total(NOON, 100)).is, READING_SAME);
	ck_assert_int_eq(judge(total(NOON, 100), total(NOON - HOUR, 90)).is, READING_OLDER);
}
END_TEST

START_TEST(a_time_to_come_and_a_value_out_of_range_are_held)
{
	struct registers a = total(NOON, 100), b = total(NOON + HOUR, 110);
	struct validation v = validate_reading(&meter, &a, &b, AS_IT_IS, NOON);

	ck_assert_int_eq(v.is, READING_HELD);
	ck_assert_ptr_nonnull(strstr(v.why, "3600 s in the future"));
	b = total(NOON, -5);
	ck_assert_int_eq(validate_reading(&meter, NULL, &b, AS_IT_IS, NOON).is, READING_HELD);
	b = total(NOON, 1000000000);
	ck_assert_int_eq(validate_reading(&meter, NULL, &b, AS_IT_IS, NOON).is, READING_HELD);
	b = total(NOON, 999999990);
	ck_assert_int_eq(validate_reading(&meter, NULL, &b, AS_IT_IS, NOON).is, READING_GOOD);
}
END_TEST

START_TEST(bands_may_differ_from_the_total_by_a_unit_each)
{
	struct registers a = {
	    NOON, {1000, 100, 200, 300, 400}
        };
	struct registers b = {
	    NOON + HOUR, {2000, 100, 700, 300, 860}
        }; /* 960 of 1000 */
	struct validation v = judge(a, b);

	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(v.banded);
	ck_assert_int_eq(v.delta_wh[4], 460);
	b.wh[4] -= 10;
	v = judge(a, b);
	ck_assert_int_eq(v.is, READING_HELD);
	ck_assert_ptr_nonnull(strstr(v.why, "bands moved by 950 Wh, the total by 1000"));
}
END_TEST

START_TEST(a_band_alone_may_roll_over)
{
	struct registers a = {
	    NOON, {500000, 100, 999999000, 300, 400}
        };
	struct registers b = {
	    NOON + HOUR, {502000, 100, 1000, 300, 400}
        };
	struct validation v = judge(a, b);

	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert_int_eq(v.delta_wh[2], 2000);
}
END_TEST

START_TEST(where_one_has_no_bands_the_total_is_all_there_is)
{
	struct registers a = {
	    NOON, {1000, 100, 200, 300, 400}
        };
	struct validation v = judge(a, total(NOON + HOUR, 1500));

	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(!v.banded);
	ck_assert_int_eq(v.delta_wh[0], 500);
	ck_assert_int_eq(v.delta_wh[1], NO_WH);
}
END_TEST

START_TEST(a_person_may_say_what_it_is)
{
	struct registers a = total(NOON, 100), b = total(NOON + HOUR, 900000),
			 c = total(NOON + HOUR, 40);
	struct validation v = validate_reading(&meter, &a, &b, AS_USED, b.at_us);

	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert_int_eq(v.delta_wh[0], 899900);
	ck_assert_int_eq(validate_reading(&meter, &a, &c, AS_USED, c.at_us).is, READING_HELD);
	v = validate_reading(&meter, &a, &c, AS_ROLLED_OVER, c.at_us);
	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert_int_eq(v.delta_wh[0], 999999940);
}
END_TEST

START_TEST(bands_that_cannot_be_do_not_hold_what_a_person_accepts)
{
	struct registers a = {
	    NOON, {1000000, 250000, 250000, 250000, 250000}
        };
	struct registers b = {
	    NOON + HOUR, {1010000, 258000, 250000, 250000, 250000}
        };
	struct registers c = {
	    NOON + HOUR, {1010000, 10000, 250000, 250000, 250000}
        };
	struct registers d = {
	    NOON + 2 * HOUR, {1015000, 258000, 255000, 250000, 250000}
        };
	struct validation v = judge(a, b);

	ck_assert_int_eq(v.is, READING_HELD);
	v = validate_reading(&meter, &a, &b, AS_USED, b.at_us);
	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(!v.banded);
	ck_assert_int_eq(v.delta_wh[0], 10000);
	ck_assert_int_eq(v.delta_wh[1], NO_WH);
	v = validate_reading(&meter, &a, &c, AS_USED, c.at_us); /* one band went back */
	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(!v.banded && !v.rolled_over);
	v = judge(b, d);
	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(v.banded); /* from what was accepted on they fit again */
	b.wh[1] = 260000;
	b.wh[0] = 1900000;
	b.wh[4] = 1140000;
	v = validate_reading(&meter, &a, &b, AS_USED, b.at_us);
	ck_assert_int_eq(v.is, READING_GOOD);
	ck_assert(v.banded); /* a spike whose bands are the total keeps them */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("validate");
	TCase *t = tcase_create("readings");
	SRunner *r;
	int failed;

	tcase_add_test(t, gv7_a_register_rolls_over);
	tcase_add_test(t, no_rollover_when_it_was_not_near_its_end_or_is_too_far_beyond);
	tcase_add_test(t, what_no_wire_could_carry_is_held);
	tcase_add_test(t, plausibility_is_judged_behind_the_transformers);
	tcase_add_test(t, the_same_moment_and_an_older_one_are_told_apart);
	tcase_add_test(t, a_time_to_come_and_a_value_out_of_range_are_held);
	tcase_add_test(t, bands_may_differ_from_the_total_by_a_unit_each);
	tcase_add_test(t, a_band_alone_may_roll_over);
	tcase_add_test(t, where_one_has_no_bands_the_total_is_all_there_is);
	tcase_add_test(t, a_person_may_say_what_it_is);
	tcase_add_test(t, bands_that_cannot_be_do_not_hold_what_a_person_accepts);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
