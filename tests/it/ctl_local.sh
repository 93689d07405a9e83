#!/bin/sh
# powergatectl without a daemon: frames, arrows, help, settings, amounts, tariff steps, exit codes.
# usage: ctl_local.sh BUILD-DIRECTORY
set -eu

ctl=$1/powergatectl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
unset POWERGATE_SOCKET
export TZ=Asia/Shanghai

good=68170000000000689C008316

# says CODE WORDS SENTENCE COMMAND...: it ends with CODE and says WORDS, on either output.
says() {
  code=$1 words=$2 sentence=$3 got=0
  shift 3
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
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

# lines CODE COUNT SENTENCE: standard input is decoded into COUNT lines.
lines() {
  code=$1 count=$2 sentence=$3 got=0
  "$ctl" frame decode >"$dir/out" 2>&1 || got=$?
  if [ "$got" -eq "$code" ] && [ "$(wc -l <"$dir/out")" -eq "$count" ]; then
    echo "ok - $sentence"
  else
    echo "not ok - $sentence"
    echo "#   $got, expected $code; $(wc -l <"$dir/out") lines, expected $count" >&2
    failed=1
  fi
}

# --- frames
says 0 '"ok":true' 'a good frame is told' "$ctl" frame decode $good
says 0 '"address":"000000000017"' 'a frame may stand in many words' \
  "$ctl" frame decode 68 17 00 00 00 00 00 68 9C 00 83 16
says 1 'checksum' 'a wrong checksum is told, and the exit code tells it' \
  "$ctl" frame decode 68170000000000689C008416
says 1 '"ok":false' 'what is not hex is told' "$ctl" frame decode 68zz
printf '%s\n\n  \n%s\r\n' $good $good | lines 0 2 'every line is one object, empty ones are skipped'
printf '%s\nxx\n%s\n' $good $good | lines 1 3 'one bad line among good ones: all are told, exit code 1'
printf '%s' $good | lines 0 1 'the last line needs no end'
printf '68\0%s\n%s\n' $good $good | lines 1 2 'a NUL spoils its own line only'
{ head -c 3000000 /dev/zero | tr '\0' 'F'; echo; echo $good; } | lines 1 2 'a line may be of any length'
: | lines 0 0 'nothing in, nothing out'

# --- arrows, profiles, help
says 0 'unsure' 'the arrows of a command are told' "$ctl" arrows command
says 0 'VERIFYING' 'the arrows of a delivery are told' "$ctl" arrows delivery
says 2 'is none of command|delivery' 'there are no other arrows' "$ctl" arrows meter
says 0 'remote' 'the profiles are listed' "$ctl" profile list
says 0 'meter add' 'help lists the commands' "$ctl" help
says 0 '--reason TEXT' 'help of some words tells their arguments' "$ctl" help meter open
says 0 '--reason TEXT' 'so does --help behind a command' "$ctl" meter open --help
says 0 'powergatectl ' '--version tells the version' "$ctl" --version
says 2 'usage: powergatectl' 'no command is no usage' "$ctl"
says 2 'no "foo" here' 'an unknown word is named' "$ctl" foo
says 2 'meter commission ADDRESS' 'an unknown second word lists what fits the first' "$ctl" meter foo
says 2 'a word is missing' 'half a command lists what fits' "$ctl" meter
says 2 'no "nonsense" here' 'help of unknown words is no usage' "$ctl" help nonsense

# --- words and options
says 2 'ADDRESS is missing' 'a missing word is named' "$ctl" meter show
says 2 'one word too many' 'a word too many is named' "$ctl" meter show 000000000017 x
says 2 '--reason is missing' 'a missing option is named' "$ctl" meter open 000000000017
says 2 '--reason needs TEXT' 'an option without its value is named' \
  "$ctl" meter open 000000000017 --reason
says 2 'no option --colour here' 'an unknown option is named' "$ctl" meter list --colour
says 2 'is there twice' 'an option given twice is refused' \
  "$ctl" meter open 000000000017 --reason a --reason b
says 2 '12 digits' 'a meter address is 12 digits' "$ctl" meter show 17
says 2 'is no number' 'a number is digits' "$ctl" command show 7x
says 2 'is no day' 'a day is a day' "$ctl" freeze list --day yesterday
says 2 'no profile' 'a profile is one of the list' \
  "$ctl" meter add 000000000017 --profile x --account 1
says 2 'no register is called' 'a register has a name' "$ctl" meter read 000000000017 --regs total_wh,x
says 2 'one of --account and --meter' 'cash is for an account or a meter, not both' \
  "$ctl" payment cash --account 1 --meter 000000000017 --amount 50.00
says 2 'one of --account and --meter' 'cash is for somebody' "$ctl" payment cash --amount 50.00

# --- amounts
for amount in 50 50.0 50.001 -1 -1.00 1e3 0.00 050.00 .50 50. 50,00 ' 50.00' '50.00 ' +50.00 '' \
  0x10.00 92233720368547758.08 99999999999999999999.00; do
  says 2 '--amount' "\"$amount\" is no amount" "$ctl" payment cash --account 1 --amount "$amount"
done
says 3 'no such socket' '50.00 is an amount' \
  "$ctl" --socket "$dir/none" payment cash --account 1 --amount 50.00
says 3 'no such socket' '92233720368547758.07 is one too' \
  "$ctl" --socket "$dir/none" payment cash --account 1 --amount 92233720368547758.07
says 3 'repeat the command with --payment-no cash-' 'the number of a payment is told before it is asked for' \
  "$ctl" --socket "$dir/none" payment cash --account 1 --amount 50.00
says 3 'no such socket' 'a trip level may be below zero' "$ctl" --socket "$dir/none" \
  account add 1 --site s --mode remote --tariff t --trip -5.00 --warn 50.00,20.00
says 2 'not below the level before it' 'warning levels fall' "$ctl" \
  account add 1 --site s --mode remote --warn 20.00,50.00
says 2 'missing at the end' 'a list of levels ends with a level' "$ctl" \
  account add 1 --site s --mode remote --warn 50.00,

# --- tariff steps
bad_steps() { says 2 "$2" "steps \"$1\": $3" "$ctl" tariff add t --steps "$1"; }
bad_steps '' 'no step' 'there must be one'
bad_steps '0' 'is no step' 'a step has a price'
bad_steps '100kWh:1.50' 'begins at 0' 'the first begins at 0'
bad_steps '0:1.00 100:1.50' 'begins at no energy' 'energy has a unit'
bad_steps '0:1.00 0.0001kWh:1.50' 'begins at no energy' 'there is nothing below a Wh'
bad_steps '0:1.00 1.5Wh:1.50' 'begins at no energy' 'not even half a Wh'
bad_steps '0:1.00 100kWh:1.50 50kWh:2.00' 'does not begin above' 'they rise'
bad_steps '0:1.00 100kWh:1.50 100000Wh:2.00' 'does not begin above' 'the same energy in another unit is the same'
bad_steps '0:1.0000001' 'no price per kWh' 'a price has six digits at most'
bad_steps '0:-1' 'no price per kWh' 'a price is not negative'
bad_steps '0:1e3' 'no price per kWh' 'a price is written out'
bad_steps '0:1000000' 'too large' 'a price has a limit'
bad_steps '0:1.00 9999999999kWh:1' 'too large' 'energy has one too'
says 3 'no such socket' 'good steps pass' \
  "$ctl" --socket "$dir/none" tariff add t --steps '0:1.00 100kWh:1.50 230500Wh:2.000001'

# --- settings
says 0 'meters:' 'there is a sample of all settings' "$ctl" conf sample
"$ctl" conf sample >"$dir/sample.yaml"
says 0 'sample.yaml: good' 'the sample is good' "$ctl" conf check "$dir/sample.yaml"
printf 'meters:\n  listen: 127.0.0.1:9100\n  colour: red\n' >"$dir/key.yaml"
says 1 "$dir/key.yaml:3: " 'an unknown setting is told with file and line' "$ctl" conf check "$dir/key.yaml"
printf 'meters:\n  most_sessions: many\n' >"$dir/type.yaml"
says 1 "$dir/type.yaml:2: " 'a wrong type is told with file and line' "$ctl" conf check "$dir/type.yaml"
printf 'supply:\n  trip_hours: "25:00-26:00"\n' >"$dir/hours.yaml"
says 1 "$dir/hours.yaml:2: supply.trip_hours" 'what no table can say is checked as well' \
  "$ctl" conf check "$dir/hours.yaml"
says 1 'No such file' 'a missing file is told' "$ctl" conf check "$dir/none.yaml"
says 0 '.It' 'there is a manual of all settings' "$ctl" conf manual

# --- not reached
says 3 'no such socket: is powergated running?' 'without a daemon it cannot be reached' \
  "$ctl" --socket "$dir/none" meter list
POWERGATE_SOCKET=$dir/other
export POWERGATE_SOCKET
says 3 "$dir/other" 'the environment names the socket' "$ctl" meter list
says 3 "$dir/none" 'the option goes before the environment' "$ctl" meter list --socket "$dir/none"
says 3 'connection' 'a database that is not there cannot be reached' \
  "$ctl" migrate --db "host=$dir dbname=powergate"
says 2 '--db is missing' 'migrate needs to know where' "$ctl" migrate

exit $failed
