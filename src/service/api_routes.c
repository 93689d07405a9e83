/*
 * The routes: what each asks of the database, who may, and where.
 *
 * To add one, add a row.  Its roles and its site rule are part of it; a row without them keeps the
 * daemon from starting.  What a POST does its function notes in the audit, or else leave(); what
 * was before and after is noted by itself.
 */
#include "service/api_call.h"

#include "base/err.h"
#include "base/loop.h"

#include <string.h>

#define BEHIND(name_)                                             \
	"SELECT CASE WHEN g.problem IS NULL THEN door.api_" name_ \
	"(g.args, g.who, $7::bigint) ELSE g.problem END FROM " API_ENTER " g"

#define READ_BY(path_, name_, roles_, site_, query_)                                      \
	{                                                                                 \
		"GET", "/v1/" path_, roles_, site_, query_,                               \
		    {"api_" name_, DB_COMMANDS, true, 5 * SECOND_US, BEHIND(name_)}, NULL \
	}
#define READ(path_, name_, site_, query_) READ_BY(path_, name_, ROLE_ALL, site_, query_)
#define WRITE(path_, name_, roles_, site_)                                               \
	{                                                                                \
		"POST", "/v1/" path_, roles_, site_, NULL,                               \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US,                    \
			"SELECT CASE WHEN g.problem IS NULL THEN door.leave("            \
			"door.api_" name_ "(g.args, g.who, $7::bigint), $3, g.who,"      \
			" g.args, $7::bigint) ELSE g.problem END FROM " API_ENTER " g"}, \
		    NULL                                                                 \
	}
/* Where it matters which of two people it is: their names may be the same. */
#define WRITE_UID(path_, name_, roles_, site_)                                             \
	{                                                                                  \
		"POST", "/v1/" path_, roles_, site_, NULL,                                 \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US,                      \
			"SELECT CASE WHEN g.problem IS NULL THEN door.leave("              \
			"door.api_" name_ "(g.args, g.who, g.uid, $7::bigint), $3, g.who," \
			" g.args, $7::bigint) ELSE g.problem END FROM " API_ENTER " g"},   \
		    NULL                                                                   \
	}
/* Takes money back, by the limits of the settings. */
#define TAKES_BACK(path_, name_, roles_, site_)                                             \
	{                                                                                   \
		"POST", "/v1/" path_, roles_, site_, NULL,                                  \
		    {"api_" name_, DB_COMMANDS, false, 5 * SECOND_US,                       \
			"SELECT door.api_" name_ "($1::jsonb, $2, $3::bigint, $4::bigint, " \
			"$5::bigint, $6::bigint)" API_AUDITED},                             \
		    call_take_back                                                          \
	}
#define SPECIAL(method_, path_, roles_, site_, fn_)                \
	{                                                          \
		method_, "/v1/" path_, roles_, site_, "", {0}, fn_ \
	}

#define SPECIAL_READ(path_, site_, query_, fn_)                        \
	{                                                              \
		"GET", "/v1/" path_, ROLE_ALL, site_, query_, {0}, fn_ \
	}

