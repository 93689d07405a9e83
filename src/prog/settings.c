#include "prog/settings_fields.h"

#include "base/err.h"
#include "base/loop.h"
#include "codec/report_files.h"
#include "model/quiet.h"
#include "model/schedule.h"
#include "service/sources.h"

#include <stdio.h>
#include <string.h>

struct settings settings;

static int
parse_hours(const char *text, int *from, int *until)
{
	int h1, m1, h2, m2, end = 0;

	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &end) != 4 || text[end] != '\0' ||
	    h1 < 0 || h1 > 23 || h2 < 0 || h2 > 24 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59)
		return -1;
	*from = h1 * 60 + m1;
	*until = h2 * 60 + m2;
	return *from <= *until && *until <= 24 * 60 ? 0 : -1;
}

static int
check_hours(const char *text, struct err *e)
{
	int from, until;

	if (parse_hours(text, &from, &until) < 0)
		return err_set(e, ERR_INPUT, "\"%.40s\" is not HH:MM-HH:MM within one day", text);
	return 0;
}

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

static const struct conf_field daemon_fields[] = {
    CONF_CHECKED(struct daemon_conf, node, settings_check_node, "a", false,
	"Name of this process among several that share a database; each needs its own."),
    {.name = "log_level",
       .type = CONF_TEXT,
       .offset = offsetof(struct daemon_conf, log_level),
       .preset = "info",
       .reload = true,
       .words = levels,
       .help = "Lines above this level are not written."},
    CONF_CHECKED(struct daemon_conf, state_dir, settings_check_path, "/var/lib/powergate", false,
	"Where the witness file lies, by which a restored database is recognised."),
    CONF_RANGE(struct daemon_conf, review_voices, CONF_INT, "2", 1, 2, true,
	"How many different people must agree before a delivery under review is decided."),
    CONF_RANGE(struct daemon_conf, tariff_voices, CONF_INT, "2", 1, 2, true,
	"How many different people it takes to bring a price into force: with 1 who loaded it may "
	"approve it too, and every answer says so."),
    CONF_FIELD(struct daemon_conf, need_clock_sync, CONF_BOOL, "true", false,
	"No trip leaves while the system clock is not synchronised."),
    {0},
};

static const struct conf_field database_fields[] = {
    CONF_FIELD(struct database_conf, conninfo, CONF_TEXT, "dbname=powergate user=powergate_app",
	false,
	"PostgreSQL connection; a local socket or hostaddr=, since name resolution would block."),
    CONF_FIELD(struct database_conf, password_file, CONF_TEXT, "", false,
	"File with the password, readable by nobody else; empty when none is needed."),
    {0},
};

static const struct conf_field meters_fields[] = {
    CONF_CHECKED(struct gateway_conf, listen, settings_check_listen, "127.0.0.1:9100", false,
	"Address and port where meters and converters connect."),
    CONF_FIELD(struct gateway_conf, password_key, CONF_TEXT, "", false,
	"File with the key, 64 hex digits, that seals meters' passwords in the database."),
    CONF_RANGE(struct gateway_conf, most_sessions, CONF_INT, "15000", 1, 5000000, false,
	"Connections kept at once, if so many files may be open; who comes then is turned away, to "
	"another daemon on the port or until there is room."),
    CONF_TIME(struct gateway_conf, sweep_us, "sweep", "10s", SECOND_US / 10, HOUR_US, true,
	"How often silent sessions are looked for."),
    CONF_TIME(struct gateway_conf, ways_us, "survey", "1m", SECOND_US / 10, HOUR_US, true,
	"How often answers, silences and logged frames are written down: what a crash may cost."),
    {0},
};

