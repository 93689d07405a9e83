/*
 * turn -- one claimed command on one held session, until it is moved.
 *
 * Between dispatch.c, which begins and ends turns, turn.c, which talks through reads and relay
 * orders, credit.c, which talks through the delivery of credit, push.c, which writes settings,
 * and qualify.c, which asks what a meter does with the same credit twice.
 */
#ifndef SERVICE_TURN_H
#define SERVICE_TURN_H

#include "base/loop.h"
#include "service/session.h"
#include "store/store_command.h"

struct dispatch;
struct intake;
struct push;
struct qualify;

struct turn {
	struct turn *next;
	struct dispatch *dispatch;
	struct loop *loop;
	struct db *db;
	struct intake *intake;
	const char *node;
	struct session *session;
	struct meter *meter;
	struct claimed c;
	struct steps steps;
	struct db_column frames; /* of the read-back under way: the evidence */
	struct answer seen;
	int sends;
	struct push *push; /* PUSH */
	struct qualify *qualify;
	int64_t settle_us; /* CREDIT: how long a line may hold back what was sent */
	int64_t audit_us;  /* PUSH: how often what is done is looked at again */
	bool waits_for_db; /* between two statements: a lost session does not end it */
	struct timer later;
};

void turn_begin(struct turn *t);    /* READ, RELAY, COMMISSION */
void credit_begin(struct turn *t);  /* CREDIT */
void push_begin(struct turn *t);    /* PUSH */
void qualify_begin(struct turn *t); /* QUALIFY */

/* Both for session_ask(): note every frame in the history. */
void turn_frame(char dir, struct span frame, int64_t at_us, void *arg);
/* Ends it: moves the command and lets the session go.  Later: when it may be tried again. */
void turn_move(struct turn *t, enum command_event ev, enum refusal refusal, const char *why);
int64_t turn_backoff_us(struct turn *t);
/* The same, tried again at an instant of the caller's. */
void turn_move_at(
    struct turn *t, enum command_event ev, enum refusal refusal, const char *why, int64_t due_us);
/* Something else waits for this connection. */
bool turn_in_the_way(const struct turn *t);
bool refusal_forbids_repeat(enum refusal r);

/* qualify.c; NULL when the JSON is none. */
struct qualify *qualify_new(const char *json);
void qualify_free(struct qualify *k);

/* push.c: what outlives a turn that makes way.  NULL when the JSON is none. */
struct push *push_new(const char *json);
void push_free(struct push *p);
void turn_park(struct turn *t); /* its push goes on with the next claim of the command */

#endif
