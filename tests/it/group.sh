#!/bin/sh
# One order to many meters: shown first, approved where it switches off, at a pace, stopped and
# resumed, through the death of the daemon, with what became of each; and never past the budget.
#   tests/it/group.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime, os, sys, time, zoneinfo
import gate

BUILD = sys.argv[1]
TOWER = [f"2026000080{n:02}" for n in range(40)]
FLOOR = [f"2026000081{n:02}" for n in range(14)]
AWAY = "202600008299"
WALLETS = ["202600008297", "202600008298"]
SECOND = 61009


def post(path, **values):
    return gate.request(d.socket, "POST", f"/v1/{path}", gate.json.dumps(values).encode())


def preview(**values):
    return d.order("group/preview", **{"reason": "a test", **values})


def status(group):
    return d.ask("group/status", group=str(group)).json


def members(group, **more):
    return {m["meter"]: m for m in d.ask("group/members", group=str(group), limit="100", **more).json["rows"]}


def ended(group, seconds):
    gate.until(lambda: status(group)["state"] == "done", seconds, f"group {group}'s end")
    return status(group)


def approve(number):
    """By somebody else: the row is written as approval give writes it; four_eyes.sh has the giving itself."""
    db.run("UPDATE powergate.approval SET decision = 'given', decided_uid = :uid, decided_by = 'second', decided_us = asked_us + 1, note = 'x' WHERE id = :id", uid=SECOND, id=number)


def choosing():
    g = preview(action="read", site="tower")
    gate.ok(g["meters"] == 54 and len(g["rows"]) == 50 and g["state"] == "preview", "a site has the meters of all that lies within it", g["meters"])
    gate.ok(g["online"] >= 52 and preview(action="read", site="floor 3")["meters"] == 14, "it is told how many are there; a floor has its own")
    one = preview(action="read", site="tower", relay="closed", profile="remote", meters=",".join(FLOOR[:3] + [TOWER[0]]))
    gate.ok([r["meter"] for r in one["rows"]] == [TOWER[0], *FLOOR[:3]], "site, list and filters hold all at once", one["rows"])
    for values, why in (({"action": "read"}, "nobody named"), ({"action": "read", "meters": "202600009999"}, "a meter that is not there"), ({"action": "jump", "site": "tower"}, "no such action"),
                        ({"action": "hold", "hold": "SAFETY", "site": "tower"}, "SAFETY at a pace"), ({"action": "read", "site": "tower", "pace": "0"}, "no pace"),
                        ({"action": "tariff", "site": "tower"}, "prices without prices")):
        answer = post("group/preview", reason="x", **values)
        gate.ok(answer.status in (400, 404), f"refused: {why}", answer)
    time.sleep(1)
    gate.ok(db.value("SELECT count(*) FROM powergate.group_member WHERE state <> 'waiting'") == 0, "a preview does nothing")
    try:
        db.run(f"SET search_path = powergate; UPDATE group_member SET address = '1' WHERE group_id = {one['group']}")
        gate.ok(False, "the list was changed")
    except RuntimeError as e:
        gate.ok("stays as it was shown" in str(e), "and its list is changed by nobody")


def reading():
    """Forty at eight a second: paced, stopped, resumed, and a daemon killed in between."""
    g = preview(action="read", meters=",".join(TOWER), pace="8")["group"]
    began = time.monotonic()
    d.order("group/start", group=str(g))
    gate.until(lambda: status(g)["waiting"] < 36, 5, "the first")
    stopped = d.order("group/stop", group=str(g), reason="wait")
    time.sleep(1)
    later = status(g)
    gate.ok(later["waiting"] == stopped["waiting"] > 10 and later["state"] == "stopped", "stopped, nothing more is ordered", later)
    d.order("group/resume", group=str(g), reason="go on")
    gate.until(lambda: status(g)["waiting"] < stopped["waiting"], 5, "the next")
    d.kill()
    d.start()
    at = status(g)
    gate.ok(at["state"] == "running" and at["ended"] < 40, "the daemon was killed; the group is where it was", at)
    done = ended(g, 30)
    took = time.monotonic() - began
    gate.ok(done["done"] == 40 and done["failed"] == 0 and done["percent"] == 100, f"all forty were read, after {took:.1f} s", done)
    gate.ok(took > 5, "not faster than its pace")
    twice = db.value("SELECT count(*) - count(DISTINCT meter_id) FROM powergate.command WHERE key LIKE :'key'", key=f"group:{g}:%")
    gate.ok(twice == 0, "none was asked twice", twice)
    code, out, err = d.ctl("group", "status", str(g))
    gate.ok(code == 0 and "[##############################] 100 %, 40 of 40" in out, "powergatectl draws a bar", out + err)


