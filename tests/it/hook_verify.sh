#!/bin/sh
# powergatectl hook verify: an integrator's terminal, openssl as the provider's pen, no daemon.
# usage: hook_verify.sh BUILD-DIRECTORY
set -eu

ctl=$1/powergatectl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
umask 077
now=1795000000

# says CODE WORDS SENTENCE COMMAND...: it ends with CODE and says WORDS; $dir/body goes in.
says() {
  code=$1 words=$2 sentence=$3 got=0
  shift 3
  "$@" >"$dir/out" 2>"$dir/err" <"$dir/body" || got=$?
  cat "$dir/out" "$dir/err" >"$dir/all"
  if [ "$got" -eq "$code" ] && grep -qF -- "$words" "$dir/all"; then
    echo "ok - $sentence"
  else
    echo "not ok - $sentence"
    echo "#   $*: $got, expected $code and \"$words\"" >&2
    sed 's/^/#   /' "$dir/all" | head -20 >&2
    failed=1
  fi
}

# is FIELD VALUE SENTENCE: in the answer to the last question.
is() {
  got=$(python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[k]
print(json.dumps(v, ensure_ascii=False))' "$dir/out" "$1")
  if [ "$got" = "$2" ]; then
    echo "ok - $3"
  else
    echo "not ok - $3"
    echo "#   $1 is $got, expected $2" >&2
    failed=1
  fi
}

# shellcheck disable=SC2317 # says calls them
verify() { "$ctl" hook verify --keys "$dir/keys.yaml" "$@"; }

openssl genrsa -out "$dir/wechat.key" 2048 2>/dev/null
openssl req -x509 -key "$dir/wechat.key" -subj /CN=pay -days 30 -set_serial 0x0D7CE59D1F522D701 \
  -out "$dir/platform.pem" 2>/dev/null
openssl genrsa -out "$dir/alipay.key" 2048 2>/dev/null
openssl rsa -in "$dir/alipay.key" -pubout -out "$dir/alipay.pem" 2>/dev/null
printf 0123456789abcdef0123456789abcdef >"$dir/apiv3"
printf 'whsec_new\nwhsec_old\n' >"$dir/stripe"
cat >"$dir/keys.yaml" <<'L'
wechat:
  mchid: "1900000001"
  apiv3_key_file: apiv3
  verify_keys:
    - pem_file: platform.pem
alipay:
  app_id: "2019"
  seller_id: "2088"
  public_key_file: alipay.pem
stripe:
  secrets_file: stripe
mpesa:
  shortcodes: "600638"
  validation_path: /hooks/v1/c2b/9f1c2a7e55d0/validation
  confirmation_path: /hooks/v1/c2b/9f1c2a7e55d0/confirmation
standard:
  secrets: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
L

# --- stripe, whole
printf '{"id":"evt_1","created":%s,"livemode":true,"type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","amount_received":5000,"currency":"eur","status":"succeeded","metadata":{"order_no":"R-1"}}}}' \
  $now >"$dir/body"
mac=$({ printf '%s.' $now; cat "$dir/body"; } | openssl dgst -sha256 -hmac whsec_old | sed 's/.* //')
says 0 '"ok":true' 'a payment signed by openssl is authentic' \
  verify --provider stripe --now $now --header "Stripe-Signature: t=$now,v1=$mac"
is kind '"payment"' 'it is a payment'
is payment_no '"pi_1"' 'with the number of the money'
is order_no '"R-1"' 'and of the order'
is amount_minor 5000 'and the amount in minor units'
is currency '"EUR"' 'and its currency'
is paid_us 1795000000000000 'and the time in microseconds'
is paid '"2026-11-18T11:06:40.000000Z"' 'and by RFC 3339'
is recharges true 'and it recharges'
is answer.status 200 'and the provider is told that it was taken'
is meter_no null 'what is not known is null'
says 0 '"kind":"payment"' 'the clock may be told by RFC 3339, and the name of a header in any case' \
  verify --provider stripe --now 2026-11-18T19:06:40+08:00 --header "stripe-signature:t=$now,v1=$mac"
says 0 '  "kind": "payment"' 'the answer may be indented' \
  verify --provider stripe --now $now --header "Stripe-Signature: t=$now,v1=$mac" --pretty
says 1 '"code":"stale"' 'six minutes later it is stale' \
  verify --provider stripe --now $((now + 360)) --header "Stripe-Signature: t=$now,v1=$mac"
says 1 '"code":"stale"' 'without --now the clock is the present' \
  verify --provider stripe --header "Stripe-Signature: t=$now,v1=$mac"
says 1 '"code":"header_missing"' 'without the header it is not authentic' verify --provider stripe --now $now
says 1 '"code":"header_twice"' 'with two of them neither' verify --provider stripe --now $now \
  --header "Stripe-Signature: t=$now,v1=$mac" --header "Stripe-Signature: t=$now,v1=$mac"
printf ' ' >>"$dir/body"
says 1 '"code":"bad_signature"' 'one blank behind the body breaks it' \
  verify --provider stripe --now $now --header "Stripe-Signature: t=$now,v1=$mac"
is ok false 'then ok is false'
is error '"no signature matches"' 'and the reason is there'
is answer.status 401 'and the provider is told so'
head -c 70000 /dev/zero >"$dir/body"
says 1 '"code":"too_large"' 'a body has a limit' \
  verify --provider stripe --now $now --header "Stripe-Signature: t=$now,v1=$mac"

# --- wechat: certificate, and the probe
python3 - "$dir/body" <<'L'
import json, sys
json.dump({"id": "EV-1", "event_type": "PAYSCORE.USER_OPEN_SERVICE", "summary": "签约成功"},
          open(sys.argv[1], "w", encoding="utf-8"), ensure_ascii=False)
L
sign=$({ printf '%s\nabc\n' $now; cat "$dir/body"; echo; } | openssl dgst -sha256 -sign "$dir/wechat.key" | base64 -w0)
# shellcheck disable=SC2317
wechat() {
  verify --provider wechat --now "$now" --header "Wechatpay-Timestamp: $now" --header 'Wechatpay-Nonce: abc' \
    --header "Wechatpay-Serial: $1" --header "Wechatpay-Signature: $2" --header 'Request-ID: 08F7'
}
says 0 '"kind":"other"' 'WeChat Pay signs with the key of its certificate' wechat D7CE59D1F522D701 "$sign"
is trace '"08F7"' 'what its support asks for is kept'
says 1 '"code":"unknown_key"' 'another serial is no key of ours' wechat D7CE59D1F522D702 "$sign"
is answer.status 500 'then it is asked to come again'
is alarm true 'and somebody should look'
says 1 '"code":"probe"' 'a probe is refused' wechat D7CE59D1F522D701 "WECHATPAY/SIGNTEST/$sign"
is alarm false 'and nobody is woken'
is answer.status 401 'it is not answered 200'

# --- alipay
text='app_id=2019&gmt_payment=2026-11-20 16:00:00&notify_id=N-1&notify_type=trade_status_sync&out_trade_no=R-1&seller_id=2088&total_amount=0.01&trade_no=T-1&trade_status=TRADE_SUCCESS'
sign=$(printf %s "$text" | openssl dgst -sha256 -sign "$dir/alipay.key" | base64 -w0)
python3 - "$text" "$sign" >"$dir/body" <<'L'
import sys, urllib.parse
pairs = [p.split("=", 1) for p in sys.argv[1].split("&")] + [["sign_type", "RSA2"], ["sign", sys.argv[2]]]
print(urllib.parse.urlencode([tuple(p) for p in pairs[::-1]]), end="")
L
says 0 '"amount_minor":1,' 'Alipay signs the sorted fields' verify --provider alipay
is answer.body '"success"' 'and is told exactly success'
is paid '"2026-11-20T08:00:00.000000Z"' 'its clock shows Beijing time'
sed -i 's/total_amount=0.01/total_amount=9.01/' "$dir/body"
says 1 '"code":"bad_signature"' 'another amount is another text' verify --provider alipay

# --- mpesa
printf '{"TransactionType":"Pay Bill","TransID":"RK1","TransTime":"20261120110000","TransAmount":"50.00","BusinessShortCode":"600638","BillRefNumber":"0000 0000 0017"}' >"$dir/body"
path=/hooks/v1/c2b/9f1c2a7e55d0/confirmation
says 0 '"meter_no":"000000000017"' 'M-Pesa is known by address and path' \
  verify --provider mpesa --peer 196.201.214.200 --path $path
says 0 '"kind":"validation"' 'the other path asks before money moves' \
  verify --provider mpesa --peer 196.201.214.200 --path /hooks/v1/c2b/9f1c2a7e55d0/validation
says 1 '"code":"not_allowed"' 'from elsewhere it is nobody' verify --provider mpesa --peer 192.0.2.1 --path $path
says 1 '"code":"not_allowed"' 'without an address too' verify --provider mpesa --path $path

# --- usage
: >"$dir/body"
says 2 'wechat alipay stripe paystack mpesa standard' 'the providers are listed' verify --provider cash
says 2 'no section "paystack"' 'a provider needs its section' verify --provider paystack
says 2 'is no header' 'a header has a colon' verify --provider stripe --header nonsense
says 2 '--now' 'a time is a time' verify --provider stripe --now yesterday
says 2 '--keys is missing' 'keys must be given' "$ctl" hook verify --provider stripe
says 2 'No such file' 'and be there' "$ctl" hook verify --provider stripe --keys "$dir/none"
says 0 '[--header LINE]...' 'help shows what may be repeated' "$ctl" help hook verify
set --
i=0
while [ $i -lt 70 ]; do set -- "$@" --header "X-$i: y"; i=$((i + 1)); done
says 2 'more than 64 headers' 'headers have a limit' verify --provider stripe "$@"
chmod 644 "$dir/keys.yaml"
printf x >"$dir/body"
says 1 'others may read it' 'a keys file with a secret that others may read is told of' \
  verify --provider standard --now $now
chmod 644 "$dir/stripe"
says 2 'others may read or change it' 'a file of secrets that others may read is not taken' verify --provider stripe

exit $failed
