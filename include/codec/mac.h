/*
 * mac -- HMAC and digests, for signatures and for what is chained or compared by its bytes.
 */
#ifndef CODEC_MAC_H
#define CODEC_MAC_H

#include "base/buf.h"

#define MAC_MOST 64

/* digest is "SHA1" or "SHA256"; returns the length, 20 or 32. */
size_t mac_hmac(const char *digest, struct span key, struct span text, uint8_t out[MAC_MOST]);
/* Lower case. */
void mac_sha256_hex(struct span text, char out[65]);
void mac_sha1_hex(struct span text, char out[41]); /* where a provider tells no other */
/* Lower-case hex, appended. */
void mac_hex(struct buf *out, struct span s);
/* In constant time; texts of other length differ. */
bool mac_same(const char *a, const char *b);

#endif
