#!/bin/sh
# Credit for a local meter when everything lies: the meter, the line, the encryption machine, and
# somebody else who buys at the same time.  One credit or none, and people where nobody can know.
#   tests/it/delivery_faults.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import contextlib, json, os, select, shutil, socket, subprocess, sys, threading, time
import gate

BUILD = sys.argv[1]
SECOND_UID = 65534
WALLET, CREDIT, AUTH = 0x078102FF, 0x070102FF, 0x070000FF


# --- frames, as far as a purchase by somebody else needs them ---------------------------------

def frame(address, di, payload):
    data = bytes((b + 0x33) & 255 for b in di.to_bytes(4, "little") + bytes(4) + payload)
    body = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68\x03" + bytes([len(data)]) + data
    return body + bytes([sum(body) & 255, 0x16])


def frames_in(stream):
    """(whole frame, address, control, data) of each complete frame."""
    at = 0
    while (at := stream.find(b"\x68", at)) >= 0 and at + 12 <= len(stream):
        end = at + 12 + stream[at + 9]
        if stream[at + 7] == 0x68 and end <= len(stream) and stream[end - 1] == 0x16:
            data = bytes((b - 0x33) & 255 for b in stream[at + 10:end - 2])
            yield stream[at:end], stream[at + 1:at + 7][::-1].hex(), stream[at + 8], data
            at = end
        else:
            at += 1


class Signer:
    """The encryption machine asked by somebody else."""

    def __init__(self, path):
        self.path = path

    def ask(self, op, meter, **values):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(json.dumps({"id": 1, "op": op, "meter": meter, **values}).encode() + b"\n")
            return {k: bytes.fromhex(v) for k, v in json.loads(s.makefile().readline()).items() if isinstance(v, str)}


class Line:
    """Between meters and daemon; before a frame it was told of, somebody else has a word."""

    def __init__(self, db, daemon):
        self.daemon, self.before, self.signer = daemon, {}, Signer(daemon.signer)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        db.pieces.append(self)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

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
                        if s is head_end:
                            self.interfere(meter, part)
                        (head_end if s is meter else meter).sendall(part)

    def interfere(self, meter, part):
        for _, address, control, data in frames_in(part):
            word = self.before.pop((address, int.from_bytes(data[:4], "little")), None) if control == 3 else None
            if word:
                word(meter)

    def exchange(self, meter, request):
        meter.sendall(request)
        heard = b""
        while not (found := list(frames_in(heard))):
            heard += meter.recv(4096)
        return found[0]

    def buys(self, address, amount, count):
        """Somebody else's purchase, with a signature as good as ours."""
        def word(meter):
            a = self.signer.ask("auth", address)
            reply = self.exchange(meter, frame(address, AUTH, a["cipher"] + a["rand1"] + a["diversity"]))
            rand2 = reply[3][4:8]
            r = self.signer.ask("recharge", address, rand2=rand2.hex(), amount=amount, count=count, customer=address)
            reply = self.exchange(meter, frame(address, CREDIT, amount.to_bytes(4, "little") + count.to_bytes(4, "little") +
                                               r["mac1"] + bytes.fromhex(address)[::-1] + r["mac2"]))
            assert reply[2] == 0x83, "the other purchase was refused"
        return word


# --- one customer -----------------------------------------------------------------------------

