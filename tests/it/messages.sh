#!/bin/sh
# From the outbox to the customer's phone: languages, channels one after the other, quiet hours, caps,
# receipts; against a mail server and providers that refuse, are slow, and hang up.
#   tests/it/messages.sh BUILD-DIR
python=/usr/bin/python3 # Debian's own: it is the one that has aiosmtpd
[ -x "$python" ] || python=python3
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec "$python" - "$@" <<'PY'
import datetime
import json
import os
import signal
import sys
import time
import urllib.parse
import zoneinfo

import field
import gate
import post

BUILD = sys.argv[1]
ZONE = "Asia/Shanghai"
PUBLIC = "https://power.example/hooks/v1/receipts/sms"  # as the provider is told


def account(d, name, **more):
    d.order("account/add", account=name, mode="remote", site="here", tariff="flat", warn="1000,500", **more)


def contact(d, name, channel, address, language="en", **more):
    return d.order("contact/add", account=name, channel=channel, address=address, language=language, **more)["contact"]


def notices(d, name, kind):
    return [n for n in d.ask("notice/list", account=name, kind=kind).json["rows"] if n["for"] == "customer"]


def messages(d, name, kind, who="customer"):
    """The messages of the newest notice of a kind."""
    found = notices(d, name, kind)
    if not found:
        return []
    return [m for m in d.ask("notice/show", notice=found[0]["notice"]).json["recipients"] or [] if m["who"] == who]


def steps(d, name, kind):
    return [(s["channel"], s["step"]) for s in d.ask("notice/show", notice=notices(d, name, kind)[0]["notice"]).json["steps"] or []]


def state(d, name, kind):
    found = notices(d, name, kind)
    return found[0]["state"] if found else None


def say(db, name, kind, body=None, life_s=3600):
    """A notice as any cause writes it."""
    now = int(time.time() * 1e6)
    db.run("SET search_path = powergate; SELECT customer_notice(:'key', :'kind', a.id, NULL, :'body'::jsonb, :now, :life) "
           "FROM powergate.account a WHERE a.number = :'name'", key=f"test:{kind}:{name}:{now}", kind=kind,
           body=json.dumps(body or {}), now=now, life=life_s * 1000000, name=name)


def clock_at(hour):
    """A zone in which it is that hour now."""
    ahead = (hour - datetime.datetime.now(datetime.timezone.utc).hour + 12) % 24 - 12
    return "Etc/GMT" if ahead == 0 else f"Etc/GMT{'-' if ahead > 0 else '+'}{abs(ahead)}"


# --- chapters: any provider, mail, webhook ----------------------------------------------------

def languages(d, mail):
    for name, language, zone in (("L1", "zh", ZONE), ("L2", "en", "America/New_York"), ("L3", "es", "Europe/Madrid")):
        account(d, name, customer="Ана & Co")
        contact(d, name, "mail", f"{language}@example.org", language, zone=zone, quiet="00:00-00:00")
        field.cash(d, name, 123456)
    gate.until(lambda: len(mail.taken) >= 3, 10, "three mails")
    subjects = {l: mail.to(f"{l}@example.org")[0]["Subject"] for l in ("zh", "en", "es")}
    gate.ok(subjects == {"zh": "已收到付款1234.56元", "en": "Payment received: 1234.56 CNY", "es": "Pago recibido: 1234,56 CNY"},
            "a payment is told in three languages, money as each writes it", subjects)
    m = mail.to("es@example.org")[0]
    local = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Madrid"))
    gate.ok(local.strftime("%d/%m/%Y") in m.text or (local - datetime.timedelta(minutes=2)).strftime("%d/%m/%Y") in m.text,
            "with the time on the reader's clock", m.text)
    token = messages(d, "L3", "paid")[0]["message"]
    gate.ok(m["Message-ID"] == f"<{token}@power.example>" and m.sender == "notices@power.example" and
            m["From"] == "供电所 <notices@power.example>" and m["To"] == "es@example.org" and m["Auto-Submitted"] == "auto-generated",
            "a mail says who sent it and has the message's own id", m.raw.decode())
    gate.ok(all(len(line) <= 998 and max(line, default=0) < 128 for line in m.raw.split(b"\r\n")) and b"\n" not in m.raw.replace(b"\r\n", b""),
            "nothing in it is other than plain lines")
    gate.ok(steps(d, "L3", "paid") == [("mail", "sent")], "one try did it", steps(d, "L3", "paid"))


