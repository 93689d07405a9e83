/*
 * The door for payment notifications.  The order matters: source, signature over the raw
 * bytes, and only then does anything read the body.
 */
#include "service/pay.h"

#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/http.h"
#include "service/pay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An unknown source must take as long as a bad signature: something is verified either way. */
static const struct webhook_secret nobody = {.key = "nobody knows this one.", .len = 24};

int
pay_load_source(struct pay_source *s, struct err *e)
{
	char text[1024], *line, *rest = text;

	s->nsecrets = 0;
	if (conf_secret_file(s->secret_file, text, sizeof text, e) < 0)
		return err_wrap(e, "source %s", s->name);
	while ((line = strsep(&rest, "\r\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (s->nsecrets == PAY_SECRETS)
			return err_set(
			    e, ERR_INPUT, "source %s: more than %d secrets", s->name, PAY_SECRETS);
		if (webhook_secret_parse(line, &s->secrets[s->nsecrets++], e) < 0)
			return err_wrap(e, "source %s", s->name);
	}
	if (s->nsecrets == 0)
		return err_set(e, ERR_INPUT, "source %s: no secret", s->name);
	return 0;
}

static void
answer_error(struct http_request *r, int status, const char *why)
{
	struct buf b = {0};

	buf_put_text(&b, "{\"error\":");
	json_quote(&b, why);
	buf_put_u8(&b, '}');
	http_reply_json(r, status, buf_text(&b));
	buf_clear(&b);
}

void
pay_answer_http(const struct pay_answer *a, void *arg)
{
	struct http_request *r = arg;
	char json[160];

	switch (a->outcome) {
	case PAY_ACCEPTED:
	case PAY_DUPLICATE:
		snprintf(json, sizeof json,
		    "{\"status\":\"%s\",\"receipt_id\":\"%lld\",\"state\":\"%s\"}",
		    a->outcome == PAY_ACCEPTED ? "accepted" : "duplicate", (long long)a->receipt,
		    a->suspense ? "suspense" : "settled");
		http_reply_json(r, 200, json);
		return;
	case PAY_CONFLICT:
		answer_error(r, 409, a->why);
		return;
	case PAY_UNAVAILABLE:
		answer_error(r, 503, "not settled: send it again");
		return;
	case PAY_REFUSED:
		answer_error(r, 503, "cannot be settled now: send it again later");
		return;
	}
}

static const struct pay_source *
find_source(const struct pay_source *sources, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

void
pay_hook(struct pay *p, const struct pay_source *sources, size_t n, struct http_request *r)
{
	static const char prefix[] = "/hooks/v1/";
	const char *name = http_path(r) + sizeof prefix - 1;
	const struct pay_source *s = find_source(sources, n, name);
	const struct webhook_head head = {
	    http_header(r, "webhook-id"),
	    http_header(r, "webhook-timestamp"),
	    http_header(r, "webhook-signature"),
	};
	int64_t now = pay_now_us(p);
	struct payment m = {0};
	struct err e;

	if (!http_header_once(r, "webhook-id") || !http_header_once(r, "webhook-timestamp") ||
	    !http_header_once(r, "webhook-signature")) {
		answer_error(r, s != NULL ? 400 : 404, "webhook headers missing or given twice");
		return;
	}
	if (webhook_verify(&head, http_body(r), s != NULL ? s->secrets : &nobody,
		s != NULL ? (size_t)s->nsecrets : 1, now, &e) < 0 ||
	    s == NULL) {
		answer_error(r,
		    s == NULL              ? 404
		    : e.class == ERR_INPUT ? 400
					   : 401,
		    s == NULL ? "no such source" : e.text);
		return;
	}
	if (webhook_payment(http_body(r), &m, &e) < 0) {
		answer_error(r, e.class == ERR_REFUSED ? 422 : 400, e.text);
		return;
	}
	snprintf(m.source, sizeof m.source, "%s", s->name);
	snprintf(m.event_id, sizeof m.event_id, "%s", head.id);
	pay_settle(p, &m, http_body(r), s->name, now, pay_answer_http, r);
}