class Customer:
    """An account, its meter, and what was paid."""

    number = 0

    def __init__(self, sentence, fault=None, amount=None, capability="counted", **sim):
        Customer.number += 1
        self.sentence, self.fault, self.capability = sentence, fault, capability
        self.account, self.meter = f"L{self.number}", f"2026{self.number:08}"
        self.amount = amount or 1000 + self.number
        self.sim = {"address": self.meter, "profile": "wallet-esam", "opened": "yes", "customer": self.meter, "watts": 0, **sim}

    def register(self, d):
        d.order("account/add", account=self.account, mode="local", site="here", warn="100")
        d.order("meter/add", meter=self.meter, profile="wallet-esam", capability=self.capability, account=self.account)

    def pay(self, d, amount=None, number="", **more):
        a = d.pay(self.account, amount or self.amount, f"P-{self.account}{number}", **more)
        assert a.status == 200, a

    def delivery(self, what="d.state", kind="recharge"):
        return db.value(f"SELECT {what} FROM powergate.credit_delivery d JOIN powergate.account a ON a.id = d.account_id "
                        "WHERE a.number = :'n' AND d.kind = :'k' ORDER BY d.id LIMIT 1", n=self.account, k=kind)

    def credits(self, sim):
        return [c["amount_minor"] for c in sim.truth("credit", self.meter) if c["amount_minor"]]

    def sent(self, sim):
        """(count, amount) of each recharge the meter heard."""
        heard = [f for t in sim.truth("frame_in", self.meter) for f in frames_in(bytes.fromhex(t["hex"]))]
        return [(int.from_bytes(f[3][12:16], "little"), int.from_bytes(f[3][8:12], "little")) for f in heard
                if f[2] == 3 and f[3][:4] == CREDIT.to_bytes(4, "little")]

    def work(self, what="w.id", cause="REVIEW", state="open"):
        return db.value(f"SELECT {what} FROM powergate.work w JOIN powergate.account a ON a.id = w.account_id WHERE a.number = :'n' "
                        "AND cause = :'c' AND w.state = :'s' ORDER BY w.id DESC LIMIT 1", n=self.account, c=cause, s=state)

    def told(self):
        return db.value("SELECT count(*) FROM powergate.notice n JOIN powergate.account a ON a.id = n.account_id "
                        "WHERE a.number = :'n' AND n.kind = 'credited'", n=self.account)

    def applied(self, seconds=60):
        return gate.comes(lambda: self.delivery() == "APPLIED", seconds)

    def review(self, seconds=60):
        return gate.comes(lambda: self.delivery() == "REVIEW", seconds)

    def seen(self, sim):
        rows = db.rows("SELECT d.kind, d.state, d.purchase, d.sends, d.why FROM powergate.credit_delivery d JOIN powergate.account a "
                       "ON a.id = d.account_id WHERE a.number = :'n'", n=self.account)
        return f"{rows}\nsent {self.sent(sim)}\ntruth {[t for t in sim.truth(meter=self.meter) if 'frame' not in t['event']]}"


# --- the stories ------------------------------------------------------------------------------

LIES = [
    Customer("the acknowledgement is lost", ("do_not_ack", 1)),
    Customer("three acknowledgements would be lost", ("do_not_ack", 3)),
    Customer("it says yes and does nothing", ("ack_not_do", 1)),
    Customer("it says yes and does nothing, three times", ("ack_not_do", 3)),
    Customer("it says no and does it", ("refuse_but_do", 1)),
    Customer("a wrong answer", ("wrong_answer", 1)),
    Customer("three wrong answers", ("wrong_answer", 3)),
    Customer("it restarts after having done it", ("reboot", 1)),
    Customer("every answer comes twice", ("duplicate",)),
    Customer("answers take up to 900 ms", ("delay_ms", "0-900")),
    Customer("answers come after nobody waits for them any more", ("delay_ms", "1500")),
    Customer("the connection is cut in the midst of an answer", ("cut", 1)),
    Customer("it is cut four times", ("cut", 4)),
    Customer("two frames are lost", ("loss", 2)),
    Customer("it is silent twice", ("silent", 2)),
    Customer("answers come in pieces", ("split",)),
    Customer("the one before comes in front of every answer", ("stale",)),
    Customer("our own requests come back in front of every answer", ("echo",)),
    Customer("a type of no class, acknowledged", None, capability="none"),
    Customer("a type of no class, the acknowledgement is lost", ("do_not_ack", 1), capability="none"),
]
LATE = LIES[10]
LOST = Customer("the count goes up and the money does not", ("count_no_money", 1))
LIMIT = Customer("more than the meter may hold", hoarding_minor=50000, amount=60000)
CUSTOMER = Customer("another customer's number in the meter", customer="999999999999")
HUGE = Customer("more than any record of a purchase can hold", amount=100000000)
NO_CLASS = Customer("a type of no class that says yes and does nothing", ("ack_not_do", 1), capability="none")
NO_CLASS_CRASH = Customer("a type of no class, planned when the daemon died", capability="none")
BURNT = Customer("somebody else buys between planning and sending")
BEFORE = Customer("somebody else bought before")
CLOSED = Customer("the account in the meter is not open", opened="no")
QUEUE = Customer("four payments at once")
SIGNED = Customer("the encryption machine")
ALL = [*LIES, LOST, LIMIT, CUSTOMER, HUGE, NO_CLASS, NO_CLASS_CRASH, BURNT, BEFORE, CLOSED, QUEUE, SIGNED]


