/*
 * Settings into a meter: always the same walk, whatever happened before.
 *
 *	FACTS    which sets are in force, what there is room for, which switches are armed
 *	COMPARE  what is in force, with what is wanted
 *	DISARM   no switch may fire while its spare set is being written
 *	SPARE    the sets that differ: written, each item read back
 *	ARM      their switch times; from then on the wish is acknowledged
 *	         ... the meter switches; this is the next command, which finds no difference ...
 *	SINGLE   what is there once: holidays, weekend, settlement day; all of it where levels or
 *	         a limit are wanted
 *	PRICE    does it charge what its tables say?  Then the wish is active.
 *
 * Nothing is remembered but what the meter itself shows, so a walk that was cut off, lost its
 * acknowledgements, or was overtaken by a restart begins anew and finds its way.  Where nothing
 * differs nothing is written and nothing is switched.
 *
 * A meter is asked one item at a time, and between two items a restore or a credit for it goes
 * first: the turn ends, and what it knows is parked for a minute.
 */
#include "service/push.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_items.h"
#include "model/calendar.h"

#include <stdio.h>

#define MARGIN_US (20 * SECOND_US) /* a switch time is not written later than that before it */
#define AFTER_US  (5 * SECOND_US)  /* and is looked at so long after */

#define DI_PRICE_NOW 0x02800020u
#define DI_MONTH_USE 0x000b0000u

#define SWITCHES "written and read back; it switches by its own clock"

static void
begin_stage(struct turn *t, enum stage stage, int n)
{
	t->push->stage = stage;
	t->push->n = n;
	t->push->at = 0;
	push_step(t);
}

/* --- what is in force ------------------------------------------------------------------------ */

static void compared(struct turn *t);

static void
compare_group(struct turn *t)
{
	struct push *p = t->push;
	bool second;

	if (p->group == GROUPS) {
		compared(t);
		return;
	}
	second = dlt645_second_in_force(p->facts.status, p->group);
	begin_stage(t, STAGE_COMPARE,
	    dlt645_group_items(&p->tariff, &p->facts.room, p->group, second, p->items));
}

static void
facts_read(struct turn *t)
{
	struct push *p = t->push;
	struct err e;

	if (dlt645_facts_get(&p->facts, p->tariff.priced, p->items, t->meter->zone, &e) < 0 ||
	    meter_tariff_fits(&p->tariff, &p->facts.room, &e) < 0) {
		push_denied(t, REFUSAL_NO_DATA, e.text);
		return;
	}
	p->group = GROUP_ZONES;
	compare_group(t);
}

/* One item of a group was read, or all of them; one that differs is enough. */
static void
compare_step(struct turn *t)
{
	struct push *p = t->push;

	if (p->at > 0 && !p->items[p->at - 1].same) {
		if (p->differ == 0)
			dlt645_parameter_text(&p->items[p->at - 1], p->found, sizeof p->found);
		p->differ |= 1u << p->group;
		p->at = p->n;
	}
	if (p->at < p->n) {
		push_ask(t);
		return;
	}
	p->group++;
	compare_group(t);
}

/* Armed as it was acknowledged, and the time has not come. */
static bool
switch_pending(const struct turn *t)
{
	const struct push *p = t->push;

	if (!push_is(p, "acknowledged") || push_now_there(t) >= p->switch_us + AFTER_US / 2)
		return false;
	for (int g = 0; g < GROUPS; g++)
		if ((p->differ & 1u << g) != 0 && p->facts.switch_us[g] != p->switch_us)
			return false;
	return true;
}

static void
wait_for(struct turn *t, int64_t switch_us, const char *why)
{
	push_finish(t, &(struct push_news){.state = "acknowledged",
			   .why = why,
			   .switch_us = switch_us,
			   .look_us = switch_us - t->meter->clock_skew_us + AFTER_US});
}

/* Switches that nobody wants any more, and those whose spare set is about to be written. */
static int
disarm_items(struct turn *t)
{
	struct push *p = t->push;
	int n = 0;

	for (int g = 0; g < GROUPS; g++)
		if (p->facts.switch_us[g] > push_now_there(t) &&
		    p->facts.switch_us[g] < DLT645_NEVER_US - 2 * DAY_US)
			p->items[n++] = dlt645_switch_item(
			    (enum parameter_group)g, t->meter->zone, DLT645_NEVER_US);
	return n;
}

static void
compared(struct turn *t)
{
	struct push *p = t->push;

	if (p->differ != 0 && switch_pending(t))
		wait_for(t, p->switch_us, SWITCHES);
	else if (p->differ == 0 || (!push_is(p, "acknowledged") && !push_is(p, "active")) ||
		 push_found_otherwise(t))
		begin_stage(t, STAGE_DISARM, disarm_items(t));
}

/* --- the spare sets -------------------------------------------------------------------------- */

static void
write_spare(struct turn *t)
{
	struct push *p = t->push;
	int n = 0;

	for (int g = 0; g < GROUPS; g++)
		if ((p->differ & 1u << g) != 0)
			n += dlt645_group_items(&p->tariff, &p->facts.room, (enum parameter_group)g,
			    !dlt645_second_in_force(p->facts.status, (enum parameter_group)g),
			    p->items + n);
	begin_stage(t, STAGE_SPARE, n);
}

