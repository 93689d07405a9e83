#include "store/store_debt.h"

#include "base/err.h"
#include "model/calendar.h"
#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEW                                                                                 \
	"zone, steps, balance, threshold, used, debt_id, kind, owed, percent_bp, week_cap, " \
	"weeks, "                                                                            \
	"agreed, instalment, every, first_day"

static const struct db_stmt due = {"waterfalls_due", DB_MONEY, true, 0,
    "SELECT payment_id, amount, received_us, facts, " VIEW " FROM door.waterfalls_due($1::int)"};
/* Repeatable: a payment is split once, and the facts must be those it was decided on. */
static const struct db_stmt split = {"waterfalls_split", DB_MONEY, true, 0,
    "SELECT payment_id, outcome, endpoint_id FROM door.waterfalls_split($1::bigint[], $2::text[],"
    " $3::int[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint)"};
static const struct db_stmt given_up = {"waterfall_given_up", DB_MONEY, true, 0,
    "SELECT door.waterfall_given_up($1::bigint, $2, $3::bigint)"};
static const struct db_stmt walk = {
    "emergencies_walk", DB_BILLING, true, 0, "SELECT door.emergencies_walk($1::int, $2::bigint)"};
/* Repeatable: what has followed is held no longer. */
static const struct db_stmt surplus = {"surplus_deliver", DB_BILLING, true, 0,
    "SELECT endpoint_id FROM door.surplus_deliver($1::int, $2::bigint, $3::bigint)"};
static const struct db_stmt topup = {"topup_view", DB_COMMANDS, true, 5000000,
    "SELECT status, why, account, currency, pay_least, pay_most, credit_most, credit, "
    "reference, " VIEW " FROM door.topup_view($1, $2, $3, $4, $5)"};

/* The columns of VIEW, behind those of the statement. */
enum {
	ZONE,
	STEPS,
	BALANCE,
	THRESHOLD,
	USED,
	DEBT,
	KIND,
	OWED,
	PERCENT,
	WEEK_CAP,
	WEEKS,
	AGREED,
	INSTALMENT,
	EVERY,
	FIRST_DAY
};

static int64_t
int_or(const struct db_rows *rows, int i, int col, int64_t otherwise)
{
	return db_cell_null(rows, i, col) ? otherwise : db_cell_int(rows, i, col);
}

/* --- a view, row by row ------------------------------------------------------------------- */

/* What "202647:500 202646:2000" says of a week. */
static int64_t
taken_in(const char *weeks, int week)
{
	char *end;

	for (const char *p = weeks; *p != '\0'; p = end + strspn(end, " ")) {
		long w = strtol(p, &end, 10);
		long long taken;

		if (end == p || *end != ':')
			return 0;
		p = end + 1;
		taken = strtoll(p, &end, 10);
		if (w == week)
			return taken;
		if (end == p)
			return 0;
	}
	return 0;
}

static int
debt_from(const struct db_rows *rows, int i, int at, int week, int day, struct waterfall_debt *d)
{
	const char *kind = db_cell_text(rows, i, at + KIND);
	struct instalment_plan plan = {
	    .amount_minor = db_cell_int(rows, i, at + AGREED),
	    .each_minor = db_cell_int(rows, i, at + INSTALMENT),
	    .first_day = (int)db_cell_int(rows, i, at + FIRST_DAY),
	};

	*d = (struct waterfall_debt){
	    .id = db_cell_int(rows, i, at + DEBT),
	    .owed_minor = db_cell_int(rows, i, at + OWED),
	    .percent_bp = (int)db_cell_int(rows, i, at + PERCENT),
	    .week_cap_minor = int_or(rows, i, at + WEEK_CAP, -1),
	    .week_taken_minor = taken_in(db_cell_text(rows, i, at + WEEKS), week),
	};
	for (int k = WATERFALL_PAYMENT; k <= WATERFALL_ACCUMULATED; k++)
		if (strcmp(kind, waterfall_kind_name((enum waterfall_kind)k)) == 0)
			d->kind = (enum waterfall_kind)k;
	if (d->kind != WATERFALL_INSTALMENT)
		return 0;
	if (waterfall_every_parse(db_cell_text(rows, i, at + EVERY), &plan.every) < 0)
		return -1;
	d->due_minor = instalment_due(&plan, d->owed_minor, day);
	return 0;
}

