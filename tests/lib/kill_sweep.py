"""kill_sweep -- the daemon killed before every system call by which a payment could leave it.

    kill_sweep.py BUILD-DIR [SCENARIO]

A point is: a new account with a new meter; strace takes hold of the waiting daemon and kills it
before the N-th call of one kind (every kind of write, send and connect that the payment's way was
seen to use); the payment is posted; the daemon, killed, is started again, the payment repeated
until it is answered 200, and then there must be one credit: in the meter's own truth log, in the
ledger, in the delivery, in what the customer is told.  N goes up until a run ends untouched.

SOAK=1 goes through every N; otherwise every k-th, in about a minute.
"""
import collections
import copy
import ctypes
import http.server
import itertools
import json
import os
import shutil
import sys
import threading
import time

import gate

CALLS = ("write", "writev", "pwrite64", "send", "sendto", "sendmsg", "sendmmsg", "connect")
NAMES = ",".join("?" + c for c in CALLS)  # not every machine has them all
WORKERS = 6  # they mostly wait: for the meter to dial again
SHORT_S = 60  # no new point after so long, unless it is the whole sweep
SHORT_POINTS = 100
AMOUNT = 5000


def allow_tracing():
    """Where only a parent may trace (Yama), the daemon lets anybody."""
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1 & (2**64 - 1)), 0, 0, 0)


