/* mail: a message as RFC 5322 and 2047 write it; quiet: when it may be sent. */
#include "codec/mail.h"

#include "base/err.h"
#include "codec/webhook.h"
#include "model/calendar.h"
#include "model/quiet.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define S INT64_C(1000000)

static struct err e;

static const char *
mail(const char *from, const char *to, const char *subject, const char *text)
{
	static char out[8000];
	const struct mail m = {from, to, subject, text, "m1-2", "zh", INT64_C(1795176000) * S};
	struct buf b = {0};

	if (mail_write(&m, &b, &e) < 0)
		return NULL;
	snprintf(out, sizeof out, "%s", buf_text(&b));
	buf_clear(&b);
	return out;
}

START_TEST(a_plain_mail_is_written_to_the_letter)
{
	ck_assert_str_eq(mail("power@example.net", "ann@example.org", "Low balance", "Hello\nAnn"),
	    "Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
	    "From: <power@example.net>\r\n"
	    "To: <ann@example.org>\r\n"
	    "Message-ID: <m1-2@example.net>\r\n"
	    "Subject: Low balance\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Language: zh\r\n"
	    "Auto-Submitted: auto-generated\r\n\r\n"
	    "SGVsbG8NCkFubg0K\r\n");
}
END_TEST

/* The encoded words of the first header of that name, decoded and put together. */
static void
decode_words(const char *text, const char *header, struct buf *out)
{
	const char *p = strstr(text, header), *end;

	ck_assert_ptr_nonnull(p);
	for (end = p; (end = strstr(end, "\r\n")) != NULL && end[2] == ' '; end += 2)
		;
	while ((p = strstr(p, "=?utf-8?B?")) != NULL && p < end) {
		const char *close = strstr(p, "?=");
		size_t before = out->len;

		p += 10;
		ck_assert_int_le(close - p + 12, 75);
		ck_assert_int_eq(base64_in(out, p, (size_t)(close - p), &e), 0);
		/* each word is whole characters: none begins with a middle byte */
		ck_assert((out->bytes[before] & 0xc0) != 0x80);
		p = close;
	}
}

static void
lines_are_short(const char *text)
{
	for (const char *p = text; *p != '\0';) {
		size_t len = strcspn(p, "\r\n");

		ck_assert_msg(len <= 76, "%.*s", (int)len, p);
		for (size_t i = 0; i < len; i++)
			ck_assert((uint8_t)p[i] < 0x7f);
		p += len;
		p += strspn(p, "\r\n");
	}
}

START_TEST(other_letters_are_encoded_words_that_hold_whole_characters)
{
	const char *subject =
	    "电费余额不足:12.34元,您的电费账户已无可用余额,请及时充值以免影响用电 ¡ay!";
	const char *text = mail("供电所 \"North\" <power@example.net>", "a@b.cn", subject, "x");
	struct buf words = {0};

	decode_words(text, "Subject: ", &words);
	ck_assert_str_eq(buf_text(&words), subject);
	buf_clear(&words);
	decode_words(text, "From: ", &words);
	ck_assert_str_eq(buf_text(&words), "供电所 \"North\"");
	buf_clear(&words);
	lines_are_short(text);
}
END_TEST

START_TEST(a_text_never_begins_a_header)
{
	const char *text =
	    mail("\"Po\\wer\" <power@example.net>", "a@b.cn", "x\r\nBcc: c@d.cn", "x");
	struct buf words = {0};

	ck_assert_ptr_null(strstr(text, "Bcc"));
	decode_words(text, "Subject: ", &words);
	ck_assert_str_eq(buf_text(&words), "x  Bcc: c@d.cn");
	buf_clear(&words);
	ck_assert_ptr_nonnull(
	    strstr(text, "From: \"\\\"Po\\\\wer\\\"\"\r\n <power@example.net>\r\n"));
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	static const char *const wrong[] = {"", "@", "a@", "@b", "a b@c.d", "a@b\r\nRCPT TO:<x@y>",
	    "a@b@c", "a@b,c@d", "<a@b", "a@b>", "Name <a@b> x", "\xe7\x94\xb5@b.cn", "a<b@c", NULL};
	char out[256];

	for (int i = 0; wrong[i] != NULL; i++)
		ck_assert_msg(mail_address(wrong[i], out, &e) < 0, "%s", wrong[i]);
	ck_assert_int_eq(mail_address("Name <a.b+c@d-e.example>", out, &e), 0);
	ck_assert_str_eq(out, "a.b+c@d-e.example");
	ck_assert_ptr_null(mail("power@example.net", "a@b>\r\nDATA", "x", "x"));
}
END_TEST

