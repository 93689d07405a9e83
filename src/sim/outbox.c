#include "sim/outbox.h"

#include <stdlib.h>
#include <string.h>

struct parcel {
	struct parcel *next;
	int64_t at_us; /* monotonic */
	bool last;
	size_t len;
	uint8_t bytes[];
};

void
outbox_init(struct outbox *o, struct loop *loop, outbox_fn *deliver, void *arg)
{
	*o = (struct outbox){.loop = loop, .deliver = deliver, .arg = arg};
	o->end = &o->first;
}

static struct parcel *
take_first(struct outbox *o)
{
	struct parcel *p = o->first;

	o->first = p->next;
	if (o->first == NULL)
		o->end = &o->first;
	return p;
}

void
outbox_clear(struct outbox *o)
{
	while (o->first != NULL)
		free(take_first(o));
	timer_stop(&o->due);
}

bool
outbox_empty(const struct outbox *o)
{
	return o->first == NULL;
}

static void
on_due(void *arg)
{
	struct outbox *o = arg;
	int64_t now_us = loop_mono_us(o->loop);

	while (o->first != NULL && o->first->at_us <= now_us) {
		struct parcel *p = take_first(o);

		o->deliver(o->arg, span_of(p->bytes, p->len), p->last);
		free(p);
	}
	if (o->first != NULL)
		timer_start(&o->due, o->loop, o->first->at_us - now_us, on_due, o);
}

void
outbox_post(struct outbox *o, struct span bytes, int64_t delay_us, bool last)
{
	struct parcel *p = mem_new(sizeof *p + bytes.len);

	p->at_us = loop_mono_us(o->loop) + delay_us;
	for (struct parcel *q = o->first; q != NULL; q = q->next)
		if (q->at_us > p->at_us)
			p->at_us = q->at_us;
	p->last = last;
	p->len = bytes.len;
	if (bytes.len > 0)
		memcpy(p->bytes, bytes.bytes, bytes.len);
	*o->end = p;
	o->end = &p->next;
	if (o->first == p)
		timer_start(&o->due, o->loop, delay_us, on_due, o);
}
