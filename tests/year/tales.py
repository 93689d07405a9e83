"""tales -- the stories of year.sh: a whole year of 200 accounts, some weeks, some days."""
import chapters
import tariffs
import tell

CHINA = ("Asia/Shanghai", "CNY", "A")
GERMANY = ("Europe/Berlin", "EUR", "B")  # its clocks change
EVERY = 20  # households, after which what happens to them is the same again
BUS = (2, 3, 4)  # three on one converter
ROLES = {0: "bad line", 1: "full display", 6: "swap", 7: "swap to transformers", 8: "move", 9: "away", 10: "pair",
         11: "transformers", 12: "away a day"}
QUIET = ("swap", "swap to transformers", "move", "away", "away a day")  # nothing else goes wrong there


def sites(s, zone, currency, letter):
    site = letter.lower() + "side"
    s.site(site, zone, currency)
    for day in ("2026-04-03", "2026-05-01", "2026-10-01", "2026-10-02", "2026-12-25"):
        s.holiday(site, day)
    for day in ("2026-03-28", "2026-10-10"):
        s.holiday(site, day, "makeup")
    tariffs.put(s, zone, currency, letter)
    return site


def household(s, site, zone, letter, i, role, day):
    """One of many, and what happens to it from that day on; its meters to which anything may happen."""
    number, address = f"{letter}{i + 1:04d}", f"{ord(letter):02d}26{i + 1:08d}"
    other = address[:4] + str(int(address[4:]) + 50000000)
    watts = s.rng.randint(200, 1500)
    words = {"bus": f"{letter}BUS{i // EVERY}"} if i % EVERY in BUS and role is None else {}
    out = into = None
    if role == "full display":
        words["energy_wh"] = (999_900_000 if s.days > 10 else 999_990_000) + i * 10
    elif role == "transformers":
        words["multiplier"], watts = 20, watts // 10
    elif role in ("away", "away a day"):
        watts *= 3
    elif role == "move":
        out, into = chapters.moves(s, site, day, 3 if s.days > 10 else 1)
    kind = list(tariffs.KINDS)[(i + i // EVERY) % len(tariffs.KINDS)]
    s.household(number, site, f"{letter}-{kind}", address, watts, until=out, **words)
    if role == "bad line":
        s.bad_line(address, "3%", 200, 2500)
    elif role == "pair":
        s.meter(other, number, watts=300, energy_wh=s.rng.randint(0, 90000000) * 10)
        s.load(other, 20, 900)
        s.pays(number, other, 10000, 300)
    elif role in ("swap", "swap to transformers"):
        chapters.swap(s, number, day, other, 10 if role != "swap" else None)
    elif role == "move":
        chapters.move(s, number, out, into, watts)
    elif role == "away":
        before, hours = (50, 120) if s.days > 10 else (30, 34)
        chapters.away(s, address, chapters.month_end(s, zone, day, before), hours)
    elif role == "away a day":
        chapters.away(s, address, chapters.month_end(s, zone, day, 4), 9)
    return [] if role in QUIET else [address]


def people(s, zone, currency, letter, n, roles=None, day=None):
    """A site of n households, each with a meter of its own, by five tariffs."""
    site, meters = sites(s, zone, currency, letter), []
    for i in range(n):
        role = ROLES.get(i % EVERY) if roles is None else roles.get(i)
        when = day if day is not None else 20 + 37 * i % max(1, s.days - 60)
        meters += household(s, site, zone, letter, i, role, when)
    return meters


def weather(s):
    """The database, and whoever gets the notices."""
    for day in range(11, s.days, 29):
        s.db_outage(day + s.rng.random(), s.rng.randint(1, 9) / 6)
    for day in range(17, s.days, 31):
        s.deaf(day + 0.3, s.rng.randint(30, 60))


def troubles(s, meters, share=20):
    """What goes wrong by itself: supply and lines."""
    for day in range(s.days):
        for address in s.rng.sample(meters, len(meters) // share + (s.rng.random() < 0.3)):
            s.power_cut(address, day + s.rng.random(), s.rng.randint(1, 40) / 4)
        for address in s.rng.sample(meters, len(meters) // share + (s.rng.random() < 0.3)):
            s.drop(address, day + s.rng.random())
    s.duty()


def whole_year(directory, seed=7, days=365):
    s = tell.Story(directory, seed, "2026-01-01", days, sweep_s=1800, poll="6h")
    weather(s)
    troubles(s, people(s, *CHINA, 140) + people(s, *GERMANY, 60))
    tariffs.put(s, *CHINA, 1, "2026-06-15", 150)
    tariffs.put(s, *CHINA, 2, "2026-09-10 13:30", 240)
    tariffs.put(s, *GERMANY, 1, "2026-03-29 03:00", 70)
    tariffs.put(s, *GERMANY, 2, "2026-10-25 06:30", 280)
    s.write()
    return s


def weeks(directory, seed=7):
    """From before the end of a month and of winter time to after it."""
    s = tell.Story(directory, seed, "2026-03-15", 28, sweep_s=1800)
    weather(s)
    some = {0: "bad line", 1: "full display", 5: "swap", 6: "move", 7: "away", 8: "pair", 9: "transformers"}
    troubles(s, people(s, *CHINA, 10, some, 9) + people(s, *GERMANY, 8, {**some, 5: "swap to transformers", 7: "away a day"}, 9))
    tariffs.put(s, *CHINA, 1, "2026-04-02 06:30", 12)
    tariffs.put(s, *GERMANY, 1, "2026-03-29", 10)
    s.write()
    return s


def days(directory, seed=7):
    """The five days in which a month and winter time end, eight accounts and all that can happen to them."""
    s = tell.Story(directory, seed, "2026-03-28", 5, sweep_s=1800, poll="6h")
    s.db_outage(1.9, 0.5)
    s.deaf(0.3, 30)
    meters = people(s, *CHINA, 4, {0: "swap to transformers", 1: "away a day", 2: "pair", 3: "full display"}, 1)
    meters += people(s, *GERMANY, 4, {0: "swap", 1: "move", 2: "bad line", 3: "away"}, 1)
    troubles(s, meters, 3)
    tariffs.put(s, *CHINA, 1, "2026-04-01", 1)
    tariffs.put(s, *GERMANY, 1, "2026-03-29 03:00", 0.5)
    s.write()
    return s
