/*
 * The desk: what a payment would become, and cash.  Limits are asked before the money is taken,
 * so nothing has to be undone; what is taken goes the same way into the ledger as any other.
 */
#include "service/api_call.h"

#include "service/pay_parts.h"
#include "service/topup.h"

#include <stdio.h>
#include <stdlib.h>

struct sale {
	struct call *call;
	struct payment m;
};

/* Who pays what; answers itself when that is not said. */
static struct sale *
sale_new(struct call *c)
{
	struct sale *s = mem_new(sizeof *s);
	struct payment *m = &s->m;
	char amount[24], *end;
	const char *why = NULL;

	s->call = c;
	if (!call_copy(c, "payment_no", m->payment_no, sizeof m->payment_no) ||
	    !call_copy(c, "account", m->account_no, sizeof m->account_no) ||
	    !call_copy(c, "meter", m->meter_no, sizeof m->meter_no) ||
	    !call_copy(c, "currency", m->currency, sizeof m->currency) ||
	    !call_copy(c, "terminal", m->terminal, sizeof m->terminal) ||
	    !call_copy(c, "note", m->note, sizeof m->note) ||
	    !call_copy(c, "amount_minor", amount, sizeof amount))
		why = "a value is too long or no text";
	else if ((m->amount_minor = strtoll(amount, &end, 10)) < 1 || amount[0] == '\0' ||
		 *end != '\0' || m->amount_minor > INT64_C(9007199254740991))
		why = "amount_minor is a whole number above 0";
	else if ((m->account_no[0] == '\0') == (m->meter_no[0] == '\0'))
		why = "one of account and meter is needed";
	if (why == NULL)
		return s;
	call_error(c, 400, why);
	free(s);
	return NULL;
}

static void
ask_limits(struct sale *s, topup_fn *fn)
{
	const struct payment *m = &s->m;
	const struct topup_question q = {.account = m->account_no,
	    .meter = m->meter_no,
	    .currency = m->currency,
	    .source = m->source,
	    .payment_no = m->payment_no,
	    .amount_minor = m->amount_minor};

	topup_ask(s->call->parts->db, &q, call_now_us(s->call), fn, s);
}

static void
on_preview(const struct topup_answer *a, void *arg)
{
	struct sale *s = arg;

	if (a->json == NULL)
		call_error(s->call, a->status, a->error);
	else
		call_answer(s->call, a->json);
	free(s);
}

void
call_preview(struct call *c)
{
	struct sale *s = sale_new(c);

	if (s != NULL)
		ask_limits(s, on_preview);
}

static void
on_cash(const struct pay_answer *a, void *arg)
{
	struct sale *s = arg;

	pay_answer_http(a, s->call->r);
	call_end(s->call);
	free(s);
}

/* Only what is known to be outside a limit is refused; whatever else is wrong settling says. */
static void
on_limits(const struct topup_answer *a, void *arg)
{
	struct sale *s = arg;
	struct call *c = s->call;

	if (a->verdict != TOPUP_AWAY && a->verdict != TOPUP_OUTSIDE) {
		pay_settle(c->parts->pay, &s->m, http_body(c->r), c->who, s->m.paid_us, on_cash, s);
		return;
	}
	if (a->verdict == TOPUP_AWAY) {
		call_error(c, a->status, a->error);
	} else {
		http_reply_json(c->r, 422, a->json);
		call_end(c);
	}
	free(s);
}

void
call_cash(struct call *c)
{
	struct sale *s;
	struct payment *m;

	if (call_text(c, "payment_no") == NULL || call_text(c, "payment_no")[0] == '\0') {
		call_error(c, 400, "payment_no is needed");
		return;
	}
	if ((s = sale_new(c)) == NULL)
		return;
	m = &s->m;
	snprintf(m->source, sizeof m->source, "cash");
	snprintf(m->method, sizeof m->method, "cash");
	if (m->currency[0] == '\0')
		snprintf(m->currency, sizeof m->currency, "CNY");
	snprintf(m->event_id, sizeof m->event_id, "%s", m->payment_no);
	m->paid_us = call_now_us(c);
	ask_limits(s, on_limits);
}
