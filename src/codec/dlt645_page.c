/*
 * One good frame, and all that the tables of dlt645_table.c and dlt645_layout.c know of it.
 *
 * Secrets are hidden twice over: by the places a function keeps them at, which holds for every
 * length, and by the fields of the layout.  What a security frame carries that no layout knows
 * is hidden whole.
 */
#include "codec/dlt645_page.h"

#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_fields.h"

#include <stdio.h>
#include <string.h>

/* --- JSON -------------------------------------------------------------------------------- */

static void
put_hex(struct buf *json, uint8_t byte)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_put(json, (const char[]){digits[byte >> 4], digits[byte & 15]}, 2);
}

void
json_string(struct buf *json, const char *text)
{
	buf_put_u8(json, '"');
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c > 0x7e)
			buf_printf(json, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			buf_put(json, (const char[]){'\\', *p}, 2);
		else
			buf_put_u8(json, c);
	}
	buf_put_u8(json, '"');
}

void
json_member(struct buf *json, const char *name, const char *text)
{
	buf_put_u8(json, ',');
	json_string(json, name);
	buf_put_u8(json, ':');
	json_string(json, text);
}

void
json_hex(struct buf *json, const char *name, struct span s)
{
	buf_printf(json, ",\"%s\":\"", name);
	for (size_t i = 0; i < s.len; i++)
		put_hex(json, s.bytes[i]);
	buf_put_u8(json, '"');
}

void
json_refusal(struct buf *json, const char *protocol, const char *error)
{
	buf_printf(json, "{\"ok\":false,\"protocol\":\"%s\"", protocol);
	json_member(json, "error", error);
}

/* --- a page: one good frame -------------------------------------------------------------- */

struct page {
	const struct dlt645 *f;
	bool has_di;
	uint32_t di;
	struct span data; /* behind the identifier */
	bool hidden[DLT645_MAX_DATA];
	struct buf values;
	struct buf note;
};

static const char *
function_name(uint8_t control)
{
	static const char *const names[0x20] = {
	    [DLT645_SECURITY] = "security",
	    [0x06] = "report",
	    [DLT645_TIME] = "broadcast time",
	    [DLT645_READ] = "read",
	    [DLT645_READ_MORE] = "read more",
	    [DLT645_READ_ADDRESS] = "read address",
	    [DLT645_WRITE] = "write",
	    [DLT645_WRITE_ADDRESS] = "write address",
	    [DLT645_FREEZE] = "freeze",
	    [DLT645_BAUD] = "change speed",
	    [DLT645_PASSWORD] = "change password",
	    [DLT645_CLEAR_DEMAND] = "clear demand",
	    [DLT645_CLEAR_METER] = "clear meter",
	    [DLT645_CLEAR_EVENTS] = "clear events",
	    [DLT645_CONTROL] = "control",
	    [DLT645_OUTPUT] = "output",
	    [0x1e] = "factory",
	    [0x1f] = "factory",
	};

	if ((control & DLT645_REPLY) == 0 && control > 0x1f)
		return "unknown";
	return names[control & 0x1f] != NULL ? names[control & 0x1f] : "unknown";
}

static void
page_note(struct page *p, const char *text)
{
	if (p->note.len > 0)
		buf_put_text(&p->note, "; ");
	buf_put_text(&p->note, text);
}

static void
page_hide(struct page *p, struct span s)
{
	memset(p->hidden + (s.bytes - p->f->data), true, s.len);
}

static void
page_value(
    struct page *p, const char *name, const char *value, const char *unit, const char *meaning)
{
	struct buf *out = &p->values;

	buf_put_text(out, out->len > 0 ? ",{\"name\":" : "{\"name\":");
	json_string(out, name);
	json_member(out, "value", value);
	if (*unit != '\0')
		json_member(out, "unit", unit);
	if (*meaning != '\0')
		json_member(out, "meaning", meaning);
	buf_put_u8(out, '}');
}

static void
page_absent(struct page *p, const char *name, const char *why)
{
	buf_put_text(&p->values, p->values.len > 0 ? ",{\"name\":" : "{\"name\":");
	json_string(&p->values, name);
	buf_put_text(&p->values, ",\"value\":null");
	json_member(&p->values, "reason", why);
	buf_put_u8(&p->values, '}');
}

