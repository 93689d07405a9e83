/*
 * Items to values, by the tables in dlt645_table.c and dlt645_layout.c.
 *
 * Lengths are settled before anything is decoded: one that does not come out even is an error,
 * not a guess, since a meter that answers with three bytes of voltage is telling us something
 * else (dlt645.md 6, quirk 6).
 *
 * A whole freeze record holds what the meter's mode word enables, which the reply does not
 * say.  With AA between its parts, which BCD never is, the parts tell themselves apart by
 * length and order; without, the length of the whole picks one of the few usual sets, and is
 * refused when it picks none (dlt645.md 2.8).
 */
#include "codec/dlt645_fields.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- values ------------------------------------------------------------------------------ */

struct sink {
	struct dlt645_value *values;
	int n, room;
	bool full;
};

static void
sink_put(struct sink *o, const struct dlt645_field *f, int index, struct span s)
{
	if (o->n < o->room)
		dlt645_value_get(&o->values[o->n++], f, index, s);
	else
		o->full = true;
}

static int
field_times(const struct dlt645_field *f)
{
	return f->times > 1 ? f->times : 1;
}

size_t
dlt645_fields_len(const struct dlt645_field *f, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += f[i].bytes * (size_t)field_times(&f[i]);
	return len;
}

/* The fields once; `index` is the group's place, or that within a field that comes often. */
static void
take_fields(struct sink *o, struct rd *in, const struct dlt645_field *f, size_t n, int index)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < field_times(&f[i]); k++) {
			size_t len = f[i].bytes > 0 ? f[i].bytes : in->left.len;

			sink_put(o, &f[i], field_times(&f[i]) > 1 ? k : index, rd_take(in, len));
		}
}

static int
length_check(const struct dlt645_item *i, size_t fixed, size_t group, size_t len, struct err *e)
{
	bool rest = i->nfields > 0 && i->fields[i->nfields - 1].bytes == 0;

	if (len >= fixed) {
		size_t left = len - fixed;

		if (i->shape == SHAPE_OPEN || (rest && left > 0) ||
		    (left == 0 && !rest && fixed > 0))
			return 0;
		if (group > 0 && left > 0 && left % group == 0)
			return 0;
		if (i->nfields == 0 && left == 0)
			return 0;
	}
	if (group > 0)
		return err_set(e, ERR_INPUT, "%zu bytes, expected %zu and a multiple of %zu", len,
		    fixed, group);
	return err_set(
	    e, ERR_INPUT, "%zu bytes, expected %s%zu", len, rest ? "more than " : "", fixed);
}

static int
walk_values(const struct dlt645_item *i, struct span data, struct sink *o, struct err *e)
{
	size_t head = i->nfields - (size_t)i->repeats;
	const struct dlt645_field *tail = i->repeats > 0 ? i->fields + head : NULL;
	size_t fixed = dlt645_fields_len(i->fields, head);
	size_t group = dlt645_fields_len(tail, i->repeats);
	struct rd in = {.left = data};

	if (length_check(i, fixed, group, data.len, e) < 0)
		return -1;
	take_fields(o, &in, i->fields, head, 0);
	for (int k = 0; group > 0 && in.left.len >= group; k++)
		take_fields(o, &in, tail, i->repeats, k);
	return 0;
}

/* --- whole freeze records ---------------------------------------------------------------- */

enum { PLACE_TIME, PLACE_ENERGY, PLACE_DEMAND = 9, PLACE_VARIABLES = 13 }; /* in freeze_all */
enum { MOST_ENERGIES = 8, MOST_DEMANDS = 2, VARIABLES_LEN = 24 };

/* One part: so many fields, repeated to its end. */
static void
freeze_part(struct sink *o, const struct dlt645_field *f, size_t nfields, struct span part)
{
	struct rd in = {.left = part};
	size_t group = dlt645_fields_len(f, nfields);

	for (int k = 0; in.left.len >= group; k++)
		take_fields(o, &in, f, nfields, k);
}

