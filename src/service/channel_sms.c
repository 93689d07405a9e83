/*
 * Short messages, through whoever sends them: codec/sms.h knows how they want to be asked.
 *
 * None of them takes a key by which a repeat would be known, so an answer that was lost may mean
 * the message twice; it is repeated all the same, since not being told costs more.
 */
#include "service/channel.h"

#include "base/err.h"
#include "codec/mac.h"
#include "codec/sms.h"
#include "service/fetch.h"

#include <stdio.h>
#include <string.h>

#define TWILIO_URL "https://api.twilio.com"
#define ALIYUN_URL "https://dysmsapi.aliyuncs.com"
#define HEADERS    12

struct asking {
	struct buf url, lines[HEADERS];
	const char *headers[HEADERS + 1];
	size_t n;
};

static struct buf *
header_new(struct asking *a, const char *name)
{
	struct buf *line = &a->lines[a->n < HEADERS ? a->n++ : HEADERS - 1];

	buf_clear(line);
	buf_printf(line, "%s: ", name);
	return line;
}

static void
on_answer(int status, struct span body, const struct err *e, void *arg)
{
	struct letter *l = arg;
	const struct sms_conf *c = l->n->conf.sms;
	const struct sms_rule http_rule = {
	    c->good_field, c->good_value, c->id_field, c->code_field, c->retry_codes};
	const struct sms_rule *rule = strcmp(c->provider, "twilio") == 0   ? &twilio_rule
				      : strcmp(c->provider, "aliyun") == 0 ? &aliyun_rule
									   : &http_rule;
	char id[80] = "", why[160];

	if (status == 0) {
		snprintf(why, sizeof why, "%.150s", e->text);
		letter_said(l, LETTER_RETRY, why, "");
		return;
	}
	switch (sms_judge(rule, status, body, id, why)) {
	case SMS_SENT:
		letter_said(l, LETTER_SENT, "", id);
		return;
	case SMS_RETRY:
		letter_said(l, LETTER_RETRY, why, "");
		return;
	case SMS_NEVER:
		letter_said(l, LETTER_FAILED, why, "");
		return;
	}
}

/* --- what each wants ---------------------------------------------------------------------- */

static const char *
base_url(const struct sms_conf *c, const char *preset)
{
	return c->url[0] != '\0' ? c->url : preset;
}

static void
ask_twilio(struct letter *l, const struct sms *m, struct asking *a)
{
	const struct sms_conf *c = l->n->conf.sms;
	struct buf callback = {0};

	if (c->receipt_url[0] != '\0')
		buf_printf(&callback, "%s?message=%s", c->receipt_url, m->id);
	twilio_body(m, buf_text(&callback), (l->expires_us - loop_now_us(l->n->loop)) / SECOND_US,
	    &l->bytes);
	buf_printf(
	    &a->url, "%s/2010-04-01/Accounts/%s/Messages.json", base_url(c, TWILIO_URL), c->key);
	buf_put_text(header_new(a, "Content-Type"), "application/x-www-form-urlencoded");
	basic_auth(c->key, l->n->keys.sms_secret, header_new(a, "Authorization"));
	buf_clear(&callback);
}

static void
ask_aliyun(struct letter *l, const struct sms *m, struct asking *a)
{
	const struct sms_conf *c = l->n->conf.sms;
	const char *url = base_url(c, ALIYUN_URL), *host = strstr(url, "://");
	struct aliyun_ask ask = {.action = "SendSms", .version = "2017-05-25"};
	struct buf query = {0}, name = {0}, nonce = {0};
	uint8_t chance[16];
	char date[32];

	host = host != NULL ? host + 3 : url;
	buf_put(&name, host, strcspn(host, "/?#"));
	time_rfc3339_out(loop_now_us(l->n->loop), date);
	memcpy(date + 19, "Z", 2); /* whole seconds */
	loop_random(l->n->loop, chance, sizeof chance);
	mac_hex(&nonce, span_of(chance, sizeof chance));
	aliyun_query(m, &query);
	ask.host = buf_text(&name);
	ask.date = date;
	ask.nonce = buf_text(&nonce);
	ask.query = buf_text(&query);
	buf_printf(&a->url, "%.*s://%s/?%s", (int)strcspn(url, ":"), url, ask.host, ask.query);
	aliyun_sign(&ask, c->key, l->n->keys.sms_secret, header_new(a, "Authorization"));
	buf_put_text(header_new(a, "x-acs-action"), ask.action);
	buf_put_text(header_new(a, "x-acs-version"), ask.version);
	buf_put_text(header_new(a, "x-acs-date"), ask.date);
	buf_put_text(header_new(a, "x-acs-signature-nonce"), ask.nonce);
	buf_put_text(header_new(a, "x-acs-content-sha256"), ALIYUN_NO_BODY);
	buf_put_text(header_new(a, "Content-Type"), "");
	buf_clear(&query);
	buf_clear(&name);
	buf_clear(&nonce);
}

