/* In a file of its own: it needs the services that load secrets, `conf check` does not. */
#include "base/err.h"
#include "prog/settings.h"
#include "service/http.h"
#include "service/seal.h"
#include "service/sources.h"
#include "service/witness.h"
#include "store/db.h"

#include <openssl/crypto.h>

/* Secrets, and what else lies outside the file. */
static int
try_outside(const struct settings *s, struct err *e)
{
	char conninfo[1024];
	struct seal *seal;
	int result = settings_conninfo(s, conninfo, sizeof conninfo, e);

	if (result == 0)
		result = db_try(conninfo, e);
	OPENSSL_cleanse(conninfo, sizeof conninfo);
	if (result < 0 || witness_try(s->daemon.state_dir, e) < 0)
		return -1;
	if (s->api.certificate[0] != '\0' && http_secure_try(s->api.certificate, s->api.key, e) < 0)
		return err_wrap(e, "api");
	seal = seal_new(NULL, s->meters.password_key, e);
	seal_free(seal);
	return seal != NULL ? 0 : -1;
}

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
	if (settings_check(&scratch, e) < 0 || try_outside(&scratch, e) < 0)
		result = -1;
	if (result == 0 && (sources = sources_read(&scratch.hooks.sources, e)) == NULL)
		result = -1;
	sources_free(sources);
	if (result == 0)
		result = notify_try_secret(&confs, e);
	conf_clear(sections);
	return result;
}
