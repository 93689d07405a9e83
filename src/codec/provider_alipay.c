/*
 * Alipay: a form whose fields, sorted and joined, are signed with RSA and SHA-256.
 *
 * Three texts may be what was signed: without sign_type (trades), with it (the service market),
 * and either without the fields that are empty.  Trying them one after the other weakens nothing,
 * for each wants a good signature.
 *
 * What is signed is the joined text, not the fields: "a=1&b=2" reads as two fields or as one
 * whose value holds an ampersand.  Whoever has one good notification could so hide that it was a
 * refund.  A value with one of our names behind an ampersand is therefore refused, and so is a
 * name that is not plain letters.
 */
#include "codec/provider_inside.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/form.h"
#include "codec/money.h"
#include "codec/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE    "+08:00" /* of all its clocks */
#define GATEWAY "https://openapi.alipay.com/gateway.do"

/* --- keys -------------------------------------------------------------------------------- */

static void
alipay_keys_free(void *own)
{
	struct alipay *a = own;

	rsa_key_free(a->key);
	rsa_key_free(a->app_key);
	free(a);
}

static int
read_section(struct keys_reader *r, const struct conf_node *section, struct alipay *a)
{
	static const char *const names[] = {"app_id", "seller_id", "seller_email", "finished_pays",
	    "public_key", "public_key_file", "app_key", "app_key_file", "gateway_url", NULL};
	char key[8192];
	struct err why;

	if (keys_known(r, section, names) < 0 ||
	    keys_text(r, section, "app_id", true, a->app_id, sizeof a->app_id) < 0 ||
	    keys_text(r, section, "seller_id", false, a->seller_id, sizeof a->seller_id) < 0 ||
	    keys_text(r, section, "seller_email", false, a->seller_email, sizeof a->seller_email) <
		0 ||
	    keys_truth(r, section, "finished_pays", &a->finished_pays) < 0 ||
	    keys_secret(r, section, "public_key", true, true, key, sizeof key) < 0)
		return -1;
	if (a->seller_id[0] == '\0' && a->seller_email[0] == '\0')
		return keys_refuse(r, section, "seller_id or seller_email must be given");
	if (rsa_key_read(key, &a->key, NULL, &why) < 0)
		return keys_refuse(r, section, "public_key: %s", why.text);
	return keys_asking(r, section, "app_key", "gateway_url", GATEWAY, &a->app_key,
	    a->gateway_url, sizeof a->gateway_url);
}

static void *
alipay_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	struct alipay *a = mem_new(sizeof *a);

	if (read_section(r, section, a) == 0)
		return a;
	alipay_keys_free(a);
	return NULL;
}

/* --- who signed it ----------------------------------------------------------------------- */

static void
put_field(struct buf *text, const char *name, const char *value, size_t len)
{
	if (text->len > 0)
		buf_put_u8(text, '&');
	buf_put_text(text, name);
	buf_put_u8(text, '=');
	buf_put(text, value, len);
}

/* sign_type is put where it belongs when it is wanted and was not sent. */
static void
signed_text(const struct form *f, bool with_type, bool without_empty, struct buf *text)
{
	bool type_due = with_type;

	for (size_t i = 0; i < f->n; i++) {
		const struct form_field *field = &f->fields[i];
		int order = strcmp(field->name, "sign_type");

		if (type_due && order > 0)
			put_field(text, "sign_type", "RSA2", 4);
		type_due = type_due && order < 0;
		if (strcmp(field->name, "sign") == 0 || (order == 0 && !with_type) ||
		    (field->value_len == 0 && without_empty))
			continue;
		put_field(text, field->name, field->value, field->value_len);
	}
	if (type_due)
		put_field(text, "sign_type", "RSA2", 4);
}

static bool
matches(const struct alipay *a, const struct form *f, bool with_type, bool without_empty,
    struct span signature)
{
	struct buf text = {0};
	struct span all;
	bool good;

	signed_text(f, with_type, without_empty, &text);
	all = buf_span(&text);
	good = rsa_sha256_matches(a->key, &all, 1, signature);
	buf_clear(&text);
	return good;
}

static bool
has_empty(const struct form *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->fields[i].value_len == 0)
			return true;
	return false;
}

static bool
is_signed(const struct alipay *a, const struct form *f, struct span signature)
{
	if (matches(a, f, false, false, signature) || matches(a, f, true, false, signature))
		return true;
	return has_empty(f) &&
	       (matches(a, f, false, true, signature) || matches(a, f, true, true, signature));
}

/* --- fields ------------------------------------------------------------------------------ */

