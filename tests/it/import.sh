#!/bin/sh
# A fleet in a spreadsheet: what is wrong with it is told all at once, a dry run changes nothing,
# and what was taken over is billed from where it was left.
#   tests/it/import.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import csv, datetime, io, json, os, sys, time, zoneinfo
import gate

BUILD = sys.argv[1]
R1, R2, L1, STOCK = "202600000501", "202600000502", "202600000503", "202600000504"
TABLES = ("site", "account", "account_state", "meter", "meter_state", "endpoint", "service_point", "tenancy", "installation", "debt",
          "journal", "posting", "import_made")


def table(rows):
    """A spreadsheet of these rows, its columns in the order in which they turn up."""
    names = list(dict.fromkeys(n for r in rows for n in r))
    out = io.StringIO()
    w = csv.DictWriter(out, names, restval="")
    w.writeheader()
    w.writerows(rows)
    return out.getvalue()


def counts():
    return [int(n) for n in db.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM powergate.{t})" for t in TABLES))[0]]


def load(d, text, *words, name="fleet.csv"):
    path = d.write(name, text)
    code, out, err = d.ctl("--json", "import", path, *words)
    return code, json.loads(out) if out else {}, err


def house(at):
    """Two households that we bill, one whose money is in its meter, and a meter on the shelf."""
    return [
        {"site": "garden", "zone": "Asia/Shanghai"},
        {"site": "garden", "building": "3", "floor": "2", "unit": "201", "account": "G201", "customer": "Household 201, \"upper\"", "fee_mode": "remote",
         "tariff": "steps", "warn": "30.00 10.00", "balance": "12.34", "debt": "100.00", "debt_reference": "lease 7", "debt_percent": "25.00",
         "debt_week_cap": "20.00", "settlement_day": "1", "meter": R1, "profile": "remote", "multiplier": "2", "most_watts": "2000000",
         "service_point": "201 main", "opening_read": "1000", "opening_at": at, "used_kwh": "99.5", "password": "4:135790"},
        {"site": "garden", "building": "3", "floor": "2", "unit": "202", "account": "G202", "customer": "'=1+1", "fee_mode": "remote", "tariff": "steps",
         "balance": "-7.50", "meter": R2, "profile": "remote", "gateway": "DTU-3"},
        {"site": "garden", "building": "4", "account": "G401", "fee_mode": "local", "meter": L1, "profile": "wallet-esam", "capability": "counted",
         "purchases": "17", "bought": "850.00"},
        {"site": "garden", "building": "4", "meter": STOCK, "profile": "remote", "gateway": "DTU-3"},
        {"site": "garden", "building": "3", "floor": "2", "unit": "201", "account": "G201", "debt": "5.00", "debt_reference": "key"},
    ]


def faults(d):
    rows = house("2026-01-01T00:00:00Z")
    rows[0]["zone"] = "Asia/Nowhere"
    rows[1].update(balance="12.3", meter="2.026E+11", tariff="gone", opening_at="2026-02-31T00:00:00Z")
    rows[2].update(meter=L1, fee_mode="prepaid")
    rows[3].update(balance="5.00", password="12345")
    rows[4].update(account="G202", profile="no-such")
    rows[5].update(building="9")
    was = counts()
    for words in (("--dry-run",), ()):
        code, told, err = load(d, table(rows), *words)
        seen = {(r["line"], r["field"]) for r in told.get("rows", [])}
        wanted = {(2, "zone"), (3, "balance"), (3, "meter"), (3, "tariff"), (4, "fee_mode"), (5, "meter"), (5, "balance"), (5, "password"),
                  (6, "profile"), (7, "place")}
        gate.ok(code == 1 and told["state"] == "refused" and wanted <= seen and told["faults"] == len(told["rows"]),
                f"{'a dry run' if words else 'the run itself'} tells all {len(told.get('rows', []))} faults with their lines", (code, wanted - seen, told, err))
    gate.ok(counts() == was, "and nothing of it is there")
    gate.ok(db.value("SELECT count(*) FROM powergate.import_row") == 0, "nor are its rows kept")
    code, out, err = d.ctl("import", d.write("fleet.csv", table(rows)))
    gate.ok(code == 1 and "fleet.csv:3: balance: an amount has two decimals" in err, "people read file, line and column", err)
    for text, words in (("sites,account\na,b\n", 'no column is called "sites"'), ("site,zone\na\n", "line 2: 1 cells in 2 columns"),
                        ('site,zone\n"a,b\n', "a quote is not closed"), ("site,site\na,b\n", "stands twice"), ("", "it is empty"),
                        ('[{"site": 5}]', "is no text"), ('[{"site": "a", "site": "b"}]', "given twice"), ("site\n", "it has no rows")):
        code, out, err = d.ctl("import", d.write("odd.csv", text))
        gate.ok(code == 1 and words in err, f"refused where it lies: {words}", err)
    code, told, err = load(d, table([{"site": "y", "zone": "UTC", "currency": "KWD"}]), "--dry-run")
    gate.ok(code == 1 and [r["field"] for r in told["rows"]] == ["site"] and "two digits" in told["rows"][0]["text"],
            "a currency without two digits is refused here too", told)
    many = table([{"site": "x", "zone": "UTC", "account": f"bad {i}"} for i in range(1500)])
    code, told, err = load(d, many, "--dry-run")
    gate.ok(told["faults"] >= 3000 and len(told["rows"]) == 1000, "of very many faults the first thousand are told, and how many there are", told["faults"])


