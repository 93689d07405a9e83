/*
 * What the frames of an order show: what was asked, that the meter answered, and what it said when
 * it was asked what is in it.
 *
 * Each frame is taken apart again, checksum, address and identifier; one that cannot be spoils
 * its link, for it was whole when it was kept.  Count, amount and balance are those of the frames.
 * The frames of a read-back must be among those of the order's history, byte by byte: who changes
 * one must change both.
 */
#include "codec/prove_parts.h"

#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_items.h"
#include "model/calendar.h"
#include "model/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DI_RECHARGE 0x070102ffu
#define DI_WALLET   0x078102ffu
#define DI_RECORD   0x0333ff00u
#define DI_STATUS   0x04000503u
#define CLOCK_US    INT64_C(86400000000) /* how wrong a meter's clock may be: a day */

struct seen {
	int out, in;      /* frames that could be taken apart */
	int orders;       /* recharges or relay orders among those out */
	int foreign;      /* ... that ask for something else than we owe */
	int blanked;      /* orders whose password is blanked */
	int answers;      /* the meter's word to an order, yes or no */
	int64_t first_us; /* of the orders */
	uint32_t n1;      /* of a plain relay order */
	bool has_status;
	uint32_t status; /* as it was read last */
	int64_t status_us;
	char bad[120]; /* the first frame that is none */
};

struct readback {
	bool has_count;
	uint32_t count;
	int64_t credit_minor;
	bool has_record;
	int64_t at_us; /* meter's clock; 0: none */
	int64_t amount_minor, before_minor, after_minor, bought_minor;
	char bad[120];
};

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The checksum of an order was made over its password, which is blanked since: only then it is
 * let pass, and *blanked says so. */
static int
frame_in(const char *hex, bool out, struct dlt645 *f, bool *blanked, struct err *e)
{
	struct buf b = {0};
	size_t start = 0;
	int rc = hex_in(&b, hex, e);
	uint8_t sum = 0;

	*blanked = false;
	while (start < b.len && b.bytes[start] == 0xfe)
		start++;
	if (rc == 0 && b.len - start < 12)
		rc = err_set(e, ERR_INPUT, "%zu bytes are no frame", b.len - start);
	if (rc == 0 && dlt645_parse(f, span_of(b.bytes + start, b.len - start), e) < 0) {
		rc = -1;
		if (out && b.bytes[start + 8] == DLT645_CONTROL) {
			for (size_t i = start; i + 2 < b.len; i++)
				sum = (uint8_t)(sum + b.bytes[i]);
			b.bytes[b.len - 2] = sum;
			rc = dlt645_parse(f, span_of(b.bytes + start, b.len - start), e);
			*blanked = rc == 0;
		}
	}
	buf_clear(&b);
	return rc;
}

/* --- orders -------------------------------------------------------------------------------- */

/* 070102FF: operator 4, amount 4, count 4, MAC 4, customer 6, MAC 4. */
static bool
is_our_recharge(const struct dlt645 *f, const cJSON *d)
{
	uint8_t customer[6];
	const char *number = prove_text(d, "customer");
	int64_t n = 0;

	for (const char *c = number; *c >= '0' && *c <= '9'; c++)
		n = n * 10 + (*c - '0');
	bcd_put(customer, sizeof customer, n);
	return f->len == 30 && le32(f->data + 8) == prove_number(d, "amount_minor") &&
	       le32(f->data + 12) == prove_number(d, "purchase") &&
	       memcmp(f->data + 20, customer, sizeof customer) == 0;
}

static void
note_order(struct seen *s, const struct dlt645 *f, const cJSON *d, int64_t at_us)
{
	bool recharge = f->control == DLT645_SECURITY && f->len >= 4 &&
			dlt645_di(span_of(f->data, f->len)) == DI_RECHARGE;

	if (d != NULL ? !recharge : f->control != DLT645_CONTROL)
		return;
	if (d != NULL && !is_our_recharge(f, d)) {
		s->foreign++;
		return;
	}
	if (s->orders++ == 0)
		s->first_us = at_us;
	s->n1 = f->control == DLT645_CONTROL && f->len == 16 ? f->data[8] : 0;
}

