#include "service/api.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/api_call.h"
#include "service/billing.h"
#include "service/decide.h"
#include "service/prices.h"
#include "service/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_QUERY 8

struct api {
	struct loop *loop;
	struct api_parts parts;
	struct http *http;
	struct logctx log;
};

struct api_route {
	const char *method, *path;
	enum role role;    /* viewer may only read; admin may everything */
	const char *query; /* GET: parameters it knows, blank between */
	struct db_stmt stmt;
	call_fn *special; /* what is not just a SQL function */
};

#define READ(path_, name_, query_)                                               \
	{                                                                        \
		"GET", "/v1/" path_, ROLE_VIEWER, query_,                        \
		    {"api_" name_, DB_COMMANDS, true, 5 * SECOND_US,             \
			"SELECT door.api_" name_ "($1::jsonb, $2, $3::bigint)"}, \
		    NULL                                                         \
	}
#define WRITE(path_, name_, role_)                                               \
	{                                                                        \
		"POST", "/v1/" path_, role_, NULL,                               \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US,            \
			"SELECT door.api_" name_ "($1::jsonb, $2, $3::bigint)"}, \
		    NULL                                                         \
	}
/* Takes money back: who asks is a uid, and above a limit it takes two of them. */
#define TAKES_BACK(path_, name_, role_)                                                     \
	{                                                                                   \
		"POST", "/v1/" path_, role_, NULL,                                          \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US,                       \
			"SELECT door.api_" name_                                            \
			"($1::jsonb, $2, $3::bigint, $4::bigint, $5::bigint, $6::bigint)"}, \
		    take_back                                                               \
	}
#define SPECIAL(method_, path_, role_, fn_)                \
	{                                                  \
		method_, "/v1/" path_, role_, "", {0}, fn_ \
	}

#define SPECIAL_READ(path_, query_, fn_)                           \
	{                                                          \
		"GET", "/v1/" path_, ROLE_VIEWER, query_, {0}, fn_ \
	}

static void list_sessions(struct call *c);
static void resolve_work(struct call *c);
static void set_password(struct call *c);
static void take_back(struct call *c);

