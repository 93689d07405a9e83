"""truth -- what the meters did: the load and the registers, worked out from the log of the load.

A meter counts watts while it has supply and its relay is closed.  The log says when any of these
changed (load, power, relay); everything between is arithmetic in watt-microseconds.
"""
import bisect
import json

WUS_PER_WH = 3_600_000_000
WRAP_WH = 1_000_000_000  # a display of eight digits, in 0.01 kWh


class Meter:
    def __init__(self, event):
        self.watts, self.closed, self.power = event["watts"], event["relay"] == "closed", event["power"]
        self.times, self.wus, self.flow = [event["t_us"]], [event["energy_wus"]], [self._flow()]
        self.frozen = {}

    def _flow(self):
        return self.watts if self.closed and self.power else 0

    def now(self, t_us):
        return self.wus[-1] + self.flow[-1] * (t_us - self.times[-1])

    def take(self, event):
        """Whether the simulator's own sum is ours."""
        kind, t_us = event["event"], event["t_us"]
        good, energy = True, self.now(t_us)
        if kind == "load":
            self.watts, good = event["watts"], event["energy_wus"] == energy
        elif kind == "power":
            self.power = event["on"]
        elif kind == "relay":
            self.closed = event["to"] == "closed"
        elif kind == "freeze":
            self.frozen[event["day"]] = (t_us, event["energy_wh"])
            return event["energy_wh"] == self.register(t_us)
        self.times.append(t_us)
        self.wus.append(energy)
        self.flow.append(self._flow())
        return good

    def energy_wus(self, t_us):
        """Since it was made; None before the log begins."""
        i = bisect.bisect_right(self.times, t_us) - 1
        return None if i < 0 else self.wus[i] + self.flow[i] * (t_us - self.times[i])

    def register(self, t_us):
        """What its display shows, in Wh: whole steps of ten."""
        energy = self.energy_wus(t_us)
        return None if energy is None else energy // (10 * WUS_PER_WH) * 10 % WRAP_WH


class Truth:
    def __init__(self, path):
        self.meters, self.wrong, self.events = {}, [], 0
        with open(path, encoding="ascii") as f:
            for line in f:
                event = json.loads(line)
                self.events += 1
                meter = self.meters.get(event["meter"])
                if meter is None:
                    if event["event"] == "load":
                        self.meters[event["meter"]] = Meter(event)
                elif not meter.take(event):
                    self.wrong.append(line.strip())
