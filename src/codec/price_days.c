/*
 * The calendar of a tariff file: types of day, schedules, seasons, holidays.
 *
 * A schedule belongs to a type of day by its name.  Those at the top of the file hold all year;
 * a season has its own for some types of day, and those of the top for the rest.
 */
#include "codec/price_reader.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "model/calendar.h"
#include "model/price.h"

#include <stdio.h>
#include <string.h>

#define NO_SCHEDULE SIZE_MAX

/* --- dates and times --------------------------------------------------------------------- */

/* n digits; NULL when there are fewer. */
static const char *
digits(const char *p, int n, int *out)
{
	*out = 0;
	for (; n > 0; n--, p++) {
		if (*p < '0' || *p > '9')
			return NULL;
		*out = *out * 10 + (*p - '0');
	}
	return p;
}

const char *
price_date(const char *text, int *date)
{
	struct civil t = {0};
	const char *p = digits(text, 4, &t.year);

	if (p == NULL || *p != '-' || (p = digits(p + 1, 2, &t.month)) == NULL || *p != '-' ||
	    (p = digits(p + 1, 2, &t.day)) == NULL || !calendar_valid(&t) || t.year < 1970)
		return NULL;
	*date = (t.year * 100 + t.month) * 100 + t.day;
	return p;
}

/* "06-01" is 601. */
static int
read_month_day(struct price_reader *r, const struct conf_node *map, const char *name, int *out)
{
	const struct conf_node *n;
	const char *text = price_need(r, map, name, &n), *p;
	struct civil t = {.year = 2024}; /* which has all days */

	if (text == NULL)
		return -1;
	p = digits(text, 2, &t.month);
	if (p == NULL || *p != '-' || (p = digits(p + 1, 2, &t.day)) == NULL || *p != '\0' ||
	    !calendar_valid(&t))
		return price_refuse(r, n, "\"%.40s\" is no day of the year: write 06-01", text);
	*out = t.month * 100 + t.day;
	return 0;
}

const char *
price_clock(const char *text, int *minute)
{
	const char *p;
	int hour, min;

	if ((p = digits(text, 2, &hour)) == NULL || *p != ':' ||
	    (p = digits(p + 1, 2, &min)) == NULL || min > 59 || hour * 60 + min > 1440)
		return NULL;
	*minute = hour * 60 + min;
	return p;
}

/* A list of days, each alone or "2026-10-01 to 2026-10-07". */
static int
read_dates(struct price_reader *r, const struct conf_node *list, int *dates, size_t *n)
{
	if (list == NULL)
		return 0;
	if (price_is_list(r, list, PRICE_DATES) < 0)
		return -1;
	for (const struct conf_node *each = list->first; each != NULL; each = each->next) {
		const char *p;
		int from = 0, to;

		if (price_is_text(r, each) < 0)
			return -1;
		p = price_date(each->text, &from);
		to = from;
		if (p != NULL && strncmp(p, " to ", 4) == 0)
			p = price_date(p + 4, &to);
		if (p == NULL || *p != '\0' || to < from)
			return price_refuse(r, each,
			    "\"%.40s\" is no day: write 2026-10-01, or 2026-10-01 to 2026-10-07",
			    each->text);
		for (; from <= to; from = calendar_day_add(from, 1)) {
			for (size_t i = 0; i < *n; i++)
				if (dates[i] == from)
					return price_refuse(r, each, "%d is there already", from);
			if (*n == PRICE_DATES)
				return price_refuse(r, each, "more than %d days", PRICE_DATES);
			dates[(*n)++] = from;
		}
	}
	return 0;
}

/* --- types of day ------------------------------------------------------------------------ */

