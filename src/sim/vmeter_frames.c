/*
 * A meter as a slave: who is asked, what it does, what it says, and what goes wrong on the way.
 *
 * Silence is an answer: to another address, a wrong checksum, a broadcast, a function it does
 * not have, 13 with its own address (dlt645.md 1.2, 1.3, 3.3).
 */
#include "sim/vmeter_inside.h"

#include "base/err.h"

#include <stdio.h>

#define SNAPSHOT_BEATS 3               /* a third of what such meters say unasked (dlt645.md 5.2) */
#define TIME_LIMIT_US  (5 * MINUTE_US) /* most that 08 may move the clock */

uint32_t
le32_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int
bcd_byte(uint8_t b)
{
	return (b >> 4) > 9 || (b & 15) > 9 ? -1 : (b >> 4) * 10 + (b & 15);
}

int
vmeter_time_get(const struct vmeter *v, const uint8_t *six, int64_t *clock_us)
{
	struct civil c = {
	    .second = bcd_byte(six[0]),
	    .minute = bcd_byte(six[1]),
	    .hour = bcd_byte(six[2]),
	    .day = bcd_byte(six[3]),
	    .month = bcd_byte(six[4]),
	    .year = 2000 + bcd_byte(six[5]),
	};

	for (int i = 0; i < 6; i++)
		if (bcd_byte(six[i]) < 0)
			return -1;
	if (!calendar_valid(&c))
		return -1;
	*clock_us = calendar_instant(v->world->zone, &c);
	return 0;
}

static void
reply_begin(const struct dlt645 *ask, struct dlt645 *reply, uint8_t flags)
{
	reply->control = (uint8_t)(ask->control | DLT645_REPLY | flags);
	reply->len = 0;
}

static void
reply_put(struct dlt645 *reply, const void *bytes, size_t len)
{
	memcpy(reply->data + reply->len, bytes, len);
	reply->len += len;
}

/* One byte, or on a meter with a chip the two of SERR (dlt645.md 1.5, 1.6). */
bool
vmeter_refuse(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply, unsigned bits)
{
	reply_begin(ask, reply, DLT645_ABNORMAL);
	reply->data[reply->len++] = (uint8_t)bits;
	if (ask->control == DLT645_SECURITY && vmeter_chip(v))
		reply->data[reply->len++] = (uint8_t)(bits >> 8);
	if (ask->control == DLT645_SECURITY || ask->control == DLT645_WRITE)
		vmeter_tell(v, v->at_us, "refused", "\"function\":\"%02x %08x\",\"bits\":%u",
		    ask->control, dlt645_di(span_of(ask->data, ask->len)), bits);
	else if (ask->control == DLT645_CONTROL)
		vmeter_tell(v, v->at_us, "refused", "\"function\":\"1c\",\"bits\":%u", bits);
	return true;
}

static bool
long_answer(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	size_t room = ask->control == DLT645_READ ? v->part : v->part - 1;
	size_t n = v->rest.len < room ? v->rest.len : room;

	reply_begin(ask, reply, v->rest.len > n ? DLT645_MORE : 0);
	dlt645_put_di(reply, v->rest_di);
	reply_put(reply, v->rest.bytes, n);
	buf_drop(&v->rest, n);
	return true;
}

static bool
read_item(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	v->rest.len = 0; /* a new question forgets what the last one left over */
	v->rest_di = dlt645_di(span_of(ask->data, ask->len));
	if (ask->len != 4 || !vmeter_read(v, v->rest_di, &v->rest)) {
		v->rest.len = 0;
		return vmeter_refuse(v, ask, reply, 0x02);
	}
	long_answer(v, ask, reply);
	if (v->rest.len == 0)
		buf_clear(&v->rest);
	return true;
}

/* The cursor lives here: asking twice skips a part, whatever the sequence number (1.7). */
static bool
read_more(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	if (ask->len != 5 || v->rest.len == 0 ||
	    dlt645_di(span_of(ask->data, ask->len)) != v->rest_di)
		return vmeter_refuse(v, ask, reply, 0x02);
	long_answer(v, ask, reply);
	reply_put(reply, ask->data + 4, 1);
	return true;
}

