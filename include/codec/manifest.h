/*
 * manifest -- what a day's report consists of, chained to the day before, and signed.
 *
 *	powergate report 1
 *	site here
 *	day 20261119
 *	previous 20261118 9f86d081...	SHA-256 of that day's manifest, or "previous none"
 *	file accounts.csv 2c26b46b...	one a file, by name
 *
 * The signature is Ed25519 over these bytes, 64 bytes in a file of its own:
 *	openssl pkeyutl -verify -pubin -inkey KEY -rawin -in manifest -sigfile manifest.sig
 *
 * Whoever changes, adds or takes away a file, a day in the middle or the first one breaks it.  That
 * the last days are missing shows only to who knows how far it went: report verify --last.
 */
#ifndef CODEC_MANIFEST_H
#define CODEC_MANIFEST_H

#include "base/buf.h"

struct err;

#define MANIFEST_FILES     64
#define MANIFEST_SIGNATURE 64

struct manifest_file {
	char name[64];
	char sha256[65]; /* lower-case hex */
};

struct manifest {
	char site[128];
	int day;          /* 20261119 */
	int previous_day; /* 0: none */
	char previous[65];
	struct manifest_file files[MANIFEST_FILES];
	size_t n;
};

/* Adds a file by its content; they must come by rising name.  Too many end the process. */
void manifest_add(struct manifest *m, const char *name, struct span content);
void manifest_out(const struct manifest *m, struct buf *out);
/* Only what manifest_out() writes is taken, to the last byte. */
int manifest_in(struct manifest *m, struct span text, struct err *e);
/* NULL: it names no such file. */
const struct manifest_file *manifest_find(const struct manifest *m, const char *name);

/* key_pem: of an Ed25519 private key.  signature has 64 bytes. */
int manifest_sign(struct span text, struct span key_pem, uint8_t *signature, struct err *e);

/* PEM of an Ed25519 key, public or private, read once for all that is verified by it. */
struct evp_pkey_st;
struct evp_pkey_st *manifest_key(struct span pem, struct err *e);
void manifest_key_free(struct evp_pkey_st *key);
int manifest_verify(
    struct span text, struct evp_pkey_st *key, struct span signature, struct err *e);

#endif
