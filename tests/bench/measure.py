"""The parts of the benchmark in order; see tests/bench/run.

Each part has a database of its own, registers its meters by SQL and starts what it needs; when it
cannot be taken, its figures say "skipped" and why, and the next part goes on.
"""
import contextlib
import datetime
import os
import platform
import re
import resource
import subprocess
import sys
import time
import zoneinfo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import crowd  # noqa: E402
import gate  # noqa: E402
from crowd import cpu_us, private_bytes, register, settled  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
PARTS = sys.argv[2:] or ["frames", "sessions", "ingest", "quarters", "webhooks", "restore", "storm", "billing", "recon", "fleet"]
FLEET = 10_000      # sessions held
ACCOUNTS = 2_000    # that payments go to
ONLINE = 1_000      # meters while payments are timed
STORM = 20_000      # meters that dial at once
POLL_S = 5          # each of them is read so often meanwhile
PAYMENTS = 800      # timed, a round trip
RATE = 40           # payments a second
NIGHT = 100_000     # accounts billed after midnight
DAEMON_OPTIONS = "options='-c jit=off'"

values = {}
wrong = []


# --- figures ----------------------------------------------------------------------------------

def figure(name, value, unit):
    values[name] = value
    digits = 3 if abs(value) < 100 else 0
    print(f"{name} {value:.{digits}f} {unit}", flush=True)


def ratio(name, ours, bare):
    if ours in values and bare in values and values[bare] > 0:
        figure(f"{name}_ratio", values[ours] / values[bare], "x")


def remark(text):
    print(f"# {text}", flush=True)


def right(good, what):
    """What must be true of any run; the last line sums it up."""
    if not good:
        wrong.append(what)
        remark(f"WRONG: {what}")


def program(name, *words, seconds=90):
    """Runs one of the C programs and takes its figures; the remarks it made come back."""
    done = subprocess.run([f"{BUILD}/tests/bench/{name}", *map(str, words)], capture_output=True, text=True,
                          timeout=seconds, check=False)
    remarks = []
    for line in done.stdout.splitlines():
        found = re.fullmatch(r"(\w+) (-?[\d.]+) (\S+)", line)
        if found:
            figure(found[1], float(found[2]), found[3])
        else:
            remarks.append(line.lstrip("# "))
    if done.returncode != 0 or done.stderr.strip():
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return remarks


# --- what is measured upon --------------------------------------------------------------------

def database(db, name):
    conninfo = db.database(name)
    db.prepare(conninfo)
    return conninfo


def count(db, conninfo, sql):
    return db.value(sql, conninfo=conninfo)


