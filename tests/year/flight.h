/*
 * flight -- what this process has sent to itself and not yet read.
 *
 * The meters and the head-end of a year live in one process and talk over real sockets.  The
 * clock may move only when nobody owes an answer, and whoever holds no bytes owes none: what
 * else is to be done is a timer of the loop, and the database answers in step.  So the calls
 * that move bytes (connect, accept4, read, write and their kin) pass through flight.c on their
 * way to the C library, which counts for each connection between two of our own sockets what
 * went in at one end and came out at the other.  Connections that leave the process, such as
 * the database's, are not counted.
 *
 * Order matters as much as silence: flight_none() returns only when all that was sent lies at
 * the reading end, so that the next look at the sockets finds everything, in the order in which
 * it was sent, however busy the machine is.
 */
#ifndef YEAR_FLIGHT_H
#define YEAR_FLIGHT_H

#include <stdbool.h>

/* Nothing is under way; for loop_virtual_run().  arg is not looked at. */
bool flight_none(void *arg);
/* What is under way, a line a connection, to stderr: for whoever waits in vain. */
void flight_print(void);

#endif
