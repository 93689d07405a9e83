/*
 * vmeter_inside -- what the files that make up a meter share; nobody else includes it.
 *
 *	vmeter.c           life, energy, money, midnight
 *	vmeter_tariff.c    tables of hours and prices, and the switch from one set to the other
 *	vmeter_relay.c     the relay, warnings, credit
 *	vmeter_overload.c  the limit of its load
 *	vmeter_tamper.c    what is wrong with it: status bits, counts, records, its report
 *	vmeter_setup.c     settings and state as text
 *	vmeter_frames.c    who is asked what: the frame and its answer
 *	vmeter_reads.c     the table of what can be read
 *	vmeter_writes.c    writes and relay orders
 *	vmeter_security.c  function 03
 *	vmeter_landlord.c  credit and blocks of the makers that have their own
 */
#ifndef SIM_VMETER_INSIDE_H
#define SIM_VMETER_INSIDE_H

#include "base/loop.h"
#include "codec/dlt645.h"
#include "model/calendar.h"
#include "sim/esam.h"
#include "sim/vmeter.h"

#include <string.h>

/* Energy is kept in watt-microseconds.  A grain is a watt-microsecond at a price of one micro
 * major unit per kWh: watts times microseconds times price needs no division, and a minor unit
 * (a hundredth) is a whole number of grains. */
#define WUS_PER_WH       INT64_C(3600000000)
#define GRAINS_PER_MINOR (INT64_C(36000000000000000)) /* 10^4 micro * 10^3 Wh * 3.6*10^9 */

#define BANDS          4
#define ZONES          14
#define TABLES         8
#define SLOTS          14
#define STEPS          6
#define HOLIDAYS       254
#define FREEZES        62
#define HOURS          254
#define MONTHS         12
#define RECORDS        10
#define REGISTERS      (1 + BANDS) /* total, sharp, peak, flat, valley */
#define REBOOT_US      (5 * SECOND_US)
#define LOCK_US        DAY_US
#define PASSWORD_TRIES 3
#define LACKS          4

#define REPORT_BYTES 12

#define VMETER_NO_LIMIT 999999 /* 99.9999 kW, the most that 04000E01 can say: none */

/* What people do to it, and what breaks. */
enum tamper {
	TAMPER_REVERSE,
	TAMPER_PHASES,
	TAMPER_VOLTAGE,
	TAMPER_CURRENT,
	TAMPER_OVER_CURRENT,
	TAMPER_MAGNET,
	TAMPER_NEUTRAL, /* half of it goes another way */
	TAMPER_WELD,    /* it shows its relay open, and current flows */
	TAMPER_BATTERY,
	TAMPER_FAULT,
	TAMPER_LEVER, /* somebody moves its relay by hand */
	TAMPERS
};

enum vmeter_profile { VMETER_REMOTE, VMETER_WALLET_ESAM, VMETER_WALLET_PLAIN, VMETER_EAST };
enum vmeter_class { CLASS_PASSWORD, CLASS_98, CLASS_99 };

struct freeze {
	int64_t clock_us;
	uint32_t regs[REGISTERS]; /* as displayed: 0.01 kWh */
};

struct hour {
	int64_t clock_us;
	uint32_t reg;
};

struct relay_record {
	int64_t clock_us;
	uint32_t operator_code, reg;
};

struct purchase {
	int64_t clock_us;
	uint32_t count; /* whole; modulo 10 000 only when it is read */
	int64_t amount_minor, before_minor, after_minor, bought_minor;
};

struct span_record {            /* something that began and ended */
	int64_t from_us, to_us; /* meter's clock; 0: not yet */
	uint32_t reg;           /* when it began */
};

struct programming {
	int64_t clock_us;
	uint32_t operator_code, di;
};

/* The newest of n is at [0]; `total` counts for ever. */
#define LAST(type)                \
	struct {                  \
		uint32_t total;   \
		type at[RECORDS]; \
	}

#define LAST_PUSH(l, ...)                                                        \
	do {                                                                     \
		memmove(&(l).at[1], &(l).at[0], sizeof(l).at - sizeof(l).at[0]); \
		(l).at[0] = (__VA_ARGS__);                                       \
		(l).total++;                                                     \
	} while (0)

