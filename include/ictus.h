/*
 * Ictus: latencies, recorded without a lock, shown as exact quantiles.
 *
 *     ictus_registry *registry;
 *     ictus_timer *polls;
 *     ictus_registry_open(directory, &registry);
 *     ictus_timer_new(registry, name, help, label_names, label_values, label_count, &polls);
 *     ictus_timer_observe(polls, 0.0125);
 *     ictus_registry_render(registry, ICTUS_FORMAT_TEXT, ICTUS_SURFACE_DEFAULT, send, &socket);
 *
 * Conventions, which hold for every function below unless it says otherwise:
 *
 * - Names: ictus_<noun>_<verb>. The receiver is the first argument, outputs are the last ones.
 * - Results: a function that can fail returns an ictus_status; 0 (ICTUS_STATUS_OK) is success.
 *   Outputs are written on success only. Numbers are never reused; treat unknown ones as failure.
 *   ictus_error_text() says more of the last failure: which path, the system's error, what to do.
 * - NULL where an object, an output or a callback is needed is answered with ICTUS_STATUS_NULL.
 *   Freeing NULL does nothing. An array or string of length 0 may have a NULL pointer.
 * - Strings are pointer and length, in UTF-8, and need no NUL at the end. Strings given to a
 *   function are copied and need not outlive the call. Strings that a function returns are static,
 *   but for ictus_error_text's, and do end with a NUL, which their length does not count.
 * - Ownership: what ictus_<noun>_new or _open made is freed by ictus_<noun>_free, once, and not
 *   used after that; an exporter by ictus_exporter_stop. Nothing else is to be freed. Objects may
 *   be freed in any order, and handles outlive their registry. Two handles of one series record
 *   into the same place.
 * - Threads: every function may be called from any thread at any time, also with the same object,
 *   which is why objects are const. Only _free must not run beside another call with its object,
 *   and a local timer belongs to the thread that made it.
 * - Waiting: ictus_now, inc, add, set and observe (also _at, _since, _many) never block, take no
 *   lock and allocate nothing, but for a thread's first use of a series; a few thousand of them
 *   share the system call that makes room. Everything else may allocate, lock and make system
 *   calls.
 * - Signals: a handler may call inc, add, set and observe for a series that its thread has used
 *   before. A call that interrupts a call for the same series is dropped and counted.
 * - fork: a child may go on using all objects. It records into a segment of its own, made at its
 *   first recording.
 * - Panics of the library never reach the caller: they become ICTUS_STATUS_INTERNAL, with a
 *   message on stderr.
 * - Loading: the library reads no environment variables, logs nothing unless ictus_log_set was
 *   called, and starts no threads but an exporter's and `ictus-recover`. It stays loaded once
 *   it is loaded; do not dlclose it.
 * - Versions: a program works with every later library of the same major version. Check
 *   ictus_abi_version() == ICTUS_ABI_VERSION where the library is loaded at run time. Before 1.0.0
 *   that number may change with any release.
 */

#ifndef ICTUS_H
#define ICTUS_H

/* Generated from ffi-c/src by cbindgen; `ICTUS_BLESS=1 cargo test -p ictus-ffi` writes it anew. */

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this header.
 */
#define ICTUS_VERSION "0.1.0"
#define ICTUS_VERSION_MAJOR 0
#define ICTUS_VERSION_MINOR 1
#define ICTUS_VERSION_PATCH 0

/**
 * The version of the binary interface that this header describes. It is raised when a program
 * compiled against an older header would not work with the library any more.
 */
#define ICTUS_ABI_VERSION 1

/**
 * What a call answers. Numbers are never reused; later versions may add some.
 */
