/* http: what is served, and each thing that is refused. */
#include "http_play.h"

static const char *question;
static size_t question_len;

static void
ask_question(struct play *p)
{
	ask(p, 0, question, question_len);
}

/* The status of the one answer to these bytes; 0 when there was none. */
static int
status_of(const char *request, size_t len, char *answer, size_t room)
{
	struct play *p = play_start(&strict);
	int status = 0;
	const char *more;

	question = request;
	question_len = len;
	play_run(p, ask_question);
	snprintf(answer, room, "%s", p->heard[0]);
	ck_assert_msg(strchr(answer, '!') == NULL, "not closed: %s", answer);
	ck_assert_int_le(sscanf(answer, "HTTP/1.%*c %d ", &status), 1);
	more = strstr(answer + (status != 0), "HTTP/1.");
	ck_assert_msg(more == NULL, "answered twice: %s", answer);
	if (status != 0 && status != 200)
		ck_assert_int_eq(p->handled, 0);
	play_end(p);
	return status;
}

static void
expect(int status, const char *request)
{
	char answer[8192];
	int got = status_of(request, strlen(request), answer, sizeof answer);

	ck_assert_msg(got == status, "%d instead of %d to %s\n%s", got, status, request, answer);
	if (status != 0 &&
	    strstr(request, "evil") == NULL) /* a proxy's request hears it otherwise */
		ck_assert_msg(strstr(answer, "Connection: close\r\n") != NULL, "%s", answer);
}

static void
expect_text(const char *text, const char *request)
{
	char answer[8192];

	status_of(request, strlen(request), answer, sizeof answer);
	ck_assert_msg(strstr(answer, text) != NULL, "no %s in %s", text, answer);
}

/* --- what is served ---------------------------------------------------------------------- */

