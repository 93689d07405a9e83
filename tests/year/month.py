"""month -- draws a month of payments, and what goes wrong in it, by seed; writes it as a story.

    m = month.draw(directory, letters.Pens(where), seed=3, days=30, most=3)

What goes wrong is drawn first and written to plan.json: the breaks that have to be found, each
with its rule's word, its day, whose it is, how much, and what becomes of it.  The notifications
and the bills are made from that; the judge (month_judge.py) reads the plan and the books.

Day by day a person lives as in an office: at nine the bills of yesterday come, at half past ten
the head-end reconciles by itself, at noon the breaks are looked at, until five some are seen to,
and at six yesterday is closed, with a reason when something stands.
"""
import datetime
import hashlib
import json
import os

import letters
import tell

START = "2026-03-01"
APP, DESK, WX, ALI = "app", "desk", "wx", "ali"
BILLED = (WX, ALI)  # by a provider: fees, refunds, and rows that stand twice
SOURCES = (APP, DESK, WX, ALI)
REMOTE = {f"R{n}": f"20260000010{n}" for n in range(1, 5)}
LOCAL = {f"L{n}": f"20260000020{n}" for n in range(1, 3)}
MASTER = "202600000301"
WATTS = {"R1": 400, "R2": 500, "R3": 300, "R4": 600, "L1": 350, "L2": 450}
FEE_PPM = 6000
HAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hand.py")
CTL = "powergatectl --socket api.sock"
CONF = tell.CONF.replace("sources: [", "sources: [{{name: desk, secret_file: {dir}/app.secret}}, "
                         "{{name: wx, provider: wechat, keys_file: KEYS}}, {{name: ali, provider: alipay, keys_file: KEYS}}, ") + \
    "signer: {{socket: {dir}/signer.sock}}\nrecon: {{sweep: 15m}}\n"


def word(day):
    return day.strftime("%Y%m%d")


class Payment:
    def __init__(self, no, source, account, minor, day, at):
        self.no, self.source, self.account, self.minor, self.day, self.at = no, source, account, minor, day, at
        self.order = "O-" + no
        self.told = at        # when it is notified; None: never
        self.billed = [day]   # the days whose bill has a row of it
        self.bill_minor = minor
        self.fee_off = 0      # cents too much
        self.ordered = self.touched = False


