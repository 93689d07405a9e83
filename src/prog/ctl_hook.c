/*
 * hook verify: one notification, judged as the daemon would judge it.
 *
 * The body is what standard input holds, to the last byte.  The answer is one JSON object on
 * standard output whatever it is; standard error is for what keeps us from judging.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "codec/provider.h"
#include "codec/webhook.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- the question -------------------------------------------------------------------------- */

struct question {
	struct provider_header headers[PROVIDER_HEADERS];
	struct provider_request request;
	struct buf body;
};

/* "Name: value", cut in place; blanks around the value do not count, as in HTTP. */
static int
header_in(char *line, struct provider_header *h, struct err *e)
{
	char *colon = strchr(line, ':');
	size_t len;

	if (colon == NULL || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
		return err_set(e, ERR_INPUT, "\"%.60s\" is no header: write 'Name: value'", line);
	*colon++ = '\0';
	h->name = line;
	colon += strspn(colon, " \t");
	for (len = strlen(colon); len > 0 && strchr(" \t\r\n", colon[len - 1]) != NULL; len--)
		colon[len - 1] = '\0';
	h->value = colon;
	return 0;
}

static int
headers_in(struct ctl *c, struct question *q, struct err *e)
{
	q->request.headers = q->headers;
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->values[i].name, "header") != 0)
			continue;
		if (q->request.nheaders == PROVIDER_HEADERS)
			return err_set(e, ERR_INPUT, "more than %d headers", PROVIDER_HEADERS);
		if (header_in(c->values[i].text, &q->headers[q->request.nheaders++], e) < 0)
			return -1;
	}
	return 0;
}

/* Seconds since 1970, or a time by RFC 3339. */
static int
now_in(const char *text, int64_t *us, struct err *e)
{
	struct timespec now;
	size_t len;

	if (text == NULL) {
		clock_gettime(CLOCK_REALTIME, &now);
		*us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
		return 0;
	}
	len = strlen(text);
	if (len > 0 && len <= 12 && strspn(text, "0123456789") == len) {
		*us = strtoll(text, NULL, 10) * 1000000;
		return 0;
	}
	if (time_rfc3339_in(text, us, e) < 0)
		return err_set(e, ERR_INPUT,
		    "--now: \"%.40s\" is neither seconds since 1970 nor a time by RFC 3339", text);
	return 0;
}

/* A byte more than is taken shows that it is too long; the rest need not be read. */
static int
body_in(struct question *q, struct err *e)
{
	if (file_read_open(stdin, PROVIDER_BODY_MOST, &q->body, e) < 0)
		return err_wrap(e, "standard input");
	q->request.body = buf_span(&q->body);
	return 0;
}

static int
question_in(struct ctl *c, struct question *q, struct err *e)
{
	q->request.path = ctl_value(c, "path");
	q->request.peer = ctl_value(c, "peer");
	if (now_in(ctl_value(c, "now"), &q->request.now_us, e) < 0 || headers_in(c, q, e) < 0)
		return -1;
	return body_in(q, e);
}

/* --- the answer ---------------------------------------------------------------------------- */

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text[0] == '\0')
		buf_put_text(out, "null");
	else
		json_quote(out, text);
}

static void
put_time(struct buf *out, int64_t us)
{
	char text[32];

	if (us == 0) {
		buf_put_text(out, ",\"paid_us\":null,\"paid\":null");
		return;
	}
	time_rfc3339_out(us, text);
	buf_printf(out, ",\"paid_us\":%" PRId64 ",\"paid\":\"%s\"", us, text);
}

static void
put_money(struct buf *out, const struct provider_notice *n)
{
	if (n->amount_minor > 0)
		buf_printf(out, ",\"amount_minor\":%" PRId64, n->amount_minor);
	else
		buf_put_text(out, ",\"amount_minor\":null");
	put_text(out, "currency", n->currency);
	buf_printf(out, ",\"cumulative\":%s", n->cumulative ? "true" : "false");
}

