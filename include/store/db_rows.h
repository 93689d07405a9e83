/* db_rows -- what a struct db_rows is; for the store layer alone. */
#ifndef STORE_DB_ROWS_H
#define STORE_DB_ROWS_H

#include <libpq-fe.h>

struct db_rows {
	PGresult *result;
};

#endif
