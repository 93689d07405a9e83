/* Settings and state of a meter as text: one table names what may be set. */
#include "sim/vmeter_inside.h"

#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum kind {
	KIND_INT,
	KIND_BOOL,
	KIND_DIGITS, /* a number of exactly `most` digits, kept as text */
	KIND_PROFILE,
	KIND_PRICE,  /* one for all tariffs */
	KIND_PRICES, /* four, by commas */
	KIND_RELAY,
	KIND_PASSWORD, /* six digits as printed */
	KIND_ENERGY,
	KIND_COUNT,
	KIND_OFFSET,
	KIND_DRIFT,
	KIND_CREDIT,
	KIND_HISTORY,
	KIND_PART,
	KIND_LIMIT,
	KIND_LACKS, /* identifiers in hex, by commas */
};

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t least, most;
} settings[] = {
#define AT(field)    offsetof(struct vmeter, field)
#define FIRST(field) offsetof(struct vmeter, sets[0].field)
#define MONEY        INT64_C(99999999)
    {"profile",          KIND_PROFILE,  0,                    0,         0         },
    {"watts",            KIND_INT,      AT(watts),            0,         1000000   },
    {"energy_wh",        KIND_ENERGY,   0,                    0,         999999990 },
    {"price_micro",      KIND_PRICE,    0,                    0,         1000000000},
    {"price",            KIND_PRICE,    0,                    0,         1000000000},
    {"prices",           KIND_PRICES,   0,                    0,         1000000000},
    {"step_wh",          KIND_INT,      FIRST(step_wh[0]),    0,         999999990 },
    {"step_price_micro", KIND_INT,      FIRST(step_micro[1]), 0,         1000000000},
    {"credit_minor",     KIND_CREDIT,   0,                    -MONEY,    MONEY     },
    {"credit",           KIND_CREDIT,   0,                    -MONEY,    MONEY     },
    {"purchases",        KIND_COUNT,    0,                    0,         UINT32_MAX},
    {"bought_minor",     KIND_INT,      AT(bought_minor),     0,         MONEY     },
    {"customer",         KIND_DIGITS,   AT(customer),         0,         12        },
    {"doubles",          KIND_BOOL,     AT(doubles),          0,         1         },
    {"forgets",          KIND_BOOL,     AT(forgets),          0,         1         },
    {"no_records",       KIND_BOOL,     AT(no_records),       0,         1         },
    {"opened",           KIND_BOOL,     AT(opened),           0,         1         },
    {"relay",            KIND_RELAY,    0,                    0,         0         },
    {"keep",	     KIND_BOOL,     AT(keep),             0,         1         },
    {"warn1",            KIND_INT,      AT(warn_minor[0]),    0,         MONEY     },
    {"warn2",            KIND_INT,      AT(warn_minor[1]),    0,         MONEY     },
    {"warn2_trips",      KIND_BOOL,     AT(warn2_trips),      0,         1         },
    {"overdraft_minor",  KIND_INT,      AT(overdraft_minor),  0,         MONEY     },
    {"hoarding_minor",   KIND_INT,      AT(hoarding_minor),   0,         MONEY     },
    {"reclose_minor",    KIND_INT,      AT(reclose_minor),    0,         MONEY     },
    {"permit",           KIND_BOOL,     AT(permit),           0,         1         },
    {"trip_delay_min",   KIND_INT,      AT(trip_delay_min),   0,         9999      },
    {"password",         KIND_PASSWORD, 0,                    0,         6         },
    {"clock_offset_s",   KIND_OFFSET,   0,                    -86400000, 86400000  },
    {"clock_drift_ppm",  KIND_DRIFT,    0,                    -100000,   100000    },
    {"part",	     KIND_PART,     0,                    4,         196       },
    {"hours",            KIND_BOOL,     AT(hourly),           0,         1         },
    {"history",          KIND_HISTORY,  0,                    0,         800       },
    {"limit_watts",      KIND_LIMIT,    0,                    0,         99999     },
    {"overload_delay_s", KIND_INT,      AT(overload_delay_s), 0,         9999      },
    {"overload_again_s", KIND_INT,      AT(overload_again_s), 0,         9999      },
    {"lacks",            KIND_LACKS,    0,                    0,         0         },
#undef AT
#undef FIRST
#undef MONEY
};
#define NSETTINGS (sizeof settings / sizeof *settings)

