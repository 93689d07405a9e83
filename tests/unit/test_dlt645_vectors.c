/* dlt645: every line of tests/vectors/dlt645.vec, whole and cut in two at every place. */
#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_explain.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS "tests/vectors/dlt645.vec"

struct vector {
	char text[4096]; /* the line, cut into words */
	char *hex;
	char *keys[64], *values[64];
	int n;
};

/* key=value or key="value with blanks". */
static char *
next_word(char **at, char **value)
{
	char *key = *at + strspn(*at, " \n"), *eq = strchr(key, '=');

	if (*key == '\0')
		return NULL;
	ck_assert_msg(eq != NULL, "no = in %s", key);
	*eq = '\0';
	*value = eq[1] == '"' ? eq + 2 : eq + 1;
	*at = *value + strcspn(*value, eq[1] == '"' ? "\"" : " \n");
	if (**at != '\0')
		*(*at)++ = '\0';
	return key;
}

static bool
next_vector(FILE *f, struct vector *v)
{
	char *at;

	do
		if (fgets(v->text, sizeof v->text, f) == NULL)
			return false;
	while (v->text[0] == '#' || v->text[0] == '\n');
	v->hex = v->text;
	at = v->text + strcspn(v->text, " ");
	*at++ = '\0';
	for (v->n = 0; v->n < 64 && (v->keys[v->n] = next_word(&at, &v->values[v->n])) != NULL;)
		v->n++;
	return true;
}

static const char *
wanted(const struct vector *v, const char *key)
{
	for (int i = 0; i < v->n; i++)
		if (strcmp(v->keys[i], key) == 0)
			return v->values[i];
	return NULL;
}

static void
each_vector(void (*fn)(const struct vector *v, struct span bytes))
{
	static struct vector v;
	struct buf bytes = {0};
	struct err e;
	FILE *f = fopen(VECTORS, "r");
	int n = 0;

	ck_assert_msg(f != NULL, "no %s: run from the root of the tree", VECTORS);
	for (; next_vector(f, &v); n++) {
		bytes.len = 0;
		ck_assert_int_eq(hex_in(&bytes, v.hex, &e), 0);
		fn(&v, buf_span(&bytes));
	}
	fclose(f);
	buf_clear(&bytes);
	ck_assert_int_gt(n, 100);
}

/* Where the JSON has it from `at` on, or NULL: ,"key":"value" or ,"key":value. */
static const char *
said(const char *at, const char *key, const char *value, bool quoted)
{
	char want[300];
	const char *found;

	snprintf(
	    want, sizeof want, "\"%s\":%s%s%s", key, quoted ? "\"" : "", value, quoted ? "\"" : "");
	found = strstr(at, want);
	return found != NULL ? found + strlen(want) : NULL;
}

static void
check_explained(const struct vector *v, struct span bytes)
{
	struct buf json = {0};
	const char *all, *at;
	char bit[100];

	ck_assert_int_eq(dlt645_explain(bytes, &json), strcmp(wanted(v, "ok"), "true") == 0);
	at = all = buf_text(&json);
	ck_assert_msg(strchr(all, '\n') == all + json.len - 1, "more than a line: %s", all);
	for (int i = 0; i < v->n; i++) {
		const char *key = v->keys[i], *value = v->values[i];

		if (strcmp(key, "value") == 0) {
			at = said(at, key, value, true);
			ck_assert_msg(at != NULL, "%s: no value %s in %s", v->hex, value, all);
			continue;
		}
		snprintf(bit, sizeof bit, "\"%s\"", value);
		ck_assert_msg(
		    strcmp(key, "bit") == 0
			? strstr(strstr(all, "error_bits"), bit) != NULL
			: said(all, key, value,
			      strcmp(key, "ok") != 0 && strcmp(value, "null") != 0) != NULL,
		    "%s: no %s=%s in %s", v->hex, key, value, all);
	}
	buf_clear(&json);
}

START_TEST(every_vector_is_explained_as_it_is_written)
{
	each_vector(check_explained);
}
END_TEST

static int
frames_in(struct buf *stream, struct dlt645 *f)
{
	struct span found;
	struct err e;
	enum scan s;
	size_t used;
	int n = 0;

	while ((s = dlt645_scan(buf_span(stream), &found, &used)) != SCAN_MORE) {
		if (s == SCAN_FRAME && ++n > 0)
			ck_assert_int_eq(dlt645_parse(f, found, &e), 0);
		buf_drop(stream, used);
	}
	buf_drop(stream, used);
	return n;
}