/* The view that begins in row i; *next is the row behind it.  Returns its fault, or NULL. */
static const char *
view_from(const struct db_rows *rows, int i, int at, int64_t at_us, int *next, int *week,
    struct waterfall_view *v)
{
	const struct calendar *zone = store_zone(db_cell_text(rows, i, at + ZONE));
	int day = calendar_day(zone, at_us), first = i, n = db_rows_count(rows);
	const char *fault = NULL;
	struct err e;

	*week = calendar_week(zone, at_us);
	v->balance_minor = db_cell_int(rows, i, at + BALANCE);
	v->threshold_minor = db_cell_int(rows, i, at + THRESHOLD);
	v->emergency_minor = db_cell_int(rows, i, at + USED);
	v->ndebts = 0;
	if (waterfall_order_parse(db_cell_text(rows, i, at + STEPS), v->order, &e) < 0)
		fault = "its order is none";
	for (; i < n && (i == first || db_cell_int(rows, i, 0) == db_cell_int(rows, first, 0)) &&
	       !db_cell_null(rows, i, at + DEBT);
	     i++) {
		if (v->ndebts == WATERFALL_DEBTS)
			fault = "it has more open debts than are allowed";
		else if (debt_from(rows, i, at, *week, day, &v->debts[v->ndebts++]) < 0)
			fault = "a debt's instalments are due at no known time";
	}
	*next = i > first ? i : first + 1;
	return fault;
}

/* --- splits ------------------------------------------------------------------------------- */

struct due_call {
	store_owing_fn *each;
	store_debt_done_fn *fn;
	void *arg;
};

static void
on_due(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct due_call *c = arg;
	int payments = 0;

	for (int i = 0, next; rows != NULL && i < db_rows_count(rows); i = next) {
		struct owing o = {
		    .payment_id = db_cell_int(rows, i, 0),
		    .received_us = db_cell_int(rows, i, 2),
		};

		o.view.amount_minor = db_cell_int(rows, i, 1);
		db_cell_copy(rows, i, 3, o.facts, sizeof o.facts);
		o.fault = view_from(rows, i, 4, o.received_us, &next, &o.week, &o.view);
		payments++;
		c->each(&o, c->arg);
	}
	c->fn(payments, e, c->arg);
	free(c);
}

void
store_waterfalls_due(
    struct db *db, int limit, store_owing_fn *each, store_debt_done_fn *fn, void *arg)
{
	struct due_call *c = mem_new(sizeof *c);

	*c = (struct due_call){each, fn, arg};
	db_ask(db, &due, on_due, c, db_int(limit));
}

void
splits_add(
    struct splits *s, const struct owing *o, const struct waterfall_line *lines, size_t nlines)
{
	db_column_int(&s->payment, o->payment_id);
	db_column_text(&s->facts, o->facts);
	db_column_int(&s->week, o->week);
	for (size_t i = 0; i < nlines; i++) {
		db_column_int(&s->of, o->payment_id);
		db_column_text(&s->kind, waterfall_kind_name(lines[i].kind));
		if (lines[i].debt_id != 0)
			db_column_int(&s->debt, lines[i].debt_id);
		else
			db_column_null(&s->debt);
		db_column_int(&s->amount, lines[i].amount_minor);
	}
	s->n++;
}

static void
splits_each(struct splits *s, void (*fn)(struct db_column *c))
{
	struct db_column *all[] = {
	    &s->payment, &s->facts, &s->week, &s->of, &s->kind, &s->debt, &s->amount};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		fn(all[i]);
	s->n = 0;
}

void
splits_free(struct splits *s)
{
	splits_each(s, db_column_free);
}

struct split_call {
	store_split_fn *each;
	store_debt_done_fn *fn;
	void *arg;
};

static void
on_split(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct split_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++)
		c->each(db_cell_int(rows, i, 0), db_cell_text(rows, i, 1), db_cell_int(rows, i, 2),
		    c->arg);
	c->fn(n, e, c->arg);
	free(c);
}