static int
parse_int(const struct setting *s, const char *text, int64_t *n, struct err *e)
{
	char *end;

	errno = 0;
	*n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || isspace((unsigned char)*text))
		return err_set(e, ERR_INPUT, "%s: '%s' is not a whole number", s->name, text);
	if (*n < s->least || *n > s->most)
		return err_set(e, ERR_INPUT, "%s: %s is not within %lld and %lld", s->name, text,
		    (long long)s->least, (long long)s->most);
	return 0;
}

static int
parse_bool(const struct setting *s, const char *text, bool *b, struct err *e)
{
	*b = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	if (!*b && strcmp(text, "no") != 0 && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return err_set(e, ERR_INPUT, "%s: '%s' is neither yes nor no", s->name, text);
	return 0;
}

static int
parse_digits(const struct setting *s, const char *text, struct err *e)
{
	if (strlen(text) != (size_t)s->most || strspn(text, "0123456789") != (size_t)s->most)
		return err_set(
		    e, ERR_INPUT, "%s: '%s' is not %d digits", s->name, text, (int)s->most);
	return 0;
}

static int
set_prices(struct vmeter *v, const struct setting *s, const char *text, struct err *e)
{
	char copy[64], *rest = copy, *one;
	int64_t prices[BANDS];
	int n = 0;

	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
		return err_set(e, ERR_INPUT, "prices: too long");
	while ((one = strsep(&rest, ",")) != NULL) {
		if (n == BANDS)
			return err_set(e, ERR_INPUT, "prices: more than %d", BANDS);
		if (parse_int(s, one, &prices[n++], e) < 0)
			return -1;
	}
	if (n != BANDS)
		return err_set(e, ERR_INPUT, "prices: %d of %d", n, BANDS);
	memcpy(vmeter_set_of(v, SET_PRICES)->price_micro, prices, sizeof prices);
	return 0;
}

static int
set_lacks(struct vmeter *v, const char *text, struct err *e)
{
	uint32_t found[LACKS] = {0};
	char *end;

	for (int n = 0; *text != '\0'; n++) {
		unsigned long di = strtoul(text, &end, 16);

		if (n == LACKS || end != text + 8 || (*end != ',' && *end != '\0'))
			return err_set(e, ERR_INPUT,
			    "lacks: '%s' is not up to %d identifiers of 8 digits", text, LACKS);
		found[n] = (uint32_t)di;
		text = *end == ',' ? end + 1 : end;
	}
	memcpy(v->lacks, found, sizeof v->lacks);
	return 0;
}

static const char *const profiles[] = {[VMETER_REMOTE] = "remote",
    [VMETER_WALLET_ESAM] = "wallet-esam",
    [VMETER_WALLET_PLAIN] = "wallet-plain",
    [VMETER_EAST] = "east"};

static int
set_profile(struct vmeter *v, const char *text, struct err *e)
{
	size_t i = 0;

	while (i < sizeof profiles / sizeof *profiles && strcmp(profiles[i], text) != 0)
		i++;
	if (i < sizeof profiles / sizeof *profiles)
		v->profile = (enum vmeter_profile)i;
	else
		return err_set(e, ERR_INPUT, "profile: '%s' is none", text);
	if (v->profile == VMETER_WALLET_PLAIN || v->profile == VMETER_EAST)
		v->opened = true; /* it knows no opening */
	return 0;
}

/* A relay that is open from the start waits for credit in a wallet, for an order elsewhere. */
static int
set_relay(struct vmeter *v, const char *text, struct err *e)
{
	if (strcmp(text, "open") != 0 && strcmp(text, "closed") != 0 &&
	    strcmp(text, "permitted") != 0)
		return err_set(
		    e, ERR_INPUT, "relay: '%s' is none of open, closed, permitted", text);
	v->open = strcmp(text, "closed") != 0;
	v->commanded = strcmp(text, "open") == 0;
	v->by_self = v->commanded;
	return 0;
}

static void
set_credit(struct vmeter *v, int64_t minor)
{
	bool was_begun = v->begun;

	v->credit_minor = minor;
	v->grains = 0;
	if (!was_begun)
		return;
	vmeter_tell(v, v->at_us, "tamper", "\"what\":\"credit set\",\"credit_minor\":%lld",
	    (long long)minor);
}

static void
set_number(struct vmeter *v, const struct setting *s, int64_t n)
{
	switch (s->kind) {
	case KIND_PRICE:
		for (int i = 0; i < BANDS; i++)
			vmeter_set_of(v, SET_PRICES)->price_micro[i] = n;
		break;
	case KIND_ENERGY: /* the tariffs add up to the total */
		v->month_start_wus += n * WUS_PER_WH - v->wus[0];
		memset(v->wus, 0, sizeof v->wus);
		v->wus[0] = v->wus[3] = n * WUS_PER_WH;
		break;
	case KIND_COUNT:
		v->purchases = (uint32_t)n;
		break;
	case KIND_OFFSET:
		vmeter_clock_set(v, v->at_us + n * SECOND_US);
		break;
	case KIND_DRIFT:
		vmeter_clock_set(v, vmeter_clock(v, v->at_us));
		v->drift_ppm = n;
		vmeter_clock_set(v, v->clock_base_us);
		break;
	case KIND_CREDIT:
		set_credit(v, n);
		break;
	case KIND_HISTORY:
		v->history_days = (int)n;
		break;
	case KIND_PART:
		v->part = (size_t)n;
		break;
	case KIND_LIMIT:
		v->limit_dw = n * 10;
		break;
	default:
		memcpy((char *)v + s->offset, &n, sizeof n);
	}
}

static int
set_one(struct vmeter *v, const struct setting *s, const char *value, struct err *e)
{
	uint8_t six[6];
	int64_t n;

	switch (s->kind) {
	case KIND_BOOL:
		return parse_bool(s, value, (bool *)((char *)v + s->offset), e);
	case KIND_DIGITS:
		if (parse_digits(s, value, e) < 0)
			return -1;
		memcpy((char *)v + s->offset, value, strlen(value) + 1);
		return 0;
	case KIND_PASSWORD:
		if (parse_digits(s, value, e) < 0)
			return -1;
		n = strtoll(value, NULL, 16);
		for (int i = 0; i < 3; i++, n >>= 8)
			six[i] = (uint8_t)n;
		memcpy(v->password, six, sizeof v->password);
		return 0;
	case KIND_PROFILE:
		return set_profile(v, value, e);
	case KIND_PRICES:
		return set_prices(v, s, value, e);
	case KIND_LACKS:
		return set_lacks(v, value, e);
	case KIND_RELAY:
		return set_relay(v, value, e);
	default:
		if (parse_int(s, value, &n, e) < 0)
			return -1;
		set_number(v, s, n);
		return 0;
	}
}

int
vmeter_set(struct vmeter *v, const char *name, const char *value, int64_t now_us, struct err *e)
{
	if (v->begun)
		vmeter_run(v, now_us);
	for (size_t i = 0; i < NSETTINGS; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (set_one(v, &settings[i], value, e) < 0)
			return -1;
		if (v->begun && (strcmp(name, "watts") == 0 || strcmp(name, "energy_wh") == 0))
			vmeter_tell_load(v);
		if (v->begun)
			vmeter_judge(v);
		return 0;
	}
	return err_set(e, ERR_INPUT, "no setting is called '%s'", name);
}

const char *
vmeter_address(const struct vmeter *v)
{
	return v->address;
}

struct faults *
vmeter_faults(struct vmeter *v)
{
	return &v->faults;
}

uint64_t *
vmeter_dice(struct vmeter *v)
{
	return &v->dice;
}

static void
state_records(const struct vmeter *v, struct buf *json)
{
	uint32_t n = v->recharges.total < RECORDS ? v->recharges.total : RECORDS;

	buf_put_text(json, ",\"records\":[");
	for (uint32_t i = 0; i < n; i++) {
		const struct purchase *p = &v->recharges.at[i];

		buf_printf(json,
		    "%s{\"clock_us\":%lld,\"count\":%u,\"amount_minor\":%lld,\"before_minor\":%lld,"
		    "\"after_minor\":%lld,\"bought_minor\":%lld}",
		    i > 0 ? "," : "", (long long)p->clock_us, p->count, (long long)p->amount_minor,
		    (long long)p->before_minor, (long long)p->after_minor,
		    (long long)p->bought_minor);
	}
	buf_put_text(json, "]");
}

static void
state_energy(const struct vmeter *v, struct buf *json)
{
	buf_printf(json, ",\"watts\":%lld,\"energy_wh\":%lld", (long long)v->watts,
	    (long long)(v->wus[0] / WUS_PER_WH));
	for (int i = 1; i < REGISTERS; i++)
		buf_printf(json, ",\"t%d_wh\":%lld", i, (long long)(v->wus[i] / WUS_PER_WH));
	buf_printf(json, ",\"month_wh\":%lld,\"band\":%d,\"price_micro\":%lld,\"freezes\":%d",
	    (long long)((v->wus[0] - v->month_start_wus) / WUS_PER_WH), v->band,
	    (long long)vmeter_price(v), v->nfreezes);
	buf_printf(json, ",\"energy_wus\":%lld,\"step\":%d,\"in_force\":[%d,%d,%d,%d]",
	    (long long)v->wus[0], vmeter_step(v), v->switches[SET_ZONES].now + 1,
	    v->switches[SET_TABLES].now + 1, v->switches[SET_STEPS].now + 1,
	    v->switches[SET_PRICES].now + 1);
	if (v->nfreezes > 0)
		buf_printf(json, ",\"frozen_us\":%lld,\"frozen_wh\":%lld",
		    (long long)v->freezes[0].clock_us, (long long)v->freezes[0].regs[0] * 10);
}

void
vmeter_state(struct vmeter *v, int64_t now_us, struct buf *json)
{
#define YES(b) ((b) ? "true" : "false")
	vmeter_run(v, now_us);
	buf_printf(json, "{\"address\":\"%s\",\"profile\":\"%s\",\"t_us\":%lld,\"clock_us\":%lld",
	    v->address, profiles[v->profile], (long long)v->at_us,
	    (long long)vmeter_clock(v, v->at_us));
	buf_printf(json, ",\"relay\":\"%s\",\"status\":%u,\"keep\":%s,\"alarm\":%s,\"power\":%s",
	    vmeter_relay_word(v), vmeter_status(v), YES(v->keep), YES(v->alarm), YES(!v->off));
	state_energy(v, json);
	buf_printf(json,
	    ",\"credit_minor\":%lld,\"grains\":%lld,\"purchases\":%u,\"bought_minor\":%lld",
	    (long long)v->credit_minor, (long long)v->grains, v->purchases,
	    (long long)v->bought_minor);
	buf_printf(json, ",\"customer\":\"%s\",\"opened\":%s,\"warn1\":%lld,\"warn2\":%lld",
	    v->customer, YES(v->opened), (long long)v->warn_minor[0], (long long)v->warn_minor[1]);
	state_records(v, json);
	buf_printf(json,
	    ",\"trips\":%u,\"closes\":%u,\"covers\":%u,\"terminals\":%u,\"power_downs\":%u",
	    v->trips.total, v->closes.total, v->covers.total, v->terminals.total, v->outages.total);
	buf_printf(json, ",\"limit_watts\":%lld,\"overloads\":%u,\"overloaded\":%s",
	    (long long)v->limit_dw / 10, v->overloads.total, YES(vmeter_overloaded(v)));
	buf_printf(json, ",\"programmings\":%u,\"boots\":%u,\"locked\":%s,\"auth\":%s",
	    v->programmings.total, v->boots, YES(v->at_us < v->locked_until_us),
	    YES(esam_authenticated(&v->chip, v->at_us)));
	buf_printf(json, ",\"frames_in\":%u,\"frames_out\":%u}", v->frames_in, v->frames_out);
#undef YES
}
