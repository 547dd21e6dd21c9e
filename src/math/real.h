/* The number type of the mathematics: float, or double in the library the gradient checks link (NN_DOUBLE).
 */
#ifndef MATH_REAL_H
#define MATH_REAL_H

#if defined(NN_DOUBLE)
typedef double real;
#define REAL_IS_DOUBLE 1
#else
typedef float real;
#define REAL_IS_DOUBLE 0
#endif

#endif
