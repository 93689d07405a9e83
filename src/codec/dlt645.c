/*
 * The frame itself: finding, taking apart, putting together, and refusing.
 *
 * dlt645_scan() and dlt645_parse() look at the same things in the same order, but one runs for
 * every byte that arrives and says only "yes, no, wait", the other runs for people and says
 * why.  Nothing here allocates but the output buffer.
 *
 * What may be sent is the table `rules`: a function that is not in it cannot be sent at all.
 */
#include "codec/dlt645.h"

#include "base/err.h"
#include "codec/dlt645_items.h"

#include <stdio.h>
#include <string.h>

#define FRAME_START  0x68
#define FRAME_END    0x16
#define FRAME_FILLER 0xfe
#define FRAME_OFFSET 0x33
#define HEAD         10 /* 68 A0..A5 68 C L */

static uint8_t
checksum(const uint8_t *bytes, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += bytes[i];
	return (uint8_t)sum;
}

enum scan
dlt645_scan(struct span in, struct span *found, size_t *used)
{
	const uint8_t *p = in.bytes, *end;
	size_t left, len;

	*used = 0;
	if (in.len == 0)
		return SCAN_MORE;
	end = p + in.len;
	while (p < end && *p == FRAME_FILLER)
		p++;
	left = (size_t)(end - p);
	*used = in.len - left;
	if (left == 0)
		return SCAN_MORE;
	if (*p != FRAME_START) {
		while (p < end && *p != FRAME_START && *p != FRAME_FILLER)
			p++;
		*used = in.len - (size_t)(end - p);
		return SCAN_NOISE;
	}
	if (left < 8)
		return SCAN_MORE;
	len = left < HEAD ? HEAD : 12u + p[9];
	if (p[7] == FRAME_START && left < len)
		return SCAN_MORE;
	if (p[7] != FRAME_START || p[len - 1] != FRAME_END || checksum(p, len - 2) != p[len - 2]) {
		*used += 1;
		return SCAN_NOISE;
	}
	*found = (struct span){p, len};
	*used += len;
	return SCAN_FRAME;
}

static int
frame_check(struct span s, struct err *e)
{
	const uint8_t *p = s.bytes;
	size_t len;
	uint8_t sum;

	if (s.len > 0 && p[0] != FRAME_START)
		return err_set(e, ERR_INPUT, "begins with %02x, expected 68", p[0]);
	if (s.len >= 8 && p[7] != FRAME_START)
		return err_set(e, ERR_INPUT, "no second 68");
	if (s.len < HEAD)
		return err_set(e, ERR_INPUT, "truncated: %zu of at least 12 bytes", s.len);
	len = 12u + p[9];
	if (s.len < len)
		return err_set(e, ERR_INPUT, "truncated: %zu of %zu bytes", s.len, len);
	if (s.len > len)
		return err_set(e, ERR_INPUT, "%zu bytes behind the end", s.len - len);
	sum = checksum(p, len - 2);
	if (p[len - 2] != sum)
		return err_set(e, ERR_INPUT, "checksum %02x, expected %02x", p[len - 2], sum);
	if (p[len - 1] != FRAME_END)
		return err_set(e, ERR_INPUT, "end byte %02x, expected 16", p[len - 1]);
	return 0;
}

int
dlt645_parse(struct dlt645 *f, struct span frame, struct err *e)
{
	static const char digits[] = "0123456789ABCDEF";

	if (frame_check(frame, e) < 0)
		return -1;
	for (size_t i = 0; i < 6; i++) {
		f->address[2 * i] = digits[frame.bytes[6 - i] >> 4];
		f->address[2 * i + 1] = digits[frame.bytes[6 - i] & 15];
	}
	f->address[12] = '\0';
	f->control = frame.bytes[8];
	f->len = frame.bytes[9];
	for (size_t i = 0; i < f->len; i++)
		f->data[i] = (uint8_t)(frame.bytes[HEAD + i] - FRAME_OFFSET);
	return 0;
}

