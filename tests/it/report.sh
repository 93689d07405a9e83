#!/bin/sh
# The report of a day: told once it is closed, written by the daemon's job or by hand, the same when
# made again, and nobody changes a byte of it unseen.
#   tests/it/report.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import csv, datetime, json, os, random, re, shutil, subprocess, sys, time, zoneinfo
import field, gate

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
TODAY = datetime.datetime.now(ZONE).date()
REMOTE, DARK, WALLET = "202600000401", "202600000402", "202600000403"
DAY_US = 86400 * 1000000
# what has happened today happened so many days ago: a test has no time to wait for midnight
MOVING = {"payment": "received_us", "journal": "at_us value_us", "account": "created_us", "meter": "created_us",
          "work": "opened_us resolved_us", "payment_batch": "sent_us committed_us", "command_history": "at_us", "command": "ended_us",
          "credit_delivery": "created_us planned_us sent_us heard_us applied_us", "notice": "sent_us due_us", "event": "at_us",
          "reading": "at_us heard_us", "charge": "rated_us", "exposure": "since_us ended_us", "freeze_record": "read_us",
          "installation": "from_us billed_us moved_us", "recon_day": "closed_us", "recon_run": "at_us", "recon_break": "first_us"}


def day(back):
    return (TODAY - datetime.timedelta(days=back)).strftime("%Y%m%d")


def midnight(back):
    d = TODAY - datetime.timedelta(days=back)
    return int(datetime.datetime(d.year, d.month, d.day, tzinfo=ZONE).timestamp()) * 1000000


def moved_back(db, days):
    db.run("SET session_replication_role = replica;" + "".join(
        f"UPDATE powergate.{table} SET {column} = {column} - {days * DAY_US} WHERE {column} >= {midnight(0)};"
        for table, columns in MOVING.items() for column in columns.split()))


def frozen(db, back, wh, meters, read_us=None):
    """A record of the meters' own for the midnight at which a day began; what was counted since the
    last reading was counted in the night's register, whatever the hour of the test."""
    for meter in meters:
        db.run(f"INSERT INTO powergate.freeze_record SELECT m.id, {day(back)}, {midnight(back)}, {wh}, b.t1, b.t2, {wh} - b.t1 - b.t2 - b.t4, b.t4, "
               f"1234, NULL, 'meter', 'ledger', {read_us or midnight(back)} FROM powergate.meter m "
               f"JOIN powergate.installation i ON i.meter_id = m.id, LATERAL (SELECT i.billed_wh[1] <= {wh}) s(since), "
               f"LATERAL (SELECT CASE WHEN since THEN i.billed_wh[2] ELSE 0 END, CASE WHEN since THEN i.billed_wh[3] ELSE 0 END, "
               f"CASE WHEN since THEN i.billed_wh[5] ELSE 0 END) b(t1, t2, t4) WHERE m.address = '{meter}'")


def now_us():
    return time.time_ns() // 1000


def minor(text):
    return int(text.replace(".", "")) if text else 0