static void
check_cut(const struct vector *v, struct span bytes)
{
	bool ok = strcmp(wanted(v, "ok"), "true") == 0;
	struct buf stream = {0};
	char di[9] = "null";
	struct dlt645 f;

	for (size_t cut = 0; cut <= bytes.len; cut++) {
		int n;

		stream.len = 0;
		buf_put(&stream, bytes.bytes, cut);
		n = frames_in(&stream, &f);
		buf_put(&stream, bytes.bytes + cut, bytes.len - cut);
		n += frames_in(&stream, &f);
		ck_assert_msg(n == ok, "%s cut at %zu: %d frames", v->hex, cut, n);
		if (!ok)
			continue;
		ck_assert_str_eq(f.address, wanted(v, "address"));
		ck_assert_uint_eq(f.control, strtoul(wanted(v, "control"), NULL, 16));
		if (strcmp(wanted(v, "di"), "null") != 0)
			snprintf(
			    di, sizeof di, "%08X", (unsigned)dlt645_di(span_of(f.data, f.len)));
		ck_assert_str_eq(di, wanted(v, "di"));
	}
	buf_clear(&stream);
}

START_TEST(every_vector_cut_anywhere_is_the_same_frame_once)
{
	each_vector(check_cut);
}
END_TEST

static void
check_rebuilt(const struct vector *v, struct span bytes)
{
	struct buf out = {0};
	struct span found;
	struct dlt645 f;
	struct err e;
	size_t used;

	if (strcmp(wanted(v, "ok"), "true") != 0)
		return;
	ck_assert_int_eq(dlt645_scan(bytes, &found, &used), SCAN_FRAME);
	ck_assert_int_eq(dlt645_parse(&f, found, &e), 0);
	dlt645_build(&out, &f);
	ck_assert(span_equal(buf_span(&out), found));
	buf_clear(&out);
}

START_TEST(every_good_vector_is_built_again_byte_for_byte)
{
	each_vector(check_rebuilt);
}
END_TEST

/* Pairs of neighbours: no frame may swallow the beginning of the next. */
static void
check_pair(const struct vector *v, struct span bytes)
{
	static struct buf before;
	struct buf stream = {0};
	struct dlt645 f;

	if (strcmp(wanted(v, "ok"), "true") != 0)
		return;
	buf_put(&stream, before.bytes, before.len);
	buf_put(&stream, bytes.bytes, bytes.len);
	ck_assert_int_eq(frames_in(&stream, &f), before.len > 0 ? 2 : 1);
	before.len = 0;
	buf_put(&before, bytes.bytes, bytes.len);
	buf_clear(&stream);
}

START_TEST(any_two_good_neighbours_in_one_piece_are_two_frames)
{
	each_vector(check_pair);
}
END_TEST

/* Of the requests in the vectors that carry one, no password other than zeros may show: the
 * bytes behind the level (dlt645.md 7.7), as hex. */
static void
check_secret(const struct vector *v, struct span bytes)
{
	struct buf json = {0};
	char hex[7];
	struct span found;
	struct dlt645 f;
	struct err e;
	size_t used, at;

	if (dlt645_scan(bytes, &found, &used) != SCAN_FRAME || dlt645_parse(&f, found, &e) < 0)
		return;
	at = f.control == DLT645_CONTROL ? 1 : f.control == DLT645_WRITE ? 5 : 0;
	if (at == 0 || f.len < at + 3 || memcmp(f.data + at, "\0\0\0", 3) == 0)
		return;
	hex_out(hex, span_of(f.data + at, 3));
	dlt645_explain(bytes, &json);
	ck_assert_msg(strstr(buf_text(&json), hex) == NULL, "%s: %s", v->hex, buf_text(&json));
	buf_clear(&json);
}

START_TEST(no_password_shows)
{
	each_vector(check_secret);
}
END_TEST

/* --- what explain does with more or less than a frame ------------------------------------- */

static const char *
explained(const char *hex, bool good)
{
	static struct buf json;

	json.len = 0;
	ck_assert_int_eq(dlt645_explain_hex(hex, &json), good);
	return buf_text(&json);
}

static void
has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
}

#define ASK "68129078563412681104333334336816" /* dlt645.md 1.4 */

START_TEST(noise_in_front_is_told_as_skipped_and_behind_as_trailing)
{
	has(explained("0102" ASK, true), "\"skipped\":\"0102\"");
	has(explained("68" ASK, true), "\"skipped\":\"68\"");
	has(explained(ASK "FEFE0D0A", true), "\"trailing\":\"0D0A\"");
	ck_assert_ptr_eq(strstr(explained("FEFE" ASK "FE", true), "skipped"), NULL);
}
END_TEST

START_TEST(each_frame_has_a_line_of_its_own)
{
	const char *text = explained(ASK "FE68129078563412689C002216", true);

	has(text, "\"control\":\"11\"");
	has(strchr(text, '\n'), "\"control\":\"9C\"");
}
END_TEST