static const struct api_route routes[] = {
    READ("site/list", "site_list", ""),
    WRITE("site/add", "site_add", ROLE_ADMIN),
    WRITE("site/mode", "site_mode", ROLE_ADMIN),
    READ("tariff/list", "tariff_list", "tariff"),
    SPECIAL("POST", "tariff/add", ROLE_ADMIN, call_tariff_add),
    READ("tariff/show", "tariff_show", "version"),
    SPECIAL("POST", "tariff/load", ROLE_OPERATOR, call_tariff_load),
    SPECIAL("POST", "tariff/submit", ROLE_OPERATOR, call_tariff_submit),
    SPECIAL("POST", "tariff/approve", ROLE_ADMIN, call_tariff_approve),
    WRITE("tariff/withdraw", "tariff_withdraw", ROLE_ADMIN),
    SPECIAL("POST", "tariff/simulate", ROLE_VIEWER, call_tariff_simulate),
    READ("account/list", "account_list", "after limit"),
    READ("account/show", "account_show", "account"),
    READ("account/deliveries", "account_deliveries", "account"),
    WRITE("account/add", "account_add", ROLE_ADMIN),
    READ("meter/list", "meter_list", "after limit"),
    READ("meter/show", "meter_show", "meter"),
    READ("meter/why", "why", "meter"),
    WRITE("meter/add", "meter_add", ROLE_ADMIN),
    WRITE("meter/relay", "relay", ROLE_OPERATOR),
    WRITE("meter/limit", "meter_limit", ROLE_OPERATOR),
    WRITE("meter/read", "read", ROLE_OPERATOR),
    WRITE("meter/commission", "commission", ROLE_OPERATOR),
    SPECIAL("POST", "meter/password", ROLE_ADMIN, set_password),
    READ("command/list", "command_list", "meter state limit"),
    READ("command/show", "command_show", "command"),
    WRITE("command/cancel", "command_cancel", ROLE_OPERATOR),
    READ("push/list", "push_list", "meter state set limit"),
    READ("push/show", "push_show", "meter set"),
    WRITE("push/retry", "push_retry", ROLE_OPERATOR),
    WRITE("push/want", "push_want", ROLE_ADMIN),
    READ("endpoint/list", "endpoint_list", "state online limit"),
    WRITE("endpoint/claim", "endpoint_claim", ROLE_OPERATOR),
    WRITE("endpoint/quarantine", "endpoint_quarantine", ROLE_OPERATOR),
    SPECIAL("GET", "session/list", ROLE_VIEWER, list_sessions),
    READ("payment/show", "payment_show", "payment payment_no"),
    READ("payment/list", "payment_list", "account state limit"),
    READ("recharge/facts", "recharge_facts", "payment"),
    READ("payment/receipt", "payment_receipt", "payment"),
    READ("report/day", "report_day", "site day"),
    READ("ledger/export", "ledger_export", "site from to"),
    WRITE("payment/assign", "payment_assign", ROLE_ADMIN),
    SPECIAL("POST", "payment/cash", ROLE_CASHIER, call_cash),
    SPECIAL("POST", "payment/preview", ROLE_VIEWER, call_preview),
    WRITE("payment/limits", "topup_limits", ROLE_ADMIN),
    TAKES_BACK("payment/void", "payment_void", ROLE_ADMIN),
    TAKES_BACK("payment/move", "payment_move", ROLE_ADMIN),
    READ("refund/list", "refund_list", "payment account state limit"),
    READ("refund/show", "refund_show", "refund"),
    TAKES_BACK("refund/request", "refund_request", ROLE_OPERATOR),
    TAKES_BACK("refund/approve", "refund_approve", ROLE_OPERATOR),
    TAKES_BACK("refund/withdraw", "refund_withdraw", ROLE_OPERATOR),
    TAKES_BACK("refund/paid", "refund_paid", ROLE_OPERATOR),
    READ("shift/list", "shift_list", "terminal limit"),
    READ("shift/show", "shift_show", "shift"),
    WRITE("shift/open", "shift_open", ROLE_CASHIER),
    WRITE("shift/close", "shift_close", ROLE_CASHIER),
    SPECIAL("POST", "orders", ROLE_CASHIER, call_order),
    READ("order/list", "order_list", "account state limit"),
    READ("order/show", "order_show", "order"),
    READ("debt/list", "debt_list", "account all limit"),
    READ("debt/show", "debt_show", "debt"),
    WRITE("debt/add", "debt_add", ROLE_ADMIN),
    WRITE("debt/write-off", "debt_write_off", ROLE_ADMIN),
    WRITE("debt/order", "debt_order", ROLE_ADMIN),
    READ("emergency/show", "emergency_show", "account"),
    WRITE("emergency/offer", "emergency_offer", ROLE_ADMIN),
    WRITE("emergency/withdraw", "emergency_withdraw", ROLE_ADMIN),
    WRITE("emergency/activate", "emergency_activate", ROLE_OPERATOR),
    READ("ledger/list", "ledger", "account limit"),
    READ("ledger/check", "ledger_check", ""),
    TAKES_BACK("ledger/reverse", "ledger_reverse", ROLE_ADMIN),
    READ("reading/list", "reading_list", "meter held limit"),
    WRITE("reading/accept", "reading_accept", ROLE_OPERATOR),
    WRITE("reading/refuse", "reading_refuse", ROLE_OPERATOR),
    WRITE("meter/swap", "meter_swap", ROLE_OPERATOR),
    WRITE("meter/master", "meter_master", ROLE_ADMIN),
    WRITE("meter/multiplier", "meter_multiplier", ROLE_ADMIN),
    WRITE("account/move-in", "move_in", ROLE_OPERATOR),
    WRITE("account/move-out", "move_out", ROLE_OPERATOR),
    TAKES_BACK("account/refund", "account_refund", ROLE_ADMIN),
    WRITE("bill/rebill", "rebill", ROLE_ADMIN),
    SPECIAL_READ("bill/explain", "account day from to", call_bill_explain),
    READ("freeze/list", "freeze_list", "meter day limit"),
    READ("event/list", "event_list", "meter account limit"),
    READ("work/list", "work_list", "all limit"),
    READ("work/show", "work_show", "work"),
    WRITE("work/take", "work_take", ROLE_OPERATOR),
    SPECIAL("POST", "work/resolve", ROLE_OPERATOR, resolve_work),
    READ("hold/list", "hold_list", "meter all limit"),
    WRITE("hold/add", "hold_add", ROLE_OPERATOR),
    WRITE("hold/release", "hold_release", ROLE_OPERATOR),
    READ("override/list", "override_list", "all limit"),
    WRITE("override/add", "override_add", ROLE_OPERATOR),
    WRITE("override/end", "override_end", ROLE_OPERATOR),
    READ("calendar/list", "calendar_list", "site"),
    WRITE("calendar/set", "calendar_set", ROLE_OPERATOR),
    READ("halt/list", "halt_list", "all limit"),
    WRITE("halt/release", "halt_release", ROLE_OPERATOR),
    READ("exposure/list", "exposure_list", "all limit"),
    READ("notice/list", "notice_list", "account kind state limit"),
    READ("notice/show", "notice_show", "notice"),
    WRITE("notice/retry", "notice_retry", ROLE_OPERATOR),
    READ("contact/list", "contact_list", "account site all limit"),
    WRITE("contact/add", "contact_add", ROLE_OPERATOR),
    WRITE("contact/set", "contact_set", ROLE_OPERATOR),
    WRITE("contact/stop", "contact_stop", ROLE_OPERATOR),
    READ("statement/list", "statement_list", "source day limit"),
    WRITE("statement/begin", "statement_begin", ROLE_OPERATOR),
    SPECIAL("POST", "statement/rows", ROLE_OPERATOR, call_statement_rows),
    SPECIAL("POST", "statement/seal", ROLE_OPERATOR, call_statement_seal),
    SPECIAL("POST", "recon/run", ROLE_OPERATOR, call_recon_run),
    READ("recon/breaks", "recon_breaks", "source site day kind all limit"),
    READ("recon/show", "recon_show", "break"),
    WRITE("recon/resolve", "recon_resolve", ROLE_OPERATOR),
    WRITE("recon/close", "recon_close", ROLE_ADMIN),
    READ("recon/days", "recon_days", "site limit"),
    READ("headend/status", "status", ""),
    WRITE("headend/trips", "trips", ROLE_OPERATOR),
    WRITE("headend/hold", "hold", ROLE_ADMIN),
};
#define NROUTES (sizeof routes / sizeof *routes)

