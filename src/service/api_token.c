/* A token is made here and shown in this one answer; the database gets its hash. */
#include "base/loop.h"
#include "service/api_call.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt add = {"api_token_add", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT door.api_token_add($1::jsonb, $2, $3, $4::bigint)" API_AUDITED};

struct made {
	struct call *c;
	char token[TOKEN_TEXT];
};

static void
on_added(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct made *m = arg;
	cJSON *answer = rows != NULL ? cJSON_Parse(db_cell_text(rows, 0, 0)) : NULL;
	char *text;

	if (answer == NULL || cJSON_GetObjectItemCaseSensitive(answer, "error") != NULL) {
		call_answered(rows, e, m->c);
	} else {
		cJSON_AddStringToObject(answer, "secret", m->token);
		text = cJSON_PrintUnformatted(answer);
		call_answer(m->c, text);
		OPENSSL_cleanse(text, strlen(text));
		cJSON_free(text);
	}
	cJSON_Delete(answer);
	OPENSSL_cleanse(m->token, sizeof m->token);
	free(m);
}

void
call_token_add(struct call *c)
{
	struct made *m = mem_new(sizeof *m);
	char *args = cJSON_PrintUnformatted(c->args), from[TOKEN_FROM];

	m->c = c;
	token_make(m->token, from);
	db_ask(c->parts->db, &add, on_added, m, db_text(args), db_text(c->who), db_text(from),
	    db_int(call_now_us(c)));
	cJSON_free(args);
}