typedef enum ictus_status {
    /**
     * It is done.
     */
    ICTUS_STATUS_OK = 0,
    /**
     * A pointer that must not be NULL is NULL.
     */
    ICTUS_STATUS_NULL = 1,
    /**
     * A length is more than memory can hold.
     */
    ICTUS_STATUS_LENGTH = 2,
    /**
     * A string is not UTF-8.
     */
    ICTUS_STATUS_UTF8 = 3,
    /**
     * A metric or label name that Prometheus would not take.
     */
    ICTUS_STATUS_NAME = 4,
    /**
     * A family of that name exists with another kind.
     */
    ICTUS_STATUS_MISMATCH = 5,
    /**
     * Another number of label values than the family has label names.
     */
    ICTUS_STATUS_LABELS = 6,
    /**
     * A value that cannot be recorded: NaN, negative, infinite, or 2^94 and more. It was counted
     * as rejected.
     */
    ICTUS_STATUS_VALUE = 7,
    /**
     * The operating system refused: a directory that cannot be made, used or listed, an address
     * that cannot be bound.
     */
    ICTUS_STATUS_IO = 8,
    /**
     * The write callback asked to stop.
     */
    ICTUS_STATUS_STOPPED = 9,
    /**
     * A fault in Ictus itself. Nothing is known to be damaged; please report it.
     */
    ICTUS_STATUS_INTERNAL = 10,
    /**
     * A format or surface that does not exist, surfaces that cannot be shown together, or a
     * directory whose path is empty or begins with `~`.
     */
    ICTUS_STATUS_OPTION = 11,
    /**
     * No series has that name and those label values.
     */
    ICTUS_STATUS_UNKNOWN = 12,
    /**
     * An address that is none.
     */
    ICTUS_STATUS_ADDRESS = 13,
} ictus_status;

/**
 * What a Conductor SDK records. Which names, types and help texts it is shown with is said by
 * whoever reads: see `ictus_surface`. Errors are counted twice: by class, and by message, each
 * with a bound on series of its own.
 */
typedef enum ictus_conductor_metric {
    /**
     * How long a request to the server took. A timer in seconds, by method, uri, status.
     */
    ICTUS_CONDUCTOR_METRIC_API_REQUEST_TIME = 0,
    /**
     * Polls for tasks. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL = 1,
    /**
     * How long a poll took. A timer in seconds, by taskType, status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL_TIME = 2,
    /**
     * How long a task's execution took. A timer in seconds, by taskType, status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME = 3,
    /**
     * How long an update of a task's result took. A timer in seconds, by taskType, status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_TIME = 4,
    /**
     * Failed executions by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR = 5,
    /**
     * Failed executions by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR_MESSAGE = 6,
    /**
     * Failed updates by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR = 7,
    /**
     * Failed updates by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR_MESSAGE = 8,
    /**
     * Failed polls by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL_ERROR = 9,
    /**
     * Executions started. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_STARTED = 10,
    /**
     * Failed acknowledgements by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR = 11,
    /**
     * Failed acknowledgements by taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR_MESSAGE = 12,
    /**
     * Acknowledgements that the server refused. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_FAILED = 13,
    /**
     * Times that the execution queue was full. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_QUEUE_FULL = 14,
    /**
     * Polls while the worker was paused. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_PAUSED = 15,
    /**
     * Restarts of a worker process. A counter, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_WORKER_RESTART = 16,
    /**
     * Exceptions that nobody caught, by exception.
     */
    ICTUS_CONDUCTOR_METRIC_UNCAUGHT_EXCEPTION = 17,
    /**
     * Uses of external payload storage. A counter, by entityName, operation, payloadType.
     */
    ICTUS_CONDUCTOR_METRIC_EXTERNAL_PAYLOAD_USED = 18,
    /**
     * Workflows that could not be started, by workflowType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR = 19,
    /**
     * Workflows that could not be started, by workflowType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR_MESSAGE = 20,
    /**
     * Size of a task's result. A timer in bytes, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_RESULT_SIZE = 21,
    /**
     * Size of a workflow's input. A timer in bytes, by workflowType, version, absent: where the
     * caller gave no version, version is empty and absent is 1, else absent is empty.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_INPUT_SIZE = 22,
    /**
     * Worker threads that are executing a task now. A gauge, by taskType.
     */
    ICTUS_CONDUCTOR_METRIC_ACTIVE_WORKERS = 23,
} ictus_conductor_metric;

/**
 * How an exposition is written.
 */
typedef enum ictus_format {
    /**
     * Prometheus text 0.0.4.
     */
    ICTUS_FORMAT_TEXT = 0,
    /**
     * OpenMetrics text 1.0.0.
     */
    ICTUS_FORMAT_OPENMETRICS = 1,
    /**
     * Prometheus's protobuf format, length-delimited, with classic histograms alone.
     */
    ICTUS_FORMAT_PROTOBUF = 2,
    /**
     * The same, with native histograms beside them: for a server that takes them.
     */
    ICTUS_FORMAT_NATIVE = 3,
} ictus_format;

/**
 * How much a message matters.
 */
