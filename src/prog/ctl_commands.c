/*
 * The commands of powergatectl, a row each.
 *
 * To add a command, add a row where its kind stands; to add one that is more than a question and
 * its answer, give it a function of its own (ctl_call.c with the daemon, ctl_local.c without).
 */
#include "prog/ctl.h"
#include "prog/ctl_tariff.h"

/* Macros throughout, for clang-format would make columns of the bare rows. */
#define SPECIAL(words_, args_, path_, post_, fixed_, columns_, fn_, help_) \
	{                                                                  \
		words_, args_, path_, post_, fixed_, columns_, fn_, help_  \
	}
#define READ(words_, args_, path_, columns_, help_) \
	SPECIAL(words_, args_, path_, false, NULL, columns_, ctl_call, help_)
#define WRITE(words_, args_, path_, help_) \
	SPECIAL(words_, args_, path_, true, NULL, NULL, ctl_call, help_)
#define SHOW(words_, args_, path_, columns_, help_) \
	SPECIAL(words_, args_, path_, true, NULL, columns_, ctl_call, help_)
#define ORDER(words_, args_, path_, fixed_, help_) \
	SPECIAL(words_, args_, path_, true, fixed_, NULL, ctl_order, help_)
#define LOCAL(words_, args_, fn_, help_) SPECIAL(words_, args_, NULL, false, NULL, NULL, fn_, help_)

#define METER                                                                              \
	"meter account profile endpoint online relay wanted wanted_why total_wh total_us " \
	"credit_minor"
#define ACCOUNT                                                                                  \
	"account customer site mode state prepaid_minor loaded_minor meter_credit_minor meters " \
	"relay"
#define NOTICE "notice kind account for state sent_us messages why"
#define DEBT                                                                          \
	"debt account kind reference owed_minor agreed_minor percent week_cap_minor " \
	"instalment_minor every first_day"
#define SHIFT                                                                          \
	"shift terminal state float_minor taken_minor counted_minor difference_minor " \
	"currency payments voided"
#define ORDER_COLUMNS "order_no state account amount_minor currency source expires_us payment"
#define REFUND                                                                           \
	"refund number kind state payment source account to amount_minor balance_minor " \
	"owed_minor needs requested_by approved_by reference reason"
#define EMERGENCY \
	"account state limit_minor below_minor automatic balance_minor used_minor left_minor"
#define SURVEY                                                                                 \
	"site carrier link endpoints online_now online_percent answers silent_percent p50_ms " \
	"p95_ms p99_ms retries_percent signal_dbm worst_dbm"
#define QUALIFICATION "qualification meter profile model claim state stage class why"
#define PUSH                                                                       \
	"meter set version state switch_us why wanted_us sent_us acknowledged_us " \
	"active_us checked_us command by"
#define ALARM   "alarm meter account kind severity state lasting count first_us last_us text"
#define COMMAND "command meter kind what state attempts created_us ended_us by cause outcome"

static const struct ctl_command meters[] = {
    READ("meter list", "[--after=ADDRESS] [--limit=N]", "meter/list",
	"meter account profile online relay wanted total_wh credit_minor purchases seen_us "
	"endpoint",
	"All meters, as last seen."),
    READ("meter show", "meter=ADDRESS", "meter/show", METER, "Everything known about a meter."),
    SPECIAL("meter why", "meter=ADDRESS", "meter/why", false, NULL, NULL, ctl_why,
	"One sentence: why is it on or off?"),
    WRITE("meter add",
	"meter=ADDRESS --profile=PROFILE [--account=ACCOUNT] [--site=SITE] [--endpoint=NAME]"
	" [--link=4g|nbiot|rs485] [--model=TEXT] [--capability=none|order_no|counted]"
	" [--customer=DIGITS]"
	" [--most-watts=N] [--multiplier=N] [--extra-wh=N]",
	"meter/add",
	"A meter of an account or, without one, of a site; --endpoint is its converter."),
    SPECIAL("meter read", "meter=ADDRESS [--regs=REGS] [--key=TEXT] [--wait?=SECONDS]",
	"meter/read", true, NULL, METER, ctl_order,
	"Read registers now; with --wait, show what the meter says."),
    ORDER("meter open", "meter=ADDRESS --reason=TEXT [--cause=ADMIN|SAFETY] [--wait?=SECONDS]",
	"meter/relay", "relay=open", "Cut the power."),
    ORDER("meter close", "meter=ADDRESS --reason=TEXT [--wait?=SECONDS]", "meter/relay",
	"relay=closed", "Switch the power on."),
    ORDER("meter permit", "meter=ADDRESS --reason=TEXT [--wait?=SECONDS]", "meter/relay",
	"relay=permitted", "Allow the customer to switch it on at the meter."),
    ORDER("meter commission", "meter=ADDRESS [--wait?=SECONDS]", "meter/commission", NULL,
	"Adopt the meter's own count of purchases: where ours begins."),
    ORDER("meter qualify", "meter=ADDRESS [--credit=AMOUNT] [--power-cut] [--wait?=SECONDS]",
	"meter/qualify", NULL,
	"Ask one without an account what it does with the same credit twice: its type's class."),
    READ("qualification list", "[--profile=PROFILE] [--model=TEXT] [--limit=N]",
	"qualification/list", QUALIFICATION, "What meters on the bench have shown of their types."),
    READ("qualification show", "qualification=N", "qualification/show", QUALIFICATION,
	"One of them with its evidence."),
    WRITE("meter swap",
	"meter=ADDRESS new=ADDRESS [--close=REGISTERS] [--open=REGISTERS] [--at=TIME] [--estimate]"
	" [--multiplier=N] [--credit=LIMIT] --reason=TEXT",
	"meter/swap",
	"Another meter in the same place: the last registers of the one, the first of the other."),
    WRITE("meter master", "meter=ADDRESS [--subs=ADDRESSES] [--loss=PERCENT] [--multiplier=N]",
	"meter/master", "Which meters stand behind it, and how much it may count beyond them."),
    WRITE("meter multiplier",
	"meter=ADDRESS multiplier=N [--read=REGISTERS] [--at=TIME] --reason=TEXT",
	"meter/multiplier",
	"Other transformers in front of it: what it counts is worth so much from now on."),
    WRITE("meter limit", "meter=ADDRESS watts=WATTS --reason=TEXT", "meter/limit",
	"How much the meter lets be drawn at once, as it measures it; more, and it switches off."),
    SPECIAL("meter password", "meter=ADDRESS --file=PATH [--level=N]", "meter/password", true, NULL,
	NULL, ctl_password, "Give the meter's password, six digits in a file; it is kept sealed."),
    SPECIAL(
	"why", "meter=ADDRESS", "meter/why", false, NULL, NULL, ctl_why, "The same as meter why."),
};

