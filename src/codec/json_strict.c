/*
 * JSON that has one meaning.
 *
 * cJSON keeps numbers as double, keeps both of two equal keys, cuts a text at \u0000 and takes
 * any bytes for UTF-8.  So the text is first walked by a scanner that knows the whole grammar
 * and refuses everything on which two readers could disagree; only then does cJSON build the
 * tree.  Equal keys are looked for in the tree, where "a" and "\u0061" are the same.
 *
 * A provider's JSON has numbers with a fraction in members nobody here asks for.  json_foreign()
 * takes them and hands them to cJSON in quotes: a text, spelt as it was sent, that no reader of
 * integers takes for one.
 *
 * The scanner remembers the member it is in, since "amount_minor: not a whole number" is what
 * the sender's programmer needs to read.
 */
#include "codec/webhook.h"

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MOST 16

struct scan {
	const uint8_t *p, *start, *end;
	struct span member; /* the name we are inside of; empty at the top */
	int depth;
	struct buf *quoted;    /* the text with odd numbers in quotes; NULL: there may be none */
	const uint8_t *copied; /* up to here it is in `quoted` */
	struct err *e;
};

static int scan_value(struct scan *s);

static int
scan_fail(const struct scan *s, const char *what)
{
	int len = s->member.len < 40 ? (int)s->member.len : 40;

	return err_set(s->e, ERR_INPUT, "%.*s%s%s at byte %zu", len,
	    len > 0 ? (const char *)s->member.bytes : "", len > 0 ? ": " : "", what,
	    (size_t)(s->p - s->start) + 1);
}

static void
scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool
scan_next_is(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == (uint8_t)c;
}

/* How long the UTF-8 character at p is; 0 when it is none (overlong, surrogate, cut off). */
static size_t
utf8_len(const uint8_t *p, const uint8_t *end)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* \uXXXX with p on the 'u'; -1 when it is not four hex digits. */
static long
scan_hex4(struct scan *s)
{
	long v = 0;

	if (s->end - s->p < 5)
		return -1;
	for (int i = 1; i <= 4; i++) {
		int c = s->p[i] | 0x20;

		if (c >= '0' && c <= '9' && s->p[i] == c)
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	s->p += 5;
	return v;
}

static int
scan_escape(struct scan *s)
{
	long high, low;

	s->p++;
	if (s->p == s->end)
		return scan_fail(s, "text without end");
	if (*s->p != 'u') {
		if (*s->p == '\0' || strchr("\"\\/bfnrt", *s->p) == NULL)
			return scan_fail(s, "unknown escape");
		s->p++;
		return 0;
	}
	high = scan_hex4(s);
	if (high < 0)
		return scan_fail(s, "\\u without four hex digits");
	if (high == 0)
		return scan_fail(s, "a NUL in text");
	if (high >= 0xdc00 && high <= 0xdfff)
		return scan_fail(s, "half a surrogate pair");
	if (high < 0xd800 || high > 0xdbff)
		return 0;
	if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
		return scan_fail(s, "half a surrogate pair");
	s->p++;
	low = scan_hex4(s);
	return low >= 0xdc00 && low <= 0xdfff ? 0 : scan_fail(s, "half a surrogate pair");
}

static int
scan_string(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '"';) {
		size_t n;

		if (*s->p < 0x20)
			return scan_fail(s, "a control character in text");
		if (*s->p == '\\') {
			if (scan_escape(s) < 0)
				return -1;
			continue;
		}
		n = utf8_len(s->p, s->end);
		if (n == 0)
			return scan_fail(s, "not UTF-8");
		s->p += n;
	}
	if (s->p == s->end)
		return scan_fail(s, "text without end");
	s->p++;
	return 0;
}

/* A number that is no whole one, or too large to be exact: legal JSON, and a text from here on. */
static int
scan_odd_number(struct scan *s, const uint8_t *start)
{
	const uint8_t *p = start, *digits;

	p += *p == '-';
	for (digits = p; p < s->end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == digits || (p - digits > 1 && *digits == '0'))
		return scan_fail(s, "not a number");
	if (p < s->end && *p == '.') {
		for (digits = ++p; p < s->end && *p >= '0' && *p <= '9'; p++)
			;
		if (p == digits)
			return scan_fail(s, "a point without digits");
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < s->end && (*p == '+' || *p == '-');
		for (digits = p; p < s->end && *p >= '0' && *p <= '9'; p++)
			;
		if (p == digits)
			return scan_fail(s, "an exponent without digits");
	}
	buf_put(s->quoted, s->copied, (size_t)(start - s->copied));
	buf_put_u8(s->quoted, '"');
	buf_put(s->quoted, start, (size_t)(p - start));
	buf_put_u8(s->quoted, '"');
	s->copied = s->p = p;
	return 0;
}

static int
scan_whole_number(struct scan *s)
{
	bool negative = *s->p == '-';
	const uint8_t *digits;
	int64_t v = 0;

	if (negative)
		s->p++;
	digits = s->p;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		v = v * 10 + (*s->p - '0');
		if (v > JSON_INTEGER_MOST)
			return scan_fail(s, "a number beyond 9007199254740991");
	}
	if (s->p == digits)
		return scan_fail(s, "a number without digits");
	if (s->p - digits > 1 && *digits == '0')
		return scan_fail(s, "a number with leading zeros");
	if (negative && v == 0)
		return scan_fail(s, "a nought with a sign");
	if (s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E'))
		return scan_fail(s, "not a whole number");
	return 0;
}

