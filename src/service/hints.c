#include "service/hints.h"

#include "base/buf.h"
#include "base/loop.h"
#include "store/store_meter.h"

#include <stdlib.h>

#define GATHER_US (SECOND_US / 100)

struct hints {
	struct loop *loop;
	struct db *db;
	const char *node;
	struct db_column endpoints;
	struct timer timer;
};

static void
hints_tell(void *arg)
{
	struct hints *h = arg;

	store_endpoint_hint(h->db, &h->endpoints, h->node);
	db_column_clear(&h->endpoints);
}

void
hints_add(struct hints *h, int64_t endpoint_id)
{
	db_column_int(&h->endpoints, endpoint_id);
	if (!timer_running(&h->timer))
		timer_start(&h->timer, h->loop, GATHER_US, hints_tell, h);
}

struct hints *
hints_new(struct loop *l, struct db *db, const char *node)
{
	struct hints *h = mem_new(sizeof *h);

	h->loop = l;
	h->db = db;
	h->node = node;
	return h;
}

void
hints_free(struct hints *h)
{
	if (h == NULL)
		return;
	timer_stop(&h->timer);
	db_column_free(&h->endpoints);
	free(h);
}
