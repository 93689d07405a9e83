/*
 * bill explain, for people: a paragraph a charge, from the two readings to the posted cents.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/words.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct page {
	const struct ctl *c;
	struct buf out;
	int exponent;
};

static const cJSON *
of(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int64_t
number(const cJSON *object, const char *name)
{
	int64_t n;

	return ctl_integer(of(object, name), &n) ? n : 0;
}

/* A whole number that is a text, since it may be longer than what JSON keeps. */
static int64_t
exact(const cJSON *object, const char *name)
{
	const cJSON *v = of(object, name);

	return cJSON_IsString(v) ? strtoll(v->valuestring, NULL, 10) : 0;
}

static void
put(struct page *p, const char *text)
{
	ctl_put_safe(&p->out, text);
}

static void
put_words(struct page *p, const cJSON *object, const char *name)
{
	const cJSON *v = of(object, name);

	put(p, cJSON_IsString(v) ? v->valuestring : "");
}

static void
put_kwh(struct page *p, int64_t wh)
{
	ctl_decimal(&p->out, wh, 3, 2);
	put(p, _(" kWh"));
}

static void
put_minor(struct page *p, int64_t minor)
{
	ctl_decimal(&p->out, minor, p->exponent, p->exponent);
}

/* --- a charge ----------------------------------------------------------------------------------
 */

static void
put_registers(struct page *p, const cJSON *charge)
{
	static const char *const names[] = {"total_wh", "t1_wh", "t2_wh", "t3_wh", "t4_wh"};
	const cJSON *from = of(charge, "from"), *to = of(charge, "to");

	put(p, _("  meter "));
	put_words(p, charge, "meter");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (of(from, names[i]) == NULL || of(to, names[i]) == NULL)
			continue;
		buf_printf(&p->out, i == 0 ? ": " : ", t%zu ", i);
		ctl_decimal(&p->out, number(from, names[i]), 3, 2);
		put(p, _(" to "));
		ctl_decimal(&p->out, number(to, names[i]), 3, 2);
	}
	put(p, _(" kWh"));
	if (number(charge, "multiplier") != 1)
		buf_printf(&p->out, _(", times %lld"), (long long)number(charge, "multiplier"));
	put(p, ": ");
	put_kwh(p, number(charge, "wh"));
	if (strcmp(cJSON_GetStringValue(of(charge, "quality")) != NULL
		       ? cJSON_GetStringValue(of(charge, "quality"))
		       : "",
		"estimate") == 0)
		put(p, _(", in parts by estimate"));
	put(p, "\n");
}

/* 1.110 kWh at 0.558300 = 0.619713 */
static void
put_price(struct page *p, const cJSON *line, const char *what)
{
	int64_t wh = number(line, "wh"), micro = number(line, "price_micro");

	put(p, "    ");
	put(p, what);
	if (of(line, "tier") != NULL)
		buf_printf(&p->out, _("tier %lld "), (long long)number(line, "tier"));
	if (of(line, "band") != NULL) {
		put_words(p, line, "band");
		put(p, " ");
	}
	if (of(line, "name") != NULL) {
		put_words(p, line, "name");
		put(p, " ");
	}
	put_kwh(p, wh);
	put(p, _(" at "));
	ctl_decimal(&p->out, micro, 6, 2);
	put(p, " = ");
	ctl_decimal(&p->out, wh * micro, 9, 2);
	put(p, "\n");
}

static void
put_part(struct page *p, const cJSON *part)
{
	put(p, "  ");
	put_words(p, part, "version");
	put(p, ", ");
	put_kwh(p, number(part, "wh"));
	put(p, " behind ");
	put_kwh(p, number(part, "used_wh"));
	put(p, " of the period since ");
	ctl_time(p->c, number(part, "period_us"), &p->out);
	put(p, "\n");
	for (const cJSON *l = ctl_first(of(part, "energy")); l != NULL; l = l->next)
		put_price(p, l, "");
	for (const cJSON *l = ctl_first(of(part, "surcharges")); l != NULL; l = l->next)
		put_price(p, l, "surcharge ");
}

