/*
 * fleet_control -- the hand on the fleet: a unix socket, one command a line, one JSON line back.
 *
 *	list                              {"meters":["000000000017",...]}
 *	state ADDRESS                     the whole state of a meter
 *	stats                             {"meters":..,"connected":..}
 *	set ADDRESS|all NAME VALUE        any setting of sim/vmeter.h
 *	fault ADDRESS|all NAME [AMOUNT]   NAME "off" clears; AMOUNT as in sim/fault.h
 *	add WORDS                         another meter, as a line of sim/fleet.h
 *	button|reboot|drop|clone ADDRESS
 *	cover ADDRESS [meter|terminal] [open|close]
 *	power ADDRESS off|on
 *	network off|on                    all connections, at once and without a goodbye
 *	signer ok|slow MS|silent|wrong|error
 *	quit
 *
 * {"ok":true} where there is nothing to say, {"error":"words"} otherwise.
 */
#ifndef SIM_FLEET_CONTROL_H
#define SIM_FLEET_CONTROL_H

struct buf;
struct err;
struct fleet;
struct fleet_control;
struct loop;
struct test_signer;

struct fleet_control *fleet_control_new(struct loop *loop, const char *path, struct fleet *fleet,
    struct test_signer *signer, struct err *e); /* path and signer may be NULL */
/* One such line without a socket: path was NULL.  The answer is JSON as above, or none. */
int fleet_control_do(struct fleet_control *c, const char *line, struct buf *answer, struct err *e);
void fleet_control_free(struct fleet_control *c);

#endif
