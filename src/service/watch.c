#include "service/watch.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metric.h"
#include "service/fetch.h"
#include "service/gateway.h"
#include "service/http.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (10 * SECOND_US)
#define BUCKETS     8

/* The head-end as the database sees it: what each fact is called outside. */
static const struct fact {
	const char *name, *help;
} facts[] = {
    {"powergate_endpoints",
     "Claimed connections of meters and converters, by whether they are open."                                 },
    {"powergate_commands_live",              "Commands that wait, are on the wire or are unsure, by kind."     },
    {"powergate_command_oldest_seconds",
     "Age of the oldest due command of a meter that is connected, by kind."                                    },
    {"powergate_restores_late",
     "Restores that have been waiting for longer than the setting allows."                                     },
    {"powergate_deliveries_open",            "Credit on its way into meters, by state."                        },
    {"powergate_work_open",                  "Work items that a person has not resolved, by cause."            },
    {"powergate_alarms_open",                "Alarms of meters that nobody has resolved, by kind and severity."},
    {"powergate_messages_waiting",           "Messages that are due and not taken by their channel."           },
    {"powergate_recon_breaks_open",
     "Differences that reconciliation found and nobody resolved, by rule."                                     },
    {"powergate_recon_break_oldest_seconds", "Age of the oldest of them."                                      },
    {"powergate_exposure_minor",
     "Money used past zero that is not collected, by cause and currency."                                      },
    {"powergate_trips_halted",               "Causes for which the storm guard holds automatic trips."         },
    {"powergate_headend_held",               "1 while credit and trips are held after a restored backup."      },
    {"powergate_trips_stopped",              "1 while the kill switch is on."                                  },
};

static const struct db_stmt facts_ask = {"watch_facts", DB_BULK, false, 0,
    "SELECT name, labels, value FROM door.watch_facts($1::bigint)"};
static const struct db_stmt power_ask = {"watch_power", DB_BULK, false, 0,
    "SELECT fee_mode, took_us FROM door.watch_power($1::bigint, $2::bigint)"};

/* Payment to power, in seconds; the last bucket takes all. */
static const int bounds[BUCKETS] = {1, 2, 3, 5, 10, 30, 60, 300};
static const char *const modes[] = {"remote", "local"};

struct powered {
	int64_t in[BUCKETS + 1], sum_us;
};

struct watch {
	struct loop *loop;
	const struct watch_conf *conf;
	struct watch_parts parts;
	struct http *http;
	struct buf said;     /* the facts as they were last */
	int64_t said_us;     /* when; 0: never */
	int64_t powered_us;  /* what ended before is counted */
	int64_t powering_us; /* up to here is being asked; 0: nothing is */
	struct powered powered[2];
	bool asking, draining, mute; /* mute: the last heartbeat was not heard */
	struct timer gather, beat;
	struct logctx log;
};

/* --- what the database knows -------------------------------------------------------------- */

static void
on_facts(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct watch *w = arg;

	w->asking = false;
	if (rows == NULL) {
		slog(w, LOG_LEVEL_WARN, "facts are not to be had: %s", e->text);
		return;
	}
	buf_clear(&w->said);
	for (size_t f = 0; f < sizeof facts / sizeof *facts; f++) {
		metric_head(&w->said, facts[f].name, "gauge", facts[f].help);
		for (int i = 0; i < db_rows_count(rows); i++)
			if (strcmp(db_cell_text(rows, i, 0), facts[f].name) == 0)
				buf_printf(&w->said, "%s%s %lld\n", facts[f].name,
				    db_cell_text(rows, i, 1), (long long)db_cell_int(rows, i, 2));
	}
	w->said_us = loop_mono_us(w->loop);
}

static void
count_power(struct powered *p, int64_t took_us)
{
	int b = 0;

	while (b < BUCKETS && took_us > bounds[b] * SECOND_US)
		b++;
	p->in[b]++;
	p->sum_us += took_us;
}

static void
on_power(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct watch *w = arg;

	if (rows != NULL) /* else the same span once more; the facts beside it say so */
		w->powered_us = w->powering_us;
	w->powering_us = 0;
	(void)e;
	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++)
		count_power(&w->powered[strcmp(db_cell_text(rows, i, 0), modes[1]) == 0],
		    db_cell_int(rows, i, 1));
}

static void
on_gather(void *arg)
{
	struct watch *w = arg;
	int64_t now = loop_now_us(w->loop);

	timer_sweep(&w->gather, w->loop, w->conf->refresh_us, on_gather, w);
	if (w->asking || w->powering_us != 0 || !db_up(w->parts.db))
		return;
	w->asking = true;
	db_ask(w->parts.db, &facts_ask, on_facts, w, db_int(now));
	/* a commit may be a little behind the time it carries */
	w->powering_us = now - 2 * SECOND_US;
	db_ask(w->parts.db, &power_ask, on_power, w, db_int(w->powered_us), db_int(w->powering_us));
}

/* --- /metrics ----------------------------------------------------------------------------- */

static void
put_gauge(struct buf *out, const char *family, const char *help, int64_t value)
{
	metric_head(out, family, "gauge", help);
	buf_printf(out, "%s %lld\n", family, (long long)value);
}