def administrators(db, d, mail, sms):
    """A warning goes to the customer and to who looks after the site."""
    account(d, "A1")
    contact(d, "A1", "sms", "+8613800000011", quiet="00:00-00:00")
    admin = d.order("contact/add", site="here", channel="mail", address="admin@example.org", language="en", person="Ann",
                    quiet="00:00-00:00")["contact"]
    field.cash(d, "A1", 800)
    gate.until(lambda: [m for m in mail.to("admin@example.org") if "low" in m["Subject"]] and
               [a for a in sms.to("+8613800000011") if "left" in a["text"]], 10, "the warning")
    text = [a["text"] for a in sms.to("+8613800000011") if "left" in a["text"]]
    gate.ok(text == ["Electricity account A1: 8.00 CNY left. Please recharge."] and
            "account A1 is 8.00 CNY" in mail.to("admin@example.org")[0].text,
            "the customer is warned by sms, the administrator by mail", (text, mail.to("admin@example.org")[0].text))
    gate.ok(all("Payment" not in m["Subject"] for m in mail.to("admin@example.org")),
            "of a payment the administrator is not told")
    asked = sms.to("+8613800000011")[0]
    gate.ok(asked["tenant"] == "T-+8613800000011" and asked["from"] == "North" and asked["type"] == "application/json" and not sms.forged,
            "headers and body are filled in as the settings say", asked)
    low = [m["urgent"] for m in messages(d, "A1", "low")]
    account(d, "A2")
    field.cash(d, "A2", 300)  # below the last level at once
    gate.until(lambda: messages(d, "A2", "low"), 10, "a warning of the last level")
    gate.ok(low == [False] and messages(d, "A2", "low")[0]["urgent"], "the last level is urgent, the first is not",
            (low, messages(d, "A2", "low")))
    d.pay("nobody-here", 5000, "S-1")  # money of nobody is work, and work without a place is everybody's
    gate.until(lambda: [m for m in mail.to("admin@example.org") if "work" in m["Subject"]], 10, "the work item")
    told = [m for m in mail.to("admin@example.org") if "work" in m["Subject"]]
    item = field.work(d, told[0]["Subject"].split()[-1])[0]
    gate.ok(len(told) == 1 and f"powergatectl work show {item['work']}" in told[0].text and item["todo"] in told[0].text.replace("\n", " "),
            "an administrator hears of work, and what to do", told[0].text)
    d.order("contact/set", contact=admin, kinds="final,tripped")
    account(d, "A3")
    field.cash(d, "A3", 800)
    gate.until(lambda: messages(d, "A3", "low"), 10, "a warning")
    time.sleep(1)
    gate.ok(not messages(d, "A3", "low", "admin"), "who wants only some kinds hears of no other", messages(d, "A3", "low", "admin"))
    d.order("contact/stop", contact=admin, reason="on holiday")


def persistence(d, sms):
    account(d, "P1")
    contact(d, "P1", "sms", "+8613800000021", quiet="00:00-00:00")
    sms.manners["+8613800000021"] = ["500", "ok"]
    field.cash(d, "P1", 5000)
    gate.until(lambda: state(d, "P1", "paid") == "sent", 15, "the second try")
    asked = sms.to("+8613800000021")
    gate.ok(len(asked) == 2 and asked[0]["id"] == asked[1]["id"] == messages(d, "P1", "paid")[0]["message"] and
            1.4 < asked[1]["at"] - asked[0]["at"] < 6,
            "500, and 2 s later 200: the same message under the same id", asked)
    gate.ok(steps(d, "P1", "paid") == [("sms", "retry"), ("sms", "sent")], "both tries are kept", steps(d, "P1", "paid"))
    account(d, "P2")
    contact(d, "P2", "sms", "+8613800000022", quiet="00:00-00:00")
    sms.manners["+8613800000022"] = ["after:5", "ok"]
    field.cash(d, "P2", 5000)
    gate.until(lambda: len(sms.to("+8613800000022")) == 2, 15, "the second try")
    first, second = (a["at"] for a in sms.to("+8613800000022"))
    gate.ok(second - first >= 5, f"who asks for 5 s is left alone for {second - first:.1f}")


