/*
 * The relay and what the credit does to it.
 *
 *	closed --1A, after the trip delay--> open --1B--> permitted --button--> closed
 *	   |  ^                               |  \--1C----------------------------^
 *	   |  `------credit, 1C---------------'
 *	   `--credit used up, kept off by nobody--> open
 *
 * A relay that the credit opened, credit closes (or permits, where a button is needed); one
 * that an order opened waits for an order (dlt645.md 3.1, 4.1).  What opens it for its load is
 * in vmeter_overload.c; credit does not close that.
 */
#include "sim/vmeter_inside.h"

#include "model/meter.h"

#include <stdio.h>

#define N1_TRIP     0x1a
#define N1_PERMIT   0x1b
#define N1_CLOSE    0x1c
#define N1_ALARM    0x2a
#define N1_NO_ALARM 0x2b
#define N1_KEEP     0x3a
#define N1_NO_KEEP  0x3b

uint32_t
vmeter_status(const struct vmeter *v)
{
	uint32_t s = 0;

	if (v->open)
		s |= STATUS_RELAY_OPEN;
	if (v->commanded)
		s |= STATUS_RELAY_TRIP;
	if (v->alarm || v->warned[0])
		s |= STATUS_PRETRIP_ALARM;
	if (v->keep)
		s |= STATUS_POWER_KEEP;
	if (v->switches[SET_ZONES].now == 1)
		s |= STATUS_SECOND_ZONES;
	if (v->switches[SET_TABLES].now == 1)
		s |= STATUS_SECOND_TABLES;
	if (!vmeter_local(v))
		return s;
	if (v->switches[SET_STEPS].now == 1)
		s |= STATUS_SECOND_STEPS;
	if (v->switches[SET_PRICES].now == 1)
		s |= STATUS_SECOND_PRICES;
	s |= 0x0200; /* prepaid in money */
	if (esam_authenticated(&v->chip, v->at_us))
		s |= STATUS_AUTH_VALID;
	if (!v->opened)
		s |= STATUS_LOCAL_CLOSED;
	return s;
}

const char *
vmeter_relay_word(const struct vmeter *v)
{
	return !v->open ? "closed" : v->commanded ? "open" : "permitted";
}

/* The one place that moves the relay or what it is waiting for. */
static void
relay_set(struct vmeter *v, bool open, bool commanded, const char *by)
{
	const char *from = vmeter_relay_word(v);
	struct relay_record r = {vmeter_clock(v, v->at_us), v->operator_code, vmeter_reg(v, 0)};
	bool was = v->open;

	v->open = open;
	v->commanded = commanded;
	v->trip_due_us = v->again_us = 0;
	if (strcmp(from, vmeter_relay_word(v)) == 0)
		return;
	if (open && !was)
		LAST_PUSH(v->trips, r);
	if (!open && was)
		LAST_PUSH(v->closes, r);
	vmeter_tell(v, v->at_us, "relay", "\"from\":\"%s\",\"to\":\"%s\",\"by\":\"%s\"", from,
	    vmeter_relay_word(v), by);
}

static void
set_by_order(struct vmeter *v, bool open, bool commanded)
{
	char by[32];

	snprintf(by, sizeof by, "1C op %08x", v->operator_code);
	v->by_self = false;
	relay_set(v, open, commanded, by);
}

void
vmeter_relay_self(struct vmeter *v, bool open, const char *by)
{
	v->operator_code = 0;
	v->by_self = false;
	relay_set(v, open, open, by);
}

void
vmeter_trip_due(struct vmeter *v)
{
	set_by_order(v, true, true);
}

static bool
used_up(const struct vmeter *v)
{
	return vmeter_local(v) && v->opened && v->credit_minor <= -v->overdraft_minor;
}

static bool
order_trip(struct vmeter *v)
{
	if (v->keep)
		return false;
	if (v->open || v->trip_delay_min == 0) {
		set_by_order(v, true, true);
		return true;
	}
	v->commanded = true;
	if (v->trip_due_us == 0)
		v->trip_due_us = v->at_us + v->trip_delay_min * MINUTE_US;
	return true;
}

