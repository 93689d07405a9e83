/*
 * task -- what to ask of a meter, in no protocol's words, and what was learnt.
 *
 * One task is a whole conversation: the protocol behind it may need several exchanges
 * (authentication, follow-up reads, reading back).  Only a read-back in `struct answer` is a
 * fact; `said` is what the meter claimed about itself, a hint.
 */
#ifndef MODEL_TASK_H
#define MODEL_TASK_H

#include "model/meter.h"

enum task_kind {
	TASK_READ,        /* regs */
	TASK_RELAY,       /* move the relay, then read it back */
	TASK_RELAY_LOOK,  /* only read it back */
	TASK_CREDIT_LOOK, /* purchase count, and the record of `purchase` if the meter keeps it */
	TASK_CREDIT_SEND, /* hand over credit: never proves anything by itself */
	TASK_FREEZE,      /* the n-th last daily freeze record */
	TASK_CLOCK,       /* read the meter's clock */
	TASK_CLOCK_SET,   /* read it, put it right, read it back */
	TASK_LOOK,        /* parameters: read them */
	TASK_WRITE,       /* parameters: read each, write it where it differs, read it back */
};

#define TASK_REGS       12
#define PARAMETER_BYTES 64

/* While a meter keeps power on, it refuses to trip and does not trip by itself. */
enum keep { KEEP_AS_IT_IS, KEEP_POWER, KEEP_NO_MORE };

/* One item of a meter's own settings, in its protocol's words. */
struct parameter {
	uint32_t id;
	uint8_t len;
	uint8_t data[PARAMETER_BYTES]; /* WRITE: as it should be */
	bool same;                     /* was read, and is as it should be */
	bool blind;                    /* WRITE: cannot be read; its yes is all there is */
	uint8_t seen_len;              /* as it was read last; of more than fit, the first */
	uint8_t seen[PARAMETER_BYTES];
};

struct task {
	enum task_kind kind;
	enum reg regs[TASK_REGS];
	int nregs;
	enum relay relay;     /* RELAY: open, permitted or closed */
	enum keep keep;       /* RELAY: not the relay, but the meter's power-keep */
	bool ends_keep;       /* RELAY: a power-keep that stands in the way is ended first */
	int64_t valid_us;     /* RELAY: how long the order stays good once it is sent */
	bool open_account;    /* CREDIT_SEND: first credit, opens the account in the meter */
	int64_t amount_minor; /* CREDIT_SEND */
	uint32_t purchase;    /* CREDIT_*: the purchase count; 0 when looking for none */
	int64_t order_no;     /* CREDIT_SEND: 16 digits, where a meter wants such a number */
	bool with_status;     /* CREDIT_LOOK: the status word too, when adopting a meter */
	int record;           /* FREEZE: 1 newest .. 62 */
	bool by_write;        /* CLOCK_SET: with the password; else by broadcast, which all hear */
	uint32_t operator_code; /* RELAY, WRITE: the meter logs it, so that we know our own */
	/* LOOK, WRITE: borrowed until answered; what was seen is noted in them */
	struct parameter *parameters;
	int nparameters;
};

/* The meter's own record of one purchase: the evidence that decides (reliability.md B.1). */
struct purchase_record {
	bool found;
	int64_t at_us;  /* meter's clock */
	uint32_t count; /* as stored: modulo 10 000 */
	int64_t amount_minor, before_minor, after_minor, bought_minor;
};

enum said {
	SAID_NOTHING, /* silence */
	SAID_YES,
	SAID_NO,     /* refused, see answer.refusal */
	SAID_REPEAT, /* "this purchase is already in" */
};

/* Why a meter said no, as far as it decides what may be done next. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_OTHER,
	REFUSAL_NO_DATA,  /* it does not have what was asked */
	REFUSAL_PASSWORD, /* never ask again by ourselves: three wrong ones lock it for a day */
	REFUSAL_AUTH,     /* identity authentication missing, failed or run out */
	REFUSAL_MAC,      /* its security chip did not accept our signature */
	REFUSAL_CUSTOMER, /* not this customer's number */
	REFUSAL_COUNT,    /* purchase count does not follow */
	REFUSAL_LIMIT,    /* would hold more credit than allowed */
};
const char *refusal_name(enum refusal r);

struct answer {
	enum said said;
	enum refusal refusal;
	struct reading readings[TASK_REGS];
	int n;
	bool has_status;
	uint32_t status; /* word 3, read back */
	bool has_count;
	uint32_t count;       /* purchase count in the meter */
	int64_t credit_minor; /* balance in the meter, with has_count */
	struct purchase_record record;
	int64_t clock_us;     /* CLOCK */
	int64_t was_off_us;   /* CLOCK_SET: before it was put right; clock_us is after it */
	int64_t frozen_us;    /* FREEZE: the record's own time */
	int64_t frozen_wh[5]; /* total, T1..T4; -1 where the meter has none */
};

/* Whether what was read back shows that a relay task is done. */
bool task_relay_done(const struct task *t, uint32_t status);

#endif
