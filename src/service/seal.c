#include "service/seal.h"

#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE 12
#define TAG   16
#define PLAIN 4 /* PA P0 P1 P2 */

struct seal {
	struct loop *loop;
	uint8_t key[32];
};

struct seal *
seal_new(struct loop *l, const char *key_file, struct err *e)
{
	struct seal *s = mem_new(sizeof *s);
	char text[80];
	struct buf key = {0};

	s->loop = l;
	if (key_file[0] == '\0')
		return s;
	if (conf_secret_file(key_file, text, sizeof text, e) < 0 || hex_in(&key, text, e) < 0) {
		seal_free(s);
		buf_clear(&key);
		return NULL;
	}
	if (key.len == sizeof s->key)
		memcpy(s->key, key.bytes, sizeof s->key);
	else
		err_set(e, ERR_INPUT, "%s: a key is 64 hex digits", key_file);
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(key.bytes, key.len);
	if (key.len != sizeof s->key) {
		seal_free(s);
		s = NULL;
	}
	buf_clear(&key);
	return s;
}

void
seal_free(struct seal *s)
{
	if (s == NULL)
		return;
	OPENSSL_cleanse(s->key, sizeof s->key);
	free(s);
}

static bool
has_key(const struct seal *s)
{
	static const uint8_t none[32];

	return CRYPTO_memcmp(s->key, none, sizeof none) != 0;
}

int
seal_password(struct seal *s, const char *address, int level, const char *digits,
    struct buf *sealed, struct err *e)
{
	uint8_t plain[PLAIN] = {(uint8_t)level}, out[NONCE + PLAIN + TAG];
	EVP_CIPHER_CTX *c;
	int n;

	if (!has_key(s))
		return err_set(
		    e, ERR_REFUSED, "no key to seal passwords with (meters.password_key)");
	if (strlen(digits) != 6 || strspn(digits, "0123456789") != 6 || level < 0 || level > 9)
		return err_set(e, ERR_INPUT, "a password is six digits, its level 0 to 9");
	for (int i = 0; i < 3; i++) /* lowest pair first, as it travels */
		plain[1 + i] =
		    (uint8_t)((digits[4 - 2 * i] - '0') << 4 | (digits[5 - 2 * i] - '0'));
	loop_random(s->loop, out, NONCE);
	c = EVP_CIPHER_CTX_new();
	if (c == NULL || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, out) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)address, (int)strlen(address)) != 1 ||
	    EVP_EncryptUpdate(c, out + NONCE, &n, plain, PLAIN) != 1 ||
	    EVP_EncryptFinal_ex(c, out + NONCE + PLAIN, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + PLAIN) != 1)
		abort();
	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(plain, sizeof plain);
	buf_put(sealed, out, sizeof out);
	return 0;
}

int
seal_open(struct span sealed, const char *address, struct meter_key *key, void *seal)
{
	struct seal *s = seal;
	uint8_t plain[PLAIN], tag[TAG];
	EVP_CIPHER_CTX *c;
	int n, ok;

	if (!has_key(s) || sealed.len != NONCE + PLAIN + TAG)
		return -1;
	memcpy(tag, sealed.bytes + NONCE + PLAIN, TAG);
	c = EVP_CIPHER_CTX_new();
	if (c == NULL)
		abort();
	ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, sealed.bytes) == 1 &&
	     EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)address, (int)strlen(address)) == 1 &&
	     EVP_DecryptUpdate(c, plain, &n, sealed.bytes + NONCE, PLAIN) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
	     EVP_DecryptFinal_ex(c, plain + PLAIN, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (ok) {
		key->level = plain[0];
		memcpy(key->password, plain + 1, 3);
	}
	OPENSSL_cleanse(plain, sizeof plain);
	return ok ? 0 : -1;
}
