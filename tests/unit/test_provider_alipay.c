/* provider alipay: forms signed at run time; which text is signed, and what a status means. */
#include "provider_play.h"

static EVP_PKEY *key;
static struct ask ask;
static struct buf form;
static char *pem;

#define KEYS(more) "alipay:\n  app_id: \"2019\"\n  seller_id: \"2088\"\n" more

static void
read_keys(const char *yaml)
{
	struct buf all = {0};

	provider_keys_free(ask.keys);
	buf_put_text(&all, yaml);
	put_pem(&all, "public_key", pem, 2);
	ask.keys = keys_of("alipay", buf_text(&all));
	buf_clear(&all);
}

static void
setup(void)
{
	key = new_rsa();
	pem = public_pem(key);
	ask = (struct ask){.now_s = NOW_S};
	read_keys(KEYS(""));
}

static void
teardown(void)
{
	provider_keys_free(ask.keys);
	EVP_PKEY_free(key);
	free(pem);
	buf_clear(&form);
}

/* --- the other side ---------------------------------------------------------------------- */

struct pair {
	const char *name, *value;
};

static void
put_encoded(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ' ')
			buf_put_u8(&form, '+');
		else if (strchr("abcdefghijklmnopqrstuvwxyz_0123456789", *text) != NULL)
			buf_put_u8(&form, (uint8_t)*text);
		else
			buf_printf(&form, "%%%02x", (uint8_t)*text);
}

static void
put_pair(const char *name, const char *value)
{
	if (form.len > 0)
		buf_put_u8(&form, '&');
	put_encoded(name);
	buf_put_u8(&form, '=');
	put_encoded(value);
}

/* What is signed is given as it is; `sent` are the fields that go over the wire beside sign. */
static enum provider_code
send_signed(const char *text, const struct pair *sent, size_t n)
{
	struct buf signature = {0};

	rsa_sign(key, text_span(text), &signature);
	buf_clear(&form);
	for (size_t i = 0; i < n; i++)
		put_pair(sent[i].name, sent[i].value);
	put_pair("sign", buf_text(&signature));
	buf_clear(&signature);
	ask.body = buf_span(&form);
	return ask_now(&ask);
}

static int
by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* A trade notification: the usual fields and these; an empty name ends them. */
static enum provider_code
send_trade(const char *status, const struct pair *more)
{
	struct pair p[32] = {
	    {"app_id",       "2019"               },
            {"charset",      "utf-8"              },
            {"notify_id",    "N-1"                },
	    {"notify_time",  "2026-11-20 16:00:01"},
            {"notify_type",  "trade_status_sync"  },
	    {"out_trade_no", "R-1"                },
            {"seller_id",    "2088"               },
            {"subject",      "\xe5\x85\x85 + 1%41"},
	    {"total_amount", "50.00"              },
            {"trade_no",     "T-1"                },
            {"version",      "1.0"                }
        };
	size_t n = 11;
	struct buf text = {0};
	enum provider_code code;

	p[n++] = (struct pair){"trade_status", status};
	for (; more != NULL && more->name != NULL; more++) {
		size_t i = 0;

		while (i < n && strcmp(p[i].name, more->name) != 0)
			i++;
		p[i] = *more;
		n += i == n;
	}
	qsort(p, n, sizeof *p, by_name);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%s=%s", i > 0 ? "&" : "", p[i].name, p[i].value);
	p[n++] = (struct pair){"sign_type", "RSA2"};
	code = send_signed(buf_text(&text), p, n);
	buf_clear(&text);
	return code;
}

#define PAID_AT                                      \
	{                                            \
		"gmt_payment", "2026-11-20 16:00:00" \
	}

/* --- statuses ---------------------------------------------------------------------------- */

START_TEST(a_payment_is_told)
{
	static const struct pair more[] = {
	    PAID_AT, {"passback_params", "a%3D1"},
             {NULL,              NULL   }
        };

	ck_code(send_trade("TRADE_SUCCESS", more), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.event_id, "N-1");
	ck_assert_str_eq(ask.n.payment_no, "T-1");
	ck_assert_str_eq(ask.n.order_no, "R-1");
	ck_assert_int_eq(ask.n.amount_minor, 5000);
	ck_assert_str_eq(ask.n.currency, "CNY");
	ck_assert_int_eq(ask.n.paid_us, INT64_C(1795161600) * 1000000);
	ck_assert_str_eq(ask.n.reference, "a%3D1"); /* decoded once, not twice */
	ck_assert(ask.n.recharges);
}
END_TEST

