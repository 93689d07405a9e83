/*
 * conf_value -- one setting's value, for the conf_*.c files; nobody else includes it.
 */
#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "base/buf.h"
#include "base/conf.h"

union conf_value {
	struct conf_list list; /* the largest stands first, so that {0} clears all of it */
	char *text;
	int64_t integer; /* INT, DURATION */
	bool truth;
};

/* From its written form, range and words checked; lists only from "". */
int conf_value_read(
    const struct conf_field *f, const char *text, union conf_value *v, struct err *e);
void conf_value_clear(const struct conf_field *f, union conf_value *v);
bool conf_value_equal(
    const struct conf_field *f, const union conf_value *a, const union conf_value *b);
/* Between a value and its place in the struct it belongs to; ownership goes along. */
union conf_value conf_value_at(const struct conf_field *f, const void *into);
void conf_value_put(const struct conf_field *f, void *into, union conf_value v);

void conf_duration_out(int64_t us, char out[32]); /* in the largest unit that is exact */

/* A text that is neither too long nor too deep for libyaml. */
int conf_text_check(const char *path, struct span text, struct err *e);

#endif