static unsigned
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : 0;
}

void
dlt645_build(struct buf *out, const struct dlt645 *f)
{
	size_t n = f->len <= DLT645_MAX_DATA ? f->len : DLT645_MAX_DATA;
	uint8_t b[DLT645_MAX_FRAME];

	b[0] = b[7] = FRAME_START;
	for (size_t i = 0; i < 6; i++)
		b[6 - i] =
		    (uint8_t)(nibble(f->address[2 * i]) << 4 | nibble(f->address[2 * i + 1]));
	b[8] = f->control;
	b[9] = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		b[HEAD + i] = (uint8_t)(f->data[i] + FRAME_OFFSET);
	b[HEAD + n] = checksum(b, HEAD + n);
	b[HEAD + n + 1] = FRAME_END;
	buf_put(out, b, HEAD + n + 2);
}

uint32_t
dlt645_di(struct span data)
{
	const uint8_t *p = data.bytes;

	if (data.len < 4)
		return 0;
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

void
dlt645_put_di(struct dlt645 *f, uint32_t di)
{
	for (int i = 0; i < 4 && f->len < DLT645_MAX_DATA; i++)
		f->data[f->len++] = (uint8_t)(di >> 8 * i);
}

/* --- what may be sent ------------------------------------------------------------------- */

/* Who hears an address. */
enum to {
	TO_ONE = 1,     /* twelve digits */
	TO_SOME = 2,    /* AA in front, digits behind */
	TO_ANY = 4,     /* AA throughout: whoever is alone on the line */
	TO_ALL = 8,     /* 99 throughout: everybody, and nobody answers */
	TO_NOBODY = 16, /* not an address */
};

#define SHORT_CONTROL 9 /* level, password, operator, what to do; of one maker's meters */

typedef int date_check_fn(const struct dlt645 *f, struct err *e);
static date_check_fn time_check, read_check, write_check, freeze_check, control_check;

static const struct rule {
	uint8_t fn, least, most; /* DATA bytes */
	uint8_t to;
	bool commissioning;
	date_check_fn *check;
} rules[] = {
    {DLT645_SECURITY,      8,  255, TO_ONE,                    false, NULL         },
    {DLT645_TIME,          6,  6,   TO_ONE | TO_ALL,           false, time_check   },
    {DLT645_READ,          4,  10,  TO_ONE | TO_SOME | TO_ANY, false, read_check   },
    {DLT645_READ_MORE,     5,  5,   TO_ONE | TO_SOME | TO_ANY, false, NULL         },
    {DLT645_READ_ADDRESS,  0,  0,   TO_ONE | TO_ANY,           true,  NULL         },
    {DLT645_WRITE,         12, 255, TO_ONE,                    false, write_check  },
    {DLT645_WRITE_ADDRESS, 6,  6,   TO_ONE,                    true,  NULL         },
    {DLT645_FREEZE,        4,  4,   TO_ONE | TO_ALL,           false, freeze_check },
    {DLT645_BAUD,          1,  1,   TO_ONE,                    true,  NULL         },
    {DLT645_PASSWORD,      12, 12,  TO_ONE,                    false, NULL         },
    {DLT645_CLEAR_DEMAND,  8,  8,   TO_ONE,                    true,  NULL         },
    {DLT645_CLEAR_METER,   8,  8,   TO_ONE,                    true,  NULL         },
    {DLT645_CLEAR_EVENTS,  12, 12,  TO_ONE,                    true,  NULL         },
    {DLT645_CONTROL,       16, 28,  TO_ONE,                    false, control_check},
    {DLT645_OUTPUT,        1,  1,   TO_ONE,                    false, NULL         },
};

static enum to
address_kind(const char *address)
{
	size_t wild = strspn(address, "A"), digits = strspn(address + wild, "0123456789");

	if (wild + digits != 12 || address[12] != '\0' || wild % 2 != 0)
		return TO_NOBODY;
	if (wild == 12)
		return TO_ANY;
	if (wild > 0)
		return TO_SOME;
	return strcmp(address, "999999999999") == 0 ? TO_ALL : TO_ONE;
}

static int
date_refused(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "%s: no such date or time", what);
}

