#include "service/logins.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "service/session.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_A_BATCH 500

struct login {
	struct login *next;
	struct session *s; /* NULL once it is gone */
	bool is_dtu;
};

struct batch {
	struct logins *l;
	int n;
	struct login *logins[]; /* NULL once answered */
};

struct logins {
	struct loop *loop;
	struct db *db;
	const char *node;
	login_fn *fn;
	void *arg;
	struct login *first, **last;
	struct map *by_session; /* the waiting and the flying */
	struct batch *flying;
	int singly; /* so many go alone: a statement of all of them was refused */
	struct db_column gone, epochs, why;
	bool writing_gone;
	struct timer poke;
	struct logctx log;
};

static void logins_poke(void *arg);

static void
login_answer(
    struct logins *l, struct login *in, const struct session_opened *o, const struct err *e)
{
	struct session *s = in->s;

	if (s != NULL)
		map_take(l->by_session, (intptr_t)s);
	free(in);
	l->fn(s, o, e, l->arg);
}

/* --- who has gone ------------------------------------------------------------------------- */

static void
on_gone(const struct err *e, void *arg)
{
	struct logins *l = arg;

	l->writing_gone = false;
	if (e->class != ERR_NONE)
		slog(l, LOG_LEVEL_ERROR, "%s", e->text);
	logins_poke(l);
}

static void
write_gone(struct logins *l)
{
	if (l->gone.n == 0)
		return;
	l->writing_gone = true;
	store_session_close(l->db, &l->gone, &l->epochs, &l->why, loop_now_us(l->loop), on_gone, l);
	db_column_clear(&l->gone);
	db_column_clear(&l->epochs);
	db_column_clear(&l->why);
}

void
logins_close(struct logins *l, const struct endpoint *ep, const char *why)
{
	db_column_int(&l->gone, ep->id);
	db_column_int(&l->epochs, ep->epoch);
	db_column_text(&l->why, why);
	loop_defer(&l->poke, l->loop, logins_poke, l);
}

/* --- who comes ---------------------------------------------------------------------------- */

static void
on_opened(int which, const struct session_opened *o, void *arg)
{
	struct batch *b = arg;
	struct login *in = b->logins[which];
	const struct err fine = {0};

	b->logins[which] = NULL;
	login_answer(b->l, in, o, &fine);
}

/* In front of those that wait, in their order. */
static void
ask_singly(struct logins *l, struct batch *b)
{
	for (int i = b->n - 1; i >= 0; i--) {
		struct login *in = b->logins[i];

		in->next = l->first;
		if (l->first == NULL)
			l->last = &in->next;
		l->first = in;
		l->singly++;
	}
}

static void
on_batch_over(const struct err *e, void *arg)
{
	const struct session_opened none = {0};
	struct batch *b = arg;
	struct logins *l = b->l;

	l->flying = NULL;
	if (b->n > 1 && (e->class == ERR_REFUSED || e->class == ERR_BUG))
		ask_singly(l, b);
	else
		for (int i = 0; i < b->n; i++)
			if (b->logins[i] != NULL)
				login_answer(l, b->logins[i], &none, e);
	free(b);
	logins_poke(l);
}

/* Two names that merely share a number wait for each other too. */
static int64_t
name_number(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return (int64_t)h;
}

static struct batch *
next_batch(struct logins *l)
{
	int most = l->singly > 0 ? 1 : MOST_A_BATCH;
	struct batch *b = mem_new(sizeof *b + (size_t)most * sizeof *b->logins);
	struct map *names = map_new();
	struct login **at = &l->first, *in;

	b->l = l;
	while ((in = *at) != NULL && b->n < most) {
		int64_t name = in->s != NULL ? name_number(session_identity(in->s)) : 0;

		if (in->s != NULL && map_get(names, name) != NULL) {
			at = &in->next;
			continue;
		}
		*at = in->next;
		if (in->s == NULL) { /* gone before it was its turn */
			free(in);
			continue;
		}
		map_put(names, name, in);
		b->logins[b->n++] = in;
	}
	if (*at == NULL)
		l->last = at;
	if (l->singly > 0)
		l->singly--;
	map_free(names);
	return b;
}

static void
logins_poke(void *arg)
{
	struct session_named who[MOST_A_BATCH];
	struct logins *l = arg;
	struct batch *b;

	if (!l->writing_gone)
		write_gone(l);
	if (l->flying != NULL || l->first == NULL)
		return;
	b = next_batch(l);
	if (b->n == 0) {
		free(b);
		return;
	}
	for (int i = 0; i < b->n; i++) {
		const struct login *in = b->logins[i];

		who[i].identity = session_identity(in->s);
		who[i].is_dtu = in->is_dtu;
		snprintf(who[i].peer, sizeof who[i].peer, "%s", session_peer(in->s));
	}
	write_gone(l);
	l->flying = b;
	store_session_open(
	    l->db, who, b->n, l->node, loop_now_us(l->loop), on_opened, on_batch_over, b);
}

void
logins_open(struct logins *l, struct session *s, bool is_dtu)
{
	struct login *in = mem_new(sizeof *in);

	in->s = s;
	in->is_dtu = is_dtu;
	*l->last = in;
	l->last = &in->next;
	map_put(l->by_session, (intptr_t)s, in);
	loop_defer(&l->poke, l->loop, logins_poke, l);
}

void
logins_forget(struct logins *l, struct session *s)
{
	struct login *in = map_take(l->by_session, (intptr_t)s);

	if (in != NULL)
		in->s = NULL;
}

struct logins *
logins_new(struct loop *loop, struct db *db, const char *node, login_fn *fn, void *arg)
{
	struct logins *l = mem_new(sizeof *l);

	l->loop = loop;
	l->db = db;
	l->node = node;
	l->fn = fn;
	l->arg = arg;
	l->last = &l->first;
	l->by_session = map_new();
	l->log.module = "logins";
	return l;
}

void
logins_free(struct logins *l)
{
	struct login *in;

	if (l == NULL)
		return;
	timer_stop(&l->poke);
	for (int i = 0; l->flying != NULL && i < l->flying->n; i++)
		free(l->flying->logins[i]);
	free(l->flying);
	while ((in = l->first) != NULL) {
		l->first = in->next;
		free(in);
	}
	map_free(l->by_session);
	db_column_free(&l->gone);
	db_column_free(&l->epochs);
	db_column_free(&l->why);
	free(l);
}