/* What is to be said to the provider. */
static void
put_answer(struct buf *out, const struct provider *p, enum provider_code code)
{
	struct provider_answer a;

	provider_answer(p, code == PROVIDER_OK ? PROVIDER_TAKEN : PROVIDER_REFUSED, code, &a);
	buf_printf(out, ",\"answer\":{\"status\":%d,\"type\":\"%s\",\"body\":", a.status, a.type);
	json_quote(out, a.body);
	buf_put_text(out, "}}");
}

static void
put_notice(struct buf *out, const struct provider *p, const struct provider_notice *n)
{
	buf_printf(out, "{\"ok\":true,\"provider\":\"%s\",\"kind\":\"%s\"", p->name,
	    provider_kind_name(n->kind));
	put_text(out, "type", n->type);
	put_text(out, "event_id", n->event_id);
	put_text(out, "payment_no", n->payment_no);
	put_text(out, "refund_no", n->refund_no);
	put_text(out, "order_no", n->order_no);
	put_text(out, "account_no", n->account_no);
	put_text(out, "meter_no", n->meter_no);
	put_text(out, "reference", n->reference);
	put_money(out, n);
	put_time(out, n->paid_us);
	put_text(out, "merchant", n->merchant);
	put_text(out, "app", n->app);
	put_text(out, "state", n->state);
	put_text(out, "method", n->method);
	put_text(out, "terminal", n->terminal);
	put_text(out, "payer", n->payer);
	put_text(out, "note", n->note);
	put_text(out, "trace", n->trace);
	buf_printf(out, ",\"recharges\":%s", n->recharges ? "true" : "false");
	put_text(out, "why", n->why);
}

static void
put_refusal(struct buf *out, const struct provider *p, enum provider_code code, const char *why)
{
	buf_printf(out, "{\"ok\":false,\"provider\":\"%s\",\"code\":\"%s\",\"alarm\":%s", p->name,
	    provider_code_name(code), provider_code_alarms(code) ? "true" : "false");
	put_text(out, "error", why);
}

static enum ctl_exit
judge(const struct ctl *c, const struct provider *p, const struct provider_keys *k,
    const struct provider_request *q)
{
	struct buf out = {0}, pretty = {0};
	struct provider_notice n;
	struct err e;
	enum provider_code code = provider_verify(k, q, &n, &e);

	if (code == PROVIDER_OK)
		put_notice(&out, p, &n);
	else
		put_refusal(&out, p, code, e.text);
	put_answer(&out, p, code);
	if (c->form == CTL_PRETTY)
		ctl_put_pretty(&pretty, buf_text(&out));
	puts(buf_text(c->form == CTL_PRETTY ? &pretty : &out));
	buf_clear(&out);
	buf_clear(&pretty);
	return code == PROVIDER_OK ? CTL_DONE : CTL_NO;
}

/* --- the command --------------------------------------------------------------------------- */

static const struct provider *
find_provider(const char *name)
{
	struct buf names = {0};
	const struct provider *p = provider_find(name);

	if (p != NULL)
		return p;
	while ((p = provider_next(p)) != NULL)
		buf_printf(&names, " %s", p->name);
	ctl_complain("no provider \"%.40s\": there are%s", name, buf_text(&names));
	buf_clear(&names);
	return NULL;
}

enum ctl_exit
ctl_hook_verify(struct ctl *c)
{
	const struct provider *p = find_provider(ctl_value(c, "provider"));
	const char *path = ctl_value(c, "keys");
	struct provider_keys *k;
	struct question q = {0};
	bool exposed = false;
	enum ctl_exit end = CTL_USAGE;
	struct err e;

	if (p == NULL)
		return CTL_USAGE;
	k = provider_keys_read(p, path, &exposed, &e);
	if (k == NULL || question_in(c, &q, &e) < 0) {
		ctl_complain("%s", e.text);
	} else {
		if (exposed)
			ctl_complain("%s: holds secrets, and others may read it", path);
		end = judge(c, p, k, &q.request);
	}
	buf_clear(&q.body);
	provider_keys_free(k);
	return end;
}
