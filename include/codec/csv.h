/* csv -- one cell by RFC 4180. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include <stdbool.h>

struct buf;

/* In front of a file that people open: a spreadsheet takes it for UTF-8 then. */
#define CSV_MARK "\xef\xbb\xbf"

/* A text that a spreadsheet would take for a formula gets an apostrophe in front; a number does
 * not. */
void csv_put(struct buf *out, const char *text, bool number);

#endif
