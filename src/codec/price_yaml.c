/*
 * The top of a tariff file, and its prices.
 *
 * What a list of tiers or bands holds depends on the mode, so the mode is settled first.  Each
 * reader checks what it can name a line for; price_check() at the end sees the whole, and names
 * the part whose line is then told.
 */
#include "codec/price_yaml.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/money.h"
#include "codec/price_reader.h"
#include "model/calendar.h"
#include "model/price.h"

#include <stdio.h>
#include <string.h>

/* --- whose, where, since when ------------------------------------------------------------ */

static int
read_currency(struct price_reader *r, const struct conf_node *root)
{
	const struct conf_node *n, *exponent = conf_tree_get(root, "exponent");
	const char *text = price_need(r, root, "currency", &n);

	if (text == NULL)
		return -1;
	if (strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return price_refuse(r, n, "\"%.40s\" is no currency: write CNY", text);
	memcpy(r->v->currency, text, 4);
	r->v->exponent = money_digits(text);
	return exponent == NULL ? 0 : price_number(r, exponent, 0, 6, &r->v->exponent);
}

/* "2026-01-01" is its midnight; "2026-01-01 06:00" another instant. */
static int
read_since(struct price_reader *r, const struct conf_node *root, const struct calendar *c)
{
	const struct conf_node *n;
	const char *text = price_need(r, root, "effective_from", &n), *p;
	struct civil t = {0};
	int date, clock = 0;

	if (text == NULL)
		return -1;
	p = price_date(text, &date);
	if (p != NULL && *p == ' ')
		p = price_clock(p + 1, &clock);
	if (p == NULL || *p != '\0' || clock == 1440)
		return price_refuse(
		    r, n, "\"%.40s\" is no day: write 2026-01-01, or 2026-01-01 06:00", text);
	t.year = date / 10000;
	t.month = date / 100 % 100;
	t.day = date % 100;
	t.hour = clock / 60;
	t.minute = clock % 60;
	r->v->effective_from_us = calendar_instant(c, &t);
	return 0;
}

static int
read_place(struct price_reader *r, const struct conf_node *root)
{
	const struct conf_node *n;
	const char *zone = price_need(r, root, "zone", &n);
	struct calendar *c;
	struct err why;
	int rc;

	if (zone == NULL)
		return -1;
	c = strlen(zone) < sizeof r->v->zone ? calendar_new(zone, &why) : NULL;
	if (c == NULL)
		return price_refuse(r, n, "there is no zone \"%.40s\": write Asia/Shanghai", zone);
	snprintf(r->v->zone, sizeof r->v->zone, "%s", zone);
	rc = read_since(r, root, c);
	calendar_free(c);
	return rc;
}

/* --- periods ----------------------------------------------------------------------------- */

static int
read_period(struct price_reader *r, const struct conf_node *n)
{
	static const char *const words[] = {"month", "year", NULL};
	static const char *const names[] = {"cycle_day", "hour", NULL};
	const struct conf_node *day, *hour;
	int word;

	if (n == NULL)
		return 0;
	if (n->kind == CONF_NODE_TEXT) {
		word = price_word(r, n, words);
		r->v->period.kind = word == 1 ? PRICE_YEAR : PRICE_MONTH;
		return word < 0 ? -1 : 0;
	}
	r->v->period.kind = PRICE_CYCLE;
	if (price_known(r, n, names) < 0 || price_need(r, n, "cycle_day", &day) == NULL ||
	    price_number(r, day, 1, 28, &r->v->period.day) < 0)
		return -1;
	hour = conf_tree_get(n, "hour");
	return hour == NULL ? 0 : price_number(r, hour, 0, 23, &r->v->period.hour);
}

static int
read_prorate(struct price_reader *r, const struct conf_node *root)
{
	static const char *const words[] = {"false", "true", NULL};
	const struct conf_node *n = conf_tree_get(root, "prorate");
	const struct conf_node *days = conf_tree_get(root, "nominal_days");
	int word = n != NULL ? price_word(r, n, words) : 0;

	if (word < 0)
		return -1;
	r->v->prorate = word == 1;
	r->v->nominal_days = 30;
	if (days == NULL)
		return 0;
	if (!r->v->prorate || r->v->period.kind != PRICE_CYCLE)
		return price_refuse(r, days, "is for a cycle_day with prorate: true only");
	return price_number(r, days, 1, 366, &r->v->nominal_days);
}

/* --- tiers ------------------------------------------------------------------------------- */

static int
read_upto(struct price_reader *r, const struct conf_node *tier, struct price_ladder *l)
{
	const struct conf_node *n = conf_tree_get(tier, "upto");
	bool last = tier->next == NULL;
	int64_t *upto = &l->upto_wh[l->n++];

	*upto = PRICE_OPEN;
	if (n == NULL)
		return last ? 0 : price_refuse(r, tier, "only the last tier may be without upto");
	if (last)
		return price_refuse(r, n, "the last tier must be open: leave this out");
	if (price_energy(r, n, upto) < 0)
		return -1;
	if (*upto <= (l->n > 1 ? l->upto_wh[l->n - 2] : 0))
		return price_refuse(
		    r, n, "\"%.40s\" does not end above the tier before it", n->text);
	return 0;
}

static int
read_price(struct price_reader *r, const struct conf_node *map, bool sign, int64_t *micro)
{
	const struct conf_node *n;

	return price_need(r, map, "price", &n) == NULL ? -1 : price_money(r, n, sign, micro);
}

/* One price for each band. */
static int
read_row(struct price_reader *r, const struct conf_node *tier, int64_t row[PRICE_BANDS])
{
	const struct conf_node *prices = conf_tree_get(tier, "prices"), *n;
	const char *names[PRICE_BANDS + 1] = {0};

	if (prices == NULL)
		return price_refuse(r, tier, "prices must be given");
	for (size_t b = 0; b < r->v->nbands; b++)
		names[b] = r->v->band[b];
	if (price_known(r, prices, names) < 0)
		return -1;
	for (size_t b = 0; b < r->v->nbands; b++) {
		n = conf_tree_get(prices, r->v->band[b]);
		if (n == NULL)
			return price_refuse(r, prices, "%s has no price", r->v->band[b]);
		if (price_money(r, n, false, &row[b]) < 0)
			return -1;
	}
	return 0;
}

/* The tiers of one band, or of all: the price goes where the mode wants it. */
static int
read_tiers(struct price_reader *r, const struct conf_node *list, size_t band)
{
	static const char *const plain[] = {"upto", "price", NULL};
	static const char *const rows[] = {"upto", "prices", NULL};
	bool matrix = r->v->mode == PRICE_MATRIX, additive = r->v->mode == PRICE_ADDITIVE;
	struct price_ladder *l = &r->v->ladder[band];

	if (price_is_list(r, list, PRICE_TIERS) < 0)
		return -1;
	for (const struct conf_node *n = list->first; n != NULL; n = n->next) {
		size_t t = l->n;

		if (price_known(r, n, matrix ? rows : plain) < 0 || read_upto(r, n, l) < 0)
			return -1;
		if (matrix ? read_row(r, n, r->v->micro[t]) < 0
			   : read_price(r, n, additive,
				 additive ? &r->v->tier_micro[t] : &r->v->micro[t][band]) < 0)
			return -1;
	}
	return 0;
}

/* --- bands ------------------------------------------------------------------------------- */

static int
read_band(struct price_reader *r, const struct conf_node *n)
{
	static const char *const names[][3] = {
	    {"name", "price", NULL},
            {"name", NULL,    NULL},
            {"name", "tiers", NULL}
        };
	size_t band = r->v->nbands++;
	const struct conf_node *name = n, *tiers;

	if (r->v->mode == PRICE_MATRIX && n->kind == CONF_NODE_TEXT)
		return price_name(r, n, r->v->band[band]);
	if (price_known(r, n, names[r->v->mode]) < 0 || price_need(r, n, "name", &name) == NULL ||
	    price_name(r, name, r->v->band[band]) < 0)
		return -1;
	for (size_t b = 0; b < band; b++)
		if (strcmp(r->v->band[b], r->v->band[band]) == 0)
			return price_refuse(r, name, "%s is there already", name->text);
	if (r->v->mode == PRICE_ADDITIVE)
		return read_price(r, n, true, &r->v->band_micro[band]);
	if (r->v->mode == PRICE_MATRIX)
		return 0;
	tiers = conf_tree_get(n, "tiers");
	return tiers != NULL ? read_tiers(r, tiers, band)
			     : price_refuse(r, n, "tiers must be given");
}

/* Without bands one stands for all; it has a price of zero beside the tier's. */
static int
read_bands(struct price_reader *r, const struct conf_node *list)
{
	if (list == NULL) {
		r->v->nbands = 1;
		snprintf(r->v->band[0], PRICE_NAME, "all");
		return 0;
	}
	r->v->banded = true;
	if (price_is_list(r, list, PRICE_BANDS) < 0)
		return -1;
	for (const struct conf_node *n = list->first; n != NULL; n = n->next)
		if (read_band(r, n) < 0)
			return -1;
	return 0;
}

/* --- mode -------------------------------------------------------------------------------- */

static int
read_mode(struct price_reader *r, const struct conf_node *root)
{
	static const char *const words[] = {"additive", "matrix", "per_band", NULL};
	const struct conf_node *n = conf_tree_get(root, "mode");
	const struct conf_node *tiers = conf_tree_get(root, "tiers");
	const struct conf_node *bands = conf_tree_get(root, "bands");
	int word = n != NULL ? price_word(r, n, words) : PRICE_ADDITIVE;

	if (word < 0)
		return -1;
	r->v->mode = (enum price_mode)word;
	if (tiers == NULL && bands == NULL)
		return price_refuse(r, root, "tiers or bands must be given");
	if (n == NULL && tiers != NULL && bands != NULL)
		return price_refuse(r, root,
		    "with tiers and bands, mode must be given: additive, matrix or per_band");
	if (n == NULL)
		return 0;
	if (word == PRICE_MATRIX && (tiers == NULL || bands == NULL))
		return price_refuse(r, n, "matrix needs tiers and bands");
	if (word == PRICE_PER_BAND && (tiers != NULL || bands == NULL))
		return price_refuse(r, n, "per_band needs bands, and the tiers in them");
	return 0;
}

static int
read_prices(struct price_reader *r, const struct conf_node *root)
{
	const struct conf_node *tiers = conf_tree_get(root, "tiers");
	const struct conf_node *period = conf_tree_get(root, "tier_period");

	if (read_mode(r, root) < 0 || read_bands(r, conf_tree_get(root, "bands")) < 0)
		return -1;
	r->v->tiered = tiers != NULL || r->v->mode == PRICE_PER_BAND;
	if (r->v->tiered && period == NULL)
		return price_refuse(r, root, "with tiers, tier_period must be given");
	if (tiers != NULL)
		return read_tiers(r, tiers, 0);
	if (r->v->mode != PRICE_PER_BAND)
		r->v->ladder[0] = (struct price_ladder){1, {PRICE_OPEN}};
	return 0;
}

/* --- the file ---------------------------------------------------------------------------- */

static int
read_head(struct price_reader *r, const struct conf_node *root)
{
	static const char *const words[] = {"half_up", "half_even", "down", NULL};
	const struct conf_node *name = conf_tree_get(root, "name");
	const struct conf_node *rounding = conf_tree_get(root, "rounding");
	int word = rounding != NULL ? price_word(r, rounding, words) : 0;

	if (word < 0 || (name != NULL && price_name(r, name, r->v->name) < 0))
		return -1;
	r->v->rounding = (enum price_rounding)word;
	return read_currency(r, root) < 0 ? -1 : read_place(r, root);
}

static int
check_all(struct price_reader *r, const struct conf_node *root)
{
	const struct conf_node *at;
	const char *about = "";
	struct err why;

	if (price_check(r->v, &about, &why) == 0)
		return 0;
	at = conf_tree_get(root, about);
	if (at == NULL)
		at = conf_tree_get(root, "bands");
	return price_refuse(r, at != NULL ? at : root, "%.150s", why.text);
}

static int
read_root(struct price_reader *r, const struct conf_node *root)
{
	static const char *const names[] = {"name", "currency", "exponent", "zone",
	    "effective_from", "rounding", "tier_period", "prorate", "nominal_days", "mode", "tiers",
	    "bands", "day_types", "schedules", "seasons", "holidays", "makeup_workdays", "fixed",
	    "surcharges", "tax", NULL};

	if (price_known(r, root, names) < 0 || read_head(r, root) < 0 ||
	    read_period(r, conf_tree_get(root, "tier_period")) < 0 || read_prorate(r, root) < 0 ||
	    read_prices(r, root) < 0 || price_read_days(r, root) < 0 ||
	    price_read_extras(r, root) < 0)
		return -1;
	return check_all(r, root);
}

/* A price that is not read stays none, so that nothing is free by accident. */
static void
no_prices(struct price_version *v)
{
	*v = (struct price_version){0};
	for (size_t t = 0; t < PRICE_TIERS; t++)
		for (size_t b = 0; b < PRICE_BANDS; b++)
			v->micro[t][b] = PRICE_NONE;
}

static int
read_tree(const char *path, struct conf_node *root, struct price_version *v, struct err *e)
{
	struct price_reader r = {path, v, e};
	int rc;

	if (root == NULL)
		return -1;
	no_prices(v);
	rc = read_root(&r, root);
	conf_tree_free(root);
	return rc;
}

int
price_yaml_read(const char *path, struct price_version *v, struct err *e)
{
	return read_tree(path, conf_tree_read(path, e), v, e);
}

int
price_yaml_parse(const char *path, struct span text, struct price_version *v, struct err *e)
{
	return read_tree(path, conf_tree_parse(path, text, e), v, e);
}
