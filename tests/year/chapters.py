"""chapters -- what happens to one household and not to all of them: another meter, another tenant,
a line that is dead for days.  Each is told as it happens, and the judge knows of it from the facts."""
import datetime
import zoneinfo

import tell

HOUR = datetime.timedelta(hours=1)


def working(s, site, day, hour=10):
    """At that hour of the first day from then on on which an electrician may come and cut somebody off."""
    zone, calendar = zoneinfo.ZoneInfo(s.facts["sites"][site]), s.facts["calendars"].get(site, {})
    first = s.after(days=day).astimezone(zone).date()
    for date in (first + datetime.timedelta(n) for n in range(30)):
        when = datetime.datetime.combine(date, datetime.time(hour), zone).astimezone(tell.UTC)
        free = any(calendar.get(str(date + datetime.timedelta(n))) == "holiday" for n in (0, 1))
        out_of_order = any(a < when + x * HOUR < b for a, b in s.outages for x in (-2, 0, 3))
        if date.weekday() < 4 and not free and when > s.start and not out_of_order:
            return when
    raise ValueError(f"no working day after {day}")


def swap(s, number, day, new, multiplier=None):
    """Another meter takes over: what the old one shows at last, and the new one at first."""
    account = s.facts["accounts"][number]
    site, was = account["site"], account["meters"][-1]
    zone, old, when = s.facts["sites"][site], was["meter"], working(s, site, day)
    now = multiplier or was["multiplier"]
    s.chapter(when - HOUR, f"swap: {old} of {number} gives way to {new}" + (f", behind transformers of {now}" if now > 1 else ""))
    s.api(when - HOUR, "meter/add", meter=new, profile="remote", site=site, most_watts="20000")
    s.at(when - HOUR, f"add {zone} address={new} watts=0 energy_wh={s.rng.randint(0, 90000000) * 10}")
    s.api(when, "meter/swap", meter=old, new=new, close="{display %s}" % old, open="{display %s}" % new,
          multiplier=str(now), reason="its seal was due")
    s.sim(when, f"power {old} off")
    s.load(new, 500 // now, 4000 // now, when)
    s.facts["swaps"].append({"account": number, "old": old, "new": new, "at": tell.us(when)})
    was["to"] = tell.us(when)
    s.stays(number, new, now, tell.us(when), was["tenancy"])


def moves(s, site, day, days_empty):
    """When somebody leaves, and when the next one comes."""
    out = working(s, site, day)
    return out, working(s, site, (out - s.start).days + days_empty, 14)


def move(s, number, out, into, watts):
    """A tenant leaves, is charged to what the meter shows, and gets back what is left; another comes."""
    account, heir = s.facts["accounts"][number], "N" + number
    stay = account["meters"][-1]
    address = stay["meter"]
    s.chapter(out, f"move-out: {number} leaves {address}")
    s.api(out, "account/move-out", account=number, close="{display %s}" % address, reason="the lease is over")
    s.at(out + 2 * HOUR, 'wish account/refund {"account": "%s", "amount_minor": {left %s}, "reason": "transfer 1"}'
         % (number, number))
    stay["to"] = account["tenancies"][stay["tenancy"]]["to"] = tell.us(out)
    s.chapter(into, f"move-in: {heir} at {address}")
    s.account(heir, account["site"], account["tariff"], when=into - HOUR, warn="5000,2000,1000", contact=f"{heir}@example.org")
    s.api(into, "account/move-in", account=heir, meter=address, open="{display %s}" % address)
    s.stays(heir, address, stay["multiplier"], tell.us(into))
    s.pay(into, heir, 20000)
    s.at(into + HOUR / 4, f"try button {address}")
    s.pays(heir, address, 10000, watts, since=into + 24 * HOUR)
    s.facts["moves"].append({"account": number, "heir": heir, "meter": address, "out": tell.us(out), "in": tell.us(into)})


def away(s, address, when, hours):
    """It counts and cannot be heard."""
    s.chapter(when, f"silence: {address} is not heard for {hours} hours")
    s.sim(when, f"fault {address} silent")
    s.at(when + hours * HOUR, f"sim fault {address} off")
    if when >= s.start and when + hours * HOUR < s.end:
        s.facts["away"].append({"meter": address, "from": tell.us(when), "to": tell.us(when + hours * HOUR)})


def month_end(s, zone, day, hours_before):
    """So long before the first midnight of a month from that day on."""
    date = s.after(days=day).astimezone(zoneinfo.ZoneInfo(zone)).date()
    first = (date.replace(day=28) + datetime.timedelta(4)).replace(day=1)
    return datetime.datetime.combine(first, datetime.time(), zoneinfo.ZoneInfo(zone)).astimezone(tell.UTC) - hours_before * HOUR
