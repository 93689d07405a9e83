/* vmeter: what is wrong with it, frames written as in dlt645.md, section in brackets. */
#include "vmeter_talk.h"

/* Reads [2.6, 2.7, 2.9] as plain DATA: the identifier, low byte first. */
#define READ_STATUS  "FF 05 00 04"
#define READ_REPORT  "01 15 00 04"
#define RESET_REPORT "03 15 00 04"
#define READ_LOSSES  "00 00 01 03"
#define READ_LOSS    "01 01 01 10"
#define READ_LOSS_WH "01 02 01 10"
#define READ_COVERS  "00 0D 30 03"
#define READ_MAGNETS "00 00 35 03"
#define READ_NEUTRAL "01 00 80 02"
#define READ_CURRENT "00 01 02 02"

static void
tamper(struct talk *t, const char *what, bool begins)
{
	struct err e;

	ck_assert_int_eq(vmeter_tamper(t->v, t->now_us, what, begins, &e), 0);
}

START_TEST(status_words_show_what_lasts)
{
	struct talk *t = talk_new("watts=1000");

	vmeter_begin(t->v, t->now_us);
	tamper(t, "reverse", true);
	tamper(t, "voltage", true);
	tamper(t, "phases", true);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_STATUS),
	    tight("91 FF050004 1000 0000 0000 0100 0000 0000 0100"));
	tamper(t, "reverse", false);
	tamper(t, "voltage", false);
	tamper(t, "phases", false);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_STATUS),
	    tight("91 FF050004 0000 0000 0000 0000 0000 0000 0000"));
	ck_assert_int_eq(vmeter_tamper(t->v, t->now_us, "smoke", true, &(struct err){0}), -1);
	talk_free(t);
}
END_TEST

START_TEST(what_began_is_counted_with_its_time_and_register)
{
	struct talk *t = talk_new("watts=1000 energy_wh=1000");

	vmeter_begin(t->v, t->now_us);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LOSS), tight("91 01010110 FFFFFFFFFFFF"));
	tamper(t, "voltage", true);
	tamper(t, "voltage", true); /* it has begun already */
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LOSSES),
	    tight("91 00000103 010000 000000 000000 000000 000000 000000"));
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LOSS), tight("91 01010110 453010190826"));
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LOSS_WH), tight("91 01020110 00010000"));
	talk_free(t);
}
END_TEST

START_TEST(a_report_is_repeated_until_it_is_reset)
{
	struct talk *t = talk_new("watts=1000 password=000000");
	struct buf said = {0};

	vmeter_begin(t->v, t->now_us);
	vmeter_report(t->v, t->now_us, &said);
	ck_assert_uint_eq(said.len, 0);
	vmeter_cover(t->v, t->now_us, false, true);
	tamper(t, "magnet", true);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_COVERS), tight("91 000D3003 010000"));
	ck_assert_str_eq(talk_plain(t, 0x11, READ_MAGNETS), tight("91 00003503 010000"));
	ck_assert_str_eq(
	    talk_plain(t, 0x11, READ_REPORT), tight("91 01150004 001400000000000000000000 01 01"));
	vmeter_report(t->v, t->now_us, &said);
	ck_assert_uint_eq(said.len, 12 + 4 + 12 + 2);
	ck_assert_str_eq(
	    talk_plain(t, 0x14, RESET_REPORT "02 000000 01000000 000400000000000000000000"), "94");
	ck_assert_str_eq(
	    talk_plain(t, 0x11, READ_REPORT), tight("91 01150004 001000000000000000000000 01"));
	ck_assert_str_eq(
	    talk_plain(t, 0x14, RESET_REPORT "02 000000 01000000 001000000000000000000000"), "94");
	said.len = 0;
	vmeter_report(t->v, t->now_us, &said);
	ck_assert_uint_eq(said.len, 0);
	buf_clear(&said);
	talk_free(t);
}
END_TEST

START_TEST(a_welded_relay_is_open_and_counts)
{
	struct talk *t = talk_new("watts=2200 relay=open energy_wh=1000");

	vmeter_begin(t->v, t->now_us);
	tamper(t, "weld", true);
	talk_wait(t, HOUR_US);
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_eq(talk_state(t, "energy_wh"), 3200);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_CURRENT), tight("91 00010202 000001"));
	tamper(t, "neutral", true);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_NEUTRAL), tight("91 01008002 005000"));
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_tamper");
	TCase *c = tcase_create("vmeter_tamper");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(c, status_words_show_what_lasts);
	tcase_add_test(c, what_began_is_counted_with_its_time_and_register);
	tcase_add_test(c, a_report_is_repeated_until_it_is_reset);
	tcase_add_test(c, a_welded_relay_is_open_and_counts);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