static const struct ctl_command money[] = {
    READ("account list", "[--after=ACCOUNT] [--limit=N]", "account/list", ACCOUNT,
	"All accounts with their balances."),
    READ("account show", "account=ACCOUNT", "account/show", ACCOUNT,
	"Everything known about an account."),
    READ("account deliveries", "account=ACCOUNT", "account/deliveries",
	"delivery payment kind amount_minor state meter purchase sends evidence why",
	"Credit on its way into the account's meters."),
    WRITE("account add",
	"account=ACCOUNT --site=SITE --mode=remote|local [--tariff=TARIFF] [--customer=TEXT]"
	" [--contact=TEXT] [--warn=LEVELS] [--trip=LIMIT]",
	"account/add", "A new account; remote: the balance is kept here, local: in the meter."),

    WRITE("account move-in",
	"account=ACCOUNT meter=ADDRESS [--open=REGISTERS] [--at=TIME] [--multiplier=N]",
	"account/move-in", "A new tenant where nobody lives: his use begins with these registers."),
    WRITE("account move-out",
	"account=ACCOUNT [--meter=ADDRESS] [--close=REGISTERS] [--at=TIME] [--estimate] [--keep-on]"
	" --reason=TEXT",
	"account/move-out",
	"He leaves: the last registers, all charged, what is left to be paid back."),
    WRITE("account refund", "account=ACCOUNT --amount=AMOUNT --reason=TEXT", "account/refund",
	"Post what was paid back to him."),

    READ("payment list", "[--account=ACCOUNT] [--state=settled|suspense|assigned] [--limit=N]",
	"payment/list",
	"payment received_us amount_minor currency account state source method payment_no repeats",
	"The newest payments."),
    SPECIAL("payment show", "[payment=N] [--payment-no=TEXT]", "payment/show", false, NULL,
	"payment amount_minor currency account mode state source payment_no", ctl_payment_show,
	"A payment and its six times, from received to told."),
    SPECIAL("payment cash",
	"[--account=ACCOUNT] [--meter=ADDRESS] --amount=AMOUNT [--currency=CODE]"
	" [--payment-no=TEXT] [--terminal=TEXT] [--note=TEXT]",
	"payment/cash", true, NULL, NULL, ctl_cash,
	"Take cash for an account or a meter; the same number is taken once."),
    SPECIAL("payment preview", "[--account=ACCOUNT] [--meter=ADDRESS] --amount=AMOUNT",
	"payment/preview", true, NULL, "account amount_minor currency good credit_before_minor",
	ctl_preview, "Is it within the limits, and what would become of it? Nothing is paid."),
    WRITE("payment limits",
	"[--site=SITE] [--account=ACCOUNT] [--least=AMOUNT] [--most=AMOUNT]"
	" [--most-credit=AMOUNT] --reason=TEXT",
	"payment/limits",
	"Of a payment, and of the credit it leads to; what is not given is no limit."),
    SPECIAL("recharge prove", "payment=N [--conf=FILE]", "recharge/facts", false, NULL, NULL,
	ctl_recharge_prove,
	"The chain from the notification to the meter's read-back, each link verified again."),
    SPECIAL("payment receipt", "payment=N [--html] [--language=en|es|zh]", "payment/receipt", false,
	NULL, NULL, ctl_payment_receipt, "A slip to print, as text or as a page."),
    WRITE("payment assign", "payment=N account=ACCOUNT --reason=TEXT", "payment/assign",
	"Say whose a payment in suspense is."),

    SHOW("payment move", "payment=N --to=ACCOUNT --reason=TEXT [--dry-run]", "payment/move",
	"payment amount_minor to second_person steps refund state owed_minor text",
	"It was somebody else's: out of the one account, into the other, in one transaction; "
	"--dry-run only says how."),
    WRITE("payment void", "payment=N --reason=TEXT", "payment/void",
	"Give cash back, as long as none of it is used or in a meter."),

    SHOW("refund request", "payment=N [--amount=AMOUNT] [--refund-no=TEXT] --reason=TEXT",
	"refund/request", REFUND,
	"Pay back what is left of a payment: out of the balance first, money leaves last."),
    SHOW("refund approve", "refund=N [--amount=AMOUNT] [--note=TEXT]", "refund/approve", REFUND,
	"What is above the limit, as the second person; a reversal or a move too."),
    SHOW("refund withdraw", "refund=N --reason=TEXT", "refund/withdraw", REFUND,
	"It is not wanted, or not paid out after all: the account has it back."),
    SHOW("refund paid", "refund=N --reference=TEXT [--terminal=TEXT]", "refund/paid", REFUND,
	"The payer has it, where no provider tells so; with --terminal in cash, out of that desk's "
	"drawer."),
    READ("refund list",
	"[--payment=N] [--account=ACCOUNT]"
	" [--state=requested|offset|payable|paid|done|withdrawn|expired] [--limit=N]",
	"refund/list",
	"refund kind state payment account to amount_minor owed_minor needs requested_by "
	"approved_by",
	"What was or is to be taken back."),
    READ("refund show", "refund=N", "refund/show", REFUND, "One of them, step by step."),

    SHOW("shift open", "terminal=TEXT [--float=CASH] [--currency=CODE]", "shift/open", SHIFT,
	"Open a cash desk with the change that is in its drawer."),
    SHOW("shift close", "terminal=TEXT --counted=CASH [--note=TEXT]", "shift/close", SHIFT,
	"Close it with what is in the drawer; a difference is an item of work."),
    READ("shift list", "[--terminal=TEXT] [--limit=N]", "shift/list", SHIFT, "The newest shifts."),
    READ("shift show", "shift=N", "shift/show", SHIFT, "A shift with its receipts."),

    SHOW("order create",
	"[--account=ACCOUNT] [--meter=ADDRESS] --amount=AMOUNT --source=SOURCE [--order-no=TEXT]"
	" [--minutes=N] [--note=TEXT]",
	"orders", ORDER_COLUMNS,
	"A payment to come: limits are asked now, and the provider is given the number."),
    READ("order show", "order=NUMBER", "order/show", ORDER_COLUMNS, "An order, and what paid it."),
    READ("order list", "[--account=ACCOUNT] [--state=open|paid|expired] [--limit=N]", "order/list",
	ORDER_COLUMNS, "The newest orders."),

    READ("debt list", "[--account=ACCOUNT] [--all] [--limit=N]", "debt/list", DEBT,
	"What is owed, and how payments pay it."),
    READ("debt show", "debt=N", "debt/show", DEBT, "A debt with everything posted to it."),
    SHOW("debt add",
	"account=ACCOUNT --kind=payment|instalment|accumulated --amount=AMOUNT --reference=TEXT"
	" [--percent=PERCENT] [--week-cap=AMOUNT] [--instalment=AMOUNT] [--every=day|week|month]"
	" [--first=DAY] [--daily] [--from=fees|balance] --reason=TEXT",
	"debt/add", DEBT,
	"An account owes: a share of each payment, instalments, or all as soon as there is money."),
    SHOW("debt write-off", "debt=N [--amount=AMOUNT] --reason=TEXT", "debt/write-off", DEBT,
	"What will not be asked for any more."),
    WRITE("debt order", "[--site=SITE] [--account=ACCOUNT] [--order=KINDS] --reason=TEXT",
	"debt/order", "In which order payments pay; an account without its own has the site's."),
    READ("emergency show", "account=ACCOUNT", "emergency/show", EMERGENCY,
	"Emergency credit: offered, active, used."),
    SHOW("emergency offer",
	"account=ACCOUNT --limit=AMOUNT [--below=LIMIT] [--automatic] [--pays-debts] --reason=TEXT",
	"emergency/offer", EMERGENCY,
	"Offer it at a balance and below, once until it is cleared; --automatic: activate it too."),
    WRITE("emergency withdraw", "account=ACCOUNT --reason=TEXT", "emergency/withdraw",
	"Offer it no more."),
    SHOW("emergency activate", "account=ACCOUNT --reason=TEXT", "emergency/activate", EMERGENCY,
	"The customer takes it: supply goes on below the threshold."),
};