class Sink(http.server.ThreadingHTTPServer):
    """Where notices go: {account: [(kind, webhook-id)]}."""

    daemon_threads = True

    def __init__(self):
        self.heard = collections.defaultdict(list)
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sink.heard[told["data"].get("account")].append((told["type"], self.headers["webhook-id"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Local:
    """Credit into a meter's own wallet, each frame signed."""

    name = "local"
    opened = "yes"

    def meter(self, address):
        return {"address": address, "profile": "wallet-esam", "watts": 0, "customer": address, "opened": self.opened}

    def account(self, rig, account, address):
        rig.d.order("account/add", account=account, mode="local", site="here", warn="100")
        rig.d.order("meter/add", meter=address, profile="wallet-esam", capability="counted", account=account)
        # as commissioning leaves it; but nobody has authenticated yet
        rig.db.run("UPDATE powergate.meter_state SET base_count = 0, base_bought = 0, base_us = 1, base_by = 'tester', "
                   f"purchases = 0, account_open = {self.opened == 'yes'} WHERE meter_id = "
                   "(SELECT id FROM powergate.meter WHERE address = :'a')", a=address)

    def wrong(self, rig, sim, account, address):
        credits = [(c["count"], c["amount_minor"]) for c in sim.truth("credit", address) if c["amount_minor"] != 0]
        opened = len(sim.truth("open", address))
        first = 1 if self.opened == "yes" else 2
        if credits != [(first, AMOUNT)] or opened != first - 1 or sim.truth("lost"):
            return f"in the meter: {sim.truth(meter=address)}"
        state = sim.state(address)
        if (state["credit_minor"], state["purchases"]) != (AMOUNT, first):
            return f"the meter has {state['credit_minor']} after {state['purchases']} purchases"
        found = rig.db.rows("SELECT d.state, s.prepaid_minor, s.loaded_minor FROM powergate.account a JOIN powergate.credit_delivery d "
                            "ON d.account_id = a.id JOIN powergate.account_state s ON s.account_id = a.id "
                            "WHERE a.number = :'n' AND d.kind = 'recharge'", n=account)
        return "" if found == [["APPLIED", "0", str(AMOUNT)]] else f"the delivery and the account: {found}"


class First(Local):
    """The meter's account is not open yet: that is a delivery of its own, before."""

    name = "first"
    opened = "no"


class Order(Local):
    """A wallet that takes credit under an order number, of a type that was shown to refuse one twice."""

    name = "order"

    def meter(self, address):
        return {"address": address, "profile": "wallet-plain", "watts": 0}

    def account(self, rig, account, address):
        rig.d.order("account/add", account=account, mode="local", site="here", warn="100")
        rig.d.order("meter/add", meter=address, profile="wallet-plain", model="shown", account=account)
        rig.db.run("WITH m AS (SELECT id FROM powergate.meter WHERE address = :'a'), q AS (INSERT INTO powergate.qualification "
                   "(meter_id, profile, model, credit_minor, claim, state, class, asked_by, started_us, ended_us) "
                   "SELECT id, 'wallet-plain', 'shown', 1, 'order_no', 'ended', 'order_no', 'tester', 1, 2 FROM m) "
                   "UPDATE powergate.meter_state SET base_count = 0, base_bought = 0, base_us = 1, base_by = 'tester', "
                   "purchases = 0, account_open = true WHERE meter_id = (SELECT id FROM m)", a=address)


class Remote:
    """A customer who was cut off gets power again."""

    name = "remote"

    def meter(self, address):
        return {"address": address, "profile": "remote", "watts": 0, "relay": "open"}

    def account(self, rig, account, address):
        rig.d.order("account/add", account=account, mode="remote", site="here", tariff="flat", warn="100")
        rig.d.order("meter/add", meter=address, profile="remote", account=account)
        # as a trip for arrears leaves it; a real one would spend the site's budget of trips
        rig.db.run("""WITH m AS (SELECT id FROM powergate.meter WHERE address = :'a'), s AS (
            UPDATE powergate.meter_state SET relay_wanted = 'open', wanted_why = 'credit is used up', generation = 1,
                relay_seen = 'open', seen_us = 1 WHERE meter_id = (SELECT id FROM m))
            INSERT INTO powergate.command (key, meter_id, kind, priority, order_us, task, cause, created_by, generation, reason,
                state, due_us, created_us, ended_us)
            SELECT 'trip:' || id, id, 'relay', 2, 0, '{"relay": "open"}', 'test', 'tester', 1, 'ARREARS', 'done', 0, 0, 0 FROM m""",
                   a=address)

    def wrong(self, rig, sim, account, address):
        closes = [t for t in sim.truth("relay", address) if t["to"] == "closed"]
        if len(closes) != 1 or sim.state(address)["relay"] != "closed":
            return f"the relay: {sim.truth(meter=address)}"
        found = rig.db.rows("SELECT s.prepaid_minor, x.relay_seen, x.relay_wanted FROM powergate.account a JOIN powergate.account_state s "
                            "ON s.account_id = a.id JOIN powergate.meter m ON m.account_id = a.id JOIN powergate.meter_state x "
                            "ON x.meter_id = m.id WHERE a.number = :'n'", n=account)
        return "" if found == [[str(AMOUNT), "closed", "closed"]] else f"the account and the meter: {found}"


class Rig:
    """A database, a daemon and a sink; one meter at a time, with a simulator of its own."""

    # one row when the story is at its end: nothing left to do, the customer told
    OVER = """SELECT 1 FROM powergate.account a JOIN powergate.payment p ON p.account_id = a.id
        JOIN powergate.notice n ON n.account_id = a.id AND n.kind IN ('credited', 'restored') AND n.state = 'sent'
        WHERE a.number = :'n' AND NOT EXISTS (SELECT FROM powergate.command c JOIN powergate.meter m ON m.id = c.meter_id
            WHERE m.account_id = a.id AND c.state IN ('waiting', 'sent', 'unsure'))
        AND NOT EXISTS (SELECT FROM powergate.notice w WHERE w.account_id = a.id AND w.state = 'waiting')"""

    def __init__(self, build, cluster, number):
        self.build, self.number, self.n = build, number, 0
        self.db = copy.copy(cluster)
        self.db.number = 1000 * number
        self.db.conninfo = cluster.database(f"rig{number}")
        self.db.prepare()
        self.sink = Sink()
        self.d = gate.Daemon(build, self.db, {
            "meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
            "hooks": {"listen": f"127.0.0.1:{gate.free_port()}"},
            "reading": {"poll_interval": "1d", "freeze_window": "0s", "freeze_days": 1},
            "notify": {"url": f"http://127.0.0.1:{self.sink.server_port}/notices"},
            "session": {"reply_timeout": "2s"},
        }, start=False, preexec_fn=allow_tracing)
        self.d.configure({"notify": {"secret_file": self.d.write("notice.secret", gate.new_secret() + "\n")}})
        self.d.start()
        self.d.site()

    def hold(self, *words):
        """strace on the waiting daemon; counting begins now."""
        strace = gate.Process(["strace", "-f", *words, "-p", str(self.d.process.pid)], os.path.join(self.d.dir, "strace"))
        with open(strace.log_path, encoding="utf-8", errors="replace") as f:
            seen = []
            gate.until(lambda: seen.append(f.read()) or "attached" in "".join(seen) or not strace.running(), 10, "strace's hold", 0.005)
        os.unlink(strace.log_path)
        if not strace.running():
            raise RuntimeError("strace: " + "".join(seen))
        return strace

    def over(self, account):
        return bool(self.db.rows(self.OVER, n=account))

    def pay(self, account, timeout=12):
        return self.d.pay(account, AMOUNT, f"P-{account}", timeout=timeout)

    def story(self, scenario, *words):
        """One payment under strace.  Returns (killed, what is wrong)."""
        self.n += 1
        account, address = f"K{self.n}", f"{self.number:03}{self.n:09}"
        scenario.account(self, account, address)
        # no freeze is missing, or it would be read in the midst of the payment
        self.db.run("INSERT INTO powergate.freeze_absent SELECT m.id, to_char(now() AT TIME ZONE 'Asia/Shanghai' + i * interval '1 day', "
                    "'YYYYMMDD')::int, 0 FROM powergate.meter m, generate_series(-1, 1) i WHERE m.address = :'a'", a=address)
        with gate.Sim(self.build, self.d, [scenario.meter(address)], rtt_ms=2, heartbeat=0) as sim:
            gate.until(lambda: self.d.ask("meter/show", meter=address).json.get("online"), 10, "the meter's login", 0.01)
            strace = self.hold(*words)
            try:
                first = self.pay(account)
                gate.until(lambda: not self.d.running() or self.over(account), 20, "the end of the payment, or of the daemon")
            finally:
                strace.stop()
            killed = not self.d.running()
            if killed:
                self.d.process.wait()
                # the time until it may be told again, if the dead one had it in hand, is not waited for
                self.db.run("UPDATE powergate.message SET due_us = 0 WHERE state = 'waiting'")
                self.d.start()
            told = [first] + ([self.pay(account, 3)] if killed else [])
            while told[-1].status != 200 and len(told) < 10:
                time.sleep(0.2)
                told.append(self.pay(account, 3))
            if told[-1].status != 200:
                return killed, f"never accepted: {[str(a) for a in told]}"
            if not gate.comes(lambda: self.over(account), 40):
                return killed, "no end: " + self.left(account)
            return killed, self.wrong(scenario, sim, account, address)

    def left(self, account):
        return str(self.db.rows("SELECT c.id, c.kind, c.state, c.attempts, c.outcome, d.state FROM powergate.command c JOIN powergate.meter m "
                                "ON m.id = c.meter_id JOIN powergate.account a ON a.id = m.account_id LEFT JOIN powergate.credit_delivery d "
                                "ON d.id = c.delivery_id WHERE a.number = :'n' ORDER BY c.id", n=account) +
                   self.db.rows("SELECT n.kind, n.state, n.attempts, n.last_error FROM powergate.notice n JOIN powergate.account a "
                                "ON a.id = n.account_id WHERE a.number = :'n'", n=account))

    def wrong(self, scenario, sim, account, address):
        """What is not as it must be; empty when all is well."""
        why = scenario.wrong(self, sim, account, address)
        if why:
            return why
        counts = self.db.rows("""SELECT (SELECT count(*) FROM powergate.payment p WHERE p.account_id = a.id),
            (SELECT count(*) FROM powergate.journal j WHERE j.key = 'pay:app:P-' || a.number),
            (SELECT count(*) FROM powergate.notice n WHERE n.account_id = a.id AND n.kind IN ('credited', 'restored')),
            (SELECT count(*) - count(DISTINCT n.kind) FROM powergate.notice n WHERE n.account_id = a.id),
            (SELECT count(*) FROM powergate.work) FROM powergate.account a WHERE a.number = :'n'""", n=account)
        if counts != [["1", "1", "1", "0", "0"]]:
            return f"payments, journals, notices that it has arrived, kinds of notice twice, work: {counts}"
        told = set(self.sink.heard[account])  # the same one again is the same one
        if len(told) != len({kind for kind, _ in told}) or not {kind for kind, _ in told} & {"notice.credited", "notice.restored"}:
            return f"the customer heard {told}"
        problems = self.db.ledger_problems()
        return f"the books: {problems}" if problems else ""

    def probe(self, scenario):
        """How often each call occurs in a payment nobody disturbs."""
        trace = os.path.join(self.d.dir, "calls")
        killed, why = self.story(scenario, "-o", trace, "-e", "trace=" + NAMES)
        with open(trace, encoding="utf-8", errors="replace") as f:
            seen = collections.Counter(word.split("(")[0] for line in f for word in line.split(None, 2)[1:2] if "(" in word)
        return why or killed, {c: seen[c] for c in CALLS if seen[c]}


class Sweep:
    """Points handed out to the rigs one at a time."""

    def __init__(self, whole):
        self.whole, self.lock = whole, threading.Lock()
        self.began = time.monotonic()
        self.series, self.ended = {}, set()
        self.killed, self.untouched, self.bad = collections.Counter(), 0, []

    def plan(self, counts):
        """counts: {(scenario, call): how often it was seen}."""
        step = 1 if self.whole else max(1, -(-sum(counts.values()) // SHORT_POINTS))
        for key, most in counts.items():
            self.series[key] = itertools.count(1) if self.whole else iter(range(1 + most % step, most + 1, step))

    def take(self):
        with self.lock:
            if not self.whole and time.monotonic() - self.began > SHORT_S:
                return None
            for key in list(self.series):
                n = None if key in self.ended else next(self.series[key], None)
                if n is None:
                    del self.series[key]
                    continue
                self.series[key] = self.series.pop(key)  # the next one takes from the next series
                return (*key, n)
            return None

    def note(self, scenario, call, n, killed, why):
        with self.lock:
            if why:
                self.bad.append(f"{scenario.name}: killed at {call} {n}: {why}")
            if killed:
                self.killed[scenario.name, call] += 1
            else:
                self.untouched += 1
                self.ended.add((scenario, call))

    def work(self, rig):
        while point := self.take():
            scenario, call, n = point
            try:
                killed, why = rig.story(scenario, "-e", f"inject={call}:signal=KILL:when={n}", "-o", "/dev/null")
            except (RuntimeError, TimeoutError) as e:
                killed, why = True, f"{type(e).__name__}: {e}"
                if not rig.d.running():
                    rig.d.start()
            self.note(scenario, call, n, killed, why)


def main(build, only=""):
    if not shutil.which("strace"):
        gate.skip("strace is not installed (tools/deps check)")
        return 0
    whole = bool(os.environ.get("SOAK"))
    scenarios = [s for s in (Local(), Remote(), Order(), First()) if (s.name == only if only else whole or s.name != "first")]
    with gate.Cluster(build, schema=False) as cluster:
        rigs = [Rig(build, cluster, n + 1) for n in range(WORKERS)]
        sweep, counts = Sweep(whole), {}
        for scenario in scenarios:
            why, seen = rigs[0].probe(scenario)
            ok = gate.ok(not why and seen, f"{scenario.name}: undisturbed, a payment takes " +
                         ", ".join(f"{n} {c}" for c, n in seen.items()), why)
            counts.update({(scenario, c): n for c, n in seen.items() if ok})
        sweep.plan(counts)
        threads = [threading.Thread(target=sweep.work, args=(rig,)) for rig in rigs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        points, took = sum(sweep.killed.values()), time.monotonic() - sweep.began
        gate.ok(points > 0 and not sweep.bad, f"killed at {points} points: one credit each", "\n".join(sweep.bad))
        told = ", ".join(f"{s} {c} {n}" for (s, c), n in sorted(sweep.killed.items()))
        print(f"# {took:.0f} s; {told}; {sweep.untouched} untouched at the end")
        if whole:
            gate.ok({(s.name, c) for s, c in sweep.ended} == {(s.name, c) for s, c in counts},
                    "each kind of call was gone through until a run ended untouched")
        for rig in rigs:
            gate.ok(not rig.db.ledger_problems() and rig.d.running(), f"the books of {rig.n} payments agree", rig.db.ledger_problems())
    return gate.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
