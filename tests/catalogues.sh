#!/bin/sh
# Every text that is marked in the sources is in every catalogue, translated, and nothing else is.
#   tests/catalogues.sh [BUILD-DIR] [--write]
# --write takes what is new from the sources into po/, and leaves the translating to people.
set -eu
cd "$(dirname "$0")/.."
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
failed=0

say() { # good sentence
  if [ "$1" -eq 0 ]; then echo "ok - $2"; else echo "not ok - $2"; failed=1; fi
}

marked() { # options of xgettext, and the files
  xgettext --language=C --from-code=UTF-8 --keyword --keyword=_ --keyword=N_ --keyword=C_:1c,2 \
    --add-location=file --omit-header --no-wrap --exclude-file=po/formats.pot -o "$new/powergate.pot" "$@"
}

# The order of the files decides that of the catalogue, and is no locale's.  What powergatectl
# complains of, and the help of its commands, need no mark.
LC_ALL=C
export LC_ALL
# shellcheck disable=SC2046
marked $(ls src/base/*.c src/model/*.c src/codec/*.c src/store/*.c src/service/*.c)
marked --join-existing --keyword=READ:5 --keyword=WRITE:4 --keyword=SHOW:5 --keyword=ORDER:5 --keyword=LOCAL:4 \
  --keyword=SPECIAL:8 --keyword=ctl_complain:1 --keyword=err_set:3 --keyword=err_wrap:2 \
  src/prog/ctl_*.c src/prog/powergatectl.c

if [ "${1:-}" = --write ] || [ "${2:-}" = --write ]; then
  cp "$new/powergate.pot" po/powergate.pot
  for po in po/*.po; do
    msgmerge --quiet --update --backup=none --no-fuzzy-matching --no-wrap --add-location=file "$po" po/powergate.pot
    msgattrib --no-obsolete --no-wrap -o "$new/po" "$po"
    cp "$new/po" "$po"
    echo "$po: $(msgfmt --statistics -o /dev/null "$po" 2>&1)"
  done
  exit
fi

diff -u po/powergate.pot "$new/powergate.pot" >"$new/diff" && code=0 || code=1
say "$code" "po/powergate.pot has the texts that are marked in the sources"
[ "$code" -eq 0 ] || { head -40 "$new/diff"; echo "    make po takes them over"; }
for po in po/*.po; do
  said=$(msgfmt --check-format --check-domain --statistics -o /dev/null "$po" 2>&1) && code=0 || code=1
  case $said in *untranslated* | *fuzzy*) code=1 ;; esac
  say "$code" "$po: $said"
  msgcmp "$po" po/powergate.pot 2>"$new/missing" && code=0 || code=1
  say "$code" "$po has all of them"
  [ "$code" -eq 0 ] || head -20 "$new/missing"
done
exit $failed
