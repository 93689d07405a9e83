"""tariffs -- five ways to price a kWh, each with the prices of its versions."""

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
makeup_workdays: [2026-02-14, 2026-02-28, 2026-03-28, 2026-10-10]
"""
HOURS = """\
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
TOU = HEAD + DAYS + HOURS + """\
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
CYCLE = HEAD + DAYS + HOURS + """\
mode: matrix
tier_period: {{cycle_day: 25, hour: 8}}
prorate: true
bands: [sharp, peak, flat, valley]
tiers:
  - upto: 120 kWh
    prices: {{sharp: {p[0]}, peak: {p[1]}, flat: {p[2]}, valley: {p[3]}}}
  - prices: {{sharp: {p[0]}9, peak: {p[1]}7, flat: {p[2]}5, valley: {p[3]}3}}
"""
# Tiers of their own for each band, over a year; in summer the evening is dear for longer.
SEASONS = HEAD + DAYS + """\
mode: per_band
tier_period: year
rounding: half_even
bands:
  - name: sharp
    tiers:
      - {{upto: 60 kWh, price: {p[0]}}}
      - {{price: {p[0]}5}}
  - name: peak
    tiers:
      - {{upto: 200 kWh, price: {p[1]}}}
      - {{price: {p[1]}5}}
  - name: flat
    tiers:
      - {{upto: 500 kWh, price: {p[2]}}}
      - {{price: {p[2]}5}}
  - name: valley
    tiers:
      - {{price: {p[3]}}}
seasons:
  - name: summer
    from: 04-01
    to: 09-30
    schedules:
      workday:
        23:00-07:00: valley
        07:00-10:00: flat
        10:00-15:00: peak
        15:00-17:00: flat
        17:00-22:00: sharp
        22:00-23:00: flat
      restday:
        00:00-24:00: flat
  - name: winter
    from: 10-01
    to: 03-31
    schedules:
      workday:
        23:00-07:00: valley
        07:00-18:00: flat
        18:00-21:00: sharp
        21:00-23:00: flat
      restday:
        00:00-08:00: valley
        08:00-24:00: flat
fixed:
  - name: meter
    per_month: 7.30
    accrual: 12/365
tax: {{prices: inclusive, rate: 19%}}
"""
# By kind: the text, and what it asks for in each of its versions.
KINDS = {
    "flat": (FLAT, [["0.5283"], ["0.5511"], ["0.5347"]]),
    "steps": (STEPS, [["0.5583", "0.6083", "0.8583"], ["0.5690", "0.6190", "0.9100"], ["0.5611", "0.6301", "0.9007"]]),
    "tou": (TOU, [["0.9012", "0.7421", "0.5017", "0.2588"], ["0.9911", "0.7777", "0.4999", "0.2301"],
                  ["0.9407", "0.7600", "0.5103", "0.2419"]]),
    "cycle": (CYCLE, [["0.98", "0.81", "0.54", "0.31"], ["1.01", "0.79", "0.55", "0.29"], ["0.97", "0.83", "0.53", "0.30"]]),
    "seasons": (SEASONS, [["0.87", "0.70", "0.52", "0.33"], ["0.91", "0.73", "0.51", "0.28"], ["0.89", "0.69", "0.55", "0.30"]])}


def put(s, zone, currency, letter, version=0, since="2025-01-01", day=0):
    """A version of every kind; the first at the beginning, later ones approved on that day of the story."""
    for kind, (text, prices) in KINDS.items():
        s.tariff(f"{letter}-{kind}", text.format(currency=currency, zone=zone, since=since, p=prices[version]), day)
    if version:
        s.chapter(s.after(days=day, hours=12), f"prices: version {version + 1} of every tariff of {zone}, from {since} on")
