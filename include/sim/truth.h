/*
 * truth -- what the meters did, one JSON object a line, whatever they may say on the wire.
 *
 *	{"t_us":1795161600000000,"meter":"000000000017","event":"credit","count":3, ...}
 *
 *	credit     count amount_minor before_minor after_minor
 *	lost       count amount_minor: the count was kept, the money was not
 *	open       customer count: the account; its money follows as a credit
 *	refused    function bits
 *	relay      from to by: "1C op 0000002a", "self", "self, load", "button"
 *	trip_self  credit_minor overdraft_minor
 *	overload   watts limit_watts count trips
 *	warn       level credit_minor
 *	freeze     day energy_wh
 *	hour       at_us energy_wh: by the clock of the meter, at a full hour
 *	load       watts energy_wus t_wus relay power: what flows from now on, and what the
 *	           registers hold, in watt-microseconds; at the start and whenever it is set
 *	power      on
 *	boot       boots
 *	tamper     what
 *	frame_in, frame_out    hex, when asked for
 *
 * A line is one write(), done before the answer leaves.  t_us is when it happened, which may be
 * a little before the line was written.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include <stdint.h>

struct err;
struct truth;

struct truth *truth_open(const char *path, struct err *e); /* appends */
void truth_close(struct truth *t);
/* A vmeter_tell_fn; arg is the struct truth. */
void truth_tell(void *arg, int64_t t_us, const char *meter, const char *event, const char *fields);

#endif
