/*
 * webhook -- Standard Webhooks v1 signatures, strict base64 and strict JSON.
 *
 * Signed is id "." timestamp "." body, the raw bytes, with HMAC-SHA256; the header carries
 * "v1,<base64>" any number of times, and any match of any secret will do (rotation).  All
 * compares are constant in time.  The traps this avoids are listed in payments.md section 5.
 */
#ifndef CODEC_WEBHOOK_H
#define CODEC_WEBHOOK_H

#include "base/buf.h"
#include "model/ledger.h"

struct err;

#define WEBHOOK_WINDOW_US (INT64_C(300) * 1000000)

struct webhook_secret {
	uint8_t key[64];
	size_t len;
};

/* "whsec_..." or bare base64, padded or not, 16 to 64 bytes.  An error quotes none of it. */
int webhook_secret_parse(const char *text, struct webhook_secret *s, struct err *e);

struct webhook_head {
	const char *id, *timestamp, *signature; /* header values; NULL when absent */
};

/* Authentic and fresh?  ERR_INPUT when a header is missing or malformed, ERR_REFUSED when no
 * signature matches or the time is off.  now_us is the receiver's clock.  Without secrets
 * (nobody knows the source) it is refused as well, after the same work. */
int webhook_verify(const struct webhook_head *h, struct span body,
    const struct webhook_secret *secrets, size_t nsecrets, int64_t now_us, struct err *e);
/* The signature header's value for one secret; out needs 64 bytes. */
void webhook_sign(const char *id, int64_t timestamp_s, struct span body,
    const struct webhook_secret *s, char *out);

/* A verified body into a payment; source and event_id are left as they are, and nothing is
 * touched on failure.  ERR_INPUT: not strict JSON or a field is wrong (400), the text names
 * it; ERR_REFUSED: a type that is understood to be none of ours (422).  Members of an event
 * that are not asked for are ignored, `timestamp` among them: the signed header has it. */
int webhook_payment(struct span body, struct payment *p, struct err *e);

/* RFC 4648, alphabet with + and /; padding exact, spare bits zero, no white space.  Appends. */
int base64_in(struct buf *out, const char *text, size_t len, struct err *e);
void base64_out(struct buf *out, struct span s);

/* Strict JSON: UTF-8, depth <= 16, no duplicate keys, no NUL (raw or \u0000), no trailing text,
 * every number written as an integer with |n| <= 2^53 - 1.  The result is for
 * cJSON_GetObjectItemCaseSensitive(); NULL and *e otherwise. */
struct cJSON;
struct cJSON *json_strict(struct span text, struct err *e);
/* As strict, but for a number that is not such an integer: it becomes a text, spelt as sent. */
struct cJSON *json_foreign(struct span text, struct err *e);
/* Beyond 2^53 - 1 readers of JSON differ in what a number is. */
#define JSON_INTEGER_MOST INT64_C(9007199254740991)
/* Members of an object; ERR_INPUT names the member.  Empty text is refused like missing text. */
int json_text(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e);
int json_integer(const struct cJSON *o, const char *name, int64_t least, int64_t most, int64_t *out,
    struct err *e);
/* The same for what is shown in logs and on slips: no control characters, those of Latin-1 too. */
int json_identifier(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e);
/* May be missing or null, which leaves `out` alone; else an identifier. */
int json_optional(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e);
bool json_is_given(const struct cJSON *o, const char *name); /* there, and not null */
bool text_has_control(const char *text);
/* RFC 3339 with offset or Z -> microseconds UTC. */
int time_rfc3339_in(const char *text, int64_t *us, struct err *e);
/* "2019-08-15 15:56:24" or "20190815155624" as a clock shows them at an offset such as "+08:00". */
int time_clock_in(const char *text, const char *offset, int64_t *us, struct err *e);
void time_rfc3339_out(int64_t us, char out[32]);    /* "2026-11-20T08:00:00.123456Z" */
void json_quote(struct buf *out, const char *text); /* with its quotes */

#endif
