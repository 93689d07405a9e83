"""crowd -- thousands of meters: registered by SQL, cut off by SQL, and what their daemons cost.

    with gate.Cluster(build) as db:
        crowd.register(db, db.conninfo, "R", 1, 1000, 100_000_000)
        print(crowd.storm(build, db, db.conninfo, fleet=1000, waiting=50))

Account R000017 has the meter whose address is the base plus 17.
"""
import contextlib
import os
import random
import re
import threading
import time

import gate

BASE = 100_000_000
ONLINE = "SELECT count(*) FROM powergate.endpoint WHERE epoch > 0 AND closed_us IS NULL AND state = 'claimed'"

REGISTER = """
SET search_path = powergate;
INSERT INTO site (name, zone, currency) VALUES ('here', 'Asia/Shanghai', 'CNY') ON CONFLICT DO NOTHING;
INSERT INTO tariff (name, currency) VALUES ('flat', 'CNY') ON CONFLICT DO NOTHING;
DO $$ DECLARE v bigint; BEGIN IF NOT EXISTS (SELECT FROM price_version) THEN
    SELECT q.version_id INTO v FROM price_load(jsonb_build_object(
        'tariff', 'flat', 'currency', 'CNY', 'exponent', 2, 'zone', 'Asia/Shanghai', 'rounding', 'half_up', 'effective_from_us', 946656000000000,
        'source', E'currency: CNY\\nzone: Asia/Shanghai\\neffective_from: 2000-01-01\\ntier_period: month\\ntiers: [{price: 0.50}]\\n'),
        'bench', 0, 1) q;
    UPDATE price_version SET state = 'pending', submitted_us = 1 WHERE id = v;
    PERFORM price_approve(v, 'bench', 0, NULL, NULL, NULL, 1);
END IF; END $$;
WITH made AS (
    INSERT INTO account (number, site_id, fee_mode, tariff_id, warn_minor, created_us)
    SELECT :'letter' || lpad(n::text, 6, '0'), s.id, :'mode', t.id, '{1000,500}', 0
    FROM generate_series(:'first'::bigint, :'first'::bigint + :'count'::bigint - 1) n, site s, tariff t RETURNING id)
INSERT INTO account_state (account_id) SELECT id FROM made;
WITH addresses AS (
    SELECT a.id AS account, a.site_id, lpad((:'base'::bigint + substr(a.number, 2)::bigint)::text, 12, '0') AS address
    FROM account a WHERE a.number LIKE :'letter' || '%' AND substr(a.number, 2)::bigint >= :'first'::bigint),
ends AS (
    INSERT INTO endpoint (identity, kind, state) SELECT address, 'meter', 'claimed' FROM addresses RETURNING id, identity),
made AS (
    INSERT INTO meter (address, profile, capability, site_id, account_id, endpoint_id, customer, created_us)
    SELECT t.address, :'profile', CASE :'mode' WHEN 'local' THEN 'counted' ELSE 'none' END, t.site_id, t.account, e.id,
        t.address, 0 FROM addresses t JOIN ends e ON e.identity = t.address RETURNING id)
INSERT INTO meter_state (meter_id, base_count, base_bought, base_by, account_open)
SELECT id, 0, 0, 'bench', :'mode' = 'local' FROM made;
"""

# Cut off for arrears by us: the balance is below nothing, and the open relay is our own wish.
CUT_OFF = """
SET search_path = powergate;
CREATE TEMP TABLE cut AS SELECT id FROM account WHERE substr(number, 2)::bigint BETWEEN :'first'::bigint AND :'last'::bigint;
SELECT count(journal_post('bench:' || id, 'charge', 'used', 'bench', NULL, ARRAY['prepaid', 'energy'],
    ARRAY['', ''], ARRAY[id, NULL], ARRAY[100, -100]::bigint[], 'CNY', 1)) FROM cut;
INSERT INTO command (key, meter_id, kind, priority, order_us, rank, state, task, cause, created_by, generation, reason,
    due_us, created_us, ended_us)
SELECT 'relay:' || m.id || ':1', m.id, 'relay', 2, 1, 1, 'done', '{"relay": "open"}', 'credit is used up', 'bench', 1, 'ARREARS',
    1, 1, 1 FROM meter m JOIN cut ON cut.id = m.account_id;
UPDATE meter_state SET relay_wanted = 'open', relay_seen = 'open', generation = 1, wanted_us = 1, seen_us = 1,
    wanted_for = 'ARREARS', wanted_why = 'credit is used up'
WHERE meter_id IN (SELECT m.id FROM meter m JOIN cut ON cut.id = m.account_id);
"""


