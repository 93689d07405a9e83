#!/bin/sh
# Every line that a call writes into the audit tells what was and what is, whichever route it came
# by: the daemon's own table of routes says which there are.  And what nobody should read in it.
#   tests/it/audit.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os, sys
import gate

BUILD = sys.argv[1]
HERE = os.path.join(gate.ROOT, "tests", "it")
A, B, NEW, MASTER = "202600000601", "202600000602", "202600000603", "202600000604"
NO_WRITE = {"payment/preview", "tariff/simulate"}  # they ask with a body and change nothing
# These take a story of their own.  At the end of each story every line of its audit is looked at
# (gate.py), so it is enough that it comes by here.
STORIES = {
    "push/retry": "push", "payment/assign": "payments", "payment/move": "refunds", "refund/approve": "refunds", "refund/paid": "refunds",
    "refund/withdraw": "refunds", "reading/accept": "billing", "reading/refuse": "billing", "meter/swap": "billing",
    "account/refund": "billing", "bill/rebill": "billing", "work/resolve": "delivery_faults", "halt/release": "storm", "notice/retry": "messages",
    "tariff/load": "tariff_versions", "tariff/submit": "tariff_versions", "tariff/approve": "tariff_versions", "tariff/withdraw": "tariff_versions",
    "recon/resolve": "recon", "meter/qualify": "qualify", "approval/give": "permissions",
    "approval/refuse": "permissions", "alarm/ack": "alarms", "alarm/resolve": "alarms", "ledger/reverse": "refunds", "meter/multiplier": "billing", "account/move-in": "billing", "account/move-out": "billing", "emergency/activate": "emergency", "import/undo": "import",
}

BY_WORDS = {"push/want": ("push", '"push", "tariff"'), "statement/begin": ("recon", '"statement", "import"'),
            "statement/rows": ("recon", '"statement", "import"'), "statement/seal": ("recon", '"statement", "import"'),
            **{f"import/{step}": ("import", '"import", ') for step in ("begin", "rows", "run")}}


class Calls:
    """Calls by route; what they wrote is looked at right away."""

    def __init__(self, d):
        self.d, self.seen, self.wrong = d, set(), []

    def __call__(self, route, **values):
        last = db.value("SELECT COALESCE(max(id), 0) FROM powergate.audit")
        answer = self.d.order(route, **values)
        lines = db.rows("SELECT actor, action, before IS NOT NULL AND after IS NOT NULL, before, after FROM powergate.audit "
                        "WHERE id > :last AND outcome <> 'forbidden' ORDER BY id", last=last)
        if not lines or any(line[2] != "t" for line in lines) or all(line[3:] == ["{}", "{}"] for line in lines):
            self.wrong.append([route, lines])
        self.seen.add(route)
        self.lines = lines
        return answer

    def last(self, sql):
        return db.value(f"SELECT {sql} FROM powergate.audit ORDER BY id DESC LIMIT 1")


def places(call):
    call("site/add", name="here", zone="Asia/Shanghai")
    call("site/mode", site="here", mode="observe", reason="look first")
    gate.ok(call.last("before #>> '{site,0,mode}'") == "live" and call.last("after #>> '{site,0,mode}'") == "observe",
            "a line tells the mode there was and the mode there is", call.lines)
    gate.ok(call.last("(SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(after #> '{site,0}') k)") == "id,mode",
            "and nothing that stayed as it was, but the key")
    call("site/mode", site="here", mode="live", reason="seen")
    call("tariff/add", name="flat", steps="0:1000000")
    call("calendar/set", site="here", day="2026-12-24", kind="holiday")
    for account, meter, mode, profile in (("R", A, "remote", "remote"), ("L", B, "local", "wallet-esam")):
        call("account/add", account=account, mode=mode, site="here", **({"tariff": "flat"} if mode == "remote" else {}))
        call("meter/add", meter=meter, profile=profile, account=account, **({"capability": "counted"} if mode == "local" else {}))
    call("meter/add", meter=MASTER, profile="remote", site="here")
    call("meter/master", meter=MASTER, subs=f"{A},{B}", loss_ppm="10000")


def meters(call):
    call("meter/limit", meter=A, watts="5000", reason="the cable")
    call("meter/read", meter=A)
    gate.ok(call.lines[0][1] == "meter.read", "what its function does not note is noted under the name of its route", call.lines)
    call("meter/commission", meter=B)
    call("command/cancel", command=str(call("meter/relay", meter=A, relay="closed", reason="on")["command"]))
    call("meter/password", meter=A, password="271828", level="2")
    gate.ok(call.last("after #>> '{meter,0,password}'") == "(masked)", "a password leaves a trace and no digits", call.lines)
    for path, more in (("hold/add", {}), ("hold/release", {})):
        call(path, meter=A, hold="MAINTENANCE", reason="repair", **more)
    one = call("override/add", meter=A, kind="PROTECTED", reason="a ventilator")
    call("override/end", override=str(one["override"]), reason="healed")
    group = str(call("group/preview", action="read", meters=f"{A},{B}", pace="1", reason="look at both")["group"])
    call("group/start", group=group)
    call("group/stop", group=group, reason="wait")
    call("group/resume", group=group, reason="go on")
    call("headend/trips", trips="stop", reason="a storm")
    call("headend/trips", trips="allow", reason="over")
    call("headend/safety", trips="5", reason="careful")
    call("headend/hold", hold="on", reason="restored")
    call("headend/hold", hold="off", reason="looked at")
    call("endpoint/quarantine", endpoint=A, reason="who is that")
    call("endpoint/claim", endpoint=A)
    call("endpoint/link", endpoint=A, carrier="Blue", signal="-80")
    call("meter/log", meter=A, minutes="5", reason="it is silent")


