#include "sim/fault.h"

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[FAULTS] = {
    [FAULT_LOSS] = "loss",
    [FAULT_DELAY_MS] = "delay_ms",
    [FAULT_DUPLICATE] = "duplicate",
    [FAULT_SPLIT] = "split",
    [FAULT_MERGE] = "merge",
    [FAULT_CUT] = "cut",
    [FAULT_ACK_NOT_DO] = "ack_not_do",
    [FAULT_DO_NOT_ACK] = "do_not_ack",
    [FAULT_REFUSE_BUT_DO] = "refuse_but_do",
    [FAULT_WRONG_ANSWER] = "wrong_answer",
    [FAULT_REBOOT] = "reboot",
    [FAULT_SILENT] = "silent",
    [FAULT_ECHO] = "echo",
    [FAULT_STALE] = "stale",
    [FAULT_COUNT_NO_MONEY] = "count_no_money",
};

const char *
fault_name(enum fault f)
{
	return names[f];
}

uint64_t
dice_roll(uint64_t *dice)
{
	uint64_t z = (*dice += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number up to `most` at the front of text; what stands behind it goes to *rest. */
static int
take_number(const char *text, unsigned long most, unsigned long *n, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	*n = strtoul(text, &end, 10);
	*rest = end;
	return *n <= most ? 0 : -1;
}

static int
set_delay(struct faults *f, const char *amount, struct err *e)
{
	unsigned long low, high;
	const char *rest;

	if (amount == NULL || take_number(amount, 3600000, &low, &rest) < 0)
		return err_set(e, ERR_INPUT, "delay_ms needs milliseconds, as 200 or 0-900");
	high = low;
	if (*rest == '-' && take_number(rest + 1, 3600000, &high, &rest) < 0)
		return err_set(e, ERR_INPUT, "delay_ms: '%s' is not a range", amount);
	if (*rest != '\0' || high < low)
		return err_set(e, ERR_INPUT, "delay_ms: '%s' is not a range", amount);
	f->each[FAULT_DELAY_MS].percent = 100;
	f->each[FAULT_DELAY_MS].low_ms = (uint32_t)low;
	f->each[FAULT_DELAY_MS].high_ms = (uint32_t)high;
	return 0;
}

int
fault_set(struct faults *f, const char *name, const char *amount, struct err *e)
{
	unsigned long n = 0;
	const char *rest = "";
	int which;

	if (strcmp(name, "off") == 0) {
		*f = (struct faults){0};
		return 0;
	}
	for (which = 0; which < FAULTS; which++)
		if (strcmp(name, names[which]) == 0)
			break;
	if (which == FAULTS)
		return err_set(e, ERR_INPUT, "no fault is called '%s'", name);
	if (which == FAULT_DELAY_MS)
		return set_delay(f, amount, e);
	if (amount != NULL && take_number(amount, 1000000000, &n, &rest) < 0)
		return err_set(e, ERR_INPUT, "%s: '%s' is neither 3 nor 20%%", name, amount);
	if (strcmp(rest, "%") == 0 ? n > 100 : *rest != '\0')
		return err_set(e, ERR_INPUT, "%s: '%s' is neither 3 nor 20%%", name, amount);
	f->each[which].percent = (uint8_t)(amount == NULL ? 100 : *rest == '%' ? n : 0);
	f->each[which].times = amount != NULL && *rest == '\0' ? (uint32_t)n : 0;
	return 0;
}

int
fault_set_pair(struct faults *f, const char *pair, struct err *e)
{
	const char *equals = strchr(pair, '=');
	char name[32];

	if (equals == NULL)
		return fault_set(f, pair, NULL, e);
	snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
	return fault_set(f, name, equals + 1, e);
}

bool
fault_strikes(struct faults *f, enum fault which, uint64_t *dice)
{
	if (f->each[which].times > 0) {
		f->each[which].times--;
		return true;
	}
	if (f->each[which].percent == 0)
		return false;
	return f->each[which].percent >= 100 || dice_roll(dice) % 100 < f->each[which].percent;
}

int64_t
fault_delay_us(const struct faults *f, uint64_t *dice)
{
	uint32_t low = f->each[FAULT_DELAY_MS].low_ms, high = f->each[FAULT_DELAY_MS].high_ms;

	if (f->each[FAULT_DELAY_MS].percent == 0)
		return 0;
	return ((int64_t)low + (int64_t)(dice_roll(dice) % (high - low + 1u))) * 1000;
}
