/*
 * Statements and reconciliation through the door: on a lane of their own, for a million rows take
 * seconds and orders to meters must not wait for them.
 */
#include "service/api_call.h"

#include "base/err.h"
#include "base/loop.h"
#include "service/recon.h"

static const struct db_stmt rows_in = {"api_statement_rows", DB_RECON, true, 60 * SECOND_US,
    "SELECT door.api_statement_rows($1::jsonb, $2, $3::bigint)" API_AUDITED};
static const struct db_stmt seal = {"api_statement_seal", DB_RECON, true, 60 * SECOND_US,
    "SELECT door.api_statement_seal($1::jsonb, $2, $3::bigint)" API_AUDITED};
static const struct db_stmt run = {"api_recon_run", DB_RECON, false, 60 * SECOND_US,
    "SELECT door.api_recon_run($1::jsonb, $2, $3, $4::bigint, $5::bigint, $6::bigint, "
    "$7::bigint)" API_AUDITED};

static void
ask(struct call *c, const struct db_stmt *st)
{
	char *args = cJSON_PrintUnformatted(c->args);

	db_ask(c->parts->db, st, call_answered, c, db_text(args), db_text(c->who),
	    db_int(call_now_us(c)));
	cJSON_free(args);
}

void
call_statement_rows(struct call *c)
{
	ask(c, &rows_in);
}

void
call_statement_seal(struct call *c)
{
	ask(c, &seal);
}

void
call_recon_run(struct call *c)
{
	const struct recon_conf *conf = c->parts->recon;
	char *args;

	if (conf == NULL) {
		call_error(c, 409, "this head-end does not reconcile");
		return;
	}
	args = cJSON_PrintUnformatted(c->args);
	db_ask(c->parts->db, &run, call_answered, c, db_text(args), db_text(c->who),
	    db_text(conf->zone), db_int(conf->cutoff_us), db_int(conf->undelivered_us),
	    db_int(conf->supply_us), db_int(call_now_us(c)));
	cJSON_free(args);
}
