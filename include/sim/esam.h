/*
 * esam -- the security chip of a simulated meter, and the maths of the test signer.
 *
 * This is a stand-in: the real chip and the utility's machine use other ciphers, and nothing
 * but this program and its signer understands it.  What is like the real thing is who knows
 * what, what is covered by which code, and when the chip says no.
 *
 *	K        = HMAC-SHA256(master, 12 digits of the address)[0..16)
 *	cipher   = HMAC-SHA256(K, "auth" rand1)[0..8)
 *	MAC      = HMAC-SHA256(K, rand2 what is covered)[0..4)
 *	sealed   = AES-128-ECB under K of: length 1, clear, zeros up to a multiple of 16
 *
 * Everything is covered in the order it travels in on the plain wire: lowest byte first.
 */
#ifndef SIM_ESAM_H
#define SIM_ESAM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define ESAM_MASTER    32
#define ESAM_KEY       16
#define ESAM_SEALED    272 /* most that esam_seal() makes */
#define ESAM_AUTH_US   (INT64_C(300) * 1000000)
#define ESAM_DI_OPEN   0x070101ffu
#define ESAM_DI_CREDIT 0x070102ffu

void esam_meter_key(const uint8_t master[ESAM_MASTER], const char *address, uint8_t key[ESAM_KEY]);
void esam_auth_cipher(const uint8_t key[ESAM_KEY], const uint8_t rand1[8], uint8_t cipher[8]);
void esam_diversity(const char *address, uint8_t out[8]); /* 0000, then the address as printed */
void esam_mac(
    const uint8_t key[ESAM_KEY], const uint8_t rand2[4], struct span covered, uint8_t mac[4]);
/* The two codes of 070101FF and 070102FF: over di, amount, count; over di, count, customer. */
void esam_mac_amount(const uint8_t key[ESAM_KEY], const uint8_t rand2[4], uint32_t di,
    uint32_t amount, uint32_t count, uint8_t mac[4]);
void esam_mac_customer(const uint8_t key[ESAM_KEY], const uint8_t rand2[4], uint32_t di,
    uint32_t count, const uint8_t customer[6], uint8_t mac[4]);
/* Adds the length and the zeros; clear.len is at most 255.  Returns how many bytes it made. */
size_t esam_seal(const uint8_t key[ESAM_KEY], struct span clear, uint8_t sealed[ESAM_SEALED]);
/* The clear bytes without length and zeros, into a room of ESAM_SEALED; -1 when they are none. */
int esam_unseal(const uint8_t key[ESAM_KEY], struct span sealed, uint8_t *clear, size_t *len);

/* The chip itself. */
struct esam {
	uint8_t key[ESAM_KEY], serial[8], rand2[4];
	int64_t auth_until_us; /* 0: nobody authenticated */
	uint8_t failures;      /* every third ends the authentication (dlt645.md 4.2) */
};

void esam_init(struct esam *c, const uint8_t master[ESAM_MASTER], const char *address);
/* True, and rand2 from `chance`, when the cipher is ours. */
bool esam_authenticate(struct esam *c, const char *address, const uint8_t cipher[8],
    const uint8_t rand1[8], const uint8_t diversity[8], uint64_t chance, int64_t now_us);
bool esam_authenticated(const struct esam *c, int64_t now_us);
void esam_leave(struct esam *c);
/* Whether `mac` is right, for this authentication; a wrong one is counted. */
bool esam_compare(struct esam *c, const uint8_t right[4], const uint8_t mac[4]);
bool esam_check(struct esam *c, struct span covered, const uint8_t mac[4]);

#endif
