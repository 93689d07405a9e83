/* Settings into items, and what a meter says of itself out of them. */
#include "codec/dlt645_parameters.h"

#include "base/err.h"
#include "codec/dlt645_items.h"
#include "model/calendar.h"

#include <stdio.h>
#include <string.h>

#define DI_STATUS   0x04000503u
#define DI_ZONES    0x04000201u /* how many: and so on up to 0204 */
#define DI_HOLIDAYS 0x04000205u
#define DI_STEPS    0x04000207u
#define DI_WORKDAYS 0x04000801u
#define DI_WEEKEND  0x04000802u
#define DI_SETTLE   0x04000b01u
#define DI_ALARM    0x04001001u
#define DI_HOLIDAY  0x04030000u

#define STEP_NEVER INT64_C(99999999) /* 999999.99 kWh */

/* In the order of the sheet, 4.3; the first that fits counts. */
static const struct {
	uint32_t di, mask;
	uint8_t level;
} levels[] = {
    {0x04000106, 0xffffffff, 0x98},
    {0x04000107, 0xffffffff, 0x98},
    {0x04000108, 0xffffffff, 0x99},
    {0x04000109, 0xffffffff, 0x98},
    {0x04000200, 0xffffff00, 0x98},
    {0x04000306, 0xfffffffe, 0x99},
    {0x0400040e, 0xffffffff, 0x99},
    {0x04000800, 0xffffff00, 0x98},
    {0x04000b00, 0xffffff00, 0x98},
    {0x04000f01, 0xffffffff, 0x99},
    {0x04000f02, 0xffffffff, 0x99},
    {0x04000f00, 0xffffff00, 0x98},
    {0x04001001, 0xffffffff, 0x99},
    {0x04001002, 0xffffffff, 0x99},
    {0x04001000, 0xffffff00, 0x98},
    {0x04001400, 0xffffff00, 0x98},
    {0x04010000, 0xffff0000, 0x98},
    {0x04020000, 0xffff0000, 0x98},
    {0x04030000, 0xffff0000, 0x98},
    {0x04050000, 0xffff0000, 0x99},
    {0x04060000, 0xffff0000, 0x98},
};

uint8_t
dlt645_write_level(uint32_t di)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if ((di & levels[i].mask) == levels[i].di)
			return levels[i].level;
	return 0;
}

static const struct {
	const char *name;
	uint32_t switch_di, second; /* bit of status word 3 */
} groups[GROUPS] = {
    [GROUP_ZONES] = {"year zones", 0x04000106, STATUS_SECOND_ZONES },
    [GROUP_TABLES] = {"day tables", 0x04000107, STATUS_SECOND_TABLES},
    [GROUP_STEPS] = {"steps",      0x04000109, STATUS_SECOND_STEPS },
    [GROUP_PRICES] = {"prices",     0x04000108, STATUS_SECOND_PRICES},
};

const char *
parameter_group_name(enum parameter_group g)
{
	return groups[g].name;
}

bool
dlt645_second_in_force(uint32_t status, enum parameter_group g)
{
	return (status & groups[g].second) != 0;
}

/* --- one item ---------------------------------------------------------------------------- */

static struct parameter
number(uint32_t di, uint8_t len, int64_t value)
{
	struct parameter p = {.id = di, .len = len};

	bcd_put(p.data, len, value);
	return p;
}

/* A number of a table behind two more: NN DD MM, NN mm hh. */
static void
entry(struct parameter *p, int n, int low, int high)
{
	bcd_put(p->data + p->len, 1, n);
	bcd_put(p->data + p->len + 1, 1, low);
	bcd_put(p->data + p->len + 2, 1, high);
	p->len = (uint8_t)(p->len + 3);
}

struct parameter
dlt645_switch_item(enum parameter_group g, const struct calendar *zone, int64_t at_us)
{
	struct civil c = calendar_civil(zone, at_us);
	const int parts[5] = {c.minute, c.hour, c.day, c.month, c.year % 100};
	struct parameter p = {.id = groups[g].switch_di, .len = 5};

	for (int i = 0; i < 5; i++)
		bcd_put(p.data + i, 1, parts[i]);
	return p;
}

/* --- groups ------------------------------------------------------------------------------ */

static int
zone_items(const struct meter_tariff *t, int count, bool second, struct parameter *out)
{
	struct parameter p = {.id = second ? 0x04020000 : 0x04010000};

	for (int i = 0; i < count; i++) {
		const struct meter_zone *z = &t->zone[i < t->nzones ? i : t->nzones - 1];

		entry(&p, z->table, z->from % 100, z->from / 100);
	}
	*out = p;
	return 1;
}

