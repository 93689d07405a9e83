#include "codec/report_files.h"

#include "base/err.h"
#include "base/words.h"
#include "codec/report.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- which ---------------------------------------------------------------------------------- */

static bool
take_kind(struct report_kinds *k, const char *word)
{
	if (strcmp(word, "csv") == 0)
		k->csv = true;
	else if (strcmp(word, "json") == 0)
		k->json = true;
	else if (strcmp(word, "html") == 0)
		k->html = true;
	else
		return false;
	return true;
}

static bool
take_language(struct report_kinds *k, const char *word)
{
	for (size_t i = 0; words_languages[i] != NULL; i++)
		if (strcmp(words_languages[i], word) == 0)
			return k->language[i] = true;
	return false;
}

static int
take_words(struct report_kinds *k, const char *text,
    bool (*take)(struct report_kinds *k, const char *word), struct err *e)
{
	char copy[80], *word, *rest = copy;
	int n = 0;

	if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
		return err_set(e, ERR_INPUT, "\"%.40s...\" is too long", text);
	while ((word = strsep(&rest, " ,")) != NULL) {
		if (*word == '\0')
			continue;
		if (!take(k, word))
			return err_set(e, ERR_INPUT, "\"%s\" is not known here", word);
		n++;
	}
	return n > 0 ? 0 : err_set(e, ERR_INPUT, "one at least is needed");
}

int
report_kinds_in(struct report_kinds *k, const char *languages, const char *formats, struct err *e)
{
	*k = (struct report_kinds){0};
	if (take_words(k, formats, take_kind, e) < 0)
		return err_wrap(e, "formats");
	return take_words(k, languages, take_language, e) < 0 ? err_wrap(e, "languages") : 0;
}

/* --- files ---------------------------------------------------------------------------------- */

static struct buf *
file_add(struct report_files *r, const char *stem, const char *end)
{
	struct report_file *f = &r->of[r->n++];

	snprintf(f->name, sizeof f->name, "%s%s", stem, end);
	return &f->content;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct report_file *)a)->name, ((const struct report_file *)b)->name);
}

static void
make_files(struct report_files *r, const cJSON *day, const char *body, const struct report_kinds *k)
{
	const cJSON *s;
	char stem[32];

	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(day, "sections"))
	{
		if (k->csv)
			report_csv(day, s,
			    file_add(r, cJSON_GetObjectItemCaseSensitive(s, "name")->valuestring,
				".csv"));
	}
	if (k->json)
		buf_printf(file_add(r, "report", ".json"), "%s\n", body);
	for (size_t i = 0; k->html && words_languages[i] != NULL; i++) {
		snprintf(stem, sizeof stem, "report.%s", words_languages[i]);
		if (k->language[i])
			report_page(day, words_languages[i], file_add(r, stem, ".html"));
	}
	qsort(r->of, r->n, sizeof *r->of, by_name);
}

/* Each name once, or two files would be one. */
static int
make_manifest(struct report_files *r, const cJSON *day, struct err *e)
{
	struct manifest *m = &r->manifest;

	snprintf(m->site, sizeof m->site, "%s",
	    cJSON_GetObjectItemCaseSensitive(day, "site")->valuestring);
	m->day = cJSON_GetObjectItemCaseSensitive(day, "day")->valueint;
	for (size_t i = 0; i < r->n; i++) {
		if (i > 0 && strcmp(r->of[i - 1].name, r->of[i].name) == 0)
			return err_set(e, ERR_INPUT, "two sections are called %s", r->of[i].name);
		manifest_add(m, r->of[i].name, buf_span(&r->of[i].content));
	}
	return 0;
}

struct report_files *
report_make(const char *body, const struct report_kinds *k, struct err *e)
{
	cJSON *day = cJSON_Parse(body);
	struct report_files *r = NULL;
	int sections;

	if (day == NULL)
		err_set(e, ERR_INPUT, "this is no report");
	else if (report_check(day, e) == 0) {
		sections = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(day, "sections"));
		if (sections > MANIFEST_FILES - REPORT_LANGUAGES - 1) {
			err_set(e, ERR_INPUT, "more sections than files may be");
		} else {
			r = mem_new(sizeof *r);
			make_files(r, day, body, k);
			if (make_manifest(r, day, e) < 0) {
				report_files_free(r);
				r = NULL;
			}
		}
	}
	cJSON_Delete(day);
	return r;
}

void
report_files_free(struct report_files *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		buf_clear(&r->of[i].content);
	free(r);
}
