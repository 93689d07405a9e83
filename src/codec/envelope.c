/*
 * What a connection begins with is a chain of questions, most telling first: a 645 frame, the
 * other protocols by their fixed heads, printable text, and only after a pause whatever is
 * left.  Each question answers yes, no, or "it may still become one".
 *
 * The letter h is 68: a text may look like the start of a frame and the other way round, so a
 * frame is believed only with its second 68, and inside text only when it is whole.
 */
#include "codec/envelope.h"

#include "codec/dlt645.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_LEAST    4
#define NAME_MOST     64
#define HEX_NAME_MOST 40 /* bytes */

enum answer { NO, MAYBE, YES };

const char *
envelope_name(enum envelope_kind k)
{
	static const char *const names[] = {
	    [ENVELOPE_UNDECIDED] = "undecided",
	    [ENVELOPE_DLT645] = "dlt645-2007",
	    [ENVELOPE_DTU] = "dtu",
	    [ENVELOPE_GDW376] = "gdw376.1",
	    [ENVELOPE_ACREL] = "acrel",
	    [ENVELOPE_DLMS] = "dlms",
	    [ENVELOPE_UNKNOWN] = "unknown",
	};

	return (size_t)k < sizeof names / sizeof names[0] ? names[k] : "unknown";
}

static bool
is_printable(uint8_t b)
{
	return b >= 0x20 && b <= 0x7e;
}

static bool
is_filler(uint8_t b)
{
	return b == 0x00 || b == '\r' || b == '\n';
}

static struct span
behind(struct span s, size_t n)
{
	return (struct span){s.bytes + n, s.len - n};
}

/* A whole good frame right here. */
static bool
is_frame(struct span s)
{
	struct span found;
	size_t used;

	return s.len > 0 && s.bytes[0] == 0x68 && dlt645_scan(s, &found, &used) == SCAN_FRAME;
}

static bool
holds_frame(struct span s)
{
	for (; s.len >= 12; s = behind(s, 1))
		if (is_frame(s))
			return true;
	return false;
}

/* Short, and not letters throughout: those would be a text, or too little of one. */
static bool
is_hex_name(struct span s)
{
	bool text = true;

	for (size_t i = 0; i < s.len; i++)
		text &= is_printable(s.bytes[i]);
	return s.len >= 2 && s.len <= HEX_NAME_MOST && !text;
}

/* --- the questions ----------------------------------------------------------------------- */

/* 68 ....... 68; an address may hold the very bytes that mark Q/GDW 376.1, then only a whole
 * frame will do. */
static enum answer
ask_dlt645(struct span s)
{
	if (s.len == 0 || s.bytes[0] != 0x68)
		return NO;
	if (s.len < 8)
		return MAYBE;
	if (s.bytes[7] != 0x68)
		return NO;
	if (s.bytes[5] == 0x68 && s.bytes[1] == s.bytes[3] && s.bytes[2] == s.bytes[4])
		return is_frame(s) ? YES : NO;
	return YES;
}

/* 68 L L 68, both L equal, two bytes each. */
static enum answer
ask_gdw376(struct span s)
{
	if (s.len == 0 || s.bytes[0] != 0x68)
		return NO;
	if (s.len < 6)
		return MAYBE;
	return s.bytes[5] == 0x68 && s.bytes[1] == s.bytes[3] && s.bytes[2] == s.bytes[4] ? YES
											  : NO;
}

/* 7B 7B and a command, which is never a letter; 1F 1F. */
static enum answer
ask_acrel(struct span s)
{
	if (s.len == 0 || (s.bytes[0] != 0x7b && s.bytes[0] != 0x1f))
		return NO;
	if (s.len < 2)
		return MAYBE;
	if (s.bytes[1] != s.bytes[0])
		return NO;
	return s.bytes[0] == 0x7b && s.len > 2 && is_printable(s.bytes[2]) ? NO : YES;
}

/* A wrapper, 00 01 00 xx 00 xx and a length, or HDLC, 7E Ax. */
static enum answer
ask_dlms(struct span s)
{
	static const uint8_t head[] = {0x00, 0x01, 0x00, 0xff, 0x00, 0xff, 0xff, 0xff};

	if (s.len > 0 && s.bytes[0] == 0x7e)
		return s.len < 2 ? MAYBE : (s.bytes[1] & 0xf0) == 0xa0 ? YES : NO;
	for (size_t i = 0; i < sizeof head; i++) {
		if (i >= s.len)
			return i == 0 ? NO : MAYBE;
		if (head[i] != 0xff && s.bytes[i] != head[i])
			return NO;
	}
	return (s.bytes[6] << 8 | s.bytes[7]) > 0 ? YES : NO;
}

/* How much printable text stands in front, up to a line end, FE or a whole frame.  YES: that
 * much and then its end; MAYBE: up to the end of what there is. */
static enum answer
ask_text(struct span s, size_t *len)
{
	size_t n = 0;

	while (
	    n < s.len && is_printable(s.bytes[n]) && !(n >= NAME_LEAST && is_frame(behind(s, n))))
		n++;
	*len = n;
	if (n > NAME_MOST)
		return NO;
	if (n == s.len)
		return n > 0 ? MAYBE : NO;
	if (n < NAME_LEAST)
		return NO;
	return is_filler(s.bytes[n]) || s.bytes[n] == 0xfe || s.bytes[n] == 0x68 ? YES : NO;
}