def fallback(d, mail, sms, sink):
    """Each begins with an sms that fails in a way of its own, and has mail behind it."""
    ways = {"F1": (["drop"], 2), "F2": (["half"], 2), "F3": (["slow:4"], 2), "F4": (["400"], 1), "F5": (["no:bad number"], 1),
            "F6": (["no:busy"], 2)}
    for i, (name, (manner, _)) in enumerate(ways.items()):
        account(d, name)
        contact(d, name, "sms", f"+861380000003{i}", rank=1, quiet="00:00-00:00")
        contact(d, name, "mail", f"{name.lower()}@example.org", rank=2, quiet="00:00-00:00")
        sms.manners[f"+861380000003{i}"] = manner
        field.cash(d, name, 5000)
    gate.comes(lambda: all(state(d, name, "paid") == "sent" for name in ways), 25)
    seen = {name: (len(sms.to(f"+861380000003{i}")), len(mail.to(f"{name.lower()}@example.org"))) for i, name in enumerate(ways)}
    gate.ok(seen == {name: (tries, 1) for name, (_, tries) in ways.items()},
            "no answer, half of one, a slow one: the second try, then mail; a final no: mail at once", seen)
    show = d.ctl("notice", "show", str(notices(d, "F4", "paid")[0]["notice"]))
    gate.ok(show[0] == 0 and "answered 400" in show[1] and "f4@example.org" in show[1], "notice show tells the way it took", show[1])

    account(d, "F7")
    contact(d, "F7", "mail", "f7@example.org", rank=1, quiet="00:00-00:00")
    contact(d, "F7", "webhook", "app:f7", rank=2)
    mail.manners["f7@example.org"] = ["550"]
    field.cash(d, "F7", 5000)
    gate.until(lambda: sink.told("paid", "F7"), 10, "the webhook")
    told = sink.told("paid", "F7")[0]
    gate.ok(len([a for a in mail.refused if a[0] == "f7@example.org"]) == 1 and told["to"] == "app:f7" and
            told["text"].startswith("We received your payment of 50.00 CNY") and told["data"]["amount_minor"] == 5000,
            "a mailbox that does not exist is asked once; the app has the same text and the data", told)

    account(d, "F8")
    contact(d, "F8", "mail", "f8@example.org", quiet="00:00-00:00")
    mail.manners["f8@example.org"] = ["data-451", "ok"]
    field.cash(d, "F8", 5000)
    gate.until(lambda: mail.to("f8@example.org"), 10, "the second mail")
    gate.ok(gate.comes(lambda: steps(d, "F8", "paid") == [("mail", "retry"), ("mail", "sent")], 3), "4yz is tried again", steps(d, "F8", "paid"))


def nobody(d, mail, sms):
    account(d, "W1")
    sms.manners["+8613800000041"] = ["404"]
    mail.manners["w1@example.org"] = ["550"]
    contact(d, "W1", "sms", "+8613800000041", rank=1, quiet="00:00-00:00")
    contact(d, "W1", "mail", "w1@example.org", rank=2, quiet="00:00-00:00")
    field.cash(d, "W1", 5000)
    gate.until(lambda: [w for w in field.work(d, "NOTICE") if w["account"] == "W1"], 10, "a work item")
    item = [w for w in field.work(d, "NOTICE") if w["account"] == "W1"][0]
    n = notices(d, "W1", "paid")[0]
    gate.ok("550" in item["text"] and f"notice retry {n['notice']}" in item["todo"] and n["state"] == "failed",
            "when every channel says no a person is asked, and told what to do", item)
    gate.ok(d.ctl("notice", "retry", str(n["notice"]))[0] == 0, "a person may have it tried again")
    gate.until(lambda: len(sms.to("+8613800000041")) == 2 and state(d, "W1", "paid") == "failed", 10, "the second round")
    contact(d, "W1", "mail", "w1-new@example.org", rank=0, quiet="00:00-00:00")
    d.order("notice/retry", notice=n["notice"])
    gate.until(lambda: mail.to("w1-new@example.org"), 10, "the mail to the new address")
    gate.ok(gate.comes(lambda: state(d, "W1", "paid") == "sent", 3), "and goes to the address that was entered meanwhile")
    answer = gate.request(d.socket, "POST", "/v1/notice/retry", json.dumps({"notice": n["notice"]}).encode())
    gate.ok(answer.status == 409, "who was told is not told again", answer)


