/*
 * powergated -- settings, signals and the service manager around one head-end.
 */
#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "prog/settings.h"
#include "schema.h"
#include "service/headend.h"
#include "store/db.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#define EXIT_SETTINGS 3               /* settings or schema: restarting will not help */
#define DRAIN_US      SECOND_US       /* idle sessions are closed over this */
#define DRAIN_MOST_US (6 * SECOND_US) /* and what is under way has until then */

struct powergated {
	struct loop *loop;
	const char *conf_path;
	struct headend *headend;
	struct policy policy;
	struct event *on_term, *on_int, *on_hup;
	struct timer watchdog, ending;
	int64_t end_by_us;
	int exit_code;
	bool ready, ending_now;
	struct logctx log;
};

static void
end_with(struct powergated *d, int code)
{
	d->exit_code = code;
	loop_stop(d->loop);
}

static void
on_unfit(const char *why, void *arg)
{
	struct powergated *d = arg;

	slog(d, LOG_LEVEL_ERROR, "%s: run powergatectl migrate, or the daemon that fits", why);
	end_with(d, EXIT_SETTINGS);
}

static void
on_watchdog(void *arg)
{
	struct powergated *d = arg;
	uint64_t every;

	sd_notify(0, "WATCHDOG=1");
	if (sd_watchdog_enabled(0, &every) > 0)
		timer_start(&d->watchdog, d->loop, (int64_t)every / 3, on_watchdog, d);
}

static void
tell_ready(struct powergated *d)
{
	int meters = headend_meters_port(d->headend), hooks = headend_hooks_port(d->headend);
	int tls = headend_api_port(d->headend);
	char text[160], secure[32] = "";

	if (d->ready)
		return;
	d->ready = true;
	snprintf(text, sizeof text, "READY=1\nSTATUS=meters on port %d, webhooks on port %d",
	    meters, hooks);
	sd_notify(0, text);
	on_watchdog(d);
	if (tls != 0)
		snprintf(secure, sizeof secure, " and TLS port %d", tls);
	slog(d, LOG_LEVEL_INFO, "ready: meters on port %d, webhooks on port %d, api on %s%s",
	    meters, hooks, settings.api.socket, secure);
}

/* What is still under way when time is up is taken up from the database by whoever comes next. */
static void
on_ending(void *arg)
{
	struct powergated *d = arg;
	int left = headend_under_way(d->headend);

	if (left > 0 && loop_mono_us(d->loop) < d->end_by_us) {
		timer_start(&d->ending, d->loop, SECOND_US / 20, on_ending, d);
		return;
	}
	if (left > 0)
		slog(d, LOG_LEVEL_WARN, "ending with %d things under way", left);
	end_with(d, 0);
}

static void
on_signal_end(evutil_socket_t sig, short what, void *arg)
{
	struct powergated *d = arg;
	int sessions;

	(void)sig, (void)what;
	if (d->ending_now) {
		end_with(d, 0);
		return;
	}
	d->ending_now = true;
	sessions = headend_drain(d->headend, DRAIN_US);
	slog(d, LOG_LEVEL_INFO, "ending: draining %d sessions", sessions);
	sd_notify(0, "STOPPING=1");
	d->end_by_us = loop_mono_us(d->loop) + DRAIN_MOST_US;
	timer_start(&d->ending, d->loop, SECOND_US / 5, on_ending, d);
}

static void
waits_for_restart(const char *name, void *arg)
{
	struct powergated *d = arg;

	slog(d, LOG_LEVEL_WARN, "%s has changed and waits for a restart", name);
}

static void
apply_settings(struct powergated *d)
{
	enum log_level level;

	d->policy = settings_policy(&settings);
	if (log_level_parse(settings.daemon.log_level, &level) == 0)
		log_set_level(level);
}

