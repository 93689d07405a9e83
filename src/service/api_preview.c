/*
 * What a new price would have cost: by itself (simulate), and before a version may be submitted
 * or approved.
 *
 * A step is: the database gives the version, or says why not; it is tried on past use; the
 * database takes the step, with what came out.  It looks again whether the step may be taken, so
 * nothing need stand still in between.
 */
#include "service/api_call.h"

#include "base/loop.h"
#include "codec/price_yaml.h"
#include "codec/webhook.h"
#include "model/calendar.h"
#include "service/simulate.h"
#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt step = {"price_step", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT id, tariff_id, name, source, problem FROM door.price_step($1::jsonb, $2, $3::bigint,"
    " $4::int, $5::bigint)"};
static const struct db_stmt submit = {"api_tariff_submit", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_tariff_submit($1::bigint, $2, $3::bigint, $4::jsonb, $5, "
    "$6::bigint)" API_AUDITED};
static const struct db_stmt approve = {"api_tariff_approve", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_tariff_approve($1::bigint, $2::jsonb, $3, $4::bigint, $5::int, $6::jsonb, $7,"
    " $8::bigint)" API_AUDITED};
static const struct db_stmt tariff_id = {"tariff_id", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT id, problem FROM door.tariff_id($1::jsonb)"};

struct preview {
	struct call *c;
	bool approving;
	int64_t id; /* of the version */
	struct price_version *version;
};

static struct preview *
preview_new(struct call *c)
{
	struct preview *p = mem_new(sizeof *p);

	p->c = c;
	p->version = mem_new(sizeof *p->version);
	return p;
}

static void
preview_free(struct preview *p)
{
	free(p->version);
	free(p);
}

static void
preview_refused(struct preview *p, int status, const char *why)
{
	call_error(p->c, status, why);
	preview_free(p);
}

static char *
args_text(const struct call *c)
{
	return cJSON_PrintUnformatted(c->args);
}

/* --- submit, approve ----------------------------------------------------------------------- */

static void
take_step(struct preview *p, const char *json, const char *over)
{
	struct call *c = p->c;
	char *args;

	if (!p->approving) {
		db_ask(c->parts->db, &submit, call_answered, c, db_int(p->id), db_text(c->who),
		    db_int(c->uid), db_text(json), db_text(over), db_int(call_now_us(c)));
		return;
	}
	args = args_text(c);
	db_ask(c->parts->db, &approve, call_answered, c, db_int(p->id), db_text(args),
	    db_text(c->who), db_int(c->uid), db_int(*c->parts->tariff_voices), db_text(json),
	    db_text(over), db_int(call_now_us(c)));
	cJSON_free(args);
}

static void
on_tried(const struct simulated *s, const struct err *e, void *arg)
{
	struct preview *p = arg;
	struct buf json = {0}, over = {0};

	if (s == NULL) {
		preview_refused(p, 503, e->text);
		return;
	}
	simulate_json(s, &json);
	simulate_over(s, p->c->parts->tariff_limits, &over);
	take_step(p, buf_text(&json), over.len > 0 ? buf_text(&over) : NULL);
	buf_clear(&json);
	buf_clear(&over);
	preview_free(p);
}

/* Whole days, up to the last midnight and what has been used since. */
static void
try_version(struct preview *p, int64_t tariff)
{
	const struct calendar *zone = store_zone(p->version->zone);
	int64_t now = call_now_us(p->c);
	struct simulate_order o = {
	    .tariff_id = tariff,
	    .from_us = calendar_midnight_before(zone, now - p->c->parts->tariff_limits->preview),
	    .to_us = now,
	    .version = p->version,
	};
	struct err e;

	if (simulate(p->c->parts->simulator, &o, on_tried, p, &e) < 0)
		preview_refused(p, 503, e.text);
}

static int
problem_status(const char *problem, char *why, size_t room)
{
	cJSON *json = cJSON_Parse(problem);
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
	int n = cJSON_IsNumber(status) ? status->valueint : 409;

	snprintf(
	    why, room, "%s", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "error")));
	cJSON_Delete(json);
	return n;
}

static void
on_step(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct preview *p = arg;
	const char *source;
	char why[400];
	struct err wrong;

	if (rows == NULL) {
		preview_refused(p, 503, e->text);
		return;
	}
	if (!db_cell_null(rows, 0, 4)) {
		int status = problem_status(db_cell_text(rows, 0, 4), why, sizeof why);

		preview_refused(p, status, why);
		return;
	}
	p->id = db_cell_int(rows, 0, 0);
	source = db_cell_text(rows, 0, 3);
	if (price_yaml_parse(
		db_cell_text(rows, 0, 2), span_of(source, strlen(source)), p->version, &wrong) < 0)
		preview_refused(p, 409, wrong.text);
	else
		try_version(p, db_cell_int(rows, 0, 1));
}

static void
begin_step(struct call *c, bool approving)
{
	struct preview *p;
	char *args;

	if (call_text(c, "version") == NULL) {
		call_error(c, 400, "which version?");
		return;
	}
	p = preview_new(c);
	p->approving = approving;
	args = args_text(c);
	db_ask(c->parts->db, &step, on_step, p, db_text(args),
	    db_text(approving ? "approve" : "submit"), db_int(c->uid),
	    db_int(*c->parts->tariff_voices), db_int(call_now_us(c)));
	cJSON_free(args);
}

void
call_tariff_submit(struct call *c)
{
	begin_step(c, false);
}

void
call_tariff_approve(struct call *c)
{
	begin_step(c, true);
}

/* --- simulate ------------------------------------------------------------------------------ */

static void
on_simulated(const struct simulated *s, const struct err *e, void *arg)
{
	struct preview *p = arg;
	struct buf json = {0}, over = {0};

	if (s == NULL) {
		preview_refused(p, 503, e->text);
		return;
	}
	simulate_json(s, &json);
	if (simulate_over(s, p->c->parts->tariff_limits, &over)) {
		json.len--; /* goes on */
		buf_put_text(&json, ",\"over\":");
		json_quote(&json, buf_text(&over));
		buf_put_u8(&json, '}');
	}
	call_answer(p->c, buf_text(&json));
	buf_clear(&json);
	buf_clear(&over);
	preview_free(p);
}

/* 20260701, a day of the version's zone. */
static bool
day_of(const struct call *c, const char *name, const struct calendar *zone, int64_t *at_us)
{
	const char *text = call_text(c, name);
	struct civil t = {0};
	char *end;
	long day;

	if (text == NULL)
		return false;
	day = strtol(text, &end, 10);
	if (*end != '\0' || strlen(text) != 8)
		return false;
	t.year = (int)(day / 10000);
	t.month = (int)(day / 100 % 100);
	t.day = (int)(day % 100);
	if (!calendar_valid(&t))
		return false;
	*at_us = calendar_day_start(zone, (int)day);
	return true;
}

static void
on_tariff(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct preview *p = arg;
	const struct calendar *zone = store_zone(p->version->zone);
	struct simulate_order o = {.version = p->version};
	struct err later;

	if (rows == NULL || !db_cell_null(rows, 0, 1)) {
		preview_refused(
		    p, rows == NULL ? 503 : 404, rows == NULL ? e->text : db_cell_text(rows, 0, 1));
		return;
	}
	o.tariff_id = db_cell_int(rows, 0, 0);
	if (!day_of(p->c, "from", zone, &o.from_us) || !day_of(p->c, "to", zone, &o.to_us) ||
	    o.to_us <= o.from_us || o.to_us - o.from_us > 400 * DAY_US) {
		preview_refused(
		    p, 400, "from and to are days, 20260701, and at most 400 days apart");
		return;
	}
	if (!call_copy(p->c, "site", o.site, sizeof o.site))
		preview_refused(p, 400, "site: no text, or too long");
	else if (simulate(p->c->parts->simulator, &o, on_simulated, p, &later) < 0)
		preview_refused(p, 503, later.text);
}

void
call_tariff_simulate(struct call *c)
{
	const char *tariff = call_text(c, "tariff"), *source = call_text(c, "source");
	struct preview *p;
	char *args;
	struct err e;

	if (tariff == NULL || source == NULL) {
		call_error(c, 400, "tariff, source, from and to are needed");
		return;
	}
	p = preview_new(c);
	if (price_yaml_parse(tariff, span_of(source, strlen(source)), p->version, &e) < 0) {
		preview_refused(p, 400, e.text);
		return;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(c->args, "source");
	args = cJSON_PrintUnformatted(c->args);
	db_ask(c->parts->db, &tariff_id, on_tariff, p, db_text(args));
	cJSON_free(args);
}
