/*
 * statement -- a provider's own list of a day's money, read whole or not at all.
 *
 *	wechat		trade bill or fund flow: CSV with back-ticks, plain or gzip
 *(payments.md 1.7) alipay		trade bill: GBK CSV in a zip, or unpacked (payments.md 2.6)
 *	standard	the day-end file of a terminal or property system (powergatectl(8))
 *
 * Every format carries its own count and sums.  A file whose rows do not make them is refused,
 * and so is one with a line that cannot be read: half a statement would show breaks that are none.
 */
#ifndef CODEC_STATEMENT_H
#define CODEC_STATEMENT_H

#include "base/buf.h"

#define STATEMENT_MOST ((size_t)512 << 20) /* bytes, unpacked */

struct err;

enum statement_kind {
	STATEMENT_PAYMENT,
	STATEMENT_REFUND,
	STATEMENT_IN, /* fund flow */
	STATEMENT_OUT,
	STATEMENT_KINDS
};

/* The texts point into the statement's own. */
struct statement_row {
	size_t line; /* from 1, in the unpacked text */
	enum statement_kind kind;
	struct span payment_no, order_no, refund_no, state, raw; /* raw: the line, verbatim */
	int64_t at_us;
	int64_t amount_minor;  /* of the order, or what went back; not below 0 */
	int64_t settled_minor; /* what the provider owes for it, before fees; of a refund, takes */
	int64_t fee_micro;     /* a millionth of the currency's unit */
	char currency[4];
};

struct statement_total {
	size_t n;
	int64_t amount_minor, settled_minor;
};

struct statement {
	const char *what; /* "trade", "fund_flow", "day_end" */
	char merchant[65];
	int day;         /* 20261120, where the file says it; or 0 */
	char sha256[65]; /* of the file as it came: its identity */
	char sha1[41];   /* of the unpacked bytes: what WeChat Pay tells beside the download */
	struct buf text; /* unpacked, UTF-8 */
	struct statement_row *rows;
	size_t n, room;
	struct statement_total total[STATEMENT_KINDS];
	int64_t fee_micro;
};

/* ERR_INPUT "line N: ..." when the file is not good; then there is nothing to clear.  A name
 * of provider_find(); ERR_REFUSED for one that has no statements here. */
int statement_read(const char *provider, struct span file, struct statement *s, struct err *e);
void statement_clear(struct statement *s);
const char *statement_kind_name(enum statement_kind kind);

#endif
