/* dlt645: finding, taking apart, building and refusing frames. */
#include "base/err.h"
#include "codec/dlt645.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* dlt645.md 1.4: 91 = 1234.56 kWh. */
#define REPLY "68129078563412689108333334338967453354 16"
/* dlt645.md 1.4: 11 read 00010000. */
#define ASK "6812907856341268110433333433 68 16"

static struct buf bytes;

static struct span
hex(const char *text)
{
	struct err e;

	bytes.len = 0;
	ck_assert_int_eq(hex_in(&bytes, text, &e), 0);
	return buf_span(&bytes);
}

/* Everything a stream holds, one letter each: F frame, n noise; what is left is kept. */
static size_t
scan_all(struct buf *stream, char *seen)
{
	size_t frames = 0, used;
	struct span found;
	enum scan s;

	while ((s = dlt645_scan(buf_span(stream), &found, &used)) != SCAN_MORE) {
		ck_assert_uint_gt(used, 0);
		frames += s == SCAN_FRAME;
		strcat(seen, s == SCAN_FRAME ? "F" : "n");
		buf_drop(stream, used);
	}
	buf_drop(stream, used);
	return frames;
}

static size_t
frames_cut_at(struct span s, size_t at)
{
	struct buf stream = {0};
	char seen[600] = "";
	size_t frames;

	buf_put(&stream, s.bytes, at);
	frames = scan_all(&stream, seen);
	buf_put(&stream, s.bytes + at, s.len - at);
	frames += scan_all(&stream, seen);
	buf_clear(&stream);
	return frames;
}

START_TEST(a_frame_is_taken_apart_and_put_together_again)
{
	struct span s = hex(REPLY);
	struct buf again = {0};
	struct dlt645 f;
	struct err e;

	ck_assert_int_eq(dlt645_parse(&f, s, &e), 0);
	ck_assert_str_eq(f.address, "123456789012");
	ck_assert_uint_eq(f.control, 0x91);
	ck_assert_uint_eq(f.len, 8);
	ck_assert_uint_eq(dlt645_di(span_of(f.data, f.len)), 0x00010000);
	ck_assert_mem_eq(f.data + 4, "\x56\x34\x12\x00", 4);
	dlt645_build(&again, &f);
	ck_assert(span_equal(buf_span(&again), s));
	buf_clear(&again);
}
END_TEST

START_TEST(a_broken_frame_says_in_words_what_is_wrong)
{
	static const struct {
		const char *hex, *error;
	} broken[] = {
	    {"6812907856341268110433333433 69 16",    "checksum 69, expected 68"         },
	    {"6812907856341268110433333433 68 00",    "end byte 00, expected 16"         },
	    {"6812907856341268110433333433 68",       "truncated: 15 of 16 bytes"        },
	    {"681290785634126811",                    "truncated: 9 of at least 12 bytes"},
	    {"6812907856",			    "truncated: 5 of at least 12 bytes"},
	    {"6812907856341267110433333433 68 16",    "no second 68"                     },
	    {"FE",				    "begins with fe, expected 68"      },
	    {"6812907856341268110433333433 68 16 00", "1 bytes behind the end"           },
	    {"",				      "truncated: 0 of at least 12 bytes"},
	};
	struct dlt645 f;
	struct err e;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		ck_assert_int_eq(dlt645_parse(&f, hex(broken[i].hex), &e), -1);
		ck_assert_str_eq(e.text, broken[i].error);
		ck_assert_int_eq(e.class, ERR_INPUT);
	}
}
END_TEST

START_TEST(a_frame_cut_in_two_anywhere_is_found_once)
{
	struct span s = hex("FEFEFEFE" REPLY);

	for (size_t at = 0; at <= s.len; at++)
		ck_assert_uint_eq(frames_cut_at(s, at), 1);
}
END_TEST

START_TEST(two_frames_in_one_piece_are_two_frames_wherever_it_is_cut)
{
	struct span s = hex(ASK "FEFE" REPLY);

	for (size_t at = 0; at <= s.len; at++)
		ck_assert_uint_eq(frames_cut_at(s, at), 2);
}
END_TEST

