/*
 * price_words -- a price version, and what one changes in another, for people to read.
 *
 * Prices are major units with as many digits as they need, energy is kWh, days and hours are the
 * version's own zone.
 */
#ifndef CODEC_PRICE_WORDS_H
#define CODEC_PRICE_WORDS_H

#include "base/buf.h"

struct price_version;

/* Tiers and bands as a table, then hours, days, charges by the day, surcharges and tax. */
void price_words_show(const struct price_version *v, struct buf *out);
/* A line for each thing that `b` has otherwise than `a`; returns how many.  The name of a version
 * is no such thing. */
int price_words_diff(const struct price_version *a, const struct price_version *b, struct buf *out);
/* The same bands, in their order, at the same times: registers that count one count the other. */
bool price_words_same_hours(const struct price_version *a, const struct price_version *b);

/* --- shared by both ------------------------------------------------------------------------ */

void price_put_micro(struct buf *out, int64_t micro); /* "0.50", "1.4125", "-0.20" */
void price_put_kwh(struct buf *out, int64_t wh);      /* "100 kWh", "230.5 kWh" */
void price_put_ppm(struct buf *out, int64_t ppm);     /* "13 %" */
void price_put_date(struct buf *out, int yyyymmdd);
void price_put_dates(struct buf *out, const int *dates, size_t n); /* runs as "A to B" */
void price_put_clock(struct buf *out, int minute);
void price_put_instant(struct buf *out, const struct price_version *v);
void price_put_period(struct buf *out, const struct price_version *v);
void price_put_amount(struct buf *out, const struct price_version *v, size_t fixed);

#endif
