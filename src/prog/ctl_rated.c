/*
 * A rated interval as a line of CSV or an object of JSON: what it costs, and every Wh with the
 * price it was given.
 *
 * Where a tier has a price of its own (additive), it is told with the tier; where a price belongs
 * to tier and band together, it is told with the band, as "peak/2:8000Wh@0.88".
 */
#include "prog/ctl_tariff.h"

#include "base/buf.h"
#include "codec/csv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- columns ------------------------------------------------------------------------------- */

static void
add_column(struct ctl_columns *cs, const char *name)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->name[i], name) == 0)
			return;
	if (cs->n < CTL_COMPONENTS)
		snprintf(cs->name[cs->n++], PRICE_NAME, "%s", name);
}

void
ctl_columns_find(const struct price_book *b, struct ctl_columns *cs)
{
	*cs = (struct ctl_columns){0};
	add_column(cs, "energy");
	for (size_t i = 0; i < b->n; i++)
		if (b->versions[i]->nfixed > 0)
			add_column(cs, "fixed");
	for (size_t i = 0; i < b->n; i++) {
		for (size_t s = 0; s < b->versions[i]->nsurcharges; s++)
			add_column(cs, b->versions[i]->surcharge[s].name);
		cs->taxed = cs->taxed || b->versions[i]->taxed;
	}
	if (cs->n == 1)
		cs->n = 0; /* energy is all there is */
}

/* --- what it touched ----------------------------------------------------------------------- */

struct item {
	const char *band; /* NULL: a tier's */
	int tier;         /* from 1; 0: a band's */
	int64_t wh, micro;
	bool priced;
};

struct items {
	struct item *all;
	size_t n;
};

/* The same at the same price is told once. */
static void
add_item(struct items *items, struct item new)
{
	for (size_t i = 0; i < items->n; i++) {
		struct item *old = &items->all[i];

		if (old->tier == new.tier && old->micro == new.micro &&
		    (old->band == NULL) == (new.band == NULL) &&
		    (new.band == NULL || strcmp(old->band, new.band) == 0)) {
			old->wh += new.wh;
			return;
		}
	}
	items->all[items->n++] = new;
}

static void
find_items(const struct price_charge *c, struct items *tiers, struct items *bands)
{
	tiers->all = mem_new(c->ntouches * sizeof *tiers->all);
	bands->all = mem_new(c->ntouches * sizeof *bands->all);
	for (size_t i = 0; i < c->ntouches; i++) {
		const struct price_touch *t = &c->touches[i];
		const struct price_version *v = c->parts[t->part].version;
		const char *band = t->band >= 0 ? v->band[t->band] : NULL;

		if (t->tier >= 0)
			add_item(tiers, (struct item){NULL, t->tier + 1, t->wh,
					    band == NULL ? t->micro : 0, band == NULL});
		if (band != NULL)
			add_item(bands, (struct item){band, t->tier + 1, t->wh, t->micro, true});
	}
}

static void
put_items(const struct items *items, struct buf *out)
{
	for (size_t i = 0; i < items->n; i++) {
		const struct item *it = &items->all[i];

		buf_put_text(out, i > 0 ? " " : "");
		if (it->band != NULL)
			buf_printf(out, "%s%s", it->band, it->tier > 0 ? "/" : "");
		if (it->tier > 0)
			buf_printf(out, "%d", it->tier);
		buf_printf(out, ":%" PRId64 "Wh", it->wh);
		if (it->priced) {
			buf_put_u8(out, '@');
			ctl_decimal(out, it->micro, 6, 2);
		}
	}
}

/* --- CSV ----------------------------------------------------------------------------------- */

void
ctl_rated_head(const struct ctl_columns *cs, struct buf *out)
{
	buf_put_text(out, "from,to,wh,charge_minor,tiers,bands");
	for (size_t i = 0; i < cs->n; i++)
		buf_printf(out, ",%s_minor", cs->name[i]);
	if (cs->taxed)
		buf_put_text(out, ",net_minor,tax_minor");
}

static const char *
result_word(enum price_result r)
{
	return r == PRICE_HELD ? "held" : "unrated";
}

static void
put_touched(const struct ctl_rated *r, struct buf *out)
{
	struct items tiers = {0}, bands = {0};

	if (r->charge == NULL) {
		buf_put_text(out, ",,");
		return;
	}
	if (r->charge->result != PRICE_RATED) {
		buf_printf(out, ",%s,", result_word(r->charge->result));
		csv_put(out, r->charge->why, false);
		return;
	}
	find_items(r->charge, &tiers, &bands);
	buf_put_u8(out, ',');
	put_items(&tiers, out);
	buf_put_u8(out, ',');
	put_items(&bands, out);
	free(tiers.all);
	free(bands.all);
}

