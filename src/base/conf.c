/*
 * Settings: a file becomes events, events become values on the side, and only when all of them
 * are good do they move to where the program looks.  So a bad file changes nothing, at the
 * start or while running.
 *
 * The walk below only ever goes where the tables lead and stops at the first event that does
 * not fit, so nesting is no deeper than a list's entries.
 */
#include "base/conf.h"

#include "base/buf.h"
#include "base/conf_value.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ENTRIES_MOST 1000
#define ENTRY_FIELDS 32

struct staged {
	union conf_value value;
	bool given;
};

struct reader {
	const char *path;
	const struct conf_section *sections;
	struct staged *staged; /* all fields of all sections, in the order of the tables */
	size_t nstaged;
	yaml_parser_t yaml;
	yaml_event_t event;
	struct err *e;
};

/* "powergated.yaml:12: meters.reply_timeout: " in front of what is in *e. */
static int
fail_here(struct reader *r, const char *name)
{
	size_t line = r->event.start_mark.line + 1;

	if (*name != '\0')
		err_wrap(r->e, "%s", name);
	return err_wrap(r->e, "%s:%zu", r->path, line);
}

static int
refuse(struct reader *r, const char *name, const char *why)
{
	err_set(r->e, ERR_INPUT, "%s", why);
	return fail_here(r, name);
}

/* --- events ------------------------------------------------------------------------------ */

static int
yaml_fail(struct reader *r)
{
	const char *what = r->yaml.problem != NULL ? r->yaml.problem : "not YAML";

	if (r->yaml.error == YAML_READER_ERROR)
		return err_set(r->e, ERR_INPUT, "%s: %s at byte %zu", r->path, what,
		    r->yaml.problem_offset + 1);
	return err_set(r->e, ERR_INPUT, "%s:%zu: %s", r->path, r->yaml.problem_mark.line + 1, what);
}

static int
no_tricks(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse(r, "", "anchors are not taken");
	return tag != NULL ? refuse(r, "", "tags are not taken") : 0;
}

