/*
 * ctl -- what the files of powergatectl share: one command line, taken apart, and its answer.
 *
 * The table in powergatectl.c is the grammar.  A row's `args` is read by ctl_args.c to take the
 * command line apart and by the help to show it, so the two cannot disagree:
 *
 *	meter=ADDRESS		a word that must stand there, for the API's parameter "meter"
 *	[what=a|b]		may stand there, and is one of these
 *	--reason=TEXT		must be given; "--most-watts" is the parameter "most_watts"
 *	[--limit=N]		may be given
 *	[--all]			may be given, takes nothing
 *	[--wait?=SECONDS]	may be given, alone or with "=SECONDS"
 *	[HEX...]		any number of words, as they are
 *
 * The word behind "=" is also the kind of value: N, AMOUNT, SIGNED, LEVELS and STEPS are checked,
 * and turned into what the API wants; anything else passes as it is.
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
struct pg_conn;

enum ctl_exit {
	CTL_DONE,
	CTL_NO,      /* understood, and the answer is no: refused, not found, in conflict */
	CTL_USAGE,
	CTL_UNREACHED,
	CTL_LATER,   /* the daemon asks to come again */
	CTL_RAN_OUT, /* --wait */
};

enum ctl_form { CTL_TABLE, CTL_JSON, CTL_PRETTY, CTL_CSV };

typedef enum ctl_exit ctl_fn(struct ctl *c);

struct ctl_command {
	const char *words, *args;
	const char *path;    /* of the API; NULL when no daemon is needed */
	bool post;
	const char *fixed;   /* parameters every call carries: "relay=open" */
	const char *columns; /* what people want to see first; the rest follows */
	ctl_fn *run;
	const char *help;
};

#define CTL_MOST_VALUES 16

struct ctl_value {
	const char *name; /* owned, like text */
	char *text;
};

struct ctl {
	const char *program, *socket;
	enum ctl_form form;
	bool utc;
	const struct ctl_command *command;
	struct ctl_value values[CTL_MOST_VALUES];
	size_t n;
	char *rest[64]; /* of a "..." */
	size_t nrest;
};

/* --- ctl_args.c: the command line against one row ------------------------------------------- */

/* Global options are already gone from argv; argv[0] is the first word after the command's. */
int ctl_args(struct ctl *c, int argc, char *const argv[], struct err *e);
void ctl_args_clear(struct ctl *c);
const char *ctl_value(const struct ctl *c, const char *name); /* NULL when not given */
void ctl_value_set(struct ctl *c, const char *name, const char *text);
void ctl_args_show(FILE *out, const char *args); /* "ADDRESS --reason TEXT [--wait]" */

/* --- ctl_amount.c: money and energy as people write them ------------------------------------ */

int ctl_amount(const char *text, bool may_be_below, int64_t *minor, struct err *e); /* "50.00" */
/* "50.00,20.00" -> "5000,2000" */
int ctl_levels(const char *text, struct buf *out, struct err *e);
/* "0:1.00 100kWh:1.50" -> "0:1000000 100000:1500000" */
int ctl_steps(const char *text, struct buf *out, struct err *e);
/* Without the zeros behind the point that exceed `keep`. */
void ctl_decimal(struct buf *out, int64_t value, int digits, int keep);

/* --- ctl_http.c: the daemon ------------------------------------------------------------------ */

/* Asks, and prints what went wrong; *answer is the body, to be let go by the caller, and may be
 * empty.  The exit code says what the answer was. */
enum ctl_exit ctl_ask(
    const struct ctl *c, const char *path, bool post, const struct ctl_value *values, size_t n,
    struct buf *answer);

/* --- ctl_print.c and ctl_table.c: answers for people and programs ------------------------------ */

void ctl_print(const struct ctl *c, struct buf *answer, FILE *out);
void ctl_time(const struct ctl *c, int64_t us, char out[40]); /* RFC 3339 to the second */
int ctl_text_width(const char *text);     /* columns on a terminal */
void ctl_text_safe(struct buf *out, const char *text); /* nothing a terminal would obey */
bool ctl_integer(const struct cJSON *v, int64_t *out);

/* --- commands ------------------------------------------------------------------------------- */

ctl_fn ctl_call;    /* ask and print */
ctl_fn ctl_order, ctl_why, ctl_cash, ctl_payment_show, ctl_ledger_check; /* ctl_call.c */
ctl_fn ctl_frame_decode, ctl_arrows, ctl_conf_check, ctl_conf_sample, ctl_conf_manual;
ctl_fn ctl_migrate, ctl_init;

/* --- ctl_migrate.c, for ctl_init.c ------------------------------------------------------------ */

struct pg_conn *ctl_connect(const char *conninfo, const char *database, struct err *e);

#endif
