#!/bin/sh
# powergated as a service: systemd's protocol, reload, refusals to start, a database that comes late.
#   tests/it/service.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import base64, os, shutil, signal, socket, sys, threading, time
import gate

BUILD = sys.argv[1]
METER = "202600000001"


class Manager(threading.Thread):
    """What systemd would hear: each datagram as a dict, with its time."""

    def __init__(self, db):
        super().__init__(daemon=True)
        self.path = db.place("n") + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []
        self.start()

    def run(self):
        while True:
            text = self.socket.recv(4096).decode()
            self.heard.append((time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))

    def environment(self, watchdog_us=None):
        more = {"NOTIFY_SOCKET": self.path}
        if watchdog_us:
            more["WATCHDOG_USEC"] = str(watchdog_us)
        return {**os.environ, **more}

    def times(self, name):
        return [at for at, said in list(self.heard) if said.get(name) == "1"]

    def comes(self, name, count=1, seconds=5):
        return gate.comes(lambda: len(self.times(name)) >= count, seconds)


def notify(db):
    manager = Manager(db)
    every = 600000 * gate.SLOW
    with gate.Daemon(BUILD, db, env=manager.environment(every)) as d, \
            gate.Sim(BUILD, d, [{"address": METER, "energy_wh": 1000}]) as sim:
        gate.ok(manager.comes("READY") and "port" in manager.heard[0][1].get("STATUS", ""),
                "READY=1 arrives, with the ports in its status", manager.heard)
        d.remote("R1", METER)
        sim.online(1)
        time.sleep(2 * gate.SLOW)
        beats = manager.times("WATCHDOG")
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        gate.ok(len(beats) >= 6 and max(gaps) < every / 1e6, "WATCHDOG=1 arrives again and again, in time",
                f"{len(beats)} beats, gaps {gaps}")
        d.signal(signal.SIGSTOP)
        time.sleep(0.1)
        n = len(manager.times("WATCHDOG"))
        time.sleep(every / 1e6)
        gate.ok(len(manager.times("WATCHDOG")) == n, "and not when the process stands still")
        d.signal(signal.SIGCONT)
        gate.ok(manager.comes("WATCHDOG", n + 1), "it goes on when it moves again")

        d.signal(signal.SIGHUP)
        gate.ok(manager.comes("RELOADING") and manager.comes("READY", 2) and
                manager.times("RELOADING")[0] <= manager.times("READY")[1] and
                any("MONOTONIC_USEC" in said for _, said in manager.heard),
                "SIGHUP: RELOADING=1 with its time, then READY=1", manager.heard)
        began = time.monotonic()
        d.signal(signal.SIGTERM)
        stopping = manager.comes("STOPPING")
        code = d.process.wait()
        took = time.monotonic() - began
        gate.ok(stopping and code == 0 and took < 5 * gate.SLOW,
                "SIGTERM: STOPPING=1, the sessions are drained, exit code 0 within 5 s", f"{code} {took:.1f} s\n{d.log()}")
    with gate.Daemon(BUILD, db, env=manager.environment()) as d:
        gate.ok(d.stop() == 0, "it ends as well when nobody is connected")


