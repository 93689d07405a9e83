/*
 * Any bytes as a notification and as a form.  The first byte chooses the provider; then come the
 * lines of two headers, and the body.  For Stripe and Standard Webhooks nothing is authentic, so
 * the bodies are read through M-Pesa, which signs nothing, and through the parsers themselves.
 */
#include "base/err.h"
#include "codec/form.h"
#include "codec/money.h"
#include "codec/provider.h"
#include "codec/provider_query.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char yaml[] =
    "stripe:\n  secrets: a\npaystack:\n  secrets: a\n"
    "standard:\n  secrets: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
    "mpesa:\n  shortcodes: \"1\"\n  peers: [127.0.0.1]\n"
    "  validation_path: /validation/path/here\n  confirmation_path: /confirmation/path/here\n";

static struct provider_keys *
keys_of(const char *name)
{
	char path[] = "/tmp/fuzz-keys-XXXXXX";
	int fd = mkstemp(path);
	bool exposed;
	struct provider_keys *k;
	struct err e;

	if (fd < 0 || write(fd, yaml, sizeof yaml - 1) < 0)
		abort();
	close(fd);
	k = provider_keys_read(provider_find(name), path, &exposed, &e);
	unlink(path);
	if (k == NULL)
		abort();
	return k;
}

static void
fuzz_verify(uint8_t which, char *text, size_t len)
{
	static const char *const names[] = {"mpesa", "stripe", "paystack", "standard"};
	static struct provider_keys *keys[4];
	char *rest = text, *first = strsep(&rest, "\n"), *second = strsep(&rest, "\n");
	struct provider_header headers[] = {
	    {"Stripe-Signature",     first       },
	    {"x-paystack-signature", first       },
	    {"webhook-id",           second      },
	    {"webhook-timestamp",    "1795000000"},
	    {"webhook-signature",    first       },
	};
	struct provider_request q = {"/confirmation/path/here", "127.0.0.1", headers, 5,
	    span_of(rest, rest != NULL ? len - (size_t)(rest - text) : 0),
	    INT64_C(1795000000000000)};
	struct provider_notice n;
	struct err e;

	which %= 4;
	if (second == NULL)
		headers[2].value = "";
	if (keys[which] == NULL)
		keys[which] = keys_of(names[which]);
	if (provider_verify(keys[which], &q, &n, &e) == PROVIDER_OK && n.recharges &&
	    (n.amount_minor < 1 || n.payment_no[0] == '\0' || n.currency[3] != '\0'))
		abort();
}

/* What was taken apart, put together and taken apart again, is the same. */
static void
fuzz_form(struct span body)
{
	struct form *f = mem_new(sizeof *f), *again = mem_new(sizeof *again);
	struct buf b = {0};
	struct err e;

	if (form_read(body, f, &e) == 0) {
		for (size_t i = 0; i < f->n; i++) {
			buf_put_text(&b, i > 0 ? "&" : "");
			for (const char *p = f->fields[i].name; *p != '\0'; p++)
				buf_printf(&b, "%%%02x", (uint8_t)*p);
			buf_put_u8(&b, '=');
			for (const char *p = f->fields[i].value; *p != '\0'; p++)
				buf_printf(&b, "%%%02X", (uint8_t)*p);
		}
		if (form_read(buf_span(&b), again, &e) < 0 || again->n != f->n)
			abort();
		for (size_t i = 0; i < f->n; i++)
			if (strcmp(f->fields[i].name, again->fields[i].name) != 0 ||
			    strcmp(f->fields[i].value, again->fields[i].value) != 0)
				abort();
		form_clear(again);
		form_clear(f);
	}
	buf_clear(&b);
	free(f);
	free(again);
}

static void
fuzz_parsers(struct span text)
{
	struct buf b = {0};
	struct span part;
	int64_t minor, back;
	struct err e;

	cJSON_Delete(json_foreign(text, &e));
	if (alipay_answer_part(text, "a", &part, &e) == 0 &&
	    (part.len < 2 || part.bytes[0] != '{' || part.bytes[part.len - 1] != '}'))
		abort();
	if (money_in((const char *)text.bytes, text.len, 2, true, &minor, &e) == 0) {
		money_out(&b, minor, 2);
		if (money_in((const char *)b.bytes, b.len, 2, true, &back, &e) < 0 || back != minor)
			abort();
	}
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf b = {0};

	if (len == 0)
		return 0;
	buf_put(&b, bytes + 1, len - 1);
	buf_text(&b);
	fuzz_form(span_of(b.bytes, len - 1));
	fuzz_parsers(span_of(b.bytes, len - 1));
	fuzz_verify(bytes[0], (char *)b.bytes, len - 1);
	buf_clear(&b);
	return 0;
}
