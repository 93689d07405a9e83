/*
 * Alipay: the trade bill, GBK inside a zip.
 *
 * Lines that begin with # are told to people: whose it is, where the list begins and ends, and
 * behind it how many payments and refunds there were and what they make.  Cells are padded.  The
 * kind of a row decides its direction and its sign does not: both signs are seen on refunds.
 */
#include "codec/statement_parts.h"

#include "base/err.h"
#include "codec/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE "+08:00"

enum { PAYMENT, ORDER, KIND, TITLE, DONE, AMOUNT, SETTLED, REFUND_NO, FEE, COLUMNS };

static const struct column columns[] = {
    [PAYMENT] = {"支付宝交易号",        NULL,              true },
    [ORDER] = {"商户订单号",           NULL,              true },
    [KIND] = {"业务类型",              NULL,              true },
    [TITLE] = {"商品名称",              NULL,              false},
    [DONE] = {"完成时间",              NULL,              true },
    [AMOUNT] = {"订单金额",              NULL,              true },
    [SETTLED] = {"商家实收",              NULL,              true },
    [REFUND_NO] = {"退款批次号/请求号", "退款批次号", false},
    [FEE] = {"服务费",                 NULL,              false},
};

struct bill {
	struct statement *s;
	struct lines lines;
	int at[COLUMNS];
	size_t width;
	bool has_head, ended, told[STATEMENT_KINDS];
};

/* --- rows -------------------------------------------------------------------------------- */

/* A comma in the name of the goods is not marked in any way: what is too much belongs there. */
static int
fit(const struct bill *b, struct cells *c, struct err *e)
{
	size_t title = b->at[TITLE] >= 0 ? (size_t)b->at[TITLE] : c->n, more = c->n - b->width;

	if (c->n == b->width)
		return 0;
	if (c->n < b->width || title >= c->n)
		return err_set(e, ERR_INPUT, "%zu cells below %zu columns", c->n, b->width);
	for (size_t i = title + 1; i + more < c->n; i++)
		c->of[i] = c->of[i + more];
	c->n = b->width;
	return 0;
}

static int
take_amount(const struct cells *c, int at, int64_t *minor, struct err *e)
{
	int64_t micro;

	if (cell_at(c, at).len == 0)
		return err_set(e, ERR_INPUT, "an amount is missing");
	if (cell_micro(cell_at(c, at), &micro, e) < 0)
		return -1;
	return micro_to_minor(micro < 0 ? -micro : micro, 2, minor, e);
}

static int
take_row(struct bill *b, struct span line, struct err *e)
{
	struct statement_row row = {.line = b->lines.number, .raw = line, .currency = "CNY"};
	struct cells c;

	if (cells_cut(line, ",", &c, e) < 0 || fit(b, &c, e) < 0)
		return -1;
	row.state = cell_at(&c, b->at[KIND]);
	if (cell_is(row.state, "交易"))
		row.kind = STATEMENT_PAYMENT;
	else if (cell_is(row.state, "退款"))
		row.kind = STATEMENT_REFUND;
	else
		return err_set(e, ERR_INPUT, "%.*s is neither a trade nor a refund",
		    row.state.len < 40 ? (int)row.state.len : 40, (const char *)row.state.bytes);
	row.payment_no = cell_at(&c, b->at[PAYMENT]);
	row.order_no = cell_at(&c, b->at[ORDER]);
	if (row.kind == STATEMENT_REFUND)
		row.refund_no = cell_at(&c, b->at[REFUND_NO]);
	if (cell_clock(cell_at(&c, b->at[DONE]), ZONE, &row.at_us, e) < 0 ||
	    take_amount(&c, b->at[AMOUNT], &row.amount_minor, e) < 0 ||
	    take_amount(&c, b->at[SETTLED], &row.settled_minor, e) < 0 ||
	    cell_micro(cell_at(&c, b->at[FEE]), &row.fee_micro, e) < 0)
		return -1;
	return statement_add(b->s, &row, e);
}

/* --- what is told to people -------------------------------------------------------------- */

static struct span
behind(struct span line, const char *words)
{
	const uint8_t *p = memmem(line.bytes, line.len, words, strlen(words));

	if (p == NULL)
		return span_of("", 0);
	p += strlen(words);
	return span_of(p, line.len - (size_t)(p - line.bytes));
}

