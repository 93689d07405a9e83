/* Headings of a report; one line a word, by section, then by column without its unit's end. */
#include "codec/report.h"

#include <string.h>

const char *const report_languages[] = {"en", "es", "zh", NULL};

static const struct word {
	const char *word, *en, *es, *zh;
} words[] = {
    {"report",          "Daily report",     "Informe diario", "日报"               },
    {"currency",        "Money in",         "Importes en",    "币种"               },
    {"energy",          "Energy",           "Energía",       "电量"               },
    {"hours",           "Payments by hour", "Pagos por hora", "每小时充值笔数"},
    {"nothing",         "Nothing.",         "Nada.",          "无。"               },
    {"accounts",        "Accounts",         "Cuentas",        "账户"               },
    {"meters",          "Meters",           "Contadores",     "电表"               },
    {"payments",        "Payments",         "Pagos",          "充值"               },
    {"exposure",        "Exposure",         "Riesgo",         "欠费风险"         },
    {"work",            "Work",             "Tareas",         "待办"               },
    {"reconciliation",  "Reconciliation",   "Conciliación",  "对账"               },
    {"account",         "Account",          "Cuenta",         "账户"               },
    {"customer",        "Customer",         "Cliente",        "客户"               },
    {"mode",            "Mode",             "Modo",           "模式"               },
    {"open",            "Opening",          "Inicial",        "期初"               },
    {"received",        "Received",         "Recibido",       "收款"               },
    {"charged",         "Charged",          "Cobrado",        "扣费"               },
    {"loaded",          "Into meter",       "Al contador",    "写入电表"         },
    {"other",           "Other",            "Otros",          "其他"               },
    {"close",           "Closing",          "Final",          "期末"               },
    {"in_meter",        "In meter",         "En el contador", "表内累计"         },
    {"arrears",         "Arrears",          "Deuda",          "欠款"               },
    {"meter",           "Meter",            "Contador",       "电表"               },
    {"from_kwh",        "From, kWh",        "Desde, kWh",     "起码 kWh"           },
    {"to_kwh",          "To, kWh",          "Hasta, kWh",     "止码 kWh"           },
    {"used_kwh",        "Used, kWh",        "Consumo, kWh",   "用电 kWh"           },
    {"t1_kwh",          "T1, kWh",          "T1, kWh",        "尖 kWh"              },
    {"t2_kwh",          "T2, kWh",          "T2, kWh",        "峰 kWh"              },
    {"t3_kwh",          "T3, kWh",          "T3, kWh",        "平 kWh"              },
    {"t4_kwh",          "T4, kWh",          "T4, kWh",        "谷 kWh"              },
    {"quality",         "Quality",          "Calidad",        "质量"               },
    {"balance",         "Balance",          "Saldo",          "余额"               },
    {"balance_quality", "Balance from",     "Saldo según",   "余额来源"         },
    {"purchases",       "Purchases",        "Compras",        "购电次数"         },
    {"relay",           "Relay",            "Relé",          "继电器"            },
    {"relay_at",        "Seen",             "Visto",          "读取时间"         },
    {"payment",         "Payment",          "Pago",           "充值号"            },
    {"source",          "Source",           "Origen",         "来源"               },
    {"payment_no",      "Number",           "Número",        "流水号"            },
    {"amount",          "Amount",           "Importe",        "金额"               },
    {"received_at",     "Received",         "Recibido",       "收到"               },
    {"committed_at",    "Posted",           "Contabilizado",  "入账"               },
    {"dispatched_at",   "Sent",             "Enviado",        "下发"               },
    {"acknowledged_at", "Acknowledged",     "Confirmado",     "应答"               },
    {"done_at",         "Power",            "Suministro",     "到账"               },
    {"notified_at",     "Told",             "Avisado",        "通知"               },
    {"cause",           "Cause",            "Causa",          "原因"               },
    {"since_at",        "Since",            "Desde",          "开始"               },
    {"from",            "Balance then",     "Saldo entonces", "当时余额"         },
    {"ended_at",        "Ended",            "Fin",            "结束"               },
    {"text",            "What",             "Qué",           "内容"               },
    {"opened_at",       "Opened",           "Abierto",        "提出"               },
    {"resolved_at",     "Resolved",         "Resuelto",       "解决"               },
    {"rule",            "Rule",             "Regla",          "规则"               },
    {"items",           "Items",            "Partidas",       "项目"               },
    {"breaks",          "Breaks",           "Diferencias",    "差异"               },
    {"state",           "State",            "Estado",         "状态"               },
};

const char *
report_word(const char *word, const char *language)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return strcmp(language, "zh") == 0   ? words[i].zh
			       : strcmp(language, "es") == 0 ? words[i].es
							     : words[i].en;
	return word;
}