def register(db, conninfo, letter, first, count, base=BASE):
    db.psql(REGISTER, conninfo=conninfo, letter=letter, first=first, count=count, base=base,
            mode="remote" if letter == "R" else "local", profile="remote" if letter == "R" else "wallet-esam")


def cut_off(db, conninfo, first, last):
    db.psql(CUT_OFF, conninfo=conninfo, first=first, last=last)


def settled(db, conninfo):
    """Statistics as autovacuum would have them: of tables with rows in them.  No checkpoint waits to happen."""
    tables = db.rows("SELECT format('powergate.%I', relname) FROM pg_stat_user_tables WHERE n_live_tup >= 50",
                     conninfo=conninfo)
    db.psql(f"VACUUM ANALYZE {', '.join(t[0] for t in tables)}; CHECKPOINT", conninfo=conninfo)


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return 1024 * sum(int(n) for n in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", f.read(), re.M))


def cpu_us(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        after = f.read().rsplit(")", 1)[1].split()
    return (int(after[11]) + int(after[12])) * 1_000_000 / os.sysconf("SC_CLK_TCK")


# --- the morning after a power cut ------------------------------------------------------------

class Payer(threading.Thread):
    """Pays at an even pace until it is stopped, and notes how long each answer took from when it was due."""

    def __init__(self, daemon, accounts, a_second):
        super().__init__(daemon=True)
        self.daemon_, self.accounts, self.every = daemon, accounts, 1 / a_second
        self.took, self.refused, self.over = [], [], threading.Event()

    def run(self):
        due = time.monotonic()
        while not self.over.wait(max(0, due - time.monotonic())):
            n = len(self.took)
            answer = self.daemon_.pay(self.accounts[n % len(self.accounts)], 100, f"storm-{n}")
            self.took.append(time.monotonic() - due)
            if answer.status != 200:
                self.refused.append(str(answer))
            due += self.every

    def stop(self):
        self.over.set()
        self.join()
        return sorted(self.took)


def share(sorted_values, percent):
    return 0 if not sorted_values else sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


class Storm:
    """Two daemons on one port and two simulators, each from an address of its own: all meters lose the network, some of their
    customers have no power and pay, the network comes back, and one daemon is killed while all
    dial.  A second later it is there again, as its service manager would have it.
    """

    def __init__(self, build, db, conninfo, fleet, waiting, rate=20):
        self.build, self.db, self.conninfo = build, db, conninfo
        self.fleet, self.waiting, self.rate = fleet, waiting, rate
        register(db, conninfo, "R", 1, fleet)
        self.cut = [n for first in (1, fleet // 2 + 1) for n in range(first, first + waiting // 2)]
        for first in (1, fleet // 2 + 1):
            cut_off(db, conninfo, first, first + waiting // 2 - 1)
        settled(db, conninfo)
        port = gate.free_port()
        self.a, self.b = (self.daemon(name, port) for name in "ab")

    def daemon(self, name, port):
        """Neither has room for all of them."""
        return gate.Daemon(self.build, self.db, {
            "meters": {"listen": f"127.0.0.1:{port}", "most_sessions": self.fleet * 6 // 10},
            "session": {"reply_timeout": "5s"},
            "reading": {"poll_interval": "60s", "freeze_window": "12h", "freeze_days": 1}}, node=name, conninfo=self.conninfo)

    def simulator(self, half):
        """One half of the fleet; those without power are described one by one."""
        first, cut = half * (self.fleet // 2) + 1, self.waiting // 2
        meters = [{"address": address(n), "relay": "open", "watts": 0} for n in range(first, first + cut)]
        return gate.Sim(self.build, self.a, meters, "--fleet", str(self.fleet // 2 - cut), address(first + cut),
                        "--from", f"127.0.{half + 1}.1", heartbeat=30)

    def online(self):
        return self.db.psql(ONLINE, conninfo=self.conninfo).strip() == str(self.fleet)

    def count(self):
        return int(self.db.psql(ONLINE, conninfo=self.conninfo))

    def powered(self):
        """When the relay of each that waited was closed, by the meters themselves: {meter: [seconds]}."""
        moves = {}
        for sim in self.sims:
            for t in sim.truth("relay"):
                if t["to"] == "closed":
                    moves.setdefault(t["meter"], []).append((t["t_us"] - self.back_us) / 1e6)
        return moves

    def logins(self):
        """When each that waited came to the session it has now: {meter: seconds}."""
        rows = self.db.rows("SELECT e.identity, e.opened_us FROM powergate.endpoint e WHERE e.identity = ANY (:'m'::text[])",
                            conninfo=self.conninfo, m="{" + ",".join(address(n) for n in self.cut) + "}")
        return {r[0]: (int(r[1]) - self.back_us) / 1e6 for r in rows}

    def restarted(self):
        time.sleep(1)
        self.b.start(serving=False, seconds=60)

    def run(self):
        """What happened, as a dict of figures and facts."""
        bare = private_bytes(self.a.process.pid)
        with contextlib.ExitStack() as stack:
            self.sims = [stack.enter_context(self.simulator(half)) for half in (0, 1)]
            gate.until(self.online, 120, "the first login of all", every=0.2)
            for sim in self.sims:
                sim.do("network off")
            gate.until(lambda: self.count() == 0, 60, "the end of every session", every=0.2)
            refused = [str(a) for a in (self.a.pay(f"R{n:06d}", 1000, f"waits-{n}") for n in self.cut) if a.status != 200]
            others = [f"R{n:06d}" for n in random.sample(range(self.waiting // 2 + 1, self.fleet // 2), min(100, self.fleet // 4))]
            payer = Payer(self.a, others, self.rate)
            payer.start()
            self.back_us, began = time.time() * 1e6, time.monotonic()
            for sim in self.sims:
                sim.do("network on")
            gate.until(lambda: self.count() >= self.fleet * 3 // 10, 60, "a third of them", every=0.02)
            before = self.count()
            self.b.kill()
            again = threading.Thread(target=self.restarted)
            again.start()
            gate.until(self.online, 120, "all of them", every=0.1)
            all_online = time.monotonic() - began
            again.join()
            stays = gate.comes(lambda: len(self.powered()) == self.waiting, 30)
            time.sleep(3)  # whoever was lost would be missing now
            took = payer.stop()
            powered = self.powered()
            after = sorted(powered[m][0] - at for m, at in self.logins().items() if powered.get(m, [0])[0] >= at)
            return {"all_online_s": all_online, "paid": len(took), "refused": refused + payer.refused,
                    "payment_p50_s": share(took, 50), "payment_p99_s": share(took, 99), "killed_at": before,
                    "powered": powered, "all_powered": stays, "last_power_s": max((t[0] for t in powered.values()), default=0),
                    "online_after": self.count(), "connected": sum(s.do("stats")["connected"] for s in self.sims),
                    "power_after_login_p50_s": share(after, 50), "power_after_login_p99_s": share(after, 99),
                    "at_a": int(self.db.psql(ONLINE + " AND node = 'a'", conninfo=self.conninfo)),
                    "bytes": (private_bytes(self.a.process.pid) - bare) / max(1, self.fleet * 6 // 10)}


def address(n):
    return f"{BASE + n:012d}"
