#include "codec/price_words.h"

#include "base/err.h"
#include "model/calendar.h"
#include "model/price.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- values -------------------------------------------------------------------------------- */

static void
put_decimal(struct buf *out, int64_t value, int digits, int keep)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	buf_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / unit);
	size %= unit;
	for (; digits > keep && size % 10 == 0; digits--)
		size /= 10;
	if (digits > 0)
		buf_printf(out, ".%0*" PRIu64, digits, size);
}

void
price_put_micro(struct buf *out, int64_t micro)
{
	if (micro == PRICE_NONE)
		buf_put_text(out, "none");
	else
		put_decimal(out, micro, 6, 2);
}

void
price_put_kwh(struct buf *out, int64_t wh)
{
	put_decimal(out, wh, 3, 0);
	buf_put_text(out, " kWh");
}

void
price_put_ppm(struct buf *out, int64_t ppm)
{
	put_decimal(out, ppm, 4, 0);
	buf_put_text(out, " %");
}

void
price_put_date(struct buf *out, int yyyymmdd)
{
	buf_printf(out, "%04d-%02d-%02d", yyyymmdd / 10000, yyyymmdd / 100 % 100, yyyymmdd % 100);
}

void
price_put_dates(struct buf *out, const int *dates, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		for (run = 1;
		     i + run < n && dates[i + run] == calendar_day_add(dates[i + run - 1], 1);)
			run++;
		buf_put_text(out, i > 0 ? ", " : "");
		price_put_date(out, dates[i]);
		if (run > 1) {
			buf_put_text(out, " to ");
			price_put_date(out, dates[i + run - 1]);
		}
	}
}

void
price_put_clock(struct buf *out, int minute)
{
	buf_printf(out, "%02d:%02d", minute / 60, minute % 60);
}

void
price_put_instant(struct buf *out, const struct price_version *v)
{
	struct err e;
	struct calendar *c = calendar_new(v->zone, &e);
	struct civil t;

	if (c == NULL) {
		buf_printf(out, "%" PRId64 " us", v->effective_from_us);
		return;
	}
	t = calendar_civil(c, v->effective_from_us);
	buf_printf(out, "%04d-%02d-%02d %02d:%02d", t.year, t.month, t.day, t.hour, t.minute);
	calendar_free(c);
}

void
price_put_period(struct buf *out, const struct price_version *v)
{
	if (v->period.kind == PRICE_CYCLE)
		buf_printf(out, "day %d of the month at %02d:00", v->period.day, v->period.hour);
	else
		buf_put_text(out, v->period.kind == PRICE_YEAR ? "each year" : "each month");
	if (v->prorate && v->period.kind == PRICE_CYCLE)
		buf_printf(out, ", prorated to %d days", v->nominal_days);
	else if (v->prorate)
		buf_put_text(out, ", prorated");
}

void
price_put_amount(struct buf *out, const struct price_version *v, size_t fixed)
{
	static const char *const how[] = {
	    " a month, by the days it has", " a month, 12/365 a day", " a day"};

	price_put_micro(out, v->fixed[fixed].micro);
	buf_put_text(out, how[v->fixed[fixed].accrual]);
}

/* --- tables -------------------------------------------------------------------------------- */

#define ROWS (PRICE_TIERS * PRICE_BANDS + 1)
#define COLS (PRICE_BANDS + 1)

struct table {
	size_t rows, cols;
	char cell[ROWS][COLS][40];
};

static void
set(struct table *t, size_t row, size_t col, const struct buf *text)
{
	snprintf(t->cell[row][col], sizeof t->cell[row][col], "%.*s", (int)text->len,
	    text->len > 0 ? (const char *)text->bytes : "");
	t->rows = row + 1 > t->rows ? row + 1 : t->rows;
	t->cols = col + 1 > t->cols ? col + 1 : t->cols;
}

static void
set_price(struct table *t, size_t row, size_t col, int64_t micro)
{
	struct buf b = {0};

	price_put_micro(&b, micro);
	set(t, row, col, &b);
	buf_clear(&b);
}

