/*
 * story -- what happens in a year, a line each, and the hand that does it.
 *
 *	start 2026-01-01T00:00:00+08:00   when the clock begins
 *	end 2027-01-01T00:00:00+08:00
 *	seed 7                            all chance comes from it
 *	sweep 900                         seconds between looks that no hint has asked for
 *	conf FILE                         settings of powergated
 *	fleet Asia/Shanghai               the meters that follow live in this zone
 *	meter address=... watts=...       as powergate-sim(1) has it
 *
 * and then, each at its time and never before the one above it is done:
 *
 *	T on                              the meters dial
 *	T api PATH JSON                   POST /v1/PATH, as the operator; 200 or the end
 *	T wish PATH JSON                  the same; it may be refused
 *	T pay ACCOUNT MINOR NUMBER [CODE] a signed webhook, again each minute until it is taken
 *	T hook FILE...                    notifications as they stand in the files, at once: the
 *	                                  path, headers, an empty line, the body
 *	T sh WORDS                        a command line in DIR, while the clock stands still
 *	T sim ORDER ...                   of powergate-sim(1): set, power, drop, fault ...
 *	T try ORDER ...                   the same; the meter may refuse
 *	T add ZONE address=...            a meter that is put up
 *	T db off | on | tidy              the daemon's database goes, comes back, is vacuumed
 *	T daemon off | on                 killed, with all it has under way; started again
 *	T sink STATUS                     what whoever gets the notices answers
 *	T chapter WORDS                   is only told: what comes now
 *
 * T is RFC 3339.  In the JSON stand {display ADDRESS}, what a person reads off that meter, and
 * {left ACCOUNT}, what he is told it has (fill.h).  What was answered, and the notices that
 * came, are told in DIR/told.log; what the meters did in DIR/truth.log.
 */
#ifndef YEAR_STORY_H
#define YEAR_STORY_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct story;

/* The head of the file; fleets are not there yet. */
struct story_head {
	int64_t start_us, end_us, sweep_us;
	uint64_t seed;
	char conf[256];
};
int story_head(const char *path, struct story_head *head, struct err *e);

struct loop;
struct headend;
struct pay_source;
struct story_parts {
	struct loop *loop;
	const char *dir;
	const char *admin; /* conninfo of the story itself */
	const char *api_socket;
	int meters_port, hooks_port;
	const struct pay_source *source; /* whose secret signs */
	void (*daemon)(bool on, void *arg);
	void *arg;
};

/* Reads the fleets and stands before the first deed; NULL and *e on failure. */
struct story *story_new(const char *path, const struct story_parts *parts, struct err *e);
void story_free(struct story *s);
const char *story_failure(const struct story *s);                       /* NULL: all went well */
void story_heard(struct story *s, const char *what, const char *words); /* into told.log */
int story_sink_status(const struct story *s);

#endif
