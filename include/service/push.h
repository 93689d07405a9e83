/*
 * push -- what the two files of a push share; nobody else includes it.
 *
 * push.c goes from stage to stage, push_item.c asks one item of the meter, and ends a turn.
 */
#ifndef SERVICE_PUSH_H
#define SERVICE_PUSH_H

#include "codec/dlt645_parameters.h"
#include "service/turn.h"

enum stage {
	STAGE_FACTS,
	STAGE_COMPARE,
	STAGE_DISARM,
	STAGE_SPARE,
	STAGE_ARM,
	STAGE_SINGLE,
	STAGE_PRICE,
};

/* What is wanted: a tariff goes by spare set and switch, the others are there once. */
enum push_set { PUSH_TARIFF, PUSH_ALARM, PUSH_LIMIT };

struct push {
	enum push_set set;
	struct meter_tariff tariff;
	struct meter_alarm levels;
	struct meter_limit limit;
	char state[16], why[200];
	int64_t switch_us; /* as it was armed, on the meter's clock; 0: not */
	int failures, rewrites;

	enum stage stage;
	struct dlt645_facts facts;
	unsigned differ; /* groups whose set in force is another */
	enum parameter_group group;
	char found[300]; /* the first difference */
	bool begun;
	struct parameter items[DLT645_PARAMETERS];
	int n, at;
};

/* push.c */
void push_step(struct turn *t); /* the last item is dealt with: what comes next */

/* push_item.c */
bool push_is(const struct push *p, const char *state);
bool push_writes(const struct push *p);       /* in this stage */
int64_t push_now_there(const struct turn *t); /* on the meter's clock */
void push_ask(struct turn *t);                /* items[at]; then push_step() */

/* Each of them ends the turn. */
void push_finish(struct turn *t, const struct push_news *n);
void push_come_back(struct turn *t, const char *why, int64_t in_us);
void push_denied(struct turn *t, enum refusal refusal, const char *why);
void push_not_answered(struct turn *t, const struct err *e);
/* It was so, and is not any more (p->found): somebody hears of it, and it is written again.
 * False when that was done too often, and the turn has ended. */
bool push_found_otherwise(struct turn *t);

#define PUSH_MOST_FAILURES 5

#endif