def adopted(d, at):
    was = counts()
    code, told, err = load(d, table(house(at)), "--dry-run")
    gate.ok(code == 0 and told["state"] == "tried" and (told["meters"], told["accounts"], told["sites"]) == (4, 3, 6) and told["balance_minor"] == 484,
            "a dry run says what would be made", (told, err))
    gate.ok(counts() == was, "and makes none of it")
    code, told, err = load(d, table(house(at)).replace("\r\n", "\n"), name="again.csv")
    gate.ok(code == 0 and told["state"] == "done" and told["debt_minor"] == 10500, "the run makes it", (told, err))
    modes = db.rows("SELECT DISTINCT mode FROM powergate.site WHERE name LIKE 'garden%'")
    gate.ok(modes == [["observe"]] and told["live_meters"] == 0, "what was imported is only observed", modes)
    gate.ok([r[0] for r in db.rows("SELECT s.name FROM powergate.account a JOIN powergate.site s ON s.id = a.site_id WHERE a.number = 'G201'")]
            == ["garden/3/2/201"], "a household lives in its unit, on its floor, in its building")
    held = db.rows("SELECT a.number, s.prepaid_minor, s.arrears_minor FROM powergate.account a JOIN powergate.account_state s ON s.account_id = a.id ORDER BY 1")
    gate.ok(held == [["G201", "1234", "10500"], ["G202", "-750", "0"], ["G401", "0", "0"]], "balances and debts are what the file says", held)
    kinds = db.rows("SELECT j.kind, l.ledger, sum(l.amount_minor) FROM powergate.journal j JOIN powergate.posting l ON l.journal_id = j.id GROUP BY 1, 2 ORDER BY 2")
    gate.ok(kinds == [["opening", "arrears", "10500"], ["opening", "opening", "-10016"], ["opening", "prepaid", "-484"]] and not db.ledger_problems()
            and db.value("SELECT count(*) FROM powergate.payment") == 0, "they are in the books against what was taken over, and are no payments", kinds)
    gate.ok(db.rows("SELECT customer FROM powergate.account WHERE number = 'G202'") == [["=1+1"]], "what a spreadsheet would calculate comes as it was written")
    gate.ok(db.rows("SELECT base_count, base_bought, base_by, account_open FROM powergate.meter_state x JOIN powergate.meter m ON m.id = x.meter_id WHERE address = :'m'", m=L1)
            == [["17", "85000", "tester", "t"]], "what was bought before is not ours")
    key = db.value("SELECT encode(password, 'hex') FROM powergate.meter WHERE address = :'m'", m=R1)
    secret = db.value("SELECT count(*) FROM powergate.audit WHERE args::text LIKE '%135790%'") + d.log().count("135790")
    gate.ok(key and len(str(key)) == 64 and secret == 0 and db.value("SELECT count(sealed) FROM powergate.import_row") == 0,
            "a password is sealed; neither log nor audit nor the rows have it", key)
    last = db.rows("SELECT outcome, after ->> 'meters', actor FROM powergate.audit WHERE action = 'import.run' ORDER BY id DESC LIMIT 1")
    gate.ok(last == [["done", "4", "tester"]] and d.ctl("audit", "verify")[0] == 0, "the audit has who did it and what came of it", last)
    code, again, err = load(d, table(house(at)))
    gate.ok(code == 1 and {"meter", "account"} <= {r["field"] for r in again["rows"]}, "the same file again is refused: it is all there", again)
    return told["import"]


