/*
 * envelope -- what wraps meter frames on a connection, decided from its first bytes.
 *
 *	645        FE* 68 ....... 68            a meter that talks at once
 *	dtu        printable text, or hex of a fixed size: a converter gives its name, then is
 *	           transparent; it may repeat its name or "ping" between frames at any time
 *	refused    Q/GDW 376.1 (68 L L 68), Acrel (7B7B, 1F1F), DLMS: named, not guessed at
 */
#ifndef CODEC_ENVELOPE_H
#define CODEC_ENVELOPE_H

#include "codec/scan.h"

enum envelope_kind {
	ENVELOPE_UNDECIDED, /* too few bytes */
	ENVELOPE_DLT645,
	ENVELOPE_DTU,
	ENVELOPE_GDW376,
	ENVELOPE_ACREL,
	ENVELOPE_DLMS,
	ENVELOPE_UNKNOWN,
};
const char *envelope_name(enum envelope_kind k); /* "dlt645-2007", "gdw376.1", "acrel", ... */

/* Decides; `final` when no more bytes will come soon (a pause, or the buffer is full).  Only FE
 * and NUL decide nothing, however long the pause. */
enum envelope_kind envelope_guess(struct span first_bytes, bool final);

/* The next thing in the stream of a 645 meter or of a DTU.
 *	SCAN_NAME   *found is the DTU's registration: text as sent, or upper-case hex of what is
 *	            not text (then valid until the next call)
 *	SCAN_PING   keep-alive filler such as "ping", "heartbeat", NUL, line ends, a lone FE
 *	SCAN_FRAME, SCAN_MORE, SCAN_NOISE as dlt645_scan()
 * `identity` is the name the connection already gave ("" before): its repetition in front of a
 * frame is a ping, not noise.  Before, a text that reaches the end of `in` is taken for whole,
 * so the first call waits until envelope_guess() has decided. */
enum scan envelope_scan(
    enum envelope_kind k, const char *identity, struct span in, struct span *found, size_t *used);

#endif