static const struct db_stmt principal = {"principal_of", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT name, role FROM door.principal_of($1::bigint)"};
static const struct db_stmt resolve = {"api_work_resolve", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_work_resolve($1::jsonb, $2, $3::bigint, $4::int, $5::bigint)"};

static const struct db_stmt password = {"api_meter_password", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT door.api_meter_password($1, decode($2, 'hex'), $3, $4::bigint)"};

/* --- answering ---------------------------------------------------------------------------- */

void
call_end(struct call *c)
{
	cJSON_Delete(c->args);
	free(c);
}

void
call_error(struct call *c, int status, const char *why)
{
	struct buf b = {0};

	buf_put_text(&b, "{\"error\":");
	json_quote(&b, why);
	buf_put_u8(&b, '}');
	http_reply_json(c->r, status, buf_text(&b));
	buf_clear(&b);
	call_end(c);
}

void
call_answer(struct call *c, const char *json)
{
	http_reply_json(c->r, 200, json);
	call_end(c);
}

int64_t
call_now_us(const struct call *c)
{
	return loop_now_us(c->api->loop);
}

/* What a function asks of the running daemon: look at an endpoint, or have it log in again. */
static void
follow(struct call *c, const cJSON *answer)
{
	const cJSON *look = cJSON_GetObjectItemCaseSensitive(answer, "look");
	const cJSON *refresh = cJSON_GetObjectItemCaseSensitive(answer, "refresh");

	if (cJSON_IsNumber(look))
		dispatch_look(c->api->parts.dispatch, (int64_t)look->valuedouble);
	if (cJSON_IsNumber(refresh))
		gateway_refresh(c->api->parts.gateway, (int64_t)refresh->valuedouble);
	if (strcmp(c->route->method, "POST") == 0) {
		prices_look(c->api->parts.prices);
		billing_look(c->api->parts.billing);
		decider_look(c->api->parts.decider);
	}
}

void
call_answered(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;
	const cJSON *status;
	cJSON *answer;

	if (rows == NULL) {
		bool later = e->class == ERR_RETRY || e->class == ERR_UNCERTAIN;

		call_error(c, later ? 503 : 400, e->text);
		return;
	}
	answer = cJSON_Parse(db_cell_text(rows, 0, 0));
	status = cJSON_GetObjectItemCaseSensitive(answer, "status");
	if (cJSON_GetObjectItemCaseSensitive(answer, "error") == NULL)
		follow(c, answer);
	http_reply_json(c->r,
	    cJSON_IsNumber(status) && cJSON_GetObjectItemCaseSensitive(answer, "error") != NULL
		? (int)status->valuedouble
		: 200,
	    db_cell_text(rows, 0, 0));
	cJSON_Delete(answer);
	call_end(c);
}

/* --- special routes ----------------------------------------------------------------------- */

static void
list_sessions(struct call *c)
{
	struct gateway *g = c->api->parts.gateway;
	struct buf b = {0};
	int n = 0;

	buf_put_text(&b, "{\"rows\":[");
	for (struct session *s = gateway_first(g); s != NULL && n < 1000; s = session_next(s)) {
		const struct endpoint *ep = session_endpoint(s);
		int64_t heard = loop_mono_us(c->api->loop) - session_heard_us(s);

		buf_printf(&b, "%s{\"endpoint\":", n++ > 0 ? "," : "");
		json_quote(&b, session_identity(s));
		buf_put_text(&b, ",\"peer\":");
		json_quote(&b, session_peer(s));
		buf_printf(&b, ",\"meters\":%d,\"heard_s\":%lld,\"state\":\"%s\"}",
		    ep != NULL ? ep->n : 0, (long long)(heard / SECOND_US),
		    ep == NULL        ? "greeting"
		    : !ep->claimed    ? "quarantined"
		    : session_free(s) ? "free"
				      : "busy");
	}
	buf_printf(&b, "],\"sessions\":%d}", gateway_count(g));
	http_reply_json(c->r, 200, buf_text(&b));
	buf_clear(&b);
	call_end(c);
}

static void
resolve_work(struct call *c)
{
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->api->parts.db, &resolve, call_answered, c, db_text(args), db_text(c->who),
	    db_int(c->uid), db_int(*c->api->parts.review_voices),
	    db_int(loop_now_us(c->api->loop)));
	cJSON_free(args);
}

static void
take_back(struct call *c)
{
	const struct refunds_conf *conf = c->api->parts.refunds;
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->api->parts.db, &c->route->stmt, call_answered, c, db_text(args), db_text(c->who),
	    db_int(c->uid), db_int(conf->second_above), db_int(conf->approval_us),
	    db_int(loop_now_us(c->api->loop)));
	cJSON_free(args);
}

bool
call_copy(struct call *c, const char *name, char *out, size_t room)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->args, name);

	out[0] = '\0';
	if (v == NULL)
		return true;
	if (!cJSON_IsString(v) || strlen(v->valuestring) >= room)
		return false;
	snprintf(out, room, "%s", v->valuestring);
	return true;
}

