/* A row of the outbox as what somebody will read. */
#include "service/channel.h"

#include "base/err.h"
#include "model/calendar.h"
#include "store/db.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const channel_names[CHANNELS] = {"webhook", "mail", "sms"};

/* The columns of notice_claim, in its order. */
enum {
	ID,
	CLAIMS,
	TRIED,
	KIND,
	WHO,
	CHANNEL_NAME,
	ADDRESS,
	LANGUAGE,
	ZONE,
	QUIET_FROM,
	QUIET_UNTIL,
	URGENT,
	CREATED,
	EXPIRES,
	BODY,
	CURRENCY,
	SITE
};

static enum channel
channel_of(const char *name)
{
	for (int c = 0; c < CHANNELS; c++)
		if (strcmp(channel_names[c], name) == 0)
			return (enum channel)c;
	return CHANNEL_WEBHOOK;
}

/* Who has none of his own has the settings'; a program that takes webhooks does not sleep. */
static void
read_quiet(struct letter *l, const struct db_rows *rows, int i)
{
	if (!db_cell_null(rows, i, QUIET_FROM)) {
		l->quiet_from = (int)db_cell_int(rows, i, QUIET_FROM);
		l->quiet_until = (int)db_cell_int(rows, i, QUIET_UNTIL);
	} else if (l->channel != CHANNEL_WEBHOOK) {
		l->quiet_from = l->n->keys.quiet_from;
		l->quiet_until = l->n->keys.quiet_until;
	}
}

struct letter *
letter_read(struct notify *n, const struct db_rows *rows, int i)
{
	struct letter *l = mem_new(sizeof *l);
	struct err e;

	l->n = n;
	l->next = n->letters;
	n->letters = l;
	l->id = db_cell_int(rows, i, ID);
	l->claims = db_cell_int(rows, i, CLAIMS);
	l->tried = db_cell_int(rows, i, TRIED);
	l->channel = channel_of(db_cell_text(rows, i, CHANNEL_NAME));
	l->urgent = db_cell_bool(rows, i, URGENT);
	l->created_us = db_cell_int(rows, i, CREATED);
	l->expires_us = db_cell_int(rows, i, EXPIRES);
	db_cell_copy(rows, i, KIND, l->kind, sizeof l->kind);
	db_cell_copy(rows, i, WHO, l->who, sizeof l->who);
	db_cell_copy(rows, i, ADDRESS, l->address, sizeof l->address);
	db_cell_copy(rows, i, LANGUAGE, l->language, sizeof l->language);
	db_cell_copy(rows, i, ZONE, l->zone, sizeof l->zone);
	db_cell_copy(rows, i, CURRENCY, l->currency, sizeof l->currency);
	db_cell_copy(rows, i, SITE, l->site, sizeof l->site);
	if (l->language[0] == '\0')
		snprintf(l->language, sizeof l->language, "%.3s", n->conf.notify->language);
	snprintf(
	    l->token, sizeof l->token, "m%lld-%lld", (long long)l->id, (long long)l->created_us);
	read_quiet(l, rows, i);
	l->body = cJSON_Parse(db_cell_text(rows, i, BODY));
	l->calendar = calendar_new(l->zone, &e);
	if (l->calendar == NULL) { /* the database knows more zones than this machine */
		slog(n, LOG_LEVEL_WARN, "message %s: %s, UTC instead", l->token, e.text);
		l->calendar = calendar_new("UTC", &e);
	}
	return l;
}

void
letter_free(struct letter *l)
{
	struct letter **p = &l->n->letters;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	cJSON_Delete(l->body);
	calendar_free(l->calendar);
	buf_clear(&l->bytes);
	free(l);
}

struct template_values
letter_values(const struct letter *l)
{
	return (struct template_values){
	    .body = l->body,
	    .currency = l->currency,
	    .site = l->site,
	    .zone = l->calendar,
	    .at_us = l->created_us,
	};
}

int
letter_text(const struct letter *l, enum template_part part, struct buf *out, struct err *e)
{
	const struct template_values v = letter_values(l);

	if (l->n->keys.texts == NULL)
		return err_set(e, ERR_INPUT, "no texts are installed");
	return template_fill(l->n->keys.texts, l->language, l->kind, part, &v, out, e);
}
