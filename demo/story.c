/*
 * story -- the main job, played on real parts and believed only when seen twice: in the
 * database and in the simulated meters themselves.
 *
 * Each step acts once, then waits until what it expects is there, or its time is over.
 */
#include "base/conf.h"
#include "base/loop.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REMOTE  "202600000001" /* plays the remote part, account R01 */
#define LOCAL   "202600000011" /* plays the local part, account L01 */
#define BUS     "202600000105" /* local, on the bus, account L11 */
#define DEAD    "202600000106" /* on the same bus, does not answer */
#define SLEEPER "202600000202" /* local, asleep most of the time, account L12 */

struct step {
	const char *name;
	int64_t patience_us;
	void (*begin)(struct world *w);
	bool (*seen)(struct world *w);
};

/* --- what is seen ------------------------------------------------------------------------- */

static bool
all_online(struct world *w)
{
	return world_number(w,
		   "SELECT count(DISTINCT m.id) FROM powergate.meter m JOIN powergate.endpoint e"
		   " ON e.id = m.endpoint_id WHERE e.epoch > 0 AND e.state = 'claimed'",
		   NULL, NULL) == 24;
}

static bool
readings_stored(struct world *w)
{
	/* all that are awake have been read, and what is stored is what the meter counts */
	int64_t stored = world_number(w,
	    "SELECT total_wh FROM powergate.meter_state s JOIN powergate.meter m ON m.id = "
	    "s.meter_id"
	    " WHERE address = $1",
	    REMOTE, NULL);

	return world_number(w,
		   "SELECT count(DISTINCT meter_id) FROM powergate.reading WHERE reg = 'total_wh'",
		   NULL, NULL) >= 22 &&
	       stored > 0 && stored <= world_meter_number(w, REMOTE, "energy_wh");
}

static bool
commissioned(struct world *w)
{
	return world_number(w,
		   "SELECT count(*) FROM powergate.meter_state s JOIN powergate.meter m ON m.id = "
		   "s.meter_id"
		   " WHERE m.profile = 'wallet-esam' AND s.base_count = 0 AND s.base_by <> ''",
		   NULL, NULL) == 12;
}

static bool
freezes_stored(struct world *w)
{
	int64_t stored = world_number(w,
	    "SELECT f.total_wh FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = "
	    "f.meter_id"
	    " WHERE m.address = $1 ORDER BY day DESC LIMIT 1",
	    REMOTE, NULL);

	return world_number(w, "SELECT count(*) FROM powergate.freeze_record", NULL, NULL) >=
		   2 * 20 &&
	       stored == world_meter_number(w, REMOTE, "frozen_wh");
}

/* Those written since the act began: an earlier warning proves nothing. */
static int64_t
notices(struct world *w, const char *account, const char *kind)
{
	return world_number(w,
	    "SELECT count(*) FROM powergate.notice n JOIN powergate.account a ON a.id = "
	    "n.account_id"
	    " WHERE a.number = $1 AND n.kind = $2 AND n.state = 'sent'"
	    " AND n.id > (SELECT max(mark) FROM story_mark)",
	    account, kind);
}

static bool
relay_is(struct world *w, const char *address, const char *relay)
{
	return world_number(w,
		   "SELECT count(*) FROM powergate.meter_state s JOIN powergate.meter m ON m.id = "
		   "s.meter_id"
		   " WHERE m.address = $1 AND s.relay_seen = $2",
		   address, relay) == 1 &&
	       world_meter_is(w, address, relay);
}

static bool
credited(
    struct world *w, const char *payment_no, const char *address, int64_t count, int64_t bought)
{
	return world_payment_complete(w, payment_no, false) &&
	       world_meter_number(w, address, "purchases") == count &&
	       world_meter_number(w, address, "bought_minor") == bought &&
	       world_number(w,
		   "SELECT count(*) FROM powergate.credit_delivery d JOIN powergate.payment p ON "
		   "p.id = d.payment_id"
		   " WHERE p.payment_no = $1 AND d.state = 'APPLIED'",
		   payment_no, NULL) == 1;
}

static bool
remote_warned(struct world *w)
{
	return notices(w, "R01", "low") >= 1;
}

static bool
remote_final(struct world *w)
{
	return notices(w, "R01", "final") >= 1;
}

static bool
remote_off(struct world *w)
{
	return relay_is(w, REMOTE, "open") && notices(w, "R01", "tripped") >= 1;
}