static int
time_check(const struct dlt645 *f, struct err *e)
{
	if (!bcd_is_time(f->data, 3) || !bcd_is_date(f->data + 3))
		return date_refused(e, "broadcast time");
	return 0;
}

/* DI, DI N, or DI N mm hh DD MM YY. */
static int
read_check(const struct dlt645 *f, struct err *e)
{
	if (f->len != 4 && f->len != 5 && f->len != 10)
		return err_set(e, ERR_INPUT, "a read of %zu bytes", f->len);
	if (f->len == 10 && (!bcd_is_time(f->data + 5, 2) || !bcd_is_date(f->data + 7)))
		return date_refused(e, "read since");
	return 0;
}

/* The clock and the switch times, unless they travel enciphered (PA 98). */
static int
write_check(const struct dlt645 *f, struct err *e)
{
	uint32_t di = dlt645_di(span_of(f->data, f->len));
	const uint8_t *v = f->data + 12;
	size_t len = f->len - 12;
	bool fine = true;

	if (f->data[4] == 0x98)
		return 0;
	if (f->data[4] == 0x99)
		len = len >= 4 ? len - 4 : 0; /* a MAC behind it */
	if (di == 0x04000101)
		fine = len == 4 && v[0] <= 6 && bcd_is_date(v + 1);
	else if (di == 0x04000102)
		fine = len == 3 && bcd_is_time(v, 3);
	else if (di == 0x0400010c)
		fine = len == 7 && bcd_is_time(v, 3) && v[3] <= 6 && bcd_is_date(v + 4);
	else if (di >= 0x04000106 && di <= 0x0400010a)
		fine = len == 5 && bcd_is_time(v, 2) && bcd_is_date(v + 2);
	return fine ? 0 : date_refused(e, "write to the clock");
}

/* mm hh DD MM, 99 from the back: every hour, every day, every month, at once. */
static int
freeze_check(const struct dlt645 *f, struct err *e)
{
	const uint8_t *p = f->data;
	uint8_t date[3] = {p[2], p[3], 0}; /* 2000 had a 29 February */
	size_t wild = 0;

	while (wild < 4 && p[3 - wild] == 0x99)
		wild++;
	if (wild == 0 && bcd_is_date(date) && bcd_is_time(p, 2))
		return 0;
	date[1] = 0x01;
	if (wild == 1 && bcd_is_date(date) && bcd_is_time(p, 2))
		return 0;
	if (wild == 4 || (wild >= 2 && bcd_is_time(p, 4 - wild)))
		return 0;
	return date_refused(e, "freeze");
}

/* Plain with its deadline, or what the encryption machine made of it. */
static int
control_check(const struct dlt645 *f, struct err *e)
{
	bool sealed = f->data[0] == 0x98 || f->data[0] == 0x99;

	if (f->len != (sealed ? 28 : 16))
		return err_set(
		    e, ERR_INPUT, "control at level %02x of %zu bytes", f->data[0], f->len);
	if (!sealed && (!bcd_is_time(f->data + 10, 3) || !bcd_is_date(f->data + 13)))
		return date_refused(e, "control deadline");
	return 0;
}