/* The first is a 1C with password 123456 and a wrong checksum. */
START_TEST(a_broken_frame_is_told_once_and_not_shown)
{
	const char *text =
	    explained("68129078563412681C1035896745343333334D33333333533B590016" ASK, false);

	has(text, "{\"ok\":false,\"protocol\":\"dlt645-2007\",\"error\":\"checksum 00, "
		  "expected ");
	has(strchr(text, '\n'), "{\"ok\":true");
	ck_assert_ptr_eq(strstr(text, "896745"), NULL);
	ck_assert_ptr_eq(strstr(text, "skipped"), NULL);
}
END_TEST

START_TEST(what_is_cut_off_says_how_much_of_it_is_there)
{
	has(explained("681290785634126811043333", false),
	    "\"error\":\"truncated: 12 of 16 bytes\"");
	has(explained("6812907856", false),
	    "\"protocol\":\"dlt645-2007\",\"error\":\"truncated: 5 of");
	has(explained(ASK "681290", false), "\"error\":\"truncated: 3 of");
}
END_TEST

/* Constructed: a write of password 123456 to 04000C02, and wallet answers whose length is off
 * by one or whose identifier nobody knows; MAC A1A2A3A4 in each (dlt645.md 2.4, 4.2). */
START_TEST(a_secret_in_an_unusual_place_does_not_show)
{
	static const struct {
		uint8_t control;
		const char *data, *secret;
	} odd[] = {
	    {0x14, "030C0004 02654321 01000000 02563412", "563412"  },
	    {0x14, "030C0004 02654321 01000000 02563412", "654321"  },
	    {0x83, "FF028107 10270000 A1A2A3A4 07",       "A1A2A3A4"},
	    {0x83, "FF018007 0102 A1A2A3A4",              "A1A2A3A4"},
	    {0x03, "FF028107 11223344 A1A2A3A4",          "A1A2A3A4"},
	    {0x1c, "02563412 01000000 1A 00 00",          "563412"  },
	    {0x98, "02563412",                            "563412"  },
	};

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct buf data = {0}, frame = {0}, json = {0};
		struct dlt645 f = {.address = "123456789012", .control = odd[i].control};
		struct err e;

		ck_assert_int_eq(hex_in(&data, odd[i].data, &e), 0);
		memcpy(f.data, data.bytes, f.len = data.len);
		dlt645_build(&frame, &f);
		ck_assert(dlt645_explain(buf_span(&frame), &json));
		ck_assert_msg(
		    strstr(buf_text(&json), odd[i].secret) == NULL, "%s", buf_text(&json));
		buf_clear(&data);
		buf_clear(&frame);
		buf_clear(&json);
	}
}
END_TEST

START_TEST(foreign_protocols_are_named)
{
	has(explained("6812907856341268010243C39A16", false), "\"protocol\":\"dlt645-1997\"");
	has(explained("1F1F010000000100", false), "\"protocol\":\"acrel\"");
	has(explained("0001000100100020", false), "\"protocol\":\"dlms\"");
	has(explained("7EA0070321938CB97E", false), "\"protocol\":\"dlms\"");
	has(explained("38363535333331323334353637383930", false), "\"protocol\":\"unknown\"");
	has(explained("", false), "\"error\":\"no bytes\"");
	has(explained("6812x0", false), "\"error\":\"'x' at 5 is not hex\"");
}
END_TEST

int
main(void)
{
	TCase *vectors = tcase_create("vectors"), *pieces = tcase_create("pieces");
	Suite *s = suite_create("dlt645_vectors");
	SRunner *r;
	int failed;

	tcase_add_test(vectors, every_vector_is_explained_as_it_is_written);
	tcase_add_test(vectors, every_vector_cut_anywhere_is_the_same_frame_once);
	tcase_add_test(vectors, every_good_vector_is_built_again_byte_for_byte);
	tcase_add_test(vectors, any_two_good_neighbours_in_one_piece_are_two_frames);
	tcase_add_test(vectors, no_password_shows);
	tcase_add_test(pieces, noise_in_front_is_told_as_skipped_and_behind_as_trailing);
	tcase_add_test(pieces, each_frame_has_a_line_of_its_own);
	tcase_add_test(pieces, a_broken_frame_is_told_once_and_not_shown);
	tcase_add_test(pieces, what_is_cut_off_says_how_much_of_it_is_there);
	tcase_add_test(pieces, a_secret_in_an_unusual_place_does_not_show);
	tcase_add_test(pieces, foreign_protocols_are_named);
	suite_add_tcase(s, vectors);
	suite_add_tcase(s, pieces);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
