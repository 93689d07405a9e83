#include "sim/fleet_control.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "sim/fleet.h"
#include "sim/line_server.h"
#include "sim/signer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 16

struct fleet_control {
	struct loop *loop;
	struct fleet *fleet;
	struct test_signer *signer;
	struct line_server *server;
	struct timer leave;
};

/* What one command sees: words[0] is its name; words beyond the last are NULL. */
struct call {
	struct fleet_control *c;
	char *words[WORDS + 1];
	char line[1024];   /* as it came */
	const char *rest;  /* what is behind its first word */
	struct unit *unit; /* of commands on a meter */
	int64_t now_us;
	struct buf *answer; /* empty: {"ok":true} */
};

static int
do_list(struct call *k, struct err *e)
{
	(void)e;
	buf_put_text(k->answer, "{\"meters\":[");
	for (size_t i = 0; i < fleet_count(k->c->fleet); i++)
		buf_printf(k->answer, "%s\"%s\"", i > 0 ? "," : "",
		    vmeter_address(fleet_at(k->c->fleet, i)->v));
	buf_put_text(k->answer, "]}");
	return 0;
}

static int
do_stats(struct call *k, struct err *e)
{
	(void)e;
	buf_printf(k->answer, "{\"meters\":%zu,\"connected\":%zu,\"now_us\":%lld}",
	    fleet_count(k->c->fleet), fleet_connected(k->c->fleet), (long long)k->now_us);
	return 0;
}

static int
do_state(struct call *k, struct err *e)
{
	(void)e;
	vmeter_state(k->unit->v, k->now_us, k->answer);
	k->answer->len--; /* its closing brace */
	buf_printf(k->answer, ",\"link\":\"%s\",\"connected\":%s}", wire_word(k->unit->wire),
	    wire_up(k->unit->wire) ? "true" : "false");
	return 0;
}

static int
do_set(struct call *k, struct err *e)
{
	if (k->words[3] == NULL)
		return err_set(e, ERR_INPUT, "set ADDRESS NAME VALUE");
	return vmeter_set(k->unit->v, k->words[2], k->words[3], k->now_us, e);
}

static int
do_fault(struct call *k, struct err *e)
{
	if (k->words[2] == NULL)
		return err_set(e, ERR_INPUT, "fault ADDRESS NAME [AMOUNT]");
	return fault_set(vmeter_faults(k->unit->v), k->words[2], k->words[3], e);
}

static int
do_button(struct call *k, struct err *e)
{
	if (!vmeter_button(k->unit->v, k->now_us))
		return err_set(e, ERR_REFUSED, "the meter is not waiting for its button");
	return 0;
}

static int
do_topup(struct call *k, struct err *e)
{
	long long minor = k->words[2] != NULL ? atoll(k->words[2]) : 0;

	if (minor <= 0)
		return err_set(e, ERR_INPUT, "topup ADDRESS AMOUNT, in minor units");
	if (!vmeter_topup(k->unit->v, k->now_us, minor))
		return err_set(e, ERR_REFUSED, "the meter takes no credit");
	return 0;
}

static int
do_cover(struct call *k, struct err *e)
{
	bool terminal = false, opened = true;

	for (int i = 2; k->words[i] != NULL; i++) {
		if (strcmp(k->words[i], "terminal") == 0 || strcmp(k->words[i], "meter") == 0)
			terminal = k->words[i][0] == 't';
		else if (strcmp(k->words[i], "open") == 0 || strcmp(k->words[i], "close") == 0)
			opened = k->words[i][0] == 'o';
		else
			return err_set(e, ERR_INPUT, "cover: what is '%s'?", k->words[i]);
	}
	vmeter_cover(k->unit->v, k->now_us, terminal, opened);
	return 0;
}

