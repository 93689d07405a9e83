/* In a file of its own: it needs the services that load secrets, `conf check` does not. */
#include "base/err.h"
#include "prog/settings.h"
#include "service/sources.h"

int
settings_try(const char *path, struct err *e)
{
	struct settings scratch = {0};
	struct conf_section sections[SETTINGS_SECTIONS];
	const struct notify_confs confs = {&scratch.notify, &scratch.mail, &scratch.sms};
	struct sources *sources = NULL;
	int result = 0;

	settings_bind(sections, &scratch);
	if (conf_load(path, sections, e) < 0)
		return -1;
	if (settings_check(&scratch, e) < 0)
		result = -1;
	if (result == 0 && (sources = sources_read(&scratch.hooks.sources, e)) == NULL)
		result = -1;
	sources_free(sources);
	if (result == 0)
		result = notify_try_secret(&confs, e);
	conf_clear(sections);
	return result;
}
