/* What the settings of the channels name: secrets, texts, codes.  All of it, or none. */
#include "service/channel.h"

#include "base/conf.h"
#include "base/err.h"
#include "codec/mail.h"
#include "codec/sms.h"
#include "model/quiet.h"

#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

bool
channel_is_set(const struct notify_confs *confs, enum channel c)
{
	switch (c) {
	case CHANNEL_WEBHOOK:
		return confs->notify->url[0] != '\0';
	case CHANNEL_MAIL:
		return confs->mail->url[0] != '\0';
	case CHANNEL_SMS:
		return strcmp(confs->sms->provider, "none") != 0;
	case CHANNELS:
		break;
	}
	return false;
}

static int
load_secret(const char *path, const char *what, char *out, size_t room, struct err *e)
{
	if (conf_secret_file(path, out, room, e) < 0)
		return err_wrap(e, "%s", what);
	if (out[0] == '\0' || strpbrk(out, "\r\n") != NULL)
		return err_set(e, ERR_INPUT, "%s: not one line", what);
	return 0;
}

static int
load_webhook(const char *path, struct webhook_secret *secret, struct err *e)
{
	char text[200];
	int rc = conf_secret_file(path, text, sizeof text, e);

	if (rc == 0)
		rc = webhook_secret_parse(text, secret, e);
	OPENSSL_cleanse(text, sizeof text);
	return rc < 0 ? err_wrap(e, "notify") : 0;
}

static int
load_mail(const struct mail_conf *c, struct notify_keys *k, struct err *e)
{
	char from[256];

	if (mail_address(c->from, from, e) < 0)
		return err_wrap(e, "mail.from");
	if (strncmp(c->url, "smtp://", 7) != 0 && strncmp(c->url, "smtps://", 8) != 0)
		return err_set(e, ERR_INPUT, "mail.url: write smtp://host:587 or smtps://host:465");
	return c->user[0] != '\0' ? load_secret(c->password_file, "mail", k->mail_password,
					sizeof k->mail_password, e)
				  : 0;
}

/* Every {name} in what is sent must be one. */
static int
check_http_sms(const struct sms_conf *c, struct err *e)
{
	const struct sms m = {"", "", "", "", "", ""};
	const struct sms_header *h = c->headers.entries;
	struct buf out = {0};
	int rc = sms_fill(c->url, SMS_FORM, &m, &out, e);

	if (rc == 0)
		rc = sms_fill(c->body, SMS_PLAIN, &m, &out, e);
	for (size_t i = 0; rc == 0 && i < c->headers.n; i++)
		rc = sms_fill(h[i].value, SMS_PLAIN, &m, &out, e);
	buf_clear(&out);
	if (rc == 0 && c->url[0] == '\0')
		return err_set(e, ERR_INPUT, "sms.url is missing");
	return rc < 0 ? err_wrap(e, "sms") : 0;
}

static int
load_sms(const struct sms_conf *c, struct notify_keys *k, struct err *e)
{
	bool http = strcmp(c->provider, "http") == 0;

	if (http && check_http_sms(c, e) < 0)
		return -1;
	if (!http && (c->key[0] == '\0' || c->from[0] == '\0'))
		return err_set(e, ERR_INPUT, "sms: %s needs key and from", c->provider);
	if ((!http || c->secret_file[0] != '\0') &&
	    load_secret(c->secret_file, "sms", k->sms_secret, sizeof k->sms_secret, e) < 0)
		return -1;
	if (c->receipt_token_file[0] != '\0' && load_secret(c->receipt_token_file, "sms receipts",
						    k->sms_token, sizeof k->sms_token, e) < 0)
		return -1;
	if (strcmp(c->provider, "aliyun") == 0 && c->codes_file[0] == '\0')
		return err_set(e, ERR_INPUT, "sms: aliyun takes no free texts: codes_file");
	if (c->codes_file[0] != '\0' && (k->codes = sms_codes_load(c->codes_file, e)) == NULL)
		return -1;
	return 0;
}

/* Without a directory of its own a daemon that only sends webhooks may do without texts. */
static int
load_texts(const struct notify_confs *confs, struct notify_keys *k, struct err *e)
{
	const char *dir = confs->notify->messages;
	bool needed = dir[0] != '\0' || channel_is_set(confs, CHANNEL_MAIL) ||
		      channel_is_set(confs, CHANNEL_SMS);

	k->texts = dir[0] != '\0' ? template_load(dir, e) : template_own(e);
	if (k->texts == NULL && !needed)
		return 0;
	return k->texts == NULL ? err_wrap(e, "notify.messages") : 0;
}

int
notify_keys_load(const struct notify_confs *confs, struct notify_keys *k, struct err *e)
{
	const struct notify_conf *c = confs->notify;

	*k = (struct notify_keys){0};
	k->has_receipt = c->receipt_secret_file[0] != '\0';
	if (quiet_parse(c->quiet_hours, &k->quiet_from, &k->quiet_until) < 0) {
		err_set(e, ERR_INPUT, "notify.quiet_hours: write 22:00-07:00");
		goto out_clear;
	}
	if (channel_is_set(confs, CHANNEL_WEBHOOK) &&
	    load_webhook(c->secret_file, &k->webhook, e) < 0)
		goto out_clear;
	if (k->has_receipt && load_webhook(c->receipt_secret_file, &k->receipt, e) < 0)
		goto out_clear;
	if (channel_is_set(confs, CHANNEL_MAIL) && load_mail(confs->mail, k, e) < 0)
		goto out_clear;
	if (channel_is_set(confs, CHANNEL_SMS) && load_sms(confs->sms, k, e) < 0)
		goto out_clear;
	if (load_texts(confs, k, e) < 0)
		goto out_clear;
	return 0;
out_clear:
	notify_keys_clear(k);
	return -1;
}

void
notify_keys_clear(struct notify_keys *k)
{
	template_free(k->texts);
	sms_codes_free(k->codes);
	OPENSSL_cleanse(k, sizeof *k);
}
