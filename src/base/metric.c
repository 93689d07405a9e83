#include "base/metric.h"

#include "base/buf.h"

#include <string.h>

static const struct line {
	const char *family, *labels, *help;
} lines[METRICS] = {
    [METRIC_SESSIONS_OPENED] = {"powergate_sessions_opened_total",     "",
				"Connections taken on the meter port."								  },
    [METRIC_FRAMES_HEARD] = {"powergate_frames_heard_total",        "",                      "Whole frames heard from meters."       },
    [METRIC_FRAMES_SENT] = {"powergate_frames_sent_total",         "",                      "Frames sent to meters."                },
    [METRIC_SILENCES] = {"powergate_silences_total",            "",                      "Frames that no meter answered in time."},
    [METRIC_READINGS] = {"powergate_readings_total",            "result=\"stored\"",
				"Readings by what became of them."								      },
    [METRIC_READINGS_LOST] = {"powergate_readings_total",            "result=\"lost\"",       ""                                      },
    [METRIC_PAYMENTS_ACCEPTED] = {"powergate_payments_total",            "outcome=\"accepted\"",
				"Payments told by webhook or at the desk, by how they were answered."                                   },
    [METRIC_PAYMENTS_DUPLICATE] = {"powergate_payments_total",            "outcome=\"duplicate\"", ""                                      },
    [METRIC_PAYMENTS_CONFLICT] = {"powergate_payments_total",            "outcome=\"conflict\"",  ""                                      },
    [METRIC_PAYMENTS_LATER] = {"powergate_payments_total",            "outcome=\"later\"",     ""                                      },
    [METRIC_HOOKS_REFUSED] = {"powergate_hooks_refused_total",       "",
				"Webhooks refused before they were a payment: signature, form, source."                                 },
    [METRIC_DISPATCHED] = {"powergate_commands_dispatched_total", "",
				"Commands handed to sessions."									  },
    [METRIC_MESSAGES_TAKEN] = {"powergate_messages_total",            "result=\"taken\"",
				"Messages by what their channel said."								  },
    [METRIC_MESSAGES_FAILED] = {"powergate_messages_total",            "result=\"failed\"",     ""                                      },
    [METRIC_LINES_ERROR] = {"powergate_log_lines_total",           "level=\"error\"",       "Log lines of weight."                  },
    [METRIC_LINES_WARN] = {"powergate_log_lines_total",           "level=\"warn\"",        ""                                      },
};

static int64_t values[METRICS];

void
metric_add(enum metric m, int64_t n)
{
	values[m] += n;
}

void
metric_head(struct buf *out, const char *family, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, type);
}

void
metric_print(struct buf *out)
{
	for (int m = 0; m < METRICS; m++) {
		const struct line *l = &lines[m];

		if (m == 0 || strcmp(l->family, lines[m - 1].family) != 0)
			metric_head(out, l->family, "counter", l->help);
		buf_printf(out, l->labels[0] != '\0' ? "%s{%s} %lld\n" : "%s%s %lld\n", l->family,
		    l->labels, (long long)values[m]);
	}
}
