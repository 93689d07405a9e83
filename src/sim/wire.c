#include "sim/wire.h"

#include "base/buf.h"
#include "codec/dlt645.h"
#include "sim/fault.h"
#include "sim/outbox.h"
#include "sim/vmeter.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKOFF_LEAST_US SECOND_US
#define BACKOFF_MOST_US  MINUTE_US
#define BUS_TURN_US      INT64_C(20000) /* a meter on a bus thinks this long at least (1.8) */
#define MERGE_US         INT64_C(300000)

enum wire_state { WIRE_DOWN, WIRE_CONNECTING, WIRE_UP };

struct wire {
	struct logctx log;
	const struct wire_conf *conf;
	enum wire_kind kind;
	enum wire_state state;
	char name[24];
	int64_t sleep_us;
	uint64_t dice;
	struct unit **units;
	size_t n;
	uint32_t boots; /* of the only meter of a direct wire, when it connected */
	struct bufferevent *bev;
	struct timer pulse; /* DOWN: connect; UP: heartbeat, or the end of the waking moment */
	struct timer work;
	bool connected, broken; /* noted by the socket, not yet looked at */
	bool cut_off;           /* the network is out */
	struct outbox out;
	int failures;
};

static void on_pulse(void *arg);
static void on_work(void *arg);
static void on_deliver(void *arg, struct span bytes, bool last);

static int64_t
jitter(struct wire *w, int64_t up_to_us)
{
	return up_to_us > 0 ? (int64_t)(dice_roll(&w->dice) % (uint64_t)up_to_us) : 0;
}

static void
on_wake(void *arg)
{
	struct unit *u = arg;
	struct loop *loop = u->wake.loop;

	vmeter_run(u->v, loop_now_us(loop));
	unit_stir(loop, u);
}

void
unit_stir(struct loop *loop, struct unit *u)
{
	int64_t next = vmeter_next_us(u->v);

	timer_stop(&u->wake);
	if (next != INT64_MAX)
		timer_start(&u->wake, loop, next - loop_now_us(loop), on_wake, u);
}

struct wire *
wire_new(const struct wire_conf *conf, enum wire_kind kind, const char *name, int64_t sleep_us,
    uint64_t seed)
{
	struct wire *w = mem_new(sizeof *w);

	w->log.module = "wire";
	w->conf = conf;
	w->kind = kind;
	snprintf(w->name, sizeof w->name, "%s", name);
	w->sleep_us = sleep_us;
	w->dice = seed;
	outbox_init(&w->out, conf->loop, on_deliver, w);
	return w;
}

static void
hang_up(struct wire *w)
{
	outbox_clear(&w->out);
	timer_stop(&w->work);
	if (w->bev != NULL)
		bufferevent_free(w->bev);
	w->bev = NULL;
	w->connected = w->broken = false;
	w->state = WIRE_DOWN;
}

void
wire_free(struct wire *w)
{
	if (w == NULL)
		return;
	hang_up(w);
	timer_stop(&w->pulse);
	free(w->units);
	free(w);
}

void
wire_join(struct wire *w, struct unit *u)
{
	w->units = mem_more(w->units, (w->n + 1) * sizeof(struct unit *));
	w->units[w->n++] = u;
	if (w->n == 1)
		snprintf(w->log.who, sizeof w->log.who, "meter=%s", vmeter_address(u->v));
	if (w->kind == WIRE_DTU)
		snprintf(w->log.who, sizeof w->log.who, "dtu=%s", w->name);
}

void
wire_start(struct wire *w, int64_t delay_us)
{
	timer_start(&w->pulse, w->conf->loop, delay_us, on_pulse, w);
}

bool
wire_up(const struct wire *w)
{
	return w->state == WIRE_UP;
}

bool
wire_has(const struct wire *w, const struct unit *u)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->units[i] == u)
			return true;
	return false;
}

const char *
wire_word(const struct wire *w)
{
	return w->kind == WIRE_DIRECT ? "direct" : w->kind == WIRE_SLEEP ? "sleep" : w->name;
}

static void
retry_later(struct wire *w)
{
	int64_t wait = BACKOFF_LEAST_US;

	for (int i = 0; i < w->failures && wait < BACKOFF_MOST_US; i++)
		wait *= 2;
	if (wait > BACKOFF_MOST_US)
		wait = BACKOFF_MOST_US;
	w->failures++;
	wire_start(w, wait / 2 + jitter(w, wait));
}