static const struct conf_field session_fields[] = {
    CONF_TIME(struct session_conf, reply_us, "reply_timeout", "0s", 0, 5 * MINUTE_US, true,
	"How long a meter may think before it counts as silent; 0s leaves it to each profile."),
    CONF_TIME(struct session_conf, greeting_us, "greeting_timeout", "30s", SECOND_US, HOUR_US, true,
	"Who has not said who it is by then is sent away."),
    CONF_TIME(struct session_conf, silence_us, "silence", "5m", SECOND_US, DAY_US, true,
	"A session is dead after three of its own heartbeats without a word, but not before this."),
    CONF_RANGE(struct session_conf, quiet_after, CONF_INT, "3", 1, 100, true,
	"After so many silences in a row a meter is asked only now and then."),
    CONF_TIME(struct session_conf, quiet_us, "quiet_interval", "1m", SECOND_US, DAY_US, true,
	"How often a silent meter is asked."),
    {0},
};

static const struct conf_field commands_fields[] = {
    CONF_CHECKED(struct dispatch_conf, kill_file, settings_check_path, "/etc/powergate/no-trips",
	true, "While this file exists, no trip leaves, whatever the database says."),
    CONF_TIME(struct dispatch_conf, relay_valid_us, "relay_valid", "5m", 10 * SECOND_US, HOUR_US,
	true, "How long a relay order stays good in the meter, on the meter's clock."),
    CONF_TIME(struct dispatch_conf, sweep_us, "sweep", "1s", SECOND_US / 10, MINUTE_US, true,
	"How often commands that have become due are looked for."),
    CONF_TIME(struct dispatch_conf, settle_us, "settle", "10m", 0, DAY_US, true,
	"Where a meter knows only the last order again: how long, after one that was sent twice, "
	"the"
	" next waits, since the line may hold a copy; twice its worst delay."),
    CONF_TIME(struct dispatch_conf, push_audit_us, "push_audit", "7d", SECOND_US, 366 * DAY_US,
	true, "How often prices and levels that were written into a meter are read back again."),
    {0},
};

static int
check_schedule(const char *text, struct err *e)
{
	int64_t every;

	return schedule_every(text, "", &every, e);
}

static const struct conf_field reading_fields[] = {
    CONF_TIME(struct reader_conf, poll_us, "poll_interval", "15m", SECOND_US / 2, DAY_US, true,
	"How often the registers of each meter are read."),
    CONF_CHECKED(struct reader_conf, lines, check_schedule, "1h", true,
	"How often voltage, current and power of each meter are read: 1h for all of them, or "
	"1h, remote 15m for one profile at another time; empty: never."),
    CONF_TIME(struct reader_conf, freeze_window_us, "freeze_window", "30m", 0, 12 * HOUR_US, true,
	"After midnight the freezes of a fleet are read over this time."),
    CONF_RANGE(struct reader_conf, freeze_days, CONF_INT, "62", 1, 62, true,
	"How many days back missing freezes are looked for; meters keep 62."),
    CONF_RANGE(struct reader_conf, keep_months, CONF_INT, "36", 0, 1200, true,
	"Readings older than so many whole months are dropped, a month at a time, unless they are "
	"still to be billed; 0 never."),
    CONF_CHECKED(struct reader_conf, zone, settings_check_zone, "Asia/Shanghai", false,
	"Time zone in which days begin for the freeze."),
    {0},
};

static const struct conf_field clock_fields[] = {
    CONF_FIELD(struct clocks_conf, correct, CONF_BOOL, "true", true,
	"Put clocks of meters right: a little by broadcast, once a day, more by a write with the "
	"password, and never over a midnight if that can be waited for."),
    CONF_TIME(struct clocks_conf, tolerance_us, "tolerance", "20s", 5 * SECOND_US, 5 * MINUTE_US,
	true, "A clock that is off by less is left alone."),
    CONF_TIME(struct clocks_conf, alarm_us, "alarm", "1m", 5 * SECOND_US, DAY_US, true,
	"A clock that is off by more becomes a work item."),
    CONF_TIME(struct clocks_conf, doubt_us, "doubt", "5m", MINUTE_US, DAY_US, true,
	"While a clock is off by more, its tariff registers are not believed: energy costs what "
	"our own hours say."),
    {0},
};

static const struct conf_field signer_fields[] = {
    CONF_FIELD(struct signer_conf, socket, CONF_TEXT, "", false,
	"Unix socket of the encryption machine; empty when no meter needs one."),
    CONF_RANGE(struct signer_conf, patience, CONF_DURATION, "5s", SECOND_US / 10, MINUTE_US, false,
	"How long it may take to sign."),
    {0},
};

