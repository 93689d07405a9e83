/* base: the bytes, the map, the loop's order of things. */
#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/map.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_error_grows_outwards)
{
	struct err e;

	ck_assert_int_eq(err_set(&e, ERR_INPUT, "checksum %02x", 0x4f), -1);
	err_wrap(&e, "login from %s", "10.1.2.3");
	ck_assert_str_eq(e.text, "login from 10.1.2.3: checksum 4f");
	ck_assert_int_eq(e.class, ERR_INPUT);
}
END_TEST

START_TEST(a_reader_asked_for_too_much_stays_failed)
{
	struct rd r = {
	    .left = {(const uint8_t *)"ab", 2}
        };

	ck_assert_int_eq(rd_u8(&r), 'a');
	ck_assert_uint_eq(rd_take(&r, 2).len, 0);
	ck_assert_int_eq(rd_u8(&r), 0);
	ck_assert(r.failed);
}
END_TEST

START_TEST(hex_refuses_half_a_byte)
{
	struct buf b = {0};
	struct err e;
	char text[8];

	ck_assert_int_eq(hex_in(&b, "68 aF", &e), 0);
	hex_out(text, buf_span(&b));
	ck_assert_str_eq(text, "68AF");
	ck_assert_int_eq(hex_in(&b, "686", &e), -1);
	ck_assert_int_eq(hex_in(&b, "6g", &e), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(a_map_keeps_what_was_put_whatever_is_taken)
{
	struct map *m = map_new();
	static int value[5000];

	for (int64_t i = 0; i < 5000; i++)
		map_put(m, i * 64, &value[i]);
	for (int64_t i = 0; i < 5000; i += 3)
		ck_assert_ptr_eq(map_take(m, i * 64), &value[i]);
	for (int64_t i = 0; i < 5000; i++)
		ck_assert_ptr_eq(map_get(m, i * 64), i % 3 == 0 ? NULL : &value[i]);
	ck_assert_uint_eq(map_count(m), 5000 - 1667);
	map_free(m);
}
END_TEST

struct note {
	struct loop *loop;
	char text[64];
	struct timer again;
};

static void
note_a(void *arg)
{
	strcat(((struct note *)arg)->text, "a");
}

static void
note_b(void *arg)
{
	struct note *n = arg;

	strcat(n->text, "b");
	loop_defer(&n->again, n->loop, note_a, n);
}

START_TEST(timers_come_in_order_and_a_stopped_one_never)
{
	struct loop *l = loop_virtual_new(1000, 7);
	struct note n = {.loop = l};
	struct timer t[3] = {0};

	timer_start(&t[0], l, 300, note_a, &n);
	timer_start(&t[1], l, 100, note_b, &n);
	timer_start(&t[2], l, 200, note_b, &n);
	timer_stop(&t[2]);
	loop_virtual_run(l, 1350, NULL, NULL);
	ck_assert_str_eq(n.text, "baa");
	ck_assert_int_eq(loop_now_us(l), 1350);
	loop_free(l);
}
END_TEST

START_TEST(a_thousand_timers_leave_the_heap_sorted)
{
	struct loop *l = loop_virtual_new(0, 1);
	struct timer t[1000] = {0};
	struct note n = {.loop = l};
	static char much[2000];

	(void)much;
	for (int i = 0; i < 1000; i++)
		timer_start(&t[i], l, (i * 7919) % 1000, i % 40 == 0 ? note_a : note_b, &n);
	for (int i = 0; i < 1000; i++)
		if (i % 40 != 0)
			timer_stop(&t[i]);
	loop_virtual_run(l, 2000, NULL, NULL);
	ck_assert_uint_eq(strlen(n.text), 25);
	loop_free(l);
}
END_TEST

START_TEST(chance_repeats_from_its_seed)
{
	struct loop *a = loop_virtual_new(0, 42), *b = loop_virtual_new(0, 42);
	uint8_t x[13], y[13];

	loop_random(a, x, sizeof x);
	loop_random(b, y, sizeof y);
	ck_assert_mem_eq(x, y, sizeof x);
	loop_free(a);
	loop_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *c = tcase_create("base");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, an_error_grows_outwards);
	tcase_add_test(c, a_reader_asked_for_too_much_stays_failed);
	tcase_add_test(c, hex_refuses_half_a_byte);
	tcase_add_test(c, a_map_keeps_what_was_put_whatever_is_taken);
	tcase_add_test(c, timers_come_in_order_and_a_stopped_one_never);
	tcase_add_test(c, a_thousand_timers_leave_the_heap_sorted);
	tcase_add_test(c, chance_repeats_from_its_seed);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
