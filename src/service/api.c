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

struct api {
	struct loop *loop;
	struct api_parts parts;
	struct http *http, *tls; /* tls: NULL without a certificate */
	struct api_guard *guard;
	const struct api_conf *conf;
	int tls_port;
	struct logctx log;
};

static const struct db_stmt enter = {
    "enter", DB_COMMANDS, false, 5 * SECOND_US, "SELECT problem, who, uid FROM " API_ENTER};
static const struct db_stmt resolve = {"api_work_resolve", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_work_resolve($1::jsonb, $2, $3::bigint, $4::int, $5::bigint)" API_AUDITED};

static const struct db_stmt password = {"api_meter_password", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT door.api_meter_password($1, decode($2, 'hex'), $3, $4::bigint)" API_AUDITED};

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
	http_reply_error(c->r, status, why);
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
	const cJSON *refresh = cJSON_GetObjectItemCaseSensitive(answer, "refresh"), *one;

	if (cJSON_IsNumber(look))
		dispatch_look(c->api->parts.dispatch, (int64_t)look->valuedouble);
	if (cJSON_IsNumber(refresh))
		gateway_refresh(c->api->parts.gateway, (int64_t)refresh->valuedouble);
	for (one = cJSON_IsArray(refresh) ? refresh->child : NULL; one != NULL; one = one->next)
		gateway_refresh(c->api->parts.gateway, (int64_t)one->valuedouble);
	if (route_writes(c->route)) {
		prices_look(c->api->parts.prices);
		billing_look(c->api->parts.billing);
		decider_look(c->api->parts.decider);
	}
}

/* Whether the token was good, as soon as it is known. */
static void
tell_guard(struct call *c, enum guard_verdict verdict)
{
	if (c->guarded)
		guard_told(c->api->guard, http_peer(c->r), c->from, verdict);
	c->guarded = false;
}

/* The same bytes whatever was wrong, and whatever was asked for. */
static void
refuse_unknown(struct call *c)
{
	tell_guard(c, GUARD_WRONG);
	call_error(c, 401, TOKEN_ERROR);
}

void
call_failed(struct call *c, const struct err *e)
{
	bool later = e->class == ERR_RETRY || e->class == ERR_UNCERTAIN;
	bool unknown = c->guarded; /* nor is he told how the database is */

	tell_guard(c, GUARD_UNKNOWN);
	call_error(c, later ? 503 : 400, unknown ? "not now" : e->text);
}

void
call_answered(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct call *c = arg;
	const cJSON *status;
	cJSON *answer;

	if (rows == NULL) {
		call_failed(c, e);
		return;
	}
	answer = cJSON_Parse(db_cell_text(rows, 0, 0));
	status = cJSON_GetObjectItemCaseSensitive(answer, "status");
	if (c->guarded && cJSON_IsNumber(status) && status->valueint == 401) {
		cJSON_Delete(answer);
		refuse_unknown(c);
		return;
	}
	tell_guard(c, GUARD_GOOD);
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

void
call_list_sessions(struct call *c)
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

void
call_resolve_work(struct call *c)
{
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->api->parts.db, &resolve, call_answered, c, db_text(args), db_text(c->who),
	    db_int(c->uid), db_int(*c->api->parts.review_voices),
	    db_int(loop_now_us(c->api->loop)));
	cJSON_free(args);
}

/* Who asks is a uid: above a limit it takes two of them. */
void
call_take_back(struct call *c)
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
void
call_set_password(struct call *c)
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

void
call_list_routes(struct call *c)
{
	const struct api_route *r;
	struct buf b = {0};

	buf_put_text(&b, "{\"rows\":[");
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		buf_printf(&b, "%s{\"method\":\"%s\",\"path\":\"%s\",\"site\":\"%s\",\"roles\":[",
		    i > 0 ? "," : "", r->method, r->path, route_site_rule(r));
		route_roles(r, "\"", &b);
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
		call_answered(NULL, e, c);
	} else if (!db_cell_null(rows, 0, 0)) {
		call_answered(rows, e, c);
	} else {
		db_cell_copy(rows, 0, 1, c->who, sizeof c->who);
		c->uid = db_cell_int(rows, 0, 2);
		tell_guard(c, GUARD_GOOD);
		c->then(c);
	}
}

