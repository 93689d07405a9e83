/* vmeter with a wallet and a security chip (dlt645.md 4.2, 4.3). */
#include "vmeter_talk.h"

#include "sim/esam.h"

#define WALLET "profile=wallet-esam customer=123456789012 watts=0 "

/* Authenticates; the challenge for what follows is left in rand2. */
static void
authenticate(struct talk *t, uint8_t rand2[4])
{
	uint8_t key[ESAM_KEY], cipher[8];
	const uint8_t rand1[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct buf heard = {0};
	char hex[128], data[256];
	struct err e;

	esam_meter_key(t->world.master, ADDRESS, key);
	esam_auth_cipher(key, rand1, cipher);
	hex_out(hex, span_of(cipher, 8));
	snprintf(data, sizeof data, "FF000007 00000000 %s 0102030405060708 0000123456789012", hex);
	talk_plain(t, 0x03, data);
	ck_assert_uint_eq(strlen(t->said), 2 * (1 + 4 + 4 + 8));
	ck_assert_int_eq(strncmp(t->said, "83FF000007", 10), 0);
	ck_assert_int_eq(hex_in(&heard, t->said + 10, &e), 0);
	memcpy(rand2, heard.bytes, 4);
	buf_clear(&heard);
}

/* Sends credit with good MACs for this challenge, upset by `bad` (1: MAC1, 2: MAC2). */
static const char *
pay(struct talk *t, const uint8_t rand2[4], uint32_t di, uint32_t amount, uint32_t count,
    const char *customer, int bad)
{
	uint8_t key[ESAM_KEY], mac[2][4], six[6];
	char m1[9], m2[9], c[13], data[256];

	esam_meter_key(t->world.master, ADDRESS, key);
	for (int i = 0; i < 6; i++)
		six[i] = (uint8_t)strtoul(
		    (char[]){customer[10 - 2 * i], customer[11 - 2 * i], 0}, NULL, 16);
	esam_mac_amount(key, rand2, di, amount, count, mac[0]);
	esam_mac_customer(key, rand2, di, count, six, mac[1]);
	if (bad > 0)
		mac[bad - 1][0] ^= 1;
	hex_out(m1, span_of(mac[0], 4));
	hex_out(m2, span_of(mac[1], 4));
	hex_out(c, span_of(six, 6));
	snprintf(data, sizeof data, "FF%02X0107 00000000 %02X%02X%02X%02X %02X000000 %s %s %s",
	    di >> 8 & 0xff, amount & 0xff, amount >> 8 & 0xff, amount >> 16 & 0xff, amount >> 24,
	    count, m1, c, m2);
	return talk_plain(t, 0x03, data);
}

#define OPEN   ESAM_DI_OPEN
#define CREDIT ESAM_DI_CREDIT
#define OURS   "123456789012"

START_TEST(the_sheets_recharge_with_dummy_codes_is_refused)
{
	struct talk *t = talk_new(WALLET "opened=yes purchases=6");
	const char *sheet = "68 12 90 78 56 34 12 68 03 1E 32 35 34 3A 34 33 33 33 43 5A 33 33 3A "
			    "33 33 33 DD EE FF 10 45 C3 AB 89 67 45 44 55 66 77 57 16";
	uint8_t rand2[4];

	ck_assert_str_eq(
	    talk_hex(t, sheet), tight("68 12 90 78 56 34 12 68 C3 02 3B 33 B9 16")); /* b3 */
	authenticate(t, rand2);
	ck_assert_str_eq(
	    talk_hex(t, sheet), tight("68 12 90 78 56 34 12 68 C3 02 37 33 B5 16")); /* b2 */
	ck_assert_int_eq(talk_state(t, "credit_minor"), 0);
	talk_free(t);
}
END_TEST

START_TEST(a_count_is_taken_once)
{
	struct talk *t = talk_new(WALLET "opened=yes purchases=6 credit_minor=500 "
					 "bought_minor=30000");
	uint8_t r[4];

	authenticate(t, r);
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 7, OURS, 0), "83FF020107");
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 7, OURS, 0), "C30200"); /* repeat, b1 */
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 9, OURS, 0), "C32000"); /* count, b5 */
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 6, OURS, 0), "C32000");
	ck_assert_int_eq(talk_state(t, "credit_minor"), 10500);
	ck_assert_int_eq(talk_state(t, "purchases"), 7);
	ck_assert_ptr_nonnull(strstr(t->told, "credit \"count\":7,\"amount_minor\":10000,"
					      "\"before_minor\":500,\"after_minor\":10500\n"));
	/* the record [2.9]: 10:30 19-08-26, 7, 100.00, 5.00, 105.00, 400.00 */
	ck_assert_int_eq(strncmp(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 34 32 66 36 9D 16"),
			     tight("68 12 90 78 56 34 12 68 91 1B 34 32 66 36 63 43 4C 3B 59 3A 33 "
				   "33 33 34 33 33 38 33 33 33 38 34 33 33 33 37 33"),
			     2 * 37),
	    0);
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 33 03"), "91010233030700");
	ck_assert_str_eq(talk_plain(t, 0x11, "00 02 90 00"), "910002900000050100");
	talk_free(t);
}
END_TEST

