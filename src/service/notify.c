/*
 * Each channel has places of its own under way: a mail server that hangs keeps no short message
 * back.  What becomes of a message is decided by door.notice_told, fenced by the number of the
 * claim, so a late answer to an older one changes nothing.
 */
#include "service/notify.h"

#include "base/err.h"
#include "base/metric.h"
#include "model/quiet.h"
#include "service/channel.h"
#include "service/fetch.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16 /* of one channel */

static const struct db_stmt claim = {"notice_claim", DB_BULK, false, 0,
    "SELECT id, claims, tried, kind, who, channel, address, language, zone, quiet_from, "
    "quiet_until, urgent, created_us, expires_us, body, currency, site"
    " FROM door.notice_claim($1::text[], $2::int[], $3::bigint[], $4::int, $5::int, $6::bigint)"};
static const struct db_stmt told = {"notice_told", DB_BULK, true, 0,
    "SELECT door.notice_told($1::bigint, $2::int, $3, $4, $5, $6::bigint, $7::bigint, $8::int, "
    "$9::text[], $10::bigint)"};

static void notify_poke(void *arg);

/* --- what came of it ---------------------------------------------------------------------- */

static void
on_noted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct notify *n = arg;

	(void)rows;
	if (e->class != ERR_NONE)
		slog(n, LOG_LEVEL_ERROR, "%s", e->text);
	n->fn(n->arg);
	notify_look(n); /* the next channel may have it now */
}

/* After the first, second, ... attempt, the last for all that follow; a fifth more or less, so
 * that what failed together does not come back together. */
static int64_t
pause_us(struct notify *n, int64_t tried)
{
	static const int64_t seconds[] = {2, 30, 120, 600, 3600, 10800};
	int64_t last = (int64_t)(sizeof seconds / sizeof *seconds) - 1, pause, asked;

	pause = seconds[tried < 1 ? 0 : tried - 1 < last ? tried - 1 : last] * SECOND_US;
	pause += loop_jitter_us(n->loop, pause * 2 / 5) - pause / 5;
	asked = fetch_retry_after_us(n->fetcher);
	return asked > pause ? (asked < HOUR_US ? asked : HOUR_US) : pause;
}

void
channel_column(const struct notify *n, struct db_column *c)
{
	for (int i = 0; i < CHANNELS; i++)
		if (channel_is_set(&n->conf, (enum channel)i))
			db_column_text(c, channel_names[i]);
}

static void
tell(struct letter *l, const char *outcome, const char *why, const char *provider_id,
    int64_t due_us, int64_t await_us)
{
	struct notify *n = l->n;
	struct db_column channels = {0};

	channel_column(n, &channels);
	db_ask(n->db, &told, on_noted, n, db_int(l->id), db_int(l->claims), db_text(outcome),
	    why[0] != '\0' ? db_text(why) : db_null(),
	    provider_id[0] != '\0' ? db_text(provider_id) : db_null(), db_int(due_us),
	    await_us > 0 ? db_int(await_us) : db_null(), db_int(n->conf.notify->tries),
	    db_array(&channels), db_int(loop_now_us(n->loop)));
	db_column_free(&channels);
	letter_free(l);
}

/* Taken is told, but for a final notice on a channel that says later what became of it. */
static int64_t
receipt_until(const struct letter *l)
{
	const struct notify_confs *c = &l->n->conf;
	bool comes = (l->channel == CHANNEL_WEBHOOK && c->notify->receipts) ||
		     (l->channel == CHANNEL_SMS && c->sms->receipts);

	if (!comes || c->notify->receipt_wait_us == 0 || strcmp(l->kind, "final") != 0)
		return 0;
	return loop_now_us(l->n->loop) + c->notify->receipt_wait_us;
}

void
letter_said(struct letter *l, enum letter_outcome o, const char *why, const char *provider_id)
{
	static const char *const outcomes[] = {"sent", "retry", "failed"};
	struct notify *n = l->n;

	slog(n, o == LETTER_SENT ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "message %s %s by %s %s%s",
	    l->token, l->kind, channel_names[l->channel],
	    o == LETTER_SENT ? "told" : "not told: ", why);
	metric_add(o == LETTER_SENT ? METRIC_MESSAGES_TAKEN : METRIC_MESSAGES_FAILED, 1);
	n->flying[l->channel]--;
	tell(l, outcomes[o], why, provider_id, loop_now_us(n->loop) + pause_us(n, l->tried),
	    o == LETTER_SENT ? receipt_until(l) : 0);
	notify_look(n);
}

