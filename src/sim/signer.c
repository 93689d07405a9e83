#include "sim/signer.h"

#include "base/buf.h"
#include "base/err.h"
#include "sim/esam.h"
#include "sim/fault.h"
#include "sim/line_server.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mood { MOOD_OK, MOOD_SLOW, MOOD_SILENT, MOOD_WRONG, MOOD_WRONG_MAC, MOOD_ERROR };

struct test_signer {
	struct line_server *server;
	uint8_t master[ESAM_MASTER];
	uint64_t dice;
	enum mood mood;
	int64_t slow_us;
};

static void
put_hex(cJSON *out, const char *name, const void *bytes, size_t len)
{
	char hex[2 * ESAM_SEALED + 1];

	hex_out(hex, span_of(bytes, len));
	cJSON_AddStringToObject(out, name, hex);
}

static int
get_digits(const cJSON *in, const char *name, char out[static 13], struct err *e)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(in, name);

	if (!cJSON_IsString(j) || strlen(j->valuestring) != 12 ||
	    strspn(j->valuestring, "0123456789") != 12)
		return err_set(e, ERR_INPUT, "%s is not 12 digits", name);
	memcpy(out, j->valuestring, 13);
	return 0;
}

/* Hex of at least `least` and at most `most` bytes. */
static int
get_hex(const cJSON *in, const char *name, uint8_t *out, size_t least, size_t most, size_t *len,
    struct err *e)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(in, name);
	struct buf b = {0};
	int rc = -1;

	if (!cJSON_IsString(j))
		return err_set(e, ERR_INPUT, "%s is missing", name);
	if (hex_in(&b, j->valuestring, e) < 0)
		err_wrap(e, "%s", name);
	else if (b.len < least || b.len > most)
		err_set(e, ERR_INPUT, "%s has %zu bytes", name, b.len);
	else
		rc = 0;
	if (rc == 0 && b.len > 0)
		memcpy(out, b.bytes, b.len);
	if (rc == 0 && len != NULL)
		*len = b.len;
	buf_clear(&b);
	return rc;
}

static int
get_u32(const cJSON *in, const char *name, uint32_t *out, struct err *e)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(in, name);

	if (!cJSON_IsNumber(j) || j->valuedouble < 0 || j->valuedouble > UINT32_MAX ||
	    (double)(uint32_t)j->valuedouble != j->valuedouble)
		return err_set(e, ERR_INPUT, "%s is not a whole number of 32 bits", name);
	*out = (uint32_t)j->valuedouble;
	return 0;
}

struct request {
	const cJSON *in;
	cJSON *out;
	char meter[13];
	uint8_t key[ESAM_KEY], rand2[4];
	uint64_t chance;
};

static int
sign_auth(struct request *r, struct err *e)
{
	uint8_t rand1[8], cipher[8], diversity[8];

	(void)e;
	for (int i = 0; i < 8; i++)
		rand1[i] = (uint8_t)(r->chance >> 8 * i);
	esam_auth_cipher(r->key, rand1, cipher);
	esam_diversity(r->meter, diversity);
	put_hex(r->out, "cipher", cipher, sizeof cipher);
	put_hex(r->out, "rand1", rand1, sizeof rand1);
	put_hex(r->out, "diversity", diversity, sizeof diversity);
	return 0;
}

static int
sign_money(struct request *r, uint32_t di, struct err *e)
{
	uint32_t amount, count;
	uint8_t customer[6], mac[4];
	char digits[13] = "";

	if (get_u32(r->in, "amount", &amount, e) < 0 || get_u32(r->in, "count", &count, e) < 0 ||
	    get_digits(r->in, "customer", digits, e) < 0)
		return -1;
	for (int i = 0; i < 6; i++)
		customer[5 - i] = (uint8_t)((digits[2 * i] - '0') * 16 + (digits[2 * i + 1] - '0'));
	esam_mac_amount(r->key, r->rand2, di, amount, count, mac);
	put_hex(r->out, "mac1", mac, sizeof mac);
	esam_mac_customer(r->key, r->rand2, di, count, customer, mac);
	put_hex(r->out, "mac2", mac, sizeof mac);
	return 0;
}

