#include "codec/mail.h"

#include "base/err.h"
#include "codec/webhook.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WORD_BYTES 39 /* with "Subject: " in front the first line has 73 letters, 76 may be */
#define LINE_BYTES 57 /* 76 letters of base64 */

static bool
plain_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((uint8_t)*text < 0x20 || (uint8_t)*text > 0x7e)
			return false;
	return true;
}

/* As many whole characters as fit into one encoded word. */
static size_t
word_len(const char *text)
{
	size_t len = strlen(text), n = WORD_BYTES;

	if (len <= n)
		return len;
	while (n > 1 && ((uint8_t)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* A header's text: as it is, or as encoded words with a fold between them. */
static void
put_words(struct buf *out, const char *text, bool quote)
{
	char clean[WORD_BYTES + 1];

	if (plain_ascii(text) && strlen(text) <= 60 && strstr(text, "=?") == NULL) {
		buf_put_text(out, quote ? "\"" : "");
		for (; *text != '\0'; text++) {
			if (quote && (*text == '"' || *text == '\\'))
				buf_put_u8(out, '\\');
			buf_put_u8(out, (uint8_t)*text);
		}
		buf_put_text(out, quote ? "\"" : "");
		return;
	}
	while (*text != '\0') {
		size_t n = word_len(text);

		for (size_t i = 0; i < n; i++)
			clean[i] = (uint8_t)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
		buf_put_text(out, "=?utf-8?B?");
		base64_out(out, span_of(clean, n));
		buf_put_text(out, "?=");
		text += n;
		if (*text != '\0')
			buf_put_text(out, "\r\n ");
	}
}

int
mail_address(const char *text, char out[256], struct err *e)
{
	const char *begin = strrchr(text, '<'), *at;
	size_t len = strlen(text);

	if (strpbrk(text, "\r\n") != NULL)
		return err_set(e, ERR_INPUT, "a mail address of more than one line");
	if (begin != NULL) {
		len = strlen(++begin);
		if (len == 0 || begin[len - 1] != '>')
			return err_set(e, ERR_INPUT, "\"%.60s\" is no mail address", text);
		len--;
	} else {
		begin = text;
	}
	at = memchr(begin, '@', len);
	if (at == NULL || at == begin || at - begin > 64 || at + 1 == begin + len || len > 254)
		return err_set(e, ERR_INPUT, "\"%.60s\" is no mail address", text);
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)begin[i] <= ' ' || (uint8_t)begin[i] > '~' ||
		    strchr("<>()[],;:\\\"", begin[i]) != NULL ||
		    (begin[i] == '@' && begin + i != at))
			return err_set(e, ERR_INPUT, "\"%.60s\" is no mail address", text);
	memcpy(out, begin, len);
	out[len] = '\0';
	return 0;
}

static void
put_from(struct buf *out, const char *from, const char *address)
{
	const char *end = strrchr(from, '<');
	char name[128];

	buf_put_text(out, "From: ");
	if (end != NULL) {
		size_t len =
		    (size_t)(end - from) < sizeof name ? (size_t)(end - from) : sizeof name - 1;

		while (len > 0 && from[len - 1] == ' ')
			len--;
		snprintf(name, sizeof name, "%.*s", (int)len, from);
		if (name[0] != '\0') {
			put_words(out, name, true);
			buf_put_text(out, "\r\n ");
		}
	}
	buf_printf(out, "<%s>\r\n", address);
}

/* Names of days and months by hand: strftime() would speak the locale's language. */
static void
put_date(struct buf *out, int64_t at_us)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t s = (time_t)(at_us / 1000000);
	struct tm t;

	gmtime_r(&s, &t);
	buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * t.tm_wday,
	    t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Line ends of a text are CRLF also inside base64 (RFC 2045, 6.8). */
static void
put_text(struct buf *out, const char *text)
{
	struct buf lines = {0};

	for (; *text != '\0'; text++) {
		if (*text == '\r')
			continue;
		buf_put(&lines, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
	}
	buf_put_text(&lines, "\r\n");
	for (size_t i = 0; i < lines.len; i += LINE_BYTES) {
		size_t n = lines.len - i < LINE_BYTES ? lines.len - i : LINE_BYTES;

		base64_out(out, span_of(lines.bytes + i, n));
		buf_put_text(out, "\r\n");
	}
	buf_clear(&lines);
}

int
mail_write(const struct mail *m, struct buf *out, struct err *e)
{
	char from[256], to[256];

	if (mail_address(m->from, from, e) < 0 || mail_address(m->to, to, e) < 0)
		return -1;
	put_date(out, m->at_us);
	put_from(out, m->from, from);
	buf_printf(out, "To: <%s>\r\n", to);
	buf_printf(out, "Message-ID: <%s@%s>\r\n", m->id, strchr(from, '@') + 1);
	buf_put_text(out, "Subject: ");
	put_words(out, m->subject, false);
	buf_printf(out,
	    "\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Language: %.8s\r\n"
	    "Auto-Submitted: auto-generated\r\n\r\n",
	    m->language);
	put_text(out, m->text);
	return 0;
}