static const struct conf_field api_fields[] = {
    CONF_CHECKED(struct api_conf, socket, settings_check_path, "/run/powergate/powergate.sock",
	false, "Unix socket for powergatectl; peer credentials decide who may do what."),
    CONF_CHECKED(struct api_conf, listen, settings_check_listen, "127.0.0.1:9443", false,
	"Address and port of the TLS port, where bearer tokens decide; it opens when there is a "
	"certificate."),
    CONF_FIELD(struct api_conf, certificate, CONF_TEXT, "", true,
	"File with its certificate, PEM, and those above it; empty: no TLS port."),
    CONF_FIELD(struct api_conf, key, CONF_TEXT, "", true,
	"File with the private key, PEM; others may not read it."),
    {0},
};

static const struct conf_field supply_fields[] = {
    {.name = "trip_hours",
     .type = CONF_TEXT,
     .offset = offsetof(struct supply_conf, trip_hours),
     .preset = "08:00-18:00",
     .reload = true,
     .check = check_hours,
     .help =
	    "Hours of the day, in the site's zone, in which people may be cut off; 00:00-00:00 is "
	    "any."},
    CONF_FIELD(struct supply_conf, trip_rest_days, CONF_BOOL, "false", true,
	"Cut off on Saturdays and Sundays too."),
    CONF_RANGE(struct supply_conf, final_notice, CONF_DURATION, "30m", 0, 30 * DAY_US, true,
	"Time between the delivery of the final notice and the trip."),
    CONF_RANGE(struct supply_conf, grace, CONF_DURATION, "0s", 0, 30 * DAY_US, true,
	"Credit must have been gone for as long before anybody is cut off."),
    CONF_RANGE(struct supply_conf, spread, CONF_DURATION, "30m", 0, 4 * HOUR_US, true,
	"Trips that waited for the hours leave over this time, each meter at its own place."),
    CONF_RANGE(struct supply_conf, reading_age, CONF_DURATION, "2h", SECOND_US, 7 * DAY_US, true,
	"Nobody is cut off on a reading older than this."),
    CONF_RANGE(struct supply_conf, after_close, CONF_DURATION, "5m", 0, DAY_US, true,
	"No automatic trip sooner after the relay was seen to close."),
    CONF_RANGE(struct supply_conf, trip_life, CONF_DURATION, "30m", SECOND_US, DAY_US, true,
	"A trip that could not be sent by then expires and is decided anew."),
    CONF_RANGE(struct supply_conf, permit_after, CONF_DURATION, "1d", 0, 30 * DAY_US, true,
	"Off for longer, or for SAFETY: power is permitted, and somebody at the meter switches it "
	"on."),
    CONF_RANGE(struct supply_conf, restore_slo, CONF_DURATION, "10s", SECOND_US, DAY_US, true,
	"A restore that takes longer is an alarm."),
    CONF_RANGE(struct supply_conf, silence_percent, CONF_INT, "30", 0, 100, true,
	"So many per cent of the meters silent within half an hour halt automatic trips; 0 never."),
    CONF_RANGE(struct supply_conf, days_left, CONF_INT, "3", 0, 60, true,
	"Warn when the credit lasts no longer than so many days; 0 never."),
    CONF_RANGE(struct supply_conf, restore_over, CONF_INT, "1", 0, 1000000, true,
	"Minor units above the trip threshold at which power comes back."),
    CONF_RANGE(struct supply_conf, rearm, CONF_INT, "200", 0, 1000000, true,
	"Minor units, or a tenth of the level if that is more, above a level that arm it again."),
    CONF_RANGE(struct supply_conf, overload_retries, CONF_INT, "3", 0, 10, true,
	"So often a meter that switched itself off for overload gets power again by itself; once "
	"more within the period, and it is held off for SAFETY until a person releases it."),
    CONF_RANGE(struct supply_conf, overload_period, CONF_DURATION, "1d", MINUTE_US, 30 * DAY_US,
	true, "The period in which overloads count together."),
    CONF_RANGE(struct supply_conf, overload_rest, CONF_DURATION, "5m", 0, DAY_US, true,
	"A meter stays off at least so long after overload."),
    {0},
};

