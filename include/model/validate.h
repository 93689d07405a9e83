/*
 * validate -- may this reading be billed, given the one before it?
 *
 * Cumulative registers against cumulative registers (domain.md 5.5, 5.12.6, .12): what moved
 * must be possible for the time between, a register that went down has wrapped or else somebody
 * must look, and the bands must be the total but for their last digits.  What is held is not
 * lost: the next reading is judged by the same one before, and when it is plausible it is billed.
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTERS 5 /* the total, then T1 to T4 */
#define NO_WH     INT64_C(-1)
#define UNIT_WH   10 /* the last digit of a DL/T 645 register */

/* Registers of one moment, as the meter counts; NO_WH where it has none. */
struct registers {
	int64_t at_us;
	int64_t wh[REGISTERS];
};

struct validate_meter {
	int64_t wraps_wh, unit_wh; /* of its registers */
	int64_t most_watts;        /* of the supply, behind the transformers */
	int multiplier;            /* CT x PT */
	int64_t late_us;           /* how far its clock may be ahead of ours */
};

enum validated {
	READING_GOOD,
	READING_SAME,  /* of the same moment, or nothing to tell */
	READING_OLDER, /* kept to fill gaps, not billed by itself */
	READING_HELD,
};

struct validation {
	enum validated is;
	char why[160]; /* it is held */
	bool rolled_over;
	bool banded;                 /* both have all the bands, and they may be billed */
	int64_t delta_wh[REGISTERS]; /* the bands NO_WH where not; as the meter counts */
};

/* A person may have said what a held reading is: then it is billed as that, and by its total
 * alone where the bands cannot be.  What is outside its range or to come stays held. */
enum validate_as { AS_IT_IS, AS_USED, AS_ROLLED_OVER };

/* before NULL: it is the first one, and only looked at by itself. */
struct validation validate_reading(const struct validate_meter *m, const struct registers *before,
    const struct registers *now, enum validate_as as, int64_t now_us);
/* What a register counted from one value to the next, by a wrap at most; never negative. */
int64_t validate_delta(int64_t before, int64_t after, int64_t wraps_wh);
/* The bands are the total, but for one unit each. */
bool validate_bands_fit(const int64_t delta_wh[REGISTERS], int64_t unit_wh);

#endif
