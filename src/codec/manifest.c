#include "codec/manifest.h"

#include "base/err.h"
#include "codec/mac.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "powergate report 1\n"

void
manifest_add(struct manifest *m, const char *name, struct span content)
{
	struct manifest_file *f = &m->files[m->n];

	if (m->n == MANIFEST_FILES || strlen(name) >= sizeof f->name ||
	    (m->n > 0 && strcmp(f[-1].name, name) >= 0))
		abort();
	m->n++;
	snprintf(f->name, sizeof f->name, "%s", name);
	mac_sha256_hex(content, f->sha256);
}

void
manifest_out(const struct manifest *m, struct buf *out)
{
	buf_printf(out, HEAD "site %s\nday %d\n", m->site, m->day);
	if (m->previous_day != 0)
		buf_printf(out, "previous %d %s\n", m->previous_day, m->previous);
	else
		buf_put_text(out, "previous none\n");
	for (size_t i = 0; i < m->n; i++)
		buf_printf(out, "file %s %s\n", m->files[i].name, m->files[i].sha256);
}

/* Read loosely, then written again: what is not the same to the byte is none of ours. */
static int
read_lines(struct manifest *m, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		struct manifest_file *f = &m->files[m->n];

		if (strncmp(line, "site ", 5) == 0)
			snprintf(m->site, sizeof m->site, "%s", line + 5);
		else if (sscanf(line, "day %8d", &m->day) == 1 ||
			 sscanf(line, "previous %8d %64s", &m->previous_day, m->previous) == 2)
			continue;
		else if (strncmp(line, "file ", 5) == 0 && m->n == MANIFEST_FILES)
			return -1;
		else if (sscanf(line, "file %63s %64s", f->name, f->sha256) == 2)
			m->n++;
	}
	return 0;
}

int
manifest_in(struct manifest *m, struct span text, struct err *e)
{
	struct buf copy = {0}, again = {0};
	bool same;
	int rc;

	*m = (struct manifest){0};
	buf_put(&copy, text.bytes, text.len);
	buf_text(&copy);
	rc = read_lines(m, (char *)copy.bytes);
	manifest_out(m, &again);
	same = rc == 0 && span_equal(buf_span(&again), text);
	for (size_t i = 0; same && i < m->n; i++)
		same = strchr(m->files[i].name, '/') == NULL && m->files[i].name[0] != '.' &&
		       (i == 0 || strcmp(m->files[i - 1].name, m->files[i].name) < 0);
	buf_clear(&copy);
	buf_clear(&again);
	return same ? 0 : err_set(e, ERR_INPUT, "this is no manifest");
}

const struct manifest_file *
manifest_find(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return &m->files[i];
	return NULL;
}

/* --- keys ---------------------------------------------------------------------------------- */

/* Nobody is asked for a passphrase. */
static int
no_passphrase(char *out, int room, int writing, void *arg)
{
	(void)out;
	(void)room;
	(void)writing;
	(void)arg;
	return 0;
}

static EVP_PKEY *
read_key(struct span pem, bool private, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	EVP_PKEY *key = private ? NULL : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);

	if (key == NULL) {
		BIO_reset(bio);
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (key != NULL && EVP_PKEY_id(key) == EVP_PKEY_ED25519)
		return key;
	EVP_PKEY_free(key);
	err_set(e, ERR_INPUT, "no %sEd25519 key in PEM", private ? "private " : "");
	return NULL;
}

int
manifest_sign(struct span text, struct span key_pem, uint8_t *signature, struct err *e)
{
	EVP_PKEY *key = read_key(key_pem, true, e);
	EVP_MD_CTX *ctx;
	size_t len = MANIFEST_SIGNATURE;
	bool good;

	if (key == NULL)
		return -1;
	ctx = EVP_MD_CTX_new();
	good = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestSign(ctx, signature, &len, text.bytes, text.len) == 1 &&
	       len == MANIFEST_SIGNATURE;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good ? 0 : err_set(e, ERR_BUG, "it cannot be signed");
}

EVP_PKEY *
manifest_key(struct span pem, struct err *e)
{
	return read_key(pem, false, e);
}

void
manifest_key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}

int
manifest_verify(struct span text, EVP_PKEY *key, struct span signature, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = signature.len == MANIFEST_SIGNATURE &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, signature.bytes, signature.len, text.bytes, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : err_set(e, ERR_REFUSED, "the signature is not of this key");
}
