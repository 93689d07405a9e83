/*
 * What is wrong with it: bits of its status words while it lasts, a count and records of when it
 * began, and a report that it repeats until it is reset (dlt645.md 2.6, 2.7, 2.9).
 */
#include "sim/vmeter_inside.h"

#include "base/err.h"

#include <stdio.h>

static const struct tampering {
	const char *name;
	unsigned word; /* of the status; 0: it does not show there */
	uint32_t bits;
	int report; /* bit of the report; -1: none */
	uint32_t count, record;
	bool phases; /* counts and minutes of three phases; ours is on A */
} tamperings[TAMPERS] = {
    [TAMPER_REVERSE] = {"reverse",      1, 0x0010, -1, 0x030e0000, 0x1b010100, true },
    [TAMPER_PHASES] = {"phases",       7, 0x0001, -1, 0,          0,          false},
    [TAMPER_VOLTAGE] = {"voltage",      4, 0x0001, -1, 0x03010000, 0x10010100, true },
    [TAMPER_CURRENT] = {"current",      4, 0x0008, -1, 0x030b0000, 0x18010100, true },
    [TAMPER_OVER_CURRENT] = {"over_current", 4, 0x0010, -1, 0x030c0000, 0x19010100, true },
    [TAMPER_MAGNET] = {"magnet",       0, 0,      12, 0x03350000, 0x03350000, false},
    [TAMPER_NEUTRAL] = {"neutral",      0, 0,      -1, 0,          0,          false},
    [TAMPER_WELD] = {"weld",         0, 0,      -1, 0,          0,          false},
    [TAMPER_BATTERY] = {"battery",      1, 0x0004, 3,  0,          0,          false},
    [TAMPER_FAULT] = {"fault",        0, 0,      5,  0,          0,          false},
    [TAMPER_LEVER] = {"lever",        0, 0,      -1, 0,          0,          false},
};

uint32_t
vmeter_tamper_status(const struct vmeter *v, unsigned word)
{
	uint32_t bits = 0;

	for (int i = 0; i < TAMPERS; i++)
		if (v->tampered[i] && tamperings[i].word == word)
			bits |= tamperings[i].bits;
	return bits;
}

void
vmeter_report_bit(struct vmeter *v, int bit)
{
	v->report[bit / 8] |= (uint8_t)(1u << bit % 8);
}

int
vmeter_tamper(struct vmeter *v, int64_t now_us, const char *what, bool begins, struct err *e)
{
	int i = 0;

	while (i < TAMPERS && strcmp(tamperings[i].name, what) != 0)
		i++;
	if (i == TAMPERS)
		return err_set(e, ERR_INPUT, "tamper: what is '%s'?", what);
	vmeter_run(v, now_us);
	if (v->tampered[i] == begins)
		return 0;
	v->tampered[i] = begins;
	if (i == TAMPER_LEVER)
		vmeter_relay_self(v, begins, "hand");
	vmeter_tell(v, v->at_us, "tamper", "\"what\":\"%s %s\"", what, begins ? "on" : "off");
	if (!begins) {
		v->tampers[i].at[0].to_us = vmeter_clock(v, v->at_us);
		return 0;
	}
	LAST_PUSH(v->tampers[i],
	    (struct span_record){.from_us = vmeter_clock(v, v->at_us), .reg = vmeter_reg(v, 0)});
	if (tamperings[i].report >= 0)
		vmeter_report_bit(v, tamperings[i].report);
	return 0;
}

static void
put_count(struct vmeter *v, int i, struct buf *out)
{
	vmeter_put_bcd(out, 3, v->tampers[i].total);
	for (int k = 0; tamperings[i].phases && k < 5; k++) /* its minutes, and B and C */
		vmeter_put_bcd(out, 3, 0);
}

static void
put_report(struct vmeter *v, struct buf *out)
{
	buf_put(out, v->report, REPORT_BYTES);
	for (int bit = 0; bit < 8 * REPORT_BYTES; bit++) /* how often, for each that is set */
		if ((v->report[bit / 8] >> bit % 8 & 1) != 0)
			buf_put_u8(out, 1);
}

bool
vmeter_tamper_read(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned n = di & 0xff;

	if (di == 0x04001501) {
		put_report(v, out);
		return true;
	}
	for (int i = 0; i < TAMPERS; i++) {
		const struct tampering *t = &tamperings[i];

		if (t->count == di && di != 0) {
			put_count(v, i, out);
			return true;
		}
		if (t->phases && t->record + 0x100 == (di & 0xffffff00) && n >= 1 && n <= RECORDS) {
			vmeter_put_bcd(out, 4, v->tampers[i].at[n - 1].reg);
			return true;
		}
		if (t->record == (di & 0xffffff00) && t->record != 0 && n >= 1 && n <= RECORDS) {
			vmeter_put_time(v, out, v->tampers[i].at[n - 1].from_us, true);
			if (!t->phases)
				vmeter_put_time(v, out, v->tampers[i].at[n - 1].to_us, true);
			return true;
		}
	}
	return false;
}

void
vmeter_report(struct vmeter *v, int64_t now_us, struct buf *out)
{
	static const uint8_t nothing[REPORT_BYTES];
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_READ};
	struct buf data = {0};

	vmeter_run(v, now_us);
	if (!vmeter_awake(v, now_us) || memcmp(v->report, nothing, sizeof nothing) == 0 ||
	    vmeter_lacks(v, 0x04001501))
		return;
	snprintf(f.address, sizeof f.address, "%s", v->address);
	dlt645_put_di(&f, 0x04001501);
	put_report(v, &data);
	memcpy(f.data + f.len, data.bytes, data.len);
	f.len += data.len;
	buf_clear(&data);
	dlt645_build(out, &f);
	v->frames_out++;
}
