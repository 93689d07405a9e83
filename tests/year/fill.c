#include "fill.h"

#include "base/err.h"
#include "base/loop.h"
#include "sim/fleet.h"
#include "sim/vmeter.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_WH 10                  /* of a display of eight digits, in 0.01 kWh */
#define WRAP_WH INT64_C(1000000000) /* after which it begins anew */

static int
put_display(const struct fill *f, const char *address, struct buf *out, struct err *e)
{
	static const char *const names[] = {"energy_wh", "t1_wh", "t2_wh", "t3_wh", "t4_wh"};
	struct unit *u = NULL;
	struct buf state = {0};
	cJSON *json;

	for (int i = 0; i < f->nfleets && u == NULL; i++)
		u = fleet_find(f->fleets[i], address);
	if (u == NULL)
		return err_set(e, ERR_INPUT, "no meter %s", address);
	vmeter_state(u->v, loop_now_us(f->loop), &state);
	json = cJSON_Parse(buf_text(&state));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		/* below 2^53, and so exact */
		int64_t wh = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(json, names[i]));

		buf_printf(
		    out, "%s%lld", i > 0 ? "," : "", (long long)(wh / STEP_WH * STEP_WH % WRAP_WH));
	}
	cJSON_Delete(json);
	buf_clear(&state);
	return 0;
}

static int
put_left(const struct fill *f, const char *account, struct buf *out, struct err *e)
{
	PGresult *r = PQexecParams(f->admin,
	    "SELECT s.prepaid_minor FROM powergate.account_state s "
	    "JOIN powergate.account a ON a.id = s.account_id WHERE a.number = $1",
	    1, NULL, &account, NULL, NULL, 0);
	int rc = 0;

	if (PQntuples(r) == 1)
		buf_put_text(out, PQgetvalue(r, 0, 0));
	else
		rc = err_set(e, ERR_INPUT, "no account %s", account);
	PQclear(r);
	return rc;
}

int
fill_words(const struct fill *f, const char *words, struct buf *out, struct err *e)
{
	while (*words != '\0') {
		char what[16], whose[40];
		int len = 0, rc;

		if (sscanf(words, "{%15[a-z] %39[A-Za-z0-9]}%n", what, whose, &len) != 2 ||
		    len == 0) {
			buf_put(out, words++, 1);
			continue;
		}
		rc = strcmp(what, "left") == 0 ? put_left(f, whose, out, e)
					       : put_display(f, whose, out, e);
		if (rc < 0)
			return -1;
		words += len;
	}
	return 0;
}
