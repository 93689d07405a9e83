#include "model/task.h"

const char *
refusal_name(enum refusal r)
{
	static const char *const names[] = {
	    [REFUSAL_NONE] = "not refused",
	    [REFUSAL_OTHER] = "other error",
	    [REFUSAL_NO_DATA] = "no such data",
	    [REFUSAL_PASSWORD] = "password wrong or not authorised",
	    [REFUSAL_AUTH] = "identity authentication failed or run out",
	    [REFUSAL_MAC] = "security chip does not accept the MAC",
	    [REFUSAL_CUSTOMER] = "customer number does not match",
	    [REFUSAL_COUNT] = "purchase count does not follow",
	    [REFUSAL_LIMIT] = "would exceed the hoarding limit",
	};

	return names[r];
}

bool
task_relay_done(const struct task *t, uint32_t status)
{
	enum relay seen = meter_status_relay(status);

	if (t->keep != KEEP_AS_IT_IS)
		return ((status & STATUS_POWER_KEEP) != 0) == (t->keep == KEEP_POWER);
	switch (t->relay) {
	case RELAY_OPEN:
		return seen == RELAY_OPEN;
	case RELAY_CLOSED:
		return seen == RELAY_CLOSED;
	case RELAY_PERMITTED: /* the customer may have pressed the button already */
		return seen == RELAY_PERMITTED ||
		       (seen == RELAY_CLOSED && !meter_status_trip_pending(status));
	default:
		return false;
	}
}
