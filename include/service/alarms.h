/*
 * alarms -- what the settings say of alarms, kept in the database, where they are raised.
 *
 * The settings are told when the daemon starts and when they have changed; several nodes have the
 * same, or the last one to be told counts.
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
	struct check_conf check;
};

struct alarms *alarms_new(struct loop *l, struct db *db, const struct alarms_conf *conf);
void alarms_free(struct alarms *a); /* NULL is fine */

#endif
