/*
 * Vouchers by a profile.  Rows are made in UTF-8 and turned into the profile's encoding at the end;
 * a letter that it does not have is an error, for a question mark in a book is worse.
 */
#include "codec/export.h"

#include "base/buf.h"
#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/csv.h"
#include "codec/money.h"

#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value {
	V_DATE,
	V_YEAR,
	V_PERIOD,
	V_VOUCHER,
	V_LINE,
	V_CODE,
	V_NAME,
	V_LEDGER,
	V_ACCOUNT,
	V_CUSTOMER,
	V_OWNER,
	V_MEMO,
	V_KIND,
	V_KEY,
	V_DEBIT,
	V_CREDIT,
	V_AMOUNT,
	V_DIRECTION,
	V_SIDE,
	V_CURRENCY,
	V_TEXT
};
static const char *const values[] = {"date", "year", "period", "voucher", "line", "account_code",
    "account_name", "ledger", "account", "customer", "owner", "memo", "kind", "key", "debit",
    "credit", "amount", "direction", "side", "currency"};
#define NVALUES (sizeof values / sizeof *values)

struct voucher_profile {
	struct conf_node *tree; /* texts below are its */
	const struct conf_node *accounts, *names, *kinds, *columns;
	const char *encoding, *date;
	char separator;
	bool by_day;
	int first_line;
};

static const char *
setting(const struct conf_node *map, const char *name, const char *otherwise)
{
	const struct conf_node *n = conf_tree_get(map, name);

	return n != NULL && n->kind == CONF_NODE_TEXT ? n->text : otherwise;
}

static enum value
column_value(const struct conf_node *column)
{
	const char *name = setting(column, "value", "");
	size_t i = 0;

	while (i < NVALUES && strcmp(values[i], name) != 0)
		i++;
	return (enum value)i; /* V_TEXT is behind the last */
}

static int
check_columns(const char *path, const struct conf_node *columns, struct err *e)
{
	static const char *const names[] = {"name", "value", "text", NULL};

	for (const struct conf_node *c = columns->first; c != NULL; c = c->next) {
		if (c->kind != CONF_NODE_MAP || setting(c, "name", NULL) == NULL ||
		    (column_value(c) == V_TEXT) == (setting(c, "text", NULL) == NULL))
			return conf_tree_refuse(
			    path, c, e, "a column has a name, and a value that is known or a text");
		if (conf_tree_known(path, c, names, e) < 0)
			return -1;
	}
	return 0;
}

static int
take_settings(struct voucher_profile *p, const char *path, struct err *e)
{
	static const char *const names[] = {"encoding", "separator", "date", "group", "first_line",
	    "accounts", "names", "kinds", "columns", NULL};
	const char *separator = setting(p->tree, "separator", ","),
		   *group = setting(p->tree, "group", "journal"),
		   *first = setting(p->tree, "first_line", "1");

	p->encoding = setting(p->tree, "encoding", "UTF-8");
	p->date = setting(p->tree, "date", "YYYY-MM-DD");
	p->separator = strcmp(separator, "tab") == 0 ? '\t' : separator[0];
	p->by_day = strcmp(group, "day") == 0;
	p->first_line = first[0] == '0' ? 0 : 1;
	p->accounts = conf_tree_get(p->tree, "accounts");
	p->names = conf_tree_get(p->tree, "names");
	p->kinds = conf_tree_get(p->tree, "kinds");
	p->columns = conf_tree_get(p->tree, "columns");
	if (conf_tree_known(path, p->tree, names, e) < 0)
		return -1;
	if ((p->separator != '\t' && strcmp(separator, ",") != 0) ||
	    (!p->by_day && strcmp(group, "journal") != 0) ||
	    (strcmp(first, "0") != 0 && strcmp(first, "1") != 0) ||
	    (strcmp(p->encoding, "UTF-8") != 0 && strcmp(p->encoding, "GB18030") != 0) ||
	    (strcmp(p->date, "YYYY-MM-DD") != 0 && strcmp(p->date, "YYYY/MM/DD") != 0 &&
		strcmp(p->date, "YYYYMMDD") != 0))
		return err_set(e, ERR_INPUT,
		    "%.120s: encoding, separator, date, group or first_line is none of those there "
		    "are",
		    path);
	if (p->accounts == NULL || p->accounts->kind != CONF_NODE_MAP || p->columns == NULL ||
	    p->columns->kind != CONF_NODE_LIST || p->columns->first == NULL)
		return err_set(e, ERR_INPUT, "%.120s: accounts or columns are missing", path);
	return check_columns(path, p->columns, e);
}

