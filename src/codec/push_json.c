/* What is wanted of a meter, as the database keeps it: the numbers of model/meter_tariff.h. */
#include "codec/dlt645_parameters.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>

#define MOST INT64_C(999999999999)

/* --- out --------------------------------------------------------------------------------- */

static void
put_numbers(struct buf *json, const char *name, const int64_t *v, int n)
{
	buf_printf(json, ",\"%s\":[", name);
	for (int i = 0; i < n; i++)
		buf_printf(json, "%s%lld", i > 0 ? "," : "", (long long)v[i]);
	buf_put_text(json, "]");
}

static void
put_pair(struct buf *json, int i, int a, int b)
{
	buf_printf(json, "%s[%d,%d]", i > 0 ? "," : "", a, b);
}

static void
put_days(const struct meter_tariff *t, struct buf *json)
{
	buf_put_text(json, ",\"zones\":[");
	for (int i = 0; i < t->nzones; i++)
		put_pair(json, i, t->zone[i].from, t->zone[i].table);
	buf_put_text(json, "],\"tables\":[");
	for (int k = 0; k < t->ntables; k++) {
		buf_put_text(json, k > 0 ? ",[" : "[");
		for (int i = 0; i < t->table[k].n; i++)
			put_pair(json, i, t->table[k].slot[i].minute, t->table[k].slot[i].tariff);
		buf_put_text(json, "]");
	}
	buf_put_text(json, "],\"holidays\":[");
	for (int i = 0; i < t->nholidays; i++)
		put_pair(json, i, t->holiday[i].date, t->holiday[i].table);
	buf_printf(json, "],\"workdays\":%u,\"weekend_table\":%d", t->workdays, t->weekend_table);
}

void
meter_tariff_json(const struct meter_tariff *t, const char *zone, struct buf *json)
{
	buf_put_text(json, "{\"zone\":");
	json_quote(json, zone);
	buf_printf(
	    json, ",\"switch_us\":%lld,\"tariffs\":%d", (long long)t->switch_us, t->ntariffs);
	if (t->priced) {
		put_numbers(json, "price_micro", t->price_micro, t->ntariffs);
		put_numbers(json, "step_wh", t->step_wh, t->nsteps);
		put_numbers(json, "step_micro", t->step_micro, t->nsteps + 1);
		buf_printf(json, ",\"settle\":[%d,%d]", t->settle_day, t->settle_hour);
	}
	put_days(t, json);
	buf_put_text(json, "}");
}

void
meter_alarm_json(const struct meter_alarm *a, struct buf *json)
{
	buf_printf(json, "{\"warn_minor\":[%lld,%lld],\"overdraft_minor\":%lld}",
	    (long long)a->warn_minor[0], (long long)a->warn_minor[1],
	    (long long)a->overdraft_minor);
}

/* --- in ---------------------------------------------------------------------------------- */

/* A list of at most `most` whole numbers. */
static int
numbers(const cJSON *list, const char *name, int64_t *out, int most, int *n, struct err *e)
{
	*n = 0;
	if (!cJSON_IsArray(list))
		return err_set(e, ERR_INPUT, "%s is no list", name);
	for (const cJSON *v = list->child; v != NULL; v = v->next) {
		if (*n == most || !cJSON_IsNumber(v) || v->valuedouble < 0 ||
		    v->valuedouble > (double)MOST ||
		    v->valuedouble != (double)(int64_t)v->valuedouble)
			return err_set(e, ERR_INPUT, "%s: no such number, or too many", name);
		out[(*n)++] = (int64_t)v->valuedouble;
	}
	return 0;
}

static int
named_numbers(const cJSON *o, const char *name, int64_t *out, int most, int *n, struct err *e)
{
	return numbers(cJSON_GetObjectItemCaseSensitive(o, name), name, out, most, n, e);
}

/* The k-th of a list of pairs; 1 behind the last. */
static int
pair(const cJSON *list, int k, const char *name, int out[2], struct err *e)
{
	const cJSON *one = cJSON_GetArrayItem(list, k);
	int64_t v[2];
	int n;

	if (!cJSON_IsArray(list))
		return err_set(e, ERR_INPUT, "%s is no list", name);
	if (one == NULL)
		return 1;
	if (numbers(one, name, v, 2, &n, e) < 0)
		return -1;
	if (n != 2 || v[0] > INT32_MAX || v[1] > INT32_MAX)
		return err_set(e, ERR_INPUT, "%s: not two numbers", name);
	out[0] = (int)v[0];
	out[1] = (int)v[1];
	return 0;
}

static int
too_many(const char *name, struct err *e)
{
	return err_set(e, ERR_INPUT, "more %s than any meter has", name);
}

