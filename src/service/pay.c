#include "service/pay_parts.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/metric.h"
#include "store/db.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_A_BATCH 500
#define PATIENCE_US  (8 * SECOND_US)
#define COLUMNS      18
#define ORDER_KEY    INT64_C(0x5bd1e995a1b2c3d5)
#define NOTE_US      (SECOND_US / 20) /* when batches were committed is for people to read */

/* One payment on its way; repeats of its keys hang on it. */
struct item {
	struct item *next;
	struct item *repeats;
	struct payment m;
	struct buf body, evidence;
	uint8_t sha[32];
	char actor[40];
	int64_t received_us, deadline_us;
	pay_fn *fn;
	void *arg;
};

struct batch {
	struct pay *p;
	int n;
	struct item *items[]; /* NULL once its sender has lost patience */
};

struct pay {
	struct loop *loop;
	struct db *db;
	pay_work_fn *fn;
	void *arg;
	struct item *first, **last;
	struct hook_list hooks;
	int waiting;
	struct batch *redo[64]; /* halves of one that failed as a whole */
	int nredo;
	struct batch *flying;
	struct timer poke, impatience, note;
	struct db_column columns[COLUMNS];
	struct db_column batches, committed; /* yet to be written down */
	struct logctx log;
};

static const struct db_stmt settle = {"payment_settle", DB_MONEY, true, PATIENCE_US,
    "SELECT n, outcome, payment_id, state, batch_id, endpoint_id FROM "
    "door.payment_settle($1::text[],"
    " $2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::text[],"
    " $9::bigint[], $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],"
    " $16::text[], $17::text[], $18::text[], $19, $20::bigint)"};
static const struct db_stmt committed = {"payment_committed", DB_BULK, true, 0,
    "SELECT door.payment_committed($1::bigint[], $2::bigint[])"};

static void pay_poke(void *arg);

static enum metric
metric_of(enum pay_outcome o)
{
	switch (o) {
	case PAY_ACCEPTED:
		return METRIC_PAYMENTS_ACCEPTED;
	case PAY_DUPLICATE:
		return METRIC_PAYMENTS_DUPLICATE;
	case PAY_CONFLICT:
		return METRIC_PAYMENTS_CONFLICT;
	default:
		return METRIC_PAYMENTS_LATER;
	}
}

/* The repeats of a payment that was new are duplicates of it. */
static void
item_answer(struct item *i, const struct pay_answer *a)
{
	struct pay_answer own = *a;

	while (i != NULL) {
		struct item *next = i->repeats;

		metric_add(metric_of(own.outcome), 1);
		i->fn(&own, i->arg);
		buf_clear(&i->body);
		buf_clear(&i->evidence);
		free(i);
		i = next;
		if (own.outcome == PAY_ACCEPTED)
			own.outcome = PAY_DUPLICATE;
	}
}

/* --- one statement ------------------------------------------------------------------------ */

static int
by_key(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	int order = strcmp(x->m.source, y->m.source);

	return order != 0 ? order : strcmp(x->m.payment_no, y->m.payment_no);
}

static void
put_row(struct pay *p, struct item *i)
{
	struct db_column *c = p->columns;
	const struct payment *m = &i->m;

	db_column_text(&c[0], m->source);
	db_column_text(&c[1], m->event_id);
	db_column_bytes(&c[2], span_of(i->sha, sizeof i->sha));
	db_column_bytes(&c[3], buf_span(&i->body));
	db_column_int(&c[4], i->received_us);
	db_column_text(&c[5], m->payment_no);
	db_column_text(&c[6], m->account_no);
	db_column_text(&c[7], m->meter_no);
	db_column_int(&c[8], m->amount_minor);
	db_column_text(&c[9], m->currency);
	db_column_int(&c[10], m->paid_us);
	db_column_text(&c[11], m->method);
	db_column_text(&c[12], m->terminal);
	db_column_text(&c[13], m->payer);
	db_column_text(&c[14], m->order_no);
	db_column_text(&c[15], m->note);
	db_column_text(&c[16], m->hold);
	db_column_text(&c[17], buf_text(&i->evidence));
}