def quiet(db, d, sms):
    account(d, "Q1")
    account(d, "Q2")
    contact(d, "Q1", "sms", "+8613800000051", zone=clock_at(12), quiet="11:00-14:00")
    contact(d, "Q2", "sms", "+8613800000052", zone=clock_at(18), quiet="11:00-14:00")
    for name in ("Q1", "Q2"):
        field.cash(d, name, 5000)
    gate.until(lambda: sms.to("+8613800000052"), 10, "who is awake")
    gate.until(lambda: messages(d, "Q1", "paid") and messages(d, "Q1", "paid")[0]["due_us"] > time.time() * 1e6 + 60e6, 10, "the end of quiet")
    m = messages(d, "Q1", "paid")[0]
    ends = datetime.datetime.fromtimestamp(m["due_us"] / 1e6, zoneinfo.ZoneInfo(clock_at(12)))
    gate.ok((ends.hour, ends.minute, ends.second) == (14, 0, 0) and not sms.to("+8613800000051") and steps(d, "Q1", "paid") == [("sms", "quiet")],
            "what is not urgent waits until the quiet hours end where the reader is", (ends, steps(d, "Q1", "paid")))
    say(db, "Q1", "overload", {"limit": "5 kW"})
    gate.until(lambda: sms.to("+8613800000051"), 10, "the urgent one")
    gate.ok("overload" in sms.to("+8613800000051")[0]["text"], "what is urgent does not", sms.to("+8613800000051"))
    say(db, "Q1", "days_left", {"days": 3, "balance_minor": 500}, life_s=3)
    gate.ok(gate.comes(lambda: state(d, "Q1", "days_left") == "expired", 12) and len(sms.to("+8613800000051")) == 1,
            "what is too old before they end is never sent", state(d, "Q1", "days_left"))
    account(d, "Q3")  # by the settings' own hours: there it is night now
    contact(d, "Q3", "sms", "+8613800000053", zone=clock_at(2))
    field.cash(d, "Q3", 5000)
    gate.ok(gate.comes(lambda: messages(d, "Q3", "paid") and steps(d, "Q3", "paid") == [("sms", "quiet")], 10) and
            not sms.to("+8613800000053"), "who said nothing has the hours of the settings")


def cap(db, d, sms):
    account(d, "C1")
    contact(d, "C1", "sms", "+8613800000061", quiet="00:00-00:00")
    for _ in range(5):
        field.cash(d, "C1", 100000)
        time.sleep(0.2)
    gate.until(lambda: len([n for n in notices(d, "C1", "paid") if n["state"] in ("sent", "capped")]) == 5, 15, "five notices")
    states = [n["state"] for n in notices(d, "C1", "paid")][::-1]
    gate.ok(states == ["sent"] * 3 + ["capped"] * 2 and len(sms.to("+8613800000061")) == 3,
            "three a day, and what is more stands in the list as capped", states)
    say(db, "C1", "overload")
    gate.ok(gate.comes(lambda: len(sms.to("+8613800000061")) == 4, 10), "the urgent one comes all the same")
    rows = d.ask("notice/list", state="capped").json["rows"]
    gate.ok(len(rows) == 2 and all(r["account"] == "C1" for r in rows), "they are found by that state", rows)


def no_longer_true(d, mail):
    account(d, "T1")
    contact(d, "T1", "mail", "t1@example.org", quiet="00:00-00:00")
    mail.manners["t1@example.org"] = ["451", "451", "ok"]  # one for each of two
    field.cash(d, "T1", 800)
    gate.until(lambda: notices(d, "T1", "low"), 10, "a warning")
    gate.until(lambda: ("mail", "retry") in steps(d, "T1", "low"), 10, "its first try")
    field.cash(d, "T1", 100000)
    gate.ok(gate.comes(lambda: state(d, "T1", "low") == "expired", 10) and not [m for m in mail.to("t1@example.org") if "low" in m["Subject"]],
            "who has paid before the second try is not warned any more", steps(d, "T1", "low"))


def killed(db, d, mail):
    account(d, "K1")
    contact(d, "K1", "mail", "k1@example.org", quiet="00:00-00:00")
    mail.manners["k1@example.org"] = ["slow:1.5", "ok"]
    field.cash(d, "K1", 5000)
    gate.until(lambda: mail.to("k1@example.org"), 10, "the mail")
    d.kill()  # before the server has said that it has it
    time.sleep(2)
    db.run("UPDATE powergate.message SET due_us = 0 WHERE state = 'waiting' AND claims > 0")  # as if its lease had run out
    d.start()
    gate.until(lambda: state(d, "K1", "paid") == "sent", 20, "the second try")
    ids = [m["Message-ID"] for m in mail.to("k1@example.org")]
    gate.ok(len(ids) == 2 and ids[0] == ids[1], "killed in the midst of it: once more, and both have the same Message-ID", ids)
    time.sleep(3)
    gate.ok(len(mail.to("k1@example.org")) == 2 and len(notices(d, "K1", "paid")) == 1 and len(mail.to("f8@example.org")) == 1,
            "what was told before is not told again")


