/*
 * conf_tree -- a YAML file as a tree of names, texts and lists, for files whose shape no table of
 * settings can tell.
 *
 * As strict as conf.h: a name given twice, a name without a value, an anchor, alias or tag, a
 * second document, nesting deeper than 8, more than 256 kB: each is an error with file and line.
 * All values are texts; what they mean, and which names there are, is the reader's business.
 */
#ifndef BASE_CONF_TREE_H
#define BASE_CONF_TREE_H

#include "base/buf.h"

struct err;

enum conf_node_kind { CONF_NODE_TEXT, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_node {
	enum conf_node_kind kind;
	size_t line;                    /* from 1 */
	char *name;                     /* in a map; else NULL */
	char *text;                     /* TEXT */
	struct conf_node *first, *next; /* children, in the order of the file */
};

/* The whole file, a map; NULL and *e when it is not good. */
struct conf_node *conf_tree_read(const char *path, struct err *e);
/* A text from elsewhere; `path` stands for it in errors. */
struct conf_node *conf_tree_parse(const char *path, struct span text, struct err *e);
void conf_tree_free(struct conf_node *n);

/* The child of that name; NULL when there is none, or nothing that has names. */
const struct conf_node *conf_tree_get(const struct conf_node *map, const char *name);

/* What a reader says of a place that it cannot take: "FILE:LINE: name: words", and -1. */
int conf_tree_refuse(const char *path, const struct conf_node *at, struct err *e, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* 0 for a map with no other names than these; the list ends with NULL. */
int conf_tree_known(
    const char *path, const struct conf_node *map, const char *const *names, struct err *e);

#endif
