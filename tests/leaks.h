/* For tests that paint text: fontconfig keeps what it found out about the fonts until the process ends, a
 * fixed amount however much is painted; LeakSanitizer asks this function what not to count. */
#ifndef TESTS_LEAKS_H
#define TESTS_LEAKS_H

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

#endif
