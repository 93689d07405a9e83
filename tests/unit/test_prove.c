/* prove: a chain holds for the bytes of what happened, and for no other bytes. */
#include "base/buf.h"
#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_items.h"
#include "codec/prove.h"
#include "codec/provider.h"
#include "codec/webhook.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METER    "202600000301"
#define CUSTOMER "000000000301"
#define BODY                                                                                \
	"{\"type\":\"payment.succeeded\",\"timestamp\":\"2026-11-19T04:00:00Z\",\"data\":{" \
	"\"payment_no\":\"P-1\",\"account_no\":\"L1\",\"amount_minor\":5000,\"currency\":"  \
	"\"CNY\",\"paid_at\":\"2026-11-19T04:00:00Z\",\"method\":\"app\"}}"
#define PAID_US INT64_C(1795060800000000) /* 2026-11-19 04:00 UTC, noon there */

static void
put_le32(struct dlt645 *f, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		f->data[f->len++] = (uint8_t)(v >> (8 * i));
}

static void
put_bcd(struct dlt645 *f, size_t bytes, int64_t v)
{
	bcd_put(f->data + f->len, bytes, v);
	f->len += bytes;
}

static const char *
hex_of(struct dlt645 *f, char out[2 * DLT645_MAX_FRAME + 1])
{
	struct buf b = {0};

	memcpy(f->address, METER, sizeof f->address);
	dlt645_build(&b, f);
	hex_out(out, buf_span(&b));
	buf_clear(&b);
	return out;
}

static void
recharge_frame(int64_t amount, uint32_t count, char *out)
{
	struct dlt645 f = {.control = DLT645_SECURITY};

	dlt645_put_di(&f, 0x070102ff);
	put_le32(&f, 0);
	put_le32(&f, (uint32_t)amount);
	put_le32(&f, count);
	put_le32(&f, 0x11223344);
	put_bcd(&f, 6, strtoll(CUSTOMER, NULL, 10));
	put_le32(&f, 0x55667788);
	hex_of(&f, out);
}

static void
wallet_frame(int64_t credit, uint32_t count, char *out)
{
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_SECURITY};

	dlt645_put_di(&f, 0x078102ff);
	put_le32(&f, (uint32_t)credit);
	put_le32(&f, 1);
	put_le32(&f, count);
	put_le32(&f, 1);
	hex_of(&f, out);
}

static void
record_frame(
    int64_t amount, uint32_t count, int64_t before, int64_t after, int64_t bought, char *out)
{
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_READ};
	const int at[5] = {1, 12, 19, 11, 26}; /* mm hh DD MM YY */

	dlt645_put_di(&f, 0x0333ff01);
	for (int i = 0; i < 5; i++)
		put_bcd(&f, 1, at[i]);
	put_bcd(&f, 2, count);
	put_bcd(&f, 4, amount);
	put_bcd(&f, 4, before);
	put_bcd(&f, 4, after);
	put_bcd(&f, 4, bought);
	hex_of(&f, out);
}

#define SECRET "bm9ib2R5IGtub3dzIHRoaXMgb25lLg=="

static struct proof_keys
our_keys(void)
{
	static struct provider_keys *keys;
	char lines[] = SECRET;
	struct err e;

	if (keys == NULL)
		keys = provider_secrets_read(lines, &e);
	return (struct proof_keys){keys, ""};
}

/* As it would be kept of the true body. */
static const char *
evidence_of(const char *body, char out[256])
{
	struct webhook_secret secret;
	char signature[64];
	struct err e;

	ck_assert_int_eq(webhook_secret_parse(SECRET, &secret, &e), 0);
	webhook_sign("msg_1", PAID_US / 1000000, span_of(body, strlen(body)), &secret, signature);
	snprintf(out, 256, "webhook-id: msg_1\\nwebhook-timestamp: %lld\\nwebhook-signature: %s\\n",
	    (long long)(PAID_US / 1000000), signature);
	return out;
}

