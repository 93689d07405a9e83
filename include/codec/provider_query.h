/*
 * provider_query -- the texts that are signed when we ask a provider, and when it answers.
 */
#ifndef CODEC_PROVIDER_QUERY_H
#define CODEC_PROVIDER_QUERY_H

#include "codec/provider.h"

struct err;

/* WeChat Pay v3, a request: method, path with query, seconds, nonce and body, each with a line
 * end, the body's too when it is empty.  Appends.  An answer is signed as a notification is. */
void wechat_request_text(const char *method, const char *path, const char *timestamp,
    const char *nonce, struct span body, struct buf *out);

/* Alipay's gateway: the object `name` ("alipay_trade_query_response") of an answer as it was sent,
 * byte by byte, for that is what `sign` is over.  Points into the answer. */
int alipay_answer_part(struct span answer, const char *name, struct span *part, struct err *e);

/* A question about an order, ready to be sent. */
struct provider_question {
	const char *method;
	char path[256];        /* with its query, as it is signed */
	struct buf url, body;  /* the caller's to clear */
	char headers[4][1024]; /* "Name: value"; "" behind the last */
};

struct provider_query {
	/* Whether the keys file has what asking takes. */
	bool (*can)(const void *own);
	int (*ask)(const void *own, const char *order_no, int64_t now_us, const char *nonce,
	    struct provider_question *out, struct err *e);
	enum provider_code (*answered)(const void *own, const struct provider_request *q,
	    struct provider_notice *n, struct err *e);
};

bool provider_can_ask(const struct provider_keys *k);
/* nonce: 32 letters and digits nobody can guess. */
int provider_ask(const struct provider_keys *k, const char *order_no, int64_t now_us,
    const char *nonce, struct provider_question *out, struct err *e);
void provider_question_clear(struct provider_question *q);
/* An answer of status 200, verified over its raw bytes like a notification. */
enum provider_code provider_answered(const struct provider_keys *k,
    const struct provider_request *q, struct provider_notice *n, struct err *e);

#endif
