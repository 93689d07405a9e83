/*
 * report day, report verify: a site's days as directories that nobody can change unseen, by hand.
 * The daemon's job writes the same bytes.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/report_files.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

struct making {
	struct ctl *c;
	char key[4096];
	struct report_kinds kinds;
};

static int
write_answer(struct making *m, const char *body, struct err *e)
{
	struct report_files *r = report_make(body, &m->kinds, e);
	char dir[REPORT_PATH], sha256[65];
	enum report_written how;
	int rc = r == NULL ? -1
			   : report_write(ctl_value(m->c, "dir"), r,
				 span_of(m->key, strlen(m->key)), &how, sha256, e);

	if (rc == 0) {
		report_site_dir(ctl_value(m->c, "dir"), r->manifest.site, dir);
		printf("%s/%08d: ", dir, r->manifest.day);
		if (how == REPORT_SAME)
			printf(_("the same as it was\n"));
		else
			printf(_("%zu files\n"), r->n);
	}
	report_files_free(r);
	return rc;
}

static enum ctl_exit
report_site_day(struct making *m, const char *site)
{
	struct ctl_value which[] = {
	    {(char[]){"site"},        (char *)site, false},
	    { (char[]){"day"}, (char *)ctl_value(m->c,       "day"), false}
        };
	struct buf answer = {0};
	struct err e;
	enum ctl_exit result = ctl_ask(m->c, "report/day", false, which, 2, &answer);

	if (result == CTL_DONE && write_answer(m, buf_text(&answer), &e) < 0) {
		ctl_complain("%s: %s", site, e.text);
		result = CTL_NO;
	}
	buf_clear(&answer);
	return result;
}

static enum ctl_exit
report_all_sites(struct making *m)
{
	struct buf answer = {0};
	enum ctl_exit result = ctl_ask(m->c, "site/list", false, NULL, 0, &answer), one;
	cJSON *list = result == CTL_DONE ? cJSON_Parse(buf_text(&answer)) : NULL;
	const cJSON *s;

	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(list, "rows"))
	{
		const char *site =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s, "site"));

		one = site != NULL ? report_site_day(m, site) : CTL_NO;
		if (one != CTL_DONE)
			result = one;
	}
	cJSON_Delete(list);
	buf_clear(&answer);
	return result;
}

static const char *
value_or(const struct ctl *c, const char *name, const char *otherwise)
{
	const char *text = ctl_value(c, name);

	return text != NULL ? text : otherwise;
}

enum ctl_exit
ctl_report_day(struct ctl *c)
{
	struct making m = {.c = c};
	const char *site = ctl_value(c, "site");
	enum ctl_exit result;
	struct err e;

	if (report_kinds_in(&m.kinds, value_or(c, "languages", "en es zh"),
		value_or(c, "formats", "csv json html"), &e) < 0 ||
	    conf_secret_file(ctl_value(c, "key"), m.key, sizeof m.key, &e) < 0) {
		ctl_complain("%s", e.text);
		return CTL_USAGE;
	}
	result = site != NULL ? report_site_day(&m, site) : report_all_sites(&m);
	explicit_bzero(m.key, sizeof m.key);
	return result;
}

/* --- verify --------------------------------------------------------------------------------- */

static void
on_bad(const char *path, const char *why, void *arg)
{
	++*(int *)arg;
	ctl_complain("%s: %s", path, why);
}

enum ctl_exit
ctl_report_verify(struct ctl *c)
{
	const char *last = ctl_value(c, "last");
	struct buf key = {0};
	struct err e;
	int bad = 0, days;

	if (report_file_read(ctl_value(c, "key"), &key, &e) < 0) {
		ctl_complain("%s", e.text);
		return CTL_USAGE;
	}
	days = report_verify(
	    ctl_value(c, "dir"), buf_span(&key), last != NULL ? atoi(last) : 0, on_bad, &bad);
	buf_clear(&key);
	if (bad > 0)
		return CTL_NO;
	printf(_("%d days are as they were signed\n"), days);
	return CTL_DONE;
}