def reload(db):
    with gate.Daemon(BUILD, db, start=False) as d:
        notice = d.write("notice", gate.new_secret())
        d.configure({"notify": {"url": f"http://127.0.0.1:{gate.free_port()}/", "secret_file": notice}})
        d.start()
        bank = d.write("bank.secret", gate.new_secret())
        sources = d.settings["hooks"]["sources"]
        both = [*sources, {"name": "bank", "secret_file": bank}]

        def hup(changes=None, text=None):
            seen = len(d.log())
            if changes:
                d.configure(changes)
            if text is not None:
                d.write("powergated.yaml", text)
            d.signal(signal.SIGHUP)
            gate.until(lambda: "settings read anew" in d.log()[seen:] or "settings stay" in d.log()[seen:], 5, "reload")
            return d.log()[seen:]

        def banks(number):
            with open(bank, encoding="utf-8") as f:
                return d.post(gate.payment_body("R1", 100, number), "msg_" + number, "bank", secret=f.read()).status

        before = banks("B-1")
        hup({"hooks": {"sources": both}})
        gate.ok((before, banks("B-1")) == (404, 200), "SIGHUP: a new payment source is known at once")
        said = hup({"meters": {"listen": "127.0.0.1:1"}})
        gate.ok("meters.listen has changed and waits for a restart" in said, "what takes a restart is said so", said)
        d.configure({"meters": {"listen": "127.0.0.1:0"}})

        with open(d.conf, encoding="utf-8") as f:
            good = f.read()
        without_bank = good.replace(str(both).replace("'", '"'), "[]")
        for what, text, words in (
                ("an unknown setting", without_bank + "\n  patience: 5s\n", f"{d.conf}:{without_bank.count(chr(10)) + 2}: notify.patience"),
                ("broken YAML", without_bank + "]\n", f"{d.conf}:"),
                ("hours that are none", without_bank.replace("00:00-00:00", "18:00-08:00"), "supply.trip_hours"),
                ("an empty secret", good.replace(bank, d.write("empty", "")), "empty")):
            said = hup(text=text)
            gate.ok("settings stay as they were" in said and words in said and banks("B-" + what.replace(" ", "")) == 200,
                    f"{what}: the old settings stay, and the log says where it is", said)
        os.unlink(d.conf)
        said = hup()
        gate.ok("settings stay" in said and "No such file" in said and banks("B-2") == 200, "no file at all: likewise", said)

        d.write("notice", "whsec_short")
        said = hup(text=without_bank)
        gate.ok("settings stay" in said and banks("B-4") == 200,
                "a bad secret for the notices: the payment sources stay as well", said)
        d.write("notice", gate.new_secret())

        os.chmod(bank, 0o644)
        said = hup(text=good)
        gate.ok("settings stay" in said and "others may read" in said and banks("B-3") == 200,
                "a secret that others may read is refused, the old one stays", said)
        os.chmod(bank, 0o600)
        with open(bank, encoding="utf-8") as f:
            old = f.read()
        new = gate.new_secret()
        d.write("bank.secret", f"{new}\n{old}\n")
        hup()
        answers = [d.post(gate.payment_body("R1", 100, "B-9"), "msg_B-9", "bank", secret=s).status for s in (old, new)]
        gate.ok(answers == [200, 200], "while a secret changes, the old and the new one are good", answers)
        d.write("bank.secret", new)
        hup()
        answers = [d.post(gate.payment_body("R1", 100, "B-9"), "msg_B-9", "bank", secret=s).status for s in (old, new)]
        gate.ok(answers == [401, 200], "then only the new one", answers)


