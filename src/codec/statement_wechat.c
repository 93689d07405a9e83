/*
 * WeChat Pay: the trade bill and the fund flow.
 *
 * A head, rows whose cells begin with a back-tick, a second head, and one row of totals.  Cells
 * are cut at ",`" and not at ",", for a merchant's own words may hold a comma.  Columns come and
 * go with the kind of bill and its age, so they are found by name.
 */
#include "codec/statement_parts.h"

#include "base/err.h"
#include "codec/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE "+08:00"

struct control {
	const char *name;
	int column; /* whose sum it is */
};

struct bill {
	struct statement *s;
	struct lines lines;
	size_t width; /* cells in a row */
	int at[16];
	int64_t sum_micro[16];
	const struct column *columns;
	size_t ncolumns;
	const struct control *controls;
	size_t ncontrols;
	int (*take_row)(struct bill *b, const struct cells *c, struct span line, struct err *e);
};

#define COUNT_ALL (-1)
#define COUNT_IN  (-2)
#define COUNT_OUT (-3)

/* --- the trade bill ---------------------------------------------------------------------- */

/* From SETTLED on they are amounts, and are summed. */
enum {
	AT,
	MERCHANT,
	PAYMENT,
	ORDER,
	STATE,
	CURRENCY,
	REFUND_NO,
	SETTLED,
	REFUND,
	COUPON,
	FEE,
	AMOUNT,
	APPLIED,
	TRADE_COLUMNS
};

static const struct column trade_columns[] = {
    [AT] = {"交易时间",          NULL,                       true },
    [MERCHANT] = {"商户号",             NULL,                       true },
    [PAYMENT] = {"微信订单号",       NULL,                       true },
    [ORDER] = {"商户订单号",       NULL,                       true },
    [STATE] = {"交易状态",          NULL,                       true },
    [CURRENCY] = {"货币种类",          NULL,                       true },
    [SETTLED] = {"应结订单金额",    "总金额",                false},
    [REFUND_NO] = {"商户退款单号",    NULL,                       false},
    [REFUND] = {"退款金额",          NULL,                       false},
    [COUPON] = {"充值券退款金额", "企业红包退款金额", false},
    [FEE] = {"手续费",             NULL,                       false},
    [AMOUNT] = {"订单金额",          NULL,                       false},
    [APPLIED] = {"申请退款金额",    NULL,                       false},
};

static const struct control trade_controls[] = {
    {"总交易单数",             COUNT_ALL},
    {"应结订单总金额",       SETTLED  },
    {"总交易额",                SETTLED  },
    {"退款总金额",             REFUND   },
    {"总退款金额",             REFUND   },
    {"充值券退款总金额",    COUPON   },
    {"总企业红包退款金额", COUPON   },
    {"手续费总金额",          FEE      },
    {"订单总金额",             AMOUNT   },
    {"申请退款总金额",       APPLIED  },
};

static int
take_state(struct span state, struct statement_row *row, struct err *e)
{
	if (cell_is(state, "SUCCESS"))
		row->kind = STATEMENT_PAYMENT;
	else if (cell_is(state, "REFUND") || cell_is(state, "REVOKED"))
		row->kind = STATEMENT_REFUND;
	else
		return err_set(e, ERR_INPUT, "%.*s is no state of a trade",
		    state.len < 40 ? (int)state.len : 40, (const char *)state.bytes);
	row->state = state;
	return 0;
}