typedef enum ictus_log_level {
    /**
     * Something that was asked for could not be done.
     */
    ICTUS_LOG_LEVEL_ERROR = 1,
    /**
     * Something is not as it should be; what can be done is.
     */
    ICTUS_LOG_LEVEL_WARNING = 2,
    /**
     * Something worth knowing.
     */
    ICTUS_LOG_LEVEL_INFO = 3,
} ictus_log_level;

/**
 * Sets of names that the Conductor metrics are shown under; they can be added up. Whatever a
 * program defines itself is shown with any of them.
 */
typedef enum ictus_surface {
    /**
     * Legacy and documented names.
     */
    ICTUS_SURFACE_DEFAULT = 0,
    /**
     * Those that the Python SDK emits by default.
     */
    ICTUS_SURFACE_LEGACY = 1,
    /**
     * Those of its METRICS.md.
     */
    ICTUS_SURFACE_DOCUMENTED = 2,
    /**
     * The harmonised ones, with histograms. Not together with another.
     */
    ICTUS_SURFACE_CANONICAL = 4,
} ictus_surface;

/**
 * A total that only grows: one series of a family.
 */
typedef struct ictus_counter ictus_counter;

/**
 * A running endpoint: `/metrics` in the format that its client asks for, of all processes that
 * record into a directory. It has one thread, named `ictus-http`, which no recording waits for.
 */
typedef struct ictus_exporter ictus_exporter;

/**
 * A state of this process, which may rise and fall: one series of a family. The states of live
 * processes are summed.
 */
typedef struct ictus_gauge ictus_gauge;

/**
 * A timer bound to the thread that made it, which saves that thread a look-up at each call. Only
 * that thread may use it and free it: what others record through it may be lost.
 */
typedef struct ictus_local_timer ictus_local_timer;

/**
 * Families that this process records: in its own memory, or in a metrics directory that it shares
 * with other processes.
 */
typedef struct ictus_registry ictus_registry;

/**
 * Every series at one instant, here or in the directory by all of its processes.
 */
typedef struct ictus_snapshot ictus_snapshot;

/**
 * Observed durations in seconds: one series of a family.
 */
typedef struct ictus_timer ictus_timer;

/**
 * A string: UTF-8, not necessarily ended by a NUL. An empty one may have a NULL pointer.
 */
typedef struct ictus_str {
    /**
     * Its first byte.
     */
    const char *data;
    /**
     * How many bytes it has.
     */
    size_t len;
} ictus_str;

/**
 * Takes a message, which is readable for the time of the call: `level` is one of `ictus_log_level`.
 * Called from any thread, also from several at once and while a first observation makes room; it
 * must not call the library, and must return to its caller.
 */
typedef void (*ictus_log_fn)(void *context, int level, const char *message, size_t len);

/**
 * Takes `len` bytes of an output, which are readable for the time of the call; 0 asks for more,
 * anything else to stop. Must return to its caller: no longjmp, no C++ exception.
 */
typedef int (*ictus_write_fn)(void *context, const char *data, size_t len);

/**
 * What a timer has observed.
 */
typedef struct ictus_timing {
    /**
     * Observations since the series began.
     */
    uint64_t count;
    /**
     * Their sum, in seconds.
     */
    double sum;
    /**
     * How many of the newest the quantiles are of.
     */
    size_t window;
} ictus_timing;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A status in words, in static memory. Takes any number.
 */
struct ictus_str ictus_status_text(int status);

/**
 * Returns what the last failed call of this thread has to say, in more words than its status:
 * which path or address, the system's error, what to do about it. Empty before the first one.
 * Readable until the thread's next call that fails, or its end. ICTUS_STATUS_VALUE leaves the
 * text as it is: a rejected value is no reason to leave the fast path.
 */
struct ictus_str ictus_error_text(void);

/**
 * The version of the library that is loaded, as `ICTUS_VERSION` spells it, in static memory.
 */
struct ictus_str ictus_version(void);

/**
 * The binary interface of the library that is loaded. Where it is not `ICTUS_ABI_VERSION`, call
 * nothing else.
 */
uint32_t ictus_abi_version(void);

/**
 * Passes on what the library logs from now on, each cause once; `log` NULL stops that. Nothing is
 * logged unless this is called. When it returns, the callback of before is not called any more.
 * Only one callback is called: the last one given.
 */
enum ictus_status ictus_log_set(ictus_log_fn log, void *context);

/**
 * Makes a registry in this process's memory alone.
 */
enum ictus_status ictus_registry_new(struct ictus_registry **out);

/**
 * Makes a registry in a metrics directory, which is made where it is missing. The process's
 * segment is made at the first recording, and anew in a forked child.
 */