def results():
    """Each has its own result, and why."""
    d.order("hold/add", meter=TOWER[1], hold="FRAUD", reason="a wire")
    g = preview(action="permit", meters=",".join(TOWER[:3] + [AWAY]), pace="100")["group"]
    d.order("group/start", group=str(g))
    gate.until(lambda: status(g)["ended"] >= 2 and members(g)[AWAY]["state"] == "ordered", 10, "results")
    seen = members(g)
    gate.ok(seen[TOWER[0]]["state"] == "skipped" and "on already" in seen[TOWER[0]]["why"], "who is on already is left out", seen[TOWER[0]])
    gate.ok(seen[TOWER[1]]["state"] in ("failed", "skipped") and seen[TOWER[1]]["why"], "who is held off by another hold is not switched on", seen[TOWER[1]])
    gate.ok(seen[AWAY]["state"] == "ordered" and status(g)["state"] == "running", "who is away is waited for", seen[AWAY])
    d.order("group/stop", group=str(g), reason="enough")
    d.order("hold/release", meter=TOWER[1], hold="FRAUD", reason="mended")
    g = preview(action="hold", hold="MAINTENANCE", meters=",".join(TOWER[4:7]))
    waits = d.order("group/start", group=str(g["group"]))
    gate.ok(waits["state"] == "asked" and waits["subject"]["sha256"] == g["sha256"], "a hold of a group is a disconnection: it waits for another", waits)
    approve(waits["approval"])
    d.order("group/start", group=str(g["group"]))
    ended(g["group"], 10)
    gate.ok(db.value("SELECT count(*) FROM powergate.hold WHERE kind = 'MAINTENANCE' AND released_us IS NULL") == 3, "approved, it is placed")
    g = preview(action="release", hold="MAINTENANCE", meters=",".join(TOWER[4:8]))["group"]
    d.order("group/start", group=str(g))
    gate.ok(ended(g, 10)["skipped"] == 1 and db.value("SELECT count(*) FROM powergate.hold WHERE kind = 'MAINTENANCE' AND released_us IS NULL") == 0,
            "releasing takes one person; who has no such hold is left out")


def midnight():
    """The record of a day: one has come already, one the meter does not have."""
    day = f"{datetime.datetime.now(zoneinfo.ZoneInfo('Asia/Shanghai')) - datetime.timedelta(days=1):%Y%m%d}"
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.freeze_absent WHERE day = :day", day=day) >= 54, 15, "the first look at that midnight")
    db.run("SELECT door.freeze_store(m.id, :day, 1, ARRAY[1000, NULL, NULL, NULL, NULL]::bigint[], 1) FROM powergate.meter m WHERE address = :'meter'", day=day, meter=TOWER[1])
    g = preview(action="freeze", meters=f"{TOWER[0]},{TOWER[1]}", day=day)["group"]
    d.order("group/start", group=str(g))
    ended(g, 20)
    seen = members(g)
    gate.ok(seen[TOWER[0]]["state"] == "failed" and "no record" in seen[TOWER[0]]["why"] and seen[TOWER[1]]["state"] == "done",
            "a midnight is asked for again: who has it is done, of the other it is said that the meter has none", seen)


def prices():
    """A tariff file into all meters of a kind, by the program."""
    at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:00Z")
    file = os.path.join(gate.ROOT, "conf", "tariff-sample.yaml")
    code, out, err = d.ctl("--json", "group", "preview", "tariff", "--site", "far", "--profile", "wallet-esam", "--file", file, "--at", at, "--reason", "the new year")
    gate.ok(code == 0 and gate.json.loads(out)["meters"] == 2, "a tariff file is shown to be for the two meters that keep money", out + err)
    g = str(gate.json.loads(out)["group"])
    code, out, err = d.ctl("group", "start", g, "--watch")
    gate.ok(code == 0 and "2 of 2: 2 done" in out, "it is started and watched until both have it", out + err)
    seen = members(g)
    gate.ok(all("spare set" in m["why"] for m in seen.values()), "in their spare sets, until the switch", seen)


