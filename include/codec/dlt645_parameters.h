/*
 * dlt645_parameters -- a meter's own settings as items to read and write.
 *
 * Zones, day tables, steps and prices are there twice; status word 3 says which set of each is in
 * force, and each has its own switch time (dlt645.md 2.4 to 2.6).  What the counts of the meter
 * make room for is written whole: behind the last entry it is repeated, and steps that nobody
 * wants begin where no register gets.
 */
#ifndef CODEC_DLT645_PARAMETERS_H
#define CODEC_DLT645_PARAMETERS_H

#include "model/meter_tariff.h"
#include "model/task.h"

#include <stddef.h>

struct buf;
struct cJSON;

/* The level that a meter with a security chip wants: 98 sealed, 99 signed, 0 password (4.3). */
uint8_t dlt645_write_level(uint32_t di);

enum parameter_group { GROUP_ZONES, GROUP_TABLES, GROUP_STEPS, GROUP_PRICES, GROUPS };
const char *parameter_group_name(enum parameter_group g);

#define DLT645_NEVER_US INT64_C(4102329600000000) /* 2099-12-31; no set is switched before */

/* What must be known of a meter before a tariff is written into it. */
struct dlt645_facts {
	uint32_t status;
	struct meter_room room;
	int64_t switch_us[GROUPS]; /* as they stand, on the meter's own clock; 0: none */
};
#define DLT645_FACTS 10
int dlt645_facts_items(bool priced, struct parameter out[DLT645_FACTS]);
int dlt645_facts_get(struct dlt645_facts *f, bool priced, const struct parameter *seen,
    const struct calendar *zone, struct err *e);
bool dlt645_second_in_force(uint32_t status, enum parameter_group g);

#define DLT645_PARAMETERS (METER_HOLIDAYS + 8) /* most in one list */

/* One group in one set.  Returns how many items. */
int dlt645_group_items(const struct meter_tariff *t, const struct meter_room *room,
    enum parameter_group g, bool second, struct parameter *out);
/* Holidays, weekend, settlement day: what is there once. */
int dlt645_single_items(const struct meter_tariff *t, struct parameter *out);
struct parameter dlt645_switch_item(
    enum parameter_group g, const struct calendar *zone, int64_t at_us);

/* The levels at which a meter with money warns, and how far below zero it lets one go. */
struct meter_alarm {
	int64_t
	    warn_minor[2]; /* the second one cuts off once, until the customer's button; 0: none */
	int64_t overdraft_minor;
};
#define DLT645_ALARMS 3
int dlt645_alarm_items(const struct meter_alarm *a, struct parameter out[DLT645_ALARMS]);

/* The most that a meter lets be drawn at once, as it measures it itself: without the transformers
 * in front of it.  Only 04000E01 is a limit that more than one source has; how long a meter bears
 * with more is its maker's (2.4). */
struct meter_limit {
	int64_t watts; /* METER_NO_LIMIT: none, which is the most that the item can say */
};
#define METER_NO_LIMIT    INT64_C(-1)
#define METER_MOST_WATTS  INT64_C(99999)
#define DLT645_LOAD_LIMIT 0x04000e01u
int dlt645_limit_items(const struct meter_limit *l, struct parameter out[1]);

/* The newest trip, by the meter's own record (2.9).  By one source the operator is that of the
 * order, so that ours can be known; another when the meter acted by itself. */
#define DLT645_LAST_TRIP 0x1d00ff01u
struct dlt645_trip {
	int64_t at_us; /* on the meter's clock */
	uint32_t operator_code;
};
/* From what was seen of it; false when that is none. */
bool dlt645_trip_get(
    struct dlt645_trip *t, const struct parameter *seen, const struct calendar *zone);

/* "price of tariff 2, set 2: 0.8000 money/kWh, and should be 1.2000 money/kWh". */
void dlt645_parameter_text(const struct parameter *p, char *out, size_t room);

/* --- push_json.c: as they are kept ----------------------------------------------------------- */

void meter_tariff_json(const struct meter_tariff *t, const char *zone, struct buf *json);
int meter_tariff_from_json(struct meter_tariff *t, const struct cJSON *o, struct err *e);
void meter_alarm_json(const struct meter_alarm *a, struct buf *json);
int meter_alarm_from_json(struct meter_alarm *a, const struct cJSON *o, struct err *e);
/* {"watts":5000}, or {"watts":null} for none. */
int meter_limit_from_json(struct meter_limit *l, const struct cJSON *o, struct err *e);

#endif
