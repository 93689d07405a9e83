#include "model/waterfall.h"

#include "base/err.h"
#include "model/calendar.h"

#include <string.h>

static const char *const names[] = {
    "payment", "instalment", "accumulated", "balance", "emergency", "credit"};

const char *
waterfall_kind_name(enum waterfall_kind k)
{
	return names[k];
}

static int
kind_parse(const char *text, size_t len)
{
	for (int k = 0; k < WATERFALL_STEPS; k++)
		if (strlen(names[k]) == len && strncmp(names[k], text, len) == 0)
			return k;
	return -1;
}

int
waterfall_order_parse(const char *text, enum waterfall_kind order[WATERFALL_STEPS], struct err *e)
{
	bool seen[WATERFALL_STEPS] = {false};
	int n = 0;

	for (const char *p = text + strspn(text, " "); *p != '\0';) {
		size_t len = strcspn(p, " ");
		int k = kind_parse(p, len);

		if (k < 0)
			return err_set(
			    e, ERR_INPUT, "\"%.*s\" is no step of a waterfall", (int)len, p);
		if (seen[k])
			return err_set(e, ERR_INPUT, "\"%s\" stands twice in the order", names[k]);
		seen[k] = true;
		order[n++] = (enum waterfall_kind)k;
		p += len;
		p += strspn(p, " ");
	}
	if (n < WATERFALL_STEPS)
		return err_set(e, ERR_INPUT, "the order has %d steps of %d", n, WATERFALL_STEPS);
	return 0;
}

/* --- the split ---------------------------------------------------------------------------- */

static int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What a debt may ask of this payment, however much of it is left. */
static int64_t
debt_asks(const struct waterfall_debt *d, int64_t amount_minor)
{
	int64_t share, free_minor;

	switch (d->kind) {
	case WATERFALL_PAYMENT:
		share = (int64_t)((__int128)amount_minor * d->percent_bp / 10000);
		free_minor = d->week_cap_minor - d->week_taken_minor;
		if (d->week_cap_minor >= 0)
			share = lesser(share, free_minor > 0 ? free_minor : 0);
		return lesser(share, d->owed_minor);
	case WATERFALL_INSTALMENT:
		return lesser(d->due_minor, d->owed_minor);
	default:
		return d->owed_minor;
	}
}

struct pouring {
	struct waterfall_line *lines;
	size_t n;
	int64_t left_minor;
};

static void
pour(struct pouring *p, enum waterfall_kind kind, int64_t debt_id, int64_t wanted_minor)
{
	int64_t part = lesser(wanted_minor, p->left_minor);

	if (part <= 0)
		return;
	p->lines[p->n++] = (struct waterfall_line){kind, debt_id, part};
	p->left_minor -= part;
}

size_t
waterfall_split(const struct waterfall_view *v, struct waterfall_line lines[WATERFALL_LINES])
{
	struct pouring p = {lines, 0, v->amount_minor};

	for (int i = 0; i < WATERFALL_STEPS; i++) {
		enum waterfall_kind step = v->order[i];

		if (step == WATERFALL_BALANCE)
			pour(&p, step, 0, v->threshold_minor - v->balance_minor);
		if (step == WATERFALL_EMERGENCY)
			pour(&p, step, 0, v->emergency_minor);
		for (size_t k = 0; k < v->ndebts; k++)
			if (v->debts[k].kind == step)
				pour(&p, step, v->debts[k].id,
				    debt_asks(&v->debts[k], v->amount_minor));
	}
	pour(&p, WATERFALL_CREDIT, 0, p.left_minor);
	return p.n;
}

/* --- instalments -------------------------------------------------------------------------- */

int
waterfall_every_parse(const char *text, enum waterfall_every *every)
{
	static const char *const words[] = {"day", "week", "month"};

	for (int i = 0; i < 3; i++)
		if (strcmp(text, words[i]) == 0) {
			*every = (enum waterfall_every)i;
			return 0;
		}
	return -1;
}

static int
month_length(int year, int month)
{
	for (int day = 31; day > 28; day--) {
		struct civil t = {.year = year, .month = month, .day = day};

		if (calendar_valid(&t))
			return day;
	}
	return 28;
}

/* How many instalments have fallen due by the end of `day`. */
static int64_t
instalments_until(const struct instalment_plan *p, int day)
{
	int year = day / 10000, month = day / 100 % 100, on = p->first_day % 100;
	int64_t months;

	if (day < p->first_day)
		return 0;
	if (p->every != EVERY_MONTH)
		return calendar_days_between(p->first_day, day) / (p->every == EVERY_WEEK ? 7 : 1) +
		       1;
	if (on > month_length(year, month))
		on = month_length(year, month);
	months = (year - p->first_day / 10000) * 12 + month - p->first_day / 100 % 100;
	return months + (day % 100 >= on ? 1 : 0);
}

int64_t
instalment_due(const struct instalment_plan *p, int64_t owed_minor, int day)
{
	__int128 fallen = (__int128)p->each_minor * instalments_until(p, day);
	__int128 due = fallen - (p->amount_minor - owed_minor);

	if (due <= 0)
		return 0;
	return due < owed_minor ? (int64_t)due : owed_minor;
}

/* --- limits ------------------------------------------------------------------------------- */

unsigned
topup_check(const struct topup_limits *limits, int64_t amount_minor,
    const struct waterfall_line *lines, size_t nlines)
{
	int64_t after = limits->credit_minor;
	unsigned wrong = 0;

	for (size_t i = 0; i < nlines; i++)
		if (lines[i].kind == WATERFALL_CREDIT || lines[i].kind == WATERFALL_BALANCE)
			after += lines[i].amount_minor;
	if (limits->least_minor >= 0 && amount_minor < limits->least_minor)
		wrong |= TOPUP_TOO_LITTLE;
	if (limits->most_minor >= 0 && amount_minor > limits->most_minor)
		wrong |= TOPUP_TOO_MUCH;
	if (limits->credit_most_minor >= 0 && after > limits->credit_most_minor)
		wrong |= TOPUP_TOO_MUCH_LEFT;
	return wrong;
}
