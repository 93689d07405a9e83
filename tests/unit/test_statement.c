/* statement: rows that make their own totals, and everything that does not. */
#include "base/buf.h"
#include "base/err.h"
#include "codec/statement.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct statement s;
static struct err e;

/* "" when it is good, else why not. */
static const char *
read_text(const char *provider, const char *text)
{
	statement_clear(&s);
	e = (struct err){0};
	return statement_read(provider, span_of(text, strlen(text)), &s, &e) < 0 ? e.text : "";
}

static void
teardown(void)
{
	statement_clear(&s);
}

#define refuses(got, words) ck_assert_msg(strstr((got), (words)) != NULL, "%s", e.text)

/* --- wechat ------------------------------------------------------------------------------ */

#define BOM "\xef\xbb\xbf"
#define HEAD                                                                                                                  \
	"交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易状态,货币种类,应结订单金额," \
	"代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,商品名称,手续费,"    \
	"订单金额,申请退款金额\r\n"
#define PAID                                                                                 \
	"`2026-11-20 16:00:00,`wx1,`1900000001,`4200000001,`R-1,`SUCCESS,`CNY,`49.00,`1.00," \
	"`0,`0,`0.00,`0.00,`a, b,`0.29400,`50.00,`0.00\r\n"
#define BACK                                                                               \
	"`2026-11-20 17:00:00,`wx1,`1900000001,`4200000001,`R-1,`REFUND,`CNY,`0.00,`0.00," \
	"`5030,`F-1,`11.76,`0.24,`a,`-0.07056,`0.00,`12.00\r\n"
#define TAIL                                                                                                                 \
	"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额," \
	"申请退款总金额\r\n"

START_TEST(a_trade_bill_is_read_by_the_names_of_its_columns)
{
	ck_assert_str_eq(read_text("wechat", BOM HEAD PAID BACK TAIL
			     "`2.0,`49.0,`11.76,`0.24,`0.22,`50.00,`12.00\r\n"),
	    "");
	ck_assert_str_eq(s.what, "trade");
	ck_assert_str_eq(s.merchant, "1900000001");
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.rows[0].line, 2);
	ck_assert_int_eq(s.rows[0].kind, STATEMENT_PAYMENT);
	ck_assert_int_eq(s.rows[0].amount_minor, 5000);  /* what was ordered */
	ck_assert_int_eq(s.rows[0].settled_minor, 4900); /* without the coupon */
	ck_assert_int_eq(s.rows[0].fee_micro, 294000);
	ck_assert_int_eq(s.rows[0].at_us, INT64_C(1795161600) * 1000000);
	ck_assert_uint_eq(s.rows[0].refund_no.len, 0);
	ck_assert_int_eq(s.rows[1].kind, STATEMENT_REFUND);
	ck_assert_int_eq(s.rows[1].amount_minor, 1200);
	ck_assert_int_eq(s.rows[1].settled_minor, 1176);
	ck_assert(span_equal(s.rows[1].refund_no, span_of("F-1", 3)));
	ck_assert(span_equal(s.rows[1].raw, span_of(BACK, strlen(BACK) - 2)));
	ck_assert_int_eq(s.total[STATEMENT_PAYMENT].amount_minor, 5000);
	ck_assert_uint_eq(s.total[STATEMENT_REFUND].n, 1);
}
END_TEST

