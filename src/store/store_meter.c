#include "store/store_meter.h"

#include "base/log.h"
#include "store/store_names.h"

#include <stdlib.h>
#include <string.h>

static const struct db_stmt session_open = {"session_open", DB_COMMANDS, true, 0,
    "SELECT n, endpoint_id, epoch, state, meter_id, address, protocol, profile,"
    " customer, encode(password, 'hex'), zone, live, limited, overloads,"
    " alarm_counts, report_stuck, waited_for, logged_until"
    " FROM door.session_open($1::text[], $2::text[], $3::text[], $4, $5::bigint)"};
static const struct db_stmt session_close = {"session_close", DB_COMMANDS, true, 0,
    "SELECT door.session_close($1::bigint[], $2::bigint[], $3::text[], $4::bigint)"};
static const struct db_stmt session_trusted = {
    "session_trusted", DB_COMMANDS, true, 0, "SELECT door.session_trusted($1::bigint, $2::bigint)"};
static const struct db_stmt session_seen = {
    "session_seen", DB_BULK, true, 0, "SELECT door.session_seen($1::bigint[], $2::bigint[])"};
static const struct db_stmt quarantine = {"quarantine", DB_COMMANDS, true, 0,
    "SELECT door.endpoint_quarantine($1::bigint, $2, $3::bigint)"};
static const struct db_stmt endpoint_hint = {
    "endpoint_hint", DB_COMMANDS, true, 0, "SELECT door.endpoint_hint($1::bigint[], $2)"};
static const struct db_stmt endpoint_refresh = {
    "endpoint_refresh", DB_COMMANDS, true, 0, "SELECT door.endpoint_refresh($1::bigint, $2)"};
static const struct db_stmt node_start = {
    "node_start", DB_COMMANDS, true, 0, "SELECT door.node_start($1, $2::bigint)"};

struct opening {
	store_opened_fn *each;
	store_done_fn *fn;
	void *arg;
};

struct done {
	store_done_fn *fn;
	void *arg;
};

static void
on_done(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct done *d = arg;

	(void)rows;
	d->fn(e, d->arg);
	free(d);
}

static password_open_fn *opener;
static void *opener_arg;

void
store_password_opener(password_open_fn *fn, void *arg)
{
	opener = fn;
	opener_arg = arg;
}

/* A password that cannot be opened leaves the factory's: the meter will say that it is wrong. */
static void
password_from(struct meter *m, const char *hex)
{
	static const struct logctx log = {.module = "store"};
	struct buf sealed = {0};
	struct err e;

	if (*hex == '\0' || opener == NULL)
		return;
	if (hex_in(&sealed, hex, &e) < 0 ||
	    opener(buf_span(&sealed), m->address, &m->key, opener_arg) < 0)
		log_line(
		    &log, LOG_LEVEL_ERROR, "meter=%s its password cannot be opened", m->address);
	buf_clear(&sealed);
}

/* "3 -1 0": the rest were never read. */
static void
counts_from(struct meter *m, const char *text)
{
	char *end;

	for (int i = 0; i < METER_COUNTERS; i++) {
		long n = strtol(text, &end, 10);

		m->counts[i] = end != text ? (int32_t)n : -1;
		text = end;
	}
}

static void
meter_from(struct meter *m, const struct db_rows *rows, int row)
{
	m->id = db_cell_int(rows, row, 4);
	db_cell_copy(rows, row, 5, m->address, sizeof m->address);
	m->protocol = store_intern(db_cell_text(rows, row, 6));
	m->profile = store_intern(db_cell_text(rows, row, 7));
	db_cell_copy(rows, row, 8, m->customer, sizeof m->customer);
	password_from(m, db_cell_text(rows, row, 9));
	m->zone = store_zone(db_cell_text(rows, row, 10));
	m->limited = db_cell_bool(rows, row, 12);
	m->overloads = db_cell_null(rows, row, 13) ? -1 : (int32_t)db_cell_int(rows, row, 13);
	counts_from(m, db_cell_text(rows, row, 14));
	m->report_stuck = db_cell_bool(rows, row, 15);
	m->logged_until_us = db_cell_int(rows, row, 17);
}

