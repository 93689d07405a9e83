/* Standard Webhooks v1: what is known as data, and the text as a person would get it. */
#include "service/channel.h"

#include "base/err.h"
#include "service/fetch.h"

#include <cjson/cJSON.h>
#include <stdio.h>

bool
http_status_final(int status)
{
	return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

static void
on_answer(int status, struct span body, const struct err *e, void *arg)
{
	struct letter *l = arg;
	char why[160];

	(void)body;
	if (status >= 200 && status < 300) {
		letter_said(l, LETTER_SENT, "", "");
		return;
	}
	if (status == 0)
		snprintf(why, sizeof why, "%.150s", e->text);
	else
		snprintf(why, sizeof why, "answered %d", status);
	letter_said(l, http_status_final(status) ? LETTER_FAILED : LETTER_RETRY, why, "");
}

static void
put_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	json_quote(out, value);
}

static void
put_part(struct buf *out, const struct letter *l, const char *name, enum template_part part)
{
	struct buf text = {0};
	struct err e;

	if (letter_text(l, part, &text, &e) == 0)
		put_member(out, name, buf_text(&text));
	buf_clear(&text);
}

static void
put_body(struct buf *out, const struct letter *l, const char *at)
{
	char *data = cJSON_PrintUnformatted(l->body);

	buf_printf(out, "{\"type\":\"notice.%s\",\"timestamp\":\"%s\"", l->kind, at);
	put_member(out, "message", l->token);
	put_member(out, "recipient", l->who[0] == 'c' ? "customer" : "staff");
	put_member(out, "to", l->address);
	put_member(out, "language", l->language);
	put_part(out, l, "subject", TEMPLATE_SUBJECT);
	put_part(out, l, "text", TEMPLATE_TEXT);
	buf_printf(out, ",\"data\":%s}", data != NULL ? data : "{}");
	cJSON_free(data);
}

void
channel_webhook_send(struct letter *l)
{
	struct notify *n = l->n;
	int64_t now = loop_now_us(n->loop);
	char h1[80], h2[80], h3[120], signature[64], at[32];
	const char *headers[] = {"Content-Type: application/json", h1, h2, h3, NULL};

	time_rfc3339_out(now, at);
	put_body(&l->bytes, l, at);
	webhook_sign(l->token, now / SECOND_US, buf_span(&l->bytes), &n->keys.webhook, signature);
	snprintf(h1, sizeof h1, "webhook-id: %s", l->token);
	snprintf(h2, sizeof h2, "webhook-timestamp: %lld", (long long)(now / SECOND_US));
	snprintf(h3, sizeof h3, "webhook-signature: %s", signature);
	fetch(n->fetcher, "POST", n->conf.notify->url, headers, buf_span(&l->bytes),
	    n->conf.notify->patience_us, on_answer, l);
}
