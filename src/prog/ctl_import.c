/*
 * import, import undo, export fleet: a fleet in a file, read where it lies and handed to the daemon
 * in portions; what is wrong with it is said all at once, and nothing of it is done then.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/fleet.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTION    ((size_t)180 * 1024) /* it is quoted on its way: at most twice as long then */
#define PATIENCE_S 150

/* Asks with up to four pairs of texts; NULL ends them. */
static enum ctl_exit
ask(const struct ctl *c, const char *path, struct buf *answer, const char *const *pairs)
{
	struct ctl_value values[4];
	size_t n = 0;

	for (; n < 4 && pairs[2 * n] != NULL; n++)
		values[n] =
		    (struct ctl_value){(char *)pairs[2 * n], (char *)pairs[2 * n + 1], false};
	buf_clear(answer);
	return ctl_ask(c, path, true, values, n, answer);
}

static int64_t
member(const struct buf *answer, const char *name)
{
	cJSON *json = cJSON_ParseWithLength((const char *)answer->bytes, answer->len);
	int64_t value = 0;

	if (!ctl_integer(cJSON_GetObjectItemCaseSensitive(json, name), &value))
		value = 0;
	cJSON_Delete(json);
	return value;
}

static enum ctl_exit
begin(const struct ctl *c, const struct fleet *f, struct span file, char id[24])
{
	const char *path = ctl_value(c, "file"), *slash = strrchr(path, '/');
	char sha[2 * SHA256_DIGEST_LENGTH + 1], rows[24];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct buf answer = {0};
	enum ctl_exit end;

	SHA256(file.bytes, file.len, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(sha + 2 * i, 3, "%02x", digest[i]);
	snprintf(rows, sizeof rows, "%zu", f->n);
	end = ask(c, "import/begin", &answer,
	    (const char *const[]){"file_name", slash != NULL ? slash + 1 : path, "sha256", sha,
		"row_count", rows, NULL});
	snprintf(id, 24, "%" PRId64, end == CTL_DONE ? member(&answer, "import") : 0);
	buf_clear(&answer);
	return end;
}

static enum ctl_exit
send_portion(const struct ctl *c, const char *id, const struct fleet *f, size_t *next)
{
	struct buf rows = {0}, answer = {0};
	enum ctl_exit end;

	for (; *next < f->n && rows.len < PORTION; (*next)++) {
		buf_put_u8(&rows, rows.len > 0 ? ',' : '[');
		fleet_put_json(&rows, &f->rows[*next], true);
	}
	buf_put_u8(&rows, ']');
	end = ask(c, "import/rows", &answer,
	    (const char *const[]){"import", id, "rows", buf_text(&rows), NULL});
	OPENSSL_cleanse(rows.bytes, rows.len);
	buf_clear(&rows);
	buf_clear(&answer);
	return end;
}

/* A line a fault, as a compiler would say it. */
static void
show_faults(const char *path, const cJSON *answer)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "rows"), *row;
	int64_t faults = 0, line = 0;
	struct buf text = {0};

	cJSON_ArrayForEach(row, rows)
	{
		const char *field =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "field"));
		const char *what =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "text"));

		ctl_integer(cJSON_GetObjectItemCaseSensitive(row, "line"), &line);
		buf_printf(&text, "%s:%" PRId64 ": %s%s", path, line, field != NULL ? field : "",
		    field != NULL && field[0] != '\0' ? ": " : "");
		ctl_put_safe(&text, what != NULL ? what : "");
		buf_put_u8(&text, '\n');
	}
	ctl_integer(cJSON_GetObjectItemCaseSensitive(answer, "faults"), &faults);
	if (faults > cJSON_GetArraySize(rows))
		buf_printf(&text, "and %" PRId64 " more\n", faults - cJSON_GetArraySize(rows));
	fwrite(text.bytes, 1, text.len, stderr);
	buf_clear(&text);
}

