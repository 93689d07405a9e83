/*
 * M-Pesa C2B: nothing is signed.  What there is instead: where it comes from, and a path nobody
 * else knows.
 *
 * There are two calls, each with a path of its own: validation asks before the money moves, and
 * confirmation tells that it has.  Because anybody who learns the path from an allowed address
 * could forge one, a credit above a limit does not recharge by itself (payments.md section 3).
 */
#include "codec/provider_parts.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/money.h"
#include "codec/webhook.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CODES_MOST 8
#define PEERS_MOST 64
#define PATH_LEAST 20
#define ZONE       "+03:00" /* East Africa */

struct peer {
	uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
};

struct mpesa {
	char shortcode[CODES_MOST][17];
	size_t ncodes;
	char validation[129], confirmation[129];
	struct peer peers[PEERS_MOST];
	size_t npeers;
	int64_t unconfirmed_most; /* minor units; 0: no limit */
};

/* As commonly published; the list changes, so it can be set. */
static const char *const published[] = {"196.201.214.200", "196.201.214.206", "196.201.214.207",
    "196.201.214.208", "196.201.213.114", "196.201.213.44", "196.201.212.127", "196.201.212.138",
    "196.201.212.129", "196.201.212.136", "196.201.212.74", "196.201.212.69"};

/* --- addresses --------------------------------------------------------------------------- */

static int
address_in(const char *text, uint8_t out[16], bool *v4)
{
	uint8_t four[4];

	*v4 = inet_pton(AF_INET, text, four) == 1;
	if (*v4) {
		memset(out, 0, 10);
		memset(out + 10, 0xff, 2);
		memcpy(out + 12, four, 4);
		return 0;
	}
	return inet_pton(AF_INET6, text, out) == 1 ? 0 : -1;
}

static int
peer_in(const char *text, struct peer *p)
{
	char address[64];
	size_t len = strcspn(text, "/");
	int64_t bits = 128;
	bool v4;

	if (len >= sizeof address)
		return -1;
	snprintf(address, sizeof address, "%.*s", (int)len, text);
	if (address_in(address, p->address, &v4) < 0)
		return -1;
	if (text[len] == '/') {
		if (provider_seconds(text + len + 1, &bits) < 0 || bits > (v4 ? 32 : 128))
			return -1;
		bits += v4 ? 96 : 0;
	}
	p->bits = (unsigned)bits;
	return 0;
}