void
store_waterfalls_split(struct db *db, struct splits *s, int64_t now_us, store_split_fn *each,
    store_debt_done_fn *fn, void *arg)
{
	struct split_call *c = mem_new(sizeof *c);

	*c = (struct split_call){each, fn, arg};
	db_ask(db, &split, on_split, c, db_array(&s->payment), db_array(&s->facts),
	    db_array(&s->week), db_array(&s->of), db_array(&s->kind), db_array(&s->debt),
	    db_array(&s->amount), db_int(now_us));
	splits_each(s, db_column_clear);
}

/* --- what only counts --------------------------------------------------------------------- */

struct count_call {
	store_surplus_fn *each;
	store_debt_done_fn *fn;
	void *arg;
};

static void
on_counted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct count_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n && c->each != NULL; i++)
		c->each(db_cell_int(rows, i, 0), c->arg);
	c->fn(c->each != NULL || n == 0 ? n : (int)db_cell_int(rows, 0, 0), e, c->arg);
	free(c);
}

static struct count_call *
count_call_new(store_surplus_fn *each, store_debt_done_fn *fn, void *arg)
{
	struct count_call *c = mem_new(sizeof *c);

	*c = (struct count_call){each, fn, arg};
	return c;
}

void
store_waterfall_given_up(struct db *db, int64_t payment_id, const char *why, int64_t now_us,
    store_debt_done_fn *fn, void *arg)
{
	db_ask(db, &given_up, on_counted, count_call_new(NULL, fn, arg), db_int(payment_id),
	    db_text(why), db_int(now_us));
}

void
store_emergencies_walk(struct db *db, int limit, int64_t now_us, store_debt_done_fn *fn, void *arg)
{
	db_ask(db, &walk, on_counted, count_call_new(NULL, fn, arg), db_int(limit), db_int(now_us));
}

void
store_surplus_deliver(struct db *db, int limit, int64_t pause_us, int64_t now_us,
    store_surplus_fn *each, store_debt_done_fn *fn, void *arg)
{
	db_ask(db, &surplus, on_counted, count_call_new(each, fn, arg), db_int(limit),
	    db_int(pause_us), db_int(now_us));
}

/* --- a payment yet to come ---------------------------------------------------------------- */

#define TOPUP_VIEW 9 /* where VIEW begins */

struct topup_call {
	store_topup_fn *fn;
	void *arg;
	int64_t amount_minor, now_us;
};

static void
topup_from(const struct db_rows *rows, const struct topup_call *c, struct topup *t)
{
	int next, week;

	t->status = (int)db_cell_int(rows, 0, 0);
	db_cell_copy(rows, 0, 1, t->why, sizeof t->why);
	if (t->status != 0)
		return;
	db_cell_copy(rows, 0, 2, t->account, sizeof t->account);
	db_cell_copy(rows, 0, 3, t->currency, sizeof t->currency);
	t->limits = (struct topup_limits){
	    .least_minor = int_or(rows, 0, 4, -1),
	    .most_minor = int_or(rows, 0, 5, -1),
	    .credit_most_minor = int_or(rows, 0, 6, -1),
	    .credit_minor = db_cell_int(rows, 0, 7),
	};
	t->view.amount_minor = c->amount_minor;
	t->fault = view_from(rows, 0, TOPUP_VIEW, c->now_us, &next, &week, &t->view);
	for (size_t i = 0; i < t->view.ndebts; i++)
		db_cell_copy(rows, (int)i, 8, t->references[i], sizeof t->references[i]);
}

static void
on_topup(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct topup_call *c = arg;
	struct topup *t = mem_new(sizeof *t);

	if (rows != NULL)
		topup_from(rows, c, t);
	c->fn(rows != NULL ? t : NULL, e, c->arg);
	free(t);
	free(c);
}

void
store_topup(
    struct db *db, const struct topup_question *q, int64_t now_us, store_topup_fn *fn, void *arg)
{
	struct topup_call *c = mem_new(sizeof *c);

	*c = (struct topup_call){fn, arg, q->amount_minor, now_us};
	db_ask(db, &topup, on_topup, c, db_text(q->account), db_text(q->meter),
	    db_text(q->currency), db_text(q->source), db_text(q->payment_no));
}