def money(call):
    call("payment/limits", site="here", most_minor="1000000", reason="a rule")
    call("shift/open", terminal="T1", float_minor="0")
    call("payment/cash", account="R", amount_minor="5000", payment_no="C-1", terminal="T1")
    gate.ok(call.last("after #>> '{payment,0,amount_minor}'") == 5000 and call.last("actor") == "tester", "cash over the counter names who took it", call.lines)
    call("payment/cash", account="R", amount_minor="700", payment_no="C-2", terminal="T1")
    payment = db.value("SELECT id FROM powergate.payment WHERE payment_no = 'C-2'")
    call("payment/void", payment=str(payment), reason="the wrong button")
    call("shift/close", terminal="T1", counted_minor="5000")
    first = db.value("SELECT id FROM powergate.payment WHERE payment_no = 'C-1'")
    call("refund/request", payment=str(first), amount_minor="100", reason="too much")
    call("orders", account="R", amount_minor="500", source="app")
    debt = call("debt/add", account="R", kind="payment", amount_minor="900", reference="loan 1", percent="20", reason="agreed")["debt"]
    call("debt/write-off", debt=str(debt), amount_minor="100", reason="forgiven")
    call("debt/order", account="R", order="payment,balance,emergency,instalment,accumulated", reason="agreed")
    call("emergency/offer", account="R", limit_minor="1000", below_minor="100000", reason="winter")
    call("emergency/withdraw", account="R", reason="spring")


def people(call):
    contact = call("contact/add", account="R", channel="sms", address="+8613900000000", language="zh")["contact"]
    gate.ok("13900000000" not in str(db.rows("SELECT * FROM powergate.audit")), "nobody's telephone number is in the audit")
    call("contact/set", contact=str(contact), language="en")
    call("contact/stop", contact=str(contact), reason="moved")
    call("principal/add", name="bob", role="viewer", sites="here", reason="hired")
    call("principal/role", principal="bob", role="operator", reason="learned")
    call("principal/sites", principal="bob", sites="*", reason="all")
    token = call("token/add", principal="bob", reason="his phone")
    gate.ok(call.last("after #>> '{api_token,0,sha256}'") == "(masked)", "not even a token's hash is in the audit", call.lines)
    call("token/revoke", token=str(token["token"]), reason="lost")
    call("principal/disable", principal="bob", reason="left")
    work = db.value("INSERT INTO powergate.work (key, cause, account_id, text, todo, opened_us) SELECT 'x', 'TEST', id, 'x', 'x', 1 "
                    "FROM powergate.account WHERE number = 'R' RETURNING id")
    call("work/take", work=str(work))
    alarm = db.value("INSERT INTO powergate.alarm (meter_id, kind, severity, source, text, first_us, last_us, lasting) "
                     "SELECT id, 'cover_open', 'critical', 'counter', 'x', 1, 1, false FROM powergate.meter WHERE address = :'m' RETURNING id", m=A)
    call("alarm/ack", alarm=str(alarm))
    call("alarm/resolve", alarm=str(alarm), reason="a new seal")
    call("recon/run", day="20261119", site="here")
    call("recon/close", site="here", day="20261119", reason="all seen")


def whole(d, call):
    lines = db.rows("SELECT actor, outcome FROM powergate.audit WHERE before IS NULL")
    gate.ok(not lines, "no line is without", lines)
    without = db.rows("SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'powergate'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
                      "AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit_note') ORDER BY 1")
    gate.ok([r[0] for r in without] == ["audit", "audit_last", "audit_link", "reading", "schema_version", "statement_row"],
            "every table tells what is changed in it, but for these", without)
    gate.ok(d.ctl("audit", "verify")[0] == 0, "the chain holds, with before and after in it")
    try:
        db.run("UPDATE powergate.audit SET before = '{}', after = '{}' WHERE id = (SELECT min(id) FROM powergate.audit)")
        gate.ok(False, "it was changed")
    except RuntimeError as e:
        gate.ok("append-only" in str(e), "once written they stay")


with gate.Cluster(BUILD) as db:
    key = os.path.join(db.place("k"), "key")
    with open(key, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("5a" * 32 + "\n")
    with gate.Daemon(BUILD, db, {"meters": {"listen": "127.0.0.1:0", "password_key": key}}) as daemon:
        calls = Calls(daemon)
        for part in (places, meters, money, people):
            part(calls)
        gate.ok(not calls.wrong, f"{len(calls.seen)} routes leave before and after in each of their lines", "\n".join(map(str, calls.wrong)))
        table = {r["path"].removeprefix("/v1/") for r in daemon.ask("routes").json["rows"] if r["method"] == "POST"}
        rest = table - calls.seen - NO_WRITE - set(STORIES) - set(BY_WORDS)
        gate.ok(not rest, "no other route writes", sorted(rest))
        absent = []
        stories = {path: (story, '"' + path.replace("/", '", "') + '"') for path, story in STORIES.items()}
        for path, (story, words) in {**stories, **BY_WORDS}.items():
            with open(os.path.join(HERE, story + ".sh"), encoding="utf-8") as f:
                text = f.read()
            if path not in text and words not in text:
                absent.append([path, story])
        gate.ok(not absent, "the others come by in the stories that are named here", absent)
        whole(daemon, calls)
sys.exit(gate.done())
PY
