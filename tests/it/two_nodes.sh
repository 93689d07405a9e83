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
SOON = 10 * gate.SLOW   # the sweeps come every 30 s and more: what comes sooner was told


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
        "commands": {"sweep": "30s"},
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
        # has just passed by then comes again in 30 s
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
    applied = gate.comes(lambda: db.value("SELECT d.state FROM powergate.credit_delivery d JOIN powergate.payment p ON p.id = "
                                          "d.payment_id WHERE p.payment_no = 'far-3'") == "APPLIED", SOON)
    gate.ok(applied and len(sim.truth("credit", OTHER_WALLET)) == 1, "the credit is proven by a, and was loaded once",
            sim.truth("credit", OTHER_WALLET))


def one_comes_back(db, a, b, sim, crossing):
    b.start()
    gate.ok(sessions_of(db, "a") == 5 and sessions_of(db, "b") == 0, "b comes back and takes nobody away")
    order = field.Order(b, "close", SECOND, wait=int(SOON)).end()
    gate.ok(order.code == 0 and sim.state(SECOND)["relay"] == "closed", "an order given at b is carried out by a", order)
    # A meter that changes over while its old connection still stands: the old node is told to let go.
    crossing.daemon = b
    with contextlib.closing(field.Line(b.meters_port, field.heartbeat(THIRD))):
        gate.ok(gate.comes(lambda: sessions_of(db, "b") == 1, SOON) and a.says("its meters have changed", SOON),
                "a meter logs in at b while a still holds it: a lets go")


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
            one_comes_back(db, a, b, sim, crossing)
        gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
        gate.ok(a.running() and b.running(), "both daemons are up")
sys.exit(gate.done())
PY
