/*
 * What a provider tells that is no new money: refunds, chargebacks, orders that were closed, and
 * alarms of our own.  Kept before it is answered, like a payment; what follows from it is
 * door.provider_told()'s to say.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/http.h"
#include "service/pay_parts.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (8 * SECOND_US)
#define QUIET_US    MINUTE_US /* between two lines of the log, and two alarms, of one cause */

static const struct db_stmt told = {"provider_told", DB_MONEY, true, PATIENCE_US,
    "SELECT door.provider_told($1, $2, $3, decode($4, 'hex'), decode($5, 'hex'), $6, $7, $8, $9,"
    " $10, $11::bigint, $12, $13::boolean, $14, $15, $16, $17::bigint, $18, $19::bigint)"};
static const struct db_stmt raise_alarm = {"provider_alarm", DB_COMMANDS, true, PATIENCE_US,
    "SELECT door.provider_alarm($1, $2, $3, $4::bigint)"};

static void
on_told(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct hook *h = arg;
	const char *outcome = rows != NULL ? db_cell_text(rows, 0, 0) : "";

	if (rows == NULL) {
		slog(h, LOG_LEVEL_ERROR, "source=%s event=%s not kept: %s", h->m.source,
		    h->m.event_id, e->text);
		hook_answer(h, PROVIDER_LATER);
	} else if (strcmp(outcome, "conflict") == 0) {
		hook_refuse(h, 409, "this webhook-id came before with another body");
	} else {
		hook_answer(h, PROVIDER_TAKEN);
	}
}

void
hook_told(struct hook *h, const char *kind, const char *why)
{
	const struct provider_notice *n = &h->notice;
	char *hex = mem_new(2 * h->body.len + 1);
	char sha[65];

	hex_out(hex, buf_span(&h->body));
	hex_out(sha, span_of(h->sha, sizeof h->sha));
	db_ask(pay_db(h->pay), &told, on_told, h, db_text(h->m.source), db_text(h->provider->name),
	    db_text(h->m.event_id), db_text(sha), db_text(hex), db_text(kind), db_text(n->type),
	    db_text(n->payment_no), db_text(n->refund_no), db_text(n->order_no),
	    db_int(n->amount_minor), db_text(n->currency), db_bool(n->cumulative),
	    db_text(n->state), db_text(why), db_text(n->trace), db_int(n->paid_us),
	    db_text(buf_text(&h->evidence)), db_int(h->received_us));
	free(hex);
}

static void
on_alarmed(const struct db_rows *rows, const struct err *e, void *arg)
{
	(void)rows, (void)e, (void)arg; /* the next one tries again */
}

/* Anybody can send what is refused, so neither the log nor the database takes a line for each. */
void
hook_count(struct pay *p, struct source *s, enum provider_code code, const char *why)
{
	int64_t now = pay_now_us(p);
	struct {
		struct logctx log;
	} o = {.log.module = "hook"};

	s->refused[code]++;
	if (s->said_us[code] != 0 && now - s->said_us[code] < QUIET_US)
		return;
	s->said_us[code] = now;
	slog(&o, provider_code_alarms(code) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
	    "source=%s refused=%s count=%lld: %s", s->name, provider_code_name(code),
	    (long long)s->refused[code], why);
	if (provider_code_alarms(code) && !s->own)
		db_ask(pay_db(p), &raise_alarm, on_alarmed, NULL, db_text(s->name),
		    db_text(provider_code_name(code)), db_text(why), db_int(now));
}
