/*
 * store_rating -- what is to be rated out, charges in.
 *
 * An account with its tenancies, their installations and what was read of those comes as one
 * struct due; what became of it goes back in one statement for the whole batch (struct rated),
 * each account only if nothing of it moved meanwhile.
 */
#ifndef STORE_STORE_RATING_H
#define STORE_STORE_RATING_H

#include "model/price.h"
#include "model/validate.h"
#include "store/db.h"

struct calendar;

#define NOT_YET    INT64_MIN /* an instant that is not known */
#define NO_END_US  INT64_MAX
#define MOST_RESTS 16

struct due_read {
	struct registers r;
	enum {
		DECIDED_NOT,
		DECIDED_USED,
		DECIDED_ROLLOVER,
		DECIDED_AWAY
	} decision;     /* a person's */
	bool clock_off; /* its bands are left out: the meter's hours were not ours */
};

struct due_installation {
	int64_t id, meter_id;
	char address[13];
	int multiplier;
	struct registers billed; /* at_us NOT_YET: it has not begun */
	int64_t to_us, moved_us, wraps_wh, most_watts;
	int64_t day_wh; /* silent for long: what it used to count a day; else -1 */
	bool relay_closed;
	size_t first_read, nreads;
};

struct due_tenancy {
	int64_t id;
	struct price_tenancy who;
	struct price_position at;
	int64_t fixed_us;              /* accrued up to this midnight; NOT_YET */
	int64_t rests[2 * MOST_RESTS]; /* from, to: a hold says that none accrue */
	int nrests;
	int64_t repair_us; /* charges from here on are to be rated again; NO_END_US */
	size_t first_installation, ninstallations;
};

struct due_account {
	int64_t id, version, tariff_id, rebill_id;
	bool local;
	char unrated[200];  /* why nothing was to be tripped on it until now */
	char standing[200]; /* why, whatever is rated now */
	const struct calendar *zone;
	const char *currency; /* interned */
	struct price_sums sums;
	size_t first_tenancy, ntenancies;
};

struct due {
	struct due_account *accounts;
	struct due_tenancy *tenancies;
	struct due_installation *installations;
	struct due_read *reads;
	size_t naccounts, ntenancies, ninstallations, nreads;
};
void due_clear(struct due *d);

struct rating_ask {
	int limit;
	int64_t prices_mark, silent_us, now_us;
};
/* d is the receiver's to clear; empty on an error. */
typedef void store_due_accounts_fn(struct due *d, const struct err *e, void *arg);
void store_rating_due(
    struct db *db, const struct rating_ask *ask, store_due_accounts_fn *fn, void *arg);

/* --- charges that are rated again ----------------------------------------------------------- */

struct past_charge {
	int64_t tenancy_id, id, installation_id;
	bool fixed, estimate, unrated;
	struct registers from, to; /* at_us: the interval */
	int multiplier;
	int64_t wh, tenant_to_us, extra_wh, tried, wraps_wh;
	struct price_position at; /* before it */
	struct price_item items[PRICE_ITEMS];
	int nitems;
	size_t first_read, nreads; /* within it */
};

struct past {
	struct past_charge *charges; /* by tenancy, then by time */
	struct registers *reads;
	size_t n, nreads;
};
void past_clear(struct past *p);
/* A row of charges whose first columns are those of a past charge; what was read within it goes
 * to p. */
#define PAST_COLUMNS 22
void store_past_from(struct past_charge *c, struct past *p, const struct db_rows *rows, int i);
/* "{1,NULL,3}", as much of it as there is room for; NULL is `none`.  Returns how many. */
int store_numbers(const char *text, int64_t none, int64_t *out, int room);

typedef void store_past_fn(struct past *p, const struct err *e, void *arg);
void store_rating_chain(struct db *db, struct db_column *tenancies, struct db_column *from,
    store_past_fn *fn, void *arg);

/* --- results -------------------------------------------------------------------------------- */

enum {
	RATED_ACCOUNTS,
	RATED_SUMS,
	RATED_TENANCIES,
	RATED_INSTALLATIONS,
	RATED_JOURNALS,
	RATED_LINES,
	RATED_CHARGES,
	RATED_MARKS,
	RATED_DOUBTS,
	RATED_COLUMNS
};

struct rated {
	struct db_column column[RATED_COLUMNS];
	struct buf row; /* being put together */
	int naccounts, njournals;
};

/* What comes after a mark can be taken back, when an account turns out not to be ratable. */
struct rated_mark {
	size_t len[RATED_COLUMNS];
	int n[RATED_COLUMNS], njournals;
};
struct rated_mark rated_mark(const struct rated *r);
void rated_back_to(struct rated *r, const struct rated_mark *m);
void rated_clear(struct rated *r);

struct rated_account {
	int64_t account_id, version, again_us, estimate_minor;
	int64_t rebill_id;   /* done with this; 0 */
	bool keep;           /* there is more to rate */
	const char *unrated; /* nothing is tripped on it, because; NULL */
};
void rated_account(struct rated *r, const struct rated_account *a);
void rated_sum(struct rated *r, int64_t account_id, size_t n, const struct price_sum *s);
void rated_tenancy(
    struct rated *r, int64_t account_id, const struct due_tenancy *t, bool reviewed, bool settled);
void rated_installation(struct rated *r, int64_t account_id, const struct due_installation *i,
    bool begins, bool settled);

/* Returns its number, for the lines and charges that belong to it. */
int rated_journal(struct rated *r, int64_t account_id, const char *key, const char *kind,
    const char *memo, int64_t value_us, const char *currency);
void rated_line(struct rated *r, int64_t account_id, int journal, int line, const char *ledger,
    const char *owner, int64_t minor);

struct rated_charge {
	int64_t account_id, tenancy_id, installation_id;
	int journal; /* 0: none */
	bool fixed, estimate, unrated;
	struct registers from, to;
	int multiplier;
	int64_t wh, tenant_to_us, extra_wh, tried, minor, replaces;
	const struct price_position *at;
	const char *why;
	const struct price_item *items;
	const struct price_sums *before;
	int nitems;
};
void rated_charge(struct rated *r, const struct rated_charge *c);
/* A charge was replaced, or tried again in vain: by the prices of a mark, or, 0, with what has
 * been read within it. */
void rated_replaced(struct rated *r, int64_t account_id, int64_t charge_id);
void rated_tried(struct rated *r, int64_t account_id, int64_t charge_id, int64_t prices_mark);
/* cause: HELD, STUCK; PLAUSIBLE ends the worry about a held one. */
void rated_doubt(struct rated *r, int64_t account_id, const struct due_installation *i,
    const char *cause, const struct registers *read, const char *why);

/* n: how many accounts were as they had been. */
typedef void store_rated_fn(int n, const struct err *e, void *arg);
void store_rating_done(struct db *db, struct rated *r, int64_t drift_minor, int64_t now_us,
    store_rated_fn *fn, void *arg);
void store_rating_failed(struct db *db, int64_t account_id, const char *why, int64_t now_us);
void store_prices_changed(struct db *db, int64_t now_us);

#endif
