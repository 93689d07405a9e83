"""truth -- what the meters did: load and registers, worked out from the log of the load.

A meter counts watts while it has supply and its relay is closed, in its total and in one of four
tariffs by the hours of powergate-sim(1).  The log says when the load changed (load, power,
relay); everything between is arithmetic in watt-microseconds.
"""
import bisect
import datetime
import json
import zoneinfo

UTC = datetime.timezone.utc
WUS_PER_WH = 3_600_000_000
WRAP_WH = 1_000_000_000  # a display of eight digits, in 0.01 kWh
HOURS = ((0, 4), (7, 3), (10, 2), (15, 3), (18, 1), (21, 3), (23, 4))  # from then on, tariff


def switches(zone, from_us, to_us):
    """[(when, tariff)] of a meter's day by the clock on the wall."""
    out, zone = [], zoneinfo.ZoneInfo(zone)
    day = datetime.datetime.fromtimestamp(from_us // 1000000, zone).date()
    while not out or out[-1][0] <= to_us:
        for hour, tariff in HOURS:
            when = datetime.datetime.combine(day, datetime.time(hour), zone)
            out.append((int(when.timestamp()) * 1000000, tariff))
        day += datetime.timedelta(1)
    return out


class Line:
    """A register over time: straight between its corners."""

    def __init__(self, t_us, wus):
        self.times, self.wus, self.flows = [t_us], [wus], [0]

    def at(self, t_us):
        i = bisect.bisect_right(self.times, t_us) - 1
        return None if i < 0 else self.wus[i] + self.flows[i] * (t_us - self.times[i])

    def bend(self, t_us, flow):
        if flow != self.flows[-1]:
            self.wus.append(self.wus[-1] + self.flows[-1] * (t_us - self.times[-1]))
            self.times.append(t_us)
            self.flows.append(flow)


class Meter:
    def __init__(self, event, hours):
        self.watts, self.closed, self.power = event["watts"], event["relay"] == "closed", event["power"]
        self.lines = [Line(event["t_us"], wus) for wus in [event["energy_wus"], *event["t_wus"]]]
        self.hours = hours
        self.next = bisect.bisect_right(hours, (event["t_us"], 9))
        self.frozen, self.opened = {}, []
        self._bend(event["t_us"])

    def _bend(self, t_us):
        flow = self.watts if self.closed and self.power else 0
        tariff = self.hours[self.next - 1][1]
        for i, line in enumerate(self.lines):
            line.bend(t_us, flow if i in (0, tariff) else 0)

    def hours_until(self, t_us):
        while self.hours[self.next][0] <= t_us:
            self.next += 1
            self._bend(self.hours[self.next - 1][0])

    def take(self, event):
        """Whether the simulator's own sums are ours."""
        kind, t_us = event["event"], event["t_us"]
        good = True
        self.hours_until(t_us)
        if kind == "load":
            self.watts = event["watts"]
            good = [line.at(t_us) for line in self.lines] == [event["energy_wus"], *event["t_wus"]]
        elif kind == "power":
            self.power = event["on"]
        elif kind == "relay":
            self.closed = event["to"] == "closed"
            if event["to"] == "open":
                self.opened.append((t_us, event["by"]))
        elif kind == "freeze":
            self.frozen[event["day"]] = (t_us, event["energy_wh"])
            return event["energy_wh"] == self.register(t_us)
        self._bend(t_us)
        return good

    def register(self, t_us, which=0):
        """What its display shows, in Wh: whole steps of ten."""
        energy = self.lines[which].at(t_us)
        return None if energy is None else energy // (10 * WUS_PER_WH) * 10 % WRAP_WH


class Truth:
    """zones: of each meter."""

    def __init__(self, path, zones, from_us, to_us):
        hours = {zone: switches(zone, from_us - 86_400_000_000, to_us + 86_400_000_000) for zone in set(zones.values())}
        self.meters, self.wrong = {}, []
        with open(path, encoding="ascii") as f:
            for line in f:
                event = json.loads(line)
                meter = self.meters.get(event["meter"])
                if meter is None:
                    if event["event"] == "load":
                        self.meters[event["meter"]] = Meter(event, hours[zones[event["meter"]]])
                elif not meter.take(event):
                    self.wrong.append(line.strip())
        for meter in self.meters.values():
            meter.hours_until(to_us)
