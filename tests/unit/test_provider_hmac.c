/* provider stripe, paystack and standard: who knows a secret, and what they say. */
#include "codec/provider_parts.h"
#include "provider_play.h"

static struct ask ask;
static char head[600], stamp[24];
static struct buf body;

static void
setup(void)
{
	ask = (struct ask){.now_s = NOW_S};
	snprintf(stamp, sizeof stamp, "%lld", (long long)NOW_S);
}

static void
teardown(void)
{
	provider_keys_free(ask.keys);
	buf_clear(&body);
}

static void
with_keys(const char *name, const char *yaml)
{
	provider_keys_free(ask.keys);
	ask.keys = keys_of(name, yaml);
}

static void
take_body(const char *text)
{
	buf_clear(&body);
	buf_put_text(&body, text);
	ask.body = buf_span(&body);
	ask.nheaders = 0;
}

/* --- stripe ------------------------------------------------------------------------------ */

static void
stripe_sign(const char *secret, const char *text, char hex[2 * 64 + 1])
{
	struct span parts[] = {text_span(stamp), text_span("."), text_span(text)};

	hmac_hex("SHA256", text_span(secret), parts, 3, hex);
}

static enum provider_code
stripe_send(const char *secret, const char *text)
{
	char hex[2 * 64 + 1];

	take_body(text);
	stripe_sign(secret, text, hex);
	snprintf(head, sizeof head, "t=%s,v1=%s,v0=%s", stamp, hex, hex);
	ask_header(&ask, "stripe-signature", head);
	return ask_now(&ask);
}

#define EVENT(type, live, object)                                                              \
	"{\"id\":\"evt_1\",\"object\":\"event\",\"created\":1795000000,\"livemode\":" live "," \
	"\"type\":\"" type "\",\"data\":{\"object\":" object "}}"
#define INTENT(amount, currency, status)                                                          \
	"{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount\":1,\"amount_received\":" amount \
	",\"currency\":\"" currency "\",\"status\":\"" status "\",\"x\":1.25,"                    \
	"\"metadata\":{\"order_no\":\"R-1\",\"meter_no\":\"000000000017\"}}"
#define SESSION(status, intent)                                                             \
	"{\"id\":\"cs_1\",\"payment_intent\":" intent ",\"payment_status\":\"" status "\"," \
	"\"amount_total\":5000,\"currency\":\"usd\",\"client_reference_id\":\"R-2\","       \
	"\"metadata\":{},\"customer\":null}"

START_TEST(stripe_tells_a_payment_once_in_two_ways)
{
	with_keys("stripe", "stripe:\n  secrets: [whsec_new, whsec_old]\n");
	ck_code(stripe_send("whsec_old",
		    EVENT("payment_intent.succeeded", "true", INTENT("5000", "eur", "succeeded"))),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.event_id, "evt_1");
	ck_assert_str_eq(ask.n.payment_no, "pi_1");
	ck_assert_str_eq(ask.n.order_no, "R-1");
	ck_assert_str_eq(ask.n.meter_no, "000000000017");
	ck_assert_int_eq(ask.n.amount_minor, 5000);
	ck_assert_str_eq(ask.n.currency, "EUR");
	ck_assert_int_eq(ask.n.paid_us, NOW_S * 1000000);
	ck_assert(ask.n.recharges);
	ck_code(stripe_send("whsec_new",
		    EVENT("checkout.session.completed", "true", SESSION("paid", "\"pi_1\""))),
	    PROVIDER_OK);
	ck_assert_str_eq(ask.n.payment_no, "pi_1");
	ck_assert_str_eq(ask.n.order_no, "R-2");
	ck_assert(ask.n.recharges);
	ck_code(stripe_send("whsec_new", EVENT("checkout.session.async_payment_succeeded", "true",
					     SESSION("paid", "null"))),
	    PROVIDER_OK);
	ck_assert_str_eq(ask.n.payment_no, "cs_1");
	ck_assert(ask.n.recharges);
}
END_TEST

