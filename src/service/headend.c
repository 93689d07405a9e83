#include "service/headend.h"

#include "base/log.h"
#include "base/loop.h"
#include "service/alarms.h"
#include "service/api.h"
#include "service/asker.h"
#include "service/billing.h"
#include "service/clocks.h"
#include "service/debts.h"
#include "service/decide.h"
#include "service/fetch.h"
#include "service/groups.h"
#include "service/hints.h"
#include "service/intake.h"
#include "service/months.h"
#include "service/poll.h"
#include "service/price_wish.h"
#include "service/prices.h"
#include "service/seal.h"
#include "service/signer.h"
#include "service/watch.h"
#include "service/witness.h"
#include "store/store_meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <unistd.h>

struct headend {
	struct loop *loop;
	struct headend_parts parts;
	struct db *db;
	struct signer *signer;
	struct seal *seal;
	struct months *months;
	struct intake *intake;
	struct hints *hints;
	struct dispatch *dispatch;
	struct gateway *gateway;
	struct clocks *clocks;
	struct reader *reader;
	struct prices *prices;
	struct price_wish *price_wish;
	struct simulator *simulator;
	struct billing *billing;
	struct decider *decider;
	struct debts *debts;
	struct groups *groups;
	struct recon *recon;
	struct alarms *alarms;
	struct reports *reports;
	struct fetcher *fetcher;
	struct notify *notify;
	struct pay *pay;
	struct hooks *hooks;
	struct asker *asker;
	struct api *api;
	struct witness *witness;
	struct watch *watch;
	int meters_port, hooks_port;
	struct logctx log;
};

/* --- who tells whom ----------------------------------------------------------------------- */

static void
session_ready_now(struct session *s, void *arg)
{
	struct headend *h = arg;

	reader_ready(h->reader, s);
	dispatch_look_session(h->dispatch, s);
}

static void
session_free_now(struct session *s, void *arg)
{
	struct headend *h = arg;

	dispatch_freed(h->dispatch, s);
	if (session_endpoint(s) == NULL)
		return;
	clocks_freed(h->clocks, session_endpoint(s)->id);
	reader_freed(h->reader, s);
}

static void
session_heard(struct session *s, struct meter *m, const struct meter_event *ev, int n, void *arg)
{
	struct headend *h = arg;

	(void)s;
	for (int i = 0; i < n; i++) {
		const struct reading *r = &ev[i].reading;

		if (ev[i].kind == EVENT_REPORT)
			check_hurry(m);
		if (ev[i].kind != EVENT_READING)
			continue;
		if (r->reg == REG_STATUS && !m->off_told &&
		    meter_status_relay((uint32_t)r->value) != RELAY_CLOSED)
			poll_soon(m); /* a poll finds out why, and tells both */
		else
			intake_readings(h->intake, r, 1);
	}
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
	struct headend *h = arg;

	billing_look(h->billing);
	decider_look(h->decider); /* a relay may have moved */
}

static void
readings_rated(void *arg)
{
	struct headend *h = arg;

	decider_look(h->decider);
}

static void
prices_changed(void *arg)
{
	struct headend *h = arg;

	billing_prices_changed(h->billing);
	notify_look(h->notify);
	price_wish_look(h->price_wish);
}

static void
endpoint_has_work(int64_t endpoint_id, void *arg)
{
	struct headend *h = arg;

	dispatch_look(h->dispatch, endpoint_id);
	notify_look(h->notify);
}

static void
payment_settled(int64_t endpoint_id, void *arg)
{
	struct headend *h = arg;

	debts_look(h->debts);
	decider_look(h->decider);
	dispatch_look(h->dispatch, endpoint_id);
}

static void
payment_split(int64_t endpoint_id, void *arg)
{
	struct headend *h = arg;

	decider_look(h->decider);
	if (endpoint_id != 0)
		dispatch_look(h->dispatch, endpoint_id);
}

static void
group_ordered(int64_t endpoint_id, void *arg)
{
	struct headend *h = arg;

	payment_split(endpoint_id, h);
	reader_look(h->reader); /* it may have been a freeze */
}

static void
notice_told(void *arg)
{
	struct headend *h = arg;

	decider_look(h->decider);
}

static void
command_moved(void *arg)
{
	struct headend *h = arg;

	decider_look(h->decider);
	notify_look(h->notify);
}

static void
endpoint_elsewhere(int64_t endpoint_id, void *arg)
{
	struct headend *h = arg;

	hints_add(h->hints, endpoint_id);
}