static enum ctl_exit
finish(const struct ctl *c, const char *id)
{
	struct buf answer = {0};
	enum ctl_exit end;
	cJSON *json;

	end = ask(c, "import/run", &answer,
	    (const char *const[]){
		"import", id, "dry_run", ctl_value(c, "dry_run") != NULL ? "true" : "false", NULL});
	if (end == CTL_DONE && member(&answer, "faults") > 0) {
		end = CTL_NO;
		if (c->form == CTL_TABLE) {
			json = cJSON_Parse(buf_text(&answer));
			show_faults(ctl_value(c, "file"), json);
			cJSON_Delete(json);
			buf_clear(&answer);
			return end;
		}
	}
	if (answer.len > 0 && (end == CTL_DONE || end == CTL_NO))
		ctl_print(c, &answer);
	buf_clear(&answer);
	return end;
}

static enum ctl_exit
hand_over(struct ctl *c, const struct fleet *f, struct span file)
{
	enum ctl_exit end;
	size_t next = 0;
	char id[24];

	c->patience_s = PATIENCE_S;
	end = begin(c, f, file, id);
	while (end == CTL_DONE && next < f->n)
		end = send_portion(c, id, f, &next);
	return end == CTL_DONE ? finish(c, id) : end;
}

/* --- and back -------------------------------------------------------------------------------- */

enum ctl_exit
ctl_import_undo(struct ctl *c)
{
	struct buf answer = {0};
	enum ctl_exit end;

	c->patience_s = PATIENCE_S;
	end = ctl_ask(c, c->command->path, true, c->values, c->n, &answer);
	if (end == CTL_DONE) {
		if (member(&answer, "hindrances") > 0 || member(&answer, "approval") > 0)
			end = CTL_NO;
		ctl_print(c, &answer);
	}
	buf_clear(&answer);
	return end;
}

/* --- out ------------------------------------------------------------------------------------- */

static void
put_row(const struct ctl *c, const cJSON *json, bool first, struct buf *out)
{
	struct fleet_row row = {0};

	for (int i = 0; i < FLEET_COLUMNS; i++)
		row.cell[i] =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, fleet_columns[i]));
	if (c->form == CTL_TABLE || c->form == CTL_CSV) {
		fleet_put_csv(out, &row);
	} else {
		buf_put_text(out, first ? "[" : ",\n ");
		fleet_put_json(out, &row, false);
	}
}

enum ctl_exit
ctl_export_fleet(struct ctl *c)
{
	struct buf answer = {0}, out = {0};
	const cJSON *row;
	enum ctl_exit end;
	bool first = true, csv = c->form == CTL_TABLE || c->form == CTL_CSV;
	cJSON *json;

	c->patience_s = PATIENCE_S;
	end = ctl_ask(c, c->command->path, false, c->values, c->n, &answer);
	if (end == CTL_DONE) {
		json = cJSON_Parse(buf_text(&answer));
		if (csv)
			fleet_put_csv_head(&out);
		cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(json, "rows"))
		{
			put_row(c, row, first, &out);
			first = false;
		}
		if (!csv)
			buf_put_text(&out, first ? "[]\n" : "]\n");
		fwrite(out.bytes, 1, out.len, stdout);
		cJSON_Delete(json);
	}
	buf_clear(&answer);
	buf_clear(&out);
	return end;
}

/* --- in -------------------------------------------------------------------------------------- */

enum ctl_exit
ctl_import(struct ctl *c)
{
	const char *path = ctl_value(c, "file");
	struct buf file = {0};
	struct fleet f;
	enum ctl_exit end = CTL_NO;
	struct err e;

	if (ctl_read_file(path, &file, &e) < 0 || fleet_read(buf_span(&file), &f, &e) < 0) {
		ctl_complain("%s: %s", path, e.text);
	} else {
		end = hand_over(c, &f, buf_span(&file));
		fleet_clear(&f);
	}
	if (file.bytes != NULL)
		OPENSSL_cleanse(file.bytes, file.len);
	buf_clear(&file);
	return end;
}
