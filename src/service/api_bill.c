/*
 * bill explain: what was posted, down to two readings.
 *
 * Nothing is taken from the charge that can be worked out: it is rated again by the engine, from
 * its registers, its tenant and its place in the tiers, and what comes out is held against what
 * was stored.  A difference is said loudly, for then one of the two is wrong.  What was posted
 * together with others, when charges are rated again, has no amount of its own: of that
 * its parts are compared, and its journal has the sum.
 *
 * Amounts below a minor unit are texts, since they are longer than what JSON keeps exactly.
 */
#include "service/api_call.h"

#include "base/err.h"
#include "base/log.h"
#include "model/calendar.h"
#include "service/billing_parts.h"
#include "service/prices.h"
#include "store/store_bill.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct explain {
	struct buf out;
	const struct price_book *book;
	bool agrees;
};

/* --- words ---------------------------------------------------------------------------------- */

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, ",\"%s\":", name);
	json_quote(b, text);
}

static void
put_int(struct buf *b, const char *name, int64_t v)
{
	buf_printf(b, ",\"%s\":%" PRId64, name, v);
}

static void
put_exact(struct buf *b, const char *name, int64_t v)
{
	buf_printf(b, ",\"%s\":\"%" PRId64 "\"", name, v);
}

static void
put_time(struct buf *b, const char *name, int64_t us)
{
	if (us == INT64_MIN || us == INT64_MAX)
		buf_printf(b, ",\"%s\":null", name);
	else
		put_int(b, name, us);
}

static void
put_registers(struct buf *b, const char *name, const struct registers *r)
{
	static const char *const names[REGISTERS] = {
	    "total_wh", "t1_wh", "t2_wh", "t3_wh", "t4_wh"};

	buf_printf(b, ",\"%s\":{\"at_us\":%" PRId64, name, r->at_us);
	for (int i = 0; i < REGISTERS; i++)
		if (r->wh[i] != NO_WH)
			put_int(b, names[i], r->wh[i]);
	buf_put_u8(b, '}');
}

static void
put_position(struct buf *b, const struct price_position *at)
{
	buf_printf(b,
	    ",\"before\":{\"period_us\":%" PRId64 ",\"used_wh\":%" PRId64 ",\"band_wh\":[",
	    at->period_us, at->used_wh);
	for (int i = 0; i < PRICE_BANDS; i++)
		buf_printf(b, "%s%" PRId64, i > 0 ? "," : "", at->band_wh[i]);
	buf_put_text(b, "]}");
}

/* --- what the engine says -------------------------------------------------------------------- */

static void
put_touches(struct explain *x, const struct price_charge *c, size_t part)
{
	const struct price_version *v = c->parts[part].version;
	int n = 0;

	buf_put_text(&x->out, ",\"energy\":[");
	for (size_t i = 0; i < c->ntouches; i++) {
		const struct price_touch *t = &c->touches[i];

		if (t->part != part)
			continue;
		buf_printf(&x->out, "%s{\"wh\":%" PRId64, n++ > 0 ? "," : "", t->wh);
		if (t->tier >= 0)
			put_int(&x->out, "tier", t->tier + 1);
		if (t->band >= 0)
			put_text(&x->out, "band", v->band[t->band]);
		put_int(&x->out, "price_micro", t->micro);
		buf_put_u8(&x->out, '}');
	}
	buf_put_text(&x->out, "],\"surcharges\":[");
	for (size_t i = 0; i < v->nsurcharges; i++) {
		buf_printf(&x->out, "%s{\"wh\":%" PRId64, i > 0 ? "," : "", c->parts[part].wh);
		put_text(&x->out, "name", v->surcharge[i].name);
		put_int(&x->out, "price_micro", v->surcharge[i].micro);
		buf_put_u8(&x->out, '}');
	}
	buf_put_u8(&x->out, ']');
}

static void
put_parts(struct explain *x, const struct price_charge *c)
{
	buf_put_text(&x->out, ",\"parts\":[");
	for (size_t i = 0; i < c->nparts; i++) {
		const struct price_part *p = &c->parts[i];

		buf_printf(&x->out, "%s{\"from_us\":%" PRId64, i > 0 ? "," : "", p->from_us);
		put_int(&x->out, "to_us", p->to_us);
		put_int(&x->out, "period_us", p->period_us);
		put_int(&x->out, "wh", p->wh);
		put_int(&x->out, "used_wh", p->used_wh);
		if (p->version != NULL) {
			put_text(&x->out, "version", prices_version_name(p->version));
			put_touches(x, c, i);
			put_exact(&x->out, "fixed_nano", p->fixed_nano);
			put_exact(&x->out, "fixed_parts", p->fixed_parts);
		}
		buf_put_u8(&x->out, '}');
	}
	buf_put_u8(&x->out, ']');
}

