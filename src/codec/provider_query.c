/* Texts to sign and texts that were signed, of queries. */
#include "codec/provider_query.h"

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