static bool
remote_on(struct world *w)
{
	return world_payment_complete(w, "R01-2", false) && relay_is(w, REMOTE, "closed");
}

static bool
local_credited(struct world *w)
{
	return credited(w, "L01-1", LOCAL, 2, 1500) && relay_is(w, LOCAL, "closed");
}

static bool
local_warned(struct world *w)
{
	return notices(w, "L01", "low") >= 1;
}

static bool
local_off(struct world *w)
{
	return relay_is(w, LOCAL, "open");
}

static bool
local_on(struct world *w)
{
	return credited(w, "L01-2", LOCAL, 3, 101500) && relay_is(w, LOCAL, "closed");
}

static bool
bus_credited(struct world *w)
{
	return credited(w, "L11-1", BUS, 2, 5000);
}

static bool
sleeper_credited(struct world *w)
{
	return credited(w, "L12-1", SLEEPER, 2, 4000);
}

static bool
once_only(struct world *w)
{
	return w->payments_answered == w->payments_sent &&
	       world_number(w,
		   "SELECT deliveries FROM powergate.payment WHERE payment_no = 'L01-2'", NULL,
		   NULL) == 2 &&
	       world_number(w, "SELECT count(*) FROM powergate.journal WHERE key = 'pay:app:L01-2'",
		   NULL, NULL) == 1 &&
	       world_meter_number(w, LOCAL, "purchases") == 3;
}

static bool
in_suspense(struct world *w)
{
	return world_number(w,
		   "SELECT count(*) FROM powergate.work k JOIN powergate.payment p ON p.id = "
		   "k.payment_id"
		   " WHERE k.cause = 'SUSPENSE' AND p.payment_no = 'NOBODY-1' AND p.state = "
		   "'suspense'",
		   NULL, NULL) == 1;
}

static bool
books_balance(struct world *w)
{
	return world_number(w, "SELECT count(*) FROM door.ledger_check()", NULL, NULL) == 0 &&
	       world_number(
		   w, "SELECT sum(amount_minor)::bigint FROM powergate.posting", NULL, NULL) == 0 &&
	       w->notices_bad == 0;
}

/* --- what is done ------------------------------------------------------------------------- */

static void
mark_notices(struct world *w)
{
	world_number(w,
	    "INSERT INTO story_mark SELECT COALESCE(max(id), 0) FROM powergate.notice RETURNING "
	    "mark",
	    NULL, NULL);
}

static void
begin_remote(struct world *w)
{
	mark_notices(w);
	world_say(w, "R01 pays 20.00 and runs a load of 1 MW at 20.00 a kWh");
	world_pay(w, "R01", 2000, "R01-1");
	world_meter_set(w, "set " REMOTE " watts 1000000");
}

static void
pay_remote(struct world *w)
{
	world_say(w, "R01 pays 1000.00");
	world_pay(w, "R01", 100000, "R01-2");
}

static void
tell_remote(struct world *w)
{
	world_payment_complete(w, "R01-2", true);
	world_meter_set(w, "set " REMOTE " watts 500");
	world_say(w, "L01 pays 15.00: its account in the meter is opened first");
	world_pay(w, "L01", 1500, "L01-1");
}

static void
load_local(struct world *w)
{
	mark_notices(w);
	world_payment_complete(w, "L01-1", true);
	world_say(w, "L01 runs a load of 1 MW; the meter deducts by itself");
	world_meter_set(w, "set " LOCAL " watts 1000000");
}

static void
pay_local(struct world *w)
{
	world_say(w, "L01 pays 1000.00");
	world_pay(w, "L01", 100000, "L01-2");
}

static void
repeat_local(struct world *w)
{
	world_payment_complete(w, "L01-2", true);
	world_meter_set(w, "set " LOCAL " watts 500");
	world_say(w, "the provider sends the same notification once more");
	world_pay(w, "L01", 100000, "L01-2");
}

static void
pay_bus(struct world *w)
{
	world_meter_set(w, "fault " DEAD " silent");
	world_say(w, "L11 pays 50.00: one of six on an RS485 bus, and one of the six is dead");
	world_pay(w, "L11", 5000, "L11-1");
}

static void
pay_sleeper(struct world *w)
{
	world_payment_complete(w, "L11-1", true);
	world_say(w, "L12 pays 40.00: an NB-IoT meter, which hears of it when it wakes");
	world_pay(w, "L12", 4000, "L12-1");
}

