/*
 * fill -- what the operator of a story only knows when the time has come.
 *
 *	{display ADDRESS}   the registers of a meter as its display shows them: "total,T1,T2,T3,T4"
 *	{left ACCOUNT}      what an account has, in minor units
 *
 * The display is read off the meter that is simulated, and never out of the head-end.
 */
#ifndef YEAR_FILL_H
#define YEAR_FILL_H

#include "base/buf.h"

#define FILL_FLEETS 8

struct err;
struct fleet;
struct loop;
struct pg_conn; /* the PGconn of libpq */

struct fill {
	struct loop *loop;
	struct pg_conn *admin;
	struct fleet *fleets[FILL_FLEETS];
	int nfleets;
};

/* Appends the words with each of these in its place; -1 and *e when there is no such thing. */
int fill_words(const struct fill *f, const char *words, struct buf *out, struct err *e);

#endif
