#include "base/conf_tree.h"

#include "base/buf.h"
#include "base/conf_value.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEEPEST    8
#define NODES_MOST 8000

struct planting {
	const char *path;
	yaml_parser_t yaml;
	yaml_event_t event;
	size_t nodes;
	struct err *e;
};

static int
refuse(struct planting *p, const char *name, const char *why)
{
	size_t line = p->event.start_mark.line + 1;

	return err_set(p->e, ERR_INPUT, "%s:%zu: %.60s%s%s", p->path, line,
	    name != NULL ? name : "", name != NULL ? ": " : "", why);
}

/* --- events ------------------------------------------------------------------------------ */

static int
yaml_fail(struct planting *p)
{
	const char *what = p->yaml.problem != NULL ? p->yaml.problem : "not YAML";

	if (p->yaml.error == YAML_READER_ERROR)
		return err_set(p->e, ERR_INPUT, "%s: %s at byte %zu", p->path, what,
		    p->yaml.problem_offset + 1);
	return err_set(p->e, ERR_INPUT, "%s:%zu: %s", p->path, p->yaml.problem_mark.line + 1, what);
}

static bool
has_tricks(const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return ev->data.scalar.anchor != NULL || ev->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return ev->data.sequence_start.anchor != NULL ||
		       ev->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return ev->data.mapping_start.anchor != NULL || ev->data.mapping_start.tag != NULL;
	default:
		return ev->type == YAML_ALIAS_EVENT;
	}
}

static int
next_event(struct planting *p)
{
	const yaml_event_t *ev = &p->event;

	yaml_event_delete(&p->event);
	if (!yaml_parser_parse(&p->yaml, &p->event))
		return yaml_fail(p);
	if (has_tricks(ev))
		return refuse(p, NULL, "anchors, aliases and tags are not taken");
	if (ev->type == YAML_SCALAR_EVENT &&
	    strlen((const char *)ev->data.scalar.value) != ev->data.scalar.length)
		return refuse(p, NULL, "a NUL in a text");
	return 0;
}

static const char *
text_of(const struct planting *p)
{
	return (const char *)p->event.data.scalar.value;
}