class Reports:
    def __init__(self, d):
        self.d = d
        self.dir = os.path.join(d.dir, "reports")
        os.mkdir(self.dir)
        self.key = self.generate("key")
        self.pub = self.public(self.key)

    def generate(self, name):
        path = os.path.join(self.d.dir, name + ".pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
        return path

    def public(self, key):
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", key + ".pub"], check=True)
        return key + ".pub"

    def make(self, number, *more, root=None):
        return self.d.ctl("report", "day", number, "--dir", root or self.dir, "--key", self.key, *more)

    def verify(self, *more, root=None, key=None):
        code, out, err = self.d.ctl("report", "verify", root or self.dir, "--key", key or self.pub, *more)
        return code, out + err

    def files(self):
        return sorted(os.path.join(at, f) for at, _, names in os.walk(self.dir) for f in names)

    def bytes(self):
        return {f: open(f, "rb").read() for f in self.files()}

    def rows(self, number, name):
        with open(f"{self.dir}/here/{number}/{name}.csv", encoding="utf-8-sig") as f:
            return list(csv.DictReader(f))


# --- what happens, and when ---------------------------------------------------------------------

def first_day(d, db, sim):
    """One who was off is paid for, one whose credit is in the meter; both use."""
    d.order("meter/commission", meter=WALLET)
    seen = "SELECT relay_seen FROM powergate.meter_state s JOIN powergate.meter m ON m.id = s.meter_id WHERE address = "
    gate.until(lambda: db.value(f"{seen}'{REMOTE}'") == "open" and
               d.ask("meter/show", meter=WALLET).json.get("commissioned_count") is not None, 20, "a meter off and one commissioned")
    d.pay("R1", 5000, "P-1", paid_at=datetime.datetime.fromtimestamp(midnight(2) / 1e6, ZONE).isoformat())
    d.pay("L1", 3000, "P-3", "msg_3", paid_at=datetime.datetime.fromtimestamp(midnight(2) / 1e6, ZONE).isoformat())
    d.pay("R_2.x-y", 3000, "P \\\"2", "msg_2", paid_at=datetime.datetime.fromtimestamp(midnight(2) / 1e6, ZONE).isoformat())
    done = "SELECT count(*) FROM powergate.command c WHERE c.state = 'done' AND c.payment_id IS NOT NULL"
    used = "SELECT count(DISTINCT y.account_id) FROM powergate.charge c JOIN powergate.tenancy y ON y.id = c.tenancy_id WHERE c.minor > 0"
    gate.until(lambda: db.value(done) == 2 and db.value(used) == 2, 20, "power, credit and use")
    db.run(f"SET search_path = powergate; SELECT powergate.alarm_raise(id, 'phase_order', 'status', 'b before a', true, 1, NULL, NULL, {now_us()}) FROM powergate.meter "
           f"WHERE address = '{REMOTE}'")
    count = sim.state(WALLET)["purchases"] if "purchases" in sim.state(WALLET) else None
    sim.close()
    time.sleep(2)       # what was read is rated
    return count


def used_late(d, db):
    """A meter tells what it counted an hour before a midnight that is closed already."""
    meter = db.value(f"SELECT id FROM powergate.meter WHERE address = '{REMOTE}'")
    charges = "SELECT count(*) FROM powergate.charge"
    before = db.value(charges)
    db.run(f"INSERT INTO powergate.reading SELECT {midnight(1) - 3600000000}, {meter}, 'total_wh', billed_wh[1] + 1000, {now_us()} "
           f"FROM powergate.installation WHERE meter_id = {meter};"
           f"SET search_path = powergate; SELECT powergate.mark_rate(ARRAY[account_id], {now_us()}) FROM powergate.meter WHERE id = {meter}")
    gate.until(lambda: db.value(charges) > before, 10, "a charge for what came late")


def closed(d, back, reason):
    d.ctl("recon", "run", "--day", day(back), "--site", "here")
    return d.ctl("recon", "close", "here", day(back), "--reason", reason)


# --- what is told -----------------------------------------------------------------------------------

def money(reports, db):
    two, one = ({a["account"]: a for a in reports.rows(day(n), "accounts")} for n in (2, 1))
    for rows in (two, one):
        for a in rows.values():
            gate.ok(minor(a["open"]) + minor(a["received"]) - minor(a["charged"]) - minor(a["loaded"]) + minor(a["other"]) ==
                    minor(a["close"]), f"account {a['account']}: what was, what came, what went, what is", a)
    gate.ok(all(two[a]["close"] == one[a]["open"] and two[a]["in_meter"] == one[a]["in_meter_open"] for a in two),
            "a day opens as the one before closed", f"{two} {one}")
    gate.ok((two["R1"]["open"], two["R1"]["received"], two["L1"]["loaded"]) == ("0.00", "50.00", "30.00") and
            minor(two["R1"]["charged"]) > 0 and minor(two["L1"]["meter_charged"]) > 0 and two["L1"]["charged"] == "0.00",
            "credit that is in a meter is charged there, by our shadow of it", two)
    posted = dict(db.rows("SELECT a.number, sum(p.amount_minor) FROM powergate.posting p JOIN powergate.account a ON a.id = p.account_id "
                          "JOIN powergate.journal j ON j.id = p.journal_id WHERE j.kind IN ('charge', 'fixed') AND j.at_us < " + f"{midnight(1)} GROUP BY 1"))
    lines = {}
    for c in reports.rows(day(2), "charges"):
        lines[c["account"]] = lines.get(c["account"], 0) + minor(c["charged"])
    gate.ok(lines and all(int(posted[a]) == n == minor(two[a]["charged"]) + minor(two[a]["meter_charged"]) for a, n in lines.items()),
            "the charges by component are those of the ledger", f"{lines} {posted}")
    site = reports.rows(day(2), "site")[0]
    gate.ok(all(minor(site[c]) == sum(minor(a[c]) for a in two.values()) for c in ("open", "received", "charged", "loaded", "close", "in_meter")) and
            site["accounts"] == "3" and site["meters"] == "3", "the site is the sum of them", site)


def meters(reports, db, count):
    told = {m["meter"]: m for m in reports.rows(day(2), "meters")}
    r, w = told[REMOTE], told[WALLET]
    alarms = [(a["alarm"], a["meter"], a["text"]) for a in reports.rows(day(2), "alarms") if a["alarm"] == "alarm"]
    gate.ok(alarms == [("alarm", REMOTE, "phase_order: b before a")], "what a meter raised on that day is among its alarms", alarms)
    night, = db.rows("SELECT " + ", ".join(f"b.{c} - a.{c}" for c in ("t1_wh", "t2_wh", "t3_wh", "t4_wh")) + " FROM powergate.freeze_record a "
                     "JOIN powergate.freeze_record b USING (meter_id) JOIN powergate.meter m ON m.id = meter_id "
                     f"WHERE a.day = {day(2)} AND b.day = {day(1)} AND m.address = '{REMOTE}'")
    gate.ok((r["from_kwh"], r["to_kwh"], r["used_kwh"], r["quality"]) == ("100.000", "115.000", "15.000", "meter") and
            [minor(r[f"t{n}_kwh"]) for n in (1, 2, 3, 4)] == [int(wh) for wh in night] and sum(map(int, night)) == 15000,
            "what a meter counted between the midnights, and in each band", r)
    gate.ok(told[DARK]["to_kwh"] == "" and told[DARK]["relay"] == "unknown", "what nobody knows is not told", told[DARK])
    billed = dict(db.rows("SELECT m.address, sum(c.wh) FROM powergate.charge c JOIN powergate.installation i ON i.id = c.installation_id "
                          f"JOIN powergate.meter m ON m.id = i.meter_id WHERE c.replaces IS NULL AND c.rated_us < {midnight(1)} GROUP BY 1"))
    minors = dict(db.rows("SELECT m.address, sum(c.minor) FROM powergate.charge c JOIN powergate.installation i ON i.id = c.installation_id "
                          f"JOIN powergate.meter m ON m.id = i.meter_id WHERE c.rated_us < {midnight(1)} GROUP BY 1"))
    for m in (r, w):
        bands = [m[f"billed_t{n}_kwh"] for n in (1, 2, 3, 4)]
        gate.ok(minor(m["billed_kwh"]) == int(billed[m["meter"]]) > 0 and minor(m["charged"]) == int(minors[m["meter"]]) > 0 and
                (not bands[0] or abs(sum(map(minor, bands)) - minor(m["billed_kwh"])) <= 40),
                f"meter {m['meter']}: what was charged for it and in each band is what its charges say", m)
    gate.ok((w["recharges"], w["recharged"], w["purchases"]) == ("1", "30.00", "1") and count in (None, 1),
            "what went into a meter, and the count that the meter itself keeps", f"{w} {count}")
    gate.ok(r["relay"] == "closed" and r["relay_at"].startswith("20"), "its relay as it was seen last", r)


def payments(reports):
    paid = {p["payment_no"]: p for p in reports.rows(day(2), "payments")}
    for no in ("P-1", "P-3"):
        p = paid[no]
        times = [p[c] for c in ("received_at", "committed_at", "dispatched_at", "acknowledged_at", "done_at")]
        gate.ok(all(times) and times == sorted(times) and int(p["total_ms"]) > 0, f"{no}: from the payment to power, step by step", p)
    steps = {s["step"]: s for s in reports.rows(day(2), "payment_times")}
    totals = sorted(int(p["total_ms"]) for p in paid.values() if p["total_ms"])
    gate.ok(len(totals) == 2 and (int(steps["done"]["p50_ms"]), int(steps["done"]["most_ms"])) == (totals[0], totals[1]) and
            int(steps["committed"]["payments"]) == 3, "and how long it took for half of them and for the longest", steps)
    one = reports.rows(day(1), "payments")
    gate.ok(sorted(p["payment_no"] for p in one) == ["'=2+3", "LATE-1"], "no text that a spreadsheet would calculate", one)
    gate.ok("SUSPENSE" in [w["cause"] for w in reports.rows(day(1), "work")], "and what waits for a person")


def reconciliation(reports, db):
    c = reports.rows(day(2), "closing")[0]
    gate.ok((c["reason"], c["by"]) == ("the dark meter is visited on Monday", "tester") and int(c["breaks"]) > 0 and len(c["sha256"]) == 64,
            "who closed the day, over what, and why", c)
    rules = {r["rule"]: r for r in reports.rows(day(2), "reconciliation")}
    found = {b["break_kind"]: b for b in reports.rows(day(2), "breaks")}
    gate.ok(sorted(rules) == [f"R{n}" for n in range(1, 10)] and rules["R6"]["state"] == "signed" and rules["R8"]["state"] == "agrees" and
            rules["R1"]["open_sources"] == "app", "each rule, and the source whose statement is missing", rules)
    gate.ok(found["FREEZE"]["meter"] == DARK and found["FREEZE"]["state"] == "open" and
            db.value(f"SELECT state FROM powergate.recon_break WHERE kind = 'FREEZE' AND day = {day(2)}") == "auto",
            "a break as it was signed, though it is gone since", found)
    rows = reports.rows(day(1), "late")
    late = {f["late"]: f for f in rows}
    used = minor([a for a in reports.rows(day(1), "accounts") if a["account"] == "R1"][0]["charged"])
    gate.ok(set(late) == {"payment", "freeze", "charge"} and late["payment"]["reference"] == "LATE-1" and late["freeze"]["meter"] == DARK and
            late["charge"]["account"] == "R1" and -sum(minor(f["amount"]) for f in rows if f["late"] == "charge") == used > 0 and {f["of_day"].replace("-", "") for f in late.values()} ==
            {day(2)} and not reports.rows(day(2), "late"),
            "what came for a closed day stands in the day on which it came, as LATE", late)


def pages(reports):
    with open(f"{reports.dir}/here/{day(2)}/report.json", encoding="utf-8") as f:
        told = json.load(f)
    gate.ok(told["day"] == int(day(2)) and told["currency"] == "CNY", "the same as JSON", told)
    spoken = {}
    for language, word in (("en", "Accounts"), ("zh", "账户"), ("es", "Cuentas")):
        with open(f"{reports.dir}/here/{day(2)}/report.{language}.html", encoding="utf-8") as f:
            page = f.read()
        pictures = re.findall(r'<svg role="img" aria-labelledby="([a-z_-]+)"[^>]*><title id="([a-z_-]+)">[^<]+</title>', page)
        gate.ok(word in page and len(pictures) >= 2 and all(a == b for a, b in pictures) and "<script" not in page and "<b>" not in page and
                "&lt;b&gt;" in page, f"a page to print in {language}, with charts that say their names, without scripts, and safely quoted",
                page[:2000])
        spoken[language] = re.findall(r"<h2>([^<]+)</h2>", page) + re.findall(r"<th[^>]*>([^<]+)</th>", page)
    gate.ok({"remoto", "cerrado", "firmado con diferencias"} <= set(re.findall(r"<td[^>]*>([^<]+)</td>", page)),
            "and so is what stands in the cells", page[:2000])
    names = {s["name"] for s in told["sections"]} | {c for s in told["sections"] for c in s["columns"]}
    raw = [w for words in spoken.values() for w in words if "_" in w or (w in names and w != "site")]
    latin = [w for w in spoken["zh"] if re.search("[a-z]{3}", w.replace("kWh", ""))]
    gate.ok(not raw and not latin and len({len(w) for w in spoken.values()}) == 1,
            f"all {len(spoken['zh'])} headings are in the language of the page", f"{raw} {latin}")


# --- once, and the same for ever ---------------------------------------------------------------------

def repeatable(reports, db):
    before = reports.bytes()
    db.run(f"UPDATE powergate.freeze_record SET total_wh = total_wh + 10 WHERE day = {day(1)}")
    code, out, err = reports.make(day(2))
    gate.ok(code == 0 and "the same" in out and before == reports.bytes(), "made again it is the same, whatever was learnt since, and nothing is written",
            out + err)
    other = os.path.join(reports.d.dir, "again")
    os.mkdir(other)
    for back in (2, 1):
        reports.make(day(back), root=other)
    pairs = [(f, os.path.join(other, os.path.relpath(f, reports.dir))) for f in reports.files()]
    same = [os.path.exists(b) and open(a, "rb").read() == open(b, "rb").read() for a, b in pairs]
    gate.ok(len(pairs) >= 38 and all(same), f"and by hand elsewhere all {len(pairs)} files are the same bytes, signatures too", same)
    code, _, err = reports.make(day(0))
    gate.ok(code == 1 and "not over" in err, "a day that is not over has no report", err)
    code, _, err = reports.make(day(3))
    gate.ok(code == 1 and "not closed" in err, "nor has one that nobody has closed", err)
    code, _, err = reports.make(day(1), "--site", "nowhere")
    gate.ok(code == 1 and "no such site" in err, "and no site is made up", err)
    shutil.rmtree(f"{reports.dir}/here/{day(2)}")
    code, out, err = reports.make(day(2))
    gate.ok(code == 0 and before == reports.bytes(), "a day that was lost is made again, the same", out + err)
    for sql in ("UPDATE powergate.report_day SET made_us = 0", "DELETE FROM powergate.report_day", "TRUNCATE powergate.report_day"):
        try:
            db.run(sql)
            gate.ok(False, f"what was told stays: {sql.split()[0]}")
        except RuntimeError as why:
            gate.ok("append-only" in str(why), f"what was told stays: {sql.split()[0]}", why)


def signature(reports):
    code, said = reports.verify()
    gate.ok(code == 0 and said == "2 days are as they were signed\n", "all of it verifies", said)
    at = f"{reports.dir}/here/{day(1)}"
    p = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", reports.pub, "-rawin", "-in",
                        at + "/manifest", "-sigfile", at + "/manifest.sig"], capture_output=True, check=False)
    gate.ok(p.returncode == 0, "and openssl says so too", p.stderr)
    code, said = reports.verify(key=reports.public(reports.generate("other")))
    gate.ok(code == 1 and "signature" in said, "not with somebody else's key", said)
    code, said = reports.verify("--last", day(1))
    gate.ok(code == 0, "it reaches as far as it should", said)


