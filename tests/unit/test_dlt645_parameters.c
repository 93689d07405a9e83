/* dlt645_parameters: settings as bytes, and the talk that writes them and reads them back. */
#include "codec/dlt645_parameters.h"

#include "base/err.h"
#include "codec/dlt645.h"
#include "codec/meter_protocol.h"
#include "codec/webhook.h"
#include "model/calendar.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS "123456789012" /* as in the examples of dlt645.md */
#define NOW     INT64_C(1795158000000000)

/* Capitals without blanks. */
static const char *
hex_of(const uint8_t *bytes, size_t len)
{
	static char out[1024];

	hex_out(out, span_of(bytes, len));
	return out;
}

static void
is(const struct parameter *p, uint32_t di, const char *hex)
{
	ck_assert_uint_eq(p->id, di);
	ck_assert_str_eq(hex_of(p->data, p->len), hex);
}

/* Two zones, two tables, a holiday, two steps, two prices. */
static struct meter_tariff
tariff(void)
{
	return (struct meter_tariff){
	    .priced = true,
	    .ntariffs = 2,
	    .nsteps = 1,
	    .price_micro = {1177000,  339000},
	    .step_wh = {230000       },
	    .step_micro = {0, 50000},
	    .settle_day = 25,
	    .settle_hour = 8,
	    .nzones = 2,
	    .ntables = 2,
	    .nholidays = 1,
	    .zone = {{601, 2},   {1001, 1}},
	    .table = {{2, {{0, 2}, {510, 1}}}, {1, {{0, 2}}}},
	    .holiday = {{20261001, 2}       },
	    .workdays = 0x3e,
	    .weekend_table = 2,
	    .switch_us = INT64_C(1796054400000000), /* 2026-12-01 00:00 in Shanghai */
	};
}

/* --- bytes ------------------------------------------------------------------------------- */

/* 2.5: "up to 14 x (MM DD NN); wire per entry NN DD MM", "(hh mm NN); wire NN mm hh". */
START_TEST(zones_and_tables_are_filled_up_with_their_last_entry)
{
	struct meter_tariff t = tariff();
	struct meter_room room = {.zones = 3, .tables = 8, .slots = 4, .steps = 2};
	struct parameter p[DLT645_PARAMETERS];

	ck_assert_int_eq(dlt645_group_items(&t, &room, GROUP_ZONES, false, p), 1);
	is(&p[0], 0x04010000,
	    "020106"
	    "010110"
	    "010110");
	ck_assert_int_eq(dlt645_group_items(&t, &room, GROUP_TABLES, true, p), 2);
	is(&p[0], 0x04020001,
	    "020000"
	    "013008"
	    "013008"
	    "013008");
	is(&p[1], 0x04020002,
	    "020000"
	    "020000"
	    "020000"
	    "020000");
}
END_TEST

/* 2.5: prices "4 B NNNN.NNNN", step limits "4 B XXXXXX.XX kWh", low byte first (2.1). */
START_TEST(steps_nobody_wants_begin_where_no_register_gets)
{
	struct meter_tariff t = tariff();
	struct meter_room room = {.steps = 2};
	struct parameter p[DLT645_PARAMETERS];

	ck_assert_int_eq(dlt645_group_items(&t, &room, GROUP_STEPS, true, p), 5);
	is(&p[0], 0x04060201, "00300200"); /* 230.00 kWh */
	is(&p[1], 0x04060202, "99999999");
	is(&p[2], 0x04060301, "00000000");
	is(&p[3], 0x04060302, "00050000"); /* 0.0500 */
	is(&p[4], 0x04060303, "00050000");
	ck_assert_int_eq(dlt645_group_items(&t, &room, GROUP_STEPS, false, p), 5);
	ck_assert_uint_eq(p[0].id, 0x04060001);
	ck_assert_uint_eq(p[2].id, 0x04060101);
	ck_assert_int_eq(dlt645_group_items(&t, &room, GROUP_PRICES, true, p), 2);
	is(&p[0], 0x04050201, "70170100"); /* 1.1770 */
	is(&p[1], 0x04050202, "90330000"); /* 0.3390 */
}
END_TEST

