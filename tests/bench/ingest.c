/*
 * ingest -- readings through the daemon's own intake and statement, and the same rows through one
 * bare INSERT ... SELECT FROM unnest() into a table of the same kind.
 *
 *	ingest CONNINFO energy|poll ROWS
 *
 * "energy" is the total of every meter once a round; "poll" is what one scheduled read of a meter
 * brings: total, four tariffs, status.  Meters come in a shuffled order, as a fleet answers.  The
 * two ways take turns, ROUNDS each, every row is new, and both wait for their commits.
 */
#include "bench.h"

#include "base/log.h"
#include "base/loop.h"
#include "model/meter.h"
#include "schema.h"
#include "service/intake.h"
#include "store/db.h"

#include <endian.h>
#include <libpq-fe.h>

#define BATCH   5000 /* rows a statement, as intake.c */
#define ROUNDS  3
#define MOST_US (30 * SECOND_US)

struct bench {
	struct loop *loop;
	struct db *db;
	struct intake *intake;
	PGconn *bare;
	int64_t *meters; /* ids, shuffled */
	int64_t nmeters, rows, first_us;
	const enum reg *regs;
	int nregs;
	int64_t fed, goal, took_ns, bare_ns, serial;
	struct timer over;
};

static const enum reg energy[] = {REG_TOTAL_WH};
static const enum reg poll[] = {
    REG_TOTAL_WH, REG_T1_WH, REG_T2_WH, REG_T3_WH, REG_T4_WH, REG_STATUS};

/* Row number i of all that this run ever makes. */
static struct reading
row(const struct bench *b, int64_t i)
{
	int64_t asked = i / b->nregs, turn = asked / b->nmeters;
	enum reg reg = b->regs[i % b->nregs];

	return (struct reading){
	    .meter_id = b->meters[asked % b->nmeters],
	    .at_us = b->first_us + turn * MINUTE_US + asked % b->nmeters,
	    .reg = reg,
	    .value = reg == REG_STATUS ? 0 : 1000 + turn,
	};
}

/* --- ours --------------------------------------------------------------------------------- */

static void
feed(struct bench *b, int64_t n)
{
	struct reading r[BATCH];

	n = n < b->goal - b->fed ? n : b->goal - b->fed;
	for (int64_t k = 0; k < n; k++)
		r[k] = row(b, b->serial + b->fed + k);
	b->fed += n;
	intake_readings(b->intake, r, (int)n);
}

static void
on_stored(void *arg)
{
	struct bench *b = arg;

	if (intake_stored(b->intake) >= b->goal)
		loop_stop(b->loop);
	else
		feed(b, BATCH);
}

static void
on_over(void *arg)
{
	(void)arg;
	die("the intake did not finish in time");
}

static void
on_unfit(const char *why, void *arg)
{
	(void)arg;
	die("%s", why);
}

/* Enough is fed ahead that a whole batch always waits behind the one under way. */
static void
store(struct bench *b, int64_t n)
{
	int64_t from = now_ns();

	b->serial += b->fed;
	b->intake = intake_new(b->loop, b->db, on_stored, b);
	b->fed = 0;
	b->goal = n;
	timer_start(&b->over, b->loop, MOST_US, on_over, b);
	for (int k = 0; k < 3; k++)
		feed(b, BATCH);
	loop_run(b->loop);
	timer_stop(&b->over);
	b->took_ns += now_ns() - from;
	intake_free(b->intake);
}

/* --- bare --------------------------------------------------------------------------------- */

static void
put32(struct buf *b, int64_t v)
{
	uint32_t x = htobe32((uint32_t)v);

	buf_put(b, &x, sizeof x);
}

static void
put64(struct buf *b, int64_t v)
{
	uint64_t x = htobe64((uint64_t)v);

	put32(b, sizeof x);
	buf_put(b, &x, sizeof x);
}

/* PostgreSQL's binary one-dimensional array. */
static void
array_begin(struct buf *b, int type, int64_t n)
{
	b->len = 0;
	put32(b, 1);
	put32(b, 0);
	put32(b, type);
	put32(b, n);
	put32(b, 1);
}

static void
query(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(c));
	PQclear(r);
}

static void
bare_begin(struct bench *b)
{
	static const char sql[] = "INSERT INTO bare_reading (meter_id, at_us, heard_us, reg, value)"
				  " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],"
				  " $4::text[], $5::bigint[])";
	PGresult *r;

	query(b->bare, "SET client_min_messages = warning; DROP TABLE IF EXISTS bare_reading");
	query(b->bare,
	    "CREATE TABLE bare_reading (LIKE powergate.reading INCLUDING ALL) PARTITION BY RANGE "
	    "(at_us);"
	    "CREATE TABLE bare_reading_rest PARTITION OF bare_reading DEFAULT");
	r = PQprepare(b->bare, "bare", sql, 0, NULL);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		die("%s", PQerrorMessage(b->bare));
	PQclear(r);
}

