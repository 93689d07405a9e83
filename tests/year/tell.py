"""tell -- writes a story of meters, people and money for the program `year`, and its facts.

    s = tell.Story(directory, seed=7, start="2026-01-01", days=40)
    s.site("north", "Asia/Shanghai", "CNY")
    s.tariff("home", YAML)
    s.tariff("home", DEARER, day=20)     # the next version, approved on the 20th day
    s.household("A1", "north", "home", "000000000017", 400)  # its meter, its load, its payments
    s.db_outage(day=12, hours=1)
    s.write()

The facts (facts.json) are what a contract says and no meter knows: who has which meter from when
to when, and which tariff.  The judge reads them, the truth and the tariffs' YAML, nothing else.
"""
import datetime
import json
import os
import random
import zoneinfo

UTC = datetime.timezone.utc

CONF = """\
daemon: {{node: a, state_dir: {dir}, need_clock_sync: false, tariff_voices: 1, log_level: {level}}}
database: {{conninfo: unused}}
meters: {{listen: "127.0.0.1:0", sweep: 15m}}
session: {{silence: 1d}}
commands: {{kill_file: {dir}/no-trips, sweep: 1m}}
reading: {{poll_interval: {poll}, freeze_window: 30m, freeze_days: 2, zone: {zone}}}
hooks: {{listen: "127.0.0.1:0", sources: [{{name: app, secret_file: {dir}/app.secret}}]}}
api: {{socket: {dir}/api.sock}}
supply: {{trip_hours: "08:00-18:00", trip_rest_days: false, final_notice: 30m, reading_age: 8h, silence_percent: 0}}
notify: {{url: "http://127.0.0.1:1/", secret_file: {dir}/notify.secret, sweep: 1m}}
"""
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def instant(text, zone):
    """A day or a day and a time of the clock on the wall."""
    when = datetime.datetime.fromisoformat(text)
    return when.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def us(when):
    return int((when - datetime.datetime(1970, 1, 1, tzinfo=UTC)) / datetime.timedelta(microseconds=1))