START_TEST(stripe_sessions_may_end_unpaid_and_tests_are_no_money)
{
	with_keys("stripe", "stripe:\n  secrets: a\n");
	ck_code(stripe_send("a",
		    EVENT("checkout.session.completed", "true", SESSION("unpaid", "\"pi_1\""))),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PENDING);
	ck_assert(!ask.n.recharges);
	ck_code(stripe_send("a",
		    EVENT("payment_intent.succeeded", "false", INTENT("1", "eur", "succeeded"))),
	    PROVIDER_OK);
	ck_assert(!ask.n.recharges);
	with_keys("stripe", "stripe:\n  secrets: a\n  test: true\n");
	ck_code(ask_now(&ask), PROVIDER_OK);
	ck_assert(ask.n.recharges);
	with_keys("stripe", "stripe:\n  secrets: a\n  account: acct_1\n");
	ck_code(ask_now(&ask), PROVIDER_WRONG_MERCHANT);
}
END_TEST

START_TEST(stripe_takes_money_back)
{
	with_keys("stripe", "stripe:\n  secrets: a\n");
	ck_code(stripe_send("a",
		    EVENT("charge.refunded", "true",
			"{\"id\":\"ch_1\",\"payment_intent\":\"pi_1\",\"status\":\"succeeded\","
			"\"amount\":5000,\"amount_refunded\":1200,\"currency\":\"eur\"}")),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
	ck_assert_str_eq(ask.n.payment_no, "pi_1");
	ck_assert_int_eq(ask.n.amount_minor, 1200);
	ck_assert(ask.n.cumulative);
	ck_assert(!ask.n.recharges);
	ck_code(stripe_send("a", EVENT("charge.dispute.created", "true",
				     "{\"id\":\"dp_1\",\"payment_intent\":\"pi_1\",\"status\":"
				     "\"needs_response\",\"amount\":5000,\"currency\":\"eur\"}")),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_CHARGEBACK);
	ck_assert_str_eq(ask.n.refund_no, "dp_1");
	ck_assert(!ask.n.recharges);
	ck_code(stripe_send("a", EVENT("customer.created", "true", "{}")), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_OTHER);
}
END_TEST

/* Stripe counts some currencies in other units than ISO 4217 does. */
START_TEST(stripe_amounts_become_minor_units)
{
	static const struct {
		const char *currency, *amount;
		int64_t minor; /* 0: refused */
	} of[] = {
	    {"jpy",  "500",              500               },
            {"kwd",  "5120",             5120              },
            {"usd",  "1099",             1099              },
	    {"isk",  "50000",            500               },
            {"isk",  "50050",            0                 },
            {"ugx",  "500",              5                 },
            {"mga",  "500",              50000             },
	    {"xaf",  "1",                1                 },
            {"us",   "1",                0                 },
            {"usdx", "1",                0                 },
            {"u d",  "1",                0                 },
            {"usd",  "0",                0                 },
	    {"usd",  "-1",               0                 },
            {"usd",  "1.5",              0                 },
            {"mga",  "9007199254740991", 900719925474099100}
        };
	char object[400], text[600];

	with_keys("stripe", "stripe:\n  secrets: a\n");
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		snprintf(object, sizeof object,
		    "{\"id\":\"pi_1\",\"amount_received\":%s,\"currency\":\"%s\","
		    "\"status\":\"succeeded\"}",
		    of[i].amount, of[i].currency);
		snprintf(text, sizeof text,
		    "{\"id\":\"e\",\"created\":1795000000,\"livemode\":true,"
		    "\"type\":\"payment_intent.succeeded\",\"data\":{\"object\":%s}}",
		    object);
		ck_code(stripe_send("a", text), of[i].minor > 0 ? PROVIDER_OK : PROVIDER_MALFORMED);
		ck_assert_int_eq(ask.n.amount_minor, of[i].minor);
	}
}
END_TEST

START_TEST(stripe_signatures_live_300_seconds_both_ways)
{
	static const int good[] = {-300, -299, 0, 299, 300}, bad[] = {-301, 301, 100000};

	with_keys("stripe", "stripe:\n  secrets: a\n");
	ck_code(stripe_send("a", EVENT("x", "true", "{}")), PROVIDER_OK);
	for (size_t i = 0; i < 5; i++) {
		ask.now_s = NOW_S + good[i];
		ck_code(ask_now(&ask), PROVIDER_OK);
	}
	for (size_t i = 0; i < 3; i++) {
		ask.now_s = NOW_S + bad[i];
		ck_code(ask_now(&ask), PROVIDER_STALE);
	}
}
END_TEST