START_TEST(filler_before_a_frame_is_used_up_and_is_no_noise)
{
	struct span s = hex("FEFE" ASK), found;
	size_t used;

	ck_assert_int_eq(dlt645_scan(s, &found, &used), SCAN_FRAME);
	ck_assert_uint_eq(used, 18);
	ck_assert_uint_eq(found.len, 16);
	ck_assert_uint_eq(found.bytes[0], 0x68);
	ck_assert_int_eq(dlt645_scan(span_of("\xfe\xfe", 2), &found, &used), SCAN_MORE);
	ck_assert_uint_eq(used, 2);
	ck_assert_int_eq(dlt645_scan(span_of(NULL, 0), &found, &used), SCAN_MORE);
	ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(a_doubled_start_loses_one_byte_and_not_the_frame)
{
	struct buf stream = {0};
	char seen[600] = "";
	struct span s = hex("68" REPLY);

	buf_put(&stream, s.bytes, s.len);
	ck_assert_uint_eq(scan_all(&stream, seen), 1);
	ck_assert_str_eq(seen, "nF");
	buf_clear(&stream);
}
END_TEST

/* Noise that claims to be a frame of 32 bytes, with a real one among them. */
START_TEST(a_good_frame_inside_a_broken_one_is_found)
{
	struct buf stream = {0};
	char seen[600] = "";
	struct span s = hex("68 010203040506 68 91 14" REPLY "0000000000");

	buf_put(&stream, s.bytes, s.len);
	ck_assert_uint_eq(scan_all(&stream, seen), 1);
	buf_clear(&stream);
}
END_TEST

START_TEST(sixteens_and_sixtyeights_inside_a_frame_mean_nothing)
{
	struct dlt645 f = {.address = "166816681668", .control = 0x91, .len = 40};
	struct buf out = {0};
	struct span found;
	size_t used;

	memset(f.data, 0x16 - 0x33, 20);
	memset(f.data + 20, 0x68 - 0x33, 20);
	dlt645_build(&out, &f);
	for (size_t n = 0; n < out.len; n++)
		ck_assert_int_eq(dlt645_scan(span_of(out.bytes, n), &found, &used), SCAN_MORE);
	ck_assert_int_eq(dlt645_scan(buf_span(&out), &found, &used), SCAN_FRAME);
	buf_clear(&out);
}
END_TEST

START_TEST(noise_is_given_up_as_far_as_it_can_begin_nothing)
{
	struct span s = hex("01020304FE" ASK), found;
	size_t used;

	ck_assert_int_eq(dlt645_scan(s, &found, &used), SCAN_NOISE);
	ck_assert_uint_eq(used, 4);
}
END_TEST

/* A half duplex line may hand our own request back; it is a frame with D7 clear. */
START_TEST(an_echo_is_a_frame_and_can_be_told_from_the_reply)
{
	struct span s = hex(ASK REPLY), found;
	struct dlt645 f;
	struct err e;
	size_t used;

	ck_assert_int_eq(dlt645_scan(s, &found, &used), SCAN_FRAME);
	ck_assert_int_eq(dlt645_parse(&f, found, &e), 0);
	ck_assert_uint_eq(f.control & DLT645_REPLY, 0);
	s = span_of(s.bytes + used, s.len - used);
	ck_assert_int_eq(dlt645_scan(s, &found, &used), SCAN_FRAME);
	ck_assert_int_eq(dlt645_parse(&f, found, &e), 0);
	ck_assert_uint_eq(f.control & DLT645_REPLY, DLT645_REPLY);
}
END_TEST

START_TEST(the_longest_frame_there_is_goes_through)
{
	struct dlt645 f = {.address = "000000000001", .control = 0x91, .len = DLT645_MAX_DATA}, g;
	struct buf out = {0};
	struct err e;

	for (size_t i = 0; i < f.len; i++)
		f.data[i] = (uint8_t)i;
	dlt645_build(&out, &f);
	ck_assert_uint_eq(out.len, DLT645_MAX_FRAME);
	ck_assert_int_eq(dlt645_parse(&g, buf_span(&out), &e), 0);
	ck_assert_mem_eq(g.data, f.data, f.len);
	buf_clear(&out);
}
END_TEST

/* --- what may be sent -------------------------------------------------------------------- */

static int
encode(uint8_t control, const char *address, const char *data, bool commissioning, struct err *e)
{
	struct dlt645_policy p = {.commissioning = commissioning};
	struct span s = hex(data);
	struct buf out = {0};
	struct dlt645 f = {.control = control, .len = s.len};
	int rc;

	strcpy(f.address, address);
	if (s.len > 0)
		memcpy(f.data, s.bytes, s.len);
	rc = dlt645_encode(&out, &f, &p, e);
	ck_assert_int_eq(out.len > 0, rc == 0);
	buf_clear(&out);
	return rc;
}

#define ONE  "123456789012"
#define ANY  "AAAAAAAAAAAA"
#define SOME "AAAAAAAA9012"
#define ALL  "999999999999"
/* PA password operator N1 N2 until 2026-08-20 00:00:00, dlt645.md 1.4. */
#define TRIP "02 000000 01000000 1A 00 000000200826"

START_TEST(what_a_head_end_says_every_day_is_sent)
{
	struct err e;

	ck_assert_int_eq(encode(0x11, ONE, "00000100", false, &e), 0);
	ck_assert_int_eq(encode(0x11, ANY, "00000100", false, &e), 0);
	ck_assert_int_eq(encode(0x11, SOME, "00000100", false, &e), 0);
	ck_assert_int_eq(encode(0x11, "009910604867", "00000100", false, &e), 0);
	ck_assert_int_eq(encode(0x12, ONE, "0100060501", false, &e), 0);
	ck_assert_int_eq(encode(0x08, ALL, "453010190826", false, &e), 0);
	ck_assert_int_eq(encode(0x16, ALL, "00009999", false, &e), 0);
	ck_assert_int_eq(encode(0x1c, ONE, TRIP, false, &e), 0);
	ck_assert_int_eq(encode(0x14, ONE, "02010004 02000000 01000000 453010", false, &e), 0);
	ck_assert_int_eq(encode(0x03, ONE, "FF028107 11223344", false, &e), 0);
}
END_TEST

START_TEST(nobody_but_one_meter_is_ever_told_to_move_or_write)
{
	static const struct {
		uint8_t control;
		const char *data;
	} alone[] = {
	    {0x1c, TRIP			       },
	    {0x14, "02010004 02000000 01000000 453010"},
	    {0x03, "FF028107 11223344"                },
	    {0x18, "030C0004 02000000 02123456"       },
	};
	static const char *const wild[] = {ANY, SOME, ALL};
	struct err e;

	for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++)
		for (size_t k = 0; k < sizeof wild / sizeof wild[0]; k++)
			ck_assert_int_eq(
			    encode(alone[i].control, wild[k], alone[i].data, false, &e), -1);
	ck_assert_str_eq(e.text, "function 18 is not sent to 999999999999");
}
END_TEST

