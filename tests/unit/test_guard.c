/* How often a token may be wrong: nobody is kept out who has a good one. */
#include "base/loop.h"
#include "service/api_guard.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define START (INT64_C(1800000000) * SECOND_US)
#define HERE  "192.0.2.7"

static struct loop *loop;
static struct api_guard *guard;
static int64_t now_us;

static void
later(int64_t us)
{
	now_us += us;
	loop_virtual_run(loop, now_us, NULL, NULL);
}

static void
setup(void)
{
	now_us = START;
	loop = loop_virtual_new(START, 1);
	guard = guard_new(loop);
}

static void
teardown(void)
{
	guard_free(guard);
	loop_free(loop);
}

static void
from_number(char from[TOKEN_FROM], int n)
{
	snprintf(from, TOKEN_FROM, "token:%064d", n);
}

/* So many wrong ones, each another; how many of them were asked for. */
static int
wrong(const char *peer, int n)
{
	char from[TOKEN_FROM];
	int asked = 0;

	for (int i = 0; i < n; i++) {
		from_number(from, i);
		if (!guard_admits(guard, peer, from))
			continue;
		asked++;
		guard_told(guard, peer, from, GUARD_WRONG);
	}
	return asked;
}

START_TEST(ten_wrong_ones_and_then_one_in_six_seconds)
{
	ck_assert_int_eq(wrong(HERE, 40), 10);
	later(5 * SECOND_US);
	ck_assert_int_eq(wrong(HERE, 5), 0);
	later(SECOND_US);
	ck_assert_int_eq(wrong(HERE, 5), 1);
	later(HOUR_US);
	ck_assert_int_eq(wrong(HERE, 40), 10);
}
END_TEST

START_TEST(many_at_once_find_no_more_room)
{
	char from[TOKEN_FROM];
	int asked = 0;

	for (int i = 0; i < 40; i++) { /* nobody has been answered yet */
		from_number(from, i);
		asked += guard_admits(guard, HERE, from);
	}
	ck_assert_int_eq(asked, 10);
}
END_TEST

START_TEST(who_was_good_is_asked_for_all_the_same)
{
	char mine[TOKEN_FROM];

	from_number(mine, 1000);
	ck_assert(guard_admits(guard, HERE, mine));
	guard_told(guard, HERE, mine, GUARD_GOOD);
	ck_assert_int_eq(wrong(HERE, 40), 10);
	for (int i = 0; i < 100; i++) {
		ck_assert(guard_admits(guard, HERE, mine));
		guard_told(guard, HERE, mine, GUARD_GOOD);
	}
	ck_assert_int_eq(wrong(HERE, 5), 0);
	ck_assert(guard_admits(guard, HERE, mine));
	guard_told(guard, HERE, mine, GUARD_WRONG); /* revoked meanwhile */
	ck_assert(!guard_admits(guard, HERE, mine));
}
END_TEST

START_TEST(a_database_that_is_away_is_no_proof_of_anything)
{
	char mine[TOKEN_FROM];

	from_number(mine, 1000);
	for (int i = 0; i < 40; i++) {
		ck_assert(guard_admits(guard, HERE, mine));
		guard_told(guard, HERE, mine, GUARD_UNKNOWN);
	}
	ck_assert_int_eq(wrong(HERE, 40), 10);
	ck_assert(!guard_admits(guard, HERE, mine));
}
END_TEST

START_TEST(a_whole_network_of_ipv6_is_one_address)
{
	ck_assert_int_eq(wrong("2001:db8:1:2::1", 8) + wrong("2001:db8:1:2:ffff::9", 8), 10);
	ck_assert_int_eq(wrong("2001:db8:1:3::1", 1), 1);
}
END_TEST

START_TEST(no_token_at_all_is_never_a_good_one)
{
	ck_assert_int_eq(wrong(HERE, 10), 10);
	ck_assert(!guard_admits(guard, HERE, ""));
}
END_TEST

START_TEST(a_token_is_chance_and_its_hash_says_nothing_of_it)
{
	char one[TOKEN_TEXT], other[TOKEN_TEXT], from[TOKEN_FROM], second[TOKEN_FROM];

	token_make(one, from);
	token_make(other, second);
	ck_assert_uint_eq(strlen(one), TOKEN_TEXT - 1);
	ck_assert_uint_eq(strlen(from), TOKEN_FROM - 1);
	ck_assert_str_ne(one, other);
	ck_assert_str_ne(from, second);
	ck_assert_ptr_null(strstr(from, one + strlen("pgt_")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guard");
	TCase *c = tcase_create("guard");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, ten_wrong_ones_and_then_one_in_six_seconds);
	tcase_add_test(c, many_at_once_find_no_more_room);
	tcase_add_test(c, who_was_good_is_asked_for_all_the_same);
	tcase_add_test(c, a_database_that_is_away_is_no_proof_of_anything);
	tcase_add_test(c, a_whole_network_of_ipv6_is_one_address);
	tcase_add_test(c, no_token_at_all_is_never_a_good_one);
	tcase_add_test(c, a_token_is_chance_and_its_hash_says_nothing_of_it);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
