#include "store/store_rating.h"

#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt due_stmt = {"rating_due", DB_RATING, true, 0,
    "SELECT account_id, version, local, unrated, standing, zone, currency, tariff_id, sums, "
    "rebill_id,"
    " tenancy_id, tenant_from, tenant_to, extra_wh, fixed_us, rests, period_us, used_wh,"
    " band_wh, repair_from, installation_id, meter_id, address, multiplier, to_us, billed_us,"
    " billed_wh, moved_us, wraps_wh, most_watts, relay, day_wh, read_us, read_wh, off,"
    " decision"
    " FROM door.rating_due($1::int, $2::bigint, $3::bigint, $4::bigint)"};
static const struct db_stmt chain_stmt = {"rating_chain", DB_RATING, true, 0,
    "SELECT tenancy_id, id, installation_id, kind, from_us, to_us, from_wh, to_wh, multiplier, wh,"
    " tenant_to, extra_wh, period_us, used_wh, band_wh, quality, state, names, exact, tried,"
    " wraps_wh, reads FROM door.rating_chain($1::bigint[], $2::bigint[])"};

/* The columns of `due_stmt`, in its order. */
enum {
	ACCOUNT,
	VERSION,
	LOCAL,
	UNRATED,
	STANDING,
	ZONE,
	CURRENCY,
	TARIFF,
	SUMS,
	REBILL,
	TENANCY,
	TENANT_FROM,
	TENANT_TO,
	EXTRA,
	FIXED,
	RESTS,
	PERIOD,
	USED,
	BANDS,
	REPAIR,
	INSTALLATION,
	METER,
	ADDRESS,
	MULTIPLIER,
	TO,
	BILLED_US,
	BILLED_WH,
	MOVED,
	WRAPS,
	MOST_WATTS,
	RELAY,
	DAY_WH,
	READ_US,
	READ_WH,
	CLOCK_OFF,
	DECISION
};

/* --- cells ---------------------------------------------------------------------------------- */

static int64_t
int_or(const struct db_rows *rows, int i, int col, int64_t otherwise)
{
	return db_cell_null(rows, i, col) ? otherwise : db_cell_int(rows, i, col);
}

/* "{1,NULL,3}", as much of it as there is room for; NULL is `none`. */
int
store_numbers(const char *text, int64_t none, int64_t *out, int room)
{
	int n = 0;
	char *end;

	if (*text++ != '{')
		return 0;
	while (*text != '}' && *text != '\0' && n < room) {
		if (strncmp(text, "NULL", 4) == 0) {
			out[n++] = none;
			text += 4;
		} else {
			out[n++] = strtoll(text, &end, 10);
			if (end == text)
				return n - 1;
			text = end;
		}
		text += *text == ',';
	}
	return n;
}

static struct registers
registers_from(const struct db_rows *rows, int i, int at_col, int wh_col)
{
	struct registers r = {.at_us = int_or(rows, i, at_col, NOT_YET)};

	for (int k = 0; k < REGISTERS; k++)
		r.wh[k] = NO_WH;
	store_numbers(db_cell_text(rows, i, wh_col), NO_WH, r.wh, REGISTERS);
	return r;
}

static struct price_position
position_from(const struct db_rows *rows, int i, int period_col)
{
	struct price_position at = {.period_us = db_cell_int(rows, i, period_col),
	    .used_wh = db_cell_int(rows, i, period_col + 1)};

	store_numbers(db_cell_text(rows, i, period_col + 2), 0, at.band_wh, PRICE_BANDS);
	return at;
}

