/*
 * template -- what people read: a text for every kind of notice in every language.
 *
 * Ours are in template_texts.c and, translated, in po/.  Who wants others has a directory with one
 * YAML file a language, zh.yaml, en.yaml and es.yaml, and begins with template_sample():
 *
 *	low:
 *	  subject: "Low balance: {balance} {currency}"
 *	  text: |
 *	    The balance of account {account} is {balance} {currency}.
 *	  sms: "{account}: {balance} {currency} left."
 *	words:
 *	  CNY: "yuan"
 *
 * {name} is a value of the notice; each kind has its own (template_kinds), and money, times and
 * energy are written as the language does.  What stands in [square brackets] is left out when a
 * value in it is not known; outside of them it becomes "-".  {{, }}, [[ and ]] stand for
 * themselves.  `sms` may be missing, then it is `text`.  `words` gives the language's own word for
 * a currency or a code of ours, such as why supply was cut, and its decimal point and its form of
 * dates.
 *
 * A set is only good as a whole: every kind in every language, no unknown name anywhere.
 */
#ifndef CODEC_TEMPLATE_H
#define CODEC_TEMPLATE_H

#include "base/buf.h"

struct calendar;
struct cJSON;
struct err;
struct template_set;

enum template_part { TEMPLATE_SUBJECT, TEMPLATE_TEXT, TEMPLATE_SMS, TEMPLATE_PARTS };

#define TEMPLATE_LANGUAGES 3 /* those of base/words.h */
/* Kinds and the values each may use, beside account, customer, site, time, currency. */
struct template_kind {
	const char *name, *values;
};
extern const struct template_kind template_kinds[]; /* NULL name ends */

/* NULL and *e, which names file and line. */
struct template_set *template_load(const char *dir, struct err *e);
/* Ours; NULL and *e when a catalogue is missing. */
struct template_set *template_own(struct err *e);
/* Ours in one language, as such a file. */
void template_sample(const char *language, struct buf *out);
void template_free(struct template_set *t);

struct template_values {
	const struct cJSON *body;    /* the notice's own: balance_minor, until_us, ... */
	const char *currency, *site; /* "" when there is none */
	const struct calendar *zone; /* the reader's */
	int64_t at_us;               /* when it was written */
};

/* One part, appended.  -1 when the set knows no such kind or language. */
int template_fill(const struct template_set *t, const char *language, const char *kind,
    enum template_part part, const struct template_values *v, struct buf *out, struct err *e);
/* One value alone, as it would stand in a text: false when it is not known. */
bool template_value(const struct template_set *t, const char *language, const char *name,
    const struct template_values *v, struct buf *out);

#endif