def backends_us(db):
    """Processor time of the daemon's connections."""
    return sum(cpu_us(int(r[0])) for r in db.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'powergated'"))


@contextlib.contextmanager
def daemon(db, conninfo, poll, **sections):
    settings = {"reading": {"poll_interval": poll, "freeze_window": "12h", "freeze_days": 1},
                "meters": {"most_sessions": 19000}, "hooks": {"keep_alive": True}}
    for section, more in sections.items():
        settings.setdefault(section, {}).update(more)
    d = gate.Daemon(BUILD, db, settings, conninfo=conninfo)
    try:
        yield d
    finally:
        d.process.signal(15)
        if d.process.wait(3) is None:  # it drains for longer than is of interest here
            d.kill()


class Fleet:
    """powergate-sim --fleet; its log is all that is kept of it."""

    def __init__(self, db, d, n, first, *options):
        where = db.place("f")
        self.process = gate.Process(
            [f"{BUILD}/powergate-sim", "--connect", f"127.0.0.1:{d.meters_port}", "--fleet", str(n), f"{first:012d}",
             *options], f"{where}/sim.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()


# --- the parts --------------------------------------------------------------------------------

def frames(_db):
    program("frames")
    ratio("frames_parsed", "frames_parsed_per_second", "frames_touched_per_second_bare")


def sessions(db):
    at = database(db, "sessions")
    register(db, at, "R", 1, FLEET, 100_000_000)
    settled(db, at)
    # Polls are spread over a quarter of the interval after the login: by then each was read once.
    with daemon(db, at, "60s") as d, contextlib.ExitStack() as stack:
        time.sleep(1)
        before = private_bytes(d.process.pid)
        stack.enter_context(Fleet(db, d, FLEET, 100_000_001))
        gate.until(lambda: count(db, at, crowd.ONLINE) == FLEET, 60, "the fleet's login", every=0.2)
        read = "SELECT count(DISTINCT meter_id) FROM powergate.reading"
        gate.until(lambda: count(db, at, read) == FLEET, 60, "reading every meter once", every=1)
        time.sleep(4)
        remark(f"sessions: named, loaded, and every meter read once ({count(db, at, read)} meters)")
        figure("idle_sessions_held", count(db, at, crowd.ONLINE), "sessions")
        figure("session_bytes_each", (private_bytes(d.process.pid) - before) / FLEET, "bytes")
        busy = cpu_us(d.process.pid)
        time.sleep(5)
        figure("idle_fleet_cpu", (cpu_us(d.process.pid) - busy) / 5e4, "%")
        right(count(db, at, crowd.ONLINE) == FLEET and d.running(), "every session was held to the end")
        stack.close()
        began = time.monotonic()
        gate.until(lambda: count(db, at, crowd.ONLINE) == 0, 60, "the end of every session", every=0.05)
        figure("sessions_closed_per_second", FLEET / (time.monotonic() - began), "sessions/s")
    program("echo", FLEET)
    ratio("session_bytes_each", "session_bytes_each", "session_bytes_each_bare")
    with daemon(db, at, "1d") as d:
        busy, backends = cpu_us(d.process.pid), backends_us(db)
        program("dial", d.meters_port, 100_000_001, FLEET, at)
        figure("login_daemon_cpu", (cpu_us(d.process.pid) - busy) / FLEET, "us")
        figure("login_database_cpu", (backends_us(db) - backends) / FLEET, "us")
    ratio("sessions_logged_in", "sessions_logged_in_per_second", "sessions_echoed_per_second_bare")


def ingest(db):
    at = database(db, "ingest")
    register(db, at, "R", 1, FLEET, 100_000_000)
    settled(db, at)
    for kind, rows in (("energy", 150_000), ("poll", 120_000)):
        program("ingest", f"{at} {DAEMON_OPTIONS}", kind, rows)
        ratio(f"readings_ingested_{kind}", f"readings_ingested_per_second_{kind}",
              f"readings_inserted_per_second_{kind}_bare")
    # what came in is there, and the meters' state followed
    stored = count(db, at, "SELECT count(*) FROM powergate.reading")
    behind = count(db, at, "SELECT count(*) FROM powergate.meter_state s JOIN (SELECT DISTINCT ON (meter_id) meter_id, value"
                   " FROM powergate.reading WHERE reg = 'total_wh' ORDER BY meter_id, at_us DESC) r USING (meter_id)"
                   " WHERE s.total_wh <> r.value")
    right(stored == 150_000 + 120_000 + 2 * 5000, f"every reading fed was stored ({stored})")
    right(behind == 0, "each meter's state is its newest reading")


def quarters(db):
    """15-minute data of a hundred thousand meters: six registers and what flows, against what the lane stores."""
    at = database(db, "quarters")
    register(db, at, "R", 1, FLEET, 100_000_000)
    settled(db, at)
    program("ingest", f"{at} {DAEMON_OPTIONS}", "poll", 60_000)
    batch, times = 5000, 20
    began = time.monotonic()
    for n in range(times):
        db.psql("SELECT door.line_ingest(array_agg(m.id), array_agg(:at::bigint + m.n), array_agg(220000), array_agg(NULL::bigint), array_agg(NULL::bigint), "
                "array_agg(5000), array_agg(NULL::bigint), array_agg(NULL::bigint), array_agg(1100000), array_agg(990)) "
                "FROM (SELECT id, row_number() OVER (ORDER BY hashint8(id)) AS n FROM powergate.meter LIMIT :batch) m",
                conninfo=at, at=time.time_ns() // 1000 + n * 1_000_000, batch=batch)
    took = time.monotonic() - began
    stored = count(db, at, "SELECT count(*) FROM powergate.line_value")
    right(stored == batch * times and count(db, at, "SELECT count(*) FROM powergate.line_value_rest") == 0, f"every row of a line was stored in its month ({stored})")
    figure("lines_stored_per_second", stored / took, "rows/s")
    wanted = 100_000 / 900
    share = wanted * 6 / values["readings_ingested_per_second_poll"] + wanted / values["lines_stored_per_second"]
    figure("quarter_hours_of_100000_meters_of_bulk_lane", 100 * share, "%")
    right(share < 0.1, "15-minute data of 100 000 meters cost the bulk lane less than a tenth")


def answered(remarks):
    """{"": (answered 200, otherwise), "repeats_": ...} of what hooks said."""
    found = {}
    for line in remarks:
        m = re.match(r"(repeats_)?\w+ sent \d+ answered_200 (\d+) accepted (\d+) otherwise (\d+)", line)
        if m:
            found[m[1] or ""] = (int(m[2]), int(m[3]), int(m[4]))
            remark(line)
    return found


def books(db, at, good, what):
    paid = count(db, at, "SELECT count(*) FROM powergate.payment")
    right(paid == good, f"{what}: {paid} payments in the database, {good} answered 200")
    problems = db.psql("SELECT * FROM door.ledger_check()", conninfo=at).strip()
    right(not problems, f"{what}: ledger_check: {problems[:200] or 'empty'}")


def webhooks(db):
    bare = db.database("barehooks")
    for name, local in (("webhooks", 0), ("webhooks_half_local", 50)):
        at = database(db, name)
        register(db, at, "R", 1, ACCOUNTS, 100_000_000)
        register(db, at, "L", 1, ACCOUNTS, 200_000_000)
        settled(db, at)
        with daemon(db, at, "1d") as d:
            send = ("-p", d.hooks_port, "-s", d.secret_file, "-a", ACCOUNTS, "-l", local)
            program_quiet("hooks", *send, "-N", "warm", "-n", 2000, "-t", 5)
            busy, backends = cpu_us(d.process.pid), backends_us(db)
            said = answered(program("hooks", *send, "-N", name, "-n", 60_000, "-t", 6, "-R"))
            requests = sum(a[0] for a in said.values())
            figure(f"{name}_daemon_cpu", (cpu_us(d.process.pid) - busy) / requests, "us")
            figure(f"{name}_database_cpu", (backends_us(db) - backends) / requests, "us")
            right(all(a[2] == 0 for a in said.values()), f"{name}: every payment was answered 200")
            right(said[""][1] == said[""][0] and said.get("repeats_", (0, 1))[1] == 0,
                  f"{name}: new ones are accepted and repeats are duplicates")
            warm = count(db, at, "SELECT count(*) FROM powergate.payment WHERE payment_no LIKE 'warm-%'")
            books(db, at, said[""][0] + warm, name)
            deliveries = count(db, at, "SELECT count(*) FROM powergate.credit_delivery WHERE kind = 'recharge'")
            local_paid = count(db, at, "SELECT count(*) FROM powergate.payment WHERE account_no LIKE 'L%'")
            right(deliveries == local_paid, f"{name}: {deliveries} deliveries for {local_paid} local payments")
            batches = count(db, at, "SELECT count(*) FROM powergate.payment_batch")
            remark(f"{name}: {(said[''][0] + warm) / batches:.1f} payments a statement")
            if not local:
                bare_hooks(bare, d)
                ratio("webhooks_settled", "webhooks_per_second", "webhooks_bare_per_second")
                ratio("webhooks_repeats", "webhooks_repeats_per_second", "webhooks_bare_repeats_per_second")
    ratio("webhooks_half_local_settled", "webhooks_half_local_per_second", "webhooks_bare_per_second")


def program_quiet(name, *words):
    done = subprocess.run([f"{BUILD}/tests/bench/{name}", *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)
    if done.returncode != 0 or done.stderr.strip():
        raise RuntimeError(f"{name}: {done.stderr.strip()[:200] or done.returncode}")


def bare_hooks(conninfo, d):
    """The same senders, secret and requests against the bare server."""
    with subprocess.Popen([f"{BUILD}/tests/bench/bare_hooks", d.secret_file, conninfo], stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            port = server.stdout.readline().split()[1]
            send = ("-p", port, "-s", d.secret_file, "-a", ACCOUNTS)
            program_quiet("hooks", *send, "-N", "warm", "-n", 2000, "-t", 5)
            answered(program("hooks", *send, "-N", "webhooks_bare", "-n", 150_000, "-t", 5, "-R"))
        finally:
            server.terminate()
            remark(server.stdout.read().strip().lstrip("# "))


# Of the software are the times before the first byte to the meter and after its last answer; the
# first of them includes waiting for an answer the line was busy with.
TIMES = """
SELECT percentile_disc(:'p'::float) WITHIN GROUP (ORDER BY whole), percentile_disc(:'p'::float) WITHIN GROUP (ORDER BY soft),
    percentile_disc(:'p'::float) WITHIN GROUP (ORDER BY committed)
FROM (SELECT c.ended_us - p.received_us AS whole, b.committed_us - p.received_us AS committed,
    h.first_sent - p.received_us + c.ended_us - h.last_heard AS soft
    FROM powergate.payment p JOIN powergate.payment_batch b ON b.id = p.batch_id
    JOIN powergate.command c ON c.payment_id = p.id AND c.kind = 'relay' AND c.state = 'done'
    CROSS JOIN LATERAL (SELECT min(at_us) FILTER (WHERE step = 'sent') AS first_sent,
        max(at_us) FILTER (WHERE step = 'heard') AS last_heard FROM powergate.command_history h WHERE h.command_id = c.id) h) t
"""
CLOSED = "SELECT count(*) FROM powergate.command WHERE kind = 'relay' AND payment_id IS NOT NULL AND state = 'done'"


def restore(db):
    for rtt in (0, 300):
        name = f"payment_to_closed_rtt{rtt}"
        at = database(db, name)
        register(db, at, "R", 1, ONLINE, 100_000_000)
        crowd.cut_off(db, at, 1, ONLINE)
        settled(db, at)
        with daemon(db, at, f"{POLL_S}s", session={"reply_timeout": "5s"}) as d, \
                Fleet(db, d, ONLINE, 100_000_001, "--set", "relay=open", "--set", "watts=0", "--rtt-ms", str(rtt)):
            gate.until(lambda: count(db, at, crowd.ONLINE) == ONLINE, 30, "the fleet's login", every=0.2)
            time.sleep(POLL_S / 4 + 2)
            began, rows = time.monotonic(), count(db, at, "SELECT count(*) FROM powergate.reading")
            busy = cpu_us(d.process.pid)
            said = answered(program("hooks", "-p", d.hooks_port, "-s", d.secret_file, "-N", f"payment_answered_rtt{rtt}",
                                    "-n", PAYMENTS, "-a", ONLINE, "-r", RATE, "-t", PAYMENTS // RATE + 2))
            took = time.monotonic() - began
            rows = count(db, at, "SELECT count(*) FROM powergate.reading") - rows
            remark(f"rtt {rtt} ms: {ONLINE} meters online, each read every {POLL_S} s ({rows / took:.0f} readings/s), "
                   f"{RATE} payments/s, daemon {(cpu_us(d.process.pid) - busy) / took / 1e4:.0f} % of a core")
            good = said[""][0]
            closed = gate.comes(lambda: count(db, at, CLOSED) == good, 15)
            right(closed, f"rtt {rtt} ms: {count(db, at, CLOSED)} of {good} payments closed a relay")
            right(good == PAYMENTS, f"rtt {rtt} ms: {good} of {PAYMENTS} payments were answered 200")
            seen = count(db, at, "SELECT count(*) FROM powergate.meter_state WHERE relay_seen = 'closed'")
            right(seen == good, f"rtt {rtt} ms: {seen} relays seen closed for {good} payments")
            for p in (50, 99):
                row = db.rows(TIMES, conninfo=at, p=p / 100)[0]
                for what, us in zip(("payment_to_closed", "payment_to_closed_software", "payment_to_committed"), row):
                    figure(f"{what}_rtt{rtt}_p{p}", int(us) / 1000, "ms")
            books(db, at, good, f"rtt {rtt} ms")


def storm(db):
    """The network comes back for all, and one of two daemons is killed: tests/it/reconnect.sh judges the same story."""
    at = database(db, "storm")
    seen = crowd.Storm(BUILD, db, at, STORM, STORM // 50).run()
    figure("storm_all_online", seen["all_online_s"], "s")
    for p in (50, 99):
        figure(f"storm_payment_p{p}", seen[f"payment_p{p}_s"] * 1000, "ms")
    for p in (50, 99):
        figure(f"storm_power_after_login_p{p}", seen[f"power_after_login_p{p}_s"], "s")
    figure("storm_session_bytes_each", seen["bytes"], "bytes")
    remark(f"{STORM} meters, {seen['killed_at']} were online when one of two daemons was killed; {seen['paid']} payments meanwhile; "
           f"the last of {STORM // 50} that waited had power {seen['last_power_s']:.1f} s after the network was back")
    right(seen["online_after"] == STORM and seen["connected"] == STORM, f"storm: {seen['online_after']} of {STORM} are online")
    right(not seen["refused"], f"storm: every payment was answered 200 ({seen['refused'][:1]})")
    right(seen["all_powered"] and all(len(t) == 1 for t in seen["powered"].values()), "storm: who had paid has power, each relay moved once")
    problems = db.psql("SELECT * FROM door.ledger_check()", conninfo=at).strip()
    right(not problems, f"storm: ledger_check: {problems[:200] or 'empty'}")


def script(name):
    with open(f"{gate.ROOT}/tests/bench/{name}", encoding="utf-8") as f:
        return f.read()


TIERS = """SET search_path = powergate; DO $$ BEGIN
    PERFORM price_load(jsonb_build_object('tariff', 'tiers', 'currency', 'CNY', 'exponent', 2, 'zone', 'Asia/Shanghai',
        'rounding', 'half_up', 'effective_from_us', 946656000000000, 'source', E'currency: CNY\\nzone: Asia/Shanghai\\n'
        'effective_from: 2000-01-01\\ntier_period: month\\ntiers:\\n  - {upto: 100 kWh, price: 1.00}\\n  - {price: 1.50}\\n'), 'bench', 0, 1);
    UPDATE price_version SET state = 'pending', submitted_us = 1 WHERE state = 'draft';
    PERFORM price_approve(id, 'other', 1, NULL, NULL, NULL, 1) FROM price_version WHERE state = 'pending';
    UPDATE account SET tariff_id = (SELECT id FROM tariff WHERE name = 'tiers');
END $$"""


def billing(db):
    """After midnight every account has a new register: charged, posted, and marked for deciding."""
    at = database(db, "billing")
    register(db, at, "R", 1, NIGHT, 100_000_000)
    db.psql(TIERS, conninfo=at)
    today = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    us = [int(t.timestamp()) * 1_000_000 for t in (today.replace(day=1), today - datetime.timedelta(days=1), today)]
    if today.day == 1:
        us[0] = us[1]  # yesterday belongs to another month
    db.psql(script("nightly.sql"), conninfo=at, month=us[0], yesterday=us[1], today=us[2], day=today.strftime("%Y%m%d"))
    db.psql("UPDATE powergate.account_state SET rate_us = 1", conninfo=at)
    settled(db, at)
    waiting = "SELECT count(*) FROM powergate.account_state WHERE rate_us IS NOT NULL"
    dirty = "SELECT count(*) FROM powergate.account_state WHERE dirty_us IS NOT NULL"
    with daemon(db, at, "1d") as d:
        busy, backends = cpu_us(d.process.pid), backends_us(db)
        gate.until(lambda: count(db, at, waiting) == 0, 120, "rating", every=0.5)
        figure("bill_daemon_cpu", (cpu_us(d.process.pid) - busy) / NIGHT, "us")
        figure("bill_database_cpu", (backends_us(db) - backends) / NIGHT, "us")
        took = count(db, at, "SELECT max(rated_us) - min(rated_us) FROM powergate.charge")
        # the first batch took time too, before its stamp
        figure("bill_accounts_per_second", (NIGHT - 500) / (took / 1e6), "accounts/s")
        gate.until(lambda: count(db, at, dirty) == 0, 120, "deciding", every=0.5)
        # all are looked at again: loaded, held against the rules in C, and the outcome written
        db.psql("UPDATE powergate.account_state SET dirty_us = 1, version = version + 1", conninfo=at)
        began, busy, backends = time.monotonic(), cpu_us(d.process.pid), backends_us(db)
        gate.until(lambda: count(db, at, dirty) == 0, 120, "deciding", every=0.2)
        figure("decide_us", (time.monotonic() - began) * 1e6 / NIGHT, "us")
        figure("decide_daemon_cpu", (cpu_us(d.process.pid) - busy) / NIGHT, "us")
        figure("decide_database_cpu", (backends_us(db) - backends) / NIGHT, "us")
    n, minor = db.rows("SELECT count(*), sum(minor) FROM powergate.charge", conninfo=at)[0]
    expected = sum(500 + (5000 + m % 1000 * 10) * 15 // 100 for m in range(1, NIGHT + 1))
    right(int(n) == NIGHT, f"billing: {n} charges for {NIGHT} accounts")
    # half a fen up where there is one
    right(abs(int(minor) - expected) <= NIGHT and int(minor) > 0, f"billing: {minor} posted, {expected} by hand")
    problems = db.psql("SELECT * FROM door.ledger_check()", conninfo=at).strip()
    right(not problems, f"billing: ledger_check: {problems[:200] or 'empty'}")
    bare = db.database("barenight")
    db.psql(script("nightly_bare.sql"), conninfo=bare, n=NIGHT)
    settled_bare(db, bare)
    began = time.monotonic()
    db.psql(f"CALL bare_night(500, {NIGHT})", conninfo=bare)
    figure("bill_bare_accounts_per_second", NIGHT / (time.monotonic() - began), "accounts/s")
    ratio("bill_accounts", "bill_accounts_per_second", "bill_bare_accounts_per_second")


def settled_bare(db, conninfo):
    db.psql("VACUUM ANALYZE; CHECKPOINT", conninfo=conninfo)


RECON = 1_000_000   # payments, and rows of their statement
WRONG = 100         # of each kind of error
RECON_DAY = "20260110"

# Paid over one day in Shanghai; the ledger is as it would be, and the triggers look at all of it.
RECON_PAYMENTS = """
SET search_path = powergate;
INSERT INTO payment_batch (sent_us) VALUES (1);
WITH p AS (INSERT INTO payment (source, payment_no, event_id, account_no, meter_no, amount_minor, currency, paid_us, received_us, batch_id, method, account_id, state)
SELECT 'app', 'P' || lpad(n::text, 12, '0'), n, a.number, '', 100 + n % 9900, 'CNY', 1767978000000000 + n * 80000::bigint,
    1767978000000000 + n * 80000::bigint, b.id, 'app', a.id, 'settled'
FROM generate_series(1, :'count'::bigint) n, payment_batch b, account a RETURNING 1) SELECT count(*) FROM p;
"""
RECON_ROWS = """
SELECT line, 'payment', no, '', '', 1767978000000000 + n * 80000::bigint, amount, amount, 0, 'CNY', 'payment,' || no || ',,' || amount
FROM (SELECT n, n + 2 AS line, CASE WHEN n <= {w} THEN 'X' ELSE 'P' END || lpad(n::text, 12, '0') AS no,
          100 + n % 9900 + CASE WHEN n > {w} AND n <= 2 * {w} THEN 1 ELSE 0 END AS amount
      FROM generate_series(1, {n}::bigint) n) r
"""
RECON_COLUMNS = "line, kind, payment_no, order_no, refund_no, at_us, amount_minor, settled_minor, fee_micro, currency, raw"


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def recon(db):
    """A statement of a million rows, loaded and compared; and the same rows into bare tables, joined once."""
    at = database(db, "recon")
    register(db, at, "R", 1, 1, 100_000_000)
    where = db.place("r")
    os.chmod(where, 0o777)
    db.psql(RECON_PAYMENTS, conninfo=at, count=RECON)
    rows = RECON_ROWS.format(n=RECON, w=WRONG)
    db.psql(f"\\copy ({' '.join(rows.split())}) TO '{where}/rows'", conninfo=at)
    settled(db, at)

    db.psql(f"CREATE TABLE bare_payment AS SELECT payment_no, amount_minor FROM powergate.payment; ANALYZE bare_payment; "
            f"CREATE TABLE bare_row (LIKE powergate.statement_row); ALTER TABLE bare_row DROP COLUMN statement_id;", conninfo=at)
    bare = timed(lambda: db.psql(f"\\copy bare_row ({RECON_COLUMNS}) FROM '{where}/rows'", conninfo=at))
    bare += timed(lambda: db.psql("SET enable_nestloop = off; SET enable_mergejoin = off; SET work_mem = '64MB'; SELECT count(*) FROM bare_payment p "
                                  "FULL JOIN bare_row r USING (payment_no) WHERE p.amount_minor IS DISTINCT FROM r.amount_minor", conninfo=at))
    figure("recon_rows_per_second_bare", RECON / bare, "rows/s")

    db.psql(f"""INSERT INTO powergate.statement (source, provider, what, merchant, day, sha256, file_name, row_count, paid_count, paid_minor,
        refund_count, refund_minor, imported_by, imported_us) SELECT 'app', 'standard', 'day_end', 'm', {RECON_DAY}, repeat('0', 64), 'f', {RECON}, {RECON},
        sum(amount_minor), 0, 0, 'bench', 1 FROM bare_row;
        ALTER TABLE powergate.statement_row ALTER statement_id SET DEFAULT 1""", conninfo=at)
    load = timed(lambda: db.psql(f"SET search_path = powergate;\n\\copy statement_row ({RECON_COLUMNS}) FROM '{where}/rows'", conninfo=at))
    seal = timed(lambda: right("imported" in db.psql("SELECT door.api_statement_seal('{\"statement\": 1}', 'bench', 2)", conninfo=at), "the statement is sealed"))
    match = timed(lambda: db.psql(f"SELECT door.api_recon_run('{{\"source\": \"app\", \"day\": \"{RECON_DAY}\"}}', 'bench', "
                                  "'Asia/Shanghai', 0, 86400000000, 3600000000, 1768100000000000)", conninfo=at))
    figure("recon_rows_per_second", RECON / (load + seal + match), "rows/s")
    ratio("recon_rows_per_second", "recon_rows_per_second", "recon_rows_per_second_bare")
    figure("recon_load_and_match", load + seal + match, "s")
    remark(f"{RECON} payments against {RECON} rows: load {load:.2f} s, seal {seal:.2f} s, match {match:.2f} s; bare {bare:.2f} s")
    found = dict(db.rows("SELECT kind, count(*) FROM powergate.recon_break GROUP BY 1", conninfo=at))
    expected = {"MISSING_PAYMENT": WRONG, "MISSING_STATEMENT": WRONG, "AMOUNT": WRONG}
    right({k: int(v) for k, v in found.items()} == expected, f"breaks: planted {expected}, found {found}")


# --- fleets -----------------------------------------------------------------------------------

IMPORTED = 10_000


def fleet(db):
    """Ten thousand households in a spreadsheet, through program, door and checks into the tables; and the same rows copied."""
    at = database(db, "fleet")
    where = db.place("i")
    os.chmod(where, 0o777)
    began = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(minutes=1)
    names = "site,zone,building,unit,account,customer,fee_mode,tariff,balance,meter,profile,gateway,opening_read,opening_at"
    with open(f"{where}/fleet.csv", "w", encoding="ascii") as f:
        f.write(f"{names}\ntown,Asia/Shanghai{',' * names.count(',')}"[:-1] + "\n")
        for i in range(IMPORTED):
            f.write(f"town,,{i // 100},{i},A{i},Household {i},remote,flat,{i % 100}.00,{i:012},remote,DTU{i // 32},{i}.5,{began.isoformat()}\n")
    db.psql("CREATE TABLE bare_fleet (" + ", ".join(f"{n} text" for n in names.split(",")) + ")", conninfo=at)
    bare = timed(lambda: db.psql(f"\\copy bare_fleet FROM '{where}/fleet.csv' CSV HEADER", conninfo=at))
    with gate.Daemon(BUILD, db, conninfo=at) as d:
        d.order("tariff/add", name="flat", steps="0:1000000", zone="Asia/Shanghai")
        seen = []
        took = timed(lambda: seen.extend(d.ctl("import", f"{where}/fleet.csv")))
        right(seen[0] == 0, f"the fleet is imported: {seen[2][:300]}")
    figure("import_meters_per_second", IMPORTED / took, "meters/s")
    figure("import_rows_copied_per_second_bare", IMPORTED / bare, "rows/s")
    ratio("import_meters", "import_meters_per_second", "import_rows_copied_per_second_bare")
    figure("import_10000_meters", took, "s")
    found = db.rows("SELECT count(*), sum(s.prepaid_minor) FROM powergate.meter m JOIN powergate.account_state s ON s.account_id = m.account_id", conninfo=at)
    right(found == [[str(IMPORTED), str(IMPORTED // 100 * 4950 * 100)]] and db.psql("SELECT * FROM door.ledger_check()", conninfo=at) == "",
          f"every meter and every balance is there: {found}")


# --- all of it --------------------------------------------------------------------------------

NAMES = {"frames": "frames_parsed_per_second", "sessions": "idle_sessions_held", "ingest": "readings_ingested_per_second",
         "quarters": "quarter_hours_of_100000_meters_of_bulk_lane", "webhooks": "webhooks_per_second",
         "restore": "payment_to_closed", "storm": "storm_all_online", "billing": "bill_accounts_per_second",
         "recon": "recon_rows_per_second", "fleet": "import_meters_per_second"}


def facts(db):
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="ascii").read())
    remark(f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}, Linux {platform.release()}, "
           f"load {os.getloadavg()[0]:.2f} before")
    shown = db.rows("SELECT name || ' ' || current_setting(name) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes',"
                    " 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'server_version') ORDER BY name")
    remark("PostgreSQL: " + ", ".join(r[0] for r in shown))
    remark("client, daemon, simulated meters and PostgreSQL share the cores; loopback and a unix socket")


def main():
    began = time.monotonic()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with gate.Cluster(BUILD, schema=False) as db:
        facts(db)
        for part in PARTS:
            try:
                globals()[part](db)
            except (RuntimeError, TimeoutError, OSError, subprocess.SubprocessError, KeyError, IndexError, AttributeError) as why:
                print(f"{NAMES[part]} skipped {type(why).__name__}: {' '.join(str(why).split())[:300]}", flush=True)
                wrong.append(f"{part} could not be taken")
    remark(f"{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.2f} after")
    print("correctness " + ("wrong " + "; ".join(wrong) if wrong else "ok all"), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
