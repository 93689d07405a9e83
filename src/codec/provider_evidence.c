/*
 * What a notification was verified by, kept beside its body so that anybody can do it again: the
 * headers its provider signs with, a line each, as they came.
 *
 *	Wechatpay-Serial: PUB_KEY_ID_1
 *	Peer: 196.201.214.200		the address, where that is all there is
 *	Asked: /v3/pay/...		an answer to a question of ours, not a notification
 *
 * Nothing in it is secret; a secret path is not kept, whoever verifies has it in the keys file.
 */
#include "codec/provider_parts.h"

#include "base/err.h"
#include "codec/provider_query.h"
#include "codec/webhook.h"
#include "model/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put_line(struct buf *out, const char *name, const char *value)
{
	if (value != NULL && strlen(value) < PROVIDER_EVIDENCE_MOST && !text_has_control(value))
		buf_printf(out, "%s: %s\n", name, value);
}

void
provider_evidence(
    const struct provider *p, const struct provider_request *q, const char *asked, struct buf *out)
{
	const char *value;

	if (asked != NULL)
		put_line(out, "Asked", asked);
	for (const char *const *name = p->evidence; *name != NULL; name++) {
		value = NULL;
		if (strcmp(*name, "Peer") == 0)
			value = q->peer;
		else if (provider_headers(q, *name, &value) != 1)
			continue;
		put_line(out, *name, value);
	}
	if (out->len > PROVIDER_EVIDENCE_MOST) /* nobody signs with as much */
		buf_clear(out);
}

/* Cuts the lines in place. */
static size_t
lines_in(char *text, struct provider_header *headers, size_t room)
{
	char *line;
	size_t n = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		char *colon = strstr(line, ": ");

		if (colon == NULL || n == room)
			continue;
		*colon = '\0';
		headers[n++] = (struct provider_header){line, colon + 2};
	}
	return n;
}

enum provider_code
provider_verify_again(const struct provider_keys *k, const char *evidence, struct span body,
    int64_t received_us, struct provider_notice *n, struct err *e)
{
	struct provider_header headers[PROVIDER_HEADERS];
	struct provider_request q = {.headers = headers, .body = body, .now_us = received_us};
	const struct provider *p = provider_of(k);
	struct buf lines = {0};
	const char *asked = NULL;
	enum provider_code code;

	buf_put_text(&lines, evidence);
	buf_text(&lines);
	q.nheaders = lines_in((char *)lines.bytes, headers, PROVIDER_HEADERS);
	provider_headers(&q, "Peer", &q.peer);
	q.path = p->path != NULL ? p->path(provider_own(k)) : NULL;
	if (provider_headers(&q, "Asked", &asked) > 0)
		code = provider_answered(k, &q, n, e);
	else
		code = provider_verify(k, &q, n, e);
	buf_clear(&lines);
	return code;
}

/* --- what it says, as a payment --------------------------------------------------------------- */

static bool
is_number(const char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strspn(text, letters);

	return len > 0 && len < sizeof((struct payment *)0)->account_no && text[len] == '\0';
}

/* What was written along is an account where nothing else says whose it is. */
void
provider_payment(const struct provider *p, const struct provider_notice *n, struct payment *m)
{
	memcpy(m->payment_no, n->payment_no, sizeof m->payment_no);
	memcpy(m->account_no, n->account_no, sizeof m->account_no);
	memcpy(m->meter_no, n->meter_no, sizeof m->meter_no);
	if (m->account_no[0] == '\0' && m->meter_no[0] == '\0' && is_number(n->reference))
		snprintf(m->account_no, sizeof m->account_no, "%.32s", n->reference);
	m->amount_minor = n->amount_minor;
	memcpy(m->currency, n->currency, sizeof m->currency);
	m->paid_us = n->paid_us;
	snprintf(m->method, sizeof m->method, "%s", n->method[0] != '\0' ? n->method : p->name);
	memcpy(m->terminal, n->terminal, sizeof m->terminal);
	memcpy(m->payer, n->payer, sizeof m->payer);
	memcpy(m->order_no, n->order_no, sizeof m->order_no);
	memcpy(m->note, n->note, sizeof m->note);
	if (n->held)
		memcpy(m->hold, n->why, sizeof m->hold);
}
