#include "sim/fleet.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "model/meter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIALS_A_SECOND 4000 /* a whole fleet does not come back within one packet */
#define LINE_MOST      1024

struct fleet {
	const struct wire_conf *conf;
	const struct vmeter_world *world;
	uint64_t seed;
	struct unit **units;
	size_t nunits, room;
	struct map *by_address;
	struct wire **wires, **dtus;
	size_t nwires, wires_room, ndtus;
	struct faults faults;
	struct buf preset; /* key=value words */
};

struct fleet *
fleet_new(const struct wire_conf *conf, const struct vmeter_world *world, uint64_t seed)
{
	struct fleet *f = mem_new(sizeof *f);

	f->conf = conf;
	f->world = world;
	f->seed = seed;
	f->by_address = map_new();
	return f;
}

void
fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->nwires; i++)
		wire_free(f->wires[i]);
	for (size_t i = 0; i < f->nunits; i++) {
		timer_stop(&f->units[i]->wake);
		vmeter_free(f->units[i]->v);
		free(f->units[i]);
	}
	map_free(f->by_address);
	buf_clear(&f->preset);
	free(f->wires);
	free(f->units);
	free(f->dtus);
	free(f);
}

static int64_t
key_of(const char *address)
{
	return strtoll(address, NULL, 10);
}

struct unit *
fleet_find(const struct fleet *f, const char *address)
{
	return map_get(f->by_address, key_of(address));
}

size_t
fleet_count(const struct fleet *f)
{
	return f->nunits;
}

struct unit *
fleet_at(const struct fleet *f, size_t i)
{
	return f->units[i];
}

size_t
fleet_connected(const struct fleet *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->nwires; i++)
		n += wire_up(f->wires[i]);
	return n;
}

static struct wire *
add_wire(struct fleet *f, enum wire_kind kind, const char *name, int64_t sleep_us)
{
	if (f->nwires == f->wires_room) {
		f->wires_room = f->wires_room > 0 ? 2 * f->wires_room : 64;
		f->wires = mem_more(f->wires, f->wires_room * sizeof(struct wire *));
	}
	f->wires[f->nwires] =
	    wire_new(f->conf, kind, name, sleep_us, f->seed + 0x5eed * (f->nwires + 1));
	return f->wires[f->nwires++];
}

static struct wire *
dtu_wire(struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->ndtus; i++)
		if (strcmp(wire_word(f->dtus[i]), name) == 0)
			return f->dtus[i];
	f->dtus = mem_more(f->dtus, (f->ndtus + 1) * sizeof(struct wire *));
	f->dtus[f->ndtus] = add_wire(f, WIRE_DTU, name, 0);
	return f->dtus[f->ndtus++];
}

static int
link_unit(struct fleet *f, struct unit *u, const char *link, struct err *e)
{
	char *end;
	long seconds;

	if (strcmp(link, "direct") == 0) {
		u->wire = add_wire(f, WIRE_DIRECT, "", 0);
	} else if (strncmp(link, "dtu:", 4) == 0 && strlen(link) >= 5 && strlen(link) < 28) {
		u->wire = dtu_wire(f, link + 4);
	} else if (strncmp(link, "sleep:", 6) == 0) {
		seconds = strtol(link + 6, &end, 10);
		if (end == link + 6 || *end != '\0' || seconds < 1 || seconds > 864000)
			return err_set(e, ERR_INPUT, "link: '%s' is not sleep:SECONDS", link);
		u->wire = add_wire(f, WIRE_SLEEP, "", seconds * SECOND_US);
	} else {
		return err_set(
		    e, ERR_INPUT, "link: '%s' is none of direct, dtu:NAME, sleep:SECONDS", link);
	}
	wire_join(u->wire, u);
	return 0;
}

static struct unit *
add_unit(struct fleet *f, const char *address, struct err *e)
{
	struct unit *u;

	if (meter_address_check(address, e) < 0)
		return NULL;
	if (fleet_find(f, address) != NULL) {
		err_set(e, ERR_INPUT, "meter %s is there twice", address);
		return NULL;
	}
	u = mem_new(sizeof *u);
	u->v = vmeter_new(f->world, address, f->seed, loop_now_us(f->conf->loop));
	*vmeter_faults(u->v) = f->faults;
	if (f->nunits == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 64;
		f->units = mem_more(f->units, f->room * sizeof(struct unit *));
	}
	f->units[f->nunits++] = u;
	map_put(f->by_address, key_of(address), u);
	return u;
}

