/* Values of a tariff file: texts that become numbers, and the words that say why not. */
#include "codec/price_reader.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "model/price.h"

#include <stdio.h>
#include <string.h>

int
price_is_text(struct price_reader *r, const struct conf_node *n)
{
	return n->kind == CONF_NODE_TEXT ? 0 : price_refuse(r, n, "takes one value");
}

int
price_is_list(struct price_reader *r, const struct conf_node *n, size_t most)
{
	size_t count = 0;

	if (n->kind != CONF_NODE_LIST)
		return price_refuse(r, n, "is not a list");
	for (const struct conf_node *each = n->first; each != NULL; each = each->next)
		count++;
	if (count == 0)
		return price_refuse(r, n, "is empty");
	return count <= most ? 0 : price_refuse(r, n, "more than %zu", most);
}

const char *
price_need(struct price_reader *r, const struct conf_node *map, const char *name,
    const struct conf_node **at)
{
	*at = conf_tree_get(map, name);
	if (*at == NULL) {
		price_refuse(r, map, "%s must be given", name);
		return NULL;
	}
	return price_is_text(r, *at) < 0 ? NULL : (*at)->text;
}

/* --- words and numbers ------------------------------------------------------------------- */

int
price_word(struct price_reader *r, const struct conf_node *n, const char *const *words)
{
	char all[120] = "";

	if (price_is_text(r, n) < 0)
		return -1;
	for (int i = 0; words[i] != NULL; i++) {
		size_t len = strlen(all);

		if (strcmp(words[i], n->text) == 0)
			return i;
		snprintf(all + len, sizeof all - len, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	return price_refuse(r, n, "\"%.40s\" is none of: %s", n->text, all);
}

/* An optional sign, digits, and up to `digits` more behind a point: a multiple of 10^-digits.
 * Returns what is behind it, NULL when it is no such number. */
static const char *
decimal(const char *text, bool sign, int digits, int64_t *out)
{
	bool below = sign && *text == '-';
	int behind = -1;
	int64_t value = 0;
	const char *p = text + (below || (sign && *text == '+'));

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return NULL;
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && behind < 0); p++) {
		if (*p == '.') {
			behind = 0;
			continue;
		}
		if (behind == digits || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value))
			return NULL;
		behind += behind >= 0;
	}
	if (behind == 0)
		return NULL;
	for (behind = behind < 0 ? 0 : behind; behind < digits; behind++)
		if (__builtin_mul_overflow(value, 10, &value))
			return NULL;
	*out = below ? -value : value;
	return p;
}

int
price_number(struct price_reader *r, const struct conf_node *n, int least, int most, int *out)
{
	const char *end;
	int64_t value;

	if (price_is_text(r, n) < 0)
		return -1;
	end = decimal(n->text, false, 0, &value);
	if (end == NULL || *end != '\0' || value < least || value > most)
		return price_refuse(
		    r, n, "\"%.40s\" is no number from %d to %d", n->text, least, most);
	*out = (int)value;
	return 0;
}

/* It stands in CSV and in explanations, so only what reads as one word there. */
int
price_name(struct price_reader *r, const struct conf_node *n, char *out)
{
	const char *p;

	if (price_is_text(r, n) < 0)
		return -1;
	p = n->text;
	for (; (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
	       *p == '_' || (*p == '-' && p > n->text) || (*p & 0x80) != 0;
	     p++)
		;
	if (*p != '\0' || p == n->text || p - n->text >= PRICE_NAME)
		return price_refuse(r, n,
		    "\"%.40s\" is no name: letters, digits, - and _, %d bytes at most", n->text,
		    PRICE_NAME - 1);
	snprintf(out, PRICE_NAME, "%s", n->text);
	return 0;
}

int
price_money(struct price_reader *r, const struct conf_node *n, bool sign, int64_t *micro)
{
	const char *end;

	if (price_is_text(r, n) < 0)
		return -1;
	end = decimal(n->text, sign, 6, micro);
	if (end == NULL || *end != '\0')
		return price_refuse(r, n,
		    "\"%.40s\" is no amount: write 0.5283, six digits behind the point at most%s",
		    n->text, sign ? "" : ", not below zero");
	if (*micro > PRICE_MOST || *micro < -PRICE_MOST)
		return price_refuse(r, n, "\"%.40s\" is too large", n->text);
	return 0;
}

int
price_energy(struct price_reader *r, const struct conf_node *n, int64_t *wh)
{
	static const struct {
		const char *name;
		int digits;
	} units[] = {
	    {"Wh",  0},
            {"kWh", 3},
            {"MWh", 6}
        };

	if (price_is_text(r, n) < 0)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		const char *end = decimal(n->text, false, units[i].digits, wh);

		if (end == NULL || strcmp(end + (*end == ' '), units[i].name) != 0)
			continue;
		if (*wh > PRICE_MOST)
			break;
		return 0;
	}
	return price_refuse(
	    r, n, "\"%.40s\" is no energy: write 100 kWh, 230.5 kWh or 500 Wh", n->text);
}

int
price_percent(struct price_reader *r, const struct conf_node *n, int64_t *ppm)
{
	const char *end;

	if (price_is_text(r, n) < 0)
		return -1;
	end = decimal(n->text, false, 4, ppm);
	if (end == NULL || strcmp(end + (*end == ' '), "%") != 0 || *ppm > 1000000)
		return price_refuse(r, n,
		    "\"%.40s\" is no rate: write 13%%, four digits behind the point at most",
		    n->text);
	return 0;
}
