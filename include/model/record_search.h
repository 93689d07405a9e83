/*
 * record_search -- finding one day among a meter's daily records, or one hour among its hourly.
 *
 * Record 1 is the newest.  A meter without power at a midnight has no record of it, so the number
 * of a day is a guess: it is at most what the calendar says, and each record that is looked at
 * narrows it down (dlt645.md 2.8).  Days and hours are counted from any beginning, above 0.
 */
#ifndef MODEL_RECORD_SEARCH_H
#define MODEL_RECORD_SEARCH_H

#define RECORDS_KEPT 62  /* midnights */
#define HOURS_KEPT   254 /* hours */

enum search_end {
	SEARCH_ON,    /* ask for the record `at` */
	SEARCH_FOUND, /* it was that one */
	SEARCH_NONE,  /* the meter has others, older and newer, or older ones only */
	SEARCH_OLDER, /* it is older than all that the meter has: and so is every day before it */
};

struct record_search {
	int day;   /* its count */
	int at;    /* the number to ask for */
	int newer; /* up to this number all are newer than the day */
	int older; /* from this number on all are older, or are not there */
	int none;  /* from this number on there are none */
	int asked; /* so many already */
};

/* The day that is `nth` back in the calendar, 1 is the newest; so many records there can be. */
void record_search_begin(struct record_search *s, int day, int nth, int kept);
/* `day` is that of the record `at`; 0: there is none. */
enum search_end record_search_heard(struct record_search *s, int day);

#endif
