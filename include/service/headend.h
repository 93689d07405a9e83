/*
 * headend -- every service of one process, wired.
 *
 * The only file that knows all the others.  What one service has to tell another passes
 * through small functions in headend.c, so that no service knows more than its own neighbours.
 * A program brings the loop, the settings and what it alone can know; the daemon brings real
 * time, a story a clock of its own, and both run the same services.
 *
 * To add a service: its pointer in struct headend, its line in headend_start() and in
 * headend_free(), and what it hears in "who tells whom".
 */
#ifndef SERVICE_HEADEND_H
#define SERVICE_HEADEND_H

#include "model/supply.h"
#include "service/alarms.h"
#include "service/api.h"
#include "service/asker.h"
#include "service/billing.h"
#include "service/dispatch.h"
#include "service/gateway.h"
#include "service/hooks.h"
#include "service/notify.h"
#include "service/reader.h"
#include "service/recon.h"
#include "service/reports.h"
#include "service/simulate.h"
#include "service/watch.h"
#include "store/db.h"

struct headend;
struct loop;

/* All of it is borrowed and outlives the head-end.  Settings that a reload changes are changed
 * where they lie. */
struct headend_parts {
	const char *node; /* this process among several on one database */
	const char *state_dir;
	const char *conninfo; /* copied */
	const char *schema;
	const struct api_conf *api;
	const char *signer_socket; /* empty: none */
	int64_t signer_patience_us;
	const int64_t *review_voices, *tariff_voices;
	const bool
	    *need_clock_sync; /* no trip leaves while the system's clock is not synchronised */
	const struct gateway_conf *meters;
	const struct session_conf *session;
	const struct dispatch_conf *commands;
	const struct reader_conf *reading;
	const struct clocks_conf *clock;
	const struct hooks_conf *hooks; /* its sources' secrets are loaded here */
	struct notify_confs notify;
	const struct simulate_limits *tariffs;
	const struct billing_conf *billing;
	const struct recon_conf *recon;    /* NULL: nothing is reconciled */
	const struct alarms_conf *alarms;  /* NULL: they are as they were */
	const struct reports_conf *report; /* NULL: nothing is written */
	const struct refunds_conf *refunds;
	const struct orders_conf *orders;
	const struct policy *policy;
	const struct watch_conf *watch; /* NULL: nobody looks */
	bool in_step;                   /* a story: db_in_step() */
	db_unfit_fn *on_unfit;
	void *arg;
};

/* Starts everything and listens.  NULL and *e on failure: ERR_RETRY when waiting may help. */
struct headend *headend_new(struct loop *l, const struct headend_parts *parts, struct err *e);
void headend_free(struct headend *h); /* NULL is fine */

int headend_meters_port(const struct headend *h);
int headend_hooks_port(const struct headend *h);
int headend_api_port(const struct headend *h);        /* the TLS port; 0: none */
const struct db *headend_db(const struct headend *h); /* for its backlog */

/* Again from their files, after a reload; the sources and channels that cannot be read are an
 * error of the settings. */
int headend_load_secrets(struct headend *h, struct err *e);
/* Idle sessions end over that time, no new one begins, and no new question; returns how many there
 * are. */
int headend_drain(struct headend *h, int64_t over_us);
/* Sessions, and statements about money and orders that the database has not answered. */
int headend_under_way(const struct headend *h);

#endif
