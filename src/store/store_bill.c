#include "store/store_bill.h"

#include "base/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt charges = {"bill_charges", DB_COMMANDS, true, 10 * SECOND_US,
    "SELECT tenancy_id, id, installation_id, kind, from_us, to_us, from_wh, to_wh, multiplier, wh,"
    " tenant_to, extra_wh, period_us, used_wh, band_wh, quality, state, names, exact, tried,"
    " wraps_wh, reads, meter, point, tenant_from, why, sums, minor, replaces, rated_us, journal,"
    " account, zone, currency, tariff_id, tariff, since_us, until_us FROM "
    "door.bill_charges($1::jsonb)"};

/* The columns behind those of a past charge. */
enum {
	METER = PAST_COLUMNS,
	POINT,
	TENANT_FROM,
	WHY,
	SUMS,
	MINOR,
	REPLACES,
	RATED,
	JOURNAL,
	ACCOUNT,
	ZONE,
	CURRENCY,
	TARIFF_ID,
	TARIFF,
	SINCE,
	UNTIL
};

static void
before_from(struct billed_charge *b, const char *text)
{
	int64_t v[8 * PRICE_ITEMS];
	int n = store_numbers(text, 0, v, 8 * PRICE_ITEMS) / 8;

	b->has_sums = n > 0 && n == b->c.nitems;
	for (int i = 0; i < n && i < b->c.nitems; i++) {
		const int64_t *w = &v[8 * i];

		b->before[i] = (struct price_sum){.tax_inclusive = w[0] != 0,
		    .tax_ppm = w[1],
		    .base_nano = w[2],
		    .base_parts = w[3],
		    .gross_femto = w[4],
		    .net_femto = w[5],
		    .gross_minor = w[6],
		    .net_minor = w[7]};
		snprintf(b->before[i].name, sizeof b->before[i].name, "%s", b->c.items[i].name);
	}
}

static void
add_charge(struct bill_of *bill, struct past *reads, const struct db_rows *rows, int i)
{
	struct billed_charge *b = &bill->charges[bill->n++];

	store_past_from(&b->c, reads, rows, i);
	db_cell_copy(rows, i, METER, b->meter, sizeof b->meter);
	db_cell_copy(rows, i, POINT, b->point, sizeof b->point);
	db_cell_copy(rows, i, WHY, b->why, sizeof b->why);
	b->tenant_from_us = db_cell_int(rows, i, TENANT_FROM);
	b->minor = db_cell_int(rows, i, MINOR);
	b->replaces = db_cell_int(rows, i, REPLACES);
	b->rated_us = db_cell_int(rows, i, RATED);
	b->journal = mem_text(db_cell_text(rows, i, JOURNAL));
	before_from(b, db_cell_text(rows, i, SUMS));
}

static void
fill(struct bill_of *b, const struct db_rows *rows)
{
	struct past reads = {0};
	int n = db_rows_count(rows);

	if (n == 0)
		return;
	b->found = true;
	db_cell_copy(rows, 0, ACCOUNT, b->account, sizeof b->account);
	db_cell_copy(rows, 0, ZONE, b->zone, sizeof b->zone);
	db_cell_copy(rows, 0, CURRENCY, b->currency, sizeof b->currency);
	db_cell_copy(rows, 0, TARIFF, b->tariff, sizeof b->tariff);
	b->tariff_id = db_cell_int(rows, 0, TARIFF_ID);
	b->since_us = db_cell_int(rows, 0, SINCE);
	b->until_us = db_cell_int(rows, 0, UNTIL);
	b->charges = mem_new((size_t)n * sizeof *b->charges);
	for (int i = 0; i < n && i < BILL_MOST; i++)
		if (!db_cell_null(rows, i, 1))
			add_charge(b, &reads, rows, i);
	if (n > BILL_MOST)
		b->next_us = db_cell_int(rows, BILL_MOST, 4);
	past_clear(&reads);
}

void
bill_of_clear(struct bill_of *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->charges[i].journal);
	free(b->charges);
	*b = (struct bill_of){0};
}

struct bill_call {
	store_bill_fn *fn;
	void *arg;
};

static void
on_charges(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct bill_call *c = arg;
	struct bill_of b = {0};

	if (rows != NULL)
		fill(&b, rows);
	c->fn(&b, e, c->arg);
	free(c);
}

void
store_bill(struct db *db, const char *what, store_bill_fn *fn, void *arg)
{
	struct bill_call *c = mem_new(sizeof *c);

	*c = (struct bill_call){fn, arg};
	db_ask(db, &charges, on_charges, c, db_text(what));
}
