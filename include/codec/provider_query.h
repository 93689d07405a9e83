/*
 * provider_query -- the texts that are signed when we ask a provider, and when it answers.
 */
#ifndef CODEC_PROVIDER_QUERY_H
#define CODEC_PROVIDER_QUERY_H

#include "base/buf.h"

struct err;

/* WeChat Pay v3, a request: method, path with query, seconds, nonce and body, each with a line
 * end, the body's too when it is empty.  Appends.  An answer is signed as a notification is. */
void wechat_request_text(const char *method, const char *path, const char *timestamp,
    const char *nonce, struct span body, struct buf *out);

/* Alipay's gateway: the object `name` ("alipay_trade_query_response") of an answer as it was sent,
 * byte by byte, for that is what `sign` is over.  Points into the answer. */
int alipay_answer_part(struct span answer, const char *name, struct span *part, struct err *e);

#endif
