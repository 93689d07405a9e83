#!/bin/sh
# Who may do what, and where: every role on every route the daemon itself names, another site's
# things by every way to name them, and an audit that shows what was changed in it.
#   tests/it/permissions.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import concurrent.futures, os, shutil, subprocess, sys
import gate

BUILD = sys.argv[1]
ROLES = ("viewer", "operator", "cashier", "money", "approver", "key-admin", "auditor", "admin")
# What these may write, to the last route: a new one is a decision, not an accident.
WRITES = {
    "viewer": "payment/preview tariff/simulate",
    "auditor": "payment/preview tariff/simulate",
    "key-admin": "meter/password payment/preview tariff/simulate",
    "cashier": "orders payment/cash payment/preview shift/close shift/open tariff/simulate",
    "approver": "approval/give approval/refuse payment/preview refund/approve tariff/approve tariff/simulate tariff/withdraw work/resolve work/take",
}
SECOND_UID = 61001 if os.getuid() == 0 else None
EAST, WEST, FLOOR = "202600000401", "202600000402", "202600000403"


def be(role, sites=None):
    """Who runs the tests is somebody else from now on."""
    db.run("DELETE FROM powergate.principal_site; UPDATE powergate.principal SET role = :'role', all_sites = :'everywhere' WHERE uid = :me",
           role=role, me=os.getuid(), everywhere=sites is None)
    for site in sites or ():
        db.run("INSERT INTO powergate.principal_site SELECT :me, id FROM powergate.site WHERE name = :'site'", me=os.getuid(), site=site)


def try_route(d, route, **values):
    path = route["path"].removeprefix("/v1/")
    if route["method"] == "GET":
        return d.ask(path, **values)
    return gate.request(d.socket, "POST", f"/v1/{path}", gate.json.dumps(values).encode())


def roles_on_routes(d, routes):
    for role in ROLES:
        be(role)
        wrong = []
        for route, answer in zip(routes, pool.map(lambda r: try_route(d, r), routes)):
            allowed = role in route["roles"]
            refused = answer.status == 403 and "your role may not" in answer.json["error"]
            if refused == allowed or answer.status in (0, 500, 503):
                wrong.append(f"{route['path']}", answer.status)
        gate.ok(not wrong, f"{role}: each of {len(routes)} routes opens or refuses as it says", wrong[:3])
    for role, writes in WRITES.items():
        may = sorted(r["path"].removeprefix("/v1/") for r in routes if r["method"] == "POST" and role in r["roles"])
        gate.ok(" ".join(may) == writes, f"what a {role} may write is this and no more", may)
    gate.ok(all("admin" in r["roles"] for r in routes), "an admin may everything")


def nobody(d):
    db.run("UPDATE powergate.principal SET disabled_us = 1 WHERE uid = :me", me=os.getuid())
    gate.ok(d.ask("meter/list").status == 403, "a disabled principal reads nothing")
    db.run("UPDATE powergate.principal SET disabled_us = NULL, uid = 4000000000 WHERE uid = :me", me=os.getuid())
    gate.ok(d.ask("routes").status == 403, "who is no principal is told not even the routes")
    db.run("UPDATE powergate.principal SET uid = :me WHERE uid = 4000000000", me=os.getuid())


