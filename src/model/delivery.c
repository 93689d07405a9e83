#include "model/delivery.h"

#include <stdio.h>

/* A record has whole minutes, and a clock may have been set since. */
#define TOLERANCE_US INT64_C(3600000000)

const char *
verdict_name(enum verdict v)
{
	static const char *const names[] = {
	    "applied", "absent", "burnt", "contradictory", "look again"};

	return names[v];
}

/* Count, amount and the balance around it must all be what our purchase leaves behind. */
static enum verdict
judge_record(const struct delivery *d, const struct purchase_record *r, int64_t at_us,
    int64_t now_us, char *why, size_t room)
{
	if (!r->found) {
		snprintf(why, room, "the meter counts %u and keeps no record of it any more",
		    d->purchase);
		return VERDICT_CONTRADICTORY;
	}
	if (r->amount_minor != d->amount_minor) {
		snprintf(why, room, "purchase %u in the meter is of %lld, ours is of %lld",
		    d->purchase, (long long)r->amount_minor, (long long)d->amount_minor);
		return VERDICT_BURNT;
	}
	if (r->after_minor - r->before_minor != r->amount_minor) {
		snprintf(why, room, "the record does not add up: %lld + %lld is not %lld",
		    (long long)r->before_minor, (long long)r->amount_minor,
		    (long long)r->after_minor);
		return VERDICT_CONTRADICTORY;
	}
	if (r->at_us == 0 || at_us < d->planned_us - TOLERANCE_US ||
	    at_us > now_us + TOLERANCE_US) {
		snprintf(why, room,
		    "the record of purchase %u is of another time: %lld s before now", d->purchase,
		    (long long)(now_us - at_us) / 1000000);
		return VERDICT_CONTRADICTORY;
	}
	if (d->base_bought >= 0 && r->bought_minor < d->base_bought + d->amount_minor) {
		snprintf(why, room, "cumulative %lld in the meter is less than %lld and ours",
		    (long long)r->bought_minor, (long long)d->base_bought);
		return VERDICT_CONTRADICTORY;
	}
	snprintf(why, room, "the meter's record of purchase %u is ours", d->purchase);
	return VERDICT_APPLIED;
}

enum verdict
delivery_judge(const struct delivery *d, const struct answer *seen, int64_t clock_skew_us,
    int64_t now_us, char *why, size_t room)
{
	if (!seen->has_count) {
		snprintf(why, room, "no purchase count was read");
		return VERDICT_LOOK_AGAIN;
	}
	if (seen->count + 1 == d->purchase) {
		snprintf(why, room, "the meter still counts %u", seen->count);
		return VERDICT_ABSENT;
	}
	if (seen->count < d->purchase) {
		snprintf(why, room, "the meter counts %u, less than before: swapped or cleared?",
		    seen->count);
		return VERDICT_CONTRADICTORY;
	}
	if (d->opens && d->amount_minor == 0) {
		snprintf(why, room, "the meter counts %u, its account is open", seen->count);
		return VERDICT_APPLIED;
	}
	return judge_record(
	    d, &seen->record, seen->record.at_us - clock_skew_us, now_us, why, room);
}

void
delivery_arrows(FILE *out)
{
	fputs("QUEUED    plan                INTENT     the purchase count is reserved and "
	      "committed\n"
	      "QUEUED    cancel              CANCELLED  nothing was ever sent\n"
	      "QUEUED    count unexplained   REVIEW     card, other head-end, restored database\n"
	      "INTENT    ack, nak, silence   VERIFYING  all of them are hints\n"
	      "VERIFYING record is ours      APPLIED    count, amount and balances fit\n"
	      "VERIFYING one less            VERIFYING  the same count is sent again\n"
	      "VERIFYING record is another's REVIEW     our count was burnt\n"
	      "VERIFYING count went back     REVIEW     swapped or cleared meter\n"
	      "REVIEW    two people          APPLIED | QUEUED | CANCELLED\n",
	    out);
}
