/*
 * The three sums providers use, over OpenSSL's EVP.  A context for each message, keys read once.
 *
 * OpenSSL leaves its reasons in a queue for each thread; whoever refuses here empties it, or the
 * next TLS connection would be told of it.
 */
#include "codec/provider_parts.h"

#include "base/err.h"
#include "codec/webhook.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS  2048
#define TAG_LEN   16
#define NONCE_LEN 12

/* --- RSA --------------------------------------------------------------------------------- */

static void
serial_out(const X509 *certificate, char serial[65])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = n != NULL ? BN_bn2hex(n) : NULL;

	if (hex == NULL)
		abort(); /* no memory */
	snprintf(serial, 65, "%s", hex + strspn(hex, "0"));
	OPENSSL_free(hex);
	BN_free(n);
}

static EVP_PKEY *
read_certificate(const char *text, char *serial)
{
	BIO *in = BIO_new_mem_buf(text, -1);
	X509 *certificate = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = certificate != NULL ? X509_get_pubkey(certificate) : NULL;

	if (key != NULL && serial != NULL)
		serial_out(certificate, serial);
	X509_free(certificate);
	BIO_free(in);
	return key;
}

static EVP_PKEY *
read_pem(const char *text)
{
	BIO *in = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = in != NULL ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	return key;
}

/* As a provider's web page shows it for copying: one line or several. */
static EVP_PKEY *
read_bare(const char *text)
{
	struct buf letters = {0}, der = {0};
	struct err ignored;
	const unsigned char *p;
	EVP_PKEY *key = NULL;

	for (; *text != '\0'; text++)
		if (strchr(" \t\r\n", *text) == NULL)
			buf_put(&letters, text, 1);
	if (base64_in(&der, buf_text(&letters), letters.len, &ignored) == 0 && der.len > 0) {
		p = der.bytes;
		key = d2i_PUBKEY(NULL, &p, (long)der.len);
		if (key != NULL && p != der.bytes + der.len) {
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	buf_clear(&letters);
	buf_clear(&der);
	return key;
}

int
rsa_key_read(const char *text, struct evp_pkey_st **key, char serial[65], struct err *e)
{
	EVP_PKEY *k;

	if (serial != NULL)
		serial[0] = '\0';
	if (strstr(text, "PRIVATE KEY") != NULL)
		return err_set(
		    e, ERR_INPUT, "a private key: the other side's public key belongs here");
	k = strstr(text, "-----BEGIN CERTIFICATE-----") != NULL ? read_certificate(text, serial)
	    : strstr(text, "-----BEGIN ") != NULL               ? read_pem(text)
								: read_bare(text);
	ERR_clear_error();
	if (k == NULL)
		return err_set(e, ERR_INPUT, "no public key and no certificate");
	if (EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA || EVP_PKEY_get_bits(k) < RSA_BITS) {
		EVP_PKEY_free(k);
		return err_set(e, ERR_INPUT, "not an RSA key of %d bits or more", RSA_BITS);
	}
	*key = k;
	return 0;
}

void
rsa_key_free(struct evp_pkey_st *key)
{
	EVP_PKEY_free(key);
}

int
rsa_private_read(const char *text, struct evp_pkey_st **key, struct err *e)
{
	BIO *in = BIO_new_mem_buf(text, -1);
	EVP_PKEY *k = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)"") : NULL;

	BIO_free(in);
	ERR_clear_error();
	if (k == NULL)
		return err_set(e, ERR_INPUT, "no private key without a passphrase");
	if (EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA || EVP_PKEY_get_bits(k) < RSA_BITS) {
		EVP_PKEY_free(k);
		return err_set(e, ERR_INPUT, "not an RSA key of %d bits or more", RSA_BITS);
	}
	*key = k;
	return 0;
}

void
rsa_sha256_sign(struct evp_pkey_st *key, struct span text, struct buf *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(key);
	uint8_t *signature = mem_new(len);

	if (c == NULL || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(c, signature, &len, text.bytes, text.len) != 1)
		abort(); /* no memory, or a library without SHA-256 */
	base64_out(out, span_of(signature, len));
	EVP_MD_CTX_free(c);
	free(signature);
}