/* 2.4: 04000205 2 B, 0801 "b0 Sun .. b6 Sat, 1 = work", 0B01 DDhh; 2.5: holiday YY MM DD NN. */
START_TEST(what_is_there_once)
{
	struct meter_tariff t = tariff();
	struct parameter p[DLT645_PARAMETERS];

	ck_assert_int_eq(dlt645_single_items(&t, p), 5);
	is(&p[0], 0x04030001, "02011026");
	is(&p[1], 0x04000205, "0100");
	is(&p[2], 0x04000802, "02");
	is(&p[3], 0x04000801, "3E");
	is(&p[4], 0x04000b01, "0825");
	t.workdays = 0x7f;
	t.settle_day = 0;
	ck_assert_int_eq(dlt645_single_items(&t, p), 3);
}
END_TEST

/* 2.4: 04000106 to 0109, YYMMDDhhmm. */
START_TEST(switch_times_are_on_the_meters_clock)
{
	struct err e;
	struct calendar *zone = calendar_new("Asia/Shanghai", &e);
	struct parameter p;

	p = dlt645_switch_item(GROUP_PRICES, zone, tariff().switch_us);
	is(&p, 0x04000108, "0000011226");
	p = dlt645_switch_item(GROUP_ZONES, zone, tariff().switch_us + 59 * 60000000LL);
	is(&p, 0x04000106, "5900011226");
	calendar_free(zone);
}
END_TEST

/* 4.3, and 2.4 for the classes of single items. */
START_TEST(each_parameter_has_its_class)
{
	static const uint32_t signed_99[] = {
	    0x04000108, 0x0400040e, 0x04001001, 0x04001002, 0x04050101, 0x04050204};
	static const uint32_t sealed_98[] = {0x04000106, 0x04000107, 0x04000109, 0x04000201,
	    0x04000207, 0x04000801, 0x04000802, 0x04000b01, 0x04001003, 0x04001004, 0x04001005,
	    0x04010000, 0x04020008, 0x040300fe, 0x04060301};

	for (size_t i = 0; i < sizeof signed_99 / sizeof *signed_99; i++)
		ck_assert_uint_eq(dlt645_write_level(signed_99[i]), 0x99);
	for (size_t i = 0; i < sizeof sealed_98 / sizeof *sealed_98; i++)
		ck_assert_uint_eq(dlt645_write_level(sealed_98[i]), 0x98);
	ck_assert_uint_eq(dlt645_write_level(0x04000101), 0);
	ck_assert_uint_eq(dlt645_write_level(0x04000e01), 0);
}
END_TEST

static void
saw(struct parameter *p, const char *hex)
{
	struct buf b = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&b, hex, &e), 0);
	p->seen_len = (uint8_t)b.len;
	memcpy(p->seen, b.bytes, b.len);
	buf_clear(&b);
}

START_TEST(a_meter_tells_its_counts_its_sets_and_its_switch_times)
{
	struct parameter p[DLT645_FACTS];
	struct dlt645_facts f;
	struct err e;
	struct calendar *zone = calendar_new("Asia/Shanghai", &e);

	ck_assert_int_eq(dlt645_facts_items(true, p), DLT645_FACTS);
	saw(&p[0], "0104"); /* 2.6: b0 second day tables, b10 second prices */
	saw(&p[1], "14");
	saw(&p[2], "08");
	saw(&p[3], "10");
	saw(&p[4], "04");
	saw(&p[5], "0000000000"); /* no such day: none */
	saw(&p[6], "0000011226");
	saw(&p[7], "06");
	saw(&p[8], "FFFFFFFFFF");
	saw(&p[9], "0000311299");
	ck_assert_int_eq(dlt645_facts_get(&f, true, p, zone, &e), 0);
	ck_assert_int_eq(f.room.zones, 14);
	ck_assert_int_eq(f.room.tables, 8);
	ck_assert_int_eq(f.room.slots, 10);
	ck_assert_int_eq(f.room.tariffs, 4);
	ck_assert_int_eq(f.room.steps, 6);
	ck_assert(dlt645_second_in_force(f.status, GROUP_TABLES));
	ck_assert(!dlt645_second_in_force(f.status, GROUP_ZONES));
	ck_assert(dlt645_second_in_force(f.status, GROUP_PRICES));
	ck_assert(!dlt645_second_in_force(f.status, GROUP_STEPS));
	ck_assert_int_eq(f.switch_us[GROUP_ZONES], 0);
	ck_assert_int_eq(f.switch_us[GROUP_TABLES], tariff().switch_us);
	ck_assert_int_eq(f.switch_us[GROUP_STEPS], 0);
	ck_assert_int_ge(f.switch_us[GROUP_PRICES], DLT645_NEVER_US - 86400000000LL);
	saw(&p[3], "1A");
	ck_assert_int_eq(dlt645_facts_get(&f, true, p, zone, &e), -1);
	calendar_free(zone);
}
END_TEST

