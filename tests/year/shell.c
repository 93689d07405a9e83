#include "shell.h"

#include "base/buf.h"
#include "base/loop.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	struct loop *loop;
	char *dir, *line; /* NULL: nothing to be done */
	pid_t pid;        /* 0: not begun */
	int from;
	struct event *readable;
	struct buf words;
	struct timer over;
	shell_fn *fn;
	void *arg;
} it;

static void
on_over(void *arg)
{
	int status = 0;
	struct buf words = it.words;
	shell_fn *fn = it.fn;

	(void)arg;
	waitpid(it.pid, &status, 0);
	free(it.dir);
	free(it.line);
	it.line = it.dir = NULL;
	it.words = (struct buf){0};
	fn(WIFEXITED(status) ? WEXITSTATUS(status) : -1, buf_text(&words), it.arg);
	buf_clear(&words);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	char part[4096];
	ssize_t n = read(fd, part, sizeof part);

	(void)what;
	(void)arg;
	if (n > 0) {
		buf_put(&it.words, part, (size_t)n);
		return;
	}
	event_free(it.readable);
	it.readable = NULL;
	close(fd);
	loop_defer(&it.over, it.loop, on_over, NULL);
}

static _Noreturn void
become(int to)
{
	int none = open("/dev/null", O_RDONLY);

	signal(SIGPIPE, SIG_DFL);
	if (none < 0 || dup2(none, 0) < 0 || dup2(to, 1) < 0 || dup2(to, 2) < 0 ||
	    chdir(it.dir) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", it.line, (char *)NULL);
	_exit(127);
}

static void
begin(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || (it.pid = fork()) < 0) {
		perror("year: shell");
		abort();
	}
	if (it.pid == 0)
		become(ends[1]);
	close(ends[1]);
	it.from = ends[0];
	it.readable =
	    event_new(loop_base(it.loop), it.from, EV_READ | EV_PERSIST, on_readable, NULL);
	event_add(it.readable, NULL);
}

void
shell_run(struct loop *l, const char *dir, const char *line, shell_fn *fn, void *arg)
{
	it.loop = l;
	it.dir = mem_text(dir);
	it.line = mem_text(line);
	it.pid = 0;
	it.fn = fn;
	it.arg = arg;
}

bool
shell_busy(void)
{
	if (it.line != NULL && it.pid == 0)
		begin();
	return it.readable != NULL;
}