static void
put_powered(struct buf *out, const char *mode, const struct powered *p)
{
	static const char name[] = "powergate_payment_to_power_seconds";
	int64_t n = 0;

	for (int b = 0; b < BUCKETS; b++) {
		n += p->in[b];
		buf_printf(out, "%s_bucket{fee_control=\"%s\",le=\"%d\"} %lld\n", name, mode,
		    bounds[b], (long long)n);
	}
	n += p->in[BUCKETS];
	buf_printf(
	    out, "%s_bucket{fee_control=\"%s\",le=\"+Inf\"} %lld\n", name, mode, (long long)n);
	buf_printf(out, "%s_sum{fee_control=\"%s\"} %lld.%06lld\n", name, mode,
	    (long long)(p->sum_us / SECOND_US), (long long)(p->sum_us % SECOND_US));
	buf_printf(out, "%s_count{fee_control=\"%s\"} %lld\n", name, mode, (long long)n);
}

static void
put_own(struct watch *w, struct buf *out)
{
	put_gauge(out, "powergate_sessions", "Open connections of meters and converters.",
	    gateway_count(w->parts.gateway));
	put_gauge(out, "powergate_database_up", "1 while every lane to PostgreSQL is connected.",
	    db_up(w->parts.db));
	put_gauge(out, "powergate_trips_allowed",
	    "0 while the kill file exists or the clock is not synchronised.",
	    w->parts.trips_allowed(w->parts.arg));
	metric_head(
	    out, "powergate_lane_backlog", "gauge", "Statements asked and not answered, by lane.");
	for (int l = 0; l < DB_LANES; l++)
		buf_printf(out, "powergate_lane_backlog{lane=\"%s\"} %d\n",
		    db_lane_name((enum db_lane)l), db_backlog(w->parts.db, (enum db_lane)l));
	metric_head(out, "powergate_build_info", "gauge", "The version, as a label.");
	buf_printf(out, "powergate_build_info{version=\"%s\"} 1\n", POWERGATE_VERSION);
}

static void
on_metrics(struct http_request *r, void *arg)
{
	struct watch *w = arg;
	struct buf out = {0};

	put_own(w, &out);
	metric_print(&out);
	metric_head(&out, "powergate_payment_to_power_seconds", "histogram",
	    "From the webhook's arrival to the relay seen closed, or the credit seen in the "
	    "meter.");
	for (int m = 0; m < 2; m++)
		put_powered(&out, modes[m], &w->powered[m]);
	if (w->said_us != 0) {
		put_gauge(&out, "powergate_facts_age_seconds",
		    "Since when the figures of the whole head-end are what they are.",
		    (loop_mono_us(w->loop) - w->said_us) / SECOND_US);
		buf_put(&out, w->said.bytes, w->said.len);
	}
	http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&out));
	buf_clear(&out);
}

/* --- alive and ready ---------------------------------------------------------------------- */

static void
on_alive(struct http_request *r, void *arg)
{
	(void)arg;
	http_reply_json(r, 200, "{\"status\":\"ok\"}");
}

static const char *
unready(const struct watch *w)
{
	if (w->draining)
		return "it is draining";
	return db_up(w->parts.db) ? NULL : "the database is away";
}

static void
on_ready(struct http_request *r, void *arg)
{
	const char *why = unready(arg);
	char json[80];

	snprintf(json, sizeof json, "{\"status\":\"%s\"}", why != NULL ? why : "ready");
	http_reply_json(r, why != NULL ? 503 : 200, json);
}

static const struct http_route routes[] = {
    {"GET", "/metrics", on_metrics},
    {"GET", "/healthz", on_alive  },
    {"GET", "/readyz",  on_ready  },
};

/* --- the heartbeat ------------------------------------------------------------------------ */

static void
on_beaten(int status, struct span body, const struct err *e, void *arg)
{
	struct watch *w = arg;
	bool heard = status >= 200 && status < 300;

	(void)body;
	if (!heard && !w->mute)
		slog(w, LOG_LEVEL_WARN, "the heartbeat is not heard: %s",
		    status == 0 ? e->text : "it was answered with a refusal");
	w->mute = !heard;
}

/* Only who is ready has a heart that beats. */
static void
on_beat(void *arg)
{
	static const char *const headers[] = {NULL};
	struct watch *w = arg;

	timer_sweep(&w->beat, w->loop, w->conf->heartbeat_us, on_beat, w);
	if (w->conf->heartbeat[0] != '\0' && unready(w) == NULL)
		fetch(w->parts.fetcher, "GET", w->conf->heartbeat, headers, (struct span){0},
		    PATIENCE_US, on_beaten, w);
}

/* --- life --------------------------------------------------------------------------------- */

struct watch *
watch_new(struct loop *l, const struct watch_conf *conf, const struct watch_parts *parts)
{
	static const struct http_limits limits = {.most_body = 1024,
	    .most_headers = 8192,
	    .patience_us = PATIENCE_US,
	    .most_connections = 16,
	    .keep_alive = true};
	struct watch *w = mem_new(sizeof *w);

	w->loop = l;
	w->conf = conf;
	w->parts = *parts;
	w->log.module = "watch";
	w->powered_us = loop_now_us(l);
	w->http = http_new(l, &limits, routes, sizeof routes / sizeof *routes, w);
	if (conf->listen[0] != '\0')
		timer_start(&w->gather, l, SECOND_US / 10, on_gather, w);
	timer_start(&w->beat, l, SECOND_US, on_beat, w);
	return w;
}

int
watch_listen(struct watch *w, struct err *e)
{
	return w->conf->listen[0] == '\0' ? 0 : http_listen(w->http, w->conf->listen, e);
}

void
watch_draining(struct watch *w)
{
	w->draining = true;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	timer_stop(&w->gather);
	timer_stop(&w->beat);
	http_free(w->http);
	buf_clear(&w->said);
	free(w);
}
