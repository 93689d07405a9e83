/* envelope: who is calling, told from the first bytes, and what comes next in the stream. */
#include "base/err.h"
#include "codec/envelope.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* dlt645.md 1.4. */
#define ASK   "68129078563412681104333334336816"
#define REPLY "FEFEFEFE6812907856341268910833333433896745335416"

static struct buf bytes;

static struct span
hex(const char *text)
{
	struct err e;

	bytes.len = 0;
	ck_assert_int_eq(hex_in(&bytes, text, &e), 0);
	return buf_span(&bytes);
}

static const char *
guess(const char *text, bool final)
{
	return envelope_name(envelope_guess(hex(text), final));
}

static const char *
guess_text(const char *text, bool final)
{
	return envelope_name(envelope_guess(span_of(text, strlen(text)), final));
}

START_TEST(a_meter_that_talks_at_once_is_known_by_its_second_68)
{
	ck_assert_str_eq(guess(REPLY, false), "dlt645-2007");
	ck_assert_str_eq(guess("FEFE6812907856341268", false), "dlt645-2007");
	ck_assert_str_eq(guess("FEFE68129078563412", false), "undecided");
	ck_assert_str_eq(guess("FEFE", false), "undecided");
	ck_assert_str_eq(guess("FE", true), "undecided");
	ck_assert_str_eq(guess("00", true), "undecided");
	ck_assert_str_eq(guess("", true), "undecided");
}
END_TEST

START_TEST(a_little_noise_does_not_hide_a_meter)
{
	ck_assert_str_eq(guess("68" ASK, false), "dlt645-2007");
	ck_assert_str_eq(guess("010203" ASK, false), "dlt645-2007");
	ck_assert_str_eq(guess("5555" ASK, false), "dlt645-2007");
}
END_TEST

/* Vectors 28, 29, 95, 96 of tests/vectors/dlt645.vec; dlt645.md 5.1 and 5.4. */
START_TEST(other_protocols_are_named)
{
	ck_assert_str_eq(guess("683200320068C900023412000271000001008516", false), "gdw376.1");
	ck_assert_str_eq(guess("683200320068", true), "gdw376.1");
	ck_assert_str_eq(guess("7B7B84BF237D7D", false), "acrel");
	ck_assert_str_eq(guess("1F1F0100000010", false), "acrel");
	ck_assert_str_eq(
	    guess("00010001000100120A020C333131353031313134303730000000", false), "dlms");
	ck_assert_str_eq(guess("7EA0070321938CB97E", false), "dlms");
	ck_assert_str_eq(guess("000100", false), "undecided");
}
END_TEST

/* Address bytes 32 00 32 00 68: a meter, not a terminal of Q/GDW 376.1. */
START_TEST(an_address_may_look_like_another_protocol)
{
	ck_assert_str_eq(guess("683200320068126811 04 33333433 9016", false), "dlt645-2007");
}
END_TEST

START_TEST(a_converter_is_known_by_its_text)
{
	ck_assert_str_eq(guess_text("865533012345678\r\n", false), "dtu");
	ck_assert_str_eq(guess_text("865533012345678", false), "undecided");
	ck_assert_str_eq(guess_text("865533012345678", true), "dtu");
	ck_assert_str_eq(guess_text("hello-17", true), "dtu");
	ck_assert_str_eq(guess_text("abc", true), "unknown");
	ck_assert_str_eq(guess("38363535" ASK, false), "dtu");
	ck_assert_str_eq(guess("38363535FEFE", false), "dtu");
}
END_TEST

START_TEST(what_is_no_text_is_a_name_only_after_a_pause_and_only_if_short)
{
	char much[200] = "";

	ck_assert_str_eq(guess("0102A0B0", false), "undecided");
	ck_assert_str_eq(guess("0102A0B0", true), "dtu");
	for (int i = 0; i < 41; i++)
		strcat(much, "01");
	ck_assert_str_eq(guess(much, true), "unknown");
	/* Vector 94: a parity error behind a preamble is a meter, badly heard. */
	ck_assert_str_eq(
	    guess("FEFEFEFE680188C58A481140DA9106CDA24656C45AA5818B", true), "dlt645-2007");
	ck_assert_str_eq(guess("680188C58A481140DA9106CD", true), "unknown");
}
END_TEST

/* --- the stream -------------------------------------------------------------------------- */

/* N name, p ping, F frame, n noise, in order; the name goes to `name`. */
static const char *
stream(enum envelope_kind k, const char *identity, struct span in, char *name)
{
	static char seen[200];
	struct span found;
	enum scan s;
	size_t used;

	seen[0] = '\0';
	while ((s = envelope_scan(k, identity, in, &found, &used)) != SCAN_MORE) {
		ck_assert_uint_gt(used, 0);
		ck_assert_uint_le(used, in.len);
		strcat(seen, s == SCAN_FRAME  ? "F"
			     : s == SCAN_NAME ? "N"
			     : s == SCAN_PING ? "p"
					      : "n");
		if (s == SCAN_NAME) {
			memcpy(name, found.bytes, found.len);
			name[found.len] = '\0';
			identity = name;
		}
		in = span_of(in.bytes + used, in.len - used);
	}
	return seen;
}