/* A head in which @ is the time, # the right signature and ~ all but its last letter. */
static void
fill(const char *text, const char *hex)
{
	size_t len = 0;

	for (; *text != '\0'; text++)
		if (*text == '@')
			len += (size_t)snprintf(head + len, sizeof head - len, "%s", stamp);
		else if (*text == '#' || *text == '~')
			len += (size_t)snprintf(
			    head + len, sizeof head - len, "%.*s", *text == '#' ? 64 : 63, hex);
		else
			head[len++] = *text;
	head[len] = '\0';
}

START_TEST(stripe_heads_are_read_strictly)
{
	static const struct {
		const char *head;
		enum provider_code code;
	} heads[] = {
	    {"t=@,v1=#",           PROVIDER_OK           },
            {"v1=#,t=@",           PROVIDER_OK           },
            {"t=@,v1=00,v1=#",     PROVIDER_OK           },
	    {"t=@,v1=#,v1=00,x=y", PROVIDER_OK           },
            {"t=@,v0=#",           PROVIDER_MALFORMED    },
	    {"t=@",                PROVIDER_MALFORMED    },
            {"v1=#",               PROVIDER_MALFORMED    },
	    {"t=@,t=@,v1=#",       PROVIDER_MALFORMED    },
            {"t=@,,v1=#",          PROVIDER_MALFORMED    },
	    {"t=@,v1=#,",          PROVIDER_MALFORMED    },
            {"t= @,v1=#",          PROVIDER_MALFORMED    },
	    {"t=,v1=#",            PROVIDER_MALFORMED    },
            {"t=@0000,v1=#",       PROVIDER_MALFORMED    },
	    {"t=-@,v1=#",          PROVIDER_MALFORMED    },
            {"",                   PROVIDER_MALFORMED    },
	    {"t=@, v1=#",          PROVIDER_MALFORMED    },
            {"t=@,v1=#0",          PROVIDER_BAD_SIGNATURE},
	    {"t=@,v1=",            PROVIDER_BAD_SIGNATURE},
            {"t=@,v1=~",           PROVIDER_BAD_SIGNATURE},
	    {"t=0@,v1=#",          PROVIDER_BAD_SIGNATURE}
        };
	char hex[2 * 64 + 1];

	with_keys("stripe", "stripe:\n  secrets: a\n");
	take_body("{\"id\":\"e\",\"type\":\"x\"}");
	stripe_sign("a", "{\"id\":\"e\",\"type\":\"x\"}", hex);
	ask_header(&ask, "Stripe-Signature", head);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		fill(heads[i].head, hex);
		ck_assert_msg(ask_now(&ask) == heads[i].code, "%s: %s", head, ask.e.text);
	}
	ask_header(&ask, "STRIPE-SIGNATURE", head);
	ck_code(ask_now(&ask), PROVIDER_HEADER_TWICE);
	ask.nheaders = 0;
	ck_code(ask_now(&ask), PROVIDER_HEADER_MISSING);
}
END_TEST

START_TEST(stripe_sees_any_flipped_bit)
{
	with_keys("stripe", "stripe:\n  secrets: a\n");
	ck_code(stripe_send("a", EVENT("x", "true", "{}")), PROVIDER_OK);
	for (size_t i = 0; i < 8 * body.len; i++) {
		body.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
		body.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 7 * (13 + 3 + 64); i++) { /* v0 behind it is not looked at */
		char was = head[i / 7];

		head[i / 7] ^= (char)(1 << i % 7);
		ck_assert_int_ne(ask_now(&ask), PROVIDER_OK);
		head[i / 7] = was;
	}
	ck_code(ask_now(&ask), PROVIDER_OK);
}
END_TEST

/* --- paystack ---------------------------------------------------------------------------- */

