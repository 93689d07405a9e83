#include "world.h"

#include "base/buf.h"
#include "base/loop.h"
#include "service/fetch.h"
#include "service/http.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
world_say(struct world *w, const char *fmt, ...)
{
	int64_t ms = (loop_now_us(w->loop) - w->start_us) / 1000;
	va_list ap;

	printf("%4lld.%03lld  ", (long long)ms / 1000, (long long)ms % 1000);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* --- the database ------------------------------------------------------------------------- */

static PGresult *
query(struct world *w, const char *sql, const char *a, const char *b)
{
	const char *values[] = {a, b};
	PGresult *r = PQexecParams(w->db, sql,
	    a == NULL   ? 0
	    : b == NULL ? 1
			: 2,
	    NULL, values, NULL, NULL, 0);

	if (PQresultStatus(r) != PGRES_TUPLES_OK) {
		fprintf(stderr, "story: %s", PQresultErrorMessage(r));
		exit(1);
	}
	return r;
}

int64_t
world_number(struct world *w, const char *sql, const char *a, const char *b)
{
	PGresult *r = query(w, sql, a, b);
	int64_t n = -1;

	if (PQntuples(r) > 0 && !PQgetisnull(r, 0, 0))
		n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return n;
}

void
world_tell_events(struct world *w)
{
	char last[24];
	PGresult *r;

	snprintf(last, sizeof last, "%lld", (long long)w->last_event);
	r = query(w,
	    "SELECT e.id, e.kind, COALESCE(m.address, a.number, '-'), e.text FROM powergate.event e"
	    " LEFT JOIN powergate.meter m ON m.id = e.meter_id"
	    " LEFT JOIN powergate.account a ON a.id = e.account_id WHERE e.id > $1::bigint ORDER "
	    "BY e.id",
	    last, NULL);
	for (int i = 0; i < PQntuples(r); i++) {
		w->last_event = strtoll(PQgetvalue(r, i, 0), NULL, 10);
		if (strcmp(PQgetvalue(r, i, 1), "relay") == 0 &&
		    strncmp(PQgetvalue(r, i, 3), "relay unknown", 13) == 0)
			continue; /* first look at a meter */
		world_say(w, "  %-12s %-12s %s", PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
		    PQgetvalue(r, i, 3));
	}
	PQclear(r);
}

bool
world_payment_complete(struct world *w, const char *payment_no, bool print)
{
	static const struct {
		const char *member, *words;
	} steps[] = {
	    {"received_us",     "webhook received"  },
	    {"committed_us",    "ledger committed"  },
	    {"dispatched_us",   "command dispatched"},
	    {"acknowledged_us", "meter acknowledged"},
	    {"done_us",         "seen in the meter" },
	    {"notified_us",     "customer notified" },
	};
	PGresult *r = query(w,
	    "SELECT door.api_payment_show(jsonb_build_object('payment_no', $1::text), 'story', 0)",
	    payment_no, NULL);
	cJSON *o = PQntuples(r) > 0 ? cJSON_Parse(PQgetvalue(r, 0, 0)) : NULL;
	double first = 0;
	bool complete = o != NULL;

	PQclear(r);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		complete = complete && cJSON_IsNumber(cJSON_GetObjectItem(o, steps[i].member));
	for (size_t i = 0; print && complete && i < sizeof steps / sizeof *steps; i++) {
		double at = cJSON_GetObjectItem(o, steps[i].member)->valuedouble;

		if (i == 0)
			first = at;
		printf("            %-20s +%.3f s%s\n", steps[i].words, (at - first) / 1e6,
		    i == 4 ? strcmp(cJSON_GetObjectItem(o, "mode")->valuestring, "local") == 0
				 ? "   balance and purchase count have moved"
				 : "   relay is closed"
			   : "");
	}
	if (print && complete)
		printf("            %-20s  %.3f s\n", "payment to power",
		    cJSON_GetObjectItem(o, "total_us")->valuedouble / 1e6);
	fflush(stdout);
	cJSON_Delete(o);
	return complete;
}

/* --- the simulated meters ----------------------------------------------------------------- */

static cJSON *
ask_sim(struct world *w, const char *line)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[16384];
	size_t n = 0;
	ssize_t got;

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", w->sim_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    dprintf(fd, "%s\n", line) < 0) {
		perror("story: simulator");
		exit(1);
	}
	while (n < sizeof answer - 1 && (got = read(fd, answer + n, sizeof answer - 1 - n)) > 0) {
		n += (size_t)got;
		if (answer[n - 1] == '\n')
			break;
	}
	answer[n] = '\0';
	close(fd);
	return cJSON_Parse(answer);
}

bool
world_meter_text(struct world *w, const char *address, const char *member, char *out, size_t room)
{
	char line[64];
	const cJSON *v;
	cJSON *o;

	snprintf(line, sizeof line, "state %s", address);
	o = ask_sim(w, line);
	v = cJSON_GetObjectItem(o, member);
	out[0] = '\0';
	if (cJSON_IsString(v))
		snprintf(out, room, "%s", v->valuestring);
	else if (cJSON_IsNumber(v))
		snprintf(out, room, "%.0f", v->valuedouble);
	cJSON_Delete(o);
	return out[0] != '\0';
}

