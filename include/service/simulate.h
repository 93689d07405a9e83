/*
 * simulate -- what a price version would have cost on past readings, account by account.
 *
 * For every account of the tariff: its use between two instants, from the registers at its
 * midnights (and the first and last one read), charged once by the versions in force then and
 * once by the new one, each with the tiers empty at the beginning.  An account that one of the two
 * cannot rate counts for neither.
 *
 * Whose registers by band are not those of the new version, because its hours or bands are others,
 * is rated by the total, spread over the hours: `estimated`.
 *
 * Accounts come in portions of a few hundred intervals, one portion a turn and one simulation at
 * a time, so that the loop is never held for long.
 */
#ifndef SERVICE_SIMULATE_H
#define SERVICE_SIMULATE_H

#include "base/err.h"
#include "model/price.h"

struct buf;
struct db;
struct loop;
struct prices;
struct simulator;

#define SIMULATE_MOST 10 /* winners, losers and those cut that are named */

struct simulate_order {
	int64_t tariff_id;
	char site[128]; /* "": all */
	int64_t from_us, to_us;
	const struct price_version *version; /* copied */
};

struct simulate_account {
	char number[40];
	int64_t before_minor, after_minor; /* what it pays */
	int64_t balance_minor, trip_minor;
};

struct simulated {
	int64_t from_us, to_us;
	int64_t accounts, rated, unrated, estimated; /* accounts = rated + unrated + without use */
	int64_t wh, before_minor, after_minor;
	int64_t winners, losers;
	/* On day one: who has money now, and would not if the difference were taken at once. */
	int64_t cut, cut_already;
	size_t nwon, nlost, ncuts;
	struct simulate_account won[SIMULATE_MOST], lost[SIMULATE_MOST], cuts[SIMULATE_MOST];
	char why[160]; /* of the first one unrated */
	bool priced;   /* there are versions in force to compare with */
};

typedef void simulate_fn(const struct simulated *s, const struct err *e, void *arg);

struct simulator *simulator_new(struct loop *l, struct db *db, const struct prices *prices);
void simulator_free(struct simulator *s); /* nobody is answered any more */
/* ERR_RETRY at once when too many wait already. */
int simulate(
    struct simulator *s, const struct simulate_order *o, simulate_fn *fn, void *arg, struct err *e);

/* Beyond which a version is not approved without force. */
struct simulate_limits {
	int64_t preview;                /* us of past use that are tried */
	int64_t most_change_ppm;        /* of the revenue, up or down */
	int64_t most_cut, most_cut_ppm; /* accounts cut on day one: the larger of the two */
};
/* What is beyond them, in words; false when nothing is. */
bool simulate_over(const struct simulated *s, const struct simulate_limits *l, struct buf *words);
void simulate_json(const struct simulated *s, struct buf *out);

#endif