static int
next_event(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->yaml, &r->event))
		return yaml_fail(r);
	switch (r->event.type) {
	case YAML_ALIAS_EVENT:
		return refuse(r, "", "aliases are not taken");
	case YAML_SCALAR_EVENT:
		if (strlen((char *)r->event.data.scalar.value) != r->event.data.scalar.length)
			return refuse(r, "", "a NUL in a text");
		return no_tricks(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		return no_tricks(
		    r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return no_tricks(
		    r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
	default:
		return 0;
	}
}

static const char *
text_of(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* `name:` and nothing behind it. */
static bool
is_nothing(const struct reader *r)
{
	const char *text = text_of(r);

	return r->event.type == YAML_SCALAR_EVENT &&
	       r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* The next name of a mapping; 0 at its end, -1 on failure. */
static int
next_name(struct reader *r, const char *where)
{
	if (next_event(r) < 0)
		return -1;
	if (r->event.type == YAML_MAPPING_END_EVENT)
		return 0;
	return r->event.type == YAML_SCALAR_EVENT ? 1 : refuse(r, where, "a name is missing");
}

/* --- values ------------------------------------------------------------------------------ */

static const struct conf_field *
field_named(const struct conf_field *fields, const char *name, size_t *i)
{
	for (*i = 0; fields[*i].name != NULL; (*i)++)
		if (strcmp(fields[*i].name, name) == 0)
			return &fields[*i];
	return NULL;
}

static int
read_scalar(struct reader *r, const struct conf_field *f, const char *name, union conf_value *v)
{
	if (next_event(r) < 0)
		return -1;
	if (r->event.type != YAML_SCALAR_EVENT)
		return refuse(r, name, "takes one value");
	if (is_nothing(r))
		return refuse(r, name, "has no value");
	return conf_value_read(f, text_of(r), v, r->e) < 0 ? fail_here(r, name) : 0;
}

/* Presets of what the entry does not say.  line is where it began. */
static int
complete_entry(struct reader *r, const struct conf_field *each, const char *where, size_t line,
    const bool *given, void *entry)
{
	for (size_t i = 0; each[i].name != NULL; i++) {
		union conf_value v;

		if (given[i])
			continue;
		if (each[i].preset == NULL)
			return err_set(r->e, ERR_INPUT, "%s:%zu: %s.%s must be given", r->path,
			    line, where, each[i].name);
		if (conf_value_read(&each[i], each[i].preset, &v, r->e) < 0)
			return err_wrap(r->e, "preset of %s.%s", where, each[i].name);
		conf_value_put(&each[i], entry, v);
	}
	return 0;
}

static int
read_entry(struct reader *r, const struct conf_field *each, const char *where, void *entry)
{
	size_t line = r->event.start_mark.line + 1, i;
	bool given[ENTRY_FIELDS] = {0};
	int more;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, where, "is not a group of settings");
	while ((more = next_name(r, where)) > 0) {
		const struct conf_field *f = field_named(each, text_of(r), &i);
		union conf_value v;
		char name[180];

		snprintf(name, sizeof name, "%s.%.40s", where, text_of(r));
		if (f == NULL || i >= ENTRY_FIELDS)
			return refuse(r, name, "no such setting");
		if (given[i])
			return refuse(r, name, "given twice");
		if (read_scalar(r, f, name, &v) < 0)
			return -1;
		conf_value_put(f, entry, v);
		given[i] = true;
	}
	return more < 0 ? -1 : complete_entry(r, each, where, line, given, entry);
}

/* The list grows in its staged place, so that a failure finds all of it there to let go. */
static int
read_list(struct reader *r, const struct conf_field *f, const char *name, struct conf_list *list)
{
	if (next_event(r) < 0)
		return -1;
	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return refuse(r, name, "is not a list");
	for (;;) {
		char where[120];
		char *entry;

		if (next_event(r) < 0)
			return -1;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (list->n == ENTRIES_MOST)
			return refuse(r, name, "has too many entries");
		list->entries = mem_more(list->entries, (list->n + 1) * f->each_size);
		entry = (char *)list->entries + list->n * f->each_size;
		memset(entry, 0, f->each_size);
		snprintf(where, sizeof where, "%s[%zu]", name, list->n++);
		if (read_entry(r, f->each, where, entry) < 0)
			return -1;
	}
}

/* --- the file ---------------------------------------------------------------------------- */

static int
read_section(struct reader *r, const struct conf_section *s, struct staged *staged)
{
	size_t i;
	int more;

	if (next_event(r) < 0)
		return -1;
	if (is_nothing(r)) /* all of it is commented out */
		return 0;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, s->name, "is not a section of settings");
	while ((more = next_name(r, s->name)) > 0) {
		const struct conf_field *f = field_named(s->fields, text_of(r), &i);
		char name[100];
		int rc;

		snprintf(name, sizeof name, "%s.%.40s", s->name, text_of(r));
		if (f == NULL)
			return refuse(r, name, "no such setting");
		if (staged[i].given)
			return refuse(r, name, "given twice");
		staged[i].given = true;
		rc = f->type == CONF_LIST ? read_list(r, f, name, &staged[i].value.list)
					  : read_scalar(r, f, name, &staged[i].value);
		if (rc < 0)
			return -1;
	}
	return more;
}

static size_t
fields_of(const struct conf_section *s)
{
	size_t n = 0;

	while (s->fields[n].name != NULL)
		n++;
	return n;
}

static int
read_sections(struct reader *r)
{
	uint64_t seen = 0;
	int more;

	while ((more = next_name(r, "")) > 0) {
		struct staged *staged = r->staged;
		size_t i = 0;

		for (; r->sections[i].name != NULL; i++) {
			if (strcmp(r->sections[i].name, text_of(r)) == 0)
				break;
			staged += fields_of(&r->sections[i]);
		}
		if (r->sections[i].name == NULL || i >= 64) {
			err_set(r->e, ERR_INPUT, "%.40s: no such section", text_of(r));
			return fail_here(r, "");
		}
		if ((seen >> i & 1) != 0)
			return refuse(r, r->sections[i].name, "given twice");
		seen |= UINT64_C(1) << i;
		if (read_section(r, &r->sections[i], staged) < 0)
			return -1;
	}
	return more;
}

static int
read_document(struct reader *r)
{
	if (next_event(r) < 0 || next_event(r) < 0) /* the stream's start, then the document's */
		return -1;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	if (next_event(r) < 0)
		return -1;
	if (r->event.type == YAML_MAPPING_START_EVENT) {
		if (read_sections(r) < 0)
			return -1;
	} else if (!is_nothing(r)) {
		return refuse(r, "", "sections of settings are expected");
	}
	if (next_event(r) < 0 || next_event(r) < 0)
		return -1;
	return r->event.type == YAML_STREAM_END_EVENT ? 0 : refuse(r, "", "a second document");
}

static int
read_file(struct reader *r)
{
	struct buf text = {0};
	int rc = -1;

	if (conf_file_read(r->path, &text, r->e) < 0)
		goto out_text;
	if (!yaml_parser_initialize(&r->yaml))
		abort();
	/* Fixed, since in any other encoding the brackets were not counted. */
	yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->yaml, (const uint8_t *)buf_text(&text), text.len);
	rc = read_document(r);
	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->yaml);
out_text:
	buf_clear(&text);
	return rc;
}

