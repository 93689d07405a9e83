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
	unsigned roles; /* bits of enum role; the admin is added to all */
	enum site_rule site;
	const char *query; /* GET: parameters it knows, blank between */
	struct db_stmt stmt;
	call_fn *special; /* what is not just a SQL function */
};

/* Whether it may be is asked in the statement that does it. */
#define ENTER "door.enter($1::jsonb, $2::bigint, $3, $4::boolean, $5::text[], $6, $7::bigint)"
#define BEHIND(name_)                                             \
	"SELECT CASE WHEN g.problem IS NULL THEN door.api_" name_ \
	"(g.args, g.who, $7::bigint) ELSE g.problem END FROM " ENTER " g"

#define READ_BY(path_, name_, roles_, site_, query_)                                      \
	{                                                                                 \
		"GET", "/v1/" path_, roles_, site_, query_,                               \
		    {"api_" name_, DB_COMMANDS, true, 5 * SECOND_US, BEHIND(name_)}, NULL \
	}
#define READ(path_, name_, site_, query_) READ_BY(path_, name_, ROLE_ALL, site_, query_)
#define WRITE(path_, name_, roles_, site_)                                                 \
	{                                                                                  \
		"POST", "/v1/" path_, roles_, site_, NULL,                                 \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US, BEHIND(name_)}, NULL \
	}
#define SPECIAL(method_, path_, roles_, site_, fn_)                \
	{                                                          \
		method_, "/v1/" path_, roles_, site_, "", {0}, fn_ \
	}

#define SPECIAL_READ(path_, site_, query_, fn_)                        \
	{                                                              \
		"GET", "/v1/" path_, ROLE_ALL, site_, query_, {0}, fn_ \
	}

static void list_routes(struct call *c);
static void list_sessions(struct call *c);
static void resolve_work(struct call *c);
static void set_password(struct call *c);

