/*
 * pay -- payments in: providers' notifications, and cash over the API; settled in groups.
 *
 * Whatever has gathered while the last statement was under way goes together in the next, each
 * answered for itself.  A batch holds each key once: a repeat waits for and copies the answer
 * of the first.  A batch that fails as a whole is halved until the bad row stands alone.
 * Nothing is answered before the commit.
 */
#ifndef SERVICE_PAY_H
#define SERVICE_PAY_H

#include "base/buf.h"
#include "model/ledger.h"

struct db;
struct http_request;
struct loop;
struct pay;
struct sources;

enum pay_outcome {
	PAY_ACCEPTED,
	PAY_DUPLICATE,
	PAY_CONFLICT,    /* same id, other body; or same payment_no, other data */
	PAY_UNAVAILABLE, /* the database is away, or the outcome is not known: ask again */
	PAY_REFUSED,     /* the row alone fails: ours to look at */
};
struct pay_answer {
	enum pay_outcome outcome;
	int64_t receipt; /* payment.id: the receipt number */
	bool suspense;
	const char *why;
};
typedef void pay_fn(const struct pay_answer *a, void *arg);
/* The meter behind this endpoint, or the account, has something to do. */
typedef void pay_work_fn(int64_t endpoint_id, void *arg);

struct pay *pay_new(struct loop *l, struct db *db, pay_work_fn *fn, void *arg);
void pay_free(struct pay *p);
/* body: what came in, verbatim; evidence: by what it was verified (provider_evidence()), "" none;
 * received_us: when. */
void pay_settle(struct pay *p, const struct payment *m, struct span body, const char *evidence,
    const char *actor, int64_t received_us, pay_fn *fn, void *arg);

/* POST /hooks/v1/{source}: checks, settles, answers.  proxies: see service/sources.h. */
void pay_hook(struct pay *p, struct sources *sources, const char *proxies, struct http_request *r);
/* GET /hooks/v1/{source}/payments/{payment_no}: what became of it.  Signed like a notification,
 * with the path instead of the body. */
void pay_hook_ask(
    struct pay *p, struct sources *sources, const char *proxies, struct http_request *r);

#endif
