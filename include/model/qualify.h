/*
 * qualify -- what a meter does with the same purchase twice, asked of one on the bench.
 *
 *	counted    first, again, ahead, reconnect, power
 *	order_no   first, again, other, again other, reconnect, power
 *
 * `first` and `other` must be taken, once; everything else must be refused and change nothing:
 * the same again, a count too high, the same in a new connection and after it was without
 * supply.  Only then does its profile and model get the class (reliability.md B.3).  What a meter
 * says counts here, as it does not for money: one that says yes to the same twice is not trusted
 * even if nothing was added.
 */
#ifndef MODEL_QUALIFY_H
#define MODEL_QUALIFY_H

#include "model/task.h"

#include <stddef.h>

enum qualify_stage {
	QUALIFY_FIRST,
	QUALIFY_AGAIN,
	QUALIFY_AHEAD,
	QUALIFY_OTHER,
	QUALIFY_AGAIN_OTHER,
	QUALIFY_RECONNECT,
	QUALIFY_POWER,
	QUALIFY_STAGES,
};
const char *qualify_stage_name(enum qualify_stage s);
enum qualify_stage qualify_stage_parse(const char *name); /* QUALIFY_STAGES for any other word */
/* The one after it; QUALIFY_STAGES: that was all. */
enum qualify_stage qualify_next(enum qualify_stage s, bool counted);
bool qualify_takes(enum qualify_stage s); /* what is sent must be taken */

enum qualify_verdict {
	QUALIFY_PASSED,
	QUALIFY_REPEAT, /* it proves nothing: once more */
	QUALIFY_NONE,   /* it is shown not to be safe */
	QUALIFY_STOP,   /* nothing can be shown of it */
};
const char *qualify_verdict_name(enum qualify_verdict v);

/* The look before, what was said to the order, the look behind it.  `why` gets a sentence. */
enum qualify_verdict qualify_judge(enum qualify_stage s, int64_t credit_minor,
    const struct answer *before, const struct answer *said, const struct answer *after, char *why,
    size_t room);

#endif