static void
note_answer(struct seen *s, const struct dlt645 *f, int64_t at_us)
{
	uint8_t fn = f->control & 0x1f;
	uint32_t di = dlt645_di(span_of(f->data, f->len));

	if (fn == DLT645_CONTROL || (fn == DLT645_SECURITY && (di == DI_RECHARGE || f->len < 4)))
		s->answers++;
	if (fn == DLT645_READ && (f->control & DLT645_ABNORMAL) == 0 && di == DI_STATUS &&
	    f->len == 6) {
		s->has_status = true;
		s->status = (uint32_t)f->data[4] | (uint32_t)f->data[5] << 8;
		s->status_us = at_us;
	}
}

/* A frame of that meter that goes that way. */
static int
frame_of(
    const cJSON *x, const char *meter, bool out, struct dlt645 *f, bool *blanked, struct err *e)
{
	if (frame_in(prove_text(x, "frame"), out, f, blanked, e) < 0)
		return -1;
	if (strcmp(f->address, meter) != 0)
		return err_set(e, ERR_INPUT, "it is of meter %s", f->address);
	if (((f->control & DLT645_REPLY) == 0) != out)
		return err_set(e, ERR_INPUT, "it goes the other way");
	return 0;
}

/* d: the delivery its recharges must be of; NULL: relay orders. */
static void
see_command(struct seen *s, const cJSON *command, const cJSON *d)
{
	const char *meter = prove_text(command, "meter");
	const cJSON *list = prove_list(command, "frames");

	for (const cJSON *x = list != NULL ? list->child : NULL; x != NULL; x = x->next) {
		bool out = strcmp(prove_text(x, "way"), "out") == 0, blanked;
		struct dlt645 f = {0};
		struct err e;

		if (frame_of(x, meter, out, &f, &blanked, &e) < 0) {
			if (s->bad[0] == '\0')
				snprintf(s->bad, sizeof s->bad, "frame %" PRId64 " %s: %.80s",
				    prove_number(x, "n"), out ? "out" : "in", e.text);
			continue;
		}
		if (out) {
			s->out++;
			s->blanked += blanked;
			note_order(s, &f, d, prove_number(x, "at_us"));
		} else {
			s->in++;
			note_answer(s, &f, prove_number(x, "at_us"));
		}
	}
}

static bool
prove_orders(const struct seen *s, const char *what, struct proof *p)
{
	if (s->bad[0] != '\0')
		return prove_link(p, "frames", false, "%s", s->bad);
	if (s->foreign > 0)
		return prove_link(p, "frames out", false,
		    "%d of the recharges sent are not of this amount, count and customer",
		    s->foreign);
	if (s->orders == 0)
		return prove_link(
		    p, "frames out", false, "none of %d frames sent is %s", s->out, what);
	prove_link(p, "frames out", true, "%d frames sent, %d of them %s%s", s->out, s->orders,
	    what,
	    s->blanked > 0 ? "; its checksum covers a password that is blanked, and cannot be "
			     "checked again"
			   : "");
	return prove_link(p, "frames in", s->in > 0,
	    "%d frames heard, each whole and from this meter; %d to the order itself", s->in,
	    s->answers);
}

/* --- reading back ---------------------------------------------------------------------------- */

static bool
was_heard(const cJSON *commands, const char *hex)
{
	const cJSON *c, *x;

	for (c = commands != NULL ? commands->child : NULL; c != NULL; c = c->next)
		for (x = prove_list(c, "frames") != NULL ? prove_list(c, "frames")->child : NULL;
		     x != NULL; x = x->next)
			if (strcmp(prove_text(x, "way"), "in") == 0 &&
			    strcmp(prove_text(x, "frame"), hex) == 0)
				return true;
	return false;
}

