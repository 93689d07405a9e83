/*
 * From exact to whole minor units: the growth of a rounded cumulative.
 *
 * The cumulative is kept as it was priced, without tax where prices are without, since tax does
 * not divide evenly.  Gross and net are fractions of it that are rounded anew each time; tax is
 * their difference and nothing that is rounded itself (domain.md 5.12.4).  1 nano is 10^6 femto,
 * which makes the product with a rate in ppm a whole number.
 */
#include "model/price.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

#define MILLION    1000000
#define PARTS_MOST INT64_C(1000000000000000000)

int64_t
price_round(__int128 num, __int128 den, enum price_rounding rounding)
{
	bool below = num < 0;
	__int128 size = below ? -num : num, whole = size / den, rest = size % den;

	switch (rounding) {
	case PRICE_DOWN: /* towards zero */
		break;
	case PRICE_HALF_UP: /* of -0.5 and 0.5 that is 0 and 1 */
		whole += below ? rest * 2 > den : rest * 2 >= den;
		break;
	case PRICE_HALF_EVEN:
		whole += rest * 2 > den || (rest * 2 == den && whole % 2 != 0);
		break;
	}
	return (int64_t)(below ? -whole : whole);
}

/* --- one component ----------------------------------------------------------------------- */

static int64_t
unit_femto(int exponent)
{
	int64_t unit = INT64_C(1000000000000000);

	for (int i = 0; i < exponent; i++)
		unit /= 10;
	return unit;
}

/* An exact amount is num / den femto. */
struct exact {
	__int128 num, den;
};

/* What is priced, as num / den nano. */
static struct exact
base_of(const struct price_sum *s)
{
	if (s->base_parts == 0)
		return (struct exact){s->base_nano, 1};
	return (struct exact){(__int128)s->base_nano * PRICE_PARTS + s->base_parts, PRICE_PARTS};
}

static struct exact
gross_of(const struct price_sum *s)
{
	int64_t factor = MILLION + (s->tax_inclusive ? 0 : s->tax_ppm);
	struct exact x = base_of(s);

	x.num = x.num * factor + x.den * s->gross_femto;
	return x;
}

static struct exact
net_of(const struct price_sum *s)
{
	struct exact x = base_of(s);

	x.num *= MILLION;
	if (s->tax_inclusive) {
		x.num *= MILLION;
		x.den *= MILLION + s->tax_ppm;
	}
	x.num += x.den * s->net_femto;
	return x;
}

/* What is not posted of an amount, in whole femto. */
static int64_t
left_femto(struct exact x, int64_t posted_minor, int exponent)
{
	__int128 left = x.num - (__int128)posted_minor * unit_femto(exponent) * x.den;

	return (int64_t)(left / x.den - (left % x.den < 0));
}

static void
change_tax(struct price_sum *s, const struct price_version *v)
{
	int64_t gross = left_femto(gross_of(s), s->gross_minor, v->exponent);
	int64_t net = left_femto(net_of(s), s->net_minor, v->exponent);

	s->tax_inclusive = v->tax_inclusive;
	s->tax_ppm = v->tax_ppm;
	s->base_nano = s->base_parts = s->gross_minor = s->net_minor = 0;
	s->gross_femto = gross;
	s->net_femto = net;
}

static struct price_sum *
sum_named(struct price_sums *sums, const char *name, const struct price_version *v)
{
	struct price_sum *s;

	for (size_t i = 0; i < sums->n; i++)
		if (strcmp(sums->of[i].name, name) == 0)
			return &sums->of[i];
	if (sums->n == PRICE_SUMS)
		return NULL;
	s = &sums->of[sums->n++];
	*s = (struct price_sum){.tax_inclusive = v->tax_inclusive, .tax_ppm = v->tax_ppm};
	snprintf(s->name, sizeof s->name, "%s", name);
	return s;
}

struct posting {
	struct price_sums *sums;
	enum price_rounding rounding;
	struct price_posting *out;
	struct err *e;
};

/* -1 when it would leave the range in which all products fit into 128 bits. */
static int
grow(struct price_sum *s, int64_t nano, int64_t parts)
{
	s->base_parts += parts;
	if (__builtin_add_overflow(s->base_nano, nano, &s->base_nano) ||
	    __builtin_add_overflow(s->base_nano, s->base_parts / PRICE_PARTS, &s->base_nano))
		return -1;
	s->base_parts %= PRICE_PARTS;
	return s->base_parts != 0 && (s->base_nano > PARTS_MOST || s->base_nano < -PARTS_MOST) ? -1
											       : 0;
}

static int
post(struct posting *p, const char *name, const struct price_version *v, int64_t nano,
    int64_t parts, int64_t *total)
{
	struct price_sum *s = sum_named(p->sums, name, v);
	__int128 unit = unit_femto(v->exponent);
	struct exact gross, net;
	int64_t minor;

	if (s == NULL)
		return err_set(p->e, ERR_INPUT, "more than %d components", PRICE_SUMS);
	if (s->tax_ppm != v->tax_ppm || s->tax_inclusive != v->tax_inclusive)
		change_tax(s, v);
	if (grow(s, nano, parts) < 0)
		return err_set(p->e, ERR_INPUT, "the sum of %s is out of range", name);
	gross = gross_of(s);
	net = net_of(s);
	minor = price_round(gross.num, gross.den * unit, p->rounding);
	p->out->gross_minor += minor - s->gross_minor;
	p->out->of[s - p->sums->of] += minor - s->gross_minor;
	*total += minor - s->gross_minor;
	s->gross_minor = minor;
	minor = price_round(net.num, net.den * unit, p->rounding);
	p->out->net_minor += minor - s->net_minor;
	s->net_minor = minor;
	return 0;
}

/* --- all of them ------------------------------------------------------------------------- */

static int
post_part(struct posting *p, const struct price_part *part)
{
	const struct price_version *v = part->version;

	if (post(p, "energy", v, part->energy_nano, 0, &p->out->energy_minor) < 0)
		return -1;
	if (v->nfixed > 0 &&
	    post(p, "fixed", v, part->fixed_nano, part->fixed_parts, &p->out->fixed_minor) < 0)
		return -1;
	for (size_t i = 0; i < v->nsurcharges; i++)
		if (post(p, v->surcharge[i].name, v, part->surcharge_nano[i], 0,
			&p->out->surcharge_minor) < 0)
			return -1;
	return 0;
}

int
price_post(struct price_sums *sums, const struct price_charge *c, enum price_rounding rounding,
    int exponent, struct price_posting *out, struct err *e)
{
	struct price_sums after = *sums;
	struct posting p = {.sums = &after, .rounding = rounding, .out = out, .e = e};

	*out = (struct price_posting){0};
	if (c->result != PRICE_RATED)
		return err_set(e, ERR_BUG, "what is not rated is not posted");
	for (size_t i = 0; i < c->nparts; i++) {
		if (c->parts[i].version->exponent != exponent)
			return err_set(e, ERR_BUG, "two currencies in one account");
		if (post_part(&p, &c->parts[i]) < 0)
			return -1;
	}
	*sums = after;
	return 0;
}

int64_t
price_carry_nano(const struct price_sum *s, int exponent)
{
	int64_t femto = left_femto(gross_of(s), s->gross_minor, exponent);

	return femto / MILLION - (femto % MILLION < 0);
}