static void
set_text(struct table *t, size_t row, size_t col, const char *text)
{
	struct buf b = {0};

	buf_put_text(&b, text);
	set(t, row, col, &b);
	buf_clear(&b);
}

/* "up to 100 kWh", "above 100 kWh", "all" */
static void
set_tier(struct table *t, size_t row, const struct price_ladder *l, size_t tier, const char *band)
{
	struct buf b = {0};

	buf_put_text(&b, band);
	if (l->upto_wh[tier] != PRICE_OPEN)
		buf_put_text(&b, "up to ");
	else
		buf_put_text(&b, tier > 0 ? "above " : "all");
	if (l->upto_wh[tier] != PRICE_OPEN)
		price_put_kwh(&b, l->upto_wh[tier]);
	else if (tier > 0)
		price_put_kwh(&b, l->upto_wh[tier - 1]);
	set(t, row, 0, &b);
	buf_clear(&b);
}

static size_t
behind_point(const char *cell)
{
	const char *point = strchr(cell, '.');

	return point != NULL ? strlen(point) : 0;
}

/* Points stand under each other: prices get the same number of digits behind them. */
static void
align_points(struct table *t)
{
	size_t most = 0, len;

	for (size_t r = 0; r < t->rows; r++)
		for (size_t c = 1; c < t->cols; c++)
			if (behind_point(t->cell[r][c]) > most)
				most = behind_point(t->cell[r][c]);
	for (size_t r = 0; r < t->rows; r++)
		for (size_t c = 1; c < t->cols; c++) {
			char *cell = t->cell[r][c];

			len = behind_point(cell);
			if (len > 0 && len < most) /* a price is far from filling its cell */
				snprintf(cell + strlen(cell), sizeof t->cell[r][c] - strlen(cell),
				    "%0*d", (int)(most - len), 0);
		}
}

static void
put_table(struct table *t, struct buf *out)
{
	size_t width[COLS] = {0};

	align_points(t);
	for (size_t c = 0; c < t->cols; c++) {
		for (size_t r = 0; r < t->rows; r++)
			if (strlen(t->cell[r][c]) > width[c])
				width[c] = strlen(t->cell[r][c]);
	}
	for (size_t r = 0; r < t->rows; r++) {
		buf_printf(out, "  %-*s", (int)width[0], t->cell[r][0]);
		for (size_t c = 1; c < t->cols; c++)
			buf_printf(out, "  %*s", (int)width[c], t->cell[r][c]);
		buf_put_u8(out, '\n');
	}
}

/* --- prices -------------------------------------------------------------------------------- */

static void
show_additive(const struct price_version *v, struct table *t)
{
	size_t row = 0;

	for (size_t i = 0; v->tiered && i < v->ladder[0].n; i++) {
		set_tier(t, row, &v->ladder[0], i, "");
		set_price(t, row++, 1, v->tier_micro[i]);
	}
	for (size_t b = 0; v->banded && b < v->nbands; b++) {
		char name[PRICE_NAME + 8];

		snprintf(name, sizeof name, "%s%s", v->tiered ? "and in " : "", v->band[b]);
		set_text(t, row, 0, name);
		set_price(t, row++, 1, v->band_micro[b]);
	}
}

static void
show_matrix(const struct price_version *v, struct table *t)
{
	set_text(t, 0, 0, "");
	for (size_t b = 0; b < v->nbands; b++)
		set_text(t, 0, b + 1, v->band[b]);
	for (size_t i = 0; i < v->ladder[0].n; i++) {
		set_tier(t, i + 1, &v->ladder[0], i, "");
		for (size_t b = 0; b < v->nbands; b++)
			set_price(t, i + 1, b + 1, v->micro[i][b]);
	}
}

static void
show_per_band(const struct price_version *v, struct table *t)
{
	size_t row = 0;

	for (size_t b = 0; b < v->nbands; b++)
		for (size_t i = 0; i < v->ladder[b].n; i++) {
			char name[PRICE_NAME + 4];

			snprintf(name, sizeof name, "%s ", v->band[b]);
			set_tier(t, row, &v->ladder[b], i, name);
			set_price(t, row++, 1, v->micro[i][b]);
		}
}

