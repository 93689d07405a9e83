/*
 * file -- all of a file at once, for what is small or has to be whole.
 *
 * Appended to `out`.  Reading ends behind `most` bytes, some more than that: whoever has a limit
 * finds it passed and says what it means.  ERR_INPUT says why, not which file.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

#include <stdio.h>

struct err;

#define FILE_WHOLE SIZE_MAX

int file_read(const char *path, size_t most, struct buf *out, struct err *e);
int file_read_open(FILE *in, size_t most, struct buf *out, struct err *e); /* stays open */

#endif
