#include "store/store_account.h"

#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt dirty = {"accounts_dirty", DB_BILLING, true, 0,
    "SELECT account_id, version, fee_mode, live, zone, prepaid, carry, period, period_wh, warned,"
    " warn_minor, trip_minor, tariff_id, final_sent_us, final_state, unrated, payment_id, "
    "paid_open,"
    " meter_id, profile, wanted, seen, closed_us, total_wh, total_us, billed_wh, billed_us, credit,"
    " wraps_wh, most_watts, wanted_reason, relay_pending, credit_us"
    " FROM door.accounts_dirty($1::int, $2::bigint)"};
static const struct db_stmt decided = {"accounts_decided", DB_BILLING, true, 0,
    "SELECT account_id, endpoint_id FROM door.accounts_decided($1::jsonb, $2::bigint)"};

/* The columns of `dirty`, in its order. */
enum {
	ACCOUNT,
	VERSION,
	FEE_MODE,
	LIVE,
	ZONE,
	PREPAID,
	CARRY,
	PERIOD,
	PERIOD_WH,
	WARNED,
	WARN_MINOR,
	TRIP_MINOR,
	TARIFF,
	FINAL_SENT,
	FINAL_STATE,
	UNRATED,
	PAYMENT,
	PAID_OPEN,
	METER,
	PROFILE,
	WANTED,
	SEEN,
	CLOSED,
	TOTAL_WH,
	TOTAL_US,
	BILLED_WH,
	BILLED_US,
	CREDIT,
	WRAPS,
	MOST_WATTS,
	WANTED_REASON,
	RELAY_PENDING,
	CREDIT_US
};

static void
levels_from(struct account_view *v, const char *text)
{
	char *end;

	for (v->nlevels = 0; v->nlevels < SUPPLY_LEVELS; v->nlevels++) {
		int64_t level = strtoll(text, &end, 10);

		if (end == text)
			return;
		v->levels[v->nlevels] = level;
		text = end;
	}
}

static int64_t
int_or(const struct db_rows *rows, int i, int col, int64_t otherwise)
{
	return db_cell_null(rows, i, col) ? otherwise : db_cell_int(rows, i, col);
}

static struct dirty
dirty_from(const struct db_rows *rows, int i)
{
	struct dirty a = {
	    .tariff_id = db_cell_int(rows, i, TARIFF),
	    .carry_nano = db_cell_int(rows, i, CARRY),
	    .period_wh = db_cell_int(rows, i, PERIOD_WH),
	    .period = (int)db_cell_int(rows, i, PERIOD),
	    .payment_id = db_cell_int(rows, i, PAYMENT),
	    .total_wh = int_or(rows, i, TOTAL_WH, -1),
	    .total_us = db_cell_int(rows, i, TOTAL_US),
	    .billed_wh = int_or(rows, i, BILLED_WH, -1),
	    .billed_us = db_cell_int(rows, i, BILLED_US),
	    .wraps_wh = db_cell_int(rows, i, WRAPS),
	    .most_watts = db_cell_int(rows, i, MOST_WATTS),
	    .local_minor = db_cell_int(rows, i, CREDIT),
	    .has_local = !db_cell_null(rows, i, CREDIT),
	};
	struct account_view *v = &a.view;

	db_cell_copy(rows, i, PROFILE, a.profile, sizeof a.profile);
	v->account_id = db_cell_int(rows, i, ACCOUNT);
	v->meter_id = db_cell_int(rows, i, METER);
	v->version = db_cell_int(rows, i, VERSION);
	v->local = strcmp(db_cell_text(rows, i, FEE_MODE), "local") == 0;
	v->live = db_cell_bool(rows, i, LIVE);
	v->zone = store_zone(db_cell_text(rows, i, ZONE));
	v->balance_minor = db_cell_int(rows, i, PREPAID);
	v->trip_minor = db_cell_int(rows, i, TRIP_MINOR);
	levels_from(v, db_cell_text(rows, i, WARN_MINOR));
	v->warned = !db_cell_null(rows, i, WARNED);
	v->warned_level = db_cell_int(rows, i, WARNED);
	v->wanted = relay_parse(db_cell_text(rows, i, WANTED));
	v->seen = relay_parse(db_cell_text(rows, i, SEEN));
	v->wanted_for_arrears = strcmp(db_cell_text(rows, i, WANTED_REASON), "ARREARS") == 0;
	v->relay_pending = db_cell_bool(rows, i, RELAY_PENDING);
	v->paid_open = db_cell_bool(rows, i, PAID_OPEN);
	v->reading_us = db_cell_int(rows, i, v->local ? CREDIT_US : TOTAL_US);
	v->closed_us = db_cell_int(rows, i, CLOSED);
	v->final_asked = !db_cell_null(rows, i, FINAL_STATE);
	v->final_sent_us = db_cell_int(rows, i, FINAL_SENT);
	return a;
}