/* Two of each; entries as they travel: NN DD MM, NN mm hh. */
struct tariff_set {
	uint8_t zones[ZONES][3];
	uint8_t tables[TABLES][SLOTS][3];
	int64_t price_micro[BANDS];
	int64_t step_wh[STEPS], step_micro[STEPS + 1]; /* a limit of 0: no such step */
};

enum set_kind { SET_ZONES, SET_TABLES, SET_STEPS, SET_PRICES, SET_KINDS };

struct set_switch {
	uint8_t asked[5]; /* mm hh DD MM YY */
	bool armed;
	int64_t clock_us;
	int now; /* the set in force, 0 or 1 */
};

struct vmeter {
	const struct vmeter_world *world;
	char address[13], customer[13];
	bool begun, off;
	enum vmeter_profile profile;
	uint64_t dice;
	struct faults faults;

	/* energy, and where it has got to */
	int64_t at_us;
	int64_t watts;
	int64_t wus[REGISTERS];
	int64_t month_start_wus;
	int64_t midnight_us, band_until_us; /* when the clock gets there, our time */
	struct freeze *freezes;             /* [0] newest */
	int nfreezes, history_days;
	struct freeze instant[3];
	struct hour *hours; /* [0] newest; NULL: it keeps none */
	int nhours;
	bool hourly;
	int64_t hour_us; /* when the clock gets to the next, our time */
	struct freeze settled[MONTHS];
	uint32_t month_use[MONTHS]; /* 0.01 kWh */
	int band;                   /* 1..4 */

	/* tariff */
	struct tariff_set sets[2];
	struct set_switch switches[SET_KINDS];
	int64_t switch_at_us, settle_at_us; /* when the clock gets there, our time */
	uint8_t holidays[HOLIDAYS][4];      /* NN DD MM YY */
	uint8_t workdays, weekend_table;    /* bits Sunday to Saturday; BCD */
	int64_t nholidays;
	int settle_day, settle_hour;

	/* money */
	int64_t credit_minor, grains; /* the exact credit is credit_minor less grains */
	int64_t bought_minor, warn_minor[2], overdraft_minor, hoarding_minor, reclose_minor;
	uint32_t purchases;
	int64_t last_order;    /* wallet-plain: the order number taken last; 0: none */
	bool doubles, forgets; /* it takes the same number again; it loses it with its supply */
	bool no_records;       /* it keeps no record of purchases */
	bool opened, warned[2], warn2_trips;
	LAST(struct purchase) recharges;

	/* relay */
	bool open, commanded, alarm, keep, permit;
	bool by_self;           /* open because the credit ran out: credit alone closes it again */
	uint32_t operator_code; /* of the order that is under way or permits closing */
	int64_t trip_due_us, trip_delay_min;
	LAST(struct relay_record) trips;
	LAST(struct relay_record) closes;

	/* load: the limit in tenths of a watt, as 04000E01 has it */
	int64_t limit_dw, overload_delay_s, overload_again_s; /* again 0: stays off */
	int64_t over_since_us, again_us;                      /* 0: it is not */
	int64_t overload_us;                                  /* in all */
	bool in_overload;
	LAST(struct span_record) overloads;

	/* clock: base at base_at, then drifting */
	int64_t clock_base_us, clock_base_at_us, drift_ppm;
	int time_set_day; /* 08 is obeyed once a day */

	/* what happened to it */
	LAST(struct span_record) covers;
	LAST(struct span_record) terminals;
	LAST(struct span_record) outages;
	LAST(struct programming) programmings;
	int64_t rebooting_until_us;

	bool tampered[TAMPERS];
	LAST(struct span_record) tampers[TAMPERS];
	uint8_t report[REPORT_BYTES]; /* what happened since it was reset */

	/* talking */
	uint8_t password[3];
	int wrong_passwords;
	int64_t locked_until_us;
	struct esam chip;
	struct buf rest; /* of a long answer: what 12 still fetches */
	size_t part;     /* most value bytes in one answer */
	struct buf last_answer;
	uint32_t rest_di, boots, beats, frames_in, frames_out;
	uint32_t lacks[LACKS]; /* identifiers that this model does not have */
};

static inline bool
vmeter_local(const struct vmeter *v)
{
	return v->profile != VMETER_REMOTE;
}

static inline bool
vmeter_chip(const struct vmeter *v)
{
	return v->profile == VMETER_WALLET_ESAM;
}

