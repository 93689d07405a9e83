#include "story.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"
#include "call.h"
#include "codec/webhook.h"
#include "fill.h"
#include "model/calendar.h"
#include "service/sources.h"
#include "shell.h"
#include "sim/fleet.h"
#include "sim/fleet_control.h"
#include "sim/truth.h"

#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US MINUTE_US

struct zone {
	char name[64];
	struct calendar *calendar;
	struct vmeter_world world;
	struct fleet *fleet;
	struct fleet_control *control;
};

struct story {
	struct story_parts parts;
	struct wire_conf wires;
	struct webhook_secret secret;
	struct zone zones[FILL_FLEETS];
	int nzones;
	struct truth *truth;
	FILE *in, *told;
	char *line;
	size_t room;
	int number, sink_status;
	char *deed; /* what the line at hand says behind its time */
	char route[64];
	bool may_refuse;            /* the call under way */
	struct payment_out *paying; /* not taken yet */
	int hooks;                  /* not answered yet */
	PGconn *admin;
	struct timer next;
	char failure[400];
};

struct payment_out {
	struct payment_out *next, **prev;
	struct story *story;
	char number[64];
	struct buf body;
	struct timer again;
};

static void
fail(struct story *s, const char *what, const char *why)
{
	if (s->failure[0] == '\0')
		snprintf(
		    s->failure, sizeof s->failure, "line %d: %s: %.300s", s->number, what, why);
	loop_stop(s->parts.loop);
}

void
story_heard(struct story *s, const char *what, const char *words)
{
	char at[32];

	time_rfc3339_out(loop_now_us(s->parts.loop), at);
	fprintf(s->told, "%s %s %s\n", at, what, words);
}

/* --- the head ----------------------------------------------------------------------------- */

/* The first word of a line, and what follows it. */
static char *
first_word(char *line, char **rest)
{
	char *word = strsep(&line, " \n");

	*rest = line != NULL ? line : word + strlen(word);
	(*rest)[strcspn(*rest, "\n")] = '\0';
	return word;
}

int
story_head(const char *path, struct story_head *head, struct err *e)
{
	FILE *in = fopen(path, "re");
	char *line = NULL, *word, *rest;
	size_t room = 0;
	int rc = 0;

	if (in == NULL)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	while (rc == 0 && getline(&line, &room, in) > 0 && (line[0] < '0' || line[0] > '9')) {
		word = first_word(line, &rest);
		if (strcmp(word, "start") == 0)
			rc = time_rfc3339_in(rest, &head->start_us, e);
		else if (strcmp(word, "end") == 0)
			rc = time_rfc3339_in(rest, &head->end_us, e);
		else if (strcmp(word, "seed") == 0)
			head->seed = strtoull(rest, NULL, 10);
		else if (strcmp(word, "sweep") == 0)
			head->sweep_us = strtoll(rest, NULL, 10) * SECOND_US;
		else if (strcmp(word, "conf") == 0)
			snprintf(head->conf, sizeof head->conf, "%s", rest);
	}
	free(line);
	fclose(in);
	return rc;
}

static int
zone_new(struct story *s, const char *name, struct err *e)
{
	struct zone *z = &s->zones[s->nzones];

	if (s->nzones == FILL_FLEETS)
		return err_set(e, ERR_INPUT, "more than %d zones", FILL_FLEETS);
	snprintf(z->name, sizeof z->name, "%s", name);
	z->calendar = calendar_new(name, e);
	if (z->calendar == NULL)
		return -1;
	for (size_t i = 0; i < sizeof z->world.master; i++)
		z->world.master[i] = (uint8_t)i;
	z->world.zone = z->calendar;
	z->world.tell = truth_tell;
	z->world.tell_arg = s->truth;
	z->fleet = fleet_new(&s->wires, &z->world, 1 + (uint64_t)s->nzones);
	z->control = fleet_control_new(s->parts.loop, NULL, z->fleet, NULL, e);
	s->nzones++;
	return 0;
}

/* Fleets and meters, up to the first line with a time. */
static int
read_fleets(struct story *s, struct err *e)
{
	char *rest;

	while (getline(&s->line, &s->room, s->in) > 0) {
		int rc = 0;

		s->number++;
		if (s->line[0] >= '0' && s->line[0] <= '9')
			return 0;
		if (strncmp(s->line, "fleet ", 6) == 0) {
			first_word(s->line, &rest);
			rc = zone_new(s, rest, e);
		} else if (strncmp(s->line, "meter ", 6) == 0 && s->nzones > 0) {
			rc = fleet_add_line(s->zones[s->nzones - 1].fleet, s->line + 6, e);
		}
		if (rc < 0)
			return err_wrap(e, "line %d", s->number);
	}
	return err_set(e, ERR_INPUT, "nothing happens in it");
}

