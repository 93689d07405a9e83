/*
 * The life of a meter: energy, money and midnight.
 *
 * vmeter_run() cuts the way to `now` into pieces in which nothing changes: same load, same
 * tariff, same price, no level crossed.  Inside a piece energy and money are products of
 * integers, so a thousand small steps and one large one end in the same state, and a meter
 * that runs out of credit does so at the microsecond at which it has, not when it was looked at.
 *
 * To add something that happens by itself: let piece_end() end a piece there, and let
 * piece_ended() do it.
 */
#include "sim/vmeter_inside.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NEVER INT64_MAX

void
vmeter_tell(struct vmeter *v, int64_t t_us, const char *event, const char *fmt, ...)
{
	char fields[1400];
	va_list ap;

	if (v->world->tell == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(fields, sizeof fields, fmt, ap);
	va_end(ap);
	v->world->tell(v->world->tell_arg, t_us, v->address, event, fields);
}

void
vmeter_tell_load(struct vmeter *v)
{
	vmeter_tell(v, v->at_us, "load",
	    "\"watts\":%lld,\"energy_wus\":%lld,\"t_wus\":[%lld,%lld,%lld,%lld],"
	    "\"relay\":\"%s\",\"power\":%s",
	    (long long)v->watts, (long long)v->wus[0], (long long)v->wus[1], (long long)v->wus[2],
	    (long long)v->wus[3], (long long)v->wus[4], vmeter_relay_word(v),
	    v->off ? "false" : "true");
}

int64_t
vmeter_clock(const struct vmeter *v, int64_t t_us)
{
	int64_t d = t_us - v->clock_base_at_us;

	return v->clock_base_us + d + d / 1000000 * v->drift_ppm +
	       d % 1000000 * v->drift_ppm / 1000000;
}

/* The first instant at which the clock shows clock_us or more. */
int64_t
vmeter_clock_reaches(const struct vmeter *v, int64_t clock_us)
{
	int64_t d = clock_us - v->clock_base_us;
	int64_t t = v->clock_base_at_us + d - d / (1000000 + v->drift_ppm) * v->drift_ppm;

	while (vmeter_clock(v, t) < clock_us)
		t += clock_us - vmeter_clock(v, t);
	while (vmeter_clock(v, t - 1) >= clock_us)
		t -= 1 + (vmeter_clock(v, t - 1) - clock_us) / 2;
	return t;
}

/* The next settlement; what is over is over. */
static void
find_settlement(struct vmeter *v)
{
	int64_t clock = vmeter_clock(v, v->at_us), at;
	struct civil c = calendar_civil(v->world->zone, clock);
	struct civil next = {
	    .year = c.year, .month = c.month, .day = v->settle_day, .hour = v->settle_hour};

	at = calendar_instant(v->world->zone, &next);
	if (at <= clock) {
		next.month++; /* carries over */
		at = calendar_instant(v->world->zone, &next);
	}
	v->settle_at_us = vmeter_clock_reaches(v, at);
}

static void find_hour(struct vmeter *v);

void
vmeter_look_at_clock(struct vmeter *v)
{
	int64_t midnight = calendar_midnight_after(v->world->zone, vmeter_clock(v, v->at_us));

	v->midnight_us = vmeter_clock_reaches(v, midnight);
	find_hour(v);
	find_settlement(v);
	vmeter_find_switches(v);
	vmeter_find_band(v);
}

void
vmeter_clock_set(struct vmeter *v, int64_t clock_us)
{
	v->clock_base_us = clock_us;
	v->clock_base_at_us = v->at_us;
	vmeter_look_at_clock(v);
}

static uint32_t
displayed(int64_t wus)
{
	return (uint32_t)(wus / (10 * WUS_PER_WH) % 100000000);
}

uint32_t
vmeter_reg(const struct vmeter *v, int which)
{
	return displayed(v->wus[which]);
}

uint32_t
vmeter_month_use(const struct vmeter *v)
{
	return displayed(v->wus[0] - v->month_start_wus);
}

int64_t
vmeter_price(const struct vmeter *v)
{
	const struct tariff_set *prices = &v->sets[v->switches[SET_PRICES].now];
	const struct tariff_set *steps = &v->sets[v->switches[SET_STEPS].now];

	return prices->price_micro[v->band - 1] + steps->step_micro[vmeter_step(v)];
}

int64_t
vmeter_flow(const struct vmeter *v)
{
	return (v->open && !v->tampered[TAMPER_WELD]) || v->off ? 0 : v->watts;
}

static bool
deducts(const struct vmeter *v)
{
	return vmeter_local(v) && v->opened;
}

/* How long until the credit has come down to the next level that means something. */
static int64_t
until_level(const struct vmeter *v)
{
	const int64_t levels[] = {v->warn_minor[0], v->warn_minor[1], -v->overdraft_minor};
	__int128 rate = (__int128)vmeter_flow(v) * vmeter_price(v), grains;
	int64_t next = INT64_MIN;

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (levels[i] < v->credit_minor && levels[i] > next)
			next = levels[i];
	if (rate == 0 || next == INT64_MIN)
		return NEVER;
	grains = (__int128)(v->credit_minor - next) * GRAINS_PER_MINOR - v->grains;
	grains = (grains + rate - 1) / rate;
	return grains < NEVER ? (int64_t)grains : NEVER;
}

static int64_t
until_step(const struct vmeter *v)
{
	const struct tariff_set *set = &v->sets[v->switches[SET_STEPS].now];
	int step = vmeter_step(v);
	int64_t left;

	if (step == STEPS || set->step_wh[step] == 0)
		return NEVER;
	left = set->step_wh[step] * WUS_PER_WH - (v->wus[0] - v->month_start_wus);
	return (left + vmeter_flow(v) - 1) / vmeter_flow(v);
}

static int64_t
piece_end(const struct vmeter *v, int64_t now_us)
{
	int64_t end = now_us, wait = NEVER;

	if (v->midnight_us < end)
		end = v->midnight_us;
	if (v->hourly && v->hour_us < end)
		end = v->hour_us;
	if (v->band_until_us < end)
		end = v->band_until_us;
	if (v->settle_at_us < end)
		end = v->settle_at_us;
	if (v->switch_at_us < end)
		end = v->switch_at_us;
	if (v->trip_due_us != 0 && v->trip_due_us < end)
		end = v->trip_due_us;
	if (vmeter_overload_next(v) < end)
		end = vmeter_overload_next(v);
	if (vmeter_flow(v) > 0 && deducts(v)) {
		wait = until_level(v);
		if (until_step(v) < wait)
			wait = until_step(v);
	}
	return wait < end - v->at_us ? v->at_us + wait : end;
}

static void
pass(struct vmeter *v, int64_t us)
{
	int64_t wus = vmeter_flow(v) * us;
	__int128 grains;

	if (deducts(v)) {
		grains = (__int128)wus * vmeter_price(v) + v->grains;
		v->credit_minor -= (int64_t)(grains / GRAINS_PER_MINOR);
		v->grains = (int64_t)(grains % GRAINS_PER_MINOR);
	}
	v->wus[0] += wus;
	v->wus[v->band] += wus;
	v->at_us += us;
}

void
vmeter_freeze_now(struct vmeter *v, struct freeze *f)
{
	f->clock_us = vmeter_clock(v, v->at_us);
	for (int i = 0; i < REGISTERS; i++)
		f->regs[i] = vmeter_reg(v, i);
}

static void
settle(struct vmeter *v)
{
	struct freeze f;

	vmeter_freeze_now(v, &f);
	memmove(v->settled + 1, v->settled, sizeof v->settled - sizeof *v->settled);
	memmove(v->month_use + 1, v->month_use, sizeof v->month_use - sizeof *v->month_use);
	v->settled[0] = f;
	v->month_use[0] = vmeter_month_use(v);
	v->month_start_wus = v->wus[0];
}

static void
midnight(struct vmeter *v)
{
	struct freeze f;
	struct civil day;

	vmeter_freeze_now(v, &f);
	f.clock_us = calendar_midnight_before(v->world->zone, f.clock_us);
	day = calendar_civil(v->world->zone, f.clock_us);
	if (v->off) /* nobody there to write it down; it is never made up (dlt645.md 2.8) */
		return;
	if (v->nfreezes > 0 && v->freezes[0].clock_us == f.clock_us)
		return; /* the clock was put back: this day has its record */
	if (v->nfreezes < FREEZES)
		v->freezes = mem_more(v->freezes, (size_t)++v->nfreezes * sizeof f);
	memmove(v->freezes + 1, v->freezes, (size_t)(v->nfreezes - 1) * sizeof f);
	v->freezes[0] = f;
	vmeter_tell(v, v->at_us, "freeze", "\"day\":%d,\"energy_wh\":%lld",
	    day.year * 10000 + day.month * 100 + day.day, (long long)f.regs[0] * 10);
}

/* The next full hour of its clock on the wall. */
static void
find_hour(struct vmeter *v)
{
	int64_t clock = vmeter_clock(v, v->at_us);
	struct civil c = calendar_civil(v->world->zone, clock);

	clock -= clock % SECOND_US + (c.minute * INT64_C(60) + c.second) * SECOND_US;
	v->hour_us = vmeter_clock_reaches(v, clock + HOUR_US);
}

static void
hour(struct vmeter *v)
{
	int64_t clock = vmeter_clock(v, v->at_us) / MINUTE_US * MINUTE_US;

	if (v->off || (v->nhours > 0 && v->hours[0].clock_us >= clock))
		return; /* nobody there to write it down, or the clock was put back */
	if (v->hours == NULL)
		v->hours = mem_new(HOURS * sizeof *v->hours);
	memmove(v->hours + 1, v->hours, (HOURS - 1) * sizeof *v->hours);
	v->hours[0] = (struct hour){clock, vmeter_reg(v, 0)};
	v->nhours += v->nhours < HOURS;
	vmeter_tell(v, v->at_us, "hour", "\"at_us\":%lld,\"energy_wh\":%lld", (long long)clock,
	    (long long)v->hours[0].reg * 10);
}

static void
piece_ended(struct vmeter *v)
{
	if (v->hourly && v->at_us >= v->hour_us) {
		hour(v);
		find_hour(v);
	}
	if (v->trip_due_us != 0 && v->at_us >= v->trip_due_us)
		vmeter_trip_due(v);
	if (v->at_us >= v->settle_at_us) {
		settle(v);
		find_settlement(v);
	}
	if (v->at_us >= v->midnight_us) {
		midnight(v);
		vmeter_look_at_clock(v);
	} else if (v->at_us >= v->switch_at_us) {
		vmeter_find_switches(v);
		vmeter_find_band(v);
	} else if (v->at_us >= v->band_until_us) {
		vmeter_find_band(v);
	}
	vmeter_judge(v);
}

static void
run_pieces(struct vmeter *v, int64_t now_us)
{
	while (v->at_us < now_us) {
		pass(v, piece_end(v, now_us) - v->at_us);
		piece_ended(v);
	}
}

/* The days before the meter came into being, at no more than what its register says.  Nothing
 * of it is told: it happened before the story. */
static void
live_through_history(struct vmeter *v)
{
	int64_t now_us = v->at_us, end_wus = v->wus[0], start_us, watts = v->watts;
	int64_t limit_dw = v->limit_dw;
	const struct vmeter_world *was = v->world;
	struct vmeter_world silent = {.zone = was->zone};
	bool opened = v->opened, open = v->open;

	start_us = now_us - v->history_days * DAY_US;
	if (v->watts > end_wus / (now_us - start_us))
		v->watts = end_wus / (now_us - start_us);
	v->world = &silent;
	v->opened = v->open = false;
	v->limit_dw = VMETER_NO_LIMIT;
	v->wus[0] = v->wus[3] = end_wus - v->watts * (now_us - start_us);
	v->month_start_wus = v->wus[0];
	v->at_us = start_us;
	vmeter_look_at_clock(v);
	run_pieces(v, now_us);
	v->world = was;
	v->opened = opened;
	v->open = open;
	v->watts = watts;
	v->limit_dw = limit_dw;
}

/* Settings may come in any order, so what follows from them waits for the first run. */
static void
begin(struct vmeter *v)
{
	v->begun = true;
	v->month_start_wus = v->wus[0];
	if (v->history_days > 0)
		live_through_history(v);
	if (v->purchases > 0 && v->recharges.total == 0)
		LAST_PUSH(v->recharges, (struct purchase){vmeter_clock(v, v->at_us), v->purchases,
					    0, v->credit_minor, v->credit_minor, v->bought_minor});
	vmeter_look_at_clock(v);
	vmeter_judge(v);
}

void
vmeter_run(struct vmeter *v, int64_t now_us)
{
	if (!v->begun)
		begin(v);
	run_pieces(v, now_us);
}

void
vmeter_begin(struct vmeter *v, int64_t now_us)
{
	vmeter_run(v, now_us);
	vmeter_tell_load(v);
}

int64_t
vmeter_next_us(const struct vmeter *v)
{
	return v->begun ? piece_end(v, NEVER) : v->at_us;
}

struct vmeter *
vmeter_new(const struct vmeter_world *world, const char *address, uint64_t seed, int64_t now_us)
{
	struct vmeter *v = mem_new(sizeof *v);

	v->world = world;
	snprintf(v->address, sizeof v->address, "%s", address);
	snprintf(v->customer, sizeof v->customer, "%012d", 0);
	v->dice = seed;
	for (const char *p = address; *p != '\0'; p++)
		v->dice = v->dice * 31 + (uint64_t)*p;
	v->at_us = v->clock_base_us = v->clock_base_at_us = now_us;
	v->watts = 500;
	v->limit_dw = VMETER_NO_LIMIT;
	v->overload_delay_s = 60;
	vmeter_tariff_init(v);
	v->part = 196;
	v->band = 3;
	esam_init(&v->chip, world->master, address);
	return v;
}

void
vmeter_free(struct vmeter *v)
{
	if (v == NULL)
		return;
	free(v->freezes);
	free(v->hours);
	buf_clear(&v->rest);
	buf_clear(&v->last_answer);
	free(v);
}

bool
vmeter_awake(const struct vmeter *v, int64_t now_us)
{
	return !v->off && now_us >= v->rebooting_until_us;
}

uint32_t
vmeter_boots(const struct vmeter *v)
{
	return v->boots;
}

/* What lives in working memory is gone; registers, records and the relay are not. */
void
vmeter_reboot(struct vmeter *v, int64_t now_us)
{
	vmeter_run(v, now_us);
	esam_leave(&v->chip);
	v->rest.len = 0;
	v->last_answer.len = 0;
	v->rebooting_until_us = v->at_us + REBOOT_US;
	v->boots++;
	vmeter_tell(v, v->at_us, "boot", "\"boots\":%u", v->boots);
}

void
vmeter_power(struct vmeter *v, int64_t now_us, bool on)
{
	vmeter_run(v, now_us);
	if (v->off == !on)
		return;
	v->off = !on;
	if (v->forgets)
		v->last_order = 0;
	vmeter_tell(v, v->at_us, "power", "\"on\":%s", on ? "true" : "false");
	vmeter_overload_judge(v);
	if (!on) {
		LAST_PUSH(v->outages, (struct span_record){.from_us = vmeter_clock(v, v->at_us)});
		v->boots++;
		return;
	}
	v->outages.at[0].to_us = vmeter_clock(v, v->at_us);
	vmeter_reboot(v, now_us);
}

void
vmeter_cover(struct vmeter *v, int64_t now_us, bool terminal, bool opened)
{
	struct span_record *last = terminal ? v->terminals.at : v->covers.at;

	vmeter_run(v, now_us);
	if (!opened) {
		if (last->from_us != 0)
			last->to_us = vmeter_clock(v, v->at_us);
		return;
	}
	if (terminal)
		LAST_PUSH(v->terminals, (struct span_record){.from_us = vmeter_clock(v, v->at_us)});
	else
		LAST_PUSH(v->covers, (struct span_record){.from_us = vmeter_clock(v, v->at_us)});
	last->reg = vmeter_reg(v, 0);
	vmeter_report_bit(v, terminal ? 11 : 10);
	vmeter_tell(
	    v, v->at_us, "tamper", "\"what\":\"%s opened\"", terminal ? "terminal cover" : "cover");
}
