/*
 * map -- integer to pointer, open addressing, no order.
 *
 * Values are borrowed and must not be NULL.  Nothing may be put or taken while map_next() walks.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m);
void *map_get(const struct map *m, int64_t key);
void map_put(struct map *m, int64_t key, void *value); /* replaces */
void *map_take(struct map *m, int64_t key);            /* NULL when absent */
size_t map_count(const struct map *m);
void *map_next(const struct map *m, size_t *cursor); /* start at 0; NULL at the end */

#endif
