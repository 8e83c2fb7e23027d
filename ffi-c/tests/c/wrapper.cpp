// The C++ wrapper does what it says: `wrapper DIRECTORY`.
#include "ictus.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#define EXPECT(what)                                                             \
    do {                                                                         \
        if (!(what)) {                                                           \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

static_assert(!std::is_copy_constructible_v<ictus::local_timer>);
static_assert(!std::is_copy_constructible_v<ictus::registry> && std::is_nothrow_move_constructible_v<ictus::timer>);
static_assert(!std::is_copy_constructible_v<ictus::timer::running>);

template <typename Call>
static ictus_status thrown(Call call) {
    try {
        call();
    } catch (const ictus::error &error) {
        EXPECT(error.what() == std::string(ictus_error_text().data));
        return error.status();
    }
    return ICTUS_STATUS_OK;
}

static void record_and_read() {
    const ictus::registry registry;
    ictus::counter jobs = registry.counter("jobs", "Jobs.", {{"queue", "mail"}, {"zone", "a"}});
    const ictus::gauge active = registry.gauge("active");
    const ictus::timer work = registry.timer("work_seconds", "Work.", {{"queue", "mail"}});

    EXPECT(jobs.add() == ICTUS_STATUS_OK && jobs.add(1.5) == ICTUS_STATUS_OK);
    EXPECT(jobs.add(-1.0) == ICTUS_STATUS_VALUE);
    active.set(5.0);
    active.add(-2.0);
    EXPECT(work.observe(0.25) == ICTUS_STATUS_OK && work.observe({1.0, 2.0}) == ICTUS_STATUS_OK);
    EXPECT(work.observe(NAN) == ICTUS_STATUS_VALUE);
    {
        auto running = work.start();
        auto moved = std::move(running);
        moved.stop();
        work.start().discard();
    }
    work.observe_since(ictus_now());

    const ictus::snapshot snapshot = registry.snapshot();
    EXPECT(snapshot.value("jobs", {"mail", "a"}) == 2.5 && snapshot.value("active") == 3.0);
    const ictus_timing timing = snapshot.timing("work_seconds", {"mail"});
    EXPECT(timing.count == 5 && timing.window == 5 && timing.sum >= 3.25);
    EXPECT(snapshot.quantile(1.0, "work_seconds", {"mail"}) == 2.0);
    EXPECT(snapshot.quantile(0.5, "work_seconds", {"mail"}) == 0.25);

    EXPECT(registry.render().find("jobs_total{queue=\"mail\",zone=\"a\"} 2.5\n") != std::string::npos);
    EXPECT(registry.render(ICTUS_FORMAT_OPENMETRICS).find("# EOF\n") != std::string::npos);

    EXPECT(thrown([&] { (void)registry.timer("jobs"); }) == ICTUS_STATUS_MISMATCH);
    EXPECT(thrown([&] { (void)registry.counter("9"); }) == ICTUS_STATUS_NAME);
    EXPECT(thrown([&] { (void)snapshot.value("nothing"); }) == ICTUS_STATUS_UNKNOWN);
    EXPECT(thrown([&] { (void)registry.render(ICTUS_FORMAT_TEXT, 64); }) == ICTUS_STATUS_OPTION);
    try {
        (void)snapshot.quantile(2.0, "work_seconds", {"mail"});
        EXPECT(false);
    } catch (const ictus::error &error) {
        /* Not that of the call before, which ictus_error_text() still has. */
        EXPECT(error.what() == std::string(ictus_status_text(ICTUS_STATUS_VALUE).data));
    }

    const ictus::counter other = std::move(jobs);
    EXPECT(jobs.add() == ICTUS_STATUS_NULL && other.add() == ICTUS_STATUS_OK);
}

static void record_by_thread_and_by_number() {
    const ictus::registry registry;
    const ictus::timer work = registry.timer(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, {"resize", "SUCCESS"});
    const ictus::local_timer bound(work);
    EXPECT(bound.observe(0.25) == ICTUS_STATUS_OK && bound.observe(NAN) == ICTUS_STATUS_VALUE);
    EXPECT(bound.observe_at(0.25, ictus_now()) == ICTUS_STATUS_OK);
    EXPECT(bound.observe_since(ictus_now()) == ICTUS_STATUS_OK);
    EXPECT(work.observe_at(0.25, ictus_now()) == ICTUS_STATUS_OK);
    registry.counter(ICTUS_CONDUCTOR_METRIC_TASK_POLL, {"resize"}).add();
    registry.gauge(ICTUS_CONDUCTOR_METRIC_ACTIVE_WORKERS, {"resize"}).set(2.0);
    const std::string text = registry.render(ICTUS_FORMAT_TEXT, ICTUS_SURFACE_CANONICAL);
    for (const char *line : {"\ntask_execute_time_seconds_count{status=\"SUCCESS\",taskType=\"resize\"} 4.0\n",
                             "\ntask_poll_total{taskType=\"resize\"} 1.0\n",
                             "\nactive_workers{taskType=\"resize\"} 2.0\n"}) {
        EXPECT(text.find(line) != std::string::npos);
    }
    EXPECT(thrown([&] { (void)registry.timer(ICTUS_CONDUCTOR_METRIC_TASK_POLL, {"resize"}); }) == ICTUS_STATUS_MISMATCH);
    EXPECT(thrown([&] { (void)registry.counter(ICTUS_CONDUCTOR_METRIC_TASK_POLL, {}); }) == ICTUS_STATUS_LABELS);
}

static void use_options_exemplars_and_removal(const char *directory) {
    using namespace std::chrono_literals;
    ictus::family_options families;
    families.window(1).max_age(10min).expire_after(24h).max_series(10).buckets({0.5, 2.0});
    ictus::registry_options options;
    options.families(families).utf8_names();
    const ictus::registry memory(options);
    const ictus::registry shared = ictus::registry::open(directory, options);
    for (const ictus::registry *registry : {&memory, &shared}) {
        const ictus::timer work = registry->timer("work.seconds", "Work.", {{"queue", "mail"}});
        EXPECT(work.observe({1.0, 3.0}) == ICTUS_STATUS_OK);
        EXPECT(registry->snapshot().timing("work.seconds", {"mail"}).window == 1);
        const ictus::timer own = registry->timer("own_seconds", "", {}, ictus::family_options().window(2));
        EXPECT(own.observe({1.0, 3.0, 5.0}) == ICTUS_STATUS_OK);
        EXPECT(registry->snapshot().timing("own_seconds").window == 2);

        EXPECT(work.observe_exemplar(0.25, "4bf92f35") == ICTUS_STATUS_OK);
        EXPECT(work.observe_exemplar(0.25, "") == ICTUS_STATUS_TRACE_ID);
        EXPECT(work.observe_exemplar(-1.0, "4bf92f35") == ICTUS_STATUS_VALUE);
        EXPECT(registry->snapshot().timing("work.seconds", {"mail"}).count == 4);
        const ictus::timer execution = registry->timer(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, {"resize", "SUCCESS"});
        EXPECT(execution.observe_exemplar(0.25, "4bf92f35") == ICTUS_STATUS_OK);
        EXPECT(registry->render(ICTUS_FORMAT_OPENMETRICS, ICTUS_SURFACE_CANONICAL).find("{trace_id=\"4bf92f35\"} 0.25") !=
               std::string::npos);

        EXPECT(!registry->remove("work.seconds") && registry->remove("work.seconds", {{"queue", "mail"}}));
        EXPECT(registry->remove_idle(1h) == 0);
    }
    EXPECT(thrown([] { ictus::family_options().window(0); }) == ICTUS_STATUS_OPTION);
    EXPECT(thrown([] { ictus::family_options().max_age(-1s); }) == ICTUS_STATUS_OPTION);
    EXPECT(thrown([] { ictus::family_options().buckets({2.0, 1.0}); }) == ICTUS_STATUS_OPTION);
    EXPECT(thrown([&] { memory.remove_idle(-1s); }) == ICTUS_STATUS_OPTION);
    static_assert(!std::is_convertible_v<double, ictus::duration>);
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    record_and_read();
    record_by_thread_and_by_number();
    use_options_exemplars_and_removal(argv[1]);
    const ictus::registry registry = ictus::registry::open(argv[1]);
    registry.counter("jobs").add();
    const ictus::exporter exporter(argv[1], "127.0.0.1:0");
    EXPECT(exporter.address().rfind("127.0.0.1:", 0) == 0);
    EXPECT(thrown([&] { ictus::exporter second(argv[1], exporter.address()); }) == ICTUS_STATUS_IO);
    EXPECT(thrown([] { (void)ictus::registry::open("/dev/null/x"); }) == ICTUS_STATUS_IO);
    return 0;
}
