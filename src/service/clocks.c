#include "service/clocks.h"

#include "base/log.h"
#include "base/loop.h"
#include "model/calendar.h"
#include "model/clock_rule.h"
#include "service/gateway.h"
#include "store/db.h"

#include <stdlib.h>

#define WAIT_US     (5 * MINUTE_US) /* for a session that is busy; then it is read again */
#define MOST_FAILED 3               /* broadcasts that it did not follow: then it is written */
#define AGAIN_US    DAY_US          /* after a write that did not help */

#define MOST_NOTES 500 /* in one call */

static const struct db_stmt note = {"clock_notes", DB_BULK, true, 0,
    "SELECT cast_day, failed, may_write FROM door.clock_notes($1::bigint[], $2::bigint[],"
    " $3::bigint, $4::bigint, $5::bigint)"};
/* Not repeatable: a broadcast that was not followed counts once. */
static const struct db_stmt set = {"clock_set", DB_BULK, false, 0,
    "SELECT door.clock_set($1::bigint, $2, $3::int, $4::bigint, $5::bigint, $6::boolean,"
    " $7::boolean, $8::bigint, $9::bigint, $10::bigint, $11::bigint)"};

struct clocks {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	struct gateway *gateway;
	const struct clocks_conf *conf;
	struct setting *heard, *last_heard; /* to be noted, in one call when the turn ends */
	struct setting *asked;              /* which is under way for these */
	struct timer poke;
	struct setting *first; /* those whose session is busy */
	struct logctx log;
};

/* One meter, from the note to the end; it may have gone and come back meanwhile. */
struct setting {
	struct setting *next;
	struct clocks *c;
	int64_t endpoint_id, meter_id, skew_us;
	struct meter *m; /* while the session is held */
	bool by_write;
	int day;
	int64_t noted_us; /* monotonic */
};

static bool
right(const struct clocks *c, int64_t skew_us)
{
	int64_t most = c->conf->tolerance_us;

	return skew_us <= most && skew_us >= -most;
}

/* --- putting it right --------------------------------------------------------------------- */

static void
set_told(struct setting *x, int64_t from_us, bool read_back, bool refused)
{
	struct clocks *c = x->c;
	int64_t now = loop_now_us(c->loop), skew = x->m->clock_skew_us;

	db_ask(c->db, &set, NULL, NULL, db_int(x->meter_id),
	    db_text(x->by_write ? "write" : "broadcast"), db_int(x->day), db_int(from_us),
	    read_back ? db_int(skew) : db_null(), db_bool(read_back && right(c, skew)),
	    db_bool(refused), db_int(now + AGAIN_US), db_int(c->conf->alarm_us),
	    db_int(c->conf->doubt_us), db_int(now));
}

/* What went to all on the line moved the others too: they are read again. */
static void
others_moved(struct session *s, const struct meter *m)
{
	struct endpoint *ep = session_endpoint(s);

	for (int i = 0; i < ep->n; i++)
		if (&ep->meters[i] != m)
			ep->meters[i].skew_known = false;
}

static void
on_set(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct setting *x = arg;
	bool refused = e->class == ERR_REFUSED && a->refusal == REFUSAL_PASSWORD;
	bool read_back = e->class == ERR_NONE || e->class == ERR_REFUSED;

	slog(x->c, LOG_LEVEL_INFO, "meter %s: its clock was off by %lld ms%s%s, now by %lld ms",
	    x->m->address, (long long)a->was_off_us / 1000, x->by_write ? ", written" : ", told",
	    e->class == ERR_NONE ? "" : " in vain", (long long)x->m->clock_skew_us / 1000);
	if (e->class != ERR_RETRY)
		set_told(x, a->was_off_us, read_back, refused);
	if (!x->by_write)
		others_moved(s, x->m);
	session_release(s);
	free(x);
}

static void
set_begin(struct setting *x, struct session *s)
{
	const struct task t = {.kind = TASK_CLOCK_SET, .by_write = x->by_write};

	x->day = calendar_day(x->m->zone, loop_now_us(x->c->loop) + x->m->clock_skew_us);
	session_hold(s);
	session_ask(s, x->m, &t, NULL, on_set, x);
}

/* --- noting it ---------------------------------------------------------------------------- */

static struct clock_state
state_of(const struct setting *x, const struct db_rows *rows, int row)
{
	int today = calendar_day(x->m->zone, loop_now_us(x->c->loop) + x->m->clock_skew_us);
	bool failed = db_cell_int(rows, row, 1) >= MOST_FAILED;

	return (struct clock_state){.tolerance_us = x->c->conf->tolerance_us,
	    .may_cast = !failed && db_cell_int(rows, row, 0) != today,
	    .may_write = db_cell_bool(rows, row, 2)};
}

/* A little off and told today already: a write is only for who does not listen at all. */
static bool
set_wanted(struct setting *x, const struct db_rows *rows, int row)
{
	struct clock_state state = state_of(x, rows, row);
	int64_t wait_us, mono = loop_mono_us(x->c->loop), skew = x->m->clock_skew_us;

	if (!state.may_cast && db_cell_int(rows, row, 1) < MOST_FAILED &&
	    skew < x->c->conf->doubt_us && skew > -x->c->conf->doubt_us)
		state.may_write = false;
	switch (clock_rule(x->m->zone, &state, skew, loop_now_us(x->c->loop), &wait_us)) {
	case CLOCK_LEAVE:
		return false;
	case CLOCK_WAIT:
		x->m->clock_due_us = mono + wait_us;
		return false;
	case CLOCK_WRITE:
		x->by_write = true;
		break;
	case CLOCK_CAST:
		break;
	}
	return true;
}