START_TEST(a_refund_looks_like_a_payment_and_is_none)
{
	static const struct pair partial[] = {
	    PAID_AT, {"refund_fee", "12.00"                  },
             {"gmt_refund", "2026-11-20 17:00:00.123"},
	    {"out_biz_no", "F-1"                    },
             {NULL,         NULL                     }
        };
	static const struct pair each[][3] = {
	    {PAID_AT, {"refund_fee", "12.00"},               {NULL, NULL}},
	    {PAID_AT, {"refund_fee", "x"},                   {NULL, NULL}},
	    {PAID_AT, {"gmt_refund", "2026-11-20 17:00:00"}, {NULL, NULL}},
	    {PAID_AT, {"out_biz_no", "F-1"},                 {NULL, NULL}}
        };

	ck_code(send_trade("TRADE_SUCCESS", partial), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
	ck_assert_str_eq(ask.n.payment_no, "T-1");
	ck_assert_str_eq(ask.n.refund_no, "F-1");
	ck_assert_int_eq(ask.n.amount_minor, 1200);
	ck_assert(ask.n.cumulative);
	ck_assert(!ask.n.recharges);
	ck_code(send_trade("TRADE_CLOSED", partial), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
	for (size_t i = 0; i < 4; i++) {
		enum provider_code code = send_trade("TRADE_SUCCESS", each[i]);

		ck_assert(code != PROVIDER_OK || !ask.n.recharges);
	}
}
END_TEST

START_TEST(a_refund_of_nothing_is_a_payment)
{
	static const struct pair more[] = {
	    PAID_AT, {"refund_fee", "0.00"},
             {"out_biz_no", ""    },
             {"gmt_refund", ""    },
             {NULL,         NULL  }
        };

	ck_code(send_trade("TRADE_SUCCESS", more), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert(ask.n.recharges);
}
END_TEST

START_TEST(finished_does_not_recharge_unless_it_is_all_there_is)
{
	static const struct pair more[] = {
	    PAID_AT, {NULL, NULL}
        };

	ck_code(send_trade("TRADE_FINISHED", more), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_int_eq(ask.n.amount_minor, 5000);
	ck_assert(!ask.n.recharges);
	read_keys(KEYS("  finished_pays: true\n"));
	ck_code(send_trade("TRADE_FINISHED", more), PROVIDER_OK);
	ck_assert(ask.n.recharges);
}
END_TEST

START_TEST(waiting_and_closed_are_no_money)
{
	static const struct pair more[] = {
	    {"gmt_close", "2026-11-20 17:00:00"},
            {NULL,        NULL                 }
        };

	ck_code(send_trade("WAIT_BUYER_PAY", NULL), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PENDING);
	ck_assert(!ask.n.recharges);
	ck_code(send_trade("TRADE_CLOSED", more), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_CLOSED);
	ck_assert(!ask.n.recharges);
	ck_code(send_trade("TRADE_NEW_WORD", NULL), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_OTHER);
	ck_assert(!ask.n.recharges);
}
END_TEST

START_TEST(app_and_seller_must_be_ours)
{
	static const struct pair app[] = {
	    PAID_AT, {"app_id", "2020"},
             {NULL,     NULL  }
        };
	static const struct pair seller[] = {
	    PAID_AT, {"seller_id", "2089"},
             {NULL,        NULL  }
        };
	static const struct pair none[] = {
	    PAID_AT, {"seller_id", ""  },
             {NULL,        NULL}
        };
	static const struct pair mail[] = {
	    PAID_AT, {"seller_id",    ""   },
             {"seller_email", "a@b"},
             {NULL,           NULL }
        };

	ck_code(send_trade("TRADE_SUCCESS", app), PROVIDER_WRONG_MERCHANT);
	ck_code(send_trade("TRADE_SUCCESS", seller), PROVIDER_WRONG_MERCHANT);
	ck_code(send_trade("TRADE_SUCCESS", none), PROVIDER_WRONG_MERCHANT);
	ck_code(send_trade("TRADE_SUCCESS", mail), PROVIDER_WRONG_MERCHANT);
	read_keys("alipay:\n  app_id: \"2019\"\n  seller_email: a@b\n");
	ck_code(send_trade("TRADE_SUCCESS", mail), PROVIDER_OK);
}
END_TEST

START_TEST(an_amount_is_yuan_with_two_digits_at_most)
{
	static const struct {
		const char *text;
		int64_t minor; /* 0: refused */
	} amounts[] = {
	    {"0.01",                 1               },
            {"5",                    500             },
            {"5.5",                  550             },
            {"21474836.48",          2147483648      },
	    {"90071992547409.91",    9007199254740991},
            {"0",                    0               },
            {"0.00",                 0               },
            {"-5.00",                0               },
	    {"5.001",                0               },
            {"05.00",                0               },
            {".50",                  0               },
            {"5.",                   0               },
            {"5,00",                 0               },
            {"5e2",                  0               },
	    {"+5.00",                0               },
            {" 5.00",                0               },
            {"5.00 ",                0               },
            {"0x5",                  0               },
            {"",                     0               },
	    {"99999999999999999999", 0               }
        };

	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
		const struct pair more[] = {
		    PAID_AT, {"total_amount", amounts[i].text},
                     {NULL,           NULL           }
                };
		enum provider_code code = send_trade("TRADE_SUCCESS", more);

		ck_assert_msg((code == PROVIDER_OK) == (amounts[i].minor > 0), "\"%s\": %s",
		    amounts[i].text, ask.e.text);
		ck_assert_int_eq(ask.n.amount_minor, amounts[i].minor);
	}
}
END_TEST

/* --- what is signed ---------------------------------------------------------------------- */

#define BASE   "app_id=2019&charset=utf-8"
#define MIDDLE "notify_id=N-1&notify_type=other"
static const struct pair base[] = {
    {"charset",     "utf-8"},
    {"notify_type", "other"},
    {"app_id",      "2019" },
    {"notify_id",   "N-1"  },
    {"sign_type",   "RSA2" },
    {"empty",       ""     }
};

START_TEST(with_or_without_the_type_and_the_empty_ones)
{
	static const char *const good[] = {BASE "&" MIDDLE, BASE "&" MIDDLE "&sign_type=RSA2",
	    BASE "&empty=&" MIDDLE, BASE "&empty=&" MIDDLE "&sign_type=RSA2"};
	static const char *const bad[] = {MIDDLE "&" BASE, BASE "&" MIDDLE "&sign_type=RSA",
	    BASE "&" MIDDLE "&", BASE "&" MIDDLE "\n", BASE, ""};

	for (size_t i = 0; i < 4; i++)
		ck_code(send_signed(good[i], base, 6), PROVIDER_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_code(send_signed(bad[i], base, 6), PROVIDER_BAD_SIGNATURE);
	/* nothing is empty: nothing may be left out */
	ck_code(send_signed(BASE "&empty=&" MIDDLE, base, 5), PROVIDER_BAD_SIGNATURE);
}
END_TEST

START_TEST(a_type_that_was_not_sent_is_put_back)
{
	ck_code(send_signed(BASE "&" MIDDLE "&sign_type=RSA2", base, 4), PROVIDER_OK);
	ck_code(send_signed(BASE "&" MIDDLE, base, 4), PROVIDER_OK);
}
END_TEST

START_TEST(the_old_type_is_not_taken)
{
	struct pair p[6];

	memcpy(p, base, sizeof p);
	p[4].value = "RSA";
	ck_code(send_signed(BASE "&" MIDDLE, p, 5), PROVIDER_UNSUPPORTED);
	p[4].value = "";
	ck_code(send_signed(BASE "&" MIDDLE, p, 5), PROVIDER_UNSUPPORTED);
}
END_TEST

START_TEST(bytes_are_signed_in_the_senders_own_character_set)
{
	const struct pair p[] = {
	    {"app_id",      "2019"            },
            {"charset",     "GBK"             },
            {"notify_id",   "N-1"             },
            {"notify_type", "other"           },
	    {"subject",     "\xb3\xe4\xd6\xb5"}
        }; /* GBK */

	ck_code(send_signed("app_id=2019&charset=GBK&notify_id=N-1&notify_type=other&subject="
			    "\xb3\xe4\xd6\xb5",
		    p, 5),
	    PROVIDER_OK);
	ck_code(send_signed("app_id=2019&charset=GBK&notify_id=N-1&notify_type=other&subject="
			    "\xe5\x85\x85\xe5\x80\xbc",
		    p, 5),
	    PROVIDER_BAD_SIGNATURE);
}
END_TEST

/* The joined text is the same; the fields are not. */
START_TEST(a_refund_cannot_be_hidden_in_another_field)
{
	static const struct pair hidden[] = {
	    {"app_id",       "2019"					      },
	    {"gmt_payment",  "2026-11-20 16:00:00&gmt_refund=2026-11-20 17:00:00"},
	    {"notify_id",    "N-1"					       },
            {"notify_type",  "trade_status_sync"                                 },
            {"out_trade_no", "R-1"                                               },
	    {"point_amount", "0&refund_fee=12.00"                                },
            {"seller_id",    "2088"                                              },
	    {"total_amount", "50.00"					     },
            {"trade_no",     "T-1"                                               },
            {"trade_status", "TRADE_SUCCESS"                                     }
        };
	static const struct pair named[] = {
	    {"app_id",                    "2019"               },
            {"gmt_payment",               "2026-11-20 16:00:00"},
            {"notify_id",                 "N-1"                },
	    {"notify_type",               "trade_status_sync"  },
            {"out_trade_no",              "R-1"                },
	    {"point_amount=0&refund_fee", "12.00"              },
            {"seller_id",                 "2088"               },
	    {"total_amount",              "50.00"              },
            {"trade_no",                  "T-1"                },
            {"trade_status",              "TRADE_SUCCESS"      }
        };
	static const char text[] =
	    "app_id=2019&gmt_payment=2026-11-20 16:00:00&gmt_refund=2026-11-20 17:00:00&"
	    "notify_id=N-1&notify_type=trade_status_sync&out_trade_no=R-1&point_amount=0&"
	    "refund_fee=12.00&seller_id=2088&total_amount=50.00&trade_no=T-1&"
	    "trade_status=TRADE_SUCCESS";
	static const struct pair harmless[] = {
	    PAID_AT, {"subject", "A&B=C&refund_feed=1"},
             {NULL,      NULL                 }
        };

	ck_code(send_signed(text, hidden, 10), PROVIDER_MALFORMED);
	ck_code(send_signed(text, named, 10), PROVIDER_MALFORMED);
	ck_code(send_trade("TRADE_SUCCESS", harmless), PROVIDER_OK);
}
END_TEST

START_TEST(any_flipped_bit_is_seen)
{
	static const struct pair more[] = {
	    PAID_AT, {NULL, NULL}
        };
	size_t end;

	ck_code(send_trade("TRADE_SUCCESS", more), PROVIDER_OK);
	end = form.len;
	for (size_t i = 0; i < end; i++)
		for (int bit = 0; bit < 8; bit += 3) {
			uint8_t was = form.bytes[i];

			form.bytes[i] ^= (uint8_t)(1 << bit);
			/* %e5 and %E5 are the same byte; so are + and %20, but not by one bit */
			if ((was ^ form.bytes[i]) != 0x20)
				ck_assert_msg(
				    ask_now(&ask) != PROVIDER_OK, "byte %zu bit %d", i, bit);
			form.bytes[i] = was;
		}
	ck_code(ask_now(&ask), PROVIDER_OK);
}
END_TEST

START_TEST(what_is_no_form_is_refused)
{
	static const char *const bad[] = {"", "a", "=1", "a=1&", "&a=1", "a=1&&b=2", "a=1&b", "a=%",
	    "a=%4", "a=%zz", "a=%00", "%00=1", "a=1&a=2", "a=1&%61=2", "a=1&b=2&a=1"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask.body = text_span(bad[i]);
		ck_code(ask_now(&ask), PROVIDER_MALFORMED);
	}
	ask.body = span_of("a=\0", 3);
	ck_code(ask_now(&ask), PROVIDER_MALFORMED);
	ask.body = text_span("a=1&b=2");
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
	buf_clear(&form);
	for (int i = 0; i < 300; i++)
		buf_printf(&form, "%sf%d=1", i > 0 ? "&" : "", i);
	ask.body = buf_span(&form);
	ck_code(ask_now(&ask), PROVIDER_MALFORMED);
}
END_TEST

/* --- keys and answers -------------------------------------------------------------------- */

START_TEST(the_answer_is_seven_letters)
{
	struct provider_answer a;

	provider_answer(provider_find("alipay"), PROVIDER_TAKEN, PROVIDER_OK, &a);
	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.body, "success");
	ck_assert_str_eq(a.type, "text/plain");
	provider_answer(provider_find("alipay"), PROVIDER_LATER, PROVIDER_OK, &a);
	ck_assert_int_eq(a.status, 503);
	ck_assert_str_ne(a.body, "success");
	provider_answer(provider_find("alipay"), PROVIDER_REFUSED, PROVIDER_BAD_SIGNATURE, &a);
	ck_assert_int_eq(a.status, 401);
	ck_assert_str_ne(a.body, "success");
}
END_TEST

/* As the web console shows it for copying. */
START_TEST(a_key_may_be_bare_base64)
{
	static const struct pair more[] = {
	    PAID_AT, {NULL, NULL}
        };
	struct buf yaml = {0};

	buf_put_text(&yaml, KEYS("  public_key: "));
	for (const char *p = strchr(pem, '\n') + 1; *p != '-'; p += strcspn(p, "\n") + 1)
		buf_printf(&yaml, "%.*s", (int)strcspn(p, "\n"), p);
	buf_put_text(&yaml, "\n");
	provider_keys_free(ask.keys);
	ask.keys = keys_of("alipay", buf_text(&yaml));
	ck_code(send_trade("TRADE_SUCCESS", more), PROVIDER_OK);
	buf_clear(&yaml);
}
END_TEST

START_TEST(ones_own_key_is_the_wrong_one)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct buf yaml = {0};
	struct err e = {0};
	char *bytes, text[4096];
	long len;

	PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(out, &bytes);
	snprintf(text, sizeof text, "%.*s", (int)len, bytes);
	BIO_free(out);
	buf_put_text(&yaml, KEYS(""));
	put_pem(&yaml, "public_key", text, 2);
	ck_assert_ptr_null(try_keys("alipay", buf_text(&yaml), &e));
	ck_assert_ptr_nonnull(strstr(e.text, "a private key"));
	buf_clear(&yaml);
	ck_assert_ptr_null(try_keys("alipay", "alipay:\n  app_id: a\n  public_key: b\n", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "seller_id or seller_email"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_alipay");
	TCase *c = tcase_create("provider_alipay");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_payment_is_told);
	tcase_add_test(c, a_refund_looks_like_a_payment_and_is_none);
	tcase_add_test(c, a_refund_of_nothing_is_a_payment);
	tcase_add_test(c, finished_does_not_recharge_unless_it_is_all_there_is);
	tcase_add_test(c, waiting_and_closed_are_no_money);
	tcase_add_test(c, app_and_seller_must_be_ours);
	tcase_add_test(c, an_amount_is_yuan_with_two_digits_at_most);
	tcase_add_test(c, with_or_without_the_type_and_the_empty_ones);
	tcase_add_test(c, a_type_that_was_not_sent_is_put_back);
	tcase_add_test(c, the_old_type_is_not_taken);
	tcase_add_test(c, bytes_are_signed_in_the_senders_own_character_set);
	tcase_add_test(c, a_refund_cannot_be_hidden_in_another_field);
	tcase_add_test(c, any_flipped_bit_is_seen);
	tcase_add_test(c, what_is_no_form_is_refused);
	tcase_add_test(c, the_answer_is_seven_letters);
	tcase_add_test(c, a_key_may_be_bare_base64);
	tcase_add_test(c, ones_own_key_is_the_wrong_one);
	suite_add_tcase(s, c);
	return run_suite(s);
}