def another_site(d, routes):
    command = d.order("meter/read", meter=WEST)["command"]
    work = db.value("INSERT INTO powergate.work (key, cause, account_id, text, todo, opened_us) SELECT 'x', 'TEST', id, 'x', 'x', 1 "
                    "FROM powergate.account WHERE number = 'west' RETURNING id")
    homeless = db.value("INSERT INTO powergate.work (key, cause, text, todo, opened_us) VALUES ('y', 'TEST', 'y', 'y', 1) RETURNING id")
    d.order("hold/add", meter=WEST, hold="MAINTENANCE", reason="repair")
    ways = [{"meter": WEST}, {"account": "west"}, {"site": "west"}, {"command": str(command)}, {"work": str(work)},
            {"work": str(homeless), "site": "east"}, {"endpoint": WEST, "account": "east"}, {"meter": EAST, "account": "west"},
            {"meter": EAST, "new": WEST}, {"meter": EAST, "meters": f"{EAST},{WEST}"}, {"meter": "202600000499"}]
    d.order("meter/add", meter="202600000404", profile="remote", site="west")
    before = db.counts()
    audited = db.value("SELECT count(*) FROM powergate.audit")
    be("admin", ["east"])
    wrong, asked, writes = [], 0, 0
    for route in routes:
        if route["site"] == "any":
            continue
        for way, answer in zip(ways, pool.map(lambda w, r=route: try_route(d, r, **w), ways)):
            if route["method"] == "GET" and answer.status == 200:
                if WEST in str(answer.json) or "'west'" in str(answer.json):
                    wrong.append(f"{route['path']} {way}", answer.status)
            if route["method"] == "POST" or route["site"] == "all":
                asked += 1
                writes += route["method"] == "POST"
                if answer.status != 403:
                    wrong.append(f"{route['path']} {way}", answer.status)
    gate.ok(not wrong, f"{asked} questions and orders for another site are refused, however it is named", wrong[:3])
    gate.ok(db.counts() == before, "and nothing came of them")
    gate.ok(db.value("SELECT count(*) FROM powergate.audit WHERE outcome = 'forbidden'") >= writes > 0
            and db.value("SELECT count(*) FROM powergate.audit") == audited + writes, "each refused order is in the audit")
    wrong = [r["path"] for r in routes if r["method"] == "GET" and r["site"] != "any" and WEST in str(try_route(d, r).json)]
    gate.ok(not wrong, "no list shows what is at another site", wrong)
    seen = {r["meter"] for r in d.ask("meter/list").json["rows"]}
    gate.ok(seen == {EAST, FLOOR}, "the list has the meters of the site and of the floor within it", seen)
    gate.ok(d.ask("account/show", account="east").status == 200 and d.ask("account/show", account="floor").status == 200,
            "what is at the own site or within it is shown")
    be("admin", ["east 2"])
    gate.ok(d.ask("account/show", account="floor").status == 200 and d.ask("account/show", account="east").status == 403,
            "a floor does not lead to the house it is in")
    be("admin")


def moves(d):
    """Money that goes from one site to another is approved by who is for both."""
    d.order("payment/cash", account="east", amount_minor="250000", payment_no="M-1")
    paid = db.value("SELECT id FROM powergate.payment WHERE payment_no = 'M-1'")
    asked = d.order("payment/move", payment=str(paid), to="west", reason="typed wrong")
    for sites, status in ((["east"], 403), (["west"], 403), (["east", "west"], 409)):
        be("approver", sites)
        answer = try_route(d, {"method": "POST", "path": "/v1/refund/approve"}, refund=str(asked["refund"]))
        gate.ok(asked["state"] == "requested" and answer.status == status, f"{status} for an approver of {' and '.join(sites)}: a move from east to west", answer)
    be("admin")


def drawers(d):
    """A shift is closed by who opened it."""
    be("cashier")
    d.order("shift/open", terminal="till-1", float_minor="1000")
    db.run("UPDATE powergate.principal SET name = 'other' WHERE uid = :me", me=os.getuid())
    close = {"method": "POST", "path": "/v1/shift/close"}, {"terminal": "till-1", "counted_minor": "900"}
    answer = try_route(d, close[0], **close[1])
    gate.ok(answer.status == 403 and not db.value("SELECT count(*) FROM powergate.journal WHERE kind = 'shift'"),
            "another cashier does not count his drawer", answer)
    be("money")
    answer = try_route(d, close[0], **close[1])
    gate.ok(answer.status == 200 and answer.json["closed_by"] == "other", "who answers for the money does, when he has gone home", answer)
    db.run("UPDATE powergate.principal SET name = 'tester' WHERE uid = :me", me=os.getuid())
    be("admin")


def tree(d):
    for fields, why in (({"kind": "site", "parent": "west"}, "a site lies within nothing"),
                        ({"kind": "building", "parent": "east 2"}, "a building does not lie within a floor")):
        answer = gate.request(d.socket, "POST", "/v1/site/add",
                              gate.json.dumps({"name": "odd", "zone": "Asia/Shanghai", **fields}).encode())
        gate.ok(answer.status == 400, f"{why}", answer.status)
    try:
        db.run("UPDATE powergate.site SET kind = 'building' WHERE name = 'east 2'")
        gate.ok(False, "a kind was changed")
    except RuntimeError as e:
        gate.ok("does not become" in str(e), "a kind stays, so no way leads round in a circle")