/* --- payments ----------------------------------------------------------------------------- */

static void pay_send(void *arg);

static void
payment_free(struct payment_out *p)
{
	*p->prev = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	timer_stop(&p->again);
	buf_clear(&p->body);
	free(p);
}

static void
on_paid(int status, const char *body, void *arg)
{
	struct payment_out *p = arg;
	struct buf words = {0};

	buf_printf(&words, "%s %d %s", p->number, status, body);
	story_heard(p->story, "pay", buf_text(&words));
	buf_clear(&words);
	if (status == 0 || status == 503) {
		timer_start(&p->again, p->story->parts.loop, AGAIN_US, pay_send, p);
		return;
	}
	if (status != 200)
		fail(p->story, "a payment was refused", body);
	payment_free(p);
}

static void
pay_send(void *arg)
{
	struct payment_out *p = arg;
	struct story *s = p->story;
	int64_t now_s = loop_now_us(s->parts.loop) / SECOND_US;
	char id[80], signature[64], target[80];
	struct buf headers = {0};

	snprintf(id, sizeof id, "msg_%s", p->number);
	webhook_sign(id, now_s, buf_span(&p->body), &s->secret, signature);
	buf_printf(&headers,
	    "Content-Type: application/json\r\nwebhook-id: %s\r\nwebhook-timestamp: %lld\r\n"
	    "webhook-signature: %s\r\n",
	    id, (long long)now_s, signature);
	snprintf(target, sizeof target, "/hooks/v1/%s", s->parts.source->name);
	call(s->parts.loop, s->parts.hooks_port, NULL, "POST", target, buf_text(&headers),
	    buf_span(&p->body), on_paid, p);
	buf_clear(&headers);
}

static int
do_pay(struct story *s, char *words, struct err *e)
{
	char account[40], number[40], currency[8] = "CNY", at[32];
	long long minor;
	struct payment_out *p;

	if (sscanf(words, "%39s %lld %39s %7s", account, &minor, number, currency) < 3)
		return err_set(e, ERR_INPUT, "pay ACCOUNT MINOR NUMBER [CURRENCY]");
	time_rfc3339_out(loop_now_us(s->parts.loop), at);
	p = mem_new(sizeof *p);
	p->story = s;
	p->next = s->paying;
	p->prev = &s->paying;
	if (p->next != NULL)
		p->next->prev = &p->next;
	s->paying = p;
	snprintf(p->number, sizeof p->number, "%s", number);
	buf_printf(&p->body,
	    "{\"type\":\"payment.succeeded\",\"timestamp\":\"%s\",\"data\":{\"payment_no\":\"%s\","
	    "\"account_no\":\"%s\",\"amount_minor\":%lld,\"currency\":\"%s\",\"paid_at\":\"%s\","
	    "\"method\":\"app\"}}",
	    at, number, account, minor, currency, at);
	pay_send(p);
	return 0;
}

/* --- other deeds -------------------------------------------------------------------------- */

static void advance(struct story *s);

static void
on_api(int status, const char *body, void *arg)
{
	struct story *s = arg;
	struct buf words = {0};

	buf_printf(&words, "%s %d %s", s->route, status, body);
	story_heard(s, "api", buf_text(&words));
	buf_clear(&words);
	if (status == 200 || s->may_refuse)
		advance(s);
	else
		fail(s, s->route, body);
}

static void
do_api(struct story *s, char *words)
{
	struct fill from = {.loop = s->parts.loop, .admin = s->admin, .nfleets = s->nzones};
	struct buf json = {0};
	char *rest, target[80];
	struct err e;

	snprintf(s->route, sizeof s->route, "%s", first_word(words, &rest));
	snprintf(target, sizeof target, "/v1/%s", s->route);
	for (int i = 0; i < s->nzones; i++)
		from.fleets[i] = s->zones[i].fleet;
	if (fill_words(&from, rest, &json, &e) < 0)
		fail(s, s->route, e.text);
	else
		call(s->parts.loop, 0, s->parts.api_socket, "POST", target, "", buf_span(&json),
		    on_api, s);
	buf_clear(&json);
}

struct hook_out {
	struct story *story;
	char file[80];
};

static void
on_hooked(int status, const char *body, void *arg)
{
	struct hook_out *h = arg;
	struct story *s = h->story;
	struct buf words = {0};

	buf_printf(&words, "%s %d %s", h->file, status, body);
	story_heard(s, "hook", buf_text(&words));
	buf_clear(&words);
	free(h);
	if (--s->hooks == 0)
		advance(s);
}

