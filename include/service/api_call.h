/*
 * api_call -- what the files of api share: one call on its way through the door, and its answers.
 *
 * A special route gets the call once its caller is known and allowed; it answers once, now or
 * later, and the call is gone.
 */
#ifndef SERVICE_API_CALL_H
#define SERVICE_API_CALL_H

#include "codec/webhook.h" /* JSON */
#include "service/api.h"
#include "service/api_guard.h"
#include "service/http.h"
#include "store/db.h"

#include <cjson/cJSON.h>

enum role {
	ROLE_VIEWER = 1 << 0,
	ROLE_OPERATOR = 1 << 1,
	ROLE_CASHIER = 1 << 2,
	ROLE_MONEY = 1 << 3,
	ROLE_APPROVER = 1 << 4,
	ROLE_KEY_ADMIN = 1 << 5,
	ROLE_AUDITOR = 1 << 6,
	ROLE_ADMIN = 1 << 7,
	ROLE_ALL = (1 << 8) - 1,
};

/* sql/functions/79_enter.sql says what they mean. */
enum site_rule { SITE_UNSAID, SITE_ANY, SITE_NAMED, SITE_ROWS, SITE_ALL };

/* Whether it may be is asked in the statement that does it; of a special route in one before it. */
#define API_ENTER "door.enter($1::jsonb, $2, $3, $4::boolean, $5::text[], $6, $7::bigint)"
/* Behind the deed of a special route: what it changes goes into the audit. */
#define API_AUDITED " FROM door.audit_begin()"
#define MOST_ROUTES 256

struct call;
typedef void call_fn(struct call *c);

struct api_route {
	const char *method, *path;
	unsigned roles; /* bits of enum role; the admin is added to all */
	enum site_rule site;
	const char *query; /* GET: parameters it knows, blank between */
	struct db_stmt stmt;
	call_fn *special; /* what is not just a SQL function */
};

struct call {
	struct api *api;
	const struct api_parts *parts;
	const struct api_route *route;
	struct http_request *r;
	call_fn *then;         /* once he is let in; NULL: the statement is the deed */
	int refusal;           /* a status: why, once he is known */
	bool guarded;          /* guard_told() is owed */
	char from[TOKEN_FROM]; /* "uid:N" or "token:HEX" */
	int64_t uid;           /* like who, known to a special route */
	char who[64];
	char why[240];
	cJSON *args;
};

void call_error(struct call *c, int status, const char *why);
void call_answer(struct call *c, const char *json);
void call_end(struct call *c); /* it has been answered otherwise */
db_fn call_answered;           /* one row with JSON, arg: the call */
/* The database said no: 503 when it may be asked again, 400 when that would not help. */
void call_failed(struct call *c, const struct err *e);
/* An argument that is a text; "" when it is not there, false when it is no text or too long. */
bool call_copy(struct call *c, const char *name, char *out, size_t room);
const char *call_text(const struct call *c, const char *name); /* NULL when it is no text */
int64_t call_now_us(const struct call *c);

/* --- api_routes.c -------------------------------------------------------------------------- */

const struct api_route *route_at(size_t i); /* NULL behind the last */
const struct api_route *route_find(const char *path);
bool route_writes(const struct api_route *route);
const char *route_site_rule(const struct api_route *route);
/* Names with commas between, each in `quote`. */
void route_roles(const struct api_route *route, const char *quote, struct buf *out);
int routes_check(struct err *e); /* how many; -1 when one names no role or no site rule */

/* --- api.c --------------------------------------------------------------------------------- */

call_fn call_list_routes, call_list_sessions, call_resolve_work, call_set_password, call_take_back;

/* --- api_token.c --------------------------------------------------------------------------- */

call_fn call_token_add;

/* --- api_tariff.c, api_preview.c ------------------------------------------------------------ */

call_fn call_tariff_add, call_tariff_load;
call_fn call_tariff_submit, call_tariff_approve, call_tariff_simulate;

/* --- api_recon.c --------------------------------------------------------------------------- */

call_fn call_statement_rows, call_statement_seal, call_recon_run;

/* --- api_desk.c ---------------------------------------------------------------------------- */

call_fn call_cash, call_preview, call_order;

/* --- api_bill.c ---------------------------------------------------------------------------- */

call_fn call_bill_explain;

/* --- api_fleet.c --------------------------------------------------------------------------- */

call_fn call_import_rows, call_fleet;

#endif