START_TEST(a_trade_bill_without_mark_and_with_plain_line_ends)
{
	ck_assert_str_eq(
	    read_text("wechat", "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,总金额\n"
				"`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY,`50.00\n"
				"总交易单数,总交易额\n`1,`50.00\n\n"),
	    "");
	ck_assert_int_eq(s.rows[0].amount_minor, 5000);
	ck_assert_str_eq(
	    read_text("wechat", "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,总金额\n"
				"总交易单数,总交易额\n`0,`0.00\n"),
	    ""); /* a day without trades */
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(a_bill_that_does_not_add_up_is_refused_by_name_and_line)
{
#define TOTALS(text) read_text("wechat", BOM HEAD PAID BACK TAIL text "\r\n")
	refuses(TOTALS("`3,`49.00,`11.76,`0.24,`0.22,`50.00,`12.00"), "line 5: 总交易单数 is 3");
	refuses(TOTALS("`2,`49.01,`11.76,`0.24,`0.22,`50.00,`12.00"), "line 5: 应结订单总金额");
	refuses(TOTALS("`2,`49.00,`11.75,`0.24,`0.22,`50.00,`12.00"), "line 5: 退款总金额");
	refuses(TOTALS("`2,`49.00,`11.76,`0.25,`0.22,`50.00,`12.00"), "line 5: 充值券退款总金额");
	refuses(TOTALS("`2,`49.00,`11.76,`0.24,`0.24,`50.00,`12.00"), "line 5: 手续费总金额");
	refuses(TOTALS("`2,`49.00,`11.76,`0.24,`0.22,`49.00,`12.00"), "line 5: 订单总金额");
	refuses(TOTALS("`2,`49.00,`11.76,`0.24,`0.22,`50.00,`12"
		       ".01"),
	    "line 5: 申请退款总金额");
	refuses(TOTALS("`2,`49.00,`11.76,`0.24,`0.22,`50.00"), "totals below");
	refuses(TOTALS("`2,`49.00,`11.76,`0.24,`0.22,`50.00,`x"), "is no number");
	refuses(TOTALS("2,49.00,11.76,0.24,0.22,50.00,12.00"), "back-tick");
#undef TOTALS
	/* a row lost on the way */
	refuses(read_text(
		    "wechat", BOM HEAD PAID TAIL "`2,`49.00,`11.76,`0.24,`0.22,`50.00,`12.00\r\n"),
	    "line 4: 总交易单数 is 2, but there are 1 rows");
	refuses(read_text("wechat", BOM HEAD PAID BACK), "ends without its totals");
	refuses(read_text("wechat", BOM HEAD PAID BACK TAIL), "ends without its totals");
	refuses(read_text("wechat", BOM HEAD PAID BACK "x\r\n`1\r\n"), "no count and no sum");
	refuses(read_text("wechat",
		    BOM HEAD PAID BACK TAIL "`2,`49.00,`11.76,`0.24,`0.22,`50.00,`12.00\r\n" PAID),
	    "line 6: more behind");
}
END_TEST

START_TEST(a_row_that_cannot_be_read_is_told_by_its_line)
{
#define MINI(row)                                                                                                             \
	read_text("wechat", "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,订单金额\n" \
			    "`2026-11-20 16:00:00,`19,`41,`R-0,`SUCCESS,`CNY,`1.00\n" row                                     \
			    "\n总交易单数,订单总金额\n`2,`51.00\n")
	ck_assert_str_eq(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY,`50.00"), "");
	refuses(MINI("`2026-11-20,`19,`42,`R-1,`SUCCESS,`CNY,`50.00"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`20,`42,`R-1,`SUCCESS,`CNY,`50.00"),
	    "line 3: another merchant");
	refuses(MINI("`2026-11-20 16:00:00,`19,`,`R-1,`SUCCESS,`CNY,`50.00"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`PAID,`CNY,`50.00"), "line 3: PAID");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`cny,`50.00"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY,`5e1"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY,`-50.00"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY,`50.001"), "line 3: ");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`SUCCESS,`CNY"), "line 3: 6 cells");
	refuses(MINI("`2026-11-20 16:00:00,`19,`42,`R-1,`REFUND,`CNY,`50.00"), "line 3: no column");
#undef MINI
	refuses(read_text("wechat", "商户号,商户号\n"), "line 1: column");
	refuses(read_text("wechat", "nonsense"), "line 1: column 交易时间 is missing");
	refuses(read_text("wechat", ""), "nothing in it");
}
END_TEST

#define FLOW                                                                                                                 \
	"记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元)," \
	"账户结余(元),备注\n"                                                                                         \
	"`2026-11-20 16:00:00,`42,`100,`交易,`交易,`收入,`50.00,`150.00,`\n"                                           \
	"`2026-11-20 16:00:01,`42,`101,`扣除手续费,`交易,`支出,`0.30,`149.70,`\n"                                   \
	"资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n"

START_TEST(a_fund_flow_has_totals_too)
{
	ck_assert_str_eq(read_text("wechat", FLOW "`2,`1,`50.00,`1,`0.30\n"), "");
	ck_assert_str_eq(s.what, "fund_flow");
	ck_assert_int_eq(s.rows[0].kind, STATEMENT_IN);
	ck_assert_int_eq(s.total[STATEMENT_OUT].amount_minor, 30);
	refuses(read_text("wechat", FLOW "`3,`1,`50.00,`1,`0.30\n"), "line 5: 资金流水总笔数");
	refuses(read_text("wechat", FLOW "`2,`2,`50.00,`1,`0.30\n"), "收入笔数");
	refuses(read_text("wechat", FLOW "`2,`1,`50.01,`1,`0.30\n"), "收入金额");
	refuses(read_text("wechat", FLOW "`2,`1,`50.00,`0,`0.30\n"), "支出笔数");
	refuses(read_text("wechat", FLOW "`2,`1,`50.00,`1,`0.31\n"), "支出金额");
}
END_TEST

/* --- the day-end file -------------------------------------------------------------------- */

#define TITLE "powergate-day-end,1,desk-1,2026-11-20,CNY\n"
#define NAMES "kind,payment_no,refund_no,paid_at,amount,cashier\n"
#define P1    "payment,P-1,,2026-11-20T16:00:00+08:00,50.00,Li\n"
#define F1    "refund,P-1,F-1,2026-11-20T17:00:00+08:00,12.00,Li\n"

START_TEST(a_day_end_file_is_the_desks_own_statement)
{
	ck_assert_str_eq(read_text("standard", TITLE NAMES P1 F1 "total,2,50.00,12.00\n"), "");
	ck_assert_str_eq(s.what, "day_end");
	ck_assert_str_eq(s.merchant, "desk-1");
	ck_assert_int_eq(s.rows[0].amount_minor, 5000);
	ck_assert_str_eq(s.rows[0].currency, "CNY");
	ck_assert_int_eq(s.rows[1].kind, STATEMENT_REFUND);
	ck_assert_str_eq(read_text("standard", TITLE NAMES "total,0,0.00,0.00\n"), "");
	ck_assert_str_eq(
	    read_text("standard", "powergate-day-end,1,d,2026-11-20,JPY\n" NAMES
				  "payment,P-1,,2026-11-20T16:00:00+08:00,50,x\ntotal,1,50,0\n"),
	    "");
	ck_assert_int_eq(s.rows[0].amount_minor, 50);
}
END_TEST

START_TEST(a_day_end_file_that_is_wrong_is_refused_by_line)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {TITLE NAMES P1 F1 "total,1,50.00,12.00\n",                    "line 5: the total tells 1"           },
	    {TITLE NAMES P1 F1 "total,2,50.01,12.00\n",                    "line 5: the total of payments"       },
	    {TITLE NAMES P1 F1 "total,2,50.00,0.00\n",                     "line 5: the total of refunds"        },
	    {TITLE NAMES P1 F1 "total,2,62.00\n",                          "line 5: is not total"                },
	    {TITLE NAMES P1 F1,					    "ends without its total"              },
	    {TITLE NAMES P1 F1 "total,2,50.00,12.00\n" P1,                 "line 6: more behind"                 },
	    {TITLE NAMES P1 P1 "total,2,100.00,0.00\n",                    "line 4: the same number as in line 3"},
	    {TITLE NAMES F1 F1 "total,2,0.00,24.00\n",                     "the same number"                     },
	    {TITLE NAMES "payment,P-1,F-1,2026-11-20T16:00:00Z,1.00,x\n",  "line 3: a refund has"                },
	    {TITLE NAMES "refund,P-1,,2026-11-20T16:00:00Z,1.00,x\n",      "line 3: a refund has"                },
	    {TITLE NAMES "payment,,,2026-11-20T16:00:00Z,1.00,x\n",        "line 3: the number"                  },
	    {TITLE NAMES "payment,P-1,,2026-11-20 16:00:00,1.00,x\n",      "line 3: "                            },
	    {TITLE NAMES "payment,P-1,,2026-11-20T16:00:00Z,1.001,x\n",    "line 3: "                            },
	    {TITLE NAMES "payment,P-1,,2026-11-20T16:00:00Z,-1.00,x\n",    "line 3: "                            },
	    {TITLE NAMES "payment,P-1,,2026-11-20T16:00:00Z,1.00\n",       "line 3: 5 cells"                     },
	    {TITLE NAMES "payment,\"P-1\",,2026-11-20T16:00:00Z,1.00,x\n", "line 3: nothing is"                  },
	    {TITLE NAMES "gift,P-1,,2026-11-20T16:00:00Z,1.00,x\n",        "line 3: neither"                     },
	    {TITLE "kind,payment_no,paid_at\n",                            "line 2: column amount"               },
	    {TITLE "kind,kind,payment_no,paid_at,amount\n",                "line 2: column kind is there twice"  },
	    {"powergate-day-end,2,d,2026-11-20,CNY\n",                     "line 1: is not"                      },
	    {"powergate-day-end,1,d,2026-11-20,cny\n",                     "line 1: currency"                    },
	    {"powergate-day-end,1,d,2026-02-29,CNY\n",                     "line 1: day"                         },
            {TITLE,                                                        "line 1: ends"                        }
        };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuses(read_text("standard", bad[i].text), bad[i].why);
}
END_TEST

