#include "model/ledger.h"

const char *
ledger_code_name(enum ledger_code c)
{
	static const char *const names[LEDGER_CODES] = {"clearing", "prepaid", "loaded", "arrears",
	    "energy", "fees", "tax", "suspense", "rounding"};

	return names[c];
}
