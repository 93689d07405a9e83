/* conf_play -- settings of every type, and a file to read them from. */
#ifndef TESTS_CONF_PLAY_H
#define TESTS_CONF_PLAY_H

#include "base/conf.h"

#include "base/err.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct source {
	char *name, *secret;
	int64_t most;
};

static struct gateway {
	char *listen, *log;
	int64_t reply_timeout, retries;
	bool strict;
} gateway;

static struct hooks {
	char *listen;
	struct conf_list sources;
} hooks;

static const char *const levels[] = {"debug", "info", "warn", NULL};

static const struct conf_field source_fields[] = {
    CONF_FIELD(struct source, name, CONF_TEXT, NULL, true, "part of the path"),
    CONF_FIELD(struct source, secret, CONF_TEXT, "", true, "file of the secret"),
    CONF_RANGE(struct source, most, CONF_INT, "1000", 1, 5000, true, "largest payment"),
    {0},
};

static const struct conf_field gateway_fields[] = {
    CONF_FIELD(struct gateway, listen, CONF_TEXT, "127.0.0.1:9100", false, "Where meters connect."),
    CONF_RANGE(struct gateway, reply_timeout, CONF_DURATION, "8s", 100000, 60000000, true,
	"How long a meter may think. Slow ones need more.\n.Nothing else"),
    CONF_RANGE(struct gateway, retries, CONF_INT, "-1", -1, 9, true, "How often to ask again."),
    CONF_FIELD(struct gateway, strict, CONF_BOOL, "true", true, "Refuse what is odd \\ new."),
    {.name = "log",
										     .type = CONF_TEXT,
										     .offset = offsetof(struct gateway, log),
										     .preset = "info",
										     .reload = true,
										     .help = "What to say.",
										     .words = levels},
    {0},
};

static const struct conf_field hooks_fields[] = {
    CONF_FIELD(struct hooks, listen, CONF_TEXT, "[::1]:8080", true, "Where payments arrive."),
    {.name = "sources",
										     .type = CONF_LIST,
										     .offset = offsetof(struct hooks, sources),
										     .preset = "",
										     .reload = true,
										     .help = "Who may send.",
										     .each = source_fields,
										     .each_size = sizeof(struct source)},
    {0},
};

static const struct conf_section sections[] = {
    {"meters",        &gateway, gateway_fields, "Meters and their connections."},
    {"webhooks", &hooks, hooks_fields, "Payments from outside."},
    {0	      },
};

static char path[64];

static inline void
write_file(const void *bytes, size_t len)
{
	FILE *out;

	snprintf(path, sizeof path, "/tmp/test_conf.%d.yaml", (int)getpid());
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
	fclose(out);
}

static inline int
load(const char *text, struct err *e)
{
	int rc;

	write_file(text, strlen(text));
	*e = (struct err){0};
	rc = conf_load(path, sections, e);
	unlink(path);
	return rc;
}

static inline void
teardown(void)
{
	conf_clear(sections);
}

static inline const struct source *
source(size_t i)
{
	ck_assert_uint_lt(i, hooks.sources.n);
	return (const struct source *)hooks.sources.entries + i;
}

#endif
