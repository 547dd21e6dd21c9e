/* What this CPU has; each flag with all that it builds on. */
#ifndef MATH_X86_DETECT_H
#define MATH_X86_DETECT_H

#include "src/math/cpu.h"

cpu_flags x86_detect(void);

#endif