struct dirty_call {
	store_dirty_fn *each;
	store_dirty_done_fn *fn;
	void *arg;
};

static void
on_dirty(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct dirty_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		struct dirty a = dirty_from(rows, i);

		c->each(&a, c->arg);
	}
	c->fn(n, e, c->arg);
	free(c);
}

void
store_accounts_dirty(struct db *db, int limit, int64_t now_us, store_dirty_fn *each,
    store_dirty_done_fn *fn, void *arg)
{
	struct dirty_call *c = mem_new(sizeof *c);

	*c = (struct dirty_call){each, fn, arg};
	db_ask(db, &dirty, on_dirty, c, db_int(limit), db_int(now_us));
}

/* --- decisions ---------------------------------------------------------------------------- */

static void
put_int(struct buf *b, const char *name, int64_t v)
{
	buf_printf(b, ",\"%s\":%lld", name, (long long)v);
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	/* our own words only: nothing in them needs escaping */
	buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

void
decided_add(struct decided *d, const struct dirty *a, const struct charged *c,
    const struct decision *what, int64_t trip_life_us, int64_t now_us)
{
	struct buf *b = &d->rows;

	buf_put_u8(b, d->n++ == 0 ? '[' : ',');
	buf_printf(b, "{\"account\":%lld,\"version\":%lld", (long long)a->view.account_id,
	    (long long)a->view.version);
	put_int(b, "charge", c->minor);
	put_int(b, "balance", a->view.balance_minor);
	if (a->view.meter_id != 0)
		put_int(b, "meter", a->view.meter_id);
	if (a->payment_id != 0)
		put_int(b, "payment", a->payment_id);
	if (c->moved) {
		put_int(b, "wh", c->wh);
		put_int(b, "carry", c->carry_nano);
		put_int(b, "period", c->period);
		put_int(b, "period_wh", c->period_wh);
		put_int(b, "billed_wh", c->billed_wh);
		put_int(b, "billed_us", c->billed_us);
	}
	if (c->unrated != NULL)
		put_text(b, "unrated", c->unrated);
	if (what->wanted != RELAY_UNKNOWN) {
		put_text(b, "wanted", relay_name(what->wanted));
		put_text(b, "reason", "ARREARS");
		put_text(b, "why", what->why);
		put_int(b, "expires", now_us + trip_life_us);
	}
	if (what->notice != NOTICE_NONE) {
		put_text(b, "notice", notice_kind_name(what->notice));
		put_int(b, "level", what->level_minor);
		put_int(b, "warned", what->level_minor);
	}
	if (what->look_again_us != 0)
		put_int(b, "look_again", what->look_again_us);
	buf_printf(b, ",\"rearm\":%s}", what->rearm ? "true" : "false");
}

struct decided_call {
	store_decided_fn *each;
	store_dirty_done_fn *fn;
	void *arg;
};

static void
on_decided(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct decided_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++)
		c->each(db_cell_int(rows, i, 0), db_cell_int(rows, i, 1), c->arg);
	c->fn(n, e, c->arg);
	free(c);
}

void
store_accounts_decided(struct db *db, struct decided *d, int64_t now_us, store_decided_fn *each,
    store_dirty_done_fn *fn, void *arg)
{
	struct decided_call *c = mem_new(sizeof *c);

	*c = (struct decided_call){each, fn, arg};
	buf_put_text(&d->rows, d->n == 0 ? "[]" : "]");
	db_ask(db, &decided, on_decided, c, db_text(buf_text(&d->rows)), db_int(now_us));
	buf_clear(&d->rows);
	d->n = 0;
}