static const struct conf_field tariffs_fields[] = {
    CONF_RANGE(struct simulate_limits, preview, CONF_DURATION, "30d", DAY_US, 400 * DAY_US, true,
	"How much past use a price version is tried on before it is submitted and approved."),
    CONF_RANGE(struct simulate_limits, most_change_ppm, CONF_INT, "200000", 0, 1000000000, true,
	"Parts of a million by which it may change the revenue, up or down, without force."),
    CONF_RANGE(struct simulate_limits, most_cut, CONF_INT, "10", 0, 1000000, true,
	"Accounts it may cut off on day one without force, or the share below if that is more."),
    CONF_RANGE(struct simulate_limits, most_cut_ppm, CONF_INT, "20000", 0, 1000000, true,
	"Parts of a million of the accounts tried."),
    {0},
};

static const struct conf_field billing_fields[] = {
    CONF_TIME(struct billing_conf, stuck_us, "stuck_after", "14d", HOUR_US, 366 * DAY_US, true,
	"A register that stands still so long while the relay is closed becomes a work item."),
    CONF_TIME(struct billing_conf, silent_us, "silent_after", "1d", MINUTE_US, 30 * DAY_US, true,
	"Without a reading so long, use is estimated from the days before, to warn of."),
    CONF_TIME(struct billing_conf, clock_ahead_us, "clock_ahead", "5m", 0, DAY_US, true,
	"A reading whose time is further ahead of ours is held."),
    CONF_RANGE(struct billing_conf, drift_minor, CONF_INT, "100", 0, 100000000, true,
	"Minor units by which a local meter may differ from our books before a person looks."),
    {0},
};

static const struct conf_field alarms_fields[] = {
    CONF_CHECKED(struct alarms_conf, hold, settings_check_alarms,
	"cover_open terminal_open magnetic_field relay_welded", true,
	"Alarms that place a hold for SAFETY: power goes off and stays off until a person releases "
	"it; blanks between, empty for none."),
    CONF_CHECKED(struct alarms_conf, ignore, settings_check_alarms, "", true,
	"Alarms that are not raised, of meters that say them without reason."),
    CONF_TIME(struct alarms_conf, check.check_us, "check", "1h", 0, DAY_US, true,
	"How often the status words of each meter are read, its report of alarms, and its currents "
	"where they tell something; 0s never. A meter that reports by itself is read at once."),
    CONF_TIME(struct alarms_conf, check.counters_us, "counters", "6h", 0, 30 * DAY_US, true,
	"How often its counters of events are read; the record of an event when one has moved. 0s "
	"never."),
    CONF_TIME(struct alarms_conf, check.welded_us, "welded_after", "15m", SECOND_US, DAY_US, true,
	"A relay that was told to open and has not for so long counts as welded."),
    {.name = "off_ma",
       .type = CONF_INT,
       .offset = offsetof(struct alarms_conf, check.off_ma),
       .preset = "200",
       .least = 0,
       .most = 100000,
       .reload = true,
       .help = "Milliamperes above which a meter that is off carries current."},
    {.name = "neutral_percent",
       .type = CONF_INT,
       .offset = offsetof(struct alarms_conf, check.neutral_percent),
       .preset = "30",
       .least = 0,
       .most = 100,
       .reload = true,
       .help =
	    "Per cent by which the current of the neutral may differ from that of the phase, where "
	    "there is one phase only; 0: they are not compared."},
    CONF_TIME(struct alarms_conf, books_us, "books", "1h", 0, 7 * DAY_US, true,
	"How often the books are looked through for what no meter raises; 0s never."),
    CONF_RANGE(struct alarms_conf, unused_days, CONF_INT, "30", 0, 366, true,
	"Days without any use where somebody lives; 0: not looked for."),
    CONF_RANGE(struct alarms_conf, off_wh, CONF_INT, "100", 1, 1000000, true,
	"Wh that a meter which is off may count."),
    CONF_TIME(struct alarms_conf, sweep_us, "sweep", "10s", SECOND_US / 10, HOUR_US, true,
	"How often it is looked whether these have changed, and whether the books are due."),
    {0		      },
};

