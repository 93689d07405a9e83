"""gate -- the real parts for black-box tests: PostgreSQL, powergated, simulated meters.

    import gate
    with gate.Cluster(build) as db, gate.Daemon(build, db) as d, gate.Sim(build, d, METERS) as sim:
        d.remote("R1", "202600000001")
        answer = d.pay("R1", 5000, "P-1")
        gate.ok(answer.status == 200, "a signed payment is accepted", answer)
        gate.until(lambda: sim.state("202600000001")["relay"] == "closed", 10, "the relay closes")
    sys.exit(gate.done())

Everything lives in one short directory under /tmp a Cluster, is stopped by process id, and goes
at the end, also after SIGTERM.  Everything listens on ports that the kernel chose; the daemon
says which in its "ready:" line.  Only the standard library is used.

A test is sentences: ok() prints "ok - ..." or "not ok - ...", done() is the exit code.
"""
import base64
import contextlib
import csv
import hashlib
import hmac
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ["LC_ALL"] = "C.UTF-8"  # whoever runs them, the tests read English
os.environ.pop("LANGUAGE", None)
SLOW = 10 if os.environ.get("VALGRIND") else 1  # how much longer the daemon may take


# --- sentences ------------------------------------------------------------------------------

_failed = 0


def ok(good, sentence, detail=""):
    """Prints the sentence; what was seen instead follows when it is not true."""
    global _failed
    if good:
        print(f"ok - {sentence}", flush=True)
        return True
    _failed += 1
    print(f"not ok - {sentence}", flush=True)
    for line in str(detail).splitlines():
        print(f"    {line}", flush=True)
    return False


def skip(sentence):
    print(f"skip - {sentence}", flush=True)


def done():
    return 1 if _failed else 0


def until(look, seconds, what="", every=0.05):
    """What look() gives as soon as it is true; TimeoutError after so long."""
    end = time.monotonic() + seconds * SLOW
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"{what or 'it'} did not happen within {seconds} s")
        time.sleep(every)


def comes(look, seconds):
    """Whether look() becomes true in time."""
    try:
        until(look, seconds)
    except TimeoutError:
        return False
    return True


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _on_term(_signal, _frame):
    raise SystemExit(143)  # the context managers clean up


signal.signal(signal.SIGTERM, _on_term)


# --- processes ------------------------------------------------------------------------------

class Process:
    """A program with its log in a file; stopped by its own process id."""

    def __init__(self, words, log, **more):
        self.log_path = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, seconds=10):
        """The exit code, negative for a signal; None when it goes on."""
        try:
            return self.child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def stop(self, seconds=10):
        self.signal(signal.SIGTERM)
        code = self.wait(seconds)
        if code is None:
            self.kill()
        return code

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()


# --- PostgreSQL -----------------------------------------------------------------------------

