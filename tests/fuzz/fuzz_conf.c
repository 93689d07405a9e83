/*
 * Any bytes as a settings file.  What is taken has every text and every value in its range;
 * what is refused left the running settings alone and says so with the file's name.
 */
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct entry {
	char *name;
	int64_t most;
};

static struct settings {
	char *listen;
	int64_t timeout, retries;
	bool strict;
	struct conf_list list;
} settings;

static const struct conf_field entry_fields[] = {
    CONF_FIELD(struct entry, name, CONF_TEXT, NULL, true, ""),
    CONF_RANGE(struct entry, most, CONF_INT, "7", 1, 9, true, ""),
    {0},
};

static const struct conf_field fields[] = {
    CONF_FIELD(struct settings, listen, CONF_TEXT, "x", false, ""),
    CONF_RANGE(struct settings, timeout, CONF_DURATION, "8s", 1000, 60000000, true, ""),
    CONF_FIELD(struct settings, retries, CONF_INT, "3", true, ""),
    CONF_FIELD(struct settings, strict, CONF_BOOL, "true", true, ""),
    {.name = "list",
							    .type = CONF_LIST,
							    .offset = offsetof(struct settings, list),
							    .preset = "",
							    .reload = true,
							    .each = entry_fields,
							    .each_size = sizeof(struct entry)},
    {0},
};

static const struct conf_section sections[] = {
    {"a",     &settings, fields, ""},
    {0}
};

static void
check_taken(void)
{
	const struct entry *entries = settings.list.entries;

	if (settings.listen == NULL || settings.timeout < 1000 || settings.timeout > 60000000)
		abort();
	for (size_t i = 0; i < settings.list.n; i++)
		if (entries[i].name == NULL || entries[i].most < 1 || entries[i].most > 9)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("conf", 0);
	struct settings before;
	char path[40];
	struct err e;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || conf_load(NULL, sections, &e) < 0)
		abort();
	before = settings;
	if (conf_reload(path, sections, NULL, NULL, &e) == 0)
		check_taken();
	else if (memcmp(&before, &settings, sizeof before) != 0 ||
		 strncmp(e.text, path, strlen(path)) != 0)
		abort();
	if (conf_load(path, sections, &e) == 0)
		check_taken();
	conf_clear(sections);
	close(fd);
	return 0;
}
