/*
 * The table of settings as a sample file and as the body of a manual page.
 *
 * A setting that must be given stands in the sample as a comment, so the sample does not load
 * until somebody has thought about it.
 */
#include "base/conf.h"

#include "base/conf_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define WIDTH 88

/* Words in lines behind a margin. */
static void
print_wrapped(FILE *out, const char *margin, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " \n");

		if (column > 0 && column + 1 + word > WIDTH - strlen(margin)) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column == 0 ? margin : " ", (int)word, text);
		column += word + (column > 0);
		text += word;
		text += strspn(text, " \n");
	}
	if (column > 0)
		fputc('\n', out);
}

/* "1s to 1m" or the allowed words; empty when anything goes. */
static void
limits_text(const struct conf_field *f, char *out, size_t room)
{
	char least[32], most[32];
	size_t len = 0;

	*out = '\0';
	if (f->words != NULL) {
		for (size_t i = 0; f->words[i] != NULL && len < room; i++)
			len += (size_t)snprintf(
			    out + len, room - len, "%s%s", i > 0 ? ", " : "one of ", f->words[i]);
		return;
	}
	if (f->least == 0 && f->most == 0)
		return;
	snprintf(least, sizeof least, "%" PRId64, f->least);
	snprintf(most, sizeof most, "%" PRId64, f->most);
	if (f->type == CONF_DURATION) {
		conf_duration_out(f->least, least);
		conf_duration_out(f->most, most);
	}
	snprintf(out, room, "%s to %s", least, most);
}

static const char *
type_name(enum conf_type type)
{
	switch (type) {
	case CONF_TEXT:
		return "text";
	case CONF_INT:
		return "number";
	case CONF_DURATION:
		return "duration";
	case CONF_BOOL:
		return "true or false";
	case CONF_LIST:
		return "list";
	}
	return "";
}

/* --- the sample -------------------------------------------------------------------------- */

static void
print_value(FILE *out, const struct conf_field *f, const char *text)
{
	if (f->type == CONF_LIST)
		fputs("[]", out);
	else if (f->type != CONF_TEXT)
		fputs(text, out);
	else {
		fputc('"', out);
		for (; *text != '\0'; text++) {
			if (*text == '"' || *text == '\\')
				fputc('\\', out);
			fputc(*text, out);
		}
		fputc('"', out);
	}
	fputc('\n', out);
}

/* One entry of a list, as a comment to be uncommented. */
static void
print_entry(FILE *out, const struct conf_field *each)
{
	for (size_t i = 0; each[i].name != NULL; i++) {
		const char *preset = each[i].preset;

		fprintf(out, "  #%s%s: ", i == 0 ? "  - " : "    ", each[i].name);
		if (preset != NULL)
			print_value(out, &each[i], preset);
		else
			fprintf(out, "%s, must be given\n", type_name(each[i].type));
	}
}

static void
print_field(FILE *out, const struct conf_field *f)
{
	char limits[200];

	limits_text(f, limits, sizeof limits);
	fputc('\n', out);
	print_wrapped(out, "  # ", f->help);
	fprintf(out, "  # (%s%s%s; %s)\n", type_name(f->type), *limits != '\0' ? ", " : "", limits,
	    f->reload ? "may be reloaded" : "takes a restart");
	if (f->preset != NULL) {
		fprintf(out, "  %s: ", f->name);
		print_value(out, f, f->preset);
	} else {
		fprintf(out, "  #%s: must be given\n", f->name);
	}
	if (f->type == CONF_LIST)
		print_entry(out, f->each);
}

void
conf_print_sample(FILE *out, const struct conf_section *sections)
{
	for (const struct conf_section *s = sections; s->name != NULL; s++) {
		if (s != sections)
			fputc('\n', out);
		print_wrapped(out, "# ", s->help != NULL ? s->help : s->name);
		fprintf(out, "%s:", s->name);
		fputc('\n', out);
		for (const struct conf_field *f = s->fields; f->name != NULL; f++)
			print_field(out, f);
	}
}

/* --- the manual -------------------------------------------------------------------------- */

/* mdoc wants a new line for each sentence and no line that begins with a dot. */
static void
print_mdoc_text(FILE *out, const char *text)
{
	char before = '\n';

	for (; *text != '\0'; before = *text++) {
		bool ends = *text == ' ' && strchr(".!?", before) != NULL &&
			    isupper((unsigned char)text[1]);

		if (before == '\n' && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(ends ? '\n' : *text, out);
	}
}

static void
print_mdoc_field(FILE *out, const struct conf_field *f)
{
	char limits[200];

	limits_text(f, limits, sizeof limits);
	fprintf(out, ".It Cm %s Pq %s%s%s\n", f->name, type_name(f->type),
	    *limits != '\0' ? ", " : "", limits);
	print_mdoc_text(out, f->help);
	fputc('\n', out);
	if (f->preset == NULL)
		fputs("It must be given.\n", out);
	else if (*f->preset != '\0') {
		fputs("The preset is\n.Dq ", out);
		print_mdoc_text(out, f->preset);
		fputs(" .\n", out);
	}
	if (f->reload)
		fputs("It may change while running.\n", out);
}

static void
print_mdoc_fields(FILE *out, const struct conf_field *fields)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct conf_field *f = fields; f->name != NULL; f++) {
		print_mdoc_field(out, f);
		if (f->type == CONF_LIST) {
			fputs("Each entry has:\n", out);
			print_mdoc_fields(out, f->each);
		}
	}
	fputs(".El\n", out);
}

void
conf_print_mdoc(FILE *out, const struct conf_section *sections)
{
	for (const struct conf_section *s = sections; s->name != NULL; s++) {
		fprintf(out, ".Ss %s\n", s->name);
		print_mdoc_text(out, s->help != NULL ? s->help : s->name);
		fputc('\n', out);
		print_mdoc_fields(out, s->fields);
	}
}
