/*
 * ledger export and payment receipt: what leaves for other books, and what the customer gets.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/export.h"
#include "codec/money.h"
#include "codec/report.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- the ledger ---------------------------------------------------------------------------- */

static int
put_export(const struct ctl *c, const cJSON *answer, struct buf *out, struct err *e)
{
	const char *as = ctl_value(c, "as"), *path = ctl_value(c, "profile"),
		   *number = ctl_value(c, "number");
	struct voucher_profile *profile;
	struct ledger_export x;
	int rc = 0;

	if (export_read(answer, &x, e) < 0)
		return -1;
	if (as == NULL || strcmp(as, "csv") == 0) {
		export_csv(&x, out);
	} else if (strcmp(as, "beancount") == 0) {
		export_beancount(&x, out);
	} else if ((profile = voucher_profile_read(path, e)) == NULL) {
		rc = -1;
	} else {
		rc = export_voucher(
		    &x, profile, number != NULL ? strtoll(number, NULL, 10) : 1, out, e);
		voucher_profile_free(profile);
	}
	free(x.lines);
	return rc;
}

enum ctl_exit
ctl_ledger_export(struct ctl *c)
{
	const char *as = ctl_value(c, "as");
	struct buf answer = {0}, out = {0};
	enum ctl_exit result;
	cJSON *json;
	struct err e;

	if ((as != NULL && strcmp(as, "voucher") == 0) != (ctl_value(c, "profile") != NULL)) {
		ctl_complain("--as voucher and --profile go together");
		return CTL_USAGE;
	}
	result = ctl_ask(c, c->command->path, false, c->values, c->n, &answer);
	if (result == CTL_DONE) {
		json = cJSON_Parse(buf_text(&answer));
		if (put_export(c, json, &out, &e) < 0) {
			ctl_complain("%s", e.text);
			result = CTL_NO;
		} else {
			fwrite(out.bytes, 1, out.len, stdout);
		}
		cJSON_Delete(json);
	}
	buf_clear(&answer);
	buf_clear(&out);
	return result;
}

/* --- receipts ------------------------------------------------------------------------------ */

struct slip {
	bool html;
	const char *language;
	struct buf out;
};

static const char *
slip_word(const struct slip *s, const char *word)
{
	return report_value("slip", word, s->language);
}

/* name: as the customer reads it. */
static void
slip_line(struct slip *s, const char *name, const char *value)
{
	size_t width = ctl_width(name);

	if (value == NULL || value[0] == '\0')
		return;
	if (s->html) {
		buf_printf(&s->out, "<tr><th>%s</th><td>", name);
		html_put(&s->out, value);
		buf_put_text(&s->out, "</td></tr>\n");
	} else {
		buf_printf(&s->out, "%s%*s ", name, width < 16 ? (int)(16 - width) : 0, "");
		ctl_put_safe(&s->out, value);
		buf_put_u8(&s->out, '\n');
	}
}

static void
slip_money(struct slip *s, const char *name, const cJSON *amount, const char *currency)
{
	struct buf b = {0};
	int64_t minor;

	if (!ctl_integer(amount, &minor))
		return;
	money_out(&b, minor, money_digits(currency));
	buf_printf(&b, " %s", currency);
	slip_line(s, name, buf_text(&b));
	buf_clear(&b);
}

static void
slip_time(struct slip *s, const char *name, const char *zone, const cJSON *at)
{
	struct err e;
	struct calendar *calendar = calendar_new(zone, &e);
	char text[120];
	struct civil c;
	int64_t us;

	if (calendar != NULL && ctl_integer(at, &us)) {
		c = calendar_civil(calendar, us);
		snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d %.60s", c.year, c.month,
		    c.day, c.hour, c.minute, c.second, zone);
		slip_line(s, name, text);
	}
	calendar_free(calendar);
}

static const char *
member(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	return text != NULL ? text : "";
}

/* Where the money is: in the meter, or what of it has to wait. */
static void
put_whereabouts(struct slip *s, const cJSON *o)
{
	slip_money(s, slip_word(s, "held"), cJSON_GetObjectItemCaseSensitive(o, "held_minor"),
	    member(o, "currency"));
	if (strcmp(member(o, "mode"), "local") == 0)
		slip_time(s, slip_word(s, "in_meter"), member(o, "zone"),
		    cJSON_GetObjectItemCaseSensitive(o, "done_us"));
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "reversed")))
		slip_line(s, slip_word(s, "void"), slip_word(s, "reversed"));
}

static void
put_slip(struct slip *s, const cJSON *o)
{
	const char *currency = member(o, "currency"), *account = member(o, "account");
	const char *method = member(o, "method");
	const cJSON *part;
	char number[24] = "";
	int64_t n;

	if (ctl_integer(cJSON_GetObjectItemCaseSensitive(o, "payment"), &n))
		snprintf(number, sizeof number, "%" PRId64, n);
	slip_line(s, slip_word(s, "receipt"), number);
	slip_line(s, slip_word(s, "site"), member(o, "site"));
	slip_line(
	    s, slip_word(s, "account"), account[0] != '\0' ? account : slip_word(s, "unknown"));
	slip_line(s, slip_word(s, "customer"), member(o, "customer"));
	slip_time(s, slip_word(s, "time"), member(o, "zone"),
	    cJSON_GetObjectItemCaseSensitive(o, "received_us"));
	slip_line(s, slip_word(s, "method"), report_value("method", method, s->language));
	slip_line(s, slip_word(s, "number"), member(o, "payment_no"));
	slip_line(s, slip_word(s, "terminal"), member(o, "terminal"));
	if (strcmp(member(o, "source"), "cash") == 0)
		slip_line(s, slip_word(s, "cashier"), member(o, "by"));
	slip_money(s, slip_word(s, "amount"), cJSON_GetObjectItemCaseSensitive(o, "amount_minor"),
	    currency);
	cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(o, "split"))
	{
		slip_money(s, report_value("split", member(part, "for"), s->language),
		    cJSON_GetObjectItemCaseSensitive(part, "amount_minor"), currency);
	}
	put_whereabouts(s, o);
}

enum ctl_exit
ctl_payment_receipt(struct ctl *c)
{
	const char *language = ctl_value(c, "language");
	struct slip s = {
	    .html = ctl_value(c, "html") != NULL, .language = language != NULL ? language : "en"};
	struct buf answer = {0};
	enum ctl_exit result = ctl_ask(c, c->command->path, false, c->values, c->n, &answer);
	cJSON *json;

	if (result == CTL_DONE && c->form != CTL_TABLE) {
		ctl_print(c, &answer);
	} else if (result == CTL_DONE) {
		json = cJSON_Parse(buf_text(&answer));
		if (s.html)
			buf_printf(&s.out,
			    "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
			    "<title>%s</title><style>body{font:11pt sans-serif}"
			    "th{text-align:left;padding-right:2em}</style></head><body><table>\n",
			    s.language, slip_word(&s, "receipt"));
		put_slip(&s, json);
		if (s.html)
			buf_put_text(&s.out, "</table></body></html>\n");
		fwrite(s.out.bytes, 1, s.out.len, stdout);
		cJSON_Delete(json);
	}
	buf_clear(&s.out);
	buf_clear(&answer);
	return result;
}
