/* dlt645: wallets without a chip -- how credit goes in, and what a look finds; whole frames. */
#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_profile.h"
#include "codec/meter_protocol.h"
#include "model/calendar.h"
#include "model/delivery.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW   INT64_C(1787154900000000) /* 2026-08-19 23:55 in Shanghai */
#define ADDR  "260305510012"
#define ORDER INT64_C(1240826202124138)

struct play {
	struct calendar *zone;
	struct meter m;
	struct task task;
	struct talk t;
	enum talk_next next;
};

static struct play *
play_new(const char *profile, struct task task)
{
	struct play *k = calloc(1, sizeof *k);
	struct err e;

	k->zone = calendar_new("Asia/Shanghai", &e);
	k->m = (struct meter){
	    .protocol = "dlt645",
	    .profile = profile,
	    .address = ADDR,
	    .zone = k->zone,
	    .key = {2, {0x11, 0x11, 0x11}},
	    .skew_known = true
        };
	k->task = task;
	k->t = (struct talk){.meter = &k->m, .task = &k->task};
	k->next = protocol_dlt645.begin(&k->t, NOW);
	return k;
}

static void
play_end(struct play *k)
{
	talk_clear(&k->t);
	calendar_free(k->zone);
	free(k);
}

/* The frame around `control` and plain data in hex, as the sheet writes it. */
static void
frame_of(struct buf *out, uint8_t control, const char *plain)
{
	struct dlt645 f = {.control = control};
	struct buf data = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&data, plain, &e), 0);
	snprintf(f.address, sizeof f.address, "%s", ADDR);
	if (data.len > 0)
		memcpy(f.data, data.bytes, data.len);
	f.len = data.len;
	dlt645_build(out, &f);
	buf_clear(&data);
}

static void
says_frame(struct play *k, struct span frame)
{
	size_t fe = 0;

	ck_assert_msg(k->next == TALK_SEND, "%d: %s", (int)k->next, k->t.err.text);
	while (fe < k->t.out.len && k->t.out.bytes[fe] == 0xfe)
		fe++;
	ck_assert_uint_eq(k->t.out.len - fe, frame.len);
	ck_assert_mem_eq(k->t.out.bytes + fe, frame.bytes, frame.len);
}

static void
says(struct play *k, uint8_t control, const char *plain)
{
	struct buf frame = {0};

	frame_of(&frame, control, plain);
	says_frame(k, buf_span(&frame));
	buf_clear(&frame);
}

static void
hears(struct play *k, uint8_t control, const char *plain)
{
	struct buf frame = {0};

	frame_of(&frame, control, plain);
	k->next = protocol_dlt645.heard(&k->t, buf_span(&frame), NOW);
	buf_clear(&frame);
}

static void
ends(struct play *k, enum err_class class)
{
	ck_assert_int_eq(k->next, TALK_DONE);
	ck_assert_msg(k->t.err.class == class, "class %d: %s", (int)k->t.err.class, k->t.err.text);
}

static struct play *
sends(const char *profile, int64_t amount_minor)
{
	return play_new(profile, (struct task){.kind = TASK_CREDIT_SEND,
				     .amount_minor = amount_minor,
				     .purchase = 7,
				     .order_no = ORDER});
}

static struct play *
looks(const char *profile, uint32_t purchase)
{
	return play_new(profile, (struct task){.kind = TASK_CREDIT_LOOK, .purchase = purchase});
}

START_TEST(an_order_of_100_is_the_frame_of_the_sheet)
{
	struct play *k = sends("wallet-plain", 10000);
	struct buf sheet = {0};
	struct err e;

	/* dlt645.md 4.4, the short layout */
	ck_assert_int_eq(hex_in(&sheet,
			     "68120051050326680322323534 3A 77665544 435A3333"
			     "6B74453595B57345 33333333 453384383659 33333333 8A16",
			     &e),
	    0);
	says_frame(k, buf_span(&sheet));
	buf_clear(&sheet);
	hears(k, 0x83, "FF020107");
	ends(k, ERR_NONE);
	ck_assert_int_eq(k->t.answer.said, SAID_YES);
	play_end(k);
}
END_TEST

