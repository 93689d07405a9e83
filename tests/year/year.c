/*
 * year -- a year of meters, people and money on one virtual clock.
 *
 *	year STORY DIR DAEMON-CONNINFO ADMIN-CONNINFO
 *
 * The head-end is the one powergated runs, with its settings from a file; the meters are those
 * of powergate-sim; they speak DL/T 645 over TCP on loopback, payments come as signed webhooks,
 * operators over the unix socket or by powergatectl, notices go out by HTTP.  What is not real
 * is the clock: it jumps to the next timer as soon as nobody owes an answer (flight.h), and the
 * database is waited for statement by statement (db_in_step()).  So a year takes minutes, and
 * the same story is the same to the last byte.
 */
#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "codec/webhook.h"
#include "flight.h"
#include "prog/settings.h"
#include "schema.h"
#include "service/headend.h"
#include "shell.h"
#include "sim/signer.h"
#include "story.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STUCK_S 20 /* real seconds without a move of the clock */

struct year {
	struct loop *loop;
	struct headend *headend;
	struct policy policy;
	struct story *story;
	struct evhttp *sink;
	struct test_signer *signer;
	struct story_head head;
	struct timer month;
	const char *conninfo;
	int64_t moved_us; /* the clock when it was last seen to move */
	time_t moved_s;   /* ... and the real one */
	time_t began_s;
};

static _Noreturn void
end(const char *words)
{
	fprintf(stderr, "year: %s\n", words);
	exit(1);
}

static time_t
real_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* quiet() of loop_virtual_run(); a clock that stands still for long has a reason to be told. */
static bool
quiet(void *arg)
{
	struct year *y = arg;

	if (flight_none(NULL) && !shell_busy())
		return true;
	if (loop_now_us(y->loop) != y->moved_us) {
		y->moved_us = loop_now_us(y->loop);
		y->moved_s = real_s();
	} else if (real_s() - y->moved_s > STUCK_S) {
		flight_print();
		end("somebody owes an answer and does not give it");
	}
	return false;
}

static void
on_unfit(const char *why, void *arg)
{
	(void)arg;
	end(why);
}

/* A step is what a person would want to see go by. */
static void
on_month(void *arg)
{
	struct year *y = arg;

	fprintf(stderr, "year: day %lld after %lld s\n",
	    (long long)((loop_now_us(y->loop) - y->head.start_us) / DAY_US),
	    (long long)(real_s() - y->began_s));
	timer_start(&y->month, y->loop, 30 * DAY_US, on_month, y);
}

/* --- whoever gets the notices ------------------------------------------------------------- */

static void
on_notice(struct evhttp_request *r, void *arg)
{
	struct year *y = arg;
	struct evbuffer *in = evhttp_request_get_input_buffer(r);
	struct buf words = {0};
	const char *id = evhttp_find_header(evhttp_request_get_input_headers(r), "webhook-id");
	int status = story_sink_status(y->story);

	buf_printf(&words, "%s %d %.*s", id != NULL ? id : "?", status,
	    (int)evbuffer_get_length(in), (const char *)evbuffer_pullup(in, -1));
	story_heard(y->story, "notice", buf_text(&words));
	buf_clear(&words);
	evhttp_send_reply(r, status, NULL, NULL);
}

static void
start_sink(struct year *y)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;
	char url[80];

	y->sink = evhttp_new(loop_base(y->loop));
	bound = evhttp_bind_socket_with_handle(y->sink, "127.0.0.1", 0);
	if (bound == NULL ||
	    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&a, &len) < 0)
		end("no socket for the notices");
	evhttp_set_gencb(y->sink, on_notice, y);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/notices", ntohs(a.sin_port));
	free(settings.notify.url);
	settings.notify.url = mem_text(url);
}

/* The utility's machine, where the settings want one. */
static void
start_signer(struct year *y)
{
	uint8_t master[32];
	struct err e;

	if (*settings.signer.socket == '\0')
		return;
	for (size_t i = 0; i < sizeof master; i++)
		master[i] = (uint8_t)i;
	y->signer = test_signer_new(y->loop, settings.signer.socket, master, y->head.seed, &e);
	if (y->signer == NULL)
		end(e.text);
}

