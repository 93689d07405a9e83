/*
 * The limit of its load, and what it does above it.
 *
 *	within --above the limit--> counting --as long as the delay--> an event, and off
 *	   ^-------back below---------'                                     |
 *	   `------after its own pause, where it has one; else by an order---'
 *
 * An event that is kept from tripping by the power-keep goes on until the load falls.  Real
 * meters differ in whether they try again by themselves; both kinds are here (dlt645.md 2.4, 2.9).
 */
#include "sim/vmeter_inside.h"

#define NEVER INT64_MAX

bool
vmeter_overloaded(const struct vmeter *v)
{
	return !v->open && !v->off && v->limit_dw < VMETER_NO_LIMIT && v->watts * 10 > v->limit_dw;
}

/* When it comes to the end of a delay or a pause; without power it comes to none. */
int64_t
vmeter_overload_next(const struct vmeter *v)
{
	int64_t next = v->again_us != 0 && !v->off ? v->again_us : NEVER;

	if (v->over_since_us != 0 && !v->in_overload &&
	    v->over_since_us + v->overload_delay_s * SECOND_US < next)
		next = v->over_since_us + v->overload_delay_s * SECOND_US;
	return next;
}

static void
event_ends(struct vmeter *v)
{
	if (v->in_overload) {
		v->overloads.at[0].to_us = vmeter_clock(v, v->at_us);
		v->overload_us += v->at_us - v->over_since_us;
	}
	v->in_overload = false;
	v->over_since_us = 0;
}

static void
event_begins(struct vmeter *v)
{
	LAST_PUSH(v->overloads, (struct span_record){.from_us = vmeter_clock(v, v->at_us)});
	v->in_overload = true;
	vmeter_tell(v, v->at_us, "overload",
	    "\"watts\":%lld,\"limit_watts\":%lld,\"count\":%u,\"trips\":%s", (long long)v->watts,
	    (long long)v->limit_dw / 10, v->overloads.total, v->keep ? "false" : "true");
	if (v->keep)
		return;
	vmeter_relay_self(v, true, "self, load");
	event_ends(v);
	if (v->overload_again_s > 0)
		v->again_us = v->at_us + v->overload_again_s * SECOND_US;
}

void
vmeter_overload_judge(struct vmeter *v)
{
	if (v->again_us != 0 && v->at_us >= v->again_us && !v->off) {
		v->again_us = 0;
		vmeter_relay_self(v, false, "self, load");
	}
	if (!vmeter_overloaded(v)) {
		event_ends(v);
		return;
	}
	if (v->over_since_us == 0)
		v->over_since_us = v->at_us;
	if (!v->in_overload && v->at_us >= v->over_since_us + v->overload_delay_s * SECOND_US)
		event_begins(v);
}