/* Whether the sender still waits for it or not, the work it makes is there. */
static void
answer_row(struct pay *p, struct item *i, const struct db_rows *rows, int row)
{
	const char *outcome = db_cell_text(rows, row, 1);
	struct pay_answer a = {
	    .outcome = PAY_ACCEPTED,
	    .receipt = db_cell_int(rows, row, 2),
	    .suspense = strcmp(db_cell_text(rows, row, 3), "suspense") == 0,
	};

	if (strcmp(outcome, "accepted") == 0)
		p->fn(db_cell_int(rows, row, 5), p->arg);
	if (i == NULL)
		return;
	if (strcmp(outcome, "duplicate") == 0) {
		a.outcome = PAY_DUPLICATE;
	} else if (strncmp(outcome, "conflict", 8) == 0) {
		a.outcome = PAY_CONFLICT;
		a.why = strcmp(outcome, "conflict_event") == 0
			    ? "this webhook-id came before with another body"
			    : "this payment_no came before with other data";
		slog(p, LOG_LEVEL_ERROR, "source=%s payment=%s conflict: %s", i->m.source,
		    i->m.payment_no, a.why);
	}
	item_answer(i, &a);
}

static void
write_committed(void *arg)
{
	struct pay *p = arg;

	db_ask(p->db, &committed, NULL, NULL, db_array(&p->batches), db_array(&p->committed));
	db_column_clear(&p->batches);
	db_column_clear(&p->committed);
}

/* Several batches share a statement, which would else cost each of them a commit more. */
static void
note_committed(struct pay *p, const struct db_rows *rows)
{
	for (int row = 0; row < db_rows_count(rows); row++)
		if (strcmp(db_cell_text(rows, row, 1), "accepted") == 0) {
			db_column_int(&p->batches, db_cell_int(rows, row, 4));
			db_column_int(&p->committed, loop_now_us(p->loop));
			break; /* all new ones of a statement share it */
		}
	if (p->batches.n > 0 && !timer_running(&p->note))
		timer_start(&p->note, p->loop, NOTE_US, write_committed, p);
}

/* Only those whose senders still wait. */
static int
batch_shrink(struct batch *b)
{
	int n = 0;

	for (int k = 0; k < b->n; k++)
		if (b->items[k] != NULL)
			b->items[n++] = b->items[k];
	b->n = n;
	return n;
}

/* The whole was refused: some row in it is bad.  Halves find it without harming the others. */
static void
halve(struct pay *p, struct batch *b)
{
	int half = b->n / 2, parts[2] = {half, b->n - half}, from = 0;

	for (int k = 0; k < 2; k++) {
		struct batch *h = mem_new(sizeof *h + (size_t)parts[k] * sizeof *h->items);

		h->p = p;
		h->n = parts[k];
		memcpy(h->items, b->items + from, (size_t)parts[k] * sizeof *h->items);
		from += parts[k];
		p->redo[p->nredo++] = h;
	}
}

static void
on_settled(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct batch *b = arg;
	struct pay *p = b->p;

	p->flying = NULL;
	if (rows != NULL) {
		note_committed(p, rows);
		for (int row = 0; row < db_rows_count(rows); row++)
			answer_row(p, b->items[db_cell_int(rows, row, 0) - 1], rows, row);
	} else if (batch_shrink(b) > 1 && (e->class == ERR_REFUSED || e->class == ERR_BUG) &&
		   p->nredo < 60) {
		halve(p, b);
	} else {
		bool away = e->class == ERR_RETRY || e->class == ERR_UNCERTAIN;
		struct pay_answer a = {
		    .outcome = away ? PAY_UNAVAILABLE : PAY_REFUSED, .why = e->text};

		if (b->n > 0)
			slog(p, LOG_LEVEL_ERROR, "%d payment%s not settled: %s", b->n,
			    b->n == 1 ? "" : "s", e->text);
		for (int k = 0; k < b->n; k++)
			item_answer(b->items[k], &a);
	}
	free(b);
	pay_poke(p);
}

