#!/bin/sh
# The units: systemd finds no fault in them, and the sandbox is as tight as promised.
set -eu
cd "$(dirname "$0")/.."
command -v systemd-analyze >/dev/null || { echo "unit_file: no systemd-analyze (tools/deps lint)" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# verify wants programs and users that exist; nothing of it is run
printf '#!/bin/sh\n' >"$dir/powergated"
chmod 0755 "$dir/powergated"
for u in powergated@.service powergate.target; do
  sed "s#@sbindir@#$dir#" "systemd/$u" >"$dir/$u"
done
if grep -n '@[a-z]*dir@' "$dir"/*.service "$dir"/*.target; then
  echo "unit_file: a place was left unfilled" >&2
  exit 1
fi
cp "$dir/powergated@.service" "$dir/powergated@a.service"
complaints=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$dir/powergated@a.service" "$dir/powergate.target" 2>&1) || {
  echo "$complaints" >&2
  exit 1
}
if [ -n "$complaints" ]; then
  echo "$complaints" >&2
  exit 1
fi
systemd-analyze security --offline=yes --threshold=15 --no-pager "$dir/powergated@a.service" >"$dir/security" 2>&1 || {
  cat "$dir/security" >&2
  exit 1
}
grep 'Overall exposure' "$dir/security"
