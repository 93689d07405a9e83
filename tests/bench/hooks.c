/*
 * hooks -- payment notifications as a provider sends them: signed, on connections kept alive.
 *
 *	hooks -p PORT -s SECRET-FILE -N NAME [-P PATH] [-c SENDERS] [-n COUNT] [-t SECONDS]
 *	      [-a ACCOUNTS] [-f FIRST-ACCOUNT] [-l LOCAL-PERCENT] [-r RATE] [-R]
 *
 * All requests are made and signed before the clock runs.  Without -r each sender sends its next
 * as soon as the last is answered; with it, payments leave at that pace whatever the answers do,
 * and their times count from when they were due.  -R sends the same ones again: repeats.
 * Accounts are R000001 on, and L000001 on for the local share.
 */
#include "bench.h"

#include "base/conf.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <sys/epoll.h>

#define MOST_SENDERS 512
#define GRACE_NS     (3 * S_NS) /* for the last answers */
#define STATUS_AT    9          /* in "HTTP/1.1 200 OK" */

struct sender {
	int fd;
	bool busy;
	int64_t due_ns;
	size_t len; /* of the answer so far */
	char answer[2048];
};

static struct {
	int port, senders, local;
	long count, accounts, first;
	double seconds, rate;
	const char *path, *name, *secret_file;
	bool repeat;
} o = {.senders = 64,
    .count = 1000,
    .accounts = 1000,
    .first = 1,
    .seconds = 5,
    .path = "/hooks/v1/app"};

static struct buf requests;
static size_t *starts; /* o.count + 1 of them */
static struct sender senders[MOST_SENDERS];
static int64_t *took;
static long sent, good, fresh, bad;
static int ep, alive;

/* --- requests ----------------------------------------------------------------------------- */