/* "/hooks/v1/app\nName: value\n...\n\nbody": what is signed is not touched. */
static int
hook_send(struct story *s, const char *file, struct err *e)
{
	char path[400], *text = NULL, *headers, *body;
	struct buf head = {0};
	struct hook_out *h;
	size_t room = 0;
	ssize_t len;
	FILE *in;

	snprintf(path, sizeof path, "%.250s/%.100s", s->parts.dir, file);
	in = fopen(path, "re");
	len = in != NULL ? getdelim(&text, &room, '\0', in) : -1;
	if (in != NULL)
		fclose(in);
	headers = len > 0 ? strchr(text, '\n') : NULL;
	body = headers != NULL ? strstr(headers, "\n\n") : NULL;
	if (body == NULL) {
		free(text);
		return err_set(e, ERR_INPUT, "%s is no notification", path);
	}
	*headers++ = '\0';
	body[1] = '\0';
	body += 2;
	for (char *line; headers < body - 1 && (line = strsep(&headers, "\n")) != NULL && *line;)
		buf_printf(&head, "%s\r\n", line);
	h = mem_new(sizeof *h);
	h->story = s;
	snprintf(h->file, sizeof h->file, "%s", file);
	s->hooks++;
	call(s->parts.loop, s->parts.hooks_port, NULL, "POST", text, buf_text(&head),
	    span_of((const uint8_t *)body, (size_t)(len - (body - text))), on_hooked, h);
	buf_clear(&head);
	free(text);
	return 0;
}

static int
do_hook(struct story *s, char *files, struct err *e)
{
	char *file;

	while ((file = strsep(&files, " ")) != NULL)
		if (hook_send(s, file, e) < 0)
			return -1;
	return 0;
}

static void
on_typed(int code, const char *words, void *arg)
{
	struct story *s = arg;
	struct buf line = {0};

	buf_printf(&line, "%d", code);
	story_heard(s, "sh", buf_text(&line));
	for (size_t len; *words != '\0'; words += len + (words[len] == '\n')) {
		buf_clear(&line);
		len = strcspn(words, "\n");
		buf_printf(&line, "%.*s", (int)len, words);
		story_heard(s, "|", buf_text(&line));
	}
	buf_clear(&line);
	advance(s);
}

static int
do_sim(struct story *s, const char *words, struct err *e)
{
	char address[16] = "";
	struct buf answer = {0};
	int rc = -1;

	sscanf(words, "%*s %15s", address);
	err_set(e, ERR_INPUT, "no meter %s", address);
	for (int i = 0; i < s->nzones; i++)
		if (strcmp(address, "all") == 0 || fleet_find(s->zones[i].fleet, address) != NULL)
			rc = fleet_control_do(s->zones[i].control, words, &answer, e);
	buf_clear(&answer);
	return rc;
}

static int
do_add(struct story *s, char *words, struct err *e)
{
	char *line, *zone = first_word(words, &line);

	for (int i = 0; i < s->nzones; i++)
		if (strcmp(s->zones[i].name, zone) == 0)
			return fleet_join(s->zones[i].fleet, line, e);
	return err_set(e, ERR_INPUT, "no fleet in %s", zone);
}

static int
admin_do(struct story *s, const char *sql, struct err *e)
{
	PGresult *r = PQexec(s->admin, sql);
	ExecStatusType status = PQresultStatus(r);
	int rc = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		rc = err_set(e, ERR_INPUT, "%s", PQerrorMessage(s->admin));
	PQclear(r);
	return rc;
}

/* Gone means: the backend has ended, and nobody gets in.  Both are waited for, so that the
 * daemon sees the same thing at the same moment each time. */
static int
do_db(struct story *s, const char *words, struct err *e)
{
	if (strcmp(words, "tidy") == 0)
		return admin_do(s, "VACUUM (ANALYZE)", e);
	if (strcmp(words, "on") == 0)
		return admin_do(s, "ALTER ROLE year_daemon LOGIN", e);
	if (admin_do(s, "ALTER ROLE year_daemon NOLOGIN", e) < 0)
		return -1;
	return admin_do(s,
	    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
	    "WHERE usename = 'year_daemon'",
	    e);
}

static void
do_on(struct story *s)
{
	for (int i = 0; i < s->nzones; i++)
		fleet_start(s->zones[i].fleet);
}

/* --- line after line ---------------------------------------------------------------------- */

