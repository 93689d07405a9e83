/* sms: requests as the providers want them, what they answer, what they report. */
#include "codec/sms.h"

#include "base/err.h"
#include "codec/form.h"
#include "codec/mac.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err e;

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* --- the published vectors --------------------------------------------------------------- */

static void
check_twilio(char *const f[7])
{
	struct form form = {0};
	char mine[29], other[512];
	bool valid = strcmp(f[2], "valid") == 0;

	if (strcmp(f[5], "-") != 0)
		ck_assert_msg(form_read(text_span(f[5]), &form, &e) == 0, "%s", e.text);
	twilio_sign(f[4], &form, f[3], mine);
	ck_assert_msg((strcmp(mine, f[6]) == 0) == valid, "%s: %s", f[0], mine);
	ck_assert_int_eq(twilio_signed(f[4], &form, f[3], f[6]), valid);
	ck_assert(!twilio_signed(f[4], &form, "12346", f[6]));
	snprintf(other, sizeof other, "%s&more=1", f[4]);
	ck_assert(!twilio_signed(other, &form, f[3], f[6]));
	ck_assert(!twilio_signed(f[4], &form, f[3], ""));
	form_clear(&form);
}

static void
unescape(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++)
		if (text[0] == '\\' && text[1] == 'n') {
			*out++ = '\n';
			text++;
		} else {
			*out++ = *text;
		}
	*out = '\0';
}

/* "name:value" of the canonical text, without the line's end. */
static void
header_of(const char *canonical, const char *name, char *out, size_t room)
{
	char begin[48];
	const char *p;

	snprintf(begin, sizeof begin, "\n%s:", name);
	p = strstr(canonical, begin);
	ck_assert_ptr_nonnull(p);
	p += strlen(begin);
	snprintf(out, room, "%.*s", (int)strcspn(p, "\n"), p);
}

static void
check_aliyun(char *const f[7])
{
	char canonical[2048], host[80], action[80], version[80], date[80], nonce[80], query[512];
	struct aliyun_ask a = {host, action, version, date, nonce, query};
	struct buf out = {0};

	snprintf(canonical, sizeof canonical, "%s", f[4]);
	unescape(canonical);
	header_of(canonical, "host", host, sizeof host);
	header_of(canonical, "x-acs-action", action, sizeof action);
	header_of(canonical, "x-acs-version", version, sizeof version);
	header_of(canonical, "x-acs-date", date, sizeof date);
	header_of(canonical, "x-acs-signature-nonce", nonce, sizeof nonce);
	snprintf(query, sizeof query, "%.*s", (int)strcspn(canonical + 7, "\n"), canonical + 7);
	aliyun_canonical(&a, &out);
	ck_assert_str_eq(buf_text(&out), canonical);
	buf_clear(&out);
	aliyun_sign(&a, "YourAccessKeyId", f[3], &out);
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&out), "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"));
	ck_assert_msg(strstr(buf_text(&out), f[5]) != NULL, "%s: %s", f[0], buf_text(&out));
	buf_clear(&out);
}

START_TEST(published_signatures_come_out_as_published)
{
	FILE *in = fopen("tests/vectors/sms.vec", "re");
	char line[4096], *f[7], *rest;
	int twilio = 0, aliyun = 0, n;

	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof line, in) != NULL) {
		if (line[0] == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (n = 0, rest = line; n < 7 && rest != NULL; n++)
			f[n] = strsep(&rest, "\t");
		if (n == 7 && strcmp(f[1], "twilio") == 0) {
			check_twilio(f);
			twilio++;
		} else if (n == 6 && strcmp(f[1], "aliyun") == 0) {
			check_aliyun(f);
			aliyun++;
		} else {
			ck_abort_msg("%s has %d fields", f[0], n);
		}
	}
	fclose(in);
	ck_assert_int_ge(twilio, 4);
	ck_assert_int_ge(aliyun, 1);
}
END_TEST

START_TEST(twilio_may_sign_with_the_port_or_without)
{
	struct form form;
	char signature[29];

	ck_assert_int_eq(form_read(text_span("MessageStatus=sent"), &form, &e), 0);
	twilio_sign("https://a.example:443/x?message=m1-2", &form, "token", signature);
	ck_assert(twilio_signed("https://a.example/x?message=m1-2", &form, "token", signature));
	twilio_sign("http://a.example/x", &form, "token", signature);
	ck_assert(twilio_signed("http://a.example:80/x", &form, "token", signature));
	ck_assert(!twilio_signed("https://a.example/x", &form, "token", signature));
	ck_assert(!twilio_signed("http://b.example/x", &form, "token", signature));
	form_clear(&form);
}
END_TEST

