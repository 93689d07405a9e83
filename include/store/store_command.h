/*
 * store_command -- the queue of commands, and the deliveries some of them carry.
 */
#ifndef STORE_STORE_COMMAND_H
#define STORE_STORE_COMMAND_H

#include "model/command.h"
#include "model/delivery.h"
#include "store/db.h"

enum command_kind {
	COMMAND_READ,
	COMMAND_RELAY,
	COMMAND_CREDIT,
	COMMAND_COMMISSION,
	COMMAND_PUSH,
	COMMAND_QUALIFY,
};

/* One that was claimed: it is ours until it is moved, under this epoch. */
struct claimed {
	int64_t id, endpoint_id, epoch, meter_id;
	enum command_kind kind;
	enum command_state was; /* WAITING: to be done; UNSURE: to be read back first */
	int attempts;
	struct task task;     /* READ, RELAY */
	enum refusal refusal; /* what the meter denied last, if anything */
	struct delivery delivery;
	bool planned;     /* the delivery has its purchase count */
	const char *json; /* PUSH, QUALIFY: what is wanted; only while it is being told */
};

/* Steps on the way, with the frames: history rows. */
struct steps {
	struct db_column at, step, text, frame;
};
void steps_add(
    struct steps *s, int64_t at_us, const char *step, const char *text, struct span frame);
void steps_clear(struct steps *s);

typedef void store_claimed_fn(const struct claimed *c, void *arg); /* once for each */
typedef void store_claims_done_fn(const struct err *e, void *arg); /* once, last */
void store_command_claim(struct db *db, struct db_column *endpoints, struct db_column *epochs,
    struct db_column *quiet, const char *node, bool trips_ok, int64_t now_us,
    store_claimed_fn *each, store_claims_done_fn *fn, void *arg);

struct move {
	enum command_event event;
	int64_t due_us;      /* when to look at it again; 0: leave it */
	const char *outcome; /* in words; NULL */
	enum refusal refusal;
	bool has_status;
	uint32_t status;
};
/* moved is false when the command is no longer ours. */
typedef void store_moved_fn(bool moved, const struct err *e, void *arg);
void store_command_move(struct db *db, const struct claimed *c, const struct move *m,
    struct steps *steps, int64_t now_us, store_moved_fn *fn, void *arg);
typedef void store_due_fn(int64_t endpoint_id, void *arg);
/* `working`: the commands this process has in hand; others it sent become unsure. */
void store_command_due(struct db *db, const char *node, struct db_column *working, int64_t now_us,
    store_due_fn *each, void *arg);

/* SETTLING: a copy of the one before may still be on its way (reliability.md B.3). */
enum planned { PLANNED_INTENT, PLANNED_REVIEW, PLANNED_SETTLING, PLANNED_GONE };
struct reserved {
	uint32_t purchase;
	int64_t order_no;
};
typedef void store_planned_fn(
    enum planned p, const struct reserved *r, const struct err *e, void *arg);
void store_delivery_plan(struct db *db, const struct claimed *c, const struct answer *seen,
    int64_t settle_us, int64_t now_us, store_planned_fn *fn, void *arg);
void store_delivery_sent(struct db *db, const struct claimed *c, int64_t now_us);
/* state is what the delivery is in afterwards: 'A'PPLIED, 'V'ERIFYING, 'R'EVIEW, or 0: the
 * evidence was not accepted (another epoch, a connection in doubt). */
typedef void store_evidence_fn(char state, const struct err *e, void *arg);
void store_delivery_evidence(struct db *db, const struct claimed *c, const char *node,
    const struct answer *seen, enum verdict v, const char *why, struct db_column *frames,
    int64_t now_us, store_evidence_fn *fn, void *arg);
void store_commissioned(struct db *db, const struct claimed *c, const struct answer *seen,
    int64_t now_us, store_moved_fn *fn, void *arg);

/* How far a push has got: a row of meter_parameter. */
struct push_news {
	const char *state, *why;
	int64_t switch_us; /* 0: as it is */
	int64_t look_us;   /* 0: this command goes on */
	int failed;        /* refusals it counts for */
	const char *found; /* it was done, and the meter was found otherwise; NULL */
};
void store_push_note(
    struct db *db, const struct claimed *c, const struct push_news *n, int64_t now_us);

#endif
