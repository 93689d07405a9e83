#include "model/qualify.h"

#include <stdio.h>
#include <string.h>

static const char *const stages[] = {
    "first", "again", "ahead", "other", "again other", "reconnect", "power", ""};

const char *
qualify_stage_name(enum qualify_stage s)
{
	return stages[s];
}

enum qualify_stage
qualify_stage_parse(const char *name)
{
	int s = 0;

	while (s < QUALIFY_STAGES && strcmp(stages[s], name) != 0)
		s++;
	return (enum qualify_stage)s;
}

enum qualify_stage
qualify_next(enum qualify_stage s, bool counted)
{
	if (s == QUALIFY_AGAIN && !counted)
		return QUALIFY_OTHER;
	if (s == QUALIFY_AHEAD)
		return QUALIFY_RECONNECT;
	return (enum qualify_stage)(s + 1);
}

bool
qualify_takes(enum qualify_stage s)
{
	return s == QUALIFY_FIRST || s == QUALIFY_OTHER;
}

const char *
qualify_verdict_name(enum qualify_verdict v)
{
	static const char *const names[] = {"passed", "once more", "not safe", "given up"};

	return names[v];
}

static int64_t
bought(const struct answer *a)
{
	return a->record.found ? a->record.bought_minor : 0;
}

static bool
unchanged(const struct answer *before, const struct answer *after)
{
	return after->count == before->count && bought(after) == bought(before) &&
	       after->credit_minor <= before->credit_minor;
}

/* No, because of its number: not for want of a password or of room. */
static bool
knows_it_again(const struct answer *said)
{
	return said->said == SAID_REPEAT ||
	       (said->said == SAID_NO &&
		   (said->refusal == REFUSAL_OTHER || said->refusal == REFUSAL_COUNT));
}

static enum qualify_verdict
judge_taken(int64_t credit_minor, const struct answer *before, const struct answer *said,
    const struct answer *after, char *why, size_t room)
{
	if (unchanged(before, after)) {
		snprintf(why, room, "it takes no credit: %s",
		    said->said == SAID_NO ? refusal_name(said->refusal) : "nothing has come of it");
		return said->said == SAID_NO && said->refusal != REFUSAL_AUTH &&
			       said->refusal != REFUSAL_OTHER
			   ? QUALIFY_STOP
			   : QUALIFY_REPEAT;
	}
	if (!after->record.found) {
		snprintf(why, room, "it counts %u and keeps no record of it", after->count);
		return QUALIFY_NONE;
	}
	if (after->count != before->count + 1 || after->record.amount_minor != credit_minor ||
	    bought(after) != bought(before) + credit_minor) {
		snprintf(why, room,
		    "one order of %lld: its count went from %u to %u, and %lld came in",
		    (long long)credit_minor, before->count, after->count,
		    (long long)(bought(after) - bought(before)));
		return QUALIFY_NONE;
	}
	snprintf(why, room, "taken: its record shows it as purchase %u", after->count);
	return QUALIFY_PASSED;
}

enum qualify_verdict
qualify_judge(enum qualify_stage s, int64_t credit_minor, const struct answer *before,
    const struct answer *said, const struct answer *after, char *why, size_t room)
{
	if (!before->has_count || !after->has_count) {
		snprintf(why, room, "it keeps no record of purchases: nothing could prove one");
		return QUALIFY_NONE;
	}
	if (qualify_takes(s))
		return judge_taken(credit_minor, before, said, after, why, room);
	if (!unchanged(before, after)) {
		snprintf(why, room, "it took %s: its count went from %u to %u, and %lld came in",
		    s == QUALIFY_AHEAD ? "a count too high" : "the same a second time",
		    before->count, after->count, (long long)(bought(after) - bought(before)));
		return QUALIFY_NONE;
	}
	if (knows_it_again(said)) {
		snprintf(why, room, "refused, and nothing has changed");
		return QUALIFY_PASSED;
	}
	if (said->said == SAID_YES) {
		snprintf(why, room, "it says yes to what it must refuse, though nothing was added");
		return QUALIFY_NONE;
	}
	snprintf(why, room, "nothing has changed, and it has not said no: %s",
	    said->said == SAID_NO ? refusal_name(said->refusal) : "no answer");
	return QUALIFY_REPEAT;
}
