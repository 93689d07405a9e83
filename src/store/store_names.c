#include "store/store_names.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/calendar.h"

#include <string.h>

const char *
store_intern(const char *text)
{
	static struct name {
		struct name *next;
		char text[];
	} * names;
	struct name *n;

	for (n = names; n != NULL; n = n->next)
		if (strcmp(n->text, text) == 0)
			return n->text;
	n = mem_new(sizeof *n + strlen(text) + 1);
	memcpy(n->text, text, strlen(text) + 1);
	n->next = names;
	names = n;
	return n->text;
}

const struct calendar *
store_zone(const char *name)
{
	static struct zone {
		struct zone *next;
		const char *name;
		struct calendar *calendar;
	} * zones;
	struct zone *z;
	struct err e;

	for (z = zones; z != NULL; z = z->next)
		if (strcmp(z->name, name) == 0)
			return z->calendar;
	z = mem_new(sizeof *z);
	z->name = store_intern(name);
	z->calendar = calendar_new(name, &e);
	if (z->calendar == NULL)
		z->calendar = calendar_new("UTC", &e); /* refused when a site is made */
	z->next = zones;
	zones = z;
	return z->calendar;
}