/* What another node says; if the meter has left since, its new node looks by itself. */
static void
heard_from_node(const char *payload, void *arg)
{
	struct headend *h = arg;
	long long endpoint = 0, epoch = 0;

	if (sscanf(payload, "look %lld", &endpoint) == 1) {
		struct session *s = gateway_find(h->gateway, endpoint);

		slog(h, LOG_LEVEL_DEBUG, "hint: endpoint %lld has work", endpoint);
		if (s != NULL)
			dispatch_look(h->dispatch, endpoint);
	} else if (sscanf(payload, "taken %lld %lld", &endpoint, &epoch) == 2) {
		gateway_taken(h->gateway, endpoint, epoch);
	} else if (sscanf(payload, "refresh %lld %lld", &endpoint, &epoch) == 2) {
		gateway_refreshed(h->gateway, endpoint, epoch);
	}
}

static void
node_started(const struct err *e, void *arg)
{
	struct headend *h = arg;

	if (e->class != ERR_NONE)
		slog(h, LOG_LEVEL_ERROR, "%s", e->text);
	else
		decider_look(h->decider);
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
	const struct headend *h = arg;

	if (access(h->parts.commands->kill_file, F_OK) == 0)
		return false;
	return !*h->parts.need_clock_sync || clock_synchronised();
}

/* --- life --------------------------------------------------------------------------------- */

int
headend_load_secrets(struct headend *h, struct err *e)
{
	if (hooks_load_sources(h->hooks, e) < 0)
		return -1;
	if (h->api != NULL && api_load_tls(h->api, e) < 0)
		return -1;
	return notify_load_secret(h->notify, e);
}

static const struct check_conf no_checks; /* nobody is asked */

/* Towards the meters: each service after those it speaks to. */
static int
start_field(struct headend *h, struct err *e)
{
	const struct headend_parts *p = &h->parts;
	const struct dispatch_events events = {trips_allowed, command_moved, endpoint_elsewhere, h};

	h->seal = seal_new(h->loop, p->meters->password_key, e);
	if (h->seal == NULL)
		return -1;
	store_password_opener(seal_open, h->seal);
	h->db = db_new(h->loop, p->conninfo, p->schema, p->on_unfit, p->arg);
	if (p->in_step)
		db_in_step(h->db);
	h->months = months_new(h->loop, h->db, p->node, &p->reading->keep_months);
	h->signer = signer_new(h->loop, p->signer_socket, p->signer_patience_us);
	h->intake = intake_new(h->loop, h->db, readings_stored, h);
	h->hints = hints_new(h->loop, h->db, p->node);
	h->dispatch = dispatch_new(h->loop, h->db, h->intake, p->node, p->commands, &events);
	h->gateway = gateway_new(
	    h->loop, h->db, h->signer, p->node, p->meters, p->session, &gateway_events, h);
	dispatch_set_gateway(h->dispatch, h->gateway);
	h->clocks = clocks_new(h->loop, h->db, h->dispatch, p->clock);
	clocks_set_gateway(h->clocks, h->gateway);
	h->reader = reader_new(h->loop, h->db, h->dispatch, h->intake, h->clocks, p->node,
	    p->reading, p->alarms != NULL ? &p->alarms->check : &no_checks, e);
	if (h->reader == NULL)
		return -1;
	reader_set_gateway(h->reader, h->gateway);
	return 0;
}