/* Words of key=value onto one meter; `link` is kept for later. */
static int
apply_words(struct fleet *f, struct unit *u, const char *words, char link[64], struct err *e)
{
	char copy[LINE_MOST], *rest = copy, *word, *value;

	snprintf(copy, sizeof copy, "%s", words);
	while ((word = strsep(&rest, " \t\r\n")) != NULL) {
		if (*word == '\0')
			continue;
		value = strchr(word, '=');
		if (value == NULL)
			return err_set(e, ERR_INPUT, "'%s' is not key=value", word);
		*value++ = '\0';
		if (strcmp(word, "link") == 0)
			snprintf(link, 64, "%s", value);
		else if (vmeter_set(u->v, word, value, loop_now_us(f->conf->loop), e) < 0)
			return -1;
	}
	return 0;
}

static int
add_meter(struct fleet *f, const char *address, const char *words, struct err *e)
{
	char link[64] = "direct";
	struct unit *u = add_unit(f, address, e);

	if (u == NULL)
		return -1;
	if (f->preset.len > 0 && apply_words(f, u, buf_text(&f->preset), link, e) < 0)
		return -1;
	if (apply_words(f, u, words, link, e) < 0)
		return -1;
	return link_unit(f, u, link, e);
}

int
fleet_preset(struct fleet *f, const char *pair, struct err *e)
{
	if (strchr(pair, '=') == NULL || strpbrk(pair, " \t") != NULL)
		return err_set(e, ERR_INPUT, "'%s' is not key=value", pair);
	buf_printf(&f->preset, " %s", pair);
	return 0;
}

int
fleet_preset_fault(struct fleet *f, const char *pair, struct err *e)
{
	return fault_set_pair(&f->faults, pair, e);
}

int
fleet_add_line(struct fleet *f, const char *line, struct err *e)
{
	char copy[LINE_MOST], *words = copy, *address;

	if ((size_t)snprintf(copy, sizeof copy, "%s", line) >= sizeof copy)
		return err_set(e, ERR_INPUT, "longer than %d", LINE_MOST);
	copy[strcspn(copy, "#\r\n")] = '\0';
	words += strspn(words, " \t");
	if (*words == '\0')
		return 0;
	if (strncmp(words, "address=", 8) != 0)
		return err_set(e, ERR_INPUT, "does not begin with address=");
	words += 8;
	address = strsep(&words, " \t");
	return add_meter(f, address, words != NULL ? words : "", e);
}

int
fleet_add_file(struct fleet *f, const char *path, struct err *e)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int number = 0, rc = 0;

	if (in == NULL)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	while (rc == 0 && getline(&line, &room, in) >= 0) {
		number++;
		rc = fleet_add_line(f, line, e);
	}
	if (rc < 0)
		err_wrap(e, "%s:%d", path, number);
	free(line);
	fclose(in);
	return rc;
}

int
fleet_add_many(struct fleet *f, const char *first, int64_t n, const char *profile, struct err *e)
{
	char address[24], words[64] = "";
	long long from;

	if (meter_address_check(first, e) < 0)
		return -1;
	from = strtoll(first, NULL, 10);
	if (from + n - 1 > 999999999999)
		return err_set(
		    e, ERR_INPUT, "%lld meters from %s on have no addresses", (long long)n, first);
	if (profile != NULL)
		snprintf(words, sizeof words, "profile=%s", profile);
	for (int64_t i = 0; i < n; i++) {
		snprintf(address, sizeof address, "%012lld", from + i);
		if (add_meter(f, address, words, e) < 0)
			return -1;
	}
	return 0;
}

int
fleet_clone(struct fleet *f, const char *address, struct err *e)
{
	struct unit *u = fleet_find(f, address);
	struct wire *w;

	if (u == NULL)
		return err_set(e, ERR_INPUT, "no meter %s", address);
	w = add_wire(f, WIRE_DIRECT, "", 0);
	wire_join(w, u);
	wire_start(w, 0);
	return 0;
}

void
fleet_drop(struct fleet *f, const struct unit *u)
{
	for (size_t i = 0; i < f->nwires; i++)
		if (wire_has(f->wires[i], u))
			wire_drop(f->wires[i]);
}

void
fleet_network(struct fleet *f, bool on)
{
	for (size_t i = 0; i < f->nwires; i++)
		wire_network(f->wires[i], on);
}

static void
begin(struct fleet *f, struct unit *u)
{
	vmeter_begin(u->v, loop_now_us(f->conf->loop));
	unit_stir(f->conf->loop, u);
}

void
fleet_start(struct fleet *f)
{
	for (size_t i = 0; i < f->nwires; i++)
		wire_start(f->wires[i], (int64_t)i * SECOND_US / DIALS_A_SECOND);
	for (size_t i = 0; i < f->nunits; i++)
		begin(f, f->units[i]);
}

int
fleet_join(struct fleet *f, const char *line, struct err *e)
{
	size_t units = f->nunits, wires = f->nwires;

	if (fleet_add_line(f, line, e) < 0)
		return -1;
	for (; wires < f->nwires; wires++) /* or it hangs on a converter that is there */
		wire_start(f->wires[wires], 0);
	for (; units < f->nunits; units++)
		begin(f, f->units[units]);
	return 0;
}