static const char *const ours[] = {"app_id", "gmt_close", "gmt_payment", "gmt_refund", "notify_id",
    "notify_type", "out_biz_no", "out_trade_no", "refund_fee", "seller_email", "seller_id",
    "sign_type", "total_amount", "trade_no", "trade_status"};

static bool
hides_a_field(const char *value)
{
	for (const char *p = value; (p = strchr(p, '&')) != NULL;) {
		size_t len = strcspn(++p, "=&");

		for (size_t i = 0; p[len] == '=' && i < sizeof ours / sizeof *ours; i++)
			if (strlen(ours[i]) == len && strncmp(p, ours[i], len) == 0)
				return true;
	}
	return false;
}

static enum provider_code
check_fields(const struct form *f, struct err *e)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	for (size_t i = 0; i < f->n; i++) {
		const struct form_field *field = &f->fields[i];

		if (strspn(field->name, plain) != field->name_len)
			return provider_fail(e, PROVIDER_MALFORMED, "form: no name of a field");
		if (hides_a_field(field->value))
			return provider_fail(
			    e, PROVIDER_MALFORMED, "form: %.40s holds another field", field->name);
	}
	return PROVIDER_OK;
}

static enum provider_code
check_signature(const struct alipay *a, const struct form *f, struct err *e)
{
	const char *type = form_get(f, "sign_type"), *sign = form_get(f, "sign");
	enum provider_code code = check_fields(f, e);
	struct buf bytes = {0};
	bool good;

	if (code != PROVIDER_OK)
		return code;
	if (type != NULL && strcmp(type, "RSA2") != 0)
		return provider_fail(e, PROVIDER_UNSUPPORTED, "sign_type %.20s is not taken", type);
	if (sign == NULL)
		return provider_fail(e, PROVIDER_BAD_SIGNATURE, "sign is missing");
	good = base64_in(&bytes, sign, strlen(sign), e) == 0 && is_signed(a, f, buf_span(&bytes));
	buf_clear(&bytes);
	return good ? PROVIDER_OK
		    : provider_fail(e, PROVIDER_BAD_SIGNATURE, "the signature does not match");
}

