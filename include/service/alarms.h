/*
 * alarms -- what is done about alarms, and those that are in the books.
 *
 * What the settings say of the kinds is kept in the database, where alarms are raised: it is told
 * when the daemon starts and when it has changed; several nodes have the same, or the last one to
 * be told counts.  Now and then, one node at a time, the books are looked through for what no
 * meter raises: use while off, no use at all, credit that nobody bought, losses.
 */
#ifndef SERVICE_ALARMS_H
#define SERVICE_ALARMS_H

#include "service/check.h"

#include <stdint.h>

struct alarms;
struct db;
struct loop;

struct alarms_conf {
	char *hold;   /* kinds that keep power off until a person has looked, blanks between */
	char *ignore; /* kinds that are not raised */
	int64_t sweep_us;
	int64_t books_us;    /* how often the books are looked through; 0: never */
	int64_t unused_days; /* without any use; 0: never looked for */
	int64_t off_wh;      /* least use while off */
	struct check_conf check;
};

struct alarms *alarms_new(struct loop *l, struct db *db, const struct alarms_conf *conf);
void alarms_free(struct alarms *a); /* NULL is fine */

#endif
