/* Orders to many meters: whom they hit, and how far they are. */
#include "base/buf.h"
#include "base/words.h"
#include "codec/dlt645_profile.h"
#include "prog/ctl.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR 30

static int64_t
number_of(const cJSON *json, const char *name)
{
	int64_t n;

	return ctl_integer(cJSON_GetObjectItemCaseSensitive(json, name), &n) ? n : 0;
}

static const char *
state_of(const cJSON *json)
{
	const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "state"));

	return state != NULL ? state : "";
}

enum ctl_exit
ctl_group_preview(struct ctl *c)
{
	const struct dlt645_profile *p;
	const char *profile = ctl_value(c, "profile");
	enum ctl_exit result;

	if (strcmp(ctl_value(c, "action"), "tariff") != 0)
		return ctl_call(c);
	if (profile == NULL || ctl_value(c, "file") == NULL) {
		ctl_complain("prices are for meters of one kind: --profile and --file are needed");
		return CTL_USAGE;
	}
	p = dlt645_profile(profile);
	if (p == NULL) {
		ctl_complain("this build does not know the profile \"%s\"", profile);
		return CTL_NO;
	}
	result = ctl_wish(c, p->local);
	return result == CTL_DONE ? ctl_call(c) : result;
}

/* "open [######........] 40 %, 160 of 400: 150 done, 8 failed, 2 left out" */
static void
draw(FILE *out, const cJSON *json, const char *end)
{
	const char *action = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "action"));
	int64_t percent = number_of(json, "percent");
	char bar[BAR + 1];

	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(percent < 0 || percent > 100 ? 0 : percent * BAR / 100));
	bar[BAR] = '\0';
	fprintf(out,
	    _("%s [%s] %lld %%, %lld of %lld: %lld done, %lld failed, %lld left out, %s%s"),
	    action != NULL ? action : "", bar, (long long)percent,
	    (long long)number_of(json, "ended"), (long long)number_of(json, "meters"),
	    (long long)number_of(json, "done"), (long long)number_of(json, "failed"),
	    (long long)number_of(json, "skipped"), ctl_word("state", state_of(json)), end);
	fflush(out);
}

static enum ctl_exit
look(struct ctl *c, struct buf *answer, cJSON **json)
{
	struct ctl_value which = {(char[]){"group"}, (char *)ctl_value(c, "group"), false};
	enum ctl_exit result = ctl_ask(c, "group/status", false, &which, 1, answer);

	*json = result == CTL_DONE ? cJSON_Parse(buf_text(answer)) : NULL;
	return result;
}

/* Until it has ended or somebody has stopped it; the last answer stays with the caller. */
static enum ctl_exit
watch(struct ctl *c, struct buf *answer, cJSON **json)
{
	bool seen = c->form == CTL_TABLE && isatty(STDERR_FILENO) != 0;
	const struct timespec pause = {.tv_sec = 1};
	enum ctl_exit result = CTL_DONE;

	while (strcmp(state_of(*json), "running") == 0) {
		if (seen)
			draw(stderr, *json, " \r");
		nanosleep(&pause, NULL);
		buf_clear(answer);
		cJSON_Delete(*json);
		result = look(c, answer, json);
		if (result != CTL_DONE && result != CTL_LATER)
			break;
	}
	if (seen)
		fputc('\n', stderr);
	return result;
}

/* Exit status 1 when some failed. */
enum ctl_exit
ctl_group_status(struct ctl *c)
{
	bool watching = ctl_value(c, "watch") != NULL;
	struct buf answer = {0};
	enum ctl_exit result;
	cJSON *json;

	if (watching)
		ctl_value_set(c, "watch", "true", true);
	result = ctl_ask(c, c->command->path, c->command->post, c->values, c->n, &answer);
	json = result == CTL_DONE ? cJSON_Parse(buf_text(&answer)) : NULL;
	if (json != NULL && watching)
		result = watch(c, &answer, &json);
	if (json != NULL && c->form == CTL_TABLE &&
	    cJSON_GetObjectItemCaseSensitive(json, "percent") != NULL)
		draw(stdout, json, "\n");
	else if (answer.len > 0 && (json != NULL || c->form != CTL_TABLE))
		ctl_print(c, &answer);
	if (result == CTL_DONE && watching && number_of(json, "failed") > 0)
		result = CTL_NO;
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}
