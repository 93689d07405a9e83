/* What a text must be like that words and ranges cannot say. */
#include "base/err.h"
#include "model/alarm.h"
#include "model/calendar.h"
#include "prog/settings_fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_address(const char *text, size_t len)
{
	char one[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (len >= sizeof one)
		return false;
	snprintf(one, sizeof one, "%.*s", (int)len, text);
	return inet_pton(AF_INET, one, bytes) == 1 || inet_pton(AF_INET6, one, bytes) == 1;
}

/* 127.0.0.1:9100 or [::1]:9100; port 0 is a free one. */
int
settings_check_listen(const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':'), *from = text;
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	bool six = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (six) {
		from++;
		len -= 2;
	}
	if (!is_address(from, len) || six != (memchr(from, ':', len) != NULL) ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || colon[1] == '\0' ||
	    strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
		return err_set(e, ERR_INPUT,
		    "\"%.60s\" is no address and port, such as 127.0.0.1:9100 or [::1]:9100", text);
	return 0;
}

int
settings_check_listen_or_none(const char *text, struct err *e)
{
	return text[0] != '\0' ? settings_check_listen(text, e) : 0;
}

int
settings_check_proxies(const char *text, struct err *e)
{
	for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		if (!is_address(p, len))
			return err_set(e, ERR_INPUT, "\"%.*s\" is no address", (int)len, p);
		p += len;
	}
	return 0;
}

int
settings_check_zone(const char *text, struct err *e)
{
	struct calendar *c = calendar_new(text, e);

	calendar_free(c);
	return c != NULL ? 0 : -1;
}

/* It is part of a file's name and of a channel's. */
int
settings_check_node(const char *text, struct err *e)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-");

	if (len == 0 || len > 40 || text[len] != '\0' || text[0] == '.')
		return err_set(
		    e, ERR_INPUT, "\"%.60s\" is no name (A-Z a-z 0-9 . _ -, 40 at most)", text);
	return 0;
}

/* The daemon runs in no directory of its own. */
int
settings_check_path(const char *text, struct err *e)
{
	if (text[0] != '/')
		return err_set(e, ERR_INPUT, "\"%.60s\" does not begin with /", text);
	return 0;
}

int
settings_check_alarms(const char *text, struct err *e)
{
	char word[32];

	while (alarm_word(&text, word, sizeof word) != NULL)
		if (alarm_parse(word) == ALARMS)
			return err_set(e, ERR_INPUT, "no alarm is called \"%s\"", word);
	return 0;
}
