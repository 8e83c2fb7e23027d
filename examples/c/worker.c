/*
 * An example of an SDK of a workflow engine with Ictus: threads that poll for tasks and run them, and
 * an endpoint for Prometheus that shows their durations.
 *
 *     worker DIRECTORY [SECONDS]
 *
 * Serves http://127.0.0.1:PORT/metrics while it works, then prints the quantiles of each timer.
 */
#define _POSIX_C_SOURCE 200809L

#include <ictus.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 3 };

static const char *const QUANTILES[] = {"p50", "p75", "p90", "p95", "p99"};
static const double SHARES[] = {0.5, 0.75, 0.9, 0.95, 0.99};

static ictus_str str(const char *text)
{
    ictus_str string;
    string.data = text;
    string.len = strlen(text);
    return string;
}

/* Setting up can fail, with a cause. Recording needs no check: rejected observations are counted. */
static void need(ictus_status status, const char *what)
{
    if (status != ICTUS_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", what, ictus_status_text(status).data);
        exit(1);
    }
}

/* Handles are made once; all threads use the same ones. */
struct metrics {
    ictus_timer *poll;
    ictus_timer *completed;
    ictus_timer *failed;
    ictus_counter *errors;
    ictus_gauge *active;
    double seconds;
};

static ictus_timer *timer(const ictus_registry *registry, const char *name, const char *status)
{
    const ictus_str labels[] = {str("task_type"), str("status")};
    const ictus_str values[] = {str("resize_image"), str(status)};
    ictus_timer *created = NULL;
    need(ictus_timer_new(registry, str(name), str("Seconds."), labels, values, 2, &created), name);
    return created;
}

static void nap(double seconds)
{
    struct timespec time;
    time.tv_sec = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *work(void *argument)
{
    const struct metrics *metrics = (const struct metrics *)argument;
    const double end = now() + metrics->seconds;
    unsigned task = 0;

    ictus_gauge_add(metrics->active, 1.0);
    while (now() < end) {
        uint64_t begun = ictus_now();
        nap(0.002); /* Asks the server for a task. */
        ictus_timer_observe_since(metrics->poll, begun);

        begun = ictus_now();
        nap(0.001 * (double)(task % 10)); /* Runs it. */
        if (task % 7 == 6) {
            ictus_timer_observe_since(metrics->failed, begun);
            ictus_counter_inc(metrics->errors);
        } else {
            ictus_timer_observe_since(metrics->completed, begun);
        }
        task++;
    }
    ictus_gauge_add(metrics->active, -1.0);
    return NULL;
}

static int print(void *file, const char *data, size_t len)
{
    return fwrite(data, 1, len, (FILE *)file) == len ? 0 : 1;
}

static void show(const ictus_snapshot *snapshot, const char *name, const char *status)
{
    const ictus_str values[] = {str("resize_image"), str(status)};
    ictus_timing timing;
    double quantiles[5];
    int i;

    need(ictus_snapshot_timing(snapshot, str(name), values, 2, &timing), name);
    need(ictus_snapshot_quantiles(snapshot, str(name), values, 2, SHARES, 5, quantiles), name);
    printf("%s %s: %llu in %.3f s", name, status, (unsigned long long)timing.count, timing.sum);
    for (i = 0; i < 5; i++) {
        printf(", %s %.2f ms", QUANTILES[i], quantiles[i] * 1000.0);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    const ictus_str label = str("task_type");
    const ictus_str value = str("resize_image");
    ictus_registry *registry = NULL;
    ictus_exporter *exporter = NULL;
    ictus_snapshot *snapshot = NULL;
    struct metrics metrics;
    pthread_t threads[THREADS];
    int i;

    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY [SECONDS]\n", argv[0]);
        return 2;
    }
    if (ictus_abi_version() != ICTUS_ABI_VERSION) {
        fprintf(stderr, "libictus %s is not the one that this was compiled for\n", ictus_version().data);
        return 1;
    }
    need(ictus_registry_open(str(argv[1]), &registry), argv[1]);
    metrics.poll = timer(registry, "poll_seconds", "SUCCESS");
    metrics.completed = timer(registry, "execute_seconds", "SUCCESS");
    metrics.failed = timer(registry, "execute_seconds", "FAILURE");
    need(ictus_counter_new(registry, str("errors"), str("Failed tasks."), &label, &value, 1, &metrics.errors), "errors");
    need(ictus_gauge_new(registry, str("active"), str("Threads at work."), &label, &value, 1, &metrics.active), "active");
    metrics.seconds = argc > 2 ? atof(argv[2]) : 10.0;

    need(ictus_exporter_start(str(argv[1]), str("127.0.0.1:0"), ICTUS_SURFACE_DEFAULT, &exporter), "the endpoint");
    printf("Metrics are at http://");
    need(ictus_exporter_address(exporter, print, stdout), "its address");
    printf("/metrics\n");
    fflush(stdout);

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, &metrics) != 0) {
            perror("a thread");
            return 1;
        }
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }

    need(ictus_snapshot_new(registry, &snapshot), "a snapshot");
    show(snapshot, "poll_seconds", "SUCCESS");
    show(snapshot, "execute_seconds", "SUCCESS");
    show(snapshot, "execute_seconds", "FAILURE");

    ictus_snapshot_free(snapshot);
    ictus_exporter_stop(exporter);
    ictus_gauge_free(metrics.active);
    ictus_counter_free(metrics.errors);
    ictus_timer_free(metrics.failed);
    ictus_timer_free(metrics.completed);
    ictus_timer_free(metrics.poll);
    ictus_registry_free(registry);
    return 0;
}