int64_t
world_meter_number(struct world *w, const char *address, const char *member)
{
	char text[32];

	return world_meter_text(w, address, member, text, sizeof text) ? strtoll(text, NULL, 10)
								       : -1;
}

bool
world_meter_is(struct world *w, const char *address, const char *relay)
{
	char text[32];

	world_meter_text(w, address, "relay", text, sizeof text);
	return strcmp(text, relay) == 0;
}

void
world_meter_set(struct world *w, const char *command)
{
	cJSON_Delete(ask_sim(w, command));
}

/* --- payments and notices ----------------------------------------------------------------- */

static void
on_paid(int status, struct span body, const struct err *e, void *arg)
{
	struct world *w = arg;

	if (status == 200)
		w->payments_answered++;
	else
		world_say(w, "  payment answered %d %.*s %s", status, (int)body.len,
		    (const char *)body.bytes, e->text);
}

void
world_pay(struct world *w, const char *account, int64_t minor, const char *payment_no)
{
	int64_t now = loop_now_us(w->loop);
	char id[80], h1[100], h2[80], h3[120], signature[64], at[32];
	const char *headers[] = {"Content-Type: application/json", h1, h2, h3, NULL};
	struct buf body = {0};

	time_rfc3339_out(w->start_us, at); /* the same in a repeat */
	buf_printf(&body,
	    "{\"type\":\"payment.succeeded\",\"timestamp\":\"%s\",\"data\":{\"payment_no\":\"%s\","
	    "\"account_no\":\"%s\",\"amount_minor\":%lld,\"currency\":\"CNY\",\"paid_at\":\"%s\","
	    "\"method\":\"app\"}}",
	    at, payment_no, account, (long long)minor, at);
	snprintf(id, sizeof id, "msg_%s", payment_no);
	webhook_sign(id, now / SECOND_US, buf_span(&body), &w->pay_secret, signature);
	snprintf(h1, sizeof h1, "webhook-id: %s", id);
	snprintf(h2, sizeof h2, "webhook-timestamp: %lld", (long long)(now / SECOND_US));
	snprintf(h3, sizeof h3, "webhook-signature: %s", signature);
	w->payments_sent++;
	fetch(
	    w->fetcher, "POST", w->hook_url, headers, buf_span(&body), 10 * SECOND_US, on_paid, w);
	buf_clear(&body);
}

static void
on_notice(struct http_request *r, void *arg)
{
	struct world *w = arg;
	const struct webhook_head head = {http_header(r, "webhook-id"),
	    http_header(r, "webhook-timestamp"), http_header(r, "webhook-signature")};
	struct err e;
	cJSON *o, *data;

	if (webhook_verify(&head, http_body(r), &w->notice_secret, 1, loop_now_us(w->loop), &e) <
	    0) {
		w->notices_bad++;
		world_say(w, "  notice with a bad signature: %s", e.text);
		http_reply_json(r, 401, "{}");
		return;
	}
	w->notices_good++;
	o = json_strict(http_body(r), &e);
	data = cJSON_GetObjectItemCaseSensitive(o, "data");
	if (cJSON_IsObject(data)) {
		const cJSON *who = cJSON_GetObjectItemCaseSensitive(data, "account");
		const cJSON *text = cJSON_GetObjectItemCaseSensitive(data, "text");

		world_say(w, "  notice       %-12s %s%s%s",
		    cJSON_IsString(who) ? who->valuestring : "staff",
		    cJSON_GetObjectItemCaseSensitive(o, "type")->valuestring + 7,
		    cJSON_IsString(text) ? ": " : "",
		    cJSON_IsString(text) ? text->valuestring : "");
	}
	cJSON_Delete(o);
	http_reply_json(r, 200, "{}");
}

int
world_open(struct world *w, const char *conninfo, const char *sink_address, struct err *e)
{
	static const struct http_route routes[] = {
	    {"POST", "/notices", on_notice}
        };
	static const struct http_limits limits = {65536, 8192, 10 * SECOND_US, 64, false};

	w->loop = loop_new();
	w->start_us = loop_now_us(w->loop);
	w->db = PQconnectdb(conninfo);
	if (PQstatus(w->db) != CONNECTION_OK)
		return err_set(e, ERR_RETRY, "%s", PQerrorMessage(w->db));
	PQclear(PQexec(w->db, "CREATE TEMP TABLE story_mark (mark bigint)"));
	w->fetcher = fetcher_new(w->loop);
	w->sink = http_new(w->loop, &limits, routes, 1, w);
	return http_listen(w->sink, sink_address, e) < 0 ? -1 : 0;
}

void
world_close(struct world *w)
{
	http_free(w->sink);
	fetcher_free(w->fetcher);
	PQfinish(w->db);
	loop_free(w->loop);
}
