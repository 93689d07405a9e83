#include "model/alarm.h"

#include <stdio.h>
#include <string.h>

static const char *const names[ALARMS] = {
    [ALARM_COVER_OPEN] = "cover_open",
    [ALARM_TERMINAL_OPEN] = "terminal_open",
    [ALARM_MAGNETIC_FIELD] = "magnetic_field",
    [ALARM_RELAY_WELDED] = "relay_welded",
    [ALARM_RELAY_MOVED] = "relay_moved",
    [ALARM_REVERSE_ENERGY] = "reverse_energy",
    [ALARM_PHASE_ORDER] = "phase_order",
    [ALARM_VOLTAGE_LOSS] = "voltage_loss",
    [ALARM_CURRENT_LOSS] = "current_loss",
    [ALARM_OVER_CURRENT] = "over_current",
    [ALARM_OVERLOAD] = "overload",
    [ALARM_NEUTRAL_CURRENT] = "neutral_current",
    [ALARM_BATTERY_LOW] = "battery_low",
    [ALARM_METER_FAULT] = "meter_fault",
    [ALARM_USED_WHILE_OFF] = "used_while_off",
    [ALARM_UNUSED] = "unused",
    [ALARM_CREDIT_UNEXPLAINED] = "credit_unexplained",
    [ALARM_LOSS] = "loss",
};

const char *
alarm_name(enum alarm a)
{
	return a < ALARMS ? names[a] : "?";
}

enum alarm
alarm_parse(const char *name)
{
	for (int a = 0; a < ALARMS; a++)
		if (strcmp(names[a], name) == 0)
			return (enum alarm)a;
	return ALARMS;
}

const char *
alarm_word(const char **list, char *out, int room)
{
	int len;

	*list += strspn(*list, " ");
	len = (int)strcspn(*list, " ");
	if (len == 0)
		return NULL;
	snprintf(out, (size_t)room, "%.*s", len, *list);
	*list += len;
	return out;
}
