/*
 * A command line against the spec of its row (include/prog/ctl.h has the notation).
 *
 * Options may stand anywhere, "--" ends them, and an option takes the next word whatever it looks
 * like: "--amount -1" is a wrong amount, not an unknown option.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/dlt645_profile.h"
#include "codec/money.h"
#include "codec/webhook.h"
#include "model/meter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* After any command and in front of it; they are for us, not for the API. */
static const char everywhere[] = "[--socket=PATH] [--url=URL] [--token-file=FILE] [--cacert=FILE] "
				 "[--json] [--pretty] [--csv] [--utc] [--help] [--version]";

#define TITLE 72
#define WIDTH 80 /* of a terminal */

struct slot {
	char name[24]; /* the parameter */
	char kind[64]; /* what stands for its value; empty: takes none */
	bool option, needed, alone, many, rest;
};

/* --- the notation ---------------------------------------------------------------------------- */

static bool
slot_next(const char **spec, struct slot *s)
{
	const char *p = *spec + strspn(*spec, " "), *equals;
	size_t len = strcspn(p, " "), name;

	*spec = p + len;
	if (len == 0)
		return false;
	*s = (struct slot){.needed = p[0] != '['};
	if (!s->needed) {
		p++;
		len -= 2;
	}
	s->rest = len > 3 && strncmp(p + len - 3, "...", 3) == 0;
	s->option = strncmp(p, "--", 2) == 0;
	if (s->option) {
		p += 2;
		len -= 2;
	}
	equals = memchr(p, '=', len);
	name = equals != NULL ? (size_t)(equals - p) : len;
	if (equals != NULL)
		snprintf(s->kind, sizeof s->kind, "%.*s", (int)(len - name - 1), equals + 1);
	s->alone = name > 0 && p[name - 1] == '?';
	s->many = name > 0 && p[name - 1] == '+';
	snprintf(s->name, sizeof s->name, "%.*s", (int)(s->alone || s->many ? name - 1 : name), p);
	for (char *dash = s->name; (dash = strchr(dash, '-')) != NULL;)
		*dash = '_';
	return true;
}

/* How people write it: the option, or what stands for the word. */
static void
slot_title(const struct slot *s, char out[TITLE])
{
	snprintf(out, TITLE, "%s%s", s->option ? "--" : "", s->option ? s->name : s->kind);
	for (char *p = out; s->option && (p = strchr(p, '_')) != NULL;)
		*p = '-';
}

void
ctl_args_show(FILE *out, int column, const char *spec)
{
	struct slot s;
	char title[TITLE], one[2 * TITLE];
	int len;

	while (slot_next(&spec, &s)) {
		slot_title(&s, title);
		len = snprintf(one, sizeof one, "%s%s%s%s%s%s%s", s.needed ? "" : "[",
		    s.rest ? s.name : title,
		    !s.option || s.kind[0] == '\0' ? ""
		    : s.alone                      ? "[="
						   : " ",
		    s.option ? s.kind : "", s.alone ? "]" : "", s.needed ? "" : "]",
		    s.many ? "..." : "");
		if (column + 1 + len > WIDTH) {
			fprintf(out, "\n%16s%s", "", one);
			column = 16 + len;
		} else {
			fprintf(out, " %s", one);
			column += 1 + len;
		}
	}
}

/* --- kinds ----------------------------------------------------------------------------------- */

static bool
only_digits(const char *text, size_t least, size_t most)
{
	size_t len = strlen(text);

	return len >= least && len <= most && strspn(text, "0123456789") == len;
}

static int
take_choice(const char *choices, const char *text, struct err *e)
{
	size_t len;

	for (const char *p = choices; *p != '\0'; p += p[len] == '|' ? len + 1 : len) {
		len = strcspn(p, "|");
		if (strlen(text) == len && strncmp(p, text, len) == 0)
			return 0;
	}
	return err_set(e, ERR_INPUT, "\"%.40s\" is none of %s", text, choices);
}

/* 20261120 or 2026-11-20 */
static int
take_day(const char *text, struct buf *out, struct err *e)
{
	size_t len = strlen(text);
	bool dashes = len == 10 && text[4] == '-' && text[7] == '-';

	for (size_t i = 0; i < len; i++)
		if (!dashes || (i != 4 && i != 7))
			buf_put(out, text + i, 1);
	if (!only_digits(buf_text(out), 8, 8))
		return err_set(e, ERR_INPUT, "\"%.40s\" is no day: write 2026-11-20", text);
	return 0;
}