static bool
peer_covers(const struct peer *p, const uint8_t address[16])
{
	size_t whole = p->bits / 8, rest = p->bits % 8;

	if (memcmp(p->address, address, whole) != 0)
		return false;
	return rest == 0 || (p->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* --- keys -------------------------------------------------------------------------------- */

static int
take_peer(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct mpesa *m = arg;

	if (m->npeers == PEERS_MOST)
		return keys_refuse(r, at, "more than %d", PEERS_MOST);
	if (peer_in(text, &m->peers[m->npeers]) < 0)
		return keys_refuse(r, at,
		    "\"%.40s\" is no address: write 196.201.214.200, "
		    "or 196.201.214.0/24",
		    text);
	m->npeers++;
	return 0;
}

static int
take_code(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct mpesa *m = arg;

	if (text[0] == '\0' || strlen(text) >= sizeof m->shortcode[0])
		return keys_refuse(r, at, "takes 1 to %zu bytes", sizeof m->shortcode[0] - 1);
	if (m->ncodes == CODES_MOST)
		return keys_refuse(r, at, "more than %d", CODES_MOST);
	snprintf(m->shortcode[m->ncodes++], sizeof m->shortcode[0], "%s", text);
	return 0;
}

static int
read_path(struct keys_reader *r, const struct conf_node *section, const char *name, char *out,
    size_t room)
{
	if (keys_secret(r, section, name, true, false, out, room) < 0)
		return -1;
	if (out[0] != '/' || strlen(out) < PATH_LEAST)
		return keys_refuse(r, section,
		    "%s must begin with / and be unguessable: %d letters or more", name,
		    PATH_LEAST);
	if (strcasestr(out, "mpesa") != NULL || strcasestr(out, "safaricom") != NULL)
		return keys_refuse(
		    r, section, "%s: they refuse paths with mpesa or safaricom in them", name);
	return 0;
}

static int
read_limit(struct keys_reader *r, const struct conf_node *section, struct mpesa *m)
{
	const struct conf_node *n = conf_tree_get(section, "unconfirmed_most");
	struct err why;

	if (n == NULL)
		return 0;
	if (n->kind != CONF_NODE_TEXT ||
	    money_in(n->text, strlen(n->text), 2, false, &m->unconfirmed_most, &why) < 0 ||
	    m->unconfirmed_most == 0)
		return keys_refuse(r, n, "is no amount above nothing: write 5000.00");
	return 0;
}

static int
read_section(struct keys_reader *r, const struct conf_node *section, struct mpesa *m)
{
	static const char *const names[] = {"shortcodes", "validation_path", "validation_path_file",
	    "confirmation_path", "confirmation_path_file", "peers", "unconfirmed_most", NULL};
	const struct conf_node *codes = conf_tree_get(section, "shortcodes");
	const struct conf_node *peers = conf_tree_get(section, "peers");

	if (keys_known(r, section, names) < 0)
		return -1;
	if (codes == NULL)
		return keys_refuse(r, section, "shortcodes must be given");
	if (keys_list(r, codes, take_code, m) < 0 ||
	    read_path(r, section, "validation_path", m->validation, sizeof m->validation) < 0 ||
	    read_path(r, section, "confirmation_path", m->confirmation, sizeof m->confirmation) <
		0 ||
	    read_limit(r, section, m) < 0)
		return -1;
	if (strcmp(m->validation, m->confirmation) == 0)
		return keys_refuse(r, section, "the two paths must differ");
	if (peers != NULL)
		return keys_list(r, peers, take_peer, m);
	for (size_t i = 0; i < sizeof published / sizeof *published; i++)
		peer_in(published[i], &m->peers[m->npeers++]);
	return 0;
}

static void
mpesa_keys_free(void *own)
{
	OPENSSL_cleanse(own, sizeof(struct mpesa));
	free(own);
}

static void *
mpesa_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	struct mpesa *m = mem_new(sizeof *m);

	if (read_section(r, section, m) == 0)
		return m;
	mpesa_keys_free(m);
	return NULL;
}

/* --- may it speak ------------------------------------------------------------------------ */

static enum provider_code
check_sender(
    const struct mpesa *m, const struct provider_request *q, bool *validation, struct err *e)
{
	const char *path = q->path != NULL ? q->path : "";
	uint8_t address[16];
	bool v4, known = false, confirmation;

	if (q->peer == NULL || address_in(q->peer, address, &v4) < 0)
		return provider_fail(e, PROVIDER_NOT_ALLOWED, "the sender's address is not known");
	for (size_t i = 0; i < m->npeers; i++)
		known |= peer_covers(&m->peers[i], address);
	*validation = provider_same(path, strlen(path), m->validation, strlen(m->validation));
	confirmation = provider_same(path, strlen(path), m->confirmation, strlen(m->confirmation));
	if (!known)
		return provider_fail(
		    e, PROVIDER_NOT_ALLOWED, "%.45s is none of their addresses", q->peer);
	if (!*validation && !confirmation)
		return provider_fail(e, PROVIDER_NOT_ALLOWED, "not on this path");
	return PROVIDER_OK;
}

/* --- what happened ----------------------------------------------------------------------- */

/* Amounts and numbers come as texts, and from some of their systems as numbers. */
static int
read_word(const cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	int64_t number;

	if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(o, name)))
		return json_identifier(o, name, out, room, e);
	if (json_integer(o, name, 0, INT64_C(999999999999999), &number, e) < 0)
		return -1;
	snprintf(out, room, "%lld", (long long)number);
	return 0;
}

