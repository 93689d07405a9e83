/*
 * statement import: a provider's statement, read and added up here and handed to the daemon row
 * by row.
 *
 * It is read where it lies, so that a file of any size costs the daemon no more than one portion
 * at a time; the database adds the rows up again before the statement counts.  Portions carry
 * the numbers of their lines: an import that broke off is just begun again.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/statement.h"
#include "codec/webhook.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORTION    ((size_t)200 * 1024) /* as they stand in the file: they grow by quoting */
#define ROWS_MOST  1500
#define PATIENCE_S 90

/* --- values of a question ------------------------------------------------------------------ */

struct question {
	struct ctl_value values[16];
	size_t n;
};

static void
question_text(struct question *q, const char *name, const char *text)
{
	q->values[q->n++] = (struct ctl_value){mem_text(name), mem_text(text), false};
}

static void
question_int(struct question *q, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	question_text(q, name, text);
}

static void
question_clear(struct question *q)
{
	while (q->n > 0) {
		q->n--;
		free(q->values[q->n].name);
		free(q->values[q->n].text);
	}
}

/* --- rows as columns ----------------------------------------------------------------------- */

enum { LINE, KIND, PAYMENT, ORDER, REFUND, AT, AMOUNT, SETTLED, FEE, CURRENCY, RAW, COLUMNS };

static const char *const names[COLUMNS] = {"line", "kind", "payment_no", "order_no", "refund_no",
    "at_us", "amount_minor", "settled_minor", "fee_micro", "currency", "raw"};

static void
put_int(struct buf *out, int64_t value)
{
	buf_printf(out, "%s%" PRId64, out->len > 0 ? "," : "{", value);
}

static void
put_text(struct buf *out, struct span text)
{
	buf_put_text(out, out->len > 0 ? ",\"" : "{\"");
	for (size_t i = 0; i < text.len; i++) {
		if (text.bytes[i] == '"' || text.bytes[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, text.bytes[i]);
	}
	buf_put_u8(out, '"');
}

static void
put_row(struct buf *columns, const struct statement_row *r)
{
	const char *kind = statement_kind_name(r->kind);

	put_int(&columns[LINE], (int64_t)r->line);
	put_text(&columns[KIND], span_of(kind, strlen(kind)));
	put_text(&columns[PAYMENT], r->payment_no);
	put_text(&columns[ORDER], r->order_no);
	put_text(&columns[REFUND], r->refund_no);
	put_int(&columns[AT], r->at_us);
	put_int(&columns[AMOUNT], r->amount_minor);
	put_int(&columns[SETTLED], r->settled_minor);
	put_int(&columns[FEE], r->fee_micro);
	put_text(&columns[CURRENCY], span_of(r->currency, strlen(r->currency)));
	put_text(&columns[RAW], r->raw);
}

/* --- the conversation ---------------------------------------------------------------------- */

static enum ctl_exit
ask(const struct ctl *c, const char *path, struct question *q, struct buf *answer)
{
	enum ctl_exit end;

	buf_clear(answer);
	end = ctl_ask(c, path, true, q->values, q->n, answer);
	question_clear(q);
	return end;
}

static enum ctl_exit
send_portion(const struct ctl *c, int64_t id, const struct statement *s, size_t *next)
{
	struct buf columns[COLUMNS] = {0}, answer = {0};
	struct question q = {0};
	enum ctl_exit end;
	size_t bytes = 0;

	for (size_t n = 0; *next < s->n && n < ROWS_MOST && bytes < PORTION; n++) {
		const struct statement_row *r = &s->rows[(*next)++];

		put_row(columns, r);
		bytes += r->raw.len + r->payment_no.len + r->order_no.len + 100;
	}
	question_int(&q, "statement", id);
	for (size_t i = 0; i < COLUMNS; i++) {
		buf_put_u8(&columns[i], '}');
		question_text(&q, names[i], buf_text(&columns[i]));
		buf_clear(&columns[i]);
	}
	end = ask(c, "statement/rows", &q, &answer);
	buf_clear(&answer);
	return end;
}

static enum ctl_exit
begin(const struct ctl *c, const struct statement *s, int day, struct buf *answer)
{
	const char *path = ctl_value(c, "file"), *slash = strrchr(path, '/');
	const char *provider = ctl_value(c, "provider"), *zone = ctl_value(c, "zone");
	const char *fee = ctl_value(c, "fee");
	struct question q = {0};

	question_text(&q, "source", ctl_value(c, "source"));
	question_text(&q, "provider", provider != NULL ? provider : "standard");
	question_text(&q, "what", s->what);
	question_text(&q, "merchant", s->merchant);
	question_int(&q, "day", day);
	question_text(&q, "sha256", s->sha256);
	question_text(&q, "file_name", slash != NULL ? slash + 1 : path);
	question_int(&q, "row_count", (int64_t)s->n);
	question_int(&q, "paid_count", (int64_t)s->total[STATEMENT_PAYMENT].n);
	question_int(&q, "paid_minor", s->total[STATEMENT_PAYMENT].amount_minor);
	question_int(&q, "refund_count", (int64_t)s->total[STATEMENT_REFUND].n);
	question_int(&q, "refund_minor", s->total[STATEMENT_REFUND].amount_minor);
	if (zone != NULL)
		question_text(&q, "zone", zone);
	if (fee != NULL)
		question_text(&q, "fee", fee);
	return ask(c, "statement/begin", &q, answer);
}

/* The number of it and whether it is there already. */
static int64_t
begun(struct buf *answer, bool *known)
{
	cJSON *json = cJSON_Parse(buf_text(answer));
	const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "status"));
	int64_t id = 0;

	if (!ctl_integer(cJSON_GetObjectItemCaseSensitive(json, "statement"), &id))
		id = 0;
	*known = status != NULL && strcmp(status, "duplicate") == 0;
	cJSON_Delete(json);
	return id;
}

