#!/bin/sh
# What the finance clerk takes home: the journal, a ledger that another program checks, vouchers for
# other books, and what the customer gets.
#   tests/it/finance.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import csv, datetime, io, os, subprocess, sys, time, zoneinfo
import gate

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
TODAY = datetime.datetime.now(ZONE).date()
DAY_US = 86400 * 1000000


def day(back):
    return (TODAY - datetime.timedelta(days=back)).strftime("%Y%m%d")


def moved_back(db, days):
    """What has happened today happened so many days ago."""
    midnight = int(datetime.datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=ZONE).timestamp()) * 1000000
    db.run("SET session_replication_role = replica;" + "".join(
        f"UPDATE powergate.{table} SET {column} = {column} - {days * DAY_US} WHERE {column} >= {midnight};"
        for table, column in (("payment", "received_us"), ("journal", "at_us"))))


def cents(text):
    return int(text.replace(".", "")) if text else 0


def export(d, *more, text=True):
    words = ["ledger", "export", "--from", day(2), "--to", day(1), "--site", "here", *more]
    p = subprocess.run([d.build + "/powergatectl", "--socket", d.socket, *words], capture_output=True, check=False)
    return p.returncode, p.stdout.decode("utf-8-sig") if text else p.stdout, p.stderr.decode()


def journal(d, db):
    code, out, err = export(d)
    rows = list(csv.DictReader(io.StringIO(out)))
    postings = db.value("SELECT count(*) FROM powergate.posting")
    gate.ok(code == 0 and len(rows) == postings and sum(cents(r["debit"]) - cents(r["credit"]) for r in rows) == 0,
            f"all {postings} postings as CSV, debit and credit the same", out + err)
    gate.ok(export(d)[1] == out and export(d, text=False)[1][:3] == b"\xef\xbb\xbf", "exported again they are the same bytes, and a spreadsheet reads them")
    r = [r for r in rows if r["kind"] == "reversal"]
    gate.ok(r and all(x["reverses"] and x["actor"] == "tester" and x["memo"] == "typed twice" for x in r), "a reversal names what it reverses, who, and why", r)
    gate.ok({x["customer"] for x in rows if x["account"] == "R1"} == {"<b>Li</b> 李"}, "and an account's lines whose they are", rows[:3])


def beancount(d):
    code, text, err = export(d, "--as", "beancount")
    p = subprocess.run(["bean-check", d.write("ledger.beancount", text)], capture_output=True, text=True, check=False)
    gate.ok(code == 0 and p.returncode == 0 and text.count("* \"payment\"") == 6 and "Income:Adjustment:Ntill-2D1" in text, "bean-check accepts the ledger",
            p.stderr + p.stdout + err)
    p = subprocess.run(["bean-check", d.write("bad.beancount", text.replace("50.00", "50.01", 1))], capture_output=True,
                       text=True, check=False)
    gate.ok(p.returncode != 0, "and would not, were a cent too much in it", p.stderr)


def vouchers(d):
    for name, separator, debit, credit, number, code_name, till in (("kingdee", ",", "FDEBIT", "FCREDIT", "FNUM", "FACCTID", "1001.01"),
                                                                    ("yonyou", "\t", "md", "mc", "ino_id", "ccode", "100101")):
        profile = os.path.join(gate.ROOT, "conf/vouchers", name + ".yaml")
        code, out, err = export(d, "--as", "voucher", "--profile", profile, "--number", "118", text=False)
        rows = list(csv.DictReader(io.StringIO(out.decode("gb18030")), delimiter=separator))
        total = sum(cents(r[debit]) for r in rows), sum(cents(r[credit]) for r in rows)
        gate.ok(code == 0 and total[0] == total[1] > 0 and "记" in rows[0].values(),
                f"vouchers for {name}: in its columns and letters, and balanced", f"{out} {err}")
        each = {}
        for r in rows:
            each[r[number]] = each.get(r[number], 0) + cents(r[debit]) - cents(r[credit])
        gate.ok(sorted(map(int, each)) == list(range(118, 118 + len(each))) and not any(each.values()),
                "each balances by itself, and they go on from the last number", each)
        words = "".join(rows[0].values()) + out.decode("gb18030")
        gate.ok(any(r[code_name] == till for r in rows) and "收到预存电费" in words and "现金长短款" in words,
                "the till is another account than a provider, and a voucher says in Chinese what it is", rows[:4])
    bad = d.write("bad.yaml", "accounts: {prepaid: \"1\"}\ncolumns:\n  - {name: A, value: date}\n")
    code, out, err = export(d, "--as", "voucher", "--profile", bad)
    gate.ok(code == 1 and out == "" and "clearing" in err, "a ledger without an account there is said, and nothing comes", err)


def receipts(d, db):
    def receipt(no, *more):
        return d.ctl("payment", "receipt", str(db.value(f"SELECT id FROM powergate.payment WHERE payment_no = '{no}'")), *more)

    code, out, err = receipt("=2+3")
    gate.ok(code == 0 and "20.00 CNY" in out and "R1" in out and out.startswith("Receipt"), "a slip for the customer", out + err)
    print(out)
    code, out, err = receipt("=2+3", "--html")
    gate.ok(code == 0 and "<td>20.00 CNY</td>" in out and "&lt;b&gt;" in out, "and as a page", out + err)
    code, out, err = receipt("K-1", "--language", "zh")
    print(out)
    gate.ok(code == 0 and "收款员" in out and "tester" in out and "现金" in out and "till-1" in out, "of cash in Chinese: where it was taken, and by whom", out + err)
    code, out, err = receipt("K-2", "--language", "es", "--html")
    gate.ok(code == 0 and "ANULADO" in out and 'lang="es"' in out, "one that was voided says so", out + err)
    code, out, err = receipt("P-4")
    gate.ok(code == 0 and "not yet known" in out, "and one of nobody that it is nobody's yet", out + err)


def main():
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, {"recon": {"at": ""}}) as d:
        d.site()
        d.order("account/add", account="R1", mode="remote", site="here", tariff="flat", customer="<b>Li</b> 李")
        d.order("account/add", account="R_2.x-y", mode="remote", site="here", tariff="flat")
        d.pay("R1", 5000, "P-1")
        d.pay("R_2.x-y", 3000, "P \\\"2", "msg_2")
        d.order("shift/open", terminal="till-1", float_minor="0")
        d.order("payment/cash", account="R1", amount_minor="1500", payment_no="K-1", terminal="till-1")
        d.order("payment/cash", account="R1", amount_minor="900", payment_no="K-2", terminal="till-1")
        voided = db.value("SELECT id FROM powergate.payment WHERE payment_no = 'K-2'")
        d.order("payment/void", payment=str(voided), reason="typed twice")
        d.order("shift/close", terminal="till-1", counted_minor="1490")
        moved_back(db, 2)
        d.pay("R1", 2000, "=2+3", "msg_3")
        d.pay("nobody", 100, "P-4")
        moved_back(db, 1)
        journal(d, db)
        beancount(d)
        vouchers(d)
        receipts(d, db)
    return gate.done()


sys.exit(main())
PY
