/*
 * The desk: what a payment would become, cash, and orders for others to collect.  Limits are asked
 * before the money is taken, so nothing has to be undone; what is taken goes the same way into the
 * ledger as any other.
 */
#include "service/api_call.h"

#include "base/conf.h"
#include "base/loop.h"
#include "codec/webhook.h"
#include "service/pay_parts.h"
#include "service/topup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt order_create = {"api_order_create", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_order_create($1::jsonb, $2::jsonb, $3, $4::bigint)" API_AUDITED};

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
		 *end != '\0' || m->amount_minor > JSON_INTEGER_MOST)
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
		pay_settle(
		    c->parts->pay, &s->m, http_body(c->r), "", c->who, s->m.paid_us, on_cash, s);
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

/* --- orders -------------------------------------------------------------------------------- */

static void
on_order_limits(const struct topup_answer *a, void *arg)
{
	struct sale *s = arg;
	struct call *c = s->call;
	char *args;

	free(s);
	if (a->verdict == TOPUP_OUTSIDE) {
		http_reply_json(c->r, 422, a->json);
		call_end(c);
	} else if (a->json == NULL) {
		call_error(c, a->status, a->error);
	} else {
		args = cJSON_PrintUnformatted(c->args);
		db_ask(c->parts->db, &order_create, call_answered, c, db_text(args),
		    db_text(a->json), db_text(c->who), db_int(call_now_us(c)));
		cJSON_free(args);
	}
}

static bool
has_source(const struct conf_list *sources, const char *name)
{
	const struct pay_source *s = sources->entries;

	for (size_t i = 0; i < sources->n; i++)
		if (strcmp(s[i].name, name) == 0)
			return true;
	return false;
}

void
call_order(struct call *c)
{
	const char *source = call_text(c, "source");
	struct sale *s;

	if (source == NULL || !has_source(c->parts->sources, source)) {
		call_error(c, source == NULL ? 400 : 404,
		    source == NULL ? "source is needed: who is to be paid" : "no such source");
		return;
	}
	if ((s = sale_new(c)) == NULL)
		return;
	ask_limits(s, on_order_limits);
}