START_TEST(checks_come_in_the_sheets_order)
{
	struct talk *t = talk_new(WALLET "opened=yes purchases=3 hoarding_minor=20000");
	uint8_t r[4] = {0};

	ck_assert_str_eq(pay(t, r, CREDIT, 100, 4, OURS, 0), "C30800"); /* b3 */
	authenticate(t, r);
	ck_assert_str_eq(pay(t, r, CREDIT, 100, 3, "000000000001", 1), "C31000"); /* b4 first */
	ck_assert_str_eq(pay(t, r, CREDIT, 100, 3, OURS, 1), "C30200");
	ck_assert_str_eq(pay(t, r, CREDIT, 20001, 5, OURS, 1), "C32000");
	ck_assert_str_eq(pay(t, r, CREDIT, 20001, 4, OURS, 1), "C34000"); /* hoarding, b6 */
	ck_assert_str_eq(pay(t, r, CREDIT, 20000, 4, OURS, 1), "C30400"); /* MAC, b2 */
	ck_assert_str_eq(pay(t, r, CREDIT, 20000, 4, OURS, 2), "C30400");
	ck_assert_str_eq(pay(t, r, CREDIT, 20000, 4, OURS, 0), "83FF020107");
	talk_wait(t, 300 * SECOND_US);
	ck_assert_str_eq(pay(t, r, CREDIT, 1, 5, OURS, 0), "C30800"); /* run out */
	talk_free(t);
}
END_TEST

START_TEST(the_third_wrong_code_ends_the_authentication)
{
	struct talk *t = talk_new(WALLET "opened=yes");
	uint8_t r[4];

	authenticate(t, r);
	ck_assert_str_eq(pay(t, r, CREDIT, 1, 1, OURS, 1), "C30400");
	ck_assert_str_eq(pay(t, r, CREDIT, 1, 1, OURS, 1), "C30400");
	ck_assert_str_eq(pay(t, r, CREDIT, 1, 1, OURS, 1), "C30400");
	ck_assert_str_eq(pay(t, r, CREDIT, 1, 1, OURS, 0), "C30800");
	talk_free(t);
}
END_TEST