/* Small corrections, once a day, away from midnight; never an answer (quirk 21). */
static bool
broadcast_time(struct vmeter *v, const struct dlt645 *ask)
{
	int64_t clock = vmeter_clock(v, v->at_us), wanted, day;
	const struct calendar *zone = v->world->zone;

	if (ask->len != 6 || vmeter_time_get(v, ask->data, &wanted) < 0)
		return false;
	day = calendar_day(zone, clock);
	if (wanted - clock > TIME_LIMIT_US || clock - wanted > TIME_LIMIT_US ||
	    v->time_set_day == (int)day ||
	    clock - calendar_midnight_before(zone, clock) < TIME_LIMIT_US ||
	    calendar_midnight_after(zone, clock) - clock < TIME_LIMIT_US)
		return false;
	v->time_set_day = (int)day;
	vmeter_clock_set(v, wanted);
	return false;
}

static bool
freeze(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	static const uint8_t at_once[] = {0x99, 0x99, 0x99, 0x99};

	if (ask->len != 4 || memcmp(ask->data, at_once, 4) != 0)
		return vmeter_refuse(v, ask, reply, 0x01); /* only at once, here */
	memmove(v->instant + 1, v->instant, sizeof v->instant - sizeof *v->instant);
	vmeter_freeze_now(v, &v->instant[0]);
	reply_begin(ask, reply, 0);
	return true;
}

static bool
say_address(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint8_t six[6];

	if (ask->len != 0)
		return false;
	customer_bytes(v->address, six);
	reply_begin(ask, reply, 0);
	reply_put(reply, six, sizeof six);
	return true;
}

static bool
act(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	switch (ask->control) {
	case DLT645_READ:
		return read_item(v, ask, reply);
	case DLT645_READ_MORE:
		return read_more(v, ask, reply);
	case DLT645_READ_ADDRESS:
		return say_address(v, ask, reply);
	case DLT645_TIME:
		return broadcast_time(v, ask);
	case DLT645_FREEZE:
		return freeze(v, ask, reply);
	case DLT645_WRITE:
		return vmeter_write(v, ask, reply);
	case DLT645_CONTROL:
		return vmeter_control(v, ask, reply);
	case DLT645_SECURITY:
		return vmeter_security(v, ask, reply);
	default:
		return false;
	}
}

/* Which functions it hears under this address; *quiet: it acts but must not answer. */
static bool
addressed(const struct vmeter *v, const struct dlt645 *ask, bool *quiet)
{
	size_t a = strspn(ask->address, "A");
	bool reads = ask->control == DLT645_READ || ask->control == DLT645_READ_MORE;

	*quiet = false;
	if (strcmp(ask->address, v->address) == 0)
		return ask->control != DLT645_READ_ADDRESS;
	if (strcmp(ask->address, "999999999999") == 0) {
		*quiet = true;
		return ask->control == DLT645_TIME || ask->control == DLT645_FREEZE;
	}
	if (a == 12)
		return reads || ask->control == DLT645_READ_ADDRESS;
	return a > 0 && a % 2 == 0 && reads && strcmp(ask->address + a, v->address + a) == 0;
}

/* Whether it would change something: what the dishonest faults work on. */
static bool
changes(const struct dlt645 *ask)
{
	uint32_t di = dlt645_di(span_of(ask->data, ask->len));

	if (ask->control == DLT645_SECURITY)
		return di == ESAM_DI_OPEN || di == ESAM_DI_CREDIT;
	return ask->control == DLT645_WRITE || ask->control == DLT645_CONTROL ||
	       ask->control == DLT645_FREEZE;
}

static bool
agree(const struct dlt645 *ask, struct dlt645 *reply)
{
	reply_begin(ask, reply, 0);
	if (ask->control == DLT645_SECURITY)
		reply_put(reply, ask->data, 4);
	return true;
}

/* The exchange with the lies in it; false is silence. */
static bool
act_or_lie(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	struct faults *f = &v->faults;
	bool answered;

	if (!changes(ask))
		return act(v, ask, reply);
	if (fault_strikes(f, FAULT_ACK_NOT_DO, &v->dice))
		return agree(ask, reply);
	answered = act(v, ask, reply);
	if (fault_strikes(f, FAULT_REBOOT, &v->dice)) {
		vmeter_reboot(v, v->at_us);
		return false;
	}
	if (fault_strikes(f, FAULT_DO_NOT_ACK, &v->dice))
		return false;
	if (answered && (reply->control & DLT645_ABNORMAL) == 0 &&
	    fault_strikes(f, FAULT_REFUSE_BUT_DO, &v->dice))
		return vmeter_refuse(v, ask, reply, 0x01);
	return answered;
}

