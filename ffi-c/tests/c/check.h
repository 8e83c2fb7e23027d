/* Helpers of the test programs in C: a failed check prints a line on stderr and exits with 1. */
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

static inline ictus_str str(const char *text)
{
    ictus_str string;
    string.data = text;
    string.len = strlen(text);
    return string;
}

static inline void expect_status(int line, ictus_status expected, ictus_status status)
{
    if (status != expected) {
        fprintf(stderr, "line %d: expected \"%s\", but: \"%s\"\n", line, ictus_status_text(expected).data,
                ictus_status_text(status).data);
        exit(1);
    }
}

#define ANSWERS(expected, call) expect_status(__LINE__, ICTUS_STATUS_##expected, call)
#define SUCCEEDS(call) ANSWERS(OK, call)

/* The output of a call. */
struct output {
    size_t len;
    char bytes[65536];
};

static inline int to_memory(void *context, const char *data, size_t len)
{
    struct output *output = (struct output *)context;
    EXPECT(output->len + len < sizeof output->bytes);
    memcpy(output->bytes + output->len, data, len);
    output->len += len;
    output->bytes[output->len] = '\0';
    return 0;
}

#endif
