#include "service/poll.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_parameters.h"
#include "codec/dlt645_profile.h"
#include "service/clocks.h"
#include "service/dispatch.h"
#include "service/intake.h"
#include "store/store_overload.h"

#include <stdlib.h>

#define REFUSED_US DAY_US /* a meter may be programmed anew, or exchanged */

#define REFUSES(reg)  (UINT32_C(1) << (reg))
#define REFUSES_CLOCK REFUSES(30)
#define REFUSES_BLOCK REFUSES(31) /* all energies in one */
_Static_assert(REG_COUNT <= 30, "a bit each");

struct polling {
	const struct polls *polls;
	struct meter *m;
	struct task all, now; /* of all, what is being asked */
	int next;
	bool clock_asked, off, told;
	struct reading relay; /* off: kept until it is known why */
	int64_t overloads;
	struct parameter record;
};

static void poll_next(struct session *s, struct polling *p);

/* --- what it refuses ---------------------------------------------------------------------- */

static bool
refuses(const struct meter *m, uint32_t bit)
{
	return (m->refuses & bit) != 0;
}

static void
refused(struct polling *p, uint32_t bit)
{
	if (p->m->refuses == 0)
		p->m->refuses_until_us = loop_mono_us(p->polls->loop) + REFUSED_US;
	p->m->refuses |= bit;
}

/* A meter without the block has its items, perhaps. */
static void
note_refusal(struct polling *p)
{
	const struct task *t = &p->now;

	if (t->kind == TASK_CLOCK) {
		refused(p, REFUSES_CLOCK);
	} else if (t->nregs > 1) {
		refused(p, REFUSES_BLOCK);
		p->next -= t->nregs;
	} else {
		refused(p, REFUSES(t->regs[0]));
	}
}

/* --- the end ------------------------------------------------------------------------------ */

/* `whole`: nothing is left to ask; else again as soon as what it made way for is done. */
static void
poll_end(struct session *s, struct polling *p, bool whole)
{
	if (!whole)
		p->m->poll_us = loop_mono_us(p->polls->loop);
	else
		p->m->off_said = false;
	if (whole && p->off) {
		intake_readings(p->polls->intake, &p->relay, 1);
		p->m->off_told = true;
	}
	session_release(s);
	free(p);
}

/* --- why it is off ------------------------------------------------------------------------ */

/* Its count is asked for while a limit is in force, when the relay was found open and, once,
 * to have something to compare with. */
static bool
overload_due(const struct polling *p)
{
	const struct meter *m = p->m;

	return !p->told && !refuses(m, REFUSES(REG_OVERLOADS)) &&
	       (m->limited || m->overloads < 0 || (p->off && !m->off_told));
}

static void
overload_told(struct session *s, struct polling *p, int64_t trip_us, uint32_t operator_code)
{
	struct meter *m = p->m;

	store_overload(p->polls->db, m->id, p->overloads, trip_us, operator_code, p->off,
	    loop_now_us(p->polls->loop));
	m->overloads = (int32_t)p->overloads;
	p->told = true;
	poll_end(s, p, true);
}

/* The meter's own word about its last trip: when, and by whose order.  Without it the count says
 * enough. */
static void
on_record(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct polling *p = arg;
	struct dlt645_trip trip = {0};

	(void)a;
	if (e->class == ERR_REFUSED)
		refused(p, REFUSES(REG_TRIPS));
	if (e->class != ERR_NONE || !dlt645_trip_get(&trip, &p->record, p->m->zone))
		trip = (struct dlt645_trip){0};
	overload_told(
	    s, p, trip.at_us != 0 ? trip.at_us - p->m->clock_skew_us : 0, trip.operator_code);
}

static void
on_counted(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct polling *p = arg;
	const struct task look = {.kind = TASK_LOOK, .parameters = &p->record, .nparameters = 1};

	if (e->class == ERR_REFUSED)
		note_refusal(p);
	if (e->class != ERR_NONE || a->n == 0) { /* then nobody can say why */
		poll_end(s, p, true);
		return;
	}
	p->overloads = a->readings[0].value;
	p->record = (struct parameter){.id = DLT645_LAST_TRIP};
	if (p->overloads == p->m->overloads)
		poll_end(s, p, true);
	else if (p->m->overloads < 0 || refuses(p->m, REFUSES(REG_TRIPS)))
		overload_told(s, p, 0, 0);
	else
		session_ask(s, p->m, &look, NULL, on_record, p);
}

