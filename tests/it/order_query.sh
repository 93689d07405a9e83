#!/bin/sh
# Orders whose payment nobody told of are asked for at their provider, which is slow, refuses,
# hangs up, lies, and says in the end that they are paid.
#   tests/it/order_query.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import base64, http.server, json, os, re, subprocess, sys, tempfile, threading, time, urllib.parse
import gate, ink, pens

BUILD = sys.argv[1]
MONEY = ("inbox", "payment", "journal", "posting")


class Provider(http.server.BaseHTTPRequestHandler):
    """WeChat Pay and Alipay's gateway; what they say of an order is a list, the last of it for ever."""
    says, asked, wrong, keys = {}, [], [], None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def verified(self, key, text, signature):
        with tempfile.NamedTemporaryFile() as f:
            f.write(base64.b64decode(signature))
            f.flush()
            p = subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.keys.at(key), "-signature", f.name], input=text.encode(),
                               capture_output=True, check=False)
        return p.returncode == 0

    def next(self, order):
        Provider.asked.append((time.monotonic(), order))
        plan = Provider.says.setdefault(order, ["unknown"])
        return plan.pop(0) if len(plan) > 1 else plan[0]

    def send(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def odd(self, what):
        """What is no answer; True when it was given."""
        if what == "slow":
            time.sleep(1.5)
        if what in ("slow", "hangs up"):
            self.close_connection = True
            self.connection.close()
        elif what in ("500", "401"):
            self.send(int(what), b'{"code":"SYSTEM_ERROR"}')
        else:
            return False
        return True

    def do_GET(self):
        order = urllib.parse.unquote(self.path.split("/")[-1].split("?")[0])
        a = dict(re.findall(r'(\w+)="([^"]*)"', self.headers.get("Authorization", "")))
        text = f"GET\n{self.path}\n{a.get('timestamp')}\n{a.get('nonce_str')}\n\n"
        if a.get("mchid") != "1900000001" or a.get("serial_no") != "5157F09EFDC096DE" or not self.headers.get("User-Agent") or \
           not self.verified("merchant.pem", text, a.get("signature", "")):
            Provider.wrong.append(self.headers.as_string())
        what = self.next(order)
        if self.odd(what):
            return
        if what == "unknown":
            self.send(404, b'{"code":"ORDER_NOT_EXIST","message":"no such order"}')
            return
        state, number, minor = what if isinstance(what, tuple) else (what, "", 0)
        o = {"mchid": "1900000001", "appid": "wx1", "out_trade_no": "SOMEBODYS" if state == "other" else order, "trade_state": state}
        if number:
            o |= {"trade_state": "SUCCESS", "transaction_id": number, "trade_type": "NATIVE", "success_time": "2026-11-20T16:00:00+08:00",
                  "amount": {"total": minor, "payer_total": minor, "currency": "CNY"}}
        body = json.dumps(o).encode()
        stamp = str(int(time.time()) - (400 if state == "old" else 0))
        sign = self.keys.rsa("other" if state == "forged" else "wechat", f"{stamp}\nxyz\n".encode() + body + b"\n")
        self.send(200, body, [("Wechatpay-Timestamp", stamp), ("Wechatpay-Nonce", "xyz"), ("Wechatpay-Serial", "PUB_KEY_ID_1"),
                              ("Wechatpay-Signature", sign), ("Content-Type", "application/json")])

    def do_POST(self):
        f = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        sign = f.pop("sign", "")
        if f.get("app_id") != "2019" or not self.verified("merchant.pem", "&".join(f"{k}={f[k]}" for k in sorted(f)), sign):
            Provider.wrong.append(str(f))
        order = json.loads(f["biz_content"])["out_trade_no"]
        what = self.next(order)
        if self.odd(what):
            return
        if what == "unknown":
            o = {"code": "40004", "msg": "Business Failed", "sub_code": "ACQ.TRADE_NOT_EXIST"}
        else:
            state, number, minor = what
            o = {"code": "10000", "msg": "Success", "trade_no": number, "out_trade_no": order, "trade_status": "TRADE_SUCCESS",
                 "total_amount": f"{minor // 100}.{minor % 100:02}", "send_pay_date": "2026-11-20 16:00:00"}
        part = json.dumps(o, ensure_ascii=False)
        key = "other" if isinstance(what, tuple) and what[0] == "forged" else "alipay"
        self.send(200, f'{{"alipay_trade_query_response":{part},"sign":"{self.keys.rsa(key, part.encode())}"}}'.encode())


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Who hangs up on purpose is told of it."""


class World:
    def __init__(self, db, d, senders):
        self.db, self.d, self.senders = db, d, senders

    def order(self, source, minor, plan, **more):
        """An order, and what its provider will say of it."""
        number = f"ORDER-{len(Provider.says) + 1:04}"
        Provider.says[number] = plan
        self.d.order("orders", account="R1", amount_minor=str(minor), source=source, order_no=number, **more)
        return number

    def shown(self, number):
        return self.d.ask("order/show", order=number).json

    def paid(self, number, seconds=10):
        return gate.comes(lambda: self.shown(number)["state"] == "paid", seconds)

    def payments(self, number):
        return self.db.rows("SELECT payment_no, amount_minor, state FROM powergate.payment WHERE order_no = :'n'", n=number)

    def counts(self):
        seen = self.db.counts()
        return {k: seen[k] for k in MONEY}

    def close(self, chapter):
        total = self.db.value("SELECT COALESCE(sum(amount_minor), 0) FROM powergate.posting")
        gate.ok(total == 0 and not self.db.ledger_problems() and self.d.running() and not Provider.wrong,
                f"{chapter}: the books balance, and every question was signed", f"{total} {self.db.ledger_problems()} {Provider.wrong}")


def found(w):
    o = w.order("wx", 5000, ["unknown", ("SUCCESS", "WXQ1", 5000)])
    gate.ok(w.paid(o) and w.payments(o) == [["WXQ1", "5000", "settled"]] and w.shown(o)["asked"] >= 2, "WeChat Pay: a payment nobody told of is found", w.shown(o))
    q = w.db.value("SELECT id FROM powergate.payment WHERE payment_no = 'WXQ1'")
    code, out, err = w.d.ctl("recharge", "prove", str(q), "--conf", w.d.conf)
    gate.ok(code == 0 and "signature verified again" in out, "and proven by the answer that is kept", out + err)
    before = w.counts()
    a = w.senders.wechat("WXQ1", 5000, o)
    gate.ok(a.status == 200 and w.counts() == before, "the notification that comes after all adds nothing", f"{a} {before} {w.counts()}")
    o = w.order("ali", 300, ["unknown", ("SUCCESS", "ALQ1", 300)])
    gate.ok(w.paid(o) and w.payments(o) == [["ALQ1", "300", "settled"]], "Alipay: the same", w.shown(o))
    before = w.counts()
    a = w.senders.alipay("ALQ1", "3.00", o, passback_params="R1")
    gate.ok(a.status == 200 and w.counts() == before, "also when the notification says more than the answer did", f"{a} {before} {w.counts()}")
    q = w.db.value("SELECT id FROM powergate.payment WHERE payment_no = 'ALQ1'")
    gate.ok(w.d.ctl("recharge", "prove", str(q), "--conf", w.d.conf)[0] == 0, "and its answer proves it too", w.d.ctl("recharge", "prove", str(q), "--conf", w.d.conf))
    o = w.order("wx", 700, ["NOTPAY"])
    gate.until(lambda: w.shown(o)["asked"] >= 1, 10)
    a = w.senders.wechat("WXQ2", 700, o)
    asked = len(Provider.asked)
    Provider.says[o] = [("SUCCESS", "WXQ2", 700)]
    time.sleep(1)
    gate.ok(a.status == 200 and w.shown(o)["state"] == "paid" and o not in [x for _, x in Provider.asked[asked:]], "an order that is paid is not asked for any more", w.shown(o))
    w.close("found")


def trouble(w):
    plans = {"slow": "wx", "500": "wx", "401": "wx", "hangs up": "wx", "NOTPAY": "wx", "other": "wx", "forged": "wx", "old": "wx"}
    before = w.counts()
    orders = {}
    for what, source in plans.items():
        lie = (what, "WXLIE-" + what, 400) if what in ("other", "forged", "old") else what
        orders[what] = w.order(source, 400, [lie])
    orders["hangs up, Alipay"] = w.order("ali", 400, ["hangs up"])
    orders["forged, Alipay"] = w.order("ali", 400, [("forged", "ALLIE", 400)])
    gate.until(lambda: all(w.shown(o)["asked"] >= 1 for o in orders.values()), 15, "the first questions")
    time.sleep(1)
    gate.ok(w.counts() == before, "a provider that is slow, refuses, hangs up, knows nothing, or lies: no row of money", f"{before} {w.counts()}")
    def seen():
        return {r[0] for r in w.db.rows("SELECT key FROM powergate.work WHERE state <> 'resolved'")}

    wanted = {"provider:wx:bad_signature", "provider:wx:stale", "provider:wx:not_allowed", "provider:ali:bad_signature"}
    gate.ok(gate.comes(lambda: wanted <= seen(), 15),
            "and what is forged, old, or refuses us is somebody's work", seen())
    for n, o in enumerate(orders.values()):
        Provider.says[o] = [("SUCCESS", f"WXT{n}", 400)]
    gate.ok(all(w.paid(o, 15) for o in orders.values()), "each is asked again, and paid in the end", [w.shown(o) for o in orders.values()])
    gate.ok(w.counts()["payment"] == before["payment"] + len(orders), "once")
    w.close("trouble")


def late(w):
    o = w.order("wx", 900, ["NOTPAY"], minutes="1")
    gate.until(lambda: w.shown(o)["asked"] >= 1, 10)
    w.db.run("UPDATE powergate.pay_order SET expires_us = created_us + 1, ask_us = created_us WHERE number = :'n'", n=o)
    gate.ok(w.shown(o)["state"] == "expired", "an order expires")
    Provider.says[o] = [("SUCCESS", "WXLATE", 900)]
    w.db.run("UPDATE powergate.pay_order SET ask_us = created_us WHERE number = :'n'", n=o)
    gate.ok(w.paid(o) and w.payments(o) == [["WXLATE", "900", "settled"]], "it is asked for once more, and a late payment is money", w.shown(o))
    o = w.order("wx", 500, ["CLOSED"])
    gate.until(lambda: w.shown(o)["asked"] >= 1, 10)
    gone = gate.comes(lambda: w.db.value("SELECT COALESCE(ask_us, 0) FROM powergate.pay_order WHERE number = :'n'", n=o) == 0, 5)
    gate.ok(gone and not w.payments(o), "one that the provider closed is not asked for any more")
    o = w.order("wx", 500, [("SUCCESS", "WXLESS", 499)])
    held = gate.comes(lambda: w.payments(o) == [["WXLESS", "499", "suspense"]], 10)
    gate.ok(held, "another amount than was ordered waits for a person", w.payments(o))
    o = w.order("app", 500, [("SUCCESS", "NEVER", 500)])
    time.sleep(0.5)
    gate.ok(w.shown(o)["asked"] == 0, "who cannot be asked is not")
    w.close("late")


def again(w):
    """kill -9 between the question and the answer: asked again, and there once."""
    orders = [w.order("wx", 100 + n, ["slow", ("SUCCESS", f"WXK{n}", 100 + n)]) for n in range(4)]
    gate.until(lambda: sum(o in [x for _, x in Provider.asked] for o in orders) >= 2, 10)
    w.d.kill()
    w.d.start()
    gate.ok(all(w.paid(o, 15) for o in orders) and all(len(w.payments(o)) == 1 for o in orders), "kill -9 while questions are under way: each is found, once",
            [w.shown(o) for o in orders])
    w.close("again")


def main():
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, start=False) as d:
        keys = pens.Pens(d)
        Provider.keys = keys
        server = Server(("127.0.0.1", 0), Provider)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ink.run("openssl", "genrsa", "-out", keys.at("merchant.key"), "2048")
        os.chmod(keys.at("merchant.key"), 0o600)
        ink.run("openssl", "rsa", "-in", keys.at("merchant.key"), "-pubout", "-out", keys.at("merchant.pem"))
        with open(keys.keys, encoding="utf-8") as f:
            text = f.read()
        url = f"http://127.0.0.1:{server.server_port}"
        text = text.replace("alipay:\n", f"alipay:\n  app_key_file: merchant.key\n  gateway_url: {url}/gateway.do\n")
        text = text.replace("wechat:\n", f"wechat:\n  serial: 5157F09EFDC096DE\n  merchant_key_file: merchant.key\n  api_url: {url}\n")
        d.write("keys.yaml", text)
        d.configure({"hooks": {"sources": d.settings["hooks"]["sources"] + keys.sources(), "proxies": "127.0.0.1 ::1"},
                     "orders": {"ask": "100ms", "patience": "1s", "sweep": "100ms"}})
        d.start()
        d.remote("R1")
        w = World(db, d, pens.Senders(d, keys))
        found(w)
        trouble(w)
        late(w)
        again(w)
        server.shutdown()
    return gate.done()


sys.exit(main())
PY
