#include "store/store_account.h"

#include "model/calendar.h"
#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt dirty = {"accounts_dirty", DB_BILLING, true, 0,
    "SELECT account_id, version, fee_mode, live, zone, prepaid, estimate, spent, spent_days, "
    "warned,"
    " warn_minor, days_warned, trip_minor, below_us, final_sent_us, final_state, unrated,"
    " payment_id, untold, paid_open, meter_id, wanted, seen, wanted_for, relay_pending, refused,"
    " holds, temporary, spared, permit_only, reading_us, closed_us, off_us, credit, days,"
    " kept, exposed, overloads"
    " FROM door.accounts_dirty($1::int, $2::bigint)"};
static const struct db_stmt decided = {"accounts_decided", DB_BILLING, true, 0,
    "SELECT account_id, endpoint_id FROM door.accounts_decided($1::bigint[], $2::bigint[],"
    " $3::bigint[], $4::boolean[], $5::bigint[], $6::jsonb, $7::bigint)"};
static const struct db_stmt swept = {"supply_sweep", DB_BILLING, true, 0,
    "SELECT door.supply_sweep($1::int, $2::bigint, $3::bigint)"};
static const struct db_stmt halt = {
    "trips_halt", DB_BILLING, true, 0, "SELECT door.trips_halt($1, $2, $3::bigint)"};

