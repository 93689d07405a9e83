#!/bin/sh
# What takes two people: what one asked for another approves, exactly that, once and in time; and
# trips have budgets that nobody passes by asking one by one, nor two of them together.
#   tests/it/four_eyes.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os, re, ssl, subprocess, sys
import gate

BUILD = sys.argv[1]
MANY = [f"2026000007{n:02}" for n in range(24)]


class Person:
    """Somebody on the TLS port, with a token of his own."""

    def __init__(self, d, port, context, name, role):
        d.order("principal/add", name=name, role=role, sites="*", reason="hired")
        self.port, self.context = port, context
        self.token = d.order("token/add", principal=name, reason="work")["secret"]

    def post(self, path, **values):
        return gate.request(self.port, "POST", f"/v1/{path}", gate.json.dumps(values).encode(), {"Authorization": "Bearer " + self.token}, tls=self.context)


def post(d, path, **values):
    return gate.request(d.socket, "POST", f"/v1/{path}", gate.json.dumps(values).encode())


def approvals(d, action):
    return [a for a in d.ask("approval/list", all="1").json["rows"] if a["action"] == action]


def late(action):
    db.run("SET session_replication_role = replica; UPDATE powergate.approval SET asked_us = 1, expires_us = 2 WHERE action = :'action' AND used_us IS NULL", action=action)


def refunds(d, second):
    d.order("payment/cash", account="R0", amount_minor="90000", payment_no="big-1")
    payment = str(db.value("SELECT id FROM powergate.payment WHERE payment_no = 'big-1'"))
    gate.until(lambda: post(d, "refund/request", payment=payment, amount_minor="20000", reason="double").status == 200, 5, "the request")
    asked = approvals(d, "refund.refund")
    gate.ok(len(asked) == 1 and asked[0]["state"] == "asked" and asked[0]["subject"]["amount_minor"] == 20000, "a refund above the limit waits among all that waits", asked)
    refund = str(db.value("SELECT max(id) FROM powergate.correction"))
    own = post(d, "refund/approve", refund=refund)
    gate.ok(own.status == 409, "who asked for it does not approve it", own)
    told = second.post("approval/give", approval=str(asked[0]["approval"]), reason="x")
    gate.ok(told.status == 409 and f"refund approve {refund}" in told.json["error"], "it is approved by its own words only", told)
    late("refund.refund")
    gate.ok(second.post("refund/approve", refund=refund).status == 409, "after its time nobody approves it")
    db.run("SET session_replication_role = replica; UPDATE powergate.approval SET expires_us = 9000000000000000 WHERE action = 'refund.refund'")
    done = second.post("refund/approve", refund=refund)
    gate.ok(done.status == 200 and approvals(d, "refund.refund")[0]["state"] == "used", "another person does, and it is used", done)
    gate.ok(second.post("refund/approve", refund=refund).status == 409, "once")
    again = post(d, "refund/request", payment=payment, amount_minor="15000", reason="more").json
    gate.ok(post(d, "refund/withdraw", refund=str(again["refund"]), reason="no").status == 200
            and approvals(d, "refund.refund")[0]["state"] == "withdrawn", "what is taken back can be approved no more", approvals(d, "refund.refund")[0])


def tariffs(d, second):
    added = d.order("tariff/add", name="dear", steps="0:2000000")
    asked = approvals(d, "tariff.approve")
    gate.ok(added["state"] == "pending" and asked[0]["subject"]["version"] == added["version"], "a price that is added waits for another", asked)
    gate.ok(post(d, "tariff/approve", version=added["version"], reason="x").status == 409, "who loaded it does not approve it")
    late("tariff.approve")
    answer = second.post("tariff/approve", version=added["version"], reason="read it", force="tested")
    gate.ok(answer.status == 409 and "expired" in answer.json["error"], "what was submitted a month ago is not approved any more", answer)
    d.order("tariff/withdraw", version=added["version"], reason="again")
    added = d.order("tariff/add", name="dearer", steps="0:2000000")
    answer = second.post("tariff/approve", version=added["version"], reason="read it", force="tested")
    gate.ok(answer.status == 200 and approvals(d, "tariff.approve")[0]["state"] == "used", "loaded anew, another approves it", answer)


