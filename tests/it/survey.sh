#!/bin/sh
# How well the ways to the meters serve: counted, put into a table, and a sentence that says what
# to choose.  Frames of one meter on request, and what may be handed to its maker.
#   tests/it/survey.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import json
import sys
import time

import field
import gate

BUILD = sys.argv[1]
NEAR, FAR, WIRED, DEAF = METERS = [f"2026000096{n:02}" for n in range(4)]
SECRETS = ["Zhao Planted", "13800001234", "ACC-7781", "the tenant Zhao", "42 Planted Road", "a cousin pays"]
PASSWORD = "654321"


def row(d, link):
    rows = [r for r in d.ask("survey").json["rows"] if r["link"] == link]
    return rows[0] if rows else {}


def read(d, meter, times):
    for n in range(times):
        d.order("meter/read", meter=meter, regs="total_wh", key=f"{meter}-{n}-{time.monotonic_ns()}")


def survey(d, db, sim):
    d.order("endpoint/link", endpoint=NEAR, carrier="Blue", signal="-71")
    d.order("endpoint/link", endpoint=FAR, carrier="Green", link="nbiot", signal="-112")
    d.order("endpoint/link", endpoint="BLOCK7", carrier="Blue")
    sim.do(f"fault {FAR} delay_ms 400-600")
    for m in (NEAR, FAR, WIRED):
        read(d, m, 8)
    sim.do(f"fault {DEAF} silent")
    read(d, DEAF, 2)
    db.run("UPDATE powergate.way_look SET at_us = 0")
    gate.until(lambda: (row(d, "4g").get("answers") or 0) >= 8 and (row(d, "nbiot").get("answers") or 0) >= 8
               and float(row(d, "rs485").get("silent_percent") or 0) > 0, 30, "the counts")
    near, far, wired = (row(d, link) for link in ("4g", "nbiot", "rs485"))
    gate.ok(near["p95_ms"] <= 200 < far["p50_ms"] <= far["p95_ms"] <= 800, "answers are told by how long they took", [near, far])
    gate.ok((near["carrier"], near["signal_dbm"], far["worst_dbm"], wired["signal_dbm"]) == ("Blue", -71, -112, None),
            "with carrier and signal, where they are known", [near, far, wired])
    gate.ok(float(wired["silent_percent"]) > 0 and float(near["silent_percent"]) == 0 and near["endpoints"] == wired["endpoints"] == 1,
            "silences are counted where they were, a bus is one line", [near, wired])
    gate.until(lambda: row(d, "4g").get("online_percent") is not None, 10)
    gate.ok(near["online_now"] == 1, "who is there now is told, and how often it was", near)
    gate.ok("does not reach" in far["advice"] and "RS485" in far["advice"], "far away: " + far["advice"], far)
    gate.ok("wire" in wired["advice"], "a deaf meter on the wire: " + wired["advice"], wired)
    code, out, err = d.ctl("survey", "--site=here")
    last = out.strip().splitlines()[-1]
    gate.ok(code == 0 and "p95 ms" in out and "4G of Blue at here serves best" in last, "powergatectl survey: " + last, out + err)
    gate.ok(d.ask("survey", days=0).status == 200 and d.ask("survey", site="nowhere").json["rows"] == [], "a site nobody has is empty")
    wrong = gate.request(d.socket, "POST", "/v1/endpoint/link", json.dumps({"endpoint": NEAR, "signal": "31"}).encode())
    gate.ok(wrong.status == 400 and "dBm" in wrong.json["error"], "a signal is in dBm", wrong)


def advice(db):
    cases = {("4g", 9990, 10, 800, -80): "4G serves", ("nbiot", 9990, 10, 8000, -80): "too slow", ("nbiot", 9990, 10, 2000, -80): "NB-IoT serves",
             ("4g", 9000, 10, 800, -80): "idle time-outs", ("4g", 9990, 900, 800, -80): "another carrier", ("4g", 9990, 10, 800, -115): "does not reach",
             ("rs485", 9000, 10, 800, None): "converter itself", ("rs485", 9990, 900, 800, None): "two meters of one address", ("rs485", 9990, 0, 300, None): "keep RS485"}
    wrong = []
    for (link, *values), words in cases.items():
        said = db.value("SELECT powergate.way_advice(:'l', '', " + ", ".join("NULL" if v is None else str(v) for v in values) + ")", l=link)
        wrong += [] if words in said else [(link, values, said)]
    gate.ok(not wrong, "each finding has its sentence", wrong)
    gate.ok(db.value("SELECT powergate.way_percentile('{0,0,98,0,0,0,0,0,0,0,1,1}', 95) || ' ' || powergate.way_percentile('{0,0,98,0,0,0,0,0,0,0,1,1}', 99)")
            == "200 8000", "a percentile is the end of its bucket")