int
dlt645_encode(struct buf *out, const struct dlt645 *f, const struct dlt645_policy *p, struct err *e)
{
	size_t most = p->most > 0 && p->most <= DLT645_MAX_DATA ? p->most : 200;
	const struct rule *r = NULL;
	enum to to = address_kind(f->address);

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (rules[i].fn == f->control)
			r = &rules[i];
	if (r == NULL)
		return err_set(e, ERR_INPUT, "function %02x is never sent", f->control);
	if (r->commissioning && !p->commissioning)
		return err_set(e, ERR_INPUT, "function %02x is for commissioning", f->control);
	if (to == TO_NOBODY)
		return err_set(e, ERR_INPUT, "'%.12s' is not an address", f->address);
	if ((r->to & to) == 0 && !p->commissioning)
		return err_set(
		    e, ERR_INPUT, "function %02x is not sent to %s", f->control, f->address);
	if (f->control == DLT645_CONTROL && f->len == SHORT_CONTROL && p->short_control) {
		dlt645_build(out, f);
		return 0;
	}
	if (f->len < r->least || f->len > r->most)
		return err_set(e, ERR_INPUT, "function %02x has no %zu bytes", f->control, f->len);
	if (f->len > most)
		return err_set(
		    e, ERR_INPUT, "%zu bytes, the meter takes at most %zu", f->len, most);
	if (r->check != NULL && r->check(f, e) < 0)
		return -1;
	dlt645_build(out, f);
	return 0;
}

/* --- what a meter says when it says no -------------------------------------------------- */

static const char *const plain_words[DLT645_ERROR_BITS] = {
    "other", "no such data", "password", "baud rate", "year zones", "day periods", "tariffs"};
static const char *const security_words[DLT645_ERROR_BITS] = {"other", "repeated recharge",
    "ESAM verification", "identity authentication", "customer number", "purchase count",
    "hoarding limit", "address", "authentication suspended"};
/* dlt645.md 3.3, one vendor; the top bit only marks the word. */
static const char *const control_words[DLT645_ERROR_BITS] = {"authentication suspended", "MAC",
    "password", "authentication expired", "deadline", "power kept", "auto-restore", "auto-restore",
    "auto-restore", NULL, NULL, NULL, NULL, NULL, NULL, "refused"};

int
dlt645_error_get(struct dlt645_error *x, const struct dlt645 *f, struct err *e)
{
	const uint8_t refused = DLT645_REPLY | DLT645_ABNORMAL;
	uint8_t fn = f->control & 0x1f;

	*x = (struct dlt645_error){0};
	if ((f->control & refused) != refused)
		return err_set(e, ERR_INPUT, "control %02x is no error", f->control);
	x->security = fn == DLT645_SECURITY && f->len == 2;
	x->control = fn == DLT645_CONTROL && f->len == 2;
	if (f->len != 1 && !x->security && !x->control)
		return err_set(e, ERR_INPUT, "an error of %zu bytes", f->len);
	x->bits = (uint16_t)(f->data[0] | (f->len == 2 ? f->data[1] << 8 : 0));
	return 0;
}

const char *
dlt645_error_word(const struct dlt645_error *x, int bit)
{
	const char *const *words = x->security  ? security_words
				   : x->control ? control_words
						: plain_words;

	if (bit < 0 || bit >= DLT645_ERROR_BITS || (x->bits >> bit & 1) == 0)
		return NULL;
	return words[bit] != NULL ? words[bit] : "reserved";
}

void
dlt645_error_text(const struct dlt645_error *x, char *out, size_t room)
{
	size_t at = 0;

	snprintf(out, room, "none");
	for (int bit = 0; bit < DLT645_ERROR_BITS && at < room; bit++) {
		const char *word = dlt645_error_word(x, bit);
		int n = 0;

		if (word != NULL)
			n = snprintf(out + at, room - at, "%s%s", at > 0 ? ", " : "", word);
		at += n > 0 ? (size_t)n : 0;
	}
}

void
dlt645_mask(uint8_t *frame, size_t len)
{
	size_t start = 0, at;

	while (start < len && frame[start] == 0xfe)
		start++;
	if (len - start < 12)
		return;
	switch (frame[start + 8]) {
	case DLT645_CONTROL:
	case DLT645_CLEAR_DEMAND:
	case DLT645_CLEAR_METER:
	case DLT645_CLEAR_EVENTS:
		at = start + 11; /* PA, then the password */
		break;
	case DLT645_WRITE:
		at = start + 15; /* DI, PA, then the password */
		break;
	default:
		return;
	}
	for (size_t i = at; i < at + 3 && i < len; i++)
		frame[i] = 0x33;
}