def reviews(d, second):
    """A delivery under review: two people say the same, about the same delivery and amount."""
    d.order("payment/cash", account="L", amount_minor="700", payment_no="lost-1")
    db.run("SET search_path = powergate; UPDATE powergate.credit_delivery SET state = 'REVIEW' WHERE kind = 'recharge'")
    work = str(db.value("INSERT INTO powergate.work (key, cause, account_id, meter_id, delivery_id, text, todo, opened_us) SELECT 'review:x', 'REVIEW', d.account_id, m.id, d.id, 'x', 'x', 1 "
                        "FROM powergate.credit_delivery d JOIN powergate.meter m ON m.account_id = d.account_id WHERE d.kind = 'recharge' RETURNING id"))
    why = {"work": work, "reason": "looked", "evidence": "the meter's display"}
    first = post(d, "work/resolve", decision="refund", **why)
    gate.ok(first.status == 200 and first.json["needs"] == 1 and approvals(d, "work.resolve")[0]["subject"]["amount_minor"] == 700, "one voice is asked for another", first)
    late("work.resolve")
    gate.ok(second.post("work/resolve", decision="refund", **why).json.get("needs") == 1, "a voice from long ago is no second one")
    gate.ok(post(d, "work/resolve", decision="requeue", **why).json.get("needs") == 1, "another decision is another question")
    answer = second.post("work/resolve", decision="requeue", **why)
    gate.ok(answer.status == 200 and answer.json["state"] == "resolved", "two that say the same in time decide", answer)
    states = sorted(a["state"] for a in approvals(d, "work.resolve"))
    gate.ok(states == ["used", "withdrawn", "withdrawn"], "and what was said before is taken back", states)


def danger(d, second):
    answers = [post(d, "meter/relay", meter=m, relay="open", cause="SAFETY", reason="smoke") for m in MANY[:11]]
    gate.ok(all("command" in a.json for a in answers[:10]), "ten are switched off for SAFETY by one person", [str(a) for a in answers])
    waits = answers[10].json
    gate.ok(waits.get("state") == "asked" and db.value("SELECT count(*) FROM powergate.hold WHERE kind = 'SAFETY'") == 10, "the eleventh within the hour waits for another", waits)
    item = [w for w in d.ask("work/list").json["rows"] if w["cause"] == "APPROVAL" and "SAFETY" in w["text"]]
    gate.ok(len(item) == 1 and db.value("SELECT count(*) FROM powergate.notice WHERE kind = 'work' AND body ->> 'work' = :'w'", w=item[0]["work"]) == 1,
            "and the staff are told at once", item)
    other = second.post("meter/relay", meter=MANY[11], relay="open", cause="SAFETY", reason="smoke").json
    gate.ok(other.get("state") == "asked", "a second person has no budget of his own", other)
    both = post(d, "hold/add", hold="SAFETY", meters=",".join(MANY[10:12]), reason="smoke").json
    gate.ok(both.get("state") == "asked" and both["approval"] not in (waits["approval"], other["approval"]), "a list is another question than its meters one by one", both)
    gate.ok(second.post("approval/give", approval=str(waits["approval"]), reason="I see it too").status == 200, "another approves")
    done = post(d, "meter/relay", meter=MANY[10], relay="open", cause="SAFETY", reason="smoke")
    gate.ok("command" in done.json, "then it is switched off", done)
    again = post(d, "meter/relay", meter=MANY[10], relay="open", cause="SAFETY", reason="smoke").json
    gate.ok(again.get("state") == "asked", "once", again)
    more = post(d, "headend/safety", trips="500", reason="a big fire").json
    gate.ok(more.get("state") == "asked" and d.ask("headend/status").json["safety_trips"] == 10, "more is not for one person to allow", more)
    gate.ok(second.post("approval/give", approval=str(more["approval"]), reason="yes").status == 200
            and post(d, "headend/safety", trips="500", reason="a big fire").json.get("safety_trips") == 500, "two allow it")
    gate.ok(post(d, "headend/safety", trips="10", reason="it is out").json.get("safety_trips") == 10, "less is")