struct voucher_profile *
voucher_profile_read(const char *path, struct err *e)
{
	struct voucher_profile *p = mem_new(sizeof *p);

	p->tree = conf_tree_read(path, e);
	if (p->tree != NULL && take_settings(p, path, e) == 0)
		return p;
	voucher_profile_free(p);
	return NULL;
}

void
voucher_profile_free(struct voucher_profile *p)
{
	if (p == NULL)
		return;
	conf_tree_free(p->tree);
	free(p);
}

/* --- rows ---------------------------------------------------------------------------------- */

struct row {
	struct export_line l;
	int64_t voucher;
	int line;
};

/* "clearing:cash" before "clearing": the till is another account than a provider. */
static const char *
of_ledger(const struct conf_node *map, const struct export_line *l, const char *otherwise)
{
	char key[96];

	if (map == NULL)
		return otherwise;
	snprintf(key, sizeof key, "%.30s:%.60s", l->ledger, l->owner);
	return setting(map, key, setting(map, l->ledger, otherwise));
}

static const char *
kind_of(const struct voucher_profile *p, const struct export_line *l)
{
	return p->kinds != NULL ? setting(p->kinds, l->kind, l->kind) : l->kind;
}

static void
put_date(struct buf *out, int day, const char *form)
{
	const char *sep = strchr(form, '-') != NULL ? "-" : strchr(form, '/') != NULL ? "/" : "";

	buf_printf(out, "%04d%s%02d%s%02d", day / 10000, sep, day / 100 % 100, sep, day % 100);
}

/* What is a text as it stands; NULL: put_value() makes it. */
static const char *
value_text(const struct voucher_profile *p, const struct export_line *l, enum value v)
{
	switch (v) {
	case V_CODE:
		return of_ledger(p->accounts, l, "");
	case V_NAME:
		return of_ledger(p->names, l, l->ledger);
	case V_DIRECTION:
		return l->amount_minor > 0 ? "1" : "0";
	case V_SIDE:
		return l->amount_minor > 0 ? "debit" : "credit";
	case V_LEDGER:
		return l->ledger;
	case V_ACCOUNT:
		return l->account;
	case V_CUSTOMER:
		return l->customer;
	case V_OWNER:
		return l->owner;
	case V_MEMO:
		return l->memo[0] != '\0' ? l->memo : kind_of(p, l);
	case V_KIND:
		return kind_of(p, l);
	case V_KEY:
		return l->key;
	case V_CURRENCY:
		return l->currency;
	default:
		return NULL;
	}
}

static void
put_value(const struct voucher_profile *p, const struct row *r, enum value v, struct buf *out)
{
	const struct export_line *l = &r->l;
	const char *text = value_text(p, l, v);
	int64_t minor = l->amount_minor;
	bool mine = v == V_AMOUNT || (minor > 0) == (v == V_DEBIT);

	if (text != NULL)
		buf_put_text(out, text);
	else if (v == V_DATE)
		put_date(out, l->day, p->date);
	else if (v == V_YEAR)
		buf_printf(out, "%d", l->day / 10000);
	else if (v == V_PERIOD)
		buf_printf(out, "%d", l->day / 100 % 100);
	else if (v == V_VOUCHER)
		buf_printf(out, "%" PRId64, r->voucher);
	else if (v == V_LINE)
		buf_printf(out, "%d", r->line);
	else if (v == V_AMOUNT || v == V_DEBIT || v == V_CREDIT)
		money_out(out, mine ? llabs(minor) : 0, money_digits(l->currency));
}

static void
put_cell(const struct voucher_profile *p, const char *text, bool number, struct buf *out)
{
	if (p->separator == ',') {
		csv_put(out, text, number);
		return;
	}
	for (; *text != '\0'; text++) /* nothing can be quoted there */
		buf_put_u8(out, strchr("\t\r\n", *text) != NULL ? ' ' : (uint8_t)*text);
}

static void
put_row(const struct voucher_profile *p, const struct row *r, struct buf *out)
{
	struct buf cell = {0};

	for (const struct conf_node *c = p->columns->first; c != NULL; c = c->next) {
		enum value v = column_value(c);

		cell.len = 0;
		if (v == V_TEXT)
			buf_put_text(&cell, setting(c, "text", ""));
		else
			put_value(p, r, v, &cell);
		if (c != p->columns->first)
			buf_put_u8(out, (uint8_t)p->separator);
		put_cell(p, buf_text(&cell), v >= V_DEBIT && v <= V_DIRECTION, out);
	}
	buf_put_text(out, "\r\n");
	buf_clear(&cell);
}