const char *
call_text(const struct call *c, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->args, name));
}

/* It is sealed before it goes anywhere; neither log nor audit sees it. */
static void
set_password(struct call *c)
{
	char meter[13], digits[7], level[2], hex[2 * 64 + 1];
	struct buf sealed = {0};
	struct err e;

	if (!call_copy(c, "meter", meter, sizeof meter) ||
	    !call_copy(c, "password", digits, sizeof digits) ||
	    !call_copy(c, "level", level, sizeof level) ||
	    strspn(level, "0123456789") != strlen(level)) {
		call_error(c, 400, "meter has 12 digits, password six, level one");
		return;
	}
	if (seal_password(c->api->parts.seal, meter, level[0] != '\0' ? level[0] - '0' : 2, digits,
		&sealed, &e) < 0) {
		call_error(c, e.class == ERR_INPUT ? 400 : 409, e.text);
		return;
	}
	hex_out(hex, buf_span(&sealed));
	buf_clear(&sealed);
	db_ask(c->api->parts.db, &password, call_answered, c, db_text(meter), db_text(hex),
	    db_text(c->who), db_int(loop_now_us(c->api->loop)));
}

/* --- the door ----------------------------------------------------------------------------- */

static bool
parse_role(const char *name, enum role *role)
{
	static const char *const names[] = {"viewer", "operator", "cashier", "admin"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) {
			*role = (enum role)i;
			return true;
		}
	return false;
}

