/*
 * prove -- does what is kept of a payment show that the money arrived?
 *
 *	webhook -> payment -> journal -> order -> frames out -> frames in -> count -> balance ->
 *delivered
 *
 * Each link is judged from bytes: the body as it came in, the lines of the journals added again,
 * the frames as they were on the wire.  No state and no verdict that anybody wrote down is asked;
 * where the bytes are not there, the link is not proven, whatever a column says.
 *
 * What cannot be checked again, each said in its link:
 *	- the sender of a notification that nobody signs: there is only its address
 *	- the MACs of a security chip: their keys never leave it
 *	- the checksum of an order that carries a password: that is blanked before it is kept
 */
#ifndef CODEC_PROVE_H
#define CODEC_PROVE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

struct proof_link {
	char name[24]; /* "webhook", "frames out" */
	bool holds;
	char words[280]; /* what was seen, or what is missing */
};

#define PROOF_LINKS 96

struct proof {
	struct proof_link links[PROOF_LINKS];
	size_t n;
};

/* Of the payment's source, to verify its notification again; NULL: why there are none. */
struct proof_keys {
	const struct provider_keys *keys;
	const char *why;
};

/* facts: the answer of /v1/recharge/facts, sql/functions/93_prove.sql.  Returns whether every
 * link holds; what has more links than there is room for does not. */
bool prove_recharge(const struct cJSON *facts, const struct proof_keys *keys, struct proof *p);
/* {"payment":5,"proven":true,"links":[{"link":1,"name":"webhook","proven":true,"text":"..."}]} */
void proof_json(const struct proof *p, int64_t payment, struct buf *out);

#endif
