/*
 * ctl_tariff -- tariff files without a daemon: are they good, and what does some use cost by them?
 * And with one: price versions, from file to force.
 */
#ifndef PROG_CTL_TARIFF_H
#define PROG_CTL_TARIFF_H

#include "model/price.h"
#include "prog/ctl.h"

struct buf;
struct err;

ctl_fn ctl_tariff_check, ctl_tariff_rate;

/* --- ctl_tariff_version.c, ctl_tariff_show.c ------------------------------------------------- */

ctl_fn ctl_tariff_load, ctl_tariff_step, ctl_tariff_simulate;
ctl_fn ctl_tariff_show, ctl_tariff_diff;
/* "flat/2 is pending, from 2026-08-01 00:00 Asia/Shanghai, in CNY", and who did what. */
void ctl_tariff_head(const struct ctl *c, const struct cJSON *version);

/* --- ctl_usage.c: use as CSV --------------------------------------------------------------- */

struct ctl_usage {
	size_t line;
	char *from, *to; /* as they were written */
	struct price_usage usage;
};

struct ctl_usages {
	struct ctl_usage *rows;
	size_t n, room;
};

/* Rows in the order of time, without overlap.  An error begins with "line N: ". */
int ctl_usages_read(FILE *in, struct ctl_usages *out, struct err *e);
void ctl_usages_clear(struct ctl_usages *u);

/* --- ctl_rated.c: what it costs, as CSV and JSON ------------------------------------------- */

#define CTL_COMPONENTS (PRICE_SUMS + 2)

/* What is shown beside the charge: components by name, in minor units; none when the energy is
 * all there is. */
struct ctl_columns {
	size_t n;
	char name[CTL_COMPONENTS][PRICE_NAME];
	bool taxed;
};

struct ctl_rated {
	const struct ctl_usage *row; /* NULL: the total */
	const struct price_charge *charge;
	int64_t wh, charge_minor, net_minor;
	int64_t minor[CTL_COMPONENTS]; /* by column */
};

void ctl_columns_find(const struct price_book *b, struct ctl_columns *cs);
void ctl_rated_head(const struct ctl_columns *cs, struct buf *out);
void ctl_rated_row(const struct ctl_columns *cs, const struct ctl_rated *r, struct buf *out);
void ctl_rated_json(const struct ctl_columns *cs, const struct ctl_rated *r, struct buf *out);
void ctl_put_json_text(struct buf *out, const char *text); /* with its quotes */

#endif
