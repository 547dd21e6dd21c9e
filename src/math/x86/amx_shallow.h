/* Products of few k on AMX tiles, results in bf16: convolutions of 1x1 that widen a map. Only on CPUs with
 * CPU_AMX. */
#ifndef MATH_X86_AMX_SHALLOW_H
#define MATH_X86_AMX_SHALLOW_H

#include "src/math/x86/amx_rows.h"

/* Whether amx_shallow_product computes this, faster than amx_rows_product and with the same bits: results
 * go to rounded_y, x is rounded on the way, and depth is small. */
bool amx_shallow_suits(const amx_rows *p);

void amx_shallow_product(const amx_rows *p);

#endif
