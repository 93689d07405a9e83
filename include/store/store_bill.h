/*
 * store_bill -- what was charged to an account within a time, with all it rests on.
 */
#ifndef STORE_STORE_BILL_H
#define STORE_STORE_BILL_H

#include "store/store_rating.h"

#define BILL_MOST 5000

struct billed_charge {
	struct past_charge c;
	char meter[13], point[64];
	int64_t tenant_from_us, minor, replaces, rated_us;
	char why[160];
	bool has_sums;
	struct price_sum
	    before[PRICE_ITEMS]; /* of each item; has_sums: this charge was posted by itself */
	char *journal;           /* JSON; "" for none */
};

struct bill_of {
	bool found;
	char account[40], zone[64], currency[4], tariff[80];
	int64_t tariff_id, since_us, until_us;
	int64_t next_us; /* of the first beyond BILL_MOST, which is left out; 0: there is none */
	struct billed_charge *charges;
	size_t n;
};
void bill_of_clear(struct bill_of *b);

/* what: JSON with account, and day or from and to.  The bill is the receiver's to clear. */
typedef void store_bill_fn(struct bill_of *b, const struct err *e, void *arg);
void store_bill(struct db *db, const char *what, store_bill_fn *fn, void *arg);

#endif
