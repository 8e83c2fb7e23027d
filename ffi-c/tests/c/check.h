/* What the test programs in C share: ends with 1 and a line on stderr where something is not so. */
#ifndef ICTUS_TEST_CHECK_H
#define ICTUS_TEST_CHECK_H

#include "ictus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(what)                                                        \
    do {                                                                    \
        if (!(what)) {                                                      \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

static ictus_str str(const char *text)
{
    ictus_str string;
    string.data = text;
    string.len = strlen(text);
    return string;
}

#endif
