/* pay_parts -- what the files of pay share. */
#ifndef SERVICE_PAY_PARTS_H
#define SERVICE_PAY_PARTS_H

#include "service/pay.h"

int64_t pay_now_us(const struct pay *p);
void pay_answer_http(const struct pay_answer *a, void *http_request);

#endif
