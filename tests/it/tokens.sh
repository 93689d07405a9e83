#!/bin/sh
# The TLS port: who comes by the network has a token, and without a good one he learns nothing, not
# even which routes there are.
#   tests/it/tokens.sh BUILD-DIR
python=/usr/bin/python3 # Debian's own: it is the one that has aiosmtpd
[ -x "$python" ] || python=python3
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec "$python" - "$@" <<'PY'
import os, re, signal, socket, ssl, subprocess, sys, time, warnings
import gate, post

BUILD = sys.argv[1]
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is what is tried
WRONG = "pgt_" + "0" * 64


class Port:
    """The TLS port as somebody with a token sees it."""

    def __init__(self, d, port, cert):
        self.d, self.port, self.cert = d, port, cert
        self.context = ssl.create_default_context(cafile=cert)

    def ask(self, method, path, token=None, values=None, body=None, headers=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if values is not None:
            body = gate.json.dumps(values).encode()
        return gate.request(self.port, method, path, body, headers, tls=self.context)

    def ctl(self, token, *words):
        path = self.d.write("token", token + "\n")
        p = subprocess.run([os.path.join(BUILD, "powergatectl"), "--url", f"https://127.0.0.1:{self.port}", "--token-file", path,
                            "--cacert", self.cert, *words], capture_output=True, text=True, check=False)
        return p.returncode, p.stdout, p.stderr


def token(d, principal, **more):
    return d.order("token/add", principal=principal, reason="a test", **more)



def made(d, port):
    made_one = token(d, "tester")
    secret = made_one["secret"]
    gate.ok(re.fullmatch(r"pgt_[0-9A-F]{64}", secret), "a token is 256 bits of chance", secret)
    kept = gate.hashlib.sha256(secret.encode()).hexdigest()
    gate.ok(db.value("SELECT encode(sha256, 'hex') FROM powergate.api_token") == kept, "the database keeps its hash")
    everything = subprocess.run(["pg_dump", "--data-only", db.conninfo], capture_output=True, text=True, check=True).stdout
    gate.ok(secret not in everything and secret[4:].lower() not in everything and secret not in d.log(),
            "and nothing else of it is anywhere, not in the audit and not in the log")
    gate.ok("secret" not in str(d.ask("token/list", all="1").json), "it is never shown again")
    good = port.ask("GET", "/v1/site/list", secret)
    gate.ok(good.status == 200 and good.json["rows"][0]["site"] == "east", "with it the TLS port answers", good)
    answer = port.ask("POST", "/v1/site/mode", secret, {"site": "east", "mode": "observe", "reason": "a rest"})
    who = db.rows("SELECT actor, args ->> 'reason' FROM powergate.audit WHERE action = 'site.mode'")
    gate.ok(answer.status == 200 and who == [["tester", "a rest"]], "what it writes is in the audit under its principal's name", [str(answer), who])
    gate.ok(d.ask("token/list").json["rows"][0]["used_us"] is not None, "the list tells when it was last used")
    return secret


def role_and_place(d, port):
    d.order("principal/add", name="ann", role="viewer", sites="east", reason="reads")
    uid = db.value("SELECT uid FROM powergate.principal WHERE name = 'ann'")
    gate.ok(uid > 2**32 - 1, "who has no user here has a number that no socket can have at its other end", uid)
    ann = token(d, "ann")["secret"]
    seen = [r["site"] for r in port.ask("GET", "/v1/site/list", ann).json["rows"]]
    gate.ok(seen == ["east"], "a token has the sites of its principal", seen)
    refused = port.ask("POST", "/v1/site/mode", ann, {"site": "east", "mode": "live", "reason": "x"})
    gate.ok(refused.status == 403, "and its role", refused)
    gate.ok(port.ask("GET", "/v1/account/show?account=west", ann).status == 403, "another site's account is closed to it")
    d.order("principal/disable", principal="ann", reason="left")
    gate.ok(port.ask("GET", "/v1/site/list", ann).status == 401, "when its principal is disabled it is nothing")


def at_once(d, port):
    first, second = token(d, "tester", days=1), token(d, "tester")
    ok = [port.ask("GET", "/v1/site/list", t["secret"]).status for t in (first, second)]
    db.run(f"SET session_replication_role = replica; UPDATE powergate.api_token SET created_us = 1, expires_us = 2 WHERE id = {first['token']}")
    code = d.ctl("token", "revoke", str(second["token"]), "--reason=lost")[0]
    now = [port.ask("GET", "/v1/site/list", t["secret"]).status for t in (first, second)]
    gate.ok(ok == [200, 200] and code == 0 and now == [401, 401], "one that is expired and one that is revoked open nothing from then on", [ok, now])
    states = {r["token"]: r["state"] for r in d.ask("token/list", all="1").json["rows"]}
    gate.ok((states[first["token"]], states[second["token"]]) == ("expired", "revoked"), "and are listed as such", states)
    try:
        db.run(f"UPDATE powergate.api_token SET revoked_us = NULL WHERE id = {second['token']}")
        gate.ok(False, "it was taken back")
    except RuntimeError as e:
        gate.ok("stays what it is" in str(e), "what is revoked stays so", e)
    for days in (0, 367, "x"):
        answer = gate.request(d.socket, "POST", "/v1/token/add", gate.json.dumps({"principal": "tester", "days": days, "reason": "x"}).encode())
        gate.ok(answer.status == 400, f"none is made for {days} days", answer)


def nothing_told(port, secret):
    ways = [("GET", "/v1/site/list", None, None), ("GET", "/v1/no/such", None, None), ("POST", "/v1/site/list", None, b"{}"),
            ("POST", "/v1/meter/relay", None, b"{nonsense"), ("GET", "/v1/account/show?account=east", WRONG, None),
            ("GET", "/v1/account/show?account=nobody", WRONG, None)]
    told = {str(port.ask(method, path, t, body=body)) for method, path, t, body in ways}
    gate.ok(told == {'401 {"error":"who are you?"}'}, "without a good token every path, there or not, answers with the same bytes", told)
    gate.ok(port.ask("GET", "/v1/no/such", secret).status == 404 and port.ask("POST", "/v1/site/list", secret, body=b"{}").status == 404
            and port.ask("POST", "/v1/meter/relay", secret, body=b"{nonsense").status == 400, "with one it is told what is wrong")
    for headers, what in (({"Authorization": "Basic dGVzdGVyOg=="}, "a name and a password"), ({"Authorization": "Bearer " + secret[:-1]}, "a token that lacks a digit"),
                          ({"Authorization": "Bearer pgt_" + secret[4:].lower()}, "one in small letters")):
        gate.ok(port.ask("GET", "/v1/site/list", headers=headers).status == 401, f"{what} is none")


def tries(d, port, secret):
    time.sleep(1.1)  # the log has its line a second
    began = len(d.log())
    answers = [port.ask("GET", "/v1/site/list", f"pgt_{n:064X}").status for n in range(40)]
    gate.ok(set(answers) <= {401, 429} and answers.count(401) <= 12 and answers[-1] == 429, "after ten that were wrong the database is asked no more", answers)
    gate.ok(port.ask("GET", "/v1/site/list", secret).status == 200, "one that was good a while ago is let in from the same address")
    lines = [line for line in d.log()[began:].splitlines() if "is not good" in line]
    gate.ok(1 <= len(lines) <= 4, "the log has a line a second about it and no more", lines)
    gate.ok(not any("pgt_" in line for line in lines) and "127.0.0.1" in lines[0], "with the address and without the token", lines)


def wire(d, port):
    bare = gate.request(port.port, "GET", "/v1/site/list")
    gate.ok(bare.status == 0, "who speaks no TLS gets no answer", bare)
    for version, sentence, good in ((ssl.TLSVersion.TLSv1_2, "TLS 1.2 is spoken", True), (ssl.TLSVersion.TLSv1_1, "TLS 1.1 is not", False)):
        context = ssl.create_default_context(cafile=port.cert)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        try:
            with socket.create_connection(("127.0.0.1", port.port), timeout=5) as s, context.wrap_socket(s, server_hostname="127.0.0.1"):
                spoken = True
        except (OSError, ssl.SSLError):
            spoken = False
        gate.ok(spoken == good, sentence)
    # a handshake that never ends holds nobody up
    idle = [socket.create_connection(("127.0.0.1", port.port)) for _ in range(8)]
    gate.ok(d.healthy() and d.ask("site/list").status == 200, "who dials and says nothing holds nobody up")
    for s in idle:
        s.close()
    gate.ok(d.ask("site/list").status == 200, "the socket of this machine needs no token")


def program(d, port, secret):
    code, out, err = port.ctl(secret, "site", "list")
    gate.ok(code == 0 and "east" in out, "powergatectl comes by the network too", err)
    code, out, err = port.ctl(secret, "--json", "site", "mode", "east", "live", "--reason=rested")
    gate.ok(code == 0, "and writes", out + err)
    os.chmod(d.write("token", secret), 0o644)
    words = [os.path.join(BUILD, "powergatectl"), "--url", f"https://127.0.0.1:{port.port}", "--token-file", os.path.join(d.dir, "token")]
    p = subprocess.run([*words, "--cacert", port.cert, "site", "list"], capture_output=True, text=True, check=False)
    gate.ok(p.returncode == 2 and "others may read" in p.stderr, "a token that others can read is not sent", p.stderr)
    os.chmod(os.path.join(d.dir, "token"), 0o600)
    p = subprocess.run([*words, "site", "list"], capture_output=True, text=True, check=False)
    gate.ok(p.returncode == 3 and secret not in p.stderr, "nor to somebody whose certificate nobody signed that we know", p.stderr)
    p = subprocess.run([*words[:1], "--url", f"http://127.0.0.1:{port.port}", *words[3:], "site", "list"], capture_output=True, text=True, check=False)
    gate.ok(p.returncode == 3, "nor without TLS", p.stderr)


def settings(d, port, secret):
    other = db.place("c")
    cert, _ = post.certificate(other)
    for name in ("mail.crt", "mail.key"):
        os.replace(os.path.join(other, name), os.path.join(os.path.dirname(port.cert), name))
    d.signal(signal.SIGHUP)
    gate.ok(d.says("settings read anew"), "a new certificate is read with the settings")
    port.context = ssl.create_default_context(cafile=port.cert)
    gate.ok(port.ask("GET", "/v1/site/list", secret).status == 200, "and shown to the next who comes")
    key = os.path.join(os.path.dirname(port.cert), "mail.key")
    os.chmod(key, 0o644)
    d.signal(signal.SIGHUP)
    gate.ok(d.says("settings stay as they were"), "a key that others can read is refused")
    gate.ok(port.ask("GET", "/v1/site/list", secret).status == 200, "and the one before goes on")
    os.chmod(key, 0o600)


with gate.Cluster(BUILD) as db:
    place = db.place("c")
    certificate, _ = post.certificate(place)
    with gate.Daemon(BUILD, db, {"api": {"listen": "127.0.0.1:0", "certificate": certificate, "key": os.path.join(place, "mail.key")}}) as daemon:
        tls = Port(daemon, int(re.search(r"TLS port (\d+)", daemon.log())[1]), certificate)
        for name in ("east", "west"):
            daemon.order("site/add", name=name, zone="Asia/Shanghai")
            daemon.order("account/add", account=name, mode="local", site=name)
        good = made(daemon, tls)
        role_and_place(daemon, tls)
        at_once(daemon, tls)
        wire(daemon, tls)
        program(daemon, tls, good)
        settings(daemon, tls, good)
        daemon.stop()
        daemon.start()
        tls.port = int(re.findall(r"TLS port (\d+)", daemon.log())[-1])
        nothing_told(tls, good)
        tries(daemon, tls, good)
sys.exit(gate.done())
PY
