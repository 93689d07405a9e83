/*
 * sms_codes -- the templates a provider has approved, where free texts are not taken.
 *
 *	low:
 *	  zh: {code: "SMS_1001", params: "account balance currency"}
 *	  en: {code: "SMS_1002", params: "account balance currency"}
 *
 * What is not listed cannot be sent that way.
 */
#ifndef CODEC_SMS_CODES_H
#define CODEC_SMS_CODES_H

struct err;
struct sms_codes;

struct sms_codes *sms_codes_load(const char *path, struct err *e); /* NULL and *e */
void sms_codes_free(struct sms_codes *c);
/* The provider's code, and the names of its values with blanks between; NULL when not listed. */
const char *sms_codes_find(
    const struct sms_codes *c, const char *kind, const char *language, const char **params);

#endif
