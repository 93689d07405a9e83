"""hand -- what an operator does who looks something up first.

    hand.py give-back PAYMENT-NUMBER REFUND    what the provider gave back and did not tell of
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


def give_back(number, refund):
    payment = ctl("payment", "show", f"--payment-no={number}")["payment"]
    asked = ctl("refund", "request", str(payment), f"--refund-no={refund}", "--reason=the provider gave it back")["refund"]
    return ctl("refund", "paid", str(asked), f"--reference={refund}")


def assign(number, account):
    payment = ctl("payment", "show", f"--payment-no={number}")["payment"]
    return ctl("payment", "assign", str(payment), account, "--reason=the payer was asked")


print(json.dumps({"give-back": give_back, "assign": assign}[sys.argv[1]](*sys.argv[2:]), sort_keys=True))
