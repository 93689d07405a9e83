/*
 * powergated -- settings, services wired in the order of the layers, run, drain.
 *
 * The only file that knows all the others.  What one service has to tell another passes
 * through the small functions here, so that no service knows more than its own neighbours.
 */
#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "prog/settings.h"
#include "schema.h"
#include "service/api.h"
#include "service/billing.h"
#include "service/decide.h"
#include "service/fetch.h"
#include "service/hooks.h"
#include "service/intake.h"
#include "service/prices.h"
#include "service/reader.h"
#include "service/seal.h"
#include "service/signer.h"
#include "service/witness.h"
#include "store/db.h"
#include "store/store_meter.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define EXIT_SETTINGS 3 /* settings or schema: restarting will not help */
#define DRAIN_US      (2 * SECOND_US)

struct powergated {
	struct loop *loop;
	const char *conf_path;
	struct db *db;
	struct signer *signer;
	struct seal *seal;
	struct intake *intake;
	struct dispatch *dispatch;
	struct gateway *gateway;
	struct reader *reader;
	struct prices *prices;
	struct billing *billing;
	struct decider *decider;
	struct fetcher *fetcher;
	struct notify *notify;
	struct pay *pay;
	struct hooks *hooks;
	struct api *api;
	struct witness *witness;
	struct policy policy;
	struct event *on_term, *on_int, *on_hup;
	struct timer watchdog, ending;
	int meters_port, hooks_port, exit_code;
	bool ready, ending_now;
	struct logctx log;
};

/* --- who tells whom ----------------------------------------------------------------------- */

static void
session_ready_now(struct session *s, void *arg)
{
	struct powergated *d = arg;

	reader_ready(d->reader, s);
	dispatch_look_session(d->dispatch, s);
}

static void
session_free_now(struct session *s, void *arg)
{
	struct powergated *d = arg;

	dispatch_freed(d->dispatch, s);
}

static void
session_heard(struct session *s, struct meter *m, const struct meter_event *ev, int n, void *arg)
{
	struct powergated *d = arg;

	(void)s, (void)m;
	for (int i = 0; i < n; i++)
		if (ev[i].kind == EVENT_READING)
			intake_readings(d->intake, &ev[i].reading, 1);
}

static void
session_gone(struct session *s, void *arg)
{
	(void)s, (void)arg; /* turns hear of it through their own question */
}

static const struct gateway_events gateway_events = {
    session_ready_now, session_free_now, session_heard, session_gone};

static void
readings_stored(void *arg)
{
	struct powergated *d = arg;

	billing_look(d->billing);
	decider_look(d->decider); /* a relay may have moved */
}

static void
readings_rated(void *arg)
{
	struct powergated *d = arg;

	decider_look(d->decider);
}

static void
prices_changed(void *arg)
{
	struct powergated *d = arg;

	billing_prices_changed(d->billing);
	notify_look(d->notify);
}

static void
endpoint_has_work(int64_t endpoint_id, void *arg)
{
	struct powergated *d = arg;

	dispatch_look(d->dispatch, endpoint_id);
	notify_look(d->notify);
}

static void
payment_settled(int64_t endpoint_id, void *arg)
{
	struct powergated *d = arg;

	decider_look(d->decider);
	dispatch_look(d->dispatch, endpoint_id);
}

static void
notice_told(void *arg)
{
	struct powergated *d = arg;

	decider_look(d->decider);
}

static void
command_moved(void *arg)
{
	struct powergated *d = arg;

	decider_look(d->decider);
	notify_look(d->notify);
}

static void
heard_from_node(const char *payload, void *arg)
{
	struct powergated *d = arg;
	long long endpoint = 0;

	if (sscanf(payload, "look %lld", &endpoint) == 1)
		dispatch_look(d->dispatch, endpoint);
	else if (sscanf(payload, "taken %lld", &endpoint) == 1)
		gateway_refresh(d->gateway, endpoint);
}

static bool
clock_synchronised(void)
{
	struct timex t = {0}; /* asks, changes nothing */
	int state = ntp_adjtime(&t);

	return state >= 0 && state != TIME_ERROR; /* who may not ask does not know */
}

static bool
trips_allowed(void *arg)
{
	(void)arg;
	if (access(settings.commands.kill_file, F_OK) == 0)
		return false;
	return !settings.daemon.need_clock_sync || clock_synchronised();
}

/* --- life --------------------------------------------------------------------------------- */

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
	char text[160];

	if (d->ready)
		return;
	d->ready = true;
	snprintf(text, sizeof text, "READY=1\nSTATUS=meters on port %d, webhooks on port %d",
	    d->meters_port, d->hooks_port);
	sd_notify(0, text);
	on_watchdog(d);
	slog(d, LOG_LEVEL_INFO, "ready: meters on port %d, webhooks on port %d, api on %s",
	    d->meters_port, d->hooks_port, settings.api.socket);
}

static void
on_started(const struct err *e, void *arg)
{
	struct powergated *d = arg;

	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "%s", e->text);
	else
		decider_look(d->decider);
}

static void
on_ending(void *arg)
{
	end_with(arg, 0);
}

