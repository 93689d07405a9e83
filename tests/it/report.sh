#!/bin/sh
# The report of a day: made once, the same when made again, and nobody changes a byte of it unseen;
# and the ledger as other books want it.
#   tests/it/report.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import csv, datetime, io, json, os, random, shutil, subprocess, sys, time, zoneinfo
import gate

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
TODAY = datetime.datetime.now(ZONE).date()
METERS = ["202600000401", "202600000402"]
DAY_US = 86400 * 1000000


def day(back):
    return (TODAY - datetime.timedelta(days=back)).strftime("%Y%m%d")


def midnight(back):
    d = TODAY - datetime.timedelta(days=back)
    return int(datetime.datetime(d.year, d.month, d.day, tzinfo=ZONE).timestamp()) * 1000000


def moved_back(db, days):
    """What has happened just now happened at noon of an earlier day; a test has no time to wait for midnight."""
    to = midnight(days) + DAY_US // 2
    db.run("SET session_replication_role = replica;" + "".join(
        f"UPDATE powergate.{table} SET {column} = {to} WHERE {column} > {midnight(0)};"
        for table, column in (("payment", "received_us"), ("journal", "at_us"), ("account", "created_us"),
                              ("meter", "created_us"), ("work", "opened_us"), ("payment_batch", "committed_us"))))


def frozen(db, back, wh):
    """A record of the meters' own for the midnight at which a day began."""
    for n, meter in enumerate(METERS):
        total = wh * (n + 1)
        db.run(f"INSERT INTO powergate.freeze_record SELECT id, {day(back)}, {midnight(back)}, {total}, 0, {total // 4}, "
               f"{total // 2}, {total - total // 4 - total // 2}, 1234, 3, 'meter', 'ledger', {midnight(back)} "
               f"FROM powergate.meter WHERE address = '{meter}'")


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

    def rows(self, number, name):
        with open(f"{self.dir}/here/{number}/{name}.csv", encoding="utf-8") as f:
            return list(csv.DictReader(f))


def content(reports, db):
    meters = reports.rows(day(2), "meters")
    gate.ok([(m["meter"], m["used_kwh"], m["t2_kwh"], m["t4_kwh"], m["purchases"]) for m in meters] ==
            [(METERS[0], "10.000", "2.500", "2.500", "3"), (METERS[1], "20.000", "5.000", "5.000", "3")],
            "what each meter counted between the midnights, and in each band", meters)
    accounts = {a["account"]: a for a in reports.rows(day(1), "accounts")}
    gate.ok(accounts["R1"]["open"] == "50.00" and accounts["R1"]["received"] == "20.00" and
            accounts["R1"]["close"] == "70.00" and accounts["R1"]["payments"] == "1",
            "of each account the balance at both midnights and what came between", accounts)
    paid = reports.rows(day(1), "payments")
    gate.ok([(p["payment_no"], p["amount"]) for p in paid] == [("'=2+3", "20.00")],
            "the day's payments, and no text that a spreadsheet would calculate", paid)
    work = [w["cause"] for w in reports.rows(day(1), "work")]
    gate.ok("SUSPENSE" in work, "and what waits for a person", work)
    with open(f"{reports.dir}/here/{day(2)}/report.json", encoding="utf-8") as f:
        told = json.load(f)
    gate.ok(told["day"] == int(day(2)) and told["currency"] == "CNY", "the same as JSON", told)
    for language, word in (("en", "Accounts"), ("zh", "账户"), ("es", "Cuentas")):
        with open(f"{reports.dir}/here/{day(2)}/report.{language}.html", encoding="utf-8") as f:
            page = f.read()
        gate.ok(word in page and page.count("<svg") >= 2 and "<script" not in page and "<b>" not in page and
                "&lt;b&gt;" in page, f"a page to print in {language}, with charts, without scripts, and safely quoted",
                page[:2000])


