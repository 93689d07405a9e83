/* What a meter says is wrong with it: words, report, counts and records, as dlt645.md 2.6 to 2.9
 * has their bytes; and its words of every capture that the vectors hold. */
#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645.h"
#include "codec/dlt645_alarms.h"
#include "model/calendar.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct parameter
seen(uint32_t di, const char *hex)
{
	struct parameter p = {.id = di};
	struct buf b = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&b, hex, &e), 0);
	p.seen_len = (uint8_t)b.len;
	memcpy(p.seen, b.bytes, b.len);
	buf_clear(&b);
	return p;
}

static uint32_t
shown_by(uint32_t di, const char *hex)
{
	struct parameter p = seen(di, hex);
	struct alarm_view v = {0};

	ck_assert_int_eq(dlt645_status_alarms(&p, &v), 0);
	ck_assert_uint_eq(v.shown & ~v.known, 0);
	return v.shown;
}

START_TEST(each_bit_of_the_status_words_has_its_alarm)
{
	static const struct {
		const char *words; /* 1 to 7, low byte first */
		enum alarm alarm;
	} cases[] = {
	    {"0400 0000 0000 0000 0000 0000 0000", ALARM_BATTERY_LOW   },
	    {"0800 0000 0000 0000 0000 0000 0000", ALARM_BATTERY_LOW   },
	    {"1000 0000 0000 0000 0000 0000 0000", ALARM_REVERSE_ENERGY},
	    {"0000 0200 0000 0000 0000 0000 0000", ALARM_REVERSE_ENERGY},
	    {"0000 0000 0000 0100 0000 0000 0000", ALARM_VOLTAGE_LOSS  },
	    {"0000 0000 0000 0000 0100 0000 0000", ALARM_VOLTAGE_LOSS  },
	    {"0000 0000 0000 0000 0000 8000 0000", ALARM_VOLTAGE_LOSS  },
	    {"0000 0000 0000 0800 0000 0000 0000", ALARM_CURRENT_LOSS  },
	    {"0000 0000 0000 0000 0001 0000 0000", ALARM_CURRENT_LOSS  },
	    {"0000 0000 0000 1000 0000 0000 0000", ALARM_OVER_CURRENT  },
	    {"0000 0000 0000 2000 0000 0000 0000", ALARM_OVERLOAD      },
	    {"0000 0000 0000 4000 0000 0000 0000", ALARM_REVERSE_ENERGY},
	    {"0000 0000 0000 0000 0000 0000 0100", ALARM_PHASE_ORDER   },
	    {"0000 0000 0000 0000 0000 0000 0200", ALARM_PHASE_ORDER   },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char tight[29], *to = tight;

		for (const char *p = cases[i].words; *p != '\0'; p++)
			if (*p != ' ')
				*to++ = *p;
		*to = '\0';
		ck_assert_uint_eq(shown_by(DLT645_STATUS_ALL, tight), ALARM_BIT(cases[i].alarm));
	}
}
END_TEST

START_TEST(what_is_usual_is_no_alarm)
{
	/* external relay, block demand, reactive direction; under-voltage, imbalances, power down
	 */
	ck_assert_uint_eq(shown_by(DLT645_STATUS_ALL, "2300"
						      "7000"
						      "50f0"
						      "0600"
						      "0600"
						      "0600"
						      "fc01"),
	    0);
}
END_TEST

START_TEST(one_word_tells_of_its_own_kinds_only)
{
	struct parameter p = seen(DLT645_STATUS(7), "0100");
	struct alarm_view v = {0};

	ck_assert_int_eq(dlt645_status_alarms(&p, &v), 0);
	ck_assert_uint_eq(v.known, ALARM_BIT(ALARM_PHASE_ORDER));
	ck_assert_uint_eq(v.shown, ALARM_BIT(ALARM_PHASE_ORDER));
	p = seen(DLT645_STATUS(4), "00");
	ck_assert_int_eq(dlt645_status_alarms(&p, &v), -1);
	p = seen(DLT645_STATUS_ALL, "0000");
	ck_assert_int_eq(dlt645_status_alarms(&p, &v), -1);
	p = seen(DLT645_STATUS_ALL, "00000000500000000000000000ff");
	ck_assert_int_eq((int)dlt645_relay_word(&p), 0x50);
}
END_TEST

START_TEST(a_report_is_told_and_reset_bit_by_bit)
{
	struct parameter p = seen(DLT645_REPORT, "001c00000000000000000080"
						 "01020301"),
			 mask;
	uint32_t happened;

	ck_assert_int_eq(dlt645_report_alarms(&p, &happened, &mask), 0);
	ck_assert_uint_eq(happened, ALARM_BIT(ALARM_COVER_OPEN) | ALARM_BIT(ALARM_TERMINAL_OPEN) |
					ALARM_BIT(ALARM_MAGNETIC_FIELD));
	ck_assert_uint_eq(mask.id, DLT645_REPORT_RESET);
	ck_assert(mask.blind && mask.len == 12);
	ck_assert_int_eq(memcmp(mask.data, p.seen, 12), 0); /* also what has no name here */
	p = seen(DLT645_REPORT, "000000000000000000000000");
	ck_assert_int_eq(dlt645_report_alarms(&p, &happened, &mask), 0);
	ck_assert(happened == 0 && mask.len == 0);
	p = seen(DLT645_REPORT, "00c0");
	ck_assert_int_eq(dlt645_report_alarms(&p, &happened, &mask), -1);
	p = seen(DLT645_REPORT, "00c000000000000000000000");
	ck_assert_int_eq(dlt645_report_alarms(&p, &happened, &mask), 0);
	ck_assert(happened == 0 && mask.len == 12); /* a trip and a close are no alarms */
}
END_TEST

