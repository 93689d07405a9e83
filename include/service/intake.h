/*
 * intake -- readings into the database in batches.
 *
 * What has gathered while the last statement was under way goes in the next: no timer, no delay
 * when idle, thousands of rows a statement in a storm.  Keys are meter, register and time, so
 * a batch that is sent twice is one batch.
 */
#ifndef SERVICE_INTAKE_H
#define SERVICE_INTAKE_H

#include "model/meter.h"

struct db;
struct intake;
struct loop;

typedef void intake_stored_fn(void *arg); /* a batch is committed: accounts may be dirty */

struct intake *intake_new(struct loop *l, struct db *db, intake_stored_fn *fn, void *arg);
void intake_free(struct intake *i);
void intake_readings(struct intake *i, const struct reading *r, int n);
int64_t intake_stored(const struct intake *i); /* rows committed since the start */
bool intake_behind(const struct intake *i);    /* hold the senders */

#endif
