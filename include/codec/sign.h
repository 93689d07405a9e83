/*
 * sign -- what is asked of the utility's encryption machine, and what it answers.
 *
 * ESAM meters accept credit, relay commands and parameters only with a cipher or MAC made by a
 * machine that holds their keys.  The daemon holds none: it hands over a struct sign_ask and
 * carries the struct sign_reply to the meter.  service/signer.h is the socket behind this.
 */
#ifndef CODEC_SIGN_H
#define CODEC_SIGN_H

#include <stdint.h>

enum sign_op {
	SIGN_AUTH,     /* identity authentication: no input but the meter */
	SIGN_OPEN,     /* 070101FF: amount, count, customer */
	SIGN_RECHARGE, /* 070102FF: amount, count, customer */
	SIGN_CONTROL,  /* 98-level 1C: n1, n2, until */
	SIGN_WRITE_98, /* class 2 parameter: di, data -> cipher + MAC */
	SIGN_WRITE_99, /* class 1 parameter: di, data -> MAC */
};

struct sign_ask {
	enum sign_op op;
	char meter[13];
	uint8_t rand2[4];  /* challenge from the meter's answer to the authentication */
	uint8_t serial[8]; /* its chip's serial, likewise */
	uint32_t amount;   /* minor units */
	uint32_t count;
	char customer[13];
	uint8_t n1, n2;
	uint8_t until[6]; /* ss mm hh DD MM YY, BCD, as they travel */
	uint32_t di;
	uint8_t data[64];
	uint8_t data_len;
};

struct sign_reply {
	uint8_t cipher[96]; /* AUTH 8, CONTROL 16, WRITE_98 what covers di and data */
	uint8_t cipher_len;
	uint8_t rand1[8], diversity[8]; /* AUTH */
	uint8_t mac1[4], mac2[4];       /* OPEN, RECHARGE: both; CONTROL, WRITE: mac1 */
};

#endif
