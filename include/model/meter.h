/*
 * meter -- who a meter is, what it counts, what it may say.
 *
 * Values are in our units: energy int64 Wh, money int64 minor units of the site's currency,
 * time int64 microseconds UTC.
 */
#ifndef MODEL_METER_H
#define MODEL_METER_H

#include <stdbool.h>
#include <stdint.h>

struct calendar;
struct err;

enum reg {
	REG_TOTAL_WH,    /* forward active energy, all tariffs */
	REG_T1_WH,       /* sharp */
	REG_T2_WH,       /* peak */
	REG_T3_WH,       /* flat */
	REG_T4_WH,       /* valley */
	REG_CREDIT,      /* remaining money less overdraft: may be negative; minor units */
	REG_PURCHASES,   /* how often credit was loaded since the account was opened */
	REG_BOUGHT,      /* cumulative credit loaded, minor units */
	REG_STATUS,      /* running status word 3 (DL/T 645-2007, 04000503) */
	REG_TRIPS,       /* relay opened, times */
	REG_CLOSES,      /* relay closed, times */
	REG_COVERS,      /* meter cover opened, times */
	REG_TERMINALS,   /* terminal cover opened, times */
	REG_POWER_DOWNS, /* supply lost, times */
	REG_PRICE,       /* price now in force, micro major units per kWh */
	REG_OVERLOADS,   /* drawn more than its limit allows, times, all phases */
	REG_VOLTAGE_A,   /* mV; a meter of one phase has A only */
	REG_VOLTAGE_B,
	REG_VOLTAGE_C,
	REG_CURRENT_A, /* mA, below 0 backwards */
	REG_CURRENT_B,
	REG_CURRENT_C,
	REG_POWER,  /* active, of all phases, mW */
	REG_FACTOR, /* power factor of all phases, thousandths */
	REG_COUNT,
};

const char *reg_name(enum reg r); /* "total_wh": also the name in the database */

enum relay { RELAY_UNKNOWN, RELAY_OPEN, RELAY_PERMITTED, RELAY_CLOSED };
/* PERMITTED: the relay is open and waits for the customer's button or card. */

const char *relay_name(enum relay r);
enum relay relay_parse(const char *name); /* RELAY_UNKNOWN for any other word */

/* Status word 3: b4 actual relay (1 open), b6 relay command (1 trip).  dlt645.md 2.6. */
#define STATUS_SECOND_TABLES 0x0001u /* of two sets, the second is in force */
#define STATUS_RELAY_OPEN    0x0010u
#define STATUS_SECOND_ZONES  0x0020u
#define STATUS_RELAY_TRIP    0x0040u
#define STATUS_PRETRIP_ALARM 0x0080u
#define STATUS_SECOND_PRICES 0x0400u
#define STATUS_SECOND_STEPS  0x0800u
#define STATUS_POWER_KEEP    0x1000u
#define STATUS_AUTH_VALID    0x2000u
#define STATUS_LOCAL_CLOSED  0x4000u /* local account not opened */
enum relay meter_status_relay(uint32_t status);
/* A trip that was commanded and has not happened: delayed, or the relay is welded. */
bool meter_status_trip_pending(uint32_t status);

struct meter_key {
	uint8_t level;       /* PA: 02 usual */
	uint8_t password[3]; /* P0 P1 P2, as they travel */
};

#define METER_COUNTERS 9 /* as enum alarm_counter */

/* There are as many of these as meters online: what is small stands at the end. */
struct meter {
	int64_t id;
	const char *protocol, *profile; /* interned names */
	const struct calendar *zone;    /* the meter's clock runs in it; borrowed */
	int64_t clock_skew_us;          /* meter's clock less ours, read once a session */
	int64_t clock_due_us;           /* when it is read again (monotonic); 0: not noted yet */
	int64_t auth_until_us;          /* its authentication, below, is good so long; 0: none */
	int64_t logged_until_us;        /* every frame is kept until then; 0: none is */
	int64_t quiet_until_us;         /* not asked before (monotonic) */
	int64_t poll_us;                /* next scheduled read (monotonic) */
	int64_t hour_us;                /* next look at its hours (monotonic); 0: not set yet */
	int64_t line_us;                /* next reading of what flows (monotonic); 0: not set yet */
	int64_t refuses_until_us;       /* then what it refused is asked for once more */
	int64_t check_us, counters_us;  /* next look for alarms, for counts (monotonic) */
	int64_t trip_pending_us;        /* a trip it was ordered stands out since (monotonic) */
	uint32_t refuses;               /* 1 << enum reg of what it refuses to be read */
	int32_t overloads;              /* as last noted; -1: never */
	int32_t counts[METER_COUNTERS]; /* of events, as last noted; -1: never */
	uint32_t alarms, alarms_known;  /* that it was told to show, or not: see model/alarm.h */
	uint32_t checks_refused;        /* what a look for alarms leaves out, a day long */
	char address[13];               /* 12 digits */
	char customer[13];              /* customer number in the meter, 12 digits */
	struct meter_key key;
	uint8_t rand2[4], serial[8]; /* of a meter with a security chip */
	uint8_t silences;            /* unanswered in a row */
	uint8_t odd[2];              /* looks in a row at which its currents were not right */
	bool skew_known;
	bool limited;      /* a limit of its load is in force: asked for overloads */
	bool off_told;     /* its relay was found open, and why is known */
	bool off_said;     /* it says that its relay is open, and nobody knows why yet */
	bool report_stuck; /* it let nobody reset its report: only a person has it tried again */
};

/* What it refuses to be read is left out for a day: it may be programmed anew, or exchanged. */
bool meter_refuses(const struct meter *m, enum reg r);
void meter_refused(struct meter *m, enum reg r, int64_t mono_us);

/* Twelve decimal digits.  ERR_INPUT says what is wrong. */
int meter_address_check(const char *text, struct err *e);

struct reading {
	int64_t meter_id, at_us; /* when the meter says, or when we heard it */
	enum reg reg;
	int64_t value;
};

/* What moved between two values of a register that wraps at wraps_at.  A register that went
 * down is a wrap only above 90 % of its range and when the result is at most `most`; otherwise
 * ERR_INPUT: it may have been reset or swapped, and a person must look (domain.md 5.5.1). */
int register_delta(
    int64_t before, int64_t after, int64_t wraps_at, int64_t most, int64_t *delta, struct err *e);

#endif
