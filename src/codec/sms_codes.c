#include "codec/sms_codes.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/template_inside.h"

#include <stdlib.h>
#include <string.h>

struct sms_codes {
	struct conf_node *root;
};

static int
refuse(const char *path, const struct conf_node *n, const char *why, struct err *e)
{
	return err_set(
	    e, ERR_INPUT, "%s:%zu: %.40s: %s", path, n->line, n->name != NULL ? n->name : "", why);
}

static bool
kind_known(const char *name)
{
	for (const struct template_kind *k = template_kinds; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return true;
	return false;
}

static bool
language_known(const char *name)
{
	for (int i = 0; i < TEMPLATE_LANGUAGES; i++)
		if (strcmp(words_languages[i], name) == 0)
			return true;
	return false;
}

static bool
values_known(const char *list)
{
	for (size_t len; *list != '\0'; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ");
		if (template_name(span_of(list, len)) == NULL)
			return false;
	}
	return true;
}

static int
check_entry(const char *path, const struct conf_node *entry, struct err *e)
{
	const struct conf_node *code = conf_tree_get(entry, "code"),
			       *params = conf_tree_get(entry, "params");

	if (!language_known(entry->name))
		return refuse(path, entry, "no such language: zh, en, es", e);
	if (code == NULL || code->kind != CONF_NODE_TEXT)
		return refuse(path, entry, "{code: ..., params: ...} is expected", e);
	if (params != NULL && (params->kind != CONF_NODE_TEXT || !values_known(params->text)))
		return refuse(path, params, "names of values with a blank between", e);
	return 0;
}

struct sms_codes *
sms_codes_load(const char *path, struct err *e)
{
	struct sms_codes *c = mem_new(sizeof *c);
	int rc = 0;

	c->root = conf_tree_read(path, e);
	if (c->root == NULL)
		rc = -1;
	for (const struct conf_node *k = rc == 0 ? c->root->first : NULL; k != NULL && rc == 0;
	     k = k->next) {
		if (!kind_known(k->name) || k->kind != CONF_NODE_MAP)
			rc = refuse(path, k, "there is no such kind of notice", e);
		for (const struct conf_node *n = k->first; n != NULL && rc == 0; n = n->next)
			rc = check_entry(path, n, e);
	}
	if (rc == 0)
		return c;
	sms_codes_free(c);
	return NULL;
}

void
sms_codes_free(struct sms_codes *c)
{
	if (c == NULL)
		return;
	conf_tree_free(c->root);
	free(c);
}

const char *
sms_codes_find(
    const struct sms_codes *c, const char *kind, const char *language, const char **params)
{
	const struct conf_node *k = conf_tree_get(c->root, kind);
	const struct conf_node *entry = k != NULL ? conf_tree_get(k, language) : NULL;
	const struct conf_node *n = entry != NULL ? conf_tree_get(entry, "params") : NULL;

	*params = n != NULL ? n->text : "";
	return entry != NULL ? conf_tree_get(entry, "code")->text : NULL;
}
