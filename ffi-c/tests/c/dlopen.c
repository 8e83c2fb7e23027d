/*
 * A host that loads the library by itself, forks, lets threads end, closes it and ends in every way that there is.
 *
 *     loaded LIBRARY DIRECTORY return|exit|quick|thread
 *
 * Prints how many observations are in the directory; "thread" ends while a thread still records.
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static ictus_status (*registry_open)(ictus_str, ictus_registry **);
static ictus_status (*timer_new)(const ictus_registry *, ictus_str, ictus_str, const ictus_str *, const ictus_str *,
                                 size_t, ictus_timer **);
static ictus_status (*timer_observe)(const ictus_timer *, double);
static ictus_status (*snapshot_new)(const ictus_registry *, ictus_snapshot **);
static ictus_status (*snapshot_timing)(const ictus_snapshot *, ictus_str, const ictus_str *, size_t, ictus_timing *);
static uint32_t (*abi_version)(void);

static void *symbol(void *library, const char *name)
{
    void *address = dlsym(library, name);
    EXPECT(address != NULL);
    return address;
}

/* ISO C has no cast from an object's pointer to a function's. */
#define LOAD(library, name)                                \
    do {                                                   \
        void *address = symbol(library, "ictus_" #name);     \
        memcpy(&name, &address, sizeof address);               \
    } while (0)

static void *observe_once(void *timer)
{
    EXPECT(timer_observe((const ictus_timer *)timer, 1.0) == ICTUS_STATUS_OK);
    return NULL;
}

static int begun[2];

static void *observe_for_ever(void *timer)
{
    EXPECT(timer_observe((const ictus_timer *)timer, 1.0) == ICTUS_STATUS_OK);
    EXPECT(write(begun[1], "x", 1) == 1);
    for (;;) {
        timer_observe((const ictus_timer *)timer, -1.0);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *end;
    char byte;
    void *library;
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;
    ictus_snapshot *snapshot = NULL;
    ictus_timing timing;
    pthread_t thread;
    pid_t child;
    int status = 0;

    EXPECT(argc == 4);
    end = argv[3];
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != NULL);
    LOAD(library, abi_version);
    LOAD(library, registry_open);
    LOAD(library, timer_new);
    LOAD(library, timer_observe);
    LOAD(library, snapshot_new);
    LOAD(library, snapshot_timing);
    EXPECT(abi_version() == ICTUS_ABI_VERSION);
    EXPECT(registry_open(str(argv[2]), &registry) == ICTUS_STATUS_OK);
    EXPECT(timer_new(registry, str("t"), str(""), NULL, NULL, 0, &timer) == ICTUS_STATUS_OK);

    /* 1: here. 2: a thread that ends. 3 and 4: a child and a thread of it, by the same handles. */
    observe_once(timer);
    EXPECT(pthread_create(&thread, NULL, observe_once, timer) == 0 && pthread_join(thread, NULL) == 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        observe_once(timer);
        EXPECT(pthread_create(&thread, NULL, observe_once, timer) == 0 && pthread_join(thread, NULL) == 0);
        _exit(0);
    }
    EXPECT(waitpid(child, &status, 0) == child && status == 0);

    /* 5: a thread that ends after the library was closed, and runs its destructors. */
    EXPECT(pthread_create(&thread, NULL, observe_once, timer) == 0);
    EXPECT(dlclose(library) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);

    EXPECT(snapshot_new(registry, &snapshot) == ICTUS_STATUS_OK);
    EXPECT(snapshot_timing(snapshot, str("t"), NULL, 0, &timing) == ICTUS_STATUS_OK);
    printf("%llu\n", (unsigned long long)timing.count);
    fflush(stdout);

    /* 6, seen by the next process: while a thread records. */
    if (strcmp(end, "thread") == 0) {
        EXPECT(pipe(begun) == 0);
        EXPECT(pthread_create(&thread, NULL, observe_for_ever, timer) == 0);
        EXPECT(read(begun[0], &byte, 1) == 1);
        return 0;
    }
    if (strcmp(end, "quick") == 0) {
        _exit(0);
    }
    if (strcmp(end, "exit") == 0) {
        exit(0);
    }
    return 0;
}
