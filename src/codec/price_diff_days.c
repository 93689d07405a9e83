/* Hours and days of two versions side by side: minute by minute, so that another way to write the
 * same day is no difference. */
#include "codec/price_words.h"

#include "codec/price_diff.h"
#include "model/price.h"

#include <stdio.h>
#include <string.h>

/* --- hours --------------------------------------------------------------------------------- */

static const char *
band_at(const struct price_version *v, const struct price_schedule *s, int minute)
{
	for (size_t i = 0; i < s->n; i++)
		if (minute < s->slot[i].to)
			return v->band[s->slot[i].band];
	return "";
}

static void
schedule(struct price_diff *d, const char *of, const struct price_schedule *a,
    const struct price_schedule *b)
{
	for (int from = 0, to; from < 1440; from = to) {
		const char *was = band_at(d->a, a, from), *is = band_at(d->b, b, from);

		for (to = from + 1; to < 1440 && strcmp(was, band_at(d->a, a, to)) == 0 &&
				    strcmp(is, band_at(d->b, b, to)) == 0;)
			to++;
		if (strcmp(was, is) == 0)
			continue;
		buf_printf(d->out, "%s ", of);
		price_put_clock(d->out, from);
		buf_put_u8(d->out, '-');
		price_put_clock(d->out, to);
		buf_printf(d->out, ": %s, was %s", is, was);
		price_diff_end_line(d);
	}
}

/* The one season of a version that has none has no name. */
static const char *
season_name(const struct price_season *s)
{
	return s->name[0] != '\0' ? s->name : "all year";
}

/* Whether the seasons, and the types of day, are the same ones. */
static bool
seasons(struct price_diff *d)
{
	bool same = d->a->nseasons == d->b->nseasons;

	for (size_t i = 0; i < d->b->nseasons; i++) {
		const struct price_season *b = &d->b->season[i], *a = NULL;

		for (size_t k = 0; k < d->a->nseasons; k++)
			if (strcmp(d->a->season[k].name, b->name) == 0)
				a = &d->a->season[k];
		if (a != NULL && a->from == b->from && a->to == b->to)
			continue;
		same = false;
		if (a == NULL)
			price_diff_say(d, "season %s is new: %02d-%02d to %02d-%02d",
			    season_name(b), b->from / 100, b->from % 100, b->to / 100, b->to % 100);
		else
			price_diff_say(d,
			    "season %s: %02d-%02d to %02d-%02d, was %02d-%02d to %02d-%02d",
			    b->name, b->from / 100, b->from % 100, b->to / 100, b->to % 100,
			    a->from / 100, a->from % 100, a->to / 100, a->to % 100);
	}
	for (size_t i = 0; i < d->a->nseasons; i++) {
		bool there = false;

		for (size_t k = 0; k < d->b->nseasons; k++)
			there = there || strcmp(d->a->season[i].name, d->b->season[k].name) == 0;
		if (!there)
			price_diff_say(d, "season %s is gone", season_name(&d->a->season[i]));
		same = same && there;
	}
	return same;
}

static int
day_type_named(const struct price_version *v, const char *name)
{
	for (size_t i = 0; i < v->nday_types; i++)
		if (strcmp(v->day_type[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool
day_types(struct price_diff *d)
{
	bool same = d->a->nday_types == d->b->nday_types;

	for (size_t i = 0; i < d->b->nday_types; i++) {
		int a = day_type_named(d->a, d->b->day_type[i].name);

		if (a >= 0 && d->a->day_type[a].days == d->b->day_type[i].days)
			continue;
		same = false;
		price_diff_say(d, "type of day %s %s", d->b->day_type[i].name,
		    a < 0 ? "is new" : "has other days");
	}
	for (size_t i = 0; i < d->a->nday_types; i++)
		if (day_type_named(d->b, d->a->day_type[i].name) < 0) {
			price_diff_say(d, "type of day %s is gone", d->a->day_type[i].name);
			same = false;
		}
	return same;
}

void
price_diff_hours(struct price_diff *d)
{
	bool same;

	if (!d->a->banded || !d->b->banded)
		return;
	same = seasons(d);
	same = day_types(d) && same;
	for (size_t s = 0; same && s < d->b->nseasons; s++) {
		const struct price_season *b = &d->b->season[s], *a = d->a->season;
		char of[2 * PRICE_NAME + 8];

		while (strcmp(a->name, b->name) != 0)
			a++;
		for (size_t t = 0; t < d->b->nday_types; t++) {
			int other = day_type_named(d->a, d->b->day_type[t].name);

			snprintf(of, sizeof of, "%s%s%s", d->b->nseasons > 1 ? b->name : "",
			    d->b->nseasons > 1 ? ", " : "", d->b->day_type[t].name);
			schedule(d, of, &d->a->schedule[a->schedule[other]],
			    &d->b->schedule[b->schedule[t]]);
		}
	}
}

/* --- days ---------------------------------------------------------------------------------- */

static bool
in_list(const int *dates, size_t n, int date)
{
	for (size_t i = 0; i < n; i++)
		if (dates[i] == date)
			return true;
	return false;
}

/* Those of `some` that are not among `others`, in a line. */
static void
dates(struct price_diff *d, const char *what, const int *some, size_t n, const int *others,
    size_t nothers)
{
	int only[PRICE_DATES];
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (!in_list(others, nothers, some[i]))
			only[count++] = some[i];
	if (count == 0)
		return;
	buf_put_text(d->out, what);
	price_put_dates(d->out, only, count);
	price_diff_end_line(d);
}

void
price_diff_days(struct price_diff *d)
{
	const struct price_version *a = d->a, *b = d->b;

	dates(d, "new holidays: ", b->holiday, b->nholidays, a->holiday, a->nholidays);
	dates(d, "no longer holidays: ", a->holiday, a->nholidays, b->holiday, b->nholidays);
	dates(d, "new make-up workdays: ", b->makeup, b->nmakeups, a->makeup, a->nmakeups);
	dates(d, "no longer make-up workdays: ", a->makeup, a->nmakeups, b->makeup, b->nmakeups);
}

bool
price_words_same_hours(const struct price_version *a, const struct price_version *b)
{
	struct buf unread = {0};
	struct price_diff d = {a, b, &unread, a->nbands != b->nbands};

	for (size_t i = 0; d.n == 0 && i < a->nbands; i++)
		d.n += strcmp(a->band[i], b->band[i]) != 0;
	price_diff_hours(&d);
	price_diff_days(&d);
	buf_clear(&unread);
	return d.n == 0;
}