def flips(reports):
    """Every file, in places; test_report_files has every byte."""
    chance = random.Random(7)
    n, missed = 0, []
    for path in reports.files():
        with open(path, "rb") as f:
            good = f.read()
        places = {0, chance.randrange(len(good))}
        changed = [good[:-1]]
        for place in sorted(places):
            bad = bytearray(good)
            bad[place] ^= 1 << chance.randrange(8)
            changed.append(bytes(bad))
        for bad in changed:
            with open(path, "wb") as f:
                f.write(bad)
            n += 1
            if reports.verify()[0] != 1:
                missed.append((path, len(bad)))
        with open(path, "wb") as f:
            f.write(good)
    gate.ok(not missed and n > 100, f"{n} bits flipped and bytes cut off, each is found", missed)
    gate.ok(reports.verify()[0] == 0, "and put back, all is well again", reports.verify())


def days(reports):
    here = f"{reports.dir}/here"
    first, last, aside = f"{here}/{day(2)}", f"{here}/{day(1)}", f"{reports.d.dir}/aside"

    def found(sentence, *more):
        code, said = reports.verify(*more)
        gate.ok(code == 1, sentence, said)

    shutil.move(first, aside)
    found("a day that was taken away is found")
    shutil.move(aside, first)
    shutil.move(last, aside)
    found("the last one too, by who knows how far it went", "--last", day(1))
    shutil.move(first, last)
    shutil.move(aside, first)
    found("two days that were swapped are found")
    shutil.move(first, aside)
    shutil.move(last, first)
    shutil.move(aside, last)
    for path in reports.files():
        os.rename(path, path + ".away")
        code, _ = reports.verify()
        os.rename(path + ".away", path)
        if code != 1:
            gate.ok(False, "a file that was taken away is found", path)
    with open(first + "/more.csv", "w", encoding="utf-8") as f:
        f.write("x\n")
    found("a file that does not belong there is found")
    os.unlink(f.name)
    shutil.copytree(here, reports.dir + "/there")
    found("a site that was copied under another name is found")
    shutil.rmtree(reports.dir + "/there")
    gate.ok(reports.verify()[0] == 0, "and put back, all is well again", reports.verify())