bool
rsa_sha256_matches(
    struct evp_pkey_st *key, const struct span *parts, size_t nparts, struct span signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good;

	if (c == NULL || EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) != 1)
		abort(); /* no memory, or a library without SHA-256 */
	for (size_t i = 0; i < nparts; i++)
		if (parts[i].len > 0 &&
		    EVP_DigestVerifyUpdate(c, parts[i].bytes, parts[i].len) != 1)
			abort();
	good = signature.len > 0 && EVP_DigestVerifyFinal(c, signature.bytes, signature.len) == 1;
	ERR_clear_error();
	EVP_MD_CTX_free(c);
	return good;
}

/* --- HMAC -------------------------------------------------------------------------------- */

void
hmac_hex(const char *digest, struct span key, const struct span *parts, size_t nparts, char *out)
{
	static EVP_MAC *hmac; /* looked up once */
	char name[16];
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	uint8_t mac[EVP_MAX_MD_SIZE];
	EVP_MAC_CTX *c;
	size_t len = 0;

	snprintf(name, sizeof name, "%s", digest);
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	c = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	if (c == NULL || !EVP_MAC_init(c, key.bytes, key.len, params))
		abort(); /* no memory, or a library without HMAC */
	for (size_t i = 0; i < nparts; i++)
		if (parts[i].len > 0 && !EVP_MAC_update(c, parts[i].bytes, parts[i].len))
			abort();
	if (!EVP_MAC_final(c, mac, &len, sizeof mac))
		abort();
	EVP_MAC_CTX_free(c);
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", mac[i]);
	OPENSSL_cleanse(mac, sizeof mac);
}

/* --- AES-GCM ----------------------------------------------------------------------------- */

/* The tag is set before the end is asked for, and what came out counts only if that is well. */
static bool
open_with(EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, struct span key, struct span nonce,
    struct span aad, struct span sealed, uint8_t *out)
{
	size_t len = sealed.len - TAG_LEN;
	uint8_t tag[TAG_LEN];
	int n = 0, last = 0;

	memcpy(tag, sealed.bytes + len, TAG_LEN);
	return EVP_DecryptInit_ex(c, cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN, NULL) == 1 &&
	       EVP_DecryptInit_ex(c, NULL, NULL, key.bytes, nonce.bytes) == 1 &&
	       (aad.len == 0 || EVP_DecryptUpdate(c, NULL, &n, aad.bytes, (int)aad.len) == 1) &&
	       (len == 0 || EVP_DecryptUpdate(c, out, &n, sealed.bytes, (int)len) == 1) &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	       EVP_DecryptFinal_ex(c, out + len, &last) == 1 && last == 0;
}

int
gcm_open(struct span key, struct span nonce, struct span aad, struct span sealed, struct buf *plain,
    struct err *e)
{
	const EVP_CIPHER *cipher = key.len == 32   ? EVP_aes_256_gcm()
				   : key.len == 16 ? EVP_aes_128_gcm()
						   : NULL;
	EVP_CIPHER_CTX *c;
	uint8_t *out;
	bool good;

	if (cipher == NULL)
		return err_set(e, ERR_INPUT, "a key of %zu bytes", key.len);
	if (nonce.len != NONCE_LEN)
		return err_set(e, ERR_INPUT, "a nonce of %zu bytes, not %d", nonce.len, NONCE_LEN);
	if (sealed.len < TAG_LEN || sealed.len > PROVIDER_BODY_MOST || aad.len > PROVIDER_BODY_MOST)
		return err_set(e, ERR_INPUT, "a cipher of %zu bytes", sealed.len);
	c = EVP_CIPHER_CTX_new();
	if (c == NULL)
		abort(); /* no memory */
	out = mem_new(sealed.len);
	good = open_with(c, cipher, key, nonce, aad, sealed, out);
	if (good)
		buf_put(plain, out, sealed.len - TAG_LEN);
	ERR_clear_error();
	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(out, sealed.len);
	free(out);
	return good ? 0 : err_set(e, ERR_REFUSED, "the key does not open it");
}