static int
take_regs(const char *text, struct err *e)
{
	char name[32];
	size_t len;
	int r;

	for (const char *p = text;; p += len + 1) {
		len = strcspn(p, ",");
		snprintf(name, sizeof name, "%.*s", (int)len, p);
		for (r = 0; r < REG_COUNT && strcmp(reg_name((enum reg)r), name) != 0; r++)
			;
		if (r == REG_COUNT)
			return err_set(e, ERR_INPUT, "no register is called \"%s\"", name);
		if (p[len] == '\0')
			return 0;
	}
}

static int
take_profile(const char *text, struct err *e)
{
	return dlt645_profile(text) != NULL
		   ? 0
		   : err_set(e, ERR_INPUT, "no profile \"%.40s\": see profile list", text);
}

static int
take_money(const char *text, bool any, struct buf *out, struct err *e)
{
	int64_t minor;

	if (ctl_amount(text, any, &minor, e) < 0)
		return -1;
	buf_printf(out, "%" PRId64, minor);
	return 0;
}

static int
take_time(const char *text, struct buf *out, struct err *e)
{
	int64_t us;

	if (time_rfc3339_in(text, &us, e) < 0)
		return err_wrap(e, "\"%.40s\"", text);
	buf_printf(out, "%" PRId64, us);
	return 0;
}

/* `out` gets what the API wants, when that is not the text itself. */
static int
take_kind(const char *kind, const char *text, struct buf *out, struct err *e)
{
	if (strchr(kind, '|') != NULL)
		return take_choice(kind, text, e);
	if (strcmp(kind, "N") == 0 && !only_digits(text, 1, 18))
		return err_set(e, ERR_INPUT, "\"%.40s\" is no number", text);
	if (strcmp(kind, "SECONDS") == 0 && !only_digits(text, 1, 6))
		return err_set(e, ERR_INPUT, "\"%.40s\" is no number of seconds", text);
	if (strcmp(kind, "ADDRESS") == 0 && !only_digits(text, 12, 12))
		return err_set(e, ERR_INPUT, "\"%.40s\" is no meter address: 12 digits", text);
	if (strcmp(kind, "AMOUNT") == 0 || strcmp(kind, "LIMIT") == 0)
		return take_money(text, strcmp(kind, "LIMIT") == 0, out, e);
	if (strcmp(kind, "CASH") == 0 && text[0] != '-') /* a drawer may be empty */
		return take_money(text, true, out, e);
	if (strcmp(kind, "PERCENT") == 0 || strcmp(kind, "CASH") == 0) /* 25.00: hundredths */
		return take_money(text, false, out, e);
	if (strcmp(kind, "CODE") == 0 && money_digits(text) != 2)
		return err_set(e, ERR_INPUT,
		    "amounts have two digits behind the point here, and %.40s has not", text);
	if (strcmp(kind, "LEVELS") == 0)
		return ctl_levels(text, out, e);
	if (strcmp(kind, "REGISTERS") == 0)
		return ctl_registers(text, out, e);
	if (strcmp(kind, "TIME") == 0)
		return take_time(text, out, e);
	if (strcmp(kind, "STEPS") == 0)
		return ctl_steps(text, out, e);
	if (strcmp(kind, "DAY") == 0)
		return take_day(text, out, e);
	if (strcmp(kind, "REGS") == 0)
		return take_regs(text, e);
	if (strcmp(kind, "PROFILE") == 0)
		return take_profile(text, e);
	return 0;
}

/* --- values ---------------------------------------------------------------------------------- */

const char *
ctl_value(const struct ctl *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->values[i].name, name) == 0)
			return c->values[i].text;
	return NULL;
}

void
ctl_value_set(struct ctl *c, const char *name, const char *text, bool ours)
{
	if (c->n == sizeof c->values / sizeof *c->values)
		abort(); /* a row of the table is too long */
	c->values[c->n++] = (struct ctl_value){mem_text(name), mem_text(text), ours};
}

void
ctl_args_clear(struct ctl *c)
{
	while (c->n > 0) {
		free(c->values[--c->n].name);
		free(c->values[c->n].text);
	}
}

