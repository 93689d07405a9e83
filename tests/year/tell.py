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
reading: {{poll_interval: {poll}, freeze_window: 30m, freeze_days: 2, lines: "", zone: {zone}}}
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
        self.facts = {"sites": {}, "tariffs": {}, "accounts": {}, "calendars": {}, "late_us": {}, "swaps": [], "moves": [],
                      "away": [], "start_us": us(self.start), "end_us": us(self.end)}
        self.paid, self.currency, self.outages = 0, {}, []

    # -- lines

    def at(self, when, line):
        if self.start <= when < self.end:
            self.events.append((when, len(self.events), line))

    def api(self, when, route, **values):
        self.at(when, f"api {route} {json.dumps(values)}")

    def chapter(self, when, words):
        self.at(when, "chapter " + words)

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

    def account(self, number, site, tariff, when=None, **more):
        self.api(when or self.after(seconds=1000), "account/add", account=number, mode="remote", site=site, tariff=tariff, **more)
        self.facts["accounts"][number] = {"site": site, "tariff": tariff, "meters": [], "tenancies": []}
        return number

    def stays(self, account, address, multiplier=1, since=None, tenancy=None):
        """The account has this meter from then on, since ever when it does not say; a tenancy of its own, or one it had."""
        a = self.facts["accounts"][account]
        if tenancy is None:
            tenancy = len(a["tenancies"])
            a["tenancies"].append({"from": since, "to": None})
        a["meters"].append({"meter": address, "multiplier": multiplier, "from": since, "to": None, "tenancy": tenancy})

    def meter(self, address, account, bus=None, multiplier=1, **words):
        """bus: the converter behind which it hangs; words: of powergate-sim's file of meters."""
        site = self.facts["accounts"][account]["site"]
        self.api(self.after(seconds=1000), "meter/add", meter=address, profile="remote", account=account, most_watts="20000",
                 **({"endpoint": bus} if bus else {}), **({"multiplier": str(multiplier)} if multiplier > 1 else {}))
        if bus:
            words["link"] = "dtu:" + bus
            self.facts["late_us"][address] = 100000  # a bus takes its turn
        lines = self.meters.setdefault(self.facts["sites"][site], [])
        lines.append(f"address={address} " + " ".join(f"{k}={v}" for k, v in words.items()))
        self.stays(account, address, multiplier)
        return address

    # -- what goes on

    def load(self, address, least=50, most=2200, since=None):
        """Something is switched on or off every few hours."""
        when = (since or self.start) + datetime.timedelta(minutes=self.rng.randint(1, 300))
        while when < self.end:
            self.sim(when, f"set {address} watts {self.rng.randint(least, most)}")
            when += datetime.timedelta(seconds=self.rng.randint(3600, 9 * 3600))

    def pay(self, when, account, minor):
        self.paid += 1
        self.at(when, f"pay {account} {minor} P{self.paid:06d} "
                      f"{self.currency[self.facts['accounts'][account]['site']]}")

    def pays(self, account, address, minor, watts, since=None, until=None):
        """From time to time, and sometimes late; who has sat in the dark then presses the button."""
        when = (since or self.start) + datetime.timedelta(minutes=self.rng.randint(20, 400))
        while when < (until or self.end):
            self.pay(when, account, minor)
            self.at(when + datetime.timedelta(minutes=self.rng.randint(20, 600)), f"try button {address}")
            days = minor / (watts * 24 / 10 * 0.65) * self.rng.choice([0.7, 0.9, 1, 1, 1, 1.3, 1.8])
            when += datetime.timedelta(days=days, seconds=self.rng.randint(0, 40000))

    def household(self, number, site, tariff, address, watts, until=None, **words):
        """words: of meter()."""
        self.account(number, site, tariff, warn="5000,2000,1000", contact=f"{number}@example.org")
        words.setdefault("energy_wh", self.rng.randint(0, 90000000) * 10)
        self.meter(address, number, watts=watts, **words)
        self.load(address, watts // 20, watts * 2)
        self.pays(number, address, 10000, watts * words.get("multiplier", 1), until=until)

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
        self.outages.append((self.after(days=day, hours=-1), self.after(days=day, hours=hours + 1)))
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
        self.at(self.after(days=2, hours=3, seconds=7), "db tidy")
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
