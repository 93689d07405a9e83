/*
 * notify -- the outbox on its way out.
 *
 * A notice is a row written with its cause.  It is spread into messages, one a recipient; each is
 * claimed with a lease, written in its reader's language and handed to a channel: a signed webhook
 * (Standard Webhooks v1), mail, or short message.  Its id is the same in every repeat, so that a
 * receiver can drop what comes twice.
 *
 *	taken			told, or delivered once the receipt says so
 *	not now			again with growing pauses; after `tries` the next channel, if any
 *	never (4xx, 5yz)	the next channel at once; without one, a work item for a person
 *
 * What is not urgent waits for the end of the reader's quiet hours, and counts against his day.
 */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include "base/conf.h"
#include "codec/webhook.h"

struct db;
struct fetcher;
struct http_request;
struct loop;
struct notify;

struct notify_conf {
	char *url; /* empty: no webhook */
	char *secret_file;
	char *messages; /* directory of texts; empty: the installed one */
	char *language; /* of who has no contact */
	char *quiet_hours;
	char *receipt_secret_file;
	bool receipts; /* the webhook's receiver sends them */
	int64_t receipt_wait_us;
	int64_t daily_cap, admin_daily_cap, tries;
	int64_t patience_us;
	int64_t sweep_us;
};

struct mail_conf {
	char *url; /* empty: no mail */
	bool starttls;
	char *from, *user, *password_file, *ca_file;
	int64_t patience_us;
};

struct sms_header {
	char *name, *value;
};
struct sms_conf {
	char *provider; /* none, http, twilio, aliyun */
	char *url, *method, *content_type, *body;
	struct conf_list headers; /* struct sms_header */
	char *key, *secret_file, *from, *codes_file;
	char *good_field, *good_value, *id_field, *code_field, *retry_codes;
	bool receipts;
	char *receipt_url, *receipt_token_file;
	int64_t patience_us;
};

struct notify_confs {
	const struct notify_conf *notify;
	const struct mail_conf *mail;
	const struct sms_conf *sms;
};

/* A final notice was delivered: an account may be decided now. */
typedef void notify_told_fn(void *arg);

struct notify *notify_new(struct loop *l, struct db *db, struct fetcher *f,
    const struct notify_confs *confs, notify_told_fn *fn, void *arg);
/* Secrets, texts, codes: all anew or, on an error, as they were. */
int notify_load_secret(struct notify *n, struct err *e);
/* Whether these settings' would do. */
int notify_try_secret(const struct notify_confs *confs, struct err *e);
void notify_free(struct notify *n);
void notify_look(struct notify *n);

/* POST /hooks/v1/receipts/{channel}: what became of messages. */
void notify_receipt(struct notify *n, struct http_request *r);

#endif
