/*
 * quiet -- hours of the local day in which people are left alone.
 *
 * They are minutes of the wall clock, so a night with a clock change is an hour shorter or longer
 * and still ends at the same time on the clock.
 */
#ifndef MODEL_QUIET_H
#define MODEL_QUIET_H

#include <stdint.h>

struct calendar;

/* When the quiet that holds at now_us ends; 0 when it is not quiet.  From 1320 until 420 spans
 * midnight; from == until is never. */
int64_t quiet_ends_us(const struct calendar *zone, int from, int until, int64_t now_us);
/* "22:00-07:00" into minutes; "" is never.  -1 when it is neither. */
int quiet_parse(const char *text, int *from, int *until);
/* "10:30" into the minute of the day; -1 when it is none. */
int clock_parse(const char *text, int *minute);

#endif
