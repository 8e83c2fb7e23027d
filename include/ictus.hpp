/*
 * Ictus for C++17: a header-only wrapper of ictus.h. Its objects free themselves.
 *
 *     ictus::registry registry = ictus::registry::open("/var/lib/app/metrics");
 *     ictus::timer polls =
 *         registry.timer("poll_seconds", "How long polls take.", {{"queue", "mail"}});
 *     {
 *         auto running = polls.start();  // observes at the end of the block
 *     }
 *     std::string text = registry.render();
 *
 * A call that fails throws ictus::error, which has the status. Recording never throws: a value
 * that cannot be recorded is counted, and the returned status reports it. Objects can be moved
 * but not copied; a moved-from object records nothing. The conventions of ictus.h on threads,
 * signals and forks apply.
 */
#ifndef ICTUS_HPP
#define ICTUS_HPP

#include "ictus.h"

#include <chrono>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ictus {

/** The exception of a failed call: its status, and the text of ictus_error_text() or of the status. */
class error : public std::runtime_error {
public:
    explicit error(ictus_status status) : std::runtime_error(text(status)), status_(status) {}

    /** Returns the status, which is not ICTUS_STATUS_OK. */
    ictus_status status() const noexcept { return status_; }

private:
    ictus_status status_;

    static const char *text(ictus_status status) noexcept {
        /* Calls with these statuses leave the text of an earlier failure. */
        const bool has_text = status != ICTUS_STATUS_VALUE && status != ICTUS_STATUS_TRACE_ID;
        const ictus_str described = ictus_error_text();
        return has_text && described.len > 0 ? described.data : ictus_status_text(status).data;
    }
};

/** The name of a label and its value. */
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

/* Collects output. No exception may pass through the library, so a failure is stored and thrown
 * after the call has returned. */
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

/** A duration of std::chrono. A number alone is refused, because its unit would be unknown. */
using duration = std::chrono::duration<double>;

/** Options of families. Each function returns the options, so that calls can be chained, and throws
 *  ictus::error with ICTUS_STATUS_OPTION for an invalid value. Options are copied where they are
 *  used. */
class family_options {
public:
    family_options() {
        ictus_family_options *made = nullptr;
        detail::need(ictus_family_options_new(&made));
        object_.reset(made);
    }

    /** Sets how many of a timer's newest observations form the window: 1 to 65,536. */
    family_options &window(std::uint32_t observations) {
        return set(ictus_family_options_set_window(object_.get(), observations));
    }
    /** Removes older observations from a timer's window. */
    family_options &max_age(duration age) {
        return set(ictus_family_options_set_max_age(object_.get(), age.count()));
    }
    /** Expires series that no process has updated for that time. */
    family_options &expire_after(duration idle) {
        return set(ictus_family_options_set_expire_after(object_.get(), idle.count()));
    }
    /** Sets the maximum number of series of a family. */
    family_options &max_series(std::uint32_t series) {
        return set(ictus_family_options_set_max_series(object_.get(), series));
    }
    /** Sets the upper bounds of a timer's classic buckets. */
    family_options &buckets(const std::vector<double> &bounds) {
        return set(ictus_family_options_set_buckets(object_.get(), bounds.data(), bounds.size()));
    }
    /** Records a timer without buckets. */
    family_options &no_distribution() { return set(ictus_family_options_set_no_distribution(object_.get())); }

private:
    friend class registry;
    friend class registry_options;

    family_options &set(ictus_status status) {
        detail::need(status);
        return *this;
    }

    detail::owned<ictus_family_options, ictus_family_options_free> object_;
};

/** Options of registries, used as family_options. */
class registry_options {
public:
    registry_options() {
        ictus_registry_options *made = nullptr;
        detail::need(ictus_registry_options_new(&made));
        object_.reset(made);
    }

