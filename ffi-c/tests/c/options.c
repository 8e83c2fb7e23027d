/*
 * Options, exemplars and removal, with valid and invalid input: `options DIRECTORY`.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <math.h>
#include <time.h>

static struct output output;

static const char *rendered(const ictus_registry *registry)
{
    output.len = 0;
    SUCCEEDS(ictus_registry_render(registry, ICTUS_FORMAT_OPENMETRICS, ICTUS_SURFACE_CANONICAL, to_memory, &output));
    return output.bytes;
}

#define BUCKET "\ntask_execute_time_seconds_bucket"

static int buckets(const ictus_registry *registry)
{
    const char *at = rendered(registry);
    int count = 0;
    for (; (at = strstr(at, BUCKET)) != NULL; at++) {
        count++;
    }
    return count;
}

static ictus_timing timing_of(const ictus_registry *registry, const char *name, const char *label)
{
    const ictus_str value = str(label);
    ictus_snapshot *snapshot = NULL;
    ictus_timing timing;
    SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
    SUCCEEDS(ictus_snapshot_timing(snapshot, str(name), &value, 1, &timing));
    ictus_snapshot_free(snapshot);
    return timing;
}

static void observe_twice(const ictus_timer *timer)
{
    static const double two[] = {0.25, 3.0};
    SUCCEEDS(ictus_timer_observe_many(timer, two, 2));
}

static void families(void)
{
    static const double bounds[] = {0.5, 2.0, INFINITY};
    const ictus_str label = str("queue"), a = str("a"), b = str("b"), c = str("c");
    ictus_family_options *options = NULL;
    ictus_registry_options *all = NULL;
    ictus_registry *registry = NULL;
    const ictus_str task[] = {str("resize"), str("SUCCESS")};
    const int metric = ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME;
    ictus_timer *own = NULL, *again = NULL, *shared = NULL;

    SUCCEEDS(ictus_family_options_new(&options));
    SUCCEEDS(ictus_registry_options_new(&all));
    SUCCEEDS(ictus_family_options_set_window(options, 1));
    SUCCEEDS(ictus_registry_options_set_families(all, options));
    SUCCEEDS(ictus_registry_options_set_utf8_names(all, 1));
    SUCCEEDS(ictus_registry_new_with(all, &registry));
    SUCCEEDS(ictus_timer_new(registry, str("shared.seconds"), str(""), &label, &a, 1, &shared));
    observe_twice(shared);
    EXPECT(timing_of(registry, "shared.seconds", "a").window == 1);

    /* Options are copied: a later change affects later families only. */
    SUCCEEDS(ictus_family_options_set_window(options, 65536));
    SUCCEEDS(ictus_family_options_set_max_series(options, 2));
    SUCCEEDS(ictus_family_options_set_max_age(options, 3600.0));
    SUCCEEDS(ictus_family_options_set_buckets(options, bounds, 3));
    SUCCEEDS(ictus_timer_new_with(registry, str("own_seconds"), str(""), &label, &a, 1, options, &own));
    observe_twice(own);
    EXPECT(timing_of(registry, "own_seconds", "a").window == 2);
    EXPECT(timing_of(registry, "shared.seconds", "a").window == 1);
    SUCCEEDS(ictus_timer_new_with(registry, str("own_seconds"), str(""), &label, &b, 1, options, &again));
    ictus_timer_free(again);
    SUCCEEDS(ictus_timer_new_with(registry, str("own_seconds"), str(""), &label, &c, 1, options, &again));
    observe_twice(again);
    EXPECT(strstr(rendered(registry), "queue=\"c\"") == NULL);

    ictus_family_options_free(options);
    ictus_registry_options_free(all);
    ictus_timer_free(own);
    ictus_timer_free(again);
    ictus_timer_free(shared);
    ictus_registry_free(registry);

    /* Families of the catalog have the options of their registry. */
    SUCCEEDS(ictus_family_options_new(&options));
    SUCCEEDS(ictus_registry_options_new(&all));
    SUCCEEDS(ictus_family_options_set_buckets(options, bounds, 3));
    SUCCEEDS(ictus_registry_options_set_families(all, options));
    SUCCEEDS(ictus_registry_new_with(all, &registry));
    SUCCEEDS(ictus_catalog_timer_new(registry, metric, task, 2, &own));
    observe_twice(own);
    EXPECT(buckets(registry) == 3);
    EXPECT(strstr(output.bytes, BUCKET "{le=\"0.5\",status=\"SUCCESS\",taskType=\"resize\"} 1.0\n") != NULL);
    EXPECT(strstr(output.bytes, BUCKET "{le=\"2.0\",status=\"SUCCESS\",taskType=\"resize\"} 1.0\n") != NULL);
    EXPECT(strstr(output.bytes, BUCKET "{le=\"+Inf\",status=\"SUCCESS\",taskType=\"resize\"} 2.0\n") != NULL);
    ictus_timer_free(own);
    ictus_registry_free(registry);
    SUCCEEDS(ictus_family_options_set_no_distribution(options));
    SUCCEEDS(ictus_registry_options_set_families(all, options));
    SUCCEEDS(ictus_registry_new_with(all, &registry));
    SUCCEEDS(ictus_catalog_timer_new(registry, metric, task, 2, &own));
    observe_twice(own);
    EXPECT(buckets(registry) <= 1);
    ictus_timer_free(own);
    ictus_family_options_free(options);
    ictus_registry_options_free(all);
    ictus_registry_free(registry);
}

