#!/bin/sh
# The arrows in the database are those of the program: powergatectl arrows command, and the
# INSERT in sql/migrate.
set -eu
cd "$(dirname "$0")/.."
B=$1
a=$(mktemp) b=$(mktemp)
trap 'rm -f "$a" "$b"' EXIT
"$B/powergatectl" arrows command | awk '{print $1, $2, $3}' | sort >"$a"
sed -n "s/.*('command', *'\([a-z]*\)', *'\([a-z_]*\)', *'\([a-z]*\)').*/\1 \2 \3/p" sql/migrate/*.sql | sort >"$b"
if [ -s "$a" ] && cmp -s "$a" "$b"; then
  echo "ok - the arrows of commands are the same in C and in SQL"
else
  echo "not ok - the arrows of commands are the same in C and in SQL"
  diff "$a" "$b"
  exit 1
fi
