#include "store/store_meter.h"

#include "base/log.h"
#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt session_open = {"session_open", DB_COMMANDS, true, 0,
    "SELECT endpoint_id, epoch, state, took_over, meter_id, address, protocol, profile, account_id,"
    " customer, encode(password, 'hex'), zone, live"
    " FROM door.session_open($1, $2, $3, $4, $5::bigint)"};
static const struct db_stmt session_close = {"session_close", DB_COMMANDS, true, 0,
    "SELECT door.session_close($1::bigint, $2::bigint, $3, $4::bigint)"};
static const struct db_stmt session_trusted = {
    "session_trusted", DB_COMMANDS, true, 0, "SELECT door.session_trusted($1::bigint, $2::bigint)"};
static const struct db_stmt session_seen = {
    "session_seen", DB_BULK, true, 0, "SELECT door.session_seen($1::bigint[], $2::bigint[])"};
static const struct db_stmt quarantine = {"quarantine", DB_COMMANDS, true, 0,
    "SELECT door.endpoint_quarantine($1::bigint, $2, $3::bigint)"};
static const struct db_stmt node_start = {
    "node_start", DB_COMMANDS, true, 0, "SELECT door.node_start($1, $2::bigint)"};

struct opening {
	store_opened_fn *fn;
	void *arg;
	char identity[41];
};

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

static void
meter_from(struct meter *m, const struct db_rows *rows, int row)
{
	m->id = db_cell_int(rows, row, 4);
	db_cell_copy(rows, row, 5, m->address, sizeof m->address);
	m->protocol = store_intern(db_cell_text(rows, row, 6));
	m->profile = store_intern(db_cell_text(rows, row, 7));
	m->account_id = db_cell_int(rows, row, 8);
	db_cell_copy(rows, row, 9, m->customer, sizeof m->customer);
	password_from(m, db_cell_text(rows, row, 10));
	m->zone = store_zone(db_cell_text(rows, row, 11));
}

static void
on_opened(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct opening *o = arg;
	struct session_opened opened = {0};

	if (rows != NULL && db_rows_count(rows) > 0) {
		int n = db_cell_null(rows, 0, 4) ? 0 : db_rows_count(rows);

		opened.mine = endpoint_new(n);
		opened.mine->id = db_cell_int(rows, 0, 0);
		opened.mine->epoch = db_cell_int(rows, 0, 1);
		opened.mine->claimed = strcmp(db_cell_text(rows, 0, 2), "claimed") == 0;
		opened.mine->live = n > 0 && db_cell_bool(rows, 0, 12);
		opened.took_over = db_cell_bool(rows, 0, 3);
		snprintf(opened.mine->identity, sizeof opened.mine->identity, "%s", o->identity);
		opened.mine->n = n;
		for (int i = 0; i < n; i++)
			meter_from(&opened.mine->meters[i], rows, i);
	}
	o->fn(&opened, e, o->arg);
	free(o);
}

void
store_session_open(struct db *db, const char *identity, bool is_dtu, const char *node,
    const char *peer, int64_t now_us, store_opened_fn *fn, void *arg)
{
	struct opening *o = mem_new(sizeof *o);

	o->fn = fn;
	o->arg = arg;
	snprintf(o->identity, sizeof o->identity, "%s", identity);
	db_ask(db, &session_open, on_opened, o, db_text(identity),
	    db_text(is_dtu ? "dtu" : "meter"), db_text(node), db_text(peer), db_int(now_us));
}

void
store_session_close(
    struct db *db, int64_t endpoint_id, int64_t epoch, const char *why, int64_t now_us)
{
	db_ask(db, &session_close, NULL, NULL, db_int(endpoint_id), db_int(epoch), db_text(why),
	    db_int(now_us));
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
store_quarantine(struct db *db, int64_t endpoint_id, const char *why, int64_t now_us)
{
	db_ask(db, &quarantine, NULL, NULL, db_int(endpoint_id), db_text(why), db_int(now_us));
}

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

void
store_node_start(struct db *db, const char *node, int64_t now_us, store_done_fn *fn, void *arg)
{
	struct done *d = mem_new(sizeof *d);

	d->fn = fn;
	d->arg = arg;
	db_ask(db, &node_start, on_done, d, db_text(node), db_int(now_us));
}