static void
pay_nobody(struct world *w)
{
	world_payment_complete(w, "L12-1", true);
	world_say(w, "a payment for an account nobody knows");
	world_pay(w, "NOBODY", 700, "NOBODY-1");
}

static const struct step steps[] = {
    {"24 meters have dialled in",                     60 * SECOND_US, NULL,         all_online     },
    {"their registers are in the database",           60 * SECOND_US, NULL,         readings_stored},
    {"12 local meters are adopted, count 0",          60 * SECOND_US, NULL,         commissioned   },
    {"midnight freezes are read back",                60 * SECOND_US, NULL,         freezes_stored },
    {"remote: the customer is warned",                60 * SECOND_US, begin_remote, remote_warned  },
    {"remote: the final notice is delivered",         60 * SECOND_US, NULL,         remote_final   },
    {"remote: credit is used up, the relay is open",  60 * SECOND_US, NULL,         remote_off     },
    {"remote: paid, and the relay is closed",         30 * SECOND_US, pay_remote,   remote_on      },
    {"local: opened and credited, once",              60 * SECOND_US, tell_remote,  local_credited },
    {"local: the customer is warned",                 60 * SECOND_US, load_local,   local_warned   },
    {"local: the meter trips by itself",              60 * SECOND_US, NULL,         local_off      },
    {"local: paid, credited once, power is back",     30 * SECOND_US, pay_local,    local_on       },
    {"the repeated notification changed nothing",     30 * SECOND_US, repeat_local, once_only      },
    {"a meter on the bus is credited",                60 * SECOND_US, pay_bus,      bus_credited   },
    {"a sleeping meter is credited at its next word", 90 * SECOND_US, pay_sleeper,
     sleeper_credited									      },
    {"money from nobody waits in suspense",           30 * SECOND_US, pay_nobody,   in_suspense    },
    {"the books balance, every notice was signed",    30 * SECOND_US, NULL,         books_balance  },
};
#define STEPS (sizeof steps / sizeof *steps)

/* --- playing ------------------------------------------------------------------------------ */

struct play {
	struct world *w;
	size_t at;
	bool begun, failed;
	int64_t until_us;
	struct timer tick;
};

static void
on_tick(void *arg)
{
	struct play *p = arg;
	const struct step *s = &steps[p->at];
	struct world *w = p->w;

	timer_start(&p->tick, w->loop, SECOND_US / 10, on_tick, p);
	world_tell_events(w);
	if (!p->begun) {
		p->begun = true;
		p->until_us = loop_mono_us(w->loop) + s->patience_us;
		if (s->begin != NULL)
			s->begin(w);
		return;
	}
	if (s->seen(w)) {
		world_say(w, "[%2zu/%zu] %s", p->at + 1, STEPS, s->name);
		p->begun = false;
		if (++p->at == STEPS)
			loop_stop(w->loop);
	} else if (loop_mono_us(w->loop) > p->until_us) {
		world_say(w, "[%2zu/%zu] NOT SEEN: %s", p->at + 1, STEPS, s->name);
		p->failed = true;
		loop_stop(w->loop);
	}
}

static int
read_secret(const char *path, struct webhook_secret *s, struct err *e)
{
	char text[200];

	if (conf_secret_file(path, text, sizeof text, e) < 0)
		return -1;
	return webhook_secret_parse(text, s, e);
}

int
main(int argc, char **argv)
{
	struct world w = {0};
	struct play p = {.w = &w};
	struct err e;

	if (argc != 7) {
		fputs("usage: story CONNINFO SIM-CONTROL HOOK-URL PAY-SECRET SINK-ADDRESS "
		      "NOTICE-SECRET\n",
		    stderr);
		return 2;
	}
	w.sim_path = argv[2];
	w.hook_url = argv[3];
	if (read_secret(argv[4], &w.pay_secret, &e) < 0 ||
	    read_secret(argv[6], &w.notice_secret, &e) < 0 ||
	    world_open(&w, argv[1], argv[5], &e) < 0) {
		fprintf(stderr, "story: %s\n", e.text);
		return 1;
	}
	timer_start(&p.tick, w.loop, 0, on_tick, &p);
	loop_run(w.loop);
	timer_stop(&p.tick);
	printf("\n%zu of %zu steps seen, in the database and in the meters\n", p.at, STEPS);
	world_close(&w);
	return p.failed ? 1 : 0;
}
