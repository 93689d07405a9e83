/* webhook_payment: what makes a payment, and which member did not. */
#include "base/err.h"
#include "codec/webhook.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_US INT64_C(1000000)

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

#define EVENT(data) \
	"{\"type\":\"payment.succeeded\",\"timestamp\":\"2026-11-20T08:00:01Z\",\"data\":" data "}"
#define DATA(amount, more)                                                               \
	"{\"payment_no\":\"P-1\",\"meter_no\":\"000000000017\",\"amount_minor\":" amount \
	",\"currency\":\"CNY\",\"paid_at\":\"2026-11-20T16:00:00+08:00\"," more          \
	"\"method\":\"wechat\"}"

/* Its error's text, or "" with the payment in *p. */
static const char *
payment_error(const char *body, struct payment *p)
{
	static struct err e;

	e = (struct err){0};
	*p = (struct payment){.source = "app", .event_id = "msg_1"};
	if (webhook_payment(text_span(body), p, &e) == 0)
		return "";
	ck_assert_str_eq(p->payment_no, "");
	ck_assert_int_eq(e.class, ERR_INPUT);
	return e.text;
}

START_TEST(a_payment_is_read_with_all_it_says)
{
	struct payment p;

	ck_assert_str_eq(
	    payment_error(EVENT(DATA("5000",
			      "\"terminal\":\"T1\",\"payer\":\"\xe7\x8e\x8b\",\"order_no\":\"O1\","
			      "\"note\":\"\xe5\x85\x85\\n\xe5\x80\xbc\",\"new\":{\"x\":[1]},"
			      "\"account_no\":\"A1\",")),
		&p),
	    "");
	ck_assert_str_eq(p.source, "app");
	ck_assert_str_eq(p.event_id, "msg_1");
	ck_assert_str_eq(p.payment_no, "P-1");
	ck_assert_str_eq(p.account_no, "A1");
	ck_assert_str_eq(p.meter_no, "000000000017");
	ck_assert_int_eq(p.amount_minor, 5000);
	ck_assert_str_eq(p.currency, "CNY");
	ck_assert_int_eq(p.paid_us, INT64_C(1795161600) * S_US);
	ck_assert_str_eq(p.method, "wechat");
	ck_assert_str_eq(p.terminal, "T1");
	ck_assert_str_eq(p.payer, "\xe7\x8e\x8b");
	ck_assert_str_eq(p.order_no, "O1");
	ck_assert_str_eq(p.note, "\xe5\x85\x85\n\xe5\x80\xbc");
}
END_TEST

START_TEST(what_is_optional_may_be_null_or_absent)
{
	struct payment p;

	ck_assert_str_eq(payment_error(EVENT(DATA("1", "\"note\":null,\"payer\":null,")), &p), "");
	ck_assert_str_eq(payment_error(EVENT(DATA("9007199254740991", "")), &p), "");
	ck_assert_int_eq(p.amount_minor, INT64_C(9007199254740991));
}
END_TEST

START_TEST(an_amount_is_a_positive_whole_number)
{
	static const char *const bad[] = {"0", "-1", "1.5", "50.00", "1e2", "9007199254740992",
	    "\"50\"", "null", "true", "[50]", "-0", "050", "1e400"};
	char body[512];
	struct payment p;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(body, sizeof body, EVENT(DATA("%s", "")), bad[i]);
		ck_assert_msg(strstr(payment_error(body, &p), "amount_minor") != NULL, "%s: %s",
		    bad[i], payment_error(body, &p));
	}
}
END_TEST