static void refused_options(const char *directory)
{
    static const double falling[] = {2.0, 1.0}, undefined[] = {1.0, (double)NAN};
    static const double wrong_times[] = {0.0, -1.0, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300};
    static double many[1002];
    ictus_family_options *options = NULL;
    ictus_registry_options *all = NULL;
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;
    size_t i;

    ANSWERS(NULL, ictus_family_options_new(NULL));
    ANSWERS(NULL, ictus_registry_options_new(NULL));
    SUCCEEDS(ictus_family_options_new(&options));
    SUCCEEDS(ictus_registry_options_new(&all));
    SUCCEEDS(ictus_family_options_set_window(options, 7));

    ANSWERS(OPTION, ictus_family_options_set_window(options, 0));
    EXPECT(strstr(ictus_error_text().data, "window: it must be from 1 to 65,536") != NULL);
    ANSWERS(OPTION, ictus_family_options_set_window(options, 65537));
    ANSWERS(OPTION, ictus_family_options_set_max_series(options, 0));
    EXPECT(strstr(ictus_error_text().data, "max_series") != NULL);
    for (i = 0; i < sizeof wrong_times / sizeof *wrong_times; i++) {
        ANSWERS(OPTION, ictus_family_options_set_max_age(options, wrong_times[i]));
        EXPECT(strstr(ictus_error_text().data, "max_age") != NULL);
        ANSWERS(OPTION, ictus_family_options_set_expire_after(options, wrong_times[i]));
        EXPECT(strstr(ictus_error_text().data, "expire_after") != NULL);
    }
    for (i = 0; i < 1002; i++) {
        many[i] = (double)i;
    }
    SUCCEEDS(ictus_family_options_set_buckets(options, many, 1000));
    ANSWERS(OPTION, ictus_family_options_set_buckets(options, many, 1002));
    ANSWERS(OPTION, ictus_family_options_set_buckets(options, falling, 2));
    ANSWERS(OPTION, ictus_family_options_set_buckets(options, undefined, 2));
    EXPECT(strstr(ictus_error_text().data, "buckets") != NULL);
    ANSWERS(NULL, ictus_family_options_set_buckets(options, NULL, 2));
    ANSWERS(LENGTH, ictus_family_options_set_buckets(options, many, (size_t)-1));
    SUCCEEDS(ictus_family_options_set_buckets(options, NULL, 0));
    ANSWERS(OPTION, ictus_registry_options_set_group(all, 0xFFFFFFFFu));
    EXPECT(strstr(ictus_error_text().data, "group") != NULL);
    SUCCEEDS(ictus_registry_options_set_utf8_names(all, 1));
    SUCCEEDS(ictus_registry_options_set_utf8_names(all, 0));

    ANSWERS(NULL, ictus_family_options_set_window(NULL, 1));
    ANSWERS(NULL, ictus_family_options_set_max_age(NULL, 1.0));
    ANSWERS(NULL, ictus_family_options_set_expire_after(NULL, 1.0));
    ANSWERS(NULL, ictus_family_options_set_max_series(NULL, 1));
    ANSWERS(NULL, ictus_family_options_set_buckets(NULL, many, 1));
    ANSWERS(NULL, ictus_family_options_set_no_distribution(NULL));
    ANSWERS(NULL, ictus_registry_options_set_families(NULL, options));
    ANSWERS(NULL, ictus_registry_options_set_families(all, NULL));
    ANSWERS(NULL, ictus_registry_options_set_group(NULL, 1));
    ANSWERS(NULL, ictus_registry_options_set_utf8_names(NULL, 1));
    ictus_family_options_free(NULL);
    ictus_registry_options_free(NULL);

    ANSWERS(NULL, ictus_registry_new_with(NULL, &registry));
    ANSWERS(NULL, ictus_registry_new_with(all, NULL));
    ANSWERS(NULL, ictus_registry_open_with(str(directory), NULL, &registry));
    ANSWERS(NULL, ictus_registry_open_with(str(directory), all, NULL));
    ANSWERS(OPTION, ictus_registry_open_with(str(""), all, &registry));
    EXPECT(registry == NULL);
    SUCCEEDS(ictus_registry_open_with(str(directory), all, &registry));
    ANSWERS(NAME, ictus_timer_new_with(registry, str("a.b"), str(""), NULL, NULL, 0, options, &timer));
    ANSWERS(NULL, ictus_timer_new_with(registry, str("a"), str(""), NULL, NULL, 0, NULL, &timer));
    ANSWERS(NULL, ictus_timer_new_with(NULL, str("a"), str(""), NULL, NULL, 0, options, &timer));
    ANSWERS(NULL, ictus_timer_new_with(registry, str("a"), str(""), NULL, NULL, 0, options, NULL));
    EXPECT(timer == NULL);

    ictus_family_options_free(options);
    ictus_registry_options_free(all);
    ictus_registry_free(registry);
}