/* The meter's number as somebody typed it on a telephone. */
static void
read_reference(const cJSON *o, struct provider_notice *n)
{
	char typed[129] = "";
	size_t len = 0;
	struct err ignored;

	if (!json_is_given(o, "BillRefNumber") ||
	    read_word(o, "BillRefNumber", typed, sizeof typed, &ignored) < 0)
		return;
	for (const char *p = typed; *p != '\0'; p++)
		if (*p != ' ')
			n->reference[len++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
	if (len == 12 && strspn(n->reference, "0123456789") == 12)
		memcpy(n->meter_no, n->reference, 13);
}

static int
read_money(const cJSON *o, struct provider_notice *n, struct err *e)
{
	char amount[24], when[24];

	if (read_word(o, "TransAmount", amount, sizeof amount, e) < 0 ||
	    read_word(o, "TransTime", when, sizeof when, e) < 0)
		return -1;
	if (money_in(amount, strlen(amount), 2, false, &n->amount_minor, e) < 0)
		return err_wrap(e, "TransAmount");
	if (n->amount_minor == 0)
		return err_set(e, ERR_INPUT, "TransAmount is nothing");
	if (strlen(when) != 14 || time_clock_in(when, ZONE, &n->paid_us, e) < 0)
		return err_set(e, ERR_INPUT, "TransTime is no time: %.20s", when);
	return 0;
}

static int
read_call(const struct mpesa *m, const cJSON *o, bool validation, struct provider_notice *n,
    struct err *e)
{
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "not an object");
	snprintf(n->currency, sizeof n->currency, "KES");
	snprintf(n->method, sizeof n->method, "mpesa");
	if (read_word(o, "TransID", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    read_word(o, "BusinessShortCode", n->merchant, sizeof n->merchant, e) < 0 ||
	    read_money(o, n, e) < 0)
		return -1;
	provider_words(o, "TransactionType", n->type, sizeof n->type);
	provider_words(o, "MSISDN", n->payer, sizeof n->payer);
	read_reference(o, n);
	n->kind = validation ? PROVIDER_VALIDATION : PROVIDER_PAYMENT;
	n->recharges = !validation;
	snprintf(n->state, sizeof n->state, "%s", validation ? "asked" : "completed");
	snprintf(n->event_id, sizeof n->event_id, "%s:%s",
	    validation ? "validation" : "confirmation", n->payment_no);
	if (validation) {
		provider_no_recharge(n, "no money has moved yet");
	} else if (m->unconfirmed_most > 0 && n->amount_minor > m->unconfirmed_most) {
		provider_no_recharge(n, "above what is believed without a signature");
		n->held = true;
	}
	return 0;
}

static bool
is_ours(const struct mpesa *m, const char *code)
{
	for (size_t i = 0; i < m->ncodes; i++)
		if (strcmp(m->shortcode[i], code) == 0)
			return true;
	return false;
}

static enum provider_code
mpesa_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	bool validation = false;
	enum provider_code code = check_sender(own, q, &validation, e);
	cJSON *o;
	int rc;

	if (code != PROVIDER_OK)
		return code;
	o = json_foreign(q->body, e);
	rc = o != NULL ? read_call(own, o, validation, n, e) : -1;
	cJSON_Delete(o);
	if (rc < 0)
		return PROVIDER_MALFORMED;
	if (!is_ours(own, n->merchant))
		return provider_fail(
		    e, PROVIDER_WRONG_MERCHANT, "for short code %.16s: not ours", n->merchant);
	return PROVIDER_OK;
}

/* Status 200 for every answer they are to understand: the code inside decides. */
static void
mpesa_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	const char *result = o == PROVIDER_TAKEN        ? "0"
			     : o == PROVIDER_NO_ACCOUNT ? "C2B00012"
			     : o == PROVIDER_NO_AMOUNT  ? "C2B00013"
							: "C2B00016";

	(void)text;
	snprintf(a->body, sizeof a->body, "{\"ResultCode\":\"%s\",\"ResultDesc\":\"%s\"}", result,
	    o == PROVIDER_TAKEN ? "Accepted" : "Rejected");
}

static const char *
mpesa_path(const void *own)
{
	return ((const struct mpesa *)own)->confirmation;
}

static const char *const evidence[] = {"Peer", NULL};

const struct provider provider_mpesa = {"mpesa", NULL, mpesa_keys_read, mpesa_keys_free,
    mpesa_verify, mpesa_answer, evidence, mpesa_path, NULL};
