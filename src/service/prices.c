/*
 * A look is: let time turn the versions, and when the mark has moved, list what is approved,
 * fetch the texts of those not seen before in small portions, and put books together.
 *
 * Every version is read once.  Lists of pointers to them are cheap, so a book that no longer
 * holds is put aside and not freed: nobody needs to be asked whether he still looks at it.
 */
#include "service/prices.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "codec/price_yaml.h"
#include "store/store_names.h"
#include "store/store_price.h"

#include <stdio.h>
#include <stdlib.h>

#define SWEEP_US SECOND_US
#define AT_ONCE  16 /* texts a portion: reading one takes a good part of a millisecond */

struct version {
	struct price_version v; /* first: prices_version_id() finds the rest */
	int64_t id;
	char name[80];
	bool read, good;
};

struct book {
	struct book *next; /* put aside */
	int64_t tariff_id;
	const struct price_version **versions;
	size_t n;
	bool good;
	struct price_book book;
};

/* What is approved, as just listed. */
struct entry {
	int64_t tariff_id;
	struct version *version;
};

struct prices {
	struct loop *loop;
	struct db *db;
	prices_fn *fn;
	void *arg;
	struct map *versions, *books; /* by id, by tariff */
	struct book *aside;
	struct entry *entries;
	size_t n, room;
	int64_t mark, coming; /* coming: of what is being loaded */
	bool known, busy, again;
	struct timer sweep, poke;
	struct logctx log;
};

static void fetch_missing(struct prices *p);

/* --- versions ------------------------------------------------------------------------------ */

static void
unreadable(struct prices *p, const struct version *v, const char *why)
{
	slog(p, LOG_LEVEL_ERROR, "%s prices nothing: %s", v->name, why);
	store_price_unreadable(p->db, v->id, why, loop_now_us(p->loop));
}

static void
on_listed(const struct store_price *row, void *arg)
{
	struct prices *p = arg;
	struct version *v = map_get(p->versions, row->id);

	if (v == NULL) {
		v = mem_new(sizeof *v);
		v->id = row->id;
		snprintf(v->name, sizeof v->name, "%s", row->name);
		map_put(p->versions, v->id, v);
	}
	if (!row->intact && (v->good || !v->read))
		unreadable(p, v, "its text is not the one that was approved");
	if (!row->intact) {
		v->read = true;
		v->good = false;
	}
	if (p->n == p->room) {
		p->room = p->room > 0 ? 2 * p->room : 16;
		p->entries = mem_more(p->entries, p->room * sizeof *p->entries);
	}
	p->entries[p->n++] = (struct entry){row->tariff_id, v};
}

static void
on_source(int64_t id, struct span source, void *arg)
{
	struct prices *p = arg;
	struct version *v = map_get(p->versions, id);
	struct err e;

	if (v == NULL || v->read)
		return;
	v->read = true;
	v->good = price_yaml_parse(v->name, source, &v->v, &e) == 0;
	if (!v->good)
		unreadable(p, v, e.text);
}

/* --- books --------------------------------------------------------------------------------- */

static bool
book_holds(const struct book *b, const struct entry *entries, size_t n)
{
	if (b == NULL || b->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (b->versions[i] != &entries[i].version->v ||
		    (b->good && !entries[i].version->good))
			return false;
	return true;
}

static void
put_aside(struct prices *p, struct book *b)
{
	if (b == NULL)
		return;
	b->next = p->aside;
	p->aside = b;
}

static void
book_make(struct prices *p, const struct entry *entries, size_t n)
{
	struct book *b = mem_new(sizeof *b);
	struct err e;

	b->tariff_id = entries[0].tariff_id;
	b->versions = mem_new(n * sizeof *b->versions);
	b->n = n;
	b->good = true;
	for (size_t i = 0; i < n; i++) {
		b->versions[i] = &entries[i].version->v;
		b->good = b->good && entries[i].version->good;
	}
	b->book = (struct price_book){NULL, b->versions, n};
	if (b->good && price_book_check(&b->book, &e) < 0) {
		unreadable(p, entries[n - 1].version, e.text);
		b->good = false;
	}
	if (b->good)
		b->book.calendar = store_zone(b->versions[0]->zone);
	put_aside(p, map_take(p->books, b->tariff_id));
	map_put(p->books, b->tariff_id, b);
}

static bool
is_listed(const struct prices *p, int64_t tariff_id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->entries[i].tariff_id == tariff_id)
			return true;
	return false;
}

/* Tariffs whose last version was withdrawn before it began. */
static void
drop_unlisted(struct prices *p)
{
	struct book *b, *gone = NULL;
	size_t cursor = 0;

	while ((b = map_next(p->books, &cursor)) != NULL)
		if (!is_listed(p, b->tariff_id)) {
			b->next = gone;
			gone = b;
		}
	while ((b = gone) != NULL) {
		gone = b->next;
		put_aside(p, map_take(p->books, b->tariff_id));
	}
}

