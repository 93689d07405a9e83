#!/bin/sh
# Each layer includes only itself and those below: base < model < codec|store < service < prog;
# sim stands on base, model and codec.  The linker finds calls upwards, this finds includes.
set -eu
cd "$(dirname "$0")/.."
bad=0
may() {
  case $1 in
  base) echo base ;;
  model) echo base model ;;
  codec) echo base model codec ;;
  store) echo base model store ;;
  service) echo base model codec store service ;;
  sim) echo base model codec sim ;;
  esac
}
for layer in base model codec store service sim; do
  allowed=$(may $layer | tr ' ' '|')
  found=$(grep -nE '^#include "' src/$layer/*.c include/$layer/*.h 2>/dev/null |
    grep -vE "#include \"($allowed)/" || true)
  if [ -n "$found" ]; then
    echo "$layer may include only $allowed:" >&2
    echo "$found" >&2
    bad=1
  fi
done
exit $bad