def loop(d, second):
    """One by one, what a list may not do at once."""
    meters = MANY[12:]
    d.order("site/add", name="loop", zone="Asia/Shanghai")
    for n, m in enumerate(meters):
        d.order("meter/add", meter=m, profile="remote", site="loop")
    db.run("TRUNCATE powergate.trip_log")
    with gate.Sim(BUILD, d, [{"address": m, "profile": "remote"} for m in meters]) as sim:
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_state s JOIN powergate.meter m ON m.id = s.meter_id "
                                    "WHERE m.address = ANY (string_to_array(:'m', ',')) AND s.relay_seen = 'closed'", m=",".join(meters)) == len(meters), 15, "they were read")
        for m in meters[:11]:
            d.order("meter/relay", meter=m, relay="open", reason="a loop")
        gate.until(lambda: sum(sim.state(m)["relay"] == "open" for m in meters) >= 10, 15, "the first trips")
        second.post("meter/relay", meter=meters[11], relay="open", reason="a loop")
        gate.ok(not gate.comes(lambda: sum(sim.state(m)["relay"] == "open" for m in meters) > 10, 4), "of twelve single trips of a house ten leave within the hour")
        waiting = [d.ask("command/list", meter=m).json["rows"][0] for m in meters if sim.state(m)["relay"] == "closed"]
        gate.ok(sorted(c["by"] for c in waiting) == ["second", "tester"] and all("budget" in (c["outcome"] or "") for c in waiting),
                "whoever ordered them: the others wait, and say why", waiting)
        back = d.order("meter/relay", meter=meters[0], relay="closed", reason="enough")
        gate.until(lambda: sim.state(meters[0])["relay"] == "closed", 10, "the restore")
        gate.ok(back["command"], "a restore waits for no budget")
        for m in meters[1:]:
            d.order("meter/relay", meter=m, relay="closed", reason="enough")
        gate.until(lambda: all(sim.state(m)["relay"] == "closed" for m in meters), 15, "the other restores")
        d.order("headend/safety", trips="3", reason="few")
        db.run("SET search_path = powergate; SELECT hold_place(m.id, 'SAFETY', 'smoke', true, 'powergated', n.us), relay_want(m.id, 'open', 'SAFETY', 'smoke', NULL, 'powergated', n.us, "
               "n.us + 3600000000) FROM meter m, (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) n WHERE m.address = ANY (string_to_array(:'m', ','))", m=",".join(meters[:6]))
        gate.until(lambda: sum(sim.state(m)["relay"] == "open" for m in meters) >= 3, 10, "the trips for SAFETY")
        gate.ok(not gate.comes(lambda: sum(sim.state(m)["relay"] == "open" for m in meters) > 3, 3), "nor does what asks nobody pass the budget of SAFETY: three of six leave")


def certificate(directory):
    crt, key = os.path.join(directory, "tls.crt"), os.path.join(directory, "tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt, key


with gate.Cluster(BUILD) as db:
    crt, key = certificate(db.place("c"))
    with gate.Daemon(BUILD, db, {"api": {"listen": "127.0.0.1:0", "certificate": crt, "key": key}, "refunds": {"second_above": 10000},
                                 "daemon": {"tariff_voices": 2, "review_voices": 2}}) as daemon:
        port = int(re.search(r"TLS port (\d+)", daemon.log())[1])
        person = Person(daemon, port, ssl.create_default_context(cafile=crt), "second", "admin")
        daemon.order("site/add", name="here", zone="Asia/Shanghai")
        flat = daemon.order("tariff/add", name="flat", steps="0:1000000")
        person.post("tariff/approve", version=flat["version"], reason="read it")
        daemon.order("account/add", account="R0", mode="remote", site="here", tariff="flat")
        daemon.order("account/add", account="L", mode="local", site="here")
        daemon.order("meter/add", meter="202600000799", profile="wallet-esam", capability="counted", account="L")
        for meter in MANY[:12]:
            daemon.order("meter/add", meter=meter, profile="remote", site="here")
        for part in (refunds, tariffs, reviews, danger, loop):
            part(daemon, person)
        gate.ok(daemon.ctl("audit", "verify")[0] == 0, "the audit holds")
sys.exit(gate.done())
PY
