/*
 * store_qualify -- what a meter on the bench was asked and what it did, kept as evidence.
 */
#ifndef STORE_STORE_QUALIFY_H
#define STORE_STORE_QUALIFY_H

#include "store/store_command.h"

struct qualification {
	int64_t id, credit_minor;
	int64_t count, order_no; /* taken last; -1: none yet */
	int64_t outages;         /* -1: it does not count them */
	int64_t epoch;           /* of the connection the last stage passed in */
	int steps;
	bool power_cut; /* a person says so */
};

struct qualify_step {
	const struct qualification *q; /* as it is after the step */
	const char *stage, *verdict, *why;
	const char *next;  /* stage */
	const char *class; /* NULL: not decided yet */
	bool given_up;
	int64_t number; /* count or order number that was sent; -1: nothing was */
	const struct answer *before, *said, *after;
	struct db_column *out, *in; /* frames; passwords blotted out */
};
/* noted is false when the command or the qualification is no longer ours. */
void store_qualify_step(struct db *db, const struct claimed *c, const struct qualify_step *s,
    int64_t now_us, store_moved_fn *fn, void *arg);

#endif