/* The keys of a payment, each as one number: equal numbers are looked at closely. */
static int64_t
key_number(const struct item *i, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (const char *p = i->m.source; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ 0xff) * 0x100000001b3u;
	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return (int64_t)h;
}

/* A true repeat hangs on the first.  The same key with other content, a second payment of an
 * order, or two keys that merely share a number, wait for the next statement, which then sees
 * the other in the tables. */
static bool
gather(struct map *keys, struct item *i, bool *waits)
{
	int64_t no = key_number(i, i->m.payment_no), event = ~key_number(i, i->m.event_id);
	int64_t order = key_number(i, i->m.order_no) ^ ORDER_KEY;
	bool ordered = i->m.order_no[0] != '\0';
	struct item *first = map_get(keys, no);

	if (first == NULL)
		first = map_get(keys, event);
	if (first == NULL && ordered)
		first = map_get(keys, order);
	if (first == NULL) {
		map_put(keys, no, i);
		map_put(keys, event, i);
		if (ordered)
			map_put(keys, order, i);
		return false;
	}
	*waits = memcmp(first->sha, i->sha, sizeof i->sha) != 0 ||
		 strcmp(first->m.event_id, i->m.event_id) != 0 ||
		 strcmp(first->m.source, i->m.source) != 0;
	if (!*waits) {
		i->repeats = first->repeats;
		first->repeats = i;
	}
	return true;
}

static struct batch *
next_batch(struct pay *p)
{
	struct batch *b;
	struct item *later = NULL, **tail = &later, *i;
	struct map *keys;

	if (p->nredo > 0)
		return p->redo[--p->nredo];
	if (p->first == NULL)
		return NULL;
	b = mem_new(sizeof *b + MOST_A_BATCH * sizeof *b->items);
	b->p = p;
	keys = map_new();
	while ((i = p->first) != NULL && b->n < MOST_A_BATCH) {
		bool waits = false;

		p->first = i->next;
		p->waiting--;
		i->next = NULL;
		if (!gather(keys, i, &waits)) {
			b->items[b->n++] = i;
		} else if (waits) {
			*tail = i;
			tail = &i->next;
			p->waiting++;
		}
	}
	map_free(keys);
	*tail = p->first;
	p->first = later;
	for (p->last = &p->first; *p->last != NULL;)
		p->last = &(*p->last)->next;
	qsort(b->items, (size_t)b->n, sizeof *b->items, by_key);
	return b;
}

static void
pay_poke(void *arg)
{
	struct pay *p = arg;
	struct db_column *c = p->columns;
	struct batch *b;

	if (p->flying != NULL)
		return;
	while ((b = next_batch(p)) != NULL && batch_shrink(b) == 0)
		free(b);
	if (b == NULL)
		return;
	for (int k = 0; k < COLUMNS; k++)
		db_column_clear(&c[k]);
	for (int k = 0; k < b->n; k++)
		put_row(p, b->items[k]);
	p->flying = b;
	db_ask(p->db, &settle, on_settled, b, db_array(&c[0]), db_array(&c[1]), db_array(&c[2]),
	    db_array(&c[3]), db_array(&c[4]), db_array(&c[5]), db_array(&c[6]), db_array(&c[7]),
	    db_array(&c[8]), db_array(&c[9]), db_array(&c[10]), db_array(&c[11]), db_array(&c[12]),
	    db_array(&c[13]), db_array(&c[14]), db_array(&c[15]), db_array(&c[16]),
	    db_array(&c[17]), db_text(b->items[0]->actor), db_int(loop_now_us(p->loop)));
}

