/* Members of a JSON object, each asked for as what it has to be. */
#include "codec/webhook.h"

#include "base/err.h"

#include <cjson/cJSON.h>
#include <string.h>

int
json_text(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);
	size_t len;

	if (m == NULL)
		return err_set(e, ERR_INPUT, "%s is missing", name);
	if (!cJSON_IsString(m))
		return err_set(e, ERR_INPUT, "%s is not text", name);
	len = strlen(m->valuestring);
	if (len == 0)
		return err_set(e, ERR_INPUT, "%s is empty", name);
	if (len >= room)
		return err_set(e, ERR_INPUT, "%s is longer than %zu bytes", name, room - 1);
	memcpy(out, m->valuestring, len + 1);
	return 0;
}

int
json_integer(const struct cJSON *o, const char *name, int64_t least, int64_t most, int64_t *out,
    struct err *e)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	if (m == NULL)
		return err_set(e, ERR_INPUT, "%s is missing", name);
	if (!cJSON_IsNumber(m))
		return err_set(e, ERR_INPUT, "%s is not a number", name);
	*out = (int64_t)m->valuedouble; /* exact: json_strict() lets nothing else through */
	if (*out < least || *out > most)
		return err_set(e, ERR_INPUT, "%s is %lld, not in %lld to %lld", name,
		    (long long)*out, (long long)least, (long long)most);
	return 0;
}

/* null is as good as nothing: half the world's libraries write it for an empty field. */
bool
json_is_given(const struct cJSON *o, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	return m != NULL && !cJSON_IsNull(m);
}

bool
text_has_control(const char *text)
{
	for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return true;
	return false;
}

int
json_identifier(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	if (json_text(o, name, out, room, e) < 0)
		return -1;
	if (text_has_control(out))
		return err_set(e, ERR_INPUT, "%s has a control character", name);
	return 0;
}

int
json_optional(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	return json_is_given(o, name) ? json_identifier(o, name, out, room, e) : 0;
}
