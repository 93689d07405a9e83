/*
 * What customers and administrators read, in English; po/ has the other languages.  A name is the
 * kind's and the part's, and the texts follow the rules of template.h.
 */
#include "base/words.h"
#include "codec/template_inside.h"

#include <stdio.h>
#include <string.h>

struct text {
	const char *name, *english;
};

static const struct text texts[] = {
    {C_("low.subject", "Your electricity balance is low: {balance} {currency}")},
    {C_("low.text",
	"The prepaid balance of account {account} is {balance} {currency}, at {time}.[\n"
	"This warning was set at {level} {currency}.][\n"
	"At your recent use it lasts for about {days} days.]\n"
	"Please recharge in time, so that your power stays on.\n")},
    {C_("low.sms", "Electricity account {account}: {balance} {currency} left[, about {days} days]. "
		   "Please recharge.")},
    {C_("days_left.subject", "Your electricity credit lasts for about {days} days")},
    {C_("days_left.text", "At your recent use, the prepaid balance of account {account}, {balance} "
			  "{currency}, lasts for about {days} days.\n"
			  "Please recharge in time, so that your power stays on.\n")},
    {C_("days_left.sms", "Electricity account {account}: {balance} {currency} left, about {days} "
			 "days. Please recharge.")},
    {C_("final.subject", "Final notice: your power will be cut off")},
    {C_("final.text", "The prepaid credit of account {account} is used up: the balance is "
		      "{balance} {currency}, at {time}.\n"
		      "Without a recharge your power will be cut off[ at {trip_at}][ in {minutes} "
		      "minutes, or at the next time allowed for it].\n"
		      "It comes back by itself as soon as a payment has arrived.\n")},
    {C_("final.sms", "FINAL NOTICE, electricity account {account}: balance {balance} {currency}. "
		     "Your power will be cut off[ at {trip_at}]. Recharge now.")},
    {C_("tripped.subject", "Your power was cut off")},
    {C_("tripped.text", "The supply of account {account} was cut off at {time}[: {reason}].[\n"
			"The balance is {balance} {currency}.]\n"
			"If the reason is an empty balance, power comes back by itself as soon as "
			"a payment has arrived.\n")},
    {C_("tripped.sms", "Electricity account {account}: supply cut off at {time}[, {reason}].")},
    {C_("restored.subject", "Your power is back")},
    {C_("restored.text", "The supply of account {account} was restored at {time}.[\n"
			 "The balance is {balance} {currency}.]\n")},
    {C_("restored.sms", "Electricity account {account}: power is back since {time}.")},
    {C_("permitted.subject", "Please switch your power on at the meter")},
    {C_("permitted.text",
	"The supply of account {account} may be switched on again since {time}.\n"
	"For safety it does not come back by itself: please press the button at your meter.\n")},
    {C_("permitted.sms", "Electricity account {account}: power may be switched on, press the "
			 "button at your meter.")},
    {C_("paid.subject", "Payment received: {amount} {currency}")},
    {C_("paid.text",
	"We received your payment of {amount} {currency} for account {account}, number "
	"{payment_no}, at {time}.[\n"
	"It is used for: {split}.][\n"
	"The balance is now {balance} {currency}.][\n"
	"Your supply stays off for another reason: {still_off}. Please ask your supplier.]\n")},
    {C_("paid.sms", "Electricity account {account}: {amount} {currency} received[: {split}][, "
		    "balance {balance}].")},
    {C_("receipt.subject", "Receipt for {amount} {currency}")},
    {C_("receipt.text",
	"Receipt for account {account}: {amount} {currency}[, number {payment_no}], at {time}.[\n"
	"It was used for: {split}.][\n"
	"The balance is now {balance} {currency}.][\n"
	"Your supply stays off for another reason: {still_off}. Please ask your supplier.]\n")},
    {C_("receipt.sms", "Electricity account {account}: receipt {amount} {currency}[: {split}][. "
		       "Balance {balance}].")},
    {C_("credited.subject", "{amount} {currency} are in your meter")},
    {C_("credited.text", "{amount} {currency} were written into the meter of account {account} at "
			 "{time}[, purchase {purchase}].[\n"
			 "The meter now shows {balance} {currency}.]\n")},
    {C_("credited.sms", "Electricity account {account}: {amount} {currency} are in your meter[, "
			"balance {balance}].")},
    {C_("refunded.subject", "Paid back: {amount} {currency}")},
    {C_("refunded.text", "{amount} {currency} of your payment {payment_no} for account {account} "
			 "are on their way back to you since {time}.\n")},
    {C_("refunded.sms", "Electricity account {account}: {amount} {currency} of payment "
			"{payment_no} are paid back to you.")},
    {C_("taken_back.subject", "A payment was taken back: {amount} {currency}")},
    {C_("taken_back.text", "{amount} {currency} of payment {payment_no} for account {account} were "
			   "taken back at {time}.[\n"
			   "{owed} {currency} of it are used already: they are owed now, and your "
			   "next payments pay them first.]\n"
			   "If that is a mistake, please speak to your supplier.\n")},
    {C_("taken_back.sms", "Electricity account {account}: {amount} {currency} of payment "
			  "{payment_no} were taken back[; {owed} are owed].")},
    {C_("hold.subject", "Account {account} is on hold: {hold}")},
    {C_("hold.text", "The supply of account {account} is on hold since {time}: {hold}.[\n"
		     "It ends at {until}.][\n"
		     "{why}]\n"
		     "A payment alone does not end it; please ask your supplier.\n")},
    {C_("hold.sms", "Electricity account {account} is on hold: {hold}. Please ask your supplier.")},
    {C_("release.subject", "The hold of account {account} has ended")},
    {C_("release.text", "The hold of account {account} has ended at {time}[: {hold}].[\n"
			"{why}]\n")},
    {C_("release.sms", "Electricity account {account}: the hold has ended[: {hold}].")},
    {C_("overload.subject", "Overload: your meter has switched off")},
    {C_("overload.text",
	"The meter of account {account} has switched off at {time}, because more was used at once "
	"than is allowed[ (limit {limit})].\n"
	"Please switch some appliances off before you switch the power on again.[\n"
	"This was the {count}. time; after too many it stays off until somebody has come.]\n")},
    {C_("overload.sms", "Electricity account {account}: overload, supply switched off. Switch "
			"appliances off first, then the meter on.")},
    {C_("storm.subject", "Powergate has stopped automatic trips")},
    {C_("storm.text", "Automatic trips have been stopped at {time}[: {why}].[\n"
		      "{count} were due, {limit} are allowed.]\n"
		      "Warnings and restores go on. A person must look and release it.\n")},
    {C_("storm.sms", "Powergate: automatic trips stopped[: {why}]. A person must look.")},
    {C_("exposure.subject", "Energy that is not paid: account {account}")},
    {C_("exposure.text", "Account {account}: {amount} {currency}[ for {energy} kWh] are used "
			 "beyond the balance[, since {hours} hours].[\n"
			 "{why}]\n")},
    {C_("exposure.sms", "Powergate: account {account} is {amount} {currency} beyond its balance[, "
			"since {hours} hours].")},
    {C_("late.subject", "Your power is not back yet")},
    {C_("late.text", "The supply of account {account} should be on again, and the meter {meter} "
		     "has not answered yet, at {time}.\n"
		     "It is tried at every contact. If the meter shows that it may be switched on, "
		     "please press its button; else please call your supplier.\n")},
    {C_("late.sms", "Electricity account {account}: we could not reach your meter yet. Press its "
		    "button if it may be switched on, else please call us.")},
    {C_("tariff.subject", "Powergate: tariff {tariff}")},
    {C_("tariff.text", "{text}, at {time}.\n")},
    {C_("tariff.sms", "Powergate: {text}.")},
    {C_("work.subject", "Powergate, work {work}: {cause}")},
    {C_("work.text", "{text}\n"
		     "What to do: {todo}[\n"
		     "Account: {account}]\n"
		     "powergatectl work show {work}\n")},
    {C_("work.sms", "Powergate work {work}, {cause}: {text}")},
    {C_("alarm.subject", "Powergate, alarm {number}: {alarm}")},
    {C_("alarm.text", "Meter {meter}, {severity}: {alarm}, at {time}.[\n"
		      "{why}][\n"
		      "Account: {account}]\n"
		      "powergatectl alarm show {number}\n")},
    {C_("alarm.sms", "Powergate alarm {number}, {severity}: meter {meter}, {alarm}")},
    {C_("meter_alarm.subject", "About your electricity meter: {alarm}")},
    {C_("meter_alarm.text",
	"The meter of account {account} has reported at {time}: {alarm}.\n"
	"Somebody will look at it. For your safety, please do not touch the meter or its wires; if "
	"you know of work done there, please tell your supplier.\n")},
    {C_("meter_alarm.sms", "Electricity account {account}: your meter reports: {alarm}. Please do "
			   "not touch it; we will look at it.")},
};

