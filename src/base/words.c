/*
 * A .mo file is two sorted tables of (length, offset), the msgids and their translations, each
 * string ended by a NUL; a context stands in front of its msgid, with EOT between.  All numbers
 * are of the machine that wrote it: msgfmt runs where the program is built.
 */
#include "base/words.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef POWERGATE_LOCALEDIR
#define POWERGATE_LOCALEDIR "/usr/local/share/locale"
#endif

#define MAGIC     0x950412deu
#define FILE_MOST (4u << 20)
#define KEY_MOST  2048
#define PARENTS   3 /* a test is build/tests/unit/NAME, the catalogues build/locale */

const char *const words_languages[] = {"en", "es", "zh", NULL};
static const char *const files[] = {NULL, "es", "zh_CN"}; /* theirs */
#define LANGUAGES (sizeof files / sizeof *files)

struct catalogue {
	char *bytes;
	size_t len, n, ids, texts; /* where the tables begin */
};

/* --- one catalogue ------------------------------------------------------------------------ */

static uint32_t
number_at(const struct catalogue *c, size_t at)
{
	uint32_t n;

	memcpy(&n, c->bytes + at, sizeof n);
	return n;
}

static const char *
string_at(const struct catalogue *c, size_t table, size_t i)
{
	return c->bytes + number_at(c, table + 8 * i + 4);
}

/* Every string lies inside and ends where it says. */
static bool
table_is_good(const struct catalogue *c, size_t table)
{
	if (table > c->len || c->n > (c->len - table) / 8)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		size_t len = number_at(c, table + 8 * i), at = number_at(c, table + 8 * i + 4);

		if (at >= c->len || len >= c->len - at || c->bytes[at + len] != '\0')
			return false;
	}
	return true;
}

struct catalogue *
catalogue_new(struct span mo, struct err *e)
{
	struct catalogue *c = mem_new(sizeof *c);

	c->bytes = mem_new(mo.len + 1);
	memcpy(c->bytes, mo.bytes, mo.len);
	c->len = mo.len;
	if (c->len >= 20 && number_at(c, 0) == MAGIC && number_at(c, 4) == 0) {
		c->n = number_at(c, 8);
		c->ids = number_at(c, 12);
		c->texts = number_at(c, 16);
		if (table_is_good(c, c->ids) && table_is_good(c, c->texts))
			return c;
	}
	catalogue_free(c);
	err_set(e, ERR_INPUT, "no catalogue as msgfmt writes it");
	return NULL;
}

void
catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	free(c->bytes);
	free(c);
}

const char *
catalogue_find(const struct catalogue *c, const char *context, const char *text)
{
	char key[KEY_MOST];
	size_t low = 0, high = c->n;

	if (context != NULL) {
		if (snprintf(key, sizeof key, "%s\004%s", context, text) >= (int)sizeof key)
			return NULL;
		text = key;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(text, string_at(c, c->ids, middle));

		if (order == 0)
			return string_at(c, c->texts, middle);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- finding them ------------------------------------------------------------------------- */

static int
read_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t part[65536];
	ssize_t n = -1;

	if (fd >= 0) {
		while ((n = read(fd, part, sizeof part)) > 0 && out->len <= FILE_MOST)
			buf_put(out, part, (size_t)n);
		close(fd);
	}
	return n == 0 ? 0 : err_set(e, ERR_INPUT, "%s: %s", path, strerror(fd < 0 ? errno : EFBIG));
}

static bool
path_in(char path[PATH_MAX], const char *dir, const char *file)
{
	int n = snprintf(path, PATH_MAX, "%s/%s/LC_MESSAGES/powergate.mo", dir, file);

	return n > 0 && n < PATH_MAX && access(path, R_OK) == 0;
}

/* Beside a program that was built and not installed, else where it would be installed. */
static void
find_path(char path[PATH_MAX], const char *file)
{
	char own[PATH_MAX], dir[PATH_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	char *slash;

	own[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < PARENTS && (slash = strrchr(own, '/')) != NULL; i++) {
		*slash = '\0';
		snprintf(dir, sizeof dir, "%s/locale", own);
		if (path_in(path, dir, file))
			return;
	}
	path_in(path, POWERGATE_LOCALEDIR, file);
}

static struct loaded {
	struct catalogue *catalogue;
	bool tried;
	struct err why;
} loaded[LANGUAGES];

static void
load(struct loaded *l, const char *file)
{
	struct buf mo = {0};
	char path[PATH_MAX];

	l->tried = true;
	find_path(path, file);
	if (read_file(path, &mo, &l->why) == 0) {
		l->catalogue = catalogue_new(buf_span(&mo), &l->why);
		if (l->catalogue == NULL)
			err_wrap(&l->why, "%s", path);
	}
	buf_clear(&mo);
}

/* NULL for English and for what is no language of ours. */
static struct loaded *
loaded_for(const char *language)
{
	for (size_t i = 1; i < LANGUAGES; i++)
		if (strcmp(language, words_languages[i]) == 0) {
			if (!loaded[i].tried)
				load(&loaded[i], files[i]);
			return &loaded[i];
		}
	return NULL;
}

/* --- asking them -------------------------------------------------------------------------- */

const char *
words_of(const char *language, const char *context, const char *text)
{
	const struct loaded *l = loaded_for(language);
	const char *found = NULL;

	if (l != NULL && l->catalogue != NULL && *text != '\0')
		found = catalogue_find(l->catalogue, context, text);
	return found != NULL ? found : text;
}

const char *
words_in(const char *language, const char *text)
{
	return words_of(language, NULL, text);
}

int
words_check(const char *language, struct err *e)
{
	const struct loaded *l = loaded_for(language);

	if (l == NULL || l->catalogue != NULL)
		return 0;
	*e = l->why;
	return -1;
}

static const char *here = "en";

/* "zh_CN.UTF-8" is zh; the first of a list that is ours counts. */
static const char *
first_of_ours(const char *list)
{
	for (size_t len; *list != '\0'; list += len + (list[len] == ':')) {
		size_t word = strcspn(list, "_.@:");

		len = strcspn(list, ":");
		for (size_t i = 0; i < LANGUAGES; i++)
			if (word == 2 && strncmp(list, words_languages[i], 2) == 0)
				return words_languages[i];
		if (strncmp(list, "C", len) == 0 || strncmp(list, "POSIX", len) == 0)
			break;
	}
	return "en";
}

void
words_from_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *locale = NULL, *list = getenv("LANGUAGE");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (locale == NULL || *locale == '\0')
			locale = getenv(names[i]);
	if (locale == NULL || *locale == '\0')
		locale = "C";
	/* whoever wants the C locale wants what scripts can read, whatever LANGUAGE says */
	if (list == NULL || *list == '\0' || strcmp(locale, "C") == 0 ||
	    strcmp(locale, "POSIX") == 0)
		list = locale;
	here = first_of_ours(list);
}

const char *
words_language(void)
{
	return here;
}

const char *
words_here(const char *text)
{
	return words_in(here, text);
}
