/*
 * The delivery of one credit, from what the database knows of it:
 *
 *	LOOK --QUEUED--> plan (the count is reserved and committed) --> SEND --> LOOK --> judge
 *	LOOK --INTENT, VERIFYING--> judge --absent--> SEND (the same count) --> LOOK --> judge
 *
 * Whatever the meter says to SEND, or if it says nothing, LOOK follows; only the judgement of a
 * complete read-back moves the delivery.  model/recharge.pml is this file with every fault the
 * model knows; change both or neither.
 */
#include "base/loop.h"
#include "service/intake.h"
#include "service/turn.h"

#include <stdio.h>
#include <string.h>

#define MOST_SENDS 2 /* a turn; then others on the bus have their say, and we come back */

static void look(struct turn *t);

static void
give_up(struct turn *t, const char *why)
{
	/* UNSENT is right only while the delivery has not been planned: then nothing could act. */
	if (t->c.was == COMMAND_UNSURE || t->c.planned)
		turn_move(t, COMMAND_UNANSWERED, REFUSAL_NONE, why);
	else
		turn_move(t, COMMAND_UNSENT, REFUSAL_NONE, why);
}

/* Said yes, said no, said nothing: hints. */
static void
on_sent(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	const char *said = e->text;

	if (a->said == SAID_YES)
		said = "acknowledged";
	steps_add(&t->steps, loop_now_us(t->loop), a->said == SAID_YES ? "acknowledged" : "hint",
	    said, (struct span){0});
	(void)s;
	if (a->refusal != REFUSAL_NONE)
		t->c.refusal = a->refusal;
	look(t);
}

static void
send(struct turn *t)
{
	const struct task task = {
	    .kind = TASK_CREDIT_SEND,
	    .open_account = t->c.delivery.opens,
	    .amount_minor = t->c.delivery.amount_minor,
	    .purchase = t->c.delivery.purchase,
	    .order_no = t->c.delivery.order_no,
	};

	if (t->sends == MOST_SENDS) {
		give_up(t, "not in yet; the same purchase count is sent again later");
		return;
	}
	t->sends++;
	store_delivery_sent(t->db, &t->c, loop_now_us(t->loop));
	session_ask(t->session, t->meter, &task, turn_frame, on_sent, t);
}

static void
on_planned(enum planned p, const struct reserved *r, const struct err *e, void *arg)
{
	struct turn *t = arg;

	t->waits_for_db = false;
	if (p == PLANNED_INTENT) {
		t->c.delivery.purchase = r->purchase;
		t->c.delivery.order_no = r->order_no;
		t->c.delivery.base_bought = t->seen.record.found ? t->seen.record.bought_minor
								 : (r->purchase == 1 ? 0 : -1);
		t->c.delivery.planned_us = loop_now_us(t->loop);
		t->c.planned = true;
		send(t);
	} else if (p == PLANNED_SETTLING) {
		give_up(t, "a copy of the credit before it may still be on its way");
	} else if (p == PLANNED_REVIEW) {
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, "goes to people: see the work list");
	} else {
		give_up(t, e->class != ERR_NONE ? e->text : "not to be planned now");
	}
}

static void
on_proved(char state, const struct err *e, void *arg)
{
	struct turn *t = arg;

	t->waits_for_db = false;
	if (state == 'A')
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, "credit is in the meter");
	else if (state == 'R')
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, "goes to people: see the work list");
	else if (state == 'V')
		send(t);
	else
		give_up(t, e->class != ERR_NONE ? e->text : "the read-back is not believed yet");
}

/* These do not mend themselves: read back as not there, they are for people. */
static bool
is_final(enum refusal r)
{
	return r == REFUSAL_CUSTOMER || r == REFUSAL_LIMIT;
}

static void
judge(struct turn *t)
{
	char why[160];
	enum verdict v = delivery_judge(&t->c.delivery, &t->seen, t->meter->clock_skew_us,
	    loop_now_us(t->loop), why, sizeof why);
	size_t len = strlen(why);

	if (v == VERDICT_ABSENT && is_final(t->c.refusal)) {
		snprintf(
		    why + len, sizeof why - len, " and refuses: %s", refusal_name(t->c.refusal));
		v = VERDICT_CONTRADICTORY;
	}

	if (v == VERDICT_LOOK_AGAIN) {
		give_up(t, why);
		return;
	}
	t->waits_for_db = true;
	store_delivery_evidence(t->db, &t->c, t->node, &t->seen, v, why, &t->frames,
	    loop_now_us(t->loop), on_proved, t);
	db_column_clear(&t->frames);
}

static void
on_looked(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;

	(void)s;
	t->seen = *a;
	if (e->class != ERR_NONE) { /* half a read-back is none */
		give_up(t, e->text);
		return;
	}
	intake_readings(t->intake, a->readings, a->n);
	if (t->c.planned) {
		judge(t);
		return;
	}
	if (!a->has_count) {
		give_up(t, "it keeps no record of purchases: nothing could prove one more");
		return;
	}
	t->waits_for_db = true;
	store_delivery_plan(t->db, &t->c, a, t->settle_us, loop_now_us(t->loop), on_planned, t);
}

static void
look(struct turn *t)
{
	const struct task task = {
	    .kind = TASK_CREDIT_LOOK, .purchase = t->c.planned ? t->c.delivery.purchase : 0};

	db_column_clear(&t->frames);
	session_ask(t->session, t->meter, &task, turn_frame, on_looked, t);
}

void
credit_begin(struct turn *t)
{
	look(t);
}
