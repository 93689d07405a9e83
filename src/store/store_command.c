#include "store/store_command.h"

#include "base/loop.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt claim = {"command_claim", DB_COMMANDS, false, 0,
    "SELECT id, endpoint_id, epoch, meter_id, kind, state, attempts, task, delivery_id, d_state,"
    " d_kind, d_amount, d_purchase, d_base_bought, refusal, d_planned, d_order"
    " FROM door.command_claim($1::bigint[], $2::bigint[], $3::bigint[], $4, $5, $6::bigint)"};
static const struct db_stmt move = {"command_move", DB_COMMANDS, true, 0,
    "SELECT door.command_move($1::bigint, $2::bigint, $3, $4::bigint, $5, $6::int, $7::bigint, $8,"
    " $9::bigint, $10::bigint[], $11::text[], $12::text[], $13::bytea[])"};
static const struct db_stmt due = {"command_due", DB_COMMANDS, true, 0,
    "SELECT endpoint_id FROM door.command_due($1, $2::bigint[], $3::bigint)"};
static const struct db_stmt plan = {"delivery_plan", DB_COMMANDS, false, 0,
    "SELECT outcome, purchase, order_no FROM door.delivery_plan($1::bigint, $2::bigint,"
    " $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint)"};
static const struct db_stmt sent = {"delivery_sent", DB_COMMANDS, true, 0,
    "SELECT door.delivery_sent($1::bigint, $2::bigint, $3::bigint)"};
static const struct db_stmt evidence = {"delivery_evidence", DB_COMMANDS, true, 0,
    "SELECT door.delivery_evidence($1::bigint, $2::bigint, $3::bigint, $4, $5::bigint, $6::jsonb,"
    " $7::bytea[], $8, $9, $10::bigint)"};
static const struct db_stmt commissioned = {"commissioned", DB_COMMANDS, true, 0,
    "SELECT door.meter_commissioned($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5,"
    " $6::bigint)"};

static const struct db_stmt push_note = {"push_note", DB_COMMANDS, true, 0,
    "SELECT door.push_note($1::bigint, $2::bigint, $3, $4, $5::bigint, $6::bigint, $7::int, $8,"
    " $9::bigint)"};

void
steps_add(struct steps *s, int64_t at_us, const char *step, const char *text, struct span frame)
{
	db_column_int(&s->at, at_us);
	db_column_text(&s->step, step);
	db_column_text(&s->text, text);
	if (frame.len > 0)
		db_column_bytes(&s->frame, frame);
	else
		db_column_null(&s->frame);
}

void
steps_clear(struct steps *s)
{
	db_column_free(&s->at);
	db_column_free(&s->step);
	db_column_free(&s->text);
	db_column_free(&s->frame);
}

/* --- claim -------------------------------------------------------------------------------- */

struct claiming {
	store_claimed_fn *each;
	store_claims_done_fn *fn;
	void *arg;
};

static void
task_from(struct claimed *c, const char *json)
{
	cJSON *o = cJSON_Parse(json);
	const cJSON *v;

	if (c->kind == COMMAND_RELAY) {
		v = cJSON_GetObjectItemCaseSensitive(o, "relay");
		c->task.kind = c->was == COMMAND_UNSURE ? TASK_RELAY_LOOK : TASK_RELAY;
		c->task.relay = cJSON_IsString(v) ? relay_parse(v->valuestring) : RELAY_UNKNOWN;
		c->task.ends_keep = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "ends_keep"));
		v = cJSON_GetObjectItemCaseSensitive(o, "keep");
		if (cJSON_IsString(v))
			c->task.keep =
			    strcmp(v->valuestring, "on") == 0 ? KEEP_POWER : KEEP_NO_MORE;
		c->task.operator_code = (uint32_t)c->id;
	} else if (c->kind == COMMAND_READ) {
		c->task.kind = TASK_READ;
		cJSON_ArrayForEach(v,
		    cJSON_GetObjectItemCaseSensitive(o,
			"regs")) for (int r = 0; r < REG_COUNT && c->task.nregs < TASK_REGS;
				      r++) if (cJSON_IsString(v) &&
					       strcmp(v->valuestring, reg_name((enum reg)r)) == 0)
		    c->task.regs[c->task.nregs++] = (enum reg)r;
	}
	cJSON_Delete(o);
}

