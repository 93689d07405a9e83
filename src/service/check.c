/*
 * What is asked in turn; who has nothing to tell is passed over.
 *
 *	status words [one by one] -> report [-> its reset] -> relay -> currents -> told
 *	    -> counter [-> its records -> told], counter, ...
 *
 * Two currents, or a relay and a current, are not of the same instant: what does not fit together
 * once may have changed in between.  It is told when it was so at several looks in a row, which
 * then follow each other soon.
 */
#include "service/check.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_alarms.h"
#include "service/dispatch.h"
#include "store/store_alarm.h"

#include <stdlib.h>

#define REFUSED_BIT(i) (UINT32_C(1) << (i))
#define SOON_US        (5 * SECOND_US)
#define LEAST_MA       1000 /* below that nothing is said of neutrals */
#define DI_RELAY       0x04000503u

_Static_assert(METER_COUNTERS == ALARM_COUNTERS, "as many in a meter");

enum odd { ODD_WELDED, ODD_NEUTRAL };
static const uint8_t odd_enough[] = {[ODD_WELDED] = 2, [ODD_NEUTRAL] = 3};

enum step {
	CHECK_STATUS,
	CHECK_WORD_1,
	CHECK_WORD_2,
	CHECK_WORD_4,
	CHECK_WORD_5,
	CHECK_WORD_6,
	CHECK_WORD_7,
	CHECK_REPORT,
	CHECK_RESET,
	CHECK_RELAY,
	CHECK_PHASE_A,
	CHECK_NEUTRAL,
	CHECK_PHASE_B,
	CHECK_PHASE_C,
	CHECK_COUNTERS,
	CHECK_END = CHECK_COUNTERS + ALARM_COUNTERS
};
_Static_assert(CHECK_END <= 32, "a bit each");

static const uint32_t items[CHECK_COUNTERS] = {
    [CHECK_STATUS] = DLT645_STATUS_ALL,
    [CHECK_WORD_1] = DLT645_STATUS(1),
    [CHECK_WORD_2] = DLT645_STATUS(2),
    [CHECK_WORD_4] = DLT645_STATUS(4),
    [CHECK_WORD_5] = DLT645_STATUS(5),
    [CHECK_WORD_6] = DLT645_STATUS(6),
    [CHECK_WORD_7] = DLT645_STATUS(7),
    [CHECK_REPORT] = DLT645_REPORT,
    [CHECK_RELAY] = DI_RELAY,
    [CHECK_PHASE_A] = DLT645_CURRENT(1),
    [CHECK_NEUTRAL] = DLT645_NEUTRAL,
    [CHECK_PHASE_B] = DLT645_CURRENT(2),
    [CHECK_PHASE_C] = DLT645_CURRENT(3),
};

struct checking {
	const struct checks *c;
	struct meter *m;
	int step;
	struct parameter asked, reset;
	struct task task;
	struct alarm_view view;
	int64_t relay;                        /* status word 3; -1: not known */
	int64_t phase_ma, neutral_ma, others; /* -1: not known; others: of three phases */
	bool counting, whole, live;
	int record, newest_record; /* of the counter that moved; from 0 */
	int64_t count;
	struct alarm_record newest;
};

static void check_next(struct session *s, struct checking *k);

static void
check_end(struct session *s, struct checking *k)
{
	int64_t mono = loop_mono_us(k->c->loop);

	if (!k->whole) /* as soon as what it made way for is done */
		k->m->check_us = mono;
	else if (k->m->odd[ODD_WELDED] + k->m->odd[ODD_NEUTRAL] > 0 &&
		 k->m->check_us > mono + SOON_US)
		k->m->check_us = mono + SOON_US;
	if (k->counting && k->step >= CHECK_END)
		k->m->counters_us = mono + k->c->conf->counters_us +
				    loop_jitter_us(k->c->loop, k->c->conf->counters_us / 10);
	session_release(s);
	free(k);
}

/* --- what it shows ------------------------------------------------------------------------ */

static bool
is_off(const struct checking *k)
{
	return k->relay >= 0 && meter_status_relay((uint32_t)k->relay) != RELAY_CLOSED;
}

