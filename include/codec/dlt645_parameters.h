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

/* "price of tariff 2, set 2: 0.8000 money/kWh, and should be 1.2000 money/kWh". */
void dlt645_parameter_text(const struct parameter *p, char *out, size_t room);

/* --- push_json.c: as they are kept ----------------------------------------------------------- */

void meter_tariff_json(const struct meter_tariff *t, const char *zone, struct buf *json);
int meter_tariff_from_json(struct meter_tariff *t, const struct cJSON *o, struct err *e);
void meter_alarm_json(const struct meter_alarm *a, struct buf *json);
int meter_alarm_from_json(struct meter_alarm *a, const struct cJSON *o, struct err *e);

#endif
