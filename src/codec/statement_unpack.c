/*
 * Out of the package and into UTF-8.
 *
 * A package is as large as it says only when it has been unpacked, so the bytes are counted as
 * they come.  Nothing is ever written to a file, so what an entry calls itself does not matter;
 * one that points out of its folder is refused all the same, for nobody honest packs that.
 */
#include "codec/statement_parts.h"

#include "base/err.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MOST 16

/* --- packages ---------------------------------------------------------------------------- */

static int
archive_fail(struct archive *a, struct err *e)
{
	const char *why = archive_error_string(a);

	return err_set(e, ERR_INPUT, "cannot be unpacked: %s", why != NULL ? why : "broken");
}

static bool
is_outside(const char *path)
{
	if (path == NULL)
		return false; /* a name in no character set: it is not used */
	if (path[0] == '/' || path[0] == '\\')
		return true;
	for (const char *p = path; *p != '\0'; p += p[strcspn(p, "/\\")] != '\0') {
		size_t len = strcspn(p, "/\\");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += len;
	}
	return false;
}

static int
read_entry(struct archive *a, struct buf *text, size_t *total, struct err *e)
{
	uint8_t bytes[16384];
	ssize_t n;

	while ((n = archive_read_data(a, bytes, sizeof bytes)) > 0) {
		*total += (size_t)n;
		if (*total > STATEMENT_MOST)
			return err_set(
			    e, ERR_INPUT, "more than %zu MB when unpacked", STATEMENT_MOST >> 20);
		buf_put(text, bytes, (size_t)n);
	}
	return n < 0 ? archive_fail(a, e) : 0;
}

static int
read_entries(struct archive *a, int (*take)(struct buf *text, void *arg, struct err *e), void *arg,
    struct err *e)
{
	struct archive_entry *entry;
	size_t total = 0;
	int got, rc = 0;

	for (int n = 0; rc == 0 && (got = archive_read_next_header(a, &entry)) != ARCHIVE_EOF;) {
		struct buf text = {0};

		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return archive_fail(a, e);
		if (archive_entry_filetype(entry) == AE_IFDIR)
			continue;
		if (++n > ENTRIES_MOST)
			return err_set(e, ERR_INPUT, "more than %d files in it", ENTRIES_MOST);
		if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_is_encrypted(entry))
			return err_set(e, ERR_INPUT, "file %d in it is no plain file", n);
		if (is_outside(archive_entry_pathname(entry)))
			return err_set(e, ERR_INPUT, "file %d in it points outside", n);
		rc = read_entry(a, &text, &total, e);
		if (rc == 0)
			rc = take(&text, arg, e);
		buf_clear(&text);
	}
	return rc;
}

static bool
begins(struct span file, const char *mark, size_t len)
{
	return file.len >= len && memcmp(file.bytes, mark, len) == 0;
}

int
statement_unpack(struct span file, int (*take)(struct buf *text, void *arg, struct err *e),
    void *arg, struct err *e)
{
	bool zip = begins(file, "PK\3\4", 4), gzip = begins(file, "\x1f\x8b", 2);
	struct archive *a;
	int rc;

	if (file.len > STATEMENT_MOST)
		return err_set(e, ERR_INPUT, "more than %zu MB", STATEMENT_MOST >> 20);
	if (!zip && !gzip) {
		struct buf text = {0};

		if (file.len > 0)
			buf_put(&text, file.bytes, file.len);
		rc = take(&text, arg, e);
		buf_clear(&text);
		return rc;
	}
	a = archive_read_new();
	if (a == NULL || (zip ? archive_read_support_format_zip(a)
			      : archive_read_support_format_raw(a) |
				     archive_read_support_filter_gzip(a)) != ARCHIVE_OK)
		abort(); /* no memory, or a library without zip or gzip */
	rc = archive_read_open_memory(a, file.bytes, file.len) == ARCHIVE_OK
		 ? read_entries(a, take, arg, e)
		 : archive_fail(a, e);
	archive_read_free(a);
	return rc;
}

/* --- character sets ---------------------------------------------------------------------- */

static int
convert(iconv_t c, struct span in, struct buf *out, struct err *e)
{
	char *from = (char *)in.bytes, room[8192];
	size_t left = in.len, line = 1;

	while (left > 0) {
		char *to = room;
		size_t space = sizeof room;
		size_t rc = iconv(c, &from, &left, &to, &space);

		buf_put(out, room, sizeof room - space);
		if (rc != (size_t)-1 || errno == E2BIG)
			continue;
		for (const char *p = (const char *)in.bytes; p < from; p++)
			line += *p == '\n';
		return err_set(e, ERR_INPUT, "line %zu: not GBK", line);
	}
	return 0;
}

int
text_from_gbk(struct span in, struct buf *out, struct err *e)
{
	iconv_t c = iconv_open("UTF-8", "GB18030");
	int rc;

	if (c == (iconv_t)-1)
		return err_set(e, ERR_BUG, "this system does not know GB18030");
	rc = convert(c, in, out, e);
	iconv_close(c);
	return rc;
}
