/*
 * ctl -- what the files of powergatectl share: one command line, taken apart, and its answer.
 *
 * The table in ctl_commands.c is the grammar.  A row's `args` is read by ctl_args.c to take the
 * command line apart and by the help to show it, so the two cannot disagree:
 *
 *	meter=ADDRESS		a word that must stand there, for the API's parameter "meter"
 *	[what=a|b]		may stand there, and is one of these
 *	[HEX...]		any number of words, as they are
 *	--reason=TEXT		must be given; "--most-watts" is the parameter "most_watts"
 *	[--limit=N]		may be given
 *	[--header+=LINE]	may be given, any number of times
 *	[--all]			may be given, takes nothing
 *	[--wait?=SECONDS]	may be given, alone or as "--wait=60"; for us, not for the API
 *
 * The word behind "=" is also the kind of the value.  Kinds that ctl_args.c knows are checked and
 * turned into what the API wants (AMOUNT 50.00 of "amount" becomes "amount_minor" 5000, and so does
 * CASH, which may be 0.00); any other passes as it is.
 */
#ifndef PROG_CTL_H
#define PROG_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;
struct cJSON;
struct ctl;
struct err;

enum ctl_exit {
	CTL_DONE,
	CTL_NO, /* understood, and the answer is no: refused, not found, in conflict */
	CTL_USAGE,
	CTL_UNREACHED,
	CTL_LATER,   /* the daemon asks to come again */
	CTL_RAN_OUT, /* --wait */
};

enum ctl_form { CTL_TABLE, CTL_JSON, CTL_PRETTY, CTL_CSV };

typedef enum ctl_exit ctl_fn(struct ctl *c);

struct ctl_command {
	const char *words, *args;
	const char *path; /* of the API; NULL when no daemon is asked */
	bool post;
	const char *fixed;   /* a parameter that every call carries: "relay=open" */
	const char *columns; /* what stands first in a table; the rest follows */
	ctl_fn *run;
	const char *help;
};

struct ctl_value {
	char *name, *text;
	bool ours; /* not for the API */
};

struct ctl {
	const struct ctl_command *command;
	const char *socket;
	const char *url; /* of the TLS port; NULL: the socket */
	const char *token_file, *cacert;
	enum ctl_form form;
	bool utc;
	long patience_s; /* how long the daemon may think; 0: as usual */
	struct ctl_value values[72];
	size_t n;
	char *const *rest; /* of "..." */
	size_t nrest;
};

/* The commands one after the other, in the order of the help; NULL behind the last. */
const struct ctl_command *ctl_command_at(size_t i);

/* To standard error, with the program's name in front. */
void ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- ctl_args.c: the command line ----------------------------------------------------------- */

/* Takes words[] apart along `spec`, and puts them into another order.  Without a spec only what
 * may stand everywhere is taken, up to the first word that is no option.  Returns how many were
 * used up, -1 on an error. */
int ctl_args(struct ctl *c, const char *spec, int n, char **words, struct err *e);
void ctl_args_clear(struct ctl *c);
/* "ADDRESS --reason TEXT [--wait]", behind what is `column` wide already. */
void ctl_args_show(FILE *out, int column, const char *spec);
const char *ctl_value(const struct ctl *c, const char *name); /* NULL when not given */
void ctl_value_set(struct ctl *c, const char *name, const char *text, bool ours);

/* --- ctl_amount.c: money and energy as people write them -------------------------------------- */

/* "50.00", nothing else: always two digits behind the point.  Above 0, or, with `any`, any. */
int ctl_amount(const char *text, bool any, int64_t *minor, struct err *e);
/* "1234.56" or "1234.56,1.00,2.00,3.00,4.00" kWh -> Wh: the total, and T1 to T4 */
int ctl_registers(const char *text, struct buf *out, struct err *e);
int ctl_levels(const char *text, struct buf *out, struct err *e); /* "50.00,20.00" -> "5000,2000" */
/* "0:1.00 100kWh:1.50" -> "0:1000000 100000:1500000" */
int ctl_steps(const char *text, struct buf *out, struct err *e);
/* value / 10^digits, without zeros at the end beyond `keep` digits. */
void ctl_decimal(struct buf *out, int64_t value, int digits, int keep);

/* --- ctl_http.c: the daemon --------------------------------------------------------------------
 */

/* Asks with the values that are not ours, and says what went wrong, if anything.  *answer is the
 * caller's to clear. */
enum ctl_exit ctl_ask(const struct ctl *c, const char *path, bool post,
    const struct ctl_value *values, size_t n, struct buf *answer);

/* --- ctl_print.c, ctl_text.c: answers ------------------------------------------------------------
 */

void ctl_print(const struct ctl *c, struct buf *answer);
/* The word for "credit_minor" is "credit", for "total_wh" it is "total kWh". */
void ctl_label(const struct ctl *c, const char *name, struct buf *out);
/* A heading, of "column", or what a column of that name says, as people read it: ctl_words.c. */
const char *ctl_word(const char *column, const char *word);
#define MONEY_DIGITS 2 /* of the currencies of all sites */

/* digits: of money, behind the point. */
void ctl_cell(
    const struct ctl *c, const char *name, const struct cJSON *v, int digits, struct buf *out);
/* By the currency the object names; else `otherwise`. */
int ctl_money_digits(const struct cJSON *object, int otherwise);
void ctl_time(const struct ctl *c, int64_t us, struct buf *out); /* RFC 3339 to the second */
size_t ctl_width(const char *text);                              /* columns on a terminal */
void ctl_put_safe(struct buf *out, const char *text);            /* nothing a terminal would obey */
void ctl_put_pretty(struct buf *out, const char *json);
const struct cJSON *ctl_first(const struct cJSON *list); /* of an array or object; then ->next */
bool ctl_integer(const struct cJSON *v, int64_t *out); /* a whole number that JSON keeps exactly */

/* --- commands ------------------------------------------------------------------------------------
 */

ctl_fn ctl_password;
ctl_fn ctl_call; /* ask, print */
ctl_fn ctl_push_tariff;
ctl_fn ctl_group_preview, ctl_group_status;
/* A tariff file, --file and --at, as what is wanted of a meter; priced: it keeps money itself. */
enum ctl_exit ctl_wish(struct ctl *c, bool priced);
ctl_fn ctl_order, ctl_why, ctl_survey, ctl_bundle, ctl_cash, ctl_preview, ctl_payment_show,
    ctl_ledger_check;
ctl_fn ctl_bill_explain;
ctl_fn ctl_frame_decode, ctl_arrows, ctl_conf_check, ctl_conf_sample, ctl_conf_manual, ctl_profiles,
    ctl_notice_texts;
ctl_fn ctl_help, ctl_migrate, ctl_init;
ctl_fn ctl_hook_verify, ctl_statement_check, ctl_statement_import;
ctl_fn ctl_import, ctl_import_undo, ctl_export_fleet;
ctl_fn ctl_recharge_prove;
ctl_fn ctl_report_day, ctl_report_verify;
ctl_fn ctl_ledger_export, ctl_payment_receipt;
/* Whole; "-" is standard input. */
int ctl_read_file(const char *path, struct buf *out, struct err *e);

#endif
