/* dlt645_page -- the JSON of one good frame; for dlt645_explain.c and no one else. */
#ifndef CODEC_DLT645_PAGE_H
#define CODEC_DLT645_PAGE_H

#include "codec/dlt645.h"

/* The frame's object without its closing brace: more members may follow. */
void dlt645_page(const struct dlt645 *f, struct buf *json);

/* ,"name":"text" and so on; the text is escaped. */
void json_string(struct buf *json, const char *text);
void json_member(struct buf *json, const char *name, const char *text);
void json_hex(struct buf *json, const char *name, struct span s);
void json_refusal(struct buf *json, const char *protocol, const char *error);

#endif
