/*
 * Fleets through the door: rows in portions, then all of them at once; and out again.
 *
 * Passwords are sealed here, before the database sees them, so the rows that wait there hold none.
 * Where in the tiers an account is means nothing without the period, and that is what the price
 * books say: they are asked here and handed along.
 */
#include "service/api_call.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645_profile.h"
#include "model/price.h"
#include "service/prices.h"
#include "service/seal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt rows_in = {"api_import_rows", DB_RECON, true, 60 * SECOND_US,
    "SELECT door.api_import_rows($1::jsonb, $2::jsonb, $3, $4::bigint)"};
static const struct db_stmt tariffs = {"fleet_tariffs", DB_RECON, true, 60 * SECOND_US,
    "SELECT tariff_id FROM door.fleet_tariffs($1::jsonb)"};
static const struct db_stmt run = {"api_import_run", DB_RECON, false, 120 * SECOND_US,
    "SELECT door.api_import_run($1::jsonb, $2, $3::bigint[], $4::bigint[], $5::int[], "
    "$6::bigint)"};
static const struct db_stmt export = {"api_fleet_export", DB_RECON, true, 120 * SECOND_US,
    "SELECT CASE WHEN g.problem IS NULL THEN door.api_fleet_export(g.args, $8::bigint[], "
    "$9::bigint[]) ELSE g.problem END FROM " API_ENTER " g"};

/* --- rows ------------------------------------------------------------------------------------ */

static void
fault(cJSON *row, const char *field, const char *text)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(row, "faults"), *one = cJSON_CreateObject();

	if (list == NULL)
		list = cJSON_AddArrayToObject(row, "faults");
	cJSON_AddStringToObject(one, "field", field);
	cJSON_AddStringToObject(one, "text", text);
	cJSON_AddItemToArray(list, one);
}

static const char *
cell(const cJSON *row, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, name));
}

/* "123456" of level 2, or "4:123456"; it is not in the row afterwards. */
static void
seal_row(struct seal *seal, cJSON *row)
{
	cJSON *password = cJSON_DetachItemFromObjectCaseSensitive(row, "password");
	const char *meter = cell(row, "meter");
	struct buf sealed = {0};
	char hex[2 * 64 + 1];
	struct err e;
	char *text;
	int level = 2;

	if (password == NULL)
		return;
	text = cJSON_IsString(password) ? password->valuestring : NULL;
	if (text != NULL && text[0] >= '0' && text[0] <= '9' && text[1] == ':')
		level = text[0] - '0';
	if (meter == NULL || text == NULL) {
		fault(row, "password", "a password belongs to a meter");
	} else if (cell(row, "sealed") != NULL) {
		fault(row, "password", "either a password or a sealed one");
	} else if (seal_password(seal, meter, level,
		       text[0] != '\0' && text[1] == ':' ? text + 2 : text, &sealed, &e) < 0) {
		fault(row, "password", e.text);
	} else {
		hex_out(hex, buf_span(&sealed));
		for (char *p = hex; *p != '\0'; p++)
			*p = (char)(*p >= 'A' ? *p + ('a' - 'A') : *p);
		cJSON_AddStringToObject(row, "sealed", hex);
	}
	buf_clear(&sealed);
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	cJSON_Delete(password);
}

/* One that another head-end sealed, or for another meter, opens nothing here. */
static void
check_sealed(struct seal *seal, cJSON *row)
{
	const char *sealed = cell(row, "sealed"), *meter = cell(row, "meter");
	struct buf bytes = {0};
	struct meter_key key;
	struct err e;

	if (sealed != NULL && meter != NULL &&
	    (hex_in(&bytes, sealed, &e) < 0 || seal_open(buf_span(&bytes), meter, &key, seal) < 0))
		fault(row, "sealed", "it was not sealed for this meter with the key in use here");
	OPENSSL_cleanse(&key, sizeof key);
	buf_clear(&bytes);
}

void
call_import_rows(struct call *c)
{
	cJSON *given = cJSON_DetachItemFromObjectCaseSensitive(c->args, "rows"), *rows = NULL, *row;
	const char *text = cJSON_GetStringValue(given);
	struct err e = {.text = "rows are needed"};
	char *args, *json;

	if (text != NULL)
		rows = json_strict(span_of(text, strlen(text)), &e);
	if (text != NULL)
		OPENSSL_cleanse(given->valuestring, strlen(text));
	cJSON_Delete(given);
	if (!cJSON_IsArray(rows)) {
		cJSON_Delete(rows);
		call_error(c, 400, e.text);
		return;
	}
	cJSON_ArrayForEach(row, rows)
	{
		const char *profile = cell(row, "profile");

		if (profile != NULL && dlt645_profile(profile) == NULL)
			fault(row, "profile", "no such profile: powergatectl profile list");
		seal_row(c->parts->seal, row);
		check_sealed(c->parts->seal, row);
	}
	args = cJSON_PrintUnformatted(c->args);
	json = cJSON_PrintUnformatted(rows);
	db_ask(c->parts->db, &rows_in, call_answered, c, db_text(args), db_text(json),
	    db_text(c->who), db_int(call_now_us(c)));
	cJSON_free(args);
	cJSON_free(json);
	cJSON_Delete(rows);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* The periods that these tariffs are in now, as columns. */
struct periods {
	struct db_column tariff, from_us, day;
};

static void
periods_of(struct call *c, const struct db_rows *rows, struct periods *out)
{
	for (int i = 0; i < db_rows_count(rows); i++) {
		int64_t id = db_cell_int(rows, i, 0), from_us;
		const struct price_book *book = prices_book(c->parts->prices, id);
		int day;

		if (book == NULL || price_period_at(book, call_now_us(c), &from_us, &day) < 0)
			continue;
		db_column_int(&out->tariff, id);
		db_column_int(&out->from_us, from_us);
		db_column_int(&out->day, day);
	}
}

static void
periods_free(struct periods *p)
{
	db_column_free(&p->tariff);
	db_column_free(&p->from_us);
	db_column_free(&p->day);
}

static void
ask_run(struct call *c, struct periods *p)
{
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->parts->db, &run, call_answered, c, db_text(args), db_text(c->who),
	    db_array(&p->tariff), db_array(&p->from_us), db_array(&p->day), db_int(call_now_us(c)));
	cJSON_free(args);
}

/* enter() says once more, in the statement that looks, which sites may be shown. */
static void
ask_export(struct call *c, struct periods *p)
{
	char *args = cJSON_PrintUnformatted(c->args);
	struct buf roles = {0};

	buf_put_u8(&roles, '{');
	route_roles(c->route, "", &roles);
	buf_put_u8(&roles, '}');
	db_ask(c->parts->db, &export, call_answered, c, db_text(args), db_text(c->from),
	    db_text(c->route->path + strlen("/v1/")), db_text("false"), db_text(buf_text(&roles)),
	    db_text(route_site_rule(c->route)), db_int(call_now_us(c)), db_array(&p->tariff),
	    db_array(&p->from_us));
	buf_clear(&roles);
	cJSON_free(args);
}

static void
on_tariffs(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;
	struct periods p = {0};

	if (rows == NULL) {
		call_error(c, 503, e->text);
		return;
	}
	periods_of(c, rows, &p);
	if (route_writes(c->route))
		ask_run(c, &p);
	else
		ask_export(c, &p);
	periods_free(&p);
}

/* Both begin with the periods. */
void
call_fleet(struct call *c)
{
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->parts->db, &tariffs, on_tariffs, c, db_text(args));
	cJSON_free(args);
}