/* The columns of `dirty`, in its order. */
enum {
	ACCOUNT,
	VERSION,
	FEE_MODE,
	LIVE,
	ZONE,
	PREPAID,
	ESTIMATE,
	SPENT,
	SPENT_DAYS,
	WARNED,
	WARN_MINOR,
	DAYS_WARNED,
	TRIP_MINOR,
	BELOW,
	FINAL_SENT,
	FINAL_STATE,
	UNRATED,
	PAYMENT,
	UNTOLD,
	PAID_OPEN,
	METER,
	WANTED,
	SEEN,
	WANTED_FOR,
	RELAY_PENDING,
	REFUSED,
	HOLDS,
	TEMPORARY,
	SPARED,
	PERMIT_ONLY,
	READING,
	CLOSED,
	OFF,
	CREDIT,
	DAYS,
	KEPT,
	EXPOSED,
	OVERLOADS
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

/* "20261001 holiday 20261010 makeup" */
static void
days_from(struct dirty *a, const char *text)
{
	char kind[16];
	int day, end;

	a->view.ndays = 0;
	while (a->view.ndays < STORE_DAYS && sscanf(text, "%d %15s%n", &day, kind, &end) == 2) {
		a->days[a->view.ndays++] =
		    (struct site_day){day, strcmp(kind, "holiday") == 0  ? DAY_HOLIDAY
					   : strcmp(kind, "makeup") == 0 ? DAY_MAKEUP
									 : DAY_EXTREME};
		text += end;
	}
}

/* "ADMIN! SAFETY": the mark says that it does not wait for the hours. */
static void
holds_from(struct meter_view *m, const char *text)
{
	char name[16];
	int end;

	for (; sscanf(text, "%15s%n", name, &end) == 1; text += end) {
		char *mark = strchr(name, '!');

		if (mark != NULL)
			*mark = '\0';
		m->holds |= HOLD_BIT(hold_parse(name));
		if (mark != NULL)
			m->at_once |= HOLD_BIT(hold_parse(name));
	}
}

static void
overloads_from(struct meter_view *m, const char *text)
{
	char *end;

	for (; m->noverloads < SUPPLY_OVERLOADS; text = end) {
		int64_t at_us = strtoll(text, &end, 10);

		if (end == text)
			return;
		m->overload_us[m->noverloads++] = at_us;
	}
}

/* "20261120 3400 20261119 3100 ...", the newest day first: the oldest one is what counts. */
static void
spent_from(struct dirty *a, const struct db_rows *rows, int i)
{
	const char *text = db_cell_text(rows, i, SPENT_DAYS);
	char *end;

	a->spent_minor = db_cell_int(rows, i, SPENT);
	for (int64_t day; (day = strtoll(text, &end, 10)), end != text;) {
		a->spent_since_day = (int)day;
		a->spent_since_minor = strtoll(end, &end, 10);
		text = end;
	}
}

static void
account_from(struct dirty *a, const struct db_rows *rows, int i)
{
	struct account_view *v = &a->view;

	*a = (struct dirty){
	    .payment_id = db_cell_int(rows, i, PAYMENT), .untold = db_cell_bool(rows, i, UNTOLD)};
	v->account_id = db_cell_int(rows, i, ACCOUNT);
	v->version = db_cell_int(rows, i, VERSION);
	v->local = strcmp(db_cell_text(rows, i, FEE_MODE), "local") == 0;
	v->live = db_cell_bool(rows, i, LIVE);
	v->zone = store_zone(db_cell_text(rows, i, ZONE));
	v->days = a->days;
	v->balance_minor = db_cell_int(rows, i, PREPAID);
	v->estimate_minor = db_cell_int(rows, i, ESTIMATE);
	spent_from(a, rows, i);
	v->trip_minor = db_cell_int(rows, i, TRIP_MINOR);
	levels_from(v, db_cell_text(rows, i, WARN_MINOR));
	v->warned = !db_cell_null(rows, i, WARNED);
	v->warned_level = db_cell_int(rows, i, WARNED);
	v->days_warned = db_cell_bool(rows, i, DAYS_WARNED);
	v->below_us = db_cell_int(rows, i, BELOW);
	v->paid_open = db_cell_bool(rows, i, PAID_OPEN);
	v->unrated = db_cell_bool(rows, i, UNRATED);
	v->final_asked = !db_cell_null(rows, i, FINAL_STATE);
	v->final_sent_us = db_cell_int(rows, i, FINAL_SENT);
}

static void
meter_from(struct dirty *a, const struct db_rows *rows, int i)
{
	struct meter_view *m = &a->meter[a->nmeters];

	if (db_cell_null(rows, i, METER) || a->nmeters == SUPPLY_METERS)
		return;
	a->nmeters++;
	m->meter_id = db_cell_int(rows, i, METER);
	m->wanted = relay_parse(db_cell_text(rows, i, WANTED));
	m->seen = relay_parse(db_cell_text(rows, i, SEEN));
	m->wanted_for = hold_parse(db_cell_text(rows, i, WANTED_FOR));
	m->relay_pending = db_cell_bool(rows, i, RELAY_PENDING);
	m->refused = db_cell_bool(rows, i, REFUSED);
	holds_from(m, db_cell_text(rows, i, HOLDS));
	m->temporary = db_cell_bool(rows, i, TEMPORARY);
	m->kept = db_cell_bool(rows, i, KEPT);
	m->spared = db_cell_bool(rows, i, SPARED) || m->kept;
	m->exposed = db_cell_bool(rows, i, EXPOSED);
	overloads_from(m, db_cell_text(rows, i, OVERLOADS));
	m->permit_only = db_cell_bool(rows, i, PERMIT_ONLY);
	m->reading_us = db_cell_int(rows, i, READING);
	m->closed_us = db_cell_int(rows, i, CLOSED);
	m->off_us = db_cell_int(rows, i, OFF);
	if (!db_cell_null(rows, i, CREDIT)) {
		a->local_minor += db_cell_int(rows, i, CREDIT);
		a->has_local = true;
	}
	if (a->view.ndays == 0)
		days_from(a, db_cell_text(rows, i, DAYS));
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
	int n = rows != NULL ? db_rows_count(rows) : 0, accounts = 0;
	struct dirty a;

	for (int i = 0; i < n; i++) {
		int64_t account = db_cell_int(rows, i, ACCOUNT);

		if (i == 0 || db_cell_int(rows, i - 1, ACCOUNT) != account)
			account_from(&a, rows, i);
		meter_from(&a, rows, i);
		if (i + 1 < n && db_cell_int(rows, i + 1, ACCOUNT) == account)
			continue;
		c->each(&a, c->arg);
		accounts++;
	}
	c->fn(accounts, e, c->arg);
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

static void
put_wish(struct buf *b, const struct meter_view *m, const struct wish *w, int64_t expires_us)
{
	buf_printf(b, "{\"meter\":%lld", (long long)m->meter_id);
	if (w->wanted != RELAY_UNKNOWN) {
		put_text(b, "wanted", relay_name(w->wanted));
		put_text(b, "hold", hold_name(w->hold));
		put_text(b, "why", w->why);
		put_int(b, "expires", expires_us);
	}
	if (w->lock)
		put_text(b, "lock", w->why);
	if (w->hindrance != HINDRANCE_NONE)
		put_text(b, "hindrance", hindrance_name(w->hindrance));
	buf_put_u8(b, '}');
}

/* Whether it comes to more than the mark that it was decided.  Exposure that ends is one. */
static bool
has_deeds(const struct dirty *a, const struct decision *what)
{
	bool deeds = what->notice != NOTICE_NONE || what->rearm || what->days_rearm || a->untold ||
		     what->below || a->view.below_us != 0;

	for (int i = 0; i < a->nmeters && !deeds; i++)
		deeds = what->wish[i].wanted != RELAY_UNKNOWN || what->wish[i].lock ||
			what->wish[i].hindrance == HINDRANCE_KEPT || a->meter[i].exposed;
	return deeds;
}

static void
put_deeds(struct decided *d, const struct dirty *a, const struct decision *what, int64_t expires_us)
{
	struct buf *b = &d->deeds;
	int n = 0;

	buf_put_u8(b, d->ndeeds++ == 0 ? '[' : ',');
	buf_printf(b, "{\"account\":%lld", (long long)a->view.account_id);
	put_int(b, "version", a->view.version);
	put_int(b, "balance", a->view.balance_minor);
	if (a->payment_id != 0)
		put_int(b, "payment", a->payment_id);
	if (what->notice != NOTICE_NONE) {
		put_text(b, "notice", notice_kind_name(what->notice));
		put_int(b, "level", what->level_minor);
		buf_printf(b, ",\"urgent\":%s", what->urgent ? "true" : "false");
	}
	buf_printf(b, ",\"rearm\":%s,\"days_rearm\":%s,\"meters\":[",
	    what->rearm ? "true" : "false", what->days_rearm ? "true" : "false");
	for (int i = 0; i < a->nmeters; i++) {
		const struct wish *w = &what->wish[i];

		/* the others have nothing to note, unless an exposure may have ended */
		if (w->wanted == RELAY_UNKNOWN && w->hindrance == HINDRANCE_NONE && !w->lock &&
		    a->view.below_us == 0 && !a->meter[i].exposed)
			continue;
		if (n++ > 0)
			buf_put_u8(b, ',');
		put_wish(b, &a->meter[i], w, expires_us);
	}
	buf_put_text(b, "]}");
}

void
decided_add(struct decided *d, const struct dirty *a, const struct decision *what,
    int64_t trip_life_us, int64_t now_us)
{
	d->n++;
	db_column_int(&d->account, a->view.account_id);
	db_column_int(&d->version, a->view.version);
	if (what->look_again_us != 0)
		db_column_int(&d->look_again, what->look_again_us);
	else
		db_column_null(&d->look_again);
	db_column_text(&d->below, what->below ? "t" : "f");
	db_column_int(&d->day, calendar_day(a->view.zone, now_us));
	if (has_deeds(a, what))
		put_deeds(d, a, what, now_us + trip_life_us);
}

void
decided_free(struct decided *d)
{
	db_column_free(&d->account);
	db_column_free(&d->version);
	db_column_free(&d->look_again);
	db_column_free(&d->below);
	db_column_free(&d->day);
	buf_clear(&d->deeds);
	d->n = d->ndeeds = 0;
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
	buf_put_text(&d->deeds, d->ndeeds == 0 ? "[]" : "]");
	db_ask(db, &decided, on_decided, c, db_array(&d->account), db_array(&d->version),
	    db_array(&d->look_again), db_array(&d->below), db_array(&d->day),
	    db_text(buf_text(&d->deeds)), db_int(now_us));
	decided_free(d);
}

/* --- time and alarms ---------------------------------------------------------------------- */

struct sweep_call {
	store_dirty_done_fn *fn;
	void *arg;
};

static void
on_swept(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct sweep_call *c = arg;

	c->fn(rows != NULL ? (int)db_cell_int(rows, 0, 0) : 0, e, c->arg);
	free(c);
}

void
store_supply_sweep(struct db *db, int silence_percent, int64_t restore_slo_us, int64_t now_us,
    store_dirty_done_fn *fn, void *arg)
{
	struct sweep_call *c = mem_new(sizeof *c);

	*c = (struct sweep_call){fn, arg};
	db_ask(db, &swept, on_swept, c, db_int(silence_percent), db_int(restore_slo_us),
	    db_int(now_us));
}

void
store_trips_halt(struct db *db, const char *cause, const char *why, int64_t now_us)
{
	db_ask(db, &halt, NULL, NULL, db_text(cause), db_text(why), db_int(now_us));
}
