/*
 * A look lists, in portions, the meters of which another version is wanted than is asked of them
 * already, and gives each group of the same version and kind of meter its wish in one statement.
 * The list is of what is missing, so that nothing has to be remembered here: after a crash, or
 * when a meter has found another account, the next look goes on.  A look goes through the list
 * once, whatever comes of each: what fails is asked for again at the next.
 */
#include "service/price_wish.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "codec/dlt645_parameters.h"
#include "codec/dlt645_profile.h"
#include "model/calendar.h"
#include "model/meter_tariff.h"
#include "model/price.h"
#include "service/prices.h"
#include "store/store_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_US (30 * SECOND_US)
#define PORTION  500

struct price_wish {
	struct loop *loop;
	struct db *db;
	const struct prices *prices;
	bool busy, again;
	struct store_missing last; /* of this look, up to here */
	char last_profile[48];
	int64_t version_id; /* of the group that is being gathered */
	bool priced;
	struct db_column meters;
	struct timer sweep, poke;
	struct logctx log;
};

/* The version as such a meter holds it, or why it cannot. */
static int
wish_text(
    const struct price_wish *w, const struct price_version *v, struct buf *json, struct err *e)
{
	struct meter_room room = meter_room_most(w->priced);
	struct calendar *zone = calendar_new(v->zone, e); /* no other will do for its switches */
	struct meter_tariff *t;
	int rc;

	if (zone == NULL)
		return -1;
	t = mem_new(sizeof *t);
	rc = meter_tariff_of(t, v, zone, &room, loop_now_us(w->loop), e);
	if (rc == 0)
		meter_tariff_json(t, v->zone, json);
	calendar_free(zone);
	free(t);
	return rc;
}

/* All meters gathered so far are of one version and one kind. */
static void
group_end(struct price_wish *w)
{
	const struct price_version *v = prices_version(w->prices, w->version_id);
	struct buf json = {0};
	struct err e;

	if (w->meters.n > 0 && v == NULL) {
		slog(w, LOG_LEVEL_WARN,
		    "%d meters wait: price version %lld is not loaded, or not to be read",
		    w->meters.n, (long long)w->version_id);
	} else if (w->meters.n > 0) {
		const char *name = prices_version_name(v);
		int64_t now_us = loop_now_us(w->loop);

		if (wish_text(w, v, &json, &e) == 0) {
			slog(w, LOG_LEVEL_INFO, "%s is wanted of %d meters", name, w->meters.n);
			store_push_wants(w->db, &w->meters, buf_text(&json), name, now_us);
		} else {
			slog(w, LOG_LEVEL_WARN, "%d meters cannot hold %s: %s", w->meters.n, name,
			    e.text);
			store_push_unfit(w->db, &w->meters, name, e.text, now_us);
		}
	}
	buf_clear(&json);
	db_column_clear(&w->meters);
}

static void look_on(struct price_wish *w);

static void
on_missing(const struct store_missing *m, void *arg)
{
	struct price_wish *w = arg;
	const struct dlt645_profile *p = dlt645_profile(m->profile);
	bool priced = p != NULL && p->local;

	w->last = *m;
	snprintf(w->last_profile, sizeof w->last_profile, "%s", m->profile);
	if (m->version_id != w->version_id || priced != w->priced)
		group_end(w);
	w->version_id = m->version_id;
	w->priced = priced;
	db_column_int(&w->meters, m->meter_id);
}

static void
on_missing_done(int n, const struct err *e, void *arg)
{
	struct price_wish *w = arg;

	group_end(w);
	w->busy = false;
	if (e->class != ERR_NONE)
		slog(w, LOG_LEVEL_WARN, "%s", e->text);
	else if (n == PORTION && !w->again)
		look_on(w);
	else if (w->again)
		price_wish_look(w);
}

static void
look_on(struct price_wish *w)
{
	w->busy = true;
	w->last.profile = w->last_profile;
	store_push_missing(
	    w->db, &w->last, PORTION, loop_now_us(w->loop), on_missing, on_missing_done, w);
}

static void
wish_poke(void *arg)
{
	struct price_wish *w = arg;

	if (w->busy) {
		w->again = true;
		return;
	}
	w->again = false;
	if (!prices_known(w->prices))
		return;
	w->last = (struct store_missing){0};
	w->last_profile[0] = '\0';
	look_on(w);
}

void
price_wish_look(struct price_wish *w)
{
	loop_defer(&w->poke, w->loop, wish_poke, w);
}

static void
on_sweep(void *arg)
{
	struct price_wish *w = arg;

	timer_sweep(&w->sweep, w->loop, SWEEP_US, on_sweep, w);
	if (!w->busy && db_backlog(w->db, DB_BULK) == 0)
		wish_poke(w);
}

struct price_wish *
price_wish_new(struct loop *l, struct db *db, const struct prices *prices)
{
	struct price_wish *w = mem_new(sizeof *w);

	w->loop = l;
	w->db = db;
	w->prices = prices;
	w->log.module = "price_wish";
	timer_start(&w->sweep, l, SWEEP_US, on_sweep, w);
	return w;
}

void
price_wish_free(struct price_wish *w)
{
	if (w == NULL)
		return;
	timer_stop(&w->sweep);
	timer_stop(&w->poke);
	db_column_free(&w->meters);
	free(w);
}