static int
read_day_type(struct price_reader *r, const struct conf_node *n)
{
	static const char *const words[] = {
	    "sun", "mon", "tue", "wed", "thu", "fri", "sat", "holiday", "makeup", NULL};
	struct price_day_type *t = &r->v->day_type[r->v->nday_types++];
	struct conf_node name = {.line = n->line, .text = n->name};

	if (price_name(r, &name, t->name) < 0 || price_is_list(r, n, 9) < 0)
		return -1;
	for (const struct conf_node *each = n->first; each != NULL; each = each->next) {
		int day = price_word(r, each, words);

		if (day < 0)
			return -1;
		for (size_t i = 0; i < r->v->nday_types; i++)
			if ((r->v->day_type[i].days >> day & 1) != 0)
				return price_refuse(r, each, "%s is in %s already", words[day],
				    r->v->day_type[i].name);
		t->days |= 1u << day;
	}
	return 0;
}

static int
read_day_types(struct price_reader *r, const struct conf_node *map)
{
	size_t n = 0;

	if (map == NULL) {
		r->v->nday_types = 1;
		r->v->day_type[0] = (struct price_day_type){"every_day", 0x1ff};
		return 0;
	}
	if (map->kind != CONF_NODE_MAP || map->first == NULL)
		return price_refuse(r, map, "lines of `type: [days]` are expected");
	for (const struct conf_node *each = map->first; each != NULL; each = each->next) {
		if (n++ == PRICE_DAY_TYPES)
			return price_refuse(r, each, "more than %d types", PRICE_DAY_TYPES);
		if (read_day_type(r, each) < 0)
			return -1;
	}
	return 0;
}

/* --- schedules --------------------------------------------------------------------------- */

static int
add_slot(struct price_reader *r, const struct conf_node *n, struct price_schedule *s,
    struct price_slot slot)
{
	size_t i = s->n;

	if (s->n == PRICE_SLOTS)
		return price_refuse(r, n, "more than %d bands a day", PRICE_SLOTS);
	for (; i > 0 && s->slot[i - 1].from >= slot.from; i--)
		s->slot[i] = s->slot[i - 1];
	s->slot[i] = slot;
	s->n++;
	if ((i > 0 && s->slot[i - 1].to > slot.from) ||
	    (i + 1 < s->n && s->slot[i + 1].from < slot.to))
		return price_refuse(r, n, "overlaps with a band above");
	return 0;
}

/* "22:00-06:00: valley" goes over midnight. */
static int
read_slot(struct price_reader *r, const struct conf_node *n, struct price_schedule *s)
{
	struct price_slot slot = {.band = -1};
	const char *p = price_clock(n->name, &slot.from);
	int to = 0;

	if (p == NULL || *p != '-' || (p = price_clock(p + 1, &to)) == NULL || *p != '\0' ||
	    slot.from == 1440 || slot.from == to)
		return price_refuse(r, n, "no time of day: write 08:00-22:00 and the band");
	if (price_is_text(r, n) < 0)
		return -1;
	for (size_t b = 0; b < r->v->nbands; b++)
		if (strcmp(r->v->band[b], n->text) == 0)
			slot.band = (int)b;
	if (slot.band < 0)
		return price_refuse(r, n, "there is no band \"%.40s\"", n->text);
	slot.to = to > slot.from ? to : 1440;
	if (add_slot(r, n, s, slot) < 0)
		return -1;
	if (to > slot.from || to == 0)
		return 0;
	slot.from = 0;
	slot.to = to;
	return add_slot(r, n, s, slot);
}

static int
read_schedule(struct price_reader *r, const struct conf_node *n, size_t *index)
{
	struct price_schedule *s = &r->v->schedule[r->v->nschedules];

	if (n->kind != CONF_NODE_MAP)
		return price_refuse(r, n, "lines of `08:00-22:00: band` are expected");
	if (r->v->nschedules == PRICE_SCHEDULES)
		return price_refuse(r, n, "more than %d schedules", PRICE_SCHEDULES);
	*index = r->v->nschedules++;
	for (const struct conf_node *each = n->first; each != NULL; each = each->next)
		if (read_slot(r, each, s) < 0)
			return -1;
	if (price_schedule_check(s, r->v->nbands, r->e) < 0) {
		char words[sizeof r->e->text];

		memcpy(words, r->e->text, sizeof words);
		return price_refuse(r, n, "%.100s", words);
	}
	return 0;
}

