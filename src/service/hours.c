#include "service/hours.h"

#include "base/log.h"
#include "base/loop.h"
#include "model/record_search.h"
#include "model/schedule.h"
#include "service/gateway.h"
#include "service/reader.h"
#include "store/db.h"

#include <stdlib.h>

#define MOST_HOURS 48 /* of one turn */
#define LOOK_US    HOUR_US
#define SURE_US    (2 * MINUTE_US) /* so long after a full hour its record is there */
#define WAIT_US    (10 * MINUTE_US)

static const struct db_stmt gaps = {"hour_gaps", DB_BULK, true, 0,
    "SELECT h FROM door.hour_gaps($1::bigint, $2::bigint, $3::bigint, $4::int) h"};
/* Repeatable: keyed by time and meter. */
static const struct db_stmt ingest = {"hour_ingest", DB_BULK, true, 0,
    "SELECT door.hour_ingest($1::bigint, $2::bigint[], $3::bigint[])"};

struct hours {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	struct gateway *gateway;
	const struct reader_conf *conf;
	struct turn_hours *first; /* those whose session is busy */
	struct logctx log;
};

/* One meter's turn, from the question for its gaps to the last record. */
struct turn_hours {
	struct turn_hours *next;
	struct hours *h;
	int64_t endpoint_id, meter_id, asked_us; /* monotonic */
	struct meter *m;                         /* while the session is held */
	int64_t want[MOST_HOURS];                /* the newest first */
	int n, at;
	int shift; /* how much lower a record's number is than its hour's age says */
	struct record_search search;
	int64_t newest; /* the hour that record 1 may have, when the turn began */
	struct db_column times, energies;
};

static int
hour_count(int64_t at_us)
{
	return (int)(at_us / HOUR_US);
}

static int64_t
meter_now(const struct turn_hours *t)
{
	return loop_now_us(t->h->loop) + (t->m->skew_known ? t->m->clock_skew_us : 0);
}

static void
turn_free(struct turn_hours *t)
{
	db_column_free(&t->times);
	db_column_free(&t->energies);
	free(t);
}

/* --- reading ------------------------------------------------------------------------------ */

static void hour_ask(struct session *s, struct turn_hours *t);

static void
turn_end(struct session *s, struct turn_hours *t)
{
	if (t->times.n > 0)
		db_ask(t->h->db, &ingest, NULL, NULL, db_int(t->meter_id), db_array(&t->times),
		    db_array(&t->energies));
	session_release(s);
	turn_free(t);
}

static void
note(struct turn_hours *t, int64_t at_us, int64_t wh)
{
	db_column_int(&t->times, at_us);
	if (wh >= 0)
		db_column_int(&t->energies, wh);
	else
		db_column_null(&t->energies);
}

/* The next hour that is wanted; its number is at most what its age says. */
static void
hour_next(struct session *s, struct turn_hours *t)
{
	int age;

	if (t->at == t->n || dispatch_wants(t->h->dispatch, session_endpoint(s)->id)) {
		turn_end(s, t);
		return;
	}
	age = hour_count(t->newest) - hour_count(t->want[t->at]) + 1;
	record_search_begin(&t->search, hour_count(t->want[t->at]), age - t->shift, HOURS_KEPT);
	hour_ask(s, t);
}

/* Older than all that it has: so are the rest.  A full hour that has gone by meanwhile gave each
 * record another number: then nothing is sure. */
static void
hour_missing(struct session *s, struct turn_hours *t, enum search_end end)
{
	if (hour_count(meter_now(t)) != hour_count(t->newest)) {
		turn_end(s, t);
		return;
	}
	for (note(t, t->want[t->at++], -1); end == SEARCH_OLDER && t->at < t->n;)
		note(t, t->want[t->at++], -1);
	hour_next(s, t);
}

static void
on_hour(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn_hours *t = arg;
	enum search_end end;
	int hour = 0;

	if (e->class == ERR_NONE) {
		hour = hour_count(a->frozen_us);
		note(t, a->frozen_us, a->frozen_wh[0]);
		t->shift = hour_count(t->newest) - hour + 1 - t->search.at;
	} else if (e->class != ERR_REFUSED || a->refusal != REFUSAL_NO_DATA) {
		turn_end(s, t);
		return;
	}
	end = record_search_heard(&t->search, hour);
	if (end == SEARCH_ON && !dispatch_wants(t->h->dispatch, session_endpoint(s)->id)) {
		hour_ask(s, t);
	} else if (end == SEARCH_FOUND) {
		t->at++;
		hour_next(s, t);
	} else if (end == SEARCH_ON) {
		turn_end(s, t);
	} else {
		hour_missing(s, t, end);
	}
}