static void
make_one(const struct webhook_secret *s, long i, int64_t now_s)
{
	struct buf body = {0};
	char id[64], signature[64];
	bool local = i % 100 < o.local;

	snprintf(id, sizeof id, "evt_%s_%ld", o.name, i);
	buf_printf(&body,
	    "{\"type\":\"payment.succeeded\",\"timestamp\":\"2026-11-20T08:00:00Z\",\"data\":{"
	    "\"payment_no\":\"%s-%ld\",\"account_no\":\"%c%06ld\",\"amount_minor\":%ld,"
	    "\"currency\":\"CNY\",\"paid_at\":\"2026-11-20T07:59:58Z\",\"method\":\"app\"}}",
	    o.name, i, local ? 'L' : 'R', o.first + i % o.accounts, 5000 + i % 100);
	webhook_sign(id, now_s, buf_span(&body), s, signature);
	starts[i] = requests.len;
	buf_printf(&requests,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	    "webhook-id: %s\r\nwebhook-timestamp: %lld\r\nwebhook-signature: %s\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    o.path, id, (long long)now_s, signature, body.len);
	buf_put(&requests, body.bytes, body.len);
	buf_clear(&body);
}

static void
make_all(void)
{
	struct webhook_secret s;
	char text[512];
	struct err e;

	if (conf_secret_file(o.secret_file, text, sizeof text, &e) < 0)
		die("%s", e.text);
	text[strcspn(text, "\r\n")] = '\0';
	if (webhook_secret_parse(text, &s, &e) < 0)
		die("%s", e.text);
	starts = mem_new(((size_t)o.count + 1) * sizeof *starts);
	took = mem_new((size_t)o.count * sizeof *took);
	for (long i = 0; i < o.count; i++)
		make_one(&s, i, time(NULL));
	starts[o.count] = requests.len;
}

/* --- sending ------------------------------------------------------------------------------ */

static void
sender_send(struct sender *s, int64_t due_ns)
{
	size_t len = starts[sent + 1] - starts[sent];

	s->due_ns = due_ns;
	s->len = 0;
	s->busy = true;
	if (send(s->fd, requests.bytes + starts[sent], len, MSG_NOSIGNAL) != (ssize_t)len)
		die("a request could not be sent whole");
	sent++;
}

/* Head and body are whole. */
static bool
answered(const struct sender *s)
{
	const char *end = strstr(s->answer, "\r\n\r\n"), *length;

	if (end == NULL)
		return false;
	length = strcasestr(s->answer, "content-length:");
	return length != NULL && length < end &&
	       s->len >= (size_t)(end + 4 - s->answer) + strtoul(length + 15, NULL, 10);
}

static void
sender_hear(struct sender *s)
{
	ssize_t n = recv(s->fd, s->answer + s->len, sizeof s->answer - 1 - s->len, 0);

	if (n <= 0) { /* hung up: what it carried is unknown */
		bad += s->busy;
		alive--;
		close(s->fd);
		s->fd = -1;
		return;
	}
	s->len += (size_t)n;
	s->answer[s->len] = '\0';
	if (!s->busy || !answered(s))
		return;
	s->busy = false;
	if (strncmp(s->answer + STATUS_AT, "200", 3) == 0) {
		took[good++] = now_ns() - s->due_ns;
		fresh += strstr(s->answer, "\"accepted\"") != NULL;
	} else {
		if (bad++ == 0)
			fprintf(stderr, "%s: %.300s\n", o.name, s->answer);
	}
}

static void
hear_some(int timeout_ms)
{
	struct epoll_event ready[MOST_SENDERS];
	int n = epoll_wait(ep, ready, MOST_SENDERS, timeout_ms);

	for (int i = 0; i < n; i++)
		sender_hear(&senders[ready[i].data.u32]);
}

static int
busy_senders(void)
{
	int n = 0;

	for (int i = 0; i < o.senders; i++)
		n += senders[i].fd >= 0 && senders[i].busy;
	return n;
}

/* Whoever is free sends what is due; the moment it was due is the beginning of its time. */
static void
send_due(int64_t from, long most)
{
	for (int i = 0; i < o.senders && sent < most; i++) {
		int64_t due = now_ns();

		if (o.rate > 0) {
			due = from + (int64_t)((double)sent / o.rate * (double)S_NS);
			if (due > now_ns())
				return;
		}
		if (senders[i].fd >= 0 && !senders[i].busy)
			sender_send(&senders[i], due);
	}
}

static void
print(const char *what, double value, const char *unit)
{
	char name[120];

	snprintf(name, sizeof name, "%s_%s", o.name, what);
	figure(name, value, unit);
}

static void
run(const char *prefix, long most)
{
	int64_t from = now_ns(), end = from + (int64_t)(o.seconds * (double)S_NS), last;
	char what[80];

	sent = good = fresh = bad = 0;
	while (sent < most && now_ns() < end && alive > 0) {
		send_due(from, most);
		hear_some(o.rate > 0 ? 1 : 100);
	}
	while (busy_senders() > 0 && now_ns() < end + GRACE_NS)
		hear_some(100);
	last = now_ns();
	snprintf(what, sizeof what, "%sper_second", prefix);
	print(what, a_second(good, last - from), "payments/s");
	snprintf(what, sizeof what, "%sp50", prefix);
	print(what, (double)percentile(took, (size_t)good, 50) / (double)MS_NS, "ms");
	snprintf(what, sizeof what, "%sp99", prefix);
	print(what, (double)percentile(took, (size_t)good, 99) / (double)MS_NS, "ms");
	printf("# %s%s sent %ld answered_200 %ld accepted %ld otherwise %ld\n", prefix, o.name,
	    sent, good, fresh, bad);
	fflush(stdout);
}

static void
read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:s:N:P:c:n:t:a:f:l:r:R")) != -1)
		switch (c) {
		case 'p':
			o.port = (int)number(optarg, 1, 65535);
			break;
		case 's':
			o.secret_file = optarg;
			break;
		case 'N':
			o.name = optarg;
			break;
		case 'P':
			o.path = optarg;
			break;
		case 'c':
			o.senders = (int)number(optarg, 1, MOST_SENDERS);
			break;
		case 'n':
			o.count = number(optarg, 1, 1000000);
			break;
		case 't':
			o.seconds = (double)number(optarg, 1, 120);
			break;
		case 'a':
			o.accounts = number(optarg, 1, 1000000);
			break;
		case 'f':
			o.first = number(optarg, 1, 999999);
			break;
		case 'l':
			o.local = (int)number(optarg, 0, 100);
			break;
		case 'r':
			o.rate = (double)number(optarg, 1, 100000);
			break;
		case 'R':
			o.repeat = true;
			break;
		default:
			die("usage: see the head of hooks.c");
		}
	if (o.port == 0 || o.secret_file == NULL || o.name == NULL)
		die("hooks needs -p, -s and -N");
}

int
main(int argc, char **argv)
{
	long first;

	read_options(argc, argv);
	make_all();
	ep = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < o.senders; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

		senders[i].fd = dial(o.port, 0);
		epoll_ctl(ep, EPOLL_CTL_ADD, senders[i].fd, &ev);
	}
	alive = o.senders;
	run("", o.count);
	first = sent;
	if (o.repeat && bad == 0)
		run("repeats_", first);
	return 0;
}
