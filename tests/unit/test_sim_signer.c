/* The test signer: its codes were worked out elsewhere, in another language. */
#include "vmeter_talk.h"

#include "sim/signer.h"

static const char *
sign(struct talk *t, const char *request)
{
	static char text[1024];
	struct buf answer = {0};

	test_signer_answer(t->world.master, 0x8877665544332211, request, &answer);
	snprintf(text, sizeof text, "%s", buf_text(&answer));
	buf_clear(&answer);
	return text;
}

START_TEST(the_signer_agrees_with_a_second_reckoning)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(sign(t, "{\"id\":1,\"op\":\"auth\",\"meter\":\"123456789012\"}"),
	    "{\"id\":1,\"cipher\":\"2F77A56474E4F39E\",\"rand1\":\"1122334455667788\","
	    "\"diversity\":\"0000123456789012\"}");
	ck_assert_str_eq(
	    sign(t, "{\"id\":2,\"op\":\"recharge\",\"meter\":\"123456789012\",\"rand2\":"
		    "\"01020304\","
		    "\"amount\":10000,\"count\":7,\"customer\":\"123456789012\"}"),
	    "{\"id\":2,\"mac1\":\"B4E9C4E5\",\"mac2\":\"ED5E1539\"}");
	ck_assert_str_eq(sign(t, "{\"id\":3,\"op\":\"control\",\"meter\":\"123456789012\","
				 "\"rand2\":\"01020304\","
				 "\"n1\":\"1A\",\"n2\":\"00\",\"until\":\"000000200826\"}"),
	    "{\"id\":3,\"cipher\":\"BCE67743079FFCF7BB7BED50AE44D2A6\",\"mac1\":"
	    "\"EF3EDFFF\"}");
	ck_assert_str_eq(sign(t, "{\"id\":4,\"op\":\"write98\",\"meter\":\"123456789012\","
				 "\"rand2\":\"01020304\","
				 "\"di\":\"04001003\",\"data\":\"00500000\"}"),
	    "{\"id\":4,\"cipher\":\"9C7DA651BD7C475778D7EA3C32B62263\",\"mac1\":"
	    "\"9303D093\"}");
	ck_assert_str_eq(sign(t, "{\"id\":5,\"op\":\"write99\",\"meter\":\"123456789012\","
				 "\"rand2\":\"01020304\","
				 "\"di\":\"04001001\",\"data\":\"00200000\"}"),
	    "{\"id\":5,\"mac1\":\"4499D5A5\"}");
	talk_free(t);
}
END_TEST

START_TEST(the_signer_says_what_it_cannot_sign)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(sign(t, "what"), "{\"error\":\"not a JSON object\"}");
	ck_assert_str_eq(sign(t, "{\"id\":\"x\"}"), "{\"id\":\"x\",\"error\":\"op is missing\"}");
	ck_assert_str_eq(sign(t, "{\"id\":1,\"op\":\"auth\",\"meter\":\"17\"}"),
	    "{\"id\":1,\"error\":\"meter is not 12 digits\"}");
	ck_assert_str_eq(sign(t, "{\"id\":1,\"op\":\"sing\",\"meter\":\"000000000017\"}"),
	    "{\"id\":1,\"error\":\"no op is called 'sing'\"}");
	ck_assert_str_eq(
	    sign(t, "{\"op\":\"recharge\",\"meter\":\"000000000017\",\"rand2\":\"01020304\","
		    "\"amount\":1.5,\"count\":1,\"customer\":\"000000000000\"}"),
	    "{\"error\":\"amount is not a whole number of 32 bits\"}");
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sim_signer");
	TCase *c = tcase_create("sim_signer");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, the_signer_agrees_with_a_second_reckoning);
	tcase_add_test(c, the_signer_says_what_it_cannot_sign);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