/* At the time that is wanted, or when that is over, as soon as a whole minute is far enough. */
static void
arm(struct turn *t)
{
	struct push *p = t->push;
	int64_t soonest = push_now_there(t) + MARGIN_US;
	int n = 0;

	p->switch_us = p->tariff.switch_us;
	if (p->switch_us < soonest)
		p->switch_us = (soonest + MINUTE_US - 1) / MINUTE_US * MINUTE_US;
	for (int g = 0; g < GROUPS; g++)
		if ((p->differ & 1u << g) != 0)
			p->items[n++] = dlt645_switch_item(
			    (enum parameter_group)g, t->meter->zone, p->switch_us);
	begin_stage(t, STAGE_ARM, n);
}

/* --- what is there once, and the price ---------------------------------------------------------
 */

static void
write_single(struct turn *t)
{
	struct push *p = t->push;
	int n = 0;

	switch (p->set) {
	case PUSH_TARIFF:
		n = dlt645_single_items(&p->tariff, p->items);
		break;
	case PUSH_ALARM:
		n = dlt645_alarm_items(&p->levels, p->items);
		break;
	case PUSH_LIMIT:
		n = dlt645_limit_items(&p->limit, p->items);
		break;
	}
	begin_stage(t, STAGE_SINGLE, n);
}

static void
read_price(struct turn *t)
{
	t->push->items[0] = (struct parameter){.id = DI_PRICE_NOW};
	t->push->items[1] = (struct parameter){.id = DI_MONTH_USE};
	begin_stage(t, STAGE_PRICE, t->push->tariff.priced ? 2 : 0);
}

static void
active(struct turn *t)
{
	int64_t next = t->audit_us + loop_jitter_us(t->loop, t->audit_us / 10);

	if (t->push->set == PUSH_LIMIT) /* from now on it is asked what came of it */
		t->meter->limited = t->push->limit.watts != METER_NO_LIMIT;
	push_finish(t, &(struct push_news){.state = "active",
			   .why = "in force, and read back",
			   .look_us = loop_now_us(t->loop) + next});
}

/* Whether tables and steps lead to that price: around the moment, for a band or a step may have
 * begun between two questions. */
static bool
price_is_right(const struct turn *t, int64_t price_micro, int64_t used_wh)
{
	const struct meter_tariff *tariff = &t->push->tariff;

	for (int i = -1; i <= 1; i++) {
		struct civil c = calendar_civil(t->meter->zone, push_now_there(t) + i * AFTER_US);
		int band = meter_tariff_at(tariff, &c);

		if (meter_tariff_price(tariff, band, used_wh) == price_micro ||
		    meter_tariff_price(tariff, band, used_wh + 10) == price_micro)
			return true;
	}
	return false;
}

static void
price_read(struct turn *t)
{
	struct push *p = t->push;
	int64_t price, used;
	char why[120];

	if (p->n == 0 || bcd_get(span_of(p->items[0].seen, p->items[0].seen_len), &price) < 0 ||
	    bcd_get(span_of(p->items[1].seen, p->items[1].seen_len), &used) < 0 ||
	    price_is_right(t, price * 100, used * 10)) {
		active(t);
		return;
	}
	snprintf(why, sizeof why,
	    "its tables are as wanted, and yet it charges %lld.%04lld after %lld.%02lld kWh",
	    (long long)price / 10000, (long long)price % 10000, (long long)used / 100,
	    (long long)used % 100);
	push_denied(t, REFUSAL_OTHER, why);
}

/* --- the walk -------------------------------------------------------------------------------- */

static void
stage_done(struct turn *t)
{
	struct push *p = t->push;

	switch (p->stage) {
	case STAGE_FACTS:
		facts_read(t);
		break;
	case STAGE_COMPARE:
		break; /* compare_step() */
	case STAGE_DISARM:
		if (p->differ != 0)
			write_spare(t);
		else if (loop_now_us(t->loop) < p->tariff.switch_us)
			wait_for(t, p->tariff.switch_us, "what is wanted is in force already");
		else
			write_single(t);
		break;
	case STAGE_SPARE:
		arm(t);
		break;
	case STAGE_ARM:
		if (push_now_there(t) < p->switch_us)
			wait_for(t, p->switch_us, SWITCHES);
		else
			push_come_back(t, "arming took longer than until the switch", 0);
		break;
	case STAGE_SINGLE:
		if (p->set != PUSH_TARIFF)
			active(t);
		else
			read_price(t);
		break;
	case STAGE_PRICE:
		price_read(t);
		break;
	}
}

void
push_step(struct turn *t)
{
	struct push *p = t->push;

	if (p->stage == STAGE_COMPARE) {
		compare_step(t);
		return;
	}
	if (push_writes(p) && p->at > 0 && !p->items[p->at - 1].same) { /* it was only looked at */
		dlt645_parameter_text(&p->items[--p->at], p->found, sizeof p->found);
		if (!push_found_otherwise(t))
			return;
	}
	if (p->at < p->n)
		push_ask(t);
	else
		stage_done(t);
}

static void
begin(struct turn *t)
{
	struct push *p = t->push;

	p->begun = true;
	if (p->set != PUSH_TARIFF)
		write_single(t);
	else
		begin_stage(t, STAGE_FACTS, dlt645_facts_items(p->tariff.priced, p->items));
}

static void
on_clock(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;

	(void)s;
	if (e->class == ERR_REFUSED)
		push_denied(t, a->refusal, e->text);
	else if (e->class != ERR_NONE)
		push_not_answered(t, e);
	else
		begin(t);
}

void
push_begin(struct turn *t)
{
	const struct task clock = {.kind = TASK_CLOCK};

	if (t->push->failures >= PUSH_MOST_FAILURES)
		push_denied(t, t->c.refusal, t->push->why);
	else if (t->push->begun)
		push_step(t);
	else if (t->meter->skew_known)
		begin(t);
	else
		session_ask(t->session, t->meter, &clock, NULL, on_clock, t);
}
