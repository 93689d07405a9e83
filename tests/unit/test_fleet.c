/* A fleet as a file: what is read, what is refused with its line, and what is written comes back.
 */
#include "base/err.h"
#include "codec/fleet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int
read_text(const char *text, struct fleet *f, struct err *e)
{
	return fleet_read(span_of(text, strlen(text)), f, e);
}

static int
column(const char *name)
{
	int i = 0;

	while (strcmp(fleet_columns[i], name) != 0)
		i++;
	return i;
}

START_TEST(lines_are_those_of_the_file)
{
	struct fleet f;
	struct err e;

	ck_assert_int_eq(read_text("\xef\xbb\xbf"
				   "meter;customer\r\n1;\"a \"\"b\"\"\r\nc\"\r\n\r\n2;\r\n",
			     &f, &e),
	    0);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_uint_eq(f.rows[0].line, 2);
	ck_assert_str_eq(f.rows[0].cell[column("customer")], "a \"b\"\r\nc");
	ck_assert_uint_eq(f.rows[1].line, 5);
	ck_assert_ptr_null(f.rows[1].cell[column("customer")]);
	fleet_clear(&f);
	ck_assert_int_eq(
	    read_text("[\n {\"site\": \"{[\\\"\"},\n\n {\"site\": \"b\"}]", &f, &e), 0);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_uint_eq(f.rows[0].line, 2);
	ck_assert_str_eq(f.rows[0].cell[column("site")], "{[\"");
	ck_assert_uint_eq(f.rows[1].line, 4);
	fleet_clear(&f);
}
END_TEST

START_TEST(what_is_no_table_is_refused_with_its_line)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"",		       "empty"				   },
	    {"site\n",                 "no rows"				 },
	    {"site,house\na,b\n",      "line 1: no column is called \"house\""   },
	    {"site,site\na,b\n",       "line 1: the column \"site\" stands twice"},
	    {"site,zone\na,b\nc\n",    "line 3: 1 cells in 2 columns"            },
	    {"site,zone\na,b,c\n",     "line 2: more cells than columns"         },
	    {"site\na\"b\n",           "line 2: a quote within a cell"           },
	    {"site\n\"a\"b\n",         "line 2: something follows"               },
	    {"site\n\"a\n",            "a quote is not closed"                   },
	    {"[{\"site\": \"a\"}, 5]", "an object is needed"                     },
	    {"[\n{\"site\": 5}]",      "line 2: site is no text"                 },
	    {"[{\"house\": \"a\"}]",   "no column is called \"house\""           },
	};
	struct fleet f;
	struct err e;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(read_text(cases[i].text, &f, &e), -1);
		ck_assert_msg(strstr(e.text, cases[i].why) != NULL, "%s: %s", cases[i].why, e.text);
	}
}
END_TEST

START_TEST(what_is_written_comes_back)
{
	static const char *const texts[] = {"=1+1", "'=x", "''-y", "-5.00", "+8613", "@a", "'a",
	    "a,\"b\"\nc", "-1 2", "-", "\tx", "'", "--5"};
	struct buf out = {0};
	struct fleet f;
	struct err e;
	size_t n = sizeof texts / sizeof *texts;

	fleet_put_csv_head(&out);
	for (size_t i = 0; i < n; i++) {
		struct fleet_row row = {0};

		row.cell[column("site")] = "s";
		row.cell[column("customer")] = texts[i];
		row.cell[FLEET_PASSWORD] = "123456";
		fleet_put_csv(&out, &row);
	}
	ck_assert_ptr_null(strstr(buf_text(&out), "123456"));
	ck_assert_ptr_null(strstr(buf_text(&out), ",=1+1"));
	ck_assert_int_eq(fleet_read(buf_span(&out), &f, &e), 0);
	ck_assert_uint_eq(f.n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(f.rows[i].cell[column("customer")], texts[i]);
	fleet_clear(&f);
	buf_clear(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fleet");
	TCase *t = tcase_create("fleet");
	SRunner *r;
	int failed;

	tcase_add_test(t, lines_are_those_of_the_file);
	tcase_add_test(t, what_is_no_table_is_refused_with_its_line);
	tcase_add_test(t, what_is_written_comes_back);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