START_TEST(people_read_what_is_and_what_should_be)
{
	struct parameter p = {
	    .id = 0x04050202, .len = 4, .data = {0x00, 0x12, 0, 0}
        };
	char text[300];

	saw(&p, "00800000");
	dlt645_parameter_text(&p, text, sizeof text);
	ck_assert_str_eq(
	    text, "price of tariff 2, set 2 is 0.8000 money/kWh and should be 0.1200 money/kWh");
}
END_TEST

/* --- as they are kept ---------------------------------------------------------------------- */

static struct cJSON *
parsed(struct buf *json)
{
	struct err e;
	struct cJSON *o = json_strict(buf_span(json), &e);

	ck_assert_msg(o != NULL, "%s", e.text);
	return o;
}

START_TEST(what_is_kept_is_what_was_wanted)
{
	struct meter_tariff t = tariff(), back;
	struct meter_alarm a =
			       {
				   {5000, 2000},
                                   100
        },
			   again;
	struct buf json = {0}, second = {0};
	struct cJSON *o;
	struct err e;

	meter_tariff_json(&t, "Asia/Shanghai", &json);
	o = parsed(&json);
	ck_assert_msg(meter_tariff_from_json(&back, o, &e) == 0, "%s", e.text);
	meter_tariff_json(&back, "Asia/Shanghai", &second);
	ck_assert_str_eq(buf_text(&json), buf_text(&second));
	ck_assert_int_eq(back.table[0].slot[1].minute, 510);
	cJSON_Delete(o);
	buf_clear(&json);
	meter_alarm_json(&a, &json);
	o = parsed(&json);
	ck_assert_int_eq(meter_alarm_from_json(&again, o, &e), 0);
	ck_assert_int_eq(memcmp(&a, &again, sizeof a), 0);
	cJSON_Delete(o);
	buf_clear(&json);
	buf_clear(&second);
}
END_TEST

START_TEST(a_limit_is_kilowatts_with_four_places)
{
	static const struct {
		const char *json, *data;
	} good[] = {
	    {"{\"watts\":5000}",  "000005"},
	    {"{\"watts\":1}",     "100000"},
	    {"{\"watts\":99999}", "909999"},
	    {"{\"watts\":null}",  "999999"},
	};
	static const char *const bad[] = {"{\"watts\":0}", "{\"watts\":100000}", "{}"};
	struct meter_limit l;
	struct parameter p;
	char hex[16];
	struct err e;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct cJSON *o = cJSON_Parse(good[i].json);

		ck_assert_int_eq(meter_limit_from_json(&l, o, &e), 0);
		ck_assert_int_eq(dlt645_limit_items(&l, &p), 1);
		ck_assert_uint_eq(p.id, 0x04000e01);
		hex_out(hex, span_of(p.data, p.len));
		ck_assert_str_eq(hex, good[i].data);
		cJSON_Delete(o);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct cJSON *o = cJSON_Parse(bad[i]);

		ck_assert_int_lt(meter_limit_from_json(&l, o, &e), 0);
		cJSON_Delete(o);
	}
	ck_assert_uint_eq(dlt645_write_level(DLT645_LOAD_LIMIT), 0); /* by password */
}
END_TEST

START_TEST(a_record_of_a_trip_says_when_and_by_whom)
{
	struct calendar *zone = calendar_new("Asia/Shanghai", &(struct err){0});
	struct parameter p = {
	    .seen_len = 34, .seen = {0x05, 0x04, 0x15, 0x20, 0x11, 0x26, 0x2a, 0x00, 0x01, 0x80}
        };
	struct dlt645_trip trip;

	ck_assert(dlt645_trip_get(&trip, &p, zone)); /* 2026-11-20 15:04:05 */
	ck_assert_int_eq(trip.at_us, INT64_C(1795158245) * 1000000);
	ck_assert_uint_eq(trip.operator_code, 0x8001002au);
	memset(p.seen, 0xff, 34); /* there was none */
	ck_assert(!dlt645_trip_get(&trip, &p, zone));
	p.seen_len = 6;
	ck_assert(!dlt645_trip_get(&trip, &p, zone));
	calendar_free(zone);
}
END_TEST