/* The sender's programmer is told which member it was. */
START_TEST(a_bad_member_is_named)
{
	static const struct {
		const char *name, *value;
	} bad[] = {
	    {"payment_no", "\"\""								 },
	    {"payment_no", "7"								    },
	    {"payment_no", "null"								 },
	    {"payment_no", "\"a\\u0007b\""							},
	    {"payment_no", "\"a\\u007fb\""							},
	    {"payment_no", "\"a\\u0085b\""							},
	    {"payment_no", "\"a\\tb\""							    },
	    {"payment_no", "\"12345678901234567890123456789012345678901234567890123456789012345\""},
	    {"meter_no",   "\"1234567890123\""						    },
	    {"meter_no",   "17"								   },
	    {"meter_no",   "\"\""								 },
	    {"currency",   "\"cny\""							      },
	    {"currency",   "\"CN\""							       },
	    {"currency",   "\"CNYX\""							     },
	    {"currency",   "156"								  },
	    {"paid_at",    "\"yesterday\""							},
	    {"paid_at",    "1795161600"							   },
	    {"method",     "\"\""								 },
	    {"method",     "\"a-method-of-17-let\""					       },
	    {"terminal",   "\"\""								 },
	    {"terminal",   "\"a\\u0000\""							 },
	    {"payer",      "{}"								   },
	    {"order_no",   "\"\\n\""							      },
	    {"note",       "1"								    },
	};
	static const char *const names[][2] = {
	    {"payment_no",   "\"P-1\""                 },
            {"meter_no",     "\"000000000017\""        },
            {"amount_minor", "1"                       },
	    {"currency",     "\"CNY\""                 },
            {"paid_at",      "\"2026-11-20T08:00:00Z\""},
	    {"method",       "\"cash\""                },
            {"terminal",     "\"t\""                   },
            {"payer",        "\"p\""                   },
	    {"order_no",     "\"o\""                   },
            {"note",         "\"n\""                   }
        };
	struct payment p;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = {0};
		const char *text;

		buf_put_text(&b, "{\"type\":\"payment.succeeded\",\"data\":{\"x\":0");
		for (size_t j = 0; j < sizeof names / sizeof *names; j++)
			buf_printf(&b, ",\"%s\":%s", names[j][0],
			    strcmp(names[j][0], bad[i].name) == 0 ? bad[i].value : names[j][1]);
		buf_put_text(&b, "}}");
		text = payment_error(buf_text(&b), &p);
		ck_assert_msg(strstr(text, bad[i].name) != NULL, "%s: %s", buf_text(&b), text);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_missing_member_is_named)
{
	struct payment p;

	ck_assert_str_eq(payment_error("{\"type\":\"payment.succeeded\"}", &p), "data: missing");
	ck_assert_str_eq(payment_error("{\"data\":{}}", &p), "type is missing");
	ck_assert_str_eq(payment_error(EVENT("{}"), &p), "data: payment_no is missing");
	ck_assert_str_eq(payment_error(EVENT("[]"), &p), "data: not an object");
	ck_assert_str_eq(payment_error(EVENT("{\"payment_no\":\"1\"}"), &p),
	    "data: meter_no and account_no are both missing");
	ck_assert_str_eq(payment_error("[]", &p), "the body is not an object");
	ck_assert_str_ne(payment_error("", &p), "");
	ck_assert_str_eq(payment_error(EVENT(DATA("1", "\"Method\":\"x\",\"method\":\"y\",")), &p),
	    "method: given twice");
}
END_TEST

START_TEST(a_foreign_event_is_refused_for_good)
{
	static const char body[] = "{\"type\":\"payment.refunded\",\"data\":{}}";
	struct payment p = {0};
	struct err e;

	ck_assert_int_eq(webhook_payment(text_span(body), &p, &e), -1);
	ck_assert_int_eq(e.class, ERR_REFUSED);
}
END_TEST

START_TEST(a_body_over_64_kb_is_not_even_read)
{
	struct buf b = {0};
	struct payment p;

	buf_put_text(&b, EVENT(DATA("1", "")));
	while (b.len < 65536)
		buf_put_u8(&b, ' ');
	ck_assert_str_eq(payment_error(buf_text(&b), &p), "");
	buf_put_u8(&b, ' ');
	ck_assert_str_ne(payment_error(buf_text(&b), &p), "");
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("webhook_payment");
	TCase *c = tcase_create("webhook_payment");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, a_payment_is_read_with_all_it_says);
	tcase_add_test(c, what_is_optional_may_be_null_or_absent);
	tcase_add_test(c, an_amount_is_a_positive_whole_number);
	tcase_add_test(c, a_bad_member_is_named);
	tcase_add_test(c, a_missing_member_is_named);
	tcase_add_test(c, a_foreign_event_is_refused_for_good);
	tcase_add_test(c, a_body_over_64_kb_is_not_even_read);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