static const struct conf_field watch_fields[] = {
    CONF_CHECKED(struct watch_conf, listen, settings_check_listen_or_none, "", false,
	"Address and port of /metrics, /healthz and /readyz, 127.0.0.1:9464 say; empty: none."),
    CONF_TIME(struct watch_conf, refresh_us, "refresh", "15s", SECOND_US / 10, HOUR_US, true,
	"How often the figures of the whole head-end are gathered."),
    CONF_FIELD(struct watch_conf, heartbeat, CONF_TEXT, "", true,
	"URL outside that is fetched while all is well; who listens there alarms when it stops."),
    CONF_TIME(struct watch_conf, heartbeat_us, "heartbeat_interval", "1m", SECOND_US / 10, HOUR_US,
	true, "How often."),
    {0},
};

static const struct {
	const char *name;
	size_t offset;
	const struct conf_field *fields;
	const char *help;
} sections[] = {
    {"daemon",   offsetof(struct settings, daemon),   daemon_fields,   "The process itself."         },
    {"database", offsetof(struct settings, database), database_fields, "PostgreSQL."                 },
    {"meters",   offsetof(struct settings, meters),   meters_fields,   "The TCP listener for meters."},
    {"session",  offsetof(struct settings, session),  session_fields,  "Conversations with meters."  },
    {"commands", offsetof(struct settings, commands), commands_fields, "Orders to meters."           },
    {"reading",  offsetof(struct settings, reading),  reading_fields,  "Scheduled reads."            },
    {"clock",    offsetof(struct settings, clock),    clock_fields,    "The clocks of meters."       },
    {"signer",   offsetof(struct settings, signer),   signer_fields,
     "The utility's encryption machine."							     },
    {"hooks",    offsetof(struct settings, hooks),    hooks_fields,    "Payments in."                },
    {"api",      offsetof(struct settings, api),      api_fields,      "The operator's door."        },
    {"supply",   offsetof(struct settings, supply),   supply_fields,
     "Warning, cutting off, restoring."							      },
    {"tariffs",  offsetof(struct settings, tariffs),  tariffs_fields,
     "What a new price may do without force."							},
    {"billing",  offsetof(struct settings, billing),  billing_fields,  "From readings to charges."   },
    {"alarms",   offsetof(struct settings, alarms),   alarms_fields,   "Alarms that meters raise."   },
    {"recon",    offsetof(struct settings, recon),    recon_fields,    "Reconciliation."             },
    {"orders",   offsetof(struct settings, orders),   orders_fields,   "Orders to be paid."          },
    {"refunds",  offsetof(struct settings, refunds),  refunds_fields,
     "Payments that are taken back."								 },
    {"report",   offsetof(struct settings, report),   report_fields,   "The report of each day."     },
    {"notify",   offsetof(struct settings, notify),   notify_fields,   "Notices out."                },
    {"mail",     offsetof(struct settings, mail),     mail_fields,     "Notices by mail."            },
    {"sms",      offsetof(struct settings, sms),      sms_fields,      "Notices by short message."   },
    {"watch",    offsetof(struct settings, watch),    watch_fields,    "Being watched."              },
};
_Static_assert(sizeof sections / sizeof *sections == SETTINGS_SECTIONS - 1, "SETTINGS_SECTIONS");

void
settings_bind(struct conf_section *out, struct settings *into)
{
	for (int i = 0; i < SETTINGS_SECTIONS - 1; i++)
		out[i] = (struct conf_section){sections[i].name, (char *)into + sections[i].offset,
		    sections[i].fields, sections[i].help};
	out[SETTINGS_SECTIONS - 1] = (struct conf_section){0};
}