static int
take_currency(struct span cell, struct statement_row *row, struct err *e)
{
	if (cell.len != 3)
		return err_set(e, ERR_INPUT, "a currency has three letters");
	memcpy(row->currency, cell.bytes, 3);
	if (strspn(row->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return err_set(e, ERR_INPUT, "a currency has three capital letters");
	return 0;
}

/* What was ordered, or asked back, and what is settled of it; each by the best column there is. */
static int
take_amounts(const struct bill *b, const int64_t *micro, struct statement_row *row, struct err *e)
{
	bool refund = row->kind == STATEMENT_REFUND;
	int settled = refund ? REFUND : SETTLED, amount = refund ? APPLIED : AMOUNT;
	int digits = money_digits(row->currency);

	if (b->at[amount] < 0)
		amount = settled;
	if (b->at[amount] < 0)
		return err_set(e, ERR_INPUT, "no column has the amount of this row");
	if (b->at[settled] < 0)
		settled = amount;
	if (micro[amount] < 0 || micro[settled] < 0)
		return err_set(e, ERR_INPUT, "an amount below nothing");
	row->fee_micro = micro[FEE];
	return micro_to_minor(micro[amount], digits, &row->amount_minor, e) < 0
		   ? -1
		   : micro_to_minor(micro[settled], digits, &row->settled_minor, e);
}

static int
take_merchant(struct statement *s, struct span cell, struct err *e)
{
	if (cell.len == 0 || cell.len >= sizeof s->merchant)
		return err_set(e, ERR_INPUT, "the merchant is missing");
	if (s->merchant[0] != '\0' && !cell_is(cell, s->merchant))
		return err_set(e, ERR_INPUT, "another merchant than in the rows above");
	memcpy(s->merchant, cell.bytes, cell.len);
	return 0;
}

static int
take_trade(struct bill *b, const struct cells *c, struct span line, struct err *e)
{
	struct statement_row row = {.line = b->lines.number, .raw = line};
	int64_t micro[TRADE_COLUMNS] = {0};

	if (take_merchant(b->s, cell_at(c, b->at[MERCHANT]), e) < 0 ||
	    cell_clock(cell_at(c, b->at[AT]), ZONE, &row.at_us, e) < 0 ||
	    take_state(cell_at(c, b->at[STATE]), &row, e) < 0 ||
	    take_currency(cell_at(c, b->at[CURRENCY]), &row, e) < 0)
		return -1;
	for (int i = SETTLED; i < TRADE_COLUMNS; i++)
		if ((cell_micro(cell_at(c, b->at[i]), &micro[i], e) < 0 ||
			sum_add(&b->sum_micro[i], micro[i], e) < 0))
			return -1;
	row.payment_no = cell_at(c, b->at[PAYMENT]);
	row.order_no = cell_at(c, b->at[ORDER]);
	if (row.kind == STATEMENT_REFUND)
		row.refund_no = cell_at(c, b->at[REFUND_NO]);
	return take_amounts(b, micro, &row, e) < 0 ? -1 : statement_add(b->s, &row, e);
}

/* --- the fund flow ----------------------------------------------------------------------- */

enum { FLOW_AT, FLOW_TRADE, FLOW_NO, FLOW_NAME, FLOW_WAY, FLOW_AMOUNT, FLOW_IN_SUM, FLOW_OUT_SUM };
#define FLOW_COLUMNS (FLOW_AMOUNT + 1) /* the two sums behind them are of no column */

static const struct column flow_columns[] = {
    [FLOW_AT] = {"记账时间",             NULL, true },
    [FLOW_TRADE] = {"微信支付业务单号", NULL, true },
    [FLOW_NO] = {"资金流水单号",       NULL, true },
    [FLOW_NAME] = {"业务名称",             NULL, false},
    [FLOW_WAY] = {"收支类型",             NULL, true },
    [FLOW_AMOUNT] = {"收支金额",             NULL, true },
};

static const struct control flow_controls[] = {
    {"资金流水总笔数", COUNT_ALL   },
    {"收入笔数",          COUNT_IN    },
    {"收入金额",          FLOW_IN_SUM },
    {"支出笔数",          COUNT_OUT   },
    {"支出金额",          FLOW_OUT_SUM},
};

static int
take_flow(struct bill *b, const struct cells *c, struct span line, struct err *e)
{
	struct statement_row row = {.line = b->lines.number, .raw = line, .currency = "CNY"};
	struct span way = cell_at(c, b->at[FLOW_WAY]);
	int64_t micro;

	if (cell_is(way, "收入"))
		row.kind = STATEMENT_IN;
	else if (cell_is(way, "支出"))
		row.kind = STATEMENT_OUT;
	else
		return err_set(e, ERR_INPUT, "money goes in or out, not \"%.*s\"",
		    way.len < 40 ? (int)way.len : 40, (const char *)way.bytes);
	row.payment_no = cell_at(c, b->at[FLOW_NO]);
	row.order_no = cell_at(c, b->at[FLOW_TRADE]);
	row.state = cell_at(c, b->at[FLOW_NAME]);
	if (cell_clock(cell_at(c, b->at[FLOW_AT]), ZONE, &row.at_us, e) < 0 ||
	    cell_micro(cell_at(c, b->at[FLOW_AMOUNT]), &micro, e) < 0 ||
	    sum_add(&b->sum_micro[row.kind == STATEMENT_IN ? FLOW_IN_SUM : FLOW_OUT_SUM], micro,
		e) < 0 ||
	    micro_to_minor(micro, 2, &row.amount_minor, e) < 0)
		return -1;
	if (micro < 0)
		return err_set(e, ERR_INPUT, "an amount below nothing");
	row.settled_minor = row.amount_minor;
	return statement_add(b->s, &row, e);
}

/* --- control totals ---------------------------------------------------------------------- */

static int
check_count(const struct bill *b, const struct control *k, int64_t told_micro, struct err *e)
{
	size_t n = k->column == COUNT_IN    ? b->s->total[STATEMENT_IN].n
		   : k->column == COUNT_OUT ? b->s->total[STATEMENT_OUT].n
					    : b->s->n;

	if (told_micro == (int64_t)n * 1000000)
		return 0;
	return err_set(e, ERR_INPUT, "%s is %" PRId64 ", but there are %zu rows", k->name,
	    told_micro / 1000000, n);
}

/* Fees are told to the cent in the total and to a thousandth of it in the rows. */
static int
check_sum(const struct bill *b, const struct control *k, int64_t told_micro, struct err *e)
{
	int64_t sum = b->sum_micro[k->column], off = told_micro - sum;
	bool fee = b->columns == trade_columns && k->column == FEE;
	struct buf told = {0}, made = {0};

	if (off == 0 || (fee && off > -10000 && off < 10000))
		return 0;
	money_out(&told, told_micro, 6);
	money_out(&made, sum, 6);
	err_set(e, ERR_INPUT, "%s is %s, but the rows make %s", k->name, buf_text(&told),
	    buf_text(&made));
	buf_clear(&told);
	buf_clear(&made);
	return -1;
}

static int
check_controls(const struct bill *b, const struct cells *head, const struct cells *c, struct err *e)
{
	bool counted = false, summed = false;
	int64_t told;

	if (c->n != head->n)
		return err_set(e, ERR_INPUT, "%zu totals below %zu names of them", c->n, head->n);
	for (size_t i = 0; i < head->n; i++)
		for (size_t k = 0; k < b->ncontrols; k++) {
			const struct control *control = &b->controls[k];

			if (!cell_names(head->of[i], control->name))
				continue;
			if (c->of[i].len == 0 || cell_micro(c->of[i], &told, e) < 0)
				return err_set(e, ERR_INPUT, "%s is no number", control->name);
			if (control->column < 0 ? check_count(b, control, told, e) < 0
						: check_sum(b, control, told, e) < 0)
				return -1;
			counted |= control->column == COUNT_ALL;
			summed |= control->column >= 0;
		}
	return counted && summed ? 0 : err_set(e, ERR_INPUT, "the totals tell no count and no sum");
}

/* --- the file ---------------------------------------------------------------------------- */

static int
take_head(struct bill *b, struct span line, struct err *e)
{
	struct cells head;

	if (cells_cut(line, ",", &head, e) < 0)
		return -1;
	b->s->what = "trade";
	b->columns = trade_columns;
	b->ncolumns = TRADE_COLUMNS;
	b->controls = trade_controls;
	b->ncontrols = sizeof trade_controls / sizeof *trade_controls;
	b->take_row = take_trade;
	for (size_t i = 0; i < head.n; i++)
		if (cell_names(head.of[i], flow_columns[FLOW_NO].name)) {
			b->s->what = "fund_flow";
			b->columns = flow_columns;
			b->ncolumns = FLOW_COLUMNS;
			b->controls = flow_controls;
			b->ncontrols = sizeof flow_controls / sizeof *flow_controls;
			b->take_row = take_flow;
		}
	b->width = head.n;
	return columns_find(b->columns, b->ncolumns, &head, b->at, e);
}

/* The cells behind the first back-tick. */
static int
cut_values(struct span line, struct cells *c, struct err *e)
{
	if (line.len == 0 || line.bytes[0] != '`')
		return err_set(e, ERR_INPUT, "does not begin with a back-tick");
	return cells_cut(span_of(line.bytes + 1, line.len - 1), ",`", c, e);
}

static int
take_rows(struct bill *b, struct span *line, struct err *e)
{
	struct cells c;

	for (;;) {
		if (!lines_next(&b->lines, line))
			return err_set(e, ERR_INPUT, "ends without its totals");
		if (line->len == 0 || line->bytes[0] != '`')
			return 0;
		if (cut_values(*line, &c, e) < 0)
			return -1;
		if (c.n != b->width)
			return err_set(e, ERR_INPUT, "%zu cells below %zu columns", c.n, b->width);
		if (b->take_row(b, &c, *line, e) < 0)
			return -1;
	}
}

static int
take_file(struct bill *b, struct err *e)
{
	struct span line;
	struct cells head, c;

	if (!lines_next(&b->lines, &line) || take_head(b, line, e) < 0 ||
	    take_rows(b, &line, e) < 0 || cells_cut(line, ",", &head, e) < 0)
		return -1;
	if (!lines_next(&b->lines, &line))
		return err_set(e, ERR_INPUT, "ends without its totals");
	if (cut_values(line, &c, e) < 0 || check_controls(b, &head, &c, e) < 0)
		return -1;
	while (lines_next(&b->lines, &line))
		if (line.len > 0)
			return err_set(e, ERR_INPUT, "more behind the totals");
	return 0;
}

int
statement_wechat(struct statement *s, struct err *e)
{
	struct bill b = {.s = s, .lines = {.left = buf_span(&s->text)}};

	if (s->text.len >= 3 && memcmp(s->text.bytes, "\xef\xbb\xbf", 3) == 0)
		b.lines.left = span_of(s->text.bytes + 3, s->text.len - 3);
	return take_file(&b, e) < 0 ? err_wrap(e, "line %zu", b.lines.number) : 0;
}
