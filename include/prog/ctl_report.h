/* ctl_report -- what the making and the verifying of reports share. */
#ifndef PROG_CTL_REPORT_H
#define PROG_CTL_REPORT_H

#include "codec/manifest.h"
#include "prog/ctl.h"

#define REPORT_PATH 2048

int report_file_read(const char *path, struct buf *out, struct err *e);
void report_site_dir(const char *root, const char *site, char out[REPORT_PATH]);

#endif
