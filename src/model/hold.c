#include "model/hold.h"

#include <stddef.h>
#include <string.h>

static const char *const names[HOLD_COUNT] = {
    "", "ARREARS", "ADMIN", "MOVE_OUT", "FRAUD", "MAINTENANCE", "SAFETY"};

const char *
hold_name(enum hold h)
{
	return names[h];
}

enum hold
hold_parse(const char *name)
{
	for (int h = HOLD_ARREARS; h < HOLD_COUNT; h++)
		if (strcmp(names[h], name) == 0)
			return (enum hold)h;
	return HOLD_NONE;
}

enum hold
hold_strongest(unsigned holds)
{
	for (int h = HOLD_SAFETY; h > HOLD_NONE; h--)
		if (holds & HOLD_BIT(h))
			return (enum hold)h;
	return HOLD_NONE;
}

bool
hold_beats_temporary(enum hold h)
{
	return h >= HOLD_FRAUD;
}

bool
hold_any_hour(enum hold h)
{
	return h >= HOLD_FRAUD;
}
