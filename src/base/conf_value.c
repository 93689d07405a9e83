/*
 * What the types of settings have in common and where they differ: reading, comparing, letting
 * go.  Each switch here names all types, so a new one shows where it is missing.
 */
#include "base/conf_value.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct unit {
	const char *name;
	int64_t us;
} units[] = {
    {"d",  INT64_C(86400000000)},
    {"h",  INT64_C(3600000000) },
    {"m",  INT64_C(60000000)   },
    {"s",  INT64_C(1000000)    },
    {"ms", INT64_C(1000)       },
};

int
conf_duration(const char *text, int64_t *us, struct err *e)
{
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits < 16)
		for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
			int64_t n = strtoll(text, NULL, 10);

			if (strcmp(text + digits, units[i].name) != 0 ||
			    n > INT64_MAX / units[i].us)
				continue;
			*us = n * units[i].us;
			return 0;
		}
	return err_set(e, ERR_INPUT, "\"%.40s\" is not a duration", text);
}

void
conf_duration_out(int64_t us, char out[32])
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (us != 0 && us % units[i].us == 0) {
			snprintf(out, 32, "%" PRId64 "%s", us / units[i].us, units[i].name);
			return;
		}
	snprintf(out, 32, us == 0 ? "0s" : "%" PRId64 "us", us);
}

static int
integer_read(const char *text, int64_t *v, struct err *e)
{
	const char *digits = text + (*text == '-');
	char *end;

	errno = 0;
	*v = strtoll(text, &end, 10);
	if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0)
		return err_set(e, ERR_INPUT, "\"%.40s\" is not a whole number", text);
	return 0;
}

static int
range_check(const struct conf_field *f, int64_t v, struct err *e)
{
	char is[32], bound[32];
	int64_t limit = v < f->least ? f->least : f->most;

	if ((f->least == 0 && f->most == 0) || (v >= f->least && v <= f->most))
		return 0;
	if (f->type == CONF_DURATION) {
		conf_duration_out(v, is);
		conf_duration_out(limit, bound);
	} else {
		snprintf(is, sizeof is, "%" PRId64, v);
		snprintf(bound, sizeof bound, "%" PRId64, limit);
	}
	return err_set(e, ERR_INPUT, "%s is %s than %s", is, v < f->least ? "less" : "more", bound);
}

static int
word_check(const struct conf_field *f, const char *text, struct err *e)
{
	char all[160] = "";

	if (f->words == NULL)
		return 0;
	for (size_t i = 0; f->words[i] != NULL; i++) {
		size_t len = strlen(all);

		if (strcmp(f->words[i], text) == 0)
			return 0;
		snprintf(all + len, sizeof all - len, "%s%s", i > 0 ? ", " : "", f->words[i]);
	}
	return err_set(e, ERR_INPUT, "\"%.40s\" is none of: %s", text, all);
}

int
conf_value_read(const struct conf_field *f, const char *text, union conf_value *v, struct err *e)
{
	switch (f->type) {
	case CONF_TEXT:
		if (word_check(f, text, e) < 0 || (f->check != NULL && f->check(text, e) < 0))
			return -1;
		v->text = mem_text(text);
		return 0;
	case CONF_INT:
		return integer_read(text, &v->integer, e) < 0 ? -1 : range_check(f, v->integer, e);
	case CONF_DURATION:
		return conf_duration(text, &v->integer, e) < 0 ? -1 : range_check(f, v->integer, e);
	case CONF_BOOL:
		v->truth = strcmp(text, "true") == 0;
		if (!v->truth && strcmp(text, "false") != 0)
			return err_set(e, ERR_INPUT, "\"%.40s\" is neither true nor false", text);
		return 0;
	case CONF_LIST:
		v->list = (struct conf_list){0};
		return *text == '\0' ? 0 : err_set(e, ERR_INPUT, "is a list");
	}
	return err_set(e, ERR_BUG, "a setting of no type");
}

static void *
entry_at(const struct conf_field *f, const struct conf_list *list, size_t i)
{
	return (char *)list->entries + i * f->each_size;
}

void
conf_value_clear(const struct conf_field *f, union conf_value *v)
{
	if (f->type == CONF_TEXT)
		free(v->text);
	if (f->type == CONF_LIST) {
		for (size_t i = 0; i < v->list.n; i++)
			for (const struct conf_field *each = f->each; each->name != NULL; each++) {
				union conf_value part =
				    conf_value_at(each, entry_at(f, &v->list, i));

				conf_value_clear(each, &part);
			}
		free(v->list.entries);
	}
	*v = (union conf_value){0};
}

static bool
entries_equal(const struct conf_field *f, const void *a, const void *b)
{
	for (const struct conf_field *each = f->each; each->name != NULL; each++) {
		union conf_value x = conf_value_at(each, a), y = conf_value_at(each, b);

		if (!conf_value_equal(each, &x, &y))
			return false;
	}
	return true;
}

bool
conf_value_equal(const struct conf_field *f, const union conf_value *a, const union conf_value *b)
{
	switch (f->type) {
	case CONF_TEXT:
		if (a->text == NULL || b->text == NULL)
			return a->text == b->text;
		return strcmp(a->text, b->text) == 0;
	case CONF_INT:
	case CONF_DURATION:
		return a->integer == b->integer;
	case CONF_BOOL:
		return a->truth == b->truth;
	case CONF_LIST:
		if (a->list.n != b->list.n)
			return false;
		for (size_t i = 0; i < a->list.n; i++)
			if (!entries_equal(f, entry_at(f, &a->list, i), entry_at(f, &b->list, i)))
				return false;
		return true;
	}
	return false;
}

union conf_value
conf_value_at(const struct conf_field *f, const void *into)
{
	const char *place = (const char *)into + f->offset;
	union conf_value v = {0};

	switch (f->type) {
	case CONF_TEXT:
		memcpy(&v.text, place, sizeof v.text);
		break;
	case CONF_INT:
	case CONF_DURATION:
		memcpy(&v.integer, place, sizeof v.integer);
		break;
	case CONF_BOOL:
		memcpy(&v.truth, place, sizeof v.truth);
		break;
	case CONF_LIST:
		memcpy(&v.list, place, sizeof v.list);
		break;
	}
	return v;
}

void
conf_value_put(const struct conf_field *f, void *into, union conf_value v)
{
	char *place = (char *)into + f->offset;

	switch (f->type) {
	case CONF_TEXT:
		memcpy(place, &v.text, sizeof v.text);
		break;
	case CONF_INT:
	case CONF_DURATION:
		memcpy(place, &v.integer, sizeof v.integer);
		break;
	case CONF_BOOL:
		memcpy(place, &v.truth, sizeof v.truth);
		break;
	case CONF_LIST:
		memcpy(place, &v.list, sizeof v.list);
		break;
	}
}