START_TEST(who_has_no_statements_is_told_so)
{
	ck_assert_str_ne(read_text("stripe", "x"), "");
	ck_assert_int_eq(e.class, ERR_REFUSED);
	ck_assert_str_ne(read_text("nobody", "x"), "");
	ck_assert_int_eq(e.class, ERR_REFUSED);
}
END_TEST

/* Whatever is cut off or turned, it is read as it stands or refused; never half. */
START_TEST(any_cut_off_bill_is_refused)
{
	static const char whole[] =
	    BOM HEAD PAID BACK TAIL "`2,`49.00,`11.76,`0.24,`0.22,`50.00,`12.00";
	char text[sizeof whole];

	for (size_t len = 0; len < sizeof whole - 1; len++) {
		memcpy(text, whole, len);
		text[len] = '\0';
		/* the last digits of the last sum are zeros that need not be there */
		if (len >= sizeof whole - 4 && read_text("wechat", text)[0] == '\0')
			continue;
		ck_assert_msg(read_text("wechat", text)[0] != '\0', "%zu", len);
	}
	ck_assert_str_eq(read_text("wechat", whole), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("statement");
	TCase *c = tcase_create("statement");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_trade_bill_is_read_by_the_names_of_its_columns);
	tcase_add_test(c, a_trade_bill_without_mark_and_with_plain_line_ends);
	tcase_add_test(c, a_bill_that_does_not_add_up_is_refused_by_name_and_line);
	tcase_add_test(c, a_row_that_cannot_be_read_is_told_by_its_line);
	tcase_add_test(c, a_fund_flow_has_totals_too);
	tcase_add_test(c, a_day_end_file_is_the_desks_own_statement);
	tcase_add_test(c, a_day_end_file_that_is_wrong_is_refused_by_line);
	tcase_add_test(c, who_has_no_statements_is_told_so);
	tcase_add_test(c, any_cut_off_bill_is_refused);
	suite_add_tcase(suite, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
