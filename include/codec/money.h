/*
 * money -- decimal text to minor units, exactly.
 */
#ifndef CODEC_MONEY_H
#define CODEC_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* How many digits a currency has behind the point, by ISO 4217: 0, 2 or 3. */
int money_digits(const char *currency);
/* "0.01", "5", "12.3" with up to `digits` behind the point, as a multiple of 10^-digits; more
 * than that are taken only when they are zeros ("0.01000").  No sign but '-' with `below`, no
 * leading zero, no blank, no exponent.  -1 and ERR_INPUT, which quotes the text. */
int money_in(const char *text, size_t len, int digits, bool below, int64_t *minor, struct err *e);
/* 1 and 2 digits -> "0.01". */
void money_out(struct buf *out, int64_t minor, int digits);

#endif
