/*
 * settings_fields -- what the files of the table of settings share.
 */
#ifndef PROG_SETTINGS_FIELDS_H
#define PROG_SETTINGS_FIELDS_H

#include "prog/settings.h"

/* A member in microseconds has a setting without the unit in its name: people write "8s". */
#define CONF_TIME(type_, field_, name_, preset_, least_, most_, reload_, help_)               \
	{                                                                                     \
		.name = (name_), .type = CONF_DURATION, .offset = offsetof(type_, field_),    \
		.preset = (preset_), .least = (least_), .most = (most_), .reload = (reload_), \
		.help = (help_)                                                               \
	}

/* A text that is looked at by one of the functions below. */
#define CONF_CHECKED(type_, field_, check_, preset_, reload_, help_)                         \
	{                                                                                    \
		.name = #field_, .type = CONF_TEXT, .offset = offsetof(type_, field_),       \
		.preset = (preset_), .reload = (reload_), .check = (check_), .help = (help_) \
	}

/* settings_checks.c */
int settings_check_listen(const char *text, struct err *e);
int settings_check_listen_or_none(const char *text, struct err *e); /* "": nowhere */
int settings_check_proxies(const char *text, struct err *e);
int settings_check_zone(const char *text, struct err *e);
int settings_check_node(const char *text, struct err *e);
int settings_check_path(const char *text, struct err *e);
int settings_check_alarms(const char *text, struct err *e); /* their names */

/* settings_money.c */
extern const struct conf_field hooks_fields[], recon_fields[], orders_fields[], refunds_fields[],
    report_fields[];

/* settings_notify.c */
extern const struct conf_field notify_fields[], mail_fields[], sms_fields[];

#endif