enum ictus_status ictus_registry_open(struct ictus_str directory, struct ictus_registry **out);

/**
 * Frees a registry. Its counters, gauges and timers go on recording until they are freed, too.
 */
void ictus_registry_free(struct ictus_registry *registry);

/**
 * Makes a handle of the series of the family `name` with those label values; family and series
 * are registered where they are new. Label names and values are two arrays of the same length, in
 * the same order.
 */
enum ictus_status ictus_counter_new(const struct ictus_registry *registry,
                                    struct ictus_str name,
                                    struct ictus_str help,
                                    const struct ictus_str *label_names,
                                    const struct ictus_str *label_values,
                                    size_t label_count,
                                    struct ictus_counter **out);

/**
 * Adds one.
 */
enum ictus_status ictus_counter_inc(const struct ictus_counter *counter);

/**
 * Adds `by`, which must not be negative.
 */
enum ictus_status ictus_counter_add(const struct ictus_counter *counter, double by);

/**
 * Frees a handle. What was recorded through it stays.
 */
void ictus_counter_free(struct ictus_counter *counter);

/**
 * Makes a handle of the series of the family `name` with those label values; family and series
 * are registered where they are new. Label names and values are two arrays of the same length, in
 * the same order.
 */
enum ictus_status ictus_gauge_new(const struct ictus_registry *registry,
                                  struct ictus_str name,
                                  struct ictus_str help,
                                  const struct ictus_str *label_names,
                                  const struct ictus_str *label_values,
                                  size_t label_count,
                                  struct ictus_gauge **out);

/**
 * Sets the state. NaN and infinities are rejected.
 */
enum ictus_status ictus_gauge_set(const struct ictus_gauge *gauge, double to);

/**
 * Adds `by` to the state, which may be negative. NaN and infinities are rejected.
 */
enum ictus_status ictus_gauge_add(const struct ictus_gauge *gauge, double by);

/**
 * Frees a handle. What was recorded through it stays.
 */
void ictus_gauge_free(struct ictus_gauge *gauge);

/**
 * Makes a handle of the series of the family `name` with those label values; family and series
 * are registered where they are new. Label names and values are two arrays of the same length, in
 * the same order.
 */
enum ictus_status ictus_timer_new(const struct ictus_registry *registry,
                                  struct ictus_str name,
                                  struct ictus_str help,
                                  const struct ictus_str *label_names,
                                  const struct ictus_str *label_values,
                                  size_t label_count,
                                  struct ictus_timer **out);

/**
 * Records one duration.
 */
enum ictus_status ictus_timer_observe(const struct ictus_timer *timer, double seconds);

/**
 * Records the time since `begun`, which `ictus_now` gave in this process.
 */
enum ictus_status ictus_timer_observe_since(const struct ictus_timer *timer, uint64_t begun);

/**
 * Records one duration that ended at `end`, which `ictus_now` gave in this process: reading the
 * clock is nearly the whole cost of the others.
 */
enum ictus_status ictus_timer_observe_at(const struct ictus_timer *timer,
                                         double seconds,
                                         uint64_t end);

/**
 * Records durations, one after the other, as if all had ended now: for hosts whose calls are dear.
 * Where some cannot be recorded, all others are, and the answer is `ICTUS_STATUS_VALUE`.
 */
enum ictus_status ictus_timer_observe_many(const struct ictus_timer *timer,
                                           const double *seconds,
                                           size_t count);

/**
 * Frees a handle. What was recorded through it stays.
 */
void ictus_timer_free(struct ictus_timer *timer);

/**
 * Binds a timer to the calling thread. The timer may be freed before the local timer.
 */
enum ictus_status ictus_local_timer_new(const struct ictus_timer *timer,
                                        struct ictus_local_timer **out);

/**
 * Records one duration.
 */
enum ictus_status ictus_local_timer_observe(const struct ictus_local_timer *local, double seconds);

/**
 * Records one duration that ended at `end`, which `ictus_now` gave in this process.
 */
enum ictus_status ictus_local_timer_observe_at(const struct ictus_local_timer *local,
                                               double seconds,
                                               uint64_t end);

/**
 * Records the time since `begun`, which `ictus_now` gave in this process.
 */
enum ictus_status ictus_local_timer_observe_since(const struct ictus_local_timer *local,
                                                  uint64_t begun);

/**
 * Frees a local timer. What was recorded through it stays.
 */
void ictus_local_timer_free(struct ictus_local_timer *local);

