/*
 * words -- what people read, in their language: gettext's catalogues, English as msgid.
 *
 *	_("none")			in the language of whoever runs the program
 *	N_("none")			only marked, for a table; _(table[i].text) later
 *	C_("relay:open", "open")	two strings: which "open" it is, and the English
 *	words_in("zh", "none")		in that language, whoever runs the program
 *	words_of("zh", "relay:open", "open")
 *
 * po/LANGUAGE.po has the translations, msgfmt makes LANGUAGE/LC_MESSAGES/powergate.mo of them.
 * They are read here and not by libintl: that knows one language a process, and only those for
 * which the machine has a locale, while the daemon writes to each reader in his own.
 *
 * Where a catalogue or an entry is missing, the English stands.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define _(text)           words_here(text)
#define N_(text)          text
#define C_(context, text) context, text

/* "en", "es", "zh"; NULL behind the last. */
extern const char *const words_languages[];

const char *words_in(const char *language, const char *text) __attribute__((format_arg(2)));
const char *words_of(const char *language, const char *context, const char *text);

/* Takes the language from LANGUAGE, LC_ALL, LC_MESSAGES and LANG, as gettext does; English before
 * it is called, so the daemon's own words stay English. */
void words_from_environment(void);
const char *words_language(void); /* "en", "es" or "zh" */
const char *words_here(const char *text) __attribute__((format_arg(1)));

/* Whether a language has its catalogue; English needs none.  Where it was looked for in *e. */
int words_check(const char *language, struct err *e);

/* --- one catalogue, for its test -------------------------------------------------------------- */

struct catalogue;
/* Of the bytes of a .mo file; NULL and *e when they are none. */
struct catalogue *catalogue_new(struct span mo, struct err *e);
void catalogue_free(struct catalogue *c);
/* NULL when it has no such entry; context NULL: none. */
const char *catalogue_find(const struct catalogue *c, const char *context, const char *text);

#endif