def contacts(d):
    def refused(**values):
        return gate.request(d.socket, "POST", "/v1/contact/add", json.dumps(values).encode()).status

    good = {"account": "L1", "channel": "sms", "address": "+8613800000099", "language": "zh"}
    bad = [{"account": "nobody"}, {"channel": "pigeon"}, {"address": "12 34"}, {"channel": "mail"}, {"language": "de"},
           {"channel": "mail", "address": "a@b\r\nRCPT TO:<c@d>"}, {"zone": "Mars/Base"}, {"quiet": "22-7"}, {"rank": "x"},
           {"kinds": "low"}, {"who": "king"}, {"site": "here"}, {"person": "a:b"}]
    statuses = [refused(**{**good, **b}) for b in bad]
    gate.ok(all(s in (400, 404) for s in statuses), "what is no contact is refused", list(zip(statuses, bad)))
    first = refused(**good)
    gate.ok(first == 200 and refused(**good) == 409, "the same contact is entered once", first)
    code, out, _ = d.ctl("contact", "list", "--account", "L1")
    gate.ok(code == 0 and "zh@example.org" in out and "+8613800000099" in out and "00:00-00:00" in out, "contact list shows them", out)
    number = [c["contact"] for c in d.ask("contact/list", account="L1").json["rows"] if c["channel"] == "sms"][0]
    d.order("contact/set", contact=number, language="es", quiet="21:00-08:30")
    row = [c for c in d.ask("contact/list", account="L1").json["rows"] if c["contact"] == number][0]
    gate.ok(row["language"] == "es" and row["quiet"] == "21:00-08:30" and row["address"] == "+8613800000099",
            "what is set changes, what is not stays", row)
    code, _, err = d.ctl("contact", "stop", str(number), "--reason", "a test")
    gate.ok(code == 0 and number not in [c["contact"] for c in d.ask("contact/list", account="L1").json["rows"]],
            "a stopped contact is out of use", err)


def copy_texts(d, own):
    for language in ("en", "es", "zh"):
        with open(f"{own}/{language}.yaml", "w", encoding="utf-8") as f:
            f.write(d.ctl("notice", "texts", language)[1])


def texts(db, d):
    kinds = {r[0] for r in db.rows("SELECT kind FROM powergate.notice_kind")}
    lines = d.ctl("notice", "texts", "en")[1].splitlines()
    written = {line[:-1] for line in lines if line.endswith(":") and line[0] not in " #"} - {"words"}
    gate.ok(kinds == written, "the kinds the database knows are those there are texts for", kinds ^ written)
    own = os.path.join(d.dir, "texts")
    os.mkdir(own)
    copy_texts(d, own)
    with open(own + "/es.yaml", "a", encoding="utf-8") as f:
        f.write('lower:\n  subject: "x"\n')
    since = len(d.log())
    d.configure({"notify": {"messages": own}})
    d.signal(signal.SIGHUP)
    gate.ok(d.says("es.yaml", since=since) and d.says("lower: there is no such kind of notice", since=since) and
            d.says("settings stay as they were", since=since), "a wrong text of one's own is refused by file and line", d.log()[since:])
    copy_texts(d, own)
    with open(own + "/en.yaml", encoding="utf-8") as f:
        mine = f.read().replace("Payment received", "Thank you for")
    with open(own + "/en.yaml", "w", encoding="utf-8") as f:
        f.write(mine)
    d.signal(signal.SIGHUP)
    gate.until(lambda: "settings read anew" in d.log()[since:], 5, "the reload")
    account(d, "L4")
    contact(d, "L4", "mail", "l4@example.org", quiet="00:00-00:00")
    field.cash(d, "L4", 5000)
    gate.until(lambda: mail.to("l4@example.org"), 10, "the mail")
    gate.ok(mail.to("l4@example.org")[0]["Subject"] == "Thank you for: 50.00 CNY", "a good one is taken while running",
            mail.to("l4@example.org")[0]["Subject"])


# --- chapters: Twilio -------------------------------------------------------------------------

