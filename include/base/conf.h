/*
 * conf -- settings: YAML into structs through one table, which also makes the sample file and
 * the manual.
 *
 * A file is sections of `name: value`.  A wrong key, type or range, a key given twice, an alias
 * or tag, nesting deeper than the tables know, more than 256 kB: each is an error with file and
 * line, and nothing is changed.  Durations are written "8s", "300ms", "5m", "2h", "1d".
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;
struct err;

enum conf_type {
	CONF_TEXT,     /* char * owned by conf */
	CONF_INT,      /* int64_t */
	CONF_DURATION, /* int64_t microseconds */
	CONF_BOOL,
	CONF_LIST, /* struct conf_list: a list of small maps, e.g. webhook sources */
};

struct conf_field {
	const char *name;
	enum conf_type type;
	size_t offset;
	const char *preset;       /* as written; NULL: must be given; "": empty text or list */
	int64_t least, most;      /* INT, DURATION (us); both 0: no limit */
	bool reload;              /* may change while running */
	const char *help;         /* the manual's own words, one sentence or more */
	const char *const *words; /* TEXT: allowed words, NULL-terminated, or NULL */
	int (*check)(const char *text, struct err *e); /* TEXT: what words cannot say, or NULL */
	const struct conf_field *each; /* LIST: the fields of one entry, NULL name ends */
	size_t each_size;              /* LIST: sizeof of one entry */
};

struct conf_list {
	void *entries;
	size_t n;
};

struct conf_section {
	const char *name;
	void *into;
	const struct conf_field *fields; /* ends with a NULL name */
	const char *help;
};

#define CONF_FIELD(type_, field_, kind_, preset_, reload_, help_)                    \
	{                                                                            \
		.name = #field_, .type = (kind_), .offset = offsetof(type_, field_), \
		.preset = (preset_), .reload = (reload_), .help = (help_)            \
	}
#define CONF_RANGE(type_, field_, kind_, preset_, least_, most_, reload_, help_)              \
	{                                                                                     \
		.name = #field_, .type = (kind_), .offset = offsetof(type_, field_),          \
		.preset = (preset_), .least = (least_), .most = (most_), .reload = (reload_), \
		.help = (help_)                                                               \
	}

/* Presets first, then the file over them.  path NULL: presets only.  The structs are zeroed
 * before the first load; on failure they stay as they are. */
int conf_load(const char *path, const struct conf_section *sections, struct err *e);
/* Reads the file anew.  On any error the old settings stay.  Fields with reload == false keep
 * their running value; if they differ in the file, their names ("meters.listen") are noted
 * through `waits`.  A text or list that did not change keeps its address, any other is freed. */
int conf_reload(const char *path, const struct conf_section *sections,
    void (*waits)(const char *name, void *arg), void *arg, struct err *e);
void conf_clear(const struct conf_section *sections); /* frees texts and lists */

void conf_print_sample(FILE *out, const struct conf_section *sections); /* every setting, preset */
void conf_print_mdoc(FILE *out, const struct conf_section *sections);   /* body of the manual */

/* A file that is neither too long nor too deep for libyaml, as it is. */
int conf_file_read(const char *path, struct buf *text, struct err *e);
int conf_duration(const char *text, int64_t *us, struct err *e);
/* The whole file without its line end, at most 64 kB; for secrets.  Refuses one that others
 * may read. */
int conf_secret_file(const char *path, char *out, size_t room, struct err *e);

#endif
