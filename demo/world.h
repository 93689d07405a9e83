/*
 * world -- what the story looks at and acts on: the database, the simulated meters, the webhook
 * door, and a sink of its own that takes the notices and checks their signatures.
 */
#ifndef DEMO_WORLD_H
#define DEMO_WORLD_H

#include "base/err.h"
#include "codec/webhook.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct fetcher;
struct http;
struct loop;

struct world {
	struct loop *loop;
	PGconn *db;
	const char *sim_path, *hook_url;
	struct webhook_secret pay_secret, notice_secret;
	struct fetcher *fetcher;
	struct http *sink;
	int64_t start_us, last_event;
	int notices_good, notices_bad;
	int payments_sent, payments_answered;
};

int world_open(struct world *w, const char *conninfo, const char *sink_address, struct err *e);
void world_close(struct world *w);

/* One number from a constant query with up to two text parameters; -1 when there is no row. */
int64_t world_number(struct world *w, const char *sql, const char *a, const char *b);
/* A member of the simulated meter's own state, by its control socket. */
bool world_meter_text(
    struct world *w, const char *address, const char *member, char *out, size_t room);
int64_t world_meter_number(struct world *w, const char *address, const char *member);
bool world_meter_is(struct world *w, const char *address, const char *relay);
void world_meter_set(struct world *w, const char *command);

/* A signed payment; sent again unchanged when `again`. */
void world_pay(struct world *w, const char *account, int64_t minor, const char *payment_no);

/* The live timeline: what the database says happened since last time. */
void world_tell_events(struct world *w);
void world_say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The six times of a payment and the total; false while any is missing. */
bool world_payment_complete(struct world *w, const char *payment_no, bool print);

#endif
