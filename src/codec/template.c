/*
 * Loading a set: everything is looked at now, so that a text can only lack a value later, never
 * be wrong.
 */
#include "codec/template.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/template_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct template_kind template_kinds[] = {
    {"low",         "balance level days meter"                         },
    {"days_left",   "balance days meter"                               },
    {"final",       "balance level trip_at minutes meter"              },
    {"tripped",     "balance why reason meter"                         },
    {"restored",    "balance why reason meter"                         },
    {"permitted",   "balance why reason meter"                         },
    {"paid",        "amount payment payment_no balance split still_off"},
    {"receipt",     "amount payment payment_no balance split still_off"},
    {"credited",    "amount purchase balance meter"                    },
    {"refunded",    "amount payment_no"                                },
    {"taken_back",  "amount owed payment_no"                           },
    {"hold",        "hold reason why until meter"                      },
    {"release",     "hold reason why meter"                            },
    {"overload",    "limit load count why meter"                       },
    {"storm",       "limit count why until"                            },
    {"exposure",    "energy amount hours count why meter balance"      },
    {"late",        "meter"					    },
    {"tariff",      "tariff text"				      },
    {"work",        "work cause text todo meter"                       },
    {"alarm",       "alarm severity number why meter"                  },
    {"meter_alarm", "alarm why meter"                                  },
    {NULL,          NULL					       },
};
_Static_assert(sizeof template_kinds / sizeof *template_kinds == TEMPLATE_KINDS + 1, "one a kind");

static const char everywhere[] = "account customer site time currency";

/* Words that are there in every language: without them a sentence would have a hole. */
static const char *const needed_words[] = {"decimal", "time_form", "ARREARS", "ADMIN", "SAFETY",
    "MOVE_OUT", "FRAUD", "MAINTENANCE", "debt", "accumulated", "threshold", "emergency", "credit",
    "critical", "major", "minor", "cover_open", "terminal_open", "magnetic_field", "relay_welded",
    "relay_moved", "reverse_energy", "phase_order", "voltage_loss", "current_loss", "over_current",
    "overload", "neutral_current", "battery_low", "meter_fault", "used_while_off", "unused",
    "credit_unexplained", "loss", NULL};

/* --- pieces ------------------------------------------------------------------------------ */

static enum piece
edge(const char **text, struct span *what)
{
	const char *p = *text, *end;

	if (p[1] == p[0]) { /* doubled: itself */
		*what = span_of(p, 1);
		*text = p + 2;
		return PIECE_LETTERS;
	}
	*text = p + 1;
	switch (*p) {
	case '[':
		return PIECE_OPEN;
	case ']':
		return PIECE_CLOSE;
	case '{':
		end = p + 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
		*what = span_of(p + 1, (size_t)(end - p - 1));
		*text = end + 1;
		return *end == '}' && what->len > 0 ? PIECE_NAME : PIECE_WRONG;
	default:
		return PIECE_WRONG;
	}
}

enum piece
template_piece(const char **text, struct span *what)
{
	size_t len = strcspn(*text, "{}[]");

	if (len == 0)
		return **text == '\0' ? PIECE_END : edge(text, what);
	*what = span_of(*text, len);
	*text += len;
	return PIECE_LETTERS;
}

/* --- names ------------------------------------------------------------------------------- */

