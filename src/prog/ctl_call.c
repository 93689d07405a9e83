/*
 * Commands that are more than a question and its answer: orders that are waited for, money over
 * the counter, and answers that people want to see in another shape.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/words.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define WAIT_S 60

static void
print_json_error(const struct ctl *c, struct buf *answer)
{
	if ((c->form == CTL_JSON || c->form == CTL_PRETTY) && answer->len > 0)
		ctl_print(c, answer);
}

/* The row's own question.  Without an answer *json is NULL, and it has been said why. */
static enum ctl_exit
ask(struct ctl *c, struct buf *answer, cJSON **json)
{
	enum ctl_exit result =
	    ctl_ask(c, c->command->path, c->command->post, c->values, c->n, answer);

	*json = NULL;
	if (result != CTL_DONE) {
		print_json_error(c, answer);
		return result;
	}
	*json = cJSON_Parse(buf_text(answer));
	if (cJSON_IsObject(*json))
		return CTL_DONE;
	ctl_complain("the daemon's answer is no JSON object");
	cJSON_Delete(*json);
	*json = NULL;
	return CTL_NO;
}

static int64_t
number_of(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	int64_t n;

	return ctl_integer(v, &n) ? n : otherwise;
}

static const char *
text_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static void
put_text(FILE *out, const char *text)
{
	struct buf safe = {0};

	ctl_put_safe(&safe, text);
	fputs(buf_text(&safe), out);
	buf_clear(&safe);
}

enum ctl_exit
ctl_call(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);

	if (json != NULL)
		ctl_print(c, &answer);
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* --- orders to meters ---------------------------------------------------------------------- */

static int64_t
mono_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static enum ctl_exit
ask_command(const struct ctl *c, int64_t id, struct buf *answer, char state[16])
{
	char text[24];
	struct ctl_value which = {(char[]){"command"}, text, false};
	enum ctl_exit result;
	cJSON *json;

	snprintf(text, sizeof text, "%" PRId64, id);
	result = ctl_ask(c, "command/show", false, &which, 1, answer);
	json = cJSON_Parse(buf_text(answer));
	snprintf(state, 16, "%s", text_of(json, "state"));
	cJSON_Delete(json);
	return result;
}

/* Until it has ended; the last answer stays with the caller. */
static enum ctl_exit
wait_for(const struct ctl *c, int64_t id, int64_t patience_s, struct buf *answer)
{
	struct timespec pause = {.tv_nsec = 200000000};
	int64_t until = mono_s() + patience_s;
	char state[16];

	for (;;) {
		enum ctl_exit result = ask_command(c, id, answer, state);

		if (result != CTL_DONE && result != CTL_LATER)
			return result;
		if (strcmp(state, "done") == 0)
			return CTL_DONE;
		if (strcmp(state, "refused") == 0 || strcmp(state, "expired") == 0 ||
		    strcmp(state, "cancelled") == 0)
			return CTL_NO;
		if (mono_s() >= until) {
			ctl_complain("command %lld is still %s: command show %lld", (long long)id,
			    state, (long long)id);
			return CTL_RAN_OUT;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 800000000)
			pause.tv_nsec += 100000000;
		buf_clear(answer);
	}
}

static void
print_outcome(const struct ctl *c, struct buf *answer)
{
	cJSON *json;

	if (c->form != CTL_TABLE) {
		ctl_print(c, answer);
		return;
	}
	json = cJSON_Parse(buf_text(answer));
	printf("command %" PRId64 " ", number_of(json, "command", 0));
	put_text(stdout, text_of(json, "state"));
	if (text_of(json, "outcome")[0] != '\0') {
		fputs(": ", stdout);
		put_text(stdout, text_of(json, "outcome"));
	}
	putchar('\n');
	cJSON_Delete(json);
}

/* What was read is in the meter's own picture now. */
static void
print_meter(const struct ctl *c)
{
	struct ctl_value which = {(char[]){"meter"}, (char *)ctl_value(c, "meter"), false};
	struct buf answer = {0};

	if (ctl_ask(c, "meter/show", false, &which, 1, &answer) == CTL_DONE)
		ctl_print(c, &answer);
	buf_clear(&answer);
}

