/*
 * The keys file: a section for each provider, and in it secrets inline or in files of their own.
 *
 * A relative file name starts where the keys file is.  What an error says never quotes a value
 * that may be a secret.
 */
#include "codec/provider_parts.h"

#include "base/conf.h"
#include "base/conf_tree.h"
#include "base/err.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MOST 16384

/* --- plain texts ------------------------------------------------------------------------- */

int
keys_text(struct keys_reader *r, const struct conf_node *map, const char *name, bool needed,
    char *out, size_t room)
{
	const struct conf_node *n = conf_tree_get(map, name);

	out[0] = '\0';
	if (n == NULL)
		return needed ? keys_refuse(r, map, "%s must be given", name) : 0;
	if (n->kind != CONF_NODE_TEXT)
		return keys_refuse(r, n, "takes one value");
	if (n->text[0] == '\0' || strlen(n->text) >= room)
		return keys_refuse(r, n, "takes 1 to %zu bytes", room - 1);
	memcpy(out, n->text, strlen(n->text) + 1);
	return 0;
}

int
keys_truth(struct keys_reader *r, const struct conf_node *map, const char *name, bool *out)
{
	const struct conf_node *n = conf_tree_get(map, name);

	if (n == NULL)
		return 0;
	if (n->kind != CONF_NODE_TEXT ||
	    (strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0))
		return keys_refuse(r, n, "is neither true nor false");
	*out = n->text[0] == 't';
	return 0;
}

int
keys_list(struct keys_reader *r, const struct conf_node *n,
    int (*take)(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg),
    void *arg)
{
	if (n->kind == CONF_NODE_TEXT)
		return take(r, n, n->text, arg);
	if (n->kind != CONF_NODE_LIST || n->first == NULL)
		return keys_refuse(r, n, "takes a value, or a list of them");
	for (const struct conf_node *each = n->first; each != NULL; each = each->next) {
		if (each->kind != CONF_NODE_TEXT)
			return keys_refuse(r, each, "takes one value");
		if (take(r, each, each->text, arg) < 0)
			return -1;
	}
	return 0;
}

/* --- files ------------------------------------------------------------------------------- */

static char *
beside(const struct keys_reader *r, const char *name)
{
	const char *slash = strrchr(r->path, '/');
	struct buf b = {0};

	if (name[0] != '/' && slash != NULL)
		buf_put(&b, r->path, (size_t)(slash - r->path) + 1);
	buf_put_text(&b, name);
	buf_text(&b);
	return (char *)b.bytes;
}

static int
read_open(const char *path, char *out, size_t room, struct err *e)
{
	FILE *in = fopen(path, "re");
	size_t len;

	if (in == NULL)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	len = fread(out, 1, room, in);
	if (ferror(in) || len == 0 || len == room || memchr(out, '\0', len) != NULL) {
		fclose(in);
		return err_set(e, ERR_INPUT, "%s: not a text of 1 to %zu bytes", path, room - 1);
	}
	fclose(in);
	out[len] = '\0';
	return 0;
}

static int
read_file(struct keys_reader *r, const struct conf_node *n, bool open, char *out, size_t room)
{
	struct err why;
	char *path;
	int rc;

	if (n->kind != CONF_NODE_TEXT)
		return keys_refuse(r, n, "takes one value");
	path = beside(r, n->text);
	rc = open ? read_open(path, out, room, &why) : conf_secret_file(path, out, room, &why);
	free(path);
	return rc < 0 ? keys_refuse(r, n, "%.140s", why.text) : 0;
}

/* The node of NAME or of NAME_file; *file tells which.  NULL and no error: neither. */
static const struct conf_node *
find_secret(
    struct keys_reader *r, const struct conf_node *map, const char *name, bool *file, int *rc)
{
	char file_name[48];
	const struct conf_node *text, *path;

	snprintf(file_name, sizeof file_name, "%s_file", name);
	text = conf_tree_get(map, name);
	path = conf_tree_get(map, file_name);
	*rc = text != NULL && path != NULL
		  ? keys_refuse(r, path, "either this or %s, not both", name)
		  : 0;
	*file = path != NULL;
	return *file ? path : text;
}

int
keys_secret(struct keys_reader *r, const struct conf_node *map, const char *name, bool needed,
    bool open, char *out, size_t room)
{
	bool file;
	int rc;
	const struct conf_node *n = find_secret(r, map, name, &file, &rc);

	out[0] = '\0';
	if (rc < 0)
		return -1;
	if (n == NULL)
		return needed ? keys_refuse(r, map, "%s or %s_file must be given", name, name) : 0;
	if (file)
		return read_file(r, n, open, out, room);
	if (n->kind != CONF_NODE_TEXT)
		return keys_refuse(r, n, "takes one value");
	if (n->text[0] == '\0' || strlen(n->text) >= room)
		return keys_refuse(r, n, "takes 1 to %zu bytes", room - 1);
	memcpy(out, n->text, strlen(n->text) + 1);
	r->inline_secret |= !open;
	return 0;
}