static void
page_hide_fields(struct page *p, const struct dlt645_item *i, struct span s)
{
	struct rd in = {.left = s};

	for (size_t k = 0; k < i->nfields; k++) {
		struct span part = rd_take(&in, dlt645_fields_len(&i->fields[k], 1));

		if (i->fields[k].format == FMT_SECRET && !in.failed)
			page_hide(p, part);
	}
}

/* The values of an item; false and a note when the bytes are not what it says. */
static bool
page_values(struct page *p, const struct dlt645_item *i, struct span s)
{
	struct dlt645_value values[DLT645_VALUES];
	char name[128], meaning[256], behind[64];
	struct err e;
	int n = dlt645_values(i, s, values, DLT645_VALUES, &e);

	page_hide_fields(p, i, s);
	if (n < 0)
		page_note(p, e.text);
	for (int k = 0; k < n; k++) {
		dlt645_value_name(i, p->di, &values[k], name, sizeof name);
		dlt645_value_meaning(&values[k], meaning, sizeof meaning);
		if (values[k].absent)
			page_absent(p, name, values[k].why);
		else
			page_value(p, name, values[k].text, values[k].field->unit, meaning);
	}
	if (i->shape == SHAPE_OPEN && i->di != 0 &&
	    s.len > dlt645_fields_len(i->fields, i->nfields)) {
		snprintf(behind, sizeof behind, "%zu more bytes than are known",
		    s.len - dlt645_fields_len(i->fields, i->nfields));
		page_note(p, behind);
	}
	return n >= 0;
}

/* What follows level, password and operator in a write, or the operator in a security frame. */
static void
page_body(struct page *p, struct span s)
{
	const struct dlt645_item *i = dlt645_item(p->di);
	bool write = p->f->control == DLT645_WRITE;
	uint8_t level = write ? p->data.bytes[0] : 0;

	if (write && (level == 0x98 || level == 0x99) && s.len >= 4) {
		page_hide(p, span_of(s.bytes + s.len - 4, 4));
		page_note(p, level == 0x98 ? "value enciphered, with a MAC" : "with a MAC");
		s.len -= 4;
	}
	if (s.len == 0 || (write && level == 0x98))
		return;
	if (i != NULL && (write || s.len == dlt645_fields_len(i->fields, i->nfields))) {
		page_values(p, i, s);
		return;
	}
	page_note(p, write ? "identifier not known" : "contents not known");
	if (!write)
		page_hide(p, s);
}

static void
page_request(struct page *p)
{
	const struct dlt645_item *l = dlt645_layout(p->f->control, p->di, p->data.len);
	uint8_t fn = p->f->control;
	bool known = fn <= DLT645_OUTPUT && strcmp(function_name(fn), "unknown") != 0;

	if (!p->has_di && dlt645_has_di(fn, 4)) {
		page_note(p, "too short for an identifier");
		return;
	}
	if (l != NULL) {
		size_t head =
		    l->shape == SHAPE_OPEN ? dlt645_fields_len(l->fields, l->nfields) : p->data.len;

		page_values(p, l, span_of(p->data.bytes, head));
		if (fn == DLT645_WRITE || fn == DLT645_SECURITY)
			page_body(p, span_of(p->data.bytes + head, p->data.len - head));
		else if (head < p->data.len)
			page_note(p, "not a length this function has");
		return;
	}
	if (fn == DLT645_READ && p->has_di && p->data.len == 0)
		return;
	if (fn == DLT645_READ_ADDRESS && p->data.len == 0)
		return;
	if (fn == DLT645_SECURITY)
		page_hide(p, p->data);
	page_note(p, known ? "not a length this function has" : "contents not known");
}

static void
page_reply(struct page *p)
{
	uint8_t fn = p->f->control & 0x1f;
	const struct dlt645_item *l = dlt645_layout(p->f->control, p->di, p->data.len);
	const struct dlt645_item *i = p->has_di ? dlt645_item(p->di) : NULL;
	bool understood = false;

	if ((p->f->control & DLT645_MORE) != 0)
		page_note(p, "more follows");
	if (fn == DLT645_READ_MORE && p->data.len > 0) {
		char sequence[8];

		snprintf(sequence, sizeof sequence, "%u", p->data.bytes[p->data.len - 1]);
		page_value(p, "sequence", sequence, "", "");
		page_note(p, "part of a longer reply");
	} else if (l != NULL)
		page_values(p, l, p->data);
	else if (i != NULL && (p->data.len > 0 || i->nfields == 0))
		understood = page_values(p, i, p->data);
	if (fn == DLT645_SECURITY && l == NULL && (i == NULL || !understood))
		page_hide(p, p->data);
	if (p->data.len == 0 && fn == DLT645_READ && (i == NULL || i->nfields > 0))
		page_note(p, "a read reply without a value");
	else if (p->has_di && i == NULL && l == NULL && p->data.len > 0)
		page_note(p, "identifier not known");
}

