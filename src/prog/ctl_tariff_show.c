/* A price version for people, and what one changes in another. */
#include "prog/ctl_tariff.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/price_words.h"
#include "codec/price_yaml.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const char *
source_of(const cJSON *json)
{
	const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "source"));

	return source != NULL ? source : "";
}

static enum ctl_exit
ask(const struct ctl *c, const char *version, struct buf *answer, cJSON **json)
{
	struct ctl_value which = {(char[]){"version"}, (char *)version, false};
	enum ctl_exit result = ctl_ask(c, c->command->path, false, &which, 1, answer);

	*json = result == CTL_DONE ? cJSON_Parse(buf_text(answer)) : NULL;
	return result;
}

static void
print_safe(struct buf *words)
{
	const char *line = buf_text(words), *end;
	struct buf safe = {0};

	for (; *line != '\0'; line = end + 1) {
		char *one;

		end = strchr(line, '\n');
		one = strndup(line, (size_t)(end - line));
		if (one == NULL)
			abort();
		ctl_put_safe(&safe, one);
		buf_put_u8(&safe, '\n');
		free(one);
	}
	fputs(buf_text(&safe), stdout);
	buf_clear(&safe);
}

/* --- show ---------------------------------------------------------------------------------- */

static enum ctl_exit
show(const struct ctl *c, const cJSON *json)
{
	const char *source = source_of(json);
	struct price_version *v = mem_new(sizeof *v);
	struct buf words = {0};
	struct err e;
	int rc = price_yaml_parse(ctl_value(c, "version"), span_of(source, strlen(source)), v, &e);

	if (rc < 0) {
		ctl_complain("%s", e.text);
	} else {
		calendar_rest();
		ctl_tariff_head(c, json);
		putchar('\n');
		price_words_show(v, &words);
		print_safe(&words);
	}
	buf_clear(&words);
	free(v);
	return rc < 0 ? CTL_NO : CTL_DONE;
}

enum ctl_exit
ctl_tariff_show(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, ctl_value(c, "version"), &answer, &json);

	if (result == CTL_DONE && ctl_value(c, "yaml") != NULL)
		fputs(source_of(json), stdout);
	else if (result == CTL_DONE && c->form != CTL_TABLE)
		ctl_print(c, &answer);
	else if (result == CTL_DONE)
		result = show(c, json);
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* --- diff ---------------------------------------------------------------------------------- */

static bool
is_file(const char *name)
{
	size_t n = strlen(name);

	return (n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
	       (n > 4 && strcmp(name + n - 4, ".yml") == 0);
}

static enum ctl_exit
read_version(const struct ctl *c, const char *name, struct price_version *v)
{
	struct buf answer = {0};
	enum ctl_exit result = CTL_DONE;
	const char *source;
	struct err e;
	cJSON *json = NULL;
	int rc;

	if (is_file(name)) {
		rc = price_yaml_read(name, v, &e);
	} else {
		result = ask(c, name, &answer, &json);
		source = source_of(json);
		rc = result == CTL_DONE
			 ? price_yaml_parse(name, span_of(source, strlen(source)), v, &e)
			 : 0;
	}
	if (rc < 0) {
		ctl_complain("%s", e.text);
		result = CTL_NO;
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

static void
print_json(struct buf *words, const struct ctl *c)
{
	struct buf out = {0}, line = {0};
	const char *sep = "";

	buf_put_text(&out, "{\"changes\":[");
	for (const char *p = buf_text(words); *p != '\0'; p++) {
		if (*p != '\n') {
			buf_put(&line, p, 1);
			continue;
		}
		buf_put_text(&out, sep);
		ctl_put_json_text(&out, buf_text(&line));
		buf_clear(&line);
		sep = ",";
	}
	buf_put_text(&out, "]}");
	ctl_print(c, &out);
	buf_clear(&line);
	buf_clear(&out);
}

/* As diff(1): 0 the same, 1 not; whatever went wrong is 2 or more. */
enum ctl_exit
ctl_tariff_diff(struct ctl *c)
{
	struct price_version *v = mem_new(2 * sizeof *v);
	struct buf words = {0};
	enum ctl_exit result = read_version(c, ctl_value(c, "a"), &v[0]);
	int n = 0;

	if (result == CTL_DONE)
		result = read_version(c, ctl_value(c, "b"), &v[1]);
	if (result == CTL_NO)
		result = CTL_USAGE;
	if (result == CTL_DONE) {
		n = price_words_diff(&v[0], &v[1], &words);
		if (c->form == CTL_TABLE)
			print_safe(&words);
		else
			print_json(&words, c);
		result = n > 0 ? CTL_NO : CTL_DONE;
	}
	buf_clear(&words);
	free(v);
	return result;
}