/* `name:` and nothing behind it. */
static bool
is_nothing(const struct planting *p)
{
	const char *text = text_of(p);

	return p->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* --- the tree ---------------------------------------------------------------------------- */

static int plant(struct planting *p, struct conf_node *n, int depth);

/* A child behind the last one.  The current event is its first. */
static struct conf_node *
add_child(struct planting *p, struct conf_node *parent, struct conf_node ***end)
{
	struct conf_node *n = mem_new(sizeof *n);

	if (*end == NULL)
		*end = &parent->first;
	**end = n;
	*end = &n->next;
	n->line = p->event.start_mark.line + 1;
	return n;
}

static int
plant_map(struct planting *p, struct conf_node *map, int depth)
{
	struct conf_node **end = NULL, *n;

	for (;;) {
		if (next_event(p) < 0)
			return -1;
		if (p->event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (p->event.type != YAML_SCALAR_EVENT || is_nothing(p))
			return refuse(p, map->name, "a name is missing");
		for (n = map->first; n != NULL; n = n->next)
			if (strcmp(n->name, text_of(p)) == 0)
				return refuse(p, n->name, "given twice");
		n = add_child(p, map, &end);
		n->name = mem_text(text_of(p));
		if (next_event(p) < 0 || plant(p, n, depth + 1) < 0)
			return -1;
	}
}

static int
plant_list(struct planting *p, struct conf_node *list, int depth)
{
	struct conf_node **end = NULL;

	for (;;) {
		if (next_event(p) < 0)
			return -1;
		if (p->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (plant(p, add_child(p, list, &end), depth + 1) < 0)
			return -1;
	}
}

/* What the current event begins. */
static int
plant(struct planting *p, struct conf_node *n, int depth)
{
	if (depth > DEEPEST || ++p->nodes > NODES_MOST)
		return refuse(p, n->name, depth > DEEPEST ? "nested too deep" : "too much");
	switch (p->event.type) {
	case YAML_SCALAR_EVENT:
		if (is_nothing(p))
			return refuse(p, n->name, "has no value");
		n->kind = CONF_NODE_TEXT;
		n->text = mem_text(text_of(p));
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		n->kind = CONF_NODE_LIST;
		return plant_list(p, n, depth);
	case YAML_MAPPING_START_EVENT:
		n->kind = CONF_NODE_MAP;
		return plant_map(p, n, depth);
	default:
		return refuse(p, n->name, "has no value");
	}
}

static int
plant_document(struct planting *p, struct conf_node *root)
{
	if (next_event(p) < 0 || next_event(p) < 0) /* the stream's start, then the document's */
		return -1;
	if (p->event.type == YAML_STREAM_END_EVENT)
		return refuse(p, NULL, "the file is empty");
	if (next_event(p) < 0)
		return -1;
	root->line = p->event.start_mark.line + 1;
	if (p->event.type != YAML_MAPPING_START_EVENT)
		return refuse(p, NULL, "lines of `name: value` are expected");
	if (plant(p, root, 0) < 0 || next_event(p) < 0 || next_event(p) < 0)
		return -1;
	return p->event.type == YAML_STREAM_END_EVENT ? 0 : refuse(p, NULL, "a second document");
}

struct conf_node *
conf_tree_parse(const char *path, struct span text, struct err *e)
{
	struct planting p = {.path = path, .e = e};
	struct conf_node *root;

	if (conf_text_check(path, text, e) < 0)
		return NULL;
	if (!yaml_parser_initialize(&p.yaml))
		abort();
	/* Fixed, since in any other encoding the brackets were not counted. */
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &p.yaml, text.len > 0 ? text.bytes : (const uint8_t *)"", text.len);
	root = mem_new(sizeof *root);
	if (plant_document(&p, root) < 0) {
		conf_tree_free(root);
		root = NULL;
	}
	yaml_event_delete(&p.event);
	yaml_parser_delete(&p.yaml);
	return root;
}

struct conf_node *
conf_tree_read(const char *path, struct err *e)
{
	struct conf_node *root = NULL;
	struct buf text = {0};

	if (conf_file_read(path, &text, e) == 0)
		root = conf_tree_parse(path, buf_span(&text), e);
	buf_clear(&text);
	return root;
}

void
conf_tree_free(struct conf_node *n)
{
	while (n != NULL) {
		struct conf_node *next = n->next;

		conf_tree_free(n->first); /* no deeper than plant() went */
		free(n->name);
		free(n->text);
		free(n);
		n = next;
	}
}

const struct conf_node *
conf_tree_get(const struct conf_node *map, const char *name)
{
	if (map->kind != CONF_NODE_MAP)
		return NULL;
	for (const struct conf_node *n = map->first; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n;
	return NULL;
}

/* --- for readers ------------------------------------------------------------------------- */

int
conf_tree_refuse(const char *path, const struct conf_node *at, struct err *e, const char *fmt, ...)
{
	char words[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_INPUT, "%s:%zu: %.40s%s%s", path, at->line,
	    at->name != NULL ? at->name : "", at->name != NULL ? ": " : "", words);
}

int
conf_tree_known(
    const char *path, const struct conf_node *map, const char *const *names, struct err *e)
{
	if (map->kind != CONF_NODE_MAP)
		return conf_tree_refuse(path, map, e, "lines of `name: value` are expected");
	for (const struct conf_node *n = map->first; n != NULL; n = n->next) {
		const char *const *known = names;

		while (*known != NULL && strcmp(*known, n->name) != 0)
			known++;
		if (*known == NULL)
			return conf_tree_refuse(path, n, e, "no such name here");
	}
	return 0;
}