/* --- quiet hours ------------------------------------------------------------------------- */

static int64_t
ends(const char *zone, int from, int until, int64_t now_s)
{
	struct calendar *c = calendar_new(zone, &e);
	int64_t at = quiet_ends_us(c, from, until, now_s * S);

	calendar_free(c);
	return at / S;
}

START_TEST(a_night_is_quiet_until_its_end)
{
	const int64_t midnight = 1795132800; /* 2026-11-20 00:00 UTC */

	ck_assert_int_eq(ends("UTC", 1320, 420, midnight + 12 * 3600), 0);
	ck_assert_int_eq(ends("UTC", 1320, 420, midnight + 22 * 3600 - 1), 0);
	ck_assert_int_eq(ends("UTC", 1320, 420, midnight + 22 * 3600), midnight + 31 * 3600);
	ck_assert_int_eq(ends("UTC", 1320, 420, midnight), midnight + 7 * 3600);
	ck_assert_int_eq(ends("UTC", 1320, 420, midnight + 7 * 3600 - 1), midnight + 7 * 3600);
	ck_assert_int_eq(ends("UTC", 1320, 420, midnight + 7 * 3600), 0);
	/* on another clock it is another time: there it is 20:00 of the day before */
	ck_assert_int_eq(ends("America/New_York", 1320, 420, midnight), 0);
	ck_assert_int_eq(ends("Asia/Shanghai", 720, 840, midnight + 5 * 3600), midnight + 6 * 3600);
}
END_TEST

START_TEST(the_same_hour_twice_is_never)
{
	ck_assert_int_eq(ends("UTC", 0, 0, 1795132800), 0);
	ck_assert_int_eq(ends("UTC", 600, 600, 1795132800 + 36000), 0);
}
END_TEST

START_TEST(a_night_with_a_clock_change_ends_on_the_clock)
{
	/* Berlin, 2026-10-25: 03:00 becomes 02:00; the night is an hour longer */
	const int64_t ten = 1792872000; /* 2026-10-24 22:00 +02:00 */

	ck_assert_int_eq(ends("Europe/Berlin", 1320, 420, ten), ten + 10 * 3600);
	/* and 2026-03-29 an hour shorter */
	ck_assert_int_eq(ends("Europe/Berlin", 1320, 420, 1774731600), 1774731600 + 8 * 3600);
}
END_TEST

START_TEST(quiet_hours_are_read_strictly)
{
	int from, until;

	ck_assert_int_eq(quiet_parse("22:30-07:05", &from, &until), 0);
	ck_assert_int_eq(from, 1350);
	ck_assert_int_eq(until, 425);
	ck_assert_int_eq(quiet_parse("", &from, &until), 0);
	ck_assert_int_eq(from, until);
	ck_assert_int_eq(quiet_parse("22:30", &from, &until), -1);
	ck_assert_int_eq(quiet_parse("24:00-07:00", &from, &until), -1);
	ck_assert_int_eq(quiet_parse("22:30-07:60", &from, &until), -1);
	ck_assert_int_eq(quiet_parse("22:30-07:00x", &from, &until), -1);
	ck_assert_int_eq(quiet_parse("2:30-7:00", &from, &until), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mail");
	TCase *c = tcase_create("mail");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, a_plain_mail_is_written_to_the_letter);
	tcase_add_test(c, other_letters_are_encoded_words_that_hold_whole_characters);
	tcase_add_test(c, a_text_never_begins_a_header);
	tcase_add_test(c, what_is_no_address_is_refused);
	tcase_add_test(c, a_night_is_quiet_until_its_end);
	tcase_add_test(c, the_same_hour_twice_is_never);
	tcase_add_test(c, a_night_with_a_clock_change_ends_on_the_clock);
	tcase_add_test(c, quiet_hours_are_read_strictly);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
