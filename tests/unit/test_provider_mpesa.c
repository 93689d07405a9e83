/* provider mpesa: unsigned, so where it comes from and on which path is all there is. */
#include "provider_play.h"

#define VALIDATION   "/hooks/v1/c2b/9f1c2a7e55d0/validation"
#define CONFIRMATION "/hooks/v1/c2b/9f1c2a7e55d0/confirmation"
#define KEYS                                               \
	"mpesa:\n  shortcodes: [\"600638\", \"600639\"]\n" \
	"  validation_path: " VALIDATION "\n"              \
	"  confirmation_path: " CONFIRMATION "\n"

static struct ask ask;
static char text[1024];

static void
setup(void)
{
	ask =
	    (struct ask){.now_s = NOW_S, .keys = keys_of("mpesa", KEYS), .peer = "196.201.214.200"};
}

static void
teardown(void)
{
	provider_keys_free(ask.keys);
}

static void
with_keys(const char *yaml)
{
	provider_keys_free(ask.keys);
	ask.keys = keys_of("mpesa", yaml);
}

static enum provider_code
send_call(const char *path, const char *amount, const char *reference)
{
	snprintf(text, sizeof text,
	    "{\"TransactionType\":\"Pay Bill\",\"TransID\":\"RKTQDM7W6S\","
	    "\"TransTime\":\"20261120110000\",\"TransAmount\":%s,\"BusinessShortCode\":\"600638\","
	    "\"BillRefNumber\":%s,\"InvoiceNumber\":\"\",\"OrgAccountBalance\":\"\","
	    "\"ThirdPartyTransID\":\"\",\"MSISDN\":\"2547*****126\",\"FirstName\":\"J\"}",
	    amount, reference);
	ask.path = path;
	ask.body = text_span(text);
	return ask_now(&ask);
}

START_TEST(a_confirmation_is_money)
{
	ck_code(send_call(CONFIRMATION, "\"50.00\"", "\"000000000017\""), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.payment_no, "RKTQDM7W6S");
	ck_assert_str_eq(ask.n.event_id, "confirmation:RKTQDM7W6S");
	ck_assert_str_eq(ask.n.meter_no, "000000000017");
	ck_assert_int_eq(ask.n.amount_minor, 5000);
	ck_assert_str_eq(ask.n.currency, "KES");
	/* 11:00 in East Africa */
	ck_assert_int_eq(ask.n.paid_us, INT64_C(1795161600) * 1000000);
	ck_assert_str_eq(ask.n.merchant, "600638");
	ck_assert(ask.n.recharges);
}
END_TEST

START_TEST(a_validation_is_a_question)
{
	struct provider_answer a;
	const struct provider *p = provider_find("mpesa");

	ck_code(send_call(VALIDATION, "\"50.00\"", "\"000000000017\""), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_VALIDATION);
	ck_assert_str_eq(ask.n.event_id, "validation:RKTQDM7W6S");
	ck_assert(!ask.n.recharges);
	provider_answer(p, PROVIDER_TAKEN, PROVIDER_OK, &a);
	ck_assert_str_eq(a.body, "{\"ResultCode\":\"0\",\"ResultDesc\":\"Accepted\"}");
	provider_answer(p, PROVIDER_NO_ACCOUNT, PROVIDER_OK, &a);
	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.body, "{\"ResultCode\":\"C2B00012\",\"ResultDesc\":\"Rejected\"}");
	provider_answer(p, PROVIDER_NO_AMOUNT, PROVIDER_OK, &a);
	ck_assert_ptr_nonnull(strstr(a.body, "C2B00013"));
	provider_answer(p, PROVIDER_REFUSED, PROVIDER_NOT_ALLOWED, &a);
	ck_assert_int_eq(a.status, 403);
	ck_assert_ptr_nonnull(strstr(a.body, "C2B00016"));
}
END_TEST