static int
scan_number(struct scan *s)
{
	const uint8_t *start = s->p;

	if (scan_whole_number(s) == 0)
		return 0;
	return s->quoted != NULL ? scan_odd_number(s, start) : -1;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return scan_fail(s, "not JSON");
	s->p += len;
	return 0;
}

static int
scan_member(struct scan *s)
{
	struct span outer = s->member;
	const uint8_t *name = s->p + 1;

	if (!scan_next_is(s, '"'))
		return scan_fail(s, "a member's name is missing");
	if (scan_string(s) < 0)
		return -1;
	s->member = span_of(name, (size_t)(s->p - 1 - name));
	scan_blanks(s);
	if (!scan_next_is(s, ':'))
		return scan_fail(s, "':' is missing");
	s->p++;
	if (scan_value(s) < 0)
		return -1;
	s->member = outer;
	return 0;
}

/* An object or an array: the same but for what its items are. */
static int
scan_items(struct scan *s, char close, int (*item)(struct scan *s))
{
	if (++s->depth > DEPTH_MOST)
		return scan_fail(s, "nested deeper than 16");
	s->p++;
	scan_blanks(s);
	if (!scan_next_is(s, close))
		for (;;) {
			scan_blanks(s);
			if (item(s) < 0)
				return -1;
			scan_blanks(s);
			if (!scan_next_is(s, ','))
				break;
			s->p++;
		}
	if (!scan_next_is(s, close))
		return scan_fail(
		    s, close == '}' ? "',' or '}' is missing" : "',' or ']' is missing");
	s->p++;
	s->depth--;
	return 0;
}

static int
scan_value(struct scan *s)
{
	scan_blanks(s);
	if (s->p == s->end)
		return scan_fail(s, "a value is missing");
	switch (*s->p) {
	case '{':
		return scan_items(s, '}', scan_member);
	case '[':
		return scan_items(s, ']', scan_value);
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
			return scan_number(s);
		return scan_fail(s, "not JSON");
	}
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, because a body may be nothing but ten thousand names. */
static int
names_differ(const cJSON *o, struct err *e)
{
	size_t n = (size_t)cJSON_GetArraySize(o), i = 0;
	const char **names = mem_new(n * sizeof *names);
	const cJSON *m;
	int rc = 0;

	for (m = o->child; m != NULL; m = m->next)
		names[i++] = m->string;
	qsort(names, n, sizeof *names, by_name);
	for (i = 1; i < n && rc == 0; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			rc = err_set(e, ERR_INPUT, "%.40s: given twice", names[i]);
	free(names);
	return rc;
}

static int
tree_check(const cJSON *v, struct err *e)
{
	if (cJSON_IsObject(v) && names_differ(v, e) < 0)
		return -1;
	for (const cJSON *m = v->child; m != NULL; m = m->next)
		if (tree_check(m, e) < 0)
			return -1;
	return 0;
}

static cJSON *
read_tree(struct scan *s, struct span text)
{
	cJSON *tree;

	if (text.len == 0) {
		err_set(s->e, ERR_INPUT, "no JSON, nothing at all");
		return NULL;
	}
	s->p = s->start = s->copied = text.bytes;
	s->end = text.bytes + text.len;
	if (scan_value(s) < 0)
		return NULL;
	scan_blanks(s);
	if (s->p < s->end) {
		scan_fail(s, "more text after the end");
		return NULL;
	}
	if (s->quoted != NULL) {
		buf_put(s->quoted, s->copied, (size_t)(s->end - s->copied));
		text = buf_span(s->quoted);
	}
	tree = cJSON_ParseWithLengthOpts((const char *)text.bytes, text.len, NULL, 0);
	if (tree == NULL) {
		err_set(s->e, ERR_BUG, "the JSON reader disagrees with its scanner");
		return NULL;
	}
	if (tree_check(tree, s->e) < 0) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

struct cJSON *
json_strict(struct span text, struct err *e)
{
	struct scan s = {.e = e};

	return read_tree(&s, text);
}

struct cJSON *
json_foreign(struct span text, struct err *e)
{
	struct buf quoted = {0};
	struct scan s = {.e = e, .quoted = &quoted};
	cJSON *tree = read_tree(&s, text);

	buf_clear(&quoted);
	return tree;
}

void
json_quote(struct buf *out, const char *text)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);

	buf_put_u8(out, '"');
	while (p < end) {
		size_t n = utf8_len(p, end);

		if (n == 0) {
			buf_put_text(out, "\xef\xbf\xbd"); /* the replacement character */
			n = 1;
		} else if (*p == '"' || *p == '\\') {
			buf_put_u8(out, '\\');
			buf_put_u8(out, *p);
		} else if (*p < 0x20 || *p == 0x7f) {
			buf_printf(out, "\\u%04x", *p);
		} else {
			buf_put(out, p, n);
		}
		p += n;
	}
	buf_put_u8(out, '"');
}
