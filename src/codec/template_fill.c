/* Values into texts: money, times and energy as the reader writes them. */
#include "codec/template.h"

#include "base/err.h"
#include "base/words.h"
#include "codec/money.h"
#include "codec/template_inside.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#define TEXT_MOST 400 /* bytes of one value */

/* One line without control characters: a value must not begin a header, or another line. */
static void
put_clean(struct buf *out, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	for (size_t n = 0; *p != '\0' && (n < TEXT_MOST || (*p & 0xc0) == 0x80); p++, n++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			buf_put_u8(out, ' '), p++;
		else
			buf_put_u8(out, *p < 0x20 || *p == 0x7f ? ' ' : *p);
	}
}

/* A point becomes what the language has. */
static void
put_decimal(struct buf *out, const struct language *l, int64_t value, int digits)
{
	struct buf plain = {0};

	money_out(&plain, value, digits);
	for (size_t i = 0; i < plain.len; i++)
		if (plain.bytes[i] == '.')
			buf_put_text(out, template_word(l, "decimal"));
		else
			buf_put_u8(out, plain.bytes[i]);
	buf_clear(&plain);
}

/* "Y-M-D h:m", each letter its number. */
static void
put_time(struct buf *out, const struct language *l, const struct calendar *zone, int64_t at_us)
{
	struct civil t = calendar_civil(zone, at_us);

	for (const char *p = template_word(l, "time_form"); *p != '\0'; p++) {
		switch (*p) {
		case 'Y':
			buf_printf(out, "%04d", t.year);
			break;
		case 'M':
			buf_printf(out, "%02d", t.month);
			break;
		case 'D':
			buf_printf(out, "%02d", t.day);
			break;
		case 'h':
			buf_printf(out, "%02d", t.hour);
			break;
		case 'm':
			buf_printf(out, "%02d", t.minute);
			break;
		default:
			buf_put_u8(out, (uint8_t)*p);
		}
	}
}

static bool
integer_of(const cJSON *v, int64_t *out)
{
	if (!cJSON_IsNumber(v))
		return false;
	*out = (int64_t)v->valuedouble; /* whole and below 2^53 in all that we write */
	return true;
}

static bool
put_split(struct buf *out, const struct language *l, const cJSON *list, int digits)
{
	const cJSON *part;
	int n = 0;

	cJSON_ArrayForEach(part, list)
	{
		const cJSON *to = cJSON_GetObjectItemCaseSensitive(part, "to");
		int64_t minor;

		if (!cJSON_IsString(to) ||
		    !integer_of(cJSON_GetObjectItemCaseSensitive(part, "amount_minor"), &minor))
			continue;
		buf_put_text(out, n++ > 0 ? ", " : "");
		put_clean(out, template_word(l, to->valuestring));
		buf_put_u8(out, ' ');
		put_decimal(out, l, minor, digits);
	}
	return n > 0;
}

/* What the body has no member for. */
static bool
put_own(
    struct buf *out, const struct language *l, const char *name, const struct template_values *v)
{
	if (strcmp(name, "time") == 0)
		put_time(out, l, v->zone, v->at_us);
	else
		put_clean(out, strcmp(name, "site") == 0 ? v->site : template_word(l, v->currency));
	return strcmp(name, "time") == 0 || (name[0] == 's' ? v->site : v->currency)[0] != '\0';
}

static bool
put_value(struct buf *out, const struct language *l, const struct value_name *name,
    const struct template_values *v)
{
	int digits = v->currency[0] != '\0' ? money_digits(v->currency) : 2;
	const cJSON *member;
	int64_t n;

	if (name->member == NULL)
		return put_own(out, l, name->name, v);
	member = cJSON_GetObjectItemCaseSensitive(v->body, name->member);
	if (name->as == AS_SPLIT)
		return put_split(out, l, member, digits);
	if (cJSON_IsString(member) && (name->as == AS_TEXT || name->as == AS_WORD)) {
		put_clean(out, name->as == AS_WORD ? template_word(l, member->valuestring)
						   : member->valuestring);
		return member->valuestring[0] != '\0';
	}
	if (!integer_of(member, &n))
		return false;
	if (name->as == AS_MONEY)
		put_decimal(out, l, n, digits);
	else if (name->as == AS_ENERGY)
		put_decimal(out, l, n, 3);
	else if (name->as == AS_TIME)
		put_time(out, l, v->zone, n);
	else
		buf_printf(out, "%" PRId64, n);
	return true;
}

/* --- texts ------------------------------------------------------------------------------- */

/* Up to the end or the closing bracket; returns whether every value was known. */
static bool
put_run(
    struct buf *out, const char **text, const struct language *l, const struct template_values *v)
{
	bool whole = true;
	struct span what = {0};

	for (;;) {
		size_t before = out->len;

		switch (template_piece(text, &what)) {
		case PIECE_LETTERS:
			buf_put(out, what.bytes, what.len);
			break;
		case PIECE_NAME:
			if (put_value(out, l, template_name(what), v))
				break;
			out->len = before;
			buf_put_text(out, "-");
			whole = false;
			break;
		case PIECE_OPEN:
			if (!put_run(out, text, l, v))
				out->len = before;
			break;
		default:
			return whole;
		}
	}
}

static const struct language *
language_of(const struct template_set *t, const char *language)
{
	for (int i = 0; i < TEMPLATE_LANGUAGES; i++)
		if (strcmp(words_languages[i], language) == 0)
			return &t->languages[i];
	return NULL;
}

int
template_fill(const struct template_set *t, const char *language, const char *kind,
    enum template_part part, const struct template_values *v, struct buf *out, struct err *e)
{
	const struct language *l = language_of(t, language);
	const char *text = NULL;

	for (int i = 0; l != NULL && i < TEMPLATE_KINDS; i++)
		if (strcmp(template_kinds[i].name, kind) == 0)
			text = l->parts[i][part];
	if (text == NULL)
		return err_set(e, ERR_INPUT, "no text for \"%.40s\" in \"%.10s\"", kind, language);
	put_run(out, &text, l, v);
	while (
	    out->len > 0 && (out->bytes[out->len - 1] == '\n' || out->bytes[out->len - 1] == ' '))
		out->len--;
	return 0;
}

bool
template_value(const struct template_set *t, const char *language, const char *name,
    const struct template_values *v, struct buf *out)
{
	const struct value_name *known = template_name(span_of(name, strlen(name)));
	const struct language *l = language_of(t, language);

	return known != NULL && l != NULL && put_value(out, l, known, v);
}