/* Under `words`: codes of ours, currencies, and how the language writes numbers and times. */
static const struct text words[] = {
    {C_("decimal", ".")},
    {C_("time_form", "Y-M-D h:m")},
    {C_("ARREARS", "credit is used up")},
    {C_("ADMIN", "by order of the administration")},
    {C_("SAFETY", "for safety")},
    {C_("MOVE_OUT", "moved out")},
    {C_("FRAUD", "suspected misuse")},
    {C_("MAINTENANCE", "maintenance")},
    {C_("debt", "arrears")},
    {C_("accumulated", "unpaid fixed charges")},
    {C_("threshold", "negative balance")},
    {C_("emergency", "emergency credit")},
    {C_("credit", "credit")},
    {C_("critical", "critical")},
    {C_("major", "major")},
    {C_("minor", "minor")},
    {C_("cover_open", "the meter's cover was opened")},
    {C_("terminal_open", "the cover of its terminals was opened")},
    {C_("magnetic_field", "a strong magnetic field")},
    {C_("relay_welded", "current flows although its relay should be open")},
    {C_("relay_moved", "its relay was moved by somebody else")},
    {C_("reverse_energy", "energy flows backwards")},
    {C_("phase_order", "its phases are wired in the wrong order")},
    {C_("voltage_loss", "a phase has no voltage")},
    {C_("current_loss", "a phase has no current")},
    {C_("over_current", "too much current")},
    {C_("overload", "overload")},
    {C_("neutral_current", "the neutral does not carry what the phase does")},
    {C_("battery_low", "a battery of the meter is low")},
    {C_("meter_fault", "a part of the meter is faulty")},
    {C_("used_while_off", "energy was used while it was off")},
    {C_("unused", "nothing is used where somebody lives")},
    {C_("credit_unexplained", "its credit rose and nobody bought any")},
    {C_("loss", "the meters behind it count less than it does")},
    {C_("CNY", "CNY")},
    {C_("HKD", "HKD")},
    {C_("TWD", "TWD")},
    {C_("USD", "USD")},
    {C_("EUR", "EUR")},
};