START_TEST(an_account_is_opened_before_credit_comes)
{
	struct talk *t = talk_new("profile=wallet-esam watts=0 relay=open");
	uint8_t r[4];

	authenticate(t, r);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "910305000450"
							     "62");
	ck_assert_str_eq(pay(t, r, CREDIT, 5000, 1, OURS, 0), "C30100"); /* not opened, b0 */
	ck_assert_str_eq(pay(t, r, OPEN, 5000, 2, OURS, 0), "C32000");
	ck_assert_str_eq(pay(t, r, OPEN, 5000, 1, OURS, 0), "83FF010107");
	ck_assert_str_eq(pay(t, r, OPEN, 5000, 1, OURS, 0), "C30200");
	ck_assert_str_eq(pay(t, r, OPEN, 5000, 2, OURS, 0), "C30100");
	ck_assert_int_eq(talk_state(t, "credit_minor"), 5000);
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_str_eq(talk_plain(t, 0x11, "0E 04 00 04"), "910E040004129078563412");
	/* status [4.2]: balance, count, customer, each money with a MAC */
	talk_plain(t, 0x03, "FF 02 81 07 00 00 00 00");
	ck_assert_uint_eq(strlen(t->said), 2 * (1 + 30));
	ck_assert_int_eq(strncmp(t->said, "83FF02810788130000", 18), 0);
	ck_assert_int_eq(strncmp(t->said + 26, "01000000", 8), 0);
	ck_assert_str_eq(t->said + 42, "12907856341200000000");
	ck_assert_str_eq(talk_plain(t, 0x03, "FF 02 00 07 00 00 00 00"), "83FF020007"
									 "129078563412"
									 "88130000"
									 "01000000"
									 "00000000");
	ck_assert_str_eq(pay(t, r, CREDIT, 5000, 2, OURS, 0), "C30800"); /* it has left */
	talk_free(t);
}
END_TEST

START_TEST(a_meter_without_a_chip_answers_in_one_byte)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(talk_plain(t, 0x03, "FF 02 81 07 00 00 00 00"), "C302");
	talk_free(t);
}
END_TEST

START_TEST(credit_that_is_half_received_is_found_in_the_record)
{
	struct talk *t = talk_new(WALLET "opened=yes purchases=6 credit_minor=500");
	uint8_t r[4];

	authenticate(t, r);
	talk_fault(t, "count_no_money", "1");
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 7, OURS, 0), "83FF020107");
	ck_assert_int_eq(talk_state(t, "purchases"), 7);
	ck_assert_int_eq(talk_state(t, "credit_minor"), 500);
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 33 03"), "91010233030600");
	ck_assert_ptr_null(strstr(t->told, "credit"));
	talk_free(t);
}
END_TEST

START_TEST(a_refusal_may_hide_a_credit)
{
	struct talk *t = talk_new(WALLET "opened=yes");
	uint8_t r[4];

	authenticate(t, r);
	talk_fault(t, "refuse_but_do", "1");
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 1, OURS, 0), "C30100");
	ck_assert_int_eq(talk_state(t, "credit_minor"), 10000);
	talk_fault(t, "ack_not_do", "1");
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 2, OURS, 0), "83FF020107");
	ck_assert_int_eq(talk_state(t, "credit_minor"), 10000);
	talk_fault(t, "reboot", "1");
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 2, OURS, 0), "");
	talk_wait(t, 5 * SECOND_US);
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 2, OURS, 0), "C30800");
	authenticate(t, r);
	ck_assert_str_eq(pay(t, r, CREDIT, 10000, 2, OURS, 0), "C30200");
	ck_assert_int_eq(talk_state(t, "credit_minor"), 20000);
	talk_free(t);
}
END_TEST

/* --- the credit and the relay [4.1] ------------------------------------------------------ */

/* 1 kW at 0.60: 1.00 lasts 100 minutes. */
#define RUNS "profile=wallet-esam customer=123456789012 opened=yes watts=1000 price_micro=600000 "