START_TEST(a_read_is_not_sent_to_everybody_nor_a_clock_to_whoever_is_there)
{
	struct err e;

	ck_assert_int_eq(encode(0x11, ALL, "00000100", false, &e), -1);
	ck_assert_int_eq(encode(0x08, ANY, "453010190826", false, &e), -1);
}
END_TEST

START_TEST(what_clears_or_renames_a_meter_needs_a_person_at_it)
{
	static const struct {
		uint8_t control;
		const char *address, *data;
	} privileged[] = {
	    {0x13, ANY, ""			  },
	    {0x15, ANY, "020000000000"              },
	    {0x17, ONE, "20"                        },
	    {0x19, ONE, "04000000 01000000"         },
	    {0x1a, ONE, "02000000 01000000"         },
	    {0x1b, ONE, "02000000 01000000 FFFFFFFF"},
	};
	struct err e;

	for (size_t i = 0; i < sizeof privileged / sizeof privileged[0]; i++) {
		ck_assert_int_eq(encode(privileged[i].control, privileged[i].address,
				     privileged[i].data, false, &e),
		    -1);
		ck_assert_int_eq(encode(privileged[i].control, privileged[i].address,
				     privileged[i].data, true, &e),
		    0);
	}
}
END_TEST

START_TEST(factory_functions_are_never_sent)
{
	static const uint8_t never[] = {0x1e, 0x1f, 0x60, 0x61, 0x00, 0x06, 0x91, 0x9c, 0xff};
	struct err e;

	for (size_t i = 0; i < sizeof never; i++)
		ck_assert_int_eq(encode(never[i], ONE, "00000100", true, &e), -1);
	ck_assert_str_eq(e.text, "function ff is never sent");
}
END_TEST

