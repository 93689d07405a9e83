/* The settings of notices and of the channels they go out by. */
#include "base/err.h"
#include "base/loop.h"
#include "model/quiet.h"
#include "prog/settings_fields.h"

static int
check_quiet(const char *text, struct err *e)
{
	int from, until;

	if (quiet_parse(text, &from, &until) < 0)
		return err_set(e, ERR_INPUT, "\"%.40s\" is not HH:MM-HH:MM", text);
	return 0;
}

static const char *const languages[] = {"zh", "en", "es", NULL};
static const char *const providers[] = {"none", "http", "twilio", "aliyun", NULL};

const struct conf_field notify_fields[] = {
    CONF_FIELD(struct notify_conf, url, CONF_TEXT, "", false,
	"Where notices go as signed webhooks; without it, mail and sms nobody is told and nobody "
	"is "
	"cut off."),
    CONF_FIELD(struct notify_conf, secret_file, CONF_TEXT, "", false,
	"File with the secret that signs them."),
    CONF_FIELD(struct notify_conf, messages, CONF_TEXT, "", true,
	"Directory with your own texts, zh.yaml, en.yaml and es.yaml, as powergatectl notice "
	"texts prints ours; empty: ours."),
    {.name = "language",
       .type = CONF_TEXT,
       .offset = offsetof(struct notify_conf, language),
       .preset = "zh",
       .reload = true,
       .words = languages,
       .help = "Language of texts for whom no contact is entered."},
    {.name = "quiet_hours",
       .type = CONF_TEXT,
       .offset = offsetof(struct notify_conf, quiet_hours),
       .preset = "22:00-07:00",
       .reload = true,
       .check = check_quiet,
       .help =
	    "When mail and short messages that are not urgent wait, on the reader's clock, unless "
	    "his contact says otherwise; empty: never."},
    CONF_RANGE(struct notify_conf, daily_cap, CONF_INT, "10", 0, 1000, true,
	"Messages by mail or sms a customer gets in 24 hours, the urgent ones aside; 0: any "
	"number."),
    CONF_RANGE(struct notify_conf, admin_daily_cap, CONF_INT, "100", 0, 100000, true,
	"The same for an administrator."),
    CONF_RANGE(struct notify_conf, tries, CONF_INT, "4", 1, 100, true,
	"After so many attempts the next channel of the contact is used, if there is one."),
    CONF_TIME(struct notify_conf, receipt_wait_us, "receipt_wait", "0s", 0, DAY_US, true,
	"How long a final notice waits for the receipt, where there are any, before the next "
	"channel "
	"is used; 0s: it counts as delivered when the channel took it."),
    CONF_FIELD(struct notify_conf, receipts, CONF_BOOL, "false", true,
	"The receiver of webhooks reports to /hooks/v1/receipts/webhook what became of them."),
    CONF_FIELD(struct notify_conf, receipt_secret_file, CONF_TEXT, "", true,
	"File with the secret that signs such reports, and those of an sms provider of kind http."),
    CONF_TIME(struct notify_conf, patience_us, "timeout", "15s", SECOND_US / 10, MINUTE_US, true,
	"How long the receiver may take."),
    CONF_TIME(struct notify_conf, sweep_us, "sweep", "2s", SECOND_US / 10, MINUTE_US, true,
	"How often the outbox is looked at; what is written here goes out at once."),
    {0		       },
};

const struct conf_field mail_fields[] = {
    CONF_FIELD(struct mail_conf, url, CONF_TEXT, "", false,
	"The mail server, smtp://host:587 or smtps://host:465; empty: no mail is sent."),
    CONF_FIELD(struct mail_conf, starttls, CONF_BOOL, "true", true,
	"With smtp://, send nothing before the connection is encrypted."),
    CONF_FIELD(struct mail_conf, from, CONF_TEXT, "", true,
	"The sender, user@domain or Name <user@domain>."),
    CONF_FIELD(struct mail_conf, user, CONF_TEXT, "", true,
	"Name to log in with; empty: without logging in."),
    CONF_FIELD(struct mail_conf, password_file, CONF_TEXT, "", true, "File with its password."),
    CONF_FIELD(struct mail_conf, ca_file, CONF_TEXT, "", true,
	"Certificates the server is checked with; empty: the system's."),
    CONF_TIME(struct mail_conf, patience_us, "timeout", "30s", SECOND_US / 10, 5 * MINUTE_US, true,
	"How long the server may take for one mail."),
    {0},
};