static void
ask_count(struct session *s, struct polling *p)
{
	p->now = (struct task){.kind = TASK_READ, .regs = {REG_OVERLOADS}, .nregs = 1};
	session_ask(s, p->m, &p->now, NULL, on_counted, p);
}

/* --- registers ---------------------------------------------------------------------------- */

static void
take(struct polling *p, const struct answer *a)
{
	for (int i = 0; i < a->n; i++) {
		const struct reading *r = &a->readings[i];

		if (r->reg == REG_STATUS) {
			p->off = meter_status_relay((uint32_t)r->value) != RELAY_CLOSED;
			p->relay = *r;
			p->m->off_told = p->m->off_told && p->off;
			p->m->off_said = p->off && !p->m->off_told;
		}
		if (r->reg != REG_STATUS || !p->off)
			intake_readings(p->polls->intake, r, 1);
	}
}

static void
on_polled(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct polling *p = arg;
	bool answered = e->class == ERR_NONE || e->class == ERR_REFUSED, more;

	if (e->class == ERR_REFUSED)
		note_refusal(p);
	if (e->class == ERR_NONE && p->now.kind == TASK_CLOCK)
		clocks_heard(p->polls->clocks, s, p->m);
	if (answered)
		take(p, a);
	while (p->next < p->all.nregs && refuses(p->m, REFUSES(p->all.regs[p->next])))
		p->next++;
	more = p->next < p->all.nregs;
	if (!answered) { /* it is silent: at its next time */
		if (p->m->off_said)
			poll_soon(p->m);
		session_release(s);
		free(p);
	} else if (!more && !overload_due(p)) {
		poll_end(s, p, true);
	} else if (dispatch_wants(p->polls->dispatch, session_endpoint(s)->id)) {
		poll_end(s, p, false);
	} else if (more) {
		poll_next(s, p);
	} else {
		ask_count(s, p);
	}
}

static void
poll_next(struct session *s, struct polling *p)
{
	struct task *t = &p->now;
	const enum reg *all = p->all.regs;

	*t = (struct task){.kind = TASK_READ};
	if (p->m->skew_known && p->m->clock_due_us == 0) /* somebody else has read it */
		clocks_heard(p->polls->clocks, s, p->m);
	if (clocks_due(p->polls->clocks, p->m) && p->next == 0 && !p->clock_asked &&
	    !refuses(p->m, REFUSES_CLOCK)) { /* once a session, and once a day */
		p->clock_asked = true;
		t->kind = TASK_CLOCK;
		session_ask(s, p->m, t, NULL, on_polled, p);
		return;
	}
	t->regs[t->nregs++] = all[p->next++];
	if (t->regs[0] == REG_TOTAL_WH && !refuses(p->m, REFUSES_BLOCK))
		while (p->next < p->all.nregs && all[p->next] <= REG_T4_WH) /* the tariffs too */
			t->regs[t->nregs++] = all[p->next++];
	session_ask(s, p->m, t, NULL, on_polled, p);
}

void
poll_soon(struct meter *m)
{
	m->off_said = true;
	m->poll_us = 0;
}

void
poll_meter(const struct polls *polls, struct session *s, struct meter *m, int64_t every_us)
{
	const struct dlt645_profile *profile = dlt645_profile(m->profile);
	int64_t mono = loop_mono_us(polls->loop);
	struct polling *p = mem_new(sizeof *p);
	struct task *t = &p->all;

	if (mono >= m->refuses_until_us)
		m->refuses = m->checks_refused = 0;
	p->polls = polls;
	p->m = m;
	for (int k = 0; k < 5; k++)
		t->regs[t->nregs++] = (enum reg)(REG_TOTAL_WH + k);
	t->regs[t->nregs++] = REG_STATUS;
	if (profile != NULL && profile->local) {
		t->regs[t->nregs++] = REG_CREDIT;
		t->regs[t->nregs++] = REG_PRICE;
	}
	m->poll_us = mono + every_us + loop_jitter_us(polls->loop, every_us / 10);
	session_hold(s);
	poll_next(s, p);
}
