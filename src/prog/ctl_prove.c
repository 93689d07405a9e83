/*
 * recharge prove: the daemon gives what is kept, the judgement is made here (codec/prove), so that
 * nobody has to believe the daemon's own.  The keys that verify the notification are those of the
 * settings file: whoever may not read them cannot prove it.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/prove.h"
#include "codec/provider.h"
#include "prog/settings.h"
#include "service/sources.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SECRETS_MOST 1024

static void
print_chain(const struct proof *p)
{
	struct buf words = {0};

	for (size_t i = 0; i < p->n; i++) {
		ctl_put_safe(&words, p->links[i].words);
		printf("%2zu  %-10s  %-10s  %s\n", i + 1,
		    p->links[i].holds ? "OK" : _("NOT PROVEN"), p->links[i].name, buf_text(&words));
		buf_clear(&words);
	}
}

static struct provider_keys *
source_keys(const struct pay_source *s, struct err *e)
{
	const struct provider *p = provider_find(s->provider);
	char text[SECRETS_MOST];
	struct provider_keys *keys = NULL;
	bool exposed;

	if (p == NULL)
		err_set(e, ERR_INPUT, "there is no provider %.20s", s->provider);
	else if (s->keys_file[0] != '\0')
		return provider_keys_read(p, s->keys_file, &exposed, e);
	else if (conf_secret_file(s->secret_file, text, sizeof text, e) == 0)
		keys = provider_secrets_read(text, e);
	OPENSSL_cleanse(text, sizeof text);
	return keys;
}

/* NULL and *e: nobody of that name, or the keys cannot be read. */
static struct provider_keys *
configured_keys(const char *path, const char *source, struct err *e)
{
	struct settings scratch = {0};
	struct conf_section sections[SETTINGS_SECTIONS];
	const struct pay_source *s;
	struct provider_keys *keys = NULL;

	settings_bind(sections, &scratch);
	if (conf_load(path, sections, e) < 0)
		return NULL;
	s = scratch.hooks.sources.entries;
	err_set(e, ERR_INPUT, "%s: there is no source %.32s", path, source);
	for (size_t i = 0; i < scratch.hooks.sources.n; i++)
		if (strcmp(s[i].name, source) == 0)
			keys = source_keys(&s[i], e);
	conf_clear(sections);
	return keys;
}

static bool
prove(struct ctl *c, const cJSON *facts, struct proof *proof)
{
	const cJSON *payment = cJSON_GetObjectItemCaseSensitive(facts, "payment");
	const char *source =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(payment, "source"));
	const char *path = ctl_value(c, "conf");
	struct err e = {0};
	struct provider_keys *keys = NULL;
	bool holds;

	if (source != NULL && strcmp(source, "cash") != 0)
		keys = configured_keys(
		    path != NULL ? path : "/etc/powergate/powergated.yaml", source, &e);
	holds = prove_recharge(facts, &(struct proof_keys){keys, e.text}, proof);
	provider_keys_free(keys);
	return holds;
}

enum ctl_exit
ctl_recharge_prove(struct ctl *c)
{
	struct buf answer = {0}, out = {0};
	struct proof proof;
	enum ctl_exit result;
	bool holds;
	cJSON *facts;

	for (size_t i = 0; i < c->n; i++)
		c->values[i].ours |= strcmp(c->values[i].name, "conf") == 0;
	result = ctl_ask(c, c->command->path, c->command->post, c->values, c->n, &answer);
	if (result != CTL_DONE) {
		buf_clear(&answer);
		return result;
	}
	facts = cJSON_Parse(buf_text(&answer));
	holds = prove(c, facts, &proof);
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
