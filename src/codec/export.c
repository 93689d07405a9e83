#include "codec/export.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/csv.h"
#include "codec/money.h"
#include "codec/webhook.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The chart of model/ledger.h, as beancount wants to see it. */
static const struct book {
	const char *ledger, *root, *name;
} books[] = {
    {"clearing",   "Assets",      "Clearing"  },
    {"arrears",    "Assets",      "Arrears"   },
    {"prepaid",    "Liabilities", "Prepaid"   },
    {"loaded",     "Liabilities", "Loaded"    },
    {"suspense",   "Liabilities", "Suspense"  },
    {"payable",    "Liabilities", "Payable"   },
    {"tax",        "Liabilities", "Tax"       },
    {"opening",    "Equity",      "Opening"   },
    {"energy",     "Income",      "Energy"    },
    {"fees",       "Income",      "Fees"      },
    {"rounding",   "Income",      "Rounding"  },
    {"adjustment", "Income",      "Adjustment"},
    {"costs",      "Expenses",    "Costs"     },
};

static const char *
text_of(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	return text != NULL ? text : "";
}

/* A journal's lines stand together and come to nothing in each currency. */
static int
check_balance(const struct ledger_export *x, struct err *e)
{
	for (size_t i = 0, end; i < x->n; i = end) {
		for (end = i; end < x->n && x->lines[end].journal == x->lines[i].journal;)
			end++;
		for (size_t k = i; k < end; k++) {
			int64_t sum = 0;

			for (size_t l = i; l < end; l++)
				if (strcmp(x->lines[l].currency, x->lines[k].currency) == 0)
					sum += x->lines[l].amount_minor;
			if (sum != 0)
				return err_set(e, ERR_INPUT, "journal %" PRId64 " does not balance",
				    x->lines[i].journal);
		}
	}
	return 0;
}

static int
read_line(const cJSON *row, const struct calendar *zone, struct export_line *l, struct err *e)
{
	int64_t line, value_us;

	if (json_integer(row, "journal", 1, JSON_INTEGER_MOST, &l->journal, e) < 0 ||
	    json_integer(row, "at_us", 0, JSON_INTEGER_MOST, &l->at_us, e) < 0 ||
	    json_integer(row, "line", 1, 32767, &line, e) < 0 ||
	    json_integer(row, "amount_minor", -JSON_INTEGER_MOST, JSON_INTEGER_MOST,
		&l->amount_minor, e) < 0 ||
	    json_integer(row, "value_us", 0, JSON_INTEGER_MOST, &value_us, e) < 0 ||
	    json_integer(row, "reverses", 0, JSON_INTEGER_MOST, &l->reverses, e) < 0)
		return -1;
	l->line = (int)line;
	l->day = calendar_day(zone, l->at_us);
	l->value_day = calendar_day(zone, value_us);
	l->actor = text_of(row, "actor");
	l->kind = text_of(row, "kind");
	l->key = text_of(row, "key");
	l->memo = text_of(row, "memo");
	l->ledger = text_of(row, "ledger");
	l->owner = text_of(row, "owner");
	l->account = text_of(row, "account");
	l->customer = text_of(row, "customer");
	l->currency = text_of(row, "currency");
	return 0;
}

int
export_read(const cJSON *answer, struct ledger_export *x, struct err *e)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "rows"), *row;
	struct calendar *zone = calendar_new(text_of(answer, "zone"), e);
	int64_t from, to;
	int rc = 0;

	*x = (struct ledger_export){0};
	if (zone == NULL)
		return -1;
	if (!cJSON_IsArray(rows) ||
	    json_integer(answer, "from", 19700101, 99991231, &from, e) < 0 ||
	    json_integer(answer, "to", 19700101, 99991231, &to, e) < 0) {
		calendar_free(zone);
		return err_set(e, ERR_INPUT, "no ledger");
	}
	x->from = (int)from;
	x->to = (int)to;
	x->lines = mem_new(((size_t)cJSON_GetArraySize(rows) + 1) * sizeof *x->lines);
	cJSON_ArrayForEach(row, rows)
	{
		if (rc == 0)
			rc = read_line(row, zone, &x->lines[x->n++], e);
	}
	calendar_free(zone);
	if (rc == 0)
		rc = check_balance(x, e);
	if (rc < 0) {
		free(x->lines);
		*x = (struct ledger_export){0};
	}
	return rc;
}

/* --- our own ------------------------------------------------------------------------------- */

static void
put_money(struct buf *out, int64_t minor, const char *currency)
{
	buf_put_u8(out, ',');
	if (minor > 0)
		money_out(out, minor, money_digits(currency));
}