static const struct ctl_command orders[] = {
    READ("command list",
	"[--meter=ADDRESS] [--state=waiting|sent|unsure|done|refused|expired|cancelled] "
	"[--limit=N]",
	"command/list", COMMAND, "The newest orders to meters."),
    READ("command show", "command=N", "command/show", COMMAND,
	"An order with its history, frame by frame."),
    WRITE("command cancel", "command=N", "command/cancel", "Take back an order that waits."),

    READ("push list",
	"[meter=ADDRESS] [--state=wanted|sent|acknowledged|active|refused] [--limit=N]",
	"push/list", PUSH, "What is wanted of the meters' own settings, and how far it has got."),
    READ("push show", "meter=ADDRESS [--set=tariff|alarm|limit]", "push/show", PUSH,
	"The same of one meter, with what is wanted."),
    WRITE("push retry", "[meter=ADDRESS] [--set=tariff|alarm|limit]", "push/retry",
	"Write again what was refused, of one meter or all; look again at what is active."),
    SPECIAL("push tariff", "meter=ADDRESS file=FILE [--at=WHEN]", "push/want", true, "set=tariff",
	NULL, ctl_push_tariff,
	"Have the meter charge by a tariff file, from its beginning on or from --at."),

    WRITE("endpoint link", "endpoint=NAME [--link=4g|nbiot|rs485] [--carrier=TEXT] [--signal=TEXT]",
	"endpoint/link",
	"What a connection does not tell itself; the signal as measured there, in dBm."),
    SPECIAL("survey", "[--site=SITE] [--days=N]", "survey", false, NULL, SURVEY, ctl_survey,
	"How well each site's links and carriers serve, and which to choose."),
    WRITE("meter log", "meter=ADDRESS [--minutes=N] --reason=TEXT", "meter/log",
	"Keep every frame of a meter for an hour or so; passwords are blotted out."),
    READ("frame list", "meter=ADDRESS [--limit=N]", "frame/list", "at_us dir frame",
	"The newest frames that were kept."),
    SPECIAL("support bundle", "meter=ADDRESS", "support/bundle", false, NULL, NULL, ctl_bundle,
	"All that a maker needs of a meter and its connection, as JSON; nobody's data is in it."),

    READ("session list", "", "session/list", "endpoint peer meters heard_s",
	"Connections that are up now."),
    READ("endpoint list", "[--state=claimed|quarantined] [--online] [--limit=N]", "endpoint/list",
	"endpoint kind link state online meters peer seen_us node epoch why",
	"What has ever connected."),
    WRITE("endpoint claim", "endpoint=NAME", "endpoint/claim", "It is ours: talk to it."),
    WRITE("endpoint quarantine", "endpoint=NAME [--reason=TEXT]", "endpoint/quarantine",
	"Stop talking to it."),
};

