#include "store/store_alarm.h"

#include "model/alarm.h"

static const struct db_stmt seen = {"alarm_seen", DB_BULK, true, 0,
    "SELECT door.alarm_seen($1::bigint, $2::text[], $3::text[], $4::bigint)"};
static const struct db_stmt reported = {"alarm_reported", DB_BULK, true, 0,
    "SELECT door.alarm_reported($1::bigint, $2::text[], $3::bigint)"};
static const struct db_stmt stuck = {
    "alarm_stuck", DB_BULK, true, 0, "SELECT door.alarm_stuck($1::bigint, $2, $3::bigint)"};
static const struct db_stmt counted = {"alarm_counted", DB_BULK, true, 0,
    "SELECT door.alarm_counted($1::bigint, $2::int, $3, $4::bigint, $5::bigint, $6::bigint,"
    " $7::boolean, $8::bigint, $9::bigint)"};

static void
column_of(struct db_column *c, uint32_t alarms)
{
	for (int a = 0; a < ALARMS; a++)
		if ((alarms & ALARM_BIT(a)) != 0)
			db_column_text(c, alarm_name((enum alarm)a));
}

void
store_alarm_seen(struct db *db, int64_t meter_id, uint32_t shown, uint32_t known, int64_t now_us)
{
	struct db_column is = {0}, can = {0};

	column_of(&is, shown);
	column_of(&can, known);
	db_ask(
	    db, &seen, NULL, NULL, db_int(meter_id), db_array(&is), db_array(&can), db_int(now_us));
	db_column_free(&is);
	db_column_free(&can);
}

void
store_alarm_reported(struct db *db, int64_t meter_id, uint32_t happened, int64_t now_us)
{
	struct db_column is = {0};

	column_of(&is, happened);
	db_ask(db, &reported, NULL, NULL, db_int(meter_id), db_array(&is), db_int(now_us));
	db_column_free(&is);
}

void
store_alarm_stuck(struct db *db, int64_t meter_id, const char *why, int64_t now_us)
{
	db_ask(db, &stuck, NULL, NULL, db_int(meter_id), db_text(why), db_int(now_us));
}

void
store_alarm_counted(struct db *db, int64_t meter_id, const struct alarm_count *c, int64_t now_us)
{
	db_ask(db, &counted, NULL, NULL, db_int(meter_id), db_int(c->counter + 1), db_text(c->kind),
	    db_int(c->count), c->at_us != 0 ? db_int(c->at_us) : db_null(),
	    c->wh >= 0 ? db_int(c->wh) : db_null(), db_bool(c->open), db_int(c->operator_code),
	    db_int(now_us));
}