static enum command_kind
kind_of(const char *name)
{
	switch (name[0]) {
	case 'c':
		return name[1] == 'r' ? COMMAND_CREDIT : COMMAND_COMMISSION;
	case 'p':
		return COMMAND_PUSH;
	case 'q':
		return COMMAND_QUALIFY;
	case 'r':
		return strcmp(name, "read") == 0 ? COMMAND_READ : COMMAND_RELAY;
	}
	abort();
}

static struct claimed
claimed_from(const struct db_rows *rows, int i)
{
	struct claimed c = {
	    .id = db_cell_int(rows, i, 0),
	    .endpoint_id = db_cell_int(rows, i, 1),
	    .epoch = db_cell_int(rows, i, 2),
	    .meter_id = db_cell_int(rows, i, 3),
	    .kind = kind_of(db_cell_text(rows, i, 4)),
	    .was = db_cell_text(rows, i, 5)[0] == 'u' ? COMMAND_UNSURE : COMMAND_WAITING,
	    .attempts = (int)db_cell_int(rows, i, 6),
	    .refusal = (enum refusal)db_cell_int(rows, i, 14),
	};

	c.delivery.id = db_cell_int(rows, i, 8);
	c.delivery.opens = strcmp(db_cell_text(rows, i, 10), "open") == 0;
	c.delivery.amount_minor = db_cell_int(rows, i, 11);
	c.delivery.purchase = (uint32_t)db_cell_int(rows, i, 12);
	c.delivery.base_bought = db_cell_null(rows, i, 13) ? -1 : db_cell_int(rows, i, 13);
	c.delivery.planned_us = db_cell_int(rows, i, 15);
	c.delivery.order_no = db_cell_int(rows, i, 16);
	c.planned = strcmp(db_cell_text(rows, i, 9), "INTENT") == 0 ||
		    strcmp(db_cell_text(rows, i, 9), "VERIFYING") == 0;
	if (c.kind == COMMAND_PUSH || c.kind == COMMAND_QUALIFY)
		c.json = db_cell_text(rows, i, 7);
	else
		task_from(&c, db_cell_text(rows, i, 7));
	return c;
}

static void
on_claimed(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct claiming *g = arg;

	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++) {
		struct claimed c = claimed_from(rows, i);

		g->each(&c, g->arg);
	}
	g->fn(e, g->arg);
	free(g);
}

void
store_command_claim(struct db *db, struct db_column *endpoints, struct db_column *epochs,
    struct db_column *quiet, const char *node, bool trips_ok, int64_t now_us,
    store_claimed_fn *each, store_claims_done_fn *fn, void *arg)
{
	struct claiming *g = mem_new(sizeof *g);

	*g = (struct claiming){each, fn, arg};
	db_ask(db, &claim, on_claimed, g, db_array(endpoints), db_array(epochs), db_array(quiet),
	    db_text(node), db_bool(trips_ok), db_int(now_us));
}

struct due_call {
	store_due_fn *each;
	void *arg;
};

static void
on_due(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct due_call *d = arg;

	(void)e; /* the next sweep asks again */
	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++)
		d->each(db_cell_int(rows, i, 0), d->arg);
	free(d);
}

void
store_command_due(struct db *db, const char *node, struct db_column *working, int64_t now_us,
    store_due_fn *each, void *arg)
{
	struct due_call *d = mem_new(sizeof *d);

	*d = (struct due_call){each, arg};
	db_ask(db, &due, on_due, d, db_text(node), db_array(working), db_int(now_us));
}

/* --- move --------------------------------------------------------------------------------- */

struct moving {
	store_moved_fn *fn;
	void *arg;
};

static void
on_moved(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct moving *m = arg;

	m->fn(rows != NULL && !db_cell_null(rows, 0, 0), e, m->arg);
	free(m);
}

static struct moving *
moving_new(store_moved_fn *fn, void *arg)
{
	struct moving *m = mem_new(sizeof *m);

	*m = (struct moving){fn, arg};
	return m;
}

void
store_command_move(struct db *db, const struct claimed *c, const struct move *m,
    struct steps *steps, int64_t now_us, store_moved_fn *fn, void *arg)
{
	db_ask(db, &move, on_moved, moving_new(fn, arg), db_int(c->id), db_int(c->epoch),
	    db_text(command_event_name(m->event)), m->due_us != 0 ? db_int(m->due_us) : db_null(),
	    db_text(m->outcome), m->refusal != REFUSAL_NONE ? db_int(m->refusal) : db_null(),
	    m->has_status ? db_int(m->status) : db_null(),
	    m->has_status ? db_text(relay_name(meter_status_relay(m->status))) : db_null(),
	    db_int(now_us), db_array(&steps->at), db_array(&steps->step), db_array(&steps->text),
	    db_array(&steps->frame));
	steps_clear(steps);
}

