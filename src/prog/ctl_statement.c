/*
 * statement check: a provider's statement, read and added up without a daemon.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "codec/statement.h"
#include "codec/webhook.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int
ctl_read_file(const char *path, struct buf *out, struct err *e)
{
	return strcmp(path, "-") == 0 ? file_read_open(stdin, STATEMENT_MOST, out, e)
				      : file_read(path, STATEMENT_MOST, out, e);
}

/* --- as JSON ------------------------------------------------------------------------------- */

static void
put_span(struct buf *out, const char *name, struct span s)
{
	struct buf text = {0};

	buf_printf(out, ",\"%s\":", name);
	if (s.len > 0) {
		buf_put(&text, s.bytes, s.len);
		json_quote(out, buf_text(&text));
	} else {
		buf_put_text(out, "null");
	}
	buf_clear(&text);
}

static void
put_row(struct buf *out, const struct statement_row *r)
{
	buf_printf(out, "{\"line\":%zu,\"kind\":\"%s\",\"at_us\":%" PRId64, r->line,
	    statement_kind_name(r->kind), r->at_us);
	put_span(out, "payment_no", r->payment_no);
	put_span(out, "order_no", r->order_no);
	put_span(out, "refund_no", r->refund_no);
	put_span(out, "state", r->state);
	buf_printf(out,
	    ",\"amount_minor\":%" PRId64 ",\"settled_minor\":%" PRId64
	    ",\"currency\":\"%s\",\"fee_millionths\":%" PRId64 "}",
	    r->amount_minor, r->settled_minor, r->currency, r->fee_micro);
}

static void
put_rows(struct buf *out, const struct statement *s)
{
	buf_put_text(out, "\"rows\":[");
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		put_row(out, &s->rows[i]);
	}
	buf_put_u8(out, ']');
}

static void
put_totals(struct buf *out, const struct statement *s)
{
	buf_printf(out, "\"what\":\"%s\",\"merchant\":", s->what);
	json_quote(out, s->merchant);
	buf_printf(out, ",\"rows_in_all\":%zu", s->n);
	for (int k = 0; k < STATEMENT_KINDS; k++) {
		const char *name = statement_kind_name((enum statement_kind)k);
		const struct statement_total *t = &s->total[k];

		if (t->n > 0 || k < STATEMENT_IN)
			buf_printf(out,
			    ",\"%s_rows\":%zu,\"%s_amount_minor\":%" PRId64
			    ",\"%s_settled_minor\":%" PRId64,
			    name, t->n, name, t->amount_minor, name, t->settled_minor);
	}
	buf_printf(out, ",\"fee_millionths\":%" PRId64 ",\"sha256\":\"%s\",\"sha1\":\"%s\"",
	    s->fee_micro, s->sha256, s->sha1);
}

/* --- the command --------------------------------------------------------------------------- */

static void
show(struct ctl *c, const struct statement *s)
{
	struct buf out = {0};

	buf_put_u8(&out, '{');
	if (c->form == CTL_JSON || c->form == CTL_PRETTY) {
		put_totals(&out, s);
		buf_put_u8(&out, ',');
	}
	put_rows(&out, s);
	buf_put_u8(&out, '}');
	ctl_print(c, &out);
	buf_clear(&out);
	if (c->form != CTL_TABLE)
		return;
	buf_put_u8(&out, '{');
	put_totals(&out, s);
	buf_put_u8(&out, '}');
	putchar('\n');
	ctl_print(c, &out);
	buf_clear(&out);
}

/* Its own words first, then what was told beside the download. */
static int
check(const struct ctl *c, struct span file, struct statement *s, struct err *e)
{
	const char *sha1 = ctl_value(c, "sha1");

	if (statement_read(ctl_value(c, "provider"), file, s, e) < 0)
		return -1;
	if (sha1 == NULL || strcasecmp(sha1, s->sha1) == 0)
		return 0;
	err_set(e, ERR_INPUT, "its SHA-1 is %s", s->sha1);
	statement_clear(s);
	return -1;
}

enum ctl_exit
ctl_statement_check(struct ctl *c)
{
	const char *path = ctl_value(c, "file");
	struct statement s;
	struct buf file = {0};
	enum ctl_exit end = CTL_NO;
	struct err e;

	if (ctl_read_file(path, &file, &e) < 0 || check(c, buf_span(&file), &s, &e) < 0) {
		ctl_complain("%s: %s", path, e.text);
		if (e.class == ERR_REFUSED)
			end = CTL_USAGE;
	} else {
		show(c, &s);
		statement_clear(&s);
		end = CTL_DONE;
	}
	buf_clear(&file);
	return end;
}