static const struct api_route routes[] = {
    READ("site/list", "site_list", SITE_ROWS, ""),
    WRITE("site/add", "site_add", ROLE_ADMIN, SITE_ALL),
    WRITE("site/mode", "site_mode", ROLE_ADMIN, SITE_NAMED),
    READ("tariff/list", "tariff_list", SITE_ANY, "tariff"),
    SPECIAL("POST", "tariff/add", ROLE_MONEY, SITE_ALL, call_tariff_add),
    READ("tariff/show", "tariff_show", SITE_ANY, "version"),
    SPECIAL("POST", "tariff/load", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_tariff_load),
    SPECIAL("POST", "tariff/submit", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_tariff_submit),
    SPECIAL("POST", "tariff/approve", ROLE_APPROVER, SITE_ALL, call_tariff_approve),
    WRITE("tariff/withdraw", "tariff_withdraw", ROLE_MONEY | ROLE_APPROVER, SITE_ALL),
    SPECIAL("POST", "tariff/simulate", ROLE_ALL, SITE_NAMED, call_tariff_simulate),
    READ("account/list", "account_list", SITE_ROWS, "after limit"),
    READ("account/show", "account_show", SITE_NAMED, "account"),
    READ("account/deliveries", "account_deliveries", SITE_NAMED, "account"),
    WRITE("account/add", "account_add", ROLE_ADMIN, SITE_NAMED),
    READ("meter/list", "meter_list", SITE_ROWS, "after limit"),
    READ("meter/show", "meter_show", SITE_NAMED, "meter"),
    READ("meter/why", "why", SITE_NAMED, "meter"),
    WRITE("meter/add", "meter_add", ROLE_ADMIN, SITE_NAMED),
    WRITE("meter/relay", "relay", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/read", "read", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/commission", "commission", ROLE_OPERATOR, SITE_NAMED),
    SPECIAL("POST", "meter/password", ROLE_KEY_ADMIN, SITE_NAMED, set_password),
    READ("command/list", "command_list", SITE_NAMED, "meter state limit"),
    READ("command/show", "command_show", SITE_NAMED, "command"),
    WRITE("command/cancel", "command_cancel", ROLE_OPERATOR, SITE_NAMED),
    READ("push/list", "push_list", SITE_NAMED, "meter state set limit"),
    READ("push/show", "push_show", SITE_NAMED, "meter set"),
    WRITE("push/retry", "push_retry", ROLE_OPERATOR, SITE_NAMED),
    WRITE("push/want", "push_want", ROLE_ADMIN, SITE_NAMED),
    READ("endpoint/list", "endpoint_list", SITE_ALL, "state online limit"),
    WRITE("endpoint/claim", "endpoint_claim", ROLE_OPERATOR, SITE_NAMED),
    WRITE("endpoint/quarantine", "endpoint_quarantine", ROLE_OPERATOR, SITE_NAMED),
    SPECIAL("GET", "session/list", ROLE_ALL, SITE_ALL, list_sessions),
    READ("payment/show", "payment_show", SITE_NAMED, "payment payment_no"),
    READ("payment/list", "payment_list", SITE_NAMED, "account state limit"),
    READ("recharge/facts", "recharge_facts", SITE_NAMED, "payment"),
    READ("payment/receipt", "payment_receipt", SITE_NAMED, "payment"),
    READ("report/day", "report_day", SITE_NAMED, "site day"),
    READ("ledger/export", "ledger_export", SITE_NAMED, "site from to"),
    WRITE("payment/assign", "payment_assign", ROLE_MONEY, SITE_NAMED),
    SPECIAL("POST", "payment/cash", ROLE_CASHIER, SITE_NAMED, call_cash),
    SPECIAL("POST", "payment/preview", ROLE_ALL, SITE_NAMED, call_preview),
    WRITE("payment/limits", "topup_limits", ROLE_MONEY, SITE_NAMED),
    WRITE("payment/void", "payment_void", ROLE_MONEY, SITE_NAMED),
    READ("shift/list", "shift_list", SITE_ALL, "terminal limit"),
    READ("shift/show", "shift_show", SITE_NAMED, "shift"),
    WRITE("shift/open", "shift_open", ROLE_CASHIER, SITE_ANY),
    WRITE("shift/close", "shift_close", ROLE_CASHIER, SITE_ANY),
    SPECIAL("POST", "orders", ROLE_CASHIER, SITE_NAMED, call_order),
    READ("order/list", "order_list", SITE_NAMED, "account state limit"),
    READ("order/show", "order_show", SITE_NAMED, "order"),
    READ("debt/list", "debt_list", SITE_NAMED, "account all limit"),
    READ("debt/show", "debt_show", SITE_NAMED, "debt"),
    WRITE("debt/add", "debt_add", ROLE_MONEY, SITE_NAMED),
    WRITE("debt/write-off", "debt_write_off", ROLE_MONEY, SITE_NAMED),
    WRITE("debt/order", "debt_order", ROLE_MONEY, SITE_NAMED),
    READ("emergency/show", "emergency_show", SITE_NAMED, "account"),
    WRITE("emergency/offer", "emergency_offer", ROLE_MONEY, SITE_NAMED),
    WRITE("emergency/withdraw", "emergency_withdraw", ROLE_MONEY, SITE_NAMED),
    WRITE("emergency/activate", "emergency_activate", ROLE_OPERATOR, SITE_NAMED),
    READ("ledger/list", "ledger", SITE_NAMED, "account limit"),
    READ("ledger/check", "ledger_check", SITE_ALL, ""),
    WRITE("ledger/reverse", "ledger_reverse", ROLE_MONEY, SITE_NAMED),
    READ("reading/list", "reading_list", SITE_NAMED, "meter held limit"),
    WRITE("reading/accept", "reading_accept", ROLE_OPERATOR, SITE_NAMED),
    WRITE("reading/refuse", "reading_refuse", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/swap", "meter_swap", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/multiplier", "meter_multiplier", ROLE_ADMIN, SITE_NAMED),
    WRITE("account/move-in", "move_in", ROLE_OPERATOR, SITE_NAMED),
    WRITE("account/move-out", "move_out", ROLE_OPERATOR, SITE_NAMED),
    WRITE("account/refund", "account_refund", ROLE_MONEY, SITE_NAMED),
    WRITE("bill/rebill", "rebill", ROLE_MONEY, SITE_NAMED),
    SPECIAL_READ("bill/explain", SITE_NAMED, "account day from to", call_bill_explain),
    READ("freeze/list", "freeze_list", SITE_NAMED, "meter day limit"),
    READ("event/list", "event_list", SITE_NAMED, "meter account limit"),
    READ("work/list", "work_list", SITE_ROWS, "all limit"),
    READ("work/show", "work_show", SITE_NAMED, "work"),
    WRITE("work/take", "work_take", ROLE_OPERATOR | ROLE_MONEY | ROLE_APPROVER, SITE_NAMED),
    SPECIAL("POST", "work/resolve", ROLE_OPERATOR | ROLE_MONEY | ROLE_APPROVER, SITE_NAMED,
	resolve_work),
    READ("hold/list", "hold_list", SITE_NAMED, "meter all limit"),
    WRITE("hold/add", "hold_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("hold/release", "hold_release", ROLE_OPERATOR, SITE_NAMED),
    READ("override/list", "override_list", SITE_ALL, "all limit"),
    WRITE("override/add", "override_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("override/end", "override_end", ROLE_OPERATOR, SITE_NAMED),
    READ("calendar/list", "calendar_list", SITE_NAMED, "site"),
    WRITE("calendar/set", "calendar_set", ROLE_OPERATOR, SITE_NAMED),
    READ("halt/list", "halt_list", SITE_ALL, "all limit"),
    WRITE("halt/release", "halt_release", ROLE_OPERATOR, SITE_ALL),
    READ("exposure/list", "exposure_list", SITE_ALL, "all limit"),
    READ("notice/list", "notice_list", SITE_NAMED, "account kind state limit"),
    READ("notice/show", "notice_show", SITE_NAMED, "notice"),
    WRITE("notice/retry", "notice_retry", ROLE_OPERATOR, SITE_NAMED),
    READ("contact/list", "contact_list", SITE_NAMED, "account site all limit"),
    WRITE("contact/add", "contact_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("contact/set", "contact_set", ROLE_OPERATOR, SITE_NAMED),
    WRITE("contact/stop", "contact_stop", ROLE_OPERATOR, SITE_NAMED),
    READ("statement/list", "statement_list", SITE_ALL, "source day limit"),
    WRITE("statement/begin", "statement_begin", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL),
    SPECIAL("POST", "statement/rows", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_statement_rows),
    SPECIAL("POST", "statement/seal", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_statement_seal),
    SPECIAL("POST", "recon/run", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_recon_run),
    READ("recon/breaks", "recon_breaks", SITE_NAMED, "source site day kind all limit"),
    READ("recon/show", "recon_show", SITE_NAMED, "break"),
    WRITE("recon/resolve", "recon_resolve", ROLE_OPERATOR | ROLE_MONEY, SITE_NAMED),
    WRITE("recon/close", "recon_close", ROLE_MONEY, SITE_NAMED),
    READ("recon/days", "recon_days", SITE_NAMED, "site limit"),
    READ("headend/status", "status", SITE_ANY, ""),
    WRITE("headend/trips", "trips", ROLE_OPERATOR, SITE_ALL),
    WRITE("headend/hold", "hold", ROLE_ADMIN, SITE_ALL),
    SPECIAL("GET", "routes", ROLE_ALL, SITE_ANY, list_routes),
    READ_BY("principal/list", "principal_list", ROLE_AUDITOR, SITE_ALL, "all"),
    WRITE("principal/add", "principal_add", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/role", "principal_role", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/sites", "principal_sites", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/disable", "principal_disable", ROLE_ADMIN, SITE_ALL),
    READ_BY("audit/list", "audit_list", ROLE_AUDITOR, SITE_ALL, "who action after limit"),
    READ_BY("audit/verify", "audit_verify", ROLE_AUDITOR, SITE_ALL, "head"),
};
#define NROUTES (sizeof routes / sizeof *routes)

static const struct db_stmt enter = {
    "enter", DB_COMMANDS, false, 5 * SECOND_US, "SELECT problem, who FROM " ENTER};
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

static const char *const role_names[] = {
    "viewer", "operator", "cashier", "money", "approver", "key-admin", "auditor", "admin"};
static const char *const site_rules[] = {
    [SITE_ANY] = "any", [SITE_NAMED] = "named", [SITE_ROWS] = "rows", [SITE_ALL] = "all"};

static void
put_roles(const struct api_route *route, const char *quote, struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
		if (((route->roles | ROLE_ADMIN) >> i & 1) != 0) {
			buf_printf(out, "%s%s%s%s", between, quote, role_names[i], quote);
			between = ",";
		}
}

static void
list_routes(struct call *c)
{
	struct buf b = {0};

	buf_put_text(&b, "{\"rows\":[");
	for (size_t i = 0; i < NROUTES; i++) {
		buf_printf(&b, "%s{\"method\":\"%s\",\"path\":\"%s\",\"site\":\"%s\",\"roles\":[",
		    i > 0 ? "," : "", routes[i].method, routes[i].path, site_rules[routes[i].site]);
		put_roles(&routes[i], "\"", &b);
		buf_put_text(&b, "]}");
	}
	buf_put_text(&b, "]}");
	call_answer(c, buf_text(&b));
	buf_clear(&b);
}

static void
on_enter(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;

	if (rows == NULL) {
		call_error(c, 503, e->text);
	} else if (!db_cell_null(rows, 0, 0)) {
		call_answered(rows, e, c);
	} else {
		db_cell_copy(rows, 0, 1, c->who, sizeof c->who);
		c->route->special(c);
	}
}

static void
ask_to_enter(struct call *c)
{
	const struct api_route *route = c->route;
	bool special = route->special != NULL;
	char *args = cJSON_PrintUnformatted(c->args);
	struct buf roles = {0};

	buf_put_u8(&roles, '{');
	put_roles(route, "", &roles);
	buf_put_u8(&roles, '}');
	db_ask(c->api->parts.db, special ? &enter : &route->stmt,
	    special ? on_enter : call_answered, c, db_text(args), db_int(c->uid),
	    db_text(route->path + strlen("/v1/")),
	    db_text(strcmp(route->method, "POST") == 0 ? "true" : "false"),
	    db_text(buf_text(&roles)), db_text(site_rules[route->site]),
	    db_int(loop_now_us(c->api->loop)));
	buf_clear(&roles);
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
	}
	ask_to_enter(c);
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
	struct api *a;

	for (size_t i = 0; i < NROUTES; i++)
		if (routes[i].roles == 0 || site_rules[routes[i].site] == NULL) {
			err_set(e, ERR_BUG, "%s names no role or no site rule", routes[i].path);
			return NULL;
		}
	a = mem_new(sizeof *a);
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