def repeatable(reports):
    before = {f: open(f, "rb").read() for f in reports.files()}
    code, out, err = reports.make(day(2))
    gate.ok(code == 0 and "the same" in out and before == {f: open(f, "rb").read() for f in reports.files()},
            "made again it is the same, and nothing is written", out + err)
    other = os.path.join(reports.d.dir, "again")
    os.mkdir(other)
    for back in (2, 1):
        reports.make(day(back), root=other)
    pairs = [(f, os.path.join(other, os.path.relpath(f, reports.dir))) for f in reports.files()]
    same = [os.path.exists(b) and open(a, "rb").read() == open(b, "rb").read() for a, b in pairs]
    gate.ok(len(pairs) >= 24 and all(same), f"and elsewhere all {len(pairs)} files are the same bytes, signatures too", same)
    code, _, err = reports.make(day(0))
    gate.ok(code == 1 and "not over" in err, "a day that is not over has no report", err)
    code, _, err = reports.make(day(3))
    gate.ok(code == 1 and "closed already" in err, "no day is put in before one that is closed", err)
    code, _, err = reports.make(day(1), "--site", "nowhere")
    gate.ok(code == 1 and "no such site" in err, "and no site is made up", err)


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
    """Every file, at its ends, in its middle, and at places by chance."""
    chance = random.Random(7)
    n, missed = 0, []
    for path in reports.files():
        with open(path, "rb") as f:
            good = f.read()
        places = {0, len(good) // 2, len(good) - 1} | {chance.randrange(len(good)) for _ in range(3)}
        for place in sorted(places):
            bad = bytearray(good)
            bad[place] ^= 1 << chance.randrange(8)
            with open(path, "wb") as f:
                f.write(bad)
            n += 1
            if reports.verify()[0] != 1:
                missed.append((path, place))
        for changed in (good[:-1], good + b"\n"):
            with open(path, "wb") as f:
                f.write(changed)
            n += 1
            if reports.verify()[0] != 1:
                missed.append((path, len(changed)))
        with open(path, "wb") as f:
            f.write(good)
    gate.ok(not missed and n > 150, f"{n} bits flipped, bytes cut off and bytes added, each is found", missed)
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


def late(reports, db):
    """Something about a closed day is learnt later."""
    before = {f: open(f, "rb").read() for f in reports.files()}
    db.run(f"UPDATE powergate.freeze_record SET total_wh = total_wh + 10 WHERE day = {day(1)}")
    code, _, err = reports.make(day(2))
    gate.ok(code == 1 and "closed" in err and before == {f: open(f, "rb").read() for f in reports.files()},
            "what is learnt later is said, and does not change a closed day", err)


def books(d, db):
    words = ["ledger", "export", "--from", day(2), "--to", day(1), "--site", "here"]
    code, out, err = d.ctl(*words)
    rows = list(csv.DictReader(io.StringIO(out)))
    postings = db.value("SELECT count(*) FROM powergate.posting")

    def cents(text):
        return int(text.replace(".", "")) if text else 0

    gate.ok(code == 0 and len(rows) == postings and sum(cents(r["debit"]) - cents(r["credit"]) for r in rows) == 0,
            f"all {postings} postings as CSV, debit and credit the same", out + err)
    gate.ok(d.ctl(*words)[1] == out, "exported again they are the same bytes")
    code, text, err = d.ctl(*words, "--as", "beancount")
    path = d.write("ledger.beancount", text)
    p = subprocess.run(["bean-check", path], capture_output=True, text=True, check=False)
    gate.ok(code == 0 and p.returncode == 0 and text.count("* \"payment\"") == 4, "bean-check accepts the ledger",
            p.stderr + p.stdout + err)
    p = subprocess.run(["bean-check", d.write("bad.beancount", text.replace("50.00", "50.01", 1))], capture_output=True,
                       text=True, check=False)
    gate.ok(p.returncode != 0, "and would not, were a cent too much in it", p.stderr)
    for name, separator, debit, credit in (("kingdee", ",", "FDEBIT", "FCREDIT"), ("yonyou", "\t", "md", "mc")):
        p = subprocess.run([d.build + "/powergatectl", "--socket", d.socket, *words, "--as", "voucher", "--profile",
                            os.path.join(gate.ROOT, "conf/vouchers", name + ".yaml")], capture_output=True, check=False)
        rows = list(csv.DictReader(io.StringIO(p.stdout.decode("gb18030")), delimiter=separator))
        total = sum(cents(r[debit]) for r in rows), sum(cents(r[credit]) for r in rows)
        gate.ok(p.returncode == 0 and total[0] == total[1] > 0 and "记" in rows[0].values(),
                f"vouchers for {name}: in its columns and letters, and balanced", f"{p.stdout} {p.stderr}")
    bad = d.write("bad.yaml", "accounts: {prepaid: \"1\"}\ncolumns:\n  - {name: A, value: date}\n")
    code, out, err = d.ctl(*words, "--as", "voucher", "--profile", bad)
    gate.ok(code == 1 and out == "" and "clearing" in err, "a ledger without an account there is said, and nothing comes", err)


def receipts(d, db):
    n = db.value("SELECT id FROM powergate.payment WHERE payment_no = '=2+3'")
    code, out, err = d.ctl("payment", "receipt", str(n))
    gate.ok(code == 0 and "20.00 CNY" in out and "R1" in out and f"Receipt    {n}" in out, "a slip for the customer",
            out + err)
    print(out)
    code, out, err = d.ctl("payment", "receipt", str(n), "--html")
    gate.ok(code == 0 and "<td>20.00 CNY</td>" in out and "&lt;b&gt;" in out, "and as a page", out + err)


def main():
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db) as d:
        d.site()
        d.order("account/add", account="R1", mode="remote", site="here", tariff="flat", customer="<b>Li</b>")
        d.order("account/add", account="R_2.x-y", mode="remote", site="here", tariff="flat")
        for meter, account in zip(METERS, ("R1", "R_2.x-y")):
            d.order("meter/add", meter=meter, profile="remote", account=account)
        d.pay("R1", 5000, "P-1")
        d.pay("R_2.x-y", 3000, "P \\\"2", "msg_2")
        time.sleep(1)
        moved_back(db, 2)
        d.pay("R1", 2000, "=2+3", "msg_3")
        d.pay("nobody", 100, "P-4")
        time.sleep(1)
        moved_back(db, 1)
        for back, wh in ((2, 100000), (1, 110000), (0, 125000)):
            frozen(db, back, wh)
        reports = Reports(d)
        for back in (2, 1):
            code, out, err = reports.make(day(back))
            gate.ok(code == 0 and "files" in out, "a day is closed", out + err)
        content(reports, db)
        repeatable(reports)
        signature(reports)
        flips(reports)
        days(reports)
        late(reports, db)
        books(d, db)
        receipts(d, db)
    return gate.done()


sys.exit(main())
PY
