/*
 * Recorders of threads, the catalogued metrics by their numbers, and what the library logs.
 *
 *     bound DIRECTORY
 *
 * Ends with 1 and a line on stderr where an answer is not the expected one.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>


enum { THREADS = 4, OBSERVATIONS = 700 };

static uint64_t count(const ictus_registry *registry, ictus_str name)
{
    ictus_snapshot *snapshot = NULL;
    ictus_timing timing;
    SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
    SUCCEEDS(ictus_snapshot_timing(snapshot, name, NULL, 0, &timing));
    ictus_snapshot_free(snapshot);
    return timing.count;
}

static pthread_key_t last;

/* Runs after the library's own end of the thread. */
static void observe_last(void *recorder)
{
    int i;
    for (i = 0; i < OBSERVATIONS; i++) {
        SUCCEEDS(ictus_local_timer_observe((const ictus_local_timer *)recorder, 1.0));
    }
    ictus_local_timer_free((ictus_local_timer *)recorder);
}

static void *observe(void *timer)
{
    ictus_local_timer *recorder = NULL;
    int i;
    SUCCEEDS(ictus_local_timer_new((const ictus_timer *)timer, &recorder));
    for (i = 0; i < OBSERVATIONS; i++) {
        SUCCEEDS(ictus_local_timer_observe(recorder, 0.25));
        SUCCEEDS(ictus_local_timer_observe_at(recorder, 0.5, ictus_now()));
        SUCCEEDS(ictus_local_timer_observe_since(recorder, ictus_now()));
    }
    EXPECT(pthread_setspecific(last, recorder) == 0);
    return NULL;
}

static void bind_to_threads(const char *directory)
{
    const ictus_str name = str("bound_seconds");
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;
    ictus_local_timer *recorder = NULL;
    pthread_t threads[THREADS];
    pid_t child;
    int i, round, status = 0;

    SUCCEEDS(ictus_registry_open(str(directory), &registry));
    SUCCEEDS(ictus_timer_new(registry, name, str(""), NULL, NULL, 0, &timer));
    EXPECT(pthread_key_create(&last, observe_last) == 0);
    for (round = 0; round < 3; round++) {
        for (i = 0; i < THREADS; i++) {
            EXPECT(pthread_create(&threads[i], NULL, observe, timer) == 0);
        }
        for (i = 0; i < THREADS; i++) {
            EXPECT(pthread_join(threads[i], NULL) == 0);
        }
    }
    EXPECT(count(registry, name) == 3 * THREADS * OBSERVATIONS * 4);

    ANSWERS(NULL, ictus_local_timer_new(NULL, &recorder));
    ANSWERS(NULL, ictus_local_timer_new(timer, NULL));
    EXPECT(recorder == NULL);
    ANSWERS(NULL, ictus_local_timer_observe(NULL, 1.0));
    ANSWERS(NULL, ictus_local_timer_observe_at(NULL, 1.0, 1));
    ANSWERS(NULL, ictus_local_timer_observe_since(NULL, 1));
    ANSWERS(NULL, ictus_timer_observe_at(NULL, 1.0, 1));
    ictus_local_timer_free(NULL);

    SUCCEEDS(ictus_local_timer_new(timer, &recorder));
    SUCCEEDS(ictus_timer_observe_at(timer, 1.0, ictus_now()));
    ictus_timer_free(timer);
    ANSWERS(VALUE, ictus_local_timer_observe(recorder, (double)NAN));
    ANSWERS(VALUE, ictus_local_timer_observe_at(recorder, -1.0, ictus_now()));
    SUCCEEDS(ictus_local_timer_observe(recorder, 1.0));
    SUCCEEDS(ictus_local_timer_observe(recorder, 1.0));
    /* A child records with the same recorder, in a separate segment, concurrently with its parent. */
    child = fork();
    EXPECT(child >= 0);
    for (i = 0; i < OBSERVATIONS; i++) {
        SUCCEEDS(ictus_local_timer_observe(recorder, 2.0));
    }
    if (child == 0) {
        _exit(0);
    }
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(count(registry, name) == 3 * THREADS * OBSERVATIONS * 4 + 3 + 2 * OBSERVATIONS);
    ictus_local_timer_free(recorder);
    ictus_registry_free(registry);
}