def begin(d, sim, line):
    """Everybody pays; the slow ones wait side by side."""
    # a fault is for the credit, and not for the levels of alarm that commissioning writes
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_parameter WHERE set_name = 'alarm' AND state IN ('active', 'refused')") == len(ALL),
               60, "the levels")
    for c in ALL:
        if c.fault:
            sim.do(f"fault {c.meter} {' '.join(map(str, c.fault))}")
    line.before[BURNT.meter, CREDIT] = line.buys(BURNT.meter, 4711, 1)
    line.before[BEFORE.meter, WALLET] = line.buys(BEFORE.meter, 4712, 1)
    for c in (*LIES, LOST, LIMIT, CUSTOMER, HUGE, NO_CLASS, BURNT, BEFORE):
        c.pay(d)
    CLOSED.pay(d, 301, "a", paid_at="2026-01-02T03:04:05Z")
    CLOSED.pay(d, 302, "b", paid_at="2026-01-02T03:04:06Z")


def queue(d, sim):
    d.order("headend/hold", hold="on", reason="to gather some")
    for n in (3, 1, 2, 0):
        QUEUE.pay(d, 400 + n, str(n), paid_at=f"2026-01-02T03:04:0{n}Z")
    gate.ok(not gate.comes(lambda: QUEUE.credits(sim), 2), "while the head-end is held no credit leaves")
    d.order("headend/hold", hold="off", reason="enough")
    gate.until(lambda: len(QUEUE.credits(sim)) == 4, 60, "four credits")
    counts = [c for c, _ in QUEUE.sent(sim)]
    gate.ok(QUEUE.credits(sim) == [400, 401, 402, 403] and counts == sorted(counts),
            "four payments for one meter arrive in the order in which they were paid", QUEUE.seen(sim))
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.credit_delivery d JOIN powergate.account a ON a.id = d.account_id "
                                "WHERE a.number = :'n' AND d.state = 'APPLIED'", n=QUEUE.account) == 4, 10)
    planned = db.rows("SELECT planned_us, applied_us FROM powergate.credit_delivery d JOIN powergate.account a ON a.id = d.account_id "
                      "WHERE a.number = :'n' ORDER BY planned_us", n=QUEUE.account)
    gate.ok(all(int(a[1]) <= int(b[0]) for a, b in zip(planned, planned[1:])), "one after the other, never two in flight", planned)


def opening(sim):
    gate.comes(lambda: len(CLOSED.credits(sim)) == 2, 30)
    events = [(t["event"], t["count"], t.get("amount_minor")) for t in sim.truth(meter=CLOSED.meter) if t["event"] in ("open", "credit")]
    gate.ok([e for e in events if e[2] != 0] == [("open", 1, None), ("credit", 2, 301), ("credit", 3, 302)],
            "a meter whose account is not open is opened first, once, and then both payments arrive", CLOSED.seen(sim))
    gate.ok(CLOSED.delivery(kind="open") == "APPLIED", "the opening is a delivery of its own")


