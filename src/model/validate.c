#include "model/validate.h"

#include "base/err.h"
#include "model/meter.h"

#include <stdarg.h>
#include <stdio.h>

#define SECOND INT64_C(1000000)
#define SPARE  1000 /* Wh that any interval may have, for clocks are not exact */

int64_t
validate_delta(int64_t before, int64_t after, int64_t wraps_wh)
{
	return after >= before ? after - before : after - before + wraps_wh;
}

static void __attribute__((format(printf, 2, 3))) hold(struct validation *v, const char *fmt, ...)
{
	va_list ap;

	if (v->is == READING_HELD)
		return; /* the first reason stands */
	v->is = READING_HELD;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof v->why, fmt, ap);
	va_end(ap);
}

static bool
has_bands(const struct registers *r)
{
	for (int i = 1; i < REGISTERS; i++)
		if (r->wh[i] < 0)
			return false;
	return true;
}

static void
look_alone(const struct validate_meter *m, const struct registers *now, int64_t now_us,
    struct validation *v)
{
	for (int i = 0; i < REGISTERS; i++) {
		if (now->wh[i] == NO_WH && i > 0)
			continue;
		if (now->wh[i] < 0 || now->wh[i] >= m->wraps_wh)
			hold(v, "register %d is outside its range: %lld of %lld Wh", i,
			    (long long)now->wh[i], (long long)m->wraps_wh);
	}
	if (now->at_us > now_us + m->late_us)
		hold(v, "its time is %lld s in the future",
		    (long long)((now->at_us - now_us) / SECOND));
}

/* What may have been used at most, with a fifth to spare. */
static int64_t
most_wh(const struct validate_meter *m, int64_t us)
{
	__int128 wh = (__int128)m->most_watts * us / (3600 * (__int128)SECOND);

	return (int64_t)(wh + wh / 5) + SPARE;
}

/* Most is in what the meter counts, before its multiplier. */
static void
move(const struct validate_meter *m, int64_t before, int64_t after, int64_t most,
    enum validate_as as, int64_t *delta, struct validation *v)
{
	struct err e;

	if (as != AS_IT_IS)
		most = m->wraps_wh;
	*delta = 0;
	if (as == AS_ROLLED_OVER && after < before)
		*delta = validate_delta(before, after, m->wraps_wh);
	else if (register_delta(before, after, m->wraps_wh, most, delta, &e) < 0)
		hold(v, "%s: swapped or reset?", e.text);
	v->rolled_over = v->rolled_over || (after < before && v->is != READING_HELD);
}

static int64_t
band_sum(const int64_t delta_wh[REGISTERS])
{
	int64_t sum = 0;

	for (int i = 1; i < REGISTERS; i++)
		sum += delta_wh[i];
	return sum;
}

bool
validate_bands_fit(const int64_t delta_wh[REGISTERS], int64_t unit_wh)
{
	int64_t sum = band_sum(delta_wh), most = unit_wh * (REGISTERS - 1);

	return sum - delta_wh[0] <= most && delta_wh[0] - sum <= most;
}

static void
move_bands(const struct validate_meter *m, const struct registers *before,
    const struct registers *now, int64_t most, enum validate_as as, struct validation *v)
{
	for (int i = 1; i < REGISTERS; i++)
		move(m, before->wh[i], now->wh[i], most, as, &v->delta_wh[i], v);
	if (v->is != READING_HELD && !validate_bands_fit(v->delta_wh, m->unit_wh))
		hold(v, "the bands moved by %lld Wh, the total by %lld",
		    (long long)band_sum(v->delta_wh), (long long)v->delta_wh[0]);
}

/* A person has spoken of the reading, and what is billed is its total: bands that cannot be are
 * left out, and do not hold it again. */
static void
look_at_bands(const struct validate_meter *m, const struct registers *before,
    const struct registers *now, int64_t most, enum validate_as as, struct validation *v)
{
	struct validation banded = *v;

	banded.banded = true;
	move_bands(m, before, now, most, as, &banded);
	if (banded.is != READING_HELD || as == AS_IT_IS)
		*v = banded;
}

struct validation
validate_reading(const struct validate_meter *m, const struct registers *before,
    const struct registers *now, enum validate_as as, int64_t now_us)
{
	struct validation v = {
	    .delta_wh = {0, NO_WH, NO_WH, NO_WH, NO_WH}
        };
	int64_t most;

	look_alone(m, now, now_us, &v);
	if (before == NULL || v.is == READING_HELD)
		return v;
	if (now->at_us <= before->at_us) {
		v.is = now->at_us == before->at_us ? READING_SAME : READING_OLDER;
		return v;
	}
	most = most_wh(m, now->at_us - before->at_us) / m->multiplier + m->unit_wh;
	move(m, before->wh[0], now->wh[0], most, as, &v.delta_wh[0], &v);
	if (has_bands(before) && has_bands(now))
		look_at_bands(m, before, now, most, as, &v);
	return v;
}