static void
books_make(struct prices *p)
{
	for (size_t i = 0, n; i < p->n; i += n) {
		for (n = 1; i + n < p->n && p->entries[i + n].tariff_id == p->entries[i].tariff_id;)
			n++;
		if (!book_holds(map_get(p->books, p->entries[i].tariff_id), &p->entries[i], n))
			book_make(p, &p->entries[i], n);
	}
	drop_unlisted(p);
	p->mark = p->coming;
	p->known = true;
}

/* --- looking ------------------------------------------------------------------------------- */

static void
ended(struct prices *p, bool changed)
{
	p->busy = false;
	if (p->again)
		prices_look(p);
	if (changed)
		p->fn(p->arg);
}

static void
failed(struct prices *p, const struct err *e)
{
	slog(p, LOG_LEVEL_WARN, "prices stay as they were: %s", e->text);
	ended(p, false);
}

static void
on_sources(const struct err *e, void *arg)
{
	if (e->class != ERR_NONE)
		failed(arg, e);
	else
		fetch_missing(arg);
}

static void
fetch_missing(struct prices *p)
{
	int64_t ids[AT_ONCE];
	size_t n = 0;

	for (size_t i = 0; i < p->n && n < AT_ONCE; i++)
		if (!p->entries[i].version->read)
			ids[n++] = p->entries[i].version->id;
	if (n > 0) {
		store_price_sources(p->db, ids, n, on_source, on_sources, p);
		return;
	}
	books_make(p);
	ended(p, true);
}

static void
on_list(const struct err *e, void *arg)
{
	if (e->class != ERR_NONE)
		failed(arg, e);
	else
		fetch_missing(arg);
}

static void
on_turn(int64_t mark, int turned, const struct err *e, void *arg)
{
	struct prices *p = arg;

	if (e->class != ERR_NONE) {
		failed(p, e);
		return;
	}
	if (turned > 0)
		slog(p, LOG_LEVEL_INFO, "%d price versions became active", turned);
	if (p->known && mark == p->mark) {
		ended(p, turned > 0);
		return;
	}
	p->coming = mark;
	p->n = 0;
	store_prices(p->db, on_listed, on_list, p);
}

static void
prices_poke(void *arg)
{
	struct prices *p = arg;

	if (p->busy) {
		p->again = true;
		return;
	}
	p->busy = true;
	p->again = false;
	store_prices_turn(p->db, loop_now_us(p->loop), on_turn, p);
}

void
prices_look(struct prices *p)
{
	loop_defer(&p->poke, p->loop, prices_poke, p);
}

static void
on_sweep(void *arg)
{
	struct prices *p = arg;

	timer_sweep(&p->sweep, p->loop, SWEEP_US, on_sweep, p);
	if (!p->busy)
		prices_poke(p);
}

/* --- life ---------------------------------------------------------------------------------- */

struct prices *
prices_new(struct loop *l, struct db *db, prices_fn *fn, void *arg)
{
	struct prices *p = mem_new(sizeof *p);

	p->loop = l;
	p->db = db;
	p->fn = fn;
	p->arg = arg;
	p->versions = map_new();
	p->books = map_new();
	p->log.module = "prices";
	timer_start(&p->sweep, l, SWEEP_US, on_sweep, p);
	prices_look(p);
	return p;
}

void
prices_free(struct prices *p)
{
	size_t cursor = 0;
	struct book *b;
	void *v;

	if (p == NULL)
		return;
	timer_stop(&p->sweep);
	timer_stop(&p->poke);
	while ((b = map_next(p->books, &cursor)) != NULL)
		put_aside(p, b);
	while ((b = p->aside) != NULL) {
		p->aside = b->next;
		free(b->versions);
		free(b);
	}
	cursor = 0;
	while ((v = map_next(p->versions, &cursor)) != NULL)
		free(v);
	map_free(p->books);
	map_free(p->versions);
	free(p->entries);
	free(p);
}

bool
prices_known(const struct prices *p)
{
	return p->known;
}

int64_t
prices_mark(const struct prices *p)
{
	return p->mark;
}

const struct price_book *
prices_book(const struct prices *p, int64_t tariff_id)
{
	const struct book *b = map_get(p->books, tariff_id);

	return b != NULL && b->good ? &b->book : NULL;
}

const struct price_version *
prices_version(const struct prices *p, int64_t id)
{
	const struct version *v = map_get(p->versions, id);

	return v != NULL && v->good ? &v->v : NULL;
}

int64_t
prices_version_id(const struct price_version *v)
{
	return ((const struct version *)v)->id;
}

const char *
prices_version_name(const struct price_version *v)
{
	return ((const struct version *)v)->name;
}