const struct conf_section *
settings_sections(void)
{
	static struct conf_section bound[SETTINGS_SECTIONS];

	if (bound[0].name == NULL)
		settings_bind(bound, &settings);
	return bound;
}

int
settings_check(const struct settings *s, struct err *e)
{
	const struct pay_source *source = s->hooks.sources.entries;

	for (size_t i = 0; i < s->hooks.sources.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(source[i].name, source[k].name) == 0)
				return err_set(e, ERR_INPUT, "hooks.sources: \"%s\" is there twice",
				    source[i].name);
	if ((s->api.certificate[0] == '\0') != (s->api.key[0] == '\0'))
		return err_set(e, ERR_INPUT, "api: a certificate needs a key, and a key one");
	if (s->report.directory[0] != '\0' && s->report.key[0] == '\0')
		return err_set(e, ERR_INPUT, "report: a directory needs a key too");
	return 0;
}

int
settings_conninfo(const struct settings *s, char *out, size_t room, struct err *e)
{
	char password[256] = "", quoted[520], *q = quoted;

	if (s->database.password_file[0] != '\0' &&
	    conf_secret_file(s->database.password_file, password, sizeof password, e) < 0)
		return -1;
	for (const char *p = password; *p != '\0'; p++) { /* libpq: quote and backslash escaped */
		if (*p == '\'' || *p == '\\')
			*q++ = '\\';
		*q++ = *p;
	}
	*q = '\0';
	/* A dead server is found when something was sent (user timeout) and when we only wait
	 * (keepalives): both are needed (reliability.md B6). */
	snprintf(out, room,
	    "application_name=powergated connect_timeout=5 tcp_user_timeout=3000 keepalives_idle=2 "
	    "keepalives_interval=1 keepalives_count=3 options='-c statement_timeout=30000 "
	    "-c lock_timeout=5000 -c client_min_messages=warning -c jit=off' %s%s%s%s",
	    s->database.conninfo, password[0] != '\0' ? " password='" : "", quoted,
	    password[0] != '\0' ? "'" : "");
	return 0;
}

struct policy
settings_policy(const struct settings *s)
{
	struct policy p = {
	    .restore_over_minor = s->supply.restore_over,
	    .notice_us = s->supply.final_notice,
	    .reading_age_us = s->supply.reading_age,
	    .after_close_us = s->supply.after_close,
	    .grace_us = s->supply.grace,
	    .spread_us = s->supply.spread,
	    .permit_after_us = s->supply.permit_after,
	    .restore_slo_us = s->supply.restore_slo,
	    .overload_retries = (int)s->supply.overload_retries,
	    .overload_period_us = s->supply.overload_period,
	    .overload_rest_us = s->supply.overload_rest,
	    .silence_percent = (int)s->supply.silence_percent,
	    .days_left = (int)s->supply.days_left,
	    .trip_life_us = s->supply.trip_life,
	    .trip_rest_days = s->supply.trip_rest_days,
	    .rearm_minor = s->supply.rearm,
	};

	parse_hours(s->supply.trip_hours, &p.trip_from_minute, &p.trip_until_minute);
	return p;
}

struct headend_parts
settings_parts(const struct settings *s)
{
	return (struct headend_parts){
	    .node = s->daemon.node,
	    .state_dir = s->daemon.state_dir,
	    .api = &s->api,
	    .signer_socket = s->signer.socket,
	    .signer_patience_us = s->signer.patience,
	    .review_voices = &s->daemon.review_voices,
	    .tariff_voices = &s->daemon.tariff_voices,
	    .need_clock_sync = &s->daemon.need_clock_sync,
	    .meters = &s->meters,
	    .session = &s->session,
	    .commands = &s->commands,
	    .reading = &s->reading,
	    .clock = &s->clock,
	    .hooks = &s->hooks,
	    .notify = {&s->notify, &s->mail, &s->sms},
	    .tariffs = &s->tariffs,
	    .recon = &s->recon,
	    .alarms = &s->alarms,
	    .watch = &s->watch,
	    .refunds = &s->refunds,
	    .report = &s->report,
	    .orders = &s->orders,
	    .billing = &s->billing,
	};
}