void
ctl_rated_row(const struct ctl_columns *cs, const struct ctl_rated *r, struct buf *out)
{
	bool money = r->charge == NULL || r->charge->result == PRICE_RATED;

	if (r->row != NULL)
		buf_printf(out, "%s,%s", r->row->from, r->row->to);
	else
		buf_put_text(out, "total,");
	buf_printf(out, ",%" PRId64 ",", r->wh);
	if (money)
		buf_printf(out, "%" PRId64, r->charge_minor);
	put_touched(r, out);
	for (size_t i = 0; i < cs->n; i++) {
		buf_put_u8(out, ',');
		if (money)
			buf_printf(out, "%" PRId64, r->minor[i]);
	}
	if (cs->taxed && money)
		buf_printf(
		    out, ",%" PRId64 ",%" PRId64, r->net_minor, r->charge_minor - r->net_minor);
	else if (cs->taxed)
		buf_put_text(out, ",,");
}

/* --- JSON ---------------------------------------------------------------------------------- */

void
ctl_put_json_text(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_put_u8(out, '\\');
		if ((unsigned char)*text < 0x20)
			buf_printf(out, "\\u%04x", (unsigned)*text);
		else
			buf_put(out, text, 1);
	}
	buf_put_u8(out, '"');
}

static void
put_items_json(const char *name, const struct items *items, struct buf *out)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < items->n; i++) {
		const struct item *it = &items->all[i];

		buf_put_text(out, i > 0 ? ",{" : "{");
		if (it->band != NULL) {
			buf_put_text(out, "\"band\":");
			ctl_put_json_text(out, it->band);
			buf_put_u8(out, ',');
		}
		if (it->tier > 0)
			buf_printf(out, "\"tier\":%d,", it->tier);
		buf_printf(out, "\"wh\":%" PRId64, it->wh);
		if (it->priced)
			buf_printf(out, ",\"price_micro\":%" PRId64, it->micro);
		buf_put_u8(out, '}');
	}
	buf_put_u8(out, ']');
}

/* How it came about: version, position in the tiers, exact money. */
static void
put_parts_json(const struct price_charge *c, struct buf *out)
{
	buf_put_text(out, ",\"parts\":[");
	for (size_t i = 0; i < c->nparts; i++) {
		const struct price_part *p = &c->parts[i];

		buf_printf(out,
		    "%s{\"from_us\":%" PRId64 ",\"to_us\":%" PRId64 ",\"period_us\":%" PRId64
		    ",\"used_wh\":%" PRId64 ",\"wh\":%" PRId64 ",\"version\":",
		    i > 0 ? "," : "", p->from_us, p->to_us, p->period_us, p->used_wh, p->wh);
		if (p->version == NULL)
			buf_put_text(out, "null");
		else
			ctl_put_json_text(out, p->version->name);
		if (c->result == PRICE_RATED)
			buf_printf(out, ",\"energy_nano\":%" PRId64 ",\"fixed_nano\":%" PRId64,
			    p->energy_nano, p->fixed_nano);
		buf_put_u8(out, '}');
	}
	buf_put_u8(out, ']');
}

static void
put_charge_json(const struct price_charge *c, struct buf *out)
{
	struct items tiers = {0}, bands = {0};

	find_items(c, &tiers, &bands);
	put_items_json("tiers", &tiers, out);
	put_items_json("bands", &bands, out);
	free(tiers.all);
	free(bands.all);
	if (c->result != PRICE_RATED) {
		buf_printf(out, ",\"%s\":", result_word(c->result));
		ctl_put_json_text(out, c->why);
	}
	if (c->pro_rata)
		buf_put_text(out, ",\"pro_rata\":true");
	if (c->off_schedule)
		buf_put_text(out, ",\"off_schedule\":true");
	if (c->corrected)
		buf_put_text(out, ",\"corrected\":true");
	put_parts_json(c, out);
}

void
ctl_rated_json(const struct ctl_columns *cs, const struct ctl_rated *r, struct buf *out)
{
	bool money = r->charge == NULL || r->charge->result == PRICE_RATED;

	buf_put_u8(out, '{');
	if (r->row != NULL) {
		buf_put_text(out, "\"from\":");
		ctl_put_json_text(out, r->row->from);
		buf_put_text(out, ",\"to\":");
		ctl_put_json_text(out, r->row->to);
		buf_put_u8(out, ',');
	}
	buf_printf(out, "\"wh\":%" PRId64 ",\"charge_minor\":", r->wh);
	if (money)
		buf_printf(out, "%" PRId64, r->charge_minor);
	else
		buf_put_text(out, "null");
	for (size_t i = 0; i < cs->n && money; i++)
		buf_printf(out, ",\"%s_minor\":%" PRId64, cs->name[i], r->minor[i]);
	if (cs->taxed && money)
		buf_printf(out, ",\"net_minor\":%" PRId64 ",\"tax_minor\":%" PRId64, r->net_minor,
		    r->charge_minor - r->net_minor);
	if (r->charge != NULL)
		put_charge_json(r->charge, out);
	buf_put_u8(out, '}');
}
