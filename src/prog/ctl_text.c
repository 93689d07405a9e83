/*
 * One value as text: times, money, energy, and what a terminal, a spreadsheet or a reader of
 * JSON must not be handed as it came.
 *
 * The unit of a number is the end of its name, as everywhere: _us, _minor, _wh, _micro, _s.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/words.h"
#include "codec/money.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

static bool
ends(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && strcmp(name + n - t, tail) == 0;
}

const cJSON *
ctl_first(const cJSON *list)
{
	return list != NULL ? list->child : NULL;
}

bool
ctl_integer(const cJSON *v, int64_t *out)
{
	if (!cJSON_IsNumber(v) || v->valuedouble > JSON_INTEGER_MOST ||
	    v->valuedouble < -JSON_INTEGER_MOST)
		return false;
	*out = (int64_t)v->valuedouble;
	return (double)*out == v->valuedouble;
}

/* --- what must not pass as it is ----------------------------------------------------------------
 */

/* Length of the UTF-8 character at p, and what it is; what is none is one byte, U+FFFD. */
static size_t
utf8_next(const char *p, uint32_t *code)
{
	const uint8_t *b = (const uint8_t *)p;
	size_t len = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc2 ? 2 : 0;

	*code = len == 1 ? b[0] : len == 0 ? 0xfffd : b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80) {
			*code = 0xfffd;
			return 1;
		}
		*code = *code << 6 | (b[i] & 0x3f);
	}
	return len == 0 ? 1 : len;
}

/* Controls, and what turns the direction of writing or hides. */
static bool
unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfffd ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void
ctl_put_safe(struct buf *out, const char *text)
{
	uint32_t code;

	while (*text != '\0') {
		size_t len = utf8_next(text, &code);

		if (unsafe(code))
			buf_put_u8(out, '?');
		else
			buf_put(out, text, len);
		text += len;
	}
}

size_t
ctl_width(const char *text)
{
	static const uint32_t wide[][2] = {
	    {0x1100,  0x115f },
            {0x2e80,  0xa4cf },
            {0xac00,  0xd7a3 },
            {0xf900,  0xfaff },
	    {0xfe30,  0xfe6f },
            {0xff00,  0xff60 },
            {0xffe0,  0xffe6 },
            {0x1f300, 0x1faff},
	    {0x20000, 0x3fffd}
        };
	static const uint32_t none[2] = {0x0300, 0x036f}; /* accents of the letter before */
	size_t width = 0;
	uint32_t code;

	while (*text != '\0') {
		text += utf8_next(text, &code);
		width += code < none[0] || code > none[1];
		for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
			width += code >= wide[i][0] && code <= wide[i][1];
	}
	return width;
}

/* Blanks and line ends only: every number and text stays as the daemon wrote it. */
void
ctl_put_pretty(struct buf *out, const char *json)
{
	bool quoted = false;
	int depth = 0;

	for (const char *p = json; *p != '\0'; p++) {
		bool opens = !quoted && (*p == '{' || *p == '['),
		     closes = !quoted && (*p == '}' || *p == ']');

		if (!quoted && strchr(" \t\r\n", *p) != NULL)
			continue;
		if (closes && p > json && strchr("{[", p[-1]) == NULL)
			buf_printf(out, "\n%*s", 2 * --depth, "");
		else if (closes)
			depth--;
		if (opens && p[1] != '}' && p[1] != ']')
			buf_printf(out, "%c\n%*s", *p, 2 * ++depth, "");
		else if (opens)
			depth += 1, buf_put(out, p, 1);
		else if (!quoted && *p == ',')
			buf_printf(out, ",\n%*s", 2 * depth, "");
		else
			buf_put_text(out, !quoted && *p == ':' ? ": " : (char[]){*p, '\0'});
		if (quoted && *p == '\\' && p[1] != '\0')
			buf_put(out, ++p, 1);
		else if (*p == '"')
			quoted = !quoted;
	}
}

/* --- times, money, energy ------------------------------------------------------------------------
 */

void
ctl_time(const struct ctl *c, int64_t us, struct buf *out)
{
	time_t s = (time_t)(us / 1000000 - (us % 1000000 < 0));
	struct tm tm;
	char text[40], zone[8];

	if ((c->utc ? gmtime_r(&s, &tm) : localtime_r(&s, &tm)) == NULL) {
		buf_printf(out, "%" PRId64, us);
		return;
	}
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm); /* +0800 */
	if (c->utc)
		buf_printf(out, "%sZ", text);
	else
		buf_printf(out, "%s%.3s:%s", text, zone, zone + 3);
}

