/*
 * billing_parts -- what the billing_*.c files share: one account being rated.
 *
 *	billing.c	 batches out and in
 *	billing_energy.c readings become charges
 *	billing_fixed.c	 midnights become charges
 *	billing_again.c	 charges that stand on new ground are replaced
 *	billing_post.c	 items become journals
 */
#ifndef SERVICE_BILLING_PARTS_H
#define SERVICE_BILLING_PARTS_H

#include "service/billing.h"
#include "store/store_rating.h"

struct bill {
	const struct billing_conf *conf;
	const struct price_book *book; /* NULL: the tariff has no price */
	int64_t prices_mark, now_us;
	struct due *due;
	struct due_account *account; /* its sums move */
	struct rated *out;
	char unrated[200]; /* why nothing may be tripped on it; the first reason stands */
	int64_t estimate_minor;
	bool keep; /* there is more to rate */
};

/* -1: it cannot be done at all; then nothing of the account may be kept. */
int bill_energy(struct bill *b, struct due_tenancy *t, struct err *e);
int bill_fixed(struct bill *b, struct due_tenancy *t, struct err *e);
int bill_again(struct bill *b, struct due_tenancy *t, const struct past *p, struct err *e);

void bill_unrated(struct bill *b, const char *why);

/* A journal for what the items add to the sums; 0 when there is nothing to post. */
struct bill_entry {
	const char *key, *kind, *memo;
	int64_t value_us;
};
int bill_post(struct bill *b, const struct bill_entry *j, const struct price_item *items, int n,
    int *journal, int64_t *minor, struct err *e);

/* What the registers counted; the bands only where both have them and they are the total.  False:
 * they are not, as in a charge for a reading that a person has accepted all the same. */
bool bill_deltas(const struct registers *from, const struct registers *to, int64_t wraps_wh,
    int64_t delta_wh[REGISTERS]);
/* What was used between two readings, for the engine: by bands where all prices of that time want
 * them and both readings have them. */
struct price_usage bill_usage(const struct price_book *book, int multiplier, int64_t from_us,
    int64_t to_us, const int64_t delta_wh[REGISTERS]);
/* What nobody has read lies in it: the end of a period, or a change of prices. */
bool bill_is_estimate(const struct price_charge *c);

#endif