    /** Sets the options of families, except timers that were created with options. */
    registry_options &families(const family_options &options) {
        return set(ictus_registry_options_set_families(object_.get(), options.object_.get()));
    }
    /** Sets the number of a group of users that share the metrics directory. */
    registry_options &group(std::uint32_t number) {
        return set(ictus_registry_options_set_group(object_.get(), number));
    }
    /** Allows names of metrics and labels with any characters. */
    registry_options &utf8_names(bool allowed = true) {
        return set(ictus_registry_options_set_utf8_names(object_.get(), allowed ? 1 : 0));
    }

private:
    friend class registry;

    registry_options &set(ictus_status status) {
        detail::need(status);
        return *this;
    }

    detail::owned<ictus_registry_options, ictus_registry_options_free> object_;
};

/** A counter: one series, a total that only increases. */
class counter {
public:
    /** Adds `by`. Returns ICTUS_STATUS_VALUE and adds nothing if it is NaN, infinite, negative,
     *  or 2^94 or more. */
    ictus_status add(double by = 1.0) const noexcept { return ictus_counter_add(object_.get(), by); }

private:
    friend class registry;
    detail::owned<ictus_counter, ictus_counter_free> object_;
};

/** A gauge: one series, a state of this process that may rise and fall. */
class gauge {
public:
    /** Sets the state. Returns ICTUS_STATUS_VALUE and changes nothing for NaN or infinity. */
    ictus_status set(double to) const noexcept { return ictus_gauge_set(object_.get(), to); }
    /** Adds `by`, which may be negative. Returns a status as `set` does. */
    ictus_status add(double by) const noexcept { return ictus_gauge_add(object_.get(), by); }

private:
    friend class registry;
    detail::owned<ictus_gauge, ictus_gauge_free> object_;
};

/** A timer: one series of durations in seconds, or of sizes in bytes if the catalog defines the
 *  metric so. Recording functions return ICTUS_STATUS_VALUE for a value that is rejected. */
class timer {
public:
    /** A running measurement. Its destructor observes the elapsed time. It must not outlive its
     *  timer. */
    class running {
    public:
        running(running &&other) noexcept : timer_(std::exchange(other.timer_, nullptr)), begun_(other.begun_) {}
        running &operator=(running &&) = delete;
        ~running() { stop(); }

        /** Observes the time from the start until now. A second call does nothing. */
        void stop() noexcept {
            if (const ictus_timer *timer = std::exchange(timer_, nullptr)) {
                ictus_timer_observe_since(timer, begun_);
            }
        }

        /** Ends the measurement without observing. */
        void discard() noexcept { timer_ = nullptr; }

    private:
        friend class timer;
        explicit running(const ictus_timer *timer) noexcept : timer_(timer), begun_(ictus_now()) {}

        const ictus_timer *timer_;
        std::uint64_t begun_;
    };

    /** Records one duration in seconds that ends now. */
    ictus_status observe(double seconds) const noexcept { return ictus_timer_observe(object_.get(), seconds); }
    /** Records one duration in seconds that ended at `end`, a result of `ictus_now()`. */
    ictus_status observe_at(double seconds, std::uint64_t end) const noexcept {
        return ictus_timer_observe_at(object_.get(), seconds, end);
    }
    /** Records the time from `begun`, a result of `ictus_now()`, to now. */
    ictus_status observe_since(std::uint64_t begun) const noexcept {
        return ictus_timer_observe_since(object_.get(), begun);
    }
    /** Records one duration in seconds that ends now, with the id of its trace. Returns
     *  ICTUS_STATUS_TRACE_ID if the duration is recorded, but the id is invalid. */
    ictus_status observe_exemplar(double seconds, std::string_view trace_id) const noexcept {
        return ictus_timer_observe_exemplar(object_.get(), seconds, detail::str(trace_id));
    }
    /** Records durations in seconds, in order, with the current time as the end of each. If
     *  some are rejected, all others are recorded. */
    ictus_status observe(const std::vector<double> &seconds) const noexcept {
        return ictus_timer_observe_many(object_.get(), seconds.data(), seconds.size());
    }
    /** Starts a measurement. Keep the result: the measurement ends with it. */
    [[nodiscard]] running start() const noexcept { return running(object_.get()); }

private:
    friend class local_timer;
    friend class registry;
    detail::owned<ictus_timer, ictus_timer_free> object_;
};

