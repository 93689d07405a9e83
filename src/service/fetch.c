/*
 * libcurl's multi interface on our loop, by its own rules: it tells which sockets to watch and
 * when to be woken, we tell it what happened, and afterwards ask for what has finished.  A
 * descriptor may be closed and given again before libcurl says it is done with it, so watches
 * are also dropped when it closes a socket.
 */
#include "service/fetch.h"

#include "base/loop.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BODY 65536
#define MOST_HEAD 16384

struct watch {
	struct watch *next;
	struct fetcher *f;
	curl_socket_t fd;
	struct event *event;
};

struct fetching {
	struct fetching *next;
	struct fetcher *f;
	CURL *easy;
	struct curl_slist *headers, *to;
	struct buf body, head, answer;
	size_t given; /* mail: so much of the body has left */
	bool mail;
	fetch_fn *fn;
	void *arg;
	char why[CURL_ERROR_SIZE];
};

struct fetcher {
	struct loop *loop;
	CURLM *multi;
	struct watch *watches;
	struct fetching *all;
	struct timer timer;
	int64_t retry_after_us;
	struct span head; /* of the answer that is being handed out */
};

static void
fetching_free(struct fetching *g)
{
	curl_easy_cleanup(g->easy);
	curl_slist_free_all(g->headers);
	curl_slist_free_all(g->to);
	buf_clear(&g->body);
	buf_clear(&g->answer);
	buf_clear(&g->head);
	free(g);
}

static void
judge(struct fetching *g, CURLcode code, long *status, struct err *e)
{
	if (code == CURLE_OK)
		return;
	if (!g->mail || *status < 400)
		*status = 0;
	err_set(e,
	    code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ? ERR_RETRY
										: ERR_UNCERTAIN,
	    "%s", g->why[0] != '\0' ? g->why : curl_easy_strerror(code));
}

static void
collect(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		struct fetching *g;
		struct fetching **p = &f->all;
		CURLcode code = m->data.result;
		struct err e = {0};
		long status = 0;
		curl_off_t later = 0;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&g);
		curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(g->easy, CURLINFO_RETRY_AFTER, &later);
		f->retry_after_us = (int64_t)later * SECOND_US;
		judge(g, code, &status, &e);
		while (*p != g)
			p = &(*p)->next;
		*p = g->next;
		curl_multi_remove_handle(f->multi, g->easy);
		f->head = buf_span(&g->head);
		g->fn((int)status, buf_span(&g->answer), &e, g->arg);
		f->head = span_of("", 0);
		fetching_free(g);
	}
}