static void
page_error(struct page *p, struct buf *json)
{
	struct dlt645_error x;
	struct err e;
	char text[256], code[8];
	bool first = true;

	if (dlt645_error_get(&x, p->f, &e) < 0) {
		page_note(p, e.text);
		return;
	}
	dlt645_error_text(&x, text, sizeof text);
	snprintf(code, sizeof code, "%0*X", 2 * (int)p->f->len, x.bits);
	page_value(p, "error", code, "", text);
	buf_put_text(json, ",\"error_bits\":[");
	for (int bit = 0; bit < DLT645_ERROR_BITS; bit++)
		if (dlt645_error_word(&x, bit) != NULL) {
			buf_put_text(json, first ? "" : ",");
			json_string(json, dlt645_error_word(&x, bit));
			first = false;
		}
	buf_put_u8(json, ']');
}

/* dlt645.md 7.7: where the functions keep passwords, whatever their length. */
static void
page_hide_places(struct page *p)
{
	static const struct place {
		uint8_t control, from, to;
	} places[] = {
	    {DLT645_WRITE,                   4, 8 },
	    {DLT645_PASSWORD,                4, 12},
	    {DLT645_PASSWORD | DLT645_REPLY, 0, 4 },
	    {DLT645_CLEAR_DEMAND,            0, 4 },
	    {DLT645_CLEAR_METER,             0, 4 },
	    {DLT645_CLEAR_EVENTS,            0, 4 },
	    {DLT645_CONTROL,                 0, 4 },
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		for (size_t k = places[i].from; k < places[i].to && k < p->f->len; k++)
			p->hidden[k] |= places[i].control == p->f->control;
}

static void
page_data(const struct page *p, struct buf *json)
{
	buf_put_text(json, ",\"data\":\"");
	for (const uint8_t *b = p->data.bytes; b < p->data.bytes + p->data.len; b++)
		if (p->hidden[b - p->f->data])
			buf_put_text(json, "**");
		else
			put_hex(json, *b);
	buf_put_u8(json, '"');
}

static void
page_item(const struct page *p, struct buf *json)
{
	const struct dlt645_item *l = dlt645_layout(p->f->control, p->di, p->data.len);
	const struct dlt645_item *i = l != NULL && l->di != 0 ? l : dlt645_item(p->di);
	char name[128];

	if (!p->has_di) {
		buf_put_text(json, ",\"di\":null");
		return;
	}
	buf_printf(json, ",\"di\":\"%08X\"", (unsigned)p->di);
	if (i == NULL)
		return;
	dlt645_item_name(i, p->di, name, sizeof name);
	json_member(json, "item", name);
}

void
dlt645_page(const struct dlt645 *f, struct buf *json)
{
	struct page p = {.f = f, .has_di = dlt645_has_di(f->control, f->len)};
	size_t head = p.has_di ? 4 : 0;

	p.di = p.has_di ? dlt645_di(span_of(f->data, f->len)) : 0;
	p.data = span_of(f->data + head, f->len - head);
	page_hide_places(&p);
	buf_printf(
	    json, "{\"ok\":true,\"protocol\":\"dlt645-2007\",\"address\":\"%s\"", f->address);
	buf_printf(json,
	    ",\"control\":\"%02X\",\"direction\":\"%s\",\"function\":\"%s\",\"length\":%zu",
	    f->control, (f->control & DLT645_REPLY) != 0 ? "reply" : "request",
	    function_name(f->control), f->len);
	page_item(&p, json);
	if ((f->control & DLT645_REPLY) == 0)
		page_request(&p);
	else if ((f->control & DLT645_ABNORMAL) == 0)
		page_reply(&p);
	else
		page_error(&p, json);
	page_data(&p, json);
	buf_put_text(json, ",\"values\":[");
	buf_put(json, p.values.bytes, p.values.len);
	buf_put_u8(json, ']');
	if (p.note.len > 0)
		json_member(json, "note", buf_text(&p.note));
	buf_clear(&p.note);
	buf_clear(&p.values);
}
