/*
 * settings -- every setting of powergated in one table: the daemon, `conf check`, the sample
 * file and the manual are all made from it.
 */
#ifndef PROG_SETTINGS_H
#define PROG_SETTINGS_H

#include "base/conf.h"
#include "model/supply.h"
#include "service/alarms.h"
#include "service/api.h"
#include "service/asker.h"
#include "service/billing.h"
#include "service/clocks.h"
#include "service/dispatch.h"
#include "service/gateway.h"
#include "service/headend.h"
#include "service/hooks.h"
#include "service/notify.h"
#include "service/pay.h"
#include "service/reader.h"
#include "service/recon.h"
#include "service/reports.h"
#include "service/session.h"
#include "service/simulate.h"
#include "service/watch.h"

struct daemon_conf {
	char *node;
	char *log_level;
	char *state_dir;
	int64_t review_voices, tariff_voices;
	bool need_clock_sync;
};

struct database_conf {
	char *conninfo;
	char *password_file;
};

struct signer_conf {
	char *socket;
	int64_t patience;
};

struct supply_conf {
	char *trip_hours; /* "08:00-18:00" */
	bool trip_rest_days;
	int64_t final_notice, grace, spread, reading_age, after_close, trip_life;
	int64_t permit_after, restore_slo, silence_percent, days_left;
	int64_t restore_over, rearm;
	int64_t overload_retries, overload_period, overload_rest;
};

struct settings {
	struct daemon_conf daemon;
	struct database_conf database;
	struct gateway_conf meters;
	struct session_conf session;
	struct dispatch_conf commands;
	struct reader_conf reading;
	struct clocks_conf clock;
	struct signer_conf signer;
	struct hooks_conf hooks;
	struct api_conf api;
	struct supply_conf supply;
	struct simulate_limits tariffs;
	struct billing_conf billing;
	struct alarms_conf alarms;
	struct recon_conf recon;
	struct refunds_conf refunds;
	struct reports_conf report;
	struct orders_conf orders;
	struct notify_conf notify;
	struct mail_conf mail;
	struct sms_conf sms;
	struct watch_conf watch;
};

extern struct settings settings;
#define SETTINGS_SECTIONS 23 /* with the end mark */
const struct conf_section *settings_sections(void);
void settings_bind(struct conf_section *out, struct settings *into);
/* What no single setting can say: sources have names of their own. */
int settings_check(const struct settings *s, struct err *e);
/* Whether a file would do, secrets included, without changing anything. */
int settings_try(const char *path, struct err *e);
/* The connection string with limits, and the password from its file. */
int settings_conninfo(const struct settings *s, char *out, size_t room, struct err *e);
struct policy settings_policy(const struct settings *s);
/* What a head-end is told of them, borrowed; connection, schema and policy are the caller's. */
struct headend_parts settings_parts(const struct settings *s);

#endif
