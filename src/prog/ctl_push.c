/* A tariff file into a meter, or many of a kind: what of it they can hold is worked out here. */
#include "base/buf.h"
#include "base/err.h"
#include "codec/dlt645_parameters.h"
#include "codec/dlt645_profile.h"
#include "codec/price_yaml.h"
#include "codec/webhook.h"
#include "model/calendar.h"
#include "model/price.h"
#include "prog/ctl.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Whether the meter keeps money itself; the daemon knows its profile. */
static enum ctl_exit
ask_profile(const struct ctl *c, bool *priced)
{
	struct ctl_value which = {(char[]){"meter"}, (char *)ctl_value(c, "meter"), false};
	const struct dlt645_profile *p = NULL;
	struct buf answer = {0};
	const cJSON *profile;
	enum ctl_exit result;
	cJSON *json;

	result = ctl_ask(c, "meter/show", false, &which, 1, &answer);
	json = cJSON_Parse(buf_text(&answer));
	profile = cJSON_GetObjectItemCaseSensitive(json, "profile");
	if (cJSON_IsString(profile))
		p = dlt645_profile(profile->valuestring);
	if (result == CTL_DONE && p == NULL) {
		ctl_complain("this build does not know the meter's profile");
		result = CTL_NO;
	}
	*priced = p != NULL && p->local;
	cJSON_Delete(json);
	buf_clear(&answer);
	return result;
}

static int
make_wish(
    const struct ctl *c, bool priced, struct price_version *v, struct buf *json, struct err *e)
{
	struct meter_room room = meter_room_most(priced);
	struct meter_tariff *t = mem_new(sizeof *t);
	struct calendar *zone = NULL;
	int rc = -1;

	if (price_yaml_read(ctl_value(c, "file"), v, e) < 0)
		goto out;
	if (ctl_value(c, "at") != NULL &&
	    time_rfc3339_in(ctl_value(c, "at"), &v->effective_from_us, e) < 0)
		goto out;
	zone = calendar_new(v->zone, e);
	if (zone == NULL ||
	    meter_tariff_of(t, v, zone, &room, (int64_t)time(NULL) * 1000000, e) < 0)
		goto out;
	meter_tariff_json(t, v->zone, json);
	rc = 0;
out:
	calendar_free(zone);
	free(t);
	return rc;
}

enum ctl_exit
ctl_wish(struct ctl *c, bool priced)
{
	struct price_version *v = mem_new(sizeof *v);
	struct buf json = {0};
	struct err e;
	bool good = make_wish(c, priced, v, &json, &e) == 0;

	if (good) {
		ctl_value_set(c, "file", ctl_value(c, "file"), true);
		if (ctl_value(c, "at") != NULL)
			ctl_value_set(c, "at", ctl_value(c, "at"), true);
		ctl_value_set(c, "version", v->name, false);
		ctl_value_set(c, "wanted", buf_text(&json), false);
	} else {
		ctl_complain("%s", e.text);
	}
	buf_clear(&json);
	free(v);
	return good ? CTL_DONE : CTL_NO;
}

enum ctl_exit
ctl_push_tariff(struct ctl *c)
{
	enum ctl_exit result;
	bool priced;

	result = ask_profile(c, &priced);
	if (result == CTL_DONE)
		result = ctl_wish(c, priced);
	return result == CTL_DONE ? ctl_call(c) : result;
}
