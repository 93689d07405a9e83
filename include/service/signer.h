/*
 * signer -- the utility's encryption machine behind a unix socket.
 *
 * One JSON object a line each way; answers carry the number of their question and may come in
 * any order.  powergated(8) describes the protocol; powergate-sim serves a test one.
 */
#ifndef SERVICE_SIGNER_H
#define SERVICE_SIGNER_H

#include "base/err.h"
#include "codec/sign.h"

struct loop;
struct signer;

/* reply is NULL when e->class is not ERR_NONE. */
typedef void signer_fn(const struct sign_reply *reply, const struct err *e, void *arg);

struct signer *signer_new(struct loop *l, const char *path, int64_t patience_us);
void signer_free(struct signer *s);
/* Answered once, later; number 0 is never given. */
uint64_t signer_ask(struct signer *s, const struct sign_ask *ask, signer_fn *fn, void *arg);
void signer_forget(struct signer *s, uint64_t number); /* nobody waits any more */

#endif