/* --- sending ------------------------------------------------------------------------------ */

/* Left for later, when its reader is not to be disturbed now. */
static bool
put_off(struct letter *l)
{
	int64_t ends;

	if (l->urgent)
		return false;
	ends = quiet_ends_us(l->calendar, l->quiet_from, l->quiet_until, loop_now_us(l->n->loop));
	if (ends == 0)
		return false;
	tell(l, "quiet", "", "", ends, 0);
	return true;
}

static void
send_one(struct letter *l)
{
	if (put_off(l))
		return;
	l->n->flying[l->channel]++;
	switch (l->channel) {
	case CHANNEL_MAIL:
		channel_mail_send(l);
		return;
	case CHANNEL_SMS:
		channel_sms_send(l);
		return;
	default:
		channel_webhook_send(l);
		return;
	}
}

static void
on_claimed(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct notify *n = arg;

	n->claiming = false;
	if (rows == NULL) {
		slog(n, LOG_LEVEL_WARN, "%s", e->text);
		return;
	}
	for (int i = 0; i < db_rows_count(rows); i++)
		send_one(letter_read(n, rows, i));
	if (n->again)
		notify_look(n);
}

static int64_t
lease_us(const struct notify *n, enum channel c)
{
	int64_t patience = c == CHANNEL_MAIL  ? n->conf.mail->patience_us
			   : c == CHANNEL_SMS ? n->conf.sms->patience_us
					      : n->conf.notify->patience_us;

	return patience + 10 * SECOND_US;
}

static void
notify_poke(void *arg)
{
	struct notify *n = arg;
	struct db_column channels = {0}, rooms = {0}, leases = {0};
	int room = 0;

	if (n->claiming) {
		n->again = true;
		return;
	}
	for (int c = 0; c < CHANNELS; c++)
		if (channel_is_set(&n->conf, (enum channel)c)) {
			room += AT_ONCE - n->flying[c];
			db_column_int(&rooms, AT_ONCE - n->flying[c]);
			db_column_int(&leases, lease_us(n, (enum channel)c));
		}
	if (room > 0) {
		n->claiming = true;
		n->again = false;
		channel_column(n, &channels);
		db_ask(n->db, &claim, on_claimed, n, db_array(&channels), db_array(&rooms),
		    db_array(&leases), db_int(n->conf.notify->daily_cap),
		    db_int(n->conf.notify->admin_daily_cap), db_int(loop_now_us(n->loop)));
	}
	db_column_free(&channels);
	db_column_free(&rooms);
	db_column_free(&leases);
}

void
notify_look(struct notify *n)
{
	loop_defer(&n->poke, n->loop, notify_poke, n);
}

/* --- life --------------------------------------------------------------------------------- */

static void
on_sweep(void *arg)
{
	struct notify *n = arg;

	timer_sweep(&n->sweep, n->loop, n->conf.notify->sweep_us, on_sweep, n);
	notify_poke(n);
}

struct notify *
notify_new(struct loop *l, struct db *db, struct fetcher *f, const struct notify_confs *confs,
    notify_told_fn *fn, void *arg)
{
	struct notify *n = mem_new(sizeof *n);

	n->loop = l;
	n->db = db;
	n->fetcher = f;
	n->conf = *confs;
	n->fn = fn;
	n->arg = arg;
	n->log.module = "notify";
	timer_start(&n->sweep, l, confs->notify->sweep_us, on_sweep, n);
	return n;
}

int
notify_try_secret(const struct notify_confs *confs, struct err *e)
{
	struct notify_keys keys;

	if (notify_keys_load(confs, &keys, e) < 0)
		return -1;
	notify_keys_clear(&keys);
	return 0;
}

int
notify_load_secret(struct notify *n, struct err *e)
{
	struct notify_keys keys;

	if (notify_keys_load(&n->conf, &keys, e) < 0)
		return -1;
	notify_keys_clear(&n->keys);
	n->keys = keys;
	if (keys.texts == NULL && channel_is_set(&n->conf, CHANNEL_WEBHOOK))
		slog(n, LOG_LEVEL_WARN, "no texts are installed: webhooks go without");
	return 0;
}

void
notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	timer_stop(&n->sweep);
	timer_stop(&n->poke);
	while (n->letters != NULL)
		letter_free(n->letters);
	notify_keys_clear(&n->keys);
	free(n);
}
