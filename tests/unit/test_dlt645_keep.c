/* dlt645: the meter's own power-keep, ordered and ended before a trip for SAFETY; whole frames. */
#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/meter_protocol.h"
#include "model/calendar.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* 2026-08-19 23:55 in Shanghai: an order for five minutes is good until midnight. */
#define NOW INT64_C(1787154900000000)

#define ASK_STATUS "68129078563412681104363833377316"
#define CLOSED     "681290785634126891063638333733335B16"
#define KEPT       "681290785634126891063638333733436B16"
#define OFF        "68129078563412689106363833378333AB16"
#define OFF_KEPT   "68129078563412689106363833378343BB16"
#define TRIP       "68129078563412681C1035333333343333334D33333333533B594D16"
#define KEEP       "68129078563412681C1035333333343333336D33333333533B596D16"
#define KEEP_END   "68129078563412681C1035333333343333336E33333333533B596E16"
#define YES        "68129078563412689C002216"
#define NO         "6812907856341268DC01349716"

struct play {
	struct calendar *zone;
	struct meter m;
	struct task task;
	struct talk t;
	enum talk_next next;
};

static struct play *
play_new(void)
{
	struct play *k = calloc(1, sizeof *k);
	struct err e;

	k->zone = calendar_new("Asia/Shanghai", &e);
	k->m = (struct meter){
	    .protocol = "dlt645",
	    .profile = "remote",
	    .address = "123456789012",
	    .zone = k->zone,
	    .key = {2, {0}},
	    .skew_known = true
        };
	k->task = (struct task){
	    .kind = TASK_RELAY, .relay = RELAY_OPEN, .valid_us = 300000000, .operator_code = 1};
	k->t = (struct talk){.meter = &k->m, .task = &k->task};
	return k;
}

static void
play_end(struct play *k)
{
	talk_clear(&k->t);
	calendar_free(k->zone);
	free(k);
}

/* The request that is out now, without its preamble. */
static void
says(struct play *k, const char *hex)
{
	struct buf frame = {0};
	struct err e;
	size_t fe = 0;

	ck_assert_int_eq(k->next, TALK_SEND);
	ck_assert_int_eq(hex_in(&frame, hex, &e), 0);
	while (fe < k->t.out.len && k->t.out.bytes[fe] == 0xfe)
		fe++;
	ck_assert_uint_eq(k->t.out.len - fe, frame.len);
	ck_assert_mem_eq(k->t.out.bytes + fe, frame.bytes, frame.len);
	buf_clear(&frame);
}

static void
hears(struct play *k, const char *hex)
{
	struct buf frame = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&frame, hex, &e), 0);
	k->next = protocol_dlt645.heard(&k->t, buf_span(&frame), NOW);
	buf_clear(&frame);
}

static void
begins(struct play *k)
{
	k->next = protocol_dlt645.begin(&k->t, NOW);
	says(k, ASK_STATUS);
}

static void
ends(struct play *k, enum err_class class)
{
	ck_assert_int_eq(k->next, TALK_DONE);
	ck_assert_msg(k->t.err.class == class, "class %d: %s", (int)k->t.err.class, k->t.err.text);
}

START_TEST(a_trip_for_safety_first_ends_the_power_keep)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, KEPT);
	says(k, KEEP_END);
	hears(k, YES);
	says(k, ASK_STATUS); /* its word is no proof */
	hears(k, CLOSED);
	says(k, TRIP);
	hears(k, YES);
	says(k, ASK_STATUS);
	hears(k, OFF);
	ends(k, ERR_NONE);
	play_end(k);
}
END_TEST

START_TEST(where_nothing_is_kept_it_trips_at_once)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, CLOSED);
	says(k, TRIP);
	play_end(k);
}
END_TEST

