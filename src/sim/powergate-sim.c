/* powergate-sim -- meters that do not exist, on real sockets. */
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/calendar.h"
#include "sim/fleet.h"
#include "sim/fleet_control.h"
#include "sim/signer.h"
#include "sim/truth.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef POWERGATE_VERSION
#define POWERGATE_VERSION "?"
#endif

struct sim {
	struct wire_conf wires;
	struct vmeter_world world;
	struct calendar *zone;
	struct truth *truth;
	struct fleet *fleet;
	struct test_signer *signer;
	struct fleet_control *control;
	const char *connect, *control_path, *signer_path;
	uint64_t seed;
};

static void
usage(FILE *out)
{
	fputs("usage: powergate-sim --connect HOST:PORT [--fleet N FIRST_ADDRESS [PROFILE]]\n"
	      "           [--meters FILE] [--set KEY=VALUE] [--fault NAME[=AMOUNT]]\n"
	      "           [--rtt-ms N] [--heartbeat S] [--zone NAME] [--seed N] [--key FILE]\n"
	      "           [--from ADDRESS]\n"
	      "           [--truth FILE] [--truth-frames] [--control PATH] [--signer PATH]\n"
	      "       powergate-sim --signer PATH [--key FILE] [--control PATH]\n",
	    out);
}

static _Noreturn void
refuse(const char *words)
{
	fprintf(stderr, "powergate-sim: %s\n", words);
	exit(2);
}

static _Noreturn void
refuse_err(const char *option, const struct err *e)
{
	fprintf(stderr, "powergate-sim: %s: %s\n", option, e->text);
	exit(2);
}

static int64_t
number_of(const char *option, const char *text, int64_t most)
{
	char *end;
	long long n;
	struct err e;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0 || n > most) {
		err_set(
		    &e, ERR_INPUT, "'%s' is not a number from 0 to %lld", text, (long long)most);
		refuse_err(option, &e);
	}
	return n;
}

/* The file holds 64 hex digits. */
static void
read_key(struct sim *s, const char *path)
{
	char text[256] = "";
	struct buf key = {0};
	struct err e;
	FILE *in = fopen(path, "re");

	if (in == NULL) {
		err_set(&e, ERR_INPUT, "%s: %s", path, strerror(errno));
		refuse_err("--key", &e);
	}
	if (fgets(text, sizeof text, in) == NULL)
		text[0] = '\0';
	fclose(in);
	if (hex_in(&key, text, &e) < 0 || key.len != sizeof s->world.master) {
		err_set(&e, ERR_INPUT, "%s does not hold 64 hex digits", path);
		refuse_err("--key", &e);
	}
	memcpy(s->world.master, key.bytes, key.len);
	buf_clear(&key);
}

static void
find_peer(struct sim *s)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found;
	char host[256];
	const char *colon = strrchr(s->connect, ':'), *from = s->connect;
	size_t len;
	int rc;

	if (colon == NULL || colon == s->connect || colon[1] == '\0')
		refuse("--connect wants HOST:PORT");
	len = (size_t)(colon - from);
	if (from[0] == '[' && from[len - 1] == ']') {
		from++;
		len -= 2;
	}
	snprintf(host, sizeof host, "%.*s", (int)len, from);
	rc = getaddrinfo(host, colon + 1, &want, &found);
	if (rc != 0) {
		fprintf(stderr, "powergate-sim: --connect: %s: %s\n", s->connect, gai_strerror(rc));
		exit(2);
	}
	memcpy(&s->wires.peer, found->ai_addr, found->ai_addrlen);
	s->wires.peer_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void
find_source(struct sim *s, const char *address)
{
	int len = sizeof s->wires.from;
	struct err e;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&s->wires.from, &len) == 0) {
		s->wires.from_len = (socklen_t)len;
		return;
	}
	err_set(&e, ERR_INPUT, "'%s' is no address", address);
	refuse_err("--from", &e);
}