static enum ctl_exit
hand_over(struct ctl *c, const struct statement *s, int day)
{
	struct buf answer = {0};
	struct question q = {0};
	bool known = false;
	enum ctl_exit end;
	int64_t id = 0;

	c->patience_s = PATIENCE_S;
	end = begin(c, s, day, &answer);
	if (end == CTL_DONE)
		id = begun(&answer, &known);
	for (size_t next = 0; end == CTL_DONE && !known && next < s->n;)
		end = send_portion(c, id, s, &next);
	if (end == CTL_DONE && !known) {
		question_int(&q, "statement", id);
		end = ask(c, "statement/seal", &q, &answer);
	}
	if (end == CTL_DONE)
		ctl_print(c, &answer);
	buf_clear(&answer);
	return end;
}

/* --- its day ------------------------------------------------------------------------------- */

/* As told, as the file says, or that of all its rows; both providers count in Beijing's days. */
static int
take_day(const struct ctl *c, const struct statement *s, int *day, struct err *e)
{
	const char *told = ctl_value(c, "day");
	struct calendar *beijing;
	bool one = s->n > 0;

	*day = told != NULL ? atoi(told) : s->day;
	if (told != NULL && s->day != 0 && s->day != *day)
		return err_set(e, ERR_INPUT, "it is of %d", s->day);
	if (*day != 0)
		return 0;
	if ((beijing = calendar_new("Asia/Shanghai", e)) == NULL)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		int of = calendar_day(beijing, s->rows[i].at_us);

		one = one && (i == 0 || of == *day);
		*day = of;
	}
	calendar_free(beijing);
	return one ? 0 : err_set(e, ERR_INPUT, "of which day is it? give --day");
}

/* Read and added up; and what was told beside the download is true of it. */
static int
take_file(const struct ctl *c, struct span file, struct statement *s, struct err *e)
{
	const char *provider = ctl_value(c, "provider"), *sha1 = ctl_value(c, "sha1");

	if (statement_read(provider != NULL ? provider : "standard", file, s, e) < 0)
		return -1;
	if (sha1 == NULL || strcasecmp(sha1, s->sha1) == 0)
		return 0;
	err_set(e, ERR_INPUT, "its SHA-1 is %s", s->sha1);
	statement_clear(s);
	memset(s, 0, sizeof *s);
	return -1;
}

enum ctl_exit
ctl_statement_import(struct ctl *c)
{
	const char *path = ctl_value(c, "file");
	struct statement s = {0};
	struct buf file = {0};
	enum ctl_exit end = CTL_NO;
	struct err e;
	int day = 0;

	if (ctl_read_file(path, &file, &e) < 0 || take_file(c, buf_span(&file), &s, &e) < 0) {
		ctl_complain("%s: %s", path, e.text);
		end = e.class == ERR_REFUSED ? CTL_USAGE : CTL_NO;
	} else if (take_day(c, &s, &day, &e) < 0) {
		ctl_complain("%s: %s", path, e.text);
		end = CTL_USAGE;
	} else {
		end = hand_over(c, &s, day);
	}
	statement_clear(&s);
	buf_clear(&file);
	return end;
}