#ifdef PLANTED_OVERFLOW
/* Never in a program: the fuzzer must find this, or it looks in the wrong places. */
static void
planted(struct span part)
{
	uint8_t room[40];
	volatile uint8_t *to = room;

	for (size_t i = 0; i < part.len; i++)
		to[i] = part.bytes[i];
}
#endif

static int
freeze_separated(const struct dlt645_field *f, struct span s, struct sink *o, struct err *e)
{
	size_t unit = 0, energies = 0, demands = 0;

	while (s.len > 0) {
		const uint8_t *end = memchr(s.bytes, 0xaa, s.len);
		struct span part = {s.bytes, end != NULL ? (size_t)(end - s.bytes) : s.len};
		size_t past = part.len + (end != NULL ? 1 : 0);

#ifdef PLANTED_OVERFLOW
		planted(part);
#endif
		s = (struct span){s.bytes + past, s.len - past};
		if (part.len == 0)
			continue;
		if (unit > 0 && part.len == VARIABLES_LEN && unit != VARIABLES_LEN)
			freeze_part(o, f + PLACE_VARIABLES, 2, part);
		else if (unit > 0 && part.len == 2 * unit && demands < MOST_DEMANDS)
			freeze_part(o, f + PLACE_DEMAND + 2 * demands++, 2, part);
		else if (part.len % 4 == 0 && (unit == 0 || part.len == unit) &&
			 energies < MOST_ENERGIES) {
			freeze_part(o, f + PLACE_ENERGY + energies++, 1, part);
			unit = part.len;
		} else
			return err_set(
			    e, ERR_INPUT, "a freeze record's part of %zu bytes", part.len);
	}
	return 0;
}

static int
freeze_by_length(const struct dlt645_field *f, struct span s, struct sink *o, struct err *e)
{
	static const struct set {
		uint8_t energies, demands, variables;
	} sets[] = {
	    {2, 0, 0},
            {1, 0, 0},
            {2, 0, 1},
            {8, 2, 1}
        };
	static const uint8_t tariffs[] = {4, 8, 12, 0};
	struct rd in = {.left = s};

	for (size_t i = 0; i < COUNT(sets) * COUNT(tariffs); i++) {
		const struct set *t = &sets[i % COUNT(sets)];
		size_t unit = 4 * (1 + (size_t)tariffs[i / COUNT(sets)]);

		if ((t->energies + 2u * t->demands) * unit + t->variables * VARIABLES_LEN !=
			s.len ||
		    (t->demands > 0 && unit == 4))
			continue;
		for (size_t k = 0; k < t->energies; k++)
			freeze_part(o, f + PLACE_ENERGY + k, 1, rd_take(&in, unit));
		for (size_t k = 0; k < t->demands; k++)
			freeze_part(o, f + PLACE_DEMAND + 2 * k, 2, rd_take(&in, 2 * unit));
		if (t->variables > 0)
			freeze_part(o, f + PLACE_VARIABLES, 2, rd_take(&in, VARIABLES_LEN));
		return 0;
	}
	return err_set(
	    e, ERR_INPUT, "%zu bytes do not tell what the freeze record holds", s.len + 5);
}

static int
freeze_values(const struct dlt645_item *i, struct span data, struct sink *o, struct err *e)
{
	struct rd in = {.left = data};
	struct span time = rd_take(&in, 5);

	if (in.failed)
		return err_set(e, ERR_INPUT, "%zu bytes, expected at least 5", data.len);
	sink_put(o, i->fields + PLACE_TIME, 0, time);
	if (in.left.len == 0)
		return 0;
	if (in.left.bytes[0] == 0xaa)
		return freeze_separated(i->fields, in.left, o, e);
	return freeze_by_length(i->fields, in.left, o, e);
}

