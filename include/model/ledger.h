/*
 * ledger -- the money that comes in, and the chart it is posted to.
 *
 * Posting is the database's work (sql/functions): debit is positive, credit negative, every
 * journal balances (payments.md 8.3).  The chart:
 *
 *	clearing	asset		paid to a provider or the till, by source; not yet settled
 *	prepaid		liability	paid by an account and not yet used or delivered
 *	loaded		liability	credit that is in a local meter, by account
 *	arrears		asset		owed by an account, by debt; emergency credit used
 *	energy, fees	income		what consumption earned
 *	tax		liability	what of a charge is due to the state
 *	suspense	liability	paid by nobody we know
 *	payable		liability	to be paid back, by refund; not gone yet
 *	rounding	income		what is left when an account is closed
 *	adjustment	income		what a drawer had too much, by desk; too little is debit
 *	costs		expense		what a provider kept of what was paid, by source
 */
#ifndef MODEL_LEDGER_H
#define MODEL_LEDGER_H

#include <stdint.h>

struct payment {
	char source[32];     /* the hook's path part, or "cash" */
	char event_id[161];  /* of the notification: the same for its repeats */
	char payment_no[65]; /* the source's own number: with source, the identity of the money */
	char account_no[33]; /* either may be empty, not both */
	char meter_no[13];
	int64_t amount_minor; /* 1 .. 2^53 - 1 */
	char currency[4];
	int64_t paid_us;
	char method[17];
	char terminal[33], payer[65], order_no[65], note[129]; /* optional */
	char hold[81]; /* why it waits in suspense, whoever it names; empty: it does not */
};

#endif
