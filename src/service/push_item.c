/* One item after the other, and what a turn ends with. */
#include "service/push.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_items.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_REWRITES 3
#define HOPELESS      99 /* a refusal that counts for all of them */

/* --- what is wanted ------------------------------------------------------------------------ */

void
push_free(struct push *p)
{
	free(p);
}

static int
read_wish(struct push *p, const cJSON *o, struct err *e)
{
	const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(o, "wanted");
	int64_t failures, rewrites;
	char set[16];

	if (json_text(o, "set", set, sizeof set, e) < 0 ||
	    json_text(o, "state", p->state, sizeof p->state, e) < 0 ||
	    json_integer(o, "switch_us", 0, DLT645_NEVER_US, &p->switch_us, e) < 0 ||
	    json_integer(o, "failures", 0, INT32_MAX, &failures, e) < 0 ||
	    json_integer(o, "rewrites", 0, INT32_MAX, &rewrites, e) < 0)
		return -1;
	p->failures = (int)failures;
	p->rewrites = (int)rewrites;
	if (strcmp(set, "alarm") == 0) {
		p->set = PUSH_ALARM;
		return meter_alarm_from_json(&p->levels, wanted, e);
	}
	if (strcmp(set, "limit") == 0) {
		p->set = PUSH_LIMIT;
		return meter_limit_from_json(&p->limit, wanted, e);
	}
	return meter_tariff_from_json(&p->tariff, wanted, e);
}

struct push *
push_new(const char *json)
{
	struct push *p = mem_new(sizeof *p);
	cJSON *o = cJSON_Parse(json);
	const cJSON *why = cJSON_GetObjectItemCaseSensitive(o, "why");
	struct err e;

	if (read_wish(p, o, &e) < 0) {
		snprintf(p->why, sizeof p->why, "what is wanted cannot be read: %.140s", e.text);
		p->failures = HOPELESS;
	} else if (cJSON_IsString(why)) {
		snprintf(p->why, sizeof p->why, "%s", why->valuestring);
	}
	cJSON_Delete(o);
	return p;
}

/* --- how it ends --------------------------------------------------------------------------- */

bool
push_is(const struct push *p, const char *state)
{
	return strcmp(p->state, state) == 0;
}

int64_t
push_now_there(const struct turn *t)
{
	return loop_now_us(t->loop) + t->meter->clock_skew_us;
}

static void
note(struct turn *t, const struct push_news *n)
{
	if (n->state != t->push->state)
		snprintf(t->push->state, sizeof t->push->state, "%s", n->state);
	store_push_note(t->db, &t->c, n, loop_now_us(t->loop));
}

/* What was proved so far stays in the meter. */
void
push_come_back(struct turn *t, const char *why, int64_t in_us)
{
	bool unsure = t->c.was == COMMAND_UNSURE;

	turn_move_at(t, unsure ? COMMAND_DISPROVED : COMMAND_UNSENT, REFUSAL_NONE, why,
	    loop_now_us(t->loop) + in_us);
}

void
push_finish(struct turn *t, const struct push_news *n)
{
	note(t, n);
	turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, n->why);
}

/* The last no of a row ends it, in two moves: as with every command, what may have been done is
 * unsure before it is refused. */
void
push_denied(struct turn *t, enum refusal refusal, const char *why)
{
	struct push *p = t->push;
	bool last = p->failures + 1 >= PUSH_MOST_FAILURES || refusal_forbids_repeat(refusal);
	bool now = last && t->c.was == COMMAND_UNSURE;

	if (why != p->why)
		snprintf(p->why, sizeof p->why, "%s", why);
	note(t,
	    &(struct push_news){
		.state = now ? "refused" : p->state, .why = p->why, .failed = last ? HOPELESS : 1});
	if (last)
		turn_move(t, COMMAND_DENIED, refusal, p->why);
	else
		push_come_back(t, p->why, turn_backoff_us(t));
}

bool
push_found_otherwise(struct turn *t)
{
	struct push *p = t->push;

	note(t, &(struct push_news){.state = "wanted", .why = p->found, .found = p->found});
	if (p->rewrites++ < MOST_REWRITES)
		return true;
	snprintf(p->why, sizeof p->why, "written again %d times, and now %.150s", MOST_REWRITES,
	    p->found);
	p->failures = PUSH_MOST_FAILURES;
	push_denied(t, REFUSAL_OTHER, p->why);
	return false;
}

/* --- one item after the other -------------------------------------------------------------- */

void
push_not_answered(struct turn *t, const struct err *e)
{
	bool unknown = e->class == ERR_UNCERTAIN || t->c.was == COMMAND_UNSURE;

	note(t, &(struct push_news){.state = t->push->state, .why = e->text});
	turn_move(t, unknown ? COMMAND_UNANSWERED : COMMAND_UNSENT, REFUSAL_NONE, e->text);
}

static void
item_denied(struct turn *t, enum refusal refusal, const char *said)
{
	const struct parameter *item = &t->push->items[t->push->at];
	const struct dlt645_item *i = dlt645_item(item->id);
	char name[80] = "", why[200];

	if (i != NULL)
		dlt645_item_name(i, item->id, name, sizeof name);
	snprintf(why, sizeof why, "%s (%08x): %.100s", name, (unsigned)item->id, said);
	push_denied(t, refusal, why);
}

static void
on_item(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct push *p = t->push;
	bool unheard_of = p->stage == STAGE_PRICE && a->refusal == REFUSAL_NO_DATA;

	(void)s;
	if (e->class == ERR_REFUSED && unheard_of) {
		p->at = p->n = 0; /* then it cannot be checked */
		push_step(t);
	} else if (e->class == ERR_REFUSED) {
		item_denied(t, a->refusal, e->text);
	} else if (e->class != ERR_NONE) {
		push_not_answered(t, e);
	} else {
		p->at++;
		if (p->stage == STAGE_ARM || !turn_in_the_way(t)) {
			push_step(t);
			return;
		}
		turn_park(t);
		push_come_back(t, "makes way", 0);
	}
}

bool
push_writes(const struct push *p)
{
	return p->stage != STAGE_FACTS && p->stage != STAGE_COMPARE && p->stage != STAGE_PRICE;
}

/* What is active is only looked at, and written when it is otherwise. */
void
push_ask(struct turn *t)
{
	struct push *p = t->push;
	bool write = push_writes(p) && !push_is(p, "active");
	struct task task = {.kind = write ? TASK_WRITE : TASK_LOOK,
	    .parameters = &p->items[p->at],
	    .nparameters = 1,
	    .operator_code = (uint32_t)t->c.id};

	if (write && push_is(p, "wanted"))
		note(t, &(struct push_news){.state = "sent", .why = ""});
	session_ask(t->session, t->meter, &task, write ? turn_frame : NULL, on_item, t);
}