static const struct api_route routes[] = {
    READ("site/list", "site_list", SITE_ROWS, ""),
    WRITE("site/add", "site_add", ROLE_ADMIN, SITE_ALL),
    WRITE("site/mode", "site_mode", ROLE_ADMIN, SITE_NAMED),
    READ_BY("import/list", "import_list", ROLE_AUDITOR, SITE_ALL, "all limit"),
    WRITE("import/begin", "import_begin", ROLE_ADMIN, SITE_ALL),
    SPECIAL("POST", "import/rows", ROLE_ADMIN, SITE_ALL, call_import_rows),
    SPECIAL("POST", "import/run", ROLE_ADMIN, SITE_ALL, call_fleet),
    {"POST", "/v1/import/undo",  ROLE_ADMIN, SITE_ALL,  NULL,
							      {"api_import_undo", DB_RECON, false, 120 * SECOND_US,
	    "SELECT door.api_import_undo"
	    "($1::jsonb, $2, $3::bigint, $4::bigint, $5::bigint, $6::bigint)" API_AUDITED},
							      call_take_back							  },
    {"GET",  "/v1/fleet/export", ROLE_ADMIN, SITE_ROWS, "",   {0}, call_fleet},
    READ("tariff/list", "tariff_list", SITE_ANY, "tariff"),
    SPECIAL("POST", "tariff/add", ROLE_MONEY, SITE_ALL, call_tariff_add),
    READ("tariff/show", "tariff_show", SITE_ANY, "version"),
    SPECIAL("POST", "tariff/load", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_tariff_load),
    SPECIAL("POST", "tariff/submit", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_tariff_submit),
    SPECIAL("POST", "tariff/approve", ROLE_APPROVER, SITE_ALL, call_tariff_approve),
    WRITE("tariff/withdraw", "tariff_withdraw", ROLE_MONEY | ROLE_APPROVER, SITE_ALL),
    SPECIAL("POST", "tariff/simulate", ROLE_ALL, SITE_NAMED, call_tariff_simulate),
    READ("account/list", "account_list", SITE_ROWS, "after limit"),
    READ("account/show", "account_show", SITE_NAMED, "account"),
    READ("account/deliveries", "account_deliveries", SITE_NAMED, "account"),
    WRITE("account/add", "account_add", ROLE_ADMIN, SITE_NAMED),
    READ("meter/list", "meter_list", SITE_ROWS, "after limit"),
    READ("meter/show", "meter_show", SITE_NAMED, "meter"),
    READ("meter/why", "why", SITE_NAMED, "meter"),
    WRITE("meter/add", "meter_add", ROLE_ADMIN, SITE_NAMED),
    WRITE_UID("meter/relay", "relay", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/limit", "meter_limit", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/read", "read", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/commission", "commission", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/qualify", "meter_qualify", ROLE_ADMIN, SITE_ALL),
    READ("qualification/list", "qualification_list", SITE_ALL, "profile model limit"),
    READ("qualification/show", "qualification_show", SITE_ALL, "qualification"),
    SPECIAL("POST", "meter/password", ROLE_KEY_ADMIN, SITE_NAMED, call_set_password),
    READ("command/list", "command_list", SITE_NAMED, "meter state limit"),
    READ("command/show", "command_show", SITE_NAMED, "command"),
    WRITE("command/cancel", "command_cancel", ROLE_OPERATOR, SITE_NAMED),
    READ("push/list", "push_list", SITE_NAMED, "meter state set limit"),
    READ("push/show", "push_show", SITE_NAMED, "meter set"),
    WRITE("push/retry", "push_retry", ROLE_OPERATOR, SITE_NAMED),
    WRITE("push/want", "push_want", ROLE_ADMIN, SITE_NAMED),
    READ("endpoint/list", "endpoint_list", SITE_ALL, "state online limit"),
    WRITE("endpoint/claim", "endpoint_claim", ROLE_OPERATOR, SITE_NAMED),
    WRITE("endpoint/quarantine", "endpoint_quarantine", ROLE_OPERATOR, SITE_NAMED),
    WRITE("endpoint/link", "endpoint_link", ROLE_OPERATOR, SITE_NAMED),
    READ("survey", "survey", SITE_ROWS, "site days"),
    WRITE("meter/log", "meter_log", ROLE_OPERATOR, SITE_NAMED),
    READ("frame/list", "frame_list", SITE_NAMED, "meter limit"),
    READ_BY("support/bundle", "support_bundle", ROLE_OPERATOR, SITE_NAMED, "meter"),
    SPECIAL("GET", "session/list", ROLE_ALL, SITE_ALL, call_list_sessions),
    READ("payment/show", "payment_show", SITE_NAMED, "payment payment_no"),
    READ("payment/list", "payment_list", SITE_NAMED, "account state limit"),
    READ("recharge/facts", "recharge_facts", SITE_NAMED, "payment"),
    READ("payment/receipt", "payment_receipt", SITE_NAMED, "payment"),
    READ("report/day", "report_day", SITE_NAMED, "site day"),
    READ("ledger/export", "ledger_export", SITE_NAMED, "site from to"),
    WRITE("payment/assign", "payment_assign", ROLE_MONEY, SITE_NAMED),
    SPECIAL("POST", "payment/cash", ROLE_CASHIER, SITE_NAMED, call_cash),
    SPECIAL("POST", "payment/preview", ROLE_ALL, SITE_NAMED, call_preview),
    WRITE("payment/limits", "topup_limits", ROLE_MONEY, SITE_NAMED),
    TAKES_BACK("payment/void", "payment_void", ROLE_MONEY, SITE_NAMED),
    TAKES_BACK("payment/move", "payment_move", ROLE_MONEY, SITE_NAMED),
    READ("refund/list", "refund_list", SITE_NAMED, "payment account state limit"),
    READ("refund/show", "refund_show", SITE_NAMED, "refund"),
    TAKES_BACK("refund/request", "refund_request", ROLE_OPERATOR | ROLE_MONEY, SITE_NAMED),
    TAKES_BACK("refund/approve", "refund_approve", ROLE_MONEY | ROLE_APPROVER, SITE_NAMED),
    TAKES_BACK("refund/withdraw", "refund_withdraw", ROLE_OPERATOR | ROLE_MONEY, SITE_NAMED),
    TAKES_BACK("refund/paid", "refund_paid", ROLE_MONEY, SITE_NAMED),
    READ("shift/list", "shift_list", SITE_ALL, "terminal limit"),
    READ("shift/show", "shift_show", SITE_NAMED, "shift"),
    WRITE("shift/open", "shift_open", ROLE_CASHIER, SITE_ANY),
    WRITE("shift/close", "shift_close", ROLE_CASHIER | ROLE_MONEY, SITE_ANY),
    SPECIAL("POST", "orders", ROLE_CASHIER, SITE_NAMED, call_order),
    READ("order/list", "order_list", SITE_NAMED, "account state limit"),
    READ("order/show", "order_show", SITE_NAMED, "order"),
    READ("debt/list", "debt_list", SITE_NAMED, "account all limit"),
    READ("debt/show", "debt_show", SITE_NAMED, "debt"),
    WRITE("debt/add", "debt_add", ROLE_MONEY, SITE_NAMED),
    WRITE("debt/write-off", "debt_write_off", ROLE_MONEY, SITE_NAMED),
    WRITE("debt/order", "debt_order", ROLE_MONEY, SITE_NAMED),
    READ("emergency/show", "emergency_show", SITE_NAMED, "account"),
    WRITE("emergency/offer", "emergency_offer", ROLE_MONEY, SITE_NAMED),
    WRITE("emergency/withdraw", "emergency_withdraw", ROLE_MONEY, SITE_NAMED),
    WRITE("emergency/activate", "emergency_activate", ROLE_OPERATOR, SITE_NAMED),
    READ("ledger/list", "ledger", SITE_NAMED, "account limit"),
    READ("ledger/check", "ledger_check", SITE_ALL, ""),
    TAKES_BACK("ledger/reverse", "ledger_reverse", ROLE_MONEY, SITE_NAMED),
    READ("reading/list", "reading_list", SITE_NAMED, "meter held limit"),
    WRITE("reading/accept", "reading_accept", ROLE_OPERATOR, SITE_NAMED),
    WRITE("reading/refuse", "reading_refuse", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/swap", "meter_swap", ROLE_OPERATOR, SITE_NAMED),
    WRITE("meter/master", "meter_master", ROLE_ADMIN, SITE_NAMED),
    WRITE("meter/multiplier", "meter_multiplier", ROLE_ADMIN, SITE_NAMED),
    WRITE("account/move-in", "move_in", ROLE_OPERATOR, SITE_NAMED),
    WRITE("account/move-out", "move_out", ROLE_OPERATOR, SITE_NAMED),
    TAKES_BACK("account/refund", "account_refund", ROLE_MONEY, SITE_NAMED),
    WRITE("bill/rebill", "rebill", ROLE_MONEY, SITE_NAMED),
    SPECIAL_READ("bill/explain", SITE_NAMED, "account day from to", call_bill_explain),
    READ("freeze/list", "freeze_list", SITE_NAMED, "meter day limit"),
    READ("hour/list", "hour_list", SITE_NAMED, "meter since limit"),
    READ("line/list", "line_list", SITE_NAMED, "meter since limit"),
    READ("event/list", "event_list", SITE_NAMED, "meter account limit"),
    READ("work/list", "work_list", SITE_ROWS, "all limit"),
    READ("work/show", "work_show", SITE_NAMED, "work"),
    WRITE("work/take", "work_take", ROLE_OPERATOR | ROLE_MONEY | ROLE_APPROVER, SITE_NAMED),
    SPECIAL("POST", "work/resolve", ROLE_OPERATOR | ROLE_MONEY | ROLE_APPROVER, SITE_NAMED,
	call_resolve_work),
    READ("hold/list", "hold_list", SITE_NAMED, "meter all limit"),
    WRITE_UID("hold/add", "hold_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("hold/release", "hold_release", ROLE_OPERATOR, SITE_NAMED),
    READ("alarm/list", "alarm_list", SITE_ROWS, "meter account site kind severity state all limit"),
    READ("alarm/show", "alarm_show", SITE_NAMED, "alarm"),
    WRITE("alarm/ack", "alarm_ack", ROLE_OPERATOR, SITE_NAMED),
    WRITE("alarm/resolve", "alarm_resolve", ROLE_OPERATOR, SITE_NAMED),
    READ("override/list", "override_list", SITE_ALL, "all limit"),
    WRITE("override/add", "override_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("override/end", "override_end", ROLE_OPERATOR, SITE_NAMED),
    READ("calendar/list", "calendar_list", SITE_NAMED, "site"),
    WRITE("calendar/set", "calendar_set", ROLE_OPERATOR, SITE_NAMED),
    READ("halt/list", "halt_list", SITE_ALL, "all limit"),
    WRITE("halt/release", "halt_release", ROLE_OPERATOR, SITE_ALL),
    READ("exposure/list", "exposure_list", SITE_ALL, "all limit"),
    WRITE_UID("group/preview", "group_preview", ROLE_OPERATOR, SITE_NAMED),
    WRITE_UID("group/start", "group_start", ROLE_OPERATOR, SITE_NAMED),
    WRITE("group/stop", "group_stop", ROLE_OPERATOR, SITE_NAMED),
    WRITE_UID("group/resume", "group_resume", ROLE_OPERATOR, SITE_NAMED),
    READ("group/status", "group_status", SITE_NAMED, "group"),
    READ("group/members", "group_members", SITE_NAMED, "group state after limit"),
    READ("group/list", "group_list", SITE_ALL, "all limit"),
    READ("notice/list", "notice_list", SITE_NAMED, "account kind state limit"),
    READ("notice/show", "notice_show", SITE_NAMED, "notice"),
    WRITE("notice/retry", "notice_retry", ROLE_OPERATOR, SITE_NAMED),
    READ("contact/list", "contact_list", SITE_NAMED, "account site all limit"),
    WRITE("contact/add", "contact_add", ROLE_OPERATOR, SITE_NAMED),
    WRITE("contact/set", "contact_set", ROLE_OPERATOR, SITE_NAMED),
    WRITE("contact/stop", "contact_stop", ROLE_OPERATOR, SITE_NAMED),
    READ("statement/list", "statement_list", SITE_ALL, "source day limit"),
    WRITE("statement/begin", "statement_begin", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL),
    SPECIAL("POST", "statement/rows", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_statement_rows),
    SPECIAL("POST", "statement/seal", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_statement_seal),
    SPECIAL("POST", "recon/run", ROLE_OPERATOR | ROLE_MONEY, SITE_ALL, call_recon_run),
    READ("recon/breaks", "recon_breaks", SITE_NAMED, "source site day kind all limit"),
    READ("recon/show", "recon_show", SITE_NAMED, "break"),
    WRITE("recon/resolve", "recon_resolve", ROLE_OPERATOR | ROLE_MONEY, SITE_NAMED),
    WRITE("recon/close", "recon_close", ROLE_MONEY, SITE_NAMED),
    READ("recon/days", "recon_days", SITE_NAMED, "site limit"),
    READ("headend/status", "status", SITE_ANY, ""),
    WRITE("headend/trips", "trips", ROLE_OPERATOR, SITE_ALL),
    WRITE_UID("headend/safety", "safety", ROLE_ADMIN, SITE_ALL),
    WRITE("headend/hold", "hold", ROLE_ADMIN, SITE_ALL),
    SPECIAL("GET", "routes", ROLE_ALL, SITE_ANY, call_list_routes),
    READ("approval/list", "approval_list", SITE_ALL, "all limit"),
    WRITE_UID("approval/give", "approval_give", ROLE_APPROVER, SITE_ALL),
    WRITE_UID("approval/refuse", "approval_refuse", ROLE_APPROVER, SITE_ALL),
    READ_BY("principal/list", "principal_list", ROLE_AUDITOR, SITE_ALL, "all"),
    WRITE("principal/add", "principal_add", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/role", "principal_role", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/sites", "principal_sites", ROLE_ADMIN, SITE_ALL),
    WRITE("principal/disable", "principal_disable", ROLE_ADMIN, SITE_ALL),
    READ_BY("token/list", "token_list", ROLE_AUDITOR, SITE_ALL, "principal all limit"),
    SPECIAL("POST", "token/add", ROLE_ADMIN, SITE_ALL, call_token_add),
    WRITE("token/revoke", "token_revoke", ROLE_ADMIN, SITE_ALL),
    READ_BY("audit/list", "audit_list", ROLE_AUDITOR, SITE_ALL, "who action after limit"),
    READ_BY("audit/verify", "audit_verify", ROLE_AUDITOR, SITE_ALL, "head"),
};
#define NROUTES (sizeof routes / sizeof *routes)
_Static_assert(NROUTES <= MOST_ROUTES, "MOST_ROUTES is too small");

static const char *const role_names[] = {
    "viewer", "operator", "cashier", "money", "approver", "key-admin", "auditor", "admin"};
static const char *const site_rules[] = {
    [SITE_ANY] = "any", [SITE_NAMED] = "named", [SITE_ROWS] = "rows", [SITE_ALL] = "all"};

void
route_roles(const struct api_route *route, const char *quote, struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
		if (((route->roles | ROLE_ADMIN) >> i & 1) != 0) {
			buf_printf(out, "%s%s%s%s", between, quote, role_names[i], quote);
			between = ",";
		}
}

const struct api_route *
route_at(size_t i)
{
	return i < NROUTES ? &routes[i] : NULL;
}

const struct api_route *
route_find(const char *path)
{
	for (size_t i = 0; i < NROUTES; i++)
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	return NULL;
}

bool
route_writes(const struct api_route *route)
{
	return strcmp(route->method, "POST") == 0;
}

const char *
route_site_rule(const struct api_route *route)
{
	return site_rules[route->site];
}

int
routes_check(struct err *e)
{
	for (size_t i = 0; i < NROUTES; i++)
		if (routes[i].roles == 0 || routes[i].site == SITE_UNSAID)
			return err_set(
			    e, ERR_BUG, "%s names no role or no site rule", routes[i].path);
	return (int)NROUTES;
}
