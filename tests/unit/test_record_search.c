/* record_search: a day is found wherever the meter keeps it, and given up only where it is not. */
#include "model/calendar.h"
#include "model/record_search.h"

#include <check.h>
#include <stdlib.h>

#define TODAY      20261120
#define COUNT(day) ((int)calendar_days_between(20000101, (day)))

/* A meter's records, newest first, 0 behind them. */
struct store {
	int days[RECORDS_KEPT], n, asked;
};

static enum search_end
look(struct store *m, int day, int nth)
{
	struct record_search s;
	enum search_end end = SEARCH_ON;

	record_search_begin(&s, COUNT(day), nth, RECORDS_KEPT);
	for (m->asked = 0; end == SEARCH_ON && m->asked < 100; m->asked++) {
		ck_assert_int_ge(s.at, 1);
		ck_assert_int_le(s.at, RECORDS_KEPT);
		end = record_search_heard(&s, s.at <= m->n ? COUNT(m->days[s.at - 1]) : 0);
	}
	return end;
}

static struct store
days_back(const char *kept) /* '1': today, yesterday, ... */
{
	struct store m = {0};

	for (int i = 0; kept[i] != '\0'; i++)
		if (kept[i] == '1' && m.n < RECORDS_KEPT)
			m.days[m.n++] = calendar_day_add(TODAY, -i);
	return m;
}

START_TEST(a_meter_that_missed_nothing_is_asked_once)
{
	struct store m = days_back("1111111111");

	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -i), i + 1), SEARCH_FOUND);
		ck_assert_int_eq(m.asked, 1);
	}
}
END_TEST

/* Five records only: the calendar says the sixth, and there is none. */
START_TEST(a_young_meter_that_missed_midnights_still_has_the_days_before_them)
{
	struct store m = days_back("1100011100");

	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -5), 6), SEARCH_FOUND);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -7), 8), SEARCH_FOUND);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -3), 4), SEARCH_NONE);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -8), 9), SEARCH_OLDER);
}
END_TEST

START_TEST(a_meter_without_records_has_none_before_either)
{
	struct store m = days_back("");

	ck_assert_int_eq(look(&m, TODAY, 1), SEARCH_OLDER);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -40), 41), SEARCH_OLDER);
}
END_TEST

/* Its clock is late, or it was without supply: not there, and others may come. */
START_TEST(today_that_is_not_there_yet_is_not_older_than_all)
{
	struct store m = days_back("0111");

	ck_assert_int_eq(look(&m, TODAY, 1), SEARCH_NONE);
}
END_TEST

START_TEST(what_has_fallen_out_at_the_end_is_older_than_all)
{
	char kept[81] = {0};
	struct store m;

	for (int i = 0; i < 80; i++)
		kept[i] = '1';
	m = days_back(kept);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -61), 62), SEARCH_FOUND);
	ck_assert_int_eq(look(&m, calendar_day_add(TODAY, -70), 71), SEARCH_OLDER);
}
END_TEST

/* Any holes at all: found where it is, given up where it is not, in few questions. */
START_TEST(it_is_right_about_every_day_of_thousands_of_meters)
{
	int most = 0;

	srandom(7);
	for (int n = 0; n < 1500; n++) {
		char kept[101] = {0};
		int len = 1 + (int)(random() % 100), share = (int)(random() % 100);
		struct store m;

		for (int i = 0; i < len; i++)
			kept[i] = random() % 100 < share ? '1' : '0';
		m = days_back(kept);
		for (int i = 0; i < len; i++) {
			int day = calendar_day_add(TODAY, -i);
			bool has = false, older = false;
			enum search_end end = look(&m, day, i + 1);

			for (int k = 0; k < m.n; k++) {
				has |= m.days[k] == day;
				older |= m.days[k] < day;
			}
			if (has)
				ck_assert_int_eq(end, SEARCH_FOUND);
			else if (older)
				ck_assert_int_eq(end, SEARCH_NONE);
			else
				ck_assert_int_eq(end, SEARCH_OLDER);
			most = m.asked > most ? m.asked : most;
		}
	}
	ck_assert_int_le(most, 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record_search");
	TCase *t = tcase_create("search");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, a_meter_that_missed_nothing_is_asked_once);
	tcase_add_test(t, a_young_meter_that_missed_midnights_still_has_the_days_before_them);
	tcase_add_test(t, a_meter_without_records_has_none_before_either);
	tcase_add_test(t, today_that_is_not_there_yet_is_not_older_than_all);
	tcase_add_test(t, what_has_fallen_out_at_the_end_is_older_than_all);
	tcase_add_test(t, it_is_right_about_every_day_of_thousands_of_meters);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
