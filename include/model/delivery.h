/*
 * delivery -- credit on its way into a meter that counts its purchases, exactly once.
 *
 *	QUEUED -> INTENT -> VERIFYING -> APPLIED
 *	                    VERIFYING -> REVIEW
 *
 * What was said on the wire decides nothing; only a complete read-back of the meter's own count
 * and record does.  delivery_judge() is that decision, and the whole of it: reliability.md B.4,
 * model/recharge.pml (the label Flight).
 */
#ifndef MODEL_DELIVERY_H
#define MODEL_DELIVERY_H

#include "model/task.h"

#include <stdio.h>

enum verdict {
	VERDICT_APPLIED,       /* the meter's record of our count is ours */
	VERDICT_ABSENT,        /* the meter counts one less: the same count may be sent again */
	VERDICT_BURNT,         /* our count was used up by somebody else: people decide */
	VERDICT_CONTRADICTORY, /* what it shows cannot come from what we did: people decide */
	VERDICT_LOOK_AGAIN,    /* not enough was read */
};
const char *verdict_name(enum verdict v);

struct delivery {
	int64_t id;
	bool opens; /* 070101FF: opens the account, carries no money here */
	int64_t amount_minor;
	uint32_t purchase;   /* reserved count */
	int64_t base_bought; /* cumulative amount before; -1 when the meter does not tell */
	int64_t planned_us;  /* when the count was reserved: no record of it can be older */
	int64_t order_no;    /* reserved with it, 16 digits: the same for every send */
};

/* `why` gets a sentence.  The record must be of our count: a meter shows counts mod 10 000, so
 * its time must fit as well, corrected by how wrong the meter's clock is. */
enum verdict delivery_judge(const struct delivery *d, const struct answer *seen,
    int64_t clock_skew_us, int64_t now_us, char *why, size_t room);
void delivery_arrows(FILE *out);

#endif
