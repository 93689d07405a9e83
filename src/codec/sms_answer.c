/* What providers say: at once, and later. */
#include "base/err.h"
#include "codec/form.h"
#include "codec/sms.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* --- answers ----------------------------------------------------------------------------- */

const struct sms_rule twilio_rule = {"", "", "sid", "code", "20429 21611 30001 20500 20503"};
const struct sms_rule aliyun_rule = {"Code", "OK", "BizId", "Code",
    "Throttling* isv.BUSINESS_LIMIT_CONTROL isp.SYSTEM_ERROR isp.UNKNOWN_ERROR InternalError "
    "ServiceUnavailable SignatureDoesNotMatch SignatureNonceUsed InvalidAccessKeyId* "
    "InvalidTimeStamp*"};

/* A member as text, numbers too: some write codes so, some so. */
static void
member_text(const cJSON *o, const char *name, char *out, size_t room)
{
	const cJSON *m = name[0] != '\0' ? cJSON_GetObjectItemCaseSensitive(o, name) : NULL;

	out[0] = '\0';
	if (cJSON_IsString(m))
		snprintf(out, room, "%s", m->valuestring);
	else if (cJSON_IsNumber(m))
		snprintf(out, room, "%lld", (long long)m->valuedouble);
	else if (cJSON_IsBool(m))
		snprintf(out, room, "%s", cJSON_IsTrue(m) ? "true" : "false");
	for (char *p = out; *p != '\0'; p++)
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

static bool
code_listed(const char *list, const char *code)
{
	for (size_t len; *list != '\0'; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ");
		if (len > 0 && list[len - 1] == '*'
			? strncmp(list, code, len - 1) == 0
			: strlen(code) == len && strncmp(list, code, len) == 0)
			return true;
	}
	return false;
}

/* 401 is about us, not about the number, and may be mended. */
static bool
status_final(int status)
{
	return status >= 400 && status < 500 && status != 401 && status != 408 && status != 425 &&
	       status != 429;
}

enum sms_verdict
sms_judge(const struct sms_rule *r, int status, struct span body, char id[80], char why[160])
{
	bool ok = status >= 200 && status < 300;
	cJSON *o = cJSON_ParseWithLength((const char *)body.bytes, body.len);
	char good[80], code[80], text[100];

	member_text(o, r->good_name, good, sizeof good);
	member_text(o, r->id_name, id, 80);
	member_text(o, r->code_name, code, sizeof code);
	member_text(
	    o, strcmp(r->code_name, "Code") == 0 ? "Message" : "message", text, sizeof text);
	cJSON_Delete(o);
	why[0] = '\0';
	if (ok && (r->good_name[0] == '\0' || strcmp(good, r->good_value) == 0))
		return SMS_SENT;
	snprintf(why, 160, "answered %d%s%.60s%s%.60s", status, code[0] != '\0' ? " " : "", code,
	    text[0] != '\0' ? ": " : "", text);
	if (code[0] != '\0' && code_listed(r->retry_codes, code))
		return SMS_RETRY;
	if (ok) /* he understood and does not want to, or it is no answer of his at all */
		return good[0] != '\0' || code[0] != '\0' ? SMS_NEVER : SMS_RETRY;
	return status_final(status) ? SMS_NEVER : SMS_RETRY;
}

/* --- receipts ---------------------------------------------------------------------------- */

int
receipt_twilio(const struct form *fields, const char *id, struct receipt *r, struct err *e)
{
	const char *status = form_get(fields, "MessageStatus"),
		   *sid = form_get(fields, "MessageSid"), *code = form_get(fields, "ErrorCode");

	if (status == NULL || sid == NULL || strlen(sid) >= sizeof r->provider)
		return err_set(e, ERR_INPUT, "MessageStatus or MessageSid is missing");
	*r = (struct receipt){0};
	snprintf(r->id, sizeof r->id, "%s", id);
	snprintf(r->provider, sizeof r->provider, "%s", sid);
	r->good = strcmp(status, "delivered") == 0 || strcmp(status, "read") == 0;
	if (r->good)
		return 1;
	if (strcmp(status, "undelivered") != 0 && strcmp(status, "failed") != 0 &&
	    strcmp(status, "canceled") != 0)
		return 0;
	snprintf(r->why, sizeof r->why, "%.40s%s%.40s", status, code != NULL ? " " : "",
	    code != NULL ? code : "");
	return 1;
}

int
receipt_aliyun(struct span body, struct receipt *r, int most, struct err *e)
{
	cJSON *list = json_strict(body, e);
	const cJSON *one;
	int n = 0;

	if (list == NULL)
		return -1;
	if (!cJSON_IsArray(list)) {
		cJSON_Delete(list);
		return err_set(e, ERR_INPUT, "not a list of receipts");
	}
	cJSON_ArrayForEach(one, list)
	{
		const cJSON *good = cJSON_GetObjectItemCaseSensitive(one, "success");
		char code[80];

		if (!cJSON_IsBool(good) || n == most) {
			cJSON_Delete(list);
			return err_set(
			    e, ERR_INPUT, n == most ? "too many receipts" : "success is missing");
		}
		member_text(one, "out_id", r[n].id, sizeof r[n].id);
		member_text(one, "biz_id", r[n].provider, sizeof r[n].provider);
		member_text(one, "err_code", code, sizeof code);
		r[n].good = cJSON_IsTrue(good);
		snprintf(r[n].why, sizeof r[n].why, "%s", r[n].good ? "" : code);
		n++;
	}
	cJSON_Delete(list);
	return n;
}

int
receipt_standard(struct span body, struct receipt *r, struct err *e)
{
	cJSON *o = json_strict(body, e);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data");
	char type[40];
	int rc = -1;

	*r = (struct receipt){0};
	if (o == NULL || json_text(o, "type", type, sizeof type, e) < 0) {
		cJSON_Delete(o);
		return -1;
	}
	r->good = strcmp(type, "message.delivered") == 0;
	if (!r->good && strcmp(type, "message.failed") != 0)
		err_set(e, ERR_REFUSED, "events of type \"%s\" are not taken here", type);
	else if (!cJSON_IsObject(data))
		err_set(e, ERR_INPUT, "data is missing");
	else if (json_text(data, "message", r->id, sizeof r->id, e) == 0)
		rc = 1;
	member_text(data, "why", r->why, sizeof r->why);
	cJSON_Delete(o);
	return rc;
}
