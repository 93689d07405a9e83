/*
 * provider_parts -- what the files of codec/provider share; nobody else includes it.
 */
#ifndef CODEC_PROVIDER_PARTS_H
#define CODEC_PROVIDER_PARTS_H

#include "base/conf_tree.h"
#include "codec/provider.h"

#define PROVIDER_SECRETS 4 /* of one kind: rotation needs two */

struct cJSON;
struct evp_pkey_st;

extern const struct provider provider_wechat, provider_alipay, provider_stripe, provider_paystack,
    provider_mpesa, provider_standard;

/* --- provider_standard.c: what needs no keys file ---------------------------------------- */

void *standard_secrets(char *lines, struct err *e);
enum provider_code standard_signed(
    const void *own, const struct provider_request *q, struct err *e);

/* --- provider_keys.c ------------------------------------------------------------------------ */

const void *provider_own(const struct provider_keys *k); /* what keys_read() made */

/* --- provider.c: requests and texts ------------------------------------------------------ */

/* The value of a header that must be there once; case does not matter.  NULL: *code says why. */
const char *provider_header(
    const struct provider_request *q, const char *name, enum provider_code *code, struct err *e);
/* How often it is there; the first value. */
size_t provider_headers(const struct provider_request *q, const char *name, const char **value);
/* `code`, with the error set. */
enum provider_code provider_fail(struct err *e, enum provider_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void provider_no_recharge(struct provider_notice *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A member that may be missing, null or empty, as foreign programs write it; else an identifier. */
int provider_text(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e);
/* Words nobody decides by: left out when they do not fit. */
void provider_words(const struct cJSON *o, const char *name, char *out, size_t room);
/* Seconds since 1970, digits only, as a header has them. */
int provider_seconds(const char *text, int64_t *s);
/* Lower-case hex of that many letters is equal to another, in constant time. */
bool provider_same(const char *a, size_t a_len, const char *b, size_t b_len);

/* --- provider_keys.c: the keys file ------------------------------------------------------ */

struct keys_reader {
	const char *path;
	bool inline_secret; /* one stands in the file itself */
	struct err *e;
};

#define keys_refuse(r, at, ...)   conf_tree_refuse((r)->path, at, (r)->e, __VA_ARGS__)
#define keys_known(r, map, names) conf_tree_known((r)->path, map, names, (r)->e)
/* A text of `map`; "" when there is none and it is not needed. */
int keys_text(struct keys_reader *r, const struct conf_node *map, const char *name, bool needed,
    char *out, size_t room);
/* "true" or "false"; left alone when not given. */
int keys_truth(struct keys_reader *r, const struct conf_node *map, const char *name, bool *out);
/* name: TEXT or name_file: PATH, not both, into out without the line end.  An error quotes none
 * of it.  With `open`, others may read it: a public key. */
int keys_secret(struct keys_reader *r, const struct conf_node *map, const char *name, bool needed,
    bool open, char *out, size_t room);
/* The same for a list: name: [TEXT, ...] and name_file: PATH with a line each.  Hands each to
 * `take` and needs at least one; a plain text counts as a list of one. */
int keys_secrets(struct keys_reader *r, const struct conf_node *map, const char *name,
    int (*take)(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg),
    void *arg);
/* A private key to sign questions with, NULL when none is given, and where they go. */
int keys_asking(struct keys_reader *r, const struct conf_node *map, const char *key_name,
    const char *url_name, const char *url_preset, struct evp_pkey_st **key, char *url, size_t room);
/* The texts of a list, or the one text. */
int keys_list(struct keys_reader *r, const struct conf_node *n,
    int (*take)(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg),
    void *arg);

/* --- provider_crypto.c ------------------------------------------------------------------- */

/* An RSA public key of 2048 bits or more: a PEM public key or certificate, or the bare base64 of
 * a public key.  serial (may be NULL) gets a certificate's, in hex without leading zeros. */
int rsa_key_read(const char *text, struct evp_pkey_st **key, char serial[65], struct err *e);
void rsa_key_free(struct evp_pkey_st *key);
/* A private RSA key of 2048 bits or more, PEM without a passphrase; an error quotes none of it. */
int rsa_private_read(const char *text, struct evp_pkey_st **key, struct err *e);
/* Appends the base64 of a signature, RSASSA-PKCS1-v1_5 with SHA-256. */
void rsa_sha256_sign(struct evp_pkey_st *key, struct span text, struct buf *out);
/* RSASSA-PKCS1-v1_5 with SHA-256 over the parts, one behind the other. */
bool rsa_sha256_matches(
    struct evp_pkey_st *key, const struct span *parts, size_t nparts, struct span signature);
/* Lower-case hex of the HMAC over the parts; `digest` is "SHA256" or "SHA512", out has 2 * 64 + 1
 * bytes. */
void hmac_hex(
    const char *digest, struct span key, const struct span *parts, size_t nparts, char *out);
/* AES-GCM with a key of 16 or 32 bytes and a nonce of 12; the last 16 bytes of `sealed` are the
 * tag.  Appends the text; on failure nothing, and -1. */
int gcm_open(struct span key, struct span nonce, struct span aad, struct span sealed,
    struct buf *plain, struct err *e);

#endif