static void
found(struct checking *k, enum alarm a, bool shown)
{
	k->view.known |= ALARM_BIT(a);
	if (shown)
		k->view.shown |= ALARM_BIT(a);
}

/* Often enough in a row?  What is not known yet is neither shown nor denied. */
static void
weigh(struct checking *k, enum odd o, enum alarm a, bool odd)
{
	uint8_t *n = &k->m->odd[o];

	if (!odd)
		*n = 0;
	else if (*n < odd_enough[o])
		(*n)++;
	if (!odd || *n >= odd_enough[o])
		found(k, a, odd);
	if (*n >= odd_enough[o])
		*n = 0; /* told: there is no hurry any more */
}

static void
judge_relay(struct checking *k)
{
	struct meter *m = k->m;
	int64_t mono = loop_mono_us(k->c->loop);

	if (k->relay < 0)
		return;
	if (!meter_status_trip_pending((uint32_t)k->relay))
		m->trip_pending_us = 0;
	else if (m->trip_pending_us == 0)
		m->trip_pending_us = mono;
	if (m->trip_pending_us != 0) {
		if (mono - m->trip_pending_us >= k->c->conf->welded_us)
			found(k, ALARM_RELAY_WELDED, true);
	} else if (!is_off(k)) {
		weigh(k, ODD_WELDED, ALARM_RELAY_WELDED, false);
	} else if (k->phase_ma >= 0) {
		weigh(k, ODD_WELDED, ALARM_RELAY_WELDED, k->phase_ma > k->c->conf->off_ma);
	}
}

static bool
neutral_differs(const struct checking *k)
{
	int64_t most = k->phase_ma > k->neutral_ma ? k->phase_ma : k->neutral_ma;
	int64_t apart = llabs(k->phase_ma - k->neutral_ma);

	return k->phase_ma >= 0 && k->neutral_ma >= 0 && most >= LEAST_MA &&
	       apart * 100 > most * k->c->conf->neutral_percent;
}

/* With three phases the neutral carries what is left of them: nothing can be said. */
static void
judge_neutral(struct checking *k)
{
	if (k->others > 0)
		k->m->checks_refused |= REFUSED_BIT(CHECK_NEUTRAL);
	else if (k->phase_ma >= 0 && k->neutral_ma >= 0 && k->c->conf->neutral_percent > 0)
		weigh(k, ODD_NEUTRAL, ALARM_NEUTRAL_CURRENT, neutral_differs(k));
}

static void
tell_view(struct checking *k)
{
	struct meter *m = k->m;
	struct alarm_view *v = &k->view;

	judge_relay(k);
	judge_neutral(k);
	if ((v->known & ~m->alarms_known) == 0 && (m->alarms & v->known) == v->shown)
		return;
	store_alarm_seen(k->c->db, m->id, v->shown, v->known, loop_now_us(k->c->loop));
	m->alarms = (m->alarms & ~v->known) | v->shown;
	m->alarms_known |= v->known;
}

/* --- counters and records ----------------------------------------------------------------- */

static enum alarm_counter
counter_of(const struct checking *k)
{
	return (enum alarm_counter)(k->step - CHECK_COUNTERS);
}

static void
counter_told(struct session *s, struct checking *k)
{
	enum alarm_counter c = counter_of(k);
	const struct alarm_count told = {.counter = (int)c,
	    .kind = alarm_name(dlt645_counter_alarm(c)),
	    .count = k->count,
	    .at_us = k->newest.at_us != 0 ? k->newest.at_us - k->m->clock_skew_us : 0,
	    .wh = k->newest.wh,
	    .open = c == COUNTER_TRIPS,
	    .operator_code = k->newest.operator_code};

	store_alarm_counted(k->c->db, k->m->id, &told, loop_now_us(k->c->loop));
	k->m->counts[c] = (int32_t)k->count;
	k->step++;
	check_next(s, k);
}

static void ask_record(struct session *s, struct checking *k);

