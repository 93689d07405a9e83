#!/bin/sh
# conf/haproxy.cfg in front of a real daemon: what gets through, and what does not.
#   tests/it/proxy.sh BUILD-DIR
command -v haproxy >/dev/null || { echo "skip - haproxy is not installed (tools/deps proxy)"; exit 0; }
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import contextlib, hashlib, hmac, json, os, re, socket, ssl, subprocess, sys, threading, time
import gate

BUILD = sys.argv[1]
TILL = "/hooks/v1/till/9f1c2a7e55d0b3"


def certificate(path):
    """A key and a certificate of its own for 127.0.0.1, in one file."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", "/CN=powergate test", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key", "-out", path + ".crt"],
                   check=True, capture_output=True)
    with open(path, "w", encoding="utf-8") as out:
        for part in (".crt", ".key"):
            with open(path + part, encoding="utf-8") as f:
                out.write(f.read())
    context = ssl.create_default_context(cafile=path + ".crt")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Proxy(gate.Process):
    """HAProxy with the file as it is shipped, but for ports and the certificate's place."""

    def __init__(self, db, daemon):
        here = db.place("h")
        self.port = gate.free_port()
        self.tls = certificate(here + "/cert.pem")
        with open(gate.ROOT + "/conf/haproxy.cfg", encoding="utf-8") as f:
            text = f.read()
        changes = [(r"bind :443 ", f"bind 127.0.0.1:{self.port} "),
                   (r"/etc/haproxy/powergate\.pem", here + "/cert.pem"),
                   (r"server a 127\.0\.0\.1:9180", f"server a 127.0.0.1:{daemon.hooks_port}")]
        if os.getuid() != 0:
            changes.append((r"(?m)^    (user|group|chroot) .*\n", ""))
        for pattern, new in changes:
            text, n = re.subn(pattern, new, text)
            assert n > 0, pattern
        self.conf = here + "/haproxy.cfg"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        super().__init__(["haproxy", "-db", "-f", self.conf], here + "/haproxy.log")
        db.pieces.append(self)
        gate.until(lambda: self.says(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == [404], 10, "haproxy's start")

    def close(self):
        self.stop()

    def send(self, text):
        return gate.raw(self.port, text, self.tls)

    def says(self, text):
        return gate.statuses(self.send(text))


def head(daemon, body, event_id, first="POST /hooks/v1/app HTTP/1.1", lengths=None, more=()):
    """A signed request by hand; lengths are whole lines in place of the Content-Length."""
    lines = [first, "Host: 127.0.0.1", "Connection: close",
             *(f"{k}: {v}" for k, v in gate.sign(daemon.secret, event_id, body).items()),
             *(lengths if lengths is not None else [f"Content-Length: {len(body)}"]), *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Slow(threading.Thread):
    """Sends a request's head a letter at a time until somebody hangs up."""

    def __init__(self, proxy):
        super().__init__(daemon=True)
        self.proxy, self.closed_after = proxy, None

    def run(self):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            plain = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=20)
            with self.proxy.tls.wrap_socket(plain, server_hostname="127.0.0.1") as s:
                s.settimeout(0.25)
                for letter in "POST /hooks/v1/app HTTP/1.1\r\nX-Slow: " + "x" * 100:
                    s.sendall(letter.encode())
                    try:
                        if not s.recv(4096):
                            break
                    except TimeoutError:
                        continue
        self.closed_after = time.monotonic() - began


def payments(db, d, p):
    a = d.pay("R1", 5000, "P-1", port=p.port, tls=p.tls)
    gate.ok(a.status == 200 and a.json["status"] == "accepted", "a signed payment through TLS is accepted", a)
    a = d.pay("R1", 5000, "P-1", port=p.port, tls=p.tls)
    gate.ok(a.status == 200 and a.json["status"] == "duplicate", "the same once more is a duplicate", a)
    a = d.post(gate.payment_body("R1", 5000, "P-2"), "msg_P-2", secret=gate.new_secret(), port=p.port, tls=p.tls)
    gate.ok(a.status == 401, "a wrong signature is still refused behind it", a)
    big = gate.payment_body("R1", 100, "P-big", padding="y" * 60000)
    a = d.post(big, "msg_P-big", port=p.port, tls=p.tls)
    gate.ok(a.status == 200, "a body of 60 kB, larger than its buffer, passes whole", a)
    a = d.post(gate.payment_body("R1", 100, "P-huge", padding="y" * 70000), "msg_huge", port=p.port, tls=p.tls)
    gate.ok(a.status in (0, 413), "one of 70 kB does not", a)
    with contextlib.closing(socket.create_connection(("127.0.0.1", p.port), timeout=5)) as s:
        s.sendall(head(d, b"{}", "msg_plain"))
        answer = s.recv(4096)
    gate.ok(b" 200 " not in answer[:20], "without TLS nobody is heard", answer)


def lengths(db, d, p):
    """Two readers must never see two requests in the same bytes."""
    body = gate.payment_body("R1", 700, "P-len")
    n = len(body)
    smuggled = head(d, gate.payment_body("R1", 900, "P-smuggled"), "msg_smuggled") + gate.payment_body("R1", 900, "P-smuggled")
    before = db.counts()
    for what, lines in (
            ("two different Content-Lengths", [f"Content-Length: {n}", f"Content-Length: {n + len(smuggled)}"]),
            ("a blank in front of the colon", [f"Content-Length : {n}"]),
            ("a length with a sign", [f"Content-Length: +{n}"]),
            ("a negative length", [f"Content-Length: -{n}"]),
            ("a length beyond all numbers", ["Content-Length: 100000000000000000000"]),
            ("two lengths in one line", [f"Content-Length: {n}, {n + 5}"]),
            ("Content-Length and chunked together", [f"Content-Length: {n}", "Transfer-Encoding: chunked"]),
            ("chunked alone", ["Transfer-Encoding: chunked"]),
            ("gzip, chunked", [f"Content-Length: {n}", "Transfer-Encoding: gzip, chunked"]),
            ("a chunked in hiding", [f"Content-Length: {n}", "Transfer-Encoding: \x0bchunked"]),
            ("no length at all", [])):
        said = p.says(head(d, body, "msg_len", lengths=lines) + body + smuggled)
        gate.ok(said and set(said) <= {400, 413, 422, 501} and db.counts() == before,
                f"{what}: refused, and no row is written", f"{said} {before} {db.counts()}")
    said = p.says(head(d, body, "msg_len", lengths=[f"Content-Length: {n}"] * 2) + body)
    gate.ok(said == [200], "the same Content-Length twice is made one", said)


def heads(db, d, p):
    body = gate.payment_body("R1", 800, "P-head")
    before = db.counts()

    def refused(sentence, text, *allowed):  # None: hung up on without an answer
        said = p.says(text) or [None]
        gate.ok(set(said) <= set(allowed) and db.counts() == before, sentence,
                f"{said}, wanted {allowed}; {before} {db.counts()}")

    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"):
        refused(f"{method} is refused", head(d, body, "m", f"{method} /hooks/v1/app HTTP/1.1") + body, 405)
    refused("CONNECT is refused", head(d, b"", "m", "CONNECT 127.0.0.1:22 HTTP/1.1"), 400, 404, 405)
    for path in ("/", "/hooks/v1/", "/hooks/v1", "/healthz", "/v1/headend/status", "/hooks/v1/app/../../healthz",
                 "/hooks/v1/app?x=1", "/hooks/v1/app/", "//hooks/v1/app", "/hooks/v1/%61pp", "*",
                 "http://127.0.0.1/hooks/v1/app", "hooks/v1/app", "/hooks/v1/receipts/", "/hooks/v1/receipts/mail",
                 "/hooks/v1/receipts/sms?x=1", "/hooks/v1/receipts/sms?message=m1-1&x=1"):
        refused(f"POST {path} is refused", head(d, body, "m", f"POST {path} HTTP/1.1") + body, 400, 404)
    refused("a receipt passes and is judged by the daemon, which knows of no secret for it",
            head(d, body, "m", "POST /hooks/v1/receipts/sms?message=m1-1 HTTP/1.1") + body, 401)
    refused("a name nobody has is no source", head(d, body, "m", "POST /hooks/v1/nobody HTTP/1.1") + body, 404)
    refused("a request line without version is refused", b"POST /hooks/v1/app\r\n\r\n", 400)
    refused("a request without Host is refused", head(d, body, "m").replace(b"Host: 127.0.0.1\r\n", b"") + body, 400)
    refused("a NUL in a header is refused", head(d, body, "m", more=["X-Nul: a\0b"]) + body, 400)
    refused("a signature given twice is refused", head(d, body, "m", more=["webhook-signature: v1,x"]) + body, 400)
    refused("a head of 10 kB is refused", head(d, body, "m", more=["X-Long: " + "x" * 10000]) + body, 400)
    refused("a head of 1 MB is refused", head(d, body, "m", more=["X-Long: " + "x" * 1000000]) + body, 400, None)
    refused("a hundred headers are refused", head(d, body, "m", more=[f"X-{i}: x" for i in range(100)]) + body, 400)
    said = p.says(head(d, body, "msg_head", more=["X-Folded: a\r\n b"]) + body)
    gate.ok(said == [200], "a folded header, which the daemon refuses, is made one line", said)


def providers(db, d, p):
    """Each signs in headers of its own, or not at all; the proxy must stand in nobody's way."""
    def send(path, body, headers=None):
        return gate.request(p.port, "POST", path, body, {"Content-Type": "application/json", **(headers or {})}, tls=p.tls)

    body = json.dumps({"id": "evt_1", "created": 1795000000, "livemode": True, "type": "payment_intent.succeeded", "data": {"object": {
        "id": "pi_1", "status": "succeeded", "currency": "cny", "amount_received": 1300, "metadata": {"account_no": "R1"}}}}).encode()
    stamp = str(int(time.time()))
    mac = hmac.new(b"whsec_card", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    a = send("/hooks/v1/card", body, {"Stripe-Signature": f"t={stamp},v1={mac}"})
    gate.ok(a.status == 200 and a.json == {"received": True}, "a card payment in its provider's own form is taken", a)
    a = send("/hooks/v1/card", body, {"Stripe-Signature": f"t={stamp},v1={mac[::-1]}"})
    gate.ok(a.status == 401 and b"bad_signature" in a.body, "and with a wrong signature the daemon refuses it", a)
    for name in ("wx", "ali", "naira"):
        a = send("/hooks/v1/" + name, b"{}")
        gate.ok(a.status == 404 and b"no such source" in a.body, f"{name}: not signed in our way, and the daemon is asked all the same", a)

    def till(source, more=()):
        body = json.dumps({"TransactionType": "Pay Bill", "TransID": "TILL1", "TransTime": "20261120110000", "TransAmount": "14.00",
                           "BusinessShortCode": "600638", "BillRefNumber": "R1", "MSISDN": "2547"}).encode()
        lines = [f"POST {TILL}/confirmation HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}", *more]
        with contextlib.closing(socket.create_connection(("127.0.0.1", p.port), 5, (source, 0))) as plain:
            with p.tls.wrap_socket(plain, server_hostname="127.0.0.1") as s:
                s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
                return s.recv(65536)

    before = db.counts()["payment"]
    for what, claim in (("an X-Forwarded-For", ["X-Forwarded-For: 127.0.0.2"]), ("two of them", ["X-Forwarded-For: 127.0.0.2"] * 2),
                        ("a Forwarded", ["Forwarded: for=127.0.0.2"])):
        said = till("127.0.0.3", claim)
        gate.ok(gate.statuses(said) == [403] and db.counts()["payment"] == before, f"{what} of its own makes nobody a provider", said)
    said = till("127.0.0.2")
    gate.ok(gate.statuses(said) == [200] and b"Accepted" in said, "a provider that signs nothing is known by its address and its path", said)


def questions(db, d, p):
    """A terminal that lost its answer asks for it; nothing else is a GET."""
    def ask(path, more=(), body=b""):
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close",
                 *(f"{k}: {v}" for k, v in gate.sign(d.secret, "ask_1", path.encode()).items()), *more]
        return p.says(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    gate.ok(ask("/hooks/v1/app/payments/P-1") == [200], "the question for a lost answer is answered")
    gate.ok(ask("/hooks/v1/app/payments/P-0") == [404], "that of a payment nobody made as well")
    gate.ok(ask("/hooks/v1/app/payments/P-1", ["Content-Length: 5"], b"12345") == [400], "a question has no body")
    gate.ok(ask("/hooks/v1/app/payments/../app") == [404] and ask("/healthz") == [404] and ask("/hooks/v1/app") == [405],
            "and asks for nothing else")


def slow_senders(db, d, p):
    slow = [Slow(p) for _ in range(50)]
    for s in slow:
        s.start()
    time.sleep(1.5)
    began = time.monotonic()
    a = d.pay("R1", 1100, "P-while", port=p.port, tls=p.tls)
    took = time.monotonic() - began
    gate.ok(a.status == 200 and took < gate.SLOW and all(s.closed_after is None for s in slow),
            "while 50 send their heads letter by letter, a payment passes within a second", f"{a} {took:.2f} s")
    for s in slow:
        s.join(10)
    times = sorted(s.closed_after or 99 for s in slow)
    gate.ok(times[-1] < 8, "all 50 are hung up on", f"{times[0]:.1f} s to {times[-1]:.1f} s")


def daemon_away(db, d, p):
    d.stop()
    a = d.pay("R1", 1200, "P-away", port=p.port, tls=p.tls)
    gate.ok(a.status == 503, "without a daemon the answer is 503", a)
    port = d.hooks_port
    d.configure({"hooks": {"listen": f"127.0.0.1:{port}"}})
    d.start()
    gate.ok(gate.comes(lambda: d.pay("R1", 1200, "P-away", port=p.port, tls=p.tls).status == 200, 8),
            "it comes back, and the repeat is accepted")


def keys(d):
    """Sources of providers beside our own: one that signs in its way, and one that does not sign."""
    d.write("card.secrets", "whsec_card\n")
    card = d.write("card.yaml", "stripe:\n  secrets_file: card.secrets\n")
    till = d.write("till.yaml", f"""mpesa:
  shortcodes: "600638"
  validation_path: {TILL}/validation
  confirmation_path: {TILL}/confirmation
  peers: [127.0.0.2/32]
""")
    return [{"name": "card", "provider": "stripe", "keys_file": card}, {"name": "till", "provider": "mpesa", "keys_file": till}]


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, start=False) as d:
    d.configure({"hooks": {"proxies": "127.0.0.1", "sources": d.settings["hooks"]["sources"] + keys(d)}})
    d.start()
    d.remote("R1")
    p = Proxy(db, d)
    check = subprocess.run(["haproxy", "-c", "-f", p.conf], capture_output=True, text=True)
    gate.ok(check.returncode == 0 and "WARNING" not in check.stderr, "haproxy takes the file without a warning", check.stderr)
    for part in (payments, lengths, heads, providers, questions, slow_senders, daemon_away):
        part(db, d, p)
    paid = db.rows("SELECT payment_no, amount_minor FROM powergate.payment ORDER BY id")
    gate.ok(paid == [["P-1", "5000"], ["P-big", "100"], ["P-len", "700"], ["P-head", "800"],
                     ["pi_1", "1300"], ["TILL1", "1400"], ["P-while", "1100"], ["P-away", "1200"]],
            "in the end there are the eight good payments and nothing else", paid)
    gate.ok(db.value("SELECT prepaid_minor FROM powergate.account_state") == 10200 and not db.ledger_problems(),
            "and the books balance", db.ledger_problems())
    gate.ok("panic" not in p.log().lower() and p.running() and d.running(), "both are still up")
sys.exit(gate.done())
PY