def believed(sim):
    """What ends well, however the meter lied."""
    time.sleep(4)
    sim.do(f"fault {LATE.meter} off")
    for c in LIES:
        good = c.applied() and c.credits(sim) == [c.amount] and len(set(c.sent(sim))) == 1 and c.told() == 1
        gate.ok(good, f"one credit, one count, one notice: {c.sentence}", c.seen(sim))
    gate.ok(LIES[0].sent(sim) == [(1, LIES[0].amount)], "GV12: no answer, and the count that is read is the next one: applied, and not sent again",
            LIES[0].seen(sim))
    gate.ok(LIES[2].sent(sim) == 2 * [(1, LIES[2].amount)], "GV13: the count that is read is the last one: the same count and amount once more",
            LIES[2].seen(sim))
    sends = [len(c.sent(sim)) for c in LIES if c.capability == "none"]
    gate.ok(sends == [1, 1], "and to a type of no class it was sent once", sends)


def for_people(sim):
    """What evidence cannot decide, or the meter will not have."""
    cases = [(LOST, [], "keeps no record"), (LIMIT, [], "hoarding"), (CUSTOMER, [], "customer number"), (HUGE, [], "more than"),
             (NO_CLASS, [], "not qualified"), (BURNT, [4711], "ours is of"), (BEFORE, [4712], "we know of 0")]
    for c, credits, words in cases:
        good = c.review() and c.credits(sim) == credits and words in str(c.delivery("d.why")) and c.work() and c.told() == 0
        gate.ok(good, f"REVIEW, an item of work, nothing more is sent: {c.sentence}", f"{c.work('w.text')}\n{c.seen(sim)}")
    gate.ok(len(set(BURNT.sent(sim)) - {(1, 4711)}) == 1 and not [s for s in BEFORE.sent(sim) if s != (1, 4712)] and not HUGE.sent(sim),
            "nothing at all was sent where the count could not be explained, or the amount not be held")
    gate.ok(len(NO_CLASS.sent(sim)) == 1, "to the type of no class that did nothing it was sent once", NO_CLASS.seen(sim))
    gate.ok(db.value("SELECT count(*) FROM powergate.notice n JOIN powergate.work w ON n.key = 'work:' || w.id WHERE w.cause = 'REVIEW'") ==
            len(cases), "the staff hear of each")


def machine(d, sim):
    c = SIGNED
    sim.do("signer slow 1500")
    c.pay(d, 501, "1")
    gate.ok(gate.comes(lambda: c.credits(sim) == [501], 20), "a slow encryption machine only makes it slower", c.seen(sim))
    gate.until(lambda: c.delivery() == "APPLIED", 10)

    def latest(what="d.state"):
        return db.value(f"SELECT {what} FROM powergate.credit_delivery d JOIN powergate.account a ON a.id = d.account_id "
                        "WHERE a.number = :'n' ORDER BY d.id DESC LIMIT 1", n=c.account)

    # it is authenticated, so only the signature under the money is wrong: C3, bit 2
    sim.do("signer wrong")
    c.pay(d, 502, "2")
    gate.ok(gate.comes(lambda: 4 in [r["bits"] for r in sim.truth("refused", c.meter)], 20), "a wrong signature: the meter refuses the MAC",
            sim.truth("refused", c.meter))
    time.sleep(1.5)
    gate.ok(c.credits(sim) == [501] and latest() == "VERIFYING" and not c.work(), "it is not credited, and stays VERIFYING", c.seen(sim))
    sim.do("signer ok")
    gate.ok(gate.comes(lambda: latest() == "APPLIED", 30) and c.credits(sim) == [501, 502] and len(set(c.sent(sim))) == 2,
            "when the machine is right again it is credited, once, under the same count", c.seen(sim))

    sim.do("signer silent")
    sim.do(f"drop {c.meter}")
    c.pay(d, 503, "3")
    time.sleep(4)
    gate.ok(c.credits(sim) == [501, 502] and latest() in ("QUEUED", "INTENT", "VERIFYING"), "a silent one: nothing happens, nothing is lost", c.seen(sim))
    sim.do("signer ok")
    gate.ok(gate.comes(lambda: latest() == "APPLIED", 40) and c.credits(sim) == [501, 502, 503], "then it is credited, once", c.seen(sim))


