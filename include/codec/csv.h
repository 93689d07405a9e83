/* csv -- one cell by RFC 4180. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include <stdbool.h>

struct buf;

/* A text that a spreadsheet would take for a formula gets an apostrophe in front; a number does
 * not. */
void csv_put(struct buf *out, const char *text, bool number);

#endif