/* Empty is as good as not there. */
static const char *
get(const struct form *f, const char *name)
{
	const char *value = form_get(f, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
take(const struct form *f, const char *name, bool needed, char *out, size_t room, struct err *e)
{
	const char *value = get(f, name);

	if (value == NULL)
		return needed ? err_set(e, ERR_INPUT, "%s is missing", name) : 0;
	if (strlen(value) >= room)
		return err_set(e, ERR_INPUT, "%s is longer than %zu bytes", name, room - 1);
	for (const char *p = value; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return err_set(e, ERR_INPUT, "%s is not plain ASCII", name);
	snprintf(out, room, "%s", value);
	return 0;
}

static int
take_amount(const struct form *f, const char *name, int64_t *minor, struct err *e)
{
	char text[24] = "";

	if (take(f, name, true, text, sizeof text, e) < 0)
		return -1;
	if (money_in(text, strlen(text), 2, false, minor, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

static int
take_time(const struct form *f, const char *name, bool needed, int64_t *us, struct err *e)
{
	char text[40] = "";

	if (take(f, name, needed, text, sizeof text, e) < 0)
		return -1;
	if (text[0] != '\0' && time_clock_in(text, ZONE, us, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

/* --- what happened ----------------------------------------------------------------------- */

/* A partial refund comes as TRADE_SUCCESS once more, a full one as TRADE_CLOSED; what tells them
 * from a payment and from a timeout is that they say what was refunded. */
static bool
is_refund(const struct form *f)
{
	const char *fee = get(f, "refund_fee");
	int64_t minor = 1;
	struct err ignored;

	if (get(f, "gmt_refund") != NULL || get(f, "out_biz_no") != NULL)
		return true;
	return fee != NULL &&
	       (money_in(fee, strlen(fee), 2, false, &minor, &ignored) < 0 || minor > 0);
}

static int
read_refund(const struct form *f, struct provider_notice *n, struct err *e)
{
	n->kind = PROVIDER_REFUND;
	n->cumulative = true;
	provider_no_recharge(n, "a refund");
	if (take(f, "out_biz_no", false, n->refund_no, sizeof n->refund_no, e) < 0 ||
	    take_amount(f, "refund_fee", &n->amount_minor, e) < 0)
		return -1;
	return take_time(f, "gmt_refund", false, &n->paid_us, e);
}

static int
read_paid(const struct alipay *a, const struct form *f, struct provider_notice *n, struct err *e)
{
	bool finished = strcmp(n->state, "TRADE_FINISHED") == 0;

	n->kind = PROVIDER_PAYMENT;
	n->recharges = !finished || a->finished_pays;
	if (!n->recharges)
		provider_no_recharge(n, "finished: paid before, and told then");
	if (take_amount(f, "total_amount", &n->amount_minor, e) < 0 ||
	    take_time(f, "gmt_payment", true, &n->paid_us, e) < 0)
		return -1;
	return n->amount_minor > 0 ? 0 : err_set(e, ERR_INPUT, "total_amount is nothing");
}

static int
read_trade(const struct alipay *a, const struct form *f, struct provider_notice *n, struct err *e)
{
	snprintf(n->currency, sizeof n->currency, "CNY");
	snprintf(n->method, sizeof n->method, "alipay");
	if (take(f, "trade_no", true, n->payment_no, sizeof n->payment_no, e) < 0 ||
	    take(f, "out_trade_no", true, n->order_no, sizeof n->order_no, e) < 0 ||
	    take(f, "trade_status", true, n->state, sizeof n->state, e) < 0)
		return -1;
	/* Their words may be of any character set and length; left out when they do not fit. */
	(void)take(f, "passback_params", false, n->reference, sizeof n->reference, e);
	(void)take(f, "buyer_id", false, n->payer, sizeof n->payer, e);
	if (is_refund(f))
		return read_refund(f, n, e);
	if (strcmp(n->state, "TRADE_SUCCESS") == 0 || strcmp(n->state, "TRADE_FINISHED") == 0)
		return read_paid(a, f, n, e);
	n->kind = strcmp(n->state, "TRADE_CLOSED") == 0     ? PROVIDER_CLOSED
		  : strcmp(n->state, "WAIT_BUYER_PAY") == 0 ? PROVIDER_PENDING
							    : PROVIDER_OTHER;
	provider_no_recharge(n, "the status is %s", n->state);
	return get(f, "total_amount") != NULL ? take_amount(f, "total_amount", &n->amount_minor, e)
					      : 0;
}

static bool
is_seller(const struct alipay *a, const struct form *f, struct provider_notice *n)
{
	const char *id = get(f, "seller_id"), *email = get(f, "seller_email");

	snprintf(n->merchant, sizeof n->merchant, "%s",
	    id != NULL      ? id
	    : email != NULL ? email
			    : "");
	if (a->seller_id[0] != '\0' && id != NULL)
		return strcmp(a->seller_id, id) == 0;
	return a->seller_email[0] != '\0' && email != NULL && strcmp(a->seller_email, email) == 0;
}

static enum provider_code
read_form(const struct alipay *a, const struct form *f, struct provider_notice *n, struct err *e)
{
	bool trade;

	if (take(f, "notify_id", true, n->event_id, sizeof n->event_id, e) < 0 ||
	    take(f, "notify_type", true, n->type, sizeof n->type, e) < 0 ||
	    take(f, "app_id", true, n->app, sizeof n->app, e) < 0)
		return PROVIDER_MALFORMED;
	if (strcmp(n->app, a->app_id) != 0)
		return provider_fail(e, PROVIDER_WRONG_MERCHANT, "for app %.32s: not ours", n->app);
	trade = strcmp(n->type, "trade_status_sync") == 0;
	n->kind = PROVIDER_OTHER;
	if (!trade)
		return PROVIDER_OK;
	if (!is_seller(a, f, n))
		return provider_fail(
		    e, PROVIDER_WRONG_MERCHANT, "for seller %.64s: not ours", n->merchant);
	return read_trade(a, f, n, e) < 0 ? PROVIDER_MALFORMED : PROVIDER_OK;
}

static enum provider_code
alipay_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	struct form *f = mem_new(sizeof *f);
	enum provider_code code = PROVIDER_MALFORMED;

	if (form_read(q->body, f, e) == 0) {
		code = check_signature(own, f, e);
		if (code == PROVIDER_OK)
			code = read_form(own, f, n, e);
		form_clear(f);
	}
	free(f);
	return code;
}

/* Seven letters and nothing else; all other words mean that it comes again. */
static void
alipay_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	a->type = "text/plain";
	if (o == PROVIDER_TAKEN)
		snprintf(a->body, sizeof a->body, "success");
	else
		snprintf(a->body, sizeof a->body, "fail: %s", text);
}

static const char *const evidence[] = {NULL};

const struct provider provider_alipay = {"alipay", NULL, alipay_keys_read, alipay_keys_free,
    alipay_verify, alipay_answer, evidence, NULL, &alipay_query};
