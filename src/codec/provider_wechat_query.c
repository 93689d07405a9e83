/*
 * WeChat Pay v3, asked for an order: the net for a notification that never came (payments.md 1.6).
 *
 * The request is signed with the merchant's own key; the answer is signed as a notification is,
 * over the same three lines, and its body is the transaction, not sealed.
 */
#include "codec/provider_inside.h"

#include "base/err.h"
#include "codec/form.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static bool
can(const void *own)
{
	const struct wechat *w = own;

	return w->merchant_key != NULL && w->serial[0] != '\0';
}

static int
ask(const void *own, const char *order_no, int64_t now_us, const char *nonce,
    struct provider_question *out, struct err *e)
{
	const struct wechat *w = own;
	struct buf number = {0}, text = {0}, signature = {0};
	char at[24];
	int len;

	form_percent(&number, order_no);
	snprintf(at, sizeof at, "%lld", (long long)(now_us / 1000000));
	len = snprintf(out->path, sizeof out->path, "/v3/pay/transactions/out-trade-no/%s?mchid=%s",
	    buf_text(&number), w->mchid);
	buf_clear(&number);
	if (len >= (int)sizeof out->path)
		return err_set(e, ERR_INPUT, "order %.32s: its number is too long", order_no);
	out->method = "GET";
	buf_printf(&out->url, "%s%s", w->api_url, out->path);
	wechat_request_text("GET", out->path, at, nonce, span_of("", 0), &text);
	rsa_sha256_sign(w->merchant_key, buf_span(&text), &signature);
	snprintf(out->headers[0], sizeof out->headers[0],
	    "Authorization: WECHATPAY2-SHA256-RSA2048 mchid=\"%s\",nonce_str=\"%s\","
	    "timestamp=\"%s\",serial_no=\"%s\",signature=\"%s\"",
	    w->mchid, nonce, at, w->serial, buf_text(&signature));
	snprintf(out->headers[1], sizeof out->headers[1], "Accept: application/json");
	snprintf(out->headers[2], sizeof out->headers[2], "User-Agent: powergate");
	snprintf(out->headers[3], sizeof out->headers[3], "Wechatpay-Serial: %s", w->keys[0].id);
	buf_clear(&text);
	buf_clear(&signature);
	return 0;
}

/* What is not paid has no number of its own yet. */
static int
read_unpaid(const cJSON *o, struct provider_notice *n, struct err *e)
{
	if (json_identifier(o, "trade_state", n->state, sizeof n->state, e) < 0 ||
	    json_identifier(o, "out_trade_no", n->order_no, sizeof n->order_no, e) < 0)
		return -1;
	n->kind = strcmp(n->state, "NOTPAY") == 0 || strcmp(n->state, "USERPAYING") == 0
		      ? PROVIDER_PENDING
		      : PROVIDER_CLOSED;
	provider_no_recharge(n, "the state of the trade is %s", n->state);
	return 0;
}

static enum provider_code
answered(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	const struct wechat *w = own;
	enum provider_code code = wechat_check_signature(w, q, e);
	const char *state;
	cJSON *o;
	int rc = 0;
	bool paid = false;

	if (code != PROVIDER_OK)
		return code;
	o = json_foreign(q->body, e);
	state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "trade_state"));
	if (o == NULL)
		rc = -1;
	else if (state != NULL && (strcmp(state, "SUCCESS") == 0 || strcmp(state, "REFUND") == 0))
		paid = true;
	else
		rc = read_unpaid(o, n, e);
	cJSON_Delete(o);
	if (rc < 0)
		return PROVIDER_MALFORMED;
	if (!paid)
		return PROVIDER_OK;
	n->kind = PROVIDER_PAYMENT;
	snprintf(n->type, sizeof n->type, "order.query");
	code = wechat_read(w, q->body, n, e);
	snprintf(n->event_id, sizeof n->event_id, "asked:%.64s", n->payment_no);
	return code;
}

const struct provider_query wechat_query = {can, ask, answered};