static void exemplars(void)
{
    const char *id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const ictus_str latin1 = {"\xfc", 1}, nowhere = {NULL, 3}, endless = {"x", (size_t)-1}, none = {NULL, 0};
    const ictus_str label = str("queue"), mail = str("mail");
    const ictus_str task[] = {str("resize"), str("SUCCESS")};
    ictus_timer *execution = NULL;
    char too_long[98];
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;

    memset(too_long, 'x', sizeof too_long - 1);
    too_long[97] = '\0';
    SUCCEEDS(ictus_registry_new(&registry));
    SUCCEEDS(ictus_timer_new(registry, str("work_seconds"), str(""), &label, &mail, 1, &timer));
    SUCCEEDS(ictus_timer_observe_exemplar(timer, 0.25, str(id)));
    SUCCEEDS(ictus_catalog_timer_new(registry, ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, task, 2, &execution));
    SUCCEEDS(ictus_timer_observe_exemplar(execution, 0.25, str(id)));
    ictus_timer_free(execution);
    EXPECT(strstr(rendered(registry), "# {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.25") != NULL);

    /* The duration is recorded, and the id is counted as rejected. */
    ANSWERS(TRACE_ID, ictus_timer_observe_exemplar(timer, 0.25, none));
    ANSWERS(TRACE_ID, ictus_timer_observe_exemplar(timer, 0.25, latin1));
    ANSWERS(TRACE_ID, ictus_timer_observe_exemplar(timer, 0.25, str("a\nb")));
    ANSWERS(TRACE_ID, ictus_timer_observe_exemplar(timer, 0.25, str(too_long)));
    EXPECT(timing_of(registry, "work_seconds", "mail").count == 5);
    EXPECT(strstr(rendered(registry), "\nictus_exemplars_rejected_total 4.0\n") != NULL);

    /* Nothing is recorded. */
    ANSWERS(VALUE, ictus_timer_observe_exemplar(timer, -1.0, str(id)));
    ANSWERS(VALUE, ictus_timer_observe_exemplar(timer, (double)NAN, none));
    ANSWERS(NULL, ictus_timer_observe_exemplar(timer, 0.25, nowhere));
    ANSWERS(LENGTH, ictus_timer_observe_exemplar(timer, 0.25, endless));
    ANSWERS(NULL, ictus_timer_observe_exemplar(NULL, 0.25, str(id)));
    EXPECT(timing_of(registry, "work_seconds", "mail").count == 5);
    ictus_timer_free(timer);
    ictus_registry_free(registry);
}

