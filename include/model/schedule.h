/*
 * schedule -- how often something is done, by the profile of a meter.
 *
 *	"1h"                     all of them
 *	"1h, remote 15m"         those of one profile more often than the others
 *	""                       never
 */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include <stdint.h>

struct err;

/* *every_us is 0 for never.  ERR_INPUT says what is wrong with the text. */
int schedule_every(const char *text, const char *profile, int64_t *every_us, struct err *e);
/* How long until its next turn: each at a place of its own, the same after a restart. */
int64_t schedule_next(int64_t every_us, int64_t id, int64_t now_us);

#endif
