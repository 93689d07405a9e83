/*
 * price_diff -- what the files of price_words_diff() share; nobody else includes it.
 */
#ifndef CODEC_PRICE_DIFF_H
#define CODEC_PRICE_DIFF_H

#include "base/buf.h"

struct price_version;

struct price_diff {
	const struct price_version *a, *b;
	struct buf *out;
	int n; /* lines */
};

void price_diff_end_line(struct price_diff *d);
void price_diff_say(struct price_diff *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* --- price_diff_days.c --------------------------------------------------------------------- */

void price_diff_hours(struct price_diff *d); /* seasons, types of day, bands by the minute */
void price_diff_days(struct price_diff *d);  /* holidays and make-up workdays */

#endif
