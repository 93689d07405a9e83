/*
 * vmeter -- a meter that does not exist, exact to the watt-microsecond.
 *
 *	registers   total and four tariffs, frozen at its own midnight, settled on the 1st
 *	money       with a wallet: its own prices, its own credit, cuts itself off
 *	relay       closed | open | permitted (open, waiting for the button)
 *	clock       its own, with an offset and a drift, in the zone of its world
 *
 * Time is an argument everywhere.  vmeter_run() brings the meter to an instant piece by piece,
 * each piece ending where something happens (a tariff changes, the credit is used up, midnight
 * strikes), so what is reached does not depend on how often it was asked.
 *
 * A truth is told through the world before the answer that would let anybody else know it.
 * Nothing here knows a socket: a story hands bytes to vmeter_hear() and takes the answer.
 */
#ifndef SIM_VMETER_H
#define SIM_VMETER_H

#include "base/buf.h"
#include "sim/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct calendar;
struct err;
struct vmeter;

/* fields: the inside of a JSON object, `"count":3,"amount_minor":500`, or "". */
typedef void vmeter_tell_fn(
    void *arg, int64_t t_us, const char *meter, const char *event, const char *fields);

/* What all meters share; borrowed, must outlive them. */
struct vmeter_world {
	const struct calendar *zone;
	uint8_t master[32];   /* of the security chips and the signer */
	vmeter_tell_fn *tell; /* NULL: nobody listens */
	void *tell_arg;
	bool tell_frames;
};

struct vmeter *vmeter_new(
    const struct vmeter_world *world, const char *address, uint64_t seed, int64_t now_us);
void vmeter_free(struct vmeter *v);

/* One setting by its name, as in the file of meters: "watts" "500". */
int vmeter_set(
    struct vmeter *v, const char *name, const char *value, int64_t now_us, struct err *e);

/* Tells what flows; from here on its load is in the truth. */
void vmeter_begin(struct vmeter *v, int64_t now_us);
void vmeter_run(struct vmeter *v, int64_t now_us);
/* The next instant at which it would do something by itself; INT64_MAX for never. */
int64_t vmeter_next_us(const struct vmeter *v);

/* Every whole frame in `bytes` that is addressed to it, answered in turn into *reply.  Nothing
 * is kept of a frame that is not whole: the line in front of it gathers bytes. */
void vmeter_hear(struct vmeter *v, int64_t now_us, struct span bytes, struct buf *reply);
/* The unasked 91 with DI 80808080 of a meter that dials out itself (dlt645.md 5.1); of a plain
 * wallet now and then what it shows, 028011FF. */
void vmeter_heartbeat(struct vmeter *v, int64_t now_us, struct buf *out);

/* What people and weather do to it. */
bool vmeter_button(struct vmeter *v, int64_t now_us); /* false: it was not waiting for it */
/* Credit from somebody else's vending system or handheld: the next count, and in its records.
 * false: it keeps no credit, or its account is not open. */
bool vmeter_topup(struct vmeter *v, int64_t now_us, int64_t amount_minor);
void vmeter_cover(struct vmeter *v, int64_t now_us, bool terminal, bool opened);
/* By its name ("magnet", "weld"); -1 and *e when there is none such. */
int vmeter_tamper(struct vmeter *v, int64_t now_us, const char *what, bool begins, struct err *e);
/* The unasked 91 with its report (dlt645.md 2.7), as long as there is something in it. */
void vmeter_report(struct vmeter *v, int64_t now_us, struct buf *out);
void vmeter_power(struct vmeter *v, int64_t now_us, bool on);
void vmeter_reboot(struct vmeter *v, int64_t now_us);

const char *vmeter_address(const struct vmeter *v);
struct faults *vmeter_faults(struct vmeter *v);
uint64_t *vmeter_dice(struct vmeter *v);
bool vmeter_awake(const struct vmeter *v, int64_t now_us); /* has supply and is not restarting */
/* How often it has restarted or lost supply: its connection does not survive that. */
uint32_t vmeter_boots(const struct vmeter *v);

/* Appends one JSON object with all there is to judge by. */
void vmeter_state(struct vmeter *v, int64_t now_us, struct buf *json);

#endif