int
dlt645_values(const struct dlt645_item *i, struct span data, struct dlt645_value *out, int room,
    struct err *e)
{
	struct sink o = {.values = out, .room = room};
	int rc =
	    i->shape == SHAPE_FREEZE ? freeze_values(i, data, &o, e) : walk_values(i, data, &o, e);

	if (rc < 0)
		return -1;
	if (o.full)
		return err_set(e, ERR_INPUT, "more than %d values", room);
	return o.n;
}

/* --- names ------------------------------------------------------------------------------- */

struct text {
	char *out;
	size_t at, room;
};

static void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->out + t->at, t->room - t->at, fmt, ap);
	va_end(ap);
	t->at += n > 0 ? (size_t)n : 0;
	if (t->at >= t->room)
		t->at = t->room - 1;
}

static void
add_numbered(struct text *t, const char *zero, const char *word, unsigned n)
{
	if (n == 0)
		text_add(t, "%s", zero);
	else
		text_add(t, "%s %u", word, n);
}

static void
add_phase(struct text *t, const char *zero, const char *word, unsigned n)
{
	if (n == 0)
		text_add(t, "%s", zero);
	else if (n <= 3)
		text_add(t, "%s %c", word, "ABC"[n - 1]);
	else
		text_add(t, "%s %u", word, n);
}

static void
add_mark(struct text *t, char mark, uint32_t di, unsigned index)
{
	static const char *const freezes[16] = {"timed freeze", "instant freeze",
	    "year zone switch", "day table switch", "hourly freeze", "price switch", "daily freeze",
	    "step switch", "vendor's freeze"};
	const char *freeze = freezes[di >> 16 & 15];

	switch (mark) {
	case 't':
		add_numbered(t, "total", "tariff", di >> 8 & 0xff);
		break;
	case 'T':
		add_numbered(t, "total", "tariff", index);
		break;
	case 's':
		add_numbered(t, "", ", settlement", di & 0xff);
		break;
	case 'S':
		add_numbered(t, "now", "settlement", index);
		break;
	case 'a':
		add_phase(t, "total", "phase", di >> 8 & 0xff);
		break;
	case 'A':
		add_phase(t, "", "phase", index + 1);
		break;
	case 'Q':
		add_phase(t, "total", "phase", index);
		break;
	case 'p':
		add_phase(t, "", ", phase", di >> 16 & 15);
		break;
	case 'f':
		text_add(t, "%s", freeze != NULL ? freeze : "freeze");
		break;
	case 'n':
		text_add(t, "%u", (unsigned)(di & 0xff));
		break;
	default:
		text_add(t, "%u", index + 1);
	}
}

static void
add_name(struct text *t, const char *name, uint32_t di, int index)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p == '$' && p[1] != '\0')
			add_mark(t, *++p, di, (unsigned)index);
		else if (t->at + 1 < t->room)
			t->out[t->at++] = *p;
	t->out[t->at] = '\0';
}

void
dlt645_item_name(const struct dlt645_item *i, uint32_t di, char *out, size_t room)
{
	struct text t = {out, 0, room};

	*out = '\0';
	add_name(&t, i->name, di, 0);
}

void
dlt645_value_name(
    const struct dlt645_item *i, uint32_t di, const struct dlt645_value *v, char *out, size_t room)
{
	const char *name = v->field->name;
	struct text t = {out, 0, room};

	*out = '\0';
	if (*name == '\0' || *name == ',')
		add_name(&t, i->name, di, v->index);
	add_name(&t, name, di, v->index);
}

void
dlt645_value_meaning(const struct dlt645_value *v, char *out, size_t room)
{
	const struct dlt645_code *c = v->field->codes;
	struct text t = {out, 0, room};

	*out = '\0';
	for (; c != NULL && c->word != NULL && !v->absent; c++)
		if (c->code == v->number)
			text_add(&t, "%s", c->word);
	for (int bit = 0; v->field->bits != NULL && bit < 16; bit++)
		if ((v->number >> bit & 1) != 0 && v->field->bits[bit] != NULL)
			text_add(&t, "%s%s", t.at > 0 ? ", " : "", v->field->bits[bit]);
}

