"""week -- days of trouble for a fleet: meters without supply, lines that are dead, a daemon that is
killed, a database that goes; and a day of rest, after which nothing may be missing."""
import datetime
import json

import tariffs
import tell

CHINA, GERMANY = ("Asia/Shanghai", "CNY"), ("Europe/Berlin", "EUR")
BUS = 5      # on one converter
REST = 1     # days without trouble, at the end
HOUR = 3600


class Week(tell.Story):
    conf = tell.CONF.replace("freeze_days: 2", "freeze_days: 62").replace('lines: ""', "lines: 8h, hours: 3h") + "alarms: {{check: 0s}}\n"  # another story

    def spell(self, address, begin, end, hours):
        """From when to when, in the days of trouble."""
        last = self.after(days=self.days - REST)
        since = self.start + datetime.timedelta(seconds=self.rng.randint(2 * HOUR, (self.days - REST) * 24 * HOUR))
        until = min(since + datetime.timedelta(seconds=self.rng.randint(60, hours * HOUR)), last)
        if since < until:
            self.sim(since, f"{begin} {address}" if "%s" not in begin else begin % address)
            if end:
                self.sim(until, end % address)

    def troubles(self, address):
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3))):
            self.spell(address, "power %s off", "power %s on", self.rng.choice((1, 6, 14, 40)))
        if self.rng.random() < 0.3:
            self.spell(address, "fault %s silent", "fault %s off", self.rng.choice((2, 12, 60)))
        for _ in range(self.rng.choice((0, 1, 2))):
            self.spell(address, self.rng.choice(("reboot %s", "drop %s")), None, 1)

    def clock(self):
        r = self.rng
        offset = r.choice((r.randint(-20, 20),) * 7 + (r.randint(-290, 290),) * 2 + (r.randint(-3 * HOUR, 3 * HOUR),))
        return {"clock_offset_s": offset, "clock_drift_ppm": r.choice((r.randint(-30, 30),) * 9 + (r.randint(-900, 900),))}

    def metered(self, i, zone):
        address = f"{26 + (zone == CHINA):02d}26{i + 1:08d}"
        number = f"W{i + 1:05d}"
        site = "east" if zone == CHINA else "west"
        self.account(number, site, f"{site}-flat", trip="-1000000000", warn="2,1")
        words = {"history": self.rng.choice((0, 0, 3, 12, 40, 75)), "energy_wh": 90_000_000, "watts": self.rng.randint(20, 3000), **self.clock()}
        if i % 8 == 0:
            words["hours"] = "yes"
        bus = f"{site[0].upper()}BUS{i // BUS}" if i // BUS % 5 == 0 else None
        self.meter(address, number, bus=bus, **words)
        self.facts.setdefault("week", {})[address] = {"zone": zone[0], "history": words["history"], "offset_s": words["clock_offset_s"]}
        self.troubles(address)

    def kills(self):
        """Once a day, some of them at midnight."""
        for day in range(self.days - REST):
            at = self.after(days=day) + datetime.timedelta(hours=self.rng.choice((3, 9, 13.95, 14.1, 20)), minutes=self.rng.randint(0, 9))
            self.at(at, "daemon off")
            self.at(at + datetime.timedelta(minutes=self.rng.choice((1, 30, 180))), "daemon on")


def week(directory, meters, days, seed=11):
    """days of trouble, and REST behind them; a month ends in it, and where the clocks change they have."""
    days += REST
    start = datetime.datetime(2026, 11, 2, 10) - datetime.timedelta(days=days)
    s = Week(directory, seed=seed, start=start.isoformat(), days=days)
    for name, zone in (("east", CHINA), ("west", GERMANY)):
        s.site(name, *zone)
        s.tariff(f"{name}-flat", tariffs.FLAT.format(currency=zone[1], zone=zone[0], since="2026-01-01", p=("0.5",)))
    for i in range(meters):
        s.metered(i, GERMANY if i % 20 in (7, 8, 9, 10) else CHINA)
    s.kills()
    s.db_outage(1, 1)
    s.write()
    return s


def facts(directory):
    with open(directory + "/facts.json", encoding="ascii") as f:
        return json.load(f)