static enum provider_code
paystack_send(const char *secret, const char *text)
{
	struct span part = text_span(text);

	take_body(text);
	hmac_hex("SHA512", text_span(secret), &part, 1, head);
	ask_header(&ask, "X-Paystack-Signature", head);
	return ask_now(&ask);
}

#define CHARGE(amount, more)                                                           \
	"{\"event\":\"charge.success\",\"data\":{\"id\":302961,\"reference\":\"R-1\"," \
	"\"amount\":" amount ",\"currency\":\"NGN\",\"status\":\"success\"" more "}}"

START_TEST(paystack_tells_a_charge)
{
	with_keys("paystack", "paystack:\n  secrets: [sk_live_new, sk_live_old]\n");
	ck_code(paystack_send("sk_live_old",
		    CHARGE("500000", ",\"domain\":\"live\",\"fees\":1.5,\"channel\":\"card\","
				     "\"paid_at\":\"2026-11-20T08:00:00.000Z\","
				     "\"metadata\":{\"meter_no\":\"000000000017\"}")),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.event_id, "charge.success:302961");
	ck_assert_str_eq(ask.n.payment_no, "R-1");
	ck_assert_int_eq(ask.n.amount_minor, 500000);
	ck_assert_str_eq(ask.n.currency, "NGN");
	ck_assert_int_eq(ask.n.paid_us, INT64_C(1795161600) * 1000000);
	ck_assert_str_eq(ask.n.meter_no, "000000000017");
	ck_assert(ask.n.recharges);
	ck_code(paystack_send("sk_live_new", CHARGE("1", "")), PROVIDER_OK);
	ck_assert_int_eq(ask.n.paid_us, NOW_S * 1000000); /* not told: when it came in */
	ck_code(paystack_send("sk_live_new", CHARGE("1", ",\"domain\":\"test\"")), PROVIDER_OK);
	ck_assert(!ask.n.recharges);
	ck_code(
	    paystack_send("sk_live_new", "{\"event\":\"transfer.success\",\"data\":{\"id\":7}}"),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_OTHER);
}
END_TEST

START_TEST(paystack_tells_a_refund)
{
	with_keys("paystack", "paystack:\n  secrets: a\n");
	ck_code(
	    paystack_send("a", "{\"event\":\"refund.processed\",\"data\":{\"status\":\"processed\","
			       "\"transaction_reference\":\"R-1\",\"refund_reference\":\"F-1\","
			       "\"amount\":\"12000\",\"currency\":\"NGN\"}}"),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
	ck_assert_str_eq(ask.n.payment_no, "R-1");
	ck_assert_str_eq(ask.n.refund_no, "F-1");
	ck_assert_int_eq(ask.n.amount_minor, 12000);
	ck_assert(!ask.n.recharges);
}
END_TEST

START_TEST(paystack_amounts_are_whole)
{
	static const char *const bad[] = {"0", "-1", "1.5", "\"\"", "\"1.50\"", "\"0\"", "\"01\"",
	    "null", "1e3", "\"99999999999999999\"", "true"};
	char text[256];

	with_keys("paystack", "paystack:\n  secrets: a\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text,
		    "{\"event\":\"charge.success\",\"data\":{\"reference\":\"R\",\"amount\":%s,"
		    "\"currency\":\"NGN\",\"status\":\"success\"}}",
		    bad[i]);
		ck_code(paystack_send("a", text), PROVIDER_MALFORMED);
	}
}
END_TEST

START_TEST(paystack_sees_any_flipped_bit)
{
	with_keys("paystack", "paystack:\n  secrets: a\n");
	ck_code(paystack_send("a", CHARGE("1", "")), PROVIDER_OK);
	for (size_t i = 0; i < 8 * body.len; i++) {
		body.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
		body.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 128; i++) {
		char was = head[i];

		head[i] ^= 1;
		ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
		head[i] = was;
	}
	ask_header(&ask, "x-paystack-signature", head);
	ck_code(ask_now(&ask), PROVIDER_HEADER_TWICE);
	ask.nheaders = 1;
	head[127] = '\0';
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
}
END_TEST

/* --- standard ---------------------------------------------------------------------------- */

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