START_TEST(an_error_of_one_byte_is_a_no)
{
	struct play *k = sends("wallet-plain", 10000);

	hears(k, 0xc3, "01");
	ends(k, ERR_REFUSED);
	ck_assert_int_eq(k->t.answer.said, SAID_NO);
	ck_assert_int_eq(k->t.answer.refusal, REFUSAL_OTHER);
	play_end(k);
}
END_TEST

START_TEST(silence_after_an_order_proves_nothing)
{
	struct play *k = sends("wallet-plain", 10000);

	k->next = protocol_dlt645.silent(&k->t, NOW);
	ends(k, ERR_UNCERTAIN);
	play_end(k);
}
END_TEST

START_TEST(an_account_of_such_a_meter_is_not_opened)
{
	struct play *k = play_new("wallet-plain",
	    (struct task){.kind = TASK_CREDIT_SEND, .open_account = true, .purchase = 1});

	ends(k, ERR_REFUSED);
	play_end(k);
}
END_TEST

START_TEST(an_east_credit_is_a_write_with_the_password)
{
	struct play *k = sends("east", 12345);

	says(k, 0x14, "00010A00 02111111 54534145 45230100");
	hears(k, 0x94, "");
	ends(k, ERR_NONE);
	play_end(k);
}
END_TEST

START_TEST(an_east_relay_order_is_short)
{
	struct play *k = play_new(
	    "east", (struct task){.kind = TASK_RELAY, .relay = RELAY_OPEN, .valid_us = 300000000});

	hears(k, 0x91, "03050004 0000");
	/* public frame 39: PA 02, password 111111, EAST, trip */
	says(k, 0x1c, "02111111 54534145 1A");
	play_end(k);
}
END_TEST

/* Balance 5.00, overdraft nothing, then what a look does not need. */
#define SNAPSHOT                                                  \
	"FF118002 00050000 00000000 00220000 0000 000000 "        \
	"000000 000000 00000000000000000000000000 00000000000000" \
	"0000000000000000000000000000000000000000 00"

#define RECORD(count_, amount_, bought_) \
	"01FF3303 5523190826" count_ amount_ "00000000" amount_ bought_

START_TEST(the_newest_record_tells_the_count)
{
	struct play *k = looks("wallet-plain", 0);

	says(k, 0x11, "FF118002");
	hears(k, 0x91, SNAPSHOT);
	says(k, 0x11, "01FF3303");
	hears(k, 0x91, RECORD("0700", "00000100", "00000700"));
	ends(k, ERR_NONE);
	ck_assert(k->t.answer.has_count && k->t.answer.record.found);
	ck_assert_uint_eq(k->t.answer.count, 7);
	ck_assert_int_eq(k->t.answer.credit_minor, 500);
	ck_assert_int_eq(k->t.answer.record.amount_minor, 10000);
	ck_assert_int_eq(k->t.answer.record.bought_minor, 70000);
	play_end(k);
}
END_TEST

START_TEST(an_older_purchase_is_looked_for_where_it_must_be)
{
	struct play *k = looks("wallet-plain", 5);

	hears(k, 0x91, SNAPSHOT);
	hears(k, 0x91, RECORD("0700", "00000100", "00000700"));
	says(k, 0x11, "03FF3303");
	hears(k, 0x91, "03FF3303 5523190826 0500 00000200 00000000 00000200 00000500");
	ends(k, ERR_NONE);
	ck_assert_uint_eq(k->t.answer.count, 7);
	ck_assert_int_eq(k->t.answer.record.amount_minor, 20000);
	play_end(k);
}
END_TEST

