/*
 * Price versions through the door: texts are parsed here, by the same code as in powergatectl,
 * before the database sees them.
 */
#include "service/api_call.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/price_yaml.h"
#include "model/price.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first version of a tariff from before there were meters: nothing is billed by it yet. */
#define LONG_AGO "2000-01-01"

static const struct db_stmt place = {"tariff_place", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT zone, currency, problem FROM door.tariff_place($1::jsonb)"};
static const struct db_stmt add = {"api_tariff_add", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_tariff_add($1::jsonb, $2, $3::bigint, $4::int, $5::bigint)" API_AUDITED};
static const struct db_stmt load = {"api_tariff_load", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_tariff_load($1::jsonb, $2, $3::bigint, $4::bigint)" API_AUDITED};

/* --- versions as arguments ----------------------------------------------------------------- */

/* What the database keeps of a version beside its text. */
static char *
version_args(const char *tariff, const char *source, const struct price_version *v)
{
	cJSON *p = cJSON_CreateObject();
	char from[24], *json;

	snprintf(from, sizeof from, "%" PRId64, v->effective_from_us);
	cJSON_AddStringToObject(p, "tariff", tariff);
	cJSON_AddStringToObject(p, "source", source);
	cJSON_AddStringToObject(p, "effective_from_us", from);
	cJSON_AddStringToObject(p, "currency", v->currency);
	cJSON_AddNumberToObject(p, "exponent", v->exponent);
	cJSON_AddStringToObject(p, "zone", v->zone);
	cJSON_AddStringToObject(p, "rounding", price_rounding_name(v->rounding));
	json = cJSON_PrintUnformatted(p);
	cJSON_Delete(p);
	return json;
}

/* --- loading ------------------------------------------------------------------------------- */

/* The file was checked where it lies; here nobody is believed. */
void
call_tariff_load(struct call *c)
{
	const char *tariff = call_text(c, "tariff"), *source = call_text(c, "source");
	struct price_version *v;
	char *args;
	struct err e;

	if (tariff == NULL || source == NULL) {
		call_error(c, 400, "tariff and source are needed");
		return;
	}
	v = mem_new(sizeof *v);
	if (price_yaml_parse(tariff, span_of(source, strlen(source)), v, &e) < 0) {
		call_error(c, 400, e.text);
	} else {
		args = version_args(tariff, source, v);
		db_ask(c->parts->db, &load, call_answered, c, db_text(args), db_text(c->who),
		    db_int(c->uid), db_int(call_now_us(c)));
		cJSON_free(args);
	}
	free(v);
}

/* --- bare steps ---------------------------------------------------------------------------- */

static void
put_step(struct buf *out, int64_t upto_wh, int64_t micro)
{
	buf_put_text(out, "  - ");
	if (upto_wh >= 0)
		buf_printf(out, "{upto: %" PRId64 " Wh, price: ", upto_wh);
	else
		buf_put_text(out, "{price: ");
	buf_printf(out, "%" PRId64 ".%06" PRId64 "}\n", micro / 1000000, micro % 1000000);
}

/* "0:500000 100000:750000", from Wh and micro major units per kWh, as a tariff file.  Whether the
 * steps rise is the reader's business. */
static int
steps_yaml(const char *steps, const char *zone, const char *currency, struct buf *out)
{
	int64_t from = -1, micro = 0, next, price;
	int used;

	buf_printf(out,
	    "currency: %s\nzone: %s\neffective_from: " LONG_AGO "\ntier_period: month\ntiers:\n",
	    currency, zone);
	while (*steps != '\0') {
		if (*steps < '0' || *steps > '9' ||
		    sscanf(steps, "%12" SCNd64 ":%12" SCNd64 "%n", &next, &price, &used) != 2 ||
		    (from < 0 && next != 0) || next < 0 || price < 0 ||
		    (steps[used] != '\0' && steps[used] != ' '))
			return -1;
		if (from >= 0)
			put_step(out, next, micro);
		from = next;
		micro = price;
		steps += used + (steps[used] == ' ');
	}
	if (from < 0)
		return -1;
	put_step(out, -1, micro);
	return 0;
}

static void
add_version(struct call *c, struct buf *source)
{
	const char *name = call_text(c, "name");
	struct price_version *v = mem_new(sizeof *v);
	char *args;
	struct err e;

	if (price_yaml_parse(name, buf_span(source), v, &e) < 0) {
		call_error(c, 400, e.text);
	} else {
		args = version_args(name, buf_text(source), v);
		db_ask(c->parts->db, &add, call_answered, c, db_text(args), db_text(c->who),
		    db_int(c->uid), db_int(*c->parts->tariff_voices), db_int(call_now_us(c)));
		cJSON_free(args);
	}
	free(v);
}

static void
on_place(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;
	struct buf source = {0};

	if (rows == NULL)
		call_failed(c, e);
	else if (!db_cell_null(rows, 0, 2))
		call_error(c, 400, db_cell_text(rows, 0, 2));
	else if (steps_yaml(call_text(c, "steps"), db_cell_text(rows, 0, 0),
		     db_cell_text(rows, 0, 1), &source) < 0)
		call_error(c, 400, "steps are \"from_wh:price_micro ...\" and begin at 0");
	else
		add_version(c, &source);
	buf_clear(&source);
}

void
call_tariff_add(struct call *c)
{
	char *args;

	if (call_text(c, "name") == NULL || call_text(c, "steps") == NULL) {
		call_error(c, 400, "name and steps are needed");
		return;
	}
	args = cJSON_PrintUnformatted(c->args);
	db_ask(c->parts->db, &place, on_place, c, db_text(args));
	cJSON_free(args);
}