static void removal(ictus_registry *registry)
{
    const struct timespec pause = {0, 50 * 1000 * 1000};
    const ictus_str names[] = {str("zone"), str("queue")}, values[] = {str("a"), str("mail")};
    const ictus_str turned_names[] = {str("queue"), str("zone")}, turned[] = {str("mail"), str("a")};
    const ictus_str nowhere = {NULL, 3}, latin1 = {"\xfc", 1};
    ictus_counter *counter = NULL;
    size_t removed = 7;

    SUCCEEDS(ictus_counter_new(registry, str("jobs"), str(""), names, values, 2, &counter));
    SUCCEEDS(ictus_counter_inc(counter));
    ANSWERS(UNKNOWN, ictus_registry_remove(registry, str("jobs"), names, turned, 2));
    ANSWERS(UNKNOWN, ictus_registry_remove(registry, str("jobs"), names, values, 1));
    ANSWERS(UNKNOWN, ictus_registry_remove(registry, str("jobs"), NULL, NULL, 0));
    ANSWERS(UNKNOWN, ictus_registry_remove(registry, str("others"), names, values, 2));
    ANSWERS(NULL, ictus_registry_remove(NULL, str("jobs"), names, values, 2));
    ANSWERS(NULL, ictus_registry_remove(registry, nowhere, names, values, 2));
    ANSWERS(NULL, ictus_registry_remove(registry, str("jobs"), NULL, values, 2));
    ANSWERS(NULL, ictus_registry_remove(registry, str("jobs"), names, NULL, 2));
    ANSWERS(LENGTH, ictus_registry_remove(registry, str("jobs"), names, values, (size_t)-1));
    ANSWERS(UTF8, ictus_registry_remove(registry, latin1, names, values, 2));
    EXPECT(strstr(rendered(registry), "jobs_total{queue=\"mail\",zone=\"a\"} 1.0\n") != NULL);
    SUCCEEDS(ictus_registry_remove(registry, str("jobs"), turned_names, turned, 2));
    ANSWERS(UNKNOWN, ictus_registry_remove(registry, str("jobs"), names, values, 2));
    EXPECT(strstr(rendered(registry), "jobs_total") == NULL);

    /* The old handle records nothing; a new one starts at 0. */
    SUCCEEDS(ictus_counter_inc(counter));
    EXPECT(strstr(rendered(registry), "jobs_total") == NULL);
    ictus_counter_free(counter);
    SUCCEEDS(ictus_counter_new(registry, str("jobs"), str(""), names, values, 2, &counter));
    EXPECT(strstr(rendered(registry), "jobs_total{queue=\"mail\",zone=\"a\"} 0.0\n") != NULL);

    ANSWERS(NULL, ictus_registry_remove_idle(NULL, 1.0, &removed));
    ANSWERS(NULL, ictus_registry_remove_idle(registry, 0.02, NULL));
    ANSWERS(OPTION, ictus_registry_remove_idle(registry, -1.0, &removed));
    ANSWERS(OPTION, ictus_registry_remove_idle(registry, (double)NAN, &removed));
    ANSWERS(OPTION, ictus_registry_remove_idle(registry, (double)INFINITY, &removed));
    EXPECT(strstr(ictus_error_text().data, "idle") != NULL && removed == 7);
    SUCCEEDS(ictus_registry_remove_idle(registry, 0.02, &removed));
    EXPECT(removed == 0);
    EXPECT(nanosleep(&pause, NULL) == 0);
    SUCCEEDS(ictus_registry_remove_idle(registry, 0.02, &removed));
    EXPECT(removed == 1 && strstr(rendered(registry), "jobs_total") == NULL);
    ictus_counter_free(counter);
}

/* A family with its own expiry loses its idle series; other families keep theirs. */
static void expiry(void)
{
    const struct timespec pause = {1, 0};
    ictus_family_options *options = NULL;
    ictus_registry *registry = NULL;
    ictus_timer *idle = NULL, *kept = NULL;

    SUCCEEDS(ictus_family_options_new(&options));
    SUCCEEDS(ictus_family_options_set_expire_after(options, 0.9));
    SUCCEEDS(ictus_registry_new(&registry));
    SUCCEEDS(ictus_timer_new_with(registry, str("idle_seconds"), str(""), NULL, NULL, 0, options, &idle));
    SUCCEEDS(ictus_timer_new(registry, str("kept_seconds"), str(""), NULL, NULL, 0, &kept));
    SUCCEEDS(ictus_timer_observe(idle, 1.0));
    SUCCEEDS(ictus_timer_observe(kept, 1.0));
    EXPECT(nanosleep(&pause, NULL) == 0);
    EXPECT(strstr(rendered(registry), "kept_seconds_count 1.0\n") != NULL);
    EXPECT(strstr(rendered(registry), "idle_seconds") == NULL);
    SUCCEEDS(ictus_timer_observe(idle, 1.0));
    EXPECT(strstr(rendered(registry), "idle_seconds_count 1.0\n") != NULL);
    ictus_family_options_free(options);
    ictus_timer_free(idle);
    ictus_timer_free(kept);
    ictus_registry_free(registry);
}

int main(int argc, char **argv)
{
    ictus_registry *in_memory = NULL;
    ictus_registry *shared = NULL;

    EXPECT(argc == 2);
    families();
    refused_options(argv[1]);
    exemplars();
    expiry();
    SUCCEEDS(ictus_registry_new(&in_memory));
    removal(in_memory);
    ictus_registry_free(in_memory);
    SUCCEEDS(ictus_registry_open(str(argv[1]), &shared));
    removal(shared);
    ictus_registry_free(shared);
    return 0;
}
