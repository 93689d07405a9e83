/*
 * dlt645_alarms -- what a meter says is wrong with it: items to read, and what their bytes mean.
 *
 * By dlt645.md 2.6 the status words are sure.  The bits of the active report (2.7) and the count
 * of magnetic fields are general knowledge of newer meters: what is said there alone is noted
 * with its source, and which kinds are raised at all is a setting.
 */
#ifndef CODEC_DLT645_ALARMS_H
#define CODEC_DLT645_ALARMS_H

#include "model/alarm.h"
#include "model/task.h"

/* Of the kinds that an item can tell, those it shows now; ALARM_BITs. */
struct alarm_view {
	uint32_t known, shown;
};

/* The seven words at once, or one by one where a meter has no block. */
#define DLT645_STATUS_ALL 0x040005ffu
#define DLT645_STATUS(n)  (0x04000500u + (n))
/* Adds what was seen of either to *v; -1 when that is no status word. */
int dlt645_status_alarms(const struct parameter *seen, struct alarm_view *v);
/* Word 3 of the block; -1 when it is not in there. */
int64_t dlt645_relay_word(const struct parameter *seen);

/* What happened since the report was reset; with it what resets exactly that, as long as `mask`
 * has a bit.  -1 when it is no report. */
#define DLT645_REPORT       0x04001501u
#define DLT645_REPORT_RESET 0x04001503u
int dlt645_report_alarms(const struct parameter *seen, uint32_t *happened, struct parameter *mask);

/* Counts that rise with each event, and the newest record behind each. */
enum alarm_counter {
	COUNTER_COVERS,
	COUNTER_TERMINALS,
	COUNTER_MAGNETIC,
	COUNTER_VOLTAGE_LOSS,
	COUNTER_CURRENT_LOSS,
	COUNTER_OVER_CURRENT,
	COUNTER_REVERSAL,
	COUNTER_TRIPS, /* the relay's: an alarm only where the order was none of ours */
	COUNTER_CLOSES,
	ALARM_COUNTERS
};
#define ALARM_RECORDS 3 /* most for one counter: a phase each */

enum alarm dlt645_counter_alarm(enum alarm_counter c);
uint32_t dlt645_counter_di(enum alarm_counter c);
/* The sum over the phases where each has its own; -1 when it is no count. */
int64_t dlt645_counter_get(enum alarm_counter c, const struct parameter *seen);

struct alarm_record {
	int64_t at_us; /* on the meter's clock; 0: not told */
	int64_t wh;    /* -1: not told */
	uint32_t operator_code;
};
uint32_t dlt645_record_di(enum alarm_counter c, int n); /* 0: there is no n-th, from 0 */
/* Its register, where that is an item of its own; 0: it is not. */
uint32_t dlt645_record_wh_di(enum alarm_counter c, int n);
int64_t dlt645_record_wh(const struct parameter *seen); /* -1: none */
/* False when there is no record, or it cannot be read. */
bool dlt645_record_get(enum alarm_counter c, struct alarm_record *r, const struct parameter *seen,
    const struct calendar *zone);

/* Currents in mA; -1 when that is none. */
#define DLT645_CURRENT(phase) (0x02020000u + 0x100u * (phase)) /* from 1 */
#define DLT645_NEUTRAL        0x02800001u
int64_t dlt645_current_get(const struct parameter *seen);

#endif