START_TEST(what_no_meter_holds_is_not_taken)
{
	static const char *const bad[] = {"{}",
	    "{\"tariffs\":1,\"workdays\":127,\"weekend_table\":1,\"switch_us\":0,\"zones\":[],"
	    "\"tables\":[[[0,1]]],\"holidays\":[]}",
	    "{\"tariffs\":1,\"workdays\":127,\"weekend_table\":1,\"switch_us\":0,"
	    "\"zones\":[[101,1]],\"tables\":[[[0,2]]],\"holidays\":[]}",
	    "{\"tariffs\":1,\"workdays\":127,\"weekend_table\":1,\"switch_us\":30000000,"
	    "\"zones\":[[101,1]],\"tables\":[[[0,1]]],\"holidays\":[]}",
	    "{\"tariffs\":1,\"workdays\":127,\"weekend_table\":1,\"switch_us\":0,"
	    "\"zones\":[[230,1]],\"tables\":[[[0,1]]],\"holidays\":[]}",
	    "{\"tariffs\":1,\"workdays\":127,\"weekend_table\":1,\"switch_us\":0,"
	    "\"price_micro\":[150],\"step_wh\":[],\"step_micro\":[0],\"settle\":[0,0],"
	    "\"zones\":[[101,1]],\"tables\":[[[0,1]]],\"holidays\":[]}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct cJSON *o = cJSON_Parse(bad[i]);
		struct meter_tariff t;
		struct err e;

		ck_assert_ptr_nonnull(o);
		ck_assert_msg(meter_tariff_from_json(&t, o, &e) == -1, "%s", bad[i]);
		cJSON_Delete(o);
	}
}
END_TEST

/* --- the talk ---------------------------------------------------------------------------- */

struct play {
	struct calendar *zone;
	struct meter m;
	struct parameter p[3];
	struct task task;
	struct talk t;
	enum talk_next next;
	char sent[600]; /* the last request: control and plain data */
};

static void
note(struct play *k, enum talk_next next)
{
	struct dlt645 f;
	struct err e;
	size_t fe = 0;

	k->next = next;
	k->sent[0] = '\0';
	if (next != TALK_SEND)
		return;
	while (k->t.out.bytes[fe] == 0xfe)
		fe++;
	ck_assert_msg(dlt645_parse(&f, span_of(k->t.out.bytes + fe, k->t.out.len - fe), &e) == 0,
	    "%s", e.text);
	snprintf(k->sent, sizeof k->sent, "%02X %.500s", f.control, hex_of(f.data, f.len));
}

static struct play *
play_new(const char *profile, enum task_kind kind)
{
	struct play *k = calloc(1, sizeof *k);
	struct err e;

	k->zone = calendar_new("Asia/Shanghai", &e);
	k->m = (struct meter){
	    .protocol = "dlt645",
	    .profile = profile,
	    .address = ADDRESS,
	    .zone = k->zone,
	    .key = {4, {0}},
	    .skew_known = true
        };
	k->p[0] = (struct parameter){
	    .id = 0x04001001, .len = 4, .data = {0, 0x20, 0, 0}
        };
	k->p[1] = (struct parameter){
	    .id = 0x04001003, .len = 4, .data = {0, 0x01, 0, 0}
        };
	k->task =
	    (struct task){.kind = kind, .parameters = k->p, .nparameters = 1, .operator_code = 1};
	k->t = (struct talk){.meter = &k->m, .task = &k->task};
	return k;
}

static void
play_begin(struct play *k)
{
	note(k, protocol_dlt645.begin(&k->t, NOW));
}

static void
play_end(struct play *k)
{
	talk_clear(&k->t);
	calendar_free(k->zone);
	free(k);
}

/* The meter's answer: control, then plain data. */
static void
answers(struct play *k, uint8_t control, const char *hex)
{
	struct dlt645 f = {.address = ADDRESS, .control = control};
	struct buf data = {0}, frame = {0};
	struct err e;

	ck_assert_int_eq(hex_in(&data, hex, &e), 0);
	if (data.len > 0)
		memcpy(f.data, data.bytes, data.len);
	f.len = data.len;
	dlt645_build(&frame, &f);
	note(k, protocol_dlt645.heard(&k->t, buf_span(&frame), NOW));
	buf_clear(&data);
	buf_clear(&frame);
}

static void
signs(struct play *k, const char *cipher, uint8_t mac)
{
	struct sign_reply r = {
	    .mac1 = {mac, mac, mac, mac}
        };
	struct buf b = {0};
	struct err e;

	ck_assert_int_eq(k->next, TALK_SIGN);
	ck_assert_int_eq(hex_in(&b, cipher, &e), 0);
	r.cipher_len = (uint8_t)b.len;
	if (b.len > 0)
		memcpy(r.cipher, b.bytes, b.len);
	buf_clear(&b);
	note(k, protocol_dlt645.signed_by(&k->t, &r, NOW));
}

