/* A library whose one function does nothing: what any call into a shared library costs. */
#include <stdint.h>

int empty_call(const void *object, double seconds, uint64_t end);

int empty_call(const void *object, double seconds, uint64_t end)
{
    (void)object;
    (void)seconds;
    (void)end;
    return 0;
}