/* Of several phases, the one whose record is newest; a meter without records has its count. */
static void
on_record(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct checking *k = arg;
	struct alarm_record r;

	(void)a;
	if (e->class == ERR_NONE && dlt645_record_get(counter_of(k), &r, &k->asked, k->m->zone) &&
	    r.at_us > k->newest.at_us) {
		k->newest = r;
		k->newest_record = k->record;
	}
	k->record++;
	if (e->class != ERR_NONE && e->class != ERR_REFUSED)
		check_end(s, k); /* its count stays as it was: the next check finds it again */
	else
		ask_record(s, k);
}

static void
on_record_wh(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct checking *k = arg;

	(void)a;
	if (e->class == ERR_NONE)
		k->newest.wh = dlt645_record_wh(&k->asked);
	counter_told(s, k);
}

/* All records of it were asked for: the register of the newest, then it is told. */
static void
records_asked(struct session *s, struct checking *k)
{
	uint32_t di = dlt645_record_wh_di(counter_of(k), k->newest_record);

	if (k->newest.at_us == 0 || di == 0) {
		counter_told(s, k);
		return;
	}
	k->asked = (struct parameter){.id = di};
	session_ask(s, k->m, &k->task, NULL, on_record_wh, k);
}

static void
ask_record(struct session *s, struct checking *k)
{
	uint32_t di = dlt645_record_di(counter_of(k), k->record);

	if (di == 0) {
		records_asked(s, k);
		return;
	}
	k->asked = (struct parameter){.id = di};
	session_ask(s, k->m, &k->task, NULL, on_record, k);
}

/* Whether records are being fetched: then they go on. */
static bool
take_counter(struct session *s, struct checking *k)
{
	int64_t n = dlt645_counter_get(counter_of(k), &k->asked);
	int32_t was = k->m->counts[counter_of(k)];

	if (n < 0 || n == was)
		return false;
	k->count = n;
	k->newest = (struct alarm_record){.wh = -1};
	k->record = was < 0 || n < was ? ALARM_RECORDS : 0; /* begins to count: no news */
	ask_record(s, k);
	return true;
}

/* --- item by item ------------------------------------------------------------------------- */

static void
take_report(struct checking *k)
{
	uint32_t happened;

	if (dlt645_report_alarms(&k->asked, &happened, &k->reset) < 0)
		return;
	if (happened != 0 && !k->m->report_stuck)
		store_alarm_reported(k->c->db, k->m->id, happened, loop_now_us(k->c->loop));
	if (happened != 0)
		k->counting = k->c->conf->counters_us > 0;
}

/* Whether the item leads on by itself. */
static bool
take(struct session *s, struct checking *k)
{
	int64_t ma;

	switch ((enum step)k->step) {
	case CHECK_STATUS:
		k->relay = dlt645_relay_word(&k->asked);
		dlt645_status_alarms(&k->asked, &k->view);
		return false;
	case CHECK_RELAY:
		if (k->asked.seen_len == 2)
			k->relay = k->asked.seen[0] | k->asked.seen[1] << 8;
		return false;
	case CHECK_REPORT:
		take_report(k);
		return false;
	case CHECK_PHASE_A:
		k->phase_ma = dlt645_current_get(&k->asked);
		return false;
	case CHECK_NEUTRAL:
		k->neutral_ma = dlt645_current_get(&k->asked);
		return false;
	case CHECK_PHASE_B:
	case CHECK_PHASE_C:
		ma = dlt645_current_get(&k->asked);
		k->others += ma > 0 ? ma : 0;
		return false;
	case CHECK_RESET:
		return false;
	default:
		if (k->step >= CHECK_COUNTERS)
			return take_counter(s, k);
		dlt645_status_alarms(&k->asked, &k->view);
		return false;
	}
}

static void
refused(struct checking *k)
{
	struct meter *m = k->m;

	if (m->refuses == 0 && m->checks_refused == 0)
		m->refuses_until_us = loop_mono_us(k->c->loop) + DAY_US;
	m->checks_refused |= REFUSED_BIT(k->step);
}

