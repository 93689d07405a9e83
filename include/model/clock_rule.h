/*
 * clock_rule -- what is to be done about a meter's clock, and when.
 *
 *	off by      what                   when (dlt645.md 1.2, quirk 21)
 *	little      nothing
 *	up to 5 min broadcast 08           once a day, not near midnight
 *	more        write 14, by password  when it jumps over no midnight, if there is such a time
 *
 * A clock that jumps over a midnight leaves the meter without the record of that day, or with two.
 */
#ifndef MODEL_CLOCK_RULE_H
#define MODEL_CLOCK_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct calendar;

enum clock_deed { CLOCK_LEAVE, CLOCK_CAST, CLOCK_WRITE, CLOCK_WAIT };

struct clock_state {
	int64_t tolerance_us; /* less is left alone */
	bool may_cast;        /* none yet today, and it has followed before */
	bool may_write;       /* its password is not known to be wrong */
};

/* skew: the meter's clock less ours.  *wait_us, of CLOCK_WAIT: when to ask again. */
enum clock_deed clock_rule(const struct calendar *zone, const struct clock_state *s,
    int64_t skew_us, int64_t now_us, int64_t *wait_us);

#endif