/* Every number is a metric of one kind, with so many labels. */
static void use_the_catalog(void)
{
    static struct output output;
    const ictus_str values[4] = {str("a"), str("b"), str(""), str("d")};
    const ictus_str execution[2] = {str("resize"), str("SUCCESS")};
    const int metrics = (int)ictus_catalog_count();
    ictus_registry *registry = NULL;
    int metric, made;

    SUCCEEDS(ictus_registry_new(&registry));
    for (metric = 0; metric < metrics; metric++) {
        const size_t labels = ictus_catalog_label_count(metric);
        ictus_timer *timer = NULL;
        ictus_counter *counter = NULL;
        ictus_gauge *gauge = NULL;
        made = ictus_catalog_timer_new(registry, metric, values, labels, &timer) == ICTUS_STATUS_OK;
        made += ictus_catalog_counter_new(registry, metric, values, labels, &counter) == ICTUS_STATUS_OK;
        made += ictus_catalog_gauge_new(registry, metric, values, labels, &gauge) == ICTUS_STATUS_OK;
        EXPECT(made == 1);
        if (timer != NULL) {
            SUCCEEDS(ictus_timer_observe(timer, 0.25));
            ANSWERS(MISMATCH, ictus_catalog_gauge_new(registry, metric, values, labels, &gauge));
            ANSWERS(LABELS, ictus_catalog_timer_new(registry, metric, values, labels + 1, &timer));
        }
        if (counter != NULL) {
            SUCCEEDS(ictus_counter_inc(counter));
            ANSWERS(MISMATCH, ictus_catalog_timer_new(registry, metric, values, labels, &timer));
            ANSWERS(LABELS, ictus_catalog_counter_new(registry, metric, values, labels + 1, &counter));
        }
        if (gauge != NULL) {
            SUCCEEDS(ictus_gauge_set(gauge, 3.0));
            ANSWERS(MISMATCH, ictus_catalog_counter_new(registry, metric, values, labels, &counter));
            ANSWERS(LABELS, ictus_catalog_gauge_new(registry, metric, values, labels + 1, &gauge));
        }
        ictus_timer_free(timer);
        ictus_counter_free(counter);
        ictus_gauge_free(gauge);
    }
    {
        ictus_timer *timer = NULL;
        ANSWERS(OPTION, ictus_catalog_timer_new(registry, -1, values, 1, &timer));
        ANSWERS(OPTION, ictus_catalog_timer_new(registry, metrics, values, 1, &timer));
        ANSWERS(NULL, ictus_catalog_timer_new(NULL, ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, execution, 2, &timer));
        ANSWERS(NULL, ictus_catalog_timer_new(registry, ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, execution, 2, NULL));
        ANSWERS(NULL, ictus_catalog_timer_new(registry, ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, NULL, 2, &timer));
        EXPECT(timer == NULL && ictus_catalog_label_count(-1) == 0 && ictus_catalog_label_count(metrics) == 0);
        SUCCEEDS(ictus_catalog_timer_new(registry, ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, execution, 2, &timer));
        SUCCEEDS(ictus_timer_observe(timer, 0.25));
        ictus_timer_free(timer);
    }
    SUCCEEDS(ictus_registry_render(registry, ICTUS_FORMAT_TEXT, ICTUS_SURFACE_CANONICAL, to_memory, &output));
    EXPECT(strstr(output.bytes, "\ntask_execute_time_seconds_count{status=\"SUCCESS\",taskType=\"resize\"} 1.0\n"));
    EXPECT(strstr(output.bytes, "\nactive_workers{taskType=\"a\"} 3.0\n") != NULL);
    output.len = 0;
    SUCCEEDS(ictus_registry_render(registry, ICTUS_FORMAT_TEXT, ICTUS_SURFACE_DEFAULT, to_memory, &output));
    EXPECT(strstr(output.bytes, "\ntask_execute_error_total{exception=\"b\",taskType=\"a\"}") != NULL);
    ictus_registry_free(registry);
}

struct heard {
    int messages;
    int level;
    char last[1024];
};

static void hear(void *context, int level, const char *message, size_t len)
{
    struct heard *heard = (struct heard *)context;
    heard->messages++;
    heard->level = level;
    EXPECT(len < sizeof heard->last);
    memcpy(heard->last, message, len);
    heard->last[len] = '\0';
}

/* The directory has a fault: nothing is logged before a callback is set, then each cause once. */
static void listen(const char *directory)
{
    static struct heard heard;
    char path[4096];
    ictus_registry *registry = NULL;
    ictus_snapshot *snapshot = NULL;
    const char *names[2] = {"00000000000000aa.seg", "00000000000000bb.seg"};
    int i;

    SUCCEEDS(ictus_registry_open(str(directory), &registry));
    for (i = 0; i < 2; i++) {
        FILE *file;
        EXPECT(snprintf(path, sizeof path, "%s/ictus/%s", directory, names[i]) < (int)sizeof path);
        file = fopen(path, "w");
        EXPECT(file != NULL && fputs("no segment", file) >= 0 && fclose(file) == 0);
        if (i == 0) {
            SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
            ictus_snapshot_free(snapshot);
            EXPECT(heard.messages == 0);
            SUCCEEDS(ictus_log_set(hear, &heard));
        }
    }
    for (i = 0; i < 3; i++) {
        SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
        ictus_snapshot_free(snapshot);
    }
    EXPECT(heard.messages == 1 && heard.level == ICTUS_LOG_LEVEL_WARNING);
    EXPECT(strstr(heard.last, names[1]) != NULL);
    heard.messages = 0;
    SUCCEEDS(ictus_log_set(NULL, NULL));
    ictus_registry_free(registry);
    SUCCEEDS(ictus_registry_open(str(directory), &registry));
    SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
    ictus_snapshot_free(snapshot);
    EXPECT(heard.messages == 0);
    ictus_registry_free(registry);
}

int main(int argc, char **argv)
{
    EXPECT(argc == 2);
    bind_to_threads(argv[1]);
    use_the_catalog();
    listen(argv[1]);
    puts("all of it");
    return 0;
}
