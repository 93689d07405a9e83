#include "service/ways.h"

#include "base/loop.h"
#include "base/map.h"
#include "codec/dlt645.h"
#include "model/meter.h"
#include "store/db.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FRAMES 5000 /* kept between two flushes */

/* ms; what takes longer is in the last one.  powergate.way_percentile() knows them too. */
static const int bounds[WAYS_BUCKETS - 1] = {
    50, 100, 200, 300, 500, 800, 1300, 2000, 3000, 5000, 8000};

static const struct db_stmt note = {"way_note", DB_BULK, false, 0,
    "SELECT door.way_note($1::bigint[], $2::int[], $3::int[], $4::int[], $5::bigint)"};
static const struct db_stmt frames = {"frame_log_add", DB_BULK, false, 0,
    "SELECT door.frame_log_add($1::bigint[], $2::bigint[], $3::text[], $4::bytea[], $5::bigint)"};

struct tally {
	struct tally *next;
	int64_t endpoint_id;
	int silent, in[WAYS_BUCKETS];
};

struct ways {
	struct loop *loop;
	struct db *db;
	const int64_t *every_us;
	struct map *by_endpoint;
	struct tally *first;
	struct db_column meter, at, dir, frame; /* of those that are logged */
	struct timer flush;
};

static struct tally *
tally_of(struct ways *n, int64_t endpoint_id)
{
	struct tally *t = map_get(n->by_endpoint, endpoint_id);

	if (t != NULL)
		return t;
	t = mem_new(sizeof *t);
	t->endpoint_id = endpoint_id;
	t->next = n->first;
	n->first = t;
	map_put(n->by_endpoint, endpoint_id, t);
	return t;
}

void
ways_answered(struct ways *n, int64_t endpoint_id, int64_t took_us)
{
	int b = 0;

	while (b < WAYS_BUCKETS - 1 && took_us > bounds[b] * INT64_C(1000))
		b++;
	tally_of(n, endpoint_id)->in[b]++;
}

void
ways_silent(struct ways *n, int64_t endpoint_id)
{
	tally_of(n, endpoint_id)->silent++;
}

void
ways_frame(struct ways *n, const struct meter *m, char dir, struct span bytes)
{
	int64_t now = loop_now_us(n->loop);
	uint8_t copy[512];
	struct span shown = {copy, bytes.len < sizeof copy ? bytes.len : sizeof copy};

	if (m->logged_until_us <= now || n->frame.n >= MOST_FRAMES)
		return;
	memcpy(copy, bytes.bytes, shown.len);
	dlt645_mask(copy, shown.len);
	db_column_int(&n->meter, m->id);
	db_column_int(&n->at, now);
	db_column_text(&n->dir, dir == '>' ? "sent" : "heard");
	db_column_bytes(&n->frame, shown);
}

static void
forget_frames(struct ways *n)
{
	db_column_free(&n->meter);
	db_column_free(&n->at);
	db_column_free(&n->dir);
	db_column_free(&n->frame);
}

static void
flush_frames(struct ways *n)
{
	if (n->frame.n > 0)
		db_ask(n->db, &frames, NULL, NULL, db_array(&n->meter), db_array(&n->at),
		    db_array(&n->dir), db_array(&n->frame), db_int(loop_now_us(n->loop)));
	forget_frames(n);
}

static void
forget_tallies(struct ways *n)
{
	for (struct tally *t; (t = n->first) != NULL; free(t)) {
		n->first = t->next;
		map_take(n->by_endpoint, t->endpoint_id);
	}
}

/* Also when nothing was asked: that call looks who is there. */
static void
flush_tallies(struct ways *n)
{
	struct db_column id = {0}, silent = {0}, answered = {0}, in = {0};

	for (const struct tally *t = n->first; t != NULL; t = t->next) {
		int sum = 0;

		for (int b = 0; b < WAYS_BUCKETS; b++) {
			sum += t->in[b];
			db_column_int(&in, t->in[b]);
		}
		db_column_int(&id, t->endpoint_id);
		db_column_int(&answered, sum);
		db_column_int(&silent, t->silent);
	}
	db_ask(n->db, &note, NULL, NULL, db_array(&id), db_array(&answered), db_array(&silent),
	    db_array(&in), db_int(loop_now_us(n->loop)));
	db_column_free(&id);
	db_column_free(&answered);
	db_column_free(&silent);
	db_column_free(&in);
	forget_tallies(n);
}

static void
on_flush(void *arg)
{
	struct ways *n = arg;

	timer_sweep(&n->flush, n->loop, *n->every_us, on_flush, n);
	if (db_backlog(n->db, DB_BULK) >= 64)
		return; /* it is behind: what was counted waits */
	flush_tallies(n);
	flush_frames(n);
}

struct ways *
ways_new(struct loop *l, struct db *db, const int64_t *every_us)
{
	struct ways *n = mem_new(sizeof *n);

	n->loop = l;
	n->db = db;
	n->every_us = every_us;
	n->by_endpoint = map_new();
	timer_sweep(&n->flush, l, *every_us, on_flush, n);
	return n;
}

void
ways_free(struct ways *n)
{
	if (n == NULL)
		return;
	timer_stop(&n->flush);
	forget_tallies(n);
	forget_frames(n);
	map_free(n->by_endpoint);
	free(n);
}