START_TEST(a_post_is_answered_and_the_connection_closed)
{
	expect(200, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
	expect(200, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
	expect(200, "POST /echo HTTP/1.1\r\n" HOST "\r\n");
	expect_text("\r\n\r\nhi", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
}
END_TEST

START_TEST(a_query_is_decoded_and_headers_are_found)
{
	expect_text("path=/who a=1 2+\xe5 x=- once=0 peer=127.0.0.1 uid=0",
	    "GET /who?b&a=1+2%2B%e5&&c= HTTP/1.1\r\n" HOST "\r\n");
	expect_text("x=1 once=1", "GET /who HTTP/1.1\r\n" HOST "x-test: 1\r\n\r\n");
	expect_text("x=1 once=0", "GET /who HTTP/1.1\r\n" HOST "X-Test: 1\r\nx-test: 1\r\n\r\n");
}
END_TEST

START_TEST(the_longest_route_wins_and_a_prefix_takes_the_rest)
{
	expect_text("path=/tree/a/b c", "GET /tree/a/b%20c HTTP/1.1\r\n" HOST "\r\n");
	expect_text("path=/tree/ ", "GET /tree/ HTTP/1.1\r\n" HOST "\r\n");
	expect(200, "GET /tree/x HTTP/1.1\r\n" HOST "\r\n");
}
END_TEST

START_TEST(an_unknown_path_is_404_and_a_wrong_method_405_with_the_right_ones)
{
	expect(404, "GET / HTTP/1.1\r\n" HOST "\r\n");
	expect(404, "GET /whom HTTP/1.1\r\n" HOST "\r\n");
	expect(404, "GET /who/ HTTP/1.1\r\n" HOST "\r\n");
	expect(404, "GET /tree HTTP/1.1\r\n" HOST "\r\n");
	expect(405, "GET /echo HTTP/1.1\r\n" HOST "\r\n");
	expect(405, "BREW /echo HTTP/1.1\r\n" HOST "\r\n");
	expect(405, "OPTIONS /who HTTP/1.1\r\n" HOST "\r\n");
	expect(405, "HEAD /who HTTP/1.1\r\n" HOST "\r\n");
	expect_text(
	    "Allow: GET, DELETE\r\n", "POST /tree/x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
}
END_TEST

/* --- what is refused --------------------------------------------------------------------- */

START_TEST(two_content_lengths_are_refused)
{
	expect(
	    400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi");
	expect(
	    400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\ncontent-length: 0\r\n\r\nhi");
}
END_TEST

START_TEST(a_content_length_with_a_blank_before_its_colon_is_refused)
{
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 2\r\n\r\nhi");
}
END_TEST

START_TEST(a_content_length_is_plain_digits)
{
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\nhi");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nhi");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x2\r\n\r\nhi");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\nhi");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n");
}
END_TEST

START_TEST(a_transfer_encoding_is_refused)
{
	expect(400, "POST /echo HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n"
		    "Content-Length: 2\r\n\r\nhi");
	expect(400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n"
		    "Transfer-Encoding: gzip, chunked\r\n\r\nhi");
}
END_TEST

START_TEST(a_body_on_a_get_is_refused)
{
	expect(400, "GET /who HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
	expect(200, "GET /who HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
}
END_TEST

START_TEST(a_nul_in_a_header_is_refused)
{
	static const char request[] = "GET /who HTTP/1.1\r\n" HOST "X-Test: a\0b\r\n\r\n";
	char answer[8192];

	ck_assert_int_eq(status_of(request, sizeof request - 1, answer, sizeof answer), 400);
}
END_TEST

START_TEST(a_folded_header_and_a_bare_line_end_are_refused)
{
	expect(400, "GET /who HTTP/1.1\r\n" HOST "X-Test: a\r\n b\r\n\r\n");
	expect(400, "GET /who HTTP/1.1\n" HOST "\r\n");
	expect(400, "GET /who HTTP/1.1\r\n" HOST "X-Test: a\n\r\n");
	expect(400, "GET /who HTTP/1.1\r\n" HOST "X-Test: a\rb\r\n\r\n");
	expect(400, "GET /who HTTP/1.1\r\n" HOST ": x\r\n\r\n");
}
END_TEST

START_TEST(an_absolute_uri_is_refused)
{
	expect(400, "GET http://evil/who HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET http://evil/../../etc/passwd HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET //evil/who HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "CONNECT evil:443 HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
}
END_TEST

START_TEST(a_path_that_climbs_is_refused)
{
	expect(400, "GET /tree/../who HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree/%2e%2E/who HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree/.. HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree/./x HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree//x HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree/..%2fwho HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /tree/..\\who HTTP/1.1\r\n" HOST "\r\n");
}
END_TEST

START_TEST(a_broken_escape_is_refused)
{
	expect(400, "GET /wh%6 HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /wh%zz HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /who%00 HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /who?a=%0a HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /who?a=% HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /who?a=1&%61=2 HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /who x HTTP/1.1\r\n" HOST "\r\n");
	expect(400, "GET /wh\xc3\xb6 HTTP/1.1\r\n" HOST "\r\n");
}
END_TEST

START_TEST(a_uri_over_a_kilobyte_is_refused)
{
	char request[1400] = "GET /tree/", answer[8192];

	memset(request + 10, 'a', 1100);
	strcpy(request + 1110, " HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_int_eq(status_of(request, strlen(request), answer, sizeof answer), 414);
	strcpy(request + 1000, "?a=1 HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_int_eq(status_of(request, strlen(request), answer, sizeof answer), 200);
	ck_assert_ptr_nonnull(strstr(answer, " a=1 "));
}
END_TEST

START_TEST(a_body_over_the_limit_is_413_before_and_after_it_is_sent)
{
	static char request[200000];
	char answer[8192];
	size_t head;

	expect(413, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\nhi");
	expect(413, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n");
	head = (size_t)sprintf(
	    request, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 150000\r\n\r\n");
	memset(request + head, 'x', 150000);
	ck_assert_int_eq(status_of(request, head + 150000, answer, sizeof answer), 413);
	sprintf(request, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
	head = strlen(request);
	memset(request + head, 'x', 1000);
	ck_assert_int_eq(status_of(request, head + 1000, answer, sizeof answer), 200);
}
END_TEST

START_TEST(an_endless_header_ends_at_the_limit)
{
	static char request[300000] = "GET /who HTTP/1.1\r\nX-Test: ";
	char answer[8192];
	int status;

	memset(request + strlen(request), 'a', sizeof request - 100);
	status = status_of(request, strlen(request), answer, sizeof answer);
	ck_assert_msg(status == 400 || status == 413, "%s", answer);
}
END_TEST

START_TEST(pipelined_requests_get_one_answer)
{
	expect(200, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
		    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nho");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *c = tcase_create("http");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 30);
	tcase_add_test(c, a_post_is_answered_and_the_connection_closed);
	tcase_add_test(c, a_query_is_decoded_and_headers_are_found);
	tcase_add_test(c, the_longest_route_wins_and_a_prefix_takes_the_rest);
	tcase_add_test(c, an_unknown_path_is_404_and_a_wrong_method_405_with_the_right_ones);
	tcase_add_test(c, two_content_lengths_are_refused);
	tcase_add_test(c, a_content_length_with_a_blank_before_its_colon_is_refused);
	tcase_add_test(c, a_content_length_is_plain_digits);
	tcase_add_test(c, a_transfer_encoding_is_refused);
	tcase_add_test(c, a_body_on_a_get_is_refused);
	tcase_add_test(c, a_nul_in_a_header_is_refused);
	tcase_add_test(c, a_folded_header_and_a_bare_line_end_are_refused);
	tcase_add_test(c, an_absolute_uri_is_refused);
	tcase_add_test(c, a_path_that_climbs_is_refused);
	tcase_add_test(c, a_broken_escape_is_refused);
	tcase_add_test(c, a_uri_over_a_kilobyte_is_refused);
	tcase_add_test(c, a_body_over_the_limit_is_413_before_and_after_it_is_sent);
	tcase_add_test(c, an_endless_header_ends_at_the_limit);
	tcase_add_test(c, pipelined_requests_get_one_answer);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