static void
hour_ask(struct session *s, struct turn_hours *t)
{
	const struct task task = {.kind = TASK_HOUR, .record = t->search.at};

	session_ask(s, t->m, &task, NULL, on_hour, t);
}

/* --- whose turn it is --------------------------------------------------------------------- */

/* True: it is done with here. */
static bool
turn_try(struct turn_hours *t)
{
	struct hours *h = t->h;
	int64_t mono = loop_mono_us(h->loop);
	struct session *s = gateway_find(h->gateway, t->endpoint_id);
	struct endpoint *ep = s != NULL ? session_endpoint(s) : NULL;

	t->m = ep != NULL ? endpoint_meter_of(ep, t->meter_id) : NULL;
	if (t->m == NULL || t->m->quiet_until_us > mono || mono - t->asked_us > WAIT_US) {
		turn_free(t); /* at its next turn */
		return true;
	}
	if (!session_free(s) || !ep->claimed || dispatch_wants(h->dispatch, ep->id))
		return false;
	t->newest = meter_now(t) / HOUR_US * HOUR_US;
	session_hold(s);
	hour_next(s, t);
	return true;
}

void
hours_freed(struct hours *h, int64_t endpoint_id)
{
	struct turn_hours **at = &h->first, *t;

	while ((t = *at) != NULL) {
		struct turn_hours *next = t->next;

		if ((endpoint_id == 0 || t->endpoint_id == endpoint_id) && turn_try(t))
			*at = next;
		else
			at = &t->next;
	}
}

static void
on_gaps(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct turn_hours *t = arg;

	(void)e; /* at its next turn */
	for (int i = 0; rows != NULL && i < db_rows_count(rows) && t->n < MOST_HOURS; i++)
		t->want[t->n++] = db_cell_int(rows, i, 0);
	if (t->n == 0) {
		turn_free(t);
	} else if (!turn_try(t)) {
		t->next = t->h->first;
		t->h->first = t;
	}
}

static bool
hours_due(struct hours *h, struct meter *m)
{
	int64_t every, mono = loop_mono_us(h->loop);
	bool first = m->hour_us == 0;
	struct err e;

	if (m->hour_us > mono || m->quiet_until_us > mono)
		return false;
	if (schedule_every(h->conf->hours, m->profile, &every, &e) < 0 || every == 0) {
		m->hour_us = mono + LOOK_US;
		return false;
	}
	m->hour_us = mono + schedule_next(every, m->id, loop_now_us(h->loop));
	return !first;
}

/* On the meter's own clock, and only full hours that it surely has by now. */
static void
turn_begin(struct hours *h, struct session *s, struct meter *m)
{
	struct turn_hours *t = mem_new(sizeof *t);
	int64_t to;

	*t = (struct turn_hours){
	    .h = h, .endpoint_id = session_endpoint(s)->id, .meter_id = m->id, .m = m};
	t->asked_us = loop_mono_us(h->loop);
	to = (meter_now(t) - SURE_US) / HOUR_US * HOUR_US;
	db_ask_owned(h->db, &gaps, on_gaps, t, db_int(m->id),
	    db_int(to - (HOURS_KEPT - 1) * HOUR_US), db_int(to), db_int(MOST_HOURS));
}

void
hours_look(struct hours *h, struct session *s)
{
	struct endpoint *ep = session_endpoint(s);

	for (int i = 0; i < ep->n; i++)
		if (hours_due(h, &ep->meters[i]))
			turn_begin(h, s, &ep->meters[i]);
}

/* --- life --------------------------------------------------------------------------------- */

struct hours *
hours_new(struct loop *l, struct db *db, struct dispatch *d, const struct reader_conf *conf)
{
	struct hours *h = mem_new(sizeof *h);

	h->loop = l;
	h->db = db;
	h->dispatch = d;
	h->conf = conf;
	h->log.module = "hours";
	return h;
}

void
hours_set_gateway(struct hours *h, struct gateway *g)
{
	h->gateway = g;
}

void
hours_free(struct hours *h)
{
	struct turn_hours *t;

	if (h == NULL)
		return;
	while ((t = h->first) != NULL) {
		h->first = t->next;
		turn_free(t);
	}
	free(h);
}
