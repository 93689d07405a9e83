/* Requests: texts with names in them, and the two signatures that providers want. */
#include "codec/sms.h"

#include "base/err.h"
#include "codec/form.h"
#include "codec/mac.h"
#include "codec/webhook.h"

#include <stdio.h>
#include <string.h>

#define ALGORITHM "ACS3-HMAC-SHA256"
#define SIGNED \
	"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
#define TWILIO_LONGEST_S 14400 /* the shortest of the limits Twilio documents */

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* --- texts ------------------------------------------------------------------------------- */

static const char *
member_of(const struct sms *m, struct span name)
{
	const struct {
		const char *name, *value;
	} members[] = {
	    {"to",     m->to    },
	    {"from",   m->from  },
	    {"text",   m->text  },
	    {"id",     m->id    },
	    {"code",   m->code  },
	    {"params", m->params},
	};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (span_equal(text_span(members[i].name), name))
			return members[i].value;
	return NULL;
}

static void
put_escaped(struct buf *out, const char *text, enum sms_escape escape)
{
	struct buf quoted = {0};

	switch (escape) {
	case SMS_PLAIN:
		buf_put_text(out, text);
		return;
	case SMS_FORM:
		form_percent(out, text);
		return;
	case SMS_JSON: /* the pattern has the quotes */
		json_quote(&quoted, text);
		buf_put(out, quoted.bytes + 1, quoted.len - 2);
		buf_clear(&quoted);
		return;
	}
}

/* A name in braces that is none of ours stays: JSON is full of braces. */
int
sms_fill(const char *pattern, enum sms_escape escape, const struct sms *m, struct buf *out,
    struct err *e)
{
	while (*pattern != '\0') {
		size_t len = strcspn(pattern, "{"), name;
		const char *value;

		buf_put(out, pattern, len);
		pattern += len;
		if (*pattern == '\0')
			break;
		name = strspn(pattern + 1, "abcdefghijklmnopqrstuvwxyz");
		value = pattern[1 + name] == '}' ? member_of(m, span_of(pattern + 1, name)) : NULL;
		if (value == NULL && pattern[1 + name] == '}' && name > 0)
			return err_set(e, ERR_INPUT, "there is no {%.*s}",
			    name < 40 ? (int)name : 40, pattern + 1);
		if (value == NULL) {
			buf_put_u8(out, '{');
			pattern++;
			continue;
		}
		put_escaped(out, value, escape);
		pattern += name + 2;
	}
	return 0;
}

/* --- Twilio ------------------------------------------------------------------------------ */

void
twilio_body(const struct sms *m, const char *callback, int64_t valid_s, struct buf *out)
{
	char seconds[24];

	form_put(out, "To", m->to);
	/* a messaging service has a number of its own in front of the sender's */
	form_put(out, strncmp(m->from, "MG", 2) == 0 ? "MessagingServiceSid" : "From", m->from);
	form_put(out, "Body", m->text);
	snprintf(seconds, sizeof seconds, "%lld",
	    (long long)(valid_s < 1                  ? 1
			: valid_s > TWILIO_LONGEST_S ? TWILIO_LONGEST_S
						     : valid_s));
	form_put(out, "ValidityPeriod", seconds); /* an old warning is a wrong one */
	if (callback[0] != '\0')
		form_put(out, "StatusCallback", callback);
}

void
basic_auth(const char *user, const char *password, struct buf *out)
{
	struct buf both = {0};

	buf_printf(&both, "%s:%s", user, password);
	buf_put_text(out, "Basic ");
	base64_out(out, buf_span(&both));
	buf_clear(&both);
}

void
twilio_sign(const char *url, const struct form *fields, const char *token, char out[29])
{
	struct buf text = {0}, letters = {0};
	uint8_t mac[MAC_MOST];

	buf_put_text(&text, url);
	for (size_t i = 0; i < fields->n; i++) {
		buf_put(&text, fields->fields[i].name, fields->fields[i].name_len);
		buf_put(&text, fields->fields[i].value, fields->fields[i].value_len);
	}
	base64_out(
	    &letters, span_of(mac, mac_hmac("SHA1", text_span(token), buf_span(&text), mac)));
	snprintf(out, 29, "%s", buf_text(&letters));
	buf_clear(&text);
	buf_clear(&letters);
}

/* The same address with the scheme's own port when it had none, or without it when it had one. */
static bool
other_port(const char *url, struct buf *out)
{
	bool secure = strncmp(url, "https://", 8) == 0;
	const char *host = strstr(url, "://"), *end, *port;

	if (host == NULL)
		return false;
	host += 3;
	end = host + strcspn(host, "/?#");
	port = memchr(host, ':', (size_t)(end - host));
	buf_put(out, url, (size_t)((port != NULL ? port : end) - url));
	if (port == NULL)
		buf_put_text(out, secure ? ":443" : ":80");
	buf_put_text(out, end);
	return true;
}

bool
twilio_signed(const char *url, const struct form *fields, const char *token, const char *signature)
{
	char mine[29];
	struct buf other = {0};
	bool same;

	twilio_sign(url, fields, token, mine);
	same = mac_same(mine, signature);
	if (other_port(url, &other)) {
		twilio_sign(buf_text(&other), fields, token, mine);
		same |= mac_same(mine, signature);
	}
	buf_clear(&other);
	return same;
}

/* --- Aliyun ------------------------------------------------------------------------------ */

/* In the order of their names, as the signature wants them. */
void
aliyun_query(const struct sms *m, struct buf *out)
{
	form_put(out, "OutId", m->id);
	form_put(out, "PhoneNumbers", m->to);
	form_put(out, "SignName", m->from);
	form_put(out, "TemplateCode", m->code);
	form_put(out, "TemplateParam", m->params);
}

void
aliyun_canonical(const struct aliyun_ask *a, struct buf *out)
{
	buf_printf(out,
	    "POST\n/\n%s\nhost:%s\nx-acs-action:%s\nx-acs-content-sha256:" ALIYUN_NO_BODY
	    "\nx-acs-date:%s\nx-acs-signature-nonce:%s\nx-acs-version:%s\n\n" SIGNED
	    "\n" ALIYUN_NO_BODY,
	    a->query, a->host, a->action, a->date, a->nonce, a->version);
}

void
aliyun_sign(const struct aliyun_ask *a, const char *key_id, const char *secret, struct buf *out)
{
	struct buf canonical = {0}, text = {0};
	uint8_t mac[MAC_MOST];
	char sum[65];
	size_t len;

	aliyun_canonical(a, &canonical);
	mac_sha256_hex(buf_span(&canonical), sum);
	buf_printf(&text, ALGORITHM "\n%s", sum);
	len = mac_hmac("SHA256", text_span(secret), buf_span(&text), mac);
	buf_printf(out, ALGORITHM " Credential=%s,SignedHeaders=" SIGNED ",Signature=", key_id);
	mac_hex(out, span_of(mac, len));
	buf_clear(&canonical);
	buf_clear(&text);
}