static void
show_prices(const struct price_version *v, struct buf *out)
{
	static void (*const show[])(const struct price_version *v, struct table *t) = {
	    show_additive, show_matrix, show_per_band};
	struct table *t = mem_new(sizeof *t);

	buf_printf(out, "Energy, %s a kWh", v->currency);
	if (v->tiered) {
		buf_put_text(out, v->mode == PRICE_PER_BAND ? "; tiers of each band begin anew "
							    : "; tiers begin anew ");
		price_put_period(out, v);
	}
	buf_put_text(out, ":\n");
	show[v->mode](v, t);
	put_table(t, out);
	free(t);
}

/* --- hours and days ------------------------------------------------------------------------ */

static void
put_days(struct buf *out, unsigned days)
{
	static const char *const names[] = {
	    "sun", "mon", "tue", "wed", "thu", "fri", "sat", "holiday", "makeup"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((days & (1u << i)) != 0)
			buf_printf(out, " %s", names[i]);
}

static void
show_hours(const struct price_version *v, struct buf *out)
{
	if (!v->banded || v->nschedules == 0)
		return;
	buf_put_text(out, "Hours:\n");
	for (size_t s = 0; s < v->nseasons; s++) {
		const struct price_season *season = &v->season[s];

		if (v->nseasons > 1)
			buf_printf(out, "  %s, %02d-%02d to %02d-%02d\n", season->name,
			    season->from / 100, season->from % 100, season->to / 100,
			    season->to % 100);
		for (size_t d = 0; d < v->nday_types; d++) {
			const struct price_schedule *h = &v->schedule[season->schedule[d]];

			buf_printf(
			    out, "  %s%s:", v->nseasons > 1 ? "  " : "", v->day_type[d].name);
			for (size_t i = 0; i < h->n; i++) {
				buf_put_text(out, i > 0 ? ", " : " ");
				price_put_clock(out, h->slot[i].from);
				buf_put_u8(out, '-');
				price_put_clock(out, h->slot[i].to);
				buf_printf(out, " %s", v->band[h->slot[i].band]);
			}
			buf_put_u8(out, '\n');
		}
	}
	for (size_t d = 0; v->nday_types > 1 && d < v->nday_types; d++) {
		buf_printf(out, "  %s is", v->day_type[d].name);
		put_days(out, v->day_type[d].days);
		buf_put_u8(out, '\n');
	}
}

static void
show_dates(const char *title, const int *dates, size_t n, struct buf *out)
{
	if (n == 0)
		return;
	buf_printf(out, "%s: ", title);
	price_put_dates(out, dates, n);
	buf_put_u8(out, '\n');
}

/* --- the rest ------------------------------------------------------------------------------ */

static void
show_extras(const struct price_version *v, struct buf *out)
{
	static const char *const rounding[] = {"half up", "half to even", "down"};

	for (size_t i = 0; i < v->nfixed; i++) {
		buf_printf(out, "Fixed: %s ", v->fixed[i].name);
		price_put_amount(out, v, i);
		buf_put_u8(out, '\n');
	}
	for (size_t i = 0; i < v->nsurcharges; i++) {
		buf_printf(out, "Surcharge: %s ", v->surcharge[i].name);
		price_put_micro(out, v->surcharge[i].micro);
		buf_put_text(out, " a kWh\n");
	}
	if (v->taxed) {
		buf_put_text(out, "Tax: ");
		price_put_ppm(out, v->tax_ppm);
		buf_put_text(
		    out, v->tax_inclusive ? ", in all prices\n" : ", on top of all prices\n");
	}
	buf_printf(out, "Rounding: %s\n", rounding[v->rounding]);
}

void
price_words_show(const struct price_version *v, struct buf *out)
{
	show_prices(v, out);
	show_hours(v, out);
	show_dates("Holidays", v->holiday, v->nholidays, out);
	show_dates("Make-up workdays", v->makeup, v->nmakeups, out);
	show_extras(v, out);
}