def frames(d, db, sim):
    gate.ok(db.value("SELECT count(*) FROM powergate.frame_log") == 0, "no frame is kept that nobody asked for")
    d.order("meter/log", meter=NEAR, minutes=10, reason="the tenant Zhao complains")
    gate.until(lambda: d.ask("meter/show", meter=NEAR).json["online"] and sim.do("stats")["connected"] >= 3, 20)
    time.sleep(1.5)
    code, out, err = d.ctl("meter", "open", NEAR, "--reason", "the tenant Zhao 13800001234", "--wait=20")
    gate.ok(code == 0, "an order with the meter's password", out + err)
    gate.until(lambda: any(f["frame"].find("681C10") > 0 for f in d.ask("frame/list", meter=NEAR, limit=500).json["rows"]), 10, "the frames")
    kept = d.ask("frame/list", meter=NEAR, limit=500).json["rows"]
    order = [f["frame"] for f in kept if "681C10" in f["frame"]][0]
    heard = field.orders(sim, NEAR)[0]
    gate.ok(heard.data[1:4].hex() == bytes.fromhex(PASSWORD)[::-1].hex(), "the meter was told the password", heard.data.hex())
    gate.ok("681C1035333333" in order and not [f for f in kept if "546" in f["frame"] and "547687" in f["frame"]],
            "and the log was not", order)
    gate.ok({f["dir"] for f in kept} == {"sent", "heard"}, "both ways are kept", kept[:3])
    gate.ok(db.value("SELECT count(*) FROM powergate.frame_log f JOIN powergate.meter m ON m.id = f.meter_id WHERE m.address <> :'m'", m=NEAR) == 0,
            "of that meter alone")
    d.order("meter/log", meter=NEAR, minutes=0, reason="enough")
    gate.until(lambda: d.ask("meter/show", meter=NEAR).json["online"], 20)
    time.sleep(1.5)
    before = db.value("SELECT count(*) FROM powergate.frame_log")
    read(d, NEAR, 2)
    time.sleep(1.5)
    gate.ok(db.value("SELECT count(*) FROM powergate.frame_log") == before, "when its time is over nothing more is kept", before)


def bundle(d, db, sim):
    code, out, err = d.ctl("support", "bundle", NEAR)
    told = json.loads(out)
    gate.ok(code == 0 and told["meter"]["address"] == NEAR and told["connection"]["days"] and told["frames"] and told["commands"],
            "a bundle has the meter, its connection, commands and frames", out[:600] + err)
    hexed = [s.encode().hex().upper() for s in SECRETS]
    found = [s for s in SECRETS + hexed if s.upper() in out.upper()]
    gate.ok(not found, "nobody's name, number, address or words are in it", found)
    sealed = db.value("SELECT encode(password, 'hex') FROM powergate.meter WHERE address = :'m'", m=NEAR)
    gate.ok(sealed and sealed.upper() not in out.upper() and "547687" not in out, "nor a password, sealed or not")
    everywhere = db.rows("SELECT c.cause, a.number FROM powergate.command c JOIN powergate.meter m ON m.id = c.meter_id JOIN powergate.account a "
                         "ON a.id = m.account_id WHERE m.address = :'m'", m=NEAR)
    gate.ok(any("Zhao" in str(r) for r in everywhere), "though they are in what it was made of", everywhere)
    gate.ok(not [f for c in told["commands"] for f in c["steps"] or [] if f["frame"] and "6803" in f["frame"][16:20] and not f["frame"].endswith("..")],
            "of frames that carry customers and codes only the head is")


with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"survey": "200ms", "listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "1s", "quiet_after": 10}, "reading": {"poll_interval": "1d"}}, start=False)
    d.configure({"meters": {"password_key": d.write("seal.key", "ab" * 32 + "\n")}})
    d.start()
    d.remote("ACC-7781")
    d.order("meter/add", meter=NEAR, profile="remote", account="ACC-7781", most_watts="2000000")
    d.order("meter/add", meter=FAR, profile="remote", site="here")
    for m in (WIRED, DEAF):
        d.order("meter/add", meter=m, profile="remote", site="here", endpoint="BLOCK7")
    d.order("meter/password", meter=NEAR, password=PASSWORD)
    d.order("payment/cash", account="ACC-7781", amount_minor="5000", payment_no="p1", payer="Zhao Planted 13800001234", note="a cousin pays, 42 Planted Road")
    meters = [{"address": NEAR, "watts": 100, "password": PASSWORD}, {"address": FAR, "watts": 100}, {"address": WIRED, "link": "dtu:BLOCK7"},
              {"address": DEAF, "link": "dtu:BLOCK7"}]
    with gate.Sim(BUILD, d, meters, "--truth-frames", rtt_ms=5, heartbeat=1) as sim:
        sim.online(3)
        survey(d, db, sim)
        advice(db)
        frames(d, db, sim)
        bundle(d, db, sim)
        gate.ok(d.running(), "and the daemon runs")
sys.exit(gate.done())
PY