/**
 * Now, for `ictus_timer_observe_since` in this process. Nothing else is to be read from the
 * number.
 */
uint64_t ictus_now(void);

/**
 * How many `ictus_conductor_metric` metrics this library has: they are numbered from 0.
 */
size_t ictus_catalog_count(void);

/**
 * Makes a handle of the series of a catalogued timer with those label values, in the order of its
 * labels. `metric` is one of `ictus_conductor_metric`: `ICTUS_STATUS_OPTION` where it is none, and
 * `ICTUS_STATUS_MISMATCH` where it is no timer.
 */
enum ictus_status ictus_catalog_timer_new(const struct ictus_registry *registry,
                                          int metric,
                                          const struct ictus_str *label_values,
                                          size_t label_count,
                                          struct ictus_timer **out);

/**
 * Makes a handle of the series of a catalogued counter; as `ictus_catalog_timer_new`.
 */
enum ictus_status ictus_catalog_counter_new(const struct ictus_registry *registry,
                                            int metric,
                                            const struct ictus_str *label_values,
                                            size_t label_count,
                                            struct ictus_counter **out);

/**
 * Makes a handle of the series of a catalogued gauge; as `ictus_catalog_timer_new`.
 */
enum ictus_status ictus_catalog_gauge_new(const struct ictus_registry *registry,
                                          int metric,
                                          const struct ictus_str *label_values,
                                          size_t label_count,
                                          struct ictus_gauge **out);

/**
 * How many labels a catalogued metric has; 0 for a number that is none.
 */
size_t ictus_catalog_label_count(int metric);

/**
 * Writes everything that was recorded, here or in the directory by all of its processes, in one
 * call of `write` or more: `format` is one of `ictus_format`, `surfaces` one of `ictus_surface` or
 * several added up, and `context` is passed on.
 */
enum ictus_status ictus_registry_render(const struct ictus_registry *registry,
                                        int format,
                                        int surfaces,
                                        ictus_write_fn write,
                                        void *context);

/**
 * Takes a snapshot.
 */
enum ictus_status ictus_snapshot_new(const struct ictus_registry *registry,
                                     struct ictus_snapshot **out);

/**
 * The value of a counter or gauge: of the series of the family `name` with those label values, in
 * the order in which this registry was given the family's label names; sorted where only other
 * processes have the family.
 */
enum ictus_status ictus_snapshot_value(const struct ictus_snapshot *snapshot,
                                       struct ictus_str name,
                                       const struct ictus_str *label_values,
                                       size_t label_count,
                                       double *out);

/**
 * What a timer has observed; the series is named as for `ictus_snapshot_value`.
 */
enum ictus_status ictus_snapshot_timing(const struct ictus_snapshot *snapshot,
                                        struct ictus_str name,
                                        const struct ictus_str *label_values,
                                        size_t label_count,
                                        struct ictus_timing *out);

/**
 * Quantiles of a timer's window, in seconds: for each of `count` numbers from 0 to 1 in
 * `quantiles` one in `out`, NaN where the window is empty. Linear between the two nearest
 * observations. The series is named as for `ictus_snapshot_value`.
 */
enum ictus_status ictus_snapshot_quantiles(const struct ictus_snapshot *snapshot,
                                           struct ictus_str name,
                                           const struct ictus_str *label_values,
                                           size_t label_count,
                                           const double *quantiles,
                                           size_t count,
                                           double *out);

/**
 * Frees a snapshot.
 */
void ictus_snapshot_free(struct ictus_snapshot *snapshot);

/**
 * Serves a metrics directory at `address`: `127.0.0.1:9464`, `[::]:9464`, `localhost:0` for a port
 * that is free, or `unix:/run/app/metrics.sock`. `surfaces` are shown where a client does not
 * choose: one of `ictus_surface`, or several added up. A forked child has no such thread: it
 * serves nothing, and leaves the exporter as it is.
 */
enum ictus_status ictus_exporter_start(struct ictus_str directory,
                                       struct ictus_str address,
                                       int surfaces,
                                       struct ictus_exporter **out);

/**
 * Writes the address that is served, with its port, to `write`; `context` is passed on.
 */
enum ictus_status ictus_exporter_address(const struct ictus_exporter *exporter,
                                         ictus_write_fn write,
                                         void *context);

/**
 * Closes the endpoint and frees it: answers that are on their way have a second to finish. The
 * address can be used again when this returns.
 */
void ictus_exporter_stop(struct ictus_exporter *exporter);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ICTUS_H */