/* A line each: eight numbers, and the name behind them. */
static void
sums_from(const char *text, struct price_sums *sums)
{
	while (*text != '\0' && sums->n < PRICE_SUMS) {
		struct price_sum *s = &sums->of[sums->n++];
		int64_t v[8];
		char *end;

		for (int k = 0; k < 8; k++) {
			v[k] = strtoll(text, &end, 10);
			text = end;
		}
		text += *text == ' ';
		*s = (struct price_sum){.tax_inclusive = v[0] != 0,
		    .tax_ppm = v[1],
		    .base_nano = v[2],
		    .base_parts = v[3],
		    .gross_femto = v[4],
		    .net_femto = v[5],
		    .gross_minor = v[6],
		    .net_minor = v[7]};
		snprintf(s->name, sizeof s->name, "%.*s", (int)strcspn(text, "\n"), text);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

/* --- what is due ---------------------------------------------------------------------------- */

/* Room for one more, zeroed. */
static void *
grown(void **all, size_t *n, size_t size)
{
	char *one;

	if ((*n & (*n - 1)) == 0) /* 0, 1, 2, 4, 8 ... */
		*all = mem_more(*all, (*n > 0 ? 2 * *n : 1) * size);
	one = (char *)*all + *n * size;
	memset(one, 0, size);
	++*n;
	return one;
}

static void
add_account(struct due *d, const struct db_rows *rows, int i)
{
	struct due_account *a = grown((void **)&d->accounts, &d->naccounts, sizeof *a);

	a->id = db_cell_int(rows, i, ACCOUNT);
	a->version = db_cell_int(rows, i, VERSION);
	a->tariff_id = db_cell_int(rows, i, TARIFF);
	a->rebill_id = db_cell_int(rows, i, REBILL);
	a->local = db_cell_bool(rows, i, LOCAL);
	db_cell_copy(rows, i, UNRATED, a->unrated, sizeof a->unrated);
	db_cell_copy(rows, i, STANDING, a->standing, sizeof a->standing);
	a->zone = store_zone(db_cell_text(rows, i, ZONE));
	a->currency = store_intern(db_cell_text(rows, i, CURRENCY));
	sums_from(db_cell_text(rows, i, SUMS), &a->sums);
	a->first_tenancy = d->ntenancies;
}

static void
rests_from(const char *text, struct due_tenancy *t)
{
	char *end;

	for (; *text != '\0' && t->nrests < MOST_RESTS; t->nrests++) {
		t->rests[2 * t->nrests] = strtoll(text, &end, 10);
		t->rests[2 * t->nrests + 1] = strtoll(end, &end, 10);
		text = end;
	}
}

static void
add_tenancy(struct due *d, const struct db_rows *rows, int i)
{
	struct due_tenancy *t = grown((void **)&d->tenancies, &d->ntenancies, sizeof *t);

	t->id = db_cell_int(rows, i, TENANCY);
	t->who = (struct price_tenancy){db_cell_int(rows, i, TENANT_FROM),
	    int_or(rows, i, TENANT_TO, NO_END_US), db_cell_int(rows, i, EXTRA)};
	t->at = position_from(rows, i, PERIOD);
	t->fixed_us = int_or(rows, i, FIXED, NOT_YET);
	rests_from(db_cell_text(rows, i, RESTS), t);
	t->repair_us = int_or(rows, i, REPAIR, NO_END_US);
	t->first_installation = d->ninstallations;
	d->accounts[d->naccounts - 1].ntenancies++;
}

static void
add_installation(struct due *d, const struct db_rows *rows, int i)
{
	struct due_installation *x =
	    grown((void **)&d->installations, &d->ninstallations, sizeof *x);

	x->id = db_cell_int(rows, i, INSTALLATION);
	x->meter_id = db_cell_int(rows, i, METER);
	db_cell_copy(rows, i, ADDRESS, x->address, sizeof x->address);
	x->multiplier = (int)db_cell_int(rows, i, MULTIPLIER);
	x->billed = registers_from(rows, i, BILLED_US, BILLED_WH);
	x->to_us = int_or(rows, i, TO, NO_END_US);
	x->moved_us = db_cell_int(rows, i, MOVED);
	x->wraps_wh = db_cell_int(rows, i, WRAPS);
	x->most_watts = db_cell_int(rows, i, MOST_WATTS);
	x->day_wh = int_or(rows, i, DAY_WH, -1);
	x->relay_closed = strcmp(db_cell_text(rows, i, RELAY), "closed") == 0;
	x->first_read = d->nreads;
	d->tenancies[d->ntenancies - 1].ninstallations++;
}

static void
add_read(struct due *d, const struct db_rows *rows, int i)
{
	struct due_read *r = grown((void **)&d->reads, &d->nreads, sizeof *r);
	const char *decision = db_cell_text(rows, i, DECISION);

	r->r = registers_from(rows, i, READ_US, READ_WH);
	r->clock_off = db_cell_bool(rows, i, CLOCK_OFF);
	r->decision = decision[0] == '\0'                 ? DECIDED_NOT
		      : strcmp(decision, "used") == 0     ? DECIDED_USED
		      : strcmp(decision, "rollover") == 0 ? DECIDED_ROLLOVER
							  : DECIDED_AWAY;
	d->installations[d->ninstallations - 1].nreads++;
}

static void
add_row(struct due *d, const struct db_rows *rows, int i)
{
	if (d->naccounts == 0 || d->accounts[d->naccounts - 1].id != db_cell_int(rows, i, ACCOUNT))
		add_account(d, rows, i);
	if (db_cell_null(rows, i, TENANCY))
		return;
	if (d->ntenancies == 0 || d->accounts[d->naccounts - 1].ntenancies == 0 ||
	    d->tenancies[d->ntenancies - 1].id != db_cell_int(rows, i, TENANCY))
		add_tenancy(d, rows, i);
	if (db_cell_null(rows, i, INSTALLATION))
		return;
	if (d->ninstallations == 0 || d->tenancies[d->ntenancies - 1].ninstallations == 0 ||
	    d->installations[d->ninstallations - 1].id != db_cell_int(rows, i, INSTALLATION))
		add_installation(d, rows, i);
	if (!db_cell_null(rows, i, READ_US))
		add_read(d, rows, i);
}

void
due_clear(struct due *d)
{
	free(d->accounts);
	free(d->tenancies);
	free(d->installations);
	free(d->reads);
	*d = (struct due){0};
}

struct due_call {
	store_due_accounts_fn *fn;
	void *arg;
};

static void
on_due(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct due_call *c = arg;
	struct due d = {0};

	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++)
		add_row(&d, rows, i);
	c->fn(&d, e, c->arg);
	free(c);
}

void
store_rating_due(struct db *db, const struct rating_ask *ask, store_due_accounts_fn *fn, void *arg)
{
	struct due_call *c = mem_new(sizeof *c);

	*c = (struct due_call){fn, arg};
	db_ask(db, &due_stmt, on_due, c, db_int(ask->limit), db_int(ask->prices_mark),
	    db_int(ask->silent_us), db_int(ask->now_us));
}

/* --- what was charged ----------------------------------------------------------------------- */

/* names: a line each; exact: nano, parts, inclusive, ppm of each. */
static void
items_from(struct past_charge *c, const char *names, const char *exact)
{
	int64_t v[4 * PRICE_ITEMS];
	int n = store_numbers(exact, 0, v, 4 * PRICE_ITEMS) / 4;

	for (c->nitems = 0; c->nitems < n; c->nitems++) {
		struct price_item *i = &c->items[c->nitems];
		const int64_t *w = &v[4 * c->nitems];

		*i = (struct price_item){
		    .nano = w[0], .parts = w[1], .tax_inclusive = w[2] != 0, .tax_ppm = w[3]};
		snprintf(i->name, sizeof i->name, "%.*s", (int)strcspn(names, "\n"), names);
		names += strcspn(names, "\n");
		names += *names == '\n';
	}
}

/* "at total t1 t2 t3 t4" a line, "-" where there is none. */
static void
reads_from(struct past *p, struct past_charge *c, const char *text)
{
	char *end;

	c->first_read = p->nreads;
	while (*text != '\0') {
		struct registers *r = grown((void **)&p->reads, &p->nreads, sizeof *r);

		r->at_us = strtoll(text, &end, 10);
		for (int k = 0; k < REGISTERS; k++) {
			text = end + (*end == ' ');
			if (*text == '-' && (text[1] < '0' || text[1] > '9')) {
				r->wh[k] = NO_WH;
				end = (char *)(uintptr_t)text + 1;
			} else {
				r->wh[k] = strtoll(text, &end, 10);
			}
		}
		text = end + strcspn(end, "\n");
		text += *text == '\n';
		c->nreads++;
	}
}

void
store_past_from(struct past_charge *c, struct past *p, const struct db_rows *rows, int i)
{
	c->tenancy_id = db_cell_int(rows, i, 0);
	c->id = db_cell_int(rows, i, 1);
	c->installation_id = db_cell_int(rows, i, 2);
	c->fixed = strcmp(db_cell_text(rows, i, 3), "fixed") == 0;
	c->from = registers_from(rows, i, 4, 6);
	c->to = registers_from(rows, i, 5, 7);
	c->multiplier = (int)db_cell_int(rows, i, 8);
	c->wh = db_cell_int(rows, i, 9);
	c->tenant_to_us = int_or(rows, i, 10, NO_END_US);
	c->extra_wh = db_cell_int(rows, i, 11);
	c->at = position_from(rows, i, 12);
	c->estimate = strcmp(db_cell_text(rows, i, 15), "estimate") == 0;
	c->unrated = strcmp(db_cell_text(rows, i, 16), "unrated") == 0;
	items_from(c, db_cell_text(rows, i, 17), db_cell_text(rows, i, 18));
	c->tried = db_cell_int(rows, i, 19);
	c->wraps_wh = db_cell_int(rows, i, 20);
	reads_from(p, c, db_cell_text(rows, i, 21));
}

void
past_clear(struct past *p)
{
	free(p->charges);
	free(p->reads);
	*p = (struct past){0};
}

struct past_call {
	store_past_fn *fn;
	void *arg;
};

static void
on_past(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct past_call *c = arg;
	struct past p = {0};

	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++)
		store_past_from(grown((void **)&p.charges, &p.n, sizeof *p.charges), &p, rows, i);
	c->fn(&p, e, c->arg);
	free(c);
}

void
store_rating_chain(struct db *db, struct db_column *tenancies, struct db_column *from,
    store_past_fn *fn, void *arg)
{
	struct past_call *c = mem_new(sizeof *c);

	*c = (struct past_call){fn, arg};
	db_ask(db, &chain_stmt, on_past, c, db_array(tenancies), db_array(from));
}
