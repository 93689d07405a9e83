/* pay_parts -- what the files of pay share. */
#ifndef SERVICE_PAY_PARTS_H
#define SERVICE_PAY_PARTS_H

#include "base/log.h"
#include "service/pay.h"
#include "service/sources.h"

#include <sys/queue.h>

int64_t pay_now_us(const struct pay *p);
struct db *pay_db(const struct pay *p);
LIST_HEAD(hook_list, hook);
struct hook_list *pay_hooks(struct pay *p); /* those under way: pay_free() ends them */
void pay_answer_http(const struct pay_answer *a, void *http_request);

/* An authentic notification on its way in.  Whoever has it answers it once, and it is gone. */
struct hook {
	LIST_ENTRY(hook) all;
	struct http_request *r;
	struct pay *pay;
	const struct provider *provider;
	bool own;
	struct provider_notice notice;
	struct payment m; /* source and event_id always, the rest of a payment */
	struct buf body, evidence;
	uint8_t sha[32]; /* of the body */
	int64_t received_us;
	struct logctx log;
};

/* Others sign or seal each repeat anew: theirs are told apart by the bytes. */
void pay_event_id(char *out, size_t room, const char *id, const uint8_t sha[32]);
void hook_end(struct hook *h); /* it has been answered, or nobody will */
void hook_answer(struct hook *h, enum provider_outcome o);
void hook_refuse(struct hook *h, int status, const char *why);
/* pay_told.c: keeps it, then answers. */
void hook_told(struct hook *h, const char *kind, const char *why);
/* One more that was refused; now and then it is said. */
void hook_count(struct pay *p, struct source *s, enum provider_code code, const char *why);

#endif