static void
bare_send(struct bench *b, int64_t from, int64_t n)
{
	static struct buf c[5];
	static const int types[5] = {20, 20, 20, 25, 20}, binary[5] = {1, 1, 1, 1, 1};
	const char *values[5];
	int lengths[5];

	for (int k = 0; k < 5; k++)
		array_begin(&c[k], types[k], n);
	for (int64_t i = from; i < from + n; i++) {
		struct reading r = row(b, i);
		const char *name = reg_name(r.reg);

		put64(&c[0], r.meter_id);
		put64(&c[1], r.at_us);
		put64(&c[2], r.at_us);
		put32(&c[3], (int64_t)strlen(name));
		buf_put(&c[3], name, strlen(name));
		put64(&c[4], r.value);
	}
	for (int k = 0; k < 5; k++) {
		values[k] = (const char *)c[k].bytes;
		lengths[k] = (int)c[k].len;
	}
	if (PQsendQueryPrepared(b->bare, "bare", 5, values, lengths, binary, 1) != 1 ||
	    PQpipelineSync(b->bare) != 1)
		die("%s", PQerrorMessage(b->bare));
}

static void
bare_hear(struct bench *b)
{
	ExecStatusType status = PGRES_COMMAND_OK;

	while (status != PGRES_PIPELINE_SYNC) {
		PGresult *r = PQgetResult(b->bare);

		if (r == NULL)
			continue;
		status = PQresultStatus(r);
		if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC)
			die("%s", PQerrorMessage(b->bare));
		PQclear(r);
	}
}

/* Two statements under way, as in the limits: the next is made while one is at work. */
static void
bare_store(struct bench *b, int64_t from, int64_t n)
{
	int64_t began = now_ns(), sent = 0, heard = 0;

	PQenterPipelineMode(b->bare);
	while (heard < n) {
		while (sent < n && sent - heard < 2 * BATCH) {
			bare_send(b, from + sent, n - sent < BATCH ? n - sent : BATCH);
			sent += n - sent < BATCH ? n - sent : BATCH;
		}
		bare_hear(b);
		heard += n - heard < BATCH ? n - heard : BATCH;
	}
	PQexitPipelineMode(b->bare);
	b->bare_ns += now_ns() - began;
}

/* --- both --------------------------------------------------------------------------------- */

static void
meters_load(struct bench *b)
{
	PGresult *r = PQexec(b->bare, "SELECT id FROM powergate.meter ORDER BY hashint8(id)");

	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) == 0)
		die("no meters: %s", PQerrorMessage(b->bare));
	b->nmeters = PQntuples(r);
	b->meters = mem_new((size_t)b->nmeters * sizeof *b->meters);
	for (int i = 0; i < b->nmeters; i++)
		b->meters[i] = strtoll(PQgetvalue(r, i, 0), NULL, 10);
	PQclear(r);
}

static void
take(struct bench *b, int64_t n)
{
	store(b, n);
	bare_store(b, b->serial, n);
}

int
main(int argc, char **argv)
{
	struct bench b = {.loop = loop_new()};
	char name[80];

	if (argc != 4)
		die("usage: ingest CONNINFO energy|poll ROWS");
	b.regs = strcmp(argv[2], "poll") == 0 ? poll : energy;
	b.nregs = b.regs == poll ? 6 : 1;
	b.rows = number(argv[3], BATCH, 10000000);
	log_set_level(LOG_LEVEL_WARN);
	b.first_us = loop_now_us(b.loop);
	b.bare = PQconnectdb(argv[1]);
	if (PQstatus(b.bare) != CONNECTION_OK)
		die("%s", PQerrorMessage(b.bare));
	meters_load(&b);
	bare_begin(&b);
	b.db = db_new(b.loop, argv[1], POWERGATE_SCHEMA, on_unfit, NULL);
	take(&b, BATCH); /* connects, prepares, and does not count */
	b.took_ns = b.bare_ns = 0;
	for (int i = 0; i < ROUNDS; i++)
		take(&b, b.rows / ROUNDS);
	snprintf(name, sizeof name, "readings_ingested_per_second_%s", argv[2]);
	figure(name, a_second(b.rows / ROUNDS * ROUNDS, b.took_ns), "rows/s");
	snprintf(name, sizeof name, "readings_inserted_per_second_%s_bare", argv[2]);
	figure(name, a_second(b.rows / ROUNDS * ROUNDS, b.bare_ns), "rows/s");
	db_free(b.db);
	PQfinish(b.bare);
	free(b.meters);
	loop_free(b.loop);
	return 0;
}