/* Towards people: money, decisions, notices, and the doors. */
static int
start_office(struct headend *h, struct err *e)
{
	const struct headend_parts *p = &h->parts;
	struct api_parts wired = {.review_voices = p->review_voices,
	    .tariff_voices = p->tariff_voices,
	    .tariff_limits = p->tariffs,
	    .sources = &p->hooks->sources};

	h->prices = prices_new(h->loop, h->db, prices_changed, h);
	h->price_wish = price_wish_new(h->loop, h->db, h->prices);
	h->simulator = simulator_new(h->loop, h->db, h->prices);
	h->billing = billing_new(h->loop, h->db, h->prices, p->billing, readings_rated, h);
	h->decider = decider_new(h->loop, h->db, p->policy, endpoint_has_work, h);
	h->debts = debts_new(h->loop, h->db, payment_split, h);
	h->groups = groups_new(h->loop, h->db, group_ordered, h);
	if (p->recon != NULL)
		h->recon = recon_new(h->loop, h->db, p->node, p->recon);
	if (p->alarms != NULL)
		h->alarms = alarms_new(h->loop, h->db, p->alarms);
	if (p->report != NULL)
		h->reports = reports_new(h->loop, h->db, p->node, p->report);
	h->fetcher = fetcher_new(h->loop);
	h->notify = notify_new(h->loop, h->db, h->fetcher, &p->notify, notice_told, h);
	h->pay = pay_new(h->loop, h->db, payment_settled, h);
	h->hooks = hooks_new(h->loop, h->db, h->pay, h->notify, p->hooks);
	if (headend_load_secrets(h, e) < 0)
		return -1;
	h->asker = asker_new(h->loop, h->db, h->fetcher, h->pay, h->hooks, p->orders);
	wired.db = h->db;
	wired.gateway = h->gateway;
	wired.dispatch = h->dispatch;
	wired.billing = h->billing;
	wired.decider = h->decider;
	wired.prices = h->prices;
	wired.simulator = h->simulator;
	wired.recon = p->recon;
	wired.refunds = p->refunds;
	wired.pay = h->pay;
	wired.seal = h->seal;
	h->api = api_new(h->loop, p->api, &wired, e);
	return h->api == NULL || (h->hooks_port = hooks_listen(h->hooks, e)) < 0 ? -1 : 0;
}

static int
headend_start(struct headend *h, struct err *e)
{
	const struct headend_parts *p = &h->parts;
	char channel[64];

	if (witness_try(p->state_dir, e) < 0 || start_field(h, e) < 0 || start_office(h, e) < 0)
		return -1;
	h->witness = witness_new(h->loop, h->db, p->state_dir, p->node);
	if (p->watch != NULL) {
		const struct watch_parts seen = {h->db, h->gateway, h->fetcher, trips_allowed, h};

		h->watch = watch_new(h->loop, p->watch, &seen);
		if (watch_listen(h->watch, e) < 0)
			return -1;
	}
	snprintf(channel, sizeof channel, "node_%.40s", p->node);
	db_listen(h->db, channel, heard_from_node, h);
	store_node_start(h->db, p->node, loop_now_us(h->loop), node_started, h);
	h->meters_port = gateway_listen(h->gateway, e);
	return h->meters_port < 0 ? -1 : 0;
}

struct headend *
headend_new(struct loop *l, const struct headend_parts *parts, struct err *e)
{
	struct headend *h = mem_new(sizeof *h);

	h->loop = l;
	h->parts = *parts;
	h->log.module = "headend";
	if (headend_start(h, e) == 0) {
		h->parts.conninfo = NULL; /* it may hold a password */
		return h;
	}
	headend_free(h);
	return NULL;
}

void
headend_free(struct headend *h)
{
	if (h == NULL)
		return;
	watch_free(h->watch);
	api_free(h->api);
	hooks_free(h->hooks);
	witness_free(h->witness);
	gateway_free(h->gateway);
	reader_free(h->reader);
	clocks_free(h->clocks);
	dispatch_free(h->dispatch);
	decider_free(h->decider);
	hints_free(h->hints);
	billing_free(h->billing);
	simulator_free(h->simulator);
	price_wish_free(h->price_wish);
	reports_free(h->reports);
	alarms_free(h->alarms);
	recon_free(h->recon);
	groups_free(h->groups);
	debts_free(h->debts);
	prices_free(h->prices);
	notify_free(h->notify);
	fetcher_free(h->fetcher);
	pay_free(h->pay);
	asker_free(h->asker);
	intake_free(h->intake);
	months_free(h->months);
	signer_free(h->signer);
	seal_free(h->seal);
	db_free(h->db);
	free(h);
}

int
headend_meters_port(const struct headend *h)
{
	return h->meters_port;
}

int
headend_hooks_port(const struct headend *h)
{
	return h->hooks_port;
}

int
headend_api_port(const struct headend *h)
{
	return api_tls_port(h->api);
}

const struct db *
headend_db(const struct headend *h)
{
	return h->db;
}

int
headend_drain(struct headend *h, int64_t over_us)
{
	int n = gateway_count(h->gateway);

	if (h->watch != NULL)
		watch_draining(h->watch);
	gateway_drain(h->gateway, over_us);
	return n;
}

int
headend_under_way(const struct headend *h)
{
	int n = gateway_count(h->gateway);

	if (db_up(h->db)) /* or it is not to be waited for */
		n += db_backlog(h->db, DB_MONEY) + db_backlog(h->db, DB_COMMANDS);
	return n;
}
