/*
 * fleet -- all meters of one simulator, the wires they hang on, and how they are described.
 *
 * A file of meters has one meter a line, words of the form key=value; `#` begins a remark:
 *
 *	address=000000000017 link=direct profile=remote watts=800
 *	address=000000000018 link=dtu:BLOCK7 profile=wallet-esam credit_minor=5000 opened=yes
 *
 * address comes first; link is direct (preset), dtu:NAME or sleep:SECONDS; the other keys are
 * the settings of sim/vmeter.h.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "sim/fault.h"
#include "sim/vmeter.h"
#include "sim/wire.h"

struct err;
struct fleet;

struct fleet *fleet_new(
    const struct wire_conf *conf, const struct vmeter_world *world, uint64_t seed);
void fleet_free(struct fleet *f);

/* key=value, given to every meter added later; and a fault. */
int fleet_preset(struct fleet *f, const char *pair, struct err *e);
int fleet_preset_fault(struct fleet *f, const char *pair, struct err *e);

int fleet_add_line(struct fleet *f, const char *line, struct err *e);
int fleet_add_file(struct fleet *f, const char *path, struct err *e);
int fleet_add_many(
    struct fleet *f, const char *first, int64_t n, const char *profile, struct err *e);
/* A second connection for a meter that is there: the same meter, heard and answering on both. */
int fleet_clone(struct fleet *f, const char *address, struct err *e);

void fleet_start(struct fleet *f); /* all dial out, spread over a moment */
/* A meter that is put up later; it dials at once. */
int fleet_join(struct fleet *f, const char *line, struct err *e);

struct unit *fleet_find(const struct fleet *f, const char *address);
size_t fleet_count(const struct fleet *f);
struct unit *fleet_at(const struct fleet *f, size_t i);
size_t fleet_connected(const struct fleet *f);
void fleet_drop(struct fleet *f, const struct unit *u); /* cuts every wire it hangs on */
void fleet_network(struct fleet *f, bool on);           /* that of all of them */

#endif
