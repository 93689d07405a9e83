/*
 * A meter on the bench is asked what it does with the same purchase twice; model/qualify.h has
 * the stages.  Each is a look, an order, a look, and one row of evidence with the frames:
 *
 *	[OUTAGES] --> BEFORE --> ORDER --> AFTER --> judged, noted --> the next stage
 *
 * What was noted is kept; a stage that was cut off begins anew, and `first` and `other` then take
 * a number of their own.  The new connection is our doing, the lost supply is a person's.
 */
#include "model/qualify.h"
#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_profile.h"
#include "service/intake.h"
#include "service/turn.h"
#include "store/store_qualify.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US   (2 * SECOND_US)
#define MOST_STEPS 16 /* then it is given up */

struct qualify {
	struct qualification q; /* as noted */
	bool counted;
	enum qualify_stage stage;
	int64_t number;  /* count or order number that is sent now */
	int64_t outages; /* -1: it does not count them */
	struct answer before, said, after;
	struct db_column out, in;
	enum qualify_verdict verdict;
	char why[200];
};

static void look_before(struct turn *t);

/* --- what it is about --------------------------------------------------------------------- */

static int64_t
number_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : -1;
}

/* Sixteen digits are more than a double holds, so that number travels as text. */
static int64_t
digits_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? strtoll(v->valuestring, NULL, 10) : -1;
}

struct qualify *
qualify_new(const char *json)
{
	cJSON *o = cJSON_Parse(json);
	const cJSON *stage = cJSON_GetObjectItemCaseSensitive(o, "stage");
	const cJSON *claim = cJSON_GetObjectItemCaseSensitive(o, "claim");
	struct qualify *k = NULL;

	if (cJSON_IsString(stage) && cJSON_IsString(claim)) {
		k = mem_new(sizeof *k);
		k->q.id = number_of(o, "qualification");
		k->q.credit_minor = number_of(o, "credit");
		k->q.count = number_of(o, "count");
		k->q.order_no = digits_of(o, "order_no");
		k->q.outages = number_of(o, "outages");
		k->q.epoch = number_of(o, "epoch");
		k->q.steps = (int)number_of(o, "steps");
		k->q.power_cut = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "power_cut"));
		k->counted = strcmp(claim->valuestring, "counted") == 0;
		k->stage = qualify_stage_parse(stage->valuestring);
		k->outages = k->q.outages;
	}
	cJSON_Delete(o);
	return k;
}

void
qualify_free(struct qualify *k)
{
	if (k == NULL)
		return;
	db_column_free(&k->out);
	db_column_free(&k->in);
	free(k);
}

static void
frame(char dir, struct span bytes, int64_t at_us, void *arg)
{
	struct turn *t = arg;
	uint8_t copy[512];
	struct span shown = {copy, bytes.len < sizeof copy ? bytes.len : sizeof copy};

	memcpy(copy, bytes.bytes, shown.len);
	if (dir == '>')
		meter_protocol_find(t->meter->protocol)->mask(copy, shown.len);
	db_column_bytes(dir == '>' ? &t->qualify->out : &t->qualify->in, shown);
	turn_frame(dir, bytes, at_us, arg);
}

/* --- the end of a turn -------------------------------------------------------------------- */

static void
later(struct turn *t, const char *why)
{
	turn_move_at(t, t->c.was == COMMAND_UNSURE ? COMMAND_DISPROVED : COMMAND_UNSENT,
	    REFUSAL_NONE, why, loop_now_us(t->loop) + AGAIN_US);
}

static void
connect_anew(struct turn *t)
{
	later(t, "it is asked again in a new connection");
	session_close(t->session, "a qualification goes on in a new connection");
}

static void
on_noted(bool noted, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct qualify *k = t->qualify;

	t->waits_for_db = false;
	db_column_clear(&k->out);
	db_column_clear(&k->in);
	if (!noted) {
		later(t, e->class != ERR_NONE ? e->text : "it is not qualified any more");
	} else if (k->verdict == QUALIFY_REPEAT && k->q.steps < MOST_STEPS) {
		later(t, k->why);
	} else if (k->verdict != QUALIFY_PASSED || k->stage == QUALIFY_STAGES) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, k->why);
	} else if (k->stage == QUALIFY_POWER) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE,
		    "passed so far: cut its supply, give it back, and qualify it again");
	} else if (k->stage == QUALIFY_RECONNECT) {
		k->q.epoch = t->c.epoch;
		connect_anew(t);
	} else {
		look_before(t);
	}
}

static const char *
class_of(const struct qualify *k)
{
	if (k->verdict == QUALIFY_NONE)
		return "none";
	if (k->verdict != QUALIFY_PASSED || k->stage != QUALIFY_STAGES)
		return NULL;
	return k->counted ? "counted" : "order_no";
}

