/*
 * Which version and which tier period an instant belongs to.
 *
 * Periods are computed from the time stamp, never kept: there is no job that could miss a reset.
 * When a version brings another kind of period, the old one goes on until the new one's own first
 * boundary (domain.md 5.12.9), so no boundary is ever skipped and none is invented.
 */
#include "model/price_inside.h"

#include "model/calendar.h"

#include <string.h>

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- versions ---------------------------------------------------------------------------- */

const struct price_version *
price_version_at(const struct price_book *b, int64_t at_us)
{
	const struct price_version *found = NULL;

	for (size_t i = 0; i < b->n && b->versions[i]->effective_from_us <= at_us; i++)
		found = b->versions[i];
	return found;
}

int64_t
price_version_until(const struct price_book *b, int64_t at_us)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->versions[i]->effective_from_us > at_us)
			return b->versions[i]->effective_from_us;
	return INT64_MAX;
}

/* --- the boundaries of one rule ------------------------------------------------------------ */

/* The boundary of the month (CYCLE, MONTH) or year that `at` lies in, n of them later. */
static int64_t
boundary(const struct calendar *c, const struct price_period *p, int64_t at_us, int n)
{
	struct civil t = calendar_civil(c, at_us), b = {.year = t.year, .month = 1, .day = 1};

	if (p->kind == PRICE_YEAR) {
		b.year += n;
		return calendar_instant(c, &b);
	}
	b.month = t.month + n; /* carries over */
	if (p->kind == PRICE_CYCLE) {
		b.day = p->day;
		b.hour = p->hour;
	}
	return calendar_instant(c, &b);
}

static int64_t
boundary_before(const struct calendar *c, const struct price_period *p, int64_t at_us)
{
	int64_t here = boundary(c, p, at_us, 0);

	return here <= at_us ? here : boundary(c, p, at_us, -1);
}

static int64_t
boundary_after(const struct calendar *c, const struct price_period *p, int64_t at_us)
{
	int64_t here = boundary(c, p, at_us, 0);

	return here > at_us ? here : boundary(c, p, at_us, 1);
}

static bool
same_rule(const struct price_period *a, const struct price_period *b)
{
	return a->kind == b->kind &&
	       (a->kind != PRICE_CYCLE || (a->day == b->day && a->hour == b->hour));
}

/* --- the rule in force ------------------------------------------------------------------- */

/* A later version that wants yet another rule before this one's first boundary takes its place. */
static bool
overtaken(const struct price_book *b, size_t i, int64_t begins_us)
{
	for (size_t j = i + 1; j < b->n && b->versions[j]->effective_from_us <= begins_us; j++)
		if (!same_rule(&b->versions[j]->period, &b->versions[i]->period))
			return true;
	return false;
}

static struct price_period
rule_at(const struct price_book *b, int64_t at_us, struct price_span *holds)
{
	struct price_period rule = b->versions[0]->period;

	*holds = (struct price_span){INT64_MIN, INT64_MAX};
	for (size_t i = 1; i < b->n; i++) {
		const struct price_version *v = b->versions[i];
		int64_t begins;

		if (same_rule(&v->period, &rule))
			continue;
		begins = boundary_before(b->calendar, &v->period, v->effective_from_us);
		if (begins < v->effective_from_us)
			begins = boundary_after(b->calendar, &v->period, v->effective_from_us);
		if (overtaken(b, i, begins))
			continue;
		if (begins > at_us) {
			holds->to_us = earlier(holds->to_us, begins);
			break;
		}
		rule = v->period;
		holds->from_us = begins;
	}
	return rule;
}

struct price_span
price_span_at(const struct price_book *b, const struct price_tenancy *who, int64_t at_us)
{
	struct price_span holds, span;
	struct price_period rule = rule_at(b, at_us, &holds);

	span.from_us = later(boundary_before(b->calendar, &rule, at_us), holds.from_us);
	span.to_us = earlier(boundary_after(b->calendar, &rule, at_us), holds.to_us);
	if (who == NULL)
		return span;
	if (who->from_us <= at_us)
		span.from_us = later(span.from_us, who->from_us);
	else
		span.to_us = earlier(span.to_us, who->from_us);
	if (who->to_us > at_us)
		span.to_us = earlier(span.to_us, who->to_us);
	else
		span.from_us = later(span.from_us, who->to_us);
	return span;
}

int
price_period_at(const struct price_book *b, int64_t at_us, int64_t *from_us, int *day)
{
	if (price_version_at(b, at_us) == NULL)
		return -1;
	*from_us = price_span_at(b, NULL, at_us).from_us;
	*day = calendar_civil(b->calendar, *from_us).day;
	return 0;
}

/* --- thresholds -------------------------------------------------------------------------- */

/* By the calendar, so that a day is a day when the clocks change. */
static int64_t
civil_seconds(const struct calendar *c, struct price_span span)
{
	struct civil a = calendar_civil(c, span.from_us), b = calendar_civil(c, span.to_us);
	int64_t shift = (b.hour - a.hour) * 3600 + (b.minute - a.minute) * 60 + b.second - a.second;

	return (price_day_number(&b) - price_day_number(&a)) * 86400 + shift;
}

/* How long the period is, and how long it is by the version's own rule. */
static void
proportion(const struct price_book *b, const struct price_version *v, struct price_span span,
    int64_t *is, int64_t *nominal)
{
	struct price_span own = {0};

	*is = civil_seconds(b->calendar, span);
	*nominal = v->nominal_days * INT64_C(86400);
	if (v->period.kind == PRICE_CYCLE)
		return;
	own.from_us = boundary_before(b->calendar, &v->period, span.from_us);
	own.to_us = boundary_after(b->calendar, &v->period, span.from_us);
	*nominal = civil_seconds(b->calendar, own);
}

struct price_ladder
price_ladder_in(const struct price_book *b, const struct price_version *v, size_t ladder,
    struct price_span span, const struct price_tenancy *who)
{
	struct price_ladder l = v->ladder[ladder];
	int64_t is = 1, nominal = 1, extra = who != NULL ? who->extra_wh : 0;

	if (l.n < 2)
		return l;
	if (v->prorate)
		proportion(b, v, span, &is, &nominal);
	for (size_t i = 0; i + 1 < l.n; i++)
		l.upto_wh[i] =
		    price_round((__int128)(l.upto_wh[i] + extra) * is, nominal, PRICE_HALF_UP);
	return l;
}