const struct value_name *
template_name(struct span name)
{
	static const struct value_name names[] = {
	    {"account",    "account",       AS_TEXT  },
	    {"customer",   "customer",      AS_TEXT  },
	    {"site",       NULL,            AS_TEXT  },
	    {"time",       NULL,            AS_TIME  },
	    {"currency",   NULL,            AS_WORD  },
	    {"balance",    "balance_minor", AS_MONEY },
	    {"level",      "level_minor",   AS_MONEY },
	    {"amount",     "amount_minor",  AS_MONEY },
	    {"owed",       "owed_minor",    AS_MONEY },
	    {"days",       "days",          AS_NUMBER},
	    {"minutes",    "minutes",       AS_NUMBER},
	    {"hours",      "hours",         AS_NUMBER},
	    {"count",      "count",         AS_NUMBER},
	    {"purchase",   "purchase",      AS_NUMBER},
	    {"payment",    "payment",       AS_NUMBER},
	    {"payment_no", "payment_no",    AS_TEXT  },
	    {"still_off",  "still_off",     AS_TEXT  },
	    {"tariff",     "tariff",        AS_TEXT  },
	    {"work",       "work",          AS_NUMBER},
	    {"trip_at",    "trip_us",       AS_TIME  },
	    {"until",      "until_us",      AS_TIME  },
	    {"energy",     "energy_wh",     AS_ENERGY},
	    {"limit",      "limit",         AS_TEXT  },
	    {"load",       "load",          AS_TEXT  },
	    {"meter",      "meter",         AS_TEXT  },
	    {"why",        "why",           AS_TEXT  },
	    {"text",       "text",          AS_TEXT  },
	    {"todo",       "todo",          AS_TEXT  },
	    {"cause",      "cause",         AS_WORD  },
	    {"hold",       "hold",          AS_WORD  },
	    {"alarm",      "alarm",         AS_WORD  },
	    {"severity",   "severity",      AS_WORD  },
	    {"number",     "number",        AS_NUMBER},
	    {"reason",     "reason",        AS_WORD  },
	    {"split",      "split",         AS_SPLIT },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i].name) == name.len &&
		    memcmp(names[i].name, name.bytes, name.len) == 0)
			return &names[i];
	return NULL;
}

static bool
is_listed(const char *list, struct span name)
{
	for (size_t len; *list != '\0'; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ");
		if (len == name.len && memcmp(list, name.bytes, len) == 0)
			return true;
	}
	return false;
}

/* --- checking ---------------------------------------------------------------------------- */

static int
refuse(const char *path, const struct conf_node *n, const char *why, struct err *e)
{
	return err_set(
	    e, ERR_INPUT, "%s:%zu: %.40s: %s", path, n->line, n->name != NULL ? n->name : "", why);
}

static int
check_text(const char *path, const struct conf_node *n, int kind, struct err *e)
{
	const char *p = n->text;
	bool open = false;
	struct span what = {0};
	char why[120];

	for (;;) {
		switch (template_piece(&p, &what)) {
		case PIECE_LETTERS:
			break;
		case PIECE_NAME:
			if (is_listed(everywhere, what) ||
			    is_listed(template_kinds[kind].values, what))
				break;
			snprintf(why, sizeof why, "there is no {%.*s} in \"%s\"",
			    what.len < 40 ? (int)what.len : 40, (const char *)what.bytes,
			    template_kinds[kind].name);
			return refuse(path, n, why, e);
		case PIECE_OPEN:
		case PIECE_CLOSE:
			if ((p[-1] == '[') == open)
				return refuse(path, n, "[ and ] do not fit", e);
			open = !open;
			break;
		case PIECE_END:
			return open ? refuse(path, n, "[ and ] do not fit", e) : 0;
		case PIECE_WRONG:
			return refuse(path, n, "{ or } alone: write {name}, or {{ and }}", e);
		}
	}
}

static int
read_part(struct language *l, const char *path, const struct conf_node *entry, int kind,
    enum template_part part, struct err *e)
{
	static const char *const names[TEMPLATE_PARTS] = {"subject", "text", "sms"};
	const struct conf_node *n = conf_tree_get(entry, names[part]);

	if (n == NULL && part == TEMPLATE_SMS) {
		l->parts[kind][part] = l->parts[kind][TEMPLATE_TEXT];
		return 0;
	}
	if (n == NULL)
		return refuse(path, entry, "subject and text must be given", e);
	if (n->kind != CONF_NODE_TEXT)
		return refuse(path, n, "takes one text", e);
	if (part == TEMPLATE_SUBJECT && strpbrk(n->text, "\r\n") != NULL)
		return refuse(path, n, "a subject is one line", e);
	l->parts[kind][part] = n->text;
	return check_text(path, n, kind, e);
}

