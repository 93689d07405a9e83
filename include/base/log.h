/*
 * log -- logfmt lines to standard error, which systemd hands to the journal.
 *
 *	2026-11-20T08:00:01.123456Z info session peer=10.1.2.3:4711 meter=000000000017 msg="..."
 *
 * An object carries its own words in a struct logctx, so every line about a meter names the
 * meter without the caller saying so.  Under the journal the time is left out and the level
 * becomes the journal's own "<6>" prefix.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

struct logctx {
	const char *module; /* static text */
	char who[64];       /* "peer=... meter=...", may be empty */
};

void log_line(const struct logctx *ctx, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Every object with a member `log` can speak. */
#define slog(o, level, ...) log_line(&(o)->log, level, __VA_ARGS__)

void log_set_level(enum log_level level); /* lines above it are dropped; preset info */
int log_level_parse(const char *text, enum log_level *level); /* -1 when unknown */

/* Tests hear each line, without time and level prefix, instead of standard error. */
void log_capture(void (*fn)(const char *line, void *arg), void *arg);

#endif
