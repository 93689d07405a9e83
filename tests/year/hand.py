"""hand -- what an operator does who looks something up first.

    hand.py reverse SOURCE PAYMENT-NUMBER      the journal of that payment, the other way round
    hand.py assign PAYMENT-NUMBER ACCOUNT      money that was nobody's
"""
import json
import subprocess
import sys


def ctl(*words):
    p = subprocess.run(["powergatectl", "--socket", "api.sock", "--json", *words], capture_output=True, text=True, check=False)
    if p.returncode != 0:
        sys.exit(f"{words}: {p.returncode} {p.stderr}")
    return json.loads(p.stdout)


def reverse(source, number):
    journal = next(j["journal"] for j in ctl("ledger", "list", "--limit=1000")["rows"] if j["key"] == f"pay:{source}:{number}")
    return ctl("ledger", "reverse", str(journal), "--reason=the provider gave it back")


def assign(number, account):
    payment = ctl("payment", "show", f"--payment-no={number}")["payment"]
    return ctl("payment", "assign", str(payment), account, "--reason=the payer was asked")


print(json.dumps({"reverse": reverse, "assign": assign}[sys.argv[1]](*sys.argv[2:]), sort_keys=True))
