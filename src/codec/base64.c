/*
 * Base64 by RFC 4648 with one spelling for each byte string.
 *
 * EVP_DecodeBlock() skips blanks, takes "QR==" for "QQ==" and counts the padding; a signature
 * that can be written in several ways is several keys in somebody's table of things seen.
 */
#include "codec/webhook.h"

#include "base/err.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters, the last `padding` of them '='. */
static int
quad_in(const char *text, size_t padding, uint8_t out[3])
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int v = i < 4 - padding ? letter_value(text[i]) : 0;

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
	}
	out[0] = (uint8_t)(bits >> 16);
	out[1] = (uint8_t)(bits >> 8);
	out[2] = (uint8_t)bits;
	for (size_t i = 3 - padding; i < 3; i++)
		if (out[i] != 0) /* bits that stand for nothing */
			return -1;
	return 0;
}

int
base64_in(struct buf *out, const char *text, size_t len, struct err *e)
{
	size_t before = out->len, padding = 0;
	uint8_t three[3];

	if (len % 4 != 0)
		return err_set(e, ERR_INPUT, "base64 of %zu letters, not a multiple of 4", len);
	if (len > 0 && text[len - 1] == '=')
		padding = text[len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < len; i += 4) {
		size_t pad = i + 4 == len ? padding : 0;

		if (quad_in(text + i, pad, three) < 0) {
			out->len = before;
			return err_set(e, ERR_INPUT, "not base64 at letter %zu", i + 1);
		}
		buf_put(out, three, 3 - pad);
	}
	return 0;
}

void
base64_out(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t bits = (uint32_t)s.bytes[i] << 16;
		char four[4];

		if (n > 1)
			bits |= (uint32_t)s.bytes[i + 1] << 8;
		if (n > 2)
			bits |= s.bytes[i + 2];
		four[0] = alphabet[bits >> 18];
		four[1] = alphabet[bits >> 12 & 63];
		four[2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		four[3] = n > 2 ? alphabet[bits & 63] : '=';
		buf_put(out, four, sizeof four);
	}
}