/* --- from the side to where it counts ---------------------------------------------------- */

static int
add_presets(struct reader *r)
{
	struct staged *staged = r->staged;

	for (const struct conf_section *s = r->sections; s->name != NULL; s++)
		for (const struct conf_field *f = s->fields; f->name != NULL; f++, staged++) {
			if (staged->given)
				continue;
			if (f->preset == NULL)
				return err_set(r->e, ERR_INPUT, "%s%s%s.%s must be given",
				    r->path != NULL ? r->path : "", r->path != NULL ? ": " : "",
				    s->name, f->name);
			if (conf_value_read(f, f->preset, &staged->value, r->e) < 0) {
				r->e->class = ERR_BUG;
				return err_wrap(r->e, "preset of %s.%s", s->name, f->name);
			}
		}
	return 0;
}

/* What is the same stays where it is, so a text that did not change keeps its address. */
static void
move_in(struct reader *r, bool running, void (*waits)(const char *name, void *arg), void *arg)
{
	struct staged *staged = r->staged;

	for (const struct conf_section *s = r->sections; s->name != NULL; s++)
		for (const struct conf_field *f = s->fields; f->name != NULL; f++, staged++) {
			union conf_value old = conf_value_at(f, s->into);
			char name[100];

			if (conf_value_equal(f, &old, &staged->value))
				continue;
			if (!running || f->reload) {
				conf_value_put(f, s->into, staged->value);
				staged->value = old;
			} else if (waits != NULL) {
				snprintf(name, sizeof name, "%s.%s", s->name, f->name);
				waits(name, arg);
			}
		}
}

static int
load(const char *path, const struct conf_section *sections, bool running,
    void (*waits)(const char *name, void *arg), void *arg, struct err *e)
{
	struct reader r = {.path = path, .sections = sections, .e = e};
	struct staged *staged;
	int rc = -1;

	for (const struct conf_section *s = sections; s->name != NULL; s++)
		r.nstaged += fields_of(s);
	staged = r.staged = mem_new(r.nstaged * sizeof *r.staged);
	if ((path == NULL || read_file(&r) == 0) && add_presets(&r) == 0) {
		move_in(&r, running, waits, arg);
		rc = 0;
	}
	for (const struct conf_section *s = sections; s->name != NULL; s++)
		for (const struct conf_field *f = s->fields; f->name != NULL; f++)
			conf_value_clear(f, &staged++->value);
	free(r.staged);
	return rc;
}

int
conf_load(const char *path, const struct conf_section *sections, struct err *e)
{
	return load(path, sections, false, NULL, NULL, e);
}

int
conf_reload(const char *path, const struct conf_section *sections,
    void (*waits)(const char *name, void *arg), void *arg, struct err *e)
{
	return load(path, sections, true, waits, arg, e);
}

void
conf_clear(const struct conf_section *sections)
{
	for (const struct conf_section *s = sections; s->name != NULL; s++)
		for (const struct conf_field *f = s->fields; f->name != NULL; f++) {
			union conf_value v = conf_value_at(f, s->into);

			conf_value_clear(f, &v);
			conf_value_put(f, s->into, v);
		}
}
