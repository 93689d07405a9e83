/*
 * The table of providers, and what all of them need of a request.
 *
 * To add one, write a file with its struct provider and give it a row in all[].
 */
#include "codec/provider_parts.h"

#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct provider *const all[] = {&provider_wechat, &provider_alipay, &provider_stripe,
    &provider_paystack, &provider_mpesa, &provider_standard};
#define NALL (sizeof all / sizeof *all)

/* A provider repeats after 5xx.  It is asked to when the fault is ours and can be mended. */
static const struct {
	const char *name;
	int status;
	bool alarm;
} codes[PROVIDER_CODES] = {
    [PROVIDER_OK] = {"ok",             200, false},
    [PROVIDER_MALFORMED] = {"malformed",      400, false},
    [PROVIDER_TOO_LARGE] = {"too_large",      413, false},
    [PROVIDER_HEADER_MISSING] = {"header_missing", 400, false},
    [PROVIDER_HEADER_TWICE] = {"header_twice",   400, false},
    [PROVIDER_BAD_SIGNATURE] = {"bad_signature",  401, true },
    [PROVIDER_STALE] = {"stale",          401, true },
    [PROVIDER_PROBE] = {"probe",          401, false},
    [PROVIDER_UNKNOWN_KEY] = {"unknown_key",    500, true },
    [PROVIDER_UNSUPPORTED] = {"unsupported",    400, true },
    [PROVIDER_SEALED] = {"sealed",         500, true },
    [PROVIDER_NOT_ALLOWED] = {"not_allowed",    403, true },
    [PROVIDER_WRONG_MERCHANT] = {"wrong_merchant", 403, true },
};

static const char *const kinds[PROVIDER_KINDS] = {
    "payment", "refund", "pending", "closed", "chargeback", "validation", "other"};

const struct provider *
provider_find(const char *name)
{
	for (size_t i = 0; i < NALL; i++)
		if (strcmp(all[i]->name, name) == 0 ||
		    (all[i]->alias != NULL && strcmp(all[i]->alias, name) == 0))
			return all[i];
	return NULL;
}

const struct provider *
provider_next(const struct provider *p)
{
	size_t i = 0;

	while (p != NULL && i < NALL && all[i++] != p)
		;
	return i < NALL ? all[i] : NULL;
}

const char *
provider_code_name(enum provider_code code)
{
	return codes[code].name;
}

bool
provider_code_alarms(enum provider_code code)
{
	return codes[code].alarm;
}

const char *
provider_kind_name(enum provider_kind kind)
{
	return kinds[kind];
}

void
provider_answer(const struct provider *p, enum provider_outcome o, enum provider_code code,
    struct provider_answer *a)
{
	bool later = o == PROVIDER_LATER;

	*a = (struct provider_answer){.type = "application/json"};
	a->status = o == PROVIDER_REFUSED ? codes[code].status : later ? 503 : 200;
	p->answer(o, later ? "later" : codes[code].name, a);
}

/* --- for the providers ------------------------------------------------------------------- */

enum provider_code
provider_fail(struct err *e, enum provider_code code, const char *fmt, ...)
{
	va_list ap;

	e->class = code == PROVIDER_MALFORMED ? ERR_INPUT : ERR_REFUSED;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return code;
}

void
provider_no_recharge(struct provider_notice *n, const char *fmt, ...)
{
	va_list ap;

	n->recharges = false;
	va_start(ap, fmt);
	vsnprintf(n->why, sizeof n->why, fmt, ap);
	va_end(ap);
}

size_t
provider_headers(const struct provider_request *q, const char *name, const char **value)
{
	size_t count = 0;

	for (size_t i = 0; i < q->nheaders; i++)
		if (strcasecmp(q->headers[i].name, name) == 0 && count++ == 0)
			*value = q->headers[i].value;
	return count;
}

const char *
provider_header(
    const struct provider_request *q, const char *name, enum provider_code *code, struct err *e)
{
	const char *value = NULL;
	size_t count = provider_headers(q, name, &value);

	if (count == 1 && !text_has_control(value))
		return value;
	*code = count == 1 ? provider_fail(e, PROVIDER_MALFORMED, "%s: a control character", name)
		: count == 0
		    ? provider_fail(e, PROVIDER_HEADER_MISSING, "%s is missing", name)
		    : provider_fail(e, PROVIDER_HEADER_TWICE, "%s is there %zu times", name, count);
	return NULL;
}

int
provider_text(const struct cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	if (cJSON_IsString(m) && m->valuestring[0] == '\0')
		return 0;
	return json_optional(o, name, out, room, e);
}

void
provider_words(const struct cJSON *o, const char *name, char *out, size_t room)
{
	struct err ignored;

	if (provider_text(o, name, out, room, &ignored) < 0)
		out[0] = '\0';
}

int
provider_seconds(const char *text, int64_t *s)
{
	size_t len = strlen(text);

	if (len < 1 || len > 12 || strspn(text, "0123456789") != len)
		return -1;
	*s = strtoll(text, NULL, 10);
	return 0;
}

bool
provider_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}
