/*
 * Why a plain SHA-256: salt and a slow hash protect what people think up, for such can be guessed.
 * Of 256 random bits nothing can, neither by asking nor from a stolen table.  And because only
 * the hash is ever compared, by an index, how long the answer takes tells of a hash nobody can
 * aim at.
 *
 * Addresses share a fixed number of buckets, of IPv6 a /64 is one address: memory and failures
 * have an upper limit however many come.
 */
#include "service/api_guard.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/http.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS   256
#define WRONG     10
#define PACE_US   (6 * SECOND_US)
#define GOOD      64
#define GOOD_US   HOUR_US
#define SCHEME    "Bearer "
#define BEGINNING "pgt_"

struct bucket {
	int wrong; /* in it now */
	int64_t since_us;
};

struct good {
	char from[TOKEN_FROM];
	int64_t seen_us;
};

struct api_guard {
	struct loop *loop;
	struct bucket buckets[BUCKETS];
	struct good good[GOOD];
	int next;
	int64_t said_us; /* 0: never */
	long long unsaid;
	struct logctx log;
};

struct api_guard *
guard_new(struct loop *l)
{
	struct api_guard *g = mem_new(sizeof *g);

	g->loop = l;
	g->log.module = "api";
	return g;
}

void
guard_free(struct api_guard *g)
{
	free(g);
}

/* --- tokens -------------------------------------------------------------------------------- */

static void
token_from(const char *token, char from[TOKEN_FROM])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)token, strlen(token), hash);
	strcpy(from, "token:");
	hex_out(from + strlen(from), span_of(hash, sizeof hash));
}

void
token_make(char token[TOKEN_TEXT], char from[TOKEN_FROM])
{
	uint8_t chance[32];

	if (RAND_bytes(chance, sizeof chance) != 1)
		abort();
	strcpy(token, BEGINNING);
	hex_out(token + strlen(token), span_of(chance, sizeof chance));
	OPENSSL_cleanse(chance, sizeof chance);
	token_from(token, from);
}

bool
token_shown(const struct http_request *r, char from[TOKEN_FROM])
{
	const char *text = http_header(r, "Authorization");

	if (!http_header_once(r, "Authorization") || strncmp(text, SCHEME, strlen(SCHEME)) != 0)
		return false;
	text += strlen(SCHEME);
	if (strlen(text) != TOKEN_TEXT - 1 || strncmp(text, BEGINNING, strlen(BEGINNING)) != 0)
		return false;
	token_from(text, from);
	return true;
}

/* --- failures ------------------------------------------------------------------------------ */

static struct bucket *
bucket_of(struct api_guard *g, const char *peer)
{
	uint8_t address[16];
	size_t len = inet_pton(AF_INET, peer, address) == 1    ? 4
		     : inet_pton(AF_INET6, peer, address) == 1 ? 8
							       : 0;
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ address[i]) * 16777619u;
	return &g->buckets[hash % BUCKETS];
}

static bool
was_good(const struct api_guard *g, const char *from)
{
	int64_t now_us = loop_mono_us(g->loop);

	for (int i = 0; i < GOOD && from[0] != '\0'; i++)
		if (strcmp(g->good[i].from, from) == 0)
			return now_us - g->good[i].seen_us < GOOD_US;
	return false;
}

static void
remember(struct api_guard *g, const char *from)
{
	struct good *at = NULL;

	for (int i = 0; i < GOOD && at == NULL; i++)
		if (strcmp(g->good[i].from, from) == 0)
			at = &g->good[i];
	if (at == NULL) {
		at = &g->good[g->next];
		g->next = (g->next + 1) % GOOD;
	}
	strcpy(at->from, from);
	at->seen_us = loop_mono_us(g->loop);
}

static void
forget(struct api_guard *g, const char *from)
{
	for (int i = 0; i < GOOD; i++)
		if (strcmp(g->good[i].from, from) == 0)
			g->good[i] = (struct good){0};
}

/* The place in the bucket is taken before the answer, or many at once would find room. */
bool
guard_admits(struct api_guard *g, const char *peer, const char *from)
{
	struct bucket *b = bucket_of(g, peer);
	int64_t now_us = loop_mono_us(g->loop), gone = (now_us - b->since_us) / PACE_US;

	if (gone > 0) {
		b->wrong = gone < b->wrong ? b->wrong - (int)gone : 0;
		b->since_us = b->wrong > 0 ? b->since_us + gone * PACE_US : now_us;
	}
	if (b->wrong >= WRONG && !was_good(g, from))
		return false;
	b->wrong++;
	return true;
}

static void
complain(struct api_guard *g, const char *peer)
{
	int64_t now_us = loop_mono_us(g->loop);

	if (g->said_us != 0 && now_us - g->said_us < SECOND_US) {
		g->unsaid++;
		return;
	}
	slog(g, LOG_LEVEL_WARN, "a token from %s is not good (and %lld unsaid)", peer, g->unsaid);
	g->said_us = now_us;
	g->unsaid = 0;
}

void
guard_told(struct api_guard *g, const char *peer, const char *from, enum guard_verdict verdict)
{
	struct bucket *b = bucket_of(g, peer);

	if (verdict == GUARD_WRONG) {
		forget(g, from);
		complain(g, peer);
		return;
	}
	b->wrong -= b->wrong > 0;
	if (verdict == GUARD_GOOD)
		remember(g, from);
}