static enum envelope_kind
guess_rest(struct span s, bool final)
{
	bool bus = s.len > 1 && s.bytes[0] == 0xfe; /* a preamble, then garbage */

	if (holds_frame(s))
		return ENVELOPE_DLT645;
	if (!final && s.len <= HEX_NAME_MOST)
		return ENVELOPE_UNDECIDED;
	while (s.len > 0 && (is_filler(s.bytes[0]) || s.bytes[0] == 0xfe))
		s = behind(s, 1);
	if (s.len == 0)
		return ENVELOPE_UNDECIDED;
	if (s.bytes[0] == 0x68)
		return bus ? ENVELOPE_DLT645 : ENVELOPE_UNKNOWN;
	if (!final)
		return ENVELOPE_UNDECIDED;
	return is_hex_name(s) ? ENVELOPE_DTU : ENVELOPE_UNKNOWN;
}

enum envelope_kind
envelope_guess(struct span first_bytes, bool final)
{
	static const struct {
		enum answer (*ask)(struct span s);
		enum envelope_kind kind;
	} questions[] = {
	    {ask_dlt645, ENVELOPE_DLT645},
	    {ask_gdw376, ENVELOPE_GDW376},
	    {ask_acrel,  ENVELOPE_ACREL },
	    {ask_dlms,   ENVELOPE_DLMS  },
	};
	struct span s = first_bytes;
	bool maybe = false;
	size_t len;

	while (s.len > 0 && (is_filler(s.bytes[0]) || s.bytes[0] == 0xfe) && ask_dlms(s) == NO)
		s = behind(s, 1);
	if (s.len == 0)
		return ENVELOPE_UNDECIDED;
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
		enum answer a = questions[i].ask(s);

		if (a == YES)
			return questions[i].kind;
		maybe |= a == MAYBE;
	}
	if (maybe && !final)
		return ENVELOPE_UNDECIDED;
	switch (ask_text(s, &len)) {
	case YES:
		return ENVELOPE_DTU;
	case MAYBE:
		if (!final)
			return ENVELOPE_UNDECIDED;
		if (len >= NAME_LEAST)
			return ENVELOPE_DTU;
		break;
	case NO:
		break;
	}
	return guess_rest(first_bytes, final);
}

/* --- the stream -------------------------------------------------------------------------- */

static enum answer
starts_with(struct span s, const char *word, size_t len)
{
	size_t n = s.len < len ? s.len : len;

	if (strncasecmp((const char *)s.bytes, word, n) != 0)
		return NO;
	return s.len < len ? MAYBE : YES;
}

/* The name given before, as it was sent: text, or the bytes of its hex. */
static enum answer
starts_with_identity(struct span s, const char *identity, size_t *len)
{
	char hex[2 * HEX_NAME_MOST + 1];
	size_t n = strlen(identity);
	enum answer a = n > 0 ? starts_with(s, identity, n) : NO;

	*len = n;
	if (a != NO || n == 0 || n % 2 != 0 || n > 2 * HEX_NAME_MOST)
		return a;
	*len = n / 2;
	hex_out(hex, (struct span){s.bytes, s.len < n / 2 ? s.len : n / 2});
	if (strncmp(hex, identity, strlen(hex)) != 0)
		return NO;
	return s.len < n / 2 ? MAYBE : YES;
}

static enum answer
ask_ping(struct span s, const char *identity, size_t *len)
{
	static const char *const words[] = {"ping", "heartbeat", "alive", "keepalive"};
	enum answer best = starts_with_identity(s, identity, len);

	for (size_t i = 0; i < sizeof words / sizeof words[0] && best != YES; i++) {
		enum answer a = starts_with(s, words[i], strlen(words[i]));

		if (a == YES)
			*len = strlen(words[i]);
		if (a > best)
			best = a;
	}
	return best;
}

/* With the line end or NUL behind it. */
static size_t
with_end(struct span s, size_t len)
{
	while (len < s.len && is_filler(s.bytes[len]))
		len++;
	return len;
}

static bool
take_name(struct span in, struct span *found, size_t *used)
{
	static _Thread_local char hex[2 * HEX_NAME_MOST + 1];
	enum answer a;
	size_t len;

	a = ask_text(in, &len);
	if (a == YES || (a == MAYBE && len >= NAME_LEAST)) {
		*found = (struct span){in.bytes, len};
		*used = with_end(in, len);
		return true;
	}
	if (!is_hex_name(in) || in.bytes[0] == 0xfe || in.bytes[0] == 0x68 || holds_frame(in))
		return false;
	hex_out(hex, in);
	*found = span_of(hex, 2 * in.len);
	*used = in.len;
	return true;
}

enum scan
envelope_scan(
    enum envelope_kind k, const char *identity, struct span in, struct span *found, size_t *used)
{
	enum answer ping;
	size_t len;

	*used = 0;
	if (in.len == 0)
		return SCAN_MORE;
	*used = in.len;
	if (k != ENVELOPE_DLT645 && k != ENVELOPE_DTU)
		return SCAN_NOISE;
	if (in.len == 1 && in.bytes[0] == 0xfe)
		return SCAN_PING;
	*used = with_end(in, 0);
	if (*used > 0 && starts_with_identity(in, identity, &len) == NO)
		return SCAN_PING;
	if (ask_dlt645(in) == YES)
		return dlt645_scan(in, found, used);
	ping = ask_ping(in, identity, &len);
	*used = ping == YES ? with_end(in, len) : 0;
	if (ping != NO)
		return ping == YES ? SCAN_PING : SCAN_MORE;
	if (k == ENVELOPE_DTU && *identity == '\0' && take_name(in, found, used))
		return SCAN_NAME;
	return dlt645_scan(in, found, used);
}
