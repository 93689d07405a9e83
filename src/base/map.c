/*
 * Linear probing over a power of two, at most two thirds full.  Taking closes the gap by moving
 * later members of the run back, so there are no tombstones and lookups never degrade.  What a
 * storm has blown up becomes small again.
 */
#include "base/map.h"

#include "base/buf.h"

#include <stdlib.h>

struct slot {
	int64_t key;
	void *value; /* NULL: free */
};

struct map {
	struct slot *slots;
	size_t mask, count;
};

static size_t
home(const struct map *m, int64_t key)
{
	uint64_t h = (uint64_t)key * 0x9e3779b97f4a7c15u;

	return (size_t)(h >> 20) & m->mask;
}

static size_t
find(const struct map *m, int64_t key)
{
	size_t i = home(m, key);

	while (m->slots[i].value != NULL && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return i;
}

static void
resize(struct map *m, size_t room)
{
	struct slot *old = m->slots;
	size_t n = old != NULL ? m->mask + 1 : 0;

	m->slots = mem_new(room * sizeof *m->slots);
	m->mask = room - 1;
	for (size_t i = 0; i < n; i++)
		if (old[i].value != NULL)
			m->slots[find(m, old[i].key)] = old[i];
	free(old);
}

struct map *
map_new(void)
{
	struct map *m = mem_new(sizeof *m);

	resize(m, 16);
	return m;
}

void
map_free(struct map *m)
{
	if (m == NULL)
		return;
	free(m->slots);
	free(m);
}

void *
map_get(const struct map *m, int64_t key)
{
	return m->slots[find(m, key)].value;
}

void
map_put(struct map *m, int64_t key, void *value)
{
	size_t i = find(m, key);

	if (m->slots[i].value == NULL && ++m->count * 3 > m->mask * 2) {
		resize(m, (m->mask + 1) * 2);
		i = find(m, key);
	}
	m->slots[i] = (struct slot){key, value};
}

void *
map_take(struct map *m, int64_t key)
{
	size_t gap = find(m, key), i;
	void *value = m->slots[gap].value;

	if (value == NULL)
		return NULL;
	m->count--;
	m->slots[gap].value = NULL;
	for (i = (gap + 1) & m->mask; m->slots[i].value != NULL; i = (i + 1) & m->mask) {
		size_t want = home(m, m->slots[i].key);

		/* It may move back only if its home is not between the gap and itself. */
		if (((i - want) & m->mask) >= ((i - gap) & m->mask)) {
			m->slots[gap] = m->slots[i];
			m->slots[i].value = NULL;
			gap = i;
		}
	}
	if (m->mask >= 1024 && m->count * 8 < m->mask)
		resize(m, (m->mask + 1) / 4);
	return value;
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

void *
map_next(const struct map *m, size_t *cursor)
{
	while (*cursor <= m->mask) {
		void *value = m->slots[(*cursor)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
