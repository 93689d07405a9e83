/*
 * echo -- the bare limit of a session: a bufferevent that sends back what comes.
 *
 *	echo SESSIONS
 *
 * A child serves, the parent connects, says one frame of 16 bytes on each connection and waits
 * for its echo: connections with a first word a second.  Then all are idle, and what the child
 * has grown by is their memory.
 */
#include "bench.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FRAME   16
#define PENDING 256 /* connections being opened at once */
#define MOST_NS (30 * S_NS)
#define BACKLOG 4096

static void
on_read(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_add_buffer(bufferevent_get_output(b), bufferevent_get_input(b));
}

static void
on_event(struct bufferevent *b, short what, void *arg)
{
	(void)what, (void)arg;
	bufferevent_free(b);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len, void *base)
{
	struct bufferevent *b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)l, (void)a, (void)len;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bufferevent_setcb(b, on_read, NULL, on_event, NULL);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

static _Noreturn void
serve(int fd)
{
	struct event_base *base = event_base_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (evconnlistener_new(base, on_accept, base, 0, 0, fd) == NULL)
		die("no listener");
	event_base_dispatch(base);
	_exit(0);
}

/* Memory nobody shares with the process. */
static int64_t
private_bytes(pid_t pid)
{
	char path[64], line[200];
	int64_t sum = 0;
	long kb;
	FILE *in;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	if ((in = fopen(path, "re")) == NULL)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, in) != NULL)
		if (sscanf(line, "Private_Clean: %ld", &kb) == 1 ||
		    sscanf(line, "Private_Dirty: %ld", &kb) == 1)
			sum += kb * 1024;
	fclose(in);
	return sum;
}

/* Opens one connection after the other, says a frame, hears it come back. */
static void
fill(int port, int sessions)
{
	static const char frame[FRAME] = "h";
	int ep = epoll_create1(EPOLL_CLOEXEC), opened = 0, echoed = 0;
	int64_t end = now_ns() + MOST_NS;

	while (echoed < sessions && now_ns() < end) {
		struct epoll_event ready[PENDING];
		char sink[FRAME];
		int n;

		for (; opened < sessions && opened - echoed < PENDING; opened++) {
			struct epoll_event ev = {.events = EPOLLIN, .data.fd = dial(port, 0)};

			if (send(ev.data.fd, frame, FRAME, MSG_NOSIGNAL) != FRAME)
				die("send: %s", strerror(errno));
			epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
		}
		n = epoll_wait(ep, ready, PENDING, 1000);
		for (int i = 0; i < n; i++) {
			if (recv(ready[i].data.fd, sink, FRAME, MSG_WAITALL) != FRAME)
				die("an echo was cut");
			epoll_ctl(ep, EPOLL_CTL_DEL, ready[i].data.fd, NULL);
			echoed++;
		}
	}
	if (echoed < sessions)
		die("only %d of %d connections echoed", echoed, sessions);
	close(ep);
}

int
main(int argc, char **argv)
{
	int sessions = argc == 2 ? (int)number(argv[1], 1, 19000) : 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof a;
	int64_t before, from, took;
	pid_t child;

	if (sessions == 0)
		die("usage: echo SESSIONS");
	if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen: %s", strerror(errno));
	child = fork();
	if (child == 0)
		serve(fd);
	close(fd);
	usleep(200000);
	before = private_bytes(child);
	from = now_ns();
	fill(ntohs(a.sin_port), sessions);
	took = now_ns() - from;
	usleep(300000);
	figure(
	    "session_bytes_each_bare", (double)(private_bytes(child) - before) / sessions, "bytes");
	figure("sessions_echoed_per_second_bare", a_second(sessions, took), "sessions/s");
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	return 0;
}
