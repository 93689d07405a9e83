#!/bin/sh
# powergatectl statement check: packed, coded and broken statements, without a daemon.
# usage: statement_check.sh BUILD-DIRECTORY
set -eu

ctl=$1/powergatectl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export TZ=Asia/Shanghai

# says CODE WORDS SENTENCE ARGUMENT...: it ends with CODE and says WORDS, on either output.
says() {
  code=$1 words=$2 sentence=$3 got=0
  shift 3
  "$ctl" statement check "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
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

python3 - "$dir" <<'L'
import gzip, io, os, sys, zipfile
os.chdir(sys.argv[1])

# --- WeChat Pay: 200 payments and 20 refunds
head = ("交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
        "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
        "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注")
rows = []
for i in range(200):
    rows.append(f"2026-11-19 08:{i // 60:02}:{i % 60:02},wx1,1900000001,0,,42{i:08},R-{i},o1,NATIVE,SUCCESS,"
                f"OTHERS,CNY,{i + 1}.00,0.00,0,0,0.00,0.00,,,电费,,0.00600,0.60%,{i + 1}.00,0.00,")
for i in range(20):
    rows.append(f"2026-11-19 09:00:{i:02},wx1,1900000001,0,,42{i:08},R-{i},o1,NATIVE,REFUND,"
                f"OTHERS,CNY,0.00,0.00,50{i:08},F-{i},0.50,0.00,ORIGINAL,SUCCESS,电费,,0.00000,0.60%,0.00,0.50,")
def bill(rows, count=220, paid="20100.00"):
    ticked = ["`" + r.replace(",", ",`") for r in rows]
    tail = ["总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
            f"`{count}.0,`{paid},`10.00,`0.00,`1.20,`{paid},`10.00"]
    return ("\ufeff" + "\r\n".join([head] + ticked + tail) + "\r\n").encode()
good = bill(rows)
open("wechat.csv", "wb").write(good)
open("wechat.csv.gz", "wb").write(gzip.compress(good))
open("cut.csv.gz", "wb").write(gzip.compress(good)[:-20])
open("lost.csv", "wb").write(bill(rows[:7] + rows[8:]))
open("count.csv", "wb").write(bill(rows[:7] + rows[8:], 219))
open("bomb.gz", "wb").write(gzip.compress(bytes(600 << 20), 9))
import hashlib
open("sha1", "w").write(hashlib.sha1(good).hexdigest())

# --- Alipay: GBK in a zip, names without the flag that says UTF-8
names = ("支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
         "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
         "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注")
def ali(n, kind, title, amount, refund=""):
    return (f"2026{n:08}\t,R-{n}\t,{kind}\t,{title},2026-11-19 08:00:00,2026-11-19 08:00:0{n}\t,,,,,a*@b,{amount},{amount},"
            f"0.00,0.00,0.00,0.00,0.00,,0.00,0.00,{refund},-0.01,0.00,")
def alipay(rows, paid="#交易合计：3笔，商家实收共60.00元，商家优惠共0.00元",
           back="#退款合计：1笔，商家实收退款共-12.00元，商家优惠退款共0.00元"):
    return "\r\n".join(["#支付宝业务明细查询", "#账号：[20880000000000000156]",
        "#起始日期：[2026年11月19日 00:00:00]   终止日期：[2026年11月20日 00:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        names, *rows,
        "#-----------------------------------------业务明细列表结束------------------------------------",
        paid, back, "#导出时间：[2026年11月20日 09:30:00]", ""]).encode("gbk")
arows = [ali(1, "交易", "电费", "10.00"), ali(2, "交易", "电费, 物业", "20.00"), ali(3, "交易", "电费", "30.00"),
         ali(1, "退款", "电费", "-12.00", "F-1")]
class Gbk(zipfile.ZipInfo):
    def _encodeFilenameFlags(self):
        return self.filename.encode("gbk"), self.flag_bits & ~0x800
def pack(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files:
            info = Gbk(name); info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, text)
summary = "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数\r\n合计,,3\r\n".encode("gbk")
detail = alipay(arows)
pack("alipay.zip", [("20880156_20261119_业务明细(汇总).csv", summary), ("20880156_20261119_业务明细.csv", detail)])
pack("turned.zip", [("20880156_20261119_业务明细.csv", detail), ("20880156_20261119_业务明细(汇总).csv", summary)])
pack("twice.zip", [("a.csv", detail), ("b.csv", detail)])
pack("slip.zip", [("../../etc/业务明细.csv", detail)])
pack("many.zip", [(f"{i}.csv", summary) for i in range(20)])
pack("bomb.zip", [("业务明细.csv", bytes(600 << 20))])
open("alipay.csv", "wb").write(detail)
pack("sum.zip", [("a.csv", alipay(arows, paid="#交易合计：3笔，商家实收共60.01元，商家优惠共0.00元"))])
pack("count.zip", [("a.csv", alipay(arows[1:]))])
pack("back.zip", [("a.csv", alipay(arows, back="#退款合计：2笔，商家实收退款共-12.00元"))])
pack("untold.zip", [("a.csv", alipay(arows, back="#"))])
pack("unknown.zip", [("a.csv", alipay([ali(1, "转账", "x", "1.00")]))])
pack("bytes.zip", [("a.csv", detail.replace("电费".encode("gbk"), b"\xff\xff"))])
broken = bytearray(open("alipay.zip", "rb").read()); broken[len(broken) // 2] ^= 0xff
open("broken.zip", "wb").write(broken)
L

# --- WeChat Pay
says 0 'rows in all      220' 'a bill is read and added up' --provider wechat "$dir/wechat.csv"
says 0 'payment amount   20100.00' 'its totals are shown' --provider wechat "$dir/wechat.csv"
says 0 '4200000007' 'and its rows' --provider wechat "$dir/wechat.csv"
says 0 '"rows_in_all":220' 'packed with gzip it is the same' --provider wechat "$dir/wechat.csv.gz" --json
says 0 '"refund_amount_minor":1000' 'as JSON money is in minor units' --provider wechat "$dir/wechat.csv.gz" --json
says 0 "$(cat "$dir/sha1")" 'the SHA-1 is of what was packed' --provider wechat "$dir/wechat.csv.gz" --sha1 "$(cat "$dir/sha1")"
says 1 'its SHA-1 is' 'another SHA-1 is refused' --provider wechat "$dir/wechat.csv.gz" --sha1 00
says 1 'line 222: 总交易单数 is 220, but there are 219 rows' 'a lost row is missed by the count' \
  --provider wechat "$dir/lost.csv"
says 1 'line 222: 应结订单总金额 is 20100.000000, but the rows make 20092.000000' 'and by the sum' \
  --provider wechat "$dir/count.csv"
says 1 'cannot be unpacked' 'half a package is refused' --provider wechat "$dir/cut.csv.gz"
says 1 'more than 512 MB when unpacked' 'a package that swells is refused' --provider wechat "$dir/bomb.gz"
says 0 'line,kind,' 'rows may be for spreadsheets' --provider wechat "$dir/wechat.csv" --csv

# --- Alipay
says 0 'payment amount   60.00' 'GBK in a zip is read' --provider alipay "$dir/alipay.zip"
says 0 'refund amount    12.00' 'refunds are told by their kind, not their sign' --provider alipay "$dir/alipay.zip"
says 0 '20880000000000000156' 'the account is told' --provider alipay "$dir/alipay.zip"
says 0 '2026-11-19T08:00:02+08:00' 'a comma in the name of the goods harms nobody' --provider alipay "$dir/alipay.zip"
says 0 'rows in all      4' 'the order of the files does not matter' --provider alipay "$dir/turned.zip"
says 0 'rows in all      4' 'unpacked it is the same' --provider alipay "$dir/alipay.csv"
says 1 'two statements' 'one package is one statement' --provider alipay "$dir/twice.zip"
says 1 'points outside' 'a name that leads outside is refused' --provider alipay "$dir/slip.zip"
says 1 'more than 16 files' 'a package has a limit of files' --provider alipay "$dir/many.zip"
says 1 'more than 512 MB' 'and of bytes' --provider alipay "$dir/bomb.zip"
says 1 'line 11: the total of payments is 6001 fen, the rows make 6000' 'a sum that is off is told with its line' \
  --provider alipay "$dir/sum.zip"
says 1 'line 10: the total tells 3 payments, there are 2' 'and a count' --provider alipay "$dir/count.zip"
says 1 'line 12: the total tells 2 refunds, there are 1' 'refunds are counted too' --provider alipay "$dir/back.zip"
says 1 'ends without its totals' 'without totals it is none' --provider alipay "$dir/untold.zip"
says 1 'line 6: 转账' 'a kind that is not known is told with its line' --provider alipay "$dir/unknown.zip"
says 1 'line 6: not GBK' 'bytes that are no letters are told with their line' --provider alipay "$dir/bytes.zip"
says 1 '' 'a broken package is refused' --provider alipay "$dir/broken.zip"

# --- the day-end file
cat >"$dir/day.csv" <<'L'
powergate-day-end,1,desk-1,2026-11-20,CNY
kind,payment_no,refund_no,paid_at,amount
payment,P-1,,2026-11-20T16:00:00+08:00,50.00
total,1,50.00,0.00
L
says 0 'merchant         desk-1' 'a day-end file is read' --provider standard "$dir/day.csv"
sed -i s/total,1/total,2/ "$dir/day.csv"
says 1 'line 4: the total tells 2 rows, there are 1' 'and refused with its line' --provider standard "$dir/day.csv"

# --- usage
says 2 'not read here' 'not every provider has statements' --provider stripe "$dir/day.csv"
says 1 'No such file' 'a file must be there' --provider wechat "$dir/none"
says 1 'nothing in it' 'and hold something' --provider wechat /dev/null
says 2 '--provider is missing' 'whose it is must be said' "$dir/day.csv"

exit $failed