/* True: it is done with here. */
static bool
set_try(struct setting *x)
{
	struct clocks *c = x->c;
	struct session *s = gateway_find(c->gateway, x->endpoint_id);
	struct endpoint *ep = s != NULL ? session_endpoint(s) : NULL;

	x->m = ep != NULL ? endpoint_meter_of(ep, x->meter_id) : NULL;
	if (x->m == NULL || !x->m->skew_known || loop_mono_us(c->loop) - x->noted_us > WAIT_US) {
		if (x->m != NULL)
			x->m->skew_known = false; /* it is read again */
		free(x);
		return true;
	}
	if (!session_free(s) || !ep->claimed || dispatch_wants(c->dispatch, ep->id) ||
	    x->m->quiet_until_us > loop_mono_us(c->loop))
		return false;
	set_begin(x, s);
	return true;
}

/* rows: as many as were asked; NULL: it could not be noted. */
static void
noted(struct setting *x, const struct db_rows *rows, int row)
{
	struct clocks *c = x->c;
	struct session *s = gateway_find(c->gateway, x->endpoint_id);
	struct endpoint *ep = s != NULL ? session_endpoint(s) : NULL;

	x->m = ep != NULL ? endpoint_meter_of(ep, x->meter_id) : NULL;
	if (rows == NULL || x->m == NULL || !x->m->skew_known || !c->conf->correct || !ep->live ||
	    !set_wanted(x, rows, row)) {
		free(x);
		return;
	}
	x->noted_us = loop_mono_us(c->loop);
	if (set_try(x))
		return;
	x->next = c->first;
	c->first = x;
}

static void notes_ask(void *arg);

static void
on_noted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct clocks *c = arg;
	struct setting *x = c->asked, *next;

	(void)e;
	c->asked = NULL;
	for (int row = 0; x != NULL; row++, x = next) {
		next = x->next;
		noted(x, rows, row);
	}
	if (c->heard != NULL)
		loop_defer(&c->poke, c->loop, notes_ask, c);
}

/* What was heard in one turn, and while the last call was under way, goes in one. */
static void
notes_ask(void *arg)
{
	struct clocks *c = arg;
	struct db_column meters = {0}, skews = {0};
	struct setting *x = c->heard, *last = NULL;

	if (c->asked != NULL || x == NULL)
		return;
	for (int n = 0; x != NULL && n < MOST_NOTES; n++, last = x, x = x->next) {
		db_column_int(&meters, x->meter_id);
		db_column_int(&skews, x->skew_us);
	}
	last->next = NULL;
	c->asked = c->heard;
	c->heard = x;
	db_ask(c->db, &note, on_noted, c, db_array(&meters), db_array(&skews),
	    db_int(c->conf->alarm_us), db_int(c->conf->doubt_us), db_int(loop_now_us(c->loop)));
	db_column_free(&meters);
	db_column_free(&skews);
}

void
clocks_freed(struct clocks *c, int64_t endpoint_id)
{
	struct setting **at = &c->first, *x;

	while ((x = *at) != NULL) {
		struct setting *next = x->next;

		if ((endpoint_id == 0 || x->endpoint_id == endpoint_id) && set_try(x))
			*at = next;
		else
			at = &x->next;
	}
}

bool
clocks_due(const struct clocks *c, const struct meter *m)
{
	return !m->skew_known || (m->clock_due_us != 0 && m->clock_due_us <= loop_mono_us(c->loop));
}

void
clocks_heard(struct clocks *c, struct session *s, struct meter *m)
{
	struct setting *x = mem_new(sizeof *x);

	*x = (struct setting){.c = c,
	    .endpoint_id = session_endpoint(s)->id,
	    .meter_id = m->id,
	    .skew_us = m->clock_skew_us};
	m->clock_due_us = loop_mono_us(c->loop) + DAY_US;
	if (c->heard == NULL)
		c->heard = x;
	else
		c->last_heard->next = x;
	c->last_heard = x;
	loop_defer(&c->poke, c->loop, notes_ask, c);
}

/* --- life --------------------------------------------------------------------------------- */

struct clocks *
clocks_new(struct loop *l, struct db *db, struct dispatch *d, const struct clocks_conf *conf)
{
	struct clocks *c = mem_new(sizeof *c);

	c->loop = l;
	c->db = db;
	c->dispatch = d;
	c->conf = conf;
	c->log.module = "clocks";
	return c;
}

void
clocks_set_gateway(struct clocks *c, struct gateway *g)
{
	c->gateway = g;
}

static void
settings_free(struct setting *first)
{
	for (struct setting *x; (x = first) != NULL; free(x))
		first = x->next;
}

void
clocks_free(struct clocks *c)
{
	if (c == NULL)
		return;
	timer_stop(&c->poke);
	settings_free(c->heard);
	settings_free(c->asked);
	settings_free(c->first);
	free(c);
}
