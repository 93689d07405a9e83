"""field -- what tests of orders and connections share: frames by hand, the sink of notices, the
truth log read as orders, and connections that are not a simulated meter's.

Frames are put together here, not by the codec, so that a test has an opinion of its own.
"""
import concurrent.futures
import contextlib
import datetime
import http.server
import json
import socket
import subprocess
import threading
import time
import zoneinfo

import gate

TRIP, PERMIT, CLOSE = 0x1A, 0x1B, 0x1C
STATUS = 0x04000503


def together(*chapters):
    """Chapters that do not disturb each other, at once; the first trouble is told when all have ended."""
    with concurrent.futures.ThreadPoolExecutor(len(chapters)) as pool:
        running = [pool.submit(c) for c in chapters]
    for r in running:
        r.result()


# --- frames ---------------------------------------------------------------------------------

def frame(address, control, data=b""):
    head = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68" + bytes([control, len(data)])
    body = head + bytes((b + 0x33) & 0xFF for b in data)
    return body + bytes([sum(body) & 0xFF, 0x16])


def di(number):
    return number.to_bytes(4, "little")


def heartbeat(address):
    """What a meter says unasked; it carries no value."""
    return frame(address, 0x91, di(0x80808080))


def value(address, number, data):
    return frame(address, 0x91, di(number) + data)


def bcd(n, length):
    """Least digits first."""
    return bytes.fromhex(f"{n:0{2 * length}d}")[::-1]


class Frame:
    """One frame of hex, taken apart; fillers in front do not count."""

    def __init__(self, text, t_us=0):
        raw = bytes.fromhex(text).lstrip(b"\xfe")
        self.t_us = t_us
        self.control = raw[8]
        self.address = raw[6:0:-1].hex()
        self.data = bytes((b - 0x33) & 0xFF for b in raw[10:10 + raw[9]])

    @property
    def di(self):
        return int.from_bytes(self.data[:4], "little")

    @property
    def is_order(self):
        return self.control == 0x1C

    @property
    def level(self):
        return self.data[0]

    @property
    def n1(self):
        """What a plain order wants; a sealed one does not tell."""
        return self.data[8] if len(self.data) == 16 else None

    def deadline(self, zone):
        """Until when a plain order is good, on the meter's clock, as microseconds UTC."""
        second, minute, hour, day, month, year = (int(f"{b:02x}") for b in self.data[10:16])
        at = datetime.datetime(2000 + year, month, day, hour, minute, second, tzinfo=zoneinfo.ZoneInfo(zone))
        return int(at.timestamp()) * 1000000


def heard(sim, meter, event="frame_in"):
    """The frames a meter heard, in order."""
    return [Frame(t["hex"], t["t_us"]) for t in sim.truth(event, meter)]


def orders(sim, meter, n1=None):
    return [f for f in heard(sim, meter) if f.is_order and (n1 is None or f.n1 == n1)]


def moves(sim, meter):
    """The relay's real moves: [("closed", "open"), ...]."""
    return [(t["from"], t["to"]) for t in sim.truth("relay", meter)]


def looked_between(sim, meter):
    """Whether between any two orders the relay was read back."""
    looked = True
    for f in heard(sim, meter):
        if f.is_order:
            if not looked:
                return False
            looked = False
        elif f.control == 0x11 and f.di == STATUS:
            looked = True
    return True


def strike_at_order(sim, meter, fault, seconds=20):
    """Sets a fault between the look at the relay and the order that follows it; the line must be
    slow enough for that.  Returns a thread to join."""
    seen = len(heard(sim, meter))

    def look():
        return any(f.control == 0x11 and f.di == STATUS for f in heard(sim, meter)[seen:])

    def work():
        with contextlib.suppress(TimeoutError):
            gate.until(look, seconds, every=0.01)
            sim.do(f"fault {meter} {fault} 1")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


# --- orders ---------------------------------------------------------------------------------

