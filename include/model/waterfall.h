/*
 * waterfall -- what becomes of a payment: debts first, then the balance, the emergency credit
 * that was used, and credit with the rest (domain.md 5.6-2).
 *
 *	100.00 is paid; a debt takes 25 %, at most 20.00 a week; unpaid charges 3.50;
 *	the balance is -1.20, emergency credit of 5.00 was used
 *
 *	payment 20.00   accumulated 3.50   balance 1.20   emergency 5.00   credit 70.30
 *
 * The order is a list, the operator's.  Within a kind the oldest debt comes first.  A debt's
 * percentage is of the whole payment and rounds down to a minor unit (5.12.12); it is never more
 * than is left, owed, or free under the cap of the week.  The lines add up to the payment.
 */
#ifndef MODEL_WATERFALL_H
#define MODEL_WATERFALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum waterfall_kind {
	WATERFALL_PAYMENT,     /* a debt that takes a share of each payment */
	WATERFALL_INSTALMENT,  /* a debt whose instalments fall due by the calendar */
	WATERFALL_ACCUMULATED, /* charges that found no money */
	WATERFALL_BALANCE,     /* up to the threshold at which supply ends */
	WATERFALL_EMERGENCY,   /* emergency credit that was used */
	WATERFALL_CREDIT,      /* the rest; always the last */
};
#define WATERFALL_STEPS 5  /* of an order: all kinds but credit, each once */
#define WATERFALL_DEBTS 24 /* open ones an account may have */
#define WATERFALL_LINES (WATERFALL_DEBTS + 3)

const char *waterfall_kind_name(enum waterfall_kind k);
/* "payment instalment accumulated balance emergency", in any order, each once. */
int waterfall_order_parse(
    const char *text, enum waterfall_kind order[WATERFALL_STEPS], struct err *e);

struct waterfall_debt {
	int64_t id;
	enum waterfall_kind kind; /* one of the first three */
	int64_t owed_minor;
	int percent_bp;           /* PAYMENT: hundredths of a percent */
	int64_t week_cap_minor;   /* PAYMENT: in one ISO week of the site's zone; -1 for none */
	int64_t week_taken_minor; /* in that week so far */
	int64_t due_minor;        /* INSTALMENT: what has fallen due and is not paid */
};

struct waterfall_view {
	int64_t amount_minor;    /* the payment, above 0 */
	int64_t balance_minor;   /* before it */
	int64_t threshold_minor; /* where supply ends, without emergency credit */
	int64_t emergency_minor; /* used, not repaid */
	enum waterfall_kind order[WATERFALL_STEPS];
	struct waterfall_debt debts[WATERFALL_DEBTS]; /* the oldest first */
	size_t ndebts;
};

struct waterfall_line {
	enum waterfall_kind kind;
	int64_t debt_id; /* 0: of no debt */
	int64_t amount_minor;
};

/* Returns how many lines there are; none is 0, together they are the payment. */
size_t waterfall_split(
    const struct waterfall_view *v, struct waterfall_line lines[WATERFALL_LINES]);

/* --- instalments ---------------------------------------------------------------------------- */

enum waterfall_every { EVERY_DAY, EVERY_WEEK, EVERY_MONTH };

struct instalment_plan {
	int64_t amount_minor; /* the whole debt as it was agreed */
	int64_t each_minor;
	int first_day; /* 20261201; in a shorter month the last day stands for a later one */
	enum waterfall_every every;
};

int waterfall_every_parse(const char *text, enum waterfall_every *every);
/* What has fallen due by the end of `day` and is not paid. */
int64_t instalment_due(const struct instalment_plan *p, int64_t owed_minor, int day);

/* --- limits, asked before money is taken (5.6-5) ---------------------------------------------- */

struct topup_limits {
	int64_t least_minor, most_minor; /* of a payment; -1 for none */
	int64_t credit_most_minor;       /* the credit it may lead to; -1 for none */
	int64_t credit_minor; /* before the payment: here, or in the meter and on its way */
};

#define TOPUP_TOO_LITTLE    1u
#define TOPUP_TOO_MUCH      2u
#define TOPUP_TOO_MUCH_LEFT 4u

/* Any of the above, 0 when all is well. */
unsigned topup_check(const struct topup_limits *limits, int64_t amount_minor,
    const struct waterfall_line *lines, size_t nlines);

#endif