class Cluster:
    """A PostgreSQL of its own with the schema in it, and the directory everything lives in.

    disk_mb: its data lies on a tmpfs of that size (only root can; a PermissionError otherwise).
    """

    def __init__(self, build, schema=True, disk_mb=0):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="pg", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.base = os.path.join(self.dir, "pg")
        self.mounted = False
        self.number = 0
        self.pieces = []
        try:
            if disk_mb:
                self._mount(disk_mb)
            self.conninfo = self._pg("start")
            if schema:
                self.prepare()
        except BaseException:
            self.close()
            raise

    def _mount(self, megabytes):
        disk = os.path.join(self.dir, "disk")
        os.mkdir(disk)
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "powergate-test", disk],
                           check=False, capture_output=True, text=True)
        if p.returncode != 0:
            raise PermissionError(p.stderr.strip())
        self.mounted = True
        self.disk = disk
        self.base = os.path.join(disk, "pg")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._look_at_audit()
        self.close()

    def _look_at_audit(self):
        """Whatever a test ordered, the audit tells what was before and after; it says so when not."""
        with contextlib.suppress(RuntimeError):
            bare = self.rows("SELECT action, outcome FROM powergate.audit WHERE before IS NULL AND outcome <> 'forbidden' AND actor NOT IN ('powergated')")
            if bare:
                ok(False, "every line of the audit has before and after", bare[:5])

    def close(self):
        for piece in reversed(self.pieces):
            piece.close()
        self._pg("stop")
        if self.mounted:
            subprocess.run(["umount", self.disk], check=False)
            self.mounted = False
        shutil.rmtree(self.dir, ignore_errors=True)

    def _pg(self, word):
        return subprocess.run([os.path.join(ROOT, "tests/lib/pg.sh"), word, self.base], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def _server(self, *words):
        """pg_ctl as whoever owns the data; True when it went well."""
        binary = sorted(p for p in os.listdir("/usr/lib/postgresql"))[-1]
        ctl = os.environ.get("PGBIN", f"/usr/lib/postgresql/{binary}/bin") + "/pg_ctl"
        owner = os.stat(self.base + "/data").st_uid
        who = ["setpriv", f"--reuid={owner}", "--clear-groups"] if os.getuid() == 0 else []
        return subprocess.run([*who, ctl, "-D", self.base + "/data", "-l", self.base + "/data/server.log", "-w",
                               *words], check=False, capture_output=True, cwd="/").returncode == 0

    def up(self):
        return self._server("-t", "60", "start")

    def down(self, mode="fast"):
        return self._server("-m", mode, "stop")

    def prepare(self, conninfo=None):
        """Made as for real: its owner is no superuser, and the daemon may call the functions of its
        door and nothing else.  Who runs the tests is its first principal."""
        conninfo = conninfo or self.conninfo
        name = re.search(r"dbname=(\S+)", conninfo)[1]
        self.run(f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'powergate_owner') THEN CREATE ROLE powergate_owner NOLOGIN; END IF;
            END $$;
            ALTER DATABASE "{name}" OWNER TO powergate_owner""")
        subprocess.run([os.path.join(self.build, "powergatectl"), "init", "--db", self.conninfo, "--database", name, "--no-system",
                        "--principal", str(os.getuid()), "--sql", os.path.join(ROOT, "sql")], check=True, stdout=subprocess.PIPE)
        self.psql("UPDATE powergate.principal SET name = 'tester'", conninfo=conninfo)

    def database(self, name):
        """Another, empty database of this cluster: its conninfo."""
        self.run(f'CREATE DATABASE "{name}"')
        return self.conninfo.replace("dbname=postgres", f"dbname={name}")

    def psql(self, sql, conninfo=None, **values):
        """values are taken in the text as :'name'."""
        words = ["psql", "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", conninfo or self.conninfo]
        for name, value in values.items():
            words += ["-v", f"{name}={value}"]
        p = subprocess.run(words, input=sql, capture_output=True, text=True, check=False)
        if p.returncode != 0:
            raise RuntimeError(f"psql: {p.stderr.strip()}")
        return p.stdout

    def run(self, sql, **values):
        self.psql(sql, **values)

    def rows(self, sql, **values):
        """Lists of texts; NULL is an empty one."""
        return list(csv.reader(io.StringIO(self.psql(sql, **values))))

    def value(self, sql, **values):
        """The first cell, a number where it looks like one; None without a row."""
        found = self.rows(sql, **values)
        if not found:
            return None
        return int(found[0][0]) if re.fullmatch(r"-?\d+", found[0][0]) else found[0][0]

    def counts(self):
        """How many rows the tables of money have: a refusal must leave them as they were.  Settings
        go into meters by themselves and are no money."""
        tables = {t: "" for t in ("inbox", "payment", "journal", "posting", "credit_delivery", "command", "work")}
        tables["command"] = " WHERE kind <> 'push'"
        row = self.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM powergate.{t}{w})" for t, w in tables.items()))[0]
        return dict(zip(tables, map(int, row)))

    def ledger_problems(self):
        return [r[0] for r in self.rows("SELECT * FROM door.ledger_check()")]

    def place(self, name):
        """A directory for one more piece."""
        self.number += 1
        path = os.path.join(self.dir, f"{name}{self.number}")
        os.mkdir(path)
        return path


def as_daemon(conninfo):
    """Not as the superuser that the tests look and meddle as."""
    return conninfo.replace("user=postgres", "user=powergate_app")


# --- payments as a provider sends them ------------------------------------------------------

def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def sign(secret, event_id, body, at=None):
    """The three headers of Standard Webhooks."""
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": event_id, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(mac).decode()}


def payment_body(account, amount_minor, payment_no, paid_at="2026-01-02T03:04:05Z", **more):
    """The same arguments give the same bytes; more is laid over `data`, None takes away."""
    data = {"payment_no": payment_no, "account_no": account, "amount_minor": amount_minor, "currency": "CNY",
            "paid_at": paid_at, "method": "app"}
    data.update(more)
    data = {k: v for k, v in data.items() if v is not None}
    return json.dumps({"type": "payment.succeeded", "timestamp": paid_at, "data": data}).encode()


class Answer:
    """status 0: the connection ended without one, or did not come about."""

    def __init__(self, status, body=b"", why=""):
        self.status = status
        self.body = body
        self.why = why

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body.decode(errors='replace')}{self.why}"


class _UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def request(where, method, path, body=None, headers=None, timeout=12, tls=None):
    """where: a port on 127.0.0.1, or the path of a unix socket."""
    if isinstance(where, str):
        c = _UnixConnection(where, timeout=timeout * SLOW)
    elif tls:
        c = http.client.HTTPSConnection("127.0.0.1", where, timeout=timeout * SLOW, context=tls)
    else:
        c = http.client.HTTPConnection("127.0.0.1", where, timeout=timeout * SLOW)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return Answer(r.status, r.read())
    except (OSError, http.client.HTTPException) as why:
        return Answer(0, why=f"no answer: {why}")
    finally:
        c.close()


def raw(port, text, tls=None, timeout=5):
    """Bytes as they are, and all that comes back until the other side ends it."""
    seen = b""
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), timeout=timeout * SLOW) as s:
            if tls:
                s = tls.wrap_socket(s, server_hostname="127.0.0.1")
            s.sendall(text)
            while part := s.recv(65536):
                seen += part
    return seen


def statuses(answer):
    """The status of each answer in what raw() gave."""
    return [int(n) for n in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


# --- the daemon -----------------------------------------------------------------------------

class Daemon:
    """powergated with settings of its own, on top of quick ones.

    settings: {"section": {"name": value}}; None takes a preset setting away.  Several daemons of
    one cluster need names of their own: node="b".
    """

    def __init__(self, build, db, settings=None, node="a", conninfo=None, start=True, **popen):
        self.build = os.path.abspath(build)
        self.db = db
        self.dir = db.place("d")
        self.secret = new_secret()
        self.secret_file = self.write("app.secret", self.secret + "\n")
        self.signer = os.path.join(self.dir, "signer.sock")
        self.socket = os.path.join(self.dir, "api.sock")
        self.conf = os.path.join(self.dir, "powergated.yaml")
        self.log_path = os.path.join(self.dir, "powergated.log")
        self.popen = popen
        self.process = None
        self.settings = {
            "daemon": {"node": node, "state_dir": self.dir, "need_clock_sync": False, "tariff_voices": 1},
            "database": {"conninfo": as_daemon(conninfo or db.conninfo)},
            "meters": {"listen": "127.0.0.1:0"},
            "session": {"reply_timeout": "3s"},
            "commands": {"kill_file": self.dir + "/no-trips"},
            "reading": {"poll_interval": "1s", "freeze_window": "1s", "freeze_days": 2, "lines": ""},
            "clock": {"correct": False},  # a test that sets a clock wrong wants it so
            "alarms": {"check": "0s"},  # what a test does not ask for it does not find among its frames
            "signer": {"socket": self.signer},
            "hooks": {"listen": "127.0.0.1:0", "sources": [{"name": "app", "secret_file": self.secret_file}]},
            "api": {"socket": self.socket},
            # simulators come and go here: their silence is none to halt trips for
            "supply": {"trip_hours": "00:00-00:00", "trip_rest_days": True, "final_notice": "2s",
                       "after_close": "1s", "silence_percent": 0},
        }
        self.configure(settings or {})
        db.pieces.append(self)
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process is not None:
            self.process.stop()

    def write(self, name, text, mode=0o600):
        """A file beside the settings."""
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, mode)) as f:
            f.write(text)
        return path

    def configure(self, changes):
        """Lays changes over the settings and writes the file; SIGHUP or a start makes them count."""
        for section, values in changes.items():
            self.settings.setdefault(section, {}).update(values)
        lines = []
        for section, values in self.settings.items():
            lines.append(f"{section}:")
            lines += [f"  {name}: {json.dumps(value)}" for name, value in values.items() if value is not None]
        return self.write("powergated.yaml", "\n".join(lines) + "\n")

    # -- life

    def spawn(self, *words, wrap=(), **popen):
        """Starts it and waits for nothing; wrap: a program and its options in front."""
        if os.environ.get("VALGRIND") and not wrap:
            wrap = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
                    "--errors-for-leak-kinds=definite"]
        words = [*wrap, os.path.join(self.build, "powergated"), "-c", self.conf, *words]
        self.process = Process(words, self.log_path, **{**self.popen, **popen})
        return self.process

    def start(self, serving=True, seconds=20, **popen):
        """serving: until /healthz says so; else until it listens."""
        seen = len(self.log())
        self.spawn(**popen)
        pattern = r"ready: meters on port (\d+), webhooks on port (\d+)"
        until(lambda: re.search(pattern, self.log()[seen:]) or not self.process.running(), seconds,
              "powergated's start")
        found = re.search(pattern, self.log()[seen:])
        if not found:
            raise RuntimeError(f"powergated ended with {self.process.wait()}:\n{self.log()[seen:]}")
        self.meters_port, self.hooks_port = int(found[1]), int(found[2])
        if serving:
            until(self.healthy, seconds, "/healthz")
        return self

    def stop(self, seconds=10):
        """SIGTERM; the exit code."""
        return self.process.stop(seconds)

    def kill(self):
        return self.process.kill()

    def signal(self, number):
        self.process.signal(number)

    def running(self):
        return self.process is not None and self.process.running()

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def says(self, words, seconds=5, since=0):
        """Whether the log, from a length on, holds words in time."""
        return comes(lambda: words in self.log()[since:], seconds)

    # -- its doors

    def healthy(self):
        return request(self.hooks_port, "GET", "/healthz", timeout=2).status == 200

    def ask(self, path, **values):
        """GET /v1/PATH on the unix socket."""
        query = "&".join(f"{k}={v}" for k, v in values.items())
        return request(self.socket, "GET", f"/v1/{path}" + ("?" + query if query else ""))

    def order(self, path, **values):
        """POST /v1/PATH; an answer that is no 200 is an error."""
        answer = request(self.socket, "POST", f"/v1/{path}", json.dumps(values).encode())
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer}")
        return answer.json

    def ctl(self, *words):
        """powergatectl: exit code, standard output, standard error."""
        p = subprocess.run([os.path.join(self.build, "powergatectl"), "--socket", self.socket, *words],
                           capture_output=True, text=True, check=False)
        return p.returncode, p.stdout, p.stderr

    # -- who there is

    def site(self):
        """The site and the tariff the accounts below use; once."""
        if self.db.value("SELECT count(*) FROM powergate.site") == 0:
            self.order("site/add", name="here", zone="Asia/Shanghai")
            self.order("tariff/add", name="flat", steps="0:10000000")

    def remote(self, account, meter=None, **more):
        """An account whose balance is ours, and its meter."""
        self.site()
        self.order("account/add", account=account, mode="remote", site="here", tariff="flat", warn="1000,500")
        if meter:
            self.order("meter/add", meter=meter, profile="remote", account=account, most_watts="2000000", **more)

    def local(self, account, meter=None, **more):
        """An account whose balance is in the meter; commission() follows when it is online."""
        self.site()
        self.order("account/add", account=account, mode="local", site="here", warn="1000,500")
        if meter:
            self.order("meter/add", meter=meter, profile="wallet-esam", capability="counted", account=account,
                       most_watts="2000000", **more)

    def commission(self, meter, seconds=20):
        self.order("meter/commission", meter=meter)
        until(lambda: self.ask("meter/show", meter=meter).json.get("commissioned_count") is not None, seconds,
              f"commissioning {meter}")

    # -- money

    def post(self, body, event_id, source="app", secret=None, at=None, headers=None, timeout=12, port=None,
             tls=None):
        """A webhook with these very bytes."""
        h = {"Content-Type": "application/json", **sign(secret or self.secret, event_id, body, at)}
        h.update(headers or {})
        return request(port or self.hooks_port, "POST", f"/hooks/v1/{source}", body, h, timeout, tls)

    def pay(self, account, amount_minor, payment_no, event_id=None, source="app", port=None, tls=None,
            timeout=12, **more):
        """A signed payment; the same call is the same notification once more."""
        body = payment_body(account, amount_minor, payment_no, **more)
        return self.post(body, event_id or f"msg_{payment_no}", source, port=port, tls=tls, timeout=timeout)


# --- the meters -----------------------------------------------------------------------------

class Sim:
    """powergate-sim against a daemon.  meters: {"address": ..., "profile": ..., "watts": ...} each,
    the words of powergate-sim(1); with a signer beside it."""

    def __init__(self, build, daemon, meters=(), *options, rtt_ms=0, heartbeat=2, port=None):
        self.dir = daemon.db.place("s")
        self.control = os.path.join(self.dir, "control")
        self.truth_path = os.path.join(self.dir, "truth.log")
        lines = "".join(" ".join(f"{k}={v}" for k, v in m.items()) + "\n" for m in meters)
        with open(os.path.join(self.dir, "meters"), "w", encoding="utf-8") as f:
            f.write(lines)
        words = [os.path.join(os.path.abspath(build), "powergate-sim"), "--connect",
                 f"127.0.0.1:{port or daemon.meters_port}", "--meters", f.name, "--rtt-ms", str(rtt_ms),
                 "--heartbeat", str(heartbeat), "--signer", daemon.signer, "--control", self.control, "--truth",
                 self.truth_path, *options]
        self.process = Process(words, os.path.join(self.dir, "sim.log"))
        daemon.db.pieces.append(self)
        until(lambda: self._listens() or not self.process.running(), 10, "the simulator's start")
        if not self.process.running():
            raise RuntimeError(f"powergate-sim: {self.process.log()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.stop()

    def _listens(self):
        """The socket's file is there a moment before anybody takes calls."""
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.control) == 0

    def do(self, line):
        """One line of its control socket, answered."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            answer = s.makefile().readline()
        told = json.loads(answer)
        if "error" in told:
            raise RuntimeError(f"{line}: {told['error']}")
        return told

    def state(self, address):
        return self.do(f"state {address}")

    def truth(self, event=None, meter=None):
        """What the meters did, in order; {"event": "credit", ...}."""
        if not os.path.exists(self.truth_path):
            return []
        with open(self.truth_path, encoding="utf-8") as f:
            all_of_it = [json.loads(line) for line in f if line.endswith("\n")]
        return [t for t in all_of_it
                if event in (None, t["event"]) and meter in (None, t["meter"])]

    def online(self, n, seconds=15):
        """n of the meters have a connection."""
        until(lambda: self.do("stats")["connected"] >= n, seconds, f"{n} meters connected")
