/*
 * What became of messages, from those who carried them.
 *
 * A receipt decides whether somebody counts as told, and with that whether he may be cut off: it
 * is believed only with a signature (Twilio's over the address it called, Standard Webhooks of
 * anybody else) or, where the provider has none (Aliyun), with the token of the address that was
 * given to it.
 */
#include "base/err.h"
#include "codec/form.h"
#include "codec/mac.h"
#include "codec/sms.h"
#include "service/channel.h"
#include "service/http.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 200 /* in one call */

struct hearing {
	struct notify *n;
	struct http_request *r;
	int left;
	bool aliyun, failed;
	char last[16];
};

static const struct db_stmt heard = {"notice_receipt", DB_BULK, true, 5 * SECOND_US,
    "SELECT door.notice_receipt($1, $2::bigint, $3::bigint, $4, $5, $6, $7::text[], $8::bigint)"};

static void
hearing_end(struct hearing *h)
{
	char json[80];

	if (h->failed) {
		http_reply_error(h->r, 503, "not noted: send it again");
	} else if (h->aliyun) {
		http_reply_json(h->r, 200, "{\"code\":0,\"msg\":\"noted\"}");
	} else {
		snprintf(json, sizeof json, "{\"status\":\"%s\"}", h->last);
		http_reply_json(h->r, 200, json);
	}
	h->n->fn(h->n->arg); /* a final notice may have been delivered */
	notify_look(h->n);
	free(h);
}

static void
on_heard(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct hearing *h = arg;

	if (rows == NULL) {
		slog(h->n, LOG_LEVEL_WARN, "receipt: %s", e->text);
		h->failed = true;
	} else {
		db_cell_copy(rows, 0, 0, h->last, sizeof h->last);
	}
	if (--h->left == 0)
		hearing_end(h);
}

/* "m12-1795000000123456" */
static bool
token_parse(const char *text, int64_t *id, int64_t *created_us)
{
	char *end;

	*id = *created_us = 0;
	if (text[0] != 'm' || text[1] < '0' || text[1] > '9')
		return false;
	*id = strtoll(text + 1, &end, 10);
	if (*end != '-' || end[1] < '0' || end[1] > '9')
		return false;
	*created_us = strtoll(end + 1, &end, 10);
	return *end == '\0';
}

static void
note(struct hearing *h, const char *channel, const struct receipt *r)
{
	struct notify *n = h->n;
	struct db_column channels = {0};
	int64_t id, created;

	if (!token_parse(r->id, &id, &created))
		id = created = 0;
	channel_column(n, &channels);
	db_ask(n->db, &heard, on_heard, h, db_text(channel), db_int(id), db_int(created),
	    r->provider[0] != '\0' ? db_text(r->provider) : db_null(), db_bool(r->good),
	    db_text(r->why), db_array(&channels), db_int(loop_now_us(n->loop)));
	db_column_free(&channels);
}

static void
note_all(struct notify *n, struct http_request *r, const char *channel, const struct receipt *all,
    int count, bool aliyun)
{
	struct hearing *h;

	if (count == 0) { /* nothing final: only on its way */
		http_reply_json(r, 200,
		    aliyun ? "{\"code\":0,\"msg\":\"noted\"}" : "{\"status\":\"under way\"}");
		return;
	}
	h = mem_new(sizeof *h);
	h->n = n;
	h->r = r;
	h->left = count;
	h->aliyun = aliyun;
	for (int i = 0; i < count; i++)
		note(h, channel, &all[i]);
}

/* --- who says so -------------------------------------------------------------------------- */

static void
hear_twilio(struct notify *n, struct http_request *r)
{
	const char *signature = http_header(r, "x-twilio-signature");
	const char *message = http_query(r, "message");
	struct form form;
	struct buf url = {0};
	struct receipt receipt;
	struct err e;
	int count;

	if (signature == NULL || !http_header_once(r, "x-twilio-signature")) {
		http_reply_error(r, 401, "no signature");
		return;
	}
	if (form_read(http_body(r), &form, &e) < 0) {
		http_reply_error(r, 400, e.text);
		return;
	}
	/* as we gave it: what he called in truth only he and the proxy know */
	buf_put_text(&url, n->conf.sms->receipt_url);
	if (message != NULL)
		buf_printf(&url, "?message=%s", message);
	if (!twilio_signed(buf_text(&url), &form, n->keys.sms_secret, signature)) {
		http_reply_error(r, 401, "no signature matches");
	} else if ((count = receipt_twilio(&form, message != NULL ? message : "", &receipt, &e)) <
		   0) {
		http_reply_error(r, 400, e.text);
	} else {
		note_all(n, r, "sms", &receipt, count, false);
	}
	buf_clear(&url);
	form_clear(&form);
}

static void
hear_aliyun(struct notify *n, struct http_request *r)
{
	struct receipt *all = mem_new(MOST * sizeof *all);
	const char *token = http_query(r, "token");
	struct err e;
	int count;

	if (n->keys.sms_token[0] == '\0' || token == NULL || !mac_same(n->keys.sms_token, token))
		http_reply_error(r, 401, "the token is not the one of this address");
	else if ((count = receipt_aliyun(http_body(r), all, MOST, &e)) < 0)
		http_reply_error(r, 400, e.text);
	else
		note_all(n, r, "sms", all, count, true);
	free(all);
}

static void
hear_standard(struct notify *n, struct http_request *r, const char *channel)
{
	const struct webhook_head head = {
	    http_header(r, "webhook-id"),
	    http_header(r, "webhook-timestamp"),
	    http_header(r, "webhook-signature"),
	};
	struct receipt receipt;
	struct err e;

	if (!http_header_once(r, "webhook-id") || !http_header_once(r, "webhook-timestamp") ||
	    !http_header_once(r, "webhook-signature")) {
		http_reply_error(r, 400, "webhook headers missing or given twice");
	} else if (webhook_verify(&head, http_body(r), &n->keys.receipt,
		       n->keys.has_receipt ? 1 : 0, loop_now_us(n->loop), &e) < 0) {
		http_reply_error(r, e.class == ERR_INPUT ? 400 : 401, e.text);
	} else if (receipt_standard(http_body(r), &receipt, &e) < 0) {
		http_reply_error(r, e.class == ERR_REFUSED ? 422 : 400, e.text);
	} else {
		note_all(n, r, channel, &receipt, 1, false);
	}
}

void
notify_receipt(struct notify *n, struct http_request *r)
{
	static const char prefix[] = "/hooks/v1/receipts/";
	const char *channel = http_path(r) + sizeof prefix - 1, *provider = n->conf.sms->provider;

	if (strcmp(channel, "sms") == 0 && strcmp(provider, "twilio") == 0)
		hear_twilio(n, r);
	else if (strcmp(channel, "sms") == 0 && strcmp(provider, "aliyun") == 0)
		hear_aliyun(n, r);
	else if (strcmp(channel, "sms") == 0 || strcmp(channel, "webhook") == 0)
		hear_standard(n, r, channel);
	else
		http_reply_error(r, 404, "no such channel");
}