static int
sign_open(struct request *r, struct err *e)
{
	return sign_money(r, ESAM_DI_OPEN, e);
}

static int
sign_recharge(struct request *r, struct err *e)
{
	return sign_money(r, ESAM_DI_CREDIT, e);
}

static void
put_sealed(struct request *r, const uint8_t *clear, size_t len)
{
	uint8_t sealed[ESAM_SEALED], mac[4];
	size_t n = esam_seal(r->key, span_of(clear, len), sealed);

	esam_mac(r->key, r->rand2, span_of(sealed, n), mac);
	put_hex(r->out, "cipher", sealed, n);
	put_hex(r->out, "mac1", mac, sizeof mac);
}

static int
sign_control(struct request *r, struct err *e)
{
	uint8_t clear[8];

	if (get_hex(r->in, "n1", clear, 1, 1, NULL, e) < 0 ||
	    get_hex(r->in, "n2", clear + 1, 1, 1, NULL, e) < 0 ||
	    get_hex(r->in, "until", clear + 2, 6, 6, NULL, e) < 0)
		return -1;
	put_sealed(r, clear, sizeof clear);
	return 0;
}

/* di travels lowest byte first, the data behind it. */
static int
get_parameter(struct request *r, uint8_t *out, size_t *len, struct err *e)
{
	uint8_t di[4] = {0};

	if (get_hex(r->in, "di", di, 4, 4, NULL, e) < 0 ||
	    get_hex(r->in, "data", out + 4, 0, 200, len, e) < 0)
		return -1;
	for (int i = 0; i < 4; i++)
		out[i] = di[3 - i];
	*len += 4;
	return 0;
}

static int
sign_write98(struct request *r, struct err *e)
{
	uint8_t clear[204];
	size_t len;

	if (get_parameter(r, clear, &len, e) < 0)
		return -1;
	put_sealed(r, clear, len);
	return 0;
}

static int
sign_write99(struct request *r, struct err *e)
{
	uint8_t covered[204], mac[4];
	size_t len;

	if (get_parameter(r, covered, &len, e) < 0)
		return -1;
	esam_mac(r->key, r->rand2, span_of(covered, len), mac);
	put_hex(r->out, "mac1", mac, sizeof mac);
	return 0;
}

static const struct op {
	const char *name;
	bool challenge; /* needs rand2 */
	int (*sign)(struct request *r, struct err *e);
} ops[] = {
    {"auth",     false, sign_auth    },
    {"open",     true,  sign_open    },
    {"recharge", true,  sign_recharge},
    {"control",  true,  sign_control },
    {"write98",  true,  sign_write98 },
    {"write99",  true,  sign_write99 },
};

static int
sign(struct request *r, const uint8_t master[ESAM_MASTER], struct err *e)
{
	const cJSON *op = cJSON_GetObjectItemCaseSensitive(r->in, "op");

	if (!cJSON_IsString(op))
		return err_set(e, ERR_INPUT, "op is missing");
	if (get_digits(r->in, "meter", r->meter, e) < 0)
		return -1;
	esam_meter_key(master, r->meter, r->key);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (strcmp(ops[i].name, op->valuestring) != 0)
			continue;
		if (ops[i].challenge && get_hex(r->in, "rand2", r->rand2, 4, 4, NULL, e) < 0)
			return -1;
		return ops[i].sign(r, e);
	}
	return err_set(e, ERR_INPUT, "no op is called '%.40s'", op->valuestring);
}

static cJSON *
answer_begin(const cJSON *in)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(in, "id");

	if (id != NULL)
		cJSON_AddItemToObject(out, "id", cJSON_Duplicate(id, true));
	return out;
}