START_TEST(a_count_goes_on_behind_9999)
{
	struct play *k = looks("wallet-plain", 10001);

	hears(k, 0x91, SNAPSHOT);
	hears(k, 0x91, RECORD("0000", "00000100", "00000700"));
	ends(k, ERR_NONE);
	ck_assert_uint_eq(k->t.answer.count, 10000); /* not yet in */
	play_end(k);
	k = looks("wallet-plain", 9999);
	hears(k, 0x91, SNAPSHOT);
	hears(k, 0x91, RECORD("0100", "00000100", "00000700"));
	ck_assert_uint_eq(k->t.answer.count, 10001);
	play_end(k);
}
END_TEST

START_TEST(filler_is_a_count_of_nothing)
{
	struct play *k = looks("wallet-plain", 1);

	hears(k, 0x91, SNAPSHOT);
	hears(k, 0x91, "01FF3303 FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
	ends(k, ERR_NONE);
	ck_assert(k->t.answer.has_count && !k->t.answer.record.found);
	ck_assert_uint_eq(k->t.answer.count, 0);
	play_end(k);
}
END_TEST

START_TEST(a_meter_without_the_record_has_no_count)
{
	struct play *k = looks("wallet-plain", 0);
	struct delivery d = {.purchase = 1, .amount_minor = 100};
	char why[160];

	hears(k, 0x91, SNAPSHOT);
	hears(k, 0xd1, "02");
	ends(k, ERR_NONE);
	ck_assert(!k->t.answer.has_count);
	ck_assert_int_eq(
	    delivery_judge(&d, &k->t.answer, 0, NOW, why, sizeof why), VERDICT_LOOK_AGAIN);
	play_end(k);
}
END_TEST

START_TEST(an_overdraft_is_less_than_nothing)
{
	struct play *k = play_new(
	    "wallet-plain", (struct task){.kind = TASK_READ, .regs = {REG_CREDIT}, .nregs = 1});

	says(k, 0x11, "FF118002");
	hears(k, 0x91, "FF118002 00000000 50020000");
	ends(k, ERR_NONE);
	ck_assert_int_eq(k->t.answer.n, 1);
	ck_assert_int_eq(k->t.answer.readings[0].value, -250);
	play_end(k);
}
END_TEST

START_TEST(a_snapshot_nobody_asked_for_is_two_readings)
{
	/* public frame 4: 0.00, and 11.15 kWh */
	static const char hex[] =
	    "681600511906256891453244B33533333333333333334B5733333333853B33333333333333BC4A33BC4A"
	    "33333333333333B33BB33B3333333348443333484433333333333333333333333333333333D416";
	struct meter_event ev[REG_COUNT];
	struct buf frame = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&frame, hex, &e), 0);
	ck_assert_int_eq(protocol_dlt645.overheard(buf_span(&frame), NOW, ev, REG_COUNT), 2);
	ck_assert_int_eq(ev[0].reading.reg, REG_CREDIT);
	ck_assert_int_eq(ev[0].reading.value, 0);
	ck_assert_int_eq(ev[1].reading.reg, REG_TOTAL_WH);
	ck_assert_int_eq(ev[1].reading.value, 11150);
	buf_clear(&frame);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wallet");
	TCase *t = tcase_create("wallet");
	SRunner *r;
	int failed;

	tcase_add_test(t, an_order_of_100_is_the_frame_of_the_sheet);
	tcase_add_test(t, an_error_of_one_byte_is_a_no);
	tcase_add_test(t, silence_after_an_order_proves_nothing);
	tcase_add_test(t, an_account_of_such_a_meter_is_not_opened);
	tcase_add_test(t, an_east_credit_is_a_write_with_the_password);
	tcase_add_test(t, an_east_relay_order_is_short);
	tcase_add_test(t, the_newest_record_tells_the_count);
	tcase_add_test(t, an_older_purchase_is_looked_for_where_it_must_be);
	tcase_add_test(t, a_count_goes_on_behind_9999);
	tcase_add_test(t, filler_is_a_count_of_nothing);
	tcase_add_test(t, a_meter_without_the_record_has_no_count);
	tcase_add_test(t, an_overdraft_is_less_than_nothing);
	tcase_add_test(t, a_snapshot_nobody_asked_for_is_two_readings);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
