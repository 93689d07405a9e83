/*
 * topup -- a payment yet to come: whether it is within the limits, and what would become of it.
 *
 * It is asked before money is taken; a payment that comes all the same is never refused.
 */
#ifndef SERVICE_TOPUP_H
#define SERVICE_TOPUP_H

#include "store/store_debt.h"

struct err;

enum topup_verdict {
	TOPUP_GOOD,
	TOPUP_OUTSIDE, /* of a limit: json says which */
	TOPUP_UNKNOWN, /* no such account, another currency, taken already: error says */
	TOPUP_AWAY,    /* the database did not answer */
};
struct topup_answer {
	enum topup_verdict verdict;
	int status;        /* of HTTP, unless GOOD or OUTSIDE */
	const char *error; /* of OUTSIDE too: its first limit in words */
	const char *json;  /* GOOD and OUTSIDE: account, good, problems, split */
};
/* Borrowed for the call. */
typedef void topup_fn(const struct topup_answer *a, void *arg);

void topup_ask(
    struct db *db, const struct topup_question *q, int64_t now_us, topup_fn *fn, void *arg);

#endif
