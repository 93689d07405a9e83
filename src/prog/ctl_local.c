/*
 * What needs no daemon: frames, arrows, profiles, settings.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/dlt645_explain.h"
#include "codec/dlt645_profile.h"
#include "codec/template.h"
#include "model/command.h"
#include "model/delivery.h"
#include "prog/settings.h"

#include <stdlib.h>
#include <string.h>

/* --- frames -------------------------------------------------------------------------------- */

static bool
decode(const char *hex)
{
	struct buf json = {0};
	bool ok = dlt645_explain_hex(hex, &json);

	fputs(buf_text(&json), stdout);
	buf_clear(&json);
	return ok;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

static bool
decode_lines(FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	bool ok = true;

	while ((len = getline(&line, &room, in)) > 0) {
		for (ssize_t i = 0; i < len; i++)
			if (line[i] == '\0')
				line[i] = '?'; /* no hex either, and the line goes on */
		if (!is_blank(line))
			ok = decode(line) && ok;
	}
	if (ferror(in)) {
		ctl_complain("standard input cannot be read");
		ok = false;
	}
	free(line);
	return ok;
}

enum ctl_exit
ctl_frame_decode(struct ctl *c)
{
	struct buf hex = {0};
	bool ok;

	for (size_t i = 0; i < c->nrest; i++)
		buf_printf(&hex, "%s ", c->rest[i]);
	ok = c->nrest > 0 ? decode(buf_text(&hex)) : decode_lines(stdin);
	buf_clear(&hex);
	return ok ? CTL_DONE : CTL_NO;
}

enum ctl_exit
ctl_arrows(struct ctl *c)
{
	if (strcmp(ctl_value(c, "what"), "command") == 0)
		command_arrows(stdout);
	else
		delivery_arrows(stdout);
	return CTL_DONE;
}

enum ctl_exit
ctl_profiles(struct ctl *c)
{
	const struct dlt645_profile *p = NULL;

	(void)c;
	while ((p = dlt645_profile_next(p)) != NULL)
		printf("%-14s %-9s %s\n", p->name, capability_name(p->capability), p->help);
	return CTL_DONE;
}

enum ctl_exit
ctl_notice_texts(struct ctl *c)
{
	struct buf out = {0};
	struct err e;

	if (words_check(ctl_value(c, "language"), &e) < 0) {
		ctl_complain("%s", e.text);
		return CTL_NO;
	}
	template_sample(ctl_value(c, "language"), &out);
	fputs(buf_text(&out), stdout);
	buf_clear(&out);
	return CTL_DONE;
}

/* --- settings ------------------------------------------------------------------------------ */

enum ctl_exit
ctl_conf_check(struct ctl *c)
{
	const char *path = ctl_value(c, "file");
	struct err e;
	int rc = conf_load(path, settings_sections(), &e);

	if (rc == 0 && settings_check(&settings, &e) < 0)
		rc = err_wrap(&e, "%s", path);
	if (rc < 0)
		ctl_complain("%s", e.text);
	else
		printf(_("%s: good\n"), path);
	conf_clear(settings_sections());
	return rc < 0 ? CTL_NO : CTL_DONE;
}

enum ctl_exit
ctl_conf_sample(struct ctl *c)
{
	(void)c;
	conf_print_sample(stdout, settings_sections());
	return CTL_DONE;
}

enum ctl_exit
ctl_conf_manual(struct ctl *c)
{
	(void)c;
	conf_print_mdoc(stdout, settings_sections());
	return CTL_DONE;
}