static void
put_quoted(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_put_u8(out, '\\');
		buf_put(out, text, 1);
	}
	buf_put_text(out, "\"\n");
}

static void
put_lines(struct buf *out, const char *text)
{
	buf_put_text(out, "|\n");
	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		buf_printf(out, "    %.*s\n", (int)len, text);
	}
}

static void
put_part(struct buf *out, const char *language, const char *kind, const char *part)
{
	char name[64];

	snprintf(name, sizeof name, "%s.%s", kind, part);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *text;

		if (strcmp(texts[i].name, name) != 0)
			continue;
		text = words_of(language, texts[i].name, texts[i].english);
		buf_printf(out, "  %s: ", part);
		if (strchr(text, '\n') != NULL)
			put_lines(out, text);
		else
			put_quoted(out, text);
	}
}

void
template_sample(const char *language, struct buf *out)
{
	static const char *const parts[] = {"subject", "text", "sms"};

	buf_put_text(out, "# What people read; powergate-messages(5) tells the rules.\n\n");
	for (const struct template_kind *k = template_kinds; k->name != NULL; k++) {
		buf_printf(out, "%s:\n", k->name);
		for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
			put_part(out, language, k->name, parts[p]);
		buf_put_text(out, "\n");
	}
	buf_put_text(out, "words:\n");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		buf_printf(out, "  %s: ", words[i].name);
		put_quoted(out, words_of(language, words[i].name, words[i].english));
	}
}
