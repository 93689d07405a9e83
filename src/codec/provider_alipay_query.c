/*
 * Alipay, asked for an order: alipay.trade.query at the gateway.
 *
 * The request's fields are signed sorted and joined; the answer's signature is over the object
 * inside it as it was sent, byte by byte (payments.md 2.5).  Only a gateway's word that a trade
 * succeeded or is finished is money: what it was told of before has the same number.
 */
#include "codec/provider_inside.h"

#include "base/err.h"
#include "codec/form.h"
#include "codec/money.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define ZONE    "+08:00"
#define ZONE_US INT64_C(28800000000)
#define ANSWER  "alipay_trade_query_response"

static bool
can(const void *own)
{
	return ((const struct alipay *)own)->app_key != NULL;
}

/* "2026-11-20 16:00:00" on their clock. */
static void
put_clock(int64_t us, char out[32])
{
	time_rfc3339_out(us + ZONE_US, out);
	out[10] = ' ';
	out[19] = '\0';
}

static int
ask(const void *own, const char *order_no, int64_t now_us, const char *nonce,
    struct provider_question *out, struct err *e)
{
	const struct alipay *a = own;
	char at[32], content[128];
	struct buf text = {0}, sign = {0};
	const char *fields[][2] = {
	    {"app_id",      a->app_id           },
	    {"biz_content", content             },
	    {"charset",     "utf-8"             },
	    {"format",      "JSON"              },
	    {"method",      "alipay.trade.query"},
	    {"sign_type",   "RSA2"              },
	    {"timestamp",   at                  },
	    {"version",     "1.0"               },
	};

	(void)nonce;
	if (strcspn(order_no, "\"\\") != strlen(order_no) || strlen(order_no) > 64)
		return err_set(e, ERR_INPUT, "order %.32s: no number of an order", order_no);
	put_clock(now_us, at);
	snprintf(content, sizeof content, "{\"out_trade_no\":\"%s\"}", order_no);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		buf_printf(&text, "%s%s=%s", i > 0 ? "&" : "", fields[i][0], fields[i][1]);
		form_put(&out->body, fields[i][0], fields[i][1]);
	}
	rsa_sha256_sign(a->app_key, buf_span(&text), &sign);
	form_put(&out->body, "sign", buf_text(&sign));
	buf_clear(&text);
	buf_clear(&sign);
	out->method = "POST";
	buf_put_text(&out->url, a->gateway_url);
	snprintf(out->path, sizeof out->path, "alipay.trade.query %s", order_no);
	snprintf(out->headers[0], sizeof out->headers[0],
	    "Content-Type: application/x-www-form-urlencoded;charset=utf-8");
	return 0;
}

static bool
is_signed(const struct alipay *a, struct span part, const char *sign)
{
	struct buf bytes = {0};
	struct err ignored;
	bool good = sign != NULL && base64_in(&bytes, sign, strlen(sign), &ignored) == 0 &&
		    rsa_sha256_matches(a->key, &part, 1, buf_span(&bytes));

	buf_clear(&bytes);
	return good;
}

static int
read_paid(const cJSON *o, struct provider_notice *n, struct err *e)
{
	char amount[24], when[40] = "";

	if (json_identifier(o, "trade_no", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    json_identifier(o, "total_amount", amount, sizeof amount, e) < 0)
		return -1;
	if (money_in(amount, strlen(amount), 2, false, &n->amount_minor, e) < 0)
		return err_wrap(e, "total_amount");
	if (n->amount_minor == 0)
		return err_set(e, ERR_INPUT, "total_amount is nothing");
	if (provider_text(o, "send_pay_date", when, sizeof when, e) < 0 ||
	    (when[0] != '\0' && time_clock_in(when, ZONE, &n->paid_us, e) < 0))
		return err_wrap(e, "send_pay_date");
	provider_words(o, "buyer_user_id", n->payer, sizeof n->payer);
	n->kind = PROVIDER_PAYMENT;
	n->recharges = true;
	return 0;
}

static int
read_answer(const cJSON *o, struct provider_notice *n, struct err *e)
{
	char code[33];

	snprintf(n->currency, sizeof n->currency, "CNY");
	snprintf(n->method, sizeof n->method, "alipay");
	snprintf(n->type, sizeof n->type, "trade.query");
	n->kind = PROVIDER_PENDING;
	if (json_identifier(o, "code", code, sizeof code, e) < 0)
		return -1;
	if (strcmp(code, "10000") != 0) { /* nobody has begun to pay, or they cannot say */
		provider_words(o, "sub_code", n->state, sizeof n->state);
		provider_no_recharge(n, "the gateway answers %.40s", n->state);
		return 0;
	}
	if (json_identifier(o, "out_trade_no", n->order_no, sizeof n->order_no, e) < 0 ||
	    json_identifier(o, "trade_status", n->state, sizeof n->state, e) < 0)
		return -1;
	if (strcmp(n->state, "TRADE_SUCCESS") == 0 || strcmp(n->state, "TRADE_FINISHED") == 0)
		return read_paid(o, n, e);
	if (strcmp(n->state, "TRADE_CLOSED") == 0)
		n->kind = PROVIDER_CLOSED;
	provider_no_recharge(n, "the status is %s", n->state);
	return 0;
}

static enum provider_code
answered(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	const struct alipay *a = own;
	struct span part;
	cJSON *o;
	bool good;
	int rc;

	if (alipay_answer_part(q->body, ANSWER, &part, e) < 0)
		return PROVIDER_MALFORMED;
	o = json_foreign(q->body, e);
	good =
	    is_signed(a, part, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "sign")));
	rc = good ? read_answer(cJSON_GetObjectItemCaseSensitive(o, ANSWER), n, e) : 0;
	cJSON_Delete(o);
	if (!good)
		return provider_fail(e, PROVIDER_BAD_SIGNATURE, "the signature does not match");
	snprintf(n->app, sizeof n->app, "%s", a->app_id);
	snprintf(n->event_id, sizeof n->event_id, "asked:%.64s", n->payment_no);
	return rc < 0 ? PROVIDER_MALFORMED : PROVIDER_OK;
}

const struct provider_query alipay_query = {can, ask, answered};
