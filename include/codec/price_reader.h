/*
 * price_reader -- what the files of price_yaml share; nobody else includes it.
 */
#ifndef CODEC_PRICE_READER_H
#define CODEC_PRICE_READER_H

#include "base/conf_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct price_version;

struct price_reader {
	const char *path;
	struct price_version *v;
	struct err *e;
};

/* --- price_reader.c: nodes --------------------------------------------------------------- */

#define price_refuse(r, at, ...)   conf_tree_refuse((r)->path, at, (r)->e, __VA_ARGS__)
#define price_known(r, map, names) conf_tree_known((r)->path, map, names, (r)->e)
/* A text, a list of 1 to `most`. */
int price_is_text(struct price_reader *r, const struct conf_node *n);
int price_is_list(struct price_reader *r, const struct conf_node *n, size_t most);
/* NULL and an error when there is none, or no text. */
const char *price_need(struct price_reader *r, const struct conf_node *map, const char *name,
    const struct conf_node **at);
/* One of the words, by its place; -1 and an error. */
int price_word(struct price_reader *r, const struct conf_node *n, const char *const *words);
int price_number(struct price_reader *r, const struct conf_node *n, int least, int most, int *out);
int price_name(struct price_reader *r, const struct conf_node *n, char *out);
int price_money(struct price_reader *r, const struct conf_node *n, bool sign, int64_t *micro);
int price_energy(struct price_reader *r, const struct conf_node *n, int64_t *wh);
int price_percent(struct price_reader *r, const struct conf_node *n, int64_t *ppm);

/* --- price_days.c: what kind of day, and which band when ---------------------------------- */

int price_read_days(struct price_reader *r, const struct conf_node *root);
/* "2026-10-01", and what is behind it. */
const char *price_date(const char *text, int *date);
const char *price_clock(const char *text, int *minute); /* "08:30", up to "24:00" */

/* --- price_extras.c: charges beside the energy, tax -------------------------------------- */

int price_read_extras(struct price_reader *r, const struct conf_node *root);

#endif