START_TEST(a_converter_gives_its_name_and_is_transparent_from_then_on)
{
	char name[100];

	ck_assert_str_eq(stream(ENVELOPE_DTU, "", hex("383635350D0A" REPLY), name), "NF");
	ck_assert_str_eq(name, "8655");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "", hex("3836353539"), name), "N");
	ck_assert_str_eq(name, "86559");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "", hex("38363535" ASK REPLY), name), "NFF");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "", hex("70696E6738363535"), name), "pN");
}
END_TEST

START_TEST(a_name_that_is_no_text_is_told_as_hex)
{
	char name[100];

	ck_assert_str_eq(stream(ENVELOPE_DTU, "", hex("0102A0B0"), name), "N");
	ck_assert_str_eq(name, "0102A0B0");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "0102A0B0", hex("0102A0B0" ASK), name), "pF");
}
END_TEST

START_TEST(a_repeated_name_and_keep_alives_are_pings)
{
	char name[100];

	ck_assert_str_eq(
	    stream(ENVELOPE_DTU, "8655", hex("38363535" ASK "383635350D0A"), name), "pFp");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "8655", hex("50494E47"), name), "p");
	ck_assert_str_eq(stream(ENVELOPE_DTU, "8655", span_of("heartbeat", 9), name), "p");
	ck_assert_str_eq(stream(ENVELOPE_DLT645, "", span_of("alive\r\n", 7), name), "p");
	ck_assert_str_eq(stream(ENVELOPE_DLT645, "", hex("00" ASK "FE"), name), "pFp");
}
END_TEST

START_TEST(a_ping_cut_in_two_is_waited_for)
{
	struct span found;
	size_t used;

	for (size_t n = 1; n < 9; n++)
		ck_assert_int_eq(
		    envelope_scan(ENVELOPE_DTU, "8655", span_of("heartbeat", n), &found, &used),
		    SCAN_MORE);
	ck_assert_int_eq(
	    envelope_scan(ENVELOPE_DTU, "8655", span_of("86", 2), &found, &used), SCAN_MORE);
	ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(unknown_text_after_the_name_is_noise)
{
	char name[100];

	ck_assert_str_eq(stream(ENVELOPE_DTU, "8655", span_of("garbage", 7), name), "n");
	ck_assert_str_eq(stream(ENVELOPE_DLT645, "", span_of("garbage", 7), name), "n");
	ck_assert_str_eq(stream(ENVELOPE_ACREL, "", hex("7B7B84BF237D7D"), name), "n");
}
END_TEST

START_TEST(a_frame_behind_a_name_cut_anywhere_is_found)
{
	struct span s = hex("38363535" REPLY), found;
	size_t used;

	for (size_t cut = 4; cut <= s.len; cut++) {
		struct buf in = {0};
		int frames = 0;

		buf_put(&in, s.bytes, cut);
		for (int pass = 0; pass < 2; pass++) {
			enum scan x;

			while ((x = envelope_scan(ENVELOPE_DTU, "8655", buf_span(&in), &found,
				    &used)) != SCAN_MORE) {
				frames += x == SCAN_FRAME;
				ck_assert_int_ne(x, SCAN_NOISE);
				buf_drop(&in, used);
			}
			buf_drop(&in, used);
			if (pass == 0)
				buf_put(&in, s.bytes + cut, s.len - cut);
		}
		ck_assert_int_eq(frames, 1);
		buf_clear(&in);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("envelope");
	TCase *first = tcase_create("first bytes"), *later = tcase_create("stream");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(first, a_meter_that_talks_at_once_is_known_by_its_second_68);
	tcase_add_test(first, a_little_noise_does_not_hide_a_meter);
	tcase_add_test(first, other_protocols_are_named);
	tcase_add_test(first, an_address_may_look_like_another_protocol);
	tcase_add_test(first, a_converter_is_known_by_its_text);
	tcase_add_test(first, what_is_no_text_is_a_name_only_after_a_pause_and_only_if_short);
	tcase_add_test(later, a_converter_gives_its_name_and_is_transparent_from_then_on);
	tcase_add_test(later, a_name_that_is_no_text_is_told_as_hex);
	tcase_add_test(later, a_repeated_name_and_keep_alives_are_pings);
	tcase_add_test(later, a_ping_cut_in_two_is_waited_for);
	tcase_add_test(later, unknown_text_after_the_name_is_noise);
	tcase_add_test(later, a_frame_behind_a_name_cut_anywhere_is_found);
	suite_add_tcase(s, first);
	suite_add_tcase(s, later);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
