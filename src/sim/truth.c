#include "sim/truth.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct truth {
	int fd;
	struct buf line;
};

struct truth *
truth_open(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	struct truth *t;

	if (fd < 0) {
		err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
		return NULL;
	}
	t = mem_new(sizeof *t);
	t->fd = fd;
	return t;
}

void
truth_close(struct truth *t)
{
	if (t == NULL)
		return;
	close(t->fd);
	buf_clear(&t->line);
	free(t);
}

/* A truth that cannot be written would make every later judgement worthless. */
void
truth_tell(void *arg, int64_t t_us, const char *meter, const char *event, const char *fields)
{
	struct truth *t = arg;

	t->line.len = 0;
	buf_printf(&t->line, "{\"t_us\":%lld,\"meter\":\"%s\",\"event\":\"%s\"%s%s}\n",
	    (long long)t_us, meter, event, fields[0] != '\0' ? "," : "", fields);
	if (write(t->fd, t->line.bytes, t->line.len) != (ssize_t)t->line.len) {
		fprintf(stderr, "powergate-sim: truth log: %s\n", strerror(errno));
		exit(1);
	}
}