int
keys_asking(struct keys_reader *r, const struct conf_node *map, const char *key_name,
    const char *url_name, const char *url_preset, struct evp_pkey_st **key, char *url, size_t room)
{
	char pem[8192];
	struct err why;
	int rc;

	if (keys_text(r, map, url_name, false, url, room) < 0 ||
	    keys_secret(r, map, key_name, false, false, pem, sizeof pem) < 0)
		return -1;
	if (url[0] == '\0')
		snprintf(url, room, "%s", url_preset);
	if (pem[0] == '\0')
		return 0;
	rc = rsa_private_read(pem, key, &why);
	OPENSSL_cleanse(pem, sizeof pem);
	return rc < 0 ? keys_refuse(r, map, "%s: %s", key_name, why.text) : 0;
}

static int
take_lines(struct keys_reader *r, const struct conf_node *n,
    int (*take)(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg),
    void *arg)
{
	char *text = mem_new(FILE_MOST), *rest = text, *line;
	int rc = read_file(r, n, false, text, FILE_MOST);

	while (rc == 0 && (line = strsep(&rest, "\r\n")) != NULL)
		if (*line != '\0')
			rc = take(r, n, line, arg);
	OPENSSL_cleanse(text, FILE_MOST);
	free(text);
	return rc;
}

int
keys_secrets(struct keys_reader *r, const struct conf_node *map, const char *name,
    int (*take)(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg),
    void *arg)
{
	bool file;
	int rc;
	const struct conf_node *n = find_secret(r, map, name, &file, &rc);

	if (rc < 0)
		return -1;
	if (n == NULL)
		return keys_refuse(r, map, "%s or %s_file must be given", name, name);
	if (file)
		return take_lines(r, n, take, arg);
	r->inline_secret = true;
	return keys_list(r, n, take, arg);
}

/* --- the file ---------------------------------------------------------------------------- */

struct provider_keys {
	const struct provider *provider;
	void *own;
};

static bool
others_read(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0;
}

/* Sections of other providers are theirs to judge; a name that is no provider's is a mistake. */
static int
sections_known(struct keys_reader *r, const struct conf_node *root)
{
	for (const struct conf_node *n = root->first; n != NULL; n = n->next)
		if (provider_find(n->name) == NULL)
			return keys_refuse(r, n, "there is no such provider");
	return 0;
}

static struct provider_keys *
keys_new(const struct provider *p, void *own)
{
	struct provider_keys *k = mem_new(sizeof *k);

	*k = (struct provider_keys){p, own};
	return k;
}

struct provider_keys *
provider_keys_read(const struct provider *p, const char *path, bool *exposed, struct err *e)
{
	struct keys_reader r = {.path = path, .e = e};
	struct conf_node *root = conf_tree_read(path, e);
	const struct conf_node *section;
	void *own = NULL;

	if (root == NULL)
		return NULL;
	section = conf_tree_get(root, p->name);
	if (section == NULL && p->alias != NULL)
		section = conf_tree_get(root, p->alias);
	if (sections_known(&r, root) == 0) {
		if (section == NULL)
			err_set(e, ERR_INPUT, "%s: no section \"%s\"", path, p->name);
		else
			own = p->keys_read(&r, section);
	}
	conf_tree_free(root);
	if (own == NULL)
		return NULL;
	*exposed = r.inline_secret && others_read(path);
	return keys_new(p, own);
}

struct provider_keys *
provider_secrets_read(char *lines, struct err *e)
{
	void *own = standard_secrets(lines, e);

	return own != NULL ? keys_new(&provider_standard, own) : NULL;
}

const struct provider *
provider_of(const struct provider_keys *k)
{
	return k->provider;
}

const void *
provider_own(const struct provider_keys *k)
{
	return k->own;
}

void
provider_keys_free(struct provider_keys *k)
{
	if (k == NULL)
		return;
	k->provider->keys_free(k->own);
	free(k);
}

enum provider_code
provider_verify(const struct provider_keys *k, const struct provider_request *q,
    struct provider_notice *n, struct err *e)
{
	enum provider_code code;

	*n = (struct provider_notice){0};
	*e = (struct err){0};
	if (q->body.len > PROVIDER_BODY_MOST)
		return provider_fail(e, PROVIDER_TOO_LARGE, "a body of %zu bytes, at most %d",
		    q->body.len, PROVIDER_BODY_MOST);
	code = k->provider->verify(k->own, q, n, e);
	if (code != PROVIDER_OK)
		*n = (struct provider_notice){0};
	return code;
}

enum provider_code
provider_signed(const struct provider_keys *k, const struct provider_request *q, struct err *e)
{
	*e = (struct err){0};
	return k->provider == &provider_standard ? standard_signed(k->own, q, e)
						 : provider_fail(e, PROVIDER_UNSUPPORTED,
						       "%s asks no questions", k->provider->name);
}
