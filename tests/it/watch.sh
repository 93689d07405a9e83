#!/bin/sh
# What is seen from outside: /metrics, /healthz, /readyz, the heartbeat; rules and dashboard agree.
#   tests/it/watch.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import http.server
import json
import re
import subprocess
import sys
import threading

import field
import gate

BUILD = sys.argv[1]
REMOTE, WALLET = "202600000001", "202600000002"


class Ear(http.server.BaseHTTPRequestHandler):
    """Where the heartbeat goes."""
    beats = 0
    status = 200

    def do_GET(self):
        Ear.beats += self.path == "/beat"
        self.send_response(Ear.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def scrape(port):
    answer = gate.request(port, "GET", "/metrics")
    if answer.status != 200:
        raise RuntimeError(f"/metrics: {answer.status}")
    return answer.body.decode()


def value(port, sample):
    """The sample's value, e.g. 'powergate_sessions' or 'x{a="b"}'; None when it is not there."""
    for line in scrape(port).splitlines():
        if line.startswith(sample + " "):
            return float(line.split()[-1])
    return None


def promtool(*words, text=None):
    return subprocess.run(["promtool", *words], input=text, capture_output=True, text=True)


def families(text):
    names = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    for h in re.findall(r"^# TYPE (\S+) histogram", text, re.M):
        names |= {h + "_bucket", h + "_count", h + "_sum"}
    return names


def named(text):
    return set(re.findall(r"powergate_[a-z_]+", text))


def papers(port):
    text = scrape(port)
    checked = promtool("check", "metrics", text=text)
    gate.ok(checked.returncode == 0 and not checked.stderr.strip(), "promtool finds nothing to say about /metrics",
            checked.stdout + checked.stderr)
    checked = promtool("check", "rules", f"{gate.ROOT}/conf/alerts.yaml")
    gate.ok(checked.returncode == 0, "the alert rules are good rules", checked.stdout + checked.stderr)
    checked = promtool("test", "rules", f"{gate.ROOT}/tests/alerts.yaml")
    gate.ok(checked.returncode == 0, "each alert fires when it should, and none when all is well", checked.stdout + checked.stderr)
    with open(f"{gate.ROOT}/conf/alerts.yaml", encoding="utf-8") as f:
        rules = f.read()
    with open(f"{gate.ROOT}/conf/grafana-dashboard.json", encoding="utf-8") as f:
        board = json.load(f)
    drawn = " ".join(t["expr"] for p in board["panels"] for t in p["targets"])
    exported = families(text)
    gate.ok(named(rules) <= exported, "every metric a rule names is exported", named(rules) - exported)
    gate.ok(named(drawn) <= exported, "every metric the dashboard draws is exported", named(drawn) - exported)
    gate.ok(exported - named(rules + drawn) <= {"powergate_payment_to_power_seconds", "powergate_payment_to_power_seconds_sum"},
            "and what is exported is looked at somewhere", exported - named(rules + drawn))
    tested = set(re.findall(r"alertname=\"(\w+)\"", open(f"{gate.ROOT}/tests/alerts.yaml", encoding="utf-8").read()))
    gate.ok(tested == set(re.findall(r"alert: (\w+)", rules)), "no alert is left out of the test", tested)


def figures(d, sim, port):
    gate.ok(gate.comes(lambda: value(port, 'powergate_endpoints{open="true"}') == 2, 10), "two meters are connected",
            scrape(port))
    gate.ok(value(port, "powergate_sessions") == 2 and value(port, "powergate_sessions_opened_total") >= 2, "both here", scrape(port))
    gate.ok(value(port, "powergate_frames_heard_total") > 2 and value(port, "powergate_frames_sent_total") > 2 and
            value(port, 'powergate_readings_total{result="stored"}') > 0, "frames and readings are counted", scrape(port))
    bucket = 'powergate_payment_to_power_seconds_count{fee_control="%s"}'
    before = {m: value(port, bucket % m) for m in ("remote", "local")}
    d.pay("R1", 5000, "watch-1")
    d.pay("R1", 5000, "watch-1")
    d.pay("L1", 4000, "watch-2")
    gate.ok(gate.comes(lambda: all(value(port, bucket % m) == before[m] + 1 for m in before), 20),
            "payment to power is measured for both kinds of fee control", scrape(port))
    text = scrape(port)
    slow = {m: value(port, f'powergate_payment_to_power_seconds_bucket{{fee_control="{m}",le="10"}}') for m in before}
    gate.ok(slow == {m: before[m] + 1 for m in before}, "and took less than ten seconds", text)
    gate.ok(value(port, 'powergate_payments_total{outcome="accepted"}') == 2 and
            value(port, 'powergate_payments_total{outcome="duplicate"}') == 1, "payments are counted by their answer", text)
    gate.request(d.hooks_port, "POST", "/hooks/v1/app", b"{}")
    gate.ok(value(port, "powergate_hooks_refused_total") == 1, "so is what was refused", scrape(port))
    d.pay("nobody", 100, "watch-3")
    gate.ok(gate.comes(lambda: value(port, 'powergate_work_open{cause="SUSPENSE"}') == 1, 10), "work for people is seen", scrape(port))
    sim.do(f"power {REMOTE} off")
    gate.ok(gate.comes(lambda: value(port, 'powergate_endpoints{open="false"}') == 1, 20), "a meter that is gone is seen", scrape(port))


def alive(db, d, port):
    gate.ok(gate.request(port, "GET", "/healthz").status == 200 and gate.request(port, "GET", "/readyz").status == 200,
            "it is alive and ready")
    gate.ok(gate.request(port, "POST", "/metrics", b"").status == 405, "nothing can be posted there")
    gate.ok(gate.comes(lambda: Ear.beats > 2, 10), "its heart beats")
    Ear.status = 500
    gate.ok(d.says("the heartbeat is not heard", 10), "that nobody hears it is told")
    Ear.status = 200
    db.down()
    gate.ok(gate.comes(lambda: gate.request(port, "GET", "/readyz").status == 503, 10), "without a database it is not ready")
    gate.ok(gate.request(port, "GET", "/healthz").status == 200 and value(port, "powergate_database_up") == 0,
            "but alive, and says what is missing")
    quiet = Ear.beats
    gate.comes(lambda: False, 1.5)
    gate.ok(Ear.beats - quiet <= 1, "and its heart stands still", (quiet, Ear.beats))
    db.up()
    gate.ok(gate.comes(lambda: gate.request(port, "GET", "/readyz").status == 200, 20), "with one it is ready again")
    beats = Ear.beats
    gate.ok(gate.comes(lambda: Ear.beats > beats, 10), "and its heart beats on")
    d.kill()
    quiet = Ear.beats
    gate.comes(lambda: False, 1.5)
    gate.ok(Ear.beats - quiet <= 1, "who waits for the next beat of a dead daemon hears none", (quiet, Ear.beats))


ear = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ear)
threading.Thread(target=ear.serve_forever, daemon=True).start()
port = gate.free_port()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"reading": {"poll_interval": "500ms"},
                                "watch": {"listen": f"127.0.0.1:{port}", "refresh": "300ms", "heartbeat_interval": "300ms",
                                          "heartbeat": f"http://127.0.0.1:{ear.server_port}/beat"}})
    with d:
        d.remote("R1", REMOTE)
        d.local("L1", WALLET)
        field.cut_off(db, REMOTE)
        meters = [{"address": REMOTE, "profile": "remote", "watts": 0, "relay": "open"},
                  {"address": WALLET, "profile": "wallet-esam", "opened": "yes", "customer": WALLET, "watts": 0}]
        with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
            sim.online(2)
            d.commission(WALLET)
            papers(port)
            figures(d, sim, port)
            alive(db, d, port)
ear.shutdown()
sys.exit(gate.done())
PY