def misfit(db):
    def ends(d):
        # what was asked and cannot be answered any more is not given back: no leak checks here
        code = d.spawn(wrap=["env", "ASAN_OPTIONS=detect_leaks=0"]).wait()
        lines = [line for line in d.log().splitlines() if " error " in line]
        return code, lines

    there = db.value("SELECT door.schema()")
    db.run("CREATE OR REPLACE FUNCTION door.schema() RETURNS text LANGUAGE sql AS 'SELECT ''1:0123456789abcdef'''")
    db.run("INSERT INTO powergate.endpoint (identity, kind, node, epoch) VALUES ('999999999999', 'meter', 'a', 1)")
    d = gate.Daemon(BUILD, db, start=False)
    code, lines = ends(d)
    gate.ok(code == 3 and len(lines) == 1 and "1:0123456789abcdef" in lines[0] and there in lines[0] and
            "powergatectl migrate" in lines[0],
            "a database of another schema: exit code 3, and one line says which and what to do", f"{code} {lines}")
    left = db.value("SELECT count(*) FROM powergate.endpoint WHERE identity = '999999999999' AND closed_us IS NULL")
    gate.ok(left == 1, "nothing is done to such a database", left)
    db.run(f"CREATE OR REPLACE FUNCTION door.schema() RETURNS text LANGUAGE sql AS 'SELECT ''{there}'''")

    d = gate.Daemon(BUILD, db, conninfo=db.database("empty"), start=False)
    code, lines = ends(d)
    gate.ok(code == 3 and len(lines) == 1 and "no Powergate schema" in lines[0],
            "a database without one: exit code 3, and one line", f"{code} {lines}")

    with gate.Daemon(BUILD, db) as first:
        second = gate.Daemon(BUILD, db, {"api": {"socket": first.socket}}, start=False)
        code, lines = ends(second)
        gate.ok(code == 1 and "somebody listens there" in "".join(lines) and first.ask("headend/status").status == 200,
                "a second daemon on the same socket ends, and the first goes on", f"{code} {lines}")
        second = gate.Daemon(BUILD, db, {"hooks": {"listen": f"127.0.0.1:{first.hooks_port}"}}, start=False)
        code, lines = ends(second)
        gate.ok(code == 1 and "in use" in "".join(lines), "and so does one on the same port", f"{code} {lines}")
        seen = len(first.log())
        first.kill()
        first.start()
        gate.ok(first.healthy() and "error" not in first.log()[seen:], "after a kill its socket is taken over", first.log()[seen:])


def check_only(db):
    d = gate.Daemon(BUILD, db, start=False)

    def check(text=None):
        if text is not None:
            d.write("powergated.yaml", text)
        seen = len(d.log())
        return d.spawn("-t").wait(), d.log()[seen:]

    code, said = check()
    gate.ok(code == 0 and "settings are good" in said, "powergated -t: a good file is good", f"{code} {said}")
    state = f"daemon:\n  state_dir: {d.dir}\n"
    code, said = check(state)
    gate.ok(code == 0, "a file with a place for the witness is all presets else", f"{code} {said}")
    for what, line, text in (
            ("an unknown section", 1, "meter:\n  listen: 1\n"),
            ("an unknown setting", 2, "meters:\n  lisen: 127.0.0.1:1\n"),
            ("a text for a number", 3, "meters:\n  sweep: 1s\n  most_sessions: many\n"),
            ("a fraction", 2, "hooks:\n  most_connections: 1.5\n"),
            ("a number out of range", 2, "reading:\n  freeze_days: 63\n"),
            ("a duration without unit", 2, "reading:\n  poll_interval: 15\n"),
            ("a duration out of range", 2, "reading:\n  poll_interval: 1ms\n"),
            ("yes for true", 2, "daemon:\n  need_clock_sync: yes\n"),
            ("a log level nobody knows", 2, "daemon:\n  log_level: chatty\n"),
            ("a setting given twice", 3, "daemon:\n  node: a\n  node: b\n"),
            ("a section given twice", 3, "daemon:\n  node: a\ndaemon:\n  node: b\n"),
            ("a setting without a value", 2, "daemon:\n  node:\n"),
            ("an anchor", 2, "daemon:\n  node: &a a\n"),
            ("an alias", 2, "daemon:\n  node: *a\n"),
            ("a tab", 2, "daemon:\n\tnode: a\n"),
            ("a list at the top", 1, "- daemon\n"),
            ("a listener without a port", 2, "meters:\n  listen: 127.0.0.1\n"),
            ("a port that is none", 2, "hooks:\n  listen: 127.0.0.1:99180\n"),
            ("a listener by a name", 2, "meters:\n  listen: localhost:9100\n"),
            ("a port to be watched on that is none", 2, "watch:\n  listen: 127.0.0.1:x\n"),
            ("a zone there is not", 2, "reading:\n  zone: Asia/Shangai\n"),
            ("a zone of statements there is not", 2, "recon:\n  zone: Mars/One\n"),
            ("a network among the proxies", 2, "hooks:\n  proxies: 10.0.0.0/8\n"),
            ("proxies with commas", 2, "hooks:\n  proxies: 127.0.0.1,::1\n"),
            ("a node without a name", 2, "daemon:\n  node: \"\"\n"),
            ("a node whose name is a path", 2, "daemon:\n  node: ../b\n"),
            ("no kill file at all", 2, "commands:\n  kill_file: \"\"\n"),
            ("a socket beside nothing", 2, "api:\n  socket: api.sock\n"),
            ("a second document", 3, "daemon:\n  node: a\n---\nmeters:\n")):
        code, said = check(text)
        gate.ok(code == 3 and f"{d.conf}:{line}: " in said and len(said.splitlines()) == 1,
                f"{what}: exit code 3, one line with file and line", f"{code} {said}")
    for what, text, words in (
            ("a file that is no text", "\0\1\2", d.conf),
            ("a source without its secret", state + "hooks:\n  sources:\n    - name: app\n", "source app"),
            ("a state directory that is not there", "daemon:\n  state_dir: /nonexistent\n", "state_dir: /nonexistent: No such"),
            ("one that is a file", "daemon:\n  state_dir: /etc/passwd\n", "is no directory"),
            ("a connection string that is none", state + "database:\n  conninfo: nonsense\n", "database.conninfo"),
            ("a database password that is not there", "database:\n  password_file: /nonexistent\n", "/nonexistent: No such"),
            ("a sealing key that is not there", state + "meters:\n  password_key: /nonexistent\n", "/nonexistent: No such"),
            ("300 kB", "#" + "x" * 300000, "longer than 256 kB"),
            ("a hundred thousand brackets", "[" * 100000, "brackets"),
            ("trip hours that end before they begin", "supply:\n  trip_hours: 18:00-08:00\n", "trip_hours"),
            ("a source called cash", "hooks:\n  sources:\n    - name: cash\n      secret_file: /x\n", "cash"),
            ("the same source twice", "hooks:\n  sources:\n" + "    - name: a\n      secret_file: /x\n" * 2, "twice")):
        code, said = check(text)
        gate.ok(code == 3 and words in said, f"{what}: exit code 3 and a line", f"{code} {said[:300]}")
    os.unlink(d.conf)
    code, said = check()
    gate.ok(code == 3 and "No such file" in said, "no file: exit code 3 and a line", f"{code} {said}")
    code = d.spawn("--nonsense").wait()
    gate.ok(code == 2, "nonsense on the command line: exit code 2", code)


