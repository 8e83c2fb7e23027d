/*
 * The cost of calls through the shared library, compared with an empty call: `make bench`. All
 * candidates take turns in each round; ratios are medians over the rounds. Exits with 1 if a budget is
 * exceeded.
 */
#define _POSIX_C_SOURCE 200809L

#include "ictus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int empty_call(const void *object, double seconds, uint64_t end);

enum { CALLS = 200000, ROUNDS = 101, CANDIDATES = 7 };

static ictus_timer *timer;
static ictus_local_timer *local_timer;
static uint64_t end;

static void nothing(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        empty_call(timer, 0.01, end += 2);
    }
}

static void timer_at(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_timer_observe_at(timer, 0.01, end += 2);
    }
}

static void local_timer_at(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_local_timer_observe_at(local_timer, 0.01, end += 2);
    }
}

static void now(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_now();
    }
}

static void timer_now(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_timer_observe(timer, 0.01);
    }
}

static void local_timer_now(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_local_timer_observe(local_timer, 0.01);
    }
}

static void start_to_stop(void)
{
    int i;
    for (i = 0; i < CALLS; i++) {
        ictus_timer_observe_since(timer, ictus_now());
    }
}

static const struct {
    const char *name;
    void (*run)(void);
    /*
     * The maximum cost and the aim, as multiples of an empty call; 0 for none. The aim is not reached,
     * because each observation loads words that the previous one has just stored. A local timer saves
     * only the lookup of the lane.
     */
    double budget, aim;
} candidates[CANDIDATES] = {
    {"an empty call", nothing, 0, 0},
    {"ictus_local_timer_observe_at", local_timer_at, 3.3, 1.5},
    {"ictus_timer_observe_at", timer_at, 3.5, 2.5},
    {"ictus_now", now, 0, 0},
    {"ictus_local_timer_observe", local_timer_now, 0, 0},
    {"ictus_timer_observe", timer_now, 0, 0},
    {"ictus_now, ictus_timer_observe_since", start_to_stop, 0, 0},
};

static double seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

static ictus_str str(const char *text)
{
    ictus_str string;
    string.data = text;
    string.len = strlen(text);
    return string;
}

int main(int argc, char **argv)
{
    static double spent[CANDIDATES][ROUNDS], ratios[CANDIDATES][ROUNDS];
    ictus_registry *registry = NULL;
    struct timespec pause;
    int candidate, round, exceeded = 0;

    if (argc != 2 || ictus_registry_open(str(argv[1]), &registry) != ICTUS_STATUS_OK ||
        ictus_timer_new(registry, str("calls_seconds"), str(""), NULL, NULL, 0, &timer) != ICTUS_STATUS_OK ||
        ictus_local_timer_new(timer, &local_timer) != ICTUS_STATUS_OK) {
        fprintf(stderr, "usage: calls DIRECTORY\n");
        return 2;
    }
    /* The rate of the clock is measured between two readings, which are some milliseconds apart. */
    ictus_timer_observe_since(timer, ictus_now());
    pause.tv_sec = 0;
    pause.tv_nsec = 80 * 1000 * 1000;
    nanosleep(&pause, NULL);
    ictus_timer_observe_since(timer, ictus_now());
    for (round = -3; round < ROUNDS; round++) {
        for (candidate = 0; candidate < CANDIDATES; candidate++) {
            double start;
            end = ictus_now();
            start = seconds();
            candidates[candidate].run();
            if (round >= 0) {
                spent[candidate][round] = (seconds() - start) / CALLS;
                ratios[candidate][round] = spent[candidate][round] / spent[0][round];
            }
        }
    }
    printf("| a call through libictus.so | ns | of an empty call | at most | aimed at | |\n|---|--:|--:|--:|--:|---|\n");
    for (candidate = 0; candidate < CANDIDATES; candidate++) {
        const double ratio = median(ratios[candidate]), budget = candidates[candidate].budget;
        printf("| %s | %.2f | %.2f |", candidates[candidate].name, median(spent[candidate]) * 1e9, ratio);
        if (budget == 0) {
            printf(" | | |\n");
            continue;
        }
        printf(" %.1f | %.1f | %s |\n", budget, candidates[candidate].aim, ratio <= budget ? "ok" : "EXCEEDED");
        exceeded |= ratio > budget;
    }
    return exceeded;
}
