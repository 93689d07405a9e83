/*
 * Use as CSV: "from,to,wh" or "from,to,wh_t1,wh_t2,...", or both the total and the registers.
 *
 * The whole input is read before anything is rated: a bad line in the middle leaves no half of an
 * answer behind.
 */
#include "prog/ctl_tariff.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MOST (PRICE_BANDS + 3)
#define UNIT_WH     10 /* registers count in 0.01 kWh */

struct reading {
	char *field[FIELDS_MOST];
	size_t nfields, line;
	bool has_total;
	size_t nregisters;
	struct err *e;
};

/* Cuts the line in place. */
static int
split(struct reading *r, char *text)
{
	r->nfields = 0;
	for (;;) {
		char *comma = strchr(text, ',');

		if (r->nfields == FIELDS_MOST)
			return err_set(r->e, ERR_INPUT, "more than %d columns", FIELDS_MOST);
		r->field[r->nfields++] = text;
		if (comma == NULL)
			return 0;
		*comma = '\0';
		text = comma + 1;
	}
}

static int
take_head(struct reading *r)
{
	size_t i = 2;
	char name[24];

	if (r->nfields >= 2 && strcmp(r->field[0], "from") == 0 && strcmp(r->field[1], "to") == 0) {
		r->has_total = i < r->nfields && strcmp(r->field[i], "wh") == 0;
		i += r->has_total ? 1 : 0;
		for (; i < r->nfields && r->nregisters < PRICE_BANDS; i++) {
			snprintf(name, sizeof name, "wh_t%zu", r->nregisters + 1);
			if (strcmp(r->field[i], name) != 0)
				break;
			r->nregisters++;
		}
	}
	if (i == r->nfields && (r->has_total || r->nregisters > 0))
		return 0;
	return err_set(r->e, ERR_INPUT, "the columns are from,to,wh or from,to,wh_t1,wh_t2,...");
}

static int
take_wh(struct reading *r, const char *text, int64_t *wh)
{
	size_t len = strlen(text);

	if (len == 0 || len > 12 || strspn(text, "0123456789") != len)
		return err_set(r->e, ERR_INPUT, "\"%.40s\" is no number of Wh", text);
	*wh = strtoll(text, NULL, 10);
	return 0;
}

static int
take_row(struct reading *r, struct ctl_usage *row, int64_t after_us)
{
	struct price_usage *u = &row->usage;
	size_t i = 2, want = r->nregisters + (r->has_total ? 3 : 2);

	*u = (struct price_usage){
	    .has_total = r->has_total, .nregisters = r->nregisters, .unit_wh = UNIT_WH};
	if (r->nfields != want)
		return err_set(r->e, ERR_INPUT, "%zu columns, there must be %zu", r->nfields, want);
	if (time_rfc3339_in(r->field[0], &u->from_us, r->e) < 0 ||
	    time_rfc3339_in(r->field[1], &u->to_us, r->e) < 0)
		return -1;
	if (u->to_us <= u->from_us)
		return err_set(r->e, ERR_INPUT, "ends before it begins");
	if (u->from_us < after_us)
		return err_set(r->e, ERR_INPUT, "begins before the row above has ended");
	if (r->has_total && take_wh(r, r->field[i++], &u->total_wh) < 0)
		return -1;
	for (size_t b = 0; b < r->nregisters; b++)
		if (take_wh(r, r->field[i++], &u->register_wh[b]) < 0)
			return -1;
	row->line = r->line;
	row->from = mem_text(r->field[0]);
	row->to = mem_text(r->field[1]);
	return 0;
}

static int
take_line(struct reading *r, char *text, size_t len, struct ctl_usages *out)
{
	int64_t after = out->n > 0 ? out->rows[out->n - 1].usage.to_us : INT64_MIN;

	if (strlen(text) != len)
		return err_set(r->e, ERR_INPUT, "a NUL");
	text[strcspn(text, "\r\n")] = '\0';
	if (r->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* the mark some spreadsheets put in front */
	if (*text == '\0' && r->line > 1)
		return 0;
	if (split(r, text) < 0)
		return -1;
	if (r->line == 1)
		return take_head(r);
	if (out->n == out->room) {
		out->room = out->room > 0 ? 2 * out->room : 64;
		out->rows = mem_more(out->rows, out->room * sizeof *out->rows);
	}
	if (take_row(r, &out->rows[out->n], after) < 0)
		return -1;
	out->n++;
	return 0;
}

int
ctl_usages_read(FILE *in, struct ctl_usages *out, struct err *e)
{
	struct reading r = {.e = e};
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	while (rc == 0 && (len = getline(&text, &room, in)) > 0) {
		r.line++;
		if (take_line(&r, text, (size_t)len, out) < 0)
			rc = err_wrap(e, "line %zu", r.line);
	}
	if (rc == 0 && ferror(in))
		rc = err_set(e, ERR_INPUT, "standard input: %s", strerror(errno));
	if (rc == 0 && r.line == 0)
		rc = err_set(e, ERR_INPUT, "line 1: the columns are missing");
	free(text);
	return rc;
}

void
ctl_usages_clear(struct ctl_usages *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->rows[i].from);
		free(u->rows[i].to);
	}
	free(u->rows);
	*u = (struct ctl_usages){0};
}
