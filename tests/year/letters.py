"""letters -- writes as payment providers do, with keys made here: notifications and a day's bill.

    p = letters.Pens(directory)              # keys, and keys.yaml for powergated
    path, headers, body = p.wechat_paid("WX1", 5000, "O-1", "A1", paid, at)
    data = letters.wechat_bill(rows, rng)    # one that agrees with itself

The same keys, numbers and instants give the same bytes.
"""
import base64
import datetime
import gzip
import hashlib
import hmac
import io
import json
import urllib.parse
import zipfile

import ink

BEIJING = datetime.timezone(datetime.timedelta(hours=8))


def clock(at, form="%Y-%m-%d %H:%M:%S"):
    return at.astimezone(BEIJING).strftime(form)


def yuan(minor, digits=2):
    return f"{'-' if minor < 0 else ''}{abs(minor) // 10 ** digits}.{abs(minor) % 10 ** digits:0{digits}d}"


class Pens(ink.Keys):
    """Both of them, and whoever has no right to sign for them."""

    def wechat(self, inner, kind, event, at, key="wechat", path="/hooks/v1/wx"):
        """Sealed and signed at that instant; the nonce is of the event and the instant."""
        nonce = hashlib.sha256(f"{event}{at}".encode()).hexdigest()[:12].encode()
        inner = {"mchid": "1900000001", "appid": "wx1", **inner}
        sealed = ink.seal(self.apiv3, nonce, b"transaction", json.dumps(inner).encode())
        body = json.dumps({"id": event, "event_type": kind, "resource_type": "encrypt-resource", "resource": {
            "original_type": "refund" if kind.startswith("REFUND") else "transaction", "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(), "nonce": nonce.decode(), "associated_data": "transaction"}}).encode()
        stamp = str(int(at.timestamp()))
        return path, {"Wechatpay-Timestamp": stamp, "Wechatpay-Nonce": "abc", "Wechatpay-Serial": "PUB_KEY_ID_1",
                      "Wechatpay-Signature": self.rsa(key, f"{stamp}\nabc\n".encode() + body + b"\n")}, body

    def wechat_paid(self, no, minor, order, attach, paid, at, event=None, key="wechat"):
        return self.wechat({"out_trade_no": order, "transaction_id": no, "trade_state": "SUCCESS", "trade_type": "NATIVE",
                            "success_time": clock(paid, "%Y-%m-%dT%H:%M:%S+08:00"), "attach": attach,
                            "amount": {"total": minor, "payer_total": minor, "currency": "CNY"}},
                           "TRANSACTION.SUCCESS", event or "EV-" + no, at, key)

    def wechat_refunded(self, no, order, refund, minor, total, back, at):
        return self.wechat({"out_trade_no": order, "transaction_id": no, "out_refund_no": refund, "refund_status": "SUCCESS",
                            "success_time": clock(back, "%Y-%m-%dT%H:%M:%S+08:00"), "amount": {"refund": minor, "total": total}},
                           "REFUND.SUCCESS", "EV-" + refund, at)

    def alipay(self, fields, key="alipay", path="/hooks/v1/ali"):
        f = {"app_id": "2019", "seller_id": "2088", "notify_type": "trade_status_sync", "trade_status": "TRADE_SUCCESS", **fields}
        sign = self.rsa(key, "&".join(f"{k}={f[k]}" for k in sorted(f)).encode())
        return path, {}, urllib.parse.urlencode({**f, "sign_type": "RSA2", "sign": sign}).encode()

    def alipay_paid(self, no, minor, order, reference, paid, event=None, key="alipay"):
        return self.alipay({"notify_id": event or "N-" + no, "trade_no": no, "out_trade_no": order, "passback_params": reference,
                            "total_amount": yuan(minor), "gmt_payment": clock(paid)}, key)

    def alipay_refunded(self, no, order, refund, minor, total, paid, back):
        return self.alipay({"notify_id": "N-" + refund, "trade_no": no, "out_trade_no": order, "total_amount": yuan(total),
                            "gmt_payment": clock(paid), "refund_fee": yuan(minor), "gmt_refund": clock(back), "out_biz_no": refund})


def standard(secret, event, data, at, path="/hooks/v1/app"):
    """Standard Webhooks: a payment, signed at that instant."""
    body = json.dumps({"type": "payment.succeeded", "timestamp": data["paid_at"], "data": data}).encode()
    stamp = str(int(at.timestamp()))
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), f"{event}.{stamp}.".encode() + body, hashlib.sha256)
    return path, {"Content-Type": "application/json", "webhook-id": event, "webhook-timestamp": stamp,
                  "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode()}, body


# --- a day's bill: rows are {"kind", "no", "order", "at", "minor", "fee_micro", "refund"} -------------

WECHAT = ("交易时间", "公众账号ID", "商户号", "微信订单号", "商户订单号", "用户标识", "交易类型", "交易状态", "货币种类", "应结订单金额",
          "代金券金额", "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款状态", "商品名称", "手续费", "费率", "订单金额",
          "申请退款金额")


def wechat_bill(rows, rng):
    """UTF-8 with its mark, back-ticks, columns in an order of the day; the last line adds up."""
    names = list(WECHAT)
    rng.shuffle(names)
    lines, back = ["\ufeff" + ",".join(names)], [r for r in rows if r["kind"] == "refund"]
    paid = [r for r in rows if r["kind"] == "payment"]
    for r in rows:
        is_back = r["kind"] == "refund"
        cells = dict.fromkeys(names, "")
        cells |= {"交易时间": clock(r["at"]), "公众账号ID": "wx1", "商户号": "1900000001", "微信订单号": r["no"], "商户订单号": r["order"],
                  "交易类型": "NATIVE", "交易状态": "REFUND" if is_back else "SUCCESS", "货币种类": "CNY", "代金券金额": "0.00",
                  "应结订单金额": "0.00" if is_back else yuan(r["minor"]), "订单金额": "0.00" if is_back else yuan(r["minor"]),
                  "微信退款单号": "5" + r["refund"] if is_back else "0", "商户退款单号": r["refund"] if is_back else "0",
                  "退款金额": yuan(r["minor"]) if is_back else "0.00", "申请退款金额": yuan(r["minor"]) if is_back else "0.00",
                  "充值券退款金额": "0.00", "商品名称": "电费, 预付", "手续费": yuan(r["fee_micro"] // 10, 5), "费率": "0.60%"}
        lines.append(",".join("`" + cells[n] for n in names))
    sums = [sum(r["minor"] for r in part) for part in (paid, back)]
    fees = (sum(r["fee_micro"] for r in rows) + 5000) // 10000
    lines += ["总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
              f"`{len(rows)}.0,`{yuan(sums[0])},`{yuan(sums[1])},`0.00,`{yuan(fees)},`{yuan(sums[0])},`{yuan(sums[1])}"]
    return ("\r\n".join(lines) + "\r\n").encode()


def packed(data):
    """gzip, the same bytes each time."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as z:
        z.write(data)
    return out.getvalue()


ALIPAY = ("支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "对方账户", "订单金额（元）", "商家实收（元）",
          "退款批次号/请求号", "服务费（元）", "备注")


class _Gbk(zipfile.ZipInfo):
    def _encodeFilenameFlags(self):
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def alipay_bill(rows, day, rng):
    """GBK in a zip, its summary beside it; cells are padded and refunds have a sign."""
    names = list(ALIPAY)
    rng.shuffle(names)
    lines = ["#支付宝业务明细查询", "#账号：[20880000000000000156]", f"#起始日期：[{day}]", "#---------业务明细列表---------", ",".join(names)]
    for r in rows:
        is_back = r["kind"] == "refund"
        amount = ("-" if is_back else "") + yuan(r["minor"])
        cells = {"支付宝交易号": r["no"] + "\t", "商户订单号": r["order"] + "\t", "业务类型": ("退款" if is_back else "交易") + "\t",
                 "商品名称": "电费", "创建时间": clock(r["at"]), "完成时间": clock(r["at"]) + "\t", "对方账户": "a*@b", "订单金额（元）": amount,
                 "商家实收（元）": amount, "退款批次号/请求号": r["refund"] if is_back else "",
                 "服务费（元）": "0.00" if is_back else "-" + yuan((r["fee_micro"] + 5000) // 10000), "备注": ""}
        lines.append(",".join(cells[n] for n in names))
    paid, back = ([r["minor"] for r in rows if r["kind"] == kind] for kind in ("payment", "refund"))
    lines += ["#---------业务明细列表结束---------", f"#交易合计：{len(paid)}笔，商家实收共{yuan(sum(paid))}元，商家优惠共0.00元",
              f"#退款合计：{len(back)}笔，商家实收退款共-{yuan(sum(back))}元，商家优惠退款共0.00元", ""]
    files = [("20880156_业务明细(汇总).csv", "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数\r\n".encode("gbk")),
             ("20880156_业务明细.csv", "\r\n".join(lines).encode("gbk"))]
    rng.shuffle(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files:
            info = _Gbk(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)
    return out.getvalue()


def day_end(rows, source, day):
    """The file of a terminal or a property system."""
    paid, back = ([r for r in rows if r["kind"] == kind] for kind in ("payment", "refund"))
    lines = [f"powergate-day-end,1,{source},{day},CNY", "kind,payment_no,refund_no,paid_at,amount"]
    lines += [f"{r['kind']},{r['no']},{r['refund']},{clock(r['at'], '%Y-%m-%dT%H:%M:%S+08:00')},{yuan(r['minor'])}" for r in rows]
    lines.append(f"total,{len(rows)},{yuan(sum(r['minor'] for r in paid))},{yuan(sum(r['minor'] for r in back))}")
    return ("\n".join(lines) + "\n").encode()