def receipt(d, message, form, signature=None, token=post.SmsServer.TOKEN):
    """As Twilio sends it: the address in the signature is the public one."""
    sig = signature or post.twilio_signature(f"{PUBLIC}?message={message}", form, token)
    return gate.request(d.hooks_port, "POST", f"/hooks/v1/receipts/sms?message={message}", urllib.parse.urlencode(form).encode(),
                        {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sig})


def twilio(d, mail, sms):
    account(d, "U1")
    contact(d, "U1", "sms", "+8613800000071", rank=1, quiet="00:00-00:00")
    contact(d, "U1", "mail", "u1@example.org", rank=2, quiet="00:00-00:00")
    field.cash(d, "U1", 5000)
    gate.until(lambda: state(d, "U1", "paid") == "sent", 10, "the message")
    asked = sms.to("+8613800000071")[0]
    m = messages(d, "U1", "paid")[0]
    gate.ok(asked["From"] == "+15005550006" and asked["StatusCallback"] == f"{PUBLIC}?message={m['message']}" and
            0 < int(asked["ValidityPeriod"]) <= 14400 and m["provider_id"] == asked["sid"] and not sms.forged,
            "Twilio gets its form with its own password, and an address for the receipt", asked)
    sid = asked["sid"]
    good = {"MessageSid": sid, "MessageStatus": "delivered", "To": "+8613800000071"}
    forged = [receipt(d, m["message"], good, token="guessed").status, receipt(d, m["message"], good, signature="AAAA").status,
              receipt(d, "m1-1", good, post.twilio_signature(f"{PUBLIC}?message={m['message']}", good)).status,
              receipt(d, m["message"], {**good, "MessageStatus": "failed"}, post.twilio_signature(f"{PUBLIC}?message={m['message']}", good)).status]
    gate.ok(forged == [401] * 4 and messages(d, "U1", "paid")[0]["state"] == "sent", "a forged receipt is refused and changes nothing", forged)
    gate.ok(receipt(d, m["message"], {**good, "MessageStatus": "sent"}).status == 200 and messages(d, "U1", "paid")[0]["state"] == "sent",
            "on its way is not there yet")
    gate.ok(receipt(d, m["message"], good).status == 200 and messages(d, "U1", "paid")[0]["state"] == "delivered", "delivered is")
    late = receipt(d, m["message"], {**good, "MessageStatus": "failed"})
    gate.ok(late.status == 200 and late.json["status"] == "known" and messages(d, "U1", "paid")[0]["state"] == "delivered" and
            not mail.to("u1@example.org"), "and stays so", late)
    gate.ok(receipt(d, "m999999-1", good).json["status"] == "unknown", "a receipt of nothing is no harm")

    field.cash(d, "U1", 5000)
    gate.until(lambda: len(sms.to("+8613800000071")) == 2 and state(d, "U1", "paid") == "sent", 10, "another message")
    m, asked = messages(d, "U1", "paid")[0], sms.to("+8613800000071")[1]
    receipt(d, m["message"], {"MessageSid": asked["sid"], "MessageStatus": "undelivered", "ErrorCode": "30003"})
    gate.until(lambda: mail.to("u1@example.org"), 10, "the mail")
    gate.until(lambda: state(d, "U1", "paid") == "sent", 5, "its end")
    gate.ok([s for s in steps(d, "U1", "paid")] == [("sms", "sent"), ("sms", "undelivered"), ("mail", "next"), ("mail", "sent")],
            "a message that did not arrive is followed by a mail", steps(d, "U1", "paid"))
    again = receipt(d, m["message"], {"MessageSid": asked["sid"], "MessageStatus": "undelivered"})
    time.sleep(1)
    gate.ok(again.status == 200 and len(mail.to("u1@example.org")) == 1, "once, however often the receipt comes", again)


