/*
 * dial -- a fleet comes back at once: connections of registered meters, each says its heartbeat,
 * until the database holds a session of every one.
 *
 *	dial PORT FIRST-ADDRESS METERS CONNINFO
 *
 * The simulator dials at a fixed pace; this does not.  These meters answer no questions.
 */
#include "bench.h"

#include "codec/dlt645.h"

#include <libpq-fe.h>

#define AHEAD   4096 /* meters that have dialled and whose session is not seen yet */
#define MOST_NS (40 * S_NS)
#define LOOK_NS (20 * MS_NS)

static long
sessions_open(PGconn *db)
{
	PGresult *r = PQexec(db, "SELECT count(*) FROM powergate.endpoint"
				 " WHERE epoch > 0 AND closed_us IS NULL AND state = 'claimed'");
	long n;

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(db));
	n = strtol(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return n;
}

static void
say_hello(int port, long address)
{
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_READ};
	struct buf b = {0};
	int fd = dial(port, 0);

	snprintf(f.address, sizeof f.address, "%012ld", address);
	dlt645_put_di(&f, 0x80808080);
	dlt645_build(&b, &f);
	if (send(fd, b.bytes, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		die("send: %s", strerror(errno));
	buf_clear(&b);
}

int
main(int argc, char **argv)
{
	long first, meters, dialled = 0, open = 0, already;
	int64_t from, look = 0, now;
	PGconn *db;
	int port;

	if (argc != 5)
		die("usage: dial PORT FIRST-ADDRESS METERS CONNINFO");
	port = (int)number(argv[1], 1, 65535);
	first = number(argv[2], 1, 999999999999);
	meters = number(argv[3], 1, 19000);
	db = PQconnectdb(argv[4]);
	if (PQstatus(db) != CONNECTION_OK)
		die("%s", PQerrorMessage(db));
	already = sessions_open(db);
	from = now = now_ns();
	while (open < meters && now - from < MOST_NS) {
		for (; dialled < meters && dialled < open + AHEAD; dialled++)
			say_hello(port, first + dialled);
		now = now_ns();
		if (now < look) {
			usleep(2000);
			continue;
		}
		open = sessions_open(db) - already;
		look = now_ns() + LOOK_NS;
		now = now_ns();
	}
	if (open < meters)
		die("only %ld of %ld meters logged in", open, meters);
	figure("sessions_logged_in_per_second", a_second(meters, now - from), "sessions/s");
	PQfinish(db);
	return 0;
}
