#include "codec/mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t
mac_hmac(const char *digest, struct span key, struct span text, uint8_t out[MAC_MOST])
{
	static EVP_MAC *hmac; /* looked up once */
	char name[8];
	OSSL_PARAM params[2];
	EVP_MAC_CTX *c;
	size_t len = 0;

	snprintf(name, sizeof name, "%s", digest);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	c = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	if (c == NULL || !EVP_MAC_init(c, key.bytes, key.len, params) ||
	    (text.len > 0 && !EVP_MAC_update(c, text.bytes, text.len)) ||
	    !EVP_MAC_final(c, out, &len, MAC_MOST))
		abort(); /* no memory, or a library without HMAC */
	EVP_MAC_CTX_free(c);
	return len;
}

void
mac_hex(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_printf(out, "%02x", s.bytes[i]);
}

static void
digest_hex(const EVP_MD *md, struct span text, char *out)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	struct buf hex = {0};
	unsigned len;

	if (!EVP_Digest(
		text.bytes != NULL ? (const void *)text.bytes : "", text.len, sum, &len, md, NULL))
		abort();
	mac_hex(&hex, span_of(sum, len));
	memcpy(out, buf_text(&hex), hex.len + 1);
	buf_clear(&hex);
}

void
mac_sha256_hex(struct span text, char out[65])
{
	digest_hex(EVP_sha256(), text, out);
}

void
mac_sha1_hex(struct span text, char out[41])
{
	digest_hex(EVP_sha1(), text, out);
}

bool
mac_same(const char *a, const char *b)
{
	size_t len = strlen(a);

	return strlen(b) == len && CRYPTO_memcmp(a, b, len) == 0;
}