static const struct ctl_command books[] = {
    SPECIAL("bill explain", "account=ACCOUNT [--day=DAY] [--from=TIME] [--to=TIME]", "bill/explain",
	false, NULL, NULL, ctl_bill_explain,
	"Every posted cent of a day down to two readings. Exit status 1 when it does not add up."),
    WRITE("bill rebill", "account=ACCOUNT --from=TIME --reason=TEXT", "bill/rebill",
	"Charge again what was used since then, by the prices as they are now."),
    READ("reading list", "meter=ADDRESS [--held] [--limit=N]", "reading/list",
	"at_us total_wh t1_wh t2_wh t3_wh t4_wh source held decision by reason",
	"The newest readings of a meter, and which of them are held."),
    WRITE("reading accept",
	"meter=ADDRESS [--at=TIME] --as=used|rollover|reset [--wh=N] --reason=TEXT",
	"reading/accept",
	"A held reading is right; after a reset billing begins anew with it, --wh is what was "
	"used."),
    WRITE("reading refuse", "meter=ADDRESS [--at=TIME] --reason=TEXT", "reading/refuse",
	"A held reading is wrong: it is left out for good."),

    READ("freeze list", "[--meter=ADDRESS] [--day=DAY] [--limit=N]", "freeze/list",
	"day meter at_us total_wh quality balance_minor balance_quality",
	"Registers and balances at midnight."),
    READ("hour list", "meter=ADDRESS [--since=TIME] [--limit=N]", "hour/list",
	"at_us total_wh doubt", "What a meter's own records of the hours say, the newest first."),
    READ("line list", "meter=ADDRESS [--since=TIME] [--limit=N]", "line/list",
	"at_us voltage_a_mv voltage_b_mv voltage_c_mv current_a_ma current_b_ma current_c_ma "
	"power_mw factor_milli",
	"What flowed at a meter, the newest first."),
    READ("ledger list", "[--account=ACCOUNT] [--limit=N]", "ledger/list",
	"journal at_us kind ledger owner account amount_minor key memo",
	"The newest postings; debit is positive."),
    SPECIAL("ledger check", "", "ledger/check", false, NULL, NULL, ctl_ledger_check,
	"Do the books balance? Exit status 1 when not."),
    WRITE("ledger reverse", "journal=N --reason=TEXT", "ledger/reverse",
	"Post a journal the other way round; not money that is in a meter or on its way."),
    READ("event list", "[--meter=ADDRESS] [--account=ACCOUNT] [--limit=N]", "event/list",
	"at_us kind meter account text", "What happened, in one sentence each."),

    READ("work list", "[--all] [--limit=N]", "work/list",
	"work age_s state owner cause account meter payment delivery text todo",
	"What waits for a person."),
    READ("work show", "work=N", "work/show",
	"work cause state owner age_s account meter payment delivery text todo",
	"A work item with all evidence."),
    WRITE("work take", "work=N", "work/take", "I am on it."),
    WRITE("work resolve",
	"work=N [decision=applied|requeue|refund] --reason=TEXT [--evidence=TEXT]", "work/resolve",
	"Decide it; a delivery under review needs a decision, evidence and a second person."),
};