static int
read_kind(struct language *l, const char *path, int kind, struct err *e)
{
	const struct conf_node *entry = conf_tree_get(l->root, template_kinds[kind].name);

	if (entry == NULL || entry->kind != CONF_NODE_MAP)
		return err_set(
		    e, ERR_INPUT, "%s: no texts for \"%s\"", path, template_kinds[kind].name);
	for (const struct conf_node *n = entry->first; n != NULL; n = n->next)
		if (!is_listed("subject text sms", span_of(n->name, strlen(n->name))))
			return refuse(path, n, "no such name here: subject, text, sms", e);
	for (int part = 0; part < TEMPLATE_PARTS; part++)
		if (read_part(l, path, entry, kind, (enum template_part)part, e) < 0)
			return -1;
	return 0;
}

static int
read_words(struct language *l, const char *path, struct err *e)
{
	const struct conf_node *n;

	l->words = conf_tree_get(l->root, "words");
	if (l->words == NULL || l->words->kind != CONF_NODE_MAP)
		return err_set(e, ERR_INPUT, "%s: no words", path);
	for (n = l->words->first; n != NULL; n = n->next)
		if (n->kind != CONF_NODE_TEXT)
			return refuse(path, n, "takes one text", e);
	for (int i = 0; needed_words[i] != NULL; i++)
		if (conf_tree_get(l->words, needed_words[i]) == NULL)
			return err_set(
			    e, ERR_INPUT, "%s: no word for \"%s\"", path, needed_words[i]);
	return 0;
}

static int
kind_of(const char *name)
{
	for (int i = 0; i < TEMPLATE_KINDS; i++)
		if (strcmp(template_kinds[i].name, name) == 0)
			return i;
	return -1;
}

static int
read_language(struct language *l, const char *path, struct err *e)
{
	if (l->root == NULL || read_words(l, path, e) < 0)
		return -1;
	for (const struct conf_node *n = l->root->first; n != NULL; n = n->next)
		if (strcmp(n->name, "words") != 0 && kind_of(n->name) < 0)
			return refuse(path, n, "there is no such kind of notice", e);
	for (int kind = 0; kind < TEMPLATE_KINDS; kind++)
		if (read_kind(l, path, kind, e) < 0)
			return -1;
	return 0;
}

struct template_set *
template_load(const char *dir, struct err *e)
{
	struct template_set *t = mem_new(sizeof *t);
	char path[512];

	for (int i = 0; i < TEMPLATE_LANGUAGES; i++) {
		snprintf(path, sizeof path, "%s/%s.yaml", dir, words_languages[i]);
		t->languages[i].root = conf_tree_read(path, e);
		if (read_language(&t->languages[i], path, e) < 0) {
			template_free(t);
			return NULL;
		}
	}
	return t;
}

static int
read_own(struct language *l, const char *language, struct err *e)
{
	struct buf sample = {0};
	int rc = -1;

	if (words_check(language, e) == 0) {
		template_sample(language, &sample);
		l->root = conf_tree_parse(language, buf_span(&sample), e);
		rc = read_language(l, language, e);
	}
	buf_clear(&sample);
	return rc;
}

struct template_set *
template_own(struct err *e)
{
	struct template_set *t = mem_new(sizeof *t);

	for (int i = 0; i < TEMPLATE_LANGUAGES; i++)
		if (read_own(&t->languages[i], words_languages[i], e) < 0) {
			template_free(t);
			return NULL;
		}
	return t;
}

void
template_free(struct template_set *t)
{
	if (t == NULL)
		return;
	for (int i = 0; i < TEMPLATE_LANGUAGES; i++)
		conf_tree_free(t->languages[i].root);
	free(t);
}

const char *
template_word(const struct language *l, const char *code)
{
	const struct conf_node *n = conf_tree_get(l->words, code);

	return n != NULL ? n->text : code;
}
