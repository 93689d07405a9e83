/*
 * From the notification to the ledger.  The frames are prove_frames.c.
 *
 * A link that does not hold does not end the chain: who looks for the fault wants to see all of it.
 */
#include "codec/prove_parts.h"

#include "base/err.h"
#include "codec/money.h"
#include "codec/provider.h"
#include "codec/webhook.h"
#include "model/ledger.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METER_DIGITS 2 /* of the money in a DL/T 645 meter */

bool
prove_link(struct proof *p, const char *name, bool holds, const char *fmt, ...)
{
	struct proof_link *l = &p->links[p->n < PROOF_LINKS ? p->n : PROOF_LINKS - 1];
	va_list ap;

	if (p->n == PROOF_LINKS) {
		*l = (struct proof_link){.name = "more", .words = "more links than are looked at"};
		return false;
	}
	p->n++;
	snprintf(l->name, sizeof l->name, "%s", name);
	l->holds = holds;
	va_start(ap, fmt);
	vsnprintf(l->words, sizeof l->words, fmt, ap);
	va_end(ap);
	return holds;
}

int64_t
prove_number(const cJSON *o, const char *name)
{
	struct err e;
	int64_t n;

	return json_integer(o, name, -JSON_INTEGER_MOST, JSON_INTEGER_MOST, &n, &e) == 0 ? n : -1;
}

const char *
prove_text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