def final(db, d, mail, sms):
    """With receipt_wait, a final notice counts when it has arrived."""
    def open_account(name, phone, meter):
        account(d, name, trip="100")
        d.order("meter/add", meter=meter, profile="remote", account=name)
        contact(d, name, "sms", phone, rank=1)
        contact(d, name, "mail", f"{name.lower()}@example.org", rank=2)
        field.cash(d, name, 50)
        gate.until(lambda: [m for m in messages(d, name, "final") if m["state"] == "sent"], 10, "the final notice")
        return messages(d, name, "final")[0], [a for a in sms.to(phone) if "FINAL" in a["text"]][0]

    m, asked = open_account("X1", "+8613800000081", "202600009001")
    gate.ok(state(d, "X1", "final") == "waiting", "a final notice that was sent is not delivered yet", state(d, "X1", "final"))
    receipt(d, m["message"], {"MessageSid": asked["sid"], "MessageStatus": "delivered"})
    gate.ok(state(d, "X1", "final") == "sent" and notices(d, "X1", "final")[0]["sent_us"] > 0, "with its receipt it is")

    m, asked = open_account("X2", "+8613800000082", "202600009002")
    gate.until(lambda: mail.to("x2@example.org"), 20, "the mail")
    gate.ok(gate.comes(lambda: state(d, "X2", "final") == "sent", 5) and "Final notice" in mail.to("x2@example.org")[0]["Subject"],
            "without a receipt in time it goes the next way, and that counts", steps(d, "X2", "final"))

    m, asked = open_account("X3", "+8613800000083", "202600009003")
    mail.manners["x3@example.org"] = ["550"]
    receipt(d, m["message"], {"MessageSid": asked["sid"], "MessageStatus": "failed"})
    gate.until(lambda: state(d, "X3", "final") == "failed", 10, "its end")
    gate.ok([w for w in field.work(d, "NOTICE") if w["account"] == "X3"] and notices(d, "X3", "final")[0]["sent_us"] is None,
            "neither arrived: nobody was told, and a person must see to it", notices(d, "X3", "final"))
    untold = db.value("SELECT count(*) FROM powergate.account_state s JOIN powergate.notice n ON n.id = s.final_notice "
                      "JOIN powergate.account a ON a.id = s.account_id WHERE a.number = 'X3' AND n.sent_us IS NULL")
    gate.ok(untold == 1, "so that no trip can rest on it")


# --- chapters: Aliyun, and a receiver that reports ----------------------------------------------

def aliyun(d, mail, sms, token):
    account(d, "Y1")
    contact(d, "Y1", "sms", "13800000091", "zh", rank=1, quiet="00:00-00:00")
    contact(d, "Y1", "mail", "y1@example.org", "zh", rank=2, quiet="00:00-00:00")
    field.cash(d, "Y1", 5000)
    gate.until(lambda: state(d, "Y1", "paid") == "sent", 10, "the message")
    asked = sms.to("13800000091")[0]
    m = messages(d, "Y1", "paid")[0]
    gate.ok(not sms.forged and asked["action"] == "SendSms" and asked["TemplateCode"] == "SMS_PAID" and asked["SignName"] == "供电所" and
            json.loads(asked["TemplateParam"]) == {"account": "Y1", "amount": "50.00", "payment_no": json.loads(asked["TemplateParam"])["payment_no"]} and
            asked["OutId"] == m["message"] and m["provider_id"].startswith("9^"),
            "Aliyun gets a signed request with its own template and values", (asked, sms.forged))

    def report(rows, key=token):
        return gate.request(d.hooks_port, "POST", f"/hooks/v1/receipts/sms?token={key}", json.dumps(rows).encode(), {"Content-Type": "application/json"})

    row = {"phone_number": "138****", "success": False, "err_code": "UNDELIV", "biz_id": m["provider_id"], "out_id": m["message"]}
    wrong = report([row], "guessed")
    gate.ok(wrong.status == 401 and messages(d, "Y1", "paid")[0]["state"] == "sent", "a report without the address's token is refused", wrong)
    answer = report([row, {"success": True, "biz_id": "9^nobody", "out_id": ""}])
    gate.ok(answer.status == 200 and answer.json["code"] == 0, "a list of reports is taken as a whole", answer)
    gate.until(lambda: mail.to("y1@example.org"), 10, "the mail")
    gate.ok("已收到付款50.00元" in mail.to("y1@example.org")[0]["Subject"], "and what did not arrive goes by mail")

    sms.manners["13800000091"] = ["no:isv.MOBILE_NUMBER_ILLEGAL"]
    field.cash(d, "Y1", 5000)
    gate.until(lambda: len(mail.to("y1@example.org")) == 2, 10, "the second mail")
    gate.ok(steps(d, "Y1", "paid")[:2] == [("sms", "failed"), ("mail", "next")], "200 with a code that is not OK is a no", steps(d, "Y1", "paid"))
    account(d, "Y2")
    contact(d, "Y2", "sms", "13800000092", "es", quiet="00:00-00:00")
    field.cash(d, "Y2", 5000)
    gate.ok(gate.comes(lambda: state(d, "Y2", "paid") == "failed", 10) and not sms.to("13800000092"),
            "what has no template of Aliyun's is not sent to it", notices(d, "Y2", "paid"))