# --- the job --------------------------------------------------------------------------------------------

def job(d, db, reports):
    """The daemon was not told to until now: both days are missed, and the first try fails."""
    work = "SELECT state, text FROM powergate.work WHERE cause = 'REPORT'"
    with open(reports.dir + "/here", "w", encoding="utf-8"):
        pass
    d.configure({"report": {"directory": reports.dir, "at": "00:00", "key": reports.key}})
    d.signal(1)
    gate.ok(gate.comes(lambda: db.rows(work), 10), "a report that cannot be written is work for a person", d.log()[-2000:])
    told = db.rows(work)
    gate.ok(len(told) == 1 and "reports/here: " in told[0][1] and day(2) in told[0][1] and not
            db.value("SELECT count(*) FROM powergate.report_job WHERE written_us IS NOT NULL"), "which says why, once, and nothing counts as written", told)
    os.unlink(reports.dir + "/here")
    done = "SELECT count(*) FROM powergate.report_job WHERE written_us IS NOT NULL"
    gate.ok(gate.comes(lambda: db.value(done) == 2, 10) and db.rows(work)[0][0] == "resolved",
            "it is tried again by itself, and the days that were missed are written in their order", d.log()[-2000:])
    hashes = dict(db.rows("SELECT day, sha256 FROM powergate.report_job"))
    for back in (2, 1):
        with open(f"{reports.dir}/here/{day(back)}/manifest", "rb") as f:
            said = subprocess.run(["sha256sum"], input=f.read(), capture_output=True, check=True).stdout.decode()[:64]
        gate.ok(hashes[day(back)] == said, "the database knows the hash of what was signed", hashes)
    gate.ok(sorted(os.listdir(reports.dir + "/here")) == [day(2), day(1)], "whole, and nothing else lies there", os.listdir(reports.dir + "/here"))


