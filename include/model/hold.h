/*
 * hold -- why supply may be off although it is paid for, and what stands above what.
 *
 * Precedence (domain.md 5.10.6):
 *
 *	SAFETY = MAINTENANCE > FRAUD > temporary supply > ADMIN = MOVE_OUT
 *	       > no-disconnect hours = protected = power-keep > ARREARS
 *
 * That is whose wish counts.  A meter whose power-keep is on refuses every trip, so none is sent,
 * whatever it is for, but one for SAFETY, which ends the power-keep first.
 *
 * ARREARS is never placed by anybody: it is what the balance says.  Paying lifts it and nothing
 * else; every other hold is lifted by a person, with a reason.
 */
#ifndef MODEL_HOLD_H
#define MODEL_HOLD_H

#include <stdbool.h>

/* Rising: a stronger hold names the reason. */
enum hold {
	HOLD_NONE,
	HOLD_ARREARS,
	HOLD_ADMIN,
	HOLD_MOVE_OUT,
	HOLD_FRAUD,
	HOLD_MAINTENANCE,
	HOLD_SAFETY,
	HOLD_COUNT
};

#define HOLD_BIT(h) (1u << (h))

const char *hold_name(enum hold h);       /* "SAFETY": also the name in the database */
enum hold hold_parse(const char *name);   /* HOLD_NONE for any other word */
enum hold hold_strongest(unsigned holds); /* of HOLD_BITs */
/* Whether it stands above a temporary supply that somebody was promised. */
bool hold_beats_temporary(enum hold h);
/* Whether the trip may leave at any hour: danger and fraud do not wait for the morning. */
bool hold_any_hour(enum hold h);

#endif
