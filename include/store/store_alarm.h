/* store_alarm -- what meters show and count, on its way to becoming alarms. */
#ifndef STORE_STORE_ALARM_H
#define STORE_STORE_ALARM_H

#include "store/db.h"

/* `shown` of the kinds in `known`; ALARM_BITs. */
void store_alarm_seen(
    struct db *db, int64_t meter_id, uint32_t shown, uint32_t known, int64_t now_us);
void store_alarm_reported(struct db *db, int64_t meter_id, uint32_t happened, int64_t now_us);
void store_alarm_stuck(struct db *db, int64_t meter_id, const char *why, int64_t now_us);

struct alarm_count {
	int counter; /* from 0 */
	const char *kind;
	int64_t count;
	int64_t at_us; /* of the newest record, on our clock; 0: unknown */
	int64_t wh;    /* -1: unknown */
	bool open;     /* of a relay: which way */
	uint32_t operator_code;
};
void store_alarm_counted(
    struct db *db, int64_t meter_id, const struct alarm_count *c, int64_t now_us);

#endif