/* The two largest units: 5s, 3m 20s, 2h 10m, 4d 3h. */
static void
put_duration(struct buf *out, int64_t s)
{
	if (s >= 86400)
		buf_printf(out, "%" PRId64 "d %" PRId64 "h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		buf_printf(out, "%" PRId64 "h %" PRId64 "m", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		buf_printf(out, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
	else
		buf_printf(out, "%" PRId64 "s", s);
}

int
ctl_money_digits(const cJSON *object, int otherwise)
{
	const char *currency =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "currency"));

	return currency != NULL && currency[0] != '\0' ? money_digits(currency) : otherwise;
}

static void
put_integer(const struct ctl *c, const char *name, int64_t v, int digits, struct buf *out)
{
	if (ends(name, "_us"))
		ctl_time(c, v, out);
	else if (ends(name, "_minor") || ends(name, "_level"))
		ctl_decimal(out, v, digits, digits);
	else if (ends(name, "_micro"))
		ctl_decimal(out, v, 6, 2);
	else if (ends(name, "_wh"))
		ctl_decimal(out, v, 3, 2);
	else if (ends(name, "_s") && c->form == CTL_TABLE)
		put_duration(out, v);
	else
		buf_printf(out, "%" PRId64, v);
}

void
ctl_label(const struct ctl *c, const char *name, struct buf *out)
{
	static const char *const units[][2] = {
	    {"at_us",  "at"      },
            {"_us",    " at"     },
            {"_minor", ""        },
            {"_micro", " per kWh"},
	    {"_wh",    " kWh"    },
            {"_s",     ""        }
        };
	size_t keep = strlen(name), i, n = sizeof units / sizeof *units;
	struct buf label = {0};

	if (c->form != CTL_TABLE)
		n--; /* a plain number of seconds there */
	for (i = 0; i < n && !ends(name, units[i][0]); i++)
		;
	if (i < n)
		keep -= strlen(units[i][0]);
	for (const char *p = name; p < name + keep; p++)
		buf_put(&label, *p == '_' ? " " : p, 1);
	if (i < n)
		buf_put_text(&label, units[i][1]);
	buf_put_text(
	    out, c->form == CTL_TABLE ? ctl_word("column", buf_text(&label)) : buf_text(&label));
	buf_clear(&label);
}

/* A list of plain values stands with blanks between; anything deeper stays JSON. */
static void
put_list(const struct ctl *c, const char *name, const cJSON *v, int digits, struct buf *out)
{
	const cJSON *one;
	bool plain = cJSON_IsArray(v);
	char *json;

	for (one = ctl_first(v); one != NULL; one = one->next)
		plain = plain && !cJSON_IsArray(one) && !cJSON_IsObject(one);
	if (!plain) {
		json = cJSON_PrintUnformatted(v);
		buf_put_text(out, json != NULL ? json : "");
		cJSON_free(json);
		return;
	}
	for (one = ctl_first(v); one != NULL; one = one->next) {
		if (one != v->child)
			buf_put_u8(out, ' ');
		ctl_cell(c, name, one, digits, out);
	}
}

void
ctl_cell(const struct ctl *c, const char *name, const cJSON *v, int digits, struct buf *out)
{
	bool table = c->form == CTL_TABLE;
	int64_t integer;
	char *json;

	if (v == NULL || cJSON_IsNull(v)) {
		buf_put_text(out, table ? "-" : "");
	} else if (cJSON_IsBool(v)) {
		buf_put_text(out,
		    cJSON_IsTrue(v) ? (table ? _("yes") : "true") : (table ? _("no") : "false"));
	} else if (cJSON_IsString(v)) {
		if (table)
			ctl_put_safe(out, ctl_word(name, v->valuestring));
		else
			buf_put_text(out, v->valuestring);
	} else if (ctl_integer(v, &integer)) {
		put_integer(c, name, integer, digits, out);
	} else if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
		put_list(c, name, v, digits, out);
	} else if ((json = cJSON_PrintUnformatted(v)) != NULL) {
		buf_put_text(out, json);
		cJSON_free(json);
	}
}