START_TEST(it_trips_itself_and_credit_closes_it)
{
	struct talk *t = talk_new(RUNS "credit_minor=100 warn1=50 warn2=20");
	uint8_t r[4];

	ck_assert_int_eq(vmeter_next_us(t->v), MORNING);
	talk_wait(t, 100 * MINUTE_US - 1);
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_int_eq(vmeter_next_us(t->v), MORNING + 100 * MINUTE_US);
	talk_wait(t, 1);
	ck_assert(talk_relay_is(t, "open"));
	talk_wait(t, HOUR_US);
	ck_assert_int_eq(talk_state(t, "credit_minor"), 0);
	ck_assert_str_eq(t->told, "warn \"level\":1,\"credit_minor\":50\n"
				  "warn \"level\":2,\"credit_minor\":20\n"
				  "trip_self \"credit_minor\":0,\"overdraft_minor\":0\n"
				  "relay \"from\":\"closed\",\"to\":\"open\",\"by\":\"self\"\n");
	authenticate(t, r);
	pay(t, r, CREDIT, 100, 1, OURS, 0);
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(where_a_button_is_needed_credit_only_permits)
{
	struct talk *t = talk_new(RUNS "permit=yes");
	uint8_t r[4];

	ck_assert(talk_relay_is(t, "open"));
	authenticate(t, r);
	pay(t, r, CREDIT, 100, 1, OURS, 0);
	ck_assert(talk_relay_is(t, "permitted"));
	ck_assert(vmeter_button(t->v, t->now_us));
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(an_overdraft_is_lent_to_its_limit)
{
	struct talk *t = talk_new(RUNS "credit_minor=60 overdraft_minor=60 reclose_minor=10");
	uint8_t r[4];

	talk_wait(t, 90 * MINUTE_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "00 02 90 00"), "910002900000000000");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 90 00"), "910102900030000000");
	talk_wait(t, 90 * MINUTE_US);
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_eq(talk_state(t, "credit_minor"), -60);
	authenticate(t, r);
	pay(t, r, CREDIT, 70, 1, OURS, 0);
	ck_assert(talk_relay_is(t, "open")); /* 0.10 is not above the threshold */
	pay(t, r, CREDIT, 1, 2, OURS, 0);
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(power_kept_runs_into_debt)
{
	struct talk *t = talk_new(RUNS "credit_minor=10 keep=yes");

	talk_wait(t, HOUR_US);
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_int_eq(talk_state(t, "credit_minor"), -50);
	talk_set(t, "keep", "no");
	ck_assert(talk_relay_is(t, "open"));
	talk_free(t);
}
END_TEST

/* --- sealed orders and parameters [3.2, 4.3] --------------------------------------------- */

/* 98-level 1C with a good or a wrong MAC. */
static const char *
order(struct talk *t, const uint8_t rand2[4], const char *clear_hex, bool good)
{
	uint8_t key[ESAM_KEY], sealed[ESAM_SEALED], mac[4];
	struct buf clear = {0};
	char c[33], m[9], data[256];
	struct err e;

	esam_meter_key(t->world.master, ADDRESS, key);
	ck_assert_int_eq(hex_in(&clear, clear_hex, &e), 0);
	ck_assert_uint_eq(esam_seal(key, buf_span(&clear), sealed), 16);
	esam_mac(key, rand2, span_of(sealed, 16), mac);
	mac[3] ^= good ? 0 : 0x80;
	hex_out(c, span_of(sealed, 16));
	hex_out(m, span_of(mac, 4));
	snprintf(data, sizeof data, "98000000 2A000000 %s %s", c, m);
	buf_clear(&clear);
	return talk_plain(t, 0x1c, data);
}

START_TEST(a_relay_order_must_be_sealed)
{
	struct talk *t = talk_new(WALLET "opened=yes credit_minor=100");
	uint8_t r[4] = {0};

	ck_assert_str_eq(talk_plain(t, 0x1c, "02000000 2A000000 1A 00 000000 200826"), "DC04");
	ck_assert_str_eq(order(t, r, "1A 00 000000 200826", true), "DC04"); /* nobody there */
	authenticate(t, r);
	ck_assert_str_eq(order(t, r, "1A 00 000000 200826", false), "DC04");
	ck_assert_str_eq(order(t, r, "1A 00 443010 190826", true), "DC01"); /* too late */
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_str_eq(order(t, r, "1A 00 000000 200826", true), "9C");
	ck_assert(talk_relay_is(t, "open"));
	pay(t, r, CREDIT, 100, 1, OURS, 0);
	ck_assert(talk_relay_is(t, "open")); /* what an order opened, credit does not close */
	ck_assert_str_eq(order(t, r, "1C 00 000000 200826", true), "9C");
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(an_empty_wallet_is_not_closed_by_order)
{
	struct talk *t = talk_new(WALLET "opened=yes");
	uint8_t r[4];

	authenticate(t, r);
	ck_assert_str_eq(order(t, r, "1C 00 000000 200826", true), "DC01");
	ck_assert(talk_relay_is(t, "open"));
	talk_free(t);
}
END_TEST

START_TEST(a_parameter_needs_the_form_of_its_class)
{
	struct talk *t = talk_new(WALLET "opened=yes credit_minor=1000");
	uint8_t r[4], key[ESAM_KEY], mac[4], sealed[ESAM_SEALED];
	const uint8_t warn[] = {0x01, 0x10, 0x00, 0x04, 0x00, 0x20, 0x00, 0x00};
	const uint8_t limit[] = {0x03, 0x10, 0x00, 0x04, 0x00, 0x50, 0x00, 0x00};
	char data[256], m[9], c[33];

	esam_meter_key(t->world.master, ADDRESS, key);
	ck_assert_str_eq(talk_plain(t, 0x14, "01100004 02000000 01000000 00200000"), "D404");
	authenticate(t, r);
	esam_mac(key, r, span_of(warn, 8), mac);
	hex_out(m, span_of(mac, 4));
	snprintf(data, sizeof data, "01100004 99000000 01000000 00200000 %s", m);
	ck_assert_str_eq(talk_plain(t, 0x14, data), "94");
	ck_assert_int_eq(talk_state(t, "warn1"), 2000);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "9103050004802"
							     "2");
	snprintf(data, sizeof data, "01100004 99000000 01000000 00300000 %s", m);
	ck_assert_str_eq(talk_plain(t, 0x14, data), "D404");
	esam_seal(key, span_of(limit, 8), sealed);
	esam_mac(key, r, span_of(sealed, 16), mac);
	hex_out(m, span_of(mac, 4));
	hex_out(c, span_of(sealed, 16));
	snprintf(data, sizeof data, "03100004 98000000 01000000 %s %s", c, m);
	ck_assert_str_eq(talk_plain(t, 0x14, data), "94");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 10 00 04"), "910310000400500000");
	snprintf(data, sizeof data, "04100004 98000000 01000000 %s %s", c, m);
	ck_assert_str_eq(talk_plain(t, 0x14, data), "D401"); /* sealed for another identifier */
	ck_assert_str_eq(talk_plain(t, 0x14, "00000100 02000000 01000000 00000000"), "D404");
	ck_assert_str_eq(talk_plain(t, 0x14, "FF0F0004 02000000 01000000 00000000"), "D402");
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_wallet");
	TCase *c = tcase_create("vmeter_wallet");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, the_sheets_recharge_with_dummy_codes_is_refused);
	tcase_add_test(c, a_count_is_taken_once);
	tcase_add_test(c, checks_come_in_the_sheets_order);
	tcase_add_test(c, the_third_wrong_code_ends_the_authentication);
	tcase_add_test(c, an_account_is_opened_before_credit_comes);
	tcase_add_test(c, a_meter_without_a_chip_answers_in_one_byte);
	tcase_add_test(c, credit_that_is_half_received_is_found_in_the_record);
	tcase_add_test(c, a_refusal_may_hide_a_credit);
	tcase_add_test(c, it_trips_itself_and_credit_closes_it);
	tcase_add_test(c, where_a_button_is_needed_credit_only_permits);
	tcase_add_test(c, an_overdraft_is_lent_to_its_limit);
	tcase_add_test(c, power_kept_runs_into_debt);
	tcase_add_test(c, a_relay_order_must_be_sealed);
	tcase_add_test(c, an_empty_wallet_is_not_closed_by_order);
	tcase_add_test(c, a_parameter_needs_the_form_of_its_class);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
