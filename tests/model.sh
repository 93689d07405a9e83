#!/bin/sh
# The model of the recharge (model/recharge.pml) against src/service/credit.c's rules: the design
# must have no error, "both credits arrive" must be reachable, and every broken variant must
# fail.  Finding no error in a broken variant is a failure of this test.
set -eu
cd "$(dirname "$0")/.."
model=$(pwd)/model/recharge.pml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
bad=0

# prints "errors: N" of an exhaustive search
search() { # flags
  # shellcheck disable=SC2086
  spin $1 -a "$model" >spin.log 2>&1 || { cat spin.log >&2; exit 1; }
  gcc -O2 -DSAFETY -DCOLLAPSE -DNFAIR=1 -w -o pan pan.c
  ./pan -m3000000 -E >pan.log 2>&1 || true
  grep -q 'max search depth too small' pan.log && { echo "search cut short: $1" >&2; exit 1; }
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log | tail -1
}
expect() { # none|some flags words
  n=$(search "$2")
  case $1$n in
  none0 | some[1-9]*) echo "ok - model: $3" ;;
  *) echo "not ok - model: $3 (flags '$2', errors: $n)"; bad=1 ;;
  esac
}

expect none "" "the design neither loses nor doubles a credit"
expect some "-DREACH" "both credits do arrive"
expect some "-DV_FRESHCOUNT" "a fresh count on each retry doubles"
expect some "-DV_NOJOURNAL -DREPLAN" "sending before the journal doubles"
expect some "-DV_ACKTRUST" "trusting an acknowledgement loses"
expect some "-DV_DUPOK" "trusting 'repeated recharge' loses"
expect some "-DV_NAKFAIL" "taking a refusal for a failure refunds what is credited"
expect some "-DV_TMOFAIL" "taking silence for a failure refunds what is credited"
expect some "-DV_RBREFUND" "refunding on 'not there yet' refunds what arrives later"
expect some "-DV_CANCELINFLIGHT" "cancelling in flight refunds what is credited"
expect some "-DNOCOUNT" "a meter that counts nothing doubles"
expect none "-DORDERNO -DCA=0 -DDU=0" "nor with a meter that refuses the last order again"
expect some "-DORDERNO -DCA=0 -DDU=0 -DREACH" "where both credits do arrive"
expect some "-DORDERNO -DCA=0 -DDU=0 -DV_NOSETTLE" "which doubles when the next order does not wait for the line"
expect some "-DORDERNO -DDU=0" "and when somebody else fills it too"
exit $bad
