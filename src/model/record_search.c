#include "model/record_search.h"

void
record_search_begin(struct record_search *s, int day, int nth, int kept)
{
	*s = (struct record_search){.day = day, .at = nth, .older = kept + 1, .none = kept + 1};
	if (s->at < 1)
		s->at = 1;
	if (s->at > kept)
		s->at = kept;
}

#define GUESSES 4 /* by the calendar; then by halves */

/* Between two records lie at most as many others as days. */
enum search_end
record_search_heard(struct record_search *s, int day)
{
	int ahead = day != 0 ? day - s->day : 0, next;

	if (day != 0 && ahead == 0)
		return SEARCH_FOUND;
	if (day == 0) {
		s->older = s->none = s->at;
		next = (s->newer + s->older) / 2;
	} else if (ahead > 0) {
		s->newer = s->at;
		next = s->at + ahead;
	} else {
		s->older = s->at;
		next = s->at + ahead;
	}
	if (s->newer + 1 >= s->older)
		return s->older == s->none ? SEARCH_OLDER : SEARCH_NONE;
	if (++s->asked >= GUESSES)
		next = (s->newer + s->older) / 2;
	if (next <= s->newer)
		next = s->newer + 1;
	if (next >= s->older)
		next = s->older - 1;
	s->at = next;
	return SEARCH_ON;
}