static void
act(struct fetcher *f, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(f->multi, fd, what, &running);
	collect(f);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	act(w->f, (curl_socket_t)fd,
	    ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void
unwatch(struct fetcher *f, curl_socket_t fd)
{
	for (struct watch **p = &f->watches; *p != NULL; p = &(*p)->next)
		if ((*p)->fd == fd) {
			struct watch *w = *p;

			*p = w->next;
			event_free(w->event);
			free(w);
			return;
		}
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct fetcher *f = arg;
	struct watch *w;
	short kinds = EV_PERSIST;

	(void)easy, (void)socket_arg;
	unwatch(f, fd);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (what & CURL_POLL_IN)
		kinds |= EV_READ;
	if (what & CURL_POLL_OUT)
		kinds |= EV_WRITE;
	w = mem_new(sizeof *w);
	w->f = f;
	w->fd = fd;
	w->event = event_new(loop_base(f->loop), fd, kinds, on_event, w);
	w->next = f->watches;
	f->watches = w;
	event_add(w->event, NULL);
	return 0;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	unwatch(arg, fd);
	return close(fd);
}

static void
on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_timer_wish(CURLM *multi, long ms, void *arg)
{
	struct fetcher *f = arg;

	(void)multi;
	if (ms < 0)
		timer_stop(&f->timer);
	else
		timer_start(&f->timer, f->loop, (int64_t)ms * 1000, on_timer, f);
	return 0;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct fetching *g = arg;

	if (g->answer.len + size * n > MOST_BODY)
		return 0; /* ends the transfer */
	buf_put(&g->answer, bytes, size * n);
	return size * n;
}

/* Lines as they came; the status line of each answer on the way begins them anew. */
static size_t
on_head(char *bytes, size_t size, size_t n, void *arg)
{
	struct fetching *g = arg;

	if (size * n > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		buf_clear(&g->head);
	if (g->head.len + size * n > MOST_HEAD)
		return 0; /* ends the transfer */
	buf_put(&g->head, bytes, size * n);
	return size * n;
}

struct fetcher *
fetcher_new(struct loop *l)
{
	struct fetcher *f = mem_new(sizeof *f);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	f->loop = l;
	f->multi = curl_multi_init();
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	return f;
}

void
fetcher_free(struct fetcher *f)
{
	struct fetching *g;

	if (f == NULL)
		return;
	timer_stop(&f->timer);
	while ((g = f->all) != NULL) {
		f->all = g->next;
		curl_multi_remove_handle(f->multi, g->easy);
		fetching_free(g);
	}
	curl_multi_cleanup(f->multi);
	while (f->watches != NULL)
		unwatch(f, f->watches->fd);
	timer_stop(&f->timer);
	free(f);
}

static size_t
on_more(char *room, size_t size, size_t n, void *arg)
{
	struct fetching *g = arg;
	size_t left = g->body.len - g->given, len = size * n < left ? size * n : left;

	memcpy(room, g->body.bytes + g->given, len);
	g->given += len;
	return len;
}

static struct fetching *
fetching_new(struct fetcher *f, struct span body, int64_t patience_us, fetch_fn *fn, void *arg)
{
	struct fetching *g = mem_new(sizeof *g);

	g->f = f;
	g->fn = fn;
	g->arg = arg;
	buf_put(&g->body, body.bytes, body.len);
	g->easy = curl_easy_init();
	if (g->easy == NULL)
		abort();
	curl_easy_setopt(g->easy, CURLOPT_PRIVATE, g);
	curl_easy_setopt(g->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(g->easy, CURLOPT_WRITEDATA, g);
	curl_easy_setopt(g->easy, CURLOPT_ERRORBUFFER, g->why);
	curl_easy_setopt(g->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(g->easy, CURLOPT_TIMEOUT_MS, (long)(patience_us / 1000));
	curl_easy_setopt(g->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(g->easy, CURLOPT_CLOSESOCKETDATA, f);
	return g;
}

static void
fetching_begin(struct fetching *g)
{
	g->next = g->f->all;
	g->f->all = g;
	curl_multi_add_handle(g->f->multi, g->easy);
}

void
fetch(struct fetcher *f, const char *method, const char *url, const char *const *headers,
    struct span body, int64_t patience_us, fetch_fn *fn, void *arg)
{
	struct fetching *g = fetching_new(f, body, patience_us, fn, arg);

	for (; headers != NULL && *headers != NULL; headers++)
		g->headers = curl_slist_append(g->headers, *headers);
	g->headers = curl_slist_append(g->headers, "Expect:");
	curl_easy_setopt(g->easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(g->easy, CURLOPT_HEADERDATA, g);
	curl_easy_setopt(g->easy, CURLOPT_URL, url);
	curl_easy_setopt(g->easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(g->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)g->body.len);
	curl_easy_setopt(g->easy, CURLOPT_POSTFIELDS, g->body.len > 0 ? (char *)g->body.bytes : "");
	curl_easy_setopt(g->easy, CURLOPT_HTTPHEADER, g->headers);
	curl_easy_setopt(g->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(g->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	fetching_begin(g);
}

/* A connection a mail: one that was kept is often one that the server has closed. */
void
fetch_mail(
    struct fetcher *f, const struct fetch_mail *m, int64_t patience_us, fetch_fn *fn, void *arg)
{
	struct fetching *g = fetching_new(f, m->text, patience_us, fn, arg);

	g->mail = true;
	g->to = curl_slist_append(NULL, m->to);
	curl_easy_setopt(g->easy, CURLOPT_URL, m->url);
	curl_easy_setopt(g->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(
	    g->easy, CURLOPT_USE_SSL, (long)(m->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (m->user[0] != '\0') {
		curl_easy_setopt(g->easy, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(g->easy, CURLOPT_PASSWORD, m->password);
	}
	if (m->ca_file[0] != '\0')
		curl_easy_setopt(g->easy, CURLOPT_CAINFO, m->ca_file);
	curl_easy_setopt(g->easy, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(g->easy, CURLOPT_MAIL_RCPT, g->to);
	curl_easy_setopt(g->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(g->easy, CURLOPT_READFUNCTION, on_more);
	curl_easy_setopt(g->easy, CURLOPT_READDATA, g);
	curl_easy_setopt(g->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)g->body.len);
	curl_easy_setopt(g->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(g->easy, CURLOPT_FORBID_REUSE, 1L);
	fetching_begin(g);
}

struct span
fetch_head(const struct fetcher *f)
{
	return f->head;
}

int64_t
fetch_retry_after_us(const struct fetcher *f)
{
	return f->retry_after_us;
}
