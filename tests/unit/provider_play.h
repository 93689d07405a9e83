/*
 * provider_play -- a provider in a test: its keys file, its requests, and the other side's pen.
 */
#ifndef UNIT_PROVIDER_PLAY_H
#define UNIT_PROVIDER_PLAY_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/provider.h"
#include "codec/webhook.h"

#include <check.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_S INT64_C(1795000000)

static inline struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* --- keys -------------------------------------------------------------------------------- */

/* NULL and *e when they are not good. */
static inline struct provider_keys *
try_keys(const char *name, const char *yaml, struct err *e)
{
	char path[] = "/tmp/provider-keys-XXXXXX";
	int fd = mkstemp(path);
	bool exposed = true;
	struct provider_keys *k;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	k = provider_keys_read(provider_find(name), path, &exposed, e);
	unlink(path);
	if (k != NULL)
		ck_assert(!exposed); /* mkstemp() lets nobody else in */
	return k;
}

static inline struct provider_keys *
keys_of(const char *name, const char *yaml)
{
	struct err e = {0};
	struct provider_keys *k = try_keys(name, yaml, &e);

	ck_assert_msg(k != NULL, "%s", e.text);
	return k;
}

/* Each line of a PEM behind so many blanks. */
static inline void
put_pem(struct buf *yaml, const char *name, const char *pem, int blanks)
{
	buf_printf(yaml, "%*s%s: |\n", blanks, "", name);
	while (*pem != '\0') {
		size_t len = strcspn(pem, "\n");

		buf_printf(yaml, "%*s%.*s\n", blanks + 2, "", (int)len, pem);
		pem += len + (pem[len] == '\n');
	}
}

/* --- the other side's pen ---------------------------------------------------------------- */

static inline EVP_PKEY *
new_rsa(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);

	ck_assert_ptr_nonnull(key);
	return key;
}

static inline char *
public_pem(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes, *text;
	long len;

	ck_assert_int_eq(PEM_write_bio_PUBKEY(out, key), 1);
	len = BIO_get_mem_data(out, &bytes);
	text = mem_new((size_t)len + 1);
	memcpy(text, bytes, (size_t)len);
	BIO_free(out);
	return text;
}

/* base64 of RSA with SHA-256 over a text. */
static inline void
rsa_sign(EVP_PKEY *key, struct span text, struct buf *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t signature[512];
	size_t len = sizeof signature;

	ck_assert_int_eq(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(c, signature, &len, text.bytes, text.len), 1);
	EVP_MD_CTX_free(c);
	base64_out(out, span_of(signature, len));
}

/* --- asking ------------------------------------------------------------------------------ */

struct ask {
	struct provider_keys *keys;
	struct provider_header headers[8];
	size_t nheaders;
	struct span body;
	int64_t now_s;
	const char *path, *peer;
	struct provider_notice n; /* the answer */
	struct err e;
};

static inline void
ask_header(struct ask *a, const char *name, const char *value)
{
	a->headers[a->nheaders++] = (struct provider_header){name, value};
}

static inline enum provider_code
ask_now(struct ask *a)
{
	struct provider_request q = {.path = a->path,
	    .peer = a->peer,
	    .headers = a->headers,
	    .nheaders = a->nheaders,
	    .body = a->body,
	    .now_us = a->now_s * 1000000};
	enum provider_code code = provider_verify(a->keys, &q, &a->n, &a->e);

	/* Whoever is refused has told nothing. */
	if (code != PROVIDER_OK) {
		struct provider_notice none = {0};

		ck_assert_mem_eq(&a->n, &none, sizeof none);
		ck_assert_str_ne(a->e.text, "");
	}
	return code;
}

#define ck_code(got, expected)                                                                 \
	do {                                                                                   \
		enum provider_code got_ = (got);                                               \
		ck_assert_msg(got_ == (expected), "%s, expected %s", provider_code_name(got_), \
		    provider_code_name(expected));                                             \
	} while (0)

static inline int
run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