static void
put_component(struct page *p, const cJSON *k)
{
	put(p, "  ");
	put_words(p, k, "name");
	put(p, ": ");
	ctl_decimal(&p->out, exact(k, "nano"), 9, 2);
	if (exact(k, "parts") != 0)
		put(p, "...");
	if (number(k, "tax_ppm") != 0) {
		put(p, cJSON_IsTrue(of(k, "tax_inclusive")) ? " with " : " and ");
		ctl_decimal(&p->out, number(k, "tax_ppm"), 4, 0);
		put(p, " % tax");
	}
	if (of(k, "minor") != NULL) {
		put(p, ", carried before ");
		ctl_decimal(&p->out, exact(k, "carried_nano"), 9, 2);
		put(p, ": posted ");
		put_minor(p, number(k, "minor"));
		put(p, ", carried on ");
		ctl_decimal(&p->out, exact(k, "carries_nano"), 9, 2);
	}
	put(p, "\n");
}

static void
put_journal(struct page *p, const cJSON *charge)
{
	const cJSON *j = of(charge, "journal");

	if (!cJSON_IsObject(j)) {
		put(p, _("  nothing was posted\n"));
		return;
	}
	buf_printf(&p->out, _("  journal %lld "), (long long)number(j, "journal"));
	put_words(p, j, "key");
	if (of(charge, "replaces") != NULL)
		put(p, _(", the difference to what it replaces"));
	put(p, ":");
	for (const cJSON *l = ctl_first(of(j, "lines")); l != NULL; l = l->next) {
		put(p, " ");
		put_words(p, l, "ledger");
		put(p, " ");
		put_minor(p, number(l, "amount_minor"));
	}
	put(p, "\n");
}

static void
put_charge(struct page *p, const cJSON *charge)
{
	ctl_time(p->c, number(charge, "from_us"), &p->out);
	put(p, _(" to "));
	ctl_time(p->c, number(charge, "to_us"), &p->out);
	buf_printf(&p->out, _("  charge %lld, "), (long long)number(charge, "charge"));
	put_words(p, charge, "kind");
	put(p, ", ");
	put_words(p, charge, "point");
	put(p, "\n");
	if (of(charge, "from") != NULL) {
		put_registers(p, charge);
		for (const cJSON *l = ctl_first(of(charge, "parts")); l != NULL; l = l->next)
			put_part(p, l);
	}
	if (of(charge, "why") != NULL) {
		put(p, _("  not rated: "));
		put_words(p, charge, "why");
		put(p, "\n");
	}
	for (const cJSON *l = ctl_first(of(charge, "components")); l != NULL; l = l->next)
		put_component(p, l);
	put_journal(p, charge);
	if (!cJSON_IsTrue(of(charge, "agrees")))
		put(p, _("  WRONG: rated again, it is not what was stored\n"));
}

enum ctl_exit
ctl_bill_explain(struct ctl *c)
{
	struct page p = {.c = c, .exponent = 2};
	struct buf answer = {0};
	enum ctl_exit result = ctl_ask(c, c->command->path, false, c->values, c->n, &answer);
	cJSON *json = result == CTL_DONE ? cJSON_Parse(buf_text(&answer)) : NULL;

	if (c->form != CTL_TABLE && answer.len > 0)
		ctl_print(c, &answer);
	if (json != NULL && c->form == CTL_TABLE) {
		if (of(json, "exponent") != NULL)
			p.exponent = (int)number(json, "exponent");
		for (const cJSON *l = ctl_first(of(json, "charges")); l != NULL; l = l->next)
			put_charge(&p, l);
		fputs(p.out.len > 0 ? buf_text(&p.out) : _("Nothing was charged then.\n"), stdout);
	}
	if (json != NULL && cJSON_IsTrue(of(json, "truncated"))) {
		struct buf at = {0};

		ctl_time(c, number(json, "next_us"), &at);
		ctl_complain("these are not all: the others begin at %s", buf_text(&at));
		buf_clear(&at);
		result = CTL_NO;
	} else if (json != NULL && !cJSON_IsTrue(of(json, "agrees"))) {
		ctl_complain("some charges are not what the engine makes of their registers now");
		result = CTL_NO;
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	buf_clear(&p.out);
	return result;
}
