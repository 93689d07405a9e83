/*
 * Wallets without a security chip (dlt645.md 4.4): what they hold is in an item of its own, and
 * how often they were filled only in the record each purchase leaves behind (0333).
 *
 * Such a record shows its count modulo 10 000; the whole one is that which is nearest to the one
 * that is wanted.  A meter that refuses the record has no count, and no credit is sent to it.
 */
#include "codec/dlt645_items.h"
#include "codec/dlt645_profile.h"
#include "codec/dlt645_talk.h"

#define SHOWN INT64_C(10000)

#define SNAPSHOT_TOTAL 43 /* 028011FF: where the first energy counter stands */

bool
wallet_balance(uint32_t di, struct span data, int64_t *minor)
{
	int64_t overdraft = 0;

	if (data.len < 4 || bcd_get(span_of(data.bytes, 4), minor) < 0)
		return false;
	if (di == DI_SNAPSHOT &&
	    (data.len < 8 || bcd_get(span_of(data.bytes + 4, 4), &overdraft) < 0))
		return false;
	*minor -= overdraft;
	return true;
}

enum talk_next
heard_balance(struct talk *t, struct span data, int64_t now_us)
{
	if (!wallet_balance(t->di, data, &t->answer.credit_minor))
		return talk_done(t, ERR_RETRY, "the balance cannot be read");
	keep(t, REG_CREDIT, t->answer.credit_minor, now_us);
	t->index = 1;
	return talk_go(t, STEP_RECORD, now_us);
}

bool
wallet_empty(struct span record)
{
	for (size_t i = 0; i < record.len; i++)
		if (record.bytes[i] != 0xff)
			return false;
	return record.len > 0;
}

static uint32_t
whole_count(int64_t near, int64_t shown)
{
	int64_t below = near - near % SHOWN + shown;

	if (below > near + SHOWN / 2 && below >= SHOWN)
		below -= SHOWN;
	else if (below < near - SHOWN / 2)
		below += SHOWN;
	return (uint32_t)below;
}

enum talk_next
heard_count(struct talk *t, uint32_t shown, int64_t now_us)
{
	struct answer *a = &t->answer;
	uint32_t wanted = t->task->purchase;

	a->count = whole_count(wanted, shown);
	a->has_count = true;
	keep(t, REG_PURCHASES, a->count, now_us);
	if (a->count == 0 || a->count < wanted)
		return wallet_read(t, now_us);
	t->index = wanted == 0 ? 1 : (int)(a->count - wanted) + 1;
	if (t->index == 1)
		return TALK_UNRELATED;
	return t->index > RECORDS ? wallet_read(t, now_us) : talk_go(t, STEP_RECORD, now_us);
}

int
wallet_snapshot(struct span data, int64_t now_us, struct meter_event *ev, int room)
{
	int64_t value;
	int n = 0;

	if (n < room && wallet_balance(DI_SNAPSHOT, data, &value))
		ev[n++] = (struct meter_event){
		    EVENT_READING, {0, now_us, REG_CREDIT, value}
                };
	if (n < room && data.len >= SNAPSHOT_TOTAL + 4 &&
	    bcd_get(span_of(data.bytes + SNAPSHOT_TOTAL, 4), &value) == 0)
		ev[n++] = (struct meter_event){
		    EVENT_READING, {0, now_us, REG_TOTAL_WH, value * 10}
                };
	if (n == 0 && room > 0)
		ev[n++] = (struct meter_event){.kind = EVENT_ALIVE};
	return n;
}