static int
take_value(struct ctl *c, const struct slot *s, bool ours, const char *text, struct err *e)
{
	struct buf converted = {0};
	char name[32], title[TITLE];
	int rc;

	slot_title(s, title);
	snprintf(name, sizeof name, "%s%s", s->name,
	    strcmp(s->kind, "AMOUNT") == 0 || strcmp(s->kind, "CASH") == 0 ? "_minor" : "");
	if (ctl_value(c, name) != NULL && !s->many)
		return err_set(e, ERR_INPUT, "%s is there twice", title);
	if (c->n == sizeof c->values / sizeof *c->values)
		return err_set(e, ERR_INPUT, "%s is there too often", title);
	rc = take_kind(s->kind, text, &converted, e);
	if (rc == 0)
		ctl_value_set(c, name, converted.len > 0 ? buf_text(&converted) : text, ours);
	else
		err_wrap(e, "%s", title);
	buf_clear(&converted);
	return rc;
}

/* --- the command line ------------------------------------------------------------------------ */

static bool
find_option(const char *spec, const char *name, size_t len, struct slot *s)
{
	char title[TITLE];

	while (slot_next(&spec, s)) {
		slot_title(s, title);
		if (s->option && strlen(title) == len && strncmp(title, name, len) == 0)
			return true;
	}
	return false;
}

/* words[0] is an option; returns how many words it takes, 0 when the spec has no such option. */
static int
take_option(struct ctl *c, const char *spec, int n, char **words, struct err *e)
{
	size_t len = strcspn(words[0], "=");
	const char *value = words[0][len] == '=' ? words[0] + len + 1 : NULL;
	struct slot s;
	int used = 1;

	if (!find_option(spec, words[0], len, &s))
		return 0;
	if (s.kind[0] == '\0' && value != NULL)
		return err_set(e, ERR_INPUT, "%.*s takes no value", (int)len, words[0]);
	if (s.kind[0] != '\0' && !s.alone && value == NULL) {
		if (n < 2)
			return err_set(e, ERR_INPUT, "%s needs %s", words[0], s.kind);
		value = words[1];
		used = 2;
	}
	if (value == NULL && ctl_value(c, s.name) != NULL)
		return used;
	if (value == NULL)
		ctl_value_set(c, s.name, "true", s.alone || spec == everywhere);
	else if (take_value(c, &s, s.alone || spec == everywhere, value, e) < 0)
		return -1;
	return used;
}

/* The words that are no options against the slots that are none. */
static int
take_words(struct ctl *c, const char *spec, int n, char **words, struct err *e)
{
	struct slot s;
	int used = 0;

	while (slot_next(&spec, &s)) {
		if (s.option)
			continue;
		if (s.rest) {
			c->rest = words + used;
			c->nrest = (size_t)(n - used);
			return 0;
		}
		if (used == n) {
			if (s.needed)
				return err_set(e, ERR_INPUT, "%s is missing", s.kind);
			continue;
		}
		if (take_value(c, &s, false, words[used++], e) < 0)
			return -1;
	}
	return used == n ? 0 : err_set(e, ERR_INPUT, "\"%.60s\" is one word too many", words[used]);
}

static int
needed_are_there(const struct ctl *c, const char *spec, struct err *e)
{
	struct slot s;
	char title[TITLE], minor[40];

	while (slot_next(&spec, &s)) {
		snprintf(minor, sizeof minor, "%s_minor", s.name);
		slot_title(&s, title);
		if (s.option && s.needed && ctl_value(c, s.name) == NULL &&
		    ctl_value(c, minor) == NULL)
			return err_set(e, ERR_INPUT, "%s is missing", title);
	}
	return 0;
}

int
ctl_args(struct ctl *c, const char *spec, int n, char **words, struct err *e)
{
	int plain = 0, used;
	bool options = true;

	for (int i = 0; i < n; i += used) {
		used = 1;
		if (!options || strncmp(words[i], "--", 2) != 0) {
			if (spec == NULL)
				return i;
			words[plain++] = words[i];
			continue;
		}
		if (words[i][2] == '\0') {
			options = false;
			continue;
		}
		used = spec != NULL ? take_option(c, spec, n - i, words + i, e) : 0;
		if (used == 0)
			used = take_option(c, everywhere, n - i, words + i, e);
		if (used == 0)
			return err_set(e, ERR_INPUT, "no option %.60s here", words[i]);
		if (used < 0)
			return -1;
	}
	if (spec == NULL || ctl_value(c, "help") != NULL)
		return n;
	if (take_words(c, spec, plain, words, e) < 0 || needed_are_there(c, spec, e) < 0)
		return -1;
	return n;
}
