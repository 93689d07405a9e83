#include "sim/esam.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
hmac(const uint8_t *key, size_t key_len, struct span covered, uint8_t out[32])
{
	size_t len = 0;

	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, covered.bytes, covered.len,
		out, 32, &len) == NULL ||
	    len != 32)
		abort();
}

void
esam_meter_key(const uint8_t master[ESAM_MASTER], const char *address, uint8_t key[ESAM_KEY])
{
	uint8_t whole[32];

	hmac(master, ESAM_MASTER, span_of(address, strlen(address)), whole);
	memcpy(key, whole, ESAM_KEY);
}

void
esam_auth_cipher(const uint8_t key[ESAM_KEY], const uint8_t rand1[8], uint8_t cipher[8])
{
	uint8_t covered[12] = {'a', 'u', 't', 'h'}, whole[32];

	memcpy(covered + 4, rand1, 8);
	hmac(key, ESAM_KEY, span_of(covered, sizeof covered), whole);
	memcpy(cipher, whole, 8);
}

void
esam_diversity(const char *address, uint8_t out[8])
{
	memset(out, 0, 8);
	for (int i = 0; i < 12 && address[i] != '\0'; i++)
		out[2 + i / 2] =
		    (uint8_t)(out[2 + i / 2] | (address[i] - '0') << (i % 2 == 0 ? 4 : 0));
}

void
esam_mac(const uint8_t key[ESAM_KEY], const uint8_t rand2[4], struct span covered, uint8_t mac[4])
{
	struct buf all = {0};
	uint8_t whole[32];

	buf_put(&all, rand2, 4);
	buf_put(&all, covered.bytes, covered.len);
	hmac(key, ESAM_KEY, buf_span(&all), whole);
	memcpy(mac, whole, 4);
	buf_clear(&all);
}

static uint8_t *
put_le32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++, n >>= 8)
		*p++ = (uint8_t)n;
	return p;
}

void
esam_mac_amount(const uint8_t key[ESAM_KEY], const uint8_t rand2[4], uint32_t di, uint32_t amount,
    uint32_t count, uint8_t mac[4])
{
	uint8_t covered[12];

	put_le32(put_le32(put_le32(covered, di), amount), count);
	esam_mac(key, rand2, span_of(covered, sizeof covered), mac);
}

void
esam_mac_customer(const uint8_t key[ESAM_KEY], const uint8_t rand2[4], uint32_t di, uint32_t count,
    const uint8_t customer[6], uint8_t mac[4])
{
	uint8_t covered[14];

	memcpy(put_le32(put_le32(covered, di), count), customer, 6);
	esam_mac(key, rand2, span_of(covered, sizeof covered), mac);
}

static void
aes_blocks(const uint8_t key[ESAM_KEY], const uint8_t *in, size_t len, uint8_t *out, int encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;

	if (c == NULL || !EVP_CipherInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL, encrypt) ||
	    !EVP_CIPHER_CTX_set_padding(c, 0) || !EVP_CipherUpdate(c, out, &n, in, (int)len))
		abort();
	EVP_CIPHER_CTX_free(c);
}

size_t
esam_seal(const uint8_t key[ESAM_KEY], struct span clear, uint8_t sealed[ESAM_SEALED])
{
	uint8_t block[ESAM_SEALED] = {0};
	size_t len = (1 + clear.len + 15) / 16 * 16;

	block[0] = (uint8_t)clear.len;
	memcpy(block + 1, clear.bytes, clear.len);
	aes_blocks(key, block, len, sealed, 1);
	return len;
}

int
esam_unseal(const uint8_t key[ESAM_KEY], struct span sealed, uint8_t *clear, size_t *len)
{
	uint8_t block[ESAM_SEALED];

	if (sealed.len == 0 || sealed.len > sizeof block || sealed.len % 16 != 0)
		return -1;
	aes_blocks(key, sealed.bytes, sealed.len, block, 0);
	*len = block[0];
	if ((1 + *len + 15) / 16 * 16 != sealed.len)
		return -1;
	memcpy(clear, block + 1, *len);
	return 0;
}

void
esam_init(struct esam *c, const uint8_t master[ESAM_MASTER], const char *address)
{
	*c = (struct esam){0};
	esam_meter_key(master, address, c->key);
	esam_diversity(address, c->serial);
	c->serial[0] = 0xe5;
	c->serial[1] = 0xa7;
}

bool
esam_authenticate(struct esam *c, const char *address, const uint8_t cipher[8],
    const uint8_t rand1[8], const uint8_t diversity[8], uint64_t chance, int64_t now_us)
{
	uint8_t right[8], ours[8];

	esam_auth_cipher(c->key, rand1, right);
	esam_diversity(address, ours);
	if (CRYPTO_memcmp(right, cipher, 8) != 0 || memcmp(ours, diversity, 8) != 0) {
		esam_leave(c);
		return false;
	}
	put_le32(c->rand2, (uint32_t)chance);
	c->auth_until_us = now_us + ESAM_AUTH_US;
	c->failures = 0;
	return true;
}

bool
esam_authenticated(const struct esam *c, int64_t now_us)
{
	return now_us < c->auth_until_us;
}

void
esam_leave(struct esam *c)
{
	c->auth_until_us = 0;
	memset(c->rand2, 0, sizeof c->rand2);
}

bool
esam_compare(struct esam *c, const uint8_t right[4], const uint8_t mac[4])
{
	if (CRYPTO_memcmp(right, mac, 4) == 0)
		return true;
	if (++c->failures % 3 == 0)
		esam_leave(c);
	return false;
}

bool
esam_check(struct esam *c, struct span covered, const uint8_t mac[4])
{
	uint8_t right[4];

	esam_mac(c->key, c->rand2, covered, right);
	return esam_compare(c, right, mac);
}
