/*
 * Price versions on their way: a file becomes a draft, is tried on past use, submitted, approved.
 *
 * A file is read here first, so that a mistake is told with its line and nothing has happened.
 */
#include "prog/ctl_tariff.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/price_words.h"
#include "codec/price_yaml.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_S 600 /* past use of a whole fleet */

static const cJSON *
get(const cJSON *json, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(json, name);
}

static const char *
text(const cJSON *json, const char *name)
{
	const char *t = cJSON_GetStringValue(get(json, name));

	return t != NULL ? t : "";
}

static int64_t
number(const cJSON *json, const char *name)
{
	int64_t n;

	return ctl_integer(get(json, name), &n) ? n : 0;
}

/* --- what came out ------------------------------------------------------------------------- */

static void
put_line(struct buf *line)
{
	struct buf safe = {0};

	ctl_put_safe(&safe, buf_text(line));
	puts(buf_text(&safe));
	buf_clear(&safe);
	buf_clear(line);
}

static void
put_time(const struct ctl *c, const cJSON *json, const char *name, struct buf *line)
{
	ctl_time(c, number(json, name), line);
}

void
ctl_tariff_head(const struct ctl *c, const cJSON *v)
{
	struct buf line = {0};

	buf_printf(&line, _("%s is %s, from %s, in %s"), text(v, "version"), text(v, "state"),
	    text(v, "begins"), text(v, "currency"));
	put_line(&line);
	buf_printf(&line, _("loaded by %s, "), text(v, "author"));
	put_time(c, v, "loaded_us", &line);
	put_line(&line);
	if (cJSON_IsNumber(get(v, "approved_us"))) {
		buf_printf(&line, _("approved by %s, "), text(v, "approver"));
		put_time(c, v, "approved_us", &line);
		if (text(v, "reason")[0] != '\0')
			buf_printf(&line, ": %s", text(v, "reason"));
		put_line(&line);
	}
	if (cJSON_IsTrue(get(v, "single"))) {
		buf_put_text(&line, _("ONE VOICE: who loaded it also approved it"));
		put_line(&line);
	}
	if (text(v, "forced")[0] != '\0') {
		buf_printf(&line, _("FORCED: %s"), text(v, "forced"));
		put_line(&line);
	}
}

static void
put_money(struct buf *line, const char *before, const cJSON *json, const char *name)
{
	buf_put_text(line, before);
	ctl_decimal(line, number(json, name), 2, 2);
}

static void
print_accounts(const char *title, const cJSON *list)
{
	struct buf line = {0};

	if (ctl_first(list) == NULL)
		return;
	printf("%s:\n", title);
	for (const cJSON *a = ctl_first(list); a != NULL; a = a->next) {
		buf_printf(&line, "  %s", text(a, "account"));
		put_money(&line, ": ", a, "after_minor");
		put_money(&line, _(", was "), a, "before_minor");
		put_money(&line, _("; has "), a, "balance_minor");
		put_line(&line);
	}
}

static void
print_preview(const struct ctl *c, const cJSON *p)
{
	struct buf line = {0};

	buf_put_text(&line, _("tried on the use from "));
	put_time(c, p, "from_us", &line);
	buf_put_text(&line, " to ");
	put_time(c, p, "to_us", &line);
	buf_printf(&line, _(": %lld accounts, %lld with use that can be rated"),
	    (long long)number(p, "accounts"), (long long)number(p, "rated"));
	put_line(&line);
	if (number(p, "unrated") > 0) {
		buf_printf(&line, _("%lld cannot be rated and count for nothing: %s"),
		    (long long)number(p, "unrated"), text(p, "unrated_why"));
		put_line(&line);
	}
	if (number(p, "estimated") > 0) {
		buf_printf(&line, _("%lld by their total, spread over the new hours"),
		    (long long)number(p, "estimated"));
		put_line(&line);
	}
	put_money(&line, _("revenue "), p, "after_minor");
	if (cJSON_IsNumber(get(p, "before_minor"))) {
		put_money(&line, _(", was "), p, "before_minor");
		buf_put_text(&line, number(p, "change_minor") < 0 ? " (" : " (+");
		price_put_ppm(&line, number(p, "change_ppm") / 100 * 100);
		buf_put_u8(&line, ')');
	}
	buf_put_text(&line, _(", for "));
	price_put_kwh(&line, number(p, "total_wh"));
	put_line(&line);
	buf_printf(&line, _("%lld pay less, %lld pay more, %lld would be cut off on day one"),
	    (long long)number(p, "winners"), (long long)number(p, "losers"),
	    (long long)number(p, "cut"));
	put_line(&line);
	print_accounts(_("pay less"), get(p, "most_won"));
	print_accounts(_("pay more"), get(p, "most_lost"));
	print_accounts(_("cut off"), get(p, "cuts"));
}

/* --- asking -------------------------------------------------------------------------------- */

/* A refused approval has its figures with it. */
static enum ctl_exit
ask(struct ctl *c, struct buf *answer, cJSON **json)
{
	enum ctl_exit result;

	c->patience_s = PATIENCE_S;
	result = ctl_ask(c, c->command->path, c->command->post, c->values, c->n, answer);
	*json = cJSON_Parse(buf_text(answer));
	if (c->form != CTL_TABLE && answer->len > 0)
		ctl_print(c, answer);
	return result;
}

enum ctl_exit
ctl_tariff_step(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);

	if (c->form == CTL_TABLE && get(json, "version") != NULL)
		ctl_tariff_head(c, json);
	if (c->form == CTL_TABLE && cJSON_IsObject(get(json, "preview")))
		print_preview(c, get(json, "preview"));
	if (result == CTL_DONE && text(json, "over")[0] != '\0')
		ctl_complain("%s", text(json, "over"));
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* The file's text and tariff as the API's parameters; CTL_DONE, or it has been said why not. */
static enum ctl_exit
take_file(struct ctl *c)
{
	struct price_version *v = mem_new(sizeof *v);
	const char *path = ctl_value(c, "file"), *why = NULL;
	struct buf source = {0};
	struct err e;

	if (conf_file_read(path, &source, &e) < 0 ||
	    price_yaml_parse(path, buf_span(&source), v, &e) < 0)
		why = e.text;
	else if (ctl_value(c, "tariff") == NULL && v->name[0] == '\0')
		why = _("whose prices? the file has no name: give --tariff");
	if (why != NULL) {
		ctl_complain("%s", why);
	} else {
		if (ctl_value(c, "tariff") == NULL)
			ctl_value_set(c, "tariff", v->name, false);
		ctl_value_set(c, "source", buf_text(&source), false);
		for (size_t i = 0; i < c->n; i++)
			c->values[i].ours =
			    c->values[i].ours || strcmp(c->values[i].name, "file") == 0;
	}
	calendar_rest();
	buf_clear(&source);
	free(v);
	return why != NULL ? CTL_NO : CTL_DONE;
}

enum ctl_exit
ctl_tariff_load(struct ctl *c)
{
	enum ctl_exit result = take_file(c);

	return result == CTL_DONE ? ctl_tariff_step(c) : result;
}

enum ctl_exit
ctl_tariff_simulate(struct ctl *c)
{
	enum ctl_exit result = take_file(c);
	struct buf answer = {0};
	cJSON *json;

	if (result != CTL_DONE)
		return result;
	result = ask(c, &answer, &json);
	if (result == CTL_DONE && c->form == CTL_TABLE)
		print_preview(c, json);
	if (result == CTL_DONE && text(json, "over")[0] != '\0')
		ctl_complain("approving it would take force: %s", text(json, "over"));
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}