/* What the meter and the head-end said to each other; a test changes what it likes. */
struct story {
	char sent[600], wallet[600], record[600]; /* as they stand in the history */
	char wallet_back[600], record_back[600];  /* and in the evidence */
	char body[400];
	int64_t amount, prepaid, purchase;
};

static struct story
true_story(void)
{
	struct story s = {.amount = 5000, .prepaid = -5000, .purchase = 3};

	recharge_frame(5000, 3, s.sent);
	wallet_frame(6000, 3, s.wallet);
	record_frame(5000, 3, 1000, 6000, 15000, s.record);
	strcpy(s.wallet_back, s.wallet);
	strcpy(s.record_back, s.record);
	strcpy(s.body, BODY);
	return s;
}

static bool
holds(const struct story *s, struct proof *p)
{
	char body[900], hash[65], evidence[256];
	uint8_t sum[32];
	struct buf b = {0};
	const struct proof_keys keys = our_keys();
	cJSON *facts;
	bool good;

	hex_out(body, span_of(s->body, strlen(s->body)));
	SHA256((const uint8_t *)BODY, strlen(BODY), sum);
	hex_out(hash, span_of(sum, sizeof sum));
	buf_printf(&b,
	    "{\"payment\":{\"payment\":1,\"source\":\"app\",\"payment_no\":\"P-1\",\"account_no\":"
	    "\"L1\",\"meter_no\":\"\",\"amount_minor\":%lld,\"currency\":\"CNY\",\"paid_us\":%lld,"
	    "\"account\":\"L1\",\"mode\":\"local\",\"zone\":\"Asia/Shanghai\"},"
	    "\"inbox\":{\"body\":\"%s\",\"sha256\":\"%s\",\"evidence\":\"%s\","
	    "\"received_us\":%lld},\"journals\":[{\"journal\":1,\"key\":"
	    "\"pay:app:P-1\",\"lines\":[{\"ledger\":\"clearing\",\"amount_minor\":5000,"
	    "\"currency\":\"CNY\"},{\"ledger\":\"prepaid\",\"account\":\"L1\",\"amount_minor\":"
	    "%lld,\"currency\":\"CNY\"}]}],",
	    (long long)s->amount, (long long)PAID_US, body, hash, evidence_of(BODY, evidence),
	    (long long)PAID_US, (long long)s->prepaid);
	buf_printf(&b,
	    "\"deliveries\":[{\"delivery\":7,\"amount_minor\":5000,\"meter\":\"" METER
	    "\",\"purchase\":%lld,\"customer\":\"" CUSTOMER
	    "\",\"base_bought\":10000,\"planned_us\":%lld,\"journals\":[{\"journal\":2,\"key\":"
	    "\"deliver:7\",\"lines\":[{\"ledger\":\"prepaid\",\"account\":\"L1\",\"amount_minor\":"
	    "5000,\"currency\":\"CNY\"},{\"ledger\":\"loaded\",\"account\":\"L1\","
	    "\"amount_minor\":-5000,\"currency\":\"CNY\"}]}],",
	    (long long)s->purchase, (long long)PAID_US);
	buf_printf(&b,
	    "\"commands\":[{\"command\":9,\"meter\":\"" METER
	    "\",\"frames\":[{\"n\":1,\"at_us\":1,\"way\":\"out\",\"frame\":\"%s\"},"
	    "{\"n\":2,\"at_us\":2,\"way\":\"in\",\"frame\":\"%s\"},"
	    "{\"n\":3,\"at_us\":3,\"way\":\"in\",\"frame\":\"%s\"}]}],"
	    "\"evidence\":[{\"evidence\":1,\"frames\":[\"%s\",\"%s\"]}]}]}",
	    s->sent, s->wallet, s->record, s->wallet_back, s->record_back);
	facts = cJSON_Parse(buf_text(&b));
	ck_assert_ptr_nonnull(facts);
	good = prove_recharge(facts, &keys, p);
	cJSON_Delete(facts);
	buf_clear(&b);
	return good;
}