static const struct ctl_command supply[] = {
    WRITE("hold add",
	"hold=ADMIN|MOVE_OUT|FRAUD|MAINTENANCE|SAFETY [--meter=ADDRESS] [--account=ACCOUNT] "
	"[--meters=ADDRESSES] --reason=TEXT [--at-once]",
	"hold/add", "Keep a meter, or all of an account, switched off whatever is paid."),
    WRITE("hold release",
	"hold=ADMIN|MOVE_OUT|FRAUD|MAINTENANCE|SAFETY [--meter=ADDRESS] [--account=ACCOUNT] "
	"[--meters=ADDRESSES] --reason=TEXT",
	"hold/release", "The hold is over; what the balance says stands."),
    READ("hold list", "[--meter=ADDRESS] [--all] [--limit=N]", "hold/list",
	"meter account hold reason by placed_us released_us release_reason", "Holds in force."),
    READ("alarm list",
	"[--meter=ADDRESS] [--account=ACCOUNT] [--site=SITE] [--kind=KIND]"
	" [--severity=critical|major|minor] [--state=raised|acknowledged|resolved] [--all]"
	" [--limit=N]",
	"alarm/list", ALARM, "What is wrong with meters, and nobody has resolved."),
    READ("alarm show", "alarm=N", "alarm/show",
	"alarm meter account kind severity state count first_us last_us at_us at_wh "
	"cleared_us notified_us hold text acknowledged_by resolved_by resolution",
	"An alarm with its history."),
    WRITE("alarm ack", "alarm=N [--reason=TEXT]", "alarm/ack", "I am on it."),
    WRITE("alarm resolve", "alarm=N --reason=TEXT", "alarm/resolve",
	"It was seen to; a hold that was placed for it is released for itself."),
    SPECIAL("temp-supply", "meter=ADDRESS --hours=N [--wh=WH] [--charge-to=ACCOUNT] --reason=TEXT",
	"override/add", true, "kind=TEMP_SUPPLY", NULL, ctl_call,
	"Power for some hours, whatever the balance; also against ADMIN and MOVE_OUT."),
    SPECIAL("protect", "meter=ADDRESS [--hours=N] --reason=TEXT", "override/add", true,
	"kind=PROTECTED", NULL, ctl_call, "Never cut this meter off for want of money."),
    SPECIAL("keep-on", "meter=ADDRESS [--hours=N] --reason=TEXT [--wait?=SECONDS]", "override/add",
	true, "kind=KEEP_ON", NULL, ctl_order,
	"Never cut this meter off for want of money, and have the meter itself keep power on."),
    SPECIAL("spare", "site=SITE --hours=N --reason=TEXT", "override/add", true,
	"kind=NO_DISCONNECT", NULL, ctl_call, "Nobody of this site is cut off for want of money."),
    READ("override list", "[--all] [--limit=N]", "override/list",
	"override kind meter site reason by from_us until_us until_wh charged ended_us ended_why",
	"What keeps power on."),
    WRITE("override end", "override=N --reason=TEXT", "override/end", "It is over."),
    READ("calendar list", "[--site=SITE]", "calendar/list", "site day kind by",
	"Days that are not like their weekday."),
    WRITE("calendar set", "site=SITE day=DAY kind=holiday|makeup|extreme|plain", "calendar/set",
	"A holiday, a working day by decree, a day of extreme weather; or a plain one again."),
    READ("halt list", "[--all] [--limit=N]", "halt/list",
	"cause why since_us released_us released_by release_reason",
	"Why automatic trips are halted."),
    WRITE("halt release", "cause=CAUSE --reason=TEXT", "halt/release",
	"All is well: automatic trips may leave again."),
    READ("exposure list", "[--all] [--limit=N]", "exposure/list",
	"meter account cause since_us wh minor ended_us",
	"What is used without credit, and what kept us from cutting it off."),
};

