#include "base/log.h"

#include "base/metric.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_LEVEL_INFO;
static void (*capture)(const char *line, void *arg);
static void *capture_arg;

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warn";
	case LOG_LEVEL_INFO:
		return "info";
	default:
		return "debug";
	}
}

int
log_level_parse(const char *text, enum log_level *level)
{
	static const enum log_level all[] = {
	    LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(text, level_name(all[i])) == 0) {
			*level = all[i];
			return 0;
		}
	return -1;
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_capture(void (*fn)(const char *line, void *arg), void *arg)
{
	capture = fn;
	capture_arg = arg;
}

/* Quotes, backslashes and control bytes would let a peer forge log lines. */
static void
put_quoted(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0' && n + 5 < room; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = '\0';
}

static int
put_prefix(char *out, size_t room, enum log_level level)
{
	static int journal = -1;
	struct timespec now;
	struct tm tm;
	char day[32];

	if (journal < 0)
		journal = getenv("JOURNAL_STREAM") != NULL;
	if (journal)
		return snprintf(out, room, "<%d>", (int)level);
	clock_gettime(CLOCK_REALTIME, &now); /* for people only: no decision rests on it */
	gmtime_r(&now.tv_sec, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(out, room, "%s.%06ldZ %s ", day, now.tv_nsec / 1000, level_name(level));
}

void
log_line(const struct logctx *ctx, enum log_level level, const char *fmt, ...)
{
	char text[1024], quoted[2100], line[2400];
	va_list ap;
	int n = 0;

	if (level > threshold && capture == NULL)
		return;
	if (level <= LOG_LEVEL_WARN)
		metric_add(level == LOG_LEVEL_ERROR ? METRIC_LINES_ERROR : METRIC_LINES_WARN, 1);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put_quoted(quoted, sizeof quoted, text);
	if (capture == NULL)
		n = put_prefix(line, sizeof line, level);
	snprintf(line + n, sizeof line - (size_t)n, "%s%s%s msg=\"%s\"", ctx->module,
	    ctx->who[0] != '\0' ? " " : "", ctx->who, quoted);
	if (capture != NULL) {
		capture(line, capture_arg);
		return;
	}
	/* One write a line, so that lines of several threads or processes do not mix. */
	size_t len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to complain */
}