static bool
same_items(const struct past_charge *c, const struct price_item *items, int n)
{
	if (n != c->nitems)
		return false;
	for (int i = 0; i < n; i++)
		if (strcmp(c->items[i].name, items[i].name) != 0 ||
		    c->items[i].nano != items[i].nano || c->items[i].parts != items[i].parts ||
		    c->items[i].tax_ppm != items[i].tax_ppm ||
		    c->items[i].tax_inclusive != items[i].tax_inclusive)
			return false;
	return true;
}

/* As it was rated: the same registers, tenant and position. */
static enum price_result
rate(struct explain *x, const struct billed_charge *b, struct price_charge *out)
{
	const struct past_charge *c = &b->c;
	struct price_tenancy who = {b->tenant_from_us, c->tenant_to_us, c->extra_wh};
	struct price_position at = c->at;
	struct price_usage u = {.from_us = c->from.at_us, .to_us = c->to.at_us, .has_total = true};
	int64_t delta[REGISTERS];

	if (!c->fixed) {
		bill_deltas(&c->from, &c->to, c->wraps_wh, delta);
		u = bill_usage(x->book, c->multiplier, c->from.at_us, c->to.at_us, delta);
	}
	return price_rate(x->book, &who, &u, &at, out);
}

/* --- what was posted ------------------------------------------------------------------------- */

/* Exact, what had come together before it, and what that made to be posted. */
static void
put_component(struct explain *x, const struct billed_charge *b, int i, int64_t *minor)
{
	const struct price_version *v = x->book->versions[0];
	const struct price_item *item = &b->c.items[i];
	struct price_posting p;
	struct price_sums sums = {1, {{{0}, 0, 0, 0, 0, 0, 0, 0, 0}}};
	struct err e;

	buf_put_text(&x->out, i > 0 ? ",{\"name\":" : "{\"name\":");
	json_quote(&x->out, item->name);
	put_exact(&x->out, "nano", item->nano);
	put_exact(&x->out, "parts", item->parts);
	buf_printf(&x->out, ",\"tax_inclusive\":%s", item->tax_inclusive ? "true" : "false");
	put_int(&x->out, "tax_ppm", item->tax_ppm);
	if (b->has_sums) {
		sums.of[0] = b->before[i];
		put_exact(&x->out, "sum_nano", sums.of[0].base_nano);
		put_exact(&x->out, "sum_parts", sums.of[0].base_parts);
		put_exact(&x->out, "brought_femto", sums.of[0].gross_femto);
		put_exact(&x->out, "brought_net_femto", sums.of[0].net_femto);
		put_int(&x->out, "sum_posted_minor", sums.of[0].gross_minor);
		put_int(&x->out, "sum_net_minor", sums.of[0].net_minor);
		put_exact(&x->out, "carried_nano", price_carry_nano(&sums.of[0], v->exponent));
		if (price_post_items(&sums, item, 1, v->rounding, v->exponent, &p, &e) == 0) {
			put_int(&x->out, "minor", p.gross_minor);
			put_int(&x->out, "net_minor", p.net_minor);
			put_exact(
			    &x->out, "carries_nano", price_carry_nano(&sums.of[0], v->exponent));
			*minor += p.gross_minor;
		}
	}
	buf_put_u8(&x->out, '}');
}

static void
put_components(struct explain *x, const struct billed_charge *b, bool *agrees)
{
	int64_t minor = 0;

	buf_put_text(&x->out, ",\"components\":[");
	for (int i = 0; i < b->c.nitems; i++)
		put_component(x, b, i, &minor);
	buf_put_u8(&x->out, ']');
	if (b->has_sums && minor != b->minor)
		*agrees = false;
}

