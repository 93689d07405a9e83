#!/bin/sh
# The daemon killed at the writes, sends and connects of a payment's way, and started again: one
# credit, by the meter's own word.  SOAK=1 takes every one of them.
#   tests/it/kill_sweep.sh BUILD-DIR
PYTHONDONTWRITEBYTECODE=1 exec python3 "$(dirname "$0")/../lib/kill_sweep.py" "$@"
