#include "model/meter.h"

#include "base/err.h"

#include <string.h>

#define REFUSED_US INT64_C(86400000000)

const char *
reg_name(enum reg r)
{
	static const char *const names[REG_COUNT] = {
	    [REG_TOTAL_WH] = "total_wh",
	    [REG_T1_WH] = "t1_wh",
	    [REG_T2_WH] = "t2_wh",
	    [REG_T3_WH] = "t3_wh",
	    [REG_T4_WH] = "t4_wh",
	    [REG_CREDIT] = "credit",
	    [REG_PURCHASES] = "purchases",
	    [REG_BOUGHT] = "bought",
	    [REG_STATUS] = "status",
	    [REG_TRIPS] = "trips",
	    [REG_CLOSES] = "closes",
	    [REG_COVERS] = "covers",
	    [REG_TERMINALS] = "terminals",
	    [REG_POWER_DOWNS] = "power_downs",
	    [REG_PRICE] = "price",
	    [REG_OVERLOADS] = "overloads",
	    [REG_VOLTAGE_A] = "voltage_a_mv",
	    [REG_VOLTAGE_B] = "voltage_b_mv",
	    [REG_VOLTAGE_C] = "voltage_c_mv",
	    [REG_CURRENT_A] = "current_a_ma",
	    [REG_CURRENT_B] = "current_b_ma",
	    [REG_CURRENT_C] = "current_c_ma",
	    [REG_POWER] = "power_mw",
	    [REG_FACTOR] = "factor_milli",
	};

	return names[r];
}

bool
meter_refuses(const struct meter *m, enum reg r)
{
	return (m->refuses & UINT32_C(1) << r) != 0;
}

void
meter_refused(struct meter *m, enum reg r, int64_t mono_us)
{
	if (m->refuses == 0)
		m->refuses_until_us = mono_us + REFUSED_US;
	m->refuses |= UINT32_C(1) << r;
}

static const char *const relay_names[] = {
    [RELAY_UNKNOWN] = "unknown",
    [RELAY_OPEN] = "open",
    [RELAY_PERMITTED] = "permitted",
    [RELAY_CLOSED] = "closed",
};

const char *
relay_name(enum relay r)
{
	return relay_names[r];
}

enum relay
relay_parse(const char *name)
{
	for (int r = RELAY_OPEN; r <= RELAY_CLOSED; r++)
		if (strcmp(name, relay_names[r]) == 0)
			return (enum relay)r;
	return RELAY_UNKNOWN;
}

/* The truth table of dlt645.md 2.6. */
enum relay
meter_status_relay(uint32_t status)
{
	if ((status & STATUS_RELAY_OPEN) == 0)
		return RELAY_CLOSED; /* also while a trip is pending */
	return (status & STATUS_RELAY_TRIP) != 0 ? RELAY_OPEN : RELAY_PERMITTED;
}

bool
meter_status_trip_pending(uint32_t status)
{
	return (status & STATUS_RELAY_TRIP) != 0 && (status & STATUS_RELAY_OPEN) == 0;
}

int
meter_address_check(const char *text, struct err *e)
{
	if (strlen(text) != 12 || strspn(text, "0123456789") != 12)
		return err_set(e, ERR_INPUT, "\"%.20s\" is not a meter address of 12 digits", text);
	return 0;
}

int
register_delta(
    int64_t before, int64_t after, int64_t wraps_at, int64_t most, int64_t *delta, struct err *e)
{
	int64_t d = after - before;

	if (before < 0 || after < 0 || before >= wraps_at || after >= wraps_at)
		return err_set(e, ERR_INPUT, "register outside its range: %lld, %lld of %lld",
		    (long long)before, (long long)after, (long long)wraps_at);
	if (d < 0 && before > wraps_at / 10 * 9)
		d += wraps_at;
	if (d < 0)
		return err_set(e, ERR_INPUT, "register went back from %lld to %lld Wh",
		    (long long)before, (long long)after);
	if (d > most)
		return err_set(e, ERR_INPUT, "register jumped by %lld Wh, plausible are %lld",
		    (long long)d, (long long)most);
	*delta = d;
	return 0;
}