/* Options that others rest on; they may stand anywhere in the line. */
static void
first_look(struct sim *s, const char *option, const char *value)
{
	struct err e;

	if (strcmp(option, "--connect") == 0)
		s->connect = value;
	else if (strcmp(option, "--from") == 0)
		find_source(s, value);
	else if (strcmp(option, "--seed") == 0)
		s->seed = (uint64_t)number_of(option, value, INT64_MAX);
	else if (strcmp(option, "--rtt-ms") == 0)
		s->wires.rtt_us = number_of(option, value, 600000) * 1000;
	else if (strcmp(option, "--heartbeat") == 0)
		s->wires.heartbeat_us = number_of(option, value, 86400) * SECOND_US;
	else if (strcmp(option, "--control") == 0)
		s->control_path = value;
	else if (strcmp(option, "--signer") == 0)
		s->signer_path = value;
	else if (strcmp(option, "--key") == 0)
		read_key(s, value);
	else if (strcmp(option, "--truth") == 0) {
		s->truth = truth_open(value, &e);
		if (s->truth == NULL)
			refuse_err(option, &e);
	} else if (strcmp(option, "--zone") == 0) {
		calendar_free(s->zone);
		s->zone = calendar_new(value, &e);
		if (s->zone == NULL)
			refuse_err(option, &e);
	}
}

/* What every meter gets, wherever it stands in the line. */
static void
preset(struct sim *s, const char *option, char **values, int n)
{
	struct err e;
	int rc = 0;

	(void)n;
	if (strcmp(option, "--set") == 0)
		rc = fleet_preset(s->fleet, values[0], &e);
	else if (strcmp(option, "--fault") == 0)
		rc = fleet_preset_fault(s->fleet, values[0], &e);
	if (rc < 0)
		refuse_err(option, &e);
}

static void
add(struct sim *s, const char *option, char **values, int n)
{
	struct err e;
	int rc = 0;

	if (strcmp(option, "--meters") == 0)
		rc = fleet_add_file(s->fleet, values[0], &e);
	else if (strcmp(option, "--fleet") == 0)
		rc = fleet_add_many(s->fleet, values[1], number_of(option, values[0], 1000000),
		    n > 2 ? values[2] : NULL, &e);
	if (rc < 0)
		refuse_err(option, &e);
}

static const struct option {
	const char *name;
	int least, most; /* values */
} options[] = {
    {"--connect",      1, 1},
    {"--from",         1, 1},
    {"--seed",         1, 1},
    {"--rtt-ms",       1, 1},
    {"--heartbeat",    1, 1},
    {"--truth",        1, 1},
    {"--truth-frames", 0, 0},
    {"--control",      1, 1},
    {"--signer",       1, 1},
    {"--key",          1, 1},
    {"--zone",         1, 1},
    {"--meters",       1, 1},
    {"--fleet",        2, 3},
    {"--set",          1, 1},
    {"--fault",        1, 1},
};

/* Checks the shape of the option at argv[0]; returns how many values follow it. */
static int
values_of(char **argv)
{
	int n = 0;
	struct err e;

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (strcmp(argv[0], options[i].name) != 0)
			continue;
		while (n < options[i].most && argv[1 + n] != NULL &&
		       strncmp(argv[1 + n], "--", 2) != 0)
			n++;
		if (n >= options[i].least)
			return n;
		err_set(&e, ERR_INPUT, "wants %d value%s", options[i].least,
		    options[i].least > 1 ? "s" : "");
		refuse_err(argv[0], &e);
	}
	fprintf(stderr, "powergate-sim: no option '%s'\n", argv[0]);
	usage(stderr);
	exit(2);
}

static void
first_look_at(struct sim *s, const char *option, char **values, int n)
{
	(void)n;
	if (strcmp(option, "--truth-frames") == 0)
		s->world.tell_frames = true;
	else
		first_look(s, option, values[0]);
}

