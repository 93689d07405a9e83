/*
 * Any bytes as a statement.  The first byte chooses whose; what is taken has totals that its rows
 * make, and rows that stand in its own text.
 */
#include "base/err.h"
#include "codec/statement.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
inside(const struct statement *s, struct span part)
{
	const uint8_t *end = s->text.bytes + s->text.len;

	if (part.len > 0 && (part.bytes < s->text.bytes || part.bytes + part.len > end))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"wechat", "alipay", "standard"};
	struct statement s;
	struct err e;
	size_t n = 0;

	if (len == 0 ||
	    statement_read(names[bytes[0] % 3], span_of(bytes + 1, len - 1), &s, &e) < 0)
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		inside(&s, s.rows[i].payment_no);
		inside(&s, s.rows[i].order_no);
		inside(&s, s.rows[i].refund_no);
		inside(&s, s.rows[i].raw);
		if (s.rows[i].amount_minor < 0 || s.rows[i].payment_no.len == 0)
			abort();
	}
	for (int k = 0; k < STATEMENT_KINDS; k++)
		n += s.total[k].n;
	if (n != s.n)
		abort();
	statement_clear(&s);
	return 0;
}
