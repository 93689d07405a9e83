#include "store/store_overload.h"

static const struct db_stmt noted = {"overload_noted", DB_BULK, true, 0,
    "SELECT door.overload_noted($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::boolean,"
    " $6::bigint)"};

void
store_overload(struct db *db, int64_t meter_id, int64_t count, int64_t trip_us,
    uint32_t operator_code, bool off, int64_t now_us)
{
	db_ask(db, &noted, NULL, NULL, db_int(meter_id), db_int(count),
	    trip_us != 0 ? db_int(trip_us) : db_null(), db_int(operator_code), db_bool(off),
	    db_int(now_us));
}
