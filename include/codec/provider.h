/*
 * provider -- is this notification of a payment provider authentic, and what does it say?
 *
 * One file each behind one struct; all of them pure: the clock, the address and the path are
 * arguments.  provider_verify() decides over the raw bytes first and reads inside only then.
 * What it hands out is what the provider says, not yet money: the order, its amount and whether
 * the same was told before are for whoever has the ledger (payments.md sections 0 to 4).
 *
 *	wechat		RSA over timestamp, nonce and body; key by serial; AES-GCM inside
 *	alipay		RSA over the sorted fields of a form
 *	stripe		HMAC-SHA256 over timestamp and body
 *	paystack	HMAC-SHA512 over the body
 *	mpesa		unsigned: address list and secret paths
 *	standard	Standard Webhooks: our own app, terminals, property systems
 */
#ifndef CODEC_PROVIDER_H
#define CODEC_PROVIDER_H

#include "base/buf.h"

#define PROVIDER_BODY_MOST     65536
#define PROVIDER_HEADERS       64
#define PROVIDER_EVIDENCE_MOST 4096 /* bytes of provider_evidence() */

struct err;
struct payment;

/* What came of it.  Each has a name, an HTTP status and whether somebody should look. */
enum provider_code {
	PROVIDER_OK,
	PROVIDER_MALFORMED,      /* cannot be read, or a field of it is wrong */
	PROVIDER_TOO_LARGE,      /* body above PROVIDER_BODY_MOST */
	PROVIDER_HEADER_MISSING, /* one that the signature needs */
	PROVIDER_HEADER_TWICE,
	PROVIDER_BAD_SIGNATURE,
	PROVIDER_STALE, /* the signature is good, the time is not: whose clock is wrong? */
	PROVIDER_PROBE, /* the provider tries whether we look: refused, and no reason to worry */
	PROVIDER_UNKNOWN_KEY, /* signed with a key that is not in the file: it should try again */
	PROVIDER_UNSUPPORTED, /* an algorithm we do not take */
	PROVIDER_SEALED,      /* authentic, but our key does not open it: it should try again */
	PROVIDER_NOT_ALLOWED, /* not from there, or not on this path */
	PROVIDER_WRONG_MERCHANT, /* authentic, and for somebody else */
	PROVIDER_CODES
};

enum provider_kind {
	PROVIDER_PAYMENT,
	PROVIDER_REFUND,
	PROVIDER_PENDING,    /* ordered, not paid */
	PROVIDER_CLOSED,     /* will not be paid any more */
	PROVIDER_CHARGEBACK, /* the payer's bank takes it back */
	PROVIDER_VALIDATION, /* may this be paid?  No money has moved */
	PROVIDER_OTHER,      /* authentic, and none of ours */
	PROVIDER_KINDS
};

struct provider_header {
	const char *name, *value;
};

struct provider_request {
	const char *path, *peer; /* NULL when not known */
	const struct provider_header *headers;
	size_t nheaders;
	struct span body;
	int64_t now_us;
};

/* Empty texts are not known. */
struct provider_notice {
	enum provider_kind kind;
	char type[65];                     /* the provider's own word for it */
	char event_id[129];                /* the same for every repeat of this notification */
	char payment_no[65];               /* the provider's number of the money: its identity */
	char refund_no[65];                /* with payment_no, the identity of a refund */
	char order_no[65];                 /* ours */
	char account_no[33], meter_no[13]; /* who is meant, where the message says it */
	char reference[129];               /* what the payer or the order's maker wrote along */
	int64_t amount_minor;              /* of the order; for a refund what went back */
	bool cumulative; /* a refund: all that went back so far, not this one alone */
	char currency[4];
	int64_t paid_us; /* 0: unknown */
	char merchant[65], app[65];
	char state[33]; /* the provider's own word */
	char trace[65]; /* what the provider's support asks for */
	char payer[65], method[17], terminal[33], note[129];
	bool recharges; /* money has come in for the first time, as far as one message can tell */
	bool held;      /* it has, and a person has to say whose it is */
	char why[81];   /* if it does not recharge */
};

/* What the daemon decided about an authentic notice. */
enum provider_outcome {
	PROVIDER_TAKEN,      /* durable here, now or before */
	PROVIDER_LATER,      /* not now: try again */
	PROVIDER_REFUSED,    /* not authentic, by its code */
	PROVIDER_NO_ACCOUNT, /* a validation: nobody of that number */
	PROVIDER_NO_AMOUNT,  /* a validation: not that much, or not so little */
};

struct provider_answer {
	int status;
	const char *type; /* of the content */
	char body[160];
};

struct provider_keys;
struct provider_query;
struct keys_reader;
struct conf_node;

struct provider {
	const char *name, *alias;
	/* Its section of the keys file; what it makes of it is its own. */
	void *(*keys_read)(struct keys_reader *r, const struct conf_node *section);
	void (*keys_free)(void *own);
	enum provider_code (*verify)(const void *own, const struct provider_request *q,
	    struct provider_notice *n, struct err *e);
	/* Body and content type; the status stands already. */
	void (*answer)(enum provider_outcome o, const char *text, struct provider_answer *a);
	const char *const *evidence; /* headers it signs with; "Peer": the address */
	/* Where its payments come in, if that is secret; or NULL. */
	const char *(*path)(const void *own);
	/* Orders can be asked for (codec/provider_query.h); or NULL. */
	const struct provider_query *query;
};

const struct provider *provider_find(const char *name);         /* or alias; NULL */
const struct provider *provider_next(const struct provider *p); /* NULL: the first; then NULL */

/* The section of that provider in a keys file (powergatectl(8) tells its form), files it names
 * read as well; NULL and *e, "FILE:LINE: ...", when it is not good.  *exposed: a secret stands
 * in it, and others may read the file. */
struct provider_keys *provider_keys_read(
    const struct provider *p, const char *path, bool *exposed, struct err *e);
/* Our own notifications need no section: their secrets, one a line.  The text is used up. */
struct provider_keys *provider_secrets_read(char *lines, struct err *e);
void provider_keys_free(struct provider_keys *k);
const struct provider *provider_of(const struct provider_keys *k);

/* PROVIDER_OK with *n filled; else *e says why, and *n is empty. */
enum provider_code provider_verify(const struct provider_keys *k, const struct provider_request *q,
    struct provider_notice *n, struct err *e);
/* The signature alone, over whatever stands as the body: for who asks and has nothing to send.
 * Only our own notifications have such questions. */
enum provider_code provider_signed(
    const struct provider_keys *k, const struct provider_request *q, struct err *e);
/* What it was verified by, as lines to keep; asked: the path of a question that this answers, or
 * NULL.  Nothing when there is too much of it. */
void provider_evidence(
    const struct provider *p, const struct provider_request *q, const char *asked, struct buf *out);
/* The same verdict from what was kept, as of the time it came in. */
enum provider_code provider_verify_again(const struct provider_keys *k, const char *evidence,
    struct span body, int64_t received_us, struct provider_notice *n, struct err *e);
/* A notice as the payment it is; source and event are the caller's. */
void provider_payment(const struct provider *p, const struct provider_notice *n, struct payment *m);
void provider_answer(const struct provider *p, enum provider_outcome o, enum provider_code code,
    struct provider_answer *a);

const char *provider_code_name(enum provider_code code);
bool provider_code_alarms(enum provider_code code);
const char *provider_kind_name(enum provider_kind kind);

#endif