void
export_csv(const struct ledger_export *x, struct buf *out)
{
	char at[32];

	buf_put_text(out, CSV_MARK
	    "journal,date,value_date,at,line,ledger,owner,account,customer,debit,credit,currency,"
	    "kind,key,memo,actor,reverses\r\n");
	for (size_t i = 0; i < x->n; i++) {
		const struct export_line *l = &x->lines[i];
		const char *const who[] = {l->owner, l->account, l->customer};
		const char *const texts[] = {l->currency, l->kind, l->key, l->memo, l->actor};

		time_rfc3339_out(l->at_us, at);
		buf_printf(out, "%" PRId64 ",%04d-%02d-%02d,%04d-%02d-%02d,%s,%d,%s", l->journal,
		    l->day / 10000, l->day / 100 % 100, l->day % 100, l->value_day / 10000,
		    l->value_day / 100 % 100, l->value_day % 100, at, l->line, l->ledger);
		for (size_t k = 0; k < sizeof who / sizeof *who; k++) {
			buf_put_u8(out, ',');
			csv_put(out, who[k], false);
		}
		put_money(out, l->amount_minor, l->currency);
		put_money(out, -l->amount_minor, l->currency);
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
			buf_put_u8(out, ',');
			csv_put(out, texts[k], false);
		}
		buf_put_u8(out, ',');
		if (l->reverses != 0)
			buf_printf(out, "%" PRId64, l->reverses);
		buf_put_text(out, "\r\n");
	}
}

/* --- beancount ----------------------------------------------------------------------------- */

/* One part of an account's name: a capital or digit first, then letters, digits and dashes.  What
 * is none of them becomes -XX, so that two names never become one. */
static void
put_part(struct buf *out, const char *text)
{
	buf_put_text(out, ":N");
	for (; *text != '\0'; text++)
		if (isalnum((unsigned char)*text) && (unsigned char)*text < 0x80)
			buf_put_u8(out, (uint8_t)*text);
		else
			buf_printf(out, "-%02X", (unsigned char)*text);
}

static void
put_book(struct buf *out, const struct export_line *l)
{
	const struct book *b = books;

	while (b < books + sizeof books / sizeof *books && strcmp(b->ledger, l->ledger) != 0)
		b++;
	if (b < books + sizeof books / sizeof *books)
		buf_printf(out, "%s:%s", b->root, b->name);
	else /* a ledger newer than this table */
		put_part((buf_put_text(out, "Equity:Other"), out), l->ledger);
	if (l->account[0] != '\0')
		put_part(out, l->account);
	if (l->owner[0] != '\0')
		put_part(out, l->owner);
}

static void
put_quoted(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_put_u8(out, (unsigned char)*text < ' ' ? ' ' : (uint8_t)*text);
	buf_put_u8(out, '"');
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every account once, from the first day on. */
static void
put_opens(const struct ledger_export *x, struct buf *out)
{
	char **names = mem_new((x->n + 1) * sizeof *names);

	for (size_t i = 0; i < x->n; i++) {
		struct buf name = {0};

		put_book(&name, &x->lines[i]);
		names[i] = mem_text(buf_text(&name));
		buf_clear(&name);
	}
	qsort(names, x->n, sizeof *names, by_text);
	for (size_t i = 0; i < x->n; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			buf_printf(out, "%04d-%02d-%02d open %s\n", x->from / 10000,
			    x->from / 100 % 100, x->from % 100, names[i]);
	for (size_t i = 0; i < x->n; i++)
		free(names[i]);
	free(names);
}

void
export_beancount(const struct ledger_export *x, struct buf *out)
{
	put_opens(x, out);
	for (size_t i = 0; i < x->n; i++) {
		const struct export_line *l = &x->lines[i];

		if (i == 0 || l[-1].journal != l->journal) {
			buf_printf(out, "\n%04d-%02d-%02d * ", l->day / 10000, l->day / 100 % 100,
			    l->day % 100);
			put_quoted(out, l->kind);
			buf_put_u8(out, ' ');
			put_quoted(out, l->memo);
			buf_printf(out, "\n  journal: %" PRId64 "\n  key: ", l->journal);
			put_quoted(out, l->key);
			buf_put_u8(out, '\n');
		}
		buf_put_text(out, "  ");
		put_book(out, l);
		buf_put_text(out, "  ");
		money_out(out, l->amount_minor, money_digits(l->currency));
		buf_printf(out, " %s\n", l->currency);
	}
}
