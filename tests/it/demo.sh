#!/bin/sh
# The demo is the first thing a newcomer sees; each of its steps is a sentence here.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=$(mktemp)
trap 'rm -f "$out"' EXIT
demo/run "$1" once >"$out" 2>&1
code=$?
sed -n 's/^ *[0-9.]*  \[ *[0-9]*\/[0-9]*\] \(NOT SEEN: \)\{0,1\}\(.*\)$/\1\2/p' "$out" |
  sed 's/^NOT SEEN: \(.*\)/not ok - demo: \1/; t; s/^/ok - demo: /'
if [ $code -eq 0 ]; then
  echo "ok - the demo ends with every step seen"
else
  echo "not ok - the demo ends with every step seen"
  tail -40 "$out"
fi
exit $code