const cJSON *
prove_list(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

const char *
prove_money(int64_t minor, const char *currency, char out[32])
{
	struct buf b = {0};

	money_out(&b, minor, currency != NULL ? money_digits(currency) : METER_DIGITS);
	snprintf(out, 32, "%s", buf_text(&b));
	buf_clear(&b);
	return out;
}

/* --- the notification ---------------------------------------------------------------------- */

/* A call of the desk: the same members, as texts and without an envelope. */
static int
cash_payment(struct span body, struct payment *m, struct err *e)
{
	cJSON *o = json_strict(body, e);
	const char *amount = prove_text(o, "amount_minor");
	char *end;
	int rc = 0;

	if (o == NULL)
		return -1;
	snprintf(m->payment_no, sizeof m->payment_no, "%s", prove_text(o, "payment_no"));
	snprintf(m->account_no, sizeof m->account_no, "%s", prove_text(o, "account"));
	snprintf(m->meter_no, sizeof m->meter_no, "%s", prove_text(o, "meter"));
	snprintf(m->currency, sizeof m->currency, "%s", prove_text(o, "currency"));
	if (m->currency[0] == '\0')
		snprintf(m->currency, sizeof m->currency, "CNY");
	m->amount_minor = strtoll(amount, &end, 10);
	if (amount[0] == '\0' || *end != '\0')
		rc = err_set(e, ERR_INPUT, "amount_minor is no whole number");
	cJSON_Delete(o);
	return rc;
}

/* A provider's: verified again by its own code, with the keys as they are now. */
static bool
signed_payment(const cJSON *inbox, const struct proof_keys *keys, struct span body,
    struct payment *m, struct proof *p)
{
	struct provider_notice n;
	char money[32];
	struct err e;
	enum provider_code code;

	if (keys->keys == NULL)
		return prove_link(p, "webhook", false,
		    "%zu bytes, SHA-256 as noted; the signature cannot be checked again: %s",
		    body.len, keys->why);
	code = provider_verify_again(keys->keys, prove_text(inbox, "evidence"), body,
	    prove_number(inbox, "received_us"), &n, &e);
	if (code != PROVIDER_OK)
		return prove_link(
		    p, "webhook", false, "it is not authentic by the keys as they are: %s", e.text);
	if (n.kind != PROVIDER_PAYMENT || (!n.recharges && !n.held))
		return prove_link(
		    p, "webhook", false, "it is authentic, and no payment: %s", n.why);
	provider_payment(provider_of(keys->keys), &n, m);
	return prove_link(p, "webhook", true,
	    "%zu bytes, SHA-256 as noted, %s, read again: %s, %s %s", body.len,
	    strcmp(provider_of(keys->keys)->name, "mpesa") == 0
		? "unsigned, from an address of the provider's"
		: "signature verified again",
	    m->payment_no, prove_money(m->amount_minor, m->currency, money), m->currency);
}

/* The body as it came in: its hash first, then what it says. */
static bool
prove_webhook(const cJSON *facts, const struct proof_keys *keys, const char *source,
    struct payment *m, struct proof *p)
{
	const cJSON *inbox = prove_list(facts, "inbox");
	struct buf body = {0}, noted = {0};
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char money[32];
	struct err e;
	bool holds = false;

	if (!cJSON_IsObject(inbox))
		return prove_link(p, "webhook", false, "no body is kept of it");
	if (hex_in(&body, prove_text(inbox, "body"), &e) < 0 ||
	    hex_in(&noted, prove_text(inbox, "sha256"), &e) < 0)
		prove_link(p, "webhook", false, "the body cannot be read: %s", e.text);
	else if (SHA256(body.bytes, body.len, hash) == NULL ||
		 !span_equal(span_of(hash, sizeof hash), buf_span(&noted)))
		prove_link(p, "webhook", false,
		    "its %zu bytes do not have the SHA-256 noted when they came in", body.len);
	else if (strcmp(source, "cash") != 0)
		holds = signed_payment(inbox, keys, buf_span(&body), m, p);
	else if (cash_payment(buf_span(&body), m, &e) < 0)
		prove_link(p, "webhook", false, "the body is no payment: %s", e.text);
	else
		holds = prove_link(p, "webhook", true,
		    "%zu bytes, SHA-256 as noted, read again: %s, %s %s; from the desk, unsigned",
		    body.len, m->payment_no, prove_money(m->amount_minor, m->currency, money),
		    m->currency);
	buf_clear(&body);
	buf_clear(&noted);
	return holds;
}

/* What of the payment is not what its notification says; NULL: nothing. */
static const char *
payment_differs(const cJSON *q, const struct payment *m)
{
	if (strcmp(prove_text(q, "payment_no"), m->payment_no) != 0)
		return "its number";
	if (prove_number(q, "amount_minor") != m->amount_minor)
		return "its amount";
	if (strcmp(prove_text(q, "currency"), m->currency) != 0)
		return "its currency";
	if (strcmp(prove_text(q, "account_no"), m->account_no) != 0)
		return "its account";
	if (strcmp(prove_text(q, "meter_no"), m->meter_no) != 0)
		return "its meter";
	if (m->paid_us != 0 && prove_number(q, "paid_us") != m->paid_us)
		return "its time";
	return NULL;
}

static void
prove_payment(const cJSON *q, bool told, const struct payment *m, struct proof *p)
{
	const char *differs = told ? payment_differs(q, m) : "all of it, for nothing";
	char money[32];

	if (differs != NULL && !told)
		prove_link(p, "payment", false, "there is no notification to hold it against");
	else if (differs != NULL)
		prove_link(p, "payment", false, "%s is not what the notification says", differs);
	else
		prove_link(p, "payment", true, "payment %" PRId64 " of %s %s for account %s",
		    prove_number(q, "payment"),
		    prove_money(prove_number(q, "amount_minor"), m->currency, money), m->currency,
		    prove_text(q, "account"));
}

/* --- the ledger ---------------------------------------------------------------------------- */

static const cJSON *
find_journal(const cJSON *journals, const char *key)
{
	const cJSON *j;

	cJSON_ArrayForEach(j, journals)
	{
		if (strcmp(prove_text(j, "key"), key) == 0)
			return j;
	}
	return NULL;
}

/* Added again; NULL stands for any ledger, any account. */
static int64_t
posted(const cJSON *journal, const char *ledger, const char *account)
{
	int64_t sum = 0;
	const cJSON *l;

	cJSON_ArrayForEach(l, prove_list(journal, "lines"))
	{
		if ((ledger == NULL || strcmp(prove_text(l, "ledger"), ledger) == 0) &&
		    (account == NULL || strcmp(prove_text(l, "account"), account) == 0))
			sum += prove_number(l, "amount_minor");
	}
	return sum;
}

/* A currency that is not the payment's; NULL: none. */
static const char *
foreign_currency(const cJSON *journal, const char *currency)
{
	const cJSON *l;

	cJSON_ArrayForEach(l, prove_list(journal, "lines"))
	{
		if (strcmp(prove_text(l, "currency"), currency) != 0)
			return prove_text(l, "currency");
	}
	return NULL;
}

/* What a journal must have done with how much; an account NULL is any. */
struct move {
	const char *from, *from_account, *to, *to_account;
	int64_t minor;
	const char *currency;
};

/* It must be there, balance in one currency, and move just that. */
static bool
prove_journal(
    const cJSON *journals, const char *key, const struct move *m, const char *name, struct proof *p)
{
	const cJSON *j = find_journal(journals, key);
	char money[32];

	if (j == NULL)
		return prove_link(p, name, false, "there is no journal %s", key);
	if (foreign_currency(j, m->currency) != NULL)
		return prove_link(p, name, false, "journal %s has a line in %s", key,
		    foreign_currency(j, m->currency));
	if (posted(j, NULL, NULL) != 0)
		return prove_link(p, name, false, "journal %s does not add up: %s is left over",
		    key, prove_money(posted(j, NULL, NULL), m->currency, money));
	if (posted(j, m->from, m->from_account) != m->minor ||
	    posted(j, m->to, m->to_account) != -m->minor)
		return prove_link(p, name, false, "journal %s does not move %s from %s to %s", key,
		    prove_money(m->minor, m->currency, money), m->from, m->to);
	if (cJSON_IsNumber(prove_list(j, "reversed_by")))
		return prove_link(p, name, false, "journal %s has been reversed", key);
	return prove_link(p, name, true, "journal %" PRId64 " %s added again: %s from %s to %s",
	    prove_number(j, "journal"), key, prove_money(m->minor, m->currency, money), m->from,
	    m->to);
}

/* Out of another account into this one; how much, or 0. */
static int64_t
moved_by(const cJSON *journal, const cJSON *q)
{
	return strncmp(prove_text(journal, "key"), "back:", 5) == 0
		   ? -posted(journal, "prepaid", prove_text(q, "account"))
		   : 0;
}

/* What was taken back of it is not what arrived; a refund that was withdrawn took nothing. */
static void
prove_kept(const cJSON *journals, const cJSON *q, struct proof *p)
{
	char undone[64], money[32];
	const cJSON *j;

	cJSON_ArrayForEach(j, journals)
	{
		const char *key = prove_text(j, "key");

		if (strncmp(key, "back:", 5) != 0)
			continue;
		snprintf(undone, sizeof undone, "back-undone:%.40s", key + 5);
		if (posted(j, NULL, NULL) != 0)
			prove_link(p, "taken back", false, "journal %s does not add up", key);
		else if (moved_by(j, q) > 0)
			prove_link(p, "moved", true,
			    "journal %" PRId64 " %s added again: %s came from another account",
			    prove_number(j, "journal"), key,
			    prove_money(moved_by(j, q), prove_text(q, "currency"), money));
		else if (find_journal(journals, undone) == NULL)
			prove_link(p, "taken back", false,
			    "journal %s: some of it was refunded, charged back or moved away", key);
	}
}

static bool
was_moved(const cJSON *journals, const cJSON *q)
{
	const cJSON *j;

	cJSON_ArrayForEach(j, journals)
	{
		if (moved_by(j, q) > 0)
			return true;
	}
	return false;
}

/* Settled at once, or first nobody's and then assigned; it may have been another's. */
static void
prove_ledger(const cJSON *facts, const cJSON *q, struct proof *p)
{
	const cJSON *journals = prove_list(facts, "journals");
	const char *account = was_moved(journals, q) ? NULL : prove_text(q, "account");
	struct move m = {.from = "clearing",
	    .to = "prepaid",
	    .to_account = account,
	    .minor = prove_number(q, "amount_minor"),
	    .currency = prove_text(q, "currency")};
	char key[160], assign[40];

	snprintf(
	    key, sizeof key, "pay:%s:%s", prove_text(q, "source"), prove_text(q, "payment_no"));
	snprintf(assign, sizeof assign, "assign:%" PRId64, prove_number(q, "payment"));
	if (find_journal(journals, assign) == NULL) {
		prove_journal(journals, key, &m, "journal", p);
	} else {
		m.to = "suspense";
		m.to_account = NULL;
		prove_journal(journals, key, &m, "journal", p);
		m.from = "suspense";
		m.to = "prepaid";
		m.to_account = account;
		prove_journal(journals, assign, &m, "assigned", p);
	}
	prove_kept(journals, q, p);
}

/* What debts took of it never was to travel. */
static int64_t
split_off(const cJSON *facts, const cJSON *q)
{
	char key[40];
	const cJSON *j;

	snprintf(key, sizeof key, "waterfall:%" PRId64, prove_number(q, "payment"));
	j = find_journal(prove_list(facts, "journals"), key);
	return j != NULL && !cJSON_IsNumber(prove_list(j, "reversed_by"))
		   ? posted(j, "prepaid", prove_text(q, "account"))
		   : 0;
}

/* --- what follows -------------------------------------------------------------------------- */

static void
prove_local(const cJSON *facts, const cJSON *q, struct proof *p)
{
	const char *account = prove_text(q, "account");
	struct move m = {"prepaid", account, "loaded", account, 0, prove_text(q, "currency")};
	const cJSON *d;
	int64_t owed = prove_number(q, "amount_minor") - split_off(facts, q), sum = 0;
	char key[40], money[32], other[32];

	cJSON_ArrayForEach(d, prove_list(facts, "deliveries"))
	{
		sum += prove_number(d, "amount_minor");
		prove_delivery(d, prove_text(q, "zone"), p);
		snprintf(key, sizeof key, "deliver:%" PRId64, prove_number(d, "delivery"));
		m.minor = prove_number(d, "amount_minor");
		prove_journal(prove_list(d, "journals"), key, &m, "delivered", p);
	}
	prove_link(p, "all of it", sum == owed, "%s was to go into the meter, deliveries carry %s",
	    prove_money(owed, m.currency, money), prove_money(sum, m.currency, other));
}

static void
prove_remote(const cJSON *facts, const char *currency, struct proof *p)
{
	const cJSON *balance = prove_list(facts, "balance");
	int64_t kept = prove_number(balance, "kept_minor"),
		added = prove_number(balance, "posted_minor");
	char money[32], other[32];

	prove_relay(prove_list(facts, "commands"), p);
	if (kept == added)
		prove_link(p, "balance", true,
		    "the account's lines added again are %s, and so is its balance",
		    prove_money(added, currency, money));
	else
		prove_link(p, "balance", false,
		    "the account's lines added again are %s, its balance says %s",
		    prove_money(added, currency, money), prove_money(kept, currency, other));
}

bool
prove_recharge(const cJSON *facts, const struct proof_keys *keys, struct proof *p)
{
	const cJSON *q = prove_list(facts, "payment");
	struct payment told = {0};
	bool holds = true;

	*p = (struct proof){0};
	prove_payment(q, prove_webhook(facts, keys, prove_text(q, "source"), &told, p), &told, p);
	prove_ledger(facts, q, p);
	if (strcmp(prove_text(q, "mode"), "local") == 0)
		prove_local(facts, q, p);
	else if (strcmp(prove_text(q, "mode"), "remote") == 0)
		prove_remote(facts, prove_text(q, "currency"), p);
	else
		prove_link(p, "account", false, "it is nobody's yet");
	for (size_t i = 0; i < p->n; i++)
		holds &= p->links[i].holds;
	return holds && p->n > 0;
}

void
proof_json(const struct proof *p, int64_t payment, struct buf *out)
{
	bool holds = p->n > 0;

	for (size_t i = 0; i < p->n; i++)
		holds &= p->links[i].holds;
	buf_printf(out, "{\"payment\":%" PRId64 ",\"proven\":%s,\"links\":[", payment,
	    holds ? "true" : "false");
	for (size_t i = 0; i < p->n; i++) {
		const struct proof_link *l = &p->links[i];

		buf_printf(out,
		    "%s{\"link\":%zu,\"name\":\"%s\",\"proven\":%s,\"text\":", i > 0 ? "," : "",
		    i + 1, l->name, l->holds ? "true" : "false");
		json_quote(out, l->words);
		buf_put_u8(out, '}');
	}
	buf_put_text(out, "]}");
}