static const struct ctl_command notices[] = {
    READ("notice list",
	"[--account=ACCOUNT] [--kind=KIND]"
	" [--state=waiting|sent|delivered|failed|expired|capped] [--limit=N]",
	"notice/list", NOTICE, "What customers and administrators are told, the newest first."),
    READ("notice show", "notice=N", "notice/show", NOTICE,
	"A notice with its recipients and every attempt."),
    WRITE("notice retry", "notice=N", "notice/retry",
	"Once more to those who were not told, as they can be reached now."),
    LOCAL("notice texts", "language=en|es|zh", ctl_notice_texts,
	"What customers read, as a file to change and put where notify.messages points."),
    READ("contact list", "[--account=ACCOUNT] [--site=SITE] [--all] [--limit=N]", "contact/list",
	"contact account site who person rank channel address language zone quiet kinds state",
	"Where people are reached."),
    WRITE("contact add",
	"[--account=ACCOUNT] [--site=SITE] [--who=customer|admin] [--person=TEXT]"
	" --channel=sms|mail|webhook --address=TEXT --language=zh|en|es [--zone=ZONE]"
	" [--rank=N] [--quiet=HOURS] [--kinds=KINDS]",
	"contact/add", "An address of a customer, or of an administrator of a site."),
    WRITE("contact set",
	"contact=N [--language=zh|en|es] [--zone=ZONE] [--rank=N] [--quiet=HOURS] [--kinds=KINDS]",
	"contact/set", "Change how a contact is written to."),
    WRITE("contact stop", "contact=N --reason=TEXT", "contact/stop", "Do not use it any more."),
};

static const struct ctl_command sites[] = {
    SPECIAL("report day",
	"day=DAY --dir=PATH --key=FILE [--site=SITE] [--languages=LIST] [--formats=LIST]",
	"report/day", false, NULL, NULL, ctl_report_day,
	"Close a day: its files, signed and chained to the day before; again: are they the same?"),
    LOCAL("report verify", "dir=PATH --key=FILE [--last=DAY]", ctl_report_verify,
	"Is every byte of these days as it was signed?"),
    SPECIAL("ledger export",
	"--from=DAY --to=DAY [--site=SITE] [--as=csv|beancount|voucher] [--profile=FILE] "
	"[--number=N]",
	"ledger/export", false, NULL, NULL, ctl_ledger_export,
	"The journals of some days for other books."),

    READ("headend status", "", "headend/status", "trips_stopped held why by",
	"The switches, and how many of everything."),
    WRITE("headend trips", "trips=stop|allow --reason=TEXT", "headend/trips",
	"Nobody is cut off any more; or again."),
    WRITE("headend safety", "trips=N --reason=TEXT", "headend/safety",
	"So many an hour one person switches off for SAFETY; raising it takes another."),
    WRITE("headend hold", "hold=on|off --reason=TEXT", "headend/hold",
	"Neither credit nor trips leave, as after a restored backup; or again."),

    READ("site list", "", "site/list", "site kind parent zone currency mode meters", "All sites."),
    WRITE("site add",
	"name=SITE --zone=ZONE [--currency=CODE] [--mode=observe|live] [--parent=SITE]"
	" [--kind=site|building|floor|unit]",
	"site/add", "A place with its time zone, such as Asia/Shanghai."),
    WRITE("site mode", "site=SITE mode=observe|live --reason=TEXT", "site/mode",
	"Only watch, or switch and charge as well."),
};

static const struct ctl_command fleets[] = {
    READ("import list", "[--all] [--limit=N]", "import/list",
	"import state file rows meters done_us by undone_by reason", "What was imported."),
    SPECIAL("import undo", "import=N --reason=TEXT", "import/undo", true, NULL, NULL,
	ctl_import_undo, "Take an import back, as long as nothing has happened on what it made."),
    /* behind those that begin as it does */
    LOCAL("import", "file=FILE [--dry-run]", ctl_import,
	"Places, accounts and meters from a CSV or JSON file: all of it or nothing."),
    SPECIAL("export fleet", "", "fleet/export", false, NULL, NULL, ctl_export_fleet,
	"The fleet as import reads it: CSV, or with --json an array; secrets are sealed."),
};