def database_late(db):
    manager = Manager(db)
    db.down("immediate")
    with gate.Daemon(BUILD, db, start=False, env=manager.environment(2000000)) as d:
        d.start(serving=False)
        gate.ok(manager.comes("READY"), "without a database the daemon is up")
        with gate.Sim(BUILD, d, [{"address": METER, "energy_wh": 1000}], heartbeat=1) as sim:
            sim.online(1)
            a = gate.request(d.hooks_port, "GET", "/healthz")
            gate.ok(a.status == 503, "/healthz is 503", a)
            a = d.pay("R1", 777, "LATE-1", timeout=15)
            gate.ok(a.status == 503, "a payment is answered 503", a)
            gate.ok(sim.do("stats")["connected"] == 1 and d.running() and manager.times("WATCHDOG"),
                    "the meters stay connected, the watchdog is fed", d.log())
            db.up()
            gate.ok(gate.comes(d.healthy, 10), "the database comes, and /healthz is 200", d.log())
            a = d.pay("R1", 777, "LATE-1")
            gate.ok(a.status == 200, "the repeat is settled", a)
            gate.ok(gate.comes(lambda: d.ask("meter/show", meter=METER).json.get("total_wh") is not None, 15),
                    "the meter that waited is read", d.log())
            db.down("immediate")
            db.up()
            gate.ok(gate.comes(d.healthy, 10) and d.pay("R1", 777, "LATE-1").json["status"] == "duplicate",
                    "a database that crashes is found again, and the payment is there once", d.log())
            n = db.value("SELECT count(*) FROM powergate.payment WHERE payment_no = 'LATE-1'")
            gate.ok(n == 1 and not db.ledger_problems(), "the books balance", n)