static void
order_keep(struct vmeter *v, bool keep)
{
	v->keep = keep;
	if (keep && !v->open)
		relay_set(v, false, false, ""); /* a trip on its way is called off */
	vmeter_judge(v);
}

bool
vmeter_order(struct vmeter *v, uint8_t n1, uint32_t operator_code)
{
	uint32_t was = v->operator_code;

	v->operator_code = operator_code;
	switch (n1) {
	case N1_TRIP:
		if (order_trip(v))
			return true;
		break;
	case N1_PERMIT:
	case N1_CLOSE:
		if (used_up(v))
			break;
		set_by_order(v, n1 == N1_PERMIT && v->open, false);
		return true;
	case N1_ALARM:
	case N1_NO_ALARM:
		v->alarm = n1 == N1_ALARM;
		return true;
	case N1_KEEP:
	case N1_NO_KEEP:
		order_keep(v, n1 == N1_KEEP);
		return true;
	default:
		break;
	}
	v->operator_code = was;
	return false;
}

bool
vmeter_button(struct vmeter *v, int64_t now_us)
{
	vmeter_run(v, now_us);
	if (!v->open || v->commanded || v->off)
		return false;
	v->by_self = false;
	relay_set(v, false, false, "button");
	return true;
}

static void
trip_self(struct vmeter *v, bool may_reclose)
{
	v->operator_code = 0;
	v->by_self = !may_reclose;
	vmeter_tell(v, v->at_us, "trip_self", "\"credit_minor\":%lld,\"overdraft_minor\":%lld",
	    (long long)v->credit_minor, (long long)v->overdraft_minor);
	relay_set(v, true, !may_reclose, "self");
}

static void
warn(struct vmeter *v, int i)
{
	int64_t level = v->warn_minor[i];

	if (level == 0 || v->credit_minor > level) {
		v->warned[i] = false;
		return;
	}
	if (v->warned[i])
		return;
	v->warned[i] = true;
	vmeter_tell(v, v->at_us, "warn", "\"level\":%d,\"credit_minor\":%lld", i + 1,
	    (long long)v->credit_minor);
	if (i == 1 && v->warn2_trips && !v->open && !v->keep)
		trip_self(v, true);
}

void
vmeter_judge(struct vmeter *v)
{
	vmeter_overload_judge(v);
	if (!vmeter_local(v) || !v->opened || v->off)
		return;
	warn(v, 0);
	warn(v, 1);
	if (used_up(v)) {
		if (!v->open && !v->keep)
			trip_self(v, false);
	} else if (v->open && v->by_self && v->credit_minor > v->reclose_minor) {
		v->by_self = false;
		relay_set(v, v->permit, false, "self");
	}
}

void
vmeter_credit(struct vmeter *v, int64_t amount_minor, uint32_t count)
{
	int64_t before = v->credit_minor;

	v->purchases = count;
	if (fault_strikes(&v->faults, FAULT_COUNT_NO_MONEY, &v->dice)) {
		vmeter_tell(v, v->at_us, "lost", "\"count\":%u,\"amount_minor\":%lld", count,
		    (long long)amount_minor);
		return;
	}
	v->credit_minor += amount_minor;
	v->bought_minor += amount_minor;
	LAST_PUSH(v->recharges, (struct purchase){vmeter_clock(v, v->at_us), count, amount_minor,
				    before, v->credit_minor, v->bought_minor});
	vmeter_tell(v, v->at_us, "credit",
	    "\"count\":%u,\"amount_minor\":%lld,\"before_minor\":%lld,\"after_minor\":%lld", count,
	    (long long)amount_minor, (long long)before, (long long)v->credit_minor);
	vmeter_judge(v);
}

bool
vmeter_topup(struct vmeter *v, int64_t now_us, int64_t amount_minor)
{
	vmeter_run(v, now_us);
	if (!vmeter_local(v) || !v->opened || v->off)
		return false;
	vmeter_tell(v, v->at_us, "topup", "\"amount_minor\":%lld", (long long)amount_minor);
	vmeter_credit(v, amount_minor, v->purchases + 1);
	return true;
}
