/*
 * Any bytes as a webhook's body and headers.  What the strict reader takes must come out of
 * cJSON's printer and be taken again (but for numbers of 16 digits, which that printer rounds);
 * what base64 takes must be spelt the same way.
 */
#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool
prints_exactly(const cJSON *v)
{
	if (cJSON_IsNumber(v) && (v->valuedouble >= 1e15 || v->valuedouble <= -1e15))
		return false;
	for (const cJSON *m = v->child; m != NULL; m = m->next)
		if (!prints_exactly(m))
			return false;
	return true;
}

static void
fuzz_json(struct span text)
{
	struct err e;
	cJSON *tree = json_strict(text, &e), *again;
	struct payment p = {0};
	char *printed;

	if (tree == NULL)
		return;
	printed = cJSON_PrintUnformatted(tree);
	again = json_strict(span_of(printed, strlen(printed)), &e);
	if (prints_exactly(tree) && (again == NULL || !cJSON_Compare(tree, again, true)))
		abort();
	if (webhook_payment(text, &p, &e) == 0 &&
	    (p.amount_minor < 1 || p.payment_no[0] == '\0' || p.currency[3] != '\0'))
		abort();
	free(printed);
	cJSON_Delete(tree);
	cJSON_Delete(again);
}

static void
fuzz_base64(struct span text)
{
	struct buf in = {0}, out = {0};
	struct err e;

	if (base64_in(&in, (const char *)text.bytes, text.len, &e) == 0) {
		base64_out(&out, buf_span(&in));
		if (!span_equal(buf_span(&out), text))
			abort();
	}
	buf_clear(&in);
	buf_clear(&out);
}

/* Three lines of headers, then the body. */
static void
fuzz_verify(struct span all)
{
	struct webhook_secret s = {.len = 24};
	struct webhook_head h;
	struct buf b = {0};
	struct err e;
	char *rest, *body;
	int64_t us;

	buf_put(&b, all.bytes, all.len);
	buf_text(&b);
	rest = (char *)b.bytes;
	h.id = strsep(&rest, "\n");
	h.timestamp = strsep(&rest, "\n");
	h.signature = strsep(&rest, "\n");
	body = rest != NULL ? rest : (char *)b.bytes + b.len;
	webhook_verify(&h, span_of(body, strlen(body)), &s, 1, INT64_C(1700000000000000), &e);
	if (h.signature != NULL)
		webhook_secret_parse(h.signature, &s, &e);
	time_rfc3339_in(h.id, &us, &e);
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct span all = {bytes, len};

	fuzz_json(all);
	fuzz_base64(all);
	fuzz_verify(all);
	return 0;
}