class Month(tell.Story):
    def __init__(self, directory, keys, seed, days):
        super().__init__(directory, seed, START, days + 3, sweep_s=3600, poll="6h")
        self.pens, self.n = keys, days
        self.payments, self.refunds, self.extra = [], [], []
        self.plan = {"seed": seed, "days": days, "start": START, "breaks": [], "hooks": {}, "payments": {}, "topups": {}, "suspense": [], "given_back": [],
                     "costs": {}}
        self.wallets = {a: set() for a in LOCAL}  # days on which nobody may pay into it
        self.dark, self.drifts = set(), 0

    # -- days and instants

    def day(self, n):
        return (self.start + datetime.timedelta(days=n)).astimezone(letters.BEIJING)

    def when(self, n, first_hour=2.0, last_hour=22.0):
        """Some second of a day."""
        return self.day(n) + datetime.timedelta(seconds=self.rng.randint(int(first_hour * 3600), int(last_hour * 3600)))

    def expect(self, kind, n, who, state="open", minor=None):
        self.plan["breaks"].append({"kind": kind, "day": word(self.day(n)), "who": who, "state": state, "minor": minor})

    # -- who pays

    def payment(self, n, source=None, account=None, minor=None, at=None):
        source = source or self.rng.choice(SOURCES)
        at = at or self.when(n)
        # a wallet is filled by day, so that it has the money before midnight
        accounts = [*REMOTE] + [a for a in LOCAL if n > 0 and n not in self.wallets[a] and self.rng.random() < 0.25 and 8 <= at.hour < 20]
        p = Payment(f"{source.upper()}{self.seed}-{len(self.payments):04d}", source, account or self.rng.choice(accounts),
                    minor or self.rng.randint(1000, 30000), n, at)
        p.told = at + datetime.timedelta(seconds=self.rng.randint(1, 20))
        self.payments.append(p)
        return p

    def ordinary(self):
        for a in REMOTE:
            self.payment(0, APP, a, 50000)
        for n in range(self.n):
            for source in SOURCES:
                for _ in range(self.rng.randint(2, 3)):
                    self.payment(n, source)

    def some(self, sources=SOURCES, last=0, remote=False):
        """A payment nothing was done to yet; so many days of bills come after its own."""
        p = self.rng.choice([p for p in self.payments if not p.touched and p.source in sources and p.day < self.n - last
                             and (p.day > 0 or p.minor != 50000) and (not remote or p.account in REMOTE)])
        p.touched = True
        return p

    # -- notifications that go wrong

    def lost(self):
        p = self.some(remote=True)
        p.told = None
        self.expect("MISSING_PAYMENT", p.day, p.no, minor=p.minor)

    def late(self):
        """The next morning, before anybody has compared."""
        p = self.some(remote=True)
        p.told = self.when(p.day + 1, 3, 8)

    def too_late(self):
        """Two days on, when the day is closed."""
        p = self.some(remote=True)
        p.told = self.when(p.day + 2, 13, 16)
        self.expect("MISSING_PAYMENT", p.day, p.no, "auto", p.minor)
        self.expect("LATE", p.day + 2, p.no, "auto", p.minor)
        self.at(self.day(p.day + 2) + datetime.timedelta(hours=16, minutes=50),
                f"sh {CTL} --json recon run --day={word(self.day(p.day))} --source={p.source}")

    def doubled(self):
        """Twice at once, and signed anew some hours later."""
        p = self.some()
        self.hook(p.told, 200, self.letter(p, p.told), times=2)
        again = p.told + datetime.timedelta(hours=self.rng.randint(1, 5))
        self.hook(again, 200, self.letter(p, again))
        self.known(p)

    def forged(self):
        """Signed with a key that is not theirs, or signed for another time; no such money is."""
        n = self.rng.randrange(self.n)
        p = Payment(f"FORGED{self.seed}-{len(self.plan['hooks'])}", self.rng.choice(SOURCES), self.rng.choice([*REMOTE]),
                    self.rng.randint(1000, 30000), n, self.when(n))
        stale = p.source != ALI and self.rng.random() < 0.4  # Alipay's bear no time
        at = p.at - datetime.timedelta(seconds=900) if stale else p.at
        self.hook(p.at, 401, self.letter(p, at, key=None if stale else "other"))

    def told_otherwise(self):
        """The same number once more, of another amount, and the bill says that too."""
        p = self.some(BILLED, remote=True)
        other = p.minor + self.rng.choice((-500, 100, 1))
        at = p.told + datetime.timedelta(minutes=self.rng.randint(1, 90))
        self.hook(at, 200, self.letter(p, at, minor=other, event=p.no + "-again"))
        p.bill_minor = other
        self.expect("AMOUNT", p.day, p.no, minor=other - p.minor)

    def nobodys(self):
        """For an account that nobody knows, for an order of another amount, or of another account:
        some are seen to in time, some late, some never."""
        p = self.some(remote=True)
        account, p.told = p.account, self.when(p.day, 11, 16)
        p.at = p.told - datetime.timedelta(seconds=5)
        way = self.rng.choice(("nobody", "amount", "account"))
        if way == "nobody":
            p.account = f"X{self.seed}{self.rng.randint(100, 999)}"
        else:
            p.ordered = True
            other = self.rng.choice([a for a in REMOTE if a != account])
            self.api(p.at - datetime.timedelta(minutes=10), "orders", order_no=p.order, source=p.source, account=account if way == "amount" else other,
                     amount_minor=str(p.minor + 100 if way == "amount" else p.minor))
        done = self.rng.choice([1, 3, None])
        self.plan["suspense"].append(p.no)
        if done != 1:  # the run by hand at five of the next day is the first that finds it a day old
            self.expect("SUSPENSE", p.day, p.no, "auto" if done else "open", p.minor)
        if done:
            self.at(self.day(p.day + done) + datetime.timedelta(hours=9 if done == 1 else 14), f"sh python3 {HAND} assign {p.no} {account}")

    # -- refunds

    def refund(self, told=True, booked=True, billed=True):
        p = self.some(BILLED, last=2, remote=True)
        n = p.day + self.rng.randint(1, 2)
        at, no = self.when(n, 11, 16), f"F-{p.no}"
        if told:
            letter = (self.pens.wechat_refunded(p.no, p.order, no, p.minor, p.minor, at, at) if p.source == WX else
                      self.pens.alipay_refunded(p.no, p.order, no, p.minor, p.minor, p.at, at))
            self.hook(at, 200, letter)
        elif booked:
            self.at(at + datetime.timedelta(minutes=20), f"sh python3 {HAND} give-back {p.no} {no}")
        if told or booked:  # what is told is taken back without anybody's hand
            self.plan["given_back"].append(p.no)
        if billed:
            self.refunds.append((p, n, at, no))
        if billed and not told and not booked:
            self.expect("REFUND", n, f"{p.no}/{no}", minor=p.minor)
        if told and not billed:
            self.expect("REFUND_MISSING", n, f"{p.no}/{no}", minor=p.minor if p.source == WX else None)

    # -- bills with errors

    def no_row(self):
        p = self.some()
        p.billed = []
        self.expect("MISSING_STATEMENT", p.day, p.no, minor=p.minor)

    def extra_row(self):
        n = self.rng.randrange(self.n)
        source = self.rng.choice(SOURCES)
        p = Payment(f"EXTRA{self.seed}-{len(self.extra)}", source, "", self.rng.randint(1000, 30000), n, self.when(n))
        self.extra.append(p)
        self.expect("MISSING_PAYMENT", n, p.no, minor=p.minor)

    def other_amount(self):
        p = self.some()
        p.bill_minor = p.minor + self.rng.choice((-1, 1, 100, -900))
        self.expect("AMOUNT", p.day, p.no, minor=p.bill_minor - p.minor)

    def other_fee(self):
        p = self.some(BILLED)
        p.fee_off = self.rng.randint(2, 50)
        self.expect("FEE", p.day, p.no)

    def twice(self):
        p = self.some(BILLED)
        p.billed = [p.day, p.day]
        self.expect("DUPLICATE", p.day, p.no, minor=p.minor)

    def again_next_day(self):
        p = self.some(last=1)
        p.billed = [p.day, p.day + 1]
        self.expect("DUPLICATE", p.day + 1, p.no, minor=p.minor)

    def other_day(self):
        """Two days on: no cut-off does that."""
        p = self.some(last=2)
        p.billed = [p.day + 2]
        self.expect("MISSING_STATEMENT", p.day, p.no, minor=p.minor)
        self.expect("DAY", p.day + 2, p.no, minor=p.minor)

    def cut_off(self):
        """Paid before midnight, counted with the next day: it explains itself when that bill comes."""
        n = self.rng.randrange(self.n - 1)
        at = self.day(n + 1) - datetime.timedelta(seconds=self.rng.randint(30, 3000))
        p = self.payment(n, account=self.rng.choice([*REMOTE]), at=at)
        p.touched, p.billed = True, [n + 1]
        self.expect("MISSING_STATEMENT", n, p.no, "auto", p.minor)
        self.expect("CUTOFF", n, p.no, "auto", p.minor)
        self.expect("CUTOFF", n + 1, p.no, "auto", p.minor)

    # -- meters

    def quiet_wallet(self):
        """A wallet and a day on which nothing was done to it, nor the day before or after."""
        free = [(a, n) for a in LOCAL for n in range(1, self.n) if not {n - 1, n, n + 1} & self.wallets[a]]
        a, n = self.rng.choice(free)
        self.wallets[a] |= {n - 1, n, n + 1, n + 2}
        return a, n

    def foreign(self):
        """Somebody else fills it.  It is found the next morning, and adopted in the afternoon."""
        a, n = self.quiet_wallet()
        minor = self.rng.randint(500, 9000)
        self.sim(self.when(n, 12, 20), f"topup {LOCAL[a]} {minor}")
        self.api(self.day(n + 1) + datetime.timedelta(hours=14), "meter/commission", meter=LOCAL[a])
        self.plan["topups"][LOCAL[a]] = self.plan["topups"].get(LOCAL[a], 0) + minor
        self.expect("FOREIGN_CREDIT", n, LOCAL[a], "auto", minor)
        self.expect("BALANCE_DRIFT", n, LOCAL[a])

    def drift(self):
        """Its balance moves, and no purchase count tells of it."""
        a, n = self.quiet_wallet()
        self.drifts += 1
        self.sim(self.when(n, 12, 20), f"set {LOCAL[a]} credit_minor {600000 + 50000 * self.drifts}")
        self.expect("BALANCE_DRIFT", n, LOCAL[a])

    def no_freeze(self):
        """Without supply at midnight it writes nothing down."""
        a = self.rng.choice([*REMOTE])
        n = self.rng.choice([n for n in range(1, self.n) if not {n - 1, n, n + 1} & self.dark])
        self.dark.add(n)
        self.sim(self.day(n + 1) - datetime.timedelta(minutes=20), f"power {REMOTE[a]} off")
        self.sim(self.day(n + 1) + datetime.timedelta(minutes=20), f"power {REMOTE[a]} on")
        self.expect("FREEZE", n, REMOTE[a])

    def loss(self):
        """A load that no meter counts."""
        n = self.rng.choice([n for n in range(1, self.n) if not {n - 1, n, n + 1} & self.dark])
        self.dark.add(n)
        watts = sum(WATTS.values())
        self.sim(self.day(n), f"set {MASTER} watts {watts * 3 // 2}")
        self.sim(self.day(n + 1), f"set {MASTER} watts {watts}")
        self.expect("LOSS", n, MASTER)

    # -- as it travels

    def letter(self, p, at, key=None, minor=None, event=None):
        minor = minor or p.minor
        if p.source == WX:
            return self.pens.wechat_paid(p.no, minor, p.order, p.account, p.at, at, event, key or "wechat")
        if p.source == ALI:
            return self.pens.alipay_paid(p.no, minor, p.order, p.account, p.at, event, key or "alipay")
        secret = tell.SECRET if key is None else "whsec_" + "QUJD" * 8
        data = {"payment_no": p.no, "account_no": p.account, "amount_minor": minor, "currency": "CNY", "paid_at": p.at.isoformat(), "method": "app",
                **({"order_no": p.order} if p.ordered else {})}
        return letters.standard(secret, "msg-" + p.no, data, at, f"/hooks/v1/{p.source}")

    def hook(self, at, status, letter, times=1):
        """Sent then, so often at once, and each answered so."""
        path, headers, body = letter
        name = f"hooks/{len(self.plan['hooks']):05d}"
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write("".join([path, "\n", *(f"{k}: {v}\n" for k, v in headers.items()), "\n"]).encode() + body)
        self.at(at, "hook" + f" {name}" * times)
        self.plan["hooks"][name] = [status] * times

    def known(self, p):
        self.plan["payments"][f"{p.source} {p.no}"] = p.minor

    def notifications(self):
        for p in self.payments:
            if p.told is None:
                continue
            if f"{p.source} {p.no}" not in self.plan["payments"]:
                self.hook(p.told, 200, self.letter(p, p.told))
            self.known(p)

    # -- the bills

    def row(self, p, n):
        at = p.at if n == p.day else self.day(n) + datetime.timedelta(seconds=self.rng.randint(1, 3000))
        fee = p.bill_minor * FEE_PPM // 100 + p.fee_off * 10000 if p.source in BILLED else 0
        return {"kind": "payment", "no": p.no, "order": p.order, "at": at, "minor": p.bill_minor, "fee_micro": fee, "refund": ""}

    def bill(self, source, n):
        rows = [self.row(p, n) for p in self.payments + self.extra if p.source == source for d in (p.billed if p not in self.extra else [p.day]) if d == n]
        rows += [{"kind": "refund", "no": p.no, "order": p.order, "at": at, "minor": p.minor, "fee_micro": 0, "refund": no}
                 for p, day, at, no in self.refunds if p.source == source and day == n]
        self.rng.shuffle(rows)
        name, more = f"{source}-{word(self.day(n))}", f"--day={word(self.day(n))}"
        fees = [r["fee_micro"] for r in rows]   # WeChat Pay writes five places, and Alipay two
        costs = (sum(fee // 10 * 10 for fee in fees) + 5000) // 10000 if source == WX else sum((fee + 5000) // 10000 for fee in fees)
        if costs:
            self.plan["costs"][f"costs:{source}:{word(self.day(n))}:1:CNY"] = costs
        if source == WX:
            data = letters.wechat_bill(rows, self.rng)
            more += f" --provider=wechat --fee=0.60 --sha1={hashlib.sha1(data).hexdigest()}"
            data = letters.packed(data) if self.rng.random() < 0.5 else data
        elif source == ALI:
            data, more = letters.alipay_bill(rows, word(self.day(n)), self.rng), more + " --provider=alipay --fee=0.60"
        else:
            data = letters.day_end(rows, source, self.day(n).strftime("%Y-%m-%d"))
        with open(os.path.join(self.dir, "bills", name), "wb") as f:
            f.write(data)
        self.at(self.day(n + 1) + datetime.timedelta(hours=9, minutes=SOURCES.index(source)),
                f"sh {CTL} --json statement import bills/{name} --source={source} {more}")

    # -- the office

    def office(self):
        for n in range(self.n + 2):
            day, next_day = word(self.day(n)), self.day(n + 1)
            if n < self.n:
                for source in SOURCES:
                    self.bill(source, n)
            self.at(next_day + datetime.timedelta(hours=12), f"sh {CTL} --json recon breaks --limit=1000")
            self.at(next_day + datetime.timedelta(hours=17), f"sh {CTL} --json recon run --day={day}")
            self.at(next_day + datetime.timedelta(hours=18), f"sh {CTL} --json recon close here {day} '--reason=known and seen to'")
        last = self.end - datetime.timedelta(minutes=10)
        span = f"--from={word(self.day(0))} --to={word(self.day(self.n + 1))} --site=here"
        self.at(last, f"sh {CTL} ledger export {span} --as=beancount > ledger.beancount && sha256sum ledger.beancount")
        self.at(last, f"sh {CTL} --json recon breaks --all --limit=1000")
        self.at(last, f"sh {CTL} --json ledger check")

    def people(self):
        self.api(self.start, "site/add", name="here", zone="Asia/Shanghai", currency="CNY")
        self.api(self.start, "tariff/add", name="flat", steps="0:2000000")
        self.api(self.start, "payment/limits", site="here", most_minor="5000000", reason="a month")
        lines = []
        for a, meter in {**REMOTE, **LOCAL}.items():
            more = {"mode": "remote", "tariff": "flat"} if a in REMOTE else {"mode": "local"}
            self.api(self.start, "account/add", account=a, site="here", warn="1000,500", **more)
            kind = {"profile": "remote"} if a in REMOTE else {"profile": "wallet-esam", "capability": "counted"}
            self.api(self.start, "meter/add", meter=meter, account=a, most_watts="20000", **kind)
            words = f"address={meter} profile={kind['profile']} watts={WATTS[a]} energy_wh=1000000"
            lines.append(words + ("" if a in REMOTE else f" opened=yes customer={meter} credit_minor=500000 price_micro=500000"))
        self.api(self.start, "meter/add", meter=MASTER, site="here", profile="remote", most_watts="20000")
        lines.append(f"address={MASTER} profile=remote watts={sum(WATTS.values())} energy_wh=5000000")
        self.api(self.start, "meter/master", meter=MASTER, subs=",".join([*REMOTE.values(), *LOCAL.values()]), loss="500")
        self.meters["Asia/Shanghai"] = lines
        for a in LOCAL:
            self.api(self.start + datetime.timedelta(minutes=40), "meter/commission", meter=LOCAL[a])

    def write(self):
        """The plan first: its sum is the first thing the story tells."""
        with open(os.path.join(self.dir, "plan.json"), "w", encoding="ascii") as f:
            json.dump(self.plan, f, indent=1)
        self.at(self.start, "sh sha256sum plan.json")
        self.conf = CONF.replace("KEYS", self.pens.keys)
        super().write()


METERS = ("foreign", "drift", "no_freeze", "loss")
WRONGS = ("lost", "late", "too_late", "doubled", "forged", "told_otherwise", "nobodys", "no_row", "extra_row", "other_amount", "other_fee",
          "twice", "again_next_day", "other_day", "cut_off")
REFUNDS = ({}, {"told": False}, {"told": False, "booked": False}, {"billed": False})


def draw(directory, keys, seed, days, most=1):
    """Each thing that can go wrong does, up to so many times."""
    m = Month(directory, keys, seed, days)
    for name in ("hooks", "bills"):
        os.mkdir(os.path.join(directory, name))
    m.people()
    for name in METERS:
        for _ in range(m.rng.randint(1, most)):
            getattr(m, name)()
    m.ordinary()
    for name in WRONGS:
        for _ in range(m.rng.randint(1, most)):
            getattr(m, name)()
    for how in REFUNDS:
        for _ in range(m.rng.randint(1, most)):
            m.refund(**how)
    m.notifications()
    m.office()
    m.write()
    return m