/* --- registers --------------------------------------------------------------------------- */

/* Ours is the meter's number times this. */
static const struct {
	uint32_t di;
	int64_t times;
} regs[REG_COUNT] = {
    [REG_TOTAL_WH] = {0x00010000, 10 },
    [REG_T1_WH] = {0x00010100, 10 },
    [REG_T2_WH] = {0x00010200, 10 },
    [REG_T3_WH] = {0x00010300, 10 },
    [REG_T4_WH] = {0x00010400, 10 },
    [REG_CREDIT] = {0x00900200, 1  },
    [REG_PURCHASES] = {0x03330201, 1  },
    [REG_BOUGHT] = {0x03330601, 1  },
    [REG_STATUS] = {0x04000503, 1  },
    [REG_TRIPS] = {0x1d000001, 1  },
    [REG_CLOSES] = {0x1e000001, 1  },
    [REG_COVERS] = {0x03300d00, 1  },
    [REG_TERMINALS] = {0x03300e00, 1  },
    [REG_POWER_DOWNS] = {0x03110000, 1  },
    [REG_PRICE] = {0x02800020, 100},
    [REG_OVERLOADS] = {0x030f0000, 1  },
    [REG_VOLTAGE_A] = {0x02010100, 100},
    [REG_VOLTAGE_B] = {0x02010200, 100},
    [REG_VOLTAGE_C] = {0x02010300, 100},
    [REG_CURRENT_A] = {0x02020100, 1  },
    [REG_CURRENT_B] = {0x02020200, 1  },
    [REG_CURRENT_C] = {0x02020300, 1  },
    [REG_POWER] = {0x02030000, 100},
    [REG_FACTOR] = {0x02060000, 1  },
};

uint32_t
dlt645_di_of(enum reg r)
{
	return (unsigned)r < REG_COUNT ? regs[r].di : 0;
}

/* Times and minutes, phase after phase; one that a meter does not have may be filler. */
static int
phases_count(uint32_t di, struct span data, int64_t *value, struct err *e)
{
	struct dlt645_value v[6];
	int n = dlt645_values(dlt645_item(di), data, v, 6, e), counted = 0;
	int64_t sum = 0;

	for (int i = 0; i < n; i += 2)
		if (!v[i].absent) {
			sum += v[i].number;
			counted++;
		}
	if (n < 0)
		return err_wrap(e, "%08x", (unsigned)di);
	if (counted == 0)
		return err_set(e, ERR_INPUT, "%08x: no count", (unsigned)di);
	*value = sum;
	return 0;
}

int
dlt645_reg_value(enum reg r, struct span data, int64_t *value, struct err *e)
{
	const struct dlt645_item *i;
	struct dlt645_value v = {.absent = true, .why = "empty"};
	int64_t overdraft = 0;

	if (dlt645_di_of(r) == 0)
		return err_set(e, ERR_BUG, "register %d is in no identifier", (int)r);
	if (r == REG_OVERLOADS)
		return phases_count(regs[r].di, data, value, e);
	i = dlt645_item(regs[r].di);
	if (r == REG_CREDIT && data.len == 8) {
		if (dlt645_reg_value(r, span_of(data.bytes + 4, 4), &overdraft, e) < 0)
			return -1;
		data.len = 4;
	}
	if (dlt645_values(i, data, &v, 1, e) < 0)
		return err_wrap(e, "%08x", (unsigned)regs[r].di);
	if (v.absent)
		return err_set(e, ERR_INPUT, "%08x: %s", (unsigned)regs[r].di, v.why);
	*value = v.number * regs[r].times - overdraft;
	return 0;
}
