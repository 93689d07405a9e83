/*
 * signer -- the utility's encryption machine, for tests: it knows the master key of sim/esam.h.
 *
 * A unix socket; one JSON object a line each way.
 *
 *	{"id":1,"op":"auth","meter":"000000000017"}
 *	{"id":1,"cipher":"..","rand1":"..","diversity":".."}
 *
 *	op        needs                                             answers
 *	auth                                                        cipher rand1 diversity
 *	open      rand2 amount count customer                       mac1 mac2
 *	recharge  rand2 amount count customer                       mac1 mac2
 *	control   rand2 n1 n2 until                                 cipher mac1
 *	write98   rand2 di data                                     cipher mac1
 *	write99   rand2 di data                                     mac1
 *
 * `meter` and `customer` are 12 digits, amount and count whole numbers, the rest hex in the
 * order of the wire (di as printed, DI3 first).  `serial` is taken and not looked at.  What
 * cannot be signed is answered {"id":1,"error":"words"}.
 */
#ifndef SIM_SIGNER_H
#define SIM_SIGNER_H

#include "base/loop.h"

struct err;
struct test_signer;

struct test_signer *test_signer_new(
    struct loop *loop, const char *path, const uint8_t master[32], uint64_t seed, struct err *e);
void test_signer_free(struct test_signer *s);

/* "ok", "slow" (milliseconds in amount), "silent", "wrong" (bad MACs), "error" (refuses). */
int test_signer_behave(struct test_signer *s, const char *how, const char *amount, struct err *e);

/* One request line into one answer line: the whole of it, without a socket. */
struct buf;
void test_signer_answer(
    const uint8_t master[32], uint64_t chance, const char *line, struct buf *answer);

#endif