START_TEST(no_other_trip_touches_the_power_keep)
{
	struct play *k = play_new();

	begins(k);
	hears(k, KEPT);
	says(k, TRIP);
	hears(k, NO);
	says(k, ASK_STATUS);
	hears(k, KEPT);
	ends(k, ERR_REFUSED);
	play_end(k);
}
END_TEST

START_TEST(a_meter_that_will_not_end_it_is_not_tripped)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, KEPT);
	says(k, KEEP_END);
	hears(k, NO);
	says(k, ASK_STATUS); /* it may have obeyed all the same */
	hears(k, KEPT);
	ends(k, ERR_REFUSED);
	play_end(k);
}
END_TEST

START_TEST(a_no_that_was_a_yes_goes_on)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, KEPT);
	hears(k, NO);
	hears(k, CLOSED);
	says(k, TRIP);
	ck_assert_int_eq(k->t.answer.said, SAID_NOTHING); /* of the trip it has said nothing yet */
	ck_assert_int_eq(k->t.answer.refusal, REFUSAL_NONE);
	play_end(k);
}
END_TEST

START_TEST(a_slow_meter_is_looked_at_again_and_not_told_again)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, KEPT);
	hears(k, YES);
	for (int i = 0; i < 4; i++) {
		hears(k, KEPT);
		ck_assert_int_eq(k->next, TALK_PAUSE);
		k->next = protocol_dlt645.paused(&k->t, NOW);
		says(k, ASK_STATUS);
	}
	hears(k, KEPT);
	ends(k, ERR_UNCERTAIN);
	play_end(k);
}
END_TEST

START_TEST(silence_after_the_end_of_keep_is_not_failure)
{
	struct play *k = play_new();

	k->task.ends_keep = true;
	begins(k);
	hears(k, KEPT);
	k->next = protocol_dlt645.silent(&k->t, NOW);
	ends(k, ERR_UNCERTAIN);
	play_end(k);
}
END_TEST

START_TEST(keeping_is_ordered_and_proved_by_the_status_word)
{
	struct play *k = play_new();

	k->task.relay = RELAY_UNKNOWN;
	k->task.keep = KEEP_POWER;
	begins(k);
	hears(k, CLOSED);
	says(k, KEEP);
	hears(k, YES);
	says(k, ASK_STATUS);
	hears(k, KEPT);
	ends(k, ERR_NONE);
	play_end(k);
}
END_TEST

START_TEST(what_is_kept_already_is_not_ordered_again)
{
	struct play *k = play_new();

	k->task.relay = RELAY_UNKNOWN;
	k->task.keep = KEEP_POWER;
	begins(k);
	hears(k, KEPT);
	ends(k, ERR_NONE);
	play_end(k);
}
END_TEST

START_TEST(ending_it_is_the_same_the_other_way_round)
{
	struct play *k = play_new();

	k->task.relay = RELAY_UNKNOWN;
	k->task.keep = KEEP_NO_MORE;
	begins(k);
	hears(k, OFF_KEPT);
	says(k, KEEP_END);
	hears(k, YES);
	says(k, ASK_STATUS);
	hears(k, OFF);
	ends(k, ERR_NONE);
	play_end(k);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keep");
	TCase *t = tcase_create("keep");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_trip_for_safety_first_ends_the_power_keep);
	tcase_add_test(t, where_nothing_is_kept_it_trips_at_once);
	tcase_add_test(t, no_other_trip_touches_the_power_keep);
	tcase_add_test(t, a_meter_that_will_not_end_it_is_not_tripped);
	tcase_add_test(t, a_no_that_was_a_yes_goes_on);
	tcase_add_test(t, a_slow_meter_is_looked_at_again_and_not_told_again);
	tcase_add_test(t, silence_after_the_end_of_keep_is_not_failure);
	tcase_add_test(t, keeping_is_ordered_and_proved_by_the_status_word);
	tcase_add_test(t, what_is_kept_already_is_not_ordered_again);
	tcase_add_test(t, ending_it_is_the_same_the_other_way_round);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
