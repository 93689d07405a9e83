#include "service/witness.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US (5 * SECOND_US)

struct writing;

struct witness {
	struct loop *loop;
	struct db *db;
	char path[256], next_path[264];
	int64_t delivery, journal; /* the furthest ever seen */
	int64_t held_us;           /* since when it is held for knowing less; 0: it is not */
	bool held, asking, stale;
	struct writing *writing; /* NULL: none */
	pthread_t thread;
	struct timer timer;
	struct logctx log;
};

static const struct db_stmt look = {"witness", DB_BULK, true, 0,
    "SELECT delivery, journal, held, at_us"
    " FROM door.witness($1::bigint, $2::bigint, $3::bigint, $4::bigint)"};

static void
witness_read(struct witness *w)
{
	long long delivery, journal, held;
	FILE *f = fopen(w->path, "re");

	if (f == NULL)
		return;
	if (fscanf(f, "delivery=%lld journal=%lld held_us=%lld", &delivery, &journal, &held) == 3) {
		w->delivery = delivery;
		w->journal = journal;
		w->held_us = held;
	}
	fclose(f);
}

/* One copy on its way to the disk.  fsync may take a second while the database writes, and
 * nothing may block the loop, so a thread of its own does it; it touches nothing but this. */
struct writing {
	char path[256], next_path[264], text[120];
	atomic_bool over;
	int error;
};

/* Written beside and renamed: half a file would be a lie. */
static void *
write_out(void *arg)
{
	struct writing *o = arg;
	int fd = open(o->next_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	ssize_t len = (ssize_t)strlen(o->text);
	bool ok = fd >= 0 && write(fd, o->text, (size_t)len) == len && fsync(fd) == 0;

	if (!ok)
		o->error = errno;
	if (fd >= 0)
		close(fd);
	if (ok && rename(o->next_path, o->path) < 0)
		o->error = errno;
	atomic_store(&o->over, true);
	return NULL;
}

/* What the last writing came to; false while it is still under way. */
static bool
writing_over(struct witness *w)
{
	if (w->writing == NULL)
		return true;
	if (!atomic_load(&w->writing->over))
		return false;
	pthread_join(w->thread, NULL);
	if (w->writing->error != 0)
		slog(
		    w, LOG_LEVEL_WARN, "cannot write %s: %s", w->path, strerror(w->writing->error));
	free(w->writing);
	w->writing = NULL;
	return true;
}

static void
witness_write(struct witness *w)
{
	struct writing *o;

	if (!writing_over(w)) {
		w->stale = true; /* the next look writes what is newest then */
		return;
	}
	w->stale = false;
	o = mem_new(sizeof *o);
	memcpy(o->path, w->path, sizeof o->path);
	memcpy(o->next_path, w->next_path, sizeof o->next_path);
	snprintf(o->text, sizeof o->text, "delivery=%lld journal=%lld held_us=%lld\n",
	    (long long)w->delivery, (long long)w->journal, (long long)w->held_us);
	w->writing = o;
	if (pthread_create(&w->thread, NULL, write_out, o) != 0) {
		write_out(o); /* better late than never */
		free(o);
		w->writing = NULL;
	}
}

static void
on_looked(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct witness *w = arg;
	int64_t delivery, journal;

	w->asking = false;
	if (rows == NULL || db_rows_count(rows) == 0) {
		slog(w, LOG_LEVEL_WARN, "%s", e->text);
		return;
	}
	delivery = db_cell_int(rows, 0, 0);
	journal = db_cell_int(rows, 0, 1);
	if (db_cell_bool(rows, 0, 2) != w->held) {
		w->held = !w->held;
		slog(w, LOG_LEVEL_WARN,
		    w->held ? "the head-end is held: no credit, no trips"
			    : "the head-end is released");
	}
	if (w->held && (delivery < w->delivery || journal < w->journal)) {
		/* what was lost is not forgotten before a person has released it */
		if (w->held_us == 0) {
			w->held_us = db_cell_int(rows, 0, 3);
			witness_write(w);
		}
		return;
	}
	if (delivery != w->delivery || journal != w->journal || w->held_us != 0 || w->stale) {
		w->delivery = delivery;
		w->journal = journal;
		w->held_us = 0;
		witness_write(w);
	}
}

static void
on_timer(void *arg)
{
	struct witness *w = arg;

	timer_sweep(&w->timer, w->loop, LOOK_US, on_timer, w);
	if (w->asking)
		return;
	w->asking = true;
	db_ask(w->db, &look, on_looked, w, db_int(w->delivery), db_int(w->journal),
	    db_int(w->held_us), db_int(loop_now_us(w->loop)));
}

int
witness_try(const char *dir, struct err *e)
{
	struct stat s;

	if (stat(dir, &s) < 0 || (S_ISDIR(s.st_mode) && access(dir, W_OK | X_OK) < 0))
		return err_set(e, ERR_INPUT, "daemon.state_dir: %s: %s", dir, strerror(errno));
	if (!S_ISDIR(s.st_mode))
		return err_set(e, ERR_INPUT, "daemon.state_dir: %s is no directory", dir);
	return 0;
}

struct witness *
witness_new(struct loop *l, struct db *db, const char *dir, const char *node)
{
	struct witness *w = mem_new(sizeof *w);

	w->loop = l;
	w->db = db;
	w->log.module = "witness";
	snprintf(w->path, sizeof w->path, "%.200s/witness-%.40s", dir, node);
	snprintf(w->next_path, sizeof w->next_path, "%s.next", w->path);
	witness_read(w);
	loop_defer(&w->timer, l, on_timer, w);
	return w;
}

void
witness_free(struct witness *w)
{
	if (w == NULL)
		return;
	timer_stop(&w->timer);
	while (!writing_over(w))
		usleep(1000);
	free(w);
}
