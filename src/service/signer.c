#include "service/signer.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST_LINE 4096

struct pending {
	struct pending *next;
	uint64_t number;
	int64_t deadline_us;
	signer_fn *fn;
	void *arg;
	char *line; /* not yet sent */
};

struct signer {
	struct loop *loop;
	char path[108];
	int64_t patience_us;
	struct bufferevent *bev;
	bool up;
	struct pending *first, **last;
	uint64_t number;
	struct timer impatience, work;
	struct logctx log;
};

static void signer_work(void *arg);

/* Takes one out; NULL when nobody waits for that number any more. */
static struct pending *
take(struct signer *s, uint64_t number)
{
	for (struct pending **p = &s->first; *p != NULL; p = &(*p)->next)
		if ((*p)->number == number) {
			struct pending *found = *p;

			*p = found->next;
			if (s->last == &found->next)
				s->last = p;
			return found;
		}
	return NULL;
}

static void
answer(struct pending *p, const struct sign_reply *reply, const struct err *e)
{
	p->fn(reply, e, p->arg);
	free(p->line);
	free(p);
}

static void
fail_all(struct signer *s, const char *why)
{
	struct pending *p;
	struct err e;

	if (s->bev != NULL)
		bufferevent_free(s->bev);
	s->bev = NULL;
	s->up = false;
	err_set(&e, ERR_RETRY, "%s", why);
	while ((p = s->first) != NULL) {
		take(s, p->number);
		answer(p, NULL, &e);
	}
}

static void
on_impatience(void *arg)
{
	struct signer *s = arg;
	int64_t now = loop_mono_us(s->loop);
	struct err e;

	while (s->first != NULL && s->first->deadline_us <= now) {
		struct pending *p = take(s, s->first->number);

		err_set(&e, ERR_RETRY, "no answer");
		answer(p, NULL, &e);
	}
	if (s->first != NULL)
		timer_start(&s->impatience, s->loop, s->first->deadline_us - now, on_impatience, s);
}

static bool
hex_field(const cJSON *o, const char *name, uint8_t *out, size_t room, uint8_t *len)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	struct buf b = {0};
	struct err e;
	bool ok;

	if (v == NULL)
		return true; /* not every reply has every part */
	ok = cJSON_IsString(v) && hex_in(&b, v->valuestring, &e) == 0 && b.len <= room &&
	     (len != NULL || b.len == room);
	if (ok)
		memcpy(out, b.bytes, b.len);
	if (ok && len != NULL)
		*len = (uint8_t)b.len;
	buf_clear(&b);
	return ok;
}

static void
hear_line(struct signer *s, const char *line)
{
	cJSON *o = cJSON_Parse(line);
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(o, "id");
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(o, "error");
	struct sign_reply r = {0};
	struct pending *p = cJSON_IsNumber(id) ? take(s, (uint64_t)id->valuedouble) : NULL;
	struct err e = {0};

	if (p == NULL) {
		slog(s, LOG_LEVEL_DEBUG, "an answer nobody waits for");
	} else if (cJSON_IsString(error)) {
		err_set(&e, ERR_REFUSED, "%.150s", error->valuestring);
		answer(p, NULL, &e);
	} else if (!hex_field(o, "cipher", r.cipher, sizeof r.cipher, &r.cipher_len) ||
		   !hex_field(o, "rand1", r.rand1, sizeof r.rand1, NULL) ||
		   !hex_field(o, "diversity", r.diversity, sizeof r.diversity, NULL) ||
		   !hex_field(o, "mac1", r.mac1, sizeof r.mac1, NULL) ||
		   !hex_field(o, "mac2", r.mac2, sizeof r.mac2, NULL)) {
		err_set(&e, ERR_REFUSED, "its answer cannot be read");
		answer(p, NULL, &e);
	} else {
		answer(p, &r, &e);
	}
	cJSON_Delete(o);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct signer *s = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;

	while (s->bev != NULL && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
		hear_line(s, line);
		free(line);
	}
	if (s->bev != NULL && evbuffer_get_length(in) > MOST_LINE)
		fail_all(s, "its answer has no end");
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct signer *s = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		s->up = true;
		signer_work(s);
	} else {
		slog(s, LOG_LEVEL_WARN, "connection lost");
		fail_all(s, "the connection to it is lost");
	}
}