static const char *
words_of(const struct proof *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->links[i].name, name) == 0 && !p->links[i].holds)
			return p->links[i].words;
	return "";
}

START_TEST(what_happened_is_proven)
{
	struct story s = true_story();
	struct proof p;

	ck_assert_msg(holds(&s, &p), "%s%s%s%s", words_of(&p, "webhook"),
	    words_of(&p, "frames out"), words_of(&p, "count"), words_of(&p, "balance"));
	ck_assert_uint_eq(p.n, 10);
}
END_TEST

/* Both copies of a frame, or one: no bit of any can be another. */
START_TEST(no_bit_of_a_frame_can_be_another)
{
	const size_t offsets[] = {offsetof(struct story, sent), offsetof(struct story, wallet),
	    offsetof(struct story, record), offsetof(struct story, wallet_back),
	    offsetof(struct story, record_back)};
	struct proof p;
	int tried = 0;

	for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++)
		for (size_t at = 0;; at++) {
			struct story s = true_story();
			char *digit = (char *)&s + offsets[k] + at;

			if (*digit == '\0')
				break;
			*digit = *digit == '0' ? '1' : '0';
			tried++;
			ck_assert_msg(!holds(&s, &p), "frame %zu, digit %zu", k, at);
		}
	ck_assert_int_gt(tried, 300);
}
END_TEST

START_TEST(no_byte_of_the_body_can_be_another)
{
	struct proof p;

	for (size_t at = 0; at < strlen(BODY); at++) {
		struct story s = true_story();

		s.body[at] ^= 1;
		ck_assert_msg(!holds(&s, &p), "byte %zu", at);
	}
}
END_TEST

START_TEST(a_whole_frame_of_another_recharge_is_none_of_it)
{
	struct story s = true_story();
	struct proof p;

	recharge_frame(5001, 3, s.sent);
	ck_assert(!holds(&s, &p));
	ck_assert_ptr_nonnull(strstr(words_of(&p, "frames out"), "not of this amount"));
	recharge_frame(5000, 4, s.sent);
	ck_assert(!holds(&s, &p));
}
END_TEST

START_TEST(the_meters_record_must_be_of_our_count_and_amount)
{
	struct proof p;
	struct story s = true_story();

	record_frame(4000, 3, 1000, 5000, 14000, s.record);
	strcpy(s.record_back, s.record);
	ck_assert(!holds(&s, &p));
	ck_assert_str_eq(
	    words_of(&p, "count"), "purchase 3 in the meter is of 40.00, this is of 50.00");
	record_frame(5000, 2, 1000, 6000, 15000, s.record);
	strcpy(s.record_back, s.record);
	ck_assert(!holds(&s, &p));
	ck_assert_str_eq(words_of(&p, "count"), "no record of purchase 3 was read back");
	s = true_story();
	wallet_frame(1000, 2, s.wallet);
	strcpy(s.wallet_back, s.wallet);
	ck_assert(!holds(&s, &p));
	ck_assert_str_eq(words_of(&p, "count"), "the meter counts 2 purchases, this is purchase 3");
}
END_TEST

START_TEST(a_balance_must_add_up)
{
	struct proof p;
	struct story s = true_story();

	record_frame(5000, 3, 1000, 5999, 15000, s.record);
	strcpy(s.record_back, s.record);
	ck_assert(!holds(&s, &p));
	ck_assert_ptr_nonnull(strstr(words_of(&p, "balance"), "does not add up"));
	record_frame(5000, 3, 1000, 6000, 14999, s.record); /* 10000 were bought before */
	strcpy(s.record_back, s.record);
	ck_assert(!holds(&s, &p));
	ck_assert_ptr_nonnull(strstr(words_of(&p, "balance"), "bought in all 149.99"));
}
END_TEST