static void
each_option(struct sim *s, char **argv,
    void (*look)(struct sim *s, const char *option, char **values, int n))
{
	for (char **a = argv + 1; *a != NULL; a++) {
		int n = values_of(a);

		look(s, a[0], a + 1, n);
		a += n;
	}
}

static void
help(char **argv)
{
	for (char **a = argv + 1; *a != NULL; a++) {
		if (strcmp(*a, "--help") != 0 && strcmp(*a, "--version") != 0)
			continue;
		if (strcmp(*a, "--help") == 0)
			usage(stdout);
		else
			puts("powergate-sim " POWERGATE_VERSION);
		exit(0);
	}
}

static void
add_meters(struct sim *s, char **argv)
{
	each_option(s, argv, preset);
	each_option(s, argv, add);
	if (fleet_count(s->fleet) > 0 && s->connect == NULL)
		refuse("--connect is missing");
	if (fleet_count(s->fleet) == 0 && s->signer_path == NULL)
		refuse("there is no meter: give --fleet or --meters, or --signer alone");
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	loop_stop(arg);
}

/* A connection a meter, and a few for ourselves. */
static void
raise_file_limit(size_t meters)
{
	const struct logctx log = {.module = "sim"};
	struct rlimit want = {1 << 20, 1 << 20}, r;

	if (setrlimit(RLIMIT_NOFILE, &want) == 0 || getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_max < meters + 32)
		log_line(&log, LOG_LEVEL_WARN, "%zu meters share %llu open files", meters,
		    (unsigned long long)r.rlim_max);
}

static void
open_sockets(struct sim *s)
{
	struct err e;

	if (s->signer_path != NULL) {
		s->signer =
		    test_signer_new(s->wires.loop, s->signer_path, s->world.master, s->seed, &e);
		if (s->signer == NULL)
			refuse_err("--signer", &e);
	}
	if (s->control_path != NULL) {
		s->control =
		    fleet_control_new(s->wires.loop, s->control_path, s->fleet, s->signer, &e);
		if (s->control == NULL)
			refuse_err("--control", &e);
	}
}

static void
run(struct sim *s)
{
	const struct logctx log = {.module = "sim"};
	struct event *term, *intr;

	signal(SIGPIPE, SIG_IGN);
	term = evsignal_new(loop_base(s->wires.loop), SIGTERM, on_signal, s->wires.loop);
	intr = evsignal_new(loop_base(s->wires.loop), SIGINT, on_signal, s->wires.loop);
	evsignal_add(term, NULL);
	evsignal_add(intr, NULL);
	fleet_start(s->fleet);
	log_line(&log, LOG_LEVEL_INFO, "%zu meters, seed %llu", fleet_count(s->fleet),
	    (unsigned long long)s->seed);
	loop_run(s->wires.loop);
	event_free(term);
	event_free(intr);
}

int
main(int argc, char **argv)
{
	struct sim s = {.seed = 1, .wires = {.heartbeat_us = MINUTE_US}};
	struct err e;

	(void)argc;
	for (size_t i = 0; i < sizeof s.world.master; i++)
		s.world.master[i] = (uint8_t)i; /* the published test key */
	help(argv);
	each_option(&s, argv, first_look_at);
	if (s.connect != NULL)
		find_peer(&s);
	if (s.zone == NULL && (s.zone = calendar_new("Asia/Shanghai", &e)) == NULL)
		refuse_err("--zone", &e);
	s.wires.loop = loop_new();
	s.world.zone = s.zone;
	s.world.tell = s.truth != NULL ? truth_tell : NULL;
	s.world.tell_arg = s.truth;
	s.fleet = fleet_new(&s.wires, &s.world, s.seed);
	add_meters(&s, argv);
	raise_file_limit(fleet_count(s.fleet));
	open_sockets(&s);
	run(&s);
	fleet_control_free(s.control);
	test_signer_free(s.signer);
	fleet_free(s.fleet);
	loop_free(s.wires.loop);
	calendar_free(s.zone);
	truth_close(s.truth);
	return 0;
}