static void
on_principal(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;
	enum role role;
	char *args;

	if (rows == NULL) {
		call_error(c, 503, e->text);
		return;
	}
	if (db_rows_count(rows) == 0 || !parse_role(db_cell_text(rows, 0, 1), &role)) {
		call_error(c, 403, "you are no principal here: powergatectl init adds the first");
		return;
	}
	if (c->route->role != ROLE_VIEWER && role != ROLE_ADMIN && role != c->route->role) {
		call_error(c, 403, "your role may not do this");
		return;
	}
	db_cell_copy(rows, 0, 0, c->who, sizeof c->who);
	if (c->route->special != NULL) {
		c->route->special(c);
		return;
	}
	args = cJSON_PrintUnformatted(c->args);
	db_ask(c->api->parts.db, &c->route->stmt, call_answered, c, db_text(args), db_text(c->who),
	    db_int(loop_now_us(c->api->loop)));
	cJSON_free(args);
}

static cJSON *
query_args(const struct api_route *route, const struct http_request *r)
{
	cJSON *args = cJSON_CreateObject();
	char names[100], *name, *rest = names;

	snprintf(names, sizeof names, "%s", route->query);
	while ((name = strsep(&rest, " ")) != NULL) {
		const char *value = *name != '\0' ? http_query(r, name) : NULL;

		if (value != NULL)
			cJSON_AddStringToObject(args, name, value);
	}
	return args;
}

/* A reason of blanks is none: whoever asks for a text asks for one that says something. */
static void
blank_is_empty(cJSON *args)
{
	cJSON *v;

	cJSON_ArrayForEach(v, args)
	{
		if (cJSON_IsString(v) && v->valuestring[strspn(v->valuestring, " \t\r\n")] == '\0')
			v->valuestring[0] = '\0';
	}
}

static void
on_request(struct http_request *r, void *arg)
{
	struct call *c = mem_new(sizeof *c);
	struct err e;

	c->api = arg;
	c->parts = &c->api->parts;
	c->r = r;
	for (size_t i = 0; i < NROUTES; i++)
		if (strcmp(routes[i].path, http_path(r)) == 0)
			c->route = &routes[i];
	if (c->route == NULL) { /* http.c knows the same paths */
		call_error(c, 404, "no such route");
		return;
	}
	if (!http_peer_uid(r, &c->uid)) {
		call_error(c, 403, "who are you?");
		return;
	}
	if (strcmp(c->route->method, "GET") == 0) {
		c->args = query_args(c->route, r);
	} else if ((c->args = json_strict(http_body(r), &e)) == NULL || !cJSON_IsObject(c->args)) {
		call_error(c, 400, c->args == NULL ? e.text : "an object is needed");
		return;
	} else {
		blank_is_empty(c->args);
	}
	db_ask(c->api->parts.db, &principal, on_principal, c, db_int(c->uid));
}

struct api *
api_new(struct loop *l, const char *path, const struct api_parts *parts, struct err *e)
{
	static const struct http_limits limits = {
	    .most_body = 512 * 1024, /* a tariff file of 256 kB, quoted */
	    .most_headers = 8192,
	    .patience_us = 10 * SECOND_US,
	    .most_connections = 64,
	};
	static struct http_route table[NROUTES];
	struct api *a = mem_new(sizeof *a);

	for (size_t i = 0; i < NROUTES; i++)
		table[i] = (struct http_route){routes[i].method, routes[i].path, on_request};
	a->loop = l;
	a->parts = *parts;
	a->log.module = "api";
	a->http = http_new(l, &limits, table, NROUTES, a);
	if (http_listen_unix(a->http, path, 0660, e) < 0) {
		api_free(a);
		return NULL;
	}
	return a;
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	http_free(a->http);
	free(a);
}