static void
on_signal_end(evutil_socket_t sig, short what, void *arg)
{
	struct powergated *d = arg;

	(void)sig, (void)what;
	if (d->ending_now) {
		end_with(d, 0);
		return;
	}
	d->ending_now = true;
	slog(d, LOG_LEVEL_INFO, "ending: draining %d sessions", gateway_count(d->gateway));
	sd_notify(0, "STOPPING=1");
	gateway_drain(d->gateway, DRAIN_US / 2);
	timer_start(&d->ending, d->loop, gateway_count(d->gateway) > 0 ? DRAIN_US : SECOND_US / 5,
	    on_ending, d);
}

static void
waits_for_restart(const char *name, void *arg)
{
	struct powergated *d = arg;

	slog(d, LOG_LEVEL_WARN, "%s has changed and waits for a restart", name);
}

static int
load_secrets(struct powergated *d, struct err *e)
{
	struct pay_source *source = settings.hooks.sources.entries;
	enum log_level level;

	for (size_t i = 0; i < settings.hooks.sources.n; i++)
		if (pay_load_source(&source[i], e) < 0)
			return -1;
	if (notify_load_secret(d->notify, e) < 0)
		return -1;
	d->policy = settings_policy(&settings);
	if (log_level_parse(settings.daemon.log_level, &level) == 0)
		log_set_level(level);
	return 0;
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
	    load_secrets(d, &e) < 0)
		slog(d, LOG_LEVEL_ERROR, "settings stay as they were: %s", e.text);
	else
		slog(d, LOG_LEVEL_INFO, "settings read anew");
	sd_notify(0, "READY=1");
}

static int
start_services(struct powergated *d, struct err *e)
{
	char channel[64], conninfo[1024];
	struct api_parts wired = {.review_voices = &settings.daemon.review_voices,
	    .tariff_voices = &settings.daemon.tariff_voices};
	const struct dispatch_events events = {trips_allowed, command_moved, d};

	if (settings_conninfo(&settings, conninfo, sizeof conninfo, e) < 0)
		return -1;
	d->seal = seal_new(d->loop, settings.meters.password_key, e);
	if (d->seal == NULL)
		return -1;
	store_password_opener(seal_open, d->seal);
	d->db = db_new(d->loop, conninfo, POWERGATE_SCHEMA, on_unfit, d);
	d->signer = signer_new(d->loop, settings.signer.socket, settings.signer.patience);
	d->intake = intake_new(d->loop, d->db, readings_stored, d);
	d->dispatch = dispatch_new(
	    d->loop, d->db, d->intake, settings.daemon.node, &settings.commands, &events);
	d->gateway = gateway_new(d->loop, d->db, d->signer, settings.daemon.node, &settings.meters,
	    &settings.session, &gateway_events, d);
	dispatch_set_gateway(d->dispatch, d->gateway);
	d->reader = reader_new(
	    d->loop, d->db, d->dispatch, d->intake, settings.daemon.node, &settings.reading, e);
	if (d->reader == NULL)
		return -1;
	reader_set_gateway(d->reader, d->gateway);
	d->prices = prices_new(d->loop, d->db, prices_changed, d);
	d->billing = billing_new(d->loop, d->db, d->prices, &settings.billing, readings_rated, d);
	d->decider = decider_new(d->loop, d->db, &d->policy, endpoint_has_work, d);
	d->fetcher = fetcher_new(d->loop);
	d->notify = notify_new(d->loop, d->db, d->fetcher, &settings.notify, notice_told, d);
	d->pay = pay_new(d->loop, d->db, payment_settled, d);
	d->hooks = hooks_new(d->loop, d->db, d->pay, &settings.hooks);
	if (load_secrets(d, e) < 0)
		return -1;
	wired.db = d->db;
	wired.gateway = d->gateway;
	wired.dispatch = d->dispatch;
	wired.billing = d->billing;
	wired.decider = d->decider;
	wired.prices = d->prices;
	wired.pay = d->pay;
	wired.seal = d->seal;
	d->api = api_new(d->loop, settings.api.socket, &wired, e);
	if (d->api == NULL || (d->hooks_port = hooks_listen(d->hooks, e)) < 0)
		return -1;
	d->witness = witness_new(d->loop, d->db, settings.daemon.state_dir, settings.daemon.node);
	snprintf(channel, sizeof channel, "node_%.40s", settings.daemon.node);
	db_listen(d->db, channel, heard_from_node, d);
	store_node_start(d->db, settings.daemon.node, loop_now_us(d->loop), on_started, d);
	d->meters_port = gateway_listen(d->gateway, e);
	return d->meters_port < 0 ? -1 : 0;
}

static void
stop_services(struct powergated *d)
{
	api_free(d->api);
	hooks_free(d->hooks);
	witness_free(d->witness);
	gateway_free(d->gateway);
	reader_free(d->reader);
	dispatch_free(d->dispatch);
	decider_free(d->decider);
	billing_free(d->billing);
	prices_free(d->prices);
	notify_free(d->notify);
	fetcher_free(d->fetcher);
	pay_free(d->pay);
	intake_free(d->intake);
	signer_free(d->signer);
	seal_free(d->seal);
	db_free(d->db);
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

static int
run(struct powergated *d)
{
	struct err e;

	d->loop = loop_new();
	watch_signals(d);
	if (start_services(d, &e) < 0) {
		slog(d, LOG_LEVEL_ERROR, "%s", e.text);
		d->exit_code = e.class == ERR_RETRY ? EXIT_FAILURE : EXIT_SETTINGS;
	} else {
		tell_ready(d);
		loop_run(d->loop);
	}
	timer_stop(&d->watchdog);
	timer_stop(&d->ending);
	stop_services(d);
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
