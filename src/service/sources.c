#include "service/sources.h"

#include "base/conf.h"
#include "base/err.h"
#include "service/http.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRETS_MOST 1024

struct sources {
	struct provider_keys *nobody;
	size_t n;
	struct source all[];
};

static struct provider_keys *
read_secrets(const char *path, struct err *e)
{
	char text[SECRETS_MOST];
	struct provider_keys *keys = NULL;

	if (conf_secret_file(path, text, sizeof text, e) == 0)
		keys = provider_secrets_read(text, e);
	OPENSSL_cleanse(text, sizeof text);
	return keys;
}

static struct provider_keys *
read_keys(const struct provider *p, const char *path, struct err *e)
{
	bool exposed = false;
	struct provider_keys *keys = provider_keys_read(p, path, &exposed, e);

	if (keys == NULL || !exposed)
		return keys;
	provider_keys_free(keys);
	err_set(e, ERR_INPUT, "%s: a secret stands in it, and others may read it", path);
	return NULL;
}

static int
source_read(const struct pay_source *conf, struct source *s, struct err *e)
{
	const struct provider *p = provider_find(conf->provider);
	bool secrets = conf->secret_file[0] != '\0', keys = conf->keys_file[0] != '\0';

	snprintf(s->name, sizeof s->name, "%s", conf->name);
	if (p == NULL)
		return err_set(e, ERR_INPUT, "there is no provider %.20s", conf->provider);
	s->own = p == provider_find("standard");
	s->own_paths = p == provider_find("mpesa");
	if (secrets == keys)
		return err_set(e, ERR_INPUT, "one of secret_file and keys_file must be given");
	if (secrets && !s->own)
		return err_set(e, ERR_INPUT, "provider %s takes a keys_file", p->name);
	s->keys = secrets ? read_secrets(conf->secret_file, e) : read_keys(p, conf->keys_file, e);
	return s->keys != NULL ? 0 : -1;
}

struct sources *
sources_read(const struct conf_list *list, struct err *e)
{
	const struct pay_source *conf = list->entries;
	char nobody[] = "bm9ib2R5IGtub3dzIHRoaXMgb25lLg==";
	struct sources *s = mem_new(sizeof *s + list->n * sizeof *s->all);

	s->nobody = provider_secrets_read(nobody, e);
	for (s->n = 0; s->nobody != NULL && s->n < list->n; s->n++)
		if (source_read(&conf[s->n], &s->all[s->n], e) < 0) {
			err_wrap(e, "source %s", conf[s->n].name);
			break;
		}
	if (s->nobody != NULL && s->n == list->n)
		return s;
	sources_free(s);
	return NULL;
}

void
sources_free(struct sources *s)
{
	if (s == NULL)
		return;
	provider_keys_free(s->nobody);
	for (size_t i = 0; i < s->n; i++)
		provider_keys_free(s->all[i].keys);
	free(s);
}

struct source *
source_find(struct sources *s, const char *path, const char **rest)
{
	size_t len = strcspn(path, "/");

	*rest = path + len;
	for (size_t i = 0; i < s->n; i++)
		if (strlen(s->all[i].name) == len && memcmp(s->all[i].name, path, len) == 0)
			return &s->all[i];
	return NULL;
}

size_t
sources_count(const struct sources *s)
{
	return s->n;
}

const struct source *
source_at(const struct sources *s, size_t i)
{
	return &s->all[i];
}

const struct provider_keys *
sources_nobody(const struct sources *s)
{
	return s->nobody;
}

/* --- where it comes from ------------------------------------------------------------------ */

/* The same address may be spelt in several ways. */
static bool
address_in(const char *text, size_t len, uint8_t out[16])
{
	char one[64];
	uint8_t four[4];

	if (len >= sizeof one)
		return false;
	snprintf(one, sizeof one, "%.*s", (int)len, text);
	if (inet_pton(AF_INET, one, four) != 1)
		return inet_pton(AF_INET6, one, out) == 1;
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, four, 4);
	return true;
}

static bool
is_proxy(const char *proxies, const char *text, size_t len)
{
	uint8_t who[16], one[16];

	if (!address_in(text, len, who))
		return false;
	for (const char *p = proxies; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (n > 0 && address_in(p, n, one) && memcmp(one, who, sizeof who) == 0)
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

const char *
source_peer(const struct http_request *r, const char *proxies, char *room, size_t room_size)
{
	const char *peer = http_peer(r), *told = http_header(r, "X-Forwarded-For"), *end;

	if (!is_proxy(proxies, peer, strlen(peer)) || told == NULL)
		return peer;
	if (!http_header_once(r, "X-Forwarded-For"))
		return NULL; /* which of them would be our proxy's? */
	for (end = told + strlen(told); end > told;) {
		const char *from = end;
		size_t len;

		while (from > told && from[-1] != ',')
			from--;
		len = strcspn(from + strspn(from, " "), ", ");
		if (!is_proxy(proxies, from + strspn(from, " "), len)) {
			if (len >= room_size)
				return NULL;
			snprintf(room, room_size, "%.*s", (int)len, from + strspn(from, " "));
			return room;
		}
		end = from > told ? from - 1 : told;
	}
	return peer;
}