static enum provider_code
standard_send(const char *secret, const char *text)
{
	struct webhook_secret s;
	struct err e;

	take_body(text);
	ck_assert_int_eq(webhook_secret_parse(secret, &s, &e), 0);
	webhook_sign("msg_1", NOW_S, ask.body, &s, head);
	ask_header(&ask, "Webhook-Id", "msg_1");
	ask_header(&ask, "Webhook-Timestamp", stamp);
	ask_header(&ask, "Webhook-Signature", head);
	return ask_now(&ask);
}

START_TEST(our_own_webhooks_come_through_the_same_door)
{
	with_keys("standard", "standard:\n  secrets: [" SECRET ", " OTHER "]\n");
	ck_code(standard_send(OTHER, "{\"type\":\"payment.succeeded\",\"data\":{"
				     "\"payment_no\":\"P-1\",\"meter_no\":\"000000000017\","
				     "\"amount_minor\":5000,\"currency\":\"CNY\",\"method\":"
				     "\"cash\",\"paid_at\":\"2026-11-20T16:00:00+08:00\"}}"),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.event_id, "msg_1");
	ck_assert_str_eq(ask.n.payment_no, "P-1");
	ck_assert_str_eq(ask.n.meter_no, "000000000017");
	ck_assert_int_eq(ask.n.amount_minor, 5000);
	ck_assert(ask.n.recharges);
	ck_code(standard_send(SECRET, "{\"type\":\"payment.refunded\",\"data\":{\"refund_no\":"
				      "\"F-1\",\"payment_no\":\"P-1\",\"amount_minor\":1200}}"),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
	ck_assert_str_eq(ask.n.refund_no, "F-1");
	ck_assert_int_eq(ask.n.amount_minor, 1200);
	ck_assert(!ask.n.recharges);
	ck_code(standard_send(SECRET, "{\"type\":\"meter.added\"}"), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_OTHER);
	ck_code(standard_send(SECRET, "{\"type\":\"payment.succeeded\",\"data\":{}}"),
	    PROVIDER_MALFORMED);
	ck_code(standard_send(SECRET, "{\"type\":1}"), PROVIDER_MALFORMED);
	ck_code(standard_send(SECRET, "{\"type\":\"x\",\"type\":\"y\"}"), PROVIDER_MALFORMED);
	ck_code(standard_send(SECRET, "{\"type\":\"x\",\"n\":1.5}"), PROVIDER_MALFORMED);
	ck_code(standard_send("whsec_AAECAwQFBgcICQoLDA0ODw==", "{}"), PROVIDER_BAD_SIGNATURE);
}
END_TEST

START_TEST(our_own_are_stale_after_300_seconds_and_each_header_is_there_once)
{
	with_keys("standard-webhooks", "standard-webhooks:\n  secrets: " SECRET "\n");
	ck_code(standard_send(SECRET, "{}"), PROVIDER_OK);
	for (int sign = -1; sign <= 1; sign += 2) {
		ask.now_s = NOW_S + sign * 300;
		ck_code(ask_now(&ask), PROVIDER_OK);
		ask.now_s = NOW_S + sign * 301;
		ck_code(ask_now(&ask), PROVIDER_STALE);
	}
	ask.now_s = NOW_S;
	for (size_t i = 0; i < 3; i++) {
		const char *name = ask.headers[i].name;

		ask.headers[i].name = "x";
		ck_code(ask_now(&ask), PROVIDER_HEADER_MISSING);
		ask.headers[i].name = name;
		ask_header(&ask, name, ask.headers[i].value);
		ck_code(ask_now(&ask), PROVIDER_HEADER_TWICE);
		ask.nheaders = 3;
	}
	ask.headers[1].value = "soon";
	ck_code(ask_now(&ask), PROVIDER_MALFORMED);
}
END_TEST

/* --- keys -------------------------------------------------------------------------------- */

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* A list of secrets in a file beside the keys, which others may not read. */
START_TEST(secrets_stand_in_files_of_their_own)
{
	char dir[] = "/tmp/provider-keys-XXXXXX", keys[64], secrets[64];
	struct provider_keys *k;
	bool exposed = true;
	struct err e = {0};

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(keys, sizeof keys, "%s/keys.yaml", dir);
	snprintf(secrets, sizeof secrets, "%s/stripe", dir);
	write_file(keys, "stripe:\n  secrets_file: stripe\n", 0644);
	write_file(secrets, "whsec_new\nwhsec_old\n", 0600);
	k = provider_keys_read(provider_find("stripe"), keys, &exposed, &e);
	ck_assert_msg(k != NULL, "%s", e.text);
	ck_assert(!exposed);
	ask.keys = k;
	ck_code(stripe_send("whsec_old", EVENT("x", "true", "{}")), PROVIDER_OK);
	chmod(secrets, 0644);
	ck_assert_ptr_null(provider_keys_read(provider_find("stripe"), keys, &exposed, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "others may read"));
	write_file(keys, "stripe:\n  secrets: whsec_new\n", 0644);
	k = provider_keys_read(provider_find("stripe"), keys, &exposed, &e);
	ck_assert_ptr_nonnull(k);
	ck_assert(exposed); /* whoever asked decides what to make of it */
	provider_keys_free(k);
	unlink(secrets);
	unlink(keys);
	rmdir(dir);
}
END_TEST

START_TEST(keys_without_secrets_are_none)
{
	static const char *const bad[] = {"stripe: {}\n", "stripe: a\n", "stripe:\n  secrets: []\n",
	    "stripe:\n  secrets: \"\"\n", "stripe:\n  secrets: [a, b, c, d, e]\n",
	    "stripe:\n  secrets: {a: b}\n", "stripe:\n  secrets: [[a]]\n",
	    "stripe:\n  secrets: a\n  test: yes\n", "stripe:\n  secrets_file: /nowhere\n"};
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(try_keys("stripe", bad[i], &e) == NULL, "%s", bad[i]);
	ck_assert_ptr_null(try_keys("standard", "standard:\n  secrets: short\n", &e));
	ck_assert_ptr_null(strstr(e.text, "short"));
}
END_TEST

START_TEST(every_provider_has_a_name_and_an_answer)
{
	const struct provider *p = NULL;
	struct provider_answer a;
	int n = 0;

	for (; (p = provider_next(p)) != NULL; n++) {
		ck_assert_ptr_eq(provider_find(p->name), p);
		provider_answer(p, PROVIDER_TAKEN, PROVIDER_OK, &a);
		ck_assert_int_eq(a.status, 200);
		ck_assert_str_ne(a.body, "");
		for (int code = PROVIDER_OK + 1; code < PROVIDER_CODES; code++) {
			ck_assert_ptr_nonnull(provider_code_name((enum provider_code)code));
			provider_answer(p, PROVIDER_REFUSED, (enum provider_code)code, &a);
			ck_assert_int_ge(a.status, 400);
		}
	}
	ck_assert_int_eq(n, 6);
	ck_assert_ptr_null(provider_find("cash"));
	ck_assert_ptr_null(provider_find(""));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_hmac");
	TCase *c = tcase_create("provider_hmac");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, stripe_tells_a_payment_once_in_two_ways);
	tcase_add_test(c, stripe_sessions_may_end_unpaid_and_tests_are_no_money);
	tcase_add_test(c, stripe_takes_money_back);
	tcase_add_test(c, stripe_amounts_become_minor_units);
	tcase_add_test(c, stripe_signatures_live_300_seconds_both_ways);
	tcase_add_test(c, stripe_heads_are_read_strictly);
	tcase_add_test(c, stripe_sees_any_flipped_bit);
	tcase_add_test(c, paystack_tells_a_charge);
	tcase_add_test(c, paystack_tells_a_refund);
	tcase_add_test(c, paystack_amounts_are_whole);
	tcase_add_test(c, paystack_sees_any_flipped_bit);
	tcase_add_test(c, our_own_webhooks_come_through_the_same_door);
	tcase_add_test(c, our_own_are_stale_after_300_seconds_and_each_header_is_there_once);
	tcase_add_test(c, secrets_stand_in_files_of_their_own);
	tcase_add_test(c, keys_without_secrets_are_none);
	tcase_add_test(c, every_provider_has_a_name_and_an_answer);
	suite_add_tcase(s, c);
	return run_suite(s);
}
