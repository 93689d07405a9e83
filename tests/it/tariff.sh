#!/bin/sh
# powergatectl tariff check and rate: samples, golden vectors, bad files, bad use, and 200 tariffs
# at random against a second opinion.
# usage: tariff.sh BUILD-DIRECTORY
set -eu
cd "$(dirname "$0")/../.."
ctl=$1/powergatectl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export TZ=UTC

# says CODE WORDS SENTENCE COMMAND...: it ends with CODE and says WORDS, on either output.
says() {
  code=$1 words=$2 sentence=$3 got=0
  shift 3
  "$@" >"$dir/out" 2>"$dir/err" <"$dir/in" || got=$?
  cat "$dir/out" "$dir/err" >"$dir/all"
  if [ "$got" -eq "$code" ] && grep -qF -- "$words" "$dir/all"; then
    echo "ok - $sentence"
  else
    echo "not ok - $sentence"
    echo "#   $*: $got, expected $code and \"$words\"" >&2
    sed 's/^/#   /' "$dir/all" | head -20 >&2
    failed=1
  fi
}

# prints CODE SENTENCE FILE...: rating what is in $dir/in prints what is in $dir/want.
prints() {
  code=$1 sentence=$2 got=0
  shift 2
  "$ctl" tariff rate "$@" >"$dir/out" 2>"$dir/err" <"$dir/in" || got=$?
  if [ "$got" -eq "$code" ] && diff "$dir/want" "$dir/out" >"$dir/diff"; then
    echo "ok - $sentence"
  else
    echo "not ok - $sentence"
    cat "$dir/diff" "$dir/err" >&2
    failed=1
  fi
}

head='currency: CNY
zone: Asia/Shanghai
effective_from: 2026-01-01'
tiers='tier_period: month
tiers:
  - {upto: 100 kWh, price: 1.00}
  - price: 1.50'
day=T00:00:00+08:00
tariff() { printf '%s\n' "$@" >"$dir/t.yaml"; }
use() { printf '%s\n' "$@" >"$dir/in"; }
want() { printf '%s\n' "$@" >"$dir/want"; }
: >"$dir/in"

# --- samples
says 0 'good: CNY, from 2026-01-01, 2 tiers by the month, 2 bands, additive' 'the sample is good' \
  "$ctl" tariff check conf/tariff-sample.yaml
says 0 '3 tiers by the cycle, 4 bands, matrix' 'the other sample is good' \
  "$ctl" tariff check conf/tariff-tou.yaml
use from,to,wh "2026-01-01$day,2026-01-20$day,95000" "2026-01-20$day,2026-01-21$day,15000" \
  "2026-01-21$day,2026-02-01$day,140000"
want from,to,wh,charge_minor,tiers,bands \
  "2026-01-01$day,2026-01-20$day,95000,9500,1:95000Wh@1.00,peak:47500Wh@0.20 valley:47500Wh@-0.20" \
  "2026-01-20$day,2026-01-21$day,15000,2000,1:5000Wh@1.00 2:10000Wh@1.50,peak:7500Wh@0.20 valley:7500Wh@-0.20" \
  "2026-01-21$day,2026-02-01$day,140000,21000,2:140000Wh@1.50,peak:70000Wh@0.20 valley:70000Wh@-0.20" \
  total,,250000,32500,,
prints 0 'the sample costs 1.00 below 100 kWh a month and 1.50 above' conf/tariff-sample.yaml
use from,to,wh_t1,wh_t2 "2026-01-05$day,2026-01-06$day,3000,1000"
says 0 ',4000,440,1:4000Wh@1.00,peak:3000Wh@0.20 valley:1000Wh@-0.20' 'by night it is cheaper' \
  "$ctl" tariff rate conf/tariff-sample.yaml
use from,to,wh "2026-07-01$day,2026-08-01$day,1000000"
says 0 'bands,energy_minor,fixed_minor,fund_minor,net_minor,tax_minor' \
  'charges beside the energy and tax have their columns' "$ctl" tariff rate conf/tariff-tou.yaml
says 0 ',3390,' 'a month of 30.00 and 13 % is 33.90' "$ctl" tariff rate conf/tariff-tou.yaml

# --- golden vectors
tariff "$head" "$tiers"
use from,to,wh "2026-01-01$day,2026-01-02$day,95000" "2026-01-02$day,2026-01-03$day,15000"
says 0 ',15000,2000,1:5000Wh@1.00 2:10000Wh@1.50,' 'GV1: 95 to 110 kWh is 20.00' \
  "$ctl" tariff rate "$dir/t.yaml"
use from,to,wh "2026-01-01$day,2026-02-01$day,250000"
says 0 'total,,250000,32500,,' 'GV2: a month of 250 kWh is 325.00' "$ctl" tariff rate "$dir/t.yaml"
peak='schedules:
  every_day:
    08:00-22:00: peak
    22:00-08:00: valley'