static int
ask_http(struct letter *l, const struct sms *m, struct asking *a, struct err *e)
{
	const struct sms_conf *c = l->n->conf.sms;
	const struct sms_header *h = c->headers.entries;
	enum sms_escape escape = strstr(c->content_type, "json") != NULL   ? SMS_JSON
				 : strstr(c->content_type, "form") != NULL ? SMS_FORM
									   : SMS_PLAIN;

	if (sms_fill(c->url, SMS_FORM, m, &a->url, e) < 0 ||
	    sms_fill(c->body, escape, m, &l->bytes, e) < 0)
		return -1;
	buf_put_text(header_new(a, "Content-Type"), c->content_type);
	if (l->n->keys.sms_secret[0] != '\0')
		basic_auth(c->key, l->n->keys.sms_secret, header_new(a, "Authorization"));
	for (size_t i = 0; i < c->headers.n; i++)
		if (sms_fill(h[i].value, SMS_PLAIN, m, header_new(a, h[i].name), e) < 0)
			return -1;
	return 0;
}

/* --- sending ------------------------------------------------------------------------------ */

/* {"account":"R1","balance":"12.30"}: what the provider's own template asks for. */
static void
put_params(const struct letter *l, const char *names, struct buf *out)
{
	const struct template_values v = letter_values(l);
	struct buf value = {0};
	char name[32];

	buf_put_u8(out, '{');
	for (size_t len; *names != '\0'; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		snprintf(name, sizeof name, "%.*s", (int)len, names);
		buf_clear(&value);
		if (!template_value(l->n->keys.texts, l->language, name, &v, &value)) {
			buf_clear(&value);
			buf_put_u8(&value, '-');
		}
		if (out->bytes[out->len - 1] != '{')
			buf_put_u8(out, ',');
		json_quote(out, name);
		buf_put_u8(out, ':');
		json_quote(out, buf_text(&value));
	}
	buf_put_u8(out, '}');
	buf_clear(&value);
}

static int
ask_provider(struct letter *l, const struct sms *m, struct asking *a, struct err *e)
{
	const struct sms_conf *c = l->n->conf.sms;

	if (strcmp(c->provider, "http") == 0)
		return ask_http(l, m, a, e);
	if (strcmp(c->provider, "twilio") == 0)
		ask_twilio(l, m, a);
	else
		ask_aliyun(l, m, a);
	return 0;
}

static int
write_sms(struct letter *l, struct sms *m, struct buf *text, struct buf *params, struct err *e)
{
	const char *names = "";

	m->code = l->n->keys.codes != NULL
		      ? sms_codes_find(l->n->keys.codes, l->kind, l->language, &names)
		      : "";
	if (m->code == NULL)
		return err_set(e, ERR_INPUT, "codes_file has nothing for \"%s\" in \"%s\"", l->kind,
		    l->language);
	if (letter_text(l, TEMPLATE_SMS, text, e) < 0)
		return -1;
	put_params(l, names, params);
	m->text = buf_text(text);
	m->params = buf_text(params);
	return 0;
}

void
channel_sms_send(struct letter *l)
{
	const struct sms_conf *c = l->n->conf.sms;
	struct sms m = {.to = l->address, .from = c->from, .id = l->token};
	struct buf text = {0}, params = {0};
	struct asking a = {0};
	struct err e;
	int rc = write_sms(l, &m, &text, &params, &e);

	if (rc == 0)
		rc = ask_provider(l, &m, &a, &e);
	for (size_t i = 0; i < a.n; i++)
		a.headers[i] = buf_text(&a.lines[i]);
	if (rc == 0)
		fetch(l->n->fetcher, strcmp(c->provider, "http") == 0 ? c->method : "POST",
		    buf_text(&a.url), a.headers, buf_span(&l->bytes), c->patience_us, on_answer, l);
	for (size_t i = 0; i < HEADERS; i++)
		buf_clear(&a.lines[i]);
	buf_clear(&a.url);
	buf_clear(&text);
	buf_clear(&params);
	if (rc < 0)
		letter_said(l, LETTER_FAILED, e.text, "");
}