void vmeter_tell(struct vmeter *v, int64_t t_us, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* vmeter.c */
int64_t vmeter_flow(const struct vmeter *v); /* watts, as they are counted */
int64_t vmeter_clock(const struct vmeter *v, int64_t t_us);
void vmeter_clock_set(struct vmeter *v, int64_t clock_us);
uint32_t vmeter_reg(const struct vmeter *v, int which); /* 0.01 kWh, wraps as displayed */
uint32_t vmeter_month_use(const struct vmeter *v);      /* 0.01 kWh */
int64_t vmeter_price(const struct vmeter *v);           /* now in force */
void vmeter_tell_load(struct vmeter *v);
void vmeter_freeze_now(struct vmeter *v, struct freeze *f);
void vmeter_look_at_clock(struct vmeter *v);
int64_t vmeter_clock_reaches(const struct vmeter *v, int64_t clock_us);

/* vmeter_tariff.c */
void vmeter_tariff_init(struct vmeter *v);
void vmeter_find_band(struct vmeter *v);     /* and until when it holds */
void vmeter_find_switches(struct vmeter *v); /* what is due is done */
int vmeter_step(const struct vmeter *v);     /* that the month's use has reached, from 0 */
struct tariff_set *vmeter_set_of(struct vmeter *v, enum set_kind kind); /* in force */
bool vmeter_tariff_read(struct vmeter *v, uint32_t di, struct buf *out);
/* How a write of it goes: its class and length; false when it is none of a tariff's. */
bool vmeter_tariff_item(uint32_t di, enum vmeter_class *class, size_t *bytes);
unsigned vmeter_tariff_write(struct vmeter *v, uint32_t di, const uint8_t *data); /* ERR bits */

/* vmeter_relay.c */
uint32_t vmeter_status(const struct vmeter *v); /* word 3 */
const char *vmeter_relay_word(const struct vmeter *v);
void vmeter_judge(struct vmeter *v); /* warns, trips and closes by itself */
void vmeter_trip_due(struct vmeter *v);
bool vmeter_order(struct vmeter *v, uint8_t n1, uint32_t operator_code); /* false: refused */
void vmeter_credit(struct vmeter *v, int64_t amount_minor, uint32_t count);
/* By nobody's order, nor for want of credit. */
void vmeter_relay_self(struct vmeter *v, bool open, const char *by);

/* vmeter_overload.c */
bool vmeter_overloaded(const struct vmeter *v);
int64_t vmeter_overload_next(const struct vmeter *v);
void vmeter_overload_judge(struct vmeter *v);

/* vmeter_tamper.c */
uint32_t vmeter_tamper_status(const struct vmeter *v, unsigned word);
void vmeter_report_bit(struct vmeter *v, int bit);
bool vmeter_tamper_read(struct vmeter *v, uint32_t di, struct buf *out);
void vmeter_put_bcd(struct buf *out, size_t bytes, int64_t value); /* vmeter_reads.c */
void vmeter_put_time(const struct vmeter *v, struct buf *out, int64_t clock_us, bool seconds);

/* vmeter_frames.c and its neighbours.  The parts answer into *reply; false is silence. */
bool vmeter_refuse(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply, unsigned bits);
bool vmeter_password(struct vmeter *v, const uint8_t *level_and_password);
bool vmeter_read(struct vmeter *v, uint32_t di, struct buf *out); /* false: no such data */
bool vmeter_lacks(const struct vmeter *v, uint32_t di);
bool vmeter_write(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply);
bool vmeter_control(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply);
bool vmeter_security(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply);

/* vmeter_landlord.c */
bool vmeter_order_credit(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply);
bool vmeter_east_credit(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply);
bool vmeter_landlord_read(struct vmeter *v, uint32_t di, struct buf *out);
void vmeter_snapshot(struct vmeter *v, struct buf *out); /* unasked */

/* ss mm hh DD MM YY as it travels.  -1 when it is no date. */
int vmeter_time_get(const struct vmeter *v, const uint8_t *six, int64_t *clock_us);
uint32_t le32_get(const uint8_t *p);
void customer_text(const uint8_t six[6], char out[13]); /* lowest pair first -> digits */
void customer_bytes(const char *digits, uint8_t six[6]);

#endif