/* 4.2: the reply to 070000FF is rand2 and the chip's serial. */
static void
authenticates(struct play *k)
{
	ck_assert_int_eq(k->next, TALK_SIGN);
	ck_assert_int_eq(k->t.sign.op, SIGN_AUTH);
	signs(k, "1111111111111111", 0);
	answers(k, 0x83,
	    "FF000007"
	    "A1A2A3A4"
	    "0102030405060708");
}

static void
ends(struct play *k, enum err_class class, enum refusal refusal)
{
	ck_assert_int_eq(k->next, TALK_DONE);
	ck_assert_msg(
	    k->t.err.class == class, "%s: %s", err_class_name(k->t.err.class), k->t.err.text);
	ck_assert_int_eq(k->t.answer.refusal, refusal);
}

/* 1.4: "14 alarm amount 1 = 20.00 (04001001, PA 04)", byte for byte, and 94. */
START_TEST(a_password_writes_what_the_sheet_shows)
{
	struct play *k = play_new("remote", TASK_WRITE);
	struct buf sheet = {0};
	struct err e;

	play_begin(k);
	ck_assert_str_eq(k->sent, "11 01100004");
	answers(k, 0x91, "01100004 00500000");
	hex_in(&sheet,
	    "FEFEFEFE 68 12 90 78 56 34 12 68 14 10 34 43 33 37 37 33 33 33 34 33 33 33 33 53 33 "
	    "33 "
	    "14 16",
	    &e);
	ck_assert(span_equal(buf_span(&sheet), buf_span(&k->t.out)));
	answers(k, 0x94, "");
	ck_assert_str_eq(k->sent, "11 01100004");
	answers(k, 0x91, "01100004 00200000");
	ends(k, ERR_NONE, REFUSAL_NONE);
	buf_clear(&sheet);
	play_end(k);
}
END_TEST

START_TEST(what_is_right_already_is_not_written)
{
	struct play *k = play_new("wallet-esam", TASK_WRITE);

	play_begin(k);
	answers(k, 0x91, "01100004 00200000");
	ends(k, ERR_NONE, REFUSAL_NONE);
	ck_assert(!k->t.acted);
	play_end(k);
}
END_TEST

/* 4.3: "DI + 99 000000 + op + plain data + MAC 4", "DI + 98 000000 + op + cipher + MAC 4". */
START_TEST(a_chip_wants_its_parameters_signed_or_sealed)
{
	struct play *k = play_new("wallet-esam", TASK_WRITE);

	k->task.nparameters = 2;
	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	authenticates(k);
	ck_assert_int_eq(k->t.sign.op, SIGN_WRITE_99);
	ck_assert_uint_eq(k->t.sign.di, 0x04001001);
	ck_assert_str_eq(hex_of(k->t.sign.data, k->t.sign.data_len), "00200000");
	ck_assert_str_eq(hex_of(k->t.sign.rand2, 4), "A1A2A3A4");
	signs(k, "", 0x77);
	ck_assert_str_eq(k->sent, "14 01100004"
				  "99000000"
				  "01000000"
				  "00200000"
				  "77777777");
	answers(k, 0x94, "");
	answers(k, 0x91, "01100004 00200000");
	ck_assert_str_eq(k->sent, "11 03100004");
	answers(k, 0x91, "03100004 00000000");
	ck_assert_int_eq(k->t.sign.op, SIGN_WRITE_98); /* still authenticated */
	signs(k, "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF", 0x66);
	ck_assert_str_eq(k->sent, "14 03100004"
				  "98000000"
				  "01000000"
				  "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF"
				  "66666666");
	answers(k, 0x94, "");
	answers(k, 0x91, "03100004 00010000");
	ends(k, ERR_NONE, REFUSAL_NONE);
	play_end(k);
}
END_TEST

START_TEST(a_lost_answer_leaves_it_uncertain_and_reading_decides)
{
	struct play *k = play_new("remote", TASK_WRITE);

	play_begin(k);
	note(k, protocol_dlt645.silent(&k->t, NOW));
	ends(k, ERR_RETRY, REFUSAL_NONE);
	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	note(k, protocol_dlt645.silent(&k->t, NOW));
	ends(k, ERR_UNCERTAIN, REFUSAL_NONE);
	play_begin(k);
	answers(k, 0x91, "01100004 00200000"); /* it was written */
	ends(k, ERR_NONE, REFUSAL_NONE);
	play_end(k);
}
END_TEST