tariff "$head" 'mode: additive
tier_period: month
tiers:
  - {upto: 230 kWh, price: 0}
  - {upto: 400 kWh, price: 0.05}
  - {price: 0.30}
bands:
  - {name: peak, price: 0.5583}
  - {name: valley, price: 0.3583}' "$peak"
use from,to,wh_t1,wh_t2 "2026-01-01$day,2026-02-01$day,300000,150000"
says 0 'total,,450000,24474,,' 'GV3: additive, 244.735 is 244.74' "$ctl" tariff rate "$dir/t.yaml"
tariff "$head" 'mode: matrix
tier_period: month
bands: [peak, valley]
tiers:
  - {upto: 100 kWh, prices: {peak: 0.80, valley: 0.40}}
  - {prices: {peak: 0.88, valley: 0.44}}' "$peak"
use from,to,wh_t1,wh_t2 "2026-01-01$day,2026-01-02$day,45000,45000" \
  "2026-01-02$day,2026-01-03$day,12000,8000"
says 0 '20000,1344,1:10000Wh 2:10000Wh,peak/1:6000Wh@0.80 valley/1:4000Wh@0.40 peak/2:6000Wh@0.88 valley/2:4000Wh@0.44' \
  'GV4: matrix pro rata is 13.44' "$ctl" tariff rate "$dir/t.yaml"
tariff "$head" 'bands: [{name: flat, price: 0.5283}]'
use from,to,wh "2026-01-01$day,2026-01-02$day,10" "2026-01-02$day,2026-01-03$day,10" \
  "2026-01-03$day,2026-01-04$day,10"
want from,to,wh,charge_minor,tiers,bands \
  "2026-01-01$day,2026-01-02$day,10,1,,flat:10Wh@0.5283" \
  "2026-01-02$day,2026-01-03$day,10,0,,flat:10Wh@0.5283" \
  "2026-01-03$day,2026-01-04$day,10,1,,flat:10Wh@0.5283" total,,30,2,,
prints 0 'GV5: three times 0.01 kWh is 0.01, 0.00 and 0.01' "$dir/t.yaml"
{
  echo from,to,wh
  seq 0 1439 | while read -r i; do
    a=$((1767196800 + i * 1800))
    echo "$(date -u -d @$a +%FT%TZ),$(date -u -d @$((a + 1800)) +%FT%TZ),70"
  done
} >"$dir/in"
says 0 'total,,100800,5325,,' 'GV6: 1440 half-hours of 0.07 kWh are 53.25' \
  "$ctl" tariff rate "$dir/t.yaml"
use from,to,wh "2026-01-01$day,2026-02-01$day,0"
for rule in 12/365 calendar; do
  tariff "$head" 'bands: [{name: flat, price: 1}]' \
    "fixed: [{name: meter, per_month: 30, accrual: $rule}]"
  minor=3000
  [ $rule = calendar ] || minor=3058
  says 0 "total,,0,$minor,,,0,$minor" "GV8: 30.00 a month by $rule is $minor in January" \
    "$ctl" tariff rate "$dir/t.yaml"
done
part='mode: additive
tier_period: month
tiers: [{upto: 150 kWh, price: 0}, {price: 0.05}]'
tariff "$head" "$part" 'bands: [{name: flat, price: 0.50}]'
cp "$dir/t.yaml" "$dir/first.yaml"
tariff "$head" "$part" 'bands: [{name: flat, price: 0.60}]'
sed 's/2026-01-01/2026-01-15/' "$dir/t.yaml" >"$dir/second.yaml"
use from,to,wh "2026-01-01$day,2026-01-15$day,120000" "2026-01-15$day,2026-02-01$day,80000"
says 0 'total,,200000,11050,,' 'GV9: a new price within the month, and the tiers go on' \
  "$ctl" tariff rate "$dir/first.yaml" "$dir/second.yaml"
says 1 'does not begin after the one before it' 'versions follow each other' \
  "$ctl" tariff check "$dir/second.yaml" "$dir/first.yaml"
tariff "$head" 'tier_period: {cycle_day: 15}' 'prorate: true' 'nominal_days: 20' \
  'tiers: [{upto: 100 kWh, price: 1}, {price: 2}]'
use from,to,wh "2026-04-15$day,2026-05-15$day,160000"
says 0 ',160000,17000,1:150000Wh@1.00 2:10000Wh@2.00,' \
  'GV11: a cycle half as long again as normal has 150 kWh for 100' "$ctl" tariff rate "$dir/t.yaml"

# --- JSON
tariff "$head" "$tiers"
use from,to,wh "2026-01-01$day,2026-01-02$day,110000"
says 0 '"total":{"wh":110000,"charge_minor":11500}' 'JSON has a total' \
  "$ctl" tariff rate "$dir/t.yaml" --json
says 0 '"tiers":[{"tier":1,"wh":100000,"price_micro":1000000},{"tier":2,' 'JSON has the tiers' \
  "$ctl" tariff rate --json "$dir/t.yaml"