static const struct ctl_command prices[] = {
    READ("tariff list", "[--tariff=TARIFF]", "tariff/list",
	"version state begins currency accounts author approver single forced",
	"All versions of all tariffs."),
    WRITE("tariff add", "name=TARIFF --steps=STEPS [--currency=CODE] [--site=SITE] [--zone=ZONE]",
	"tariff/add", "A tariff by the month's use: --steps \"0:1.00 100kWh:1.50\"."),
    SPECIAL("tariff show", "version=VERSION [--yaml]", "tariff/show", false, NULL, NULL,
	ctl_tariff_show,
	"What flat/2 costs, or what is in force of flat; --yaml: the file as it was loaded."),
    SPECIAL("tariff load", "file=FILE [--tariff=TARIFF]", "tariff/load", true, NULL, NULL,
	ctl_tariff_load, "A tariff file as a draft of the tariff's next version."),
    SPECIAL("tariff submit", "version=VERSION", "tariff/submit", true, NULL, NULL, ctl_tariff_step,
	"Try a draft on past use, and ask for its approval."),
    SPECIAL("tariff approve", "version=VERSION --reason=TEXT [--force=TEXT]", "tariff/approve",
	true, NULL, NULL, ctl_tariff_step,
	"Let it come into force; another person than who loaded it."),
    WRITE("tariff withdraw", "version=VERSION --reason=TEXT", "tariff/withdraw",
	"Take back what is not in force yet."),
    SPECIAL("tariff diff", "a=A b=B", "tariff/show", false, NULL, NULL, ctl_tariff_diff,
	"What changes from A to B, versions or files ending in .yaml; exit status 1 when "
	"something does."),
    SPECIAL("tariff simulate", "file=FILE --from=DAY --to=DAY [--tariff=TARIFF] [--site=SITE]",
	"tariff/simulate", true, NULL, NULL, ctl_tariff_simulate,
	"What a tariff file would have cost on past use: revenue, winners, losers, cuts."),
    LOCAL("tariff check", "file=FILE [later...]", ctl_tariff_check,
	"Are these tariff files good, and do they follow each other?"),
    LOCAL("tariff rate", "file=FILE [later...]", ctl_tariff_rate,
	"What the use in standard input costs; CSV: from,to,wh or from,to,wh_t1,wh_t2,..."),
};

static const struct ctl_command people[] = {
    READ("principal list", "[--all]", "principal/list", "principal uid role sites state",
	"Who may do what, and where."),
    WRITE("principal add", "name=NAME [--uid=N] --role=ROLE --sites=SITES --reason=TEXT",
	"principal/add",
	"Let somebody in: a user of this machine or, without --uid, one who comes with a token; "
	"sites "
	"are names with commas between, or *."),
    WRITE("principal role", "principal=NAME role=ROLE --reason=TEXT", "principal/role",
	"Give a principal another role."),
    WRITE("principal sites", "principal=NAME sites=SITES --reason=TEXT", "principal/sites",
	"Give a principal other sites, with all that lies within them."),
    WRITE("principal disable", "principal=NAME --reason=TEXT", "principal/disable",
	"Let a principal in no more."),
    SHOW("token add", "principal=NAME [--days=N] --reason=TEXT", "token/add",
	"secret token principal role expires_us",
	"Make a token for the TLS port; the secret is shown now and never again."),
    READ("token list", "[--principal=NAME] [--all] [--limit=N]", "token/list",
	"token principal state expires_us used_us created_by reason",
	"Tokens that are good; with --all, those that were."),
    WRITE("token revoke", "token=N --reason=TEXT", "token/revoke",
	"Let it open nothing any more, from now on."),
    READ("approval list", "[--all] [--limit=N]", "approval/list",
	"approval state action subject asked_by reason expires_us decided_by",
	"What waits for the word of another."),
    WRITE("approval give", "approval=N --reason=TEXT", "approval/give",
	"Let another do once what he asked for, within the hour."),
    WRITE("approval refuse", "approval=N --reason=TEXT", "approval/refuse", "Do not."),
    READ("audit list", "[--who=NAME] [--action=ACTION] [--after=N] [--limit=N]", "audit/list",
	"audit at_us who action reason outcome", "Who wrote what, the newest first."),
    READ("audit verify", "[--head=HEAD]", "audit/verify", "lines head",
	"Is the audit as it was written?  Keep the head elsewhere and give it the next time."),
    READ("routes", "", "routes", "method path site roles",
	"Every route of the daemon, who may use it, and where."),
};

static const struct ctl_command groups[] = {
    SPECIAL("group preview",
	"action=open|close|permit|hold|release|read|freeze|tariff [--site=SITE] "
	"[--meters=ADDRESSES]"
	" [--profile=PROFILE] [--relay=open|closed|permitted] [--online=yes|no] [--below=LIMIT]"
	" [--hold=ADMIN|MOVE_OUT|FRAUD|MAINTENANCE] [--day=DAY] [--file=FILE] [--at=WHEN]"
	" [--pace=N] [--limit=N] --reason=TEXT",
	"group/preview", true, NULL, "group action meters spared online pace sha256",
	ctl_group_preview, "Whom one order would hit; they are written down, and nothing is done."),
    SPECIAL("group start", "group=N [--watch]", "group/start", true, NULL,
	"group state action meters approval text", ctl_group_status,
	"Begin; a disconnection first waits for another to approve this very list."),
    SPECIAL("group status", "group=N [--watch]", "group/status", false, NULL,
	"group action state meters ended done failed skipped", ctl_group_status,
	"How far it is; with --watch, until it ends."),
    READ("group members",
	"group=N [--state=waiting|ordered|done|failed|skipped] [--after=N] [--limit=N]",
	"group/members", "n meter state why command at_us", "What became of each, and why."),
    SHOW("group stop", "group=N --reason=TEXT", "group/stop",
	"group action state meters ended done failed skipped",
	"Order no more; what is ordered goes its way."),
    SPECIAL("group resume", "group=N --reason=TEXT [--watch]", "group/resume", true, NULL,
	"group action state meters ended", ctl_group_status, "Go on with the rest."),
    READ("group list", "[--all] [--limit=N]", "group/list",
	"group action state meters ended done failed skipped by reason",
	"Orders to groups that are under way; with --all, those that were."),
};