/* 0333FF0n: time 5, count 2, amount 4, before 4, after 4, cumulative 4. */
static void
note_record(struct readback *r, const struct dlt645 *f, int64_t purchase, const char *zone)
{
	struct rd rd = {
	    .left = {f->data + 4, f->len - 4}
        };
	int64_t v[5], count, money[4];
	bool bad = f->len != 27;
	struct calendar *calendar;
	struct civil c;
	struct err e;

	for (int i = 0; i < 5; i++)
		bad |= bcd_get(rd_take(&rd, 1), &v[i]) < 0;
	bad |= bcd_get(rd_take(&rd, 2), &count) < 0;
	for (int i = 0; i < 4; i++)
		bad |= bcd_get(rd_take(&rd, 4), &money[i]) < 0;
	if (bad || rd.failed || count != purchase % 10000)
		return;
	*r = (struct readback){r->has_count, r->count, r->credit_minor, true, 0, money[0], money[1],
	    money[2], money[3], ""};
	c = (struct civil){2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
	calendar = calendar_new(zone, &e);
	if (calendar != NULL && calendar_valid(&c))
		r->at_us = calendar_instant(calendar, &c);
	calendar_free(calendar);
}

static void
note_readback(struct readback *r, const struct dlt645 *f, const cJSON *d, const char *zone)
{
	uint32_t di = dlt645_di(span_of(f->data, f->len));

	if (f->control == (DLT645_REPLY | DLT645_SECURITY) && di == DI_WALLET && f->len >= 20) {
		r->has_count = true;
		r->credit_minor = le32(f->data + 4);
		r->count = le32(f->data + 12);
	} else if (f->control == (DLT645_REPLY | DLT645_READ) && (di & ~15u) == DI_RECORD &&
		   f->len >= 4) {
		note_record(r, f, prove_number(d, "purchase"), zone);
	}
}

/* What one evidence shows; the first that shows the record is enough. */
static void
read_evidence(struct readback *r, const cJSON *evidence, const cJSON *d, const char *zone)
{
	const cJSON *list = prove_list(evidence, "frames");

	*r = (struct readback){0};
	for (const cJSON *x = list != NULL ? list->child : NULL; x != NULL; x = x->next) {
		const char *hex = cJSON_IsString(x) ? x->valuestring : "";
		struct dlt645 f;
		struct err e;
		bool blanked;

		if (frame_in(hex, false, &f, &blanked, &e) < 0)
			snprintf(r->bad, sizeof r->bad, "a frame read back is none: %.70s", e.text);
		else if (strcmp(f.address, prove_text(d, "meter")) != 0)
			snprintf(
			    r->bad, sizeof r->bad, "a frame read back is of meter %s", f.address);
		else if (!was_heard(prove_list(d, "commands"), hex))
			snprintf(r->bad, sizeof r->bad,
			    "a frame read back is not among those the order heard");
		else
			note_readback(r, &f, d, zone);
		if (r->bad[0] != '\0')
			return;
	}
}

static bool
prove_count(const struct readback *r, const cJSON *d, struct proof *p)
{
	int64_t purchase = prove_number(d, "purchase"), amount = prove_number(d, "amount_minor");
	char money[32], other[32];

	if (r->bad[0] != '\0')
		return prove_link(p, "count", false, "%s", r->bad);
	if (!r->has_count)
		return prove_link(p, "count", false, "the meter's count was not read back");
	if (r->count < purchase)
		return prove_link(p, "count", false,
		    "the meter counts %u purchases, this is purchase %" PRId64, r->count, purchase);
	if (!r->has_record)
		return prove_link(
		    p, "count", false, "no record of purchase %" PRId64 " was read back", purchase);
	if (r->amount_minor != amount)
		return prove_link(p, "count", false,
		    "purchase %" PRId64 " in the meter is of %s, this is of %s", purchase,
		    prove_money(r->amount_minor, NULL, money), prove_money(amount, NULL, other));
	if (r->at_us == 0 || r->at_us < prove_number(d, "planned_us") - CLOCK_US)
		return prove_link(p, "count", false,
		    "the record of purchase %" PRId64 " is older than its order", purchase);
	return prove_link(p, "count", true,
	    "the meter counts %u; its record of purchase %" PRId64 " is of %s", r->count, purchase,
	    prove_money(amount, NULL, money));
}

static bool
prove_balance(const struct readback *r, const cJSON *d, struct proof *p)
{
	int64_t base = prove_number(d, "base_bought");
	char a[32], b[32], c[32], now[32];

	prove_money(r->before_minor, NULL, a);
	prove_money(r->amount_minor, NULL, b);
	prove_money(r->after_minor, NULL, c);
	if (!r->has_record)
		return prove_link(p, "balance", false, "no balance was read back");
	if (r->before_minor + r->amount_minor != r->after_minor)
		return prove_link(p, "balance", false,
		    "the meter's record does not add up: %s and %s is not %s", a, b, c);
	if (base >= 0 && r->bought_minor < base + r->amount_minor)
		return prove_link(p, "balance", false, "bought in all %s, before it %s",
		    prove_money(r->bought_minor, NULL, a), prove_money(base, NULL, b));
	if (r->count == prove_number(d, "purchase") && r->credit_minor > r->after_minor)
		return prove_link(p, "balance", false, "%s after it, and %s are there", c,
		    prove_money(r->credit_minor, NULL, now));
	return prove_link(p, "balance", true, "%s before, %s after it; %s when it was read back", a,
	    c, prove_money(r->credit_minor, NULL, now));
}

bool
prove_delivery(const cJSON *d, const char *zone, struct proof *p)
{
	const cJSON *commands = prove_list(d, "commands"), *list = prove_list(d, "evidence");
	struct readback best = {0};
	struct seen seen = {0};
	char money[32];
	int n = cJSON_GetArraySize(commands);

	for (const cJSON *c = commands != NULL ? commands->child : NULL; c != NULL; c = c->next)
		see_command(&seen, c, d);
	prove_link(p, "command", n > 0, "%d orders to meter %s for delivery %" PRId64 " of %s", n,
	    prove_text(d, "meter"), prove_number(d, "delivery"),
	    prove_money(prove_number(d, "amount_minor"), NULL, money));
	prove_orders(&seen, "this recharge", p);
	for (const cJSON *x = list != NULL ? list->child : NULL;
	     x != NULL && (!best.has_record || best.bad[0] != '\0'); x = x->next)
		read_evidence(&best, x, d, zone);
	if (cJSON_GetArraySize(list) == 0)
		snprintf(best.bad, sizeof best.bad, "nothing was read back");
	return prove_count(&best, d, p) & prove_balance(&best, d, p);
}

/* --- the relay of a remote account ----------------------------------------------------------- */

static bool
prove_supply(const struct seen *s, struct proof *p)
{
	enum relay relay = meter_status_relay(s->status);

	if (s->orders > 0 && s->n1 != 0 && s->n1 != 0x1b && s->n1 != 0x1c)
		return prove_link(
		    p, "order", false, "the order is %02X, none that switches on", s->n1);
	if (!s->has_status || s->status_us < s->first_us)
		return prove_link(p, "supply", false, "the relay was not read back");
	return prove_link(p, "supply", relay == RELAY_CLOSED || relay == RELAY_PERMITTED,
	    "status word %04X read back: the relay is %s", s->status, relay_name(relay));
}

bool
prove_relay(const cJSON *commands, struct proof *p)
{
	bool holds = true;

	if (cJSON_GetArraySize(commands) == 0)
		return prove_link(p, "command", true,
		    "no order was given for it; the money is in the balance that is kept here");
	for (const cJSON *c = commands->child; c != NULL; c = c->next) {
		struct seen seen = {0};

		see_command(&seen, c, NULL);
		prove_link(p, "command", true, "order %" PRId64 " to meter %s: switch on",
		    prove_number(c, "command"), prove_text(c, "meter"));
		if (seen.orders > 0 || seen.bad[0] != '\0' || !seen.has_status)
			holds &= prove_orders(&seen, "the relay's order", p);
		holds &= prove_supply(&seen, p);
	}
	return holds;
}