class Story:
    conf = CONF

    def __init__(self, directory, seed, start, days, zone="Asia/Shanghai", sweep_s=900, poll="4h", level="warn"):
        self.dir, self.rng, self.zone = directory, random.Random(seed), zone
        self.start = instant(start, zone)
        self.days, self.seed, self.sweep_s, self.poll, self.level = days, seed, sweep_s, poll, level
        self.end = self.start + datetime.timedelta(days=days)
        self.meters = {}  # zone -> lines
        self.events = []  # (when, running number, line)
        self.facts = {"sites": {}, "tariffs": {}, "accounts": {}, "calendars": {}, "late_us": {}, "start_us": us(self.start), "end_us": us(self.end)}
        self.paid, self.currency = 0, {}

    # -- lines

    def at(self, when, line):
        if self.start <= when < self.end:
            self.events.append((when, len(self.events), line))

    def api(self, when, route, **values):
        self.at(when, f"api {route} {json.dumps(values)}")

    def after(self, **delta):
        return self.start + datetime.timedelta(**delta)

    def sim(self, when, order):
        self.at(when, "sim " + order)

    # -- who there is

    def site(self, name, zone, currency):
        self.api(self.start, "site/add", name=name, zone=zone, currency=currency)
        self.facts["sites"][name] = zone
        self.currency[name] = currency

    def holiday(self, site, day, kind="holiday"):
        """On which nobody is cut off; makeup: a rest day that is worked."""
        self.api(self.start, "calendar/set", site=site, day=day, kind=kind)
        self.facts["calendars"].setdefault(site, {})[day] = kind

    def tariff(self, name, yaml, day=0):
        """The next version of it: loaded, submitted and approved on that day, about noon."""
        paths = self.facts["tariffs"].setdefault(name, [])
        paths.append(os.path.join(self.dir, f"{name}-{len(paths) + 1}.yaml"))
        with open(paths[-1], "w", encoding="ascii") as f:
            f.write(yaml)
        when = self.after(days=day, hours=12 if day else 0, seconds=11 * len(self.facts["tariffs"]))
        version = f"{name}/{len(paths)}"
        self.api(when, "tariff/load", tariff=name, source=yaml)
        self.api(when, "tariff/submit", version=version)
        self.api(when, "tariff/approve", version=version, reason="the board said so", force="whatever it costs")

    def account(self, number, site, tariff, **more):
        self.api(self.after(seconds=1000), "account/add", account=number, mode="remote", site=site, tariff=tariff, **more)
        self.facts["accounts"][number] = {"site": site, "tariff": tariff, "meters": []}
        return number

    def meter(self, address, account, bus=None, **words):
        """bus: the converter behind which it hangs; words: of powergate-sim's file of meters."""
        site = self.facts["accounts"][account]["site"]
        self.api(self.after(seconds=1000), "meter/add", meter=address, profile="remote", account=account, most_watts="20000",
                 **({"endpoint": bus} if bus else {}))
        if bus:
            words["link"] = "dtu:" + bus
            self.facts["late_us"][address] = 100000  # a bus takes its turn
        lines = self.meters.setdefault(self.facts["sites"][site], [])
        lines.append(f"address={address} " + " ".join(f"{k}={v}" for k, v in words.items()))
        self.facts["accounts"][account]["meters"].append({"meter": address})
        return address

    # -- what goes on

    def load(self, address, least=50, most=2200):
        """Something is switched on or off every few hours."""
        when = self.start + datetime.timedelta(minutes=self.rng.randint(1, 300))
        while when < self.end:
            self.sim(when, f"set {address} watts {self.rng.randint(least, most)}")
            when += datetime.timedelta(seconds=self.rng.randint(3600, 9 * 3600))

    def pay(self, when, account, minor):
        self.paid += 1
        self.at(when, f"pay {account} {minor} P{self.paid:06d} "
                      f"{self.currency[self.facts['accounts'][account]['site']]}")

    def pays(self, account, address, minor, every_days):
        """From time to time, and sometimes late; who has sat in the dark then presses the button."""
        when = self.start + datetime.timedelta(minutes=self.rng.randint(20, 400))
        while when < self.end:
            self.pay(when, account, minor)
            self.at(when + datetime.timedelta(minutes=self.rng.randint(20, 600)), f"try button {address}")
            days = every_days * self.rng.choice([0.7, 0.9, 1, 1, 1, 1.3, 1.8])
            when += datetime.timedelta(days=days, seconds=self.rng.randint(0, 40000))

    def household(self, number, site, tariff, address, watts, bus=None, energy_wh=None):
        self.account(number, site, tariff, warn="5000,2000,1000", contact=f"{number}@example.org")
        if energy_wh is None:
            energy_wh = self.rng.randint(0, 90000000) * 10
        self.meter(address, number, bus=bus, watts=watts, energy_wh=energy_wh)
        self.load(address, watts // 20, watts * 2)
        self.pays(number, address, 10000, 100 / (watts * 24 / 1000 * 0.65))

    def power_cut(self, address, day, hours):
        self.sim(self.after(days=day), f"power {address} off")
        self.sim(self.after(days=day, hours=hours), f"power {address} on")

    def bad_line(self, address, loss, least_ms, most_ms):
        self.sim(self.after(minutes=18), f"fault {address} loss {loss}")
        self.sim(self.after(minutes=18), f"fault {address} delay_ms {least_ms}-{most_ms}")
        self.facts["late_us"][address] = most_ms * 1000

    def drop(self, address, day):
        self.sim(self.after(days=day), f"drop {address}")

    def db_outage(self, day, hours):
        self.at(self.after(days=day), "db off")
        self.at(self.after(days=day, hours=hours), "db on")

    def deaf(self, day, hours):
        """Nobody takes the notices."""
        self.at(self.after(days=day), "sink 503")
        self.at(self.after(days=day, hours=hours), "sink 200")

    def duty(self):
        """Somebody looks twice a day whether trips were halted, and finds that all is well."""
        for day in range(self.days):
            for hour in (8, 13):
                for cause in ("provider", "silence", "tariff"):
                    self.at(self.after(days=day, hours=hour, seconds=90),
                            "wish halt/release " + json.dumps({"cause": cause, "reason": "looked into it"}))

    # -- the file

    def write(self):
        with open(os.path.join(self.dir, "powergated.yaml"), "w", encoding="ascii") as f:
            f.write(self.conf.format(dir=self.dir, zone=self.zone, poll=self.poll, level=self.level))
        for name in ("app.secret", "notify.secret"):
            path = os.path.join(self.dir, name)
            with open(path, "w", encoding="ascii", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write(SECRET + "\n")
        self.at(self.after(seconds=1030), "on")
        for week in range(1, self.days // 7):
            self.at(self.after(days=7 * week, hours=3, seconds=7), "db tidy")
        with open(os.path.join(self.dir, "story"), "w", encoding="ascii") as f:
            f.write(f"start {self.start.isoformat()}\nend {self.end.isoformat()}\nseed {self.seed}\n"
                    f"sweep {self.sweep_s}\nconf {self.dir}/powergated.yaml\n")
            for zone, lines in self.meters.items():
                f.write(f"fleet {zone}\n" + "".join(f"meter {line}\n" for line in lines))
            for when, _, line in sorted(self.events):
                f.write(f"{when.isoformat()} {line}\n")
        with open(os.path.join(self.dir, "facts.json"), "w", encoding="ascii") as f:
            json.dump(self.facts, f, indent=1)


# --- the year -----------------------------------------------------------------------------------

HEAD = "currency: {currency}\nzone: {zone}\neffective_from: {since}\n"
FLAT = HEAD + "tier_period: month\ntiers: [{{price: {p[0]}}}]\n"
STEPS = HEAD + """\
tier_period: month
tiers:
  - {{upto: 100 kWh, price: {p[0]}}}
  - {{upto: 240 kWh, price: {p[1]}}}
  - {{price: {p[2]}}}
"""
DAYS = """\
day_types:
  workday: [mon, tue, wed, thu, fri, makeup]
  restday: [sat, sun, holiday]
holidays: [2026-01-01 to 2026-01-03, 2026-02-15 to 2026-02-23, 2026-04-01 to 2026-04-05, 2026-10-01 to 2026-10-08]
makeup_workdays: [2026-02-14, 2026-02-28, 2026-10-10]
schedules:
  workday:
    23:00-07:00: valley
    07:00-10:00: flat
    10:00-15:00: peak
    15:00-18:00: flat
    18:00-21:00: sharp
    21:00-23:00: flat
  restday:
    00:00-08:00: valley
    08:00-24:00: flat
"""
# What is charged besides, and a price by the hour with a surcharge on what is much.
TOU = HEAD + DAYS + """\
mode: additive
tier_period: month
tiers:
  - {{upto: 150 kWh, price: 0}}
  - {{upto: 300 kWh, price: 0.05}}
  - {{price: 0.30}}
bands:
  - {{name: sharp, price: {p[0]}}}
  - {{name: peak, price: {p[1]}}}
  - {{name: flat, price: {p[2]}}}
  - {{name: valley, price: {p[3]}}}
fixed:
  - name: meter
    per_month: 9.90
    accrual: calendar
surcharges:
  - {{name: fund, per_kwh: 0.0189}}
tax: {{prices: exclusive, rate: 13%}}
"""
# A settlement day at an hour at which no meter writes anything down.
CYCLE = HEAD + DAYS + """\
mode: matrix
tier_period: {{cycle_day: 25, hour: 8}}
prorate: true
bands: [sharp, peak, flat, valley]
tiers:
  - upto: 120 kWh
    prices: {{sharp: {p[0]}, peak: {p[1]}, flat: {p[2]}, valley: {p[3]}}}
  - prices: {{sharp: {p[0]}9, peak: {p[1]}7, flat: {p[2]}5, valley: {p[3]}3}}
"""
KINDS = {"flat": (FLAT, ["0.5283"]), "steps": (STEPS, ["0.5583", "0.6083", "0.8583"]),
         "tou": (TOU, ["0.9012", "0.7421", "0.5017", "0.2588"]),
         "cycle": (CYCLE, ["0.98", "0.81", "0.54", "0.31"])}
DEARER = {"flat": ["0.5511"], "steps": ["0.5690", "0.6190", "0.9100"],
          "tou": ["0.9911", "0.7777", "0.4999", "0.2301"], "cycle": ["1.01", "0.79", "0.55", "0.29"]}


def people(s, zone, currency, letter, n):
    """A site of n households, each with a meter of its own, by four tariffs."""
    site, meters = letter.lower() + "side", []
    s.site(site, zone, currency)
    for day in ("2026-04-03", "2026-05-01", "2026-10-01", "2026-10-02", "2026-12-25"):
        s.holiday(site, day)
    s.holiday(site, "2026-10-10", "makeup")
    for kind, (text, p) in KINDS.items():
        s.tariff(f"{letter}-{kind}", text.format(currency=currency, zone=zone, since="2025-01-01", p=p))
    for i in range(n):
        meters.append(f"{ord(letter):02d}26{i + 1:08d}")
        s.household(f"{letter}{i + 1:04d}", site, f"{letter}-{list(KINDS)[i % 4]}", meters[-1], s.rng.randint(200, 1500),
                    bus=f"{letter}BUS{i // 20}" if i % 20 in (2, 3, 4) else None,   # three on one converter
                    energy_wh=999_900_000 + i * 10 if i % 20 == 1 else None)        # its display is nearly full
        if i % 20 == 0:
            s.bad_line(meters[-1], "3%", 200, 2500)
    return meters


def dearer(s, zone, currency, letter, since, day):
    """Every tariff has a new version, approved on that day of the story."""
    for kind, (text, _) in KINDS.items():
        s.tariff(f"{letter}-{kind}", text.format(currency=currency, zone=zone, since=since, p=DEARER[kind]), day)


def troubles(s, meters):
    """What goes wrong by itself: supply, lines, the database, whoever gets the notices."""
    for day in range(s.days):
        for address in s.rng.sample(meters, len(meters) // 20 + (s.rng.random() < 0.3)):
            s.power_cut(address, day + s.rng.random(), s.rng.randint(1, 40) / 4)
        for address in s.rng.sample(meters, len(meters) // 20 + (s.rng.random() < 0.3)):
            s.drop(address, day + s.rng.random())
    for day in range(11, s.days, 29):
        s.db_outage(day + s.rng.random(), s.rng.randint(1, 9) / 6)
    for day in range(17, s.days, 31):
        s.deaf(day + 0.3, s.rng.randint(30, 60))
    s.duty()


CHINA = ("Asia/Shanghai", "CNY", "A")
GERMANY = ("Europe/Berlin", "EUR", "B")


def whole_year(directory, seed=7):
    s = Story(directory, seed, "2026-01-01", 365, sweep_s=1800, poll="6h")
    troubles(s, people(s, *CHINA, 140) + people(s, *GERMANY, 60))
    dearer(s, *CHINA, "2026-06-15", 150)
    dearer(s, *GERMANY, "2026-10-25 06:30", 280)
    s.write()
    return s


def short(directory, seed=7):
    """From before the end of a month and of winter time to after it."""
    s = Story(directory, seed, "2026-03-15", 28, sweep_s=1800)
    troubles(s, people(s, *CHINA, 6) + people(s, *GERMANY, 4))
    dearer(s, *CHINA, "2026-04-02 06:30", 12)
    dearer(s, *GERMANY, "2026-03-29", 10)
    s.write()
    return s
