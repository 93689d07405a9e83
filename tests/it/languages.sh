#!/bin/sh
# Who runs powergatectl reads his own language; what programs read is the same in all.
#   tests/it/languages.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import json
import os
import re
import subprocess
import sys
import unicodedata

import field
import gate

BUILD = sys.argv[1]
METER = "202600000001"


def ctl(d, *words, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")}
    p = subprocess.run([BUILD + "/powergatectl", "--socket", d.socket, *words], capture_output=True, text=True, encoding="utf-8",
                       env={**env, **environment}, check=False)
    return p.returncode, p.stdout, p.stderr


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def columns(text, heading):
    """Where a heading and the values under it begin, on a terminal."""
    lines = text.splitlines()
    at = width(lines[0][:lines[0].index(heading)])
    return [width(line) >= at and (at == 0 or cut(line, at)[-1] == " ") for line in lines[1:]]


def cut(line, at):
    """As much of it as is `at` columns wide."""
    n = 0
    while n < len(line) and width(line[:n]) < at:
        n += 1
    return line[:n]


def label(name):
    """The heading of a name, as ctl_label() makes it."""
    for end, word in (("at_us", "at"), ("_us", " at"), ("_minor", ""), ("_micro", " per kWh"), ("_wh", " kWh"), ("_s", "")):
        if name.endswith(end):
            return name[:-len(end)].replace("_", " ") + word
    return name.replace("_", " ")


def headings():
    """Those of the columns that the table of commands names, beside those that are listed to be translated."""
    with open(gate.ROOT + "/src/prog/ctl_commands.c", encoding="utf-8") as f:
        table = f.read()
    with open(gate.ROOT + "/src/prog/ctl_words.c", encoding="utf-8") as f:
        listed = set(re.findall(r'C_\("column", "([^"]+)"\)', f.read()))
    macros = {m[1]: "".join(re.findall(r'"([^"]*)"', m[2]))
              for m in re.finditer(r'#define (\w+)\s*\\?\s*((?:"[^"]*"\s*\\?\s*)+)', table)}
    names = set()
    for m in re.finditer(r"(READ|SHOW|SPECIAL)\((.*?)\),\n", table, re.S):
        argument = re.findall(r'((?:"(?:[^"\\]|\\.)*"|[^,"])+)', m[2])[5 if m[1] == "SPECIAL" else 3]
        names |= set(("".join(re.findall(r'"([^"]*)"', argument)) or macros.get(argument.strip(), "")).split())
    return {label(n) for n in names}, listed


named, listed = headings()
gate.ok(len(named) > 150 and named <= listed, "every column that a command names has its heading in ctl_words.c", named - listed)
with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db) as d:
    d.remote("R1", METER)
    field.cash(d, "R1", 5000)
    english = ctl(d, "account", "list", LC_ALL="C.UTF-8")
    spanish = ctl(d, "account", "list", LC_ALL="es_ES.UTF-8")
    chinese = ctl(d, "account", "list", LANG="zh_CN.UTF-8")
    gate.ok(english[1].startswith("account") and spanish[1].startswith("cuenta") and chinese[1].startswith("账户"),
            "the headings are in the reader's language", spanish[1] + chinese[1])
    gate.ok("saldo prepago" in spanish[1] and "远程费控" in chinese[1] and "50.00" in chinese[1] and "R1" in chinese[1],
            "so is what a column says where its words are known, and values stay as they are", spanish[1] + chinese[1])
    gate.ok(all(columns(chinese[1], "站点")), "columns stand under their headings, wide letters or not", chinese[1])
    shown = ctl(d, "account", "show", "R1", LC_ALL="zh_CN.UTF-8")[1]
    begins = {width(line[:len(line) - len(line.split("  ", 1)[1].lstrip())]) for line in shown.splitlines() if "  " in line}
    gate.ok("预付费余额" in shown and len(begins) == 1, "and names and values in two straight columns", shown)

    for form in ("--json", "--pretty", "--csv"):
        said = [ctl(d, "meter", "show", METER, form, LC_ALL=x)[1] for x in ("C", "es_ES.UTF-8", "zh_CN.UTF-8")]
        if form == "--json":
            said = [json.dumps({k: v for k, v in json.loads(s).items() if not k.endswith("_s")}) for s in said]
        gate.ok(said[0] == said[1] == said[2] and said[0].isascii(), f"{form} is the same in every language", said)
    refused = [ctl(d, "meter", "show", "12", "--json", LC_ALL=x) for x in ("C", "es_ES.UTF-8")]
    gate.ok(refused[0] == refused[1] and refused[0][0] == 2, "and so is what it complains of to a program", refused)

    code, _, said = ctl(d, "meter", "show", "12", LC_ALL="es_MX.UTF-8")
    gate.ok(code == 2 and '"12" no es una dirección de medidor' in said and "Todo lo que se sabe de un medidor" in said,
            "a wrong word is refused in the reader's language, with the help of its command", said)
    gate.ok("打印" in ctl(d, "help", LANGUAGE="zh_CN:es", LANG="de_DE.UTF-8")[1], "LANGUAGE goes before LANG", ctl(d, "help", LANGUAGE="zh_CN:es", LANG="de_DE.UTF-8")[1][:300])
    gate.ok(ctl(d, "help", LANGUAGE="zh_CN", LC_ALL="C")[1] == ctl(d, "help", LC_ALL="C")[1], "but the C locale is English whatever it says")
    gate.ok(ctl(d, "halt", "list", LC_ALL="es_ES")[1] == "ninguno\n", "an empty table says so", ctl(d, "halt", "list", LC_ALL="es_ES")[1])
    gate.ok(ctl(d, "account", "list", LC_ALL="fr_FR.UTF-8")[1] == english[1], "a language we do not have is English")
    gate.ok(not [w for w in ("cuenta", "账户") if w in d.log()], "and the daemon's own log stays English")
sys.exit(gate.done())
PY
