/*
 * sms -- requests to those who send short messages, their answers and their receipts.
 *
 *	http	any provider: URL, headers and body with {to} {text} {from} {id} {code} {params}
 *	twilio	a form with HTTP Basic; the receipt is a form signed with X-Twilio-Signature
 *	aliyun	SendSms of 2017-05-25, signed by ACS3-HMAC-SHA256; receipts come as a JSON list
 *
 * An answer is judged by its status and one member of its JSON, and says what may be done next:
 * sent, try again, or never with this number.  The facts are payments.md 6.1.
 */
#ifndef CODEC_SMS_H
#define CODEC_SMS_H

#include "base/buf.h"

#include <stdint.h>

struct err;
struct form;

struct sms {
	const char *to, *from, *text, *id;
	const char *code;   /* the provider's own template; "" when he takes free texts */
	const char *params; /* its values, a JSON object as text */
};

/* --- texts with {names} ------------------------------------------------------------------- */

enum sms_escape { SMS_PLAIN, SMS_FORM, SMS_JSON };
/* Appends `pattern` with the message's members in it, each escaped. */
int sms_fill(const char *pattern, enum sms_escape escape, const struct sms *m, struct buf *out,
    struct err *e);

/* --- Twilio ------------------------------------------------------------------------------ */

/* Body of a new message.  callback "" asks for no receipts; valid_s is capped to what is taken. */
void twilio_body(const struct sms *m, const char *callback, int64_t valid_s, struct buf *out);
/* "Basic ..." */
void basic_auth(const char *user, const char *password, struct buf *out);
/* Base64 of HMAC-SHA1 over the URL and the sorted fields; out has 29 letters. */
void twilio_sign(const char *url, const struct form *fields, const char *token, char out[29]);
/* As received, with its port and without: which of them was signed is not certain. */
bool twilio_signed(
    const char *url, const struct form *fields, const char *token, const char *signature);

/* --- Aliyun ------------------------------------------------------------------------------ */

/* SHA-256 of the empty body, as the header x-acs-content-sha256 has it. */
#define ALIYUN_NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct aliyun_ask {
	const char *host, *action, *version;
	const char *date;  /* "2023-10-26T10:22:32Z" */
	const char *nonce; /* once only */
	const char *query; /* sorted and percent-encoded: "PhoneNumbers=...&SignName=..." */
};
void aliyun_query(const struct sms *m, struct buf *out);
/* What is signed, and the value of Authorization; the body is empty. */
void aliyun_canonical(const struct aliyun_ask *a, struct buf *out);
void aliyun_sign(
    const struct aliyun_ask *a, const char *key_id, const char *secret, struct buf *out);

/* --- answers ----------------------------------------------------------------------------- */

enum sms_verdict { SMS_SENT, SMS_RETRY, SMS_NEVER };
struct sms_rule {
	const char *good_name, *good_value; /* member that must be so; "" name: the status alone */
	const char *id_name;                /* member with the provider's number, "" none */
	const char *code_name;              /* member that says why not */
	const char *retry_codes;            /* blanks between; a trailing * stands for anything */
};
extern const struct sms_rule twilio_rule, aliyun_rule;
/* why and id are the caller's, "" when there is nothing to say. */
enum sms_verdict sms_judge(
    const struct sms_rule *r, int status, struct span body, char id[80], char why[160]);

/* --- receipts ---------------------------------------------------------------------------- */

struct receipt {
	char id[48];       /* our message's, "" unknown */
	char provider[80]; /* the provider's, "" unknown */
	bool good;
	char why[160];
};
/* 1: a last word, 0: only on its way, -1: nothing we understand. */
int receipt_twilio(const struct form *fields, const char *id, struct receipt *r, struct err *e);
/* The list, at most `most` of it; how many, or -1. */
int receipt_aliyun(struct span body, struct receipt *r, int most, struct err *e);
/* {"type": "message.delivered" | "message.failed", "data": {"message": ..., "why": ...}} */
int receipt_standard(struct span body, struct receipt *r, struct err *e);

#endif