static void
ask_to_enter(struct call *c)
{
	const struct api_route *route = c->route;
	char *args = cJSON_PrintUnformatted(c->args);
	struct buf roles = {0};

	buf_put_u8(&roles, '{');
	route_roles(route, "", &roles);
	buf_put_u8(&roles, '}');
	db_ask(c->api->parts.db, c->then != NULL ? &enter : &route->stmt,
	    c->then != NULL ? on_enter : call_answered, c, db_text(args), db_text(c->from),
	    db_text(route->path + strlen("/v1/")), db_text(route_writes(route) ? "true" : "false"),
	    db_text(buf_text(&roles)), db_text(route_site_rule(route)),
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
call_refuse(struct call *c)
{
	call_error(c, c->refusal, c->why);
}

/* What is wrong with a question is told to who may ask one. */
static void
refuse_later(struct call *c, int status, const char *why)
{
	static const struct api_route anything = {
	    .method = "GET", .path = "/v1/", .roles = ROLE_ALL, .site = SITE_ANY};

	c->refusal = status;
	snprintf(c->why, sizeof c->why, "%s", why);
	c->route = &anything;
	c->then = call_refuse;
	if (c->args == NULL)
		c->args = cJSON_CreateObject();
}

static void
take_args(struct call *c)
{
	struct err e;

	if (!route_writes(c->route)) {
		c->args = query_args(c->route, c->r);
		return;
	}
	c->args = json_strict(http_body(c->r), &e);
	if (cJSON_IsObject(c->args)) {
		blank_is_empty(c->args);
		return;
	}
	if (c->args != NULL)
		err_set(&e, ERR_INPUT, "an object is needed");
	cJSON_Delete(c->args);
	c->args = NULL;
	refuse_later(c, 400, e.text);
}

/* The user at the other end of the socket; over TCP nothing but a token. */
static bool
caller_named(struct call *c)
{
	struct api_guard *guard = c->api->guard;
	uid_t uid;

	if (http_peer_uid(c->r, &uid)) {
		snprintf(c->from, sizeof c->from, "uid:%u", (unsigned)uid);
		return true;
	}
	if (!token_shown(c->r, c->from))
		c->from[0] = '\0';
	if (!guard_admits(guard, http_peer(c->r), c->from)) {
		call_error(c, 429, "too many that were not good: wait a while");
		return false;
	}
	c->guarded = true;
	if (c->from[0] != '\0')
		return true;
	refuse_unknown(c);
	return false;
}

static void
on_request(struct http_request *r, void *arg)
{
	struct call *c = mem_new(sizeof *c);

	c->api = arg;
	c->parts = &c->api->parts;
	c->r = r;
	if (!caller_named(c))
		return;
	c->route = route_find(http_path(r));
	if (c->route == NULL || strcmp(c->route->method, http_method(r)) != 0) {
		refuse_later(c, 404, "no such route");
	} else {
		c->then = c->route->special;
		take_args(c);
	}
	ask_to_enter(c);
}

/* --- its life ----------------------------------------------------------------------------- */

static const struct http_limits limits = {
    .most_body = 512 * 1024, /* a tariff file of 256 kB, quoted */
    .most_headers = 8192,
    .patience_us = 10 * SECOND_US,
    .most_connections = 64,
};

/* Behind this door every path looks alike until it is known who asks. */
static int
open_tls(struct api *a, const struct api_conf *conf, struct err *e)
{
	static const struct http_route any[] = {
	    {"GET",  "/", on_request},
            {"POST", "/", on_request}
        };

	if (conf->certificate[0] == '\0')
		return 0;
	a->tls = http_new(a->loop, &limits, any, 2, a);
	if (http_secure(a->tls, conf->certificate, conf->key, e) < 0)
		return -1;
	a->tls_port = http_listen(a->tls, conf->listen, e);
	return a->tls_port < 0 ? -1 : 0;
}

struct api *
api_new(struct loop *l, const struct api_conf *conf, const struct api_parts *parts, struct err *e)
{
	static struct http_route table[MOST_ROUTES];
	int n = routes_check(e);
	struct api *a;

	if (n < 0)
		return NULL;
	a = mem_new(sizeof *a);
	for (int i = 0; i < n; i++) {
		const struct api_route *r = route_at((size_t)i);

		table[i] = (struct http_route){r->method, r->path, on_request};
	}
	a->loop = l;
	a->conf = conf;
	a->parts = *parts;
	a->log.module = "api";
	a->guard = guard_new(l);
	a->http = http_new(l, &limits, table, (size_t)n, a);
	if (http_listen_unix(a->http, conf->socket, 0660, e) < 0 || open_tls(a, conf, e) < 0) {
		api_free(a);
		return NULL;
	}
	return a;
}

int
api_tls_port(const struct api *a)
{
	return a->tls_port;
}

int
api_load_tls(struct api *a, struct err *e)
{
	if (a->tls == NULL || a->conf->certificate[0] == '\0')
		return 0;
	return http_secure(a->tls, a->conf->certificate, a->conf->key, e);
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	http_free(a->tls);
	http_free(a->http);
	guard_free(a->guard);
	free(a);
}
