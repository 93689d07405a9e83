/*
 * dlt645_fields -- how the two tables of the DL/T 645 codec are written; for no one else.
 *
 * Marks in names, filled in by dlt645_item_name() and dlt645_value_name():
 *	$t  DI1: total, tariff 1 ..		$T  the same by place
 *	$s  DI0: nothing, ", settlement 1" ..	$S  by place: now, settlement 1 ..
 *	$a  DI1: total, phase A ..		$A  by place: phase A .., $Q: total, phase A ..
 *	$p  DI2: nothing, ", phase A" ..	$f  DI2: timed freeze, instant freeze ..
 *	$n  DI0					$i  place, from 1
 */
#ifndef CODEC_DLT645_FIELDS_H
#define CODEC_DLT645_FIELDS_H

#include "codec/dlt645_items.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

#define TEXT(name_, format_, bytes_)                                                \
	{                                                                           \
		.name = (name_), .format = (format_), .bytes = (bytes_), .unit = "" \
	}
#define TEXTS(name_, format_, bytes_, times_)                                        \
	{                                                                            \
		.name = (name_), .format = (format_), .bytes = (bytes_), .unit = "", \
		.times = (times_)                                                    \
	}
#define NUMBERS(name_, format_, bytes_, scale_, unit_, times_)                              \
	{                                                                                   \
		.name = (name_), .format = (format_), .bytes = (bytes_), .scale = (scale_), \
		.unit = (unit_), .times = (times_)                                          \
	}
#define NUMBER(name_, format_, bytes_, scale_, unit_) \
	NUMBERS(name_, format_, bytes_, scale_, unit_, 1)
#define BITS(name_, bytes_, bits_)                                                  \
	{                                                                           \
		.name = (name_), .format = FMT_BITS, .bytes = (bytes_), .unit = "", \
		.bits = (bits_)                                                     \
	}
#define CODE(name_, codes_)                                                                   \
	{                                                                                     \
		.name = (name_), .format = FMT_HEX, .bytes = 1, .unit = "", .codes = (codes_) \
	}
#define FIELDS(name_, ...) static const struct dlt645_field name_[] = {__VA_ARGS__}

/* One field out of exactly its bytes. */
void dlt645_value_get(
    struct dlt645_value *v, const struct dlt645_field *f, int index, struct span s);

size_t dlt645_fields_len(const struct dlt645_field *f, size_t n); /* bytes; rests count 0 */

/* Bits of status word 3 (dlt645.md 2.6). */
extern const char *const dlt645_status_3[16];

#endif
