#include "service/topup.h"

#include "base/err.h"
#include "codec/webhook.h"

#include <stdio.h>
#include <stdlib.h>

struct asking {
	topup_fn *fn;
	void *arg;
	int64_t amount_minor;
};

static const char *
reference_of(const struct topup *t, int64_t debt_id)
{
	for (size_t i = 0; i < t->view.ndebts; i++)
		if (t->view.debts[i].id == debt_id)
			return t->references[i];
	return "";
}

static void
put_lines(struct buf *b, const struct topup *t, const struct waterfall_line *lines, size_t n)
{
	buf_put_text(b, ",\"split\":[");
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s{\"for\":\"%s\",\"debt\":", i > 0 ? "," : "",
		    waterfall_kind_name(lines[i].kind));
		if (lines[i].debt_id != 0) {
			buf_printf(b, "%lld,\"reference\":", (long long)lines[i].debt_id);
			json_quote(b, reference_of(t, lines[i].debt_id));
		} else {
			buf_put_text(b, "null,\"reference\":null");
		}
		buf_printf(b, ",\"amount_minor\":%lld}", (long long)lines[i].amount_minor);
	}
	buf_put_u8(b, ']');
}

static void
say(char *out, size_t room, const char *what, int64_t minor, const struct topup *t)
{
	snprintf(out, room, "%s %lld.%02lld %s", what, (long long)(minor / 100),
	    (long long)(minor % 100), t->currency);
}

/* Each limit that is passed; the first in words. */
static void
put_problems(struct buf *b, const struct topup *t, unsigned wrong, char *first, size_t room)
{
	const struct {
		unsigned bit;
		int64_t minor;
		const char *name, *words;
	} all[] = {
	    {TOPUP_TOO_LITTLE,    t->limits.least_minor,       "least",       "a payment is at least"},
	    {TOPUP_TOO_MUCH,      t->limits.most_minor,        "most",        "a payment is at most" },
	    {TOPUP_TOO_MUCH_LEFT, t->limits.credit_most_minor, "most_credit",
             "with it the credit would be above"						     },
	};
	char words[120];
	int n = 0;

	buf_put_text(b, ",\"problems\":[");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if ((wrong & all[i].bit) == 0)
			continue;
		say(words, sizeof words, all[i].words, all[i].minor, t);
		if (n == 0)
			snprintf(first, room, "%s", words);
		buf_printf(b, "%s{\"limit\":\"%s\",\"limit_minor\":%lld,\"text\":\"%s\"}",
		    n++ > 0 ? "," : "", all[i].name, (long long)all[i].minor, words);
	}
	buf_put_u8(b, ']');
}

static void
answer_split(struct asking *q, const struct topup *t)
{
	struct waterfall_line lines[WATERFALL_LINES];
	size_t n = waterfall_split(&t->view, lines);
	unsigned wrong = topup_check(&t->limits, q->amount_minor, lines, n);
	struct topup_answer a = {wrong == 0 ? TOPUP_GOOD : TOPUP_OUTSIDE, 0, NULL, NULL};
	struct buf b = {0};
	char first[120] = "";

	buf_put_text(&b, "{\"account\":");
	json_quote(&b, t->account);
	buf_printf(&b, ",\"amount_minor\":%lld,\"currency\":\"%s\",\"good\":%s",
	    (long long)q->amount_minor, t->currency, wrong == 0 ? "true" : "false");
	buf_printf(&b, ",\"credit_before_minor\":%lld", (long long)t->limits.credit_minor);
	put_problems(&b, t, wrong, first, sizeof first);
	put_lines(&b, t, lines, n);
	if (wrong != 0) {
		buf_put_text(&b, ",\"error\":");
		json_quote(&b, first);
	}
	buf_put_u8(&b, '}');
	a.error = first;
	a.json = buf_text(&b);
	q->fn(&a, q->arg);
	buf_clear(&b);
}

static void
on_topup(const struct topup *t, const struct err *e, void *arg)
{
	struct asking *q = arg;
	struct topup_answer a = {TOPUP_UNKNOWN, 0, NULL, NULL};

	if (t == NULL) {
		a.verdict = TOPUP_AWAY;
		a.status = 503;
		a.error = e->text;
	} else if (t->status != 0) {
		a.status = t->status;
		a.error = t->why;
	} else if (t->fault != NULL) {
		a.status = 409;
		a.error = t->fault;
	}
	if (a.status != 0)
		q->fn(&a, q->arg);
	else
		answer_split(q, t);
	free(q);
}

void
topup_ask(struct db *db, const struct topup_question *what, int64_t now_us, topup_fn *fn, void *arg)
{
	struct asking *q = mem_new(sizeof *q);

	*q = (struct asking){fn, arg, what->amount_minor};
	store_topup(db, what, now_us, on_topup, q);
}
