/* qualify: what is concluded from a look, an order and a look at a meter on the bench. */
#include "model/qualify.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CREDIT 100

static struct answer
look(uint32_t count, int64_t bought, int64_t credit)
{
	struct answer a = {.has_count = true, .count = count, .credit_minor = credit};

	a.record =
	    (struct purchase_record){count > 0, 1, count, CREDIT, credit - CREDIT, credit, bought};
	return a;
}

static const struct answer before1 = {.has_count = true};
static const struct answer yes = {.said = SAID_YES},
			   no = {.said = SAID_NO, .refusal = REFUSAL_OTHER},
			   repeat = {.said = SAID_REPEAT}, nothing = {.said = SAID_NOTHING};

static enum qualify_verdict
judge(enum qualify_stage s, struct answer before, struct answer said, struct answer after)
{
	char why[200];
	enum qualify_verdict v = qualify_judge(s, CREDIT, &before, &said, &after, why, sizeof why);

	ck_assert_uint_gt(strlen(why), 0);
	return v;
}

START_TEST(what_is_taken_once_is_passed_whatever_was_said)
{
	const struct answer after = look(1, CREDIT, CREDIT);

	ck_assert_int_eq(judge(QUALIFY_FIRST, before1, yes, after), QUALIFY_PASSED);
	ck_assert_int_eq(judge(QUALIFY_FIRST, before1, no, after), QUALIFY_PASSED);
	ck_assert_int_eq(judge(QUALIFY_FIRST, before1, nothing, after), QUALIFY_PASSED);
}
END_TEST

START_TEST(what_is_taken_twice_at_once_is_not_safe)
{
	ck_assert_int_eq(
	    judge(QUALIFY_FIRST, before1, yes, look(2, 2 * CREDIT, 2 * CREDIT)), QUALIFY_NONE);
	ck_assert_int_eq(
	    judge(QUALIFY_FIRST, before1, yes, look(1, 2 * CREDIT, 2 * CREDIT)), QUALIFY_NONE);
}
END_TEST

START_TEST(a_meter_that_takes_nothing_shows_nothing)
{
	const struct answer full = {.said = SAID_NO, .refusal = REFUSAL_LIMIT};

	ck_assert_int_eq(judge(QUALIFY_FIRST, before1, nothing, before1), QUALIFY_REPEAT);
	ck_assert_int_eq(judge(QUALIFY_FIRST, before1, full, before1), QUALIFY_STOP);
}
END_TEST

START_TEST(the_same_again_must_be_refused_in_so_many_words)
{
	const struct answer was = look(1, CREDIT, CREDIT);
	const struct answer password = {.said = SAID_NO, .refusal = REFUSAL_PASSWORD};

	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, repeat, was), QUALIFY_PASSED);
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, no, was), QUALIFY_PASSED);
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, nothing, was), QUALIFY_REPEAT);
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, password, was), QUALIFY_REPEAT);
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, yes, was), QUALIFY_NONE);
}
END_TEST

START_TEST(whatever_grows_by_the_same_again_is_not_safe)
{
	const struct answer was = look(1, CREDIT, CREDIT);

	ck_assert_int_eq(
	    judge(QUALIFY_AGAIN, was, no, look(2, 2 * CREDIT, 2 * CREDIT)), QUALIFY_NONE);
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, no, look(1, 2 * CREDIT, CREDIT)), QUALIFY_NONE);
	ck_assert_int_eq(judge(QUALIFY_POWER, was, no, look(1, CREDIT, 2 * CREDIT)), QUALIFY_NONE);
	ck_assert_int_eq(judge(QUALIFY_AHEAD, was, no, look(3, CREDIT, CREDIT)), QUALIFY_NONE);
}
END_TEST

START_TEST(a_load_on_the_bench_does_no_harm)
{
	const struct answer was = look(1, CREDIT, CREDIT);
	struct answer less = was;

	less.credit_minor -= 3;
	ck_assert_int_eq(judge(QUALIFY_AGAIN, was, no, less), QUALIFY_PASSED);
}
END_TEST

START_TEST(without_a_record_nothing_is_proved)
{
	const struct answer blind = {0};

	ck_assert_int_eq(judge(QUALIFY_FIRST, blind, nothing, blind), QUALIFY_NONE);
}
END_TEST

START_TEST(each_class_has_its_way)
{
	static const char *const counted[] = {"again", "ahead", "reconnect", "power", ""};
	static const char *const order[] = {
	    "again", "other", "again other", "reconnect", "power", ""};
	enum qualify_stage s = QUALIFY_FIRST;

	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
		s = qualify_next(s, true);
		ck_assert_str_eq(qualify_stage_name(s), counted[i]);
	}
	s = qualify_stage_parse("first");
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		s = qualify_next(s, false);
		ck_assert_str_eq(qualify_stage_name(s), order[i]);
	}
	ck_assert_int_eq(qualify_stage_parse("none such"), QUALIFY_STAGES);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("qualify");
	TCase *t = tcase_create("qualify");
	SRunner *r;
	int failed;

	tcase_add_test(t, what_is_taken_once_is_passed_whatever_was_said);
	tcase_add_test(t, what_is_taken_twice_at_once_is_not_safe);
	tcase_add_test(t, a_meter_that_takes_nothing_shows_nothing);
	tcase_add_test(t, the_same_again_must_be_refused_in_so_many_words);
	tcase_add_test(t, whatever_grows_by_the_same_again_is_not_safe);
	tcase_add_test(t, a_load_on_the_bench_does_no_harm);
	tcase_add_test(t, without_a_record_nothing_is_proved);
	tcase_add_test(t, each_class_has_its_way);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
