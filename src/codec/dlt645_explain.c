/*
 * Walks the bytes and decides what is a frame, a broken frame or noise; dlt645_page.c writes
 * what a good frame says.
 *
 * A broken frame is told once: what lies inside it may still hold a good frame, so the walk
 * goes on one byte at a time, but neither its pieces nor its bytes (a password, say) are told
 * again as noise.
 */
#include "codec/dlt645_explain.h"

#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_page.h"
#include "codec/envelope.h"

#include <ctype.h>
#include <string.h>

struct hunt {
	const uint8_t *at, *end;
	const uint8_t *noise, *noise_end; /* not told yet; NULL when there is none */
	const uint8_t *told;              /* bytes before this belong to a broken frame */
	struct buf *json;
	int lines;
	bool good;
};

static struct span
hunt_left(const struct hunt *h)
{
	return (struct span){h->at, (size_t)(h->end - h->at)};
}

static void
hunt_noise(struct hunt *h, size_t len)
{
	const uint8_t *from = h->at > h->told ? h->at : h->told;

	h->at += len;
	if (from >= h->at)
		return;
	if (h->noise == NULL)
		h->noise = from;
	h->noise_end = h->at;
}

static void
hunt_line_end(struct hunt *h, bool good)
{
	if (h->noise != NULL)
		json_hex(
		    h->json, "skipped", (struct span){h->noise, (size_t)(h->noise_end - h->noise)});
	h->noise = NULL;
	buf_put_text(h->json, "}\n");
	h->good &= good;
	h->lines++;
}

static void
hunt_refuse(struct hunt *h, const char *protocol, const char *error)
{
	json_refusal(h->json, protocol, error);
	hunt_line_end(h, false);
}

/* The 1997 edition has the same shell, other functions, identifiers of two bytes. */
static bool
is_1997(uint8_t control, size_t len)
{
	uint8_t fn = control & 0x1f;

	if ((control & DLT645_REPLY) == 0 && control > 0x1f)
		return false;
	if (control == DLT645_SECURITY) /* its "read again" */
		return len == 2 || len == 3;
	return fn == 0x01 || fn == 0x02 || fn == 0x04 || fn == 0x0a || fn == 0x0c || fn == 0x0f ||
	       fn == 0x10;
}

/* What follows the last frame and holds no beginning of another. */
static void
hunt_trailing(struct hunt *h)
{
	struct span s;

	while (h->at < h->end && *h->at == 0xfe)
		h->at++;
	s = hunt_left(h);
	if (s.len == 0 || memchr(s.bytes, 0x68, s.len) != NULL)
		return;
	json_hex(h->json, "trailing", s);
	h->at = h->end;
}

static void
hunt_frame(struct hunt *h, struct span frame)
{
	struct dlt645 f;
	struct err e;

	h->at = frame.bytes + frame.len;
	if (dlt645_parse(&f, frame, &e) < 0) {
		hunt_refuse(h, "dlt645-2007", e.text);
		return;
	}
	if (is_1997(f.control, f.len)) {
		json_refusal(h->json, "dlt645-1997", "a frame of DL/T 645-1997");
		buf_printf(
		    h->json, ",\"address\":\"%s\",\"control\":\"%02X\"", f.address, f.control);
		hunt_line_end(h, false);
		return;
	}
	dlt645_page(&f, h->json);
	hunt_trailing(h);
	hunt_line_end(h, true);
}

/* 68 here, and no good frame.  With a second 68 it is a broken frame, else noise. */
static void
hunt_broken(struct hunt *h)
{
	struct span s = hunt_left(h);
	struct dlt645 f;
	struct err e;

	if (s.len < 8 || s.bytes[7] != 0x68 || s.bytes < h->told) {
		hunt_noise(h, 1);
		return;
	}
	if (s.len >= 10 && s.len > 12u + s.bytes[9])
		s.len = 12u + s.bytes[9];
	if (dlt645_parse(&f, s, &e) < 0)
		hunt_refuse(h,
		    s.len >= 10 && is_1997(s.bytes[8], s.bytes[9]) ? "dlt645-1997" : "dlt645-2007",
		    e.text);
	h->told = s.bytes + s.len;
	h->at++;
}

/* Nothing in it was a frame, or the start of one is all that is left. */
static void
hunt_nothing(struct hunt *h, struct span all)
{
	struct dlt645 f;
	struct err e;
	const uint8_t *start;

	if (h->noise == NULL && h->lines > 0)
		return;
	start = h->noise != NULL ? memchr(h->noise, 0x68, (size_t)(h->end - h->noise)) : NULL;
	if (all.len == 0)
		hunt_refuse(h, "unknown", "no bytes");
	else if (start == NULL)
		hunt_refuse(h, "unknown", "no frame");
	else {
		struct span s = {start, (size_t)(h->end - start)};

		dlt645_parse(&f, s, &e);
		hunt_refuse(h, s.len < 8 ? "dlt645-2007" : "unknown", e.text);
	}
}

/* A login in the shape of a DLMS wrapper: 12 digits behind 0A, 0C, AA or CC. */
static bool
is_dlms_login(struct span s)
{
	static const uint8_t head[] = {0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00};

	if (s.len < 25 || memcmp(s.bytes, head, sizeof head) != 0 || s.bytes[10] != 0x0c)
		return false;
	for (size_t i = 11; i < 23; i++)
		if (!isdigit(s.bytes[i]))
			return false;
	return s.bytes[7] == 0x11 || s.bytes[7] == 0x12;
}

static bool
explain_foreign(struct hunt *h, struct span s)
{
	enum envelope_kind k = envelope_guess(s, true);

	if (k != ENVELOPE_GDW376 && k != ENVELOPE_ACREL && k != ENVELOPE_DLMS)
		return false;
	if (k == ENVELOPE_DLMS && is_dlms_login(s)) {
		json_refusal(h->json, "dlms-login", "a login in a DLMS wrapper");
		buf_printf(h->json, ",\"identity\":\"%.12s\"", (const char *)s.bytes + 11);
		hunt_line_end(h, false);
		return true;
	}
	hunt_refuse(h, envelope_name(k), "another protocol than DL/T 645");
	return true;
}

bool
dlt645_explain(struct span bytes, struct buf *json)
{
	struct hunt h = {.at = bytes.bytes, .end = bytes.bytes, .json = json, .good = true};
	struct span found;
	size_t used;

	if (bytes.len == 0 || explain_foreign(&h, bytes)) {
		if (h.lines == 0)
			hunt_nothing(&h, bytes);
		return h.good;
	}
	h.end += bytes.len;
	h.told = h.at;
	while (h.at < h.end) {
		enum scan scan = dlt645_scan(hunt_left(&h), &found, &used);

		if (*h.at == 0xfe)
			h.at++;
		else if (scan == SCAN_FRAME)
			hunt_frame(&h, found);
		else if (*h.at == 0x68)
			hunt_broken(&h);
		else
			hunt_noise(&h, used);
	}
	hunt_nothing(&h, bytes);
	return h.good;
}

bool
dlt645_explain_hex(const char *hex, struct buf *json)
{
	struct buf bytes = {0};
	struct err e;
	bool good = false;

	if (hex_in(&bytes, hex, &e) == 0)
		good = dlt645_explain(buf_span(&bytes), json);
	else {
		json_refusal(json, "unknown", e.text);
		buf_put_text(json, "}\n");
	}
	buf_clear(&bytes);
	return good;
}
