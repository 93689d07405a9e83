/*
 * Words of a report and of a receipt; one line a word: of the page, by section, by column without
 * its unit's end, and by column and value where a column knows its values.  Codes in capitals, and
 * what people wrote, stay as they are.
 */
#include "codec/report.h"

#include <stdio.h>
#include <string.h>

const char *const report_languages[] = {"en", "es", "zh", NULL};

static const struct word {
	const char *word, *en, *es, *zh;
} words[] = {
    {"report",			"Daily report",                     "Informe diario",                     "日报"               },
    {"currency",		      "Money in",                         "Importes en",                        "币种"               },
    {"energy",			"Energy",			   "Energía",                           "电量"               },
    {"hours",			 "Payments by hour",                 "Pagos por hora",                     "每小时充值笔数"},
    {"exposed_by",		    "Exposure by cause",                "Riesgo por causa",                   "欠费风险按原因"},
    {"bands",			 "From the left: T1, T2, T3, T4",    "Desde la izquierda: T1, T2, T3, T4",
     "自左起:尖、峰、平、谷"												 },
    {"nothing",		       "Nothing.",                         "Nada.",                              "无。"               },
    {"more",			  "More rows are in the CSV file.",   "Hay más filas en el archivo CSV.",
     "其余各行见 CSV 文件。"												   },
    {"site",			  "Site",			     "Emplazamiento",                      "站点"               },
    {"closing",		       "Closing of the day",               "Cierre del día",                    "日结"               },
    {"reconciliation",                "Reconciliation",                   "Conciliación",                      "对账"               },
    {"breaks",			"Breaks",			   "Diferencias",                        "差异"               },
    {"late",			  "Late",			     "Tardío",                            "迟到"               },
    {"accounts",		      "Accounts",                         "Cuentas",                            "账户"               },
    {"meters",			"Meters",			   "Contadores",                         "电表"               },
    {"charges",		       "Charges",                          "Cargos",                             "扣费明细"         },
    {"payment_times",                 "Time from payment to power",       "Tiempo del pago al suministro",
     "充值到账用时"													      },
    {"payments",		      "Payments",                         "Pagos",                              "充值"               },
    {"exposure_causes",               "Exposure by cause",                "Riesgo por causa",                   "欠费风险按原因"},
    {"exposure",		      "Exposure",                         "Riesgo",                             "欠费风险"         },
    {"alarms",			"Alarms",			   "Alarmas",                            "告警"               },
    {"work",			  "Work",			     "Tareas",                             "待办"               },
    {"account",		       "Account",                          "Cuenta",                             "账户"               },
    {"customer",		      "Customer",                         "Cliente",                            "客户"               },
    {"mode",			  "Mode",			     "Modo",			       "模式"               },
    {"open",			  "Opening",			  "Inicial",                            "期初"               },
    {"received",		      "Received",                         "Recibido",                           "收款"               },
    {"charged",		       "Charged",                          "Cobrado",                            "扣费"               },
    {"loaded",			"Into meter",                       "Al contador",                        "写入电表"         },
    {"other",			 "Other",			    "Otros",                              "其他"               },
    {"close",			 "Closing",			  "Final",                              "期末"               },
    {"in_meter_open",                 "In meter, opening",                "En el contador, inicial",            "表内期初"         },
    {"meter_charged",                 "Charged in meter",                 "Cobrado en el contador",             "表内扣费"         },
    {"in_meter",		      "In meter",                         "En el contador",                     "表内期末"         },
    {"arrears",		       "Arrears",                          "Deuda",                              "欠款"               },
    {"billed_kwh",		    "Charged for, kWh",                 "Facturado, kWh",                     "计费电量 kWh"     },
    {"billed_t1_kwh",                 "Charged T1, kWh",                  "Facturado T1, kWh",                  "计费尖 kWh"        },
    {"billed_t2_kwh",                 "Charged T2, kWh",                  "Facturado T2, kWh",                  "计费峰 kWh"        },
    {"billed_t3_kwh",                 "Charged T3, kWh",                  "Facturado T3, kWh",                  "计费平 kWh"        },
    {"billed_t4_kwh",                 "Charged T4, kWh",                  "Facturado T4, kWh",                  "计费谷 kWh"        },
    {"estimated_kwh",                 "Of it estimated, kWh",             "Estimado, kWh",                      "其中估算 kWh"     },
    {"unpriced_kwh",                  "Without price, kWh",               "Sin precio, kWh",                    "未计价 kWh"        },
    {"exposed",		       "Exposed",                          "En riesgo",                          "风险金额"         },
    {"exposed_kwh",                   "Exposed, kWh",                     "En riesgo, kWh",                     "风险电量 kWh"     },
    {"late_facts",		    "Late",			     "Tardíos",                           "迟到"               },
    {"meter",			 "Meter",			    "Contador",                           "电表"               },
    {"from_kwh",		      "From, kWh",                        "Desde, kWh",                         "起码 kWh"           },
    {"to_kwh",			"To, kWh",			  "Hasta, kWh",                         "止码 kWh"           },
    {"used_kwh",		      "Used, kWh",                        "Consumo, kWh",                       "用电 kWh"           },
    {"t1_kwh",			"T1, kWh",			  "T1, kWh",                            "尖 kWh"              },
    {"t2_kwh",			"T2, kWh",			  "T2, kWh",                            "峰 kWh"              },
    {"t3_kwh",			"T3, kWh",			  "T3, kWh",                            "平 kWh"              },
    {"t4_kwh",			"T4, kWh",			  "T4, kWh",                            "谷 kWh"              },
    {"quality",		       "Quality",                          "Calidad",                            "质量"               },
    {"recharges",		     "Recharges",                        "Recargas",                           "写表次数"         },
    {"recharged",		     "Recharged",                        "Recargado",                          "写表金额"         },
    {"balance",		       "Balance",                          "Saldo",                              "余额"               },
    {"balance_quality",               "Balance from",                     "Saldo según",                       "余额来源"         },
    {"purchases",		     "Purchases",                        "Compras",                            "购电次数"         },
    {"relay",			 "Relay",			    "Relé",                              "继电器"            },
    {"relay_at",		      "Seen",			     "Visto",                              "读取时间"         },
    {"posted_as",		     "Posted as",                        "Asiento",                            "入账类型"         },
    {"ledger",			"Ledger",			   "Libro",                              "科目"               },
    {"component",		     "Component",                        "Componente",                         "组成"               },
    {"step",			  "Step",			     "Paso",			       "环节"               },
    {"p50_ms",			"Half within, ms",                  "La mitad en, ms",                    "50% 以内,毫秒"    },
    {"p95_ms",			"95 % within, ms",                  "95 % en, ms",                        "95% 以内,毫秒"    },
    {"p99_ms",			"99 % within, ms",                  "99 % en, ms",                        "99% 以内,毫秒"    },
    {"most_ms",		       "Longest, ms",                      "Máximo, ms",                        "最长,毫秒"        },
    {"payment",		       "Payment",                          "Pago",                               "充值号"            },
    {"source",			"Source",			   "Origen",                             "来源"               },
    {"payment_no",		    "Number",                           "Número",                            "流水号"            },
    {"amount",			"Amount",			   "Importe",                            "金额"               },
    {"received_at",                   "Received",                         "Recibido",                           "收到"               },
    {"committed_at",                  "Posted",                           "Contabilizado",                      "入账"               },
    {"dispatched_at",                 "Sent",                             "Enviado",                            "下发"               },
    {"acknowledged_at",               "Acknowledged",                     "Confirmado",                         "应答"               },
    {"done_at",		       "Power",			    "Suministro",                         "到账"               },
    {"notified_at",                   "Told",			     "Avisado",                            "通知"               },
    {"total_ms",		      "In all, ms",                       "En total, ms",                       "总计,毫秒"        },
    {"cause",			 "Cause",			    "Causa",                              "原因"               },
    {"since_at",		      "Since",			    "Desde",                              "开始"               },
    {"from",			  "Balance then",                     "Saldo entonces",                     "当时余额"         },
    {"ended_at",		      "Ended",			    "Fin",                                "结束"               },
    {"at_at",			 "When",			     "Cuándo",                            "时间"               },
    {"alarm",			 "Alarm",			    "Alarma",                             "告警"               },
    {"text",			  "What",			     "Qué",			       "内容"               },
    {"opened_at",		     "Opened",                           "Abierto",                            "提出"               },
    {"resolved_at",                   "Resolved",                         "Resuelto",                           "解决"               },
    {"closed_at",		     "Closed",                           "Cerrado",                            "关闭时间"         },
    {"by",			    "By",			       "Por",				"经办"               },
    {"reason",			"Reason",			   "Motivo",                             "理由"               },
    {"open_sources",                  "Sources open",                     "Orígenes abiertos",                 "未对平来源"      },
    {"before_sha256",                 "SHA-256 of the day before",        "SHA-256 del día anterior",          "前一日 SHA-256"    },
    {"sha256",			"SHA-256",			  "SHA-256",                            "SHA-256"              },
    {"rule",			  "Rule",			     "Regla",			      "规则"               },
    {"state",			 "State",			    "Estado",                             "状态"               },
    {"break",			 "Break",			    "Diferencia",                         "差异号"            },
    {"break_kind",		    "Kind",			     "Clase",                              "类别"               },
    {"owner",			 "Owner",			    "Responsable",                        "负责人"            },
    {"note",			  "Note",			     "Nota",			       "备注"               },
    {"of_day",			"Of the day",                       "Del día",                           "所属日"            },
    {"reference",		     "Reference",                        "Referencia",                         "参考"               },
    {"rule:R1",		       "R1 statement and payments",        "R1 extracto y pagos",                "R1 对账单与充值"},
    {"rule:R2",		       "R2 payments and ledger",           "R2 pagos y libro",                   "R2 充值与账簿"   },
    {"rule:R3",		       "R3 ledger and deliveries",         "R3 libro y entregas",                "R3 账簿与写表"   },
    {"rule:R4",		       "R4 deliveries and meters' counts", "R4 entregas y contadores",
     "R4 写表与购电次数"													},
    {"rule:R5",		       "R5 balances in meters",            "R5 saldos en contadores",            "R5 表内余额"      },
    {"rule:R6",		       "R6 energy",                        "R6 energía",                        "R6 电量"            },
    {"rule:R7",		       "R7 from day to day",               "R7 de día a día",                  "R7 日间衔接"      },
    {"rule:R8",		       "R8 the books balance",             "R8 los libros cuadran",              "R8 借贷平衡"      },
    {"rule:R9",		       "R9 supply",                        "R9 suministro",                      "R9 供电状态"      },
    {"state:agrees",                  "agrees",                           "concuerda",                          "一致"               },
    {"state:signed",                  "signed with breaks",               "firmado con diferencias",            "带差异签署"      },
    {"state:open",		    "open",			     "abierto",                            "未结"               },
    {"state:carried",                 "carried",                          "arrastrado",                         "结转"               },
    {"mode:remote",                   "remote",                           "remoto",                             "远程"               },
    {"mode:local",		    "local",			    "local",                              "本地"               },
    {"quality:meter",                 "meter",                            "contador",                           "电表冻结"         },
    {"quality:reconstructed",         "reconstructed",                    "reconstruido",                       "推算"               },
    {"quality:estimate",              "estimate",                         "estimado",                           "估算"               },
    {"balance_quality:ledger",        "ledger",                           "libro",                              "账簿"               },
    {"balance_quality:reconstructed", "reconstructed",                    "reconstruido",                       "推算"               },
    {"relay:closed",                  "closed",                           "cerrado",                            "合闸"               },
    {"relay:permitted",               "permitted",                        "permitido",                          "允许合闸"         },
    {"relay:open",		    "open",			     "abierto",                            "拉闸"               },
    {"relay:unknown",                 "unknown",                          "desconocido",                        "未知"               },
    {"posted_as:charge",              "use",                              "consumo",                            "用电"               },
    {"posted_as:fixed",               "fixed charge",                     "cargo fijo",                         "固定费用"         },
    {"posted_as:rebill",              "billed again",                     "refacturación",                     "重新计费"         },
    {"posted_as:trueup",              "correction",                       "corrección",                        "更正"               },
    {"ledger:energy",                 "energy",                           "energía",                           "电费"               },
    {"ledger:fees",                   "fees",			     "cargos",                             "附加费"            },
    {"ledger:tax",		    "tax",			      "impuesto",                           "税金"               },
    {"ledger:rounding",               "rounding",                         "redondeo",                           "尾差"               },
    {"step:committed",                "posted",                           "contabilizado",                      "入账"               },
    {"step:dispatched",               "sent",                             "enviado",                            "下发"               },
    {"step:acknowledged",             "acknowledged",                     "confirmado",                         "应答"               },
    {"step:done",		     "power",			    "suministro",                         "到账"               },
    {"step:notified",                 "told",                             "avisado",                            "通知"               },
    {"cause:none",		    "none",			     "ninguna",                            "无"                  },
    {"cause:notice",                  "notice",                           "aviso",                              "通知期"            },
    {"cause:grace",                   "grace",                            "gracia",                             "宽限"               },
    {"cause:hours",                   "hours",                            "horario",                            "非停电时段"      },
    {"cause:spared",                  "spared",                           "exento",                             "受保护"            },
    {"cause:reading",                 "old reading",                      "lectura antigua",                    "读数过旧"         },
    {"cause:payment",                 "payment on its way",               "pago en curso",                      "充值在途"         },
    {"cause:unrated",                 "without price",                    "sin precio",                         "未计价"            },
    {"cause:observed",                "only observed",                    "solo observado",                     "仅监视"            },
    {"cause:refused",                 "refused",                          "rechazado",                          "拒绝"               },
    {"cause:unreachable",             "unreachable",                      "inaccesible",                        "失联"               },
    {"alarm:emergency",               "emergency credit",                 "crédito de emergencia",             "应急额度"         },
    {"alarm:flapping",                "flapping",                         "oscilación",                        "频繁动作"         },
    {"alarm:halt",		    "trips halted",                     "cortes detenidos",                   "停电中止"         },
    {"alarm:hold",		    "hold",			     "retención",                         "停电指令"         },
    {"alarm:multiplier",              "multiplier",                       "multiplicador",                      "倍率"               },
    {"alarm:override",                "override",                         "excepción",                         "保电"               },
    {"alarm:parameters",              "parameters",                       "parámetros",                        "参数"               },
    {"alarm:swapped",                 "meter swapped",                    "contador cambiado",                  "换表"               },
    {"alarm:exposure",                "exposure",                         "riesgo",                             "欠费风险"         },
    {"late:payment",                  "LATE payment",                     "pago TARDÍO",                       "迟到充值"         },
    {"late:freeze",                   "LATE freeze",                      "lectura TARDÍA",                    "迟到冻结"         },
    {"late:charge",                   "LATE use",                         "consumo TARDÍO",                    "迟到用电"         },
    {"late:fixed",		    "LATE fixed charge",                "cargo fijo TARDÍO",                 "迟到固定费用"   },
    {"slip:receipt",                  "Receipt",                          "Recibo",                             "收据号"            },
    {"slip:site",		     "Site",			     "Emplazamiento",                      "站点"               },
    {"slip:account",                  "Account",                          "Cuenta",                             "账户"               },
    {"slip:unknown",                  "not yet known",                    "aún desconocida",                   "尚未确定"         },
    {"slip:customer",                 "Customer",                         "Cliente",                            "客户"               },
    {"slip:time",		     "Time",			     "Fecha y hora",                       "时间"               },
    {"slip:method",                   "Paid by",                          "Pagado con",                         "支付方式"         },
    {"slip:number",                   "Number",                           "Número",                            "流水号"            },
    {"slip:terminal",                 "Terminal",                         "Terminal",                           "终端"               },
    {"slip:cashier",                  "Cashier",                          "Cajero",                             "收款员"            },
    {"slip:amount",                   "Amount",                           "Importe",                            "金额"               },
    {"slip:held",		     "Held for later",                   "Retenido",                           "暂存待写"         },
    {"slip:in_meter",                 "In the meter",                     "En el contador",                     "写入电表"         },
    {"slip:void",		     "VOID",			     "ANULADO",                            "作废"               },
    {"slip:reversed",                 "this payment has been reversed",   "este pago ha sido anulado",
     "本笔充值已冲正"													   },
    {"method:cash",                   "cash",			     "efectivo",                           "现金"               },
    {"split:payment",                 "Debt, per cent",                   "Deuda, porcentaje",                  "按比例还欠款"   },
    {"split:instalment",              "Instalment",                       "Plazo",                              "分期"               },
    {"split:accumulated",             "Debt",                             "Deuda acumulada",                    "累计欠费"         },
    {"split:balance",                 "Balance below",                    "Saldo negativo",                     "补足负余额"      },
    {"split:emergency",               "Emergency credit",                 "Crédito de emergencia",             "归还应急额度"   },
    {"split:credit",                  "Credit",                           "Crédito",                           "电费"               },
};

static const struct word *
find_word(const char *word)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return &words[i];
	return NULL;
}

static const char *
word_in(const struct word *w, const char *language)
{
	return strcmp(language, "zh") == 0 ? w->zh : strcmp(language, "es") == 0 ? w->es : w->en;
}

const char *
report_word(const char *word, const char *language)
{
	const struct word *w = find_word(word);

	return w != NULL ? word_in(w, language) : word;
}

const char *
report_value(const char *column, const char *value, const char *language)
{
	const struct word *w;
	char key[128];

	snprintf(key, sizeof key, "%.60s:%.60s", column, value);
	w = find_word(key);
	return w != NULL ? word_in(w, language) : value;
}
