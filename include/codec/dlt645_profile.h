/*
 * dlt645_profile -- how a family of meters differs from the sheet; one table entry each.
 *
 * To add a dialect: add an entry here, its exchanges in dlt645_meter.c where the existing ones
 * do not serve, vectors from the real meter in tests/vectors/, and qualify it (reliability.md
 * B.3) before giving it any capability but CAPABILITY_NONE.
 */
#ifndef CODEC_DLT645_PROFILE_H
#define CODEC_DLT645_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What protects a purchase from being loaded twice (reliability.md B.3). */
enum capability { CAPABILITY_NONE, CAPABILITY_ORDER_NO, CAPABILITY_COUNTED };
const char *capability_name(enum capability c);

/* How credit goes in: not at all; with a count, signed (function 03); under an order number of
 * eight bytes (03, landlord meters); as a plain amount (14, "EAST").  dlt645.md 4.2 and 4.4. */
enum profile_recharge { RECHARGE_NONE, RECHARGE_ESAM, RECHARGE_ORDER, RECHARGE_EAST };
enum profile_auth { AUTH_PASSWORD, AUTH_ESAM };

struct dlt645_profile {
	const char *name;
	const char *help;
	bool local; /* keeps the balance in the meter */
	enum profile_recharge recharge;
	enum profile_auth auth;
	enum capability capability;    /* without a qualification */
	uint8_t close_code;            /* N1: 1B permit or 1C direct */
	uint8_t level;                 /* PA of plain commands */
	uint8_t preamble;              /* FE before each request */
	size_t most_data;              /* longest DATA it takes */
	int64_t reply_us;              /* patience for the first byte */
	int64_t security_reply_us;     /* where its security chip is asked */
	uint8_t control_reply_lens[3]; /* lengths of a good 9C, FF-terminated */
	uint8_t error_lens[3];         /* lengths of C3, FF-terminated */
	bool combined_clock;           /* 0400010C is there; else 04000101 and 04000102 */
	uint32_t balance_di;      /* without a count in its wallet: where the balance is read */
	uint8_t operator_code[4]; /* of orders that have one of the maker's, as it travels */
	bool short_control;       /* 1C has neither N2 nor a deadline */
};

const struct dlt645_profile *dlt645_profile(const char *name); /* NULL when unknown */
const struct dlt645_profile *dlt645_profile_next(const struct dlt645_profile *p); /* NULL starts */

#endif
