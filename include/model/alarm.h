/*
 * alarm -- what may be wrong with a meter, by name.
 *
 * How grave each is, whom it concerns and whether it is a state or an event stands in the database
 * (alarm_kind); which of them keep power off until a person has looked, in the settings.
 */
#ifndef MODEL_ALARM_H
#define MODEL_ALARM_H

#include <stdint.h>

enum alarm {
	ALARM_COVER_OPEN,
	ALARM_TERMINAL_OPEN,
	ALARM_MAGNETIC_FIELD,
	ALARM_RELAY_WELDED, /* it should be open, and current flows */
	ALARM_RELAY_MOVED,  /* by nobody's order of ours */
	ALARM_REVERSE_ENERGY,
	ALARM_PHASE_ORDER, /* reversed wiring */
	ALARM_VOLTAGE_LOSS,
	ALARM_CURRENT_LOSS,
	ALARM_OVER_CURRENT,
	ALARM_OVERLOAD,
	ALARM_NEUTRAL_CURRENT, /* not what the phase carries */
	ALARM_BATTERY_LOW,
	ALARM_METER_FAULT,
	ALARM_USED_WHILE_OFF, /* from here on: from what is in the books, not from the meter */
	ALARM_UNUSED,
	ALARM_CREDIT_UNEXPLAINED,
	ALARM_LOSS,
	ALARMS
};

#define ALARM_BIT(a) (UINT32_C(1) << (a))

const char *alarm_name(enum alarm a);     /* "cover_open": also the name in the database */
enum alarm alarm_parse(const char *name); /* ALARMS for any other word */

/* The next name of a list with blanks between, or NULL; *list moves on.  At most `room` bytes. */
const char *alarm_word(const char **list, char *out, int room);

#endif