static int
do_tamper(struct call *k, struct err *e)
{
	const char *word = k->words[3];

	if (word != NULL && strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		word = NULL;
	if (word == NULL)
		return err_set(e, ERR_INPUT, "tamper ADDRESS WHAT on|off");
	return vmeter_tamper(k->unit->v, k->now_us, k->words[2], strcmp(word, "on") == 0, e);
}

/* A meter behind a converter restarts without the converter noticing. */
static void
lose_line(struct call *k)
{
	if (strcmp(wire_word(k->unit->wire), "direct") == 0 ||
	    strcmp(wire_word(k->unit->wire), "sleep") == 0)
		fleet_drop(k->c->fleet, k->unit);
}

static int
do_reboot(struct call *k, struct err *e)
{
	(void)e;
	vmeter_reboot(k->unit->v, k->now_us);
	lose_line(k);
	return 0;
}

static int
do_power(struct call *k, struct err *e)
{
	bool on = k->words[2] != NULL && strcmp(k->words[2], "on") == 0;

	if (!on && (k->words[2] == NULL || strcmp(k->words[2], "off") != 0))
		return err_set(e, ERR_INPUT, "power ADDRESS off|on");
	vmeter_power(k->unit->v, k->now_us, on);
	lose_line(k);
	return 0;
}

static int
do_drop(struct call *k, struct err *e)
{
	(void)e;
	fleet_drop(k->c->fleet, k->unit);
	return 0;
}

static int
do_network(struct call *k, struct err *e)
{
	bool on = k->words[1] != NULL && strcmp(k->words[1], "on") == 0;

	if (!on && (k->words[1] == NULL || strcmp(k->words[1], "off") != 0))
		return err_set(e, ERR_INPUT, "network off|on");
	fleet_network(k->c->fleet, on);
	return 0;
}

static int
do_add(struct call *k, struct err *e)
{
	return fleet_join(k->c->fleet, k->rest, e);
}

static int
do_clone(struct call *k, struct err *e)
{
	return fleet_clone(k->c->fleet, k->words[1], e);
}

static int
do_signer(struct call *k, struct err *e)
{
	if (k->c->signer == NULL)
		return err_set(e, ERR_INPUT, "there is no signer here");
	if (k->words[1] == NULL)
		return err_set(e, ERR_INPUT, "signer ok|slow MS|silent|wrong|wrong_mac|error");
	return test_signer_behave(k->c->signer, k->words[1], k->words[2], e);
}

static void
on_leave(void *arg)
{
	loop_stop(((struct fleet_control *)arg)->loop);
}

/* A moment later, so that the answer still leaves. */
static int
do_quit(struct call *k, struct err *e)
{
	(void)e;
	timer_start(&k->c->leave, k->c->loop, 50000, on_leave, k->c);
	return 0;
}

static const struct command {
	const char *name;
	bool on_meter, on_all; /* words[1] is an address, or "all" */
	int (*run)(struct call *k, struct err *e);
} commands[] = {
    {"list",    false, false, do_list   },
    {"stats",   false, false, do_stats  },
    {"state",   true,  false, do_state  },
    {"set",     true,  true,  do_set    },
    {"fault",   true,  true,  do_fault  },
    {"button",  true,  false, do_button },
    {"topup",   true,  false, do_topup  },
    {"cover",   true,  false, do_cover  },
    {"tamper",  true,  false, do_tamper },
    {"reboot",  true,  true,  do_reboot },
    {"power",   true,  true,  do_power  },
    {"drop",    true,  true,  do_drop   },
    {"network", false, false, do_network},
    {"add",     false, false, do_add    },
    {"clone",   true,  false, do_clone  },
    {"signer",  false, false, do_signer },
    {"quit",    false, false, do_quit   },
};

static int
run_on(struct call *k, const struct command *how, struct unit *u, struct err *e)
{
	int rc;

	k->unit = u;
	rc = how->run(k, e);
	unit_stir(k->c->loop, u);
	return rc;
}

static int
run_command(struct call *k, const struct command *how, struct err *e)
{
	int rc = 0;

	if (!how->on_meter)
		return how->run(k, e);
	if (k->words[1] == NULL)
		return err_set(e, ERR_INPUT, "%s which meter?", how->name);
	if (how->on_all && strcmp(k->words[1], "all") == 0) {
		for (size_t i = 0; rc == 0 && i < fleet_count(k->c->fleet); i++)
			rc = run_on(k, how, fleet_at(k->c->fleet, i), e);
		return rc;
	}
	if (strspn(k->words[1], "0123456789") != 12 || k->words[1][12] != '\0' ||
	    fleet_find(k->c->fleet, k->words[1]) == NULL)
		return err_set(e, ERR_INPUT, "no meter '%.40s'", k->words[1]);
	return run_on(k, how, fleet_find(k->c->fleet, k->words[1]), e);
}

static int
obey(struct call *k, char *line, struct err *e)
{
	char *word;
	int n = 0;

	snprintf(k->line, sizeof k->line, "%s", line);
	k->rest = k->line + strcspn(k->line, " \t");
	while ((word = strsep(&line, " \t")) != NULL) {
		if (*word == '\0')
			continue;
		if (n == WORDS)
			return err_set(e, ERR_INPUT, "too many words");
		k->words[n++] = word;
	}
	if (n == 0)
		return err_set(e, ERR_INPUT, "no command");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, k->words[0]) == 0)
			return run_command(k, &commands[i], e);
	return err_set(e, ERR_INPUT, "no command is called '%.40s'", k->words[0]);
}

int
fleet_control_do(struct fleet_control *c, const char *line, struct buf *answer, struct err *e)
{
	struct call k = {.c = c, .now_us = loop_now_us(c->loop), .answer = answer};
	char copy[1024];

	snprintf(copy, sizeof copy, "%s", line);
	return obey(&k, copy, e);
}

static int64_t
on_line(void *arg, char *line, struct buf *answer)
{
	struct fleet_control *c = arg;
	struct call k = {.c = c, .now_us = loop_now_us(c->loop), .answer = answer};
	struct err e;
	cJSON *words;
	char *text;

	if (obey(&k, line, &e) == 0) {
		if (answer->len == 0)
			buf_put_text(answer, "{\"ok\":true}");
		return 0;
	}
	words = cJSON_CreateString(e.text);
	text = cJSON_PrintUnformatted(words);
	answer->len = 0;
	buf_printf(answer, "{\"error\":%s}", text != NULL ? text : "\"?\"");
	cJSON_free(text);
	cJSON_Delete(words);
	return 0;
}

struct fleet_control *
fleet_control_new(struct loop *loop, const char *path, struct fleet *fleet,
    struct test_signer *signer, struct err *e)
{
	struct fleet_control *c = mem_new(sizeof *c);

	c->loop = loop;
	c->fleet = fleet;
	c->signer = signer;
	if (path == NULL || (c->server = line_server_new(loop, path, on_line, c, e)) != NULL)
		return c;
	free(c);
	return NULL;
}

void
fleet_control_free(struct fleet_control *c)
{
	if (c == NULL)
		return;
	line_server_free(c->server);
	timer_stop(&c->leave);
	free(c);
}
