"""post -- where messages arrive in the tests: a mail server, and those who send short messages.

Each keeps what it got, checks whatever it is signed with by an arithmetic of its own, and answers
as it is told to for an address: manners["+8613800000001"] = ["500", "ok"] is used up one by one,
the last stays.
"""
import base64
import collections
import contextlib
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import logging
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # what it has to say is asserted below


class Manners(collections.defaultdict):
    """What is done next for an address; without a word of it, what is usual."""

    def __init__(self):
        super().__init__(list)

    def next(self, address, usual="ok"):
        words = self[address]
        if not words:
            return usual
        return words.pop(0) if len(words) > 1 else words[0]


# --- mail -----------------------------------------------------------------------------------

class Mail:
    def __init__(self, envelope):
        self.at = time.time()
        self.raw = envelope.content
        self.to = envelope.rcpt_tos
        self.sender = envelope.mail_from
        self.parsed = email.message_from_bytes(self.raw, policy=email.policy.default)

    def __getitem__(self, name):
        return self.parsed[name]

    @property
    def text(self):
        return self.parsed.get_content()


class MailServer:
    """Takes mail on a port of its own.  Manners: ok, 4xx or 5xx at RCPT, data-451 behind the mail,
    slow:SECONDS before it is taken, cut in the middle."""

    def __init__(self, tls=None, login=None):
        self.manners = Manners()
        self.taken = []
        self.refused = []
        self.logins = []
        more = {}
        if tls:
            more.update(tls_context=tls, require_starttls=True)
        if login:
            more.update(auth_required=True, authenticator=self._authenticate)
        self.login = login
        self.controller = Controller(self, hostname="127.0.0.1", port=self._port(), **more)
        self.controller.start()

    @staticmethod
    def _port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    @property
    def port(self):
        return self.controller.port

    def close(self):
        self.controller.stop()

    def _authenticate(self, _server, _session, _envelope, _mechanism, data):
        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == self.login)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        word = self.manners.next(address)
        envelope.word = word
        if word.isdigit():
            self.refused.append((address, word))
            return f"{word} not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):
        mail = Mail(envelope)
        word = envelope.word
        if word.startswith("data-"):
            self.refused.append((mail.to[0], word))
            return f"{word[5:]} not now"
        self.taken.append(mail)
        if word.startswith("slow:"):
            time.sleep(float(word[5:]))
        if word == "cut":
            server.transport.abort()
        return "250 taken"

    def to(self, address):
        return [m for m in list(self.taken) if address in m.to]


def certificate(directory):
    """A certificate of 127.0.0.1 that signs itself: its file, and the server's side of TLS."""
    cert, key = os.path.join(directory, "mail.crt"), os.path.join(directory, "mail.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


# --- short messages -------------------------------------------------------------------------

class SmsServer:
    """Twilio, Aliyun and anybody's, told apart by the path.  Manners: ok, a status, slow:SECONDS,
    after:SECONDS (not now), half (an answer that is cut off), drop (none), no:CODE (understood, and no)."""

    SID, TOKEN = "AC0123", "the-token"
    KEY, SECRET = "the-key", "the-secret"
    USER, PASSWORD = "gateway", "pass word"

    def __init__(self):
        self.manners = Manners()
        self.asked = []   # every request that was signed as it should be
        self.forged = []  # all others
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                server._serve(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.number = 0
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def to(self, address):
        return [a for a in list(self.asked) if a["to"] == address]

    def _serve(self, r):
        body = r.rfile.read(int(r.headers.get("Content-Length") or 0))
        path = r.path.split("?")[0]
        if path.startswith("/2010-04-01/"):
            asked, answer, good = self._twilio(r, path, body)
        elif path == "/":
            asked, answer, good = self._aliyun(r, body)
        else:
            asked, answer, good = self._anybody(r, body)
        asked["at"] = time.time()
        asked["type"] = r.headers.get("Content-Type")
        if not good:
            self.forged.append(asked)
            self._answer(r, 401, {"code": 20003, "Code": "SignatureDoesNotMatch"})
            return
        self.asked.append(asked)
        word = self.manners.next(asked["to"])
        if word.startswith("slow:"):
            time.sleep(float(word[5:]))
        if word == "drop":
            r.close_connection = True
            return
        if word == "half":
            r.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"half\":")
            r.close_connection = True
            return
        if word.startswith("after:"):
            self._answer(r, 429, {}, {"Retry-After": word[6:]})
        elif word.isdigit():
            self._answer(r, int(word), {"code": int(word)})
        elif word.startswith("no:"):
            self._answer(r, 200, {"Code": word[3:], "ok": False, "reason": word[3:]})
        else:
            self._answer(r, 201 if path.startswith("/2010") else 200, answer)

    @staticmethod
    def _answer(r, status, answer, headers=None):
        data = json.dumps(answer).encode()
        with contextlib.suppress(ConnectionError):  # who was made to wait has gone
            r.send_response(status)
            r.send_header("Content-Type", "application/json")
            r.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                r.send_header(name, value)
            r.end_headers()
            r.wfile.write(data)

    def _id(self, prefix):
        self.number += 1
        return f"{prefix}{self.number}"

    def _basic(self, r, user, password):
        return r.headers.get("Authorization") == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def _twilio(self, r, path, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        good = self._basic(r, self.SID, self.TOKEN) and path == f"/2010-04-01/Accounts/{self.SID}/Messages.json"
        sid = self._id("SM")
        asked = {"to": form.get("To"), "text": form.get("Body"), "sid": sid, **form}
        return asked, {"sid": sid, "status": "queued"}, good

    def _aliyun(self, r, body):
        """The request put together anew from what came, and signed."""
        query = r.path.partition("?")[2]
        names = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"]
        digest = hashlib.sha256(body).hexdigest()
        fields = sorted(urllib.parse.parse_qsl(query, strict_parsing=True))
        quote = lambda s: urllib.parse.quote(s, safe="-_.~")
        canonical = "\n".join(["POST", "/", "&".join(f"{quote(k)}={quote(v)}" for k, v in fields),
                               *[f"{n}:{r.headers.get(n, '').strip()}" for n in names], "", ";".join(names), digest])
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        mac = hmac.new(self.SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        good = (r.headers.get("Authorization") == f"ACS3-HMAC-SHA256 Credential={self.KEY},SignedHeaders={';'.join(names)},"
                f"Signature={mac}" and r.headers.get("x-acs-content-sha256") == digest)
        form = dict(fields)
        asked = {"to": form.get("PhoneNumbers"), "nonce": r.headers.get("x-acs-signature-nonce"),
                 "date": r.headers.get("x-acs-date"), "action": r.headers.get("x-acs-action"), **form}
        return asked, {"Code": "OK", "Message": "OK", "BizId": self._id("9^")}, good

    def _anybody(self, r, body):
        asked = json.loads(body)
        asked["tenant"] = r.headers.get("X-Tenant")
        return asked, {"ok": True, "number": self._id("n")}, self._basic(r, self.USER, self.PASSWORD)


# --- receipts -------------------------------------------------------------------------------

def twilio_signature(url, form, token=SmsServer.TOKEN):
    text = url + "".join(k + form[k] for k in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
