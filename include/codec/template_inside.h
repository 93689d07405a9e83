/* template_inside -- what the files of template share; nobody else includes it. */
#ifndef CODEC_TEMPLATE_INSIDE_H
#define CODEC_TEMPLATE_INSIDE_H

#include "codec/template.h"

#define TEMPLATE_KINDS 21

struct conf_node;

struct language {
	struct conf_node *root; /* owns the texts */
	const struct conf_node *words;
	const char *parts[TEMPLATE_KINDS][TEMPLATE_PARTS];
};

struct template_set {
	struct language languages[TEMPLATE_LANGUAGES];
};

/* The next piece of a text: letters as they are, a {name}, the edge of a [group]. */
enum piece { PIECE_LETTERS, PIECE_NAME, PIECE_OPEN, PIECE_CLOSE, PIECE_END, PIECE_WRONG };
enum piece template_piece(const char **text, struct span *what);

/* How a value is written. */
enum value_as {
	AS_TEXT,
	AS_MONEY,
	AS_TIME,
	AS_ENERGY, /* Wh in, kWh out */
	AS_NUMBER,
	AS_WORD, /* a code of ours, in the language's words */
	AS_SPLIT /* where a payment went */
};
struct value_name {
	const char *name, *member; /* of the notice's body; NULL: from elsewhere */
	enum value_as as;
};
const struct value_name *template_name(struct span name); /* NULL: there is none */
/* The language's own word, or the code itself. */
const char *template_word(const struct language *l, const char *code);

#endif
