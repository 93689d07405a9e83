/*
 * The families of meters we know how to talk to.  Both speak the plain standard; what differs
 * is who keeps the money and what a command is proved with (dlt645.md 3 and 4).
 */
#include "codec/dlt645_profile.h"

#include <string.h>

#define SECOND_US INT64_C(1000000)
#define NO_MORE   0xff

static const struct dlt645_profile remote = {
    .name = "remote",
    .help = "Counts energy only; its relay is moved with a password, and closes directly.",
    .local = false,
    .recharge = RECHARGE_NONE,
    .auth = AUTH_PASSWORD,
    .capability = CAPABILITY_NONE,
    .close_code = 0x1c,
    .level = 0x02,
    .preamble = 4,
    .most_data = 200,
    .reply_us = 8 * SECOND_US,
    .security_reply_us = 10 * SECOND_US,
    .control_reply_lens = {0, NO_MORE, NO_MORE},
    .combined_clock = true,
    .error_lens = {1, 2,       NO_MORE},
};

static const struct dlt645_profile wallet_esam = {
    .name = "wallet-esam",
    .help = "Keeps the balance itself; credit and relay orders are signed for its ESAM.",
    .local = true,
    .recharge = RECHARGE_ESAM,
    .auth = AUTH_ESAM,
    .capability = CAPABILITY_COUNTED,
    .close_code = 0x1b,
    .level = 0x02,
    .preamble = 4,
    .most_data = 200,
    .reply_us = 8 * SECOND_US,
    .security_reply_us = 10 * SECOND_US,
    .control_reply_lens = {0, NO_MORE, NO_MORE},
    .combined_clock = true,
    .error_lens = {2, 1,       NO_MORE},
};

/* One source for each of the two below, and no meter at hand: whether they keep the records of
 * function 11, 0333, by which alone a recharge is proved, a qualification has to show.  Which of
 * two operator codes the first wants is not known either; this is the one its makers printed. */
static const struct dlt645_profile wallet_plain = {
    .name = "wallet-plain",
    .help = "Keeps the balance itself; credit goes in under an order number, unsigned.",
    .local = true,
    .recharge = RECHARGE_ORDER,
    .auth = AUTH_PASSWORD,
    .capability = CAPABILITY_NONE,
    .close_code = 0x1b,
    .level = 0x02,
    .preamble = 4,
    .most_data = 200,
    .reply_us = 8 * SECOND_US,
    .security_reply_us = 10 * SECOND_US,
    .control_reply_lens = {0,     NO_MORE, NO_MORE},
    .error_lens = {    1,    2, NO_MORE       },
    .combined_clock = true,
    .balance_di = 0x028011ff,
    .operator_code = { 0x44, 0x33,    0x22,        0x11},
};

/* The amount goes in as it is, in what the meter counts in: money or kWh, by hundredths. */
static const struct dlt645_profile east = {
    .name = "east",
    .help = "Keeps the balance itself; credit is a plain write, the relay has no deadline.",
    .local = true,
    .recharge = RECHARGE_EAST,
    .auth = AUTH_PASSWORD,
    .capability = CAPABILITY_NONE,
    .close_code = 0x1c,
    .level = 0x02,
    .preamble = 4,
    .most_data = 200,
    .reply_us = 8 * SECOND_US,
    .security_reply_us = 10 * SECOND_US,
    .control_reply_lens = {0,    NO_MORE, NO_MORE},
    .error_lens = {   1,   2, NO_MORE       },
    .combined_clock = true,
    .balance_di = 0x00900100,
    .operator_code = { 'T', 'S',     'A',        'E'},
    .short_control = true,
};

static const struct dlt645_profile *const profiles[] = {
    &remote, &wallet_esam, &wallet_plain, &east, NULL};

const char *
capability_name(enum capability c)
{
	static const char *const names[] = {
	    [CAPABILITY_NONE] = "none",
	    [CAPABILITY_ORDER_NO] = "order_no",
	    [CAPABILITY_COUNTED] = "counted",
	};

	return (size_t)c < sizeof names / sizeof names[0] ? names[c] : "none";
}

const struct dlt645_profile *
dlt645_profile_next(const struct dlt645_profile *p)
{
	const struct dlt645_profile *const *at = profiles;

	if (p == NULL)
		return *at;
	while (*at != NULL && *at != p)
		at++;
	return *at != NULL ? at[1] : NULL;
}

const struct dlt645_profile *
dlt645_profile(const char *name)
{
	const struct dlt645_profile *p = NULL;

	while ((p = dlt645_profile_next(p)) != NULL)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}