START_TEST(dates_that_do_not_exist_are_not_sent)
{
	static const struct {
		uint8_t control;
		const char *address, *data;
	} wrong[] = {
	    {0x08, ALL, "453010310926"                                }, /* 31 September */
	    {0x08, ALL, "451102123456"                                }, /* month 34: vector 88 */
	    {0x08, ALL, ""					    }, /* vector 38 */
	    {0x16, ALL, "99001508"				    }, /* a hole in the wildcards */
	    {0x16, ALL, "60009999"				    },
	    {0x11, ONE, "00000100 01 0000290226"                      }, /* 2026 has no 29 February */
	    {0x1c, ONE, "02000000 01000000 1A 00 000000000000"        }, /* vector 73 */
	    {0x1c, ONE, "02000000 01000000 1A 00 CDCDCDCDCDCD"        }, /* vector 93 */
	    {0x1c, ONE, "02111111 45415354 1A"                        }, /* no deadline: vector 39 */
	    {0x14, ONE, "02010004 02000000 01000000 453024"           },
	    {0x14, ONE, "0C010004 02000000 01000000 45301003190826 00"},
	};
	struct err e;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_int_eq(
		    encode(wrong[i].control, wrong[i].address, wrong[i].data, false, &e), -1);
	ck_assert_int_eq(encode(0x11, ONE, "00000100 01 0000290228", false, &e), 0);
}
END_TEST

START_TEST(what_an_encryption_machine_made_is_not_looked_into)
{
	struct err e;

	ck_assert_int_eq(
	    encode(0x1c, ONE, "98000000 01000000 000102030405060708090A0B0C0D0E0F AABBCCDD", false,
		&e),
	    0);
	ck_assert_int_eq(encode(0x1c, ONE, "98000000 01000000 1A 00 000000200826", false, &e), -1);
	ck_assert_int_eq(
	    encode(0x14, ONE,
		"02010004 98000000 01000000 000102030405060708090A0B0C0D0E0F AABBCCDD", false, &e),
	    0);
	ck_assert_int_eq(
	    encode(0x14, ONE, "08010004 99000000 01000000 0000010127 AABBCCDD", false, &e), 0);
}
END_TEST

START_TEST(an_address_is_twelve_digits_or_a_wildcard)
{
	static const char *const wrong[] = {
	    "", "12345678901", "12345678901B", "12AA34567890", "A23456789012"};
	struct err e;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_int_eq(encode(0x11, wrong[i], "00000100", true, &e), -1);
}
END_TEST

START_TEST(a_profile_sets_how_long_a_request_may_be)
{
	struct dlt645 f = {.address = ONE, .control = 0x03, .len = 151};
	struct dlt645_policy p = {.most = 50};
	struct buf out = {0};
	struct err e;

	ck_assert_int_eq(dlt645_encode(&out, &f, &p, &e), -1);
	ck_assert_str_eq(e.text, "151 bytes, the meter takes at most 50");
	p.most = 0;
	ck_assert_int_eq(dlt645_encode(&out, &f, &p, &e), 0);
	f.len = 201;
	ck_assert_int_eq(dlt645_encode(&out, &f, &p, &e), -1);
	buf_clear(&out);
}
END_TEST

/* --- errors ------------------------------------------------------------------------------ */