def nodes(d, db, reports):
    """Somebody forgot which days are written; two nodes look, and each day is done by one."""
    before = reports.bytes()
    seen = len(d.log())
    d.configure({"report": {"directory": ""}})
    d.signal(1)
    d.says("settings read anew", since=seen)
    db.run("DELETE FROM powergate.report_job")
    where = {"recon": {"at": ""}, "report": {"directory": reports.dir, "at": "00:00", "key": reports.key, "sweep": "100ms", "formats": "csv json html"}}
    with gate.Daemon(BUILD, db, where, node="b") as b, gate.Daemon(BUILD, db, where, node="c") as c:
        good = gate.comes(lambda: db.value("SELECT count(*) FROM powergate.report_job WHERE written_us IS NOT NULL AND tries = 1") == 2, 10)
        said = (b.log() + c.log()).count("is there already")
        gate.ok(good and said == 2 and reports.bytes() == before, "of two nodes one does each day, and a day that is there stays as it is",
                f"{said} {db.rows('SELECT * FROM powergate.report_job')}")


def waits(db):
    """A day that nobody closes is work, a day after its report was due."""
    def look(days):
        db.run(f"SET search_path = door, powergate; SELECT report_take('x', 660, {now_us() + days * DAY_US})")
        return db.rows("SELECT state, text FROM powergate.work WHERE key LIKE 'report:open:%' ORDER BY id")

    gate.ok(look(0) == [], "today is not late yet")
    late = look(3)
    gate.ok(len(late) == 1 and late[0][0] == "open" and f"{day(0)} of here is not closed" in late[0][1], "a day that nobody closes is work", late)
    gate.ok(look(3) == late and look(0)[0][0] == "resolved", "once, until it is closed", late)