def crash_of_no_class(d, sim):
    """Between the plan and the first byte: nobody can know, for this type, whether it left."""
    c = NO_CLASS_CRASH
    sim.do("signer slow 3000")
    c.pay(d)
    gate.until(lambda: c.delivery() != "QUEUED", 20, "the plan", 0.01)
    d.kill()
    sim.do("signer ok")
    d.start()
    gate.ok(c.review(30) and not c.sent(sim), "a type of no class, planned when the daemon died: REVIEW, and nothing is sent", c.seen(sim))


# --- people -----------------------------------------------------------------------------------

class People:
    """powergatectl by two users; the second has a uid of its own."""

    def __init__(self, d):
        self.d = d
        self.ctl = shutil.copy(os.path.join(BUILD, "powergatectl"), os.path.join(d.dir, "ctl"))
        os.chmod(d.socket, 0o666)
        db.run(f"INSERT INTO powergate.principal VALUES ({SECOND_UID}, 'second', 'operator', 0)")

    def resolve(self, work, *words, second=False):
        who = ["setpriv", f"--reuid={SECOND_UID}", "--clear-groups"] if second else []
        p = subprocess.run([*who, self.ctl, "--socket", self.d.socket, "--json", "work", "resolve", str(work), *words],
                           capture_output=True, text=True, check=False)
        return p.returncode, (json.loads(p.stdout) if p.returncode == 0 else p.stdout + p.stderr)

    def both(self, work, decision):
        words = (decision, "--reason", "seen at the meter", "--evidence", "a photograph")
        return self.resolve(work, *words)[1], self.resolve(work, *words, second=True)[1]


def two_voices(d, sim, people):
    c, why = BURNT, ("--reason", "burnt by a card", "--evidence", "the record of the meter")
    item = c.work()
    bad = [people.resolve(item)[0], people.resolve(item, "requeue")[0], people.resolve(item, "requeue", "--reason", "x")[0],
           people.resolve(item, "forget", *why)[0]]
    gate.ok(all(bad) and c.delivery() == "REVIEW", "no decision, no reason, no evidence, no such decision: refused", bad)
    d.order("meter/commission", meter=c.meter)
    gate.until(lambda: db.value("SELECT base_count FROM powergate.meter_state s JOIN powergate.meter m ON m.id = s.meter_id "
                                "WHERE m.address = :'a'", a=c.meter) == 1, 20, "adopting the count")
    first = people.resolve(item, "requeue", *why)[1]
    again = people.resolve(item, "requeue", *why)[1]
    gate.ok(first.get("needs") == 1 and again.get("needs") == 1 and c.delivery() == "REVIEW", "one voice is not enough, and said twice it is still one",
            f"{first} {again}")
    other = people.resolve(item, "refund", *why, second=True)[1]
    gate.ok(other.get("needs") == 1 and c.delivery() == "REVIEW", "two who say different things decide nothing", other)
    same = people.resolve(item, "requeue", *why, second=True)
    gate.ok(same[0] == 0 and same[1].get("state") == "resolved", "two who say the same decide", same)
    gate.ok(people.resolve(item, "requeue", *why)[0] != 0, "and what is decided is decided")
    gate.ok(c.applied(30) and c.credits(sim) == [4711, c.amount] and c.delivery("d.purchase") == 2,
            "requeue: it is planned anew under a new count, and credited once", c.seen(sim))
    gate.ok(db.value("SELECT count(*) FROM powergate.audit WHERE action = 'work.resolve' AND actor = 'second'") >= 2, "the audit knows who")


