#include "service/intake.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/metric.h"
#include "store/db.h"

#include <stdlib.h>

#define MOST_FLYING 2 /* statements under way: more rows each, not more of them */
#define MOST_ROWS   5000
#define HIGH_WATER  50000

struct intake {
	struct loop *loop;
	struct db *db;
	intake_stored_fn *fn;
	void *arg;
	struct reading *rows;
	size_t n, room;
	int flying;
	int64_t stored;
	struct timer poke;
	struct logctx log;
};

struct batch {
	struct intake *intake;
	int n;
};

static const struct db_stmt ingest = {"reading_ingest", DB_BULK, true, 0,
    "SELECT door.reading_ingest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],"
    " $6::text[], $7::bigint)"};

static void intake_poke(void *arg);

struct intake *
intake_new(struct loop *l, struct db *db, intake_stored_fn *fn, void *arg)
{
	struct intake *i = mem_new(sizeof *i);

	i->loop = l;
	i->db = db;
	i->fn = fn;
	i->arg = arg;
	i->log.module = "intake";
	return i;
}

void
intake_free(struct intake *i)
{
	if (i == NULL)
		return;
	timer_stop(&i->poke);
	free(i->rows);
	free(i);
}

static void
on_stored(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct batch *b = arg;
	struct intake *i = b->intake;

	(void)rows;
	i->flying--;
	metric_add(e->class == ERR_NONE ? METRIC_READINGS : METRIC_READINGS_LOST, b->n);
	if (e->class != ERR_NONE)
		slog(i, LOG_LEVEL_ERROR, "%d readings lost: %s", b->n, e->text);
	else
		i->stored += b->n;
	free(b);
	if (e->class == ERR_NONE)
		i->fn(i->arg);
	intake_poke(i);
}

static void
intake_poke(void *arg)
{
	struct intake *i = arg;
	struct db_column c[6] = {0};
	size_t n = i->n < MOST_ROWS ? i->n : MOST_ROWS;
	struct batch *b;

	if (n == 0 || i->flying >= MOST_FLYING)
		return;
	for (size_t k = 0; k < n; k++) {
		const struct reading *r = &i->rows[k];

		db_column_int(&c[0], r->meter_id);
		db_column_int(&c[1], r->at_us);
		db_column_int(&c[2], r->at_us);
		db_column_text(&c[3], reg_name(r->reg));
		db_column_int(&c[4], r->value);
		if (r->reg == REG_STATUS)
			db_column_text(&c[5], relay_name(meter_status_relay((uint32_t)r->value)));
		else
			db_column_null(&c[5]);
	}
	b = mem_new(sizeof *b);
	b->intake = i;
	b->n = (int)n;
	i->flying++;
	db_ask(i->db, &ingest, on_stored, b, db_array(&c[0]), db_array(&c[1]), db_array(&c[2]),
	    db_array(&c[3]), db_array(&c[4]), db_array(&c[5]), db_int(loop_now_us(i->loop)));
	for (int k = 0; k < 6; k++)
		db_column_free(&c[k]);
	i->n -= n;
	for (size_t k = 0; k < i->n; k++)
		i->rows[k] = i->rows[n + k];
}

void
intake_readings(struct intake *i, const struct reading *r, int n)
{
	for (int k = 0; k < n; k++) {
		if (i->n == i->room) {
			i->room = i->room > 0 ? i->room * 2 : 256;
			i->rows = mem_more(i->rows, i->room * sizeof *i->rows);
		}
		i->rows[i->n++] = r[k];
	}
	if (n > 0)
		loop_defer(&i->poke, i->loop, intake_poke, i);
}

int64_t
intake_stored(const struct intake *i)
{
	return i->stored;
}

bool
intake_behind(const struct intake *i)
{
	return i->n > HIGH_WATER;
}
