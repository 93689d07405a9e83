/* What a simulation came to: as JSON, and whether it is beyond what is let through. */
#include "service/simulate.h"

#include "base/buf.h"
#include "codec/webhook.h"

#include <inttypes.h>

/* Of the revenue, rounded to the nearest; 0 without any. */
static int64_t
change_ppm(const struct simulated *s)
{
	__int128 ppm;

	if (s->before_minor <= 0)
		return 0;
	ppm = (__int128)(s->after_minor - s->before_minor) * 1000000 / s->before_minor;
	return ppm > INT64_MAX ? INT64_MAX : (int64_t)ppm;
}

static void
put_per_cent(struct buf *out, int64_t ppm)
{
	int64_t size = ppm < 0 ? -ppm : ppm;

	buf_printf(out, "%" PRId64 ".%02" PRId64 " %%", size / 10000, size / 100 % 100);
}

bool
simulate_over(const struct simulated *s, const struct simulate_limits *l, struct buf *words)
{
	int64_t change = change_ppm(s), share, most;

	share = (int64_t)((__int128)s->rated * l->most_cut_ppm / 1000000);
	most = share > l->most_cut ? share : l->most_cut;
	if (s->priced && (change > l->most_change_ppm || -change > l->most_change_ppm)) {
		buf_printf(
		    words, "the revenue of the days tried %s by ", change < 0 ? "falls" : "rises");
		put_per_cent(words, change);
		buf_put_text(words, ", let through are ");
		put_per_cent(words, l->most_change_ppm);
	}
	if (s->cut > most) {
		buf_printf(words,
		    "%s%" PRId64 " of %" PRId64 " accounts would be cut off on day one, let "
		    "through are %" PRId64,
		    words->len > 0 ? "; " : "", s->cut, s->rated, most);
	}
	return words->len > 0;
}

static void
put_accounts(const char *name, const struct simulate_account *a, size_t n, struct buf *out)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, /* account numbers need no escaping */
		    "%s{\"account\":\"%s\",\"before_minor\":%" PRId64 ",\"after_minor\":%" PRId64
		    ",\"change_minor\":%" PRId64 ",\"balance_minor\":%" PRId64
		    ",\"trip_minor\":%" PRId64 "}",
		    i > 0 ? "," : "", a[i].number, a[i].before_minor, a[i].after_minor,
		    a[i].after_minor - a[i].before_minor, a[i].balance_minor, a[i].trip_minor);
	buf_put_u8(out, ']');
}

void
simulate_json(const struct simulated *s, struct buf *out)
{
	buf_printf(out,
	    "{\"from_us\":%" PRId64 ",\"to_us\":%" PRId64 ",\"accounts\":%" PRId64
	    ",\"rated\":%" PRId64 ",\"unrated\":%" PRId64 ",\"estimated\":%" PRId64
	    ",\"total_wh\":%" PRId64,
	    s->from_us, s->to_us, s->accounts, s->rated, s->unrated, s->estimated, s->wh);
	if (s->unrated > 0) {
		buf_put_text(out, ",\"unrated_why\":");
		json_quote(out, s->why);
	}
	if (s->priced)
		buf_printf(out, ",\"before_minor\":%" PRId64, s->before_minor);
	buf_printf(out, ",\"after_minor\":%" PRId64, s->after_minor);
	if (s->priced)
		buf_printf(out, ",\"change_minor\":%" PRId64 ",\"change_ppm\":%" PRId64,
		    s->after_minor - s->before_minor, change_ppm(s));
	buf_printf(out,
	    ",\"winners\":%" PRId64 ",\"losers\":%" PRId64 ",\"cut\":%" PRId64
	    ",\"cut_already\":%" PRId64,
	    s->winners, s->losers, s->cut, s->cut_already);
	put_accounts("most_won", s->won, s->nwon, out);
	put_accounts("most_lost", s->lost, s->nlost, out);
	put_accounts("cuts", s->cuts, s->ncuts, out);
	buf_put_u8(out, '}');
}
