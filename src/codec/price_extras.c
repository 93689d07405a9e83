/* What a tariff file charges beside the energy: by the day, for each kWh, and tax on all of it. */
#include "codec/price_reader.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "model/price.h"

/* Either per_day, or per_month and how it accrues. */
static int
read_amount(struct price_reader *r, const struct conf_node *n, struct price_fixed *f)
{
	static const char *const words[] = {"calendar", "12/365", NULL};
	const struct conf_node *day = conf_tree_get(n, "per_day");
	const struct conf_node *month = conf_tree_get(n, "per_month");
	const struct conf_node *accrual = conf_tree_get(n, "accrual");
	int word;

	if ((day == NULL) == (month == NULL) || (month == NULL) != (accrual == NULL))
		return price_refuse(r, n, "per_month and accrual must be given, or per_day alone");
	if (day != NULL) {
		f->accrual = PRICE_DAILY;
		return price_money(r, day, false, &f->micro);
	}
	word = price_word(r, accrual, words);
	f->accrual = word == 0 ? PRICE_CALENDAR : PRICE_12_365;
	return word < 0 ? -1 : price_money(r, month, false, &f->micro);
}

static int
read_fixed(struct price_reader *r, const struct conf_node *list)
{
	static const char *const names[] = {"name", "per_month", "accrual", "per_day", NULL};

	if (list == NULL)
		return 0;
	if (price_is_list(r, list, PRICE_FIXED) < 0)
		return -1;
	for (const struct conf_node *n = list->first; n != NULL; n = n->next) {
		struct price_fixed *f = &r->v->fixed[r->v->nfixed++];
		const struct conf_node *name;

		if (price_known(r, n, names) < 0 || price_need(r, n, "name", &name) == NULL ||
		    price_name(r, name, f->name) < 0 || read_amount(r, n, f) < 0)
			return -1;
	}
	return 0;
}

static int
read_surcharges(struct price_reader *r, const struct conf_node *list)
{
	static const char *const names[] = {"name", "per_kwh", NULL};

	if (list == NULL)
		return 0;
	if (price_is_list(r, list, PRICE_SURCHARGES) < 0)
		return -1;
	for (const struct conf_node *n = list->first; n != NULL; n = n->next) {
		struct price_surcharge *s = &r->v->surcharge[r->v->nsurcharges++];
		const struct conf_node *name, *price;

		if (price_known(r, n, names) < 0 || price_need(r, n, "name", &name) == NULL ||
		    price_name(r, name, s->name) < 0 ||
		    price_need(r, n, "per_kwh", &price) == NULL ||
		    price_money(r, price, true, &s->micro) < 0)
			return -1;
	}
	return 0;
}

static int
read_tax(struct price_reader *r, const struct conf_node *map)
{
	static const char *const names[] = {"prices", "rate", NULL};
	static const char *const words[] = {"exclusive", "inclusive", NULL};
	const struct conf_node *n;
	int word;

	if (map == NULL)
		return 0;
	if (price_known(r, map, names) < 0 || price_need(r, map, "prices", &n) == NULL)
		return -1;
	word = price_word(r, n, words);
	if (word < 0 || price_need(r, map, "rate", &n) == NULL)
		return -1;
	r->v->taxed = true;
	r->v->tax_inclusive = word == 1;
	return price_percent(r, n, &r->v->tax_ppm);
}

int
price_read_extras(struct price_reader *r, const struct conf_node *root)
{
	if (read_fixed(r, conf_tree_get(root, "fixed")) < 0 ||
	    read_surcharges(r, conf_tree_get(root, "surcharges")) < 0)
		return -1;
	return read_tax(r, conf_tree_get(root, "tax"));
}
