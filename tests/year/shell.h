/*
 * shell -- what a person types: a command line beside the head-end, in real time.
 *
 * It begins when nobody owes an answer, and the clock stands still until it has ended; so it finds
 * the same state each time, and what it asks the head-end for is answered at one instant.
 */
#ifndef YEAR_SHELL_H
#define YEAR_SHELL_H

#include <stdbool.h>

struct loop;

/* Once, later, from the loop; words is all it said, on either output, borrowed for the call. */
typedef void shell_fn(int code, const char *words, void *arg);

/* One at a time.  It runs in dir. */
void shell_run(struct loop *l, const char *dir, const char *line, shell_fn *fn, void *arg);
/* For loop_virtual_run()'s quiet(), when all else is: begins the one that waits.  true: it has
 * not ended. */
bool shell_busy(void);

#endif