/* What is added up: the same day, currency, kind, ledger and owner. */
static int
by_group(const void *a, const void *b)
{
	const struct export_line *x = &((const struct row *)a)->l, *y = &((const struct row *)b)->l;
	int d = x->day != y->day ? (x->day < y->day ? -1 : 1) : 0;

	d = d != 0 ? d : strcmp(x->currency, y->currency);
	d = d != 0 ? d : strcmp(x->kind, y->kind);
	d = d != 0 ? d : strcmp(x->ledger, y->ledger);
	d = d != 0 ? d : strcmp(x->owner, y->owner);
	return d != 0                                          ? d
	       : (x->amount_minor > 0) < (y->amount_minor > 0) ? 1
	       : (x->amount_minor > 0) > (y->amount_minor > 0) ? -1
							       : 0;
}

static size_t
add_up(struct row *rows, size_t n)
{
	size_t k = 0;

	qsort(rows, n, sizeof *rows, by_group);
	for (size_t i = 0; i < n; i++) {
		if (k > 0 && by_group(&rows[k - 1], &rows[i]) == 0) {
			rows[k - 1].l.amount_minor += rows[i].l.amount_minor;
			continue;
		}
		rows[k] = rows[i];
		rows[k].l.account = rows[k].l.customer = rows[k].l.key = rows[k].l.memo = "";
		k++;
	}
	return k;
}

/* A voucher is a journal, or what one day has of one kind and currency. */
static bool
same_voucher(
    const struct voucher_profile *p, const struct export_line *a, const struct export_line *b)
{
	if (!p->by_day)
		return a->journal == b->journal;
	return a->day == b->day && strcmp(a->currency, b->currency) == 0 &&
	       strcmp(a->kind, b->kind) == 0;
}

static void
number_rows(const struct voucher_profile *p, int64_t number, struct row *rows, size_t n)
{
	int64_t voucher = number - 1;

	for (size_t i = 0; i < n; i++) {
		bool first = i == 0 || !same_voucher(p, &rows[i - 1].l, &rows[i].l);

		voucher += first;
		rows[i].voucher = p->by_day ? voucher : rows[i].l.journal;
		rows[i].line = first ? p->first_line : rows[i - 1].line + 1;
	}
}

static int
encode(const struct voucher_profile *p, struct buf *text, struct buf *out, struct err *e)
{
	char *in = (char *)text->bytes, *to;
	size_t left = text->len, room = 2 * left + 16, start = room;
	struct buf coded = {0};
	iconv_t cd;
	bool good;

	if (strcmp(p->encoding, "UTF-8") == 0) {
		buf_put(out, text->bytes, text->len);
		return 0;
	}
	cd = iconv_open(p->encoding, "UTF-8");
	coded.bytes = mem_new(room);
	to = (char *)coded.bytes;
	good = cd != (iconv_t)-1 && iconv(cd, &in, &left, &to, &room) != (size_t)-1 && left == 0;
	if (cd != (iconv_t)-1)
		iconv_close(cd);
	if (good)
		buf_put(out, coded.bytes, start - room);
	free(coded.bytes);
	return good ? 0 : err_set(e, ERR_INPUT, "a text has no letters in %s", p->encoding);
}

int
export_voucher(const struct ledger_export *x, const struct voucher_profile *p, int64_t number,
    struct buf *out, struct err *e)
{
	struct row *rows = mem_new((x->n + 1) * sizeof *rows);
	struct buf text = {0};
	size_t n = x->n;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		rows[i].l = x->lines[i];
		if (of_ledger(p->accounts, &rows[i].l, NULL) == NULL && rc == 0)
			rc = err_set(
			    e, ERR_INPUT, "the profile has no account for %.40s", rows[i].l.ledger);
	}
	if (p->by_day)
		n = add_up(rows, n);
	number_rows(p, number, rows, n);
	for (const struct conf_node *c = p->columns->first; c != NULL; c = c->next) {
		if (c != p->columns->first)
			buf_put_u8(&text, (uint8_t)p->separator);
		put_cell(p, setting(c, "name", ""), true, &text);
	}
	buf_put_text(&text, "\r\n");
	for (size_t i = 0; i < n; i++)
		put_row(p, &rows[i], &text);
	if (rc == 0)
		rc = encode(p, &text, out, e);
	buf_clear(&text);
	free(rows);
	return rc;
}