/* --- a database that does not answer ------------------------------------------------------ */

/* What flies may still be settled; its sender asks again and then hears of it. */
static void
batch_give_up(struct batch *b, int64_t mono_us)
{
	const struct pay_answer a = {.outcome = PAY_UNAVAILABLE, .why = "the database is away"};

	for (int k = 0; k < b->n; k++)
		if (b->items[k] != NULL && b->items[k]->deadline_us <= mono_us) {
			item_answer(b->items[k], &a);
			b->items[k] = NULL;
		}
}

static void
pay_impatient(void *arg)
{
	struct pay *p = arg;
	const struct pay_answer a = {.outcome = PAY_UNAVAILABLE, .why = "the database is away"};
	int64_t mono = loop_mono_us(p->loop);
	struct item *i;

	if (p->flying != NULL)
		batch_give_up(p->flying, mono);
	for (int k = 0; k < p->nredo; k++)
		batch_give_up(p->redo[k], mono);
	while ((i = p->first) != NULL && i->deadline_us <= mono) {
		p->first = i->next;
		if (p->first == NULL)
			p->last = &p->first;
		p->waiting--;
		item_answer(i, &a);
	}
	if (p->flying != NULL || p->first != NULL)
		timer_start(&p->impatience, p->loop, SECOND_US / 4, pay_impatient, p);
}

/* --- outside ------------------------------------------------------------------------------ */

struct pay *
pay_new(struct loop *l, struct db *db, pay_work_fn *fn, void *arg)
{
	struct pay *p = mem_new(sizeof *p);

	p->loop = l;
	p->db = db;
	p->fn = fn;
	p->arg = arg;
	p->last = &p->first;
	p->log.module = "pay";
	return p;
}

void
pay_free(struct pay *p)
{
	struct item *i;

	if (p == NULL)
		return;
	timer_stop(&p->poke);
	timer_stop(&p->impatience);
	timer_stop(&p->note);
	while ((i = p->first) != NULL) {
		p->first = i->next;
		buf_clear(&i->body);
		buf_clear(&i->evidence);
		free(i);
	}
	while (!LIST_EMPTY(&p->hooks))
		hook_end(LIST_FIRST(&p->hooks));
	for (int k = 0; k < COLUMNS; k++)
		db_column_free(&p->columns[k]);
	db_column_free(&p->batches);
	db_column_free(&p->committed);
	free(p);
}

void
pay_settle(struct pay *p, const struct payment *m, struct span body, const char *evidence,
    const char *actor, int64_t received_us, pay_fn *fn, void *arg)
{
	struct item *i = mem_new(sizeof *i);
	unsigned len;

	i->m = *m;
	buf_put(&i->body, body.bytes, body.len);
	buf_put_text(&i->evidence, evidence);
	EVP_Digest(body.bytes, body.len, i->sha, &len, EVP_sha256(), NULL);
	snprintf(i->actor, sizeof i->actor, "%s", actor);
	i->received_us = received_us;
	i->deadline_us = loop_mono_us(p->loop) + PATIENCE_US;
	i->fn = fn;
	i->arg = arg;
	*p->last = i;
	p->last = &i->next;
	p->waiting++;
	loop_defer(&p->poke, p->loop, pay_poke, p);
	if (!timer_running(&p->impatience))
		timer_start(&p->impatience, p->loop, PATIENCE_US, pay_impatient, p);
}

void
pay_event_id(char *out, size_t room, const char *id, const uint8_t sha[32])
{
	char hex[65];

	hex_out(hex, span_of(sha, 32));
	snprintf(out, room, "%s~%.16s", id, hex);
}

int64_t
pay_now_us(const struct pay *p)
{
	return loop_now_us(p->loop);
}

struct db *
pay_db(const struct pay *p)
{
	return p->db;
}

struct hook_list *
pay_hooks(struct pay *p)
{
	return &p->hooks;
}