static const char *
error_of(uint8_t control, const char *data)
{
	static char text[256];
	struct span s = hex(data);
	struct dlt645 f = {.address = ONE, .control = control, .len = s.len};
	struct dlt645_error x;
	struct err e;

	if (s.len > 0)
		memcpy(f.data, s.bytes, s.len);
	if (dlt645_error_get(&x, &f, &e) < 0)
		return "";
	dlt645_error_text(&x, text, sizeof text);
	return text;
}

/* dlt645.md 1.5, 1.6 and 3.3. */
START_TEST(an_error_is_read_by_its_function_and_length)
{
	ck_assert_str_eq(error_of(0xd1, "02"), "no such data");
	ck_assert_str_eq(error_of(0xd4, "05"), "other, password");
	ck_assert_str_eq(error_of(0xd1, "00"), "none");
	ck_assert_str_eq(error_of(0xc3, "01"), "other");
	ck_assert_str_eq(error_of(0xc3, "0200"), "repeated recharge");
	ck_assert_str_eq(error_of(0xc3, "2000"), "purchase count");
	ck_assert_str_eq(error_of(0xc3, "0001"), "authentication suspended");
	ck_assert_str_eq(error_of(0xdc, "04"), "password");
	ck_assert_str_eq(error_of(0xdc, "1080"), "deadline, refused");
	ck_assert_str_eq(error_of(0xd1, ""), "");
	ck_assert_str_eq(error_of(0xd1, "0001"), "");
	ck_assert_str_eq(error_of(0x91, "01"), "");
}
END_TEST

START_TEST(an_error_byte_that_was_not_offset_does_no_harm)
{
	ck_assert_str_eq(error_of(0xd1, "CB"), "other, no such data, baud rate, tariffs, reserved");
}
END_TEST

int
main(void)
{
	TCase *frame = tcase_create("frame"), *sent = tcase_create("sent"),
	      *errors = tcase_create("errors");
	Suite *s = suite_create("dlt645");
	SRunner *r;
	int failed;

	tcase_add_test(frame, a_frame_is_taken_apart_and_put_together_again);
	tcase_add_test(frame, a_broken_frame_says_in_words_what_is_wrong);
	tcase_add_test(frame, a_frame_cut_in_two_anywhere_is_found_once);
	tcase_add_test(frame, two_frames_in_one_piece_are_two_frames_wherever_it_is_cut);
	tcase_add_test(frame, filler_before_a_frame_is_used_up_and_is_no_noise);
	tcase_add_test(frame, a_doubled_start_loses_one_byte_and_not_the_frame);
	tcase_add_test(frame, a_good_frame_inside_a_broken_one_is_found);
	tcase_add_test(frame, sixteens_and_sixtyeights_inside_a_frame_mean_nothing);
	tcase_add_test(frame, noise_is_given_up_as_far_as_it_can_begin_nothing);
	tcase_add_test(frame, an_echo_is_a_frame_and_can_be_told_from_the_reply);
	tcase_add_test(frame, the_longest_frame_there_is_goes_through);
	tcase_add_test(sent, what_a_head_end_says_every_day_is_sent);
	tcase_add_test(sent, nobody_but_one_meter_is_ever_told_to_move_or_write);
	tcase_add_test(sent, a_read_is_not_sent_to_everybody_nor_a_clock_to_whoever_is_there);
	tcase_add_test(sent, what_clears_or_renames_a_meter_needs_a_person_at_it);
	tcase_add_test(sent, factory_functions_are_never_sent);
	tcase_add_test(sent, dates_that_do_not_exist_are_not_sent);
	tcase_add_test(sent, what_an_encryption_machine_made_is_not_looked_into);
	tcase_add_test(sent, an_address_is_twelve_digits_or_a_wildcard);
	tcase_add_test(sent, a_profile_sets_how_long_a_request_may_be);
	tcase_add_test(errors, an_error_is_read_by_its_function_and_length);
	tcase_add_test(errors, an_error_byte_that_was_not_offset_does_no_harm);
	suite_add_tcase(s, frame);
	suite_add_tcase(s, sent);
	suite_add_tcase(s, errors);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