static int
table_items(const struct meter_tariff *t, int count, bool second, struct parameter *out)
{
	for (int k = 0; k < t->ntables; k++) {
		const struct meter_table *d = &t->table[k];
		struct parameter p = {.id = (second ? 0x04020001u : 0x04010001u) + (uint32_t)k};

		for (int i = 0; i < count; i++) {
			const struct meter_slot *s = &d->slot[i < d->n ? i : d->n - 1];

			entry(&p, s->tariff, s->minute % 60, s->minute / 60);
		}
		out[k] = p;
	}
	return t->ntables;
}

static int
step_items(const struct meter_tariff *t, int count, bool second, struct parameter *out)
{
	uint32_t limit = second ? 0x04060201 : 0x04060001, price = limit + 0x100;
	int n = 0;

	for (int i = 0; i < count; i++)
		out[n++] =
		    number(limit + (uint32_t)i, 4, i < t->nsteps ? t->step_wh[i] / 10 : STEP_NEVER);
	for (int i = 0; i <= count && count > 0; i++)
		out[n++] = number(
		    price + (uint32_t)i, 4, t->step_micro[i < t->nsteps ? i : t->nsteps] / 100);
	return n;
}

static int
price_items(const struct meter_tariff *t, bool second, struct parameter *out)
{
	uint32_t di = second ? 0x04050201 : 0x04050101;

	for (int i = 0; i < t->ntariffs; i++)
		out[i] = number(di + (uint32_t)i, 4, t->price_micro[i] / 100);
	return t->ntariffs;
}

int
dlt645_group_items(const struct meter_tariff *t, const struct meter_room *room,
    enum parameter_group g, bool second, struct parameter *out)
{
	switch (g) {
	case GROUP_ZONES:
		return zone_items(t, room->zones, second, out);
	case GROUP_TABLES:
		return table_items(t, room->slots, second, out);
	case GROUP_STEPS:
		return t->priced ? step_items(t, room->steps, second, out) : 0;
	case GROUP_PRICES:
		return t->priced ? price_items(t, second, out) : 0;
	case GROUPS:
		break;
	}
	return 0;
}

int
dlt645_single_items(const struct meter_tariff *t, struct parameter *out)
{
	int n = 0;

	for (int i = 0; i < t->nholidays; i++) {
		const struct meter_holiday *h = &t->holiday[i];
		struct parameter p = {.id = DI_HOLIDAY + (uint32_t)i + 1};

		entry(&p, h->table, h->date % 100, h->date / 100 % 100);
		bcd_put(p.data + p.len++, 1, h->date / 10000 % 100);
		out[n++] = p;
	}
	out[n++] = number(DI_HOLIDAYS, 2, t->nholidays);
	if (t->workdays != 0x7f)
		out[n++] = number(DI_WEEKEND, 1, t->weekend_table);
	out[n++] = (struct parameter){.id = DI_WORKDAYS, .len = 1, .data = {(uint8_t)t->workdays}};
	if (t->priced && t->settle_day > 0) /* hh DD */
		out[n++] = number(DI_SETTLE, 2, t->settle_day * 100 + t->settle_hour);
	return n;
}

int
dlt645_alarm_items(const struct meter_alarm *a, struct parameter out[DLT645_ALARMS])
{
	out[0] = number(DI_ALARM, 4, a->warn_minor[0]);
	out[1] = number(DI_ALARM + 1, 4, a->warn_minor[1]);
	out[2] = number(DI_ALARM + 2, 4, a->overdraft_minor);
	return DLT645_ALARMS;
}

int
dlt645_limit_items(const struct meter_limit *l, struct parameter out[1])
{
	out[0] = number(DLT645_LOAD_LIMIT, 3, l->watts == METER_NO_LIMIT ? 999999 : l->watts * 10);
	return 1;
}

/* --- what a meter says of itself ----------------------------------------------------------- */

int
dlt645_facts_items(bool priced, struct parameter out[DLT645_FACTS])
{
	int n = 0;

	out[n++] = (struct parameter){.id = DI_STATUS};
	for (uint32_t i = 0; i < 4; i++)
		out[n++] = (struct parameter){.id = DI_ZONES + i};
	out[n++] = (struct parameter){.id = groups[GROUP_ZONES].switch_di};
	out[n++] = (struct parameter){.id = groups[GROUP_TABLES].switch_di};
	if (!priced)
		return n;
	out[n++] = (struct parameter){.id = DI_STEPS};
	out[n++] = (struct parameter){.id = groups[GROUP_STEPS].switch_di};
	out[n++] = (struct parameter){.id = groups[GROUP_PRICES].switch_di};
	return n;
}

