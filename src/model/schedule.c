#include "model/schedule.h"

#include "base/conf.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#define LEAST_US INT64_C(1000000)

static int
part_every(const char *part, size_t len, char name[32], int64_t *us, struct err *e)
{
	char text[80], every[32] = "", more = '\0';
	int words;

	snprintf(text, sizeof text, "%.*s", (int)len, part);
	words = sscanf(text, " %31s %31s %c", name, every, &more);
	if (words == 1) {
		snprintf(every, sizeof every, "%s", name);
		name[0] = '\0';
	}
	if (len >= sizeof text || words < 1 || words > 2 || conf_duration(every, us, e) < 0 ||
	    *us < LEAST_US)
		return err_set(e, ERR_INPUT,
		    "\"%.40s\" is not a time of at least 1s, with a profile in front", text);
	return 0;
}

int
schedule_every(const char *text, const char *profile, int64_t *every_us, struct err *e)
{
	bool named = false;

	*every_us = 0;
	while (text[strspn(text, " ")] != '\0') {
		size_t len = strcspn(text, ",");
		char name[32];
		int64_t us;

		if (part_every(text, len, name, &us, e) < 0)
			return -1;
		if (strcmp(name, profile) == 0) {
			*every_us = us;
			named = true;
		} else if (name[0] == '\0' && !named) {
			*every_us = us;
		}
		text += len;
		text += *text == ',';
	}
	return 0;
}

int64_t
schedule_next(int64_t every_us, int64_t id, int64_t now_us)
{
	int64_t place =
	    (int64_t)((uint64_t)id * UINT64_C(11400714819323198485) % (uint64_t)every_us);

	return every_us - (now_us - place) % every_us;
}