/* Another identifier under a good checksum, or a byte turned over under a bad one. */
static void
spoil(struct vmeter *v, struct dlt645 *reply, struct buf *frame)
{
	uint64_t roll = dice_roll(&v->dice);
	bool another = roll % 2 == 0 && reply->len >= 4;

	if (another)
		reply->data[1] = (uint8_t)(reply->data[1] + 1);
	dlt645_build(frame, reply);
	if (!another)
		frame->bytes[(roll >> 8) % frame->len] ^= (uint8_t)(1u << (roll >> 32) % 8);
}

static void
tell_frame(struct vmeter *v, const char *event, struct span frame)
{
	char hex[2 * DLT645_MAX_FRAME + 1];

	if (!v->world->tell_frames)
		return;
	hex_out(hex, frame);
	vmeter_tell(v, v->at_us, event, "\"hex\":\"%s\"", hex);
}

static void
put_answer(struct vmeter *v, struct span request, struct dlt645 *answer, struct buf *out)
{
	struct buf frame = {0};

	if (fault_strikes(&v->faults, FAULT_WRONG_ANSWER, &v->dice))
		spoil(v, answer, &frame);
	else
		dlt645_build(&frame, answer);
	if (fault_strikes(&v->faults, FAULT_ECHO, &v->dice))
		buf_put(out, request.bytes, request.len);
	if (v->last_answer.len > 0 && fault_strikes(&v->faults, FAULT_STALE, &v->dice))
		buf_put(out, v->last_answer.bytes, v->last_answer.len);
	buf_put(out, frame.bytes, frame.len);
	if (fault_strikes(&v->faults, FAULT_DUPLICATE, &v->dice))
		buf_put(out, frame.bytes, frame.len);
	v->frames_out++;
	tell_frame(v, "frame_out", buf_span(&frame));
	buf_clear(&v->last_answer);
	v->last_answer = frame;
}

static void
hear_frame(struct vmeter *v, struct span frame, struct buf *out)
{
	struct dlt645 ask, answer = {0};
	bool quiet, answered;
	struct err e;

	if (dlt645_parse(&ask, frame, &e) < 0 || (ask.control & DLT645_REPLY) != 0)
		return;
	if (!addressed(v, &ask, &quiet) || fault_strikes(&v->faults, FAULT_LOSS, &v->dice))
		return;
	v->frames_in++;
	tell_frame(v, "frame_in", frame);
	if (fault_strikes(&v->faults, FAULT_SILENT, &v->dice))
		return;
	snprintf(answer.address, sizeof answer.address, "%s", v->address);
	answered = act_or_lie(v, &ask, &answer);
	if (!answered || quiet || fault_strikes(&v->faults, FAULT_LOSS, &v->dice))
		return;
	put_answer(v, frame, &answer, out);
}

void
vmeter_hear(struct vmeter *v, int64_t now_us, struct span bytes, struct buf *reply)
{
	vmeter_run(v, now_us);
	while (bytes.len > 0 && vmeter_awake(v, now_us)) {
		struct span found;
		size_t used = 0;
		enum scan s = dlt645_scan(bytes, &found, &used);

		if (s == SCAN_FRAME)
			hear_frame(v, found, reply);
		else if (s == SCAN_MORE || used == 0)
			break;
		bytes.bytes += used;
		bytes.len -= used;
	}
}

void
vmeter_heartbeat(struct vmeter *v, int64_t now_us, struct buf *out)
{
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_READ};

	vmeter_run(v, now_us);
	if (!vmeter_awake(v, now_us))
		return;
	if (v->profile == VMETER_WALLET_PLAIN &&
	    v->beats++ % SNAPSHOT_BEATS == SNAPSHOT_BEATS - 1) {
		vmeter_snapshot(v, out);
		return;
	}
	snprintf(f.address, sizeof f.address, "%s", v->address);
	dlt645_put_di(&f, 0x80808080);
	dlt645_build(out, &f);
	v->frames_out++;
}