/* The number in front of `unit`, over words that are none. */
static int
number_before(struct span text, const char *unit, int64_t *micro, struct err *e)
{
	static const char digits[] = "-0123456789.";
	const uint8_t *end = text.len > 0 ? memmem(text.bytes, text.len, unit, strlen(unit)) : NULL;
	const uint8_t *start = end;

	while (start != NULL && start > text.bytes && strchr(digits, start[-1]) != NULL)
		start--;
	if (end == NULL || start == end)
		return err_set(e, ERR_INPUT, "no number in front of %s", unit);
	return money_in((const char *)start, (size_t)(end - start), 6, true, micro, e);
}

/* "#交易合计：3笔，商家实收共0.03元，..." */
static int
check_total(struct bill *b, struct span line, enum statement_kind kind, struct err *e)
{
	const struct statement_total *t = &b->s->total[kind];
	int64_t count, micro, minor;

	if (b->told[kind])
		return err_set(e, ERR_INPUT, "a total is told twice");
	b->told[kind] = true;
	if (number_before(line, "笔", &count, e) < 0 ||
	    number_before(behind(line, "商家实收"), "元", &micro, e) < 0 ||
	    micro_to_minor(micro < 0 ? -micro : micro, 2, &minor, e) < 0)
		return -1;
	if (count != (int64_t)t->n * 1000000)
		return err_set(e, ERR_INPUT, "the total tells %" PRId64 " %ss, there are %zu",
		    count / 1000000, statement_kind_name(kind), t->n);
	if (minor != t->settled_minor)
		return err_set(e, ERR_INPUT,
		    "the total of %ss is %" PRId64 " fen, the rows make %" PRId64,
		    statement_kind_name(kind), minor, t->settled_minor);
	return 0;
}

/* "#账号：[20881234567890120156]" */
static void
take_account(struct statement *s, struct span line)
{
	struct span text = behind(line, "[");
	const uint8_t *end = text.len > 0 ? memchr(text.bytes, ']', text.len) : NULL;
	size_t len = end != NULL ? (size_t)(end - text.bytes) : 0;

	if (len > 0 && len < sizeof s->merchant && s->merchant[0] == '\0')
		memcpy(s->merchant, text.bytes, len);
}

static int
take_words(struct bill *b, struct span line, struct err *e)
{
	if (behind(line, "账号").len > 0)
		take_account(b->s, line);
	else if (memmem(line.bytes, line.len, "列表结束", strlen("列表结束")) != NULL)
		b->ended = true;
	else if (behind(line, "交易合计").len > 0)
		return check_total(b, line, STATEMENT_PAYMENT, e);
	else if (behind(line, "退款合计").len > 0)
		return check_total(b, line, STATEMENT_REFUND, e);
	return 0;
}

/* --- the file ---------------------------------------------------------------------------- */

static int
take_head(struct bill *b, struct span line, struct err *e)
{
	struct cells head;

	if (cells_cut(line, ",", &head, e) < 0 ||
	    columns_find(columns, COLUMNS, &head, b->at, e) < 0)
		return -1;
	b->has_head = true;
	b->width = head.n;
	return 0;
}

static int
take_line(struct bill *b, struct span line, struct err *e)
{
	if (line.len == 0)
		return 0;
	if (line.bytes[0] == '#')
		return take_words(b, line, e);
	if (!b->has_head)
		return take_head(b, line, e);
	if (b->ended)
		return err_set(e, ERR_INPUT, "a row behind the end of the list");
	return take_row(b, line, e);
}

static int
take_file(struct bill *b, struct err *e)
{
	struct span line;

	while (lines_next(&b->lines, &line))
		if (take_line(b, line, e) < 0)
			return -1;
	if (!b->has_head || !b->ended)
		return err_set(e, ERR_INPUT, "ends before the list does");
	if (!b->told[STATEMENT_PAYMENT] || !b->told[STATEMENT_REFUND])
		return err_set(e, ERR_INPUT, "ends without its totals");
	return 0;
}

int
statement_alipay(struct statement *s, struct err *e)
{
	struct bill b = {.s = s};
	struct buf text = {0};

	if (text_from_gbk(buf_span(&s->text), &text, e) < 0) {
		buf_clear(&text);
		return -1;
	}
	buf_clear(&s->text);
	s->text = text;
	s->what = "trade";
	b.lines.left = buf_span(&s->text);
	return take_file(&b, e) < 0 ? err_wrap(e, "line %zu", b.lines.number) : 0;
}
