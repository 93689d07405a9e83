/*
 * dlt645_talk -- what the three files of the conversation share.
 *
 * dlt645_meter.c goes from step to step, dlt645_ask.c makes the request of a step, dlt645_hear.c
 * reads the answer to it and says where to go next.
 */
#ifndef CODEC_DLT645_TALK_H
#define CODEC_DLT645_TALK_H

#include "codec/dlt645.h"
#include "codec/meter_protocol.h"

struct dlt645_profile;

enum step {
	STEP_CLOCK,
	STEP_DATE, /* meters without the combined clock item */
	STEP_TIME,
	STEP_CLOCK_CAST,
	STEP_CLOCK_WRITE,
	STEP_DATE_WRITE, /* likewise */
	STEP_TIME_WRITE,
	STEP_AUTH,
	STEP_ITEMS,
	STEP_OWED,
	STEP_STATUS_BEFORE,
	STEP_KEEP_END,
	STEP_KEEP_LOOK,
	STEP_ACT,
	STEP_STATUS_AFTER,
	STEP_WALLET,
	STEP_RECORD,
	STEP_FREEZE_TIME,
	STEP_FREEZE_WH,
	STEP_HOUR,
	STEP_PARAMETER_BEFORE,
	STEP_PARAMETER_WRITE,
	STEP_PARAMETER_AFTER,
};

#define DI_TOU      0x0001ff00u /* total and all tariffs in one block */
#define DI_SNAPSHOT 0x028011ffu /* one maker's meters, also unasked (dlt645.md 4.4) */

#define RECORDS 10 /* of purchases, in a meter */

/* dlt645_meter.c */
enum talk_next talk_go(struct talk *t, enum step step, int64_t now_us);
enum talk_next talk_done(struct talk *t, enum err_class class, const char *why);
enum talk_next talk_begin_secured(struct talk *t, int64_t now_us); /* clock is known */
enum talk_next talk_begin_proper(struct talk *t, int64_t now_us);  /* and authenticated */
enum talk_next talk_write(struct talk *t, int64_t now_us);         /* likewise, where needed */

/* dlt645_ask.c */
const struct dlt645_profile *talk_profile(const struct talk *t);
enum talk_next ask_step(struct talk *t, enum step step, int64_t now_us);
enum talk_next ask_part(struct talk *t); /* the next part of a long answer */
uint8_t ask_level(const struct talk *t); /* of the parameter: 98, 99, or 0: password */
enum talk_next ask_signed(struct talk *t, const struct sign_reply *r);

/* dlt645_wallet.c: a wallet that does not tell its count, but records each purchase */
enum talk_next heard_balance(struct talk *t, struct span data, int64_t now_us);
/* The count, as its newest record shows it; UNRELATED: that record is the one that is wanted. */
enum talk_next heard_count(struct talk *t, uint32_t shown, int64_t now_us);
bool wallet_empty(struct span record); /* filled up: nothing was recorded yet */
/* What such an item says of the money; an overdraft is less than nothing. */
bool wallet_balance(uint32_t di, struct span data, int64_t *minor);
int wallet_snapshot(struct span data, int64_t now_us, struct meter_event *ev, int room);

/* dlt645_hear.c */
void keep(struct talk *t, enum reg reg, int64_t value, int64_t now_us);
enum talk_next wallet_read(struct talk *t, int64_t now_us);
enum talk_next hear(struct talk *t, struct span frame, int64_t now_us);

#endif
