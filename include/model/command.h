/*
 * command -- something asked of a meter, and how sure we are that it was done.
 *
 *	waiting --> sent --> done			the way it should go
 *	            sent --> unsure --> done | waiting | refused
 *
 * A meter's word is never proof: only a read-back confirms, and what a meter denies may yet
 * have been obeyed.  The table is also in the database (arrow), where command_move() obeys it;
 * tests/arrows_agree.sh holds the two together.
 */
#ifndef MODEL_COMMAND_H
#define MODEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct err;

enum command_state {
	COMMAND_WAITING,
	COMMAND_SENT,
	COMMAND_UNSURE,
	COMMAND_DONE,
	COMMAND_REFUSED,
	COMMAND_EXPIRED,
	COMMAND_CANCELLED,
};

enum command_event {
	COMMAND_DISPATCHED,
	COMMAND_CONFIRMED, /* read back: it is so */
	COMMAND_DENIED,    /* it says no; once read back: and asking again is forbidden */
	COMMAND_UNANSWERED,
	COMMAND_UNSENT,    /* nothing that could act has left us */
	COMMAND_DISPROVED, /* read back: it is not so */
	COMMAND_TOO_LATE,
	COMMAND_WITHDRAWN,
};

const char *command_state_name(enum command_state s);
const char *command_event_name(enum command_event ev);
/* ERR_BUG when there is no such arrow; *s is then unchanged. */
int command_step(enum command_state *s, enum command_event ev, struct err *e);
/* How long to wait before asking again: 1 s doubling to 10 min, spread by a quarter from chance
 * (0 .. 255). */
int64_t command_backoff_us(int attempts, uint8_t chance);
void command_arrows(FILE *out); /* for people: powergatectl arrows command */

#endif
