#include "base/err.h"

#include "base/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef err_set
#undef err_wrap

int
err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
	va_list ap;

	e->class = class;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, _(fmt), ap);
	va_end(ap);
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof e->text];
	va_list ap;
	int n;

	memcpy(inner, e->text, sizeof inner);
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof e->text, _(fmt), ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->text)
		snprintf(e->text + n, sizeof e->text - (size_t)n, ": %.*s",
		    (int)(sizeof e->text - (size_t)n), inner); /* may be cut: for people */
	return -1;
}

const char *err_class_name(enum err_class class)
{
	static const char *const names[] = {
	    [ERR_NONE] = "none",
	    [ERR_INPUT] = "input",
	    [ERR_RETRY] = "retry",
	    [ERR_UNCERTAIN] = "uncertain",
	    [ERR_REFUSED] = "refused",
	    [ERR_BUG] = "bug",
	};

	return names[class];
}