START_TEST(a_meter_number_is_typed_by_people)
{
	static const struct {
		const char *typed, *reference, *meter;
	} of[] = {
	    {"\" 0000 0000 0017 \"", "000000000017",  "000000000017"},
            {"\"abc 1\"",            "ABC1",          ""            },
	    {"\"17\"",               "17",            ""            },
            {"17",                   "17",            ""            },
            {"\"\"",                 "",              ""            },
            {"null",                 "",              ""            },
	    {"\"0000000000170\"",    "0000000000170", ""            },
            {"\"00000000001O\"",     "00000000001O",  ""            },
	    {"\"a\\u0000\"",         NULL,            NULL          },
            {"\"a\\nb\"",            "",              ""            }
        };

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		enum provider_code code = send_call(CONFIRMATION, "\"1\"", of[i].typed);

		ck_code(code, of[i].reference != NULL ? PROVIDER_OK : PROVIDER_MALFORMED);
		if (code != PROVIDER_OK)
			continue;
		ck_assert_str_eq(ask.n.reference, of[i].reference);
		ck_assert_str_eq(ask.n.meter_no, of[i].meter);
		ck_assert(ask.n.recharges); /* whose it is, is for the ledger to find out */
	}
}
END_TEST

START_TEST(only_their_addresses_may_speak)
{
	static const struct {
		const char *peer;
		enum provider_code code;
	} of[] = {
	    {"196.201.214.200",          PROVIDER_OK         },
            {"196.201.212.69",           PROVIDER_OK         },
	    {"::ffff:196.201.214.200",   PROVIDER_OK         },
            {"196.201.214.201",          PROVIDER_NOT_ALLOWED},
	    {"127.0.0.1",                PROVIDER_NOT_ALLOWED},
            {"::1",                      PROVIDER_NOT_ALLOWED},
	    {"",			 PROVIDER_NOT_ALLOWED},
            {"196.201.214.200, 1.2.3.4", PROVIDER_NOT_ALLOWED},
	    {"196.201.214.0200",         PROVIDER_NOT_ALLOWED},
            {NULL,                       PROVIDER_NOT_ALLOWED}
        };

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		ask.peer = of[i].peer;
		ck_code(send_call(CONFIRMATION, "\"1\"", "\"1\""), of[i].code);
	}
}
END_TEST

START_TEST(the_list_of_addresses_can_be_set)
{
	static const struct {
		const char *peer;
		enum provider_code code;
	} of[] = {
	    {"10.1.2.128",      PROVIDER_OK         },
            {"10.1.2.255",      PROVIDER_OK         },
	    {"10.1.2.127",      PROVIDER_NOT_ALLOWED},
            {"10.1.3.128",      PROVIDER_NOT_ALLOWED},
	    {"2001:db8::7",     PROVIDER_OK         },
            {"2001:db9::7",     PROVIDER_NOT_ALLOWED},
	    {"192.0.2.1",       PROVIDER_OK         },
            {"192.0.2.2",       PROVIDER_NOT_ALLOWED},
	    {"196.201.214.200", PROVIDER_NOT_ALLOWED}
        };

	with_keys(KEYS "  peers: [10.1.2.128/25, \"2001:db8::/32\", 192.0.2.1]\n");
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		ask.peer = of[i].peer;
		ck_code(send_call(CONFIRMATION, "\"1\"", "\"1\""), of[i].code);
	}
}
END_TEST

START_TEST(nobody_guesses_the_path)
{
	char path[sizeof CONFIRMATION];

	for (size_t i = 0; i < sizeof path - 1; i++) {
		memcpy(path, CONFIRMATION, sizeof path);
		path[i] ^= 1;
		ck_code(send_call(path, "\"1\"", "\"1\""), PROVIDER_NOT_ALLOWED);
		path[i] = '\0';
		ck_code(send_call(path, "\"1\"", "\"1\""), PROVIDER_NOT_ALLOWED);
	}
	ck_code(send_call(CONFIRMATION "/", "\"1\"", "\"1\""), PROVIDER_NOT_ALLOWED);
	ck_code(send_call(CONFIRMATION "?a=b", "\"1\"", "\"1\""), PROVIDER_NOT_ALLOWED);
	ck_code(send_call(NULL, "\"1\"", "\"1\""), PROVIDER_NOT_ALLOWED);
}
END_TEST

