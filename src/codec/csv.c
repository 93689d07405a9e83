#include "codec/csv.h"

#include "base/buf.h"

#include <string.h>

void
csv_put(struct buf *out, const char *text, bool number)
{
	bool formula = !number && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;

	if (strpbrk(text, ",\"\r\n") == NULL) {
		buf_printf(out, "%s%s", formula ? "'" : "", text);
		return;
	}
	buf_put_text(out, formula ? "\"'" : "\"");
	for (; *text != '\0'; text++)
		buf_put(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	buf_put_u8(out, '"');
}