enum ctl_exit
ctl_order(struct ctl *c)
{
	const char *wait = ctl_value(c, "wait");
	struct buf answer = {0};
	enum ctl_exit result;
	int64_t id = -1;
	cJSON *json;

	result = ask(c, &answer, &json);
	if (json != NULL)
		id = number_of(json, "command", -1);
	cJSON_Delete(json);
	if (result == CTL_DONE && wait != NULL && id >= 0) {
		if (c->form == CTL_TABLE)
			fprintf(stderr, "command %" PRId64 "\n", id);
		buf_clear(&answer);
		result = wait_for(
		    c, id, strcmp(wait, "true") == 0 ? WAIT_S : strtoll(wait, NULL, 10), &answer);
		if (answer.len > 0 && result != CTL_UNREACHED)
			print_outcome(c, &answer);
		if (result == CTL_DONE && c->form == CTL_TABLE &&
		    strcmp(c->command->path, "meter/read") == 0)
			print_meter(c);
	} else if (result == CTL_DONE && c->form == CTL_TABLE && id >= 0) {
		printf("command %" PRId64 "\n", id);
	} else if (result == CTL_DONE) {
		ctl_print(c, &answer);
	}
	buf_clear(&answer);
	return result;
}

enum ctl_exit
ctl_why(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);

	if (json != NULL && c->form == CTL_TABLE) {
		put_text(stdout, text_of(json, "why"));
		putchar('\n');
	} else if (json != NULL) {
		ctl_print(c, &answer);
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* The table, and the sentence under it. */
enum ctl_exit
ctl_survey(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);

	if (json != NULL) {
		ctl_print(c, &answer);
		if (c->form == CTL_TABLE) {
			putchar('\n');
			put_text(stdout, text_of(json, "advice"));
			putchar('\n');
		}
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* A file for somebody else: whole, whatever form the terminal has. */
enum ctl_exit
ctl_bundle(struct ctl *c)
{
	struct buf answer = {0};
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);
	char *text = json != NULL ? cJSON_Print(json) : NULL;

	if (text != NULL)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* --- money --------------------------------------------------------------------------------- */

/* Said before anything is asked: with the same number the payment is taken once, however often
 * the cashier has to try. */
static void
make_payment_no(struct ctl *c)
{
	uint8_t chance[5];
	struct timespec now;
	struct tm tm;
	char at[24], hex[2 * sizeof chance + 1], text[48];

	if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
		abort();
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(at, sizeof at, "%Y%m%dT%H%M%SZ", &tm);
	hex_out(hex, span_of(chance, sizeof chance));
	snprintf(text, sizeof text, "cash-%s-%s", at, hex);
	ctl_value_set(c, "payment_no", text, false);
	fprintf(stderr,
	    "payment number %s: if the answer is lost, repeat the command with --payment-no %s\n",
	    text, text);
}

enum ctl_exit
ctl_cash(struct ctl *c)
{
	struct buf answer = {0};
	enum ctl_exit result;
	cJSON *json;

	if ((ctl_value(c, "account") == NULL) == (ctl_value(c, "meter") == NULL)) {
		ctl_complain("one of --account and --meter is needed");
		return CTL_USAGE;
	}
	if (ctl_value(c, "payment_no") == NULL)
		make_payment_no(c);
	result = ask(c, &answer, &json);
	if (json != NULL) {
		ctl_print(c, &answer);
		if (strcmp(text_of(json, "state"), "suspense") == 0)
			ctl_complain("taken, but nobody's yet: see work list");
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* The answer is no when a limit is passed. */
enum ctl_exit
ctl_preview(struct ctl *c)
{
	struct buf answer = {0};
	enum ctl_exit result;
	cJSON *json;

	if ((ctl_value(c, "account") == NULL) == (ctl_value(c, "meter") == NULL)) {
		ctl_complain("one of --account and --meter is needed");
		return CTL_USAGE;
	}
	result = ask(c, &answer, &json);
	if (json != NULL) {
		ctl_print(c, &answer);
		if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "good")))
			result = CTL_NO;
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

static void
put_step(struct buf *out, const char *word)
{
	size_t width = ctl_width(word);

	buf_printf(out, "  %s%*s", word, width < 20 ? (int)(20 - width) : 0, "");
}

static void
print_timeline(const struct ctl *c, const cJSON *json)
{
	static const char *const steps[][2] = {
	    {"received_us",     N_("received")          },
            {"committed_us",    N_("in the ledger")     },
	    {"dispatched_us",   N_("sent to the meter") },
	    {"acknowledged_us", N_("the meter said yes")},
            {"done_us",         N_("read back")         },
	    {"notified_us",     N_("customer told")     }
        };
	int64_t at, before = -1, total = number_of(json, "total_us", -1);
	struct buf text = {0};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		at = number_of(json, steps[i][0], -1);
		put_step(&text, _(steps[i][1]));
		if (at < 0) {
			buf_put_text(&text, "-\n");
			continue;
		}
		ctl_time(c, at, &text);
		if (before >= 0) {
			buf_put_text(&text, at < before ? "  " : "  +");
			ctl_decimal(&text, (at - before) / 1000, 3, 3);
			buf_put_text(&text, " s");
		}
		buf_put_u8(&text, '\n');
		before = at;
	}
	if (total >= 0) {
		put_step(&text, _("total"));
		ctl_decimal(&text, total / 1000, 3, 3);
		buf_put_text(&text, " s\n");
	}
	fputs(buf_text(&text), stdout);
	buf_clear(&text);
}

enum ctl_exit
ctl_payment_show(struct ctl *c)
{
	static const char *const times[] = {"received_us", "committed_us", "dispatched_us",
	    "acknowledged_us", "done_us", "notified_us", "total_us"};
	struct buf answer = {0}, head = {0};
	enum ctl_exit result;
	cJSON *json, *rest;
	char *text;

	if ((ctl_value(c, "payment") == NULL) == (ctl_value(c, "payment_no") == NULL)) {
		ctl_complain("one of N and --payment-no is needed");
		return CTL_USAGE;
	}
	result = ask(c, &answer, &json);
	if (json != NULL && c->form == CTL_TABLE) {
		rest = cJSON_Duplicate(json, true);
		for (size_t i = 0; i < sizeof times / sizeof *times; i++)
			cJSON_DeleteItemFromObjectCaseSensitive(rest, times[i]);
		text = cJSON_PrintUnformatted(rest);
		buf_put_text(&head, text);
		ctl_print(c, &head);
		print_timeline(c, json);
		cJSON_free(text);
		cJSON_Delete(rest);
	} else if (json != NULL) {
		ctl_print(c, &answer);
	}
	cJSON_Delete(json);
	buf_clear(&head);
	buf_clear(&answer);
	return result;
}

enum ctl_exit
ctl_ledger_check(struct ctl *c)
{
	struct buf answer = {0};
	const cJSON *problems, *one;
	cJSON *json;
	enum ctl_exit result = ask(c, &answer, &json);

	problems = cJSON_GetObjectItemCaseSensitive(json, "problems");
	if (json != NULL && cJSON_GetArraySize(problems) > 0)
		result = CTL_NO;
	if (json != NULL && c->form != CTL_TABLE) {
		ctl_print(c, &answer);
	} else if (json != NULL) {
		for (one = ctl_first(problems); one != NULL; one = one->next) {
			put_text(stdout, cJSON_IsString(one) ? one->valuestring : "?");
			putchar('\n');
		}
		printf("%" PRId64 " journals, %d problems\n", number_of(json, "journals", 0),
		    cJSON_GetArraySize(problems));
		for (one = ctl_first(cJSON_GetObjectItemCaseSensitive(json, "totals")); one != NULL;
		     one = one->next) {
			struct buf money = {0};

			ctl_cell(c, "total_minor", one, MONEY_DIGITS, &money);
			printf("  %-10s %16s\n", one->string, buf_text(&money));
			buf_clear(&money);
		}
	}
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

/* From a file or, "-", from standard input: an argument would be in everybody's process list. */
enum ctl_exit
ctl_password(struct ctl *c)
{
	const char *path = ctl_value(c, "file");
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[32] = "";

	if (f == NULL || fgets(line, sizeof line, f) == NULL) {
		ctl_complain("cannot read %s", path);
		return CTL_USAGE;
	}
	if (f != stdin)
		fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	ctl_value_set(c, "file", path, true);
	ctl_value_set(c, "password", line, false);
	explicit_bzero(line, sizeof line);
	return ctl_call(c);
}
