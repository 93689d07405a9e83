/*
 * dlt645_explain -- a captured frame as one JSON object, for the engineer with a trace in hand.
 *
 *	{"ok":true,"protocol":"dlt645-2007","address":"123456789012","control":"91",
 *	 "di":"00010000","data":"...","values":[{"name":...,"value":"1234.56","unit":"kWh"}]}
 *	{"ok":false,"protocol":"dlt645-2007","error":"checksum 4f, expected 50"}
 */
#ifndef CODEC_DLT645_EXPLAIN_H
#define CODEC_DLT645_EXPLAIN_H

#include "base/buf.h"

/* One line of JSON with its line end for every frame in the bytes, at least one.  Returns
 * whether every line is an "ok":true.  Noise is no line of its own: what stood in front of a
 * frame is its "skipped", what follows the last one its "trailing".  Passwords, MACs and keys
 * are "**" wherever they would show; of a frame that is not ok only the error is told. */
bool dlt645_explain(struct span bytes, struct buf *json);
/* The same from hex text; what is not hex gives {"ok":false,...}. */
bool dlt645_explain_hex(const char *hex, struct buf *json);

#endif
