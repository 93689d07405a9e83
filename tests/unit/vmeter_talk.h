/* Talking to a simulated meter without a socket; for the tests of layer sim. */
#ifndef TESTS_VMETER_TALK_H
#define TESTS_VMETER_TALK_H

#include "base/err.h"
#include "base/loop.h"
#include "codec/dlt645.h"
#include "model/calendar.h"
#include "sim/vmeter.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS "123456789012" /* as in the examples of dlt645.md */

/* 2026-08-19 10:30:45 in Shanghai. */
#define MORNING (INT64_C(1787106645) * SECOND_US)

struct talk {
	struct vmeter_world world;
	struct vmeter *v;
	int64_t now_us;
	char said[2 * 4096 + 1]; /* the last answer, hex */
	char told[8192];         /* truths, "event fields\n" each */
};

static inline void
talk_note(void *arg, int64_t t_us, const char *meter, const char *event, const char *fields)
{
	struct talk *t = arg;
	size_t used = strlen(t->told);

	(void)t_us, (void)meter;
	snprintf(t->told + used, sizeof t->told - used, "%s %s\n", event, fields);
}

static inline void
talk_set(struct talk *t, const char *name, const char *value)
{
	struct err e = {0};

	ck_assert_msg(vmeter_set(t->v, name, value, t->now_us, &e) == 0, "%s", e.text);
}

/* A meter in a time zone with these settings, "name=value name=value". */
static inline struct talk *
talk_new_in(const char *zone, const char *settings)
{
	struct talk *t = mem_new(sizeof *t);
	char copy[512], *rest = copy, *word;
	struct err e;

	t->now_us = MORNING;
	t->world.zone = calendar_new(zone, &e);
	ck_assert_ptr_nonnull(t->world.zone);
	for (size_t i = 0; i < sizeof t->world.master; i++)
		t->world.master[i] = (uint8_t)i;
	t->world.tell = talk_note;
	t->world.tell_arg = t;
	t->v = vmeter_new(&t->world, ADDRESS, 7, t->now_us);
	snprintf(copy, sizeof copy, "%s", settings);
	while ((word = strsep(&rest, " ")) != NULL) {
		char *value = strchr(word, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		talk_set(t, word, value);
	}
	return t;
}

static inline struct talk *
talk_new(const char *settings)
{
	return talk_new_in("Asia/Shanghai", settings);
}

static inline void
talk_free(struct talk *t)
{
	struct calendar *zone = (struct calendar *)(uintptr_t)t->world.zone;

	vmeter_free(t->v);
	calendar_free(zone);
	free(t);
}

static inline void
talk_wait(struct talk *t, int64_t us)
{
	t->now_us += us;
	vmeter_run(t->v, t->now_us);
}

static inline const char *
talk_hear(struct talk *t, struct span bytes)
{
	struct buf reply = {0};

	vmeter_hear(t->v, t->now_us, bytes, &reply);
	ck_assert_uint_lt(2 * reply.len, sizeof t->said);
	hex_out(t->said, buf_span(&reply));
	buf_clear(&reply);
	return t->said;
}

/* Hex in, hex out; "" is silence. */
static inline const char *
talk_hex(struct talk *t, const char *hex)
{
	struct buf ask = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&ask, hex, &e), 0);
	talk_hear(t, buf_span(&ask));
	buf_clear(&ask);
	return t->said;
}

/* The same exchange with plain DATA, the frame left to the codec: "91 00000100 56341200". */
static inline const char *
talk_plain(struct talk *t, uint8_t function, const char *data)
{
	struct dlt645 f = {.address = ADDRESS, .control = function};
	struct buf plain = {0}, ask = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&plain, data, &e), 0);
	if (plain.len > 0)
		memcpy(f.data, plain.bytes, plain.len);
	f.len = plain.len;
	dlt645_build(&ask, &f);
	talk_hear(t, buf_span(&ask));
	buf_clear(&ask);
	if (hex_in(&ask, t->said, &e) == 0 && ask.len > 0) {
		ck_assert_msg(dlt645_parse(&f, buf_span(&ask), &e) == 0, "%s", e.text);
		snprintf(t->said, 3, "%02X", f.control);
		hex_out(t->said + 2, span_of(f.data, f.len));
	}
	buf_clear(&ask);
	buf_clear(&plain);
	return t->said;
}

/* One whole number of the meter's state. */
static inline int64_t
talk_state(struct talk *t, const char *name)
{
	struct buf json = {0};
	char key[64];
	const char *at;
	int64_t n;

	vmeter_state(t->v, t->now_us, &json);
	snprintf(key, sizeof key, "\"%s\":", name);
	at = strstr(buf_text(&json), key);
	ck_assert_msg(at != NULL, "no %s in the state", name);
	n = strtoll(at + strlen(key), NULL, 10);
	buf_clear(&json);
	return n;
}

static inline bool
talk_relay_is(struct talk *t, const char *word)
{
	struct buf json = {0};
	char want[64];
	bool is;

	vmeter_state(t->v, t->now_us, &json);
	snprintf(want, sizeof want, "\"relay\":\"%s\"", word);
	is = strstr(buf_text(&json), want) != NULL;
	buf_clear(&json);
	return is;
}

static inline void
talk_fault(struct talk *t, const char *name, const char *amount)
{
	struct err e = {0};

	ck_assert_msg(fault_set(vmeter_faults(t->v), name, amount, &e) == 0, "%s", e.text);
}

/* Spaces out of an expectation, so that it may be written as in the sheet. */
static inline const char *
tight(const char *hex)
{
	static char out[2048];
	size_t n = 0;

	for (; *hex != '\0'; hex++)
		if (*hex != ' ')
			out[n++] = *hex;
	out[n] = '\0';
	return out;
}

#endif
