/*
 * Ictus for C++17: the functions of ictus.h as objects that free themselves. Header only.
 *
 *     ictus::registry registry = ictus::registry::open("/var/lib/app/metrics");
 *     ictus::timer polls = registry.timer("poll_seconds", "How long polls take.", {{"queue", "mail"}});
 *     {
 *         auto running = polls.start();  // observes at the end of the block
 *     }
 *     std::string text = registry.render();
 *
 * What fails throws ictus::error, which knows the status. Recording never throws: what cannot be recorded is
 * counted, and the answer says so. Objects can be moved, not copied; one that was moved from records nothing.
 * Threads, signals and forks: as ictus.h says.
 */
#ifndef ICTUS_HPP
#define ICTUS_HPP

#include "ictus.h"

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ictus {

/** What a call answered that was not ICTUS_STATUS_OK. */
class error : public std::runtime_error {
public:
    explicit error(ictus_status status)
        : std::runtime_error(ictus_error_text().len > 0 ? ictus_error_text().data : ictus_status_text(status).data),
          status_(status) {}

    /** The status. */
    ictus_status status() const noexcept { return status_; }

private:
    ictus_status status_;
};

/** A label and its value. */
using label = std::pair<std::string_view, std::string_view>;

namespace detail {

inline void need(ictus_status status) {
    if (status != ICTUS_STATUS_OK) {
        throw error(status);
    }
}

inline ictus_str str(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline std::vector<ictus_str> strings(std::initializer_list<std::string_view> all) {
    std::vector<ictus_str> made;
    for (std::string_view one : all) {
        made.push_back(str(one));
    }
    return made;
}

template <auto free>
struct deleter {
    template <typename T>
    void operator()(T *object) const noexcept {
        free(object);
    }
};

template <typename T, auto free>
using owned = std::unique_ptr<T, deleter<free>>;

struct labels {
    std::vector<ictus_str> names;
    std::vector<ictus_str> values;

    labels(std::initializer_list<label> all) {
        for (const label &one : all) {
            names.push_back(str(one.first));
            values.push_back(str(one.second));
        }
    }
};

/* No exception may pass through the library: one is kept until it has returned. */
struct sink {
    std::string text;
    bool failed = false;

    static int write(void *context, const char *data, std::size_t len) noexcept {
        sink *self = static_cast<sink *>(context);
        try {
            self->text.append(data, len);
            return 0;
        } catch (...) {
            self->failed = true;
            return 1;
        }
    }

    std::string take(ictus_status status) {
        if (failed) {
            throw std::bad_alloc();
        }
        need(status);
        return std::move(text);
    }
};

}  // namespace detail

/** A total that only grows. */
class counter {
public:
    /** Adds `by`, which must not be negative. */
    ictus_status add(double by = 1.0) const noexcept { return ictus_counter_add(object_.get(), by); }

private:
    friend class registry;
    detail::owned<ictus_counter, ictus_counter_free> object_;
};

/** A state of this process. */
class gauge {
public:
    /** Sets it. */
    ictus_status set(double to) const noexcept { return ictus_gauge_set(object_.get(), to); }
    /** Adds `by`, which may be negative. */
    ictus_status add(double by) const noexcept { return ictus_gauge_add(object_.get(), by); }

private:
    friend class registry;
    detail::owned<ictus_gauge, ictus_gauge_free> object_;
};

/** Observed durations. */
class timer {
public:
    /** A measurement that has begun; observes the time until it ends. Must not outlive its timer. */
    class running {
    public:
        running(running &&other) noexcept : timer_(std::exchange(other.timer_, nullptr)), begun_(other.begun_) {}
        running &operator=(running &&) = delete;
        ~running() { stop(); }

        /** Observes now; does nothing the second time. */
        void stop() noexcept {
            if (const ictus_timer *timer = std::exchange(timer_, nullptr)) {
                ictus_timer_observe_since(timer, begun_);
            }
        }

        /** Ends without observing. */
        void discard() noexcept { timer_ = nullptr; }

    private:
        friend class timer;
        explicit running(const ictus_timer *timer) noexcept : timer_(timer), begun_(ictus_now()) {}

        const ictus_timer *timer_;
        std::uint64_t begun_;
    };

    /** Records one duration. */
    ictus_status observe(double seconds) const noexcept { return ictus_timer_observe(object_.get(), seconds); }
    /** Records one duration that ended when `ictus_now()` gave `end`. */
    ictus_status observe_at(double seconds, std::uint64_t end) const noexcept {
        return ictus_timer_observe_at(object_.get(), seconds, end);
    }
    /** Records the time since `ictus_now()` gave `begun`. */
    ictus_status observe_since(std::uint64_t begun) const noexcept {
        return ictus_timer_observe_since(object_.get(), begun);
    }
    /** Records durations as if all had ended now. */
    ictus_status observe(const std::vector<double> &seconds) const noexcept {
        return ictus_timer_observe_many(object_.get(), seconds.data(), seconds.size());
    }
    /** Starts measuring. */
    [[nodiscard]] running start() const noexcept { return running(object_.get()); }

private:
    friend class local_timer;
    friend class registry;
    detail::owned<ictus_timer, ictus_timer_free> object_;
};

/** A timer bound to the thread that made it, for hot loops. Only that thread may use it. */
class local_timer {
public:
    explicit local_timer(const timer &timer) {
        ictus_local_timer *made = nullptr;
        detail::need(ictus_local_timer_new(timer.object_.get(), &made));
        object_.reset(made);
    }

    /** Records one duration. */
    ictus_status observe(double seconds) const noexcept { return ictus_local_timer_observe(object_.get(), seconds); }
    /** Records one duration that ended when `ictus_now()` gave `end`. */
    ictus_status observe_at(double seconds, std::uint64_t end) const noexcept {
        return ictus_local_timer_observe_at(object_.get(), seconds, end);
    }
    /** Records the time since `ictus_now()` gave `begun`. */
    ictus_status observe_since(std::uint64_t begun) const noexcept {
        return ictus_local_timer_observe_since(object_.get(), begun);
    }

private:
    detail::owned<ictus_local_timer, ictus_local_timer_free> object_;
};

/** Every series at one instant. Label values are in the order of the family's label names. */
class snapshot {
public:
    /** The value of a counter or gauge. */
    double value(std::string_view name, std::initializer_list<std::string_view> labels = {}) const {
        double value = 0.0;
        const std::vector<ictus_str> values = detail::strings(labels);
        detail::need(ictus_snapshot_value(object_.get(), detail::str(name), values.data(), values.size(), &value));
        return value;
    }

    /** Count, sum and window of a timer. */
    ictus_timing timing(std::string_view name, std::initializer_list<std::string_view> labels = {}) const {
        ictus_timing timing{};
        const std::vector<ictus_str> values = detail::strings(labels);
        detail::need(ictus_snapshot_timing(object_.get(), detail::str(name), values.data(), values.size(), &timing));
        return timing;
    }

    /** One quantile of a timer's window, NaN where that is empty. */
    double quantile(double share, std::string_view name, std::initializer_list<std::string_view> labels = {}) const {
        double value = 0.0;
        const std::vector<ictus_str> values = detail::strings(labels);
        detail::need(ictus_snapshot_quantiles(object_.get(), detail::str(name), values.data(), values.size(), &share,
                                              1, &value));
        return value;
    }

private:
    friend class registry;
    detail::owned<ictus_snapshot, ictus_snapshot_free> object_;
};

/** Where a process records, and what it reads from. */
class registry {
public:
    /** In this process's memory alone. */
    registry() : registry([](ictus_registry **out) { return ictus_registry_new(out); }) {}

    /** In a metrics directory. */
    [[nodiscard]] static registry open(std::string_view directory) {
        return registry([&](ictus_registry **out) { return ictus_registry_open(detail::str(directory), out); });
    }

    /** A series of a counter. */
    [[nodiscard]] ictus::counter counter(std::string_view name, std::string_view help = {},
                                         std::initializer_list<label> labels = {}) const {
        return series<ictus::counter>(ictus_counter_new, name, help, labels);
    }

    /** A series of a gauge. */
    [[nodiscard]] ictus::gauge gauge(std::string_view name, std::string_view help = {},
                                     std::initializer_list<label> labels = {}) const {
        return series<ictus::gauge>(ictus_gauge_new, name, help, labels);
    }

    /** A series of a timer. */
    [[nodiscard]] ictus::timer timer(std::string_view name, std::string_view help = {},
                                     std::initializer_list<label> labels = {}) const {
        return series<ictus::timer>(ictus_timer_new, name, help, labels);
    }

    /** A series of a catalogued timer, by the values of its labels in their order. */
    [[nodiscard]] ictus::timer timer(ictus_conductor_metric metric, std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::timer>(ictus_catalog_timer_new, metric, labels);
    }

    /** A series of a catalogued counter. */
    [[nodiscard]] ictus::counter counter(ictus_conductor_metric metric,
                                         std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::counter>(ictus_catalog_counter_new, metric, labels);
    }

    /** A series of a catalogued gauge. */
    [[nodiscard]] ictus::gauge gauge(ictus_conductor_metric metric, std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::gauge>(ictus_catalog_gauge_new, metric, labels);
    }

    /** Everything that was recorded. */
    [[nodiscard]] std::string render(ictus_format format = ICTUS_FORMAT_TEXT,
                                     int surfaces = ICTUS_SURFACE_DEFAULT) const {
        detail::sink sink;
        return sink.take(ictus_registry_render(object_.get(), format, surfaces, detail::sink::write, &sink));
    }

    /** The same as numbers. */
    [[nodiscard]] ictus::snapshot snapshot() const {
        ictus_snapshot *made = nullptr;
        detail::need(ictus_snapshot_new(object_.get(), &made));
        ictus::snapshot snapshot;
        snapshot.object_.reset(made);
        return snapshot;
    }

private:
    template <typename Make>
    explicit registry(Make make) {
        ictus_registry *made = nullptr;
        detail::need(make(&made));
        object_.reset(made);
    }

    template <typename T, typename Object>
    T series(ictus_status (*make)(const ictus_registry *, ictus_str, ictus_str, const ictus_str *, const ictus_str *,
                                  std::size_t, Object **),
             std::string_view name, std::string_view help, std::initializer_list<label> all) const {
        const detail::labels labels(all);
        Object *made = nullptr;
        detail::need(make(object_.get(), detail::str(name), detail::str(help), labels.names.data(),
                          labels.values.data(), labels.names.size(), &made));
        T handle;
        handle.object_.reset(made);
        return handle;
    }

    template <typename T, typename Object>
    T catalogued(ictus_status (*make)(const ictus_registry *, int, const ictus_str *, std::size_t, Object **),
                 ictus_conductor_metric metric, std::initializer_list<std::string_view> labels) const {
        const std::vector<ictus_str> values = detail::strings(labels);
        Object *made = nullptr;
        detail::need(make(object_.get(), metric, values.data(), values.size(), &made));
        T handle;
        handle.object_.reset(made);
        return handle;
    }

    detail::owned<ictus_registry, ictus_registry_free> object_;
};

/** An endpoint that serves a metrics directory over HTTP until it goes. */
class exporter {
public:
    exporter(std::string_view directory, std::string_view address, int surfaces = ICTUS_SURFACE_DEFAULT) {
        ictus_exporter *made = nullptr;
        detail::need(ictus_exporter_start(detail::str(directory), detail::str(address), surfaces, &made));
        object_.reset(made);
    }

    /** The address that is served, with its port. */
    [[nodiscard]] std::string address() const {
        detail::sink sink;
        return sink.take(ictus_exporter_address(object_.get(), detail::sink::write, &sink));
    }

private:
    detail::owned<ictus_exporter, ictus_exporter_stop> object_;
};

}  // namespace ictus

#endif
