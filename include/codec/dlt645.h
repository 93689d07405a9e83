/*
 * dlt645 -- the DL/T 645-2007 frame, the same for either end.
 *
 *	FE* 68 A0..A5 68 C L DATA CS 16		12 + L bytes, preamble aside
 *
 * On the wire every DATA byte is 33h larger, the address travels lowest pair first, and CS is
 * the sum of all bytes from the first 68 to the last DATA byte.  Everything here is driven by
 * L: 16 and 68 may stand anywhere in a frame and mean nothing there (dlt645.md 1.1).
 */
#ifndef CODEC_DLT645_H
#define CODEC_DLT645_H

#include "base/buf.h"
#include "codec/scan.h"

struct err;

#define DLT645_MAX_DATA  255
#define DLT645_MAX_FRAME (12 + DLT645_MAX_DATA)

/* Control byte: 80h from the meter, 40h abnormal, 20h more follows, low five bits function. */
#define DLT645_REPLY    0x80u
#define DLT645_ABNORMAL 0x40u
#define DLT645_MORE     0x20u
enum dlt645_fn {
	DLT645_SECURITY = 0x03,
	DLT645_TIME = 0x08,
	DLT645_READ = 0x11,
	DLT645_READ_MORE = 0x12,
	DLT645_READ_ADDRESS = 0x13,
	DLT645_WRITE = 0x14,
	DLT645_WRITE_ADDRESS = 0x15,
	DLT645_FREEZE = 0x16,
	DLT645_BAUD = 0x17,
	DLT645_PASSWORD = 0x18,
	DLT645_CLEAR_DEMAND = 0x19,
	DLT645_CLEAR_METER = 0x1a,
	DLT645_CLEAR_EVENTS = 0x1b,
	DLT645_CONTROL = 0x1c,
	DLT645_OUTPUT = 0x1d,
};

struct dlt645 {
	char address[13]; /* as printed on the meter: digits, or "AAAAAAAAAAAA", "999999999999" */
	uint8_t control;
	uint8_t data[DLT645_MAX_DATA]; /* plain: 33h already taken off */
	size_t len;                    /* of data */
};

/* Looks for one frame at the front of `in`.
 *	SCAN_FRAME  *found is the frame (68..16); *used counts it and the FE before it
 *	SCAN_MORE   the bytes so far may become a frame; *used of them are FE or noise to drop now
 *	SCAN_NOISE  *used bytes at the front can never begin a frame (FE filler is not noise)
 * After a false start exactly one byte is given up, so a good frame inside a bad one is found. */
enum scan dlt645_scan(struct span in, struct span *found, size_t *used);

/* A whole frame, 68 to 16, without preamble.  ERR_INPUT in words: "checksum 4f, expected 50". */
int dlt645_parse(struct dlt645 *f, struct span frame, struct err *e);

/* Appends the frame; no preamble.  Builds whatever it is told: for meters and tests. */
void dlt645_build(struct buf *out, const struct dlt645 *f);

/* What a head-end may send; dlt645_build() after refusing, with ERR_INPUT, what must never
 * leave us (dlt645.md 1.2, 1.3, section 7.6): functions other than those above; a wildcard
 * address where nobody or everybody would obey (99.. for 08 and 16, AA.. for 11 and 12 are
 * fine); a length the function does not have; dates that do not exist, in 08, 11, 16, 1C and
 * in writes to the clock; and DATA longer than `most`. */
struct dlt645_policy {
	bool short_control; /* 1C of nine bytes, without a deadline */
	bool commissioning; /* one meter on the line and a person at it: 13 15 17 19 1A 1B too,
			     * and AA.. or 99.. for any of them */
	size_t most;        /* longest DATA of the profile; 0 stands for 200 */
};
int dlt645_encode(
    struct buf *out, const struct dlt645 *f, const struct dlt645_policy *p, struct err *e);

uint32_t dlt645_di(struct span data); /* first four plain bytes, DI3..DI0; 0 if shorter */
void dlt645_put_di(struct dlt645 *f, uint32_t di); /* appends to f->data, DI0 first */

/* Blanks the password of a request we have sent, so that its history can be shown: the bytes
 * become those of 000000 and the checksum no longer fits (dlt645.md 7.7). */
void dlt645_mask(uint8_t *frame, size_t len);

/* The error byte of D1..DD and of a short C3, the error word of C3, and the word one vendor
 * sends in DC, in words ("other, password").  -1 when `f` is no abnormal reply or its DATA has
 * another length. */
struct dlt645_error {
	bool security; /* two-byte word of C3 */
	bool control;  /* two-byte word of DC */
	uint16_t bits;
};
#define DLT645_ERROR_BITS 16
int dlt645_error_get(struct dlt645_error *x, const struct dlt645 *f, struct err *e);
/* One bit in words; NULL when it is clear. */
const char *dlt645_error_word(const struct dlt645_error *x, int bit);
void dlt645_error_text(const struct dlt645_error *x, char *out, size_t room);

#endif
