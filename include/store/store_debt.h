/*
 * store_debt -- payments that are to be split, with what is owed; splits in.
 */
#ifndef STORE_STORE_DEBT_H
#define STORE_STORE_DEBT_H

#include "model/waterfall.h"
#include "store/db.h"

/* One payment and what the rule looks at. */
struct owing {
	int64_t payment_id, received_us;
	char facts[40]; /* a digest: the split is posted only while it is the same */
	int week;
	struct waterfall_view view;
	const char *fault; /* why it cannot be looked at; NULL */
};

typedef void store_owing_fn(const struct owing *o, void *arg);          /* once for each */
typedef void store_debt_done_fn(int n, const struct err *e, void *arg); /* once, last */

/* The oldest unsplit payment of each account. */
void store_waterfalls_due(
    struct db *db, int limit, store_owing_fn *each, store_debt_done_fn *fn, void *arg);

/* Splits gathered into one statement. */
struct splits {
	struct db_column payment, facts, week, of, kind, debt, amount;
	int n;
};
void splits_add(
    struct splits *s, const struct owing *o, const struct waterfall_line *lines, size_t nlines);
void splits_free(struct splits *s);
/* outcome: "split", "done" by somebody else, "stale": look again; or "refused: why". */
typedef void store_split_fn(
    int64_t payment_id, const char *outcome, int64_t endpoint_id, void *arg);
void store_waterfalls_split(struct db *db, struct splits *s, int64_t now_us, store_split_fn *each,
    store_debt_done_fn *fn, void *arg);
/* All of it becomes credit, and a person is told why. */
void store_waterfall_given_up(struct db *db, int64_t payment_id, const char *why, int64_t now_us,
    store_debt_done_fn *fn, void *arg);

/* n: accounts that were looked at. */
void store_emergencies_walk(
    struct db *db, int limit, int64_t now_us, store_debt_done_fn *fn, void *arg);
/* each: endpoints that now have credit to deliver. */
typedef void store_surplus_fn(int64_t endpoint_id, void *arg);
void store_surplus_deliver(struct db *db, int limit, int64_t pause_us, int64_t now_us,
    store_surplus_fn *each, store_debt_done_fn *fn, void *arg);

/* --- a payment yet to come ------------------------------------------------------------------ */

struct topup {
	int status; /* 0, or a HTTP status with `why` */
	char why[120];
	char account[33], currency[4];
	struct topup_limits limits;
	struct waterfall_view view;
	char references[WATERFALL_DEBTS][80]; /* of view.debts */
	const char *fault;
};
typedef void store_topup_fn(const struct topup *t, const struct err *e, void *arg);

struct topup_question {
	const char *account, *meter; /* either may be empty */
	const char *currency;        /* empty: the account's own */
	const char *source, *payment_no;
	int64_t amount_minor;
};
/* t is NULL exactly when e->class is not ERR_NONE. */
void store_topup(
    struct db *db, const struct topup_question *q, int64_t now_us, store_topup_fn *fn, void *arg);

#endif