/* Schedules by type of day; of[] keeps what is not told anew. */
static int
read_schedules(struct price_reader *r, const struct conf_node *map, size_t of[PRICE_DAY_TYPES])
{
	if (map == NULL)
		return 0;
	if (map->kind != CONF_NODE_MAP)
		return price_refuse(r, map, "a schedule for each type of day is expected");
	for (const struct conf_node *n = map->first; n != NULL; n = n->next) {
		size_t t = 0;

		while (t < r->v->nday_types && strcmp(r->v->day_type[t].name, n->name) != 0)
			t++;
		if (t == r->v->nday_types)
			return price_refuse(r, n, "there is no such type of day");
		if (read_schedule(r, n, &of[t]) < 0)
			return -1;
	}
	return 0;
}

/* --- seasons ----------------------------------------------------------------------------- */

static int
all_there(struct price_reader *r, const struct conf_node *at, const struct price_season *s)
{
	for (size_t t = 0; t < r->v->nday_types; t++)
		if (s->schedule[t] == NO_SCHEDULE)
			return price_refuse(r, at, "%s has no schedule", r->v->day_type[t].name);
	return 0;
}

static int
read_season(struct price_reader *r, const struct conf_node *n, const size_t of[PRICE_DAY_TYPES])
{
	static const char *const names[] = {"name", "from", "to", "schedules", NULL};
	struct price_season *s = &r->v->season[r->v->nseasons++];
	const struct conf_node *name;

	memcpy(s->schedule, of, sizeof s->schedule);
	if (price_known(r, n, names) < 0 || price_need(r, n, "name", &name) == NULL ||
	    price_name(r, name, s->name) < 0 || read_month_day(r, n, "from", &s->from) < 0 ||
	    read_month_day(r, n, "to", &s->to) < 0 ||
	    read_schedules(r, conf_tree_get(n, "schedules"), s->schedule) < 0)
		return -1;
	return all_there(r, n, s);
}

static int
read_seasons(struct price_reader *r, const struct conf_node *root, const struct conf_node *list)
{
	const struct conf_node *schedules = conf_tree_get(root, "schedules");
	size_t of[PRICE_DAY_TYPES];

	for (size_t t = 0; t < PRICE_DAY_TYPES; t++)
		of[t] = NO_SCHEDULE;
	if (read_schedules(r, schedules, of) < 0)
		return -1;
	if (list == NULL) {
		r->v->nseasons = 1;
		r->v->season[0] = (struct price_season){"", 101, 1231, {0}};
		memcpy(r->v->season[0].schedule, of, sizeof of);
		return all_there(r, schedules != NULL ? schedules : root, &r->v->season[0]);
	}
	if (price_is_list(r, list, PRICE_SEASONS) < 0)
		return -1;
	for (const struct conf_node *n = list->first; n != NULL; n = n->next)
		if (read_season(r, n, of) < 0)
			return -1;
	return 0;
}

int
price_read_days(struct price_reader *r, const struct conf_node *root)
{
	const struct conf_node *seasons = conf_tree_get(root, "seasons");
	const struct conf_node *bands = conf_tree_get(root, "bands");

	if (read_dates(r, conf_tree_get(root, "holidays"), r->v->holiday, &r->v->nholidays) < 0 ||
	    read_dates(r, conf_tree_get(root, "makeup_workdays"), r->v->makeup, &r->v->nmakeups) <
		0 ||
	    read_day_types(r, conf_tree_get(root, "day_types")) < 0)
		return -1;
	if (seasons == NULL && conf_tree_get(root, "schedules") == NULL)
		return r->v->nbands == 1 ? 0 : price_refuse(r, bands, "need schedules");
	return read_seasons(r, root, seasons);
}
