/*
 * channel -- what the files of notify share: one message under way, and the ways out.
 */
#ifndef SERVICE_CHANNEL_H
#define SERVICE_CHANNEL_H

#include "base/log.h"
#include "base/loop.h"
#include "codec/sms_codes.h"
#include "codec/template.h"
#include "service/notify.h"

struct calendar;
struct cJSON;
struct db_rows;

enum channel { CHANNEL_WEBHOOK, CHANNEL_MAIL, CHANNEL_SMS, CHANNELS };
extern const char *const channel_names[CHANNELS];

/* What the settings name: owned, and exchanged as a whole. */
struct notify_keys {
	struct webhook_secret webhook, receipt;
	bool has_receipt;
	char mail_password[200], sms_secret[200], sms_token[200];
	int quiet_from, quiet_until;
	struct template_set *texts; /* NULL: none are installed, and no channel needs them */
	struct sms_codes *codes;
};
int notify_keys_load(const struct notify_confs *confs, struct notify_keys *k, struct err *e);
void notify_keys_clear(struct notify_keys *k);
/* Whether the settings set this channel up. */
bool channel_is_set(const struct notify_confs *confs, enum channel c);

struct notify {
	struct loop *loop;
	struct db *db;
	struct fetcher *fetcher;
	struct notify_confs conf;
	struct notify_keys keys;
	notify_told_fn *fn;
	void *arg;
	struct letter *letters; /* under way */
	int flying[CHANNELS];
	bool claiming, again;
	struct timer sweep, poke;
	struct logctx log;
};

struct letter {
	struct letter *next;
	struct notify *n;
	enum channel channel;
	int64_t id, claims, tried;
	int64_t created_us, expires_us;
	char token[48]; /* m12-1795000000123456: the same in every repeat */
	char kind[24], who[12], address[256], language[4], zone[64];
	char currency[4], site[128];
	int quiet_from, quiet_until;
	bool urgent;
	struct cJSON *body;
	struct calendar *calendar;
	struct buf bytes; /* what leaves */
};

/* One row of notice_claim. */
struct letter *letter_read(struct notify *n, const struct db_rows *rows, int i);
void letter_free(struct letter *l);
struct template_values letter_values(const struct letter *l);
/* A part of its text; -1 when there is none for this kind. */
int letter_text(const struct letter *l, enum template_part part, struct buf *out, struct err *e);

enum letter_outcome { LETTER_SENT, LETTER_RETRY, LETTER_FAILED };
/* Each channel ends with this, once, later or at once; the letter is gone then.  provider_id may
 * be "". */
void letter_said(struct letter *l, enum letter_outcome o, const char *why, const char *provider_id);

void channel_webhook_send(struct letter *l);
void channel_mail_send(struct letter *l);
void channel_sms_send(struct letter *l);
bool http_status_final(int status); /* asking again will not help */

/* For db_ask: the channels that are set up, as an array; clear the column afterwards. */
struct db_column;
void channel_column(const struct notify *n, struct db_column *c);

#endif
