/*
 * Any bytes into the scanner, the parser, every decoder and the explanation: nothing may read
 * or write past its bytes, and a frame that was taken apart must be built again the same.
 *
 * Left alone, a fuzzer hardly ever guesses a checksum.  The mutator therefore lets libFuzzer
 * change the bytes as it likes and then, seven times of eight, sets the two 68, L, the
 * checksum and the end right again, so that the changes reach the decoders.
 */
#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/dlt645_explain.h"
#include "codec/dlt645_items.h"
#include "codec/envelope.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* One identifier for each shape and format of the table; the control byte chooses a quarter. */
static const uint32_t each[] = {0x00010000, 0x0001ff00, 0x000000ff, 0x00900200, 0x02010100,
    0x0203ff00, 0x02060000, 0x028011ff, 0x80808080, 0x03010000, 0x03110001, 0x03300001, 0x03300101,
    0x03300301, 0x03300401, 0x03300d01, 0x0332ff01, 0x0333ff01, 0x04000101, 0x04000102, 0x0400010c,
    0x04000106, 0x04000205, 0x04000401, 0x04000403, 0x04000503, 0x040005ff, 0x04000801, 0x04000b01,
    0x04001104, 0x04001203, 0x04001402, 0x04001501, 0x04010000, 0x04010001, 0x04030001, 0x040501ff,
    0x040604ff, 0x04600101, 0x05060001, 0x05060101, 0x05060301, 0x05060901, 0x05061001, 0x0506ff01,
    0x0504ff01, 0x070000ff, 0x070104ff, 0x078102ff, 0x10010001, 0x10010101, 0x1d00ff01, 0x1d000201};

static void
decode(const struct dlt645_item *i, uint32_t di, struct span s)
{
	static struct dlt645_value values[DLT645_VALUES];
	char text[200];
	struct err e;
	int n = dlt645_values(i, s, values, DLT645_VALUES, &e);

	for (int k = 0; k < n; k++) {
		struct buf again = {0};

		must(memchr(values[k].text, '\0', sizeof values[k].text) != NULL);
		must(values[k].absent == (values[k].why != NULL));
		dlt645_value_name(i, di, &values[k], text, sizeof text);
		dlt645_value_meaning(&values[k], text, sizeof text);
		if (values[k].is_number && !values[k].absent)
			must(dlt645_put_number(&again, values[k].field, values[k].number, &e) == 0);
		buf_clear(&again);
	}
}

static void
decode_all(const struct dlt645 *f)
{
	size_t head = dlt645_has_di(f->control, f->len) ? 4 : 0;
	struct span s = span_of(f->data + head, f->len - head);
	uint32_t di = head > 0 ? dlt645_di(span_of(f->data, f->len)) : 0;
	static const struct dlt645_item *items[sizeof each / sizeof each[0]];
	const struct dlt645_item *i = dlt645_item(di);
	int64_t value;
	struct err e;

	if (i != NULL)
		decode(i, di, s);
	if ((i = dlt645_layout(f->control, di, s.len)) != NULL)
		decode(i, di, s);
	for (size_t k = f->control % 4u; k < sizeof each / sizeof each[0]; k += 4) {
		if (items[k] == NULL)
			items[k] = dlt645_item(each[k]);
		decode(items[k], each[k], s);
	}
	for (int r = 0; r < REG_COUNT && s.len <= 8; r++)
		dlt645_reg_value((enum reg)r, s, &value, &e);
}

static void
take(struct span frame)
{
	struct dlt645 f, g;
	struct buf out = {0};
	struct dlt645_policy p = {.commissioning = true, .most = DLT645_MAX_DATA};
	struct dlt645_error x;
	struct err e;
	char text[200];

	must(dlt645_parse(&f, frame, &e) == 0);
	dlt645_build(&out, &f);
	must(span_equal(buf_span(&out), frame));
	must(dlt645_parse(&g, buf_span(&out), &e) == 0);
	must(strcmp(f.address, g.address) == 0 && f.control == g.control && f.len == g.len);
	must(memcmp(f.data, g.data, f.len) == 0);
	if (dlt645_error_get(&x, &f, &e) == 0)
		dlt645_error_text(&x, text, sizeof text);
	out.len = 0;
	if (dlt645_encode(&out, &f, &p, &e) == 0)
		must(span_equal(buf_span(&out), frame));
	buf_clear(&out);
	decode_all(&f);
}

static void
stream(enum envelope_kind k, struct span in)
{
	struct span found;
	enum scan s;
	size_t used;

	while ((s = envelope_scan(k, k == ENVELOPE_DLT645 ? "8655" : "", in, &found, &used)) !=
	       SCAN_MORE) {
		must(used > 0 && used <= in.len);
		in = span_of(in.bytes + used, in.len - used);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), found;
	struct buf json = {0};
	enum scan s;
	size_t used;

	while ((s = dlt645_scan(in, &found, &used)) != SCAN_MORE) {
		must(used > 0 && used <= in.len);
		if (s == SCAN_FRAME)
			take(found);
		in = span_of(in.bytes + used, in.len - used);
	}
	must(used <= in.len);
	envelope_guess(span_of(data, size), size % 2 == 0);
	stream(ENVELOPE_DLT645, span_of(data, size));
	stream(ENVELOPE_DTU, span_of(data, size));
	dlt645_explain(span_of(data, size), &json);
	must(json.len > 0 && json.bytes[json.len - 1] == '\n');
	buf_clear(&json);
	return 0;
}

/* Behind its preamble, what is there becomes a frame: the length of all of it is right. */
static size_t
repair(uint8_t *data, size_t size, size_t most)
{
	size_t at = 0, len;
	uint8_t sum = 0;

	while (at < size && data[at] == 0xfe && at < 4)
		at++;
	if (most < at + 12)
		return size;
	if (size < at + 12) {
		memset(data + size, 0x33, at + 12 - size);
		size = at + 12;
	}
	len = size - at < DLT645_MAX_FRAME ? size - at : DLT645_MAX_FRAME;
	data[at] = data[at + 7] = 0x68;
	data[at + 9] = (uint8_t)(len - 12);
	for (size_t i = 0; i < len - 2; i++)
		sum = (uint8_t)(sum + data[at + i]);
	data[at + len - 2] = sum;
	data[at + len - 1] = 0x16;
	return size;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, most);
	return seed % 8 != 0 ? repair(data, size, most) : size;
}
