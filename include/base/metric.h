/*
 * metric -- figures of this process, as Prometheus reads them.
 *
 * Counters only grow and begin at nothing with the process; gauges say what is so now.  One table
 * in metric.c gives each its family, labels and help: a new figure is a line there and a word
 * here.  Names and units follow Prometheus' own rules: powergate_*, seconds, bytes, _total.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

struct buf;

enum metric {
	METRIC_SESSIONS_OPENED,
	METRIC_FRAMES_HEARD,
	METRIC_FRAMES_SENT,
	METRIC_SILENCES,
	METRIC_READINGS,
	METRIC_READINGS_LOST,
	METRIC_PAYMENTS_ACCEPTED,
	METRIC_PAYMENTS_DUPLICATE,
	METRIC_PAYMENTS_CONFLICT,
	METRIC_PAYMENTS_LATER, /* answered 503: the provider sends it again */
	METRIC_HOOKS_REFUSED,
	METRIC_DISPATCHED,
	METRIC_MESSAGES_TAKEN,
	METRIC_MESSAGES_FAILED,
	METRIC_LINES_ERROR,
	METRIC_LINES_WARN,
	METRICS
};

void metric_add(enum metric m, int64_t n);
void metric_print(struct buf *out);

/* The two lines before the samples of a family; type is counter, gauge or histogram. */
void metric_head(struct buf *out, const char *family, const char *type, const char *help);

#endif