void
store_commissioned(struct db *db, const struct claimed *c, const struct answer *seen,
    int64_t now_us, store_moved_fn *fn, void *arg)
{
	bool open = seen->has_status && (seen->status & STATUS_LOCAL_CLOSED) == 0;

	db_ask(db, &commissioned, on_moved, moving_new(fn, arg), db_int(c->id), db_int(c->epoch),
	    db_int(seen->count), seen->record.found ? db_int(seen->record.bought_minor) : db_int(0),
	    db_bool(open), db_int(now_us));
}

void
store_push_note(struct db *db, const struct claimed *c, const struct push_news *n, int64_t now_us)
{
	db_ask(db, &push_note, NULL, NULL, db_int(c->id), db_int(c->epoch), db_text(n->state),
	    db_text(n->why), n->switch_us != 0 ? db_int(n->switch_us) : db_null(),
	    n->look_us != 0 ? db_int(n->look_us) : db_null(), db_int(n->failed), db_text(n->found),
	    db_int(now_us));
}

/* --- deliveries --------------------------------------------------------------------------- */

struct planning {
	store_planned_fn *fn;
	void *arg;
};

static void
on_planned(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct planning *p = arg;
	enum planned what = PLANNED_GONE;
	struct reserved r = {0};

	if (rows != NULL && db_rows_count(rows) > 0) {
		const char *text = db_cell_text(rows, 0, 0);

		if (strcmp(text, "intent") == 0)
			what = PLANNED_INTENT;
		else if (strcmp(text, "review") == 0)
			what = PLANNED_REVIEW;
		else if (strcmp(text, "settling") == 0)
			what = PLANNED_SETTLING;
		r.purchase = (uint32_t)db_cell_int(rows, 0, 1);
		r.order_no = db_cell_int(rows, 0, 2);
	}
	p->fn(what, &r, e, p->arg);
	free(p);
}

void
store_delivery_plan(struct db *db, const struct claimed *c, const struct answer *seen,
    int64_t settle_us, int64_t now_us, store_planned_fn *fn, void *arg)
{
	struct planning *p = mem_new(sizeof *p);

	*p = (struct planning){fn, arg};
	db_ask(db, &plan, on_planned, p, db_int(c->delivery.id), db_int(c->id), db_int(c->epoch),
	    db_int(seen->count),
	    seen->record.found ? db_int(seen->record.bought_minor)
			       : (seen->count == 0 ? db_int(0) : db_null()),
	    db_int(settle_us), db_int(now_us));
}

void
store_delivery_sent(struct db *db, const struct claimed *c, int64_t now_us)
{
	db_ask(db, &sent, NULL, NULL, db_int(c->delivery.id), db_int(c->epoch), db_int(now_us));
}

struct proving {
	store_evidence_fn *fn;
	void *arg;
};

static void
on_evidence(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct proving *p = arg;

	p->fn(rows != NULL ? db_cell_text(rows, 0, 0)[0] : '\0', e, p->arg);
	free(p);
}

void
store_delivery_evidence(struct db *db, const struct claimed *c, const char *node,
    const struct answer *seen, enum verdict v, const char *why, struct db_column *frames,
    int64_t now_us, store_evidence_fn *fn, void *arg)
{
	const struct purchase_record *r = &seen->record;
	struct proving *p = mem_new(sizeof *p);
	struct buf record = {0};

	*p = (struct proving){fn, arg};
	if (r->found)
		buf_printf(&record,
		    "{\"count\":%u,\"amount\":%lld,\"before\":%lld,\"after\":%lld,\"bought\":%lld,"
		    "\"at_us\":%lld}",
		    r->count, (long long)r->amount_minor, (long long)r->before_minor,
		    (long long)r->after_minor, (long long)r->bought_minor, (long long)r->at_us);
	db_ask(db, &evidence, on_evidence, p, db_int(c->delivery.id), db_int(c->id),
	    db_int(c->epoch), db_text(node), db_int(seen->count),
	    r->found ? db_text(buf_text(&record)) : db_null(), db_array(frames),
	    db_text(verdict_name(v)), db_text(why), db_int(now_us));
	buf_clear(&record);
}