static void
note(struct turn *t)
{
	struct qualify *k = t->qualify;
	struct qualify_step s = {
	    .q = &k->q,
	    .stage = qualify_stage_name(k->stage),
	    .verdict = qualify_verdict_name(k->verdict),
	    .why = k->why,
	    .number = k->number,
	    .before = &k->before,
	    .said = &k->said,
	    .after = &k->after,
	    .out = &k->out,
	    .in = &k->in,
	};

	k->q.steps++;
	if (k->verdict == QUALIFY_PASSED) {
		if (qualify_takes(k->stage)) {
			k->q.count = k->after.count;
			k->q.order_no = k->counted ? -1 : k->number;
		}
		k->stage = qualify_next(k->stage, k->counted);
	}
	k->q.outages = k->outages;
	s.next = qualify_stage_name(k->stage);
	s.class = class_of(k);
	s.given_up = k->verdict == QUALIFY_STOP ||
		     (k->verdict == QUALIFY_REPEAT && k->q.steps >= MOST_STEPS);
	t->waits_for_db = true;
	store_qualify_step(t->db, &t->c, &s, loop_now_us(t->loop), on_noted, t);
}

/* --- a stage ------------------------------------------------------------------------------ */

static void
on_after(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct qualify *k = t->qualify;

	(void)s;
	if (e->class != ERR_NONE) {
		later(t, e->text);
		return;
	}
	k->after = *a;
	k->verdict = qualify_judge(
	    k->stage, k->q.credit_minor, &k->before, &k->said, &k->after, k->why, sizeof k->why);
	note(t);
}

static void
on_order(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	const struct task look = {.kind = TASK_CREDIT_LOOK};

	(void)e; /* what it says is in the answer; what came of it, a look shows */
	t->qualify->said = *a;
	session_ask(s, t->meter, &look, frame, on_after, t);
}

/* What is sent: a number of its own, or the one that was taken last, or one too high. */
static void
order(struct turn *t)
{
	struct qualify *k = t->qualify;
	struct task send = {.kind = TASK_CREDIT_SEND, .amount_minor = k->q.credit_minor};

	if (k->counted)
		k->number = k->stage == QUALIFY_FIRST   ? (int64_t)k->before.count + 1
			    : k->stage == QUALIFY_AHEAD ? k->q.count + 2
							: k->q.count;
	else
		k->number = qualify_takes(k->stage) ? loop_now_us(t->loop) : k->q.order_no;
	send.purchase = k->counted ? (uint32_t)k->number : k->before.count + 1;
	send.order_no = k->number;
	send.open_account = k->stage == QUALIFY_FIRST && k->before.has_status &&
			    (k->before.status & STATUS_LOCAL_CLOSED) != 0 &&
			    dlt645_profile(t->meter->profile)->recharge == RECHARGE_ESAM;
	session_ask(t->session, t->meter, &send, frame, on_order, t);
}

static void
on_before(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct qualify *k = t->qualify;

	(void)s;
	if (e->class != ERR_NONE) {
		later(t, e->text);
		return;
	}
	intake_readings(t->intake, a->readings, a->n);
	k->before = k->after = *a;
	k->said = (struct answer){0};
	k->number = -1;
	if (a->has_count) {
		order(t);
		return;
	}
	k->verdict = qualify_judge(
	    k->stage, k->q.credit_minor, &k->before, &k->said, &k->after, k->why, sizeof k->why);
	note(t);
}

static void
look_before(struct turn *t)
{
	const struct task look = {.kind = TASK_CREDIT_LOOK, .with_status = true};

	session_ask(t->session, t->meter, &look, frame, on_before, t);
}

/* How often it was without supply: counted by itself, or said by the person who cut it off. */
static void
on_outages(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct qualify *k = t->qualify;
	int64_t seen = a->n > 0 ? a->readings[0].value : -1;

	(void)s;
	if (e->class != ERR_NONE && e->class != ERR_REFUSED) {
		later(t, e->text);
		return;
	}
	if (k->stage == QUALIFY_POWER && seen >= 0 && seen <= k->q.outages) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE,
		    "by its own count it has not been without supply since: cut it off first");
		return;
	}
	if (k->stage == QUALIFY_POWER && seen < 0 && !k->q.power_cut) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE,
		    "it does not count its outages: say --power-cut when you have cut it off");
		return;
	}
	k->outages = seen;
	look_before(t);
}

void
qualify_begin(struct turn *t)
{
	static const struct task outages = {
	    .kind = TASK_READ, .regs = {REG_POWER_DOWNS}, .nregs = 1};
	struct qualify *k = t->qualify;

	if (k == NULL || k->stage == QUALIFY_STAGES) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, "nothing is left to ask");
	} else if (k->stage == QUALIFY_RECONNECT && k->q.epoch == t->c.epoch) {
		connect_anew(t);
	} else if (k->stage == QUALIFY_FIRST || k->stage == QUALIFY_POWER) {
		session_ask(t->session, t->meter, &outages, turn_frame, on_outages, t);
	} else {
		look_before(t);
	}
}