static int64_t
count_in(enum alarm_counter c, const char *hex)
{
	struct parameter p = seen(dlt645_counter_di(c), hex);

	return dlt645_counter_get(c, &p);
}

START_TEST(counts_of_phases_are_added_up)
{
	ck_assert_int_eq(count_in(COUNTER_COVERS, "230100"), 123);
	ck_assert_int_eq(count_in(COUNTER_COVERS, "2301"), -1);
	ck_assert_int_eq(count_in(COUNTER_COVERS, "ffffff"), -1);
	ck_assert_int_eq(count_in(COUNTER_VOLTAGE_LOSS, "010000"
							"990000"
							"020000"
							"990000"
							"030000"
							"990000"),
	    6);
	ck_assert_int_eq(count_in(COUNTER_VOLTAGE_LOSS, "070000"
							"990000"),
	    7); /* one phase */
	ck_assert_int_eq(count_in(COUNTER_VOLTAGE_LOSS, "070000"), -1);
	ck_assert_uint_eq(dlt645_counter_di(COUNTER_REVERSAL), 0x030e0000);
	ck_assert_uint_eq(dlt645_record_di(COUNTER_REVERSAL, 2), 0x1b030101);
	ck_assert_uint_eq(dlt645_record_di(COUNTER_COVERS, 0), 0x03300d01);
	ck_assert_uint_eq(dlt645_record_di(COUNTER_COVERS, 1), 0);
	for (int c = 0; c < ALARM_COUNTERS; c++)
		ck_assert_str_ne(alarm_name(dlt645_counter_alarm((enum alarm_counter)c)), "?");
}
END_TEST

START_TEST(a_record_tells_when_how_far_and_by_whom)
{
	struct calendar *zone = calendar_new("Asia/Shanghai", &(struct err){0});
	struct parameter p = seen(0x03300d01, "453010190826"
					      "ffffffffffff"
					      "56341200"
					      "00000000");
	struct civil at = {2026, 8, 19, 10, 30, 45, 0};
	struct alarm_record r;

	ck_assert(dlt645_record_get(COUNTER_COVERS, &r, &p, zone));
	ck_assert_int_eq(r.at_us, calendar_instant(zone, &at));
	ck_assert_int_eq(r.wh, 1234560);
	p = seen(0x1d00ff01, "453010190826"
			     "78563412"
			     "56341200");
	ck_assert(dlt645_record_get(COUNTER_TRIPS, &r, &p, zone));
	ck_assert_uint_eq(r.operator_code, 0x12345678);
	ck_assert_int_eq(r.wh, 1234560);
	p = seen(0x10010101, "453010190826");
	ck_assert(dlt645_record_get(COUNTER_VOLTAGE_LOSS, &r, &p, zone));
	ck_assert_int_eq(r.wh, -1);
	ck_assert_uint_eq(dlt645_record_wh_di(COUNTER_VOLTAGE_LOSS, 1), 0x10020201);
	ck_assert_uint_eq(dlt645_record_wh_di(COUNTER_COVERS, 0), 0);
	p = seen(0x10010201, "56341200");
	ck_assert_int_eq(dlt645_record_wh(&p), 1234560);
	p = seen(0x10010101, "ffffffffffff");
	ck_assert(!dlt645_record_get(COUNTER_VOLTAGE_LOSS, &r, &p, zone));
	p = seen(0x10010101, "453010310226"); /* the 31st of February */
	ck_assert(!dlt645_record_get(COUNTER_VOLTAGE_LOSS, &r, &p, zone));
	calendar_free(zone);
}
END_TEST

START_TEST(currents_have_a_sign)
{
	struct parameter p = seen(DLT645_CURRENT(1), "452301");

	ck_assert_int_eq(dlt645_current_get(&p), 12345);
	p = seen(DLT645_CURRENT(1), "452381");
	ck_assert_int_eq(dlt645_current_get(&p), 12345);
	p = seen(DLT645_CURRENT(1), "ffff");
	ck_assert_int_eq(dlt645_current_get(&p), -1);
	ck_assert_uint_eq(DLT645_CURRENT(3), 0x02020300);
}
END_TEST

START_TEST(names_go_there_and_back)
{
	const char *list = " cover_open  loss ";
	char word[32];

	for (int a = 0; a < ALARMS; a++)
		ck_assert_int_eq(alarm_parse(alarm_name((enum alarm)a)), a);
	ck_assert_int_eq(alarm_parse("smoke"), ALARMS);
	ck_assert_str_eq(alarm_word(&list, word, sizeof word), "cover_open");
	ck_assert_str_eq(alarm_word(&list, word, sizeof word), "loss");
	ck_assert_ptr_null(alarm_word(&list, word, sizeof word));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("alarms");
	TCase *c = tcase_create("alarms");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(c, each_bit_of_the_status_words_has_its_alarm);
	tcase_add_test(c, what_is_usual_is_no_alarm);
	tcase_add_test(c, one_word_tells_of_its_own_kinds_only);
	tcase_add_test(c, a_report_is_told_and_reset_bit_by_bit);
	tcase_add_test(c, counts_of_phases_are_added_up);
	tcase_add_test(c, a_record_tells_when_how_far_and_by_whom);
	tcase_add_test(c, currents_have_a_sign);
	tcase_add_test(c, names_go_there_and_back);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
