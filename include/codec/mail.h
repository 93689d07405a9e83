/*
 * mail -- one plain text message by RFC 5322, in UTF-8.
 *
 * The subject and a sender's name are encoded words (RFC 2047) where they are not plain ASCII,
 * the text is base64, so no line is too long and no server has anything to change.  Message-ID
 * comes from the message's own id: a repeat is the same mail, and receivers drop it.
 */
#ifndef CODEC_MAIL_H
#define CODEC_MAIL_H

#include "base/buf.h"

struct err;

struct mail {
	const char *from; /* "Name <user@domain>" or "user@domain" */
	const char *to;   /* user@domain */
	const char *subject, *text;
	const char *id;       /* letters, digits, - and _ */
	const char *language; /* "zh" */
	int64_t at_us;
};

/* Appends header and body with CRLF line ends.  ERR_INPUT when an address is none; control
 * characters in texts become blanks, so nothing can begin a header. */
int mail_write(const struct mail *m, struct buf *out, struct err *e);
/* "user@domain" of either form of a sender; ASCII, 254 letters at most, nothing that would end a
 * line or the address. */
int mail_address(const char *text, char out[256], struct err *e);

#endif
