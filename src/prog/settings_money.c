/* The settings of money that comes in and goes back, and of the books it is held against. */
#include "base/err.h"
#include "base/loop.h"
#include "codec/report_files.h"
#include "model/quiet.h"
#include "prog/settings_fields.h"
#include "service/sources.h"

#include <string.h>

static int
check_source_name(const char *text, struct err *e)
{
	if (text[0] == '\0' || strlen(text) > 31 || strcmp(text, "cash") == 0 ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(text))
		return err_set(
		    e, ERR_INPUT, "\"%.40s\" is no name (a-z 0-9 _ -, 31 at most, not cash)", text);
	return 0;
}

static const char *const payment_providers[] = {
    "standard", "wechat", "alipay", "stripe", "paystack", "mpesa", NULL};

static const struct conf_field source_fields[] = {
    {.name = "name",
     .type = CONF_TEXT,
     .offset = offsetof(struct pay_source, name),
     .reload = true,
     .check = check_source_name,
     .help = "Last part of the path: POST /hooks/v1/NAME."},
    {.name = "provider",
     .type = CONF_TEXT,
     .offset = offsetof(struct pay_source, provider),
     .preset = "standard",
     .reload = true,
     .words = payment_providers,
     .help = "Whose notifications; standard: our own app, terminals and property systems."},
    CONF_FIELD(struct pay_source, secret_file, CONF_TEXT, "", true,
	"Of standard: file with its secrets, one whsec_ a line: the old and the new one while they "
	"change."),
    CONF_FIELD(struct pay_source, keys_file, CONF_TEXT, "", true,
	"Keys of the provider, in the form that powergatectl(8) tells under KEYS FILE."),
    {0		      },
};

const struct conf_field hooks_fields[] = {
    CONF_CHECKED(struct hooks_conf, listen, settings_check_listen, "127.0.0.1:9180", false,
	"Address and port for payment webhooks, /healthz; keep it on loopback behind a proxy."),
    CONF_FIELD(struct hooks_conf, keep_alive, CONF_BOOL, "false", false,
	"Keep connections open between requests; only with a proxy in front."),
    CONF_RANGE(struct hooks_conf, most_connections, CONF_INT, "512", 1, 100000, false,
	"Connections at once; more wait in the kernel's queue."),
    CONF_RANGE(struct hooks_conf, patience, CONF_DURATION, "10s", SECOND_US / 10, 5 * MINUTE_US,
	false, "A request that takes longer from its first byte to its last is cut off."),
    CONF_CHECKED(struct hooks_conf, proxies, settings_check_proxies, "", true,
	"Addresses of our own proxies, blanks between; only theirs X-Forwarded-For is believed."),
    {.name = "sources",
       .type = CONF_LIST,
       .offset = offsetof(struct hooks_conf, sources),
       .preset = "",
       .reload = true,
       .each = source_fields,
       .each_size = sizeof(struct pay_source),
       .help = "Who may send payments."},
    {0},
};

static int
check_at(const char *text, struct err *e)
{
	int minute;

	if (text[0] != '\0' && clock_parse(text, &minute) < 0)
		return err_set(e, ERR_INPUT, "\"%.40s\" is not HH:MM", text);
	return 0;
}

const struct conf_field recon_fields[] = {
    CONF_CHECKED(struct recon_conf, at, check_at, "10:30", true,
	"When the day before is reconciled, on the clock of the site or source; empty: by hand "
	"only."),
    CONF_CHECKED(struct recon_conf, zone, settings_check_zone, "Asia/Shanghai", true,
	"Where the days of a source begin, unless an import said otherwise."),
    CONF_TIME(struct recon_conf, cutoff_us, "cutoff", "1h", 0, 12 * HOUR_US, true,
	"A payment so near midnight may stand in the statement of the day beside."),
    CONF_TIME(struct recon_conf, undelivered_us, "undelivered", "1d", SECOND_US, 30 * DAY_US, true,
	"Credit that is on its way for longer, or nobody's, is a break."),
    CONF_TIME(struct recon_conf, supply_us, "supply", "1h", SECOND_US, 30 * DAY_US, true,
	"A relay that is not as it was wanted for longer is a break."),
    CONF_TIME(struct recon_conf, sweep_us, "sweep", "1m", SECOND_US / 10, HOUR_US, true,
	"How often days that are due are looked for."),
    CONF_TIME(struct recon_conf, lease_us, "lease", "10m", SECOND_US, HOUR_US, true,
	"How long a node may take for one of them; then another one does it."),
    {0},
};

const struct conf_field orders_fields[] = {
    CONF_TIME(struct orders_conf, ask_us, "ask", "5s", 0, HOUR_US, true,
	"An open order is asked for at its provider so long after it was made, then after 6, 12, "
	"36, 60, 120 and 360 times as long; 0s never. The keys file must have what asking takes."),
    CONF_TIME(struct orders_conf, patience_us, "patience", "10s", SECOND_US / 10, MINUTE_US, true,
	"How long a provider may take to answer."),
    CONF_TIME(struct orders_conf, sweep_us, "sweep", "1s", SECOND_US / 20, MINUTE_US, true,
	"How often orders that are due are looked for."),
    {0},
};

const struct conf_field refunds_fields[] = {
    CONF_RANGE(struct refunds_conf, second_above, CONF_INT, "100000", 0, 1000000000000, true,
	"Minor units: what is taken back of a payment above it needs two different people."),
    CONF_TIME(struct refunds_conf, approval_us, "approval", "1d", SECOND_US, 30 * DAY_US, true,
	"For so long the second may approve; then it has to be asked for again."),
    {0},
};

static int
check_report_words(const char *languages, const char *formats, struct err *e)
{
	struct report_kinds kinds;

	return report_kinds_in(&kinds, languages, formats, e);
}

static int
check_languages(const char *text, struct err *e)
{
	return check_report_words(text, "csv", e);
}

static int
check_formats(const char *text, struct err *e)
{
	return check_report_words("en", text, e);
}

const struct conf_field report_fields[] = {
    CONF_FIELD(struct reports_conf, directory, CONF_TEXT, "", true,
	"Where the report of each closed day is written, one directory for all nodes, below "
	"state_dir or where the unit lets us write; empty: by hand only."),
    CONF_CHECKED(struct reports_conf, at, check_at, "11:00", true,
	"When on the day after, on the site's clock; a day that is closed later is written then."),
    CONF_FIELD(struct reports_conf, key, CONF_TEXT, "", true,
	"File with the Ed25519 private key, PEM, that signs them; others may not read it."),
    CONF_CHECKED(struct reports_conf, languages, check_languages, "en es zh", true,
	"Languages of the pages: some of en, es, zh."),
    CONF_CHECKED(struct reports_conf, formats, check_formats, "csv json html", true,
	"What a report is: some of csv, json, html."),
    CONF_TIME(struct reports_conf, sweep_us, "sweep", "1m", SECOND_US / 10, HOUR_US, true,
	"How often days that are due are looked for."),
    CONF_TIME(struct reports_conf, retry_us, "retry", "5m", SECOND_US / 10, DAY_US, true,
	"How long after a report that could not be written it is tried again."),
    {0},
};