def decisions(d, sim, people):
    before = BEFORE.credits(sim)
    people.both(BEFORE.work(), "applied")
    held = db.rows("SELECT s.prepaid_minor, s.loaded_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id "
                   "WHERE number = :'n'", n=BEFORE.account)
    gate.ok(BEFORE.delivery() == "APPLIED" and held == [["0", str(BEFORE.amount)]] and BEFORE.told() == 1,
            "applied: the books say it is in the meter, the customer hears of it", f"{held} {BEFORE.seen(sim)}")
    BEFORE.pay(d, 888, "next")
    gate.ok(gate.comes(lambda: BEFORE.credits(sim) == [*before, 888], 30), "nothing was sent for it, and the next payment arrives", BEFORE.seen(sim))

    people.both(LIMIT.work(), "refund")
    gate.ok(LIMIT.delivery() == "CANCELLED" and LIMIT.work(cause="REFUND"), "refund: it is cancelled, and somebody must pay it back", LIMIT.seen(sim))
    sim.do(f"set {LIMIT.meter} hoarding_minor 0")
    LIMIT.pay(d, 999, "next")
    gate.ok(gate.comes(lambda: LIMIT.credits(sim) == [999], 30), "it never arrives, and the next payment does", LIMIT.seen(sim))

    item = LOST.work()
    people.both(item, "requeue")
    again = gate.comes(lambda: LOST.work() not in (None, item), 30)
    gate.ok(again and LOST.delivery() == "REVIEW" and not LOST.credits(sim),
            "requeued while the count is still unexplained, it comes back to people", LOST.seen(sim))
    d.commission(LOST.meter)
    gate.until(lambda: db.value("SELECT base_count FROM powergate.meter_state s JOIN powergate.meter m ON m.id = s.meter_id "
                                "WHERE m.address = :'a'", a=LOST.meter) == 1, 20, "adopting the count")
    d.configure({"daemon": {"review_voices": 1}})
    seen = len(d.log())
    d.signal(1)
    d.says("settings read anew", since=seen)
    code, told = people.resolve(LOST.work(), "requeue", "--reason", "night shift", "--evidence", "the record", second=True)
    report = db.value("SELECT resolution ->> 'single' FROM powergate.work WHERE id = :id", id=told.get("work", 0) if code == 0 else 0)
    gate.ok(code == 0 and told["state"] == "resolved" and report == "true", "where the setting allows it one voice decides, and the report says so", told)
    gate.ok(LOST.applied(30) and LOST.credits(sim) == [LOST.amount], "then it arrives, once", LOST.seen(sim))


SETTINGS = {
    "meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
    "hooks": {"listen": f"127.0.0.1:{gate.free_port()}"},
    "session": {"reply_timeout": "1s", "quiet_after": 100},
    "reading": {"poll_interval": "1d", "freeze_window": "12h", "freeze_days": 1},
}
with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, SETTINGS) as d:
    d.site()
    for c in ALL:
        c.register(d)
    # nothing but the payments shall meet the faults
    db.run("INSERT INTO powergate.freeze_absent SELECT m.id, to_char(now() AT TIME ZONE 'Asia/Shanghai' + i * interval '1 day', 'YYYYMMDD')::int, 0 "
           "FROM powergate.meter m, generate_series(-1, 1) i")
    line = Line(db, d)
    with gate.Sim(BUILD, d, [c.sim for c in ALL], "--truth-frames", rtt_ms=5, heartbeat=0, port=line.port) as sim:
        sim.online(len(ALL))
        for c in ALL:
            d.order("meter/commission", meter=c.meter)
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_state WHERE base_count = 0") == len(ALL), 30, "commissioning")
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.command WHERE state <> 'done'") == 0, 10, "its end")
        begin(d, sim, line)
        queue(d, sim)
        opening(sim)
        believed(sim)
        for_people(sim)
        machine(d, sim)
        crash_of_no_class(d, sim)
        if os.getuid() == 0:
            people = People(d)
            two_voices(d, sim, people)
            decisions(d, sim, people)
        else:
            gate.skip("only root can speak with two voices")
        gate.ok(not db.ledger_problems() and d.running(), "in the end the books agree", db.ledger_problems())
        owed = {r[0]: r[1] for r in db.rows("SELECT m.address, s.loaded_minor FROM powergate.account_state s JOIN powergate.meter m USING (account_id)")}
        foreign = {BURNT.meter: 4711, BEFORE.meter: 4712 - BEFORE.amount}
        wrong = [(c.meter, owed[c.meter], sum(c.credits(sim))) for c in ALL
                 if int(owed[c.meter]) + foreign.get(c.meter, 0) != sum(c.credits(sim))]
        gate.ok(not wrong, "and what they say is loaded is what the meters have taken", wrong)
sys.exit(gate.done())
PY
