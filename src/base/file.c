#include "base/file.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>

int
file_read_open(FILE *in, size_t most, struct buf *out, struct err *e)
{
	uint8_t part[16384];
	size_t n;

	errno = 0;
	while (out->len <= most && (n = fread(part, 1, sizeof part, in)) > 0)
		buf_put(out, part, n);
	return ferror(in) ? err_set(e, ERR_INPUT, "%s", strerror(errno != 0 ? errno : EIO)) : 0;
}

int
file_read(const char *path, size_t most, struct buf *out, struct err *e)
{
	FILE *in = fopen(path, "re");
	int rc;

	if (in == NULL)
		return err_set(e, ERR_INPUT, "%s", strerror(errno));
	rc = file_read_open(in, most, out, e);
	fclose(in);
	return rc;
}
