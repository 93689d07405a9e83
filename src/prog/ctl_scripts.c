/*
 * The SQL files on disk: found, numbered, read whole.
 */
#include "prog/ctl_migrate.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPTS_MOST 9999

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct script *)a)->name, ((const struct script *)b)->name);
}

void
scripts_clear(struct scripts *s)
{
	for (int i = 0; i < s->n; i++) {
		free(s->all[i].name);
		free(s->all[i].path);
	}
	free(s->all);
	*s = (struct scripts){0};
}

int
scripts_find(struct scripts *s, const char *dir, const char *part, struct err *e)
{
	struct buf path = {0};
	struct dirent *entry;
	size_t len;
	DIR *d;

	buf_printf(&path, "%s/%s", dir, part);
	if ((d = opendir(buf_text(&path))) == NULL) {
		err_set(e, ERR_INPUT, "%s: %s", buf_text(&path), strerror(errno));
		buf_clear(&path);
		return -1;
	}
	while ((entry = readdir(d)) != NULL && s->n < SCRIPTS_MOST) {
		len = strlen(entry->d_name);
		if (len < 5 || entry->d_name[0] == '.' ||
		    strcmp(entry->d_name + len - 4, ".sql") != 0)
			continue;
		s->all = mem_more(s->all, (size_t)(s->n + 1) * sizeof *s->all);
		s->all[s->n].name = mem_text(entry->d_name);
		s->all[s->n].name[len - 4] = '\0';
		buf_clear(&path);
		buf_printf(&path, "%s/%s/%s", dir, part, entry->d_name);
		s->all[s->n].path = mem_text(buf_text(&path));
		s->all[s->n++].version = 0;
	}
	closedir(d);
	buf_clear(&path);
	if (s->n == 0)
		return err_set(e, ERR_INPUT, "%s/%s: no *.sql here", dir, part);
	qsort(s->all, (size_t)s->n, sizeof *s->all, by_name);
	return 0;
}

int
scripts_number(struct scripts *s, int known, struct err *e)
{
	for (int i = 0; i < s->n; i++) {
		const char *name = s->all[i].name;

		if (strspn(name, "0123456789") != 4 || name[4] != '_')
			return err_set(
			    e, ERR_INPUT, "%s: a name is NNNN_words.sql", s->all[i].path);
		s->all[i].version = (int)strtol(name, NULL, 10);
		if (s->all[i].version != i + 1)
			return err_set(
			    e, ERR_INPUT, "%s: expected number %04d here", s->all[i].path, i + 1);
	}
	if (s->n != known)
		return err_set(e, ERR_INPUT, "%s is version %d, this program is made for %d",
		    s->all[s->n - 1].path, s->n, known);
	return 0;
}

int
script_read(const struct script *s, struct buf *sql, struct err *e)
{
	if (file_read(s->path, FILE_WHOLE, sql, e) < 0)
		return err_wrap(e, "%s", s->path);
	if (strlen(buf_text(sql)) != sql->len)
		return err_set(e, ERR_INPUT, "%s: has a NUL inside", s->path);
	return 0;
}