static void
answer_end(cJSON *out, struct buf *answer)
{
	char *text = cJSON_PrintUnformatted(out);

	if (text == NULL)
		abort();
	buf_put_text(answer, text);
	cJSON_free(text);
	cJSON_Delete(out);
}

static void
refuse(const cJSON *in, const char *words, struct buf *answer)
{
	cJSON *out = answer_begin(in);

	cJSON_AddStringToObject(out, "error", words);
	answer_end(out, answer);
}

void
test_signer_answer(
    const uint8_t master[ESAM_MASTER], uint64_t chance, const char *line, struct buf *answer)
{
	cJSON *in = cJSON_Parse(line);
	struct request r = {.in = in, .chance = chance};
	struct err e;

	if (!cJSON_IsObject(in)) {
		refuse(in, "not a JSON object", answer);
		cJSON_Delete(in);
		return;
	}
	r.out = answer_begin(in);
	if (sign(&r, master, &e) == 0) {
		answer_end(r.out, answer);
	} else {
		cJSON_Delete(r.out);
		refuse(in, e.text, answer);
	}
	cJSON_Delete(in);
}

static bool
is_auth(const char *line)
{
	cJSON *in = cJSON_Parse(line);
	const cJSON *op = cJSON_GetObjectItemCaseSensitive(in, "op");
	bool is = cJSON_IsString(op) && strcmp(op->valuestring, "auth") == 0;

	cJSON_Delete(in);
	return is;
}

static int64_t
on_line(void *arg, char *line, struct buf *answer)
{
	struct test_signer *s = arg;
	uint8_t other[ESAM_MASTER];
	cJSON *in;

	if (s->mood == MOOD_SILENT)
		return -1;
	memcpy(other, s->master, sizeof other);
	if (s->mood == MOOD_WRONG || (s->mood == MOOD_WRONG_MAC && !is_auth(line)))
		other[0] ^= 0xff;
	if (s->mood == MOOD_ERROR) {
		in = cJSON_Parse(line);
		refuse(in, "the machine is told to refuse", answer);
		cJSON_Delete(in);
	} else {
		test_signer_answer(other, dice_roll(&s->dice), line, answer);
	}
	return s->mood == MOOD_SLOW ? s->slow_us : 0;
}

struct test_signer *
test_signer_new(struct loop *loop, const char *path, const uint8_t master[ESAM_MASTER],
    uint64_t seed, struct err *e)
{
	struct test_signer *s = mem_new(sizeof *s);

	memcpy(s->master, master, sizeof s->master);
	s->dice = seed ^ 0x7369676eu;
	s->server = line_server_new(loop, path, on_line, s, e);
	if (s->server != NULL)
		return s;
	free(s);
	return NULL;
}

void
test_signer_free(struct test_signer *s)
{
	if (s == NULL)
		return;
	line_server_free(s->server);
	free(s);
}

int
test_signer_behave(struct test_signer *s, const char *how, const char *amount, struct err *e)
{
	static const char *const names[] = {
	    [MOOD_OK] = "ok",
	    [MOOD_SLOW] = "slow",
	    [MOOD_SILENT] = "silent",
	    [MOOD_WRONG] = "wrong",
	    [MOOD_WRONG_MAC] = "wrong_mac",
	    [MOOD_ERROR] = "error",
	};
	char *end;
	long ms;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(how, names[i]) != 0)
			continue;
		if (i == MOOD_SLOW) {
			ms = amount != NULL ? strtol(amount, &end, 10) : -1;
			if (ms < 0 || *end != '\0' || ms > 3600000)
				return err_set(e, ERR_INPUT, "slow wants milliseconds");
			s->slow_us = ms * 1000;
		}
		s->mood = (enum mood)i;
		return 0;
	}
	return err_set(
	    e, ERR_INPUT, "'%s' is none of ok, slow, silent, wrong, wrong_mac, error", how);
}