static int
zones_from(struct meter_tariff *t, const cJSON *list, struct err *e)
{
	int p[2], rc;

	while ((rc = pair(list, t->nzones, "zones", p, e)) == 0) {
		if (t->nzones == METER_ZONES)
			return too_many("zones", e);
		t->zone[t->nzones++] = (struct meter_zone){p[0], p[1]};
	}
	return rc < 0 ? -1 : 0;
}

static int
tables_from(struct meter_tariff *t, const cJSON *list, struct err *e)
{
	if (!cJSON_IsArray(list))
		return err_set(e, ERR_INPUT, "tables is no list");
	for (const cJSON *one = list->child; one != NULL; one = one->next) {
		struct meter_table *d = &t->table[t->ntables];
		int p[2], rc;

		if (t->ntables++ == METER_TABLES)
			return too_many("tables", e);
		while ((rc = pair(one, d->n, "tables", p, e)) == 0) {
			if (d->n == METER_SLOTS)
				return too_many("slots", e);
			d->slot[d->n++] = (struct meter_slot){p[0], p[1]};
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
holidays_from(struct meter_tariff *t, const cJSON *list, struct err *e)
{
	int p[2], rc;

	while ((rc = pair(list, t->nholidays, "holidays", p, e)) == 0) {
		if (t->nholidays == METER_HOLIDAYS)
			return too_many("holidays", e);
		t->holiday[t->nholidays++] = (struct meter_holiday){p[0], p[1]};
	}
	return rc < 0 ? -1 : 0;
}

static int
prices_from(struct meter_tariff *t, const cJSON *o, struct err *e)
{
	int64_t settle[2];
	int prices, steps, two;

	t->priced = cJSON_GetObjectItemCaseSensitive(o, "price_micro") != NULL;
	if (!t->priced)
		return 0;
	if (named_numbers(o, "price_micro", t->price_micro, METER_TARIFFS, &prices, e) < 0 ||
	    named_numbers(o, "step_wh", t->step_wh, METER_STEPS, &t->nsteps, e) < 0 ||
	    named_numbers(o, "step_micro", t->step_micro, METER_STEPS + 1, &steps, e) < 0 ||
	    named_numbers(o, "settle", settle, 2, &two, e) < 0)
		return -1;
	if (prices != t->ntariffs || steps != t->nsteps + 1 || two != 2 || settle[0] > 28 ||
	    settle[1] > 23)
		return err_set(e, ERR_INPUT, "prices and steps do not go together");
	t->settle_day = (int)settle[0];
	t->settle_hour = (int)settle[1];
	return 0;
}

int
meter_tariff_from_json(struct meter_tariff *t, const struct cJSON *o, struct err *e)
{
	int64_t tariffs, workdays, weekend;

	*t = (struct meter_tariff){0};
	if (json_integer(o, "tariffs", 1, METER_TARIFFS, &tariffs, e) < 0 ||
	    json_integer(o, "workdays", 0, 0x7f, &workdays, e) < 0 ||
	    json_integer(o, "weekend_table", 1, METER_TABLES, &weekend, e) < 0 ||
	    json_integer(o, "switch_us", 0, DLT645_NEVER_US, &t->switch_us, e) < 0)
		return -1;
	t->ntariffs = (int)tariffs;
	t->workdays = (unsigned)workdays;
	t->weekend_table = (int)weekend;
	if (prices_from(t, o, e) < 0 ||
	    zones_from(t, cJSON_GetObjectItemCaseSensitive(o, "zones"), e) < 0 ||
	    tables_from(t, cJSON_GetObjectItemCaseSensitive(o, "tables"), e) < 0 ||
	    holidays_from(t, cJSON_GetObjectItemCaseSensitive(o, "holidays"), e) < 0)
		return -1;
	return meter_tariff_check(t, e);
}

int
meter_alarm_from_json(struct meter_alarm *a, const struct cJSON *o, struct err *e)
{
	int n;

	*a = (struct meter_alarm){0};
	if (named_numbers(o, "warn_minor", a->warn_minor, 2, &n, e) < 0 ||
	    json_integer(o, "overdraft_minor", 0, 99999999, &a->overdraft_minor, e) < 0)
		return -1;
	if (a->warn_minor[0] > 99999999 || a->warn_minor[1] > 99999999)
		return err_set(e, ERR_INPUT, "no meter has a level that high");
	return 0;
}

int
meter_limit_from_json(struct meter_limit *l, const struct cJSON *o, struct err *e)
{
	*l = (struct meter_limit){METER_NO_LIMIT};
	if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(o, "watts")))
		return 0;
	return json_integer(o, "watts", 1, METER_MOST_WATTS, &l->watts, e);
}
