/*
 * recharge prove: the daemon gives what is kept, the judgement is made here (codec/prove), so that
 * nobody has to believe the daemon's own.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "codec/prove.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void
print_chain(const struct proof *p)
{
	struct buf words = {0};

	for (size_t i = 0; i < p->n; i++) {
		ctl_put_safe(&words, p->links[i].words);
		printf("%2zu  %-10s  %-10s  %s\n", i + 1, p->links[i].holds ? "OK" : "NOT PROVEN",
		    p->links[i].name, buf_text(&words));
		buf_clear(&words);
	}
}

enum ctl_exit
ctl_recharge_prove(struct ctl *c)
{
	struct buf answer = {0}, out = {0};
	struct proof proof;
	enum ctl_exit result =
	    ctl_ask(c, c->command->path, c->command->post, c->values, c->n, &answer);
	bool holds;
	cJSON *facts;

	if (result != CTL_DONE) {
		buf_clear(&answer);
		return result;
	}
	facts = cJSON_Parse(buf_text(&answer));
	holds = prove_recharge(facts, &proof);
	if (c->form == CTL_TABLE) {
		print_chain(&proof);
	} else {
		proof_json(&proof, strtoll(ctl_value(c, "payment"), NULL, 10), &out);
		ctl_print(c, &out);
	}
	cJSON_Delete(facts);
	buf_clear(&answer);
	buf_clear(&out);
	return holds ? CTL_DONE : CTL_NO;
}
