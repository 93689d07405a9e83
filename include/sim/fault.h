/*
 * fault -- what a simulated meter and its line do wrong, and how often.
 *
 * Each fault is off, always on, on for the next N times it could strike, or on by chance.
 * Chance is the meter's own dice, so that a seed repeats a run.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct err;

enum fault {
	FAULT_LOSS,           /* a frame is lost: the request, or else the answer */
	FAULT_DELAY_MS,       /* the answer comes this much later, "200" or "0-900" */
	FAULT_DUPLICATE,      /* the answer comes twice */
	FAULT_SPLIT,          /* the answer comes in random pieces */
	FAULT_MERGE,          /* answers wait for each other and come in one piece */
	FAULT_CUT,            /* the connection closes inside the answer */
	FAULT_ACK_NOT_DO,     /* says yes, does nothing */
	FAULT_DO_NOT_ACK,     /* does it, says nothing */
	FAULT_REFUSE_BUT_DO,  /* does it, says no */
	FAULT_WRONG_ANSWER,   /* another identifier, or a byte turned over */
	FAULT_REBOOT,         /* does it, restarts before it answers */
	FAULT_SILENT,         /* neither acts nor answers */
	FAULT_ECHO,           /* a half-duplex line: the request comes back first */
	FAULT_STALE,          /* the answer before this one comes again first */
	FAULT_COUNT_NO_MONEY, /* purchase count kept, money lost (reliability.md B.1) */
	FAULTS,
};

struct faults {
	struct {
		uint8_t percent;
		uint32_t times;
		uint32_t low_ms, high_ms; /* FAULT_DELAY_MS only */
	} each[FAULTS];
};

const char *fault_name(enum fault f);
/* amount: NULL always, "3" the next three times, "20%" by chance; of delay_ms "200" or
 * "0-900".  name "off" clears all. */
int fault_set(struct faults *f, const char *name, const char *amount, struct err *e);
int fault_set_pair(struct faults *f, const char *pair, struct err *e); /* "loss=5%" */
/* Draws: true when it strikes now. */
bool fault_strikes(struct faults *f, enum fault which, uint64_t *dice);
int64_t fault_delay_us(const struct faults *f, uint64_t *dice);

uint64_t dice_roll(uint64_t *dice); /* splitmix64 */

#endif