/** A local timer: a timer bound to the thread that created it, for the hottest loops. Only that
 *  thread may use and destroy it. */
class local_timer {
public:
    explicit local_timer(const timer &timer) {
        ictus_local_timer *made = nullptr;
        detail::need(ictus_local_timer_new(timer.object_.get(), &made));
        object_.reset(made);
    }

    /** Records one duration in seconds that ends now. */
    ictus_status observe(double seconds) const noexcept { return ictus_local_timer_observe(object_.get(), seconds); }
    /** Records one duration in seconds that ended at `end`, a result of `ictus_now()`. */
    ictus_status observe_at(double seconds, std::uint64_t end) const noexcept {
        return ictus_local_timer_observe_at(object_.get(), seconds, end);
    }
    /** Records the time from `begun`, a result of `ictus_now()`, to now. */
    ictus_status observe_since(std::uint64_t begun) const noexcept {
        return ictus_local_timer_observe_since(object_.get(), begun);
    }

private:
    detail::owned<ictus_local_timer, ictus_local_timer_free> object_;
};

/** A snapshot: the values of every series at one moment. Label values are in the order of the
 *  family's label names, as for ictus_snapshot_value(). */
class snapshot {
public:
    /** Returns the value of a counter or gauge. */
    double value(std::string_view name, std::initializer_list<std::string_view> labels = {}) const {
        double value = 0.0;
        const std::vector<ictus_str> values = detail::strings(labels);
        detail::need(ictus_snapshot_value(object_.get(), detail::str(name), values.data(), values.size(), &value));
        return value;
    }

    /** Returns the count, sum and window of a timer. */
    ictus_timing timing(std::string_view name, std::initializer_list<std::string_view> labels = {}) const {
        ictus_timing timing{};
        const std::vector<ictus_str> values = detail::strings(labels);
        detail::need(ictus_snapshot_timing(object_.get(), detail::str(name), values.data(), values.size(), &timing));
        return timing;
    }

    /** Returns one quantile of a timer's window, in the timer's unit, or NaN if the window is
     *  empty. `share` is from 0 to 1. */
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

/** A registry, in which a process records and from which it reads. */
class registry {
public:
    /** Creates a registry in the memory of this process only. */
    registry() : registry([](ictus_registry **out) { return ictus_registry_new(out); }) {}

    /** Creates a registry in the memory of this process only, with options. */
    explicit registry(const registry_options &options)
        : registry([&](ictus_registry **out) { return ictus_registry_new_with(options.object_.get(), out); }) {}

    /** Opens a registry in a metrics directory with options. */
    [[nodiscard]] static registry open(std::string_view directory, const registry_options &options) {
        return registry([&](ictus_registry **out) {
            return ictus_registry_open_with(detail::str(directory), options.object_.get(), out);
        });
    }

    /** Opens a registry in a metrics directory, which is created if it does not exist. */
    [[nodiscard]] static registry open(std::string_view directory) {
        return registry([&](ictus_registry **out) { return ictus_registry_open(detail::str(directory), out); });
    }

    /** Returns a series of a counter. Registers family and series if they do not exist. */
    [[nodiscard]] ictus::counter counter(std::string_view name, std::string_view help = {},
                                         std::initializer_list<label> labels = {}) const {
        return series<ictus::counter>(ictus_counter_new, name, help, labels);
    }

    /** Returns a series of a gauge. Registers family and series if they do not exist. */
    [[nodiscard]] ictus::gauge gauge(std::string_view name, std::string_view help = {},
                                     std::initializer_list<label> labels = {}) const {
        return series<ictus::gauge>(ictus_gauge_new, name, help, labels);
    }

