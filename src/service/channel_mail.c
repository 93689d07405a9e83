/*
 * Mail by SMTP.  The server that takes a mail has not delivered it: what it says is all we hear,
 * so mail gives no receipts.
 */
#include "service/channel.h"

#include "base/err.h"
#include "codec/mail.h"
#include "service/fetch.h"

#include <stdio.h>

/* 5yz is final, but for those that are about us and not about the mail: it may be mended. */
static bool
reply_final(int status)
{
	return status >= 500 && status != 530 && status != 534 && status != 535 && status != 538;
}

static void
on_answer(int status, struct span body, const struct err *e, void *arg)
{
	struct letter *l = arg;
	char why[160];

	(void)body;
	if (e->class == ERR_NONE) {
		letter_said(l, LETTER_SENT, "", "");
		return;
	}
	if (status >= 400)
		snprintf(why, sizeof why, "the mail server says %d: %.110s", status, e->text);
	else
		snprintf(why, sizeof why, "%.150s", e->text);
	letter_said(l, reply_final(status) ? LETTER_FAILED : LETTER_RETRY, why, "");
}

void
channel_mail_send(struct letter *l)
{
	const struct mail_conf *c = l->n->conf.mail;
	struct buf subject = {0}, text = {0};
	char from[256], to[256];
	struct mail m = {.from = c->from,
	    .to = l->address,
	    .id = l->token,
	    .language = l->language,
	    .at_us = loop_now_us(l->n->loop)};
	struct fetch_mail out = {
	    c->url, c->starttls, c->user, l->n->keys.mail_password, c->ca_file, from, to, {0}};
	struct err e;

	if (letter_text(l, TEMPLATE_SUBJECT, &subject, &e) < 0 ||
	    letter_text(l, TEMPLATE_TEXT, &text, &e) < 0)
		goto out_failed;
	m.subject = buf_text(&subject);
	m.text = buf_text(&text);
	if (mail_address(c->from, from, &e) < 0 || mail_address(l->address, to, &e) < 0 ||
	    mail_write(&m, &l->bytes, &e) < 0)
		goto out_failed;
	buf_clear(&subject);
	buf_clear(&text);
	out.text = buf_span(&l->bytes);
	fetch_mail(l->n->fetcher, &out, c->patience_us, on_answer, l);
	return;
out_failed:
	buf_clear(&subject);
	buf_clear(&text);
	letter_said(l, LETTER_FAILED, e.text, "");
}
