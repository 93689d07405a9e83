/*
 * provider_inside -- what the two halves of a provider that is asked share: notifications in
 * provider_NAME.c, questions and answers in provider_NAME_query.c.
 */
#ifndef CODEC_PROVIDER_INSIDE_H
#define CODEC_PROVIDER_INSIDE_H

#include "codec/provider_parts.h"
#include "codec/provider_query.h"

#define WECHAT_KEYS_MOST 8
#define WECHAT_APPS_MOST 8
#define WECHAT_KEY_LEN   32 /* of the APIv3 key: its letters are the bytes */

struct wechat {
	char mchid[33];
	char appid[WECHAT_APPS_MOST][33];
	size_t napps; /* 0: any */
	char key[WECHAT_KEY_LEN + 1];
	struct {
		char id[65];
		struct evp_pkey_st *key;
	} keys[WECHAT_KEYS_MOST];
	size_t nkeys;
	char serial[65]; /* of the merchant's own certificate; "": nothing is asked */
	struct evp_pkey_st *merchant_key; /* private; NULL: nothing is asked */
	char api_url[129];
};

enum provider_code wechat_check_signature(
    const struct wechat *w, const struct provider_request *q, struct err *e);
/* A transaction as it stands in a notification and in an answer, of our merchant. */
enum provider_code wechat_read(
    const struct wechat *w, struct span text, struct provider_notice *n, struct err *e);
extern const struct provider_query wechat_query;

struct alipay {
	char app_id[33], seller_id[33], seller_email[65];
	bool finished_pays;
	struct evp_pkey_st *key;
	struct evp_pkey_st *app_key; /* private; NULL: nothing is asked */
	char gateway_url[129];
};

extern const struct provider_query alipay_query;

#endif