class Order:
    """An order that powergatectl waits for, in the background."""

    def __init__(self, daemon, verb, meter, wait=30, *more):
        self.daemon = daemon
        self.meter = meter
        words = ["meter", verb, meter, "--reason", "a test", f"--wait={wait}", "--json", *more]
        self.child = subprocess.Popen([daemon.build + "/powergatectl", "--socket", daemon.socket, *words],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        self.out, self.err = self.child.communicate()
        self.code = self.child.returncode
        with contextlib.suppress(json.JSONDecodeError, IndexError):
            self.json = json.loads(self.out.strip().splitlines()[-1])
        return self

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


def command(daemon, number):
    return daemon.ask("command/show", command=number).json


def steps(daemon, number):
    """The steps of a command's history."""
    return [h["step"] for h in command(daemon, number)["history"]]


def last_command(daemon, meter):
    rows = daemon.ask("command/list", meter=meter, limit=1).json["rows"]
    return rows[0] if rows else None


def commands(daemon, meter):
    """All of them, the oldest first."""
    return daemon.ask("command/list", meter=meter, limit=1000).json["rows"][::-1]


def relay(daemon, meter, wanted, cause=None):
    """Orders it and goes on: the command's number."""
    more = {"cause": cause} if cause else {}
    return daemon.order("meter/relay", meter=meter, relay=wanted, reason="a test", **more)["command"]


def seen(daemon, meter):
    return daemon.ask("meter/show", meter=meter).json["relay"]


def work(daemon, cause, meter=None):
    rows = daemon.ask("work/list", limit=1000).json["rows"]
    return [w for w in rows if w["cause"] == cause and meter in (None, w["meter"])]


def cash(daemon, account, minor):
    daemon.order("payment/cash", account=account, amount_minor=str(minor),
                 payment_no=f"cash-{account}-{time.monotonic_ns()}")


# --- notices --------------------------------------------------------------------------------

class Sink:
    """Takes notices as they come, or refuses those of an account: statuses["R1"] = 500."""

    def __init__(self):
        self.statuses = {}
        self.taken = []
        self.refused = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = json.loads(body)
                told["id"] = self.headers["webhook-id"]
                told["at"] = time.time()
                status = sink.statuses.get(told["data"].get("account"), 200)
                (sink.taken if status == 200 else sink.refused).append(told)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def settings(self, daemon):
        """To be given to a daemon that has not been started."""
        secret = daemon.write("notice.secret", gate.new_secret() + "\n")
        return {"notify": {"url": f"http://127.0.0.1:{self.server.server_port}/notices", "secret_file": secret,
                           "sweep": "200ms"}}

    def told(self, kind, account=None):
        return [n for n in list(self.taken)
                if n["type"] == f"notice.{kind}" and account in (None, n["data"].get("account"))]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# --- connections by hand --------------------------------------------------------------------

class Line:
    """A connection to the daemon on which a test speaks itself."""

    def __init__(self, port, first=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        if first:
            self.say(first)

    def say(self, data):
        self.socket.sendall(data)

    def listen(self, seconds):
        """What came within so long; None when the other side has closed."""
        self.socket.settimeout(seconds)
        try:
            part = self.socket.recv(65536)
        except TimeoutError:
            return b""
        except OSError:
            return None
        if not part:
            return None
        self.heard += part
        return part

    def closed(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.listen(left) is None:
                return True
        return False

    def close(self):
        self.socket.close()


class Puppet(Line):
    """A meter that answers as a test wants it to: manner(question, answer) gives the pieces that
    leave, bytes or pauses in seconds; what it does not know it refuses."""

    def __init__(self, port, address, values, manner=lambda question, answer: [answer]):
        super().__init__(port, heartbeat(address))
        self.address = address
        self.values = values
        self.manner = manner
        self.asked = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _answer(self, question):
        known = self.values.get(question.di)
        if question.control != 0x11 or known is None:
            return frame(self.address, question.control | 0xC0, b"\x02")
        return value(self.address, question.di, known)

    def _serve(self):
        rest = b""
        with contextlib.suppress(OSError):
            self.socket.settimeout(None)
            while part := self.socket.recv(4096):
                rest = (rest + part).lstrip(b"\xfe")
                while len(rest) >= 12 and len(rest) >= 12 + rest[9]:
                    raw, rest = rest[:12 + rest[9]], rest[12 + rest[9]:].lstrip(b"\xfe")
                    question = Frame(raw.hex())
                    question.raw = raw
                    self.asked.append(question)
                    for piece in self.manner(question, self._answer(question)):
                        if isinstance(piece, bytes):
                            self.say(piece)
                        else:
                            time.sleep(piece)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().close()


# Cut off for arrears: the balance is below nothing, and the open relay is our own wish.
CUT_OFF = """
SET search_path = powergate;
SELECT journal_post('test:cut', 'charge', 'used', 'test', NULL, ARRAY['prepaid', 'energy'], ARRAY['', ''],
    ARRAY[m.account_id, NULL], ARRAY[100, -100]::bigint[], 'CNY', 1) FROM meter m WHERE address = :'m';
INSERT INTO command (key, meter_id, kind, priority, order_us, rank, state, task, cause, created_by, generation, reason,
    due_us, created_us, ended_us)
SELECT 'relay:' || id || ':1', id, 'relay', 2, 1, 1, 'done', '{"relay": "open"}', 'credit is used up', 'test', 1, 'ARREARS',
    1, 1, 1 FROM meter WHERE address = :'m';
UPDATE meter_state SET relay_wanted = 'open', relay_seen = 'open', generation = 1, wanted_us = 1, seen_us = 1
WHERE meter_id = (SELECT id FROM meter WHERE address = :'m');
"""


def cut_off(db, meter):
    db.run(CUT_OFF, m=meter)