def webhook_receipts(d, sink, secret):
    account(d, "Z1")
    field.cash(d, "Z1", 5000)
    gate.until(lambda: sink.told("paid", "Z1"), 10, "the webhook")
    gate.until(lambda: state(d, "Z1", "paid") == "sent", 5, "its end")
    token = sink.told("paid", "Z1")[0]["message"]

    def report(kind, key, message=token):
        body = json.dumps({"type": kind, "data": {"message": message, "why": "no such user"}}).encode()
        return gate.request(d.hooks_port, "POST", "/hooks/v1/receipts/webhook", body, gate.sign(key, "msg_r", body))

    gate.ok(report("message.delivered", gate.new_secret()).status == 401 and report("message.seen", secret).status == 422,
            "only who knows the secret may report, and only what is known")
    gate.ok(report("message.failed", secret).json["status"] == "failed" and state(d, "Z1", "paid") == "failed",
            "the app says it did not arrive: nobody was told", notices(d, "Z1", "paid"))
    gate.ok(report("message.delivered", secret).json["status"] == "delivered" and state(d, "Z1", "paid") == "sent",
            "and then that it did")
    gate.ok(gate.request(d.hooks_port, "POST", "/hooks/v1/receipts/pigeon", b"{}").status == 404, "of other channels nothing is heard")


# --- the story --------------------------------------------------------------------------------

sink, sms = field.Sink(), post.SmsServer()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, start=False)
    cert, context = post.certificate(d.dir)
    mail = post.MailServer(tls=context, login=("powergate", "let me in"))
    receipt_secret, token = gate.new_secret(), "token-of-the-address"
    d.configure(sink.settings(d))
    d.configure({
        "notify": {"tries": 2, "daily_cap": 3, "receipt_secret_file": d.write("receipts", receipt_secret)},
        "mail": {"url": f"smtp://127.0.0.1:{mail.port}", "from": "供电所 <notices@power.example>", "user": "powergate",
                 "password_file": d.write("mail", "let me in"), "ca_file": cert, "timeout": "3s"},
        "sms": {"provider": "http", "url": sms.url + "/send/{id}", "key": sms.USER, "secret_file": d.write("sms", sms.PASSWORD),
                "from": "North", "body": '{"to":"{to}","text":"{text}","from":"{from}","id":"{id}"}',
                "headers": [{"name": "X-Tenant", "value": "T-{to}"}], "good_field": "ok", "good_value": "true", "id_field": "number",
                "code_field": "reason", "retry_codes": "busy*", "timeout": "1s"}})
    d.start()
    d.site()
    languages(d, mail)
    gate.ok(mail.logins and set(mail.logins) == {("powergate", "let me in")}, "the mail server was logged in to, over TLS", mail.logins)
    administrators(db, d, mail, sms)
    field.together(lambda: persistence(d, sms), lambda: fallback(d, mail, sms, sink), lambda: nobody(d, mail, sms))
    field.together(lambda: quiet(db, d, sms), lambda: cap(db, d, sms), lambda: no_longer_true(d, mail))
    contacts(d)
    texts(db, d)
    killed(db, d, mail)

    d.stop()
    d.configure({"notify": {"receipt_wait": "5s", "daily_cap": 0},
                 "sms": {"provider": "twilio", "url": sms.url, "key": sms.SID, "secret_file": d.write("sms", sms.TOKEN),
                         "from": "+15005550006", "receipts": True, "receipt_url": PUBLIC}})
    d.start()
    twilio(d, mail, sms)
    final(db, d, mail, sms)

    d.stop()
    d.configure({"sms": {"provider": "aliyun", "url": sms.url, "key": sms.KEY, "secret_file": d.write("sms", sms.SECRET), "from": "供电所",
                         "receipt_token_file": d.write("token", token),
                         "codes_file": d.write("codes.yaml", 'paid:\n  zh: {code: "SMS_PAID", params: "account amount payment_no"}\n')}})
    d.start()
    aliyun(d, mail, sms, token)
    webhook_receipts(d, sink, receipt_secret)
    gate.ok(d.stop() == 0, "the daemon ends as it should", d.log()[-2000:])
    gate.ok("pass word" not in d.log() and "let me in" not in d.log() and sms.SECRET not in d.log(), "no secret is in the log")
    mail.close()
sink.close()
sms.close()
sys.exit(gate.done())
PY
