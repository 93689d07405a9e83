/* Texts to sign and texts that were signed, of queries. */
#include "codec/provider_query.h"
#include "codec/provider_parts.h"

#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <string.h>

void
wechat_request_text(const char *method, const char *path, const char *timestamp, const char *nonce,
    struct span body, struct buf *out)
{
	buf_printf(out, "%s\n%s\n%s\n%s\n", method, path, timestamp, nonce);
	if (body.len > 0)
		buf_put(out, body.bytes, body.len);
	buf_put_u8(out, '\n');
}

/* From here on the JSON is known to be good, so it has only to be stepped over. */

static const uint8_t *
after_text(const uint8_t *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static const uint8_t *
after_blanks(const uint8_t *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

/* Behind a value: behind its last bracket, or in front of what ends it. */
static const uint8_t *
after_value(const uint8_t *p)
{
	int depth = 0;

	do {
		if (*p == '"') {
			p = after_text(p);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	} while (depth > 0 || strchr(",]} \t\r\n", *p) == NULL);
	return p;
}

int
alipay_answer_part(struct span answer, const char *name, struct span *part, struct err *e)
{
	cJSON *tree = json_foreign(answer, e);
	bool there = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(tree, name));
	const uint8_t *p, *start, *value;

	cJSON_Delete(tree);
	if (tree == NULL)
		return -1;
	if (!there)
		return err_set(e, ERR_INPUT, "%s is missing", name);
	for (p = after_blanks(answer.bytes) + 1;; p = after_blanks(p) + 1) {
		start = after_blanks(p);
		p = after_text(start);
		value = after_blanks(after_blanks(p) + 1);
		if (span_equal(
			span_of(start + 1, (size_t)(p - start) - 2), span_of(name, strlen(name))))
			break;
		p = after_value(value);
		if (*after_blanks(p) == '}') /* the name is written with \u somewhere */
			return err_set(e, ERR_INPUT, "%s is missing", name);
	}
	*part = span_of(value, (size_t)(after_value(value) - value));
	return 0;
}

bool
provider_can_ask(const struct provider_keys *k)
{
	const struct provider_query *query = provider_of(k)->query;

	return query != NULL && query->can(provider_own(k));
}

int
provider_ask(const struct provider_keys *k, const char *order_no, int64_t now_us, const char *nonce,
    struct provider_question *out, struct err *e)
{
	*out = (struct provider_question){0};
	return provider_of(k)->query->ask(provider_own(k), order_no, now_us, nonce, out, e);
}

void
provider_question_clear(struct provider_question *q)
{
	buf_clear(&q->url);
	buf_clear(&q->body);
}

enum provider_code
provider_answered(const struct provider_keys *k, const struct provider_request *q,
    struct provider_notice *n, struct err *e)
{
	const struct provider_query *query = provider_of(k)->query;
	enum provider_code code;

	*n = (struct provider_notice){0};
	*e = (struct err){0};
	if (query == NULL)
		return provider_fail(
		    e, PROVIDER_UNSUPPORTED, "%s is asked nothing", provider_of(k)->name);
	if (q->body.len > PROVIDER_BODY_MOST)
		return provider_fail(e, PROVIDER_TOO_LARGE, "an answer of %zu bytes", q->body.len);
	code = query->answered(provider_own(k), q, n, e);
	if (code != PROVIDER_OK)
		*n = (struct provider_notice){0};
	return code;
}
