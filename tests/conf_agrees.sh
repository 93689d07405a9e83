#!/bin/sh
# The sample file and the manual page say what the table of settings says.
#
#   tests/conf_agrees.sh BUILD-DIR            compares
#   tests/conf_agrees.sh BUILD-DIR --write    writes conf/powergated.yaml and the page anew
set -eu
cd "$(dirname "$0")/.."
ctl=$1/powergatectl
sample=conf/powergated.yaml
page=man/powergated.yaml.5
begin='.\" --- from here on written by tests/conf_agrees.sh'
end='.\" --- up to here'
[ -x "$ctl" ] || { echo "not ok - conf_agrees: no $ctl, run make first"; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

"$ctl" conf sample >"$dir/sample"
"$ctl" conf manual >"$dir/body"
# awk would read a backslash in -v as the beginning of something
BEGIN="$begin" END="$end" awk -v body="$dir/body" '
  $0 == ENVIRON["END"] { inside = 0 }
  !inside { print }
  $0 == ENVIRON["BEGIN"] { inside = 1; while ((getline line < body) > 0) print line }
' "$page" >"$dir/page"

if [ "${2:-}" = --write ]; then
  cp "$dir/sample" "$sample"
  cp "$dir/page" "$page"
fi

# agree SENTENCE WHAT-SHOULD-BE WHAT-IS
agree() {
  if diff -u "$3" "$2" >"$dir/diff"; then
    echo "ok - $1"
  else
    echo "not ok - $1; tests/conf_agrees.sh $ctl --write" | sed "s#$ctl#$(dirname "$ctl")#"
    head -30 "$dir/diff"
    failed=1
  fi
}
agree "$sample is what powergatectl conf sample prints" "$dir/sample" "$sample"
agree "$page has every setting with the words of the table" "$dir/page" "$page"

# The markers themselves must be there, and the table between them, or the comparison above is of
# nothing.
if [ "$(grep -cFx -e "$begin" -e "$end" "$page")" -eq 2 ] && [ "$(wc -l <"$dir/body")" -gt 100 ] &&
  [ "$(wc -l <"$page")" -gt "$(wc -l <"$dir/body")" ]; then
  echo "ok - the page holds the table"
else
  echo "not ok - the page holds the table"
  failed=1
fi
if "$ctl" conf check "$sample" >"$dir/check" 2>&1; then
  echo "ok - the sample is a good settings file"
else
  echo "not ok - the sample is a good settings file"
  cat "$dir/check"
  failed=1
fi
exit $failed