    /** Returns a series of a timer. Registers family and series if they do not exist. */
    [[nodiscard]] ictus::timer timer(std::string_view name, std::string_view help = {},
                                     std::initializer_list<label> labels = {}) const {
        return series<ictus::timer>(ictus_timer_new, name, help, labels);
    }

    /** Returns a series of a timer. If the family does not exist, registers it with these options. */
    [[nodiscard]] ictus::timer timer(std::string_view name, std::string_view help, std::initializer_list<label> all,
                                     const family_options &options) const {
        const detail::labels labels(all);
        ictus_timer *made = nullptr;
        detail::need(ictus_timer_new_with(object_.get(), detail::str(name), detail::str(help), labels.names.data(),
                                          labels.values.data(), labels.names.size(), options.object_.get(), &made));
        ictus::timer handle;
        handle.object_.reset(made);
        return handle;
    }

    /** Removes a series. Returns false if there is none with that name and those labels. */
    bool remove(std::string_view name, std::initializer_list<label> all = {}) const {
        const detail::labels labels(all);
        const ictus_status status = ictus_registry_remove(object_.get(), detail::str(name), labels.names.data(),
                                                          labels.values.data(), labels.names.size());
        if (status == ICTUS_STATUS_UNKNOWN) {
            return false;
        }
        detail::need(status);
        return true;
    }

    /** Removes the series that no process has updated for that time. Returns how many were removed
     *  from this process. The first call starts to watch counters and gauges. */
    std::size_t remove_idle(duration idle) const {
        std::size_t removed = 0;
        detail::need(ictus_registry_remove_idle(object_.get(), idle.count(), &removed));
        return removed;
    }

    /** Returns a series of a catalogued timer. `labels` are the values in its order. */
    [[nodiscard]] ictus::timer timer(ictus_conductor_metric metric, std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::timer>(ictus_catalog_timer_new, metric, labels);
    }

    /** Returns a series of a catalogued counter. `labels` are the values in its order. */
    [[nodiscard]] ictus::counter counter(ictus_conductor_metric metric,
                                         std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::counter>(ictus_catalog_counter_new, metric, labels);
    }

    /** Returns a series of a catalogued gauge. `labels` are the values in its order. */
    [[nodiscard]] ictus::gauge gauge(ictus_conductor_metric metric, std::initializer_list<std::string_view> labels) const {
        return catalogued<ictus::gauge>(ictus_catalog_gauge_new, metric, labels);
    }

    /** Returns all recorded metrics in the given format. `surfaces` is one of ictus_surface, or
     *  the sum of several. */
    [[nodiscard]] std::string render(ictus_format format = ICTUS_FORMAT_TEXT,
                                     int surfaces = ICTUS_SURFACE_DEFAULT) const {
        detail::sink sink;
        return sink.take(ictus_registry_render(object_.get(), format, surfaces, detail::sink::write, &sink));
    }

    /** Returns a snapshot, the recorded metrics as numbers. */
    [[nodiscard]] ictus::snapshot snapshot() const {
        ictus_snapshot *made = nullptr;
        detail::need(ictus_snapshot_new(object_.get(), &made));
        ictus::snapshot snapshot;
        snapshot.object_.reset(made);
        return snapshot;
    }

private:
    template <typename Make, typename = std::enable_if_t<std::is_invocable_v<Make, ictus_registry **>>>
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

/** An HTTP endpoint that serves a metrics directory. Its destructor stops the endpoint. */
class exporter {
public:
    exporter(std::string_view directory, std::string_view address, int surfaces = ICTUS_SURFACE_DEFAULT) {
        ictus_exporter *made = nullptr;
        detail::need(ictus_exporter_start(detail::str(directory), detail::str(address), surfaces, &made));
        object_.reset(made);
    }

    /** Returns the bound address, with its actual port. */
    [[nodiscard]] std::string address() const {
        detail::sink sink;
        return sink.take(ictus_exporter_address(object_.get(), detail::sink::write, &sink));
    }

private:
    detail::owned<ictus_exporter, ictus_exporter_stop> object_;
};

}  // namespace ictus

#endif
