#include "model/command.h"

#include "base/err.h"

static const struct arrow {
	enum command_state from;
	enum command_event on;
	enum command_state to;
	const char *why;
} arrows[] = {
    {COMMAND_WAITING, COMMAND_DISPATCHED, COMMAND_SENT,      "the meter is listening"            },
    {COMMAND_WAITING, COMMAND_TOO_LATE,   COMMAND_EXPIRED,   "never sent, no longer wanted"      },
    {COMMAND_WAITING, COMMAND_WITHDRAWN,  COMMAND_CANCELLED, "taken back, or a newer wish"       },
    {COMMAND_SENT,    COMMAND_CONFIRMED,  COMMAND_DONE,      "read back: it was done"            },
    {COMMAND_SENT,    COMMAND_DENIED,     COMMAND_UNSURE,    "it says no; it may have obeyed"    },
    {COMMAND_SENT,    COMMAND_UNANSWERED, COMMAND_UNSURE,    "it may have been obeyed"           },
    {COMMAND_SENT,    COMMAND_UNSENT,     COMMAND_WAITING,   "nothing that could act has left us"},
    {COMMAND_UNSURE,  COMMAND_CONFIRMED,  COMMAND_DONE,      "read back: it was"                 },
    {COMMAND_UNSURE,  COMMAND_DISPROVED,  COMMAND_WAITING,   "read back: it was not"             },
    {COMMAND_UNSURE,  COMMAND_DENIED,     COMMAND_REFUSED,
     "read back: it was not, and asking again is forbidden"                                      },
    {COMMAND_UNSURE,  COMMAND_WITHDRAWN,  COMMAND_CANCELLED,
     "a newer wish reads the meter back itself"						  },
};

const char *
command_state_name(enum command_state s)
{
	static const char *const names[] = {
	    "waiting", "sent", "unsure", "done", "refused", "expired", "cancelled"};

	return names[s];
}

const char *
command_event_name(enum command_event ev)
{
	static const char *const names[] = {"dispatched", "confirmed", "denied", "unanswered",
	    "unsent", "disproved", "too_late", "withdrawn"};

	return names[ev];
}

int
command_step(enum command_state *s, enum command_event ev, struct err *e)
{
	for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++)
		if (arrows[i].from == *s && arrows[i].on == ev) {
			*s = arrows[i].to;
			return 0;
		}
	return err_set(
	    e, ERR_BUG, "no arrow leaves %s on %s", command_state_name(*s), command_event_name(ev));
}

int64_t
command_backoff_us(int attempts, uint8_t chance)
{
	const int64_t most = INT64_C(600000000);
	int64_t wait = 1000000;

	for (int i = 1; i < attempts && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	return wait + wait / 4 * chance / 256;
}

void
command_arrows(FILE *out)
{
	for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++)
		fprintf(out, "%-9s %-11s %-10s %s\n", command_state_name(arrows[i].from),
		    command_event_name(arrows[i].on), command_state_name(arrows[i].to),
		    arrows[i].why);
}
