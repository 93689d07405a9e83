/*
 * bench -- what the programs of the benchmark share: a clock, figures, percentiles, loopback.
 *
 * A figure is one line: name, value, unit.  tests/bench/measure.py reads them and adds ratios.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS_NS INT64_C(1000000)
#define S_NS  INT64_C(1000000000)

static inline int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * S_NS + t.tv_nsec;
}

static inline _Noreturn void __attribute__((format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static inline void
figure(const char *name, double value, const char *unit)
{
	printf("%s %.*f %s\n", name, value < 100 ? 3 : 0, value, unit);
	fflush(stdout);
}

static inline double
a_second(int64_t n, int64_t took_ns)
{
	return took_ns > 0 ? (double)n * (double)S_NS / (double)took_ns : 0;
}

static inline int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts; 0 when there is nothing. */
static inline int64_t
percentile(int64_t *v, size_t n, int percent)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof *v, by_size);
	return v[(n - 1) * (size_t)percent / 100];
}

static inline struct sockaddr_in
loopback(int port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* A reset at close leaves no port behind in TIME_WAIT. */
static inline int
dial(int port, int more_flags)
{
	struct sockaddr_in a = loopback(port);
	struct linger reset = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | more_flags, 0), on = 1;

	if (fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS)
		die("connect: %s", strerror(errno));
	return fd;
}

static inline long
number(const char *text, long least, long most)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < least || n > most)
		die("'%s' is not a number from %ld to %ld", text, least, most);
	return n;
}

#endif