def settings(d, reports):
    for wrong, word in (({"languages": "en de"}, "de"), ({"formats": "pdf"}, "pdf"), ({"at": "25:00"}, "25:00"), ({"key": ""}, "key")):
        lines = {"directory": reports.dir, "key": reports.key, **wrong}
        path = d.write("wrong.yaml", "report:\n" + "".join(f"  {k}: {json.dumps(v)}\n" for k, v in lines.items()))
        code, out, err = d.ctl("conf", "check", path)
        gate.ok(code != 0 and word in out + err, f"a setting that cannot be is refused: {wrong}", out + err)


def main():
    meters_there = [{"address": WALLET, "profile": "wallet-esam", "opened": "yes", "customer": WALLET, "watts": 360000, "energy_wh": 109000},
                    {"address": REMOTE, "profile": "remote", "watts": 360000, "energy_wh": 109000}]
    quick = {"recon": {"at": "", "undelivered": "10s", "supply": "1s"}, "report": {"sweep": "100ms", "retry": "300ms"}}
    sink = field.Sink()
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, quick, start=False) as d:
        d.configure(sink.settings(d))
        d.start()
        d.site()
        d.order("account/add", account="R1", mode="remote", site="here", tariff="flat", warn="1000,500", customer="<b>Li</b>")
        d.order("meter/add", meter=REMOTE, profile="remote", account="R1", most_watts="2000000")
        d.remote("R_2.x-y", DARK)
        d.order("account/add", account="L1", mode="local", site="here", tariff="flat", warn="1000,500")
        d.order("meter/add", meter=WALLET, profile="wallet-esam", capability="counted", account="L1", most_watts="2000000")
        with gate.Sim(BUILD, d, meters_there) as sim:
            count = first_day(d, db, sim)
        frozen(db, 2, 100000, [REMOTE, WALLET, DARK])
        frozen(db, 1, 115000, [REMOTE, WALLET])
        moved_back(db, 2)
        reports = Reports(d)
        code, _, err = reports.make(day(2))
        gate.ok(code == 1 and "not closed" in err, "a day that is not closed is not told", err)
        code, _, err = closed(d, 2, "the dark meter is visited on Monday")
        gate.ok(code == 0, "the first day is closed over its breaks", err)
        noon = datetime.datetime.fromtimestamp(midnight(2) / 1e6 + 43200, ZONE).isoformat()
        d.pay("R1", 2000, "=2+3", "msg_5", paid_at=datetime.datetime.fromtimestamp(midnight(1) / 1e6, ZONE).isoformat())
        d.pay("R1", 700, "LATE-1", "msg_6", paid_at=noon)
        d.pay("nobody", 100, "P-4")
        time.sleep(1)
        frozen(db, 1, 115000, [DARK], now_us())
        used_late(d, db)
        frozen(db, 0, 125000, [REMOTE, WALLET, DARK])
        d.ctl("recon", "run", "--day", day(2), "--site", "here")
        moved_back(db, 1)
        code, _, err = closed(d, 1, "statements are late")
        gate.ok(code == 0, "and so is the second", err)
        job(d, db, reports)
        money(reports, db)
        meters(reports, db, count)
        payments(reports)
        reconciliation(reports, db)
        pages(reports)
        repeatable(reports, db)
        nodes(d, db, reports)
        signature(reports)
        flips(reports)
        days(reports)
        waits(db)
        settings(d, reports)
    sink.close()
    return gate.done()


sys.exit(main())
PY