START_TEST(amounts_are_decimal_text_or_numbers)
{
	static const struct {
		const char *text;
		int64_t minor;
	} of[] = {
	    {"\"10\"",        1000},
            {"10",            1000},
            {"10.5",          1050},
            {"\"10.50\"",     1050},
            {"10.50",         1050},
	    {"0.01",          1   },
            {"\"0.00\"",      0   },
            {"0",             0   },
            {"-1",            0   },
            {"\"-1.00\"",     0   },
            {"1e2",           0   },
	    {"10.505",        0   },
            {"\"1,000.00\"",  0   },
            {"null",          0   },
            {"true",          0   },
            {"\"\"",          0   },
	    {"\"10.00 KES\"", 0   }
        };

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		enum provider_code code = send_call(CONFIRMATION, of[i].text, "\"1\"");

		ck_assert_msg((code == PROVIDER_OK) == (of[i].minor > 0), "%s", of[i].text);
		ck_assert_int_eq(ask.n.amount_minor, of[i].minor);
	}
}
END_TEST

START_TEST(too_much_is_not_believed_without_a_signature)
{
	with_keys(KEYS "  unconfirmed_most: 5000.00\n");
	ck_code(send_call(CONFIRMATION, "\"5000.00\"", "\"1\""), PROVIDER_OK);
	ck_assert(ask.n.recharges);
	ck_code(send_call(CONFIRMATION, "\"5000.01\"", "\"1\""), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert(!ask.n.recharges);
	ck_assert_str_ne(ask.n.why, "");
}
END_TEST

START_TEST(somebody_elses_short_code_is_not_ours)
{
	with_keys("mpesa:\n  shortcodes: \"1\"\n  validation_path: " VALIDATION
		  "\n  confirmation_path: " CONFIRMATION "\n");
	ck_code(send_call(CONFIRMATION, "\"1\"", "\"1\""), PROVIDER_WRONG_MERCHANT);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"TransID\":\"A\"}", "<xml/>",
	    "{\"TransID\":\"A\",\"TransID\":\"B\"}",
	    "{\"TransID\":\"A\",\"BusinessShortCode\":\"600638\",\"TransAmount\":\"1\","
	    "\"TransTime\":\"2026-11-20 11:00:00\"}",
	    "{\"TransID\":\"A\",\"BusinessShortCode\":\"600638\",\"TransAmount\":\"1\","
	    "\"TransTime\":\"20261320110000\"}"};

	ask.path = CONFIRMATION;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask.body = text_span(bad[i]);
		ck_code(ask_now(&ask), PROVIDER_MALFORMED);
	}
}
END_TEST

START_TEST(a_path_that_can_be_guessed_is_no_key)
{
	static const struct {
		const char *yaml, *why;
	} bad[] = {
	    {"mpesa:\n  shortcodes: 1\n  validation_path: /short\n",                       "unguessable"    },
	    {"mpesa:\n  shortcodes: 1\n  validation_path: /hooks/v1/MPesa/9f1c2a7e55d0\n",
             "refuse paths"										 },
	    {"mpesa:\n  shortcodes: 1\n  validation_path: " VALIDATION
	     "\n  confirmation_path: " VALIDATION "\n",
             "must differ"										  },
	    {"mpesa:\n  shortcodes: 1\n",						  "validation_path"},
	    {"mpesa:\n  validation_path: " VALIDATION "\n",                                "shortcodes"     },
	    {KEYS "  peers: [nonsense]\n",						 "no address"     },
	    {KEYS "  peers: [1.2.3.4/33]\n",					       "no address"     },
            {KEYS "  peers: []\n",                                                         "a list"         },
	    {KEYS "  unconfirmed_most: 0\n",					       "no amount"      }
        };
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_ptr_null(try_keys("mpesa", bad[i].yaml, &e));
		ck_assert_msg(strstr(e.text, bad[i].why) != NULL, "%s", e.text);
		ck_assert_ptr_null(strstr(e.text, "9f1c2a7e55d0"));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_mpesa");
	TCase *c = tcase_create("provider_mpesa");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_confirmation_is_money);
	tcase_add_test(c, a_validation_is_a_question);
	tcase_add_test(c, a_meter_number_is_typed_by_people);
	tcase_add_test(c, only_their_addresses_may_speak);
	tcase_add_test(c, the_list_of_addresses_can_be_set);
	tcase_add_test(c, nobody_guesses_the_path);
	tcase_add_test(c, amounts_are_decimal_text_or_numbers);
	tcase_add_test(c, too_much_is_not_believed_without_a_signature);
	tcase_add_test(c, somebody_elses_short_code_is_not_ours);
	tcase_add_test(c, what_cannot_be_read_is_refused);
	tcase_add_test(c, a_path_that_can_be_guessed_is_no_key);
	suite_add_tcase(s, c);
	return run_suite(s);
}
