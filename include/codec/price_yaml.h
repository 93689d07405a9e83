/*
 * price_yaml -- a tariff file into a price version.  powergate-tariff(5) tells its shape.
 *
 * Strict: an unknown name, anything given twice, a wrong type, a gap or an overlap is an error
 * "FILE:LINE: where: what".  Numbers are decimal texts and never pass through floating point.
 */
#ifndef CODEC_PRICE_YAML_H
#define CODEC_PRICE_YAML_H

#include "base/buf.h"

struct err;
struct price_version;

/* The version has then passed price_check(). */
int price_yaml_read(const char *path, struct price_version *v, struct err *e);
/* A text from elsewhere; `path` stands for it in errors. */
int price_yaml_parse(const char *path, struct span text, struct price_version *v, struct err *e);

#endif