void
wire_drop(struct wire *w)
{
	hang_up(w);
	if (!w->cut_off)
		retry_later(w);
}

void
wire_network(struct wire *w, bool on)
{
	if (w->cut_off != on)
		return;
	w->cut_off = !on;
	if (w->bev != NULL) /* no goodbye; and no port that rests for a minute */
		setsockopt(bufferevent_getfd(w->bev), SOL_SOCKET, SO_LINGER,
		    &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	hang_up(w);
	timer_stop(&w->pulse);
	w->failures = 0;
	if (on)
		wire_start(w, jitter(w, SECOND_US));
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct wire *w = arg;

	(void)bev;
	loop_defer(&w->work, w->conf->loop, on_work, w);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct wire *w = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		w->connected = true;
	else
		w->broken = true;
	loop_defer(&w->work, w->conf->loop, on_work, w);
}

static bool
has_supply(const struct wire *w)
{
	return w->kind == WIRE_DTU || vmeter_awake(w->units[0]->v, loop_now_us(w->conf->loop));
}

/* An address has some 28 000 ports towards one listener, and finding one of the last is slow: a
 * large fleet dials from an address of its own.  -1: the kernel chooses. */
static int
socket_from(const struct wire_conf *conf)
{
	int on = 1, fd;

	if (conf->from_len == 0)
		return -1;
	fd = socket(conf->from.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&conf->from, conf->from_len) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
dial(struct wire *w)
{
	if (!has_supply(w)) {
		wire_start(w, SECOND_US);
		return;
	}
	w->state = WIRE_CONNECTING;
	w->bev = bufferevent_socket_new(
	    loop_base(w->conf->loop), socket_from(w->conf), BEV_OPT_CLOSE_ON_FREE);
	if (w->bev == NULL)
		abort();
	bufferevent_setcb(w->bev, on_readable, NULL, on_event, w);
	if (bufferevent_socket_connect(
		w->bev, (const struct sockaddr *)&w->conf->peer, (int)w->conf->peer_len) < 0)
		wire_drop(w);
}

/* The end of a sleeper's waking moment moves with every byte. */
static void
stay_awake(struct wire *w)
{
	if (w->kind == WIRE_SLEEP)
		wire_start(w, WIRE_AWAKE_US);
}

/* A heartbeat, and its report as long as nobody has reset it. */
static void
say_unasked(struct vmeter *v, int64_t now_us, struct buf *out)
{
	vmeter_heartbeat(v, now_us, out);
	vmeter_report(v, now_us, out);
}

static void
say_hello(struct wire *w, bool first)
{
	struct buf b = {0};

	if (w->kind == WIRE_DTU)
		buf_put_text(&b, first ? w->name : "ping");
	else
		say_unasked(w->units[0]->v, loop_now_us(w->conf->loop), &b);
	bufferevent_write(w->bev, b.bytes, b.len);
	buf_clear(&b);
}

static void
next_heartbeat(struct wire *w, int64_t delay_us)
{
	if (w->kind == WIRE_SLEEP)
		stay_awake(w);
	else if (w->conf->heartbeat_us > 0)
		wire_start(w, delay_us);
	else
		timer_stop(&w->pulse);
}

static void
came_up(struct wire *w)
{
	int one = 1;

	setsockopt(bufferevent_getfd(w->bev), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	w->state = WIRE_UP;
	w->connected = false;
	w->failures = 0;
	w->boots = vmeter_boots(w->units[0]->v);
	bufferevent_enable(w->bev, EV_READ | EV_WRITE);
	say_hello(w, true);
	/* the first interval is of any length, or a fleet would beat as one */
	next_heartbeat(w, w->conf->heartbeat_us / 2 + jitter(w, w->conf->heartbeat_us / 2 + 1));
}

static void
on_pulse(void *arg)
{
	struct wire *w = arg;

	if (w->state == WIRE_DOWN) {
		dial(w);
	} else if (w->state == WIRE_UP && w->kind == WIRE_SLEEP) {
		hang_up(w);
		wire_start(w, w->sleep_us + jitter(w, w->sleep_us / 10));
	} else if (w->state == WIRE_UP) {
		if (!has_supply(w)) {
			wire_drop(w);
			return;
		}
		say_hello(w, false);
		next_heartbeat(w, w->conf->heartbeat_us);
	}
}

static void
on_deliver(void *arg, struct span bytes, bool last)
{
	struct wire *w = arg;

	if (!last) {
		bufferevent_write(w->bev, bytes.bytes, bytes.len);
		stay_awake(w);
		return;
	}
	if (send(bufferevent_getfd(w->bev), bytes.bytes, bytes.len, MSG_NOSIGNAL) < 0)
		slog(w, LOG_LEVEL_DEBUG, "cut before anything was sent");
	wire_drop(w);
}

/* An answer leaves, as the line of this meter lets it. */
static void
send_answer(struct wire *w, struct vmeter *v, struct span bytes)
{
	struct faults *f = vmeter_faults(v);
	uint64_t *dice = vmeter_dice(v);
	int64_t delay = w->conf->rtt_us + fault_delay_us(f, dice);

	if (w->kind == WIRE_DTU && delay < BUS_TURN_US)
		delay = BUS_TURN_US;
	if (fault_strikes(f, FAULT_CUT, dice)) {
		bytes.len = bytes.len / 2;
		outbox_post(&w->out, bytes, delay, true);
		return;
	}
	if (fault_strikes(f, FAULT_MERGE, dice))
		delay += MERGE_US;
	if (!fault_strikes(f, FAULT_SPLIT, dice)) {
		outbox_post(&w->out, bytes, delay, false);
		return;
	}
	while (bytes.len > 0) {
		size_t n = 1 + (size_t)(dice_roll(dice) % bytes.len);

		outbox_post(&w->out, span_of(bytes.bytes, n), delay, false);
		bytes.bytes += n;
		bytes.len -= n;
		delay += 5000 + (int64_t)(dice_roll(dice) % 60000);
	}
}

/* Two meters that speak at once pull the same pair of wires: what arrives is neither. */
static void
collide(struct buf *on_bus, const struct buf *other)
{
	for (size_t i = 0; i < other->len; i++)
		if (i < on_bus->len)
			on_bus->bytes[i] &= other->bytes[i];
		else
			buf_put_u8(on_bus, other->bytes[i]);
}

/* One frame reaches every meter on the wire.  Returns whether anybody answers. */
static bool
hear(struct wire *w, struct span frame)
{
	int64_t now_us = loop_now_us(w->conf->loop);
	struct vmeter *speaker = NULL;
	struct buf answer = {0}, one = {0};

	for (size_t i = 0; i < w->n; i++) {
		struct unit *u = w->units[i];

		one.len = 0;
		vmeter_hear(u->v, now_us, frame, &one);
		unit_stir(w->conf->loop, u);
		if (one.len == 0)
			continue;
		collide(&answer, &one);
		speaker = u->v;
	}
	if (speaker != NULL)
		send_answer(w, speaker, buf_span(&answer));
	buf_clear(&answer);
	buf_clear(&one);
	return speaker != NULL;
}

static void
listen_in(struct wire *w)
{
	struct evbuffer *in = bufferevent_get_input(w->bev);
	size_t len = evbuffer_get_length(in);
	struct span bytes = span_of(evbuffer_pullup(in, -1), len), found;
	size_t used = 0, all = 0;
	enum scan s;

	while (bytes.len > 0) {
		if (w->kind == WIRE_DTU && !outbox_empty(&w->out)) {
			all = len; /* the bus is busy: these bytes meet the answer and are lost */
			break;
		}
		used = 0;
		s = dlt645_scan(bytes, &found, &used);
		if (s == SCAN_FRAME)
			hear(w, found);
		bytes.bytes += used;
		bytes.len -= used;
		all += used;
		if (s == SCAN_MORE || used == 0)
			break;
	}
	evbuffer_drain(in, all);
}

static void
on_work(void *arg)
{
	struct wire *w = arg;

	if (w->connected && !w->broken)
		came_up(w);
	if (w->state == WIRE_UP) {
		stay_awake(w);
		listen_in(w);
	}
	if (w->state != WIRE_DOWN && w->broken) {
		wire_drop(w);
	} else if (w->state == WIRE_UP && w->kind != WIRE_DTU &&
		   vmeter_boots(w->units[0]->v) != w->boots) {
		wire_drop(w); /* it restarted under us */
	}
}