def dark(sim):
    """Fourteen of a floor: approved for exactly these, ten an hour, the protected one never."""
    d.order("override/add", meter=FLOOR[0], kind="PROTECTED", reason="a ventilator")
    g = preview(action="open", site="floor 3", pace="50")
    gate.ok(g["meters"] == 14 and g["spared"] == 1, "the preview says how many of them are spared", g)
    waits = d.order("group/start", group=str(g["group"]))
    gate.ok(waits["state"] == "asked" and status(g["group"])["state"] == "preview", "nobody switches a group off alone", waits)
    other = preview(action="open", meters=",".join(FLOOR[:13]), pace="50")
    approve(waits["approval"])
    answer = d.order("group/start", group=str(other["group"]))
    gate.ok(answer["state"] == "asked" and answer["approval"] != waits["approval"], "an approval is for the list of its preview, not for a shorter one", answer)
    db.run("SET session_replication_role = replica; UPDATE powergate.group_member SET address = '202600008000', meter_id = (SELECT id FROM powergate.meter WHERE address = '202600008000') "
           f"WHERE group_id = {g['group']} AND n = 2")
    forged = d.order("group/start", group=str(g["group"]))
    gate.ok(forged["state"] == "asked" and forged["approval"] != waits["approval"], "nor for one that somebody changed in the database", forged)
    db.run(f"SET session_replication_role = replica; UPDATE powergate.group_member SET address = '{FLOOR[1]}', meter_id = (SELECT id FROM powergate.meter WHERE address = '{FLOOR[1]}') "
           f"WHERE group_id = {g['group']} AND n = 2")
    d.order("group/start", group=str(g["group"]))
    gate.until(lambda: sum(sim.state(m)["relay"] == "open" for m in FLOOR) >= 10, 20, "trips")
    gate.ok(not gate.comes(lambda: sum(sim.state(m)["relay"] == "open" for m in FLOOR) > 10, 2), "the budget of the site holds: ten an hour")
    seen = members(g["group"])
    gate.ok(sim.state(FLOOR[0])["relay"] == "closed" and seen[FLOOR[0]]["state"] == "skipped" and "protected" in seen[FLOOR[0]]["why"], "who is protected keeps power", seen[FLOOR[0]])
    gate.ok(status(g["group"])["state"] == "running" and sum(m["state"] == "done" for m in seen.values()) >= 9, "the others wait, and those who are off are done", status(g["group"]))
    gate.ok(post("group/start", group=str(g["group"])).status == 409, "it is not started twice")
    d.order("group/stop", group=str(g["group"]), reason="over")
    db.run(f"SET session_replication_role = replica; UPDATE powergate.meter_group SET stopped_us = 1 WHERE id = {g['group']}")
    again = d.order("group/resume", group=str(g["group"]), reason="more")
    gate.ok(again["state"] == "asked", "an hour after it was stopped it takes two again", again)
    back = preview(action="close", site="floor 3", pace="100")["group"]
    d.order("group/start", group=str(back))
    gate.until(lambda: all(sim.state(m)["relay"] == "closed" for m in FLOOR), 20, "all on again")
    gate.ok(ended(back, 10)["failed"] == 0, "power back for all takes one person and no budget", status(back))


def elsewhere():
    """Who is for one site."""
    db.run("UPDATE powergate.principal SET all_sites = false, role = 'operator' WHERE name = 'tester'")
    db.run("INSERT INTO powergate.principal_site SELECT q.uid, s.id FROM powergate.principal q, powergate.site s WHERE q.name = 'tester' AND s.name = 'floor 3'")
    gate.ok(post("group/preview", action="read", site="tower", reason="x").status == 403 and post("group/preview", action="read", profile="remote", reason="x").status == 403,
            "who is for a floor orders nothing beyond it")
    gate.ok(post("group/preview", action="read", site="floor 3", reason="x").status == 200, "but there")
    alien = db.value(f"SELECT min(group_id) FROM powergate.group_member WHERE address = '{TOWER[0]}'")
    gate.ok(d.ask("group/status", group=str(alien)).status == 403 and d.ask("group/members", group=str(alien)).status == 403
            and post("group/stop", group=str(alien), reason="x").status == 403, "and neither sees nor stops another's group")
    gate.ok(post("group/preview", action="tariff", site="floor 3", profile="remote", wanted="{}", reason="x").status == 400, "prices into meters are for an admin")


PORT = gate.free_port()  # the meters dial the daemon again after its death
with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{PORT}"}}) as d:
    db.run(f"INSERT INTO powergate.principal VALUES ({SECOND}, 'second', 'approver', 0)")
    d.order("site/add", name="tower", zone="Asia/Shanghai")
    d.order("site/add", name="floor 3", zone="Asia/Shanghai", parent="tower", kind="floor")
    d.order("site/add", name="far", zone="Asia/Shanghai")
    for place, addresses in (("tower", TOWER), ("floor 3", FLOOR), ("far", [AWAY])):
        for address in addresses:
            d.order("meter/add", meter=address, profile="remote", site=place)
    for address in WALLETS:
        d.order("account/add", account="W" + address[-2:], mode="local", site="far")
        d.order("meter/add", meter=address, profile="wallet-esam", capability="counted", account="W" + address[-2:])
    with gate.Sim(BUILD, d, [{"address": a, "profile": "remote"} for a in TOWER + FLOOR] + [
            {"address": a, "profile": "wallet-esam", "customer": a, "opened": "yes", "credit_minor": 5000} for a in WALLETS]) as meters:
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_state WHERE relay_seen = 'closed'") >= 54, 20, "all were read")
        choosing()
        results()
        midnight()
        prices()
        dark(meters)
        reading()
    elsewhere()
    gate.ok(db.value("SELECT count(*) FROM powergate.audit WHERE action LIKE 'group.%' AND before IS NULL AND outcome <> 'forbidden'") == 0,
            "all of it is in the audit, with before and after")
sys.exit(gate.done())
PY