def clock(db):
    """strace tells the daemon what the kernel would say of its clock."""
    if not shutil.which("strace"):
        gate.skip("the unsynchronised clock: no strace (tools/deps check)")
        return

    def trip(answer, sentence, wanted):
        d = gate.Daemon(BUILD, db, {"daemon": {"need_clock_sync": True}}, start=False)
        d.start(wrap=["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clock_adjtime,adjtimex", "-e",
                      f"inject=clock_adjtime,adjtimex:{answer}"])
        with gate.Sim(BUILD, d, [{"address": METER, "energy_wh": 1000}]) as sim:
            sim.online(1)
            gate.until(lambda: d.ask("meter/show", meter=METER).json["online"], 10, "login")
            order = d.order("meter/relay", meter=METER, relay="open", reason="a test")
            seen = gate.comes(lambda: sim.state(METER)["relay"] == "open", 2 if wanted == "closed" else 10)
            what = d.ask("command/show", command=order["command"]).json
            gate.ok(seen == (wanted == "open"), sentence, what)
            d.order("meter/relay", meter=METER, relay="closed", reason="a test")
            gate.ok(gate.comes(lambda: sim.state(METER)["relay"] == "closed", 10), "and power comes back all the same")
        d.stop()

    trip("retval=5", "no trip leaves while the clock is not synchronised", "closed")
    trip("error=EPERM", "nor while nobody may ask for it", "closed")
    trip("retval=0", "it leaves when the clock is", "open")


def secrets(db):
    """At the most talkative level, through good and bad, no secret gets into a log."""
    password = "pw-" + base64.b16encode(os.urandom(8)).decode()
    broken = "whsec_" + base64.b64encode(os.urandom(30)).decode()[:-3] + "!!"
    d = gate.Daemon(BUILD, db, {"daemon": {"log_level": "debug"}}, start=False)
    notice = gate.new_secret()
    d.configure({"database": {"password_file": d.write("db.password", password)},
                 "notify": {"url": f"http://127.0.0.1:{gate.free_port()}/", "secret_file": d.write("notice", notice)}})
    d.start()
    d.pay("R1", 5, "S-1")
    d.pay("nobody", 5, "S-2")
    d.post(gate.payment_body("R1", 5, "S-3"), "msg_S-3", secret=notice)
    with open(f"/proc/{d.process.pid}/environ", "rb") as e, open(f"/proc/{d.process.pid}/cmdline", "rb") as c:
        outside = (e.read() + c.read()).decode(errors="replace")
    d.write("app.secret", broken)
    d.signal(signal.SIGHUP)
    stays = d.says("settings stay")
    d.stop()
    code = d.spawn().wait()
    gate.ok(stays and code == 3, "a broken secret is refused at a reload and at the start", d.log())
    d.write("app.secret", d.secret)
    d.configure({"database": {"conninfo": "host=/nonexistent dbname=x user=y"}})
    d.start(serving=False)
    d.says("connection lost", 5)
    d.stop()
    pieces = [d.secret[6:], notice[6:], password, broken[6:30]]
    logs = "".join(p.log() for p in db.pieces if isinstance(p, gate.Daemon))
    gate.ok(len(logs) > 5000 and not any(s in logs + outside for s in pieces),
            "no secret is in any log, in the environment or on the command line",
            [line for line in logs.splitlines() if any(s in line for s in pieces)])
    everyone = [p.secret[6:] for p in db.pieces if isinstance(p, gate.Daemon)]
    gate.ok(not any(s in logs for s in everyone), "nor those of all the daemons before")


with gate.Cluster(BUILD) as db:
    for part in (notify, reload, misfit, check_only, database_late, clock, secrets):
        part(db)
sys.exit(gate.done())
PY
