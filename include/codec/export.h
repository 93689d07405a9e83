/*
 * export -- the ledger for other books.
 *
 *	csv		our own: every posting, exactly, in one form that does not change
 *	beancount	text for bean-check: whoever doubts our sums has others add them up
 *	voucher		what an accounting program imports, as a profile says (conf/vouchers/)
 *
 * What comes in is the answer of /v1/ledger/export; the same answer gives the same bytes.
 */
#ifndef CODEC_EXPORT_H
#define CODEC_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct calendar;
struct cJSON;
struct conf_node;
struct err;

struct export_line {
	int64_t journal, at_us, amount_minor; /* debit above 0 */
	int64_t reverses;                     /* a journal; 0: none */
	int day;                              /* of at_us in the zone of the answer */
	int value_day;                        /* what it is for; day, where it says nothing else */
	int line;
	const char *kind, *key, *memo, *ledger, *owner, *account, *customer, *currency, *actor;
};

/* Lines borrow from the answer.  They are freed with free(). */
struct ledger_export {
	int from, to;
	struct export_line *lines;
	size_t n;
};
/* ERR_INPUT when it is no such answer, or when what it holds does not balance. */
int export_read(const struct cJSON *answer, struct ledger_export *x, struct err *e);

void export_csv(const struct ledger_export *x, struct buf *out);
void export_beancount(const struct ledger_export *x, struct buf *out);

/* --- export_voucher.c ---------------------------------------------------------------------------
 */

/*
 * A profile:
 *	encoding: UTF-8			or GB18030, for what cannot read anything else
 *	separator: ","			or "tab"
 *	date: "YYYY-MM-DD"		or "YYYY/MM/DD", "YYYYMMDD"
 *	group: journal			a voucher a journal; or day: what is the same is added up
 *	first_line: 1			0 where the program counts so
 *	accounts: {prepaid: "2203.01", ...}
 *					each ledger of the chart in model/ledger.h; one owner's as
 *					"clearing:cash", which goes before the ledger's
 *	names: {prepaid: "...", ...}	what the accounts are called, likewise; may be left out
 *	kinds: {payment: "...", ...}	what kinds of journals are called; may be left out
 *	columns: [{name: FDATE, value: date}, {name: FGROUP, text: "..."}, ...]
 *
 * Values: date year period voucher line account_code account_name ledger account customer owner
 * memo (or the kind, where it says nothing) kind key debit credit amount direction (1 debit, 0
 * credit) side (debit, credit) currency.
 */
struct voucher_profile;
struct voucher_profile *voucher_profile_read(const char *path, struct err *e);
void voucher_profile_free(struct voucher_profile *p);
/* number: of the first voucher, where a voucher is a day.  ERR_INPUT when a ledger has no code, or
 * a text has no letters in that encoding. */
int export_voucher(const struct ledger_export *x, const struct voucher_profile *p, int64_t number,
    struct buf *out, struct err *e);

#endif
