/* http: who is cut off, who waits, who may leave when, and where it listens. */
#include "http_play.h"

#include "base/log.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* --- patience ---------------------------------------------------------------------------- */

static void
drip(struct play *p)
{
	static const char request[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n";
	double start;
	char byte;
	int fd;

	usleep(600000); /* a server long idle must not take it out on who comes next */
	start = now_s();
	fd = dial(p->port);
	say(fd, request);
	while (now_s() - start < 3 && recv(fd, &byte, 1, MSG_DONTWAIT) != 0) {
		say(fd, "x");
		usleep(20000);
	}
	p->took[0] = now_s() - start;
	close(fd);
	ask(p, 1, "GET /who HTTP/1.1\r\n" HOST, 28); /* a head without end */
	ask(p, 2, "", 0);
}

START_TEST(patience_is_for_the_whole_request_not_for_each_byte)
{
	struct play *p = play_start(&strict);

	play_run(p, drip);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(p->took[i] > 0.35 && p->took[i] < 0.9, "%d: %f s", i, p->took[i]);
		ck_assert_str_eq(p->heard[i], "");
	}
	ck_assert_int_eq(p->handled, 0);
	play_end(p);
}
END_TEST

/* --- who leaves when --------------------------------------------------------------------- */

static void
leave_and_stay(struct play *p)
{
	int gone = dial(p->port), half = dial(p->port);

	say(gone, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	say(half, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	usleep(100000);
	close(gone);
	shutdown(half, SHUT_WR); /* has said all, and listens */
	hear(half, p->heard[0], sizeof p->heard[0], 3000);
	close(half);
	ask(p, 1, "GET /who HTTP/1.1\r\n" HOST "\r\n", 30);
}

START_TEST(a_late_answer_outlasts_patience_and_finds_whoever_is_left)
{
	struct play *p = play_start(&strict);

	play_run(p, leave_and_stay);
	ck_assert_ptr_nonnull(strstr(p->heard[0], "{\"late\":true}"));
	ck_assert_ptr_nonnull(strstr(p->heard[1], "path=/who"));
	play_end(p);
}
END_TEST

static void
hold_and_leave(struct play *p)
{
	int fd = dial(p->port);

	say(fd, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
	usleep(100000);
	close(fd);
}

START_TEST(a_request_may_outlive_the_server)
{
	struct play *p = play_start(&strict);
	struct http_request *r;

	play_run(p, hold_and_leave);
	ck_assert_int_eq(p->nheld, 1);
	http_free(p->http);
	p->http = NULL;
	r = p->held[0];
	ck_assert_str_eq(http_path(r), "/hold");
	ck_assert_ptr_null(http_header(r, "Host"));
	ck_assert_uint_eq(http_body(r).len, 0);
	play_end(p);
}
END_TEST

static void
ask_thrice(struct play *p)
{
	static const char one[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi";
	int fd = dial(p->port);

	say(fd, one);
	say(fd, one); /* before the first is answered */
	usleep(100000);
	say(fd, "GET /who HTTP/1.1\r\n" HOST "X-Test: a\n\r\n");
	hear(fd, p->heard[0], sizeof p->heard[0], 3000);
	close(fd);
}

START_TEST(kept_alive_each_head_is_looked_at_and_a_refusal_closes)
{
	struct http_limits kept = strict;
	struct play *p;
	const char *answer;

	kept.keep_alive = true;
	p = play_start(&kept);
	play_run(p, ask_thrice);
	ck_assert_int_eq(p->handled, 2);
	answer = strstr(p->heard[0], "HTTP/1.1 400");
	ck_assert_msg(answer != NULL, "%s", p->heard[0]);
	ck_assert_ptr_null(strstr(p->heard[0], "!"));
	play_end(p);
}
END_TEST

static int log_lines;

static void
count_line(const char *line, void *arg)
{
	(void)line, (void)arg;
	log_lines++;
}

static void
crowd(struct play *p)
{
	int fd[4];

	for (int i = 0; i < 4; i++)
		fd[i] = dial(p->port);
	say(fd[3], "GET /who HTTP/1.1\r\n" HOST "\r\n");
	hear(fd[3], p->heard[0], sizeof p->heard[0], 200);
	close(fd[1]);
	hear(fd[3], p->heard[1], sizeof p->heard[1], 1000);
	for (int i = 0; i < 4; i++)
		if (i != 1)
			close(fd[i]);
}

START_TEST(one_connection_too_many_waits_until_another_ends)
{
	struct http_limits three = strict;
	struct play *p;

	three.most_connections = 3;
	three.patience_us = 5000000;
	p = play_start(&three);
	log_capture(count_line, NULL);
	play_run(p, crowd);
	log_capture(NULL, NULL);
	ck_assert_int_eq(log_lines, 1);
	ck_assert_str_eq(p->heard[0], "!");
	ck_assert_ptr_nonnull(strstr(p->heard[1], "path=/who"));
	play_end(p);
}
END_TEST

/* --- at the limit of descriptors --------------------------------------------------------- */

/* A process of its own: only 20 descriptors, and its end is the end of `port_pipe`'s reader. */
static void
poor_server(int port_out, int stop_in)
{
	struct http_limits limits = strict;
	struct rlimit few = {20, 20};
	struct play *p;
	struct event *done;

	limits.patience_us = 60 * SECOND_US;
	log_lines = 0;
	log_capture(count_line, NULL);
	p = play_start(&limits);
	done = event_new(loop_base(p->loop), stop_in, EV_READ, on_done, p);
	event_add(done, NULL);
	if (setrlimit(RLIMIT_NOFILE, &few) < 0 ||
	    write(port_out, &p->port, sizeof p->port) != sizeof p->port)
		_exit(1);
	loop_run(p->loop);
	if (write(port_out, &log_lines, sizeof log_lines) != sizeof log_lines)
		_exit(1);
	_exit(0);
}

START_TEST(out_of_descriptors_it_waits_quietly_and_recovers)
{
	int up[2], down[2], port, lines, fd[40];
	struct rusage used;
	double start, cpu;
	char heard[8192];
	pid_t pid;

	ck_assert_int_eq(pipe(up) | pipe(down), 0);
	pid = fork();
	if (pid == 0)
		poor_server(up[1], down[0]);
	ck_assert_int_eq(read(up[0], &port, sizeof port), sizeof port);
	for (int i = 0; i < 40; i++)
		fd[i] = dial(port);
	say(fd[39], "GET /who HTTP/1.1\r\n" HOST "\r\n");
	hear(fd[39], heard, sizeof heard, 2500);
	ck_assert_str_eq(heard, "!");
	start = now_s();
	for (int i = 0; i < 39; i++)
		close(fd[i]);
	hear(fd[39], heard, sizeof heard, 2000);
	ck_assert_msg(now_s() - start < 1, "%f s", now_s() - start);
	ck_assert_msg(strstr(heard, "path=/who") != NULL, "%s", heard);
	close(fd[39]);
	ck_assert_int_eq(write(down[1], "", 1), 1);
	ck_assert_int_eq(read(up[0], &lines, sizeof lines), sizeof lines);
	ck_assert_int_eq(wait4(pid, NULL, 0, &used), pid);
	cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	ck_assert_msg(cpu < 0.05 * 2.5, "%f s of CPU in 2.5 s", cpu);
	ck_assert_msg(lines >= 1 && lines <= 4, "%d lines in 2.5 s", lines);
	close(up[0]), close(up[1]), close(down[0]), close(down[1]);
}
END_TEST

/* --- where it listens -------------------------------------------------------------------- */

START_TEST(an_address_without_a_port_is_refused)
{
	static const char *const bad[] = {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "::1", "[::1]",
	    "localhost:80", "127.0.0.1:99999", "[::1:80", "127.0.0.1]:80", "127.0.0.1:-1", "[]:1"};
	struct loop *l = loop_new();
	struct http *h = http_new(l, &strict, routes, 1, NULL);
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(http_listen(h, bad[i], &e) < 0, "%s", bad[i]);
		ck_assert_int_eq(e.class, ERR_INPUT);
	}
	http_free(h);
	loop_free(l);
}
END_TEST

START_TEST(a_taken_port_is_said_to_be_taken)
{
	struct play *p = play_start(&strict);
	char address[32];
	struct err e;

	snprintf(address, sizeof address, "127.0.0.1:%d", p->port);
	ck_assert_int_eq(http_listen(p->http, address, &e), -1);
	ck_assert_int_eq(e.class, ERR_RETRY);
	ck_assert_ptr_nonnull(strstr(e.text, address));
	play_end(p);
}
END_TEST

static char socket_path[100];

static void
ask_unix(struct play *p)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, socket_path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		abort();
	say(fd, "GET /who HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, p->heard[0], sizeof p->heard[0], 2000);
	close(fd);
}

START_TEST(a_unix_socket_knows_its_caller_and_replaces_only_a_dead_one)
{
	struct play *p = play_start(&strict), *q = play_start(&strict);
	struct stat st;
	struct err e;
	int dead;

	snprintf(socket_path, sizeof socket_path, "/tmp/test_http.%d", (int)getpid());
	ck_assert_int_eq(http_listen_unix(p->http, socket_path, 0660, &e), 0);
	ck_assert_int_eq(stat(socket_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_int_eq(http_listen_unix(q->http, socket_path, 0600, &e), -1);
	play_run(p, ask_unix);
	ck_assert_ptr_nonnull(strstr(p->heard[0], "peer=unix uid=1"));
	play_end(p);
	ck_assert_int_eq(stat(socket_path, &st), -1);

	dead = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, socket_path);
	ck_assert_int_eq(bind(dead, (struct sockaddr *)&a, sizeof a), 0);
	close(dead);
	ck_assert_int_eq(http_listen_unix(q->http, socket_path, 0600, &e), 0);
	ck_assert_int_eq(http_listen_unix(q->http, "/etc/passwd", 0600, &e), -1);
	ck_assert_int_eq(e.class, ERR_INPUT);
	play_end(q);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http_life");
	TCase *c = tcase_create("http_life");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 30);
	tcase_add_test(c, patience_is_for_the_whole_request_not_for_each_byte);
	tcase_add_test(c, a_late_answer_outlasts_patience_and_finds_whoever_is_left);
	tcase_add_test(c, a_request_may_outlive_the_server);
	tcase_add_test(c, kept_alive_each_head_is_looked_at_and_a_refusal_closes);
	tcase_add_test(c, one_connection_too_many_waits_until_another_ends);
	tcase_add_test(c, out_of_descriptors_it_waits_quietly_and_recovers);
	tcase_add_test(c, an_address_without_a_port_is_refused);
	tcase_add_test(c, a_taken_port_is_said_to_be_taken);
	tcase_add_test(c, a_unix_socket_knows_its_caller_and_replaces_only_a_dead_one);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