/* --- life --------------------------------------------------------------------------------- */

static void
start_headend(struct year *y)
{
	struct headend_parts parts = settings_parts(&settings);
	char limited[1024];
	struct err e;

	free(settings.database.conninfo);
	settings.database.conninfo = mem_text(y->conninfo);
	if (settings_conninfo(&settings, limited, sizeof limited, &e) < 0)
		end(e.text);
	y->policy = settings_policy(&settings);
	parts.conninfo = limited;
	parts.schema = POWERGATE_SCHEMA;
	parts.policy = &y->policy;
	parts.in_step = true;
	parts.on_unfit = on_unfit;
	parts.arg = y;
	y->headend = headend_new(y->loop, &parts, &e);
	if (y->headend == NULL)
		end(e.text);
}

static void
stay_on_port(char **listen, int port)
{
	char text[40];

	snprintf(text, sizeof text, "127.0.0.1:%d", port);
	free(*listen);
	*listen = mem_text(text);
}

/* Whoever has dialled it finds it again where it was. */
static void
on_daemon(bool on, void *arg)
{
	struct year *y = arg;

	if (on && y->headend == NULL) {
		start_headend(y);
	} else if (!on && y->headend != NULL) {
		stay_on_port(&settings.meters.listen, headend_meters_port(y->headend));
		stay_on_port(&settings.hooks.listen, headend_hooks_port(y->headend));
		headend_free(y->headend);
		y->headend = NULL;
	}
}

static void
start(struct year *y, char **argv)
{
	enum log_level level;
	struct err e;

	if (story_head(argv[1], &y->head, &e) < 0 ||
	    conf_load(y->head.conf, settings_sections(), &e) < 0)
		end(e.text);
	if (log_level_parse(settings.daemon.log_level, &level) == 0)
		log_set_level(level);
	y->loop = loop_virtual_new(y->head.start_us, y->head.seed);
	loop_sweep_least(y->loop, y->head.sweep_us);
	start_sink(y);
	start_signer(y);
	y->conninfo = argv[3];
	start_headend(y);
	y->story = story_new(argv[1],
	    &(struct story_parts){
		.loop = y->loop,
		.dir = argv[2],
		.admin = argv[4],
		.api_socket = settings.api.socket,
		.meters_port = headend_meters_port(y->headend),
		.hooks_port = headend_hooks_port(y->headend),
		.source = settings.hooks.sources.entries,
		.daemon = on_daemon,
		.arg = y,
	    },
	    &e);
	if (y->story == NULL)
		end(e.text);
	timer_start(&y->month, y->loop, 30 * DAY_US, on_month, y);
}

/* One processor for all of it: what is sent first arrives first. */
static void
stay_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	sched_setaffinity(0, sizeof set, &set);
}

int
main(int argc, char **argv)
{
	struct year y = {.began_s = real_s()};
	int code = 0;

	if (argc != 5)
		end("usage: year STORY DIR DAEMON-CONNINFO ADMIN-CONNINFO");
	signal(SIGPIPE, SIG_IGN);
	stay_on_one_processor();
	start(&y, argv);
	loop_virtual_run(y.loop, y.head.end_us, quiet, &y);
	if (y.headend != NULL)
		headend_drain(y.headend, SECOND_US);
	loop_virtual_run(y.loop, loop_now_us(y.loop) + 3 * SECOND_US, quiet, &y);
	if (story_failure(y.story) != NULL) {
		fprintf(stderr, "year: %s\n", story_failure(y.story));
		code = 1;
	}
	printf("%lld days in %lld s\n",
	    (long long)((loop_now_us(y.loop) - y.head.start_us) / DAY_US),
	    (long long)(real_s() - y.began_s));
	timer_stop(&y.month);
	story_free(y.story);
	headend_free(y.headend);
	test_signer_free(y.signer);
	evhttp_free(y.sink);
	loop_free(y.loop);
	conf_clear(settings_sections());
	return code;
}