/* From one row on: the endpoint, and as many meters as rows. */
static struct endpoint *
endpoint_from(const struct db_rows *rows, int row, int n)
{
	struct endpoint *ep;

	if (db_cell_null(rows, row, 4))
		n = 0;
	ep = endpoint_new(n);
	ep->id = db_cell_int(rows, row, 1);
	ep->epoch = db_cell_int(rows, row, 2);
	ep->claimed = strcmp(db_cell_text(rows, row, 3), "claimed") == 0;
	ep->live = n > 0 && db_cell_bool(rows, row, 11);
	ep->n = n;
	for (int i = 0; i < n; i++) {
		meter_from(&ep->meters[i], rows, row + i);
		ep->waited_for |= db_cell_bool(rows, row + i, 16);
	}
	return ep;
}

static void
on_opened(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct opening *o = arg;
	int count = rows != NULL ? db_rows_count(rows) : 0;

	for (int row = 0, n; row < count; row += n) {
		int64_t which = db_cell_int(rows, row, 0);
		struct session_opened opened = {0};

		for (n = 1; row + n < count && db_cell_int(rows, row + n, 0) == which;)
			n++;
		opened.mine = endpoint_from(rows, row, n);
		o->each((int)which - 1, &opened, o->arg);
	}
	o->fn(e, o->arg);
	free(o);
}

void
store_session_open(struct db *db, const struct session_named *who, int n, const char *node,
    int64_t now_us, store_opened_fn *each, store_done_fn *fn, void *arg)
{
	struct opening *o = mem_new(sizeof *o);
	struct db_column identity = {0}, kind = {0}, peer = {0};

	o->each = each;
	o->fn = fn;
	o->arg = arg;
	for (int i = 0; i < n; i++) {
		db_column_text(&identity, who[i].identity);
		db_column_text(&kind, who[i].is_dtu ? "dtu" : "meter");
		db_column_text(&peer, who[i].peer);
	}
	db_ask_owned(db, &session_open, on_opened, o, db_array(&identity), db_array(&kind),
	    db_array(&peer), db_text(node), db_int(now_us));
	db_column_free(&identity);
	db_column_free(&kind);
	db_column_free(&peer);
}

void
store_session_close(struct db *db, struct db_column *endpoints, struct db_column *epochs,
    struct db_column *why, int64_t now_us, store_done_fn *fn, void *arg)
{
	struct done *d = mem_new(sizeof *d);

	d->fn = fn;
	d->arg = arg;
	db_ask_owned(db, &session_close, on_done, d, db_array(endpoints), db_array(epochs),
	    db_array(why), db_int(now_us));
}

void
store_session_trusted(struct db *db, int64_t endpoint_id, int64_t epoch)
{
	db_ask(db, &session_trusted, NULL, NULL, db_int(endpoint_id), db_int(epoch));
}

void
store_session_seen(struct db *db, struct db_column *ids, struct db_column *at)
{
	db_ask(db, &session_seen, NULL, NULL, db_array(ids), db_array(at));
}

void
store_endpoint_hint(struct db *db, struct db_column *endpoints, const char *node)
{
	db_ask(db, &endpoint_hint, NULL, NULL, db_array(endpoints), db_text(node));
}

void
store_endpoint_refresh(struct db *db, int64_t endpoint_id, const char *node)
{
	db_ask(db, &endpoint_refresh, NULL, NULL, db_int(endpoint_id), db_text(node));
}

void
store_quarantine(struct db *db, int64_t endpoint_id, const char *why, int64_t now_us)
{
	db_ask(db, &quarantine, NULL, NULL, db_int(endpoint_id), db_text(why), db_int(now_us));
}

void
store_node_start(struct db *db, const char *node, int64_t now_us, store_done_fn *fn, void *arg)
{
	struct done *d = mem_new(sizeof *d);

	d->fn = fn;
	d->arg = arg;
	db_ask_owned(db, &node_start, on_done, d, db_text(node), db_int(now_us));
}