/* 6 quirk 13: "error answer, yet (partly) applied; read back always". */
START_TEST(a_no_is_believed_only_when_read_back)
{
	struct play *k = play_new("remote", TASK_WRITE);

	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	answers(k, 0xd4, "01");
	ck_assert_str_eq(k->sent, "11 01100004");
	answers(k, 0x91, "01100004 00200000");
	ends(k, ERR_NONE, REFUSAL_NONE);
	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	answers(k, 0xd4, "04"); /* 1.5: password */
	answers(k, 0x91, "01100004 00500000");
	ends(k, ERR_REFUSED, REFUSAL_PASSWORD);
	play_end(k);
}
END_TEST

START_TEST(a_yes_is_believed_only_when_read_back)
{
	struct play *k = play_new("remote", TASK_WRITE);

	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	answers(k, 0x94, "");
	answers(k, 0x91, "01100004 00500000");
	ends(k, ERR_REFUSED, REFUSAL_OTHER);
	ck_assert_str_eq(k->t.err.text, "it says yes, and reads back as it was");
	play_end(k);
}
END_TEST

START_TEST(a_chip_that_has_forgotten_us_is_told_once_more)
{
	struct play *k = play_new("wallet-esam", TASK_WRITE);

	k->m.auth_until_us = NOW + 1000000;
	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	signs(k, "", 1);
	answers(k, 0xd4, "04");
	authenticates(k);
	ck_assert_int_eq(k->t.sign.op, SIGN_WRITE_99);
	signs(k, "", 2);
	answers(k, 0xd4, "04"); /* twice: it is the MAC */
	answers(k, 0x91, "01100004 00500000");
	ends(k, ERR_REFUSED, REFUSAL_MAC);
	play_end(k);
}
END_TEST

START_TEST(looking_writes_nothing)
{
	struct play *k = play_new("wallet-esam", TASK_LOOK);

	k->task.nparameters = 2;
	play_begin(k);
	answers(k, 0x91, "01100004 00500000");
	ck_assert_str_eq(k->sent, "11 03100004");
	answers(k, 0x91, "03100004 00010000");
	ends(k, ERR_NONE, REFUSAL_NONE);
	ck_assert(!k->p[0].same);
	ck_assert_str_eq(hex_of(k->p[0].seen, k->p[0].seen_len), "00500000");
	ck_assert(k->p[1].same);
	play_end(k);
}
END_TEST

START_TEST(a_parameter_the_meter_does_not_have_is_refused)
{
	struct play *k = play_new("wallet-esam", TASK_WRITE);

	play_begin(k);
	answers(k, 0xd1, "02");
	ends(k, ERR_REFUSED, REFUSAL_NO_DATA);
	play_end(k);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dlt645_parameters");
	TCase *c = tcase_create("dlt645_parameters");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, zones_and_tables_are_filled_up_with_their_last_entry);
	tcase_add_test(c, steps_nobody_wants_begin_where_no_register_gets);
	tcase_add_test(c, what_is_there_once);
	tcase_add_test(c, switch_times_are_on_the_meters_clock);
	tcase_add_test(c, each_parameter_has_its_class);
	tcase_add_test(c, a_meter_tells_its_counts_its_sets_and_its_switch_times);
	tcase_add_test(c, people_read_what_is_and_what_should_be);
	tcase_add_test(c, what_is_kept_is_what_was_wanted);
	tcase_add_test(c, what_no_meter_holds_is_not_taken);
	tcase_add_test(c, a_limit_is_kilowatts_with_four_places);
	tcase_add_test(c, a_record_of_a_trip_says_when_and_by_whom);
	tcase_add_test(c, a_password_writes_what_the_sheet_shows);
	tcase_add_test(c, what_is_right_already_is_not_written);
	tcase_add_test(c, a_chip_wants_its_parameters_signed_or_sealed);
	tcase_add_test(c, a_lost_answer_leaves_it_uncertain_and_reading_decides);
	tcase_add_test(c, a_no_is_believed_only_when_read_back);
	tcase_add_test(c, a_yes_is_believed_only_when_read_back);
	tcase_add_test(c, a_chip_that_has_forgotten_us_is_told_once_more);
	tcase_add_test(c, looking_writes_nothing);
	tcase_add_test(c, a_parameter_the_meter_does_not_have_is_refused);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