static const struct conf_field sms_header_fields[] = {
    CONF_FIELD(struct sms_header, name, CONF_TEXT, NULL, true, "Name of the header."),
    CONF_FIELD(struct sms_header, value, CONF_TEXT, NULL, true, "Its value."),
    {0},
};

const struct conf_field sms_fields[] = {
    {.name = "provider",
     .type = CONF_TEXT,
     .offset = offsetof(struct sms_conf, provider),
     .preset = "none",
     .reload = false,
     .words = providers,
     .help = "Who sends short messages: twilio, aliyun, or http for any other."},
    CONF_FIELD(struct sms_conf, url, CONF_TEXT, "", true,
	"Address of the provider; empty: the usual one of twilio or aliyun."),
    CONF_FIELD(struct sms_conf, method, CONF_TEXT, "POST", true, "http: the method."),
    CONF_FIELD(struct sms_conf, content_type, CONF_TEXT, "application/json", true,
	"http: what the body is; values are escaped as JSON or as a form by it."),
    CONF_FIELD(struct sms_conf, body, CONF_TEXT, "{\"to\":\"{to}\",\"text\":\"{text}\"}", true,
	"http: the body, with {to}, {text}, {from}, {id}, {code} and {params} in it."),
    {.name = "headers",
     .type = CONF_LIST,
     .offset = offsetof(struct sms_conf, headers),
     .preset = "",
     .reload = true,
     .each = sms_header_fields,
     .each_size = sizeof(struct sms_header),
     .help = "http: further headers."},
    CONF_FIELD(struct sms_conf, key, CONF_TEXT, "", true,
	"Account SID, AccessKey id or, for http with a secret, the user."),
    CONF_FIELD(struct sms_conf, secret_file, CONF_TEXT, "", true,
	"File with the auth token, AccessKey secret or password."),
    CONF_FIELD(struct sms_conf, from, CONF_TEXT, "", true,
	"Sender: a number or messaging service of twilio, the signature of aliyun."),
    CONF_FIELD(struct sms_conf, codes_file, CONF_TEXT, "", true,
	"File with the provider's own templates by kind and language; aliyun needs it."),
    CONF_FIELD(struct sms_conf, good_field, CONF_TEXT, "", true,
	"http: member of the answer that must be good_value; empty: a status of 2xx is enough."),
    CONF_FIELD(struct sms_conf, good_value, CONF_TEXT, "", true, "http: what it must be."),
    CONF_FIELD(struct sms_conf, id_field, CONF_TEXT, "", true,
	"http: member of the answer with the provider's number of the message."),
    CONF_FIELD(struct sms_conf, code_field, CONF_TEXT, "", true,
	"http: member of the answer that says why not."),
    CONF_FIELD(struct sms_conf, retry_codes, CONF_TEXT, "", true,
	"http: such reasons that pass, with a blank between; * at the end stands for anything."),
    CONF_FIELD(struct sms_conf, receipts, CONF_BOOL, "false", true,
	"The provider reports to /hooks/v1/receipts/sms what became of messages."),
    CONF_FIELD(struct sms_conf, receipt_url, CONF_TEXT, "", true,
	"twilio: that address as the provider reaches it; it is part of his signature."),
    CONF_FIELD(struct sms_conf, receipt_token_file, CONF_TEXT, "", true,
	"aliyun: file with the token that ?token= of that address must have."),
    CONF_TIME(struct sms_conf, patience_us, "timeout", "20s", SECOND_US / 10, MINUTE_US, true,
	"How long the provider may take."),
    {0		  },
};