def billed(d):
    """From where it was left: the first kWh of the second step is the 101st of the month."""
    with gate.Sim(BUILD, d, [{"address": R1, "profile": "remote", "watts": 0, "energy_wh": 1000500}]) as sim:
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.charge") > 0, 15, "a charge")
        row = db.rows("SELECT wh, used_wh, minor FROM powergate.charge c ORDER BY c.id LIMIT 1")
        # 0.5 kWh by a multiplier of 2 is 1 kWh; 99.5 are used: half of it costs 1.00, half 2.00
        gate.ok(row == [["1000", "99500", "150"]], "use is charged from the opening read, from where in the tiers the account was", row)
        d.pay("G201", 8000, "P1")
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.waterfall WHERE split_us IS NOT NULL"), 10, "the split")
        owed = db.rows("SELECT s.prepaid_minor, s.arrears_minor FROM powergate.account a JOIN powergate.account_state s ON s.account_id = a.id WHERE number = 'G201'")
        gate.ok(owed == [[str(1234 - 150 + 8000 - 2500), "8000"]], "a payment repays the debts that were taken over", owed)
        gate.ok(not db.ledger_problems(), "the books are in order", db.ledger_problems())


def back(d, batch):
    """What is in use stays; what is not goes, and its money by journals."""
    code, out, err = d.ctl("--json", "import", "undo", str(batch), "--reason", "wrong house")
    told = json.loads(out)
    ways = {r["what"] for r in told["rows"]}
    gate.ok(code == 1 and told["state"] == "refused" and {"payment", "charge", "journal"} <= ways and db.value(
        "SELECT state FROM powergate.import_batch WHERE id = :'b'", b=batch) == "done", "what is in use is not taken back, and why is said", told)
    rows = [{"site": "court", "zone": "Asia/Shanghai", "currency": "CNY"},
            {"site": "court", "unit": "1", "account": "C1", "fee_mode": "remote", "tariff": "steps", "balance": "50.00", "debt": "7.00", "meter": "202600000601",
             "profile": "remote", "gateway": "DTU-9"},
            {"site": "court", "unit": "2", "account": "C2", "fee_mode": "local", "meter": "202600000602", "profile": "wallet-esam", "capability": "counted",
             "purchases": "3", "bought": "60.00"}]
    kept = db.value("SELECT sum(amount_minor) FROM powergate.posting WHERE ledger = 'opening'")
    first = load(d, table(rows))[1]["import"]
    code, out, err = d.ctl("import", "undo", str(first), "--reason", " ")
    gate.ok(code == 1 and "a reason is needed" in err, "without a reason nothing is taken back", err)
    code, out, err = d.ctl("import", "undo", str(first), "--reason", "another house")
    gate.ok(code == 0, "an import of which nothing is in use is taken back", out + err)
    gate.ok(db.value("SELECT sum(amount_minor) FROM powergate.posting WHERE ledger = 'opening'") == kept and not db.ledger_problems()
            and db.value("SELECT count(*) FROM powergate.journal WHERE reverses IS NOT NULL AND kind = 'opening'") == 2, "its balances went back by journals",
            db.ledger_problems())
    gate.ok(d.ask("account/show", account="C1").status == 404 and d.ask("meter/show", meter="202600000601").status == 404
            and all("court" not in r["site"] for r in d.ask("site/list").json["rows"]), "nobody sees it any more")
    d.pay("C1", 5000, "P-LATE")
    gate.ok(db.rows("SELECT state FROM powergate.payment WHERE payment_no = 'P-LATE'") == [["suspense"]], "what somebody pays for it all the same is in suspense")
    try:
        db.run("SET search_path = powergate; WITH j AS (INSERT INTO powergate.journal (key, kind, at_us) VALUES ('x', 'x', 1) RETURNING id) INSERT INTO powergate.posting "
               "SELECT j.id, l.n, l.c, '', CASE WHEN l.n = 1 THEN a.id END, l.m, 'CNY' FROM j, powergate.account a, (VALUES (1, 'prepaid', -1), (2, 'fees', 1)) l(n, c, m) "
               "WHERE a.number LIKE 'C1~%'")
        gate.ok(False, "something was posted to it")
    except RuntimeError as e:
        gate.ok("there is no account" in str(e), "and nothing can be posted to it", str(e))
    code, told, err = load(d, table(rows))
    gate.ok(code == 0 and told["meters"] == 2, "the same file can be imported again", (told, err))
    gate.ok(d.ctl("import", "undo", str(first), "--reason", "again")[0] == 1, "what is undone is not undone twice")
    d.order("hold/add", hold="FRAUD", meter="202600000601", reason="a wire")
    code, out, err = d.ctl("--json", "import", "undo", str(told["import"]), "--reason", "no")
    gate.ok(code == 1 and "hold" in {r["what"] for r in json.loads(out)["rows"]}, "a hold stands in the way", out + err)
    seen = d.ask("import/list").json["rows"]
    gate.ok({r["state"] for r in seen} == {"done", "undone"}, "the list has what was imported and what was taken back", seen)


