/*
 * ways -- how well the ways to the meters serve, and, where a person asked for it, every frame.
 *
 * Of each connection it counts answers by how long they took, and silences; once a minute the
 * counts are added to the day's in the database.  Frames of a meter that is logged are kept
 * there too, the newest of them, with passwords blotted out.  All of it may be lost with the
 * process: it is for choosing a carrier and finding a fault, not for money.
 */
#ifndef SERVICE_WAYS_H
#define SERVICE_WAYS_H

#include "base/buf.h"

struct db;
struct loop;
struct meter;
struct ways;

#define WAYS_BUCKETS 12

struct ways *ways_new(struct loop *l, struct db *db, const int64_t *every_us);
void ways_free(struct ways *n);

void ways_answered(struct ways *n, int64_t endpoint_id, int64_t took_us);
void ways_silent(struct ways *n, int64_t endpoint_id);
/* dir '>' sent, '<' heard; nothing happens when the meter is not logged now. */
void ways_frame(struct ways *n, const struct meter *m, char dir, struct span frame);

#endif
