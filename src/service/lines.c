#include "service/lines.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/metric.h"
#include "model/schedule.h"
#include "service/reader.h"
#include "store/db.h"

#include <stdlib.h>

#define VALUES     8
#define MOST_ROWS  5000
#define HIGH_WATER 20000
#define LOOK_US    HOUR_US /* whether a meter that is never read has been given a time */

static const enum reg regs[VALUES] = {REG_VOLTAGE_A, REG_VOLTAGE_B, REG_VOLTAGE_C, REG_CURRENT_A,
    REG_CURRENT_B, REG_CURRENT_C, REG_POWER, REG_FACTOR};

/* Repeatable: keyed by time and meter. */
static const struct db_stmt ingest = {"line_ingest", DB_BULK, true, 0,
    "SELECT door.line_ingest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
    " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])"};

struct row {
	int64_t meter_id, at_us, value[VALUES];
	uint32_t has; /* a bit each */
};

struct lines {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	const struct reader_conf *conf;
	struct row *rows;
	size_t n, room;
	bool flying; /* one statement at a time: more rows each, not more of them */
	struct timer poke;
	struct logctx log;
};

struct lining {
	struct lines *lines;
	struct meter *m;
	struct row row;
	int next;
};

/* --- storing ------------------------------------------------------------------------------ */

static void lines_poke(void *arg);

static void
on_stored(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct lines *x = arg;

	x->flying = false;
	if (rows == NULL)
		slog(x, LOG_LEVEL_ERROR, "values of lines are lost: %s", e->text);
	lines_poke(x);
}

static void
lines_poke(void *arg)
{
	struct lines *x = arg;
	struct db_column c[2 + VALUES] = {0};
	size_t n = x->n < MOST_ROWS ? x->n : MOST_ROWS;

	if (n == 0 || x->flying)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &x->rows[i];

		db_column_int(&c[0], r->meter_id);
		db_column_int(&c[1], r->at_us);
		for (int k = 0; k < VALUES; k++)
			if ((r->has & UINT32_C(1) << k) != 0)
				db_column_int(&c[2 + k], r->value[k]);
			else
				db_column_null(&c[2 + k]);
	}
	x->flying = true;
	db_ask(x->db, &ingest, on_stored, x, db_array(&c[0]), db_array(&c[1]), db_array(&c[2]),
	    db_array(&c[3]), db_array(&c[4]), db_array(&c[5]), db_array(&c[6]), db_array(&c[7]),
	    db_array(&c[8]), db_array(&c[9]));
	for (int k = 0; k < 2 + VALUES; k++)
		db_column_free(&c[k]);
	x->n -= n;
	for (size_t i = 0; i < x->n; i++)
		x->rows[i] = x->rows[n + i];
}

static void
lines_add(struct lines *x, const struct row *r)
{
	if (x->n == x->room) {
		x->room = x->room > 0 ? x->room * 2 : 256;
		x->rows = mem_more(x->rows, x->room * sizeof *x->rows);
	}
	x->rows[x->n++] = *r;
	loop_defer(&x->poke, x->loop, lines_poke, x);
}

bool
lines_behind(const struct lines *x)
{
	return x->n > HIGH_WATER;
}

/* --- reading ------------------------------------------------------------------------------ */

static void line_ask(struct session *s, struct lining *q);

static void
line_end(struct session *s, struct lining *q, bool whole)
{
	if (whole && q->row.has != 0)
		lines_add(q->lines, &q->row);
	if (!whole)
		q->m->line_us = loop_mono_us(q->lines->loop); /* again, when the line is free */
	session_release(s);
	free(q);
}

static void
on_line(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct lining *q = arg;

	if (e->class == ERR_REFUSED)
		meter_refused(q->m, regs[q->next], loop_mono_us(q->lines->loop));
	if (e->class == ERR_NONE && a->n == 1) {
		q->row.value[q->next] = a->readings[0].value;
		q->row.has |= UINT32_C(1) << q->next;
		if (q->row.at_us == 0)
			q->row.at_us = a->readings[0].at_us;
	}
	q->next++;
	if (e->class != ERR_NONE && e->class != ERR_REFUSED)
		line_end(s, q, true); /* it is silent: what there is, at its next time the rest */
	else if (dispatch_wants(q->lines->dispatch, session_endpoint(s)->id))
		line_end(s, q, false);
	else
		line_ask(s, q);
}

static void
line_ask(struct session *s, struct lining *q)
{
	while (q->next < VALUES && meter_refuses(q->m, regs[q->next]))
		q->next++;
	if (q->next == VALUES) {
		line_end(s, q, true);
		return;
	}
	session_ask(s, q->m, &(struct task){.kind = TASK_READ, .regs = {regs[q->next]}, .nregs = 1},
	    NULL, on_line, q);
}

static bool
line_due(struct lines *x, struct meter *m)
{
	int64_t every, mono = loop_mono_us(x->loop);
	bool first = m->line_us == 0;
	struct err e;

	if (m->line_us > mono || m->quiet_until_us > mono)
		return false;
	if (schedule_every(x->conf->lines, m->profile, &every, &e) < 0 || every == 0) {
		m->line_us = mono + LOOK_US;
		return false;
	}
	m->line_us = mono + schedule_next(every, m->id, loop_now_us(x->loop));
	return !first;
}

void
lines_serve(struct lines *x, struct session *s)
{
	struct endpoint *ep = session_endpoint(s);

	if (lines_behind(x))
		return;
	for (int i = 0; i < ep->n; i++)
		if (line_due(x, &ep->meters[i])) {
			struct lining *q = mem_new(sizeof *q);

			*q = (struct lining){.lines = x, .m = &ep->meters[i]};
			q->row.meter_id = q->m->id;
			session_hold(s);
			line_ask(s, q);
			return;
		}
}

/* --- life --------------------------------------------------------------------------------- */

struct lines *
lines_new(struct loop *l, struct db *db, struct dispatch *d, const struct reader_conf *conf)
{
	struct lines *x = mem_new(sizeof *x);

	x->loop = l;
	x->db = db;
	x->dispatch = d;
	x->conf = conf;
	x->log.module = "lines";
	return x;
}

void
lines_free(struct lines *x)
{
	if (x == NULL)
		return;
	timer_stop(&x->poke);
	free(x->rows);
	free(x);
}