/* Settings the table accepts may still be wrong; then the whole of them is put back. */
static void
on_signal_reload(evutil_socket_t sig, short what, void *arg)
{
	struct powergated *d = arg;
	struct err e;

	(void)sig, (void)what;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)loop_mono_us(d->loop));
	if (settings_try(d->conf_path, &e) < 0 ||
	    conf_reload(d->conf_path, settings_sections(), waits_for_restart, d, &e) < 0 ||
	    headend_load_secrets(d->headend, &e) < 0) {
		slog(d, LOG_LEVEL_ERROR, "settings stay as they were: %s", e.text);
	} else {
		apply_settings(d);
		slog(d, LOG_LEVEL_INFO, "settings read anew");
	}
	sd_notify(0, "READY=1");
}

static int
start_headend(struct powergated *d, struct err *e)
{
	struct headend_parts parts = settings_parts(&settings);
	char conninfo[1024];

	if (settings_conninfo(&settings, conninfo, sizeof conninfo, e) < 0 ||
	    db_try(conninfo, e) < 0)
		return -1;
	apply_settings(d);
	parts.conninfo = conninfo;
	parts.schema = POWERGATE_SCHEMA;
	parts.policy = &d->policy;
	parts.on_unfit = on_unfit;
	parts.arg = d;
	d->headend = headend_new(d->loop, &parts, e);
	return d->headend == NULL ? -1 : 0;
}

static void
watch_signals(struct powergated *d)
{
	struct event_base *base = loop_base(d->loop);

	signal(SIGPIPE, SIG_IGN);
	d->on_term = evsignal_new(base, SIGTERM, on_signal_end, d);
	d->on_int = evsignal_new(base, SIGINT, on_signal_end, d);
	d->on_hup = evsignal_new(base, SIGHUP, on_signal_reload, d);
	evsignal_add(d->on_term, NULL);
	evsignal_add(d->on_int, NULL);
	evsignal_add(d->on_hup, NULL);
}

/* One descriptor a meter: the soft limit is for programs that use select(). */
static void
raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int
run(struct powergated *d)
{
	struct err e;

	raise_file_limit();
	d->loop = loop_new();
	watch_signals(d);
	if (start_headend(d, &e) < 0) {
		slog(d, LOG_LEVEL_ERROR, "%s", e.text);
		d->exit_code = e.class == ERR_RETRY ? EXIT_FAILURE : EXIT_SETTINGS;
	} else {
		tell_ready(d);
		loop_run(d->loop);
	}
	timer_stop(&d->watchdog);
	timer_stop(&d->ending);
	headend_free(d->headend);
	event_free(d->on_term);
	event_free(d->on_int);
	event_free(d->on_hup);
	loop_free(d->loop);
	conf_clear(settings_sections());
	return d->exit_code;
}

static void
usage(FILE *out)
{
	fputs("usage: powergated [-t] [-c FILE]\n"
	      "  -c FILE  settings (preset /etc/powergate/powergated.yaml)\n"
	      "  -t       check the settings and end\n"
	      "  -V       version and schema\n",
	    out);
}

int
main(int argc, char **argv)
{
	struct powergated d = {
	    .conf_path = "/etc/powergate/powergated.yaml", .log.module = "powergated"};
	bool test = false;
	struct err e;
	int option;

	while ((option = getopt(argc, argv, "c:thV")) != -1) {
		switch (option) {
		case 'c':
			d.conf_path = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'V':
			printf("powergated %s, schema %s\n", POWERGATE_VERSION, POWERGATE_SCHEMA);
			return 0;
		default:
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	if (conf_load(d.conf_path, settings_sections(), &e) < 0 ||
	    settings_check(&settings, &e) < 0) {
		fprintf(stderr, "powergated: %s\n", e.text);
		return EXIT_SETTINGS;
	}
	if (test) {
		if (settings_try(d.conf_path, &e) < 0) {
			fprintf(stderr, "powergated: %s\n", e.text);
			return EXIT_SETTINGS;
		}
		printf("%s: settings are good\n", d.conf_path);
		conf_clear(settings_sections());
		return 0;
	}
	return run(&d);
}
