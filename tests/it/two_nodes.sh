#!/bin/sh
# Two daemons on one database: what is paid or ordered at one reaches the meters of the other, and
# when one dies the other finishes what it had begun.
#   tests/it/two_nodes.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import contextlib
import select
import socket
import sys
import threading
import time

import field
import gate

BUILD = sys.argv[1]
REMOTE, SECOND, THIRD = "202600000001", "202600000002", "202600000003"
WALLET, OTHER_WALLET = "202600000011", "202600000012"
SOON = 10 * gate.SLOW   # the sweeps come every 20 s and more: what comes sooner was told


class Crossing:
    """Meters dial here; it leads to one daemon or the other."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                meter, _ = self.listener.accept()
                threading.Thread(target=self.pump, args=(meter,), daemon=True).start()

    def pump(self, meter):
        with meter, contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.daemon.meters_port)) as head_end:
                while True:
                    for s in select.select([meter, head_end], [], [])[0]:
                        part = s.recv(65536)
                        if not part:
                            return
                        (head_end if s is meter else meter).sendall(part)


def node(db, name, **more):
    return gate.Daemon(BUILD, db, {
        "daemon": {"log_level": "debug"},
        "commands": {"sweep": "20s"},
        "reading": {"poll_interval": "1h", "freeze_window": "12h"},
        "session": {"reply_timeout": "2s"}, **more}, node=name)


def sessions_of(db, name):
    return db.value("SELECT count(*) FROM powergate.endpoint WHERE node = :'n' AND closed_us IS NULL", n=name)


def hints(b):
    return b.log().count("hint: endpoint")


# --- chapters -------------------------------------------------------------------------------

def paid_at_the_other(db, a, b, sim):
    told = hints(b)
    began = time.monotonic()
    gate.ok(a.pay("R1", 5000, "far-1").status == 200, "a payment comes to a, the meter talks to b")
    on = gate.comes(lambda: sim.state(REMOTE)["relay"] == "closed", SOON)
    gate.ok(on, f"power is back {time.monotonic() - began:.1f} s later, and no sweep was due", b.log()[-2000:])
    gate.ok(hints(b) > told, "b was told that there is work", b.log()[-2000:])
    gate.ok(gate.comes(lambda: field.last_command(a, REMOTE)["state"] == "done", SOON) and len(field.orders(sim, REMOTE)) == 1,
            "one order did it", field.orders(sim, REMOTE))

    told, began = hints(b), time.monotonic()
    gate.ok(a.pay("L1", 3000, "far-2").status == 200, "a payment for a wallet comes to a")
    loaded = gate.comes(lambda: sim.truth("credit", WALLET), SOON)
    gate.ok(loaded and hints(b) > told, f"b loads it {time.monotonic() - began:.1f} s later", b.log()[-2000:])
    gate.ok(gate.comes(lambda: db.value("SELECT state FROM powergate.credit_delivery WHERE kind = 'recharge'") == "APPLIED", SOON)
            and len(sim.truth("credit", WALLET)) == 1, "once, and it is proven", sim.truth("credit", WALLET))


def ordered_at_the_other(a, b, sim):
    told = hints(b)
    order = field.Order(a, "open", SECOND, wait=int(SOON)).end()
    gate.ok(order.code == 0 and sim.state(SECOND)["relay"] == "open" and hints(b) > told,
            "an order given at a is carried out by b at once", order)
    told = hints(b)
    order = field.Order(b, "close", SECOND, wait=int(SOON)).end()
    gate.ok(order.code == 0 and sim.state(SECOND)["relay"] == "closed" and hints(b) == told,
            "one given at b needs no hint", order)


def one_dies(db, a, b, sim, crossing):
    """Two orders and a credit on the wire, and b is killed; its meters dial into a."""
    sim.do(f"fault {THIRD} ack_not_do 1")
    before = {m: len(field.orders(sim, m)) for m in (SECOND, THIRD)}
    moved = {m: len(field.moves(sim, m)) for m in (SECOND, THIRD)}
    ids = [field.relay(a, m, "open") for m in (SECOND, THIRD)]
    gate.ok(a.pay("L2", 4000, "far-3").status == 200, "two orders and a payment for meters of b")
    gate.until(lambda: all(len(field.orders(sim, m)) > before[m] for m in before) and sim.truth("credit", OTHER_WALLET), SOON,
               "the orders and the credit on the wire", every=0.002)
    crossing.daemon = a
    b.kill()
    flying = db.rows("SELECT kind, state FROM powergate.command WHERE state IN ('sent', 'unsure') ORDER BY kind")
    gate.ok(flying and {r[1] for r in flying} == {"sent"}, "b is killed with commands on the wire", flying)
    gate.ok(gate.comes(lambda: sessions_of(db, "a") == 5, 30 * gate.SLOW), "its meters dial into a")
    for n, meter, sent in zip(ids, (SECOND, THIRD), (1, 2)):
        # asked back at once; what was not done is due again some seconds later, and a sweep that
        # has just passed by then comes again in 20 s
        done = gate.comes(lambda n=n: field.command(a, n)["state"] == "done", 75 * gate.SLOW)
        name = "obeyed" if meter == SECOND else "not obeyed"
        gate.ok(done and sim.state(meter)["relay"] == "open" and len(field.moves(sim, meter)) == moved[meter] + 1 and
                field.looked_between(sim, meter), f"the order that was {name} ends done, and the relay moved once",
                f"{field.command(a, n)}\n{field.moves(sim, meter)}")
        gate.ok(len(field.orders(sim, meter)) == before[meter] + sent,
                f"{name}: {sent} frame{'s' if sent > 1 else ''} in all", field.orders(sim, meter))
    unsure = db.value("SELECT count(DISTINCT command_id) FROM powergate.command_history WHERE step = 'unsure' "
                      "AND text = 'the session that sent it is gone'")
    gate.ok(unsure == len(flying), "what b had sent was unsure until a had asked", f"{unsure} of {len(flying)}")
    # a looks again once it is sure of whom it talks to
    applied = gate.comes(lambda: db.value("SELECT d.state FROM powergate.credit_delivery d JOIN powergate.payment p ON p.id = "
                                          "d.payment_id WHERE p.payment_no = 'far-3'") == "APPLIED", 45 * gate.SLOW)
    gate.ok(applied and len(sim.truth("credit", OTHER_WALLET)) == 1, "the credit is proven by a, and was loaded once",
            sim.truth("credit", OTHER_WALLET))


def one_comes_back(db, a, b, sim):
    b.start()
    gate.ok(sessions_of(db, "a") == 5 and sessions_of(db, "b") == 0, "b comes back and takes nobody away")
    order = field.Order(b, "close", SECOND, wait=int(SOON)).end()
    gate.ok(order.code == 0 and sim.state(SECOND)["relay"] == "closed", "an order given at b is carried out by a", order)


def changed_at_the_other(a, b):
    """What a person decides at b counts in the session that a has."""
    def seen():
        return [s["state"] for s in a.ask("session/list").json["rows"] if s["endpoint"] == THIRD]

    b.order("endpoint/quarantine", endpoint=THIRD)
    gate.ok(gate.comes(lambda: seen() == ["quarantined"], SOON), "quarantined at b, the meter is so in the session it has at a", seen())
    b.order("endpoint/claim", endpoint=THIRD)
    code, out, err = b.ctl("meter", "read", THIRD, f"--wait={int(SOON)}")
    gate.ok(code == 0 and seen() != ["quarantined"], "claimed at b, it is talked to by a again", out + err)


def taken_by_the_other(db, a, b, sim, crossing):
    """A new connection at b while a still holds one: a asks the old one who it is."""
    def doubt():
        return db.value("SELECT doubt_until_us - opened_us FROM powergate.endpoint WHERE identity = :'i'", i=THIRD)

    with contextlib.closing(field.Line(b.meters_port, field.heartbeat(THIRD))) as clone:
        gate.until(lambda: sessions_of(db, "b") == 1, SOON, "the clone at b")
        gate.ok(doubt() == 5000000, "a second one of that name at b is not believed at once", doubt())
        gate.ok(gate.comes(lambda: field.work(b, "QUARANTINE"), SOON) and clone.closed(SOON),
                "the first one answers at a: both are quarantined, also the one at b")
    b.order("endpoint/claim", endpoint=THIRD)
    sim.do(f"power {THIRD} off")
    gate.until(lambda: not a.ask("meter/show", meter=THIRD).json.get("online"), SOON, "its end")
    with contextlib.closing(field.Line(a.meters_port, field.heartbeat(THIRD))) as old:
        gate.until(lambda: a.ask("meter/show", meter=THIRD).json.get("online"), SOON, "the old connection at a")
        crossing.daemon = b
        sim.do(f"power {THIRD} on")
        gate.ok(gate.comes(lambda: sessions_of(db, "b") == 1, 30 * gate.SLOW) and old.closed(SOON),
                "a silent one at a is asked, and let go")
        code, out, err = b.ctl("meter", "read", THIRD, f"--wait={int(SOON)}")
        gate.ok(code == 0, "and b has the meter", out + err)


with gate.Cluster(BUILD) as db, node(db, "a") as a:
    with node(db, "b", signer={"socket": a.signer}) as b:
        crossing = Crossing(b)
        for account, meter in (("R1", REMOTE), ("R2", SECOND), ("R3", THIRD)):
            a.remote(account, meter)
        for account, meter in (("L1", WALLET), ("L2", OTHER_WALLET)):
            a.local(account, meter)
        for account in ("R2", "R3"):
            field.cash(a, account, 100000)
        meters = [{"address": m, "profile": "remote", "watts": 0} for m in (REMOTE, SECOND, THIRD)]
        meters[0]["relay"] = "open"
        meters += [{"address": m, "profile": "wallet-esam", "opened": "yes", "customer": m, "watts": 0}
                   for m in (WALLET, OTHER_WALLET)]
        field.cut_off(db, REMOTE)
        with gate.Sim(BUILD, a, meters, "--truth-frames", rtt_ms=200, port=crossing.port) as sim:
            gate.ok(gate.comes(lambda: sessions_of(db, "b") == 5, 15 * gate.SLOW), "five meters talk to b, none to a")
            for m in (WALLET, OTHER_WALLET):
                a.commission(m)
            paid_at_the_other(db, a, b, sim)
            ordered_at_the_other(a, b, sim)
            one_dies(db, a, b, sim, crossing)
            one_comes_back(db, a, b, sim)
            changed_at_the_other(a, b)
            taken_by_the_other(db, a, b, sim, crossing)
        gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
        gate.ok(a.running() and b.running(), "both daemons are up")
sys.exit(gate.done())
PY