START_TEST(hmac_is_that_of_rfc_2202_and_4231)
{
	uint8_t mac[MAC_MOST];
	struct buf hex = {0};

	mac_hex(&hex, span_of(mac, mac_hmac("SHA1", text_span("Jefe"),
				       text_span("what do ya want for nothing?"), mac)));
	ck_assert_str_eq(buf_text(&hex), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	buf_clear(&hex);
	mac_hex(&hex, span_of(mac, mac_hmac("SHA256", text_span("Jefe"),
				       text_span("what do ya want for nothing?"), mac)));
	ck_assert_str_eq(
	    buf_text(&hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	buf_clear(&hex);
}
END_TEST

/* --- requests ---------------------------------------------------------------------------- */

static const struct sms hello = {
    "+8613800000000", "North", "余额 \"5\" & {id}\n", "m1-2", "SMS_1", "{\"a\":\"b\"}"};

static const char *
filled(const char *pattern, enum sms_escape escape)
{
	static char out[1000];
	struct buf b = {0};

	if (sms_fill(pattern, escape, &hello, &b, &e) < 0) {
		buf_clear(&b);
		return NULL;
	}
	snprintf(out, sizeof out, "%s", buf_text(&b));
	buf_clear(&b);
	return out;
}

START_TEST(names_are_filled_in_and_escaped_as_the_body_wants)
{
	ck_assert_str_eq(filled("{\"to\":\"{to}\",\"text\":\"{text}\"}", SMS_JSON),
	    "{\"to\":\"+8613800000000\",\"text\":\"余额 \\\"5\\\" & {id}\\u000a\"}");
	ck_assert_str_eq(filled("m={to}&t={text}", SMS_FORM),
	    "m=%2B8613800000000&t=%E4%BD%99%E9%A2%9D%20%225%22%20%26%20%7Bid%7D%0A");
	ck_assert_str_eq(filled("{from} {id} {code} {params} { } {}", SMS_PLAIN),
	    "North m1-2 SMS_1 {\"a\":\"b\"} { } {}");
	ck_assert_ptr_null(filled("{too}", SMS_PLAIN));
}
END_TEST

START_TEST(twilio_gets_a_form_and_an_end_of_validity)
{
	struct buf b = {0};

	twilio_body(&hello, "https://x.example/hooks/v1/receipts/sms?message=m1-2", 999999, &b);
	ck_assert_str_eq(buf_text(&b),
	    "To=%2B8613800000000&From=North&Body=%E4%BD%99%E9%A2%9D%20%225%22%20%26%20%7Bid%7D%0A&"
	    "ValidityPeriod=14400&StatusCallback=https%3A%2F%2Fx.example%2Fhooks%2Fv1%2Freceipts%2F"
	    "sms%3Fmessage%3Dm1-2");
	buf_clear(&b);
	twilio_body(&hello, "", -5, &b);
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "ValidityPeriod=1"));
	ck_assert_ptr_null(strstr(buf_text(&b), "StatusCallback"));
	buf_clear(&b);
	basic_auth("AC1", "tok", &b);
	ck_assert_str_eq(buf_text(&b), "Basic QUMxOnRvaw==");
	buf_clear(&b);
}
END_TEST

START_TEST(aliyun_gets_its_query_in_the_order_that_is_signed)
{
	struct buf b = {0};

	aliyun_query(&hello, &b);
	ck_assert_str_eq(buf_text(&b),
	    "OutId=m1-2&PhoneNumbers=%2B8613800000000&SignName=North&TemplateCode=SMS_1&"
	    "TemplateParam=%7B%22a%22%3A%22b%22%7D");
	buf_clear(&b);
}
END_TEST

/* --- answers ----------------------------------------------------------------------------- */

static enum sms_verdict
judge(const struct sms_rule *r, int status, const char *body)
{
	char id[80], why[160];

	return sms_judge(r, status, text_span(body), id, why);
}

START_TEST(an_answer_says_what_may_be_done_next)
{
	const struct sms_rule own = {"ok", "true", "id", "reason", "busy*"};
	char id[80], why[160];

	ck_assert_int_eq(
	    sms_judge(&twilio_rule, 201, text_span("{\"sid\":\"SM1\"}"), id, why), SMS_SENT);
	ck_assert_str_eq(id, "SM1");
	ck_assert_int_eq(sms_judge(&twilio_rule, 400,
			     text_span("{\"code\":21211,\"message\":\"no number\"}"), id, why),
	    SMS_NEVER);
	ck_assert_str_eq(why, "answered 400 21211: no number");
	ck_assert_int_eq(judge(&twilio_rule, 400, "{\"code\":21611}"), SMS_RETRY);
	ck_assert_int_eq(judge(&twilio_rule, 429, "{\"code\":20429}"), SMS_RETRY);
	ck_assert_int_eq(judge(&twilio_rule, 401, "{\"code\":20003}"), SMS_RETRY);
	ck_assert_int_eq(judge(&twilio_rule, 503, "<html>"), SMS_RETRY);

	ck_assert_int_eq(
	    sms_judge(&aliyun_rule, 200, text_span("{\"Code\":\"OK\",\"BizId\":\"9^0\"}"), id, why),
	    SMS_SENT);
	ck_assert_str_eq(id, "9^0");
	ck_assert_int_eq(
	    judge(&aliyun_rule, 200, "{\"Code\":\"isv.MOBILE_NUMBER_ILLEGAL\"}"), SMS_NEVER);
	ck_assert_int_eq(
	    judge(&aliyun_rule, 200, "{\"Code\":\"isv.DAY_LIMIT_CONTROL\"}"), SMS_NEVER);
	ck_assert_int_eq(judge(&aliyun_rule, 200, "{\"Code\":\"isv.OUT_OF_SERVICE\"}"), SMS_NEVER);
	ck_assert_int_eq(
	    judge(&aliyun_rule, 200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\"}"), SMS_RETRY);
	ck_assert_int_eq(judge(&aliyun_rule, 400, "{\"Code\":\"Throttling.User\"}"), SMS_RETRY);
	ck_assert_int_eq(judge(&aliyun_rule, 200, "a proxy's page"), SMS_RETRY);

	ck_assert_int_eq(judge(&own, 200, "{\"ok\":true}"), SMS_SENT);
	ck_assert_int_eq(judge(&own, 200, "{\"ok\":false,\"reason\":\"bad number\"}"), SMS_NEVER);
	ck_assert_int_eq(judge(&own, 200, "{\"ok\":false,\"reason\":\"busy now\"}"), SMS_RETRY);
	ck_assert_int_eq(judge(&own, 425, ""), SMS_RETRY);
	ck_assert_int_eq(judge(&own, 302, ""), SMS_RETRY);
}
END_TEST

/* --- receipts ---------------------------------------------------------------------------- */

static int
twilio_receipt(const char *body, struct receipt *r)
{
	struct form form;
	int n;

	ck_assert_int_eq(form_read(text_span(body), &form, &e), 0);
	n = receipt_twilio(&form, "m1-2", r, &e);
	form_clear(&form);
	return n;
}

START_TEST(receipts_are_a_last_word_or_none)
{
	struct receipt r[3];

	ck_assert_int_eq(twilio_receipt("MessageSid=SM1&MessageStatus=sent", r), 0);
	ck_assert_int_eq(twilio_receipt("MessageSid=SM1&MessageStatus=delivered", r), 1);
	ck_assert(r->good && strcmp(r->provider, "SM1") == 0 && strcmp(r->id, "m1-2") == 0);
	ck_assert_int_eq(
	    twilio_receipt("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", r), 1);
	ck_assert(!r->good);
	ck_assert_str_eq(r->why, "undelivered 30003");
	ck_assert_int_eq(twilio_receipt("MessageStatus=delivered", r), -1);

	ck_assert_int_eq(receipt_aliyun(text_span("[{\"phone_number\":\"138\",\"success\":true,"
						  "\"err_code\":\"DELIVERED\",\"biz_id\":\"9^0\","
						  "\"out_id\":\"m1-2\"},{\"success\":false,"
						  "\"err_code\":\"UNDELIV\",\"biz_id\":\"8^0\"}]"),
			     r, 3, &e),
	    2);
	ck_assert(r[0].good && !r[1].good);
	ck_assert_str_eq(r[0].id, "m1-2");
	ck_assert_str_eq(r[1].provider, "8^0");
	ck_assert_str_eq(r[1].why, "UNDELIV");
	ck_assert_int_eq(receipt_aliyun(text_span("[{},{}]"), r, 3, &e), -1);
	ck_assert_int_eq(
	    receipt_aliyun(text_span("[{\"success\":true},{\"success\":true}]"), r, 1, &e), -1);
	ck_assert_int_eq(receipt_aliyun(text_span("{}"), r, 3, &e), -1);

	ck_assert_int_eq(
	    receipt_standard(text_span("{\"type\":\"message.failed\",\"data\":{\"message\":"
				       "\"m1-2\",\"why\":\"full\"}}"),
		r, &e),
	    1);
	ck_assert(!r->good);
	ck_assert_str_eq(r->why, "full");
	ck_assert_int_eq(receipt_standard(text_span("{\"type\":\"message.seen\"}"), r, &e), -1);
	ck_assert_int_eq(e.class, ERR_REFUSED);
	ck_assert_int_eq(receipt_standard(text_span("{\"type\":\"message.failed\"}"), r, &e), -1);
	ck_assert_int_eq(receipt_standard(text_span("nothing"), r, &e), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sms");
	TCase *c = tcase_create("sms");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, published_signatures_come_out_as_published);
	tcase_add_test(c, twilio_may_sign_with_the_port_or_without);
	tcase_add_test(c, hmac_is_that_of_rfc_2202_and_4231);
	tcase_add_test(c, names_are_filled_in_and_escaped_as_the_body_wants);
	tcase_add_test(c, twilio_gets_a_form_and_an_end_of_validity);
	tcase_add_test(c, aliyun_gets_its_query_in_the_order_that_is_signed);
	tcase_add_test(c, an_answer_says_what_may_be_done_next);
	tcase_add_test(c, receipts_are_a_last_word_or_none);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
