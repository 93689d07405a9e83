"""tell -- writes a story of meters, people and money for the program `year`, and its facts.

    s = tell.Story(directory, seed=7, start="2026-01-01", days=40)
    north = s.site("north", "Asia/Shanghai")
    home = s.tariff("home", YAML)
    s.household(north, home)             # an account, its meter, its load, its payments
    s.db_outage(day=12, hours=3)
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
    def __init__(self, directory, seed, start, days, zone="Asia/Shanghai", sweep_s=900, poll="4h", level="warn"):
        self.dir, self.rng, self.zone = directory, random.Random(seed), zone
        self.start = instant(start, zone)
        self.days, self.seed, self.sweep_s, self.poll, self.level = days, seed, sweep_s, poll, level
        self.end = self.start + datetime.timedelta(days=days)
        self.meters = {}  # zone -> lines
        self.events = []  # (when, running number, line)
        self.facts = {"sites": {}, "tariffs": {}, "accounts": {}, "late_us": {}, "start_us": us(self.start), "end_us": us(self.end), "whole": True}
        self.paid = 0

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

    def site(self, name, zone):
        self.api(self.start, "site/add", name=name, zone=zone)
        self.facts["sites"][name] = zone
        return name

    def tariff(self, name, yaml, steps, zone):
        """steps: the same, as `tariff add` has it."""
        path = os.path.join(self.dir, name + ".yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(yaml)
        self.api(self.start, "tariff/add", name=name, steps=steps, zone=zone)
        self.facts["tariffs"][name] = [path]
        return name

    def account(self, number, site, tariff, **more):
        self.api(self.start, "account/add", account=number, mode="remote", site=site, tariff=tariff, **more)
        self.facts["accounts"][number] = {"site": site, "tariff": tariff, "meters": []}
        return number

    def meter(self, address, account, bus=None, **words):
        """bus: the converter behind which it hangs; words: of powergate-sim's file of meters."""
        site = self.facts["accounts"][account]["site"]
        self.api(self.start, "meter/add", meter=address, profile="remote", account=account, most_watts="20000",
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
        self.at(when, f"pay {account} {minor} P{self.paid:06d}")

    def pays(self, account, address, minor, every_days):
        """From time to time, and sometimes late; who has sat in the dark then presses the button."""
        when = self.start + datetime.timedelta(minutes=self.rng.randint(5, 400))
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
        self.sim(self.after(minutes=1), f"fault {address} loss {loss}")
        self.sim(self.after(minutes=1), f"fault {address} delay_ms {least_ms}-{most_ms}")
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
            f.write(CONF.format(dir=self.dir, zone=self.zone, poll=self.poll, level=self.level))
        for name in ("app.secret", "notify.secret"):
            path = os.path.join(self.dir, name)
            with open(path, "w", encoding="ascii", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write(SECRET + "\n")
        self.at(self.after(seconds=30), "on")
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

FLAT = """\
currency: CNY
zone: {zone}
effective_from: 2025-01-01
tier_period: month
tiers:
  - price: {price}
"""
STEPS = """\
currency: CNY
zone: {zone}
effective_from: 2025-01-01
tier_period: month
tiers:
  - {{upto: {first} kWh, price: {low}}}
  - {{upto: {second} kWh, price: {middle}}}
  - {{price: {high}}}
"""


def people(s, zone, letter, n):
    """A site of n households, each with a meter of its own, by three tariffs."""
    site, meters = s.site(letter.lower() + "side", zone), []
    for name, yaml, steps in (
            ("flat", FLAT.format(zone=zone, price="0.528300"), "0:528300"),
            ("steps", STEPS.format(zone=zone, first=100, second=240, low="0.5583", middle="0.6083", high="0.8583"),
             "0:558300 100000:608300 240000:858300")):
        s.tariff(f"{letter}-{name}", yaml, steps, zone)
    for i in range(n):
        meters.append(f"{ord(letter):02d}26{i + 1:08d}")
        s.household(f"{letter}{i + 1:04d}", site, f"{letter}-{s.rng.choice(['flat', 'steps'])}", meters[-1],
                    s.rng.randint(200, 1500),
                    bus=f"{letter}BUS{i // 20}" if i % 20 in (2, 3, 4) else None,   # three on one converter
                    energy_wh=999_900_000 + i * 10 if i % 20 == 1 else None)        # its display is nearly full
        if i % 20 == 0:
            s.bad_line(meters[-1], "3%", 200, 2500)
    return meters


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


def whole_year(directory, seed=7):
    s = Story(directory, seed, "2026-01-01", 365, sweep_s=1800, poll="6h")
    troubles(s, people(s, "Asia/Shanghai", "A", 140) + people(s, "Europe/Berlin", "B", 60))
    s.write()
    return s


def short(directory, seed=7):
    """From before the end of a month and of winter time to after it."""
    s = Story(directory, seed, "2026-03-10", 35)
    troubles(s, people(s, "Asia/Shanghai", "A", 6) + people(s, "Europe/Berlin", "B", 4))
    s.write()
    return s
