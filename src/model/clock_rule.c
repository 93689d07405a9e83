#include "model/clock_rule.h"

#include "model/calendar.h"

#define MINUTE_US INT64_C(60000000)
#define DAY_US    (1440 * MINUTE_US)
#define MARGIN_US (10 * MINUTE_US) /* meters refuse five minutes around midnight */
#define STEP_US   (5 * MINUTE_US)
#define CAST_US   (285 * INT64_C(1000000)) /* five minutes, less what the line takes */

static bool
near_midnight(const struct calendar *zone, int64_t at_us)
{
	return at_us - calendar_midnight_before(zone, at_us) < MARGIN_US ||
	       calendar_midnight_after(zone, at_us) - at_us < MARGIN_US;
}

/* From what the meter shows to what is right: no midnight between, and none near. */
static bool
good_time(const struct calendar *zone, int64_t skew_us, int64_t now_us)
{
	return !near_midnight(zone, now_us) && !near_midnight(zone, now_us + skew_us) &&
	       calendar_day(zone, now_us) == calendar_day(zone, now_us + skew_us);
}

/* The next time today or tomorrow that is good; 0: there is none, it is off by too much. */
static int64_t
next_good_time(const struct calendar *zone, int64_t skew_us, int64_t now_us)
{
	for (int64_t in_us = STEP_US; in_us <= DAY_US; in_us += STEP_US)
		if (good_time(zone, skew_us, now_us + in_us))
			return in_us;
	return 0;
}

enum clock_deed
clock_rule(const struct calendar *zone, const struct clock_state *s, int64_t skew_us,
    int64_t now_us, int64_t *wait_us)
{
	int64_t off_us = skew_us < 0 ? -skew_us : skew_us;
	bool small = off_us <= CAST_US;

	*wait_us = DAY_US;
	if (off_us <= s->tolerance_us)
		return CLOCK_LEAVE;
	if (!(small && s->may_cast) && !s->may_write)
		return CLOCK_WAIT;
	if (!good_time(zone, skew_us, now_us)) {
		int64_t in_us = next_good_time(zone, skew_us, now_us);

		if (in_us != 0 || near_midnight(zone, now_us)) {
			*wait_us = in_us != 0 ? in_us : 2 * MARGIN_US;
			return CLOCK_WAIT;
		}
	}
	if (small && s->may_cast)
		return CLOCK_CAST;
	return CLOCK_WRITE;
}