static int
count_of(const struct parameter *p, int most, int *out, struct err *e)
{
	int64_t n;

	if (p->seen_len != 1 || bcd_get(span_of(p->seen, 1), &n) < 0)
		return err_set(e, ERR_REFUSED, "%08x cannot be read", (unsigned)p->id);
	*out = n < most ? (int)n : most;
	return 0;
}

/* A switch time that is no time switches nothing. */
static int64_t
moment_of(const struct parameter *p, const struct calendar *zone)
{
	struct civil c = {0};
	int64_t v[5];

	if (p->seen_len != 5)
		return 0;
	for (size_t i = 0; i < 5; i++)
		if (bcd_get(span_of(p->seen + i, 1), &v[i]) < 0)
			return 0;
	c = (struct civil){2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
	return calendar_valid(&c) ? calendar_instant(zone, &c) : 0;
}

int
dlt645_facts_get(struct dlt645_facts *f, bool priced, const struct parameter *seen,
    const struct calendar *zone, struct err *e)
{
	*f = (struct dlt645_facts){.room = meter_room_most(priced)};
	if (seen[0].seen_len != 2)
		return err_set(e, ERR_REFUSED, "status word of a strange length");
	f->status = (uint32_t)seen[0].seen[0] | (uint32_t)seen[0].seen[1] << 8;
	f->room.steps = 0;
	if (count_of(&seen[1], METER_ZONES, &f->room.zones, e) < 0 ||
	    count_of(&seen[2], METER_TABLES, &f->room.tables, e) < 0 ||
	    count_of(&seen[3], METER_SLOTS, &f->room.slots, e) < 0 ||
	    count_of(&seen[4], METER_TARIFFS, &f->room.tariffs, e) < 0 ||
	    (priced && count_of(&seen[7], METER_STEPS, &f->room.steps, e) < 0))
		return -1;
	f->switch_us[GROUP_ZONES] = moment_of(&seen[5], zone);
	f->switch_us[GROUP_TABLES] = moment_of(&seen[6], zone);
	if (priced) {
		f->switch_us[GROUP_STEPS] = moment_of(&seen[8], zone);
		f->switch_us[GROUP_PRICES] = moment_of(&seen[9], zone);
	}
	return 0;
}

bool
dlt645_trip_get(struct dlt645_trip *t, const struct parameter *seen, const struct calendar *zone)
{
	const uint8_t *p = seen->seen;
	struct civil c;
	int64_t v[6];

	if (seen->seen_len < 10) /* time 6, operator 4 */
		return false;
	for (size_t i = 0; i < 6; i++)
		if (bcd_get(span_of(p + i, 1), &v[i]) < 0)
			return false;
	c = (struct civil){
	    2000 + (int)v[5], (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0};
	if (!calendar_valid(&c))
		return false;
	t->at_us = calendar_instant(zone, &c);
	t->operator_code =
	    (uint32_t)p[6] | (uint32_t)p[7] << 8 | (uint32_t)p[8] << 16 | (uint32_t)p[9] << 24;
	return true;
}

/* --- for people -------------------------------------------------------------------------- */

static void
value_text(const struct dlt645_item *i, const uint8_t *data, size_t len, char *out, size_t room)
{
	struct dlt645_value v[DLT645_VALUES];
	size_t at = 0;
	struct err e;
	int n = dlt645_values(i, span_of(data, len), v, DLT645_VALUES, &e);

	*out = '\0';
	if (n < 0)
		snprintf(out, room, "%zu bytes", len);
	for (int k = 0; k < n && at < room; k++)
		at += (size_t)snprintf(out + at, room - at, "%s%s%s%s", k > 0 ? ", " : "",
		    v[k].absent ? v[k].why : v[k].text, *v[k].field->unit != '\0' ? " " : "",
		    v[k].field->unit);
}

void
dlt645_parameter_text(const struct parameter *p, char *out, size_t room)
{
	const struct dlt645_item *i = dlt645_item(p->id);
	char name[80], is[100], wanted[100];

	if (i == NULL) {
		snprintf(out, room, "%08x", (unsigned)p->id);
		return;
	}
	dlt645_item_name(i, p->id, name, sizeof name);
	value_text(i, p->seen, p->seen_len, is, sizeof is);
	value_text(i, p->data, p->len, wanted, sizeof wanted);
	snprintf(out, room, "%s is %s and should be %s", name, is, wanted);
}