START_TEST(a_journal_must_add_up_and_be_of_the_amount)
{
	struct proof p;
	struct story s = true_story();

	s.prepaid = -4999;
	ck_assert(!holds(&s, &p));
	ck_assert_str_eq(
	    words_of(&p, "journal"), "journal pay:app:P-1 does not add up: 0.01 is left over");
	s = true_story();
	s.amount = 5001;
	ck_assert(!holds(&s, &p));
	ck_assert_str_eq(words_of(&p, "payment"), "its amount is not what the notification says");
}
END_TEST

START_TEST(money_is_told_with_the_digits_of_its_currency)
{
	static const char body[] = "{\"payment_no\":\"P-1\",\"account\":\"L1\",\"meter\":\"\","
				   "\"amount_minor\":\"5000\",\"currency\":\"KWD\"}";
	char hex[2 * sizeof body], hash[65];
	const struct proof_keys keys = our_keys();
	struct buf b = {0};
	struct proof p;
	uint8_t sum[32];
	cJSON *facts;

	hex_out(hex, span_of(body, strlen(body)));
	SHA256((const uint8_t *)body, strlen(body), sum);
	hex_out(hash, span_of(sum, sizeof sum));
	buf_printf(&b,
	    "{\"payment\":{\"payment\":1,\"source\":\"cash\",\"payment_no\":\"P-1\",\"account_no\":"
	    "\"L1\",\"meter_no\":\"\",\"amount_minor\":5000,\"currency\":\"KWD\",\"account\":"
	    "\"L1\"},"
	    "\"inbox\":{\"body\":\"%s\",\"sha256\":\"%s\"}}",
	    hex, hash);
	facts = cJSON_Parse(buf_text(&b));
	ck_assert(!prove_recharge(facts, &keys, &p)); /* it is in no ledger yet */
	ck_assert_ptr_nonnull(strstr(p.links[0].words, "P-1, 5.000 KWD"));
	ck_assert_str_eq(p.links[1].words, "payment 1 of 5.000 KWD for account L1");
	cJSON_Delete(facts);
	buf_clear(&b);
}
END_TEST

START_TEST(facts_of_any_shape_prove_nothing_and_harm_nobody)
{
	static const char *const texts[] = {"null", "{}", "[]", "5", "{\"payment\":5}",
	    "{\"payment\":{\"mode\":\"local\"},\"deliveries\":5,\"inbox\":[],\"journals\":{}}",
	    "{\"payment\":{\"mode\":\"local\"},\"deliveries\":[{\"commands\":[{\"frames\":[{}]}],"
	    "\"evidence\":[{\"frames\":[\"68\",5]}]}],\"inbox\":{\"body\":\"0\"}}",
	    "{\"payment\":{\"mode\":\"remote\"},\"commands\":[{\"frames\":[{\"way\":\"out\"}]}]}"};
	const struct proof_keys keys = our_keys();
	struct proof p;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		cJSON *facts = cJSON_Parse(texts[i]);

		ck_assert(!prove_recharge(facts, &keys, &p));
		cJSON_Delete(facts);
	}
	ck_assert(!prove_recharge(NULL, &keys, &p));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("prove");
	TCase *t = tcase_create("prove");
	SRunner *runner;
	int failed;

	tcase_add_test(t, what_happened_is_proven);
	tcase_add_test(t, no_bit_of_a_frame_can_be_another);
	tcase_add_test(t, no_byte_of_the_body_can_be_another);
	tcase_add_test(t, a_whole_frame_of_another_recharge_is_none_of_it);
	tcase_add_test(t, the_meters_record_must_be_of_our_count_and_amount);
	tcase_add_test(t, a_balance_must_add_up);
	tcase_add_test(t, a_journal_must_add_up_and_be_of_the_amount);
	tcase_add_test(t, money_is_told_with_the_digits_of_its_currency);
	tcase_add_test(t, facts_of_any_shape_prove_nothing_and_harm_nobody);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
