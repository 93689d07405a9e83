"""pens -- payment providers as they send, with keys made here and openssl as their pen.

    pens = Pens(d)                  # writes the keys files beside the settings of a daemon
    d.configure({"hooks": {"sources": d.settings["hooks"]["sources"] + pens.sources(), "proxies": "127.0.0.1 ::1"}})
    senders = Senders(d, pens)
    senders.wechat("WX1", 5000, order_no)
"""
import base64
import hashlib
import hmac
import json
import os
import time
import urllib.parse

import gate
import ink

VALIDATE, CONFIRM = "/hooks/v1/till/9f1c2a7e55d0b3/validation", "/hooks/v1/till/9f1c2a7e55d0b3/confirmation"

MORE = f"""\
stripe:
  secrets_file: stripe
paystack:
  secrets_file: paystack
mpesa:
  shortcodes: "600638"
  validation_path: {VALIDATE}
  confirmation_path: {CONFIRM}
  unconfirmed_most: "5000.00"
"""


class Pens(ink.Keys):
    """The keys of all of them, and the files that powergated reads."""

    def __init__(self, d):
        super().__init__(d.dir, MORE)
        self.write("stripe", "whsec_old\nwhsec_new\n")
        self.write("paystack", "sk_test_key\n")

    def sources(self):
        return [{"name": n, "provider": p, "keys_file": self.keys} for n, p in
                (("wx", "wechat"), ("ali", "alipay"), ("card", "stripe"), ("naira", "paystack"), ("till", "mpesa"))]


class Senders:
    def __init__(self, d, pens):
        self.d, self.pens = d, pens
        self.peer = "196.201.214.200"

    def send(self, path, body, headers=None):
        return gate.request(self.d.hooks_port, "POST", path, body, {"Content-Type": "text/plain", **(headers or {})})

    # -- each as it sends

    def wechat(self, number, amount, order, kind="TRANSACTION.SUCCESS", event=None, mchid="1900000001", key="wechat",
               serial="PUB_KEY_ID_1", probe=False, at=None, attach=None, refund="RF-1", seal=True):
        inner = {"mchid": mchid, "appid": "wx1", "out_trade_no": order, "transaction_id": number}
        if kind.startswith("REFUND"):
            inner |= {"out_refund_no": refund, "refund_status": kind[7:], "amount": {"refund": amount, "total": amount}}
        else:
            inner |= {"trade_state": "SUCCESS", "trade_type": "NATIVE", "success_time": "2026-11-20T16:00:00+08:00",
                      "amount": {"total": amount, "payer_total": amount, "currency": "CNY"}, "attach": attach}
        nonce = base64.b64encode(os.urandom(9))
        sealed = ink.seal(self.pens.apiv3, nonce, b"transaction", json.dumps(inner).encode())
        if not seal:
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        body = json.dumps({"id": event or "EV-" + number, "event_type": kind, "resource_type": "encrypt-resource", "resource": {
            "original_type": "refund" if kind.startswith("REFUND") else "transaction", "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(), "nonce": nonce.decode(), "associated_data": "transaction"}}).encode()
        return self.wechat_body(body, key, serial, probe, at)

    def wechat_body(self, body, key="wechat", serial="PUB_KEY_ID_1", probe=False, at=None):
        stamp = str(int(at or time.time()))
        sign = self.pens.rsa(key, f"{stamp}\nabc\n".encode() + body + b"\n")
        self.last = ("/hooks/v1/wx", body, {"Wechatpay-Timestamp": stamp, "Wechatpay-Nonce": "abc", "Wechatpay-Serial": serial,
                     "Wechatpay-Signature": ("WECHATPAY/SIGNTEST/" if probe else "") + sign, "Request-ID": "08F7"})
        return self.send(*self.last)

    def alipay(self, number, amount, order, status="TRADE_SUCCESS", notify=None, app="2019", key="alipay", spoil=False, **more):
        f = {"app_id": app, "seller_id": "2088", "notify_id": notify or "N" + number, "notify_type": "trade_status_sync",
             "trade_no": number, "out_trade_no": order, "trade_status": status, "total_amount": amount,
             "gmt_payment": "2026-11-20 16:00:00", **more}
        sign = self.pens.rsa(key, "&".join(f"{k}={f[k]}" for k in sorted(f)).encode())
        if spoil:
            f["total_amount"] = "9.99"
        self.last = ("/hooks/v1/ali", urllib.parse.urlencode({**f, "sign_type": "RSA2", "sign": sign}).encode(), {})
        return self.send(*self.last)

    def stripe(self, number, minor, kind="payment_intent.succeeded", event=None, secret="whsec_new", livemode=True, at=None, **more):
        o = {"id": number, "status": "succeeded", "currency": "cny", "amount_received": minor, **more}
        body = json.dumps({"id": event or "evt_" + number, "created": 1795000000, "livemode": livemode, "type": kind, "data": {"object": o}}).encode()
        stamp = str(int(at or time.time()))
        mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        self.last = ("/hooks/v1/card", body, {"Stripe-Signature": f"t={stamp},v1={mac}"})
        return self.send(*self.last)

    def paystack(self, number, amount, event="charge.success", secret="sk_test_key", **more):
        body = json.dumps({"event": event, "data": {"id": number + "7", "reference": number, "status": "success", "amount": amount, "currency": "CNY",
                           "paid_at": "2026-11-20T08:00:00Z", "channel": "card", "domain": "live", **more}}).encode()
        self.last = ("/hooks/v1/naira", body, {"x-paystack-signature": hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()})
        return self.send(*self.last)

    def mpesa(self, number, amount, typed, path=CONFIRM, peer=None, code="600638"):
        body = json.dumps({"TransactionType": "Pay Bill", "TransID": number, "TransTime": "20261120110000", "TransAmount": amount,
                           "BusinessShortCode": code, "BillRefNumber": typed, "MSISDN": "2547"}).encode()
        self.last = (path, body, {"X-Forwarded-For": peer or self.peer})
        return self.send(*self.last)
