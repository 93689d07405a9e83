#include "store/store_qualify.h"

#include "base/buf.h"
#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static const struct db_stmt step = {"qualify_step", DB_COMMANDS, false, 0,
    "SELECT door.qualify_step($1::bigint, $2::bigint, $3::bigint, $4::jsonb, $5::bytea[],"
    " $6::bytea[], $7::bigint)"};

struct noting {
	store_moved_fn *fn;
	void *arg;
};

static void
on_noted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct noting *n = arg;

	n->fn(rows != NULL && db_cell_bool(rows, 0, 0), e, n->arg);
	free(n);
}

static void
put_number(struct buf *b, const char *name, int64_t value)
{
	if (value >= 0)
		buf_printf(b, ",\"%s\":\"%lld\"", name, (long long)value);
}

static void
put_look(struct buf *b, const char *when, const struct answer *a)
{
	if (!a->has_count)
		return;
	buf_printf(b, ",\"count_%s\":%u,\"credit_%s\":%lld,\"bought_%s\":%lld", when, a->count,
	    when, (long long)a->credit_minor, when,
	    (long long)(a->record.found ? a->record.bought_minor : 0));
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	cJSON *s = cJSON_CreateString(text);
	char *quoted = cJSON_PrintUnformatted(s);

	buf_printf(b, ",\"%s\":%s", name, quoted);
	cJSON_free(quoted);
	cJSON_Delete(s);
}

void
store_qualify_step(struct db *db, const struct claimed *c, const struct qualify_step *s,
    int64_t now_us, store_moved_fn *fn, void *arg)
{
	static const char *const said[] = {[SAID_NOTHING] = "nothing",
	    [SAID_YES] = "yes",
	    [SAID_NO] = "no",
	    [SAID_REPEAT] = "repeat"};
	struct noting *n = mem_new(sizeof *n);
	struct buf b = {0};

	*n = (struct noting){fn, arg};
	buf_printf(&b, "{\"said\":\"%s\"", said[s->said->said]);
	put_text(&b, "stage", s->stage);
	put_text(&b, "verdict", s->verdict);
	put_text(&b, "why", s->why);
	put_text(&b, "next", s->next);
	if (s->class != NULL)
		put_text(&b, "class", s->class);
	if (s->given_up)
		buf_put_text(&b, ",\"given_up\":true");
	put_number(&b, "number", s->number);
	put_number(&b, "count", s->q->count);
	put_number(&b, "order_no", s->q->order_no);
	put_number(&b, "outages", s->q->outages);
	put_look(&b, "before", s->before);
	put_look(&b, "after", s->after);
	buf_put_u8(&b, '}');
	db_ask(db, &step, on_noted, n, db_int(s->q->id), db_int(c->id), db_int(c->epoch),
	    db_text(buf_text(&b)), db_array(s->out), db_array(s->in), db_int(now_us));
	buf_clear(&b);
}