static void
on_item(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct checking *k = arg;

	if (e->class == ERR_REFUSED && k->step == CHECK_RESET) {
		k->m->report_stuck = true;
		store_alarm_stuck(
		    k->c->db, k->m->id, refusal_name(a->refusal), loop_now_us(k->c->loop));
	} else if (e->class == ERR_REFUSED) {
		refused(k);
	} else if (e->class == ERR_NONE) {
		if (take(s, k))
			return;
	} else if (k->step != CHECK_RESET) { /* silent: at its next time */
		k->whole = true;
		check_end(s, k);
		return;
	}
	k->step++;
	check_next(s, k);
}

static bool
wanted(const struct checking *k)
{
	const struct meter *m = k->m;
	bool block = (m->checks_refused & REFUSED_BIT(CHECK_STATUS)) == 0;

	if ((m->checks_refused & REFUSED_BIT(k->step)) != 0)
		return false;
	switch ((enum step)k->step) {
	case CHECK_STATUS:
	case CHECK_REPORT:
		return true;
	case CHECK_RESET:
		return k->reset.len > 0 && !m->report_stuck && k->live;
	case CHECK_RELAY: /* once more, next to the current */
		return k->relay < 0 || is_off(k);
	case CHECK_PHASE_A:
		return is_off(k) || k->c->conf->neutral_percent > 0;
	case CHECK_NEUTRAL:
		return k->phase_ma >= 0 && k->c->conf->neutral_percent > 0;
	case CHECK_PHASE_B:
	case CHECK_PHASE_C:
		return neutral_differs(k);
	default:
		return k->step >= CHECK_COUNTERS ? k->counting : !block;
	}
}

static void
check_ask(struct session *s, struct checking *k)
{
	bool reset = k->step == CHECK_RESET;

	if (!reset)
		k->asked = (struct parameter){.id = k->step < CHECK_COUNTERS
							? items[k->step]
							: dlt645_counter_di(counter_of(k))};
	k->task = (struct task){.kind = reset ? TASK_WRITE : TASK_LOOK,
	    .parameters = reset ? &k->reset : &k->asked,
	    .nparameters = 1};
	session_ask(s, k->m, &k->task, NULL, on_item, k);
}

static void
check_next(struct session *s, struct checking *k)
{
	int from = k->step;

	while (k->step < CHECK_END && !wanted(k))
		k->step++;
	if (from <= CHECK_COUNTERS && k->step >= CHECK_COUNTERS && !k->whole) {
		tell_view(k);
		k->whole = true; /* counters are told one by one */
	}
	if (k->step >= CHECK_END ||
	    (from > CHECK_STATUS && dispatch_wants(k->c->dispatch, session_endpoint(s)->id)))
		check_end(s, k);
	else
		check_ask(s, k);
}

bool
check_due(const struct checks *c, const struct meter *m, int64_t mono_us)
{
	return c->conf->check_us > 0 && m->check_us <= mono_us && m->quiet_until_us <= mono_us;
}

void
check_meter(const struct checks *c, struct session *s, struct meter *m)
{
	int64_t mono = loop_mono_us(c->loop);
	struct checking *k = mem_new(sizeof *k);

	if (mono >= m->refuses_until_us)
		m->refuses = m->checks_refused = 0;
	*k = (struct checking){.c = c, .m = m, .relay = -1, .phase_ma = -1, .neutral_ma = -1};
	k->live = session_endpoint(s)->live; /* where others have the say, nothing is reset */
	k->counting = c->conf->counters_us > 0 && m->counters_us <= mono;
	m->check_us = mono + c->conf->check_us + loop_jitter_us(c->loop, c->conf->check_us / 10);
	session_hold(s);
	check_next(s, k);
}

void
check_login(const struct checks *c, struct meter *m)
{
	int64_t mono = loop_mono_us(c->loop);

	m->check_us = mono + loop_jitter_us(c->loop, c->conf->check_us / 4 + 1);
	m->counters_us = mono + loop_jitter_us(c->loop, c->conf->counters_us / 4 + 1);
}

void
check_hurry(struct meter *m)
{
	if (m->report_stuck)
		return;
	m->check_us = 0;
	m->counters_us = 0;
}
