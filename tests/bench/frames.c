/*
 * frames -- how fast frames are found and parsed, and what merely touching the same bytes costs:
 * a copy and a sum, without which no checksum can be believed.
 *
 * The rounds are interleaved and the best of each kind counts: what disturbs only adds.
 */
#include "bench.h"

#include "base/err.h"
#include "codec/dlt645.h"

#define FRAMES 10000
#define PASSES 10 /* over all frames, a round */
#define ROUNDS 40
#define SIZE   20

static struct buf stream; /* FRAMES answers to "read total energy", back to back */

static struct dlt645 plain[FRAMES];

static void
make_all(void)
{
	for (int i = 0; i < FRAMES; i++) {
		struct dlt645 *f = &plain[i];

		f->control = DLT645_REPLY | DLT645_READ;
		snprintf(f->address, sizeof f->address, "%012d", 100000000 + i);
		dlt645_put_di(f, 0x00010000);
		for (int k = 0, v = i * 37; k < 4; k++, v /= 100)
			f->data[f->len++] = (uint8_t)(v % 10 | v / 10 % 10 << 4);
		dlt645_build(&stream, f);
	}
}

static int64_t
parse_all(void)
{
	struct span left = buf_span(&stream), found;
	struct dlt645 f;
	struct err e;
	int64_t n = 0;
	size_t used;

	while (left.len > 0 && dlt645_scan(left, &found, &used) == SCAN_FRAME) {
		if (dlt645_parse(&f, found, &e) < 0)
			die("a good frame was refused: %s", e.text);
		left.bytes += used;
		left.len -= used;
		n++;
	}
	return n;
}

static int64_t
touch_all(void)
{
	uint8_t copy[SIZE];
	int64_t good = 0;

	for (size_t at = 0; at + SIZE <= stream.len; at += SIZE) {
		uint8_t sum = 0;

		memcpy(copy, stream.bytes + at, SIZE);
		__asm__ volatile("" ::"r"(copy) : "memory");
		for (int k = 0; k < SIZE - 2; k++)
			sum = (uint8_t)(sum + copy[k]);
		good += sum == copy[SIZE - 2];
	}
	return good;
}

static int64_t
build_all(void)
{
	static struct buf out;

	out.len = 0;
	for (int i = 0; i < FRAMES; i++)
		dlt645_build(&out, &plain[i % 64]);
	return (int64_t)(out.len / SIZE);
}

static int64_t
round_of(int64_t (*work)(void))
{
	int64_t from = now_ns();

	for (int i = 0; i < PASSES; i++)
		if (work() != FRAMES)
			die("frames were lost");
	return now_ns() - from;
}

int
main(void)
{
	int64_t (*const kinds[])(void) = {parse_all, touch_all, build_all};
	int64_t best[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, n = FRAMES * PASSES;

	make_all();
	if (stream.len != FRAMES * SIZE)
		die("frames of %zu bytes", stream.len / FRAMES);
	for (int i = 0; i < ROUNDS; i++)
		for (int k = 0; k < 3; k++) {
			int64_t took = round_of(kinds[k]);

			best[k] = took < best[k] ? took : best[k];
		}
	figure("frames_parsed_per_second", a_second(n, best[0]), "frames/s");
	figure("frames_touched_per_second_bare", a_second(n, best[1]), "frames/s");
	figure("frame_parse", (double)best[0] / (double)n, "ns");
	figure("frame_touch_bare", (double)best[1] / (double)n, "ns");
	figure("frame_build", (double)best[2] / (double)n, "ns");
	return 0;
}