static void
put_charge(struct explain *x, const struct billed_charge *b)
{
	const struct past_charge *c = &b->c;
	struct price_item items[PRICE_ITEMS];
	struct price_charge charge;
	bool agrees = x->book != NULL;
	struct err e;

	buf_printf(&x->out, "{\"charge\":%" PRId64, c->id);
	put_text(&x->out, "kind", c->fixed ? "fixed" : "energy");
	put_text(&x->out, "point", b->point);
	put_int(&x->out, "from_us", c->from.at_us);
	put_int(&x->out, "to_us", c->to.at_us);
	if (!c->fixed) {
		put_text(&x->out, "meter", b->meter);
		put_registers(&x->out, "from", &c->from);
		put_registers(&x->out, "to", &c->to);
		put_int(&x->out, "multiplier", c->multiplier);
		put_int(&x->out, "wraps_wh", c->wraps_wh);
		put_int(&x->out, "wh", c->wh);
		put_text(&x->out, "quality", c->estimate ? "estimate" : "actual");
		put_position(&x->out, &c->at);
	}
	put_text(&x->out, "state", c->unrated ? "unrated" : "posted");
	if (b->why[0] != '\0')
		put_text(&x->out, "why", b->why);
	put_time(&x->out, "tenant_from_us", b->tenant_from_us);
	put_time(&x->out, "tenant_to_us", c->tenant_to_us);
	put_int(&x->out, "extra_wh", c->extra_wh);
	if (agrees) {
		enum price_result result = rate(x, b, &charge);
		int n = price_items(&charge, c->fixed ? PRICE_FIXED_ONLY : PRICE_USED, items, &e);

		agrees = (result == PRICE_RATED) == !c->unrated &&
			 (c->unrated || same_items(c, items, n)) && charge.wh == c->wh;
		put_parts(x, &charge);
		put_components(x, b, &agrees);
		price_charge_clear(&charge);
	}
	put_int(&x->out, "minor", b->minor);
	put_text(&x->out, "compared", b->has_sums ? "amount" : "parts");
	if (b->replaces != 0)
		put_int(&x->out, "replaces", b->replaces);
	put_int(&x->out, "rated_us", b->rated_us);
	buf_printf(&x->out, ",\"journal\":%s,\"agrees\":%s}",
	    b->journal[0] != '\0' ? b->journal : "null", agrees ? "true" : "false");
	x->agrees = x->agrees && agrees;
}

/* --- the route ------------------------------------------------------------------------------- */

static void
explain(struct call *c, const struct bill_of *bill)
{
	struct explain x = {.agrees = true};

	if (bill->tariff_id != 0)
		x.book = prices_book(c->parts->prices, bill->tariff_id);
	buf_put_text(&x.out, "{\"account\":");
	json_quote(&x.out, bill->account);
	put_text(&x.out, "zone", bill->zone);
	put_text(&x.out, "currency", bill->currency);
	put_text(&x.out, "tariff", bill->tariff);
	if (x.book != NULL) {
		put_int(&x.out, "exponent", x.book->versions[0]->exponent);
		put_text(&x.out, "rounding", price_rounding_name(x.book->versions[0]->rounding));
	}
	put_int(&x.out, "from_us", bill->since_us);
	put_int(&x.out, "to_us", bill->until_us);
	buf_put_text(&x.out, ",\"charges\":[");
	for (size_t i = 0; i < bill->n; i++) {
		if (i > 0)
			buf_put_u8(&x.out, ',');
		put_charge(&x, &bill->charges[i]);
	}
	buf_put_u8(&x.out, ']');
	if (bill->next_us != 0) /* nothing is said of the rest */
		buf_printf(&x.out, ",\"truncated\":true,\"next_us\":%" PRId64, bill->next_us);
	buf_printf(&x.out, ",\"agrees\":%s}", x.agrees && bill->next_us == 0 ? "true" : "false");
	if (!x.agrees)
		log_line(&(struct logctx){.module = "api"}, LOG_LEVEL_ERROR,
		    "account=%s charges are not what the engine makes of their registers now",
		    bill->account);
	call_answer(c, buf_text(&x.out));
	buf_clear(&x.out);
}

static void
on_bill(struct bill_of *bill, const struct err *e, void *arg)
{
	struct call *c = arg;

	if (e->class != ERR_NONE)
		call_failed(c, e);
	else if (!bill->found)
		call_error(c, 404, "no such account");
	else
		explain(c, bill);
	bill_of_clear(bill);
}

static bool
digits(const char *text, size_t n)
{
	return text != NULL && strspn(text, "0123456789") == strlen(text) && strlen(text) > 0 &&
	       (n == 0 || strlen(text) == n);
}

void
call_bill_explain(struct call *c)
{
	char *what;

	if (!digits(call_text(c, "day"), 8) &&
	    !(digits(call_text(c, "from"), 0) && digits(call_text(c, "to"), 0))) {
		call_error(c, 400, "a day (20261120), or from and to in microseconds, is needed");
		return;
	}
	if (!prices_known(c->parts->prices)) {
		call_error(c, 503, "the prices have not been loaded yet");
		return;
	}
	what = cJSON_PrintUnformatted(c->args);
	store_bill(c->parts->db, what, on_bill, c);
	cJSON_free(what);
}