def dear(d):
    """Above the limit of refunds two people take it back."""
    rows = [{"site": "tower", "zone": "Asia/Shanghai", "account": "T1", "fee_mode": "remote", "tariff": "steps", "balance": "90000.00"}]
    batch = load(d, table(rows))[1]["import"]
    code, out, err = d.ctl("--json", "import", "undo", str(batch), "--reason", "too dear")
    told = json.loads(out)
    gate.ok(code == 1 and told["state"] == "asked" and db.value("SELECT state FROM powergate.import_batch WHERE id = :'b'", b=batch) == "done",
            "much money is not taken back by one person", told)
    db.run("INSERT INTO powergate.principal VALUES (61009, 'second', 'approver', 0); "
           f"UPDATE powergate.approval SET decision = 'given', decided_uid = 61009, decided_by = 'second', decided_us = 1 WHERE id = {told['approval']}")
    code, out, err = d.ctl("import", "undo", str(batch), "--reason", "too dear")
    gate.ok(code == 0, "when another agrees it is", out + err)


def round_trip(d):
    """Out of one head-end and into another, and what comes out there is the same."""
    tables = {}
    for form in ("csv", "json"):
        code, out, err = d.ctl(*([] if form == "csv" else ["--json"]), "export", "fleet")
        gate.ok(code == 0 and "G201" in out and "135790" not in out, f"the fleet comes out as {form}, without passwords", out[:300] + err)
        tables[form] = d.write(f"out.{form}", out)
    other = gate.Daemon(BUILD, db, {"daemon": {"node": "b"}, "meters": {"listen": "127.0.0.1:0", "password_key": d.settings["meters"]["password_key"]}},
                        conninfo=empty, start=False)
    other.start()
    other.order("tariff/add", name="steps", steps="0:1000000 100000:2000000", zone="Asia/Shanghai")
    gate.until(lambda: other.ask("tariff/list").json["rows"][0]["state"] == "active", 5)
    for form in ("csv", "json"):
        code, out, err = other.ctl("import", tables[form], "--dry-run")
        gate.ok(code == 0, f"{form}: an empty head-end would take it", err)
    code, out, err = other.ctl("import", tables["csv"])
    with open(tables["csv"], encoding="utf-8") as f:
        was = f.read()
    code, now_is, err = other.ctl("export", "fleet")
    gate.ok(now_is == was and was.count("\n") > 12, "imported and exported again it is the same, byte for byte", f"{was}\n----\n{now_is}{out}{err}")
    with open(tables["json"], encoding="utf-8") as f:
        gate.ok(other.ctl("--json", "export", "fleet")[1] == f.read(), "as JSON too")
    for name in ("account_state s JOIN powergate.account a ON a.id = s.account_id", ):
        money = [db.psql(f"SELECT a.number, s.prepaid_minor, s.arrears_minor FROM powergate.{name} WHERE a.state = 'active' ORDER BY 1", conninfo=c)
                 for c in (db.conninfo, empty)]
        gate.ok(money[0] == money[1], "every account has and owes the same", money)
    gate.ok(not db.psql("SELECT * FROM door.ledger_check()", conninfo=empty), "and its books are in order")
    other.stop()


with gate.Cluster(BUILD) as db:
    empty = db.database("empty")
    db.prepare(empty)
    daemon = gate.Daemon(BUILD, db, start=False)
    daemon.configure({"meters": {"password_key": daemon.write("key", os.urandom(32).hex() + "\n")}})
    daemon.start()
    daemon.order("tariff/add", name="steps", steps="0:1000000 100000:2000000", zone="Asia/Shanghai")
    gate.until(lambda: daemon.ask("tariff/list").json["rows"][0]["state"] == "active", 5)
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Shanghai"))
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    moment = (now - min(datetime.timedelta(hours=1), (now - month) / 2)).isoformat(timespec="microseconds")
    faults(daemon)
    batch = adopted(daemon, moment)
    billed(daemon)
    back(daemon, batch)
    dear(daemon)
    round_trip(daemon)
sys.exit(gate.done())
PY
