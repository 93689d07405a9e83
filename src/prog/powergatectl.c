/*
 * powergatectl -- the operator's program.
 *
 * The table in ctl_commands.c is the grammar, the help and the map to the API; include/prog/ctl.h
 * tells how a row is read.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "prog/ctl.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifndef POWERGATE_VERSION
#define POWERGATE_VERSION "unknown"
#endif

#define SOCKET "/run/powergate/powergate.sock"

void
ctl_complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("powergatectl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, _(fmt), ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- words --------------------------------------------------------------------------------- */

/* How many of the given words a row begins with; *whole: these are all the row has. */
static int
words_match(const struct ctl_command *row, int n, char *const *given, bool *whole)
{
	const char *p = row->words;
	int i = 0;
	size_t len;

	for (; i < n && *p != '\0'; i++) {
		len = strcspn(p, " ");
		if (strlen(given[i]) != len || strncmp(p, given[i], len) != 0)
			break;
		p += len + (p[len] == ' ');
	}
	*whole = *p == '\0';
	return i;
}

static const struct ctl_command *
find_command(int n, char *const *given, int *used)
{
	size_t i = 0;
	bool whole;

	for (const struct ctl_command *row; (row = ctl_command_at(i)) != NULL; i++) {
		*used = words_match(row, n, given, &whole);
		if (whole)
			return row;
	}
	return NULL;
}

/* --- help ---------------------------------------------------------------------------------- */

static void
show_row(FILE *out, const struct ctl_command *row)
{
	ctl_args_show(out, fprintf(out, "powergatectl %s", row->words), row->args);
	fprintf(out, "\n        %s\n", _(row->help));
}

/* In full when words narrow it down, else a line each.  Returns how many fit. */
static int
show_fitting(FILE *out, int n, char *const *given)
{
	size_t i = 0;
	int fit = 0;
	bool whole;

	for (const struct ctl_command *row; (row = ctl_command_at(i)) != NULL; i++) {
		if (words_match(row, n, given, &whole) != n)
			continue;
		fit++;
		if (n > 0)
			show_row(out, row);
		else
			fprintf(out, "  %-20s %s\n", row->words, _(row->help));
	}
	return fit;
}

static void
show_all(FILE *out)
{
	fputs(_("usage: powergatectl [options] command [arguments]\n\n"), out);
	show_fitting(out, 0, NULL);
	fputs(_("\nOptions, anywhere:\n"
		"  --socket PATH        the daemon's socket (POWERGATE_SOCKET)\n"
		"  --url URL            its TLS port instead, https://HOST:PORT (POWERGATE_URL)\n"
		"  --token-file FILE    with it: the token (POWERGATE_TOKEN_FILE)\n"
		"  --cacert FILE        with it: who signed the certificate (POWERGATE_CACERT)\n"
		"  --json, --pretty     the daemon's answer as it is, or indented\n"
		"  --csv                for spreadsheets\n"
		"  --utc                times in UTC, not in the zone of TZ\n"
		"  --help, --version\n"
		"\nArguments of a command: powergatectl help meter\n"
		"Exit status: 0 done, 1 the answer is no, 2 usage, 3 not reached, 4 try again "
		"later,\n"
		"5 --wait ran out\n"),
	    out);
}

/* Nothing fits: say which words there are. */
static enum ctl_exit
unknown_words(int n, char *const *given)
{
	size_t i = 0;
	bool whole;
	int best = 0, fit;

	for (const struct ctl_command *row; (row = ctl_command_at(i)) != NULL; i++) {
		fit = words_match(row, n, given, &whole);
		if (fit > best)
			best = fit;
	}
	if (best < n)
		ctl_complain("no \"%.60s\" here", given[best]);
	else
		ctl_complain("a word is missing");
	if (best > 0)
		show_fitting(stderr, best, given);
	else
		show_all(stderr);
	return CTL_USAGE;
}

enum ctl_exit
ctl_help(struct ctl *c)
{
	if (c->nrest == 0)
		show_all(stdout);
	else if (show_fitting(stdout, (int)c->nrest, c->rest) == 0)
		return unknown_words((int)c->nrest, c->rest);
	return CTL_DONE;
}

/* --- one command line ---------------------------------------------------------------------- */

/* Given, or in the environment; NULL: neither. */
static const char *
option(const struct ctl *c, const char *name, const char *variable)
{
	const char *v = ctl_value(c, name);

	if (v == NULL)
		v = getenv(variable);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

/* A socket that is named on the command line wins over an address in the environment. */
static void
take_address(struct ctl *c)
{
	c->socket = option(c, "socket", "POWERGATE_SOCKET");
	if (ctl_value(c, "url") != NULL || ctl_value(c, "socket") == NULL)
		c->url = option(c, "url", "POWERGATE_URL");
	c->token_file = option(c, "token_file", "POWERGATE_TOKEN_FILE");
	c->cacert = option(c, "cacert", "POWERGATE_CACERT");
	if (c->socket == NULL)
		c->socket = SOCKET;
}

static enum ctl_exit
run(struct ctl *c)
{
	const char *fixed = c->command->fixed, *equals;
	enum ctl_exit result;
	char name[24];

	if (ctl_value(c, "help") != NULL) {
		show_row(stdout, c->command);
		return CTL_DONE;
	}
	take_address(c);
	c->utc = ctl_value(c, "utc") != NULL;
	c->form = ctl_value(c, "pretty") != NULL ? CTL_PRETTY
		  : ctl_value(c, "json") != NULL ? CTL_JSON
		  : ctl_value(c, "csv") != NULL  ? CTL_CSV
						 : CTL_TABLE;
	if (fixed != NULL) {
		equals = strchr(fixed, '=');
		snprintf(name, sizeof name, "%.*s", (int)(equals - fixed), fixed);
		ctl_value_set(c, name, equals + 1, false);
	}
	result = c->command->run(c);
	if ((fflush(stdout) != 0 || ferror(stdout)) && result == CTL_DONE) {
		ctl_complain("standard output cannot be written");
		return CTL_NO;
	}
	return result;
}

static enum ctl_exit
take_line(struct ctl *c, int n, char **words)
{
	struct err e;
	int used, matched;

	used = ctl_args(c, NULL, n, words, &e);
	if (used < 0) {
		ctl_complain("%s", e.text);
		return CTL_USAGE;
	}
	if (ctl_value(c, "version") != NULL) {
		puts("powergatectl " POWERGATE_VERSION);
		return CTL_DONE;
	}
	if (used == n) {
		show_all(ctl_value(c, "help") != NULL ? stdout : stderr);
		return ctl_value(c, "help") != NULL ? CTL_DONE : CTL_USAGE;
	}
	c->command = find_command(n - used, words + used, &matched);
	if (c->command == NULL)
		return unknown_words(n - used, words + used);
	used += matched;
	if (ctl_args(c, c->command->args, n - used, words + used, &e) < 0) {
		ctl_complain("%s", e.text);
		show_row(stderr, c->command);
		return CTL_USAGE;
	}
	return run(c);
}

/* What programs read is the same in every language, its errors too. */
static bool
for_programs(int argc, char **argv)
{
	static const char *const forms[] = {"--json", "--pretty", "--csv"};

	for (int i = 1; i < argc; i++)
		for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
			if (strcmp(argv[i], forms[f]) == 0)
				return true;
	return false;
}

int
main(int argc, char **argv)
{
	struct ctl c = {0};
	enum ctl_exit result;

	if (!for_programs(argc, argv))
		words_from_environment();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	result = take_line(&c, argc - 1, argv + 1);
	ctl_args_clear(&c);
	curl_global_cleanup();
	return (int)result;
}
