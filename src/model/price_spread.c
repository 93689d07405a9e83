/*
 * From registers to whole Wh in stretches: when, in which band, under which version was it used?
 *
 * A total goes over the time of all bands, a register over the time of its own band only
 * (domain.md 5.12.2).  The parts that share are stretch and band, however many days they are
 * made of: a share for each day would leave a remainder for each day, and the same bands would
 * win it every time.
 *
 * A cut of the interval takes from each part what falls before its end less what falls before
 * its beginning, so cuts that follow each other leave nothing out.
 */
#include "model/price_inside.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_US (INT64_C(3660) * 86400 * 1000000)

void
price_share(int64_t whole, const int64_t *weight, size_t n, int64_t *part)
{
	__int128 all = 0;
	int64_t left = whole;
	bool *got;

	for (size_t i = 0; i < n; i++)
		all += weight[i];
	memset(part, 0, n * sizeof *part);
	if (all == 0) {
		part[0] = whole;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		part[i] = (int64_t)((__int128)whole * weight[i] / all);
		left -= part[i];
	}
	got = mem_new(n * sizeof *got);
	while (left-- > 0) {
		size_t best = n;
		__int128 most = -1;

		for (size_t i = 0; i < n; i++) {
			__int128 rest = (__int128)whole * weight[i] % all;

			if (!got[i] && rest > most) {
				most = rest;
				best = i;
			}
		}
		got[best] = true;
		part[best]++;
	}
	free(got);
}

/* --- stretches --------------------------------------------------------------------------- */

static void
add_stretches(const struct price_book *b, const struct price_tenancy *who,
    const struct price_usage *u, struct price_spread *out)
{
	for (int64_t at = u->from_us; at < u->to_us;) {
		struct price_stretch s = {.from_us = at, .to_us = u->to_us};
		__int128 unused = 0;

		s.span = price_span_at(b, who, at);
		s.version = price_version_at(b, at);
		s.shape = s.version != NULL ? s.version : b->versions[0];
		if (s.span.to_us < s.to_us)
			s.to_us = s.span.to_us;
		if (price_version_until(b, at) < s.to_us)
			s.to_us = price_version_until(b, at);
		price_walk(s.shape, b->calendar, s.from_us, s.to_us, s.active_us, &unused);
		s.fixed_parts = unused;
		out->stretches = mem_more(out->stretches, (out->n + 1) * sizeof *out->stretches);
		out->stretches[out->n++] = s;
		at = s.to_us;
	}
}

/* --- Wh ---------------------------------------------------------------------------------- */

static void
spread_total(struct price_spread *out, int64_t wh)
{
	size_t n = out->n * PRICE_BANDS;
	int64_t *weight = mem_new(2 * n * sizeof *weight), *part = weight + n;

	for (size_t i = 0; i < n; i++)
		weight[i] = out->stretches[i / PRICE_BANDS].active_us[i % PRICE_BANDS];
	price_share(wh, weight, n, part);
	for (size_t i = 0; i < n; i++)
		out->stretches[i / PRICE_BANDS].wh[i % PRICE_BANDS] = part[i];
	free(weight);
}

/* Where its band never was, the meter's clock and ours differ: over all of the time then. */
static void
spread_register(struct price_spread *out, size_t band, int64_t wh)
{
	int64_t *weight = mem_new(2 * out->n * sizeof *weight), *part = weight + out->n;
	bool active = false;

	for (size_t i = 0; i < out->n; i++) {
		weight[i] = out->stretches[i].active_us[band];
		active = active || weight[i] > 0;
	}
	for (size_t i = 0; i < out->n && !active; i++)
		weight[i] = out->stretches[i].to_us - out->stretches[i].from_us;
	out->off_schedule = out->off_schedule || (wh > 0 && !active);
	price_share(wh, weight, out->n, part);
	for (size_t i = 0; i < out->n; i++)
		out->stretches[i].wh[band] = part[i];
	free(weight);
}

/* --- the cut ----------------------------------------------------------------------------- */

/* What of the stretch lies before an instant.  Registers without a band of their own run evenly. */
static void
before(const struct price_book *b, const struct price_stretch *s, int64_t at_us,
    int64_t wh[PRICE_BANDS], __int128 *fixed_parts)
{
	int64_t active[PRICE_BANDS] = {0};

	if (at_us <= s->from_us)
		return;
	if (at_us > s->to_us)
		at_us = s->to_us;
	price_walk(s->shape, b->calendar, s->from_us, at_us, active, fixed_parts);
	for (size_t i = 0; i < PRICE_BANDS; i++) {
		__int128 part = active[i], all = s->active_us[i];

		if (all == 0) {
			part = at_us - s->from_us;
			all = s->to_us - s->from_us;
		}
		wh[i] = (int64_t)(s->wh[i] * part / all);
	}
}

static void
cut(const struct price_book *b, const struct price_usage *u, struct price_stretch *s)
{
	__int128 skipped = 0, taken = 0;

	if (u->cut_to_us == 0 && u->cut_from_us == 0) {
		memcpy(s->upto_wh, s->wh, sizeof s->upto_wh);
		return;
	}
	before(b, s, u->cut_from_us, s->before_wh, &skipped);
	before(b, s, u->cut_to_us, s->upto_wh, &taken);
	s->fixed_parts = taken - skipped;
}

/* --- the usage --------------------------------------------------------------------------- */

static int
check_usage(const struct price_usage *u, struct err *e)
{
	__int128 sum = 0;

	if (u->to_us <= u->from_us)
		return err_set(e, ERR_INPUT, "the interval ends before it begins");
	if (u->to_us - u->from_us > LONGEST_US)
		return err_set(e, ERR_INPUT, "the interval is longer than ten years");
	if (!u->has_total && u->nregisters == 0)
		return err_set(e, ERR_INPUT, "nothing was read");
	if (u->nregisters > PRICE_BANDS)
		return err_set(e, ERR_INPUT, "more than %d registers", PRICE_BANDS);
	for (size_t i = 0; i < u->nregisters; i++) {
		if (u->register_wh[i] < 0)
			return err_set(e, ERR_INPUT, "register %zu runs backwards", i + 1);
		sum += u->register_wh[i];
	}
	if (u->has_total && u->total_wh < 0)
		return err_set(e, ERR_INPUT, "the register runs backwards");
	if (sum > PRICE_MOST || (u->has_total && u->total_wh > PRICE_MOST))
		return err_set(e, ERR_INPUT, "more energy than can be");
	return 0;
}

int
price_spread_usage(const struct price_book *b, const struct price_tenancy *who,
    const struct price_usage *u, struct price_spread *out, struct err *e)
{
	*out = (struct price_spread){0};
	if (check_usage(u, e) < 0)
		return -1;
	add_stretches(b, who, u, out);
	if (u->nregisters == 0)
		spread_total(out, u->total_wh);
	for (size_t i = 0; i < u->nregisters; i++)
		spread_register(out, i, u->register_wh[i]);
	for (size_t i = 0; i < out->n; i++)
		cut(b, u, &out->stretches[i]);
	return 0;
}