static void
signer_connect(struct signer *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", s->path);
	s->bev = bufferevent_socket_new(loop_base(s->loop), -1, BEV_OPT_CLOSE_ON_FREE);
	if (s->bev == NULL)
		return;
	bufferevent_setcb(s->bev, on_read, NULL, on_event, s);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(s->bev, (struct sockaddr *)&addr, sizeof addr) < 0)
		fail_all(s, strerror(errno));
}

/* From the loop: connects, or sends what waits. */
static void
signer_work(void *arg)
{
	struct signer *s = arg;

	if (s->path[0] == '\0') {
		fail_all(s, "no encryption machine is configured (signer.socket)");
		return;
	}
	if (s->bev == NULL)
		signer_connect(s);
	if (!s->up)
		return;
	for (struct pending *p = s->first; p != NULL; p = p->next)
		if (p->line != NULL) {
			bufferevent_write(s->bev, p->line, strlen(p->line));
			free(p->line);
			p->line = NULL;
		}
}

struct signer *
signer_new(struct loop *l, const char *path, int64_t patience_us)
{
	struct signer *s = mem_new(sizeof *s);

	s->loop = l;
	snprintf(s->path, sizeof s->path, "%s", path);
	s->patience_us = patience_us;
	s->last = &s->first;
	s->log.module = "signer";
	return s;
}

void
signer_free(struct signer *s)
{
	struct pending *p;

	if (s == NULL)
		return;
	timer_stop(&s->impatience);
	timer_stop(&s->work);
	if (s->bev != NULL)
		bufferevent_free(s->bev);
	while ((p = s->first) != NULL) {
		s->first = p->next;
		free(p->line);
		free(p);
	}
	free(s);
}

static void
put_hex(struct buf *b, const char *name, const uint8_t *bytes, size_t len)
{
	char text[2 * 64 + 1];

	hex_out(text, span_of(bytes, len));
	buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

static char *
ask_line(uint64_t number, const struct sign_ask *a)
{
	static const char *const ops[] = {
	    "auth", "open", "recharge", "control", "write98", "write99"};
	struct buf b = {0};
	char *line;

	buf_printf(&b, "{\"id\":%llu,\"op\":\"%s\",\"meter\":\"%s\"", (unsigned long long)number,
	    ops[a->op], a->meter);
	if (a->op != SIGN_AUTH) {
		put_hex(&b, "rand2", a->rand2, sizeof a->rand2);
		put_hex(&b, "serial", a->serial, sizeof a->serial);
	}
	if (a->op == SIGN_OPEN || a->op == SIGN_RECHARGE)
		buf_printf(&b, ",\"amount\":%u,\"count\":%u,\"customer\":\"%s\"", a->amount,
		    a->count, a->customer);
	if (a->op == SIGN_CONTROL) {
		put_hex(&b, "n1", &a->n1, 1);
		put_hex(&b, "n2", &a->n2, 1);
		put_hex(&b, "until", a->until, sizeof a->until);
	}
	if (a->op == SIGN_WRITE_98 || a->op == SIGN_WRITE_99) {
		buf_printf(&b, ",\"di\":\"%08X\"", a->di);
		put_hex(&b, "data", a->data, a->data_len);
	}
	buf_put_text(&b, "}\n");
	line = mem_text(buf_text(&b));
	buf_clear(&b);
	return line;
}

uint64_t
signer_ask(struct signer *s, const struct sign_ask *ask, signer_fn *fn, void *arg)
{
	struct pending *p = mem_new(sizeof *p);

	p->number = ++s->number;
	p->deadline_us = loop_mono_us(s->loop) + s->patience_us;
	p->fn = fn;
	p->arg = arg;
	p->line = ask_line(p->number, ask);
	*s->last = p;
	s->last = &p->next;
	if (!timer_running(&s->impatience))
		timer_start(&s->impatience, s->loop, s->patience_us, on_impatience, s);
	loop_defer(&s->work, s->loop, signer_work, s);
	return p->number;
}

void
signer_forget(struct signer *s, uint64_t number)
{
	struct pending *p = number != 0 ? take(s, number) : NULL;

	if (p == NULL)
		return;
	free(p->line);
	free(p);
}