static void
on_deed(void *arg)
{
	struct story *s = arg;
	char *rest, *verb = first_word(s->deed, &rest);
	struct err e = {0};
	int rc = 0;

	s->may_refuse = strcmp(verb, "wish") == 0;
	if (strcmp(verb, "api") == 0 || s->may_refuse) {
		do_api(s, rest); /* the line below waits for its answer */
		return;
	}
	if (strcmp(verb, "sh") == 0) {
		shell_run(s->parts.loop, s->parts.dir, rest, on_typed, s);
		return;
	}
	if (strcmp(verb, "hook") == 0 && do_hook(s, rest, &e) == 0)
		return;
	if (strcmp(verb, "hook") == 0)
		rc = -1;
	else if (strcmp(verb, "pay") == 0)
		rc = do_pay(s, rest, &e);
	else if (strcmp(verb, "sim") == 0)
		rc = do_sim(s, rest, &e);
	else if (strcmp(verb, "try") == 0)
		(void)do_sim(s, rest, &e);
	else if (strcmp(verb, "add") == 0)
		rc = do_add(s, rest, &e);
	else if (strcmp(verb, "db") == 0)
		rc = do_db(s, rest, &e);
	else if (strcmp(verb, "daemon") == 0)
		s->parts.daemon(strcmp(rest, "on") == 0, s->parts.arg);
	else if (strcmp(verb, "sink") == 0)
		s->sink_status = atoi(rest);
	else if (strcmp(verb, "chapter") == 0)
		story_heard(s, verb, rest);
	else if (strcmp(verb, "on") == 0)
		do_on(s);
	else
		rc = err_set(&e, ERR_INPUT, "no deed is called so");
	if (rc < 0)
		fail(s, verb, e.text);
	else
		advance(s);
}

/* Waits for the time of the line at hand. */
static void
stand_before(struct story *s)
{
	char *at = first_word(s->line, &s->deed);
	int64_t at_us;
	struct err e;

	if (time_rfc3339_in(at, &at_us, &e) < 0)
		fail(s, at, e.text);
	else
		timer_start(
		    &s->next, s->parts.loop, at_us - loop_now_us(s->parts.loop), on_deed, s);
}

static void
advance(struct story *s)
{
	if (getline(&s->line, &s->room, s->in) <= 0)
		return;
	s->number++;
	stand_before(s);
}

/* --- life --------------------------------------------------------------------------------- */

static int
open_files(struct story *s, const char *path, struct err *e)
{
	char name[300];

	snprintf(name, sizeof name, "%.280s/truth.log", s->parts.dir);
	s->truth = truth_open(name, e);
	if (s->truth == NULL)
		return -1;
	snprintf(name, sizeof name, "%.280s/told.log", s->parts.dir);
	s->told = fopen(name, "we");
	s->in = fopen(path, "re");
	if (s->told == NULL || s->in == NULL)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	s->admin = PQconnectdb(s->parts.admin);
	if (PQstatus(s->admin) != CONNECTION_OK)
		return err_set(e, ERR_INPUT, "%s", PQerrorMessage(s->admin));
	return 0;
}

static int
read_secret(struct story *s, struct err *e)
{
	char text[200];

	if (conf_secret_file(s->parts.source->secret_file, text, sizeof text, e) < 0)
		return -1;
	return webhook_secret_parse(text, &s->secret, e);
}

struct story *
story_new(const char *path, const struct story_parts *parts, struct err *e)
{
	struct story *s = mem_new(sizeof *s);
	struct sockaddr_in *peer = (struct sockaddr_in *)&s->wires.peer;

	s->parts = *parts;
	s->sink_status = 200;
	s->wires.loop = parts->loop;
	s->wires.heartbeat_us = 4 * HOUR_US;
	s->wires.peer_len = sizeof *peer;
	peer->sin_family = AF_INET;
	peer->sin_port = htons((uint16_t)parts->meters_port);
	peer->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (read_secret(s, e) == 0 && open_files(s, path, e) == 0 && read_fleets(s, e) == 0) {
		stand_before(s);
		return s;
	}
	story_free(s);
	return NULL;
}

void
story_free(struct story *s)
{
	if (s == NULL)
		return;
	timer_stop(&s->next);
	call_end_all();
	while (s->paying != NULL)
		payment_free(s->paying);
	for (int i = 0; i < s->nzones; i++) {
		fleet_control_free(s->zones[i].control);
		fleet_free(s->zones[i].fleet);
		calendar_free(s->zones[i].calendar);
	}
	truth_close(s->truth);
	if (s->told != NULL)
		fclose(s->told);
	if (s->in != NULL)
		fclose(s->in);
	PQfinish(s->admin);
	free(s->line);
	free(s);
}

const char *
story_failure(const struct story *s)
{
	return s->failure[0] != '\0' ? s->failure : NULL;
}

int
story_sink_status(const struct story *s)
{
	return s->sink_status;
}