static const struct ctl_command alone[] = {
    LOCAL("frame decode", "[HEX...]", ctl_frame_decode,
	"What DL/T 645 frames say; from standard input, a line each, when none is given."),
    LOCAL("arrows", "what=command|delivery", ctl_arrows,
	"What may follow what in the life of a command or a delivery."),
    LOCAL("profile list", "", ctl_profiles, "The families of meters this build speaks to."),
    LOCAL("conf check", "file=FILE", ctl_conf_check, "Is this settings file good?"),
    LOCAL("conf sample", "", ctl_conf_sample, "Every setting with its preset."),
    LOCAL("conf manual", "", ctl_conf_manual, "Every setting, as the body of a manual page."),
    LOCAL("hook verify",
	"--provider=NAME --keys=FILE [--now=T] [--header+=LINE] [--path=PATH] [--peer=IP]",
	ctl_hook_verify, "Is the notification in standard input authentic, and what does it say?"),
    SPECIAL("statement check", "file=FILE --provider=NAME [--sha1=HEX]", NULL, false, NULL,
	"line kind at_us payment_no order_no refund_no amount_minor settled_minor currency "
	"fee_millionths state",
	ctl_statement_check,
	"Read a provider's statement and add it up; refuse one that does not."),
    LOCAL("statement import",
	"file=FILE --source=NAME [--provider=NAME] [--sha1=HEX] [--day=DAY] [--zone=ZONE]"
	" [--fee=PERCENT]",
	ctl_statement_import,
	"Hand a provider's statement to the daemon; the same file is taken once."),
    READ("statement list", "[--source=NAME] [--day=DAY] [--limit=N]", "statement/list",
	"source day version current rows payments paid_minor refunds refunded_minor file",
	"Statements that were imported, all versions of them."),
    SHOW("recon run", "--day=DAY [--source=NAME] [--site=SITE]", "recon/run",
	"target name day opened closed reopened open",
	"Reconcile a day now: a source, a site, or everything."),
    READ("recon breaks",
	"[--source=NAME] [--site=SITE] [--day=DAY] [--kind=KIND] [--all] [--limit=N]",
	"recon/breaks", "break rule kind state age_s amount_minor owner text",
	"What does not agree; with --all, what was explained too."),
    READ("recon show", "break=N", "recon/show", "break rule kind state amount_minor text",
	"A break with what became of it, and the line of the statement."),
    SHOW("recon resolve", "break=N --reason=TEXT [--journal=N] [--owner=NAME]", "recon/resolve",
	"break rule kind state owner note",
	"It is explained, or put right by a journal; with --owner, say whose it is."),
    SHOW("recon close", "site=SITE day=DAY [--reason=TEXT]", "recon/close",
	"site day by reason open_breaks open_sources sha256",
	"Close a site's day for good; with open breaks it takes a reason."),
    READ("recon days", "[--site=SITE] [--limit=N]", "recon/days",
	"site day by reason open_breaks open_sources sha256", "Days that are closed."),
    LOCAL("migrate", "--db=CONNINFO [--sql=DIR]", ctl_migrate,
	"Bring the database to what this build wants."),
    LOCAL("init", "[--db=CONNINFO] [--database=NAME] [--principal=USER] [--no-system] [--sql=DIR]",
	ctl_init,
	"Make roles, database, first principal, system user, directories; once or again."),
    LOCAL("help", "[WORDS...]", ctl_help, "This, or what is known of some words."),
};

#define PIECE(rows_)                                    \
	{                                               \
		rows_, sizeof(rows_) / sizeof(*(rows_)) \
	}
static const struct {
	const struct ctl_command *rows;
	size_t n;
} pieces[] = {
    PIECE(meters),
    PIECE(money),
    PIECE(orders),
    PIECE(books),
    PIECE(supply),
    PIECE(notices),
    PIECE(sites),
    PIECE(fleets),
    PIECE(prices),
    PIECE(people),
    PIECE(groups),
    PIECE(alone),
};

const struct ctl_command *
ctl_command_at(size_t i)
{
	for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
		if (i < pieces[k].n)
			return &pieces[k].rows[i];
		i -= pieces[k].n;
	}
	return NULL;
}