def people(d):
    code, out, err = d.ctl("principal", "add", "ann", "--uid=61002", "--role=cashier", "--sites=east", "--reason=hired")
    gate.ok(code == 0, "a cashier of one site is let in", err)
    gate.ok(d.ctl("principal", "sites", "ann", "*", "--reason=stands in")[0] == 0, "and is for all sites")
    row = db.rows("SELECT before ->> 'sites', after ->> 'sites', args ->> 'reason' FROM powergate.audit WHERE action = 'principal.sites' AND outcome = 'done'")
    gate.ok(row == [["east", "*", "stands in"]], f"the audit has what was, what is and why", row)
    gate.ok(d.ctl("principal", "role", "tester", "viewer", "--reason=tired")[0] != 0 and d.ctl("site", "list")[0] == 0,
            "the last admin stays one")
    gate.ok(d.ctl("principal", "disable", "ann", "--reason=left")[0] == 0, "who leaves is disabled")
    gate.ok(d.ctl("principal", "add", "ann", "--uid=61002", "--role=admin", "--sites=*", "--reason=x")[0] != 0,
            "and does not come back under the same name as somebody else")


def audit(d):
    list(pool.map(lambda i: d.order("headend/trips", trips="allow", reason=f"round {i}"), range(64)))
    code, out, err = d.ctl("--json", "audit", "verify")
    gate.ok(code == 0, "the chain of what many wrote at once holds", out + err)
    head = gate.json.loads(out)["head"]
    gate.ok(gate.json.loads(out)["lines"] == db.value("SELECT count(*) FROM powergate.audit"), "with every line")
    held = pool.submit(db.run, "BEGIN; SELECT FROM powergate.audit_last FOR UPDATE; SELECT pg_sleep(4); COMMIT")
    gate.until(lambda: db.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' AND pid <> pg_backend_pid()"), 5, "somebody who writes")
    code, out, err = d.ctl("audit", "verify")
    gate.ok(code == 0 and not held.done(), "it is looked through without a lock, while somebody writes", out + err)
    held.result()
    for table in ("audit", "audit_link"):
        for what in (f"DELETE FROM powergate.{table}", f"TRUNCATE powergate.{table} CASCADE"):
            try:
                db.run(what)
                gate.ok(False, f"{what} went through")
            except RuntimeError as e:
                gate.ok("append-only" in str(e), f"{what} is refused")

    def forged(*changes):
        db.run("SET session_replication_role = replica; " + "; ".join(changes))
        return d.ctl("audit", "verify")

    one = db.value("SELECT id FROM powergate.audit WHERE args ->> 'reason' = 'round 7'")

    def letter(reason):
        return forged(f"UPDATE powergate.audit SET args = jsonb_set(args, '{{reason}}', '\"{reason}\"') WHERE id = {one}")

    code, out, err = letter("round 8")
    gate.ok(code != 0 and f"line {one} is not as it was written" in out + err, "one changed letter is found", err.strip())
    letter("round 7")
    gate.ok(d.ctl("audit", "verify", "--head", head)[0] == 0, "put back, it holds again, and the head that was kept is in it")
    code, out, err = forged("INSERT INTO powergate.audit (at_us, actor, action, args, outcome) VALUES (1, 'x', 'x', '{}', 'x')")
    gate.ok(code != 0 and "no link" in out + err, "a line that was slipped in is found")
    forged("DELETE FROM powergate.audit WHERE actor = 'x'")
    code, out, err = forged("CREATE TEMP TABLE gone AS SELECT * FROM powergate.audit_link ORDER BY n DESC LIMIT 3",
                            "DELETE FROM powergate.audit_link WHERE n IN (SELECT n FROM gone)", "DELETE FROM powergate.audit WHERE id IN (SELECT audit_id FROM gone)",
                            "UPDATE powergate.audit_last SET (n, hash) = (SELECT n, hash FROM powergate.audit_link ORDER BY n DESC LIMIT 1)")
    gate.ok(code == 0 and d.ctl("audit", "verify", "--head", head)[0] != 0, "an end that was cut off well is found by the head that was kept")


def four_eyes(d):
    """Eleven go dark when two want it: these eleven, once, within the hour."""
    many = [f"2026000005{i:02}" for i in range(12)]
    for meter in many:
        d.order("meter/add", meter=meter, profile="remote", site="east")
    if SECOND_UID is None:
        return gate.skip("two people: this needs root")
    ctl = shutil.copy(os.path.join(BUILD, "powergatectl"), os.path.join(d.dir, "ctl"))
    os.chmod(d.socket, 0o666)
    db.run(f"INSERT INTO powergate.principal VALUES ({SECOND_UID}, 'second', 'approver', 0)")

    def second(*words):
        p = subprocess.run(["setpriv", f"--reuid={SECOND_UID}", "--clear-groups", ctl, "--socket", d.socket, "--json", *words],
                           capture_output=True, text=True, check=False)
        return gate.json.loads(p.stdout)

    def dark(meters, **more):
        return d.order("hold/add", hold="FRAUD", meters=",".join(meters), reason="a raid", **more)

    def holds():
        return db.value("SELECT count(*) FROM powergate.hold WHERE kind = 'FRAUD' AND released_us IS NULL")

    first = dark(many[:11])
    gate.ok(first.get("state") == "asked" and holds() == 0, "eleven meters are not switched off by one person", first)
    gate.ok(dark(many[10::-1])["approval"] == first["approval"], "the same list in another order is the same question")
    own = d.ctl("approval", "give", str(first["approval"]), "--reason=sure")
    gate.ok(own[0] != 0 and "who asks does not approve" in own[2], "who asks does not approve, even as an admin", own)
    try:
        db.run(f"UPDATE powergate.approval SET decision = 'given', decided_uid = asked_uid WHERE id = {first['approval']}")
        gate.ok(False, "the table took it")
    except RuntimeError as e:
        gate.ok("check constraint" in str(e), "nor does the table take it", str(e))
    given = second("approval", "give", str(first["approval"]), "--reason=agreed")
    gate.ok(given.get("state") == "given" and holds() == 0, "another approves; still nothing is off", given)
    try:
        db.run(f"UPDATE powergate.approval SET subject = '{{}}' WHERE id = {first['approval']}")
        gate.ok(False, "the list was changed")
    except RuntimeError as e:
        gate.ok("what it is for would change" in str(e), "what was approved is not changed any more", str(e))
    other = dark(many[1:])
    gate.ok(other.get("state") == "asked" and holds() == 0, "another list of eleven needs another approval", other)
    gate.ok(dark(many[:11], at_once=True).get("state") == "asked" and holds() == 0, "and so does the same list at once", other)
    gate.ok(dark(many[:11]).get("meters") == 11 and holds() == 11, "the list that was approved is done")
    d.order("hold/release", hold="FRAUD", meters=",".join(many[:11]), reason="over")
    again = dark(many[:11])
    gate.ok(again.get("state") == "asked" and again["approval"] != first["approval"] and holds() == 0, "an approval is used once", again)
    second("approval", "give", str(again["approval"]), "--reason=agreed")
    db.run("SET session_replication_role = replica; "
           f"UPDATE powergate.approval SET asked_us = 1, expires_us = 2 WHERE id = {again['approval']}")
    late = dark(many[:11])
    gate.ok(late.get("state") == "asked" and late["approval"] != again["approval"] and holds() == 0, "after its hour it is worth nothing", late)
    gate.ok(second("approval", "refuse", str(late["approval"]), "--reason=no").get("state") == "refused"
            and dark(many[:11]).get("state") == "asked" and holds() == 0, "what was refused is not done")
    gate.ok(second("hold", "add", "FRAUD", "--meter", EAST, "--reason=x").get("status") == 403, "who approves does not switch")


with gate.Cluster(BUILD) as db, concurrent.futures.ThreadPoolExecutor(8) as pool:
    daemon = gate.Daemon(BUILD, db)
    for name, above, kind in (("east", None, "site"), ("west", None, "site"), ("east 2", "east", "floor")):
        daemon.order("site/add", name=name, zone="Asia/Shanghai", kind=kind, **({"parent": above} if above else {}))
    daemon.order("tariff/add", name="flat", steps="0:1000000")
    for account, site, meter in (("east", "east", EAST), ("west", "west", WEST), ("floor", "east 2", FLOOR)):
        daemon.order("account/add", account=account, mode="remote", site=site, tariff="flat")
        daemon.order("meter/add", meter=meter, profile="remote", account=account)
    table = daemon.ask("routes").json["rows"]
    gate.ok(len(table) > 100 and all(r["roles"] and r["site"] for r in table), f"{len(table)} routes name their roles and a site rule")
    for part in (roles_on_routes, another_site):
        part(daemon, table)
    for part in (nobody, moves, drawers, tree, people, four_eyes, audit):
        part(daemon)
sys.exit(gate.done())
PY
