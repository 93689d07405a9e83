/*
 * The files behind the settings: the settings themselves, and secrets.
 *
 * libyaml is quadratic in nested brackets (100 kB of '[' cost ten seconds), so they are counted
 * before it sees any.
 */
#include "base/conf_value.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST     (256 * 1024)
#define SECRET_MOST   65536
#define BRACKETS_MOST 1000

int
conf_text_check(const char *path, struct span text, struct err *e)
{
	size_t brackets = 0;

	if (text.len > FILE_MOST)
		return err_set(e, ERR_INPUT, "%s: longer than 256 kB", path);
	for (size_t i = 0; i < text.len; i++)
		brackets += text.bytes[i] == '[' || text.bytes[i] == '{';
	if (brackets > BRACKETS_MOST)
		return err_set(e, ERR_INPUT, "%s: more than %d brackets", path, BRACKETS_MOST);
	return 0;
}

int
conf_file_read(const char *path, struct buf *text, struct err *e)
{
	if (file_read(path, FILE_MOST, text, e) < 0)
		return err_wrap(e, "%s", path);
	return conf_text_check(path, buf_span(text), e);
}

/* The descriptor's file in out, without its line end. */
static int
secret_read(int fd, char *out, size_t room, struct err *e)
{
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_INPUT, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "not a file");
	if ((st.st_mode & S_IRWXO) != 0)
		return err_set(e, ERR_INPUT, "others may read or change it: mode %04o",
		    (unsigned)st.st_mode & 07777);
	if (st.st_size > SECRET_MOST)
		return err_set(e, ERR_INPUT, "longer than 64 kB");
	while (len < room && (n = read(fd, out + len, room - len)) > 0)
		len += (size_t)n;
	if (len == room)
		return err_set(e, ERR_INPUT, "longer than %zu bytes", room - 1);
	if (len > 0 && out[len - 1] == '\n')
		len--;
	if (len > 0 && out[len - 1] == '\r')
		len--;
	out[len] = '\0';
	if (len == 0 || strlen(out) != len)
		return err_set(e, ERR_INPUT, len == 0 ? "empty" : "has a NUL inside");
	return 0;
}

int
conf_secret_file(const char *path, char *out, size_t room, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	rc = secret_read(fd, out, room, e);
	close(fd);
	return rc < 0 ? err_wrap(e, "%s", path) : 0;
}