if python3 -c 'import json,sys; d=json.load(sys.stdin); sys.exit(d["rows"][0]["charge_minor"] != 11500)' <"$dir/out"; then
  echo 'ok - JSON can be read'
else
  echo 'not ok - JSON can be read'
  failed=1
fi

# --- what is not rated
use from,to,wh "2025-12-31$day,2026-01-02$day,120000" "2026-01-02$day,2026-01-03$day,60000"
want from,to,wh,charge_minor,tiers,bands \
  "2025-12-31$day,2026-01-02$day,120000,,unrated,no price is in force yet" \
  "2026-01-02$day,2026-01-03$day,60000,7000,1:40000Wh@1.00 2:20000Wh@1.50," total,,180000,7000,,
prints 1 'what has no price is not charged, and the tiers go on' "$dir/t.yaml"
says 1 'line 2 is not rated: no price is in force yet' 'and it is said' \
  "$ctl" tariff rate "$dir/t.yaml"
says 1 '"charge_minor":null,"tiers":[],"bands":[],"unrated":"no price is in force yet"' \
  'also in JSON' "$ctl" tariff rate --json "$dir/t.yaml"
use from,to,wh,wh_t1 "2026-01-01$day,2026-01-02$day,1000,900"
says 1 'held,the bands differ from the total by 100 Wh' 'bands that do not fit the total are held' \
  "$ctl" tariff rate "$dir/t.yaml"

# --- bad use
bad_use() {
  words=$1 sentence=$2
  shift 2
  use "$@"
  says 1 "$words" "$sentence" "$ctl" tariff rate "$dir/t.yaml"
  if [ -s "$dir/out" ]; then
    echo "not ok - and nothing else is printed: $sentence"
    failed=1
  fi
}
a=2026-01-01$day b=2026-01-02$day
bad_use 'line 1: the columns are' 'a wrong head is told' from,to,kwh
bad_use 'line 1: the columns are' 'registers are counted from 1' from,to,wh_t2
bad_use 'line 1: the columns are' 'no energy is no head' from,to
bad_use 'line 3: "1.5" is no number of Wh' 'Wh are whole' from,to,wh "$a,$b,1" "$b,2026-01-03$day,1.5"
bad_use 'line 2: "-1" is no number of Wh' 'energy runs forward' from,to,wh "$a,$b,-1"
bad_use 'line 2: "" is no number of Wh' 'energy must be there' from,to,wh "$a,$b,"
bad_use 'line 2: 4 columns, there must be 3' 'columns are counted' from,to,wh "$a,$b,1,2"
bad_use 'line 2: "2026-01-01" is not a time' 'a time has a zone' from,to,wh "2026-01-01,$b,1"
bad_use 'line 2: ends before it begins' 'time runs forward' from,to,wh "$b,$a,1"
bad_use 'line 3: begins before the row above has ended' 'rows do not overlap' from,to,wh \
  "$a,$b,1" "$a,$b,1"
: >"$dir/in"
says 1 'line 1: the columns are missing' 'no input is told' "$ctl" tariff rate "$dir/t.yaml"
printf '\357\273\277from,to,wh\r\n%s,%s,1000\r\n\r\n' "$a" "$b" >"$dir/in"
says 0 'total,,1000,100,,' "a spreadsheet's line ends and its mark in front are taken" \
  "$ctl" tariff rate "$dir/t.yaml"

# --- bad files
bad_file() {
  line=$1 words=$2 sentence=$3
  shift 3
  tariff "$@"
  says 1 "$dir/t.yaml:$line: $words" "$sentence" "$ctl" tariff check "$dir/t.yaml"
}
bad_file 8 'x: no such name here' 'an unknown name is told with its line' "$head" "$tiers" 'x: y'
bad_file 4 'tiers: is empty' 'no tier is none' "$head" 'tiers: []' 'tier_period: month'
bad_file 9 'every_day: 12:00-13:00 is in no band' 'a gap in the day is told' "$head" 'bands:
  - {name: a, price: 1}
  - {name: b, price: 2}

schedules:
  every_day:
    00:00-12:00: a
    13:00-24:00: b'
bad_file 10 '11:00-24:00: overlaps' 'an overlap in the day is told' "$head" 'bands:
  - {name: a, price: 1}
  - {name: b, price: 2}
schedules:
  every_day:
    00:00-12:00: a
    11:00-24:00: b'
says 1 "$dir/none.yaml: No such file" 'a missing file is told' "$ctl" tariff check "$dir/none.yaml"
says 1 "$dir/t.yaml:10: " 'rating says the same of a bad file' "$ctl" tariff rate "$dir/t.yaml"
says 2 'FILE is missing' 'a file must be named' "$ctl" tariff check

# --- a second opinion
python3 tests/lib/fair.py "$1" 200 20261120 || failed=1

exit $failed
