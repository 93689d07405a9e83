#include "service/groups.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store_group.h"

#include <stdlib.h>

#define TURN_US (SECOND_US / 2)

struct groups {
	struct loop *loop;
	struct db *db;
	groups_work_fn *fn;
	void *arg;
	struct timer turn;
	struct logctx log;
};

static void on_turn(void *arg);

static void
on_ordered(int64_t endpoint_id, void *arg)
{
	struct groups *g = arg;

	g->fn(endpoint_id, g->arg);
}

/* The next one only then: a turn that waits for the database is not doubled. */
static void
on_turned(const struct err *e, void *arg)
{
	struct groups *g = arg;

	if (e->class != ERR_NONE)
		slog(g, LOG_LEVEL_ERROR, "%s", e->text);
	timer_sweep(&g->turn, g->loop, TURN_US, on_turn, g);
}

static void
on_turn(void *arg)
{
	struct groups *g = arg;

	store_groups_turn(g->db, loop_now_us(g->loop), on_ordered, on_turned, g);
}

struct groups *
groups_new(struct loop *l, struct db *db, groups_work_fn *fn, void *arg)
{
	struct groups *g = mem_new(sizeof *g);

	g->loop = l;
	g->db = db;
	g->fn = fn;
	g->arg = arg;
	g->log.module = "groups";
	timer_sweep(&g->turn, l, TURN_US, on_turn, g);
	return g;
}

void
groups_free(struct groups *g)
{
	if (g == NULL)
		return;
	timer_stop(&g->turn);
	free(g);
}
