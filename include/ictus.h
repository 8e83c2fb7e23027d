/*
 * Ictus: records latencies without locks and reports exact quantiles.
 *
 *     ictus_registry *registry;
 *     ictus_timer *polls;
 *     ictus_registry_open(directory, &registry);
 *     ictus_timer_new(registry, name, help, label_names, label_values, label_count, &polls);
 *     ictus_timer_observe(polls, 0.0125);
 *     ictus_registry_render(registry, ICTUS_FORMAT_TEXT, ICTUS_SURFACE_DEFAULT, send, &socket);
 *
 * Terms: a family is all series of one metric. A series is one family with one set of label
 * values. A counter, a gauge or a timer is a handle of one series. Processes share a metrics
 * directory; each one records into its segment, a file in that directory. Durations are in
 * seconds.
 *
 * The following conventions apply to every function below unless its comment states otherwise.
 *
 * - Names: functions are named ictus_<noun>_<verb>. The receiver is the first argument, outputs
 *   are the last ones.
 * - Results: a function that can fail returns an ictus_status; 0 (ICTUS_STATUS_OK) is success.
 *   Outputs are written on success only. Status numbers are never reused; treat unknown numbers
 *   as failures. ictus_error_text() describes the last failure: the path, the system's error
 *   and the remedy.
 * - NULL: a function returns ICTUS_STATUS_NULL if a required object, output or callback is
 *   NULL. Freeing NULL does nothing. An array or string of length 0 may have a NULL pointer.
 * - Strings are a pointer and a length in bytes, in UTF-8, and need no NUL at the end.
 *   Functions copy their string arguments, which need not outlive the call. Strings that a
 *   function returns are static, except that of ictus_error_text(), and end with a NUL that
 *   their length does not count.
 * - Ownership: free each object that a _new or _open function created with the _free function
 *   of its type, once, and do not use it afterwards. Free an exporter with ictus_exporter_stop.
 *   Free nothing else. You may free objects in any order, and handles outlive their registry.
 *   Two handles of one series record into the same series.
 * - Threads: every function may be called from any thread at any time, also concurrently with
 *   the same object; objects are const for this reason. There are two exceptions. Do not call
 *   _free, ictus_exporter_stop or a _set function of options concurrently with another call
 *   that uses the same object. Use and free a local timer only in the thread that created it.
 * - Blocking: ictus_now and the functions inc, add, set and observe (also _at, _since, _many,
 *   _exemplar) never block, take no lock and allocate nothing, except at a thread's first use
 *   of a series.
 *   One system call reserves the memory for a few thousand first uses. All other functions may
 *   allocate, take locks and make system calls.
 * - Signals: a signal handler may call inc, add, set and observe for a series that its thread
 *   has used before. If it interrupts a call for the same series, the handler's call is dropped
 *   and counted.
 * - fork: a child may continue to use all objects. It records into a separate segment, which it
 *   creates at its first recording.
 * - Panics of the library never reach the caller: the function prints a message on stderr and
 *   returns ICTUS_STATUS_INTERNAL.
 * - Loading: the library reads no environment variables, and logs nothing unless ictus_log_set
 *   was called. It starts no threads except those of an exporter, `ictus-recover` and
 *   `ictus-exit`. The latter two write recorded values to the metrics directory after they
 *   could not be written: as soon as that is possible, and when the process ends. The library
 *   stays loaded once it is loaded; do not dlclose it.
 * - Versions: a program works with every later library of the same major version. If you load
 *   the library at run time, check that ictus_abi_version() == ICTUS_ABI_VERSION. Before 1.0.0
 *   that number may change with any release.
 */

#ifndef ICTUS_H
#define ICTUS_H

/* Generated from ffi-c/src with cbindgen by `ICTUS_BLESS=1 cargo test -p ictus-ffi`. */

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
 * Version of the binary interface that this header describes. It increases when programs
 * compiled against an older header no longer work with the library.
 */
#define ICTUS_ABI_VERSION 1

/**
 * Status code of a call. Numbers are never reused; later versions may add new ones, which
 * a program treats as failures.
 */
typedef enum ictus_status {
    /**
     * Success.
     */
    ICTUS_STATUS_OK = 0,
    /**
     * A required pointer is NULL.
     */
    ICTUS_STATUS_NULL = 1,
    /**
     * A length is greater than memory can hold.
     */
    ICTUS_STATUS_LENGTH = 2,
    /**
     * A string is not UTF-8.
     */
    ICTUS_STATUS_UTF8 = 3,
    /**
     * A metric or label name is not valid in Prometheus.
     */
    ICTUS_STATUS_NAME = 4,
    /**
     * A family of that name exists with another kind: counter, gauge or timer.
     */
    ICTUS_STATUS_MISMATCH = 5,
    /**
     * The number of label values differs from the number of label names of the family.
     */
    ICTUS_STATUS_LABELS = 6,
    /**
     * A value cannot be recorded: it is NaN, infinite, negative, or 2^94 or more. It is
     * counted as rejected. A gauge also accepts negative values and values of 2^94 and
     * more. `ictus_snapshot_quantiles` returns this status for a quantile outside 0 to 1.
     */
    ICTUS_STATUS_VALUE = 7,
    /**
     * The operating system reported an error: a directory cannot be created, used or
     * listed, an address cannot be bound, or an exporter's thread cannot be created.
     */
    ICTUS_STATUS_IO = 8,
    /**
     * The write callback requested to stop.
     */
    ICTUS_STATUS_STOPPED = 9,
    /**
     * A fault in Ictus itself. No damage is known; please report the fault.
     */
    ICTUS_STATUS_INTERNAL = 10,
    /**
     * An option has an invalid value, the number of a format, surface or catalogued metric
     * does not exist, surfaces cannot be shown together, or the path of a directory is empty
     * or begins with `~`.
     */
    ICTUS_STATUS_OPTION = 11,
    /**
     * The snapshot has no series with that name and those label values.
     */
    ICTUS_STATUS_UNKNOWN = 12,
    /**
     * A string is not an address to listen on.
     */
    ICTUS_STATUS_ADDRESS = 13,
    /**
     * The value was recorded, but its trace id is not 1 to 96 bytes of UTF-8 without control
     * characters. The id is counted as rejected.
     */
    ICTUS_STATUS_TRACE_ID = 14,
} ictus_status;

/**
 * The catalog: the metrics that a Conductor SDK records. The reader's surface determines
 * the names, types and help texts under which they are shown; see `ictus_surface`.
 *
 * Most errors are counted twice: by exception class, and by exception message in the
 * metric whose name ends with `_MESSAGE`. Each of the two metrics has a separate limit of
 * series.
 */
typedef enum ictus_conductor_metric {
    /**
     * Duration of a request to the server. Timer in seconds; labels: method, uri, status.
     */
    ICTUS_CONDUCTOR_METRIC_API_REQUEST_TIME = 0,
    /**
     * Polls for tasks. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL = 1,
    /**
     * Duration of a poll. Timer in seconds; labels: taskType, status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL_TIME = 2,
    /**
     * Duration of a task's execution. Timer in seconds; labels: taskType, status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME = 3,
    /**
     * Duration of an update of a task's result. Timer in seconds; labels: taskType,
     * status.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_TIME = 4,
    /**
     * Failed executions by exception class. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR = 5,
    /**
     * Failed executions by exception message. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR_MESSAGE = 6,
    /**
     * Failed updates by exception class. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR = 7,
    /**
     * Failed updates by exception message. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR_MESSAGE = 8,
    /**
     * Failed polls by exception class. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_POLL_ERROR = 9,
    /**
     * Executions started. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_STARTED = 10,
    /**
     * Failed acknowledgements by exception class. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR = 11,
    /**
     * Failed acknowledgements by exception message. Counter; labels: taskType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR_MESSAGE = 12,
    /**
     * Acknowledgements that the server refused. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_ACK_FAILED = 13,
    /**
     * Times that the execution queue was full. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_QUEUE_FULL = 14,
    /**
     * Polls while the worker was paused. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_PAUSED = 15,
    /**
     * Restarts of a worker process. Counter; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_WORKER_RESTART = 16,
    /**
     * Uncaught exceptions by class. Counter; label: exception.
     */
    ICTUS_CONDUCTOR_METRIC_UNCAUGHT_EXCEPTION = 17,
    /**
     * Uses of external payload storage. Counter; labels: entityName, operation,
     * payloadType.
     */
    ICTUS_CONDUCTOR_METRIC_EXTERNAL_PAYLOAD_USED = 18,
    /**
     * Workflows that could not be started, by exception class. Counter; labels:
     * workflowType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR = 19,
    /**
     * Workflows that could not be started, by exception message. Counter; labels:
     * workflowType, exception.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR_MESSAGE = 20,
    /**
     * Size of a task's result. Timer in bytes; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_TASK_RESULT_SIZE = 21,
    /**
     * Size of a workflow's input. Timer in bytes; labels: workflowType, version, absent.
     * If the caller gave no version, version is empty and absent is 1; otherwise absent is
     * empty.
     */
    ICTUS_CONDUCTOR_METRIC_WORKFLOW_INPUT_SIZE = 22,
    /**
     * Worker threads that are executing a task now. Gauge; label: taskType.
     */
    ICTUS_CONDUCTOR_METRIC_ACTIVE_WORKERS = 23,
} ictus_conductor_metric;

/**
 * Output format of an exposition.
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
     * Prometheus's protobuf format, length-delimited, with classic histograms only.
     */
    ICTUS_FORMAT_PROTOBUF = 2,
    /**
     * Prometheus's protobuf format, length-delimited, with classic and native histograms:
     * for a server that accepts native histograms.
     */
    ICTUS_FORMAT_NATIVE = 3,
} ictus_format;

/**
 * Severity of a log message.
 */
typedef enum ictus_log_level {
    /**
     * A requested action failed.
     */
    ICTUS_LOG_LEVEL_ERROR = 1,
    /**
     * A problem that the library works around as far as possible.
     */
    ICTUS_LOG_LEVEL_WARNING = 2,
    /**
     * Information.
     */
    ICTUS_LOG_LEVEL_INFO = 3,
} ictus_log_level;

/**
 * Surfaces: sets of names under which the Conductor metrics are shown. Add numbers to show
 * several surfaces. Metrics that a program defines itself are shown with every surface.
 */
typedef enum ictus_surface {
    /**
     * The legacy and the documented surface.
     */
    ICTUS_SURFACE_DEFAULT = 0,
    /**
     * The names that the Python SDK emits by default.
     */
    ICTUS_SURFACE_LEGACY = 1,
    /**
     * The names in the METRICS.md of the Python SDK.
     */
    ICTUS_SURFACE_DOCUMENTED = 2,
    /**
     * The harmonised names of all Conductor SDKs, with histograms. It cannot be combined
     * with another surface.
     */
    ICTUS_SURFACE_CANONICAL = 4,
} ictus_surface;

/**
 * A counter: a handle of one series, a total that only increases.
 */
typedef struct ictus_counter ictus_counter;

/**
 * A running HTTP endpoint. It serves `/metrics`, in the format that the client requests,
 * for all processes that record in a metrics directory. Its threads are named
 * `ictus-http`; recording never waits for them.
 */
typedef struct ictus_exporter ictus_exporter;

/**
 * Options of families: how a family keeps observations, and how many series it can have. Pass
 * them to `ictus_timer_new_with` for one family, or to `ictus_registry_options_set_families`
 * for all families of a registry.
 *
 * The library copies options where it uses them. You may change, reuse or free them afterwards.
 * Do not call a `_set` function concurrently with another call with the same options.
 */
typedef struct ictus_family_options ictus_family_options;

/**
 * A gauge: a handle of one series, a state of this process that may rise and fall. Readers
 * add up the states of all live processes.
 */
typedef struct ictus_gauge ictus_gauge;

/**
 * A local timer: a timer bound to the thread that created it, for the hottest loops. It
 * saves that thread a lookup at each call. Only that thread may use it and free it:
 * observations that other threads record through it may be lost.
 */
typedef struct ictus_local_timer ictus_local_timer;

/**
 * A registry: a set of families that this process records, in its own memory or in a
 * metrics directory that it shares with other processes.
 */
typedef struct ictus_registry ictus_registry;

/**
 * Options of registries, for `ictus_registry_new_with` and `ictus_registry_open_with`.
 *
 * The library copies options where it uses them. You may change, reuse or free them afterwards.
 * Do not call a `_set` function concurrently with another call with the same options.
 */
typedef struct ictus_registry_options ictus_registry_options;

/**
 * A snapshot: the values of every series at one moment, merged over all processes of the
 * metrics directory, or those of this process for a registry in memory. It does not
 * change.
 */
typedef struct ictus_snapshot ictus_snapshot;

/**
 * A timer: a handle of one series of durations in seconds, or of sizes in bytes if the
 * catalog defines the metric so.
 */
typedef struct ictus_timer ictus_timer;

/**
 * A string in UTF-8. It needs no NUL at the end, and an empty string may have a NULL
 * pointer. The caller owns the memory of an argument, the library that of a result.
 */
typedef struct ictus_str {
    /**
     * Pointer to the first byte.
     */
    const char *data;
    /**
     * Length in bytes, without a NUL at the end.
     */
    size_t len;
} ictus_str;

/**
 * A callback that receives a log message. `context` is the pointer passed to
 * `ictus_log_set`, and `level` is one of `ictus_log_level`. The message has `len` bytes of
 * UTF-8 without a NUL at the end, and is readable only during the call.
 *
 * The library calls it from any thread, also from several threads concurrently, and while
 * a thread's first recording of a series reserves memory. The callback must not call the
 * library, and must return to its caller: no longjmp, no C++ exception.
 */
typedef void (*ictus_log_fn)(void *context, int level, const char *message, size_t len);

/**
 * A callback that receives `len` bytes of output, which are readable only during the call.
 * `context` is the pointer passed to the function that writes.
 *
 * It returns 0 to continue. With any other result the writing function stops and returns
 * `ICTUS_STATUS_STOPPED`. The callback must return to its caller: no longjmp, no C++
 * exception.
 */
typedef int (*ictus_write_fn)(void *context, const char *data, size_t len);

/**
 * The count, sum and window of a timer.
 */
typedef struct ictus_timing {
    /**
     * Number of observations since the series began.
     */
    uint64_t count;
    /**
     * Sum of these observations, in the timer's unit: seconds, or bytes.
     */
    double sum;
    /**
     * Number of newest observations from which quantiles are computed.
     */
    size_t window;
} ictus_timing;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the text of a status. The string is static and ends with a NUL, which its length
 * does not count. Accepts every number, including those of later versions.
 */
struct ictus_str ictus_status_text(int status);

/**
 * Returns a description of the calling thread's last failed call, in more detail than its
 * status: the path or address, the system's error and the remedy. Before the first failure
 * the string is empty. It ends with a NUL, which its length does not count.
 *
 * The library owns the string. It is valid until the thread's next failed call, or until
 * the thread ends. Calls that return `ICTUS_STATUS_VALUE` or `ICTUS_STATUS_TRACE_ID` do
 * not change it, so that rejected values stay on the fast path.
 */
struct ictus_str ictus_error_text(void);

/**
 * Returns the version of the loaded library, in the form of `ICTUS_VERSION`. The string is
 * static and ends with a NUL, which its length does not count.
 */
struct ictus_str ictus_version(void);

/**
 * Returns the version of the loaded library's binary interface. If it is not
 * `ICTUS_ABI_VERSION`, call no other function.
 */
uint32_t ictus_abi_version(void);

/**
 * Sets the callback that receives the library's log messages from now on, and replaces the
 * previous one. Without a callback nothing is logged; NULL for `log` removes the callback.
 * A degraded state is logged once; a call that returns ICTUS_STATUS_IO logs its text each time.
 * `context` is passed to the callback.
 *
 * When this function returns, the previous callback is no longer called, so its context
 * may be freed. Messages that are logged while the callback is being replaced are dropped.
 */
enum ictus_status ictus_log_set(ictus_log_fn log, void *context);

/**
 * Creates options with their defaults: a window of 1,000 observations of any age, 1,000
 * series, no expiry, and the default buckets of the unit. Free them with
 * `ictus_family_options_free`.
 */
enum ictus_status ictus_family_options_new(struct ictus_family_options **out);

/**
 * Sets how many of a timer's newest observations form the window for quantiles: 1 to 65,536.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing for another number.
 */
enum ictus_status ictus_family_options_set_window(struct ictus_family_options *options,
                                                  uint32_t observations);

/**
 * Removes observations that are older than `seconds` from a timer's window, so that an idle
 * series shows no quantiles instead of old ones. Count and sum do not change. By default
 * observations of any age are kept.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing if `seconds` is NaN, infinite, or not
 * greater than 0.
 */
enum ictus_status ictus_family_options_set_max_age(struct ictus_family_options *options,
                                                   double seconds);

/**
 * Expires series that no process of the directory has updated for `seconds`: they are no
 * longer shown, and their memory can be used for other series. By default idle series are
 * kept. Handles of an expired series stay valid; recording through one starts the series
 * again. `ictus_snapshot_new` and `ictus_registry_remove_idle` detect idle series.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing if `seconds` is NaN, infinite, or not
 * greater than 0.
 */
enum ictus_status ictus_family_options_set_expire_after(struct ictus_family_options *options,
                                                        double seconds);

/**
 * Sets the maximum number of series of a family. Observations of further label sets are
 * recorded in one overflow series and counted. Numbers above 1,048,576 are reduced to it.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing if `series` is 0.
 */
enum ictus_status ictus_family_options_set_max_series(struct ictus_family_options *options,
                                                      uint32_t series);

/**
 * Sets the upper bounds of a timer's classic buckets: `count` ascending, finite numbers, at
 * most 1,000. A last bound of infinity is removed, because every histogram has that bucket.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing for other bounds.
 */
enum ictus_status ictus_family_options_set_buckets(struct ictus_family_options *options,
                                                   const double *bounds,
                                                   size_t count);

/**
 * Records a timer without buckets: with a window, a count and a sum only. An observation then
 * costs three fifths as much, and no surface shows the timer as a histogram.
 */
enum ictus_status ictus_family_options_set_no_distribution(struct ictus_family_options *options);

/**
 * Frees options. Registries and families that were created with them keep their copy.
 */
void ictus_family_options_free(struct ictus_family_options *options);

/**
 * Creates options with their defaults: those of `ictus_family_options_new` for families, no
 * group, and names as Prometheus has always allowed them. Free them with
 * `ictus_registry_options_free`.
 */
enum ictus_status ictus_registry_options_new(struct ictus_registry_options **out);

/**
 * Sets the options of the registry's families, those of the catalog included, except timers
 * that have their own, by `ictus_timer_new_with`. Copies `families`.
 */
enum ictus_status ictus_registry_options_set_families(struct ictus_registry_options *options,
                                                      const struct ictus_family_options *families);

/**
 * Sets the number of a group of users that share the metrics directory. The folder `ictus` in
 * it, otherwise of mode 0700, gets that group and mode 0770, and files get mode 0640. All
 * processes that record in the directory must set the same group and be members of it. A
 * registry in memory ignores the group.
 *
 * Returns `ICTUS_STATUS_OPTION` and changes nothing for 4294967295, which is no group.
 */
enum ictus_status ictus_registry_options_set_group(struct ictus_registry_options *options,
                                                   uint32_t number);

/**
 * Allows names of metrics and labels with any characters, for example
 * `http.server.duration`, if `allowed` is not 0. Otherwise such a name is an error. Clients
 * that do not request such names receive underscores instead.
 */
enum ictus_status ictus_registry_options_set_utf8_names(struct ictus_registry_options *options,
                                                        int allowed);

/**
 * Frees options. Registries that were created with them keep their copy.
 */
void ictus_registry_options_free(struct ictus_registry_options *options);

/**
 * Creates a registry in the memory of this process only. Free it with
 * `ictus_registry_free`.
 */
enum ictus_status ictus_registry_new(struct ictus_registry **out);

/**
 * Creates a registry in the memory of this process only, with options, which are copied. Free
 * it with `ictus_registry_free`.
 */
enum ictus_status ictus_registry_new_with(const struct ictus_registry_options *options,
                                          struct ictus_registry **out);

/**
 * Opens a registry in a metrics directory, and creates the directory if it does not exist.
 * Free the registry with `ictus_registry_free`. This call resolves a relative path, so
 * later changes of the working directory have no effect.
 *
 * The process creates its segment, a file in the directory, at its first recording. A
 * forked child creates another one at its first recording.
 *
 * Returns `ICTUS_STATUS_OPTION` if the path is empty or begins with `~`, and
 * `ICTUS_STATUS_IO` if the directory cannot be created or used.
 */
enum ictus_status ictus_registry_open(struct ictus_str directory, struct ictus_registry **out);

/**
 * Opens a registry in a metrics directory as `ictus_registry_open` does, with options, which
 * are copied. Free it with `ictus_registry_free`.
 */
enum ictus_status ictus_registry_open_with(struct ictus_str directory,
                                           const struct ictus_registry_options *options,
                                           struct ictus_registry **out);

/**
 * Removes a series of a counter, gauge or timer: the series of the family `name` with these
 * labels, in any order. The observations of this process and of ended processes are no longer
 * shown, and the memory of the series can be used for other series.
 *
 * Recording through existing handles of the series is counted as rejected. Create a handle
 * again to record a new series with these labels, which starts at 0. Other running processes
 * still show their part of the series until they remove it too. The overflow series cannot be
 * removed.
 *
 * In a metrics directory the call waits up to five seconds for the lock of the directory, and
 * may rewrite a file. Do not call it in hot loops.
 *
 * Returns `ICTUS_STATUS_UNKNOWN` if this registry has no such family, or the family no such
 * series, and `ICTUS_STATUS_IO` if the data of ended processes cannot be changed.
 */
enum ictus_status ictus_registry_remove(const struct ictus_registry *registry,
                                        struct ictus_str name,
                                        const struct ictus_str *label_names,
                                        const struct ictus_str *label_values,
                                        size_t label_count);

/**
 * Expires every series that no process of the directory has updated for `seconds`, in all
 * families, as `ictus_family_options_set_expire_after` does for families that set it. Writes
 * the number of series that were removed from this process to `out`.
 *
 * Counters and gauges are idle if their values are the same in two reads: the first call
 * starts to watch them. Call this function from time to time in a process that takes no
 * snapshots.
 *
 * Returns `ICTUS_STATUS_OPTION` if `seconds` is NaN, infinite or negative, and
 * `ICTUS_STATUS_IO` if the metrics directory cannot be listed.
 */
enum ictus_status ictus_registry_remove_idle(const struct ictus_registry *registry,
                                             double seconds,
                                             size_t *out);

/**
 * Frees a registry. Its counters, gauges and timers continue to record until they are
 * freed.
 */
void ictus_registry_free(struct ictus_registry *registry);

/**
 * Creates a handle of one series: the series of the family `name` with these label values.
 * Registers the family and the series if they do not exist. Free the handle with
 * `ictus_counter_free`.
 *
 * `label_names` and `label_values` are arrays of `label_count` strings in the same order.
 * A `_total` suffix of the name is removed, because the output formats add it.
 *
 * Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
 * `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
 */
enum ictus_status ictus_counter_new(const struct ictus_registry *registry,
                                    struct ictus_str name,
                                    struct ictus_str help,
                                    const struct ictus_str *label_names,
                                    const struct ictus_str *label_values,
                                    size_t label_count,
                                    struct ictus_counter **out);

/**
 * Adds one to a counter.
 */
enum ictus_status ictus_counter_inc(const struct ictus_counter *counter);

/**
 * Adds `by` to a counter. Returns `ICTUS_STATUS_VALUE` and adds nothing if `by` is NaN,
 * infinite, negative, or 2^94 or more; the call is counted as rejected.
 */
enum ictus_status ictus_counter_add(const struct ictus_counter *counter, double by);

/**
 * Frees a handle. Values recorded through it are kept.
 */
void ictus_counter_free(struct ictus_counter *counter);

/**
 * Creates a handle of one series: the series of the family `name` with these label values.
 * Registers the family and the series if they do not exist. Free the handle with
 * `ictus_gauge_free`.
 *
 * `label_names` and `label_values` are arrays of `label_count` strings in the same order.
 *
 * Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
 * `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
 */
enum ictus_status ictus_gauge_new(const struct ictus_registry *registry,
                                  struct ictus_str name,
                                  struct ictus_str help,
                                  const struct ictus_str *label_names,
                                  const struct ictus_str *label_values,
                                  size_t label_count,
                                  struct ictus_gauge **out);

/**
 * Sets the state of this process to `to`. Returns `ICTUS_STATUS_VALUE` and changes nothing
 * if `to` is NaN or infinite; the call is counted as rejected.
 */
enum ictus_status ictus_gauge_set(const struct ictus_gauge *gauge, double to);

/**
 * Adds `by`, which may be negative, to the state of this process. Returns
 * `ICTUS_STATUS_VALUE` and changes nothing if `by` is NaN or infinite; the call is counted
 * as rejected.
 */
enum ictus_status ictus_gauge_add(const struct ictus_gauge *gauge, double by);

/**
 * Frees a handle. Values recorded through it are kept.
 */
void ictus_gauge_free(struct ictus_gauge *gauge);

/**
 * Creates a handle of one series: the series of the family `name` with these label values.
 * Registers the family and the series if they do not exist. Free the handle with
 * `ictus_timer_free`.
 *
 * `label_names` and `label_values` are arrays of `label_count` strings in the same order.
 *
 * Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
 * `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
 */
enum ictus_status ictus_timer_new(const struct ictus_registry *registry,
                                  struct ictus_str name,
                                  struct ictus_str help,
                                  const struct ictus_str *label_names,
                                  const struct ictus_str *label_values,
                                  size_t label_count,
                                  struct ictus_timer **out);

/**
 * Creates a handle of one series as `ictus_timer_new` does, and registers the family with
 * `options` instead of those of the registry. Options are copied. If this process has
 * registered the family before, the family keeps its options. Free the handle with
 * `ictus_timer_free`.
 */
enum ictus_status ictus_timer_new_with(const struct ictus_registry *registry,
                                       struct ictus_str name,
                                       struct ictus_str help,
                                       const struct ictus_str *label_names,
                                       const struct ictus_str *label_values,
                                       size_t label_count,
                                       const struct ictus_family_options *options,
                                       struct ictus_timer **out);

/**
 * Records one duration in seconds (or one size in bytes) that ends now. Returns
 * `ICTUS_STATUS_VALUE` if the value is NaN, infinite, negative, or 2^94 or more; the value
 * is then counted as rejected.
 */
enum ictus_status ictus_timer_observe(const struct ictus_timer *timer, double seconds);

/**
 * Records the time from `begun` to now, in seconds. `begun` is a result of `ictus_now` in
 * this process.
 */
enum ictus_status ictus_timer_observe_since(const struct ictus_timer *timer, uint64_t begun);

/**
 * Records one duration in seconds that ended at `end`, a result of `ictus_now` in this
 * process. It does not read the clock, which is nearly the whole cost of the other
 * functions. Returns `ICTUS_STATUS_VALUE` as `ictus_timer_observe` does.
 */
enum ictus_status ictus_timer_observe_at(const struct ictus_timer *timer,
                                         double seconds,
                                         uint64_t end);

/**
 * Records one duration in seconds that ends now, with the id of its trace as an exemplar.
 * OpenMetrics and protobuf show the newest exemplar of each bucket of a histogram. Timers of
 * the catalog are histograms on the canonical surface.
 *
 * An id has 1 to 96 bytes of UTF-8 and no control characters. For any other id the function
 * returns `ICTUS_STATUS_TRACE_ID`: it has recorded the duration without an exemplar, and has
 * counted the id as rejected. Returns `ICTUS_STATUS_VALUE` as `ictus_timer_observe` does.
 */
enum ictus_status ictus_timer_observe_exemplar(const struct ictus_timer *timer,
                                               double seconds,
                                               struct ictus_str trace_id);

/**
 * Records `count` durations in seconds, in order, with the current time as the end of
 * each. Use it where each call from your language to C is expensive. Returns
 * `ICTUS_STATUS_VALUE` if some values are rejected; all others are recorded.
 */
enum ictus_status ictus_timer_observe_many(const struct ictus_timer *timer,
                                           const double *seconds,
                                           size_t count);

/**
 * Frees a handle. Values recorded through it are kept.
 */
void ictus_timer_free(struct ictus_timer *timer);

/**
 * Creates a local timer: binds a timer to the calling thread. Free it in the same thread
 * with `ictus_local_timer_free`. The timer may be freed before the local timer.
 */
enum ictus_status ictus_local_timer_new(const struct ictus_timer *timer,
                                        struct ictus_local_timer **out);

/**
 * Records one duration in seconds that ends now. Returns `ICTUS_STATUS_VALUE` as
 * `ictus_timer_observe` does.
 */
enum ictus_status ictus_local_timer_observe(const struct ictus_local_timer *local, double seconds);

/**
 * Records one duration in seconds that ended at `end`, a result of `ictus_now` in this
 * process. It does not read the clock. Returns `ICTUS_STATUS_VALUE` as
 * `ictus_timer_observe` does.
 */
enum ictus_status ictus_local_timer_observe_at(const struct ictus_local_timer *local,
                                               double seconds,
                                               uint64_t end);

/**
 * Records the time from `begun` to now, in seconds. `begun` is a result of `ictus_now` in
 * this process.
 */
enum ictus_status ictus_local_timer_observe_since(const struct ictus_local_timer *local,
                                                  uint64_t begun);

/**
 * Frees a local timer. Observations recorded through it are kept.
 */
void ictus_local_timer_free(struct ictus_local_timer *local);

/**
 * Returns the current time, for the functions `_observe_since` and `_observe_at` of timers
 * in this process. The number has no other meaning.
 */
uint64_t ictus_now(void);

/**
 * Returns the number of `ictus_conductor_metric` metrics in the loaded library. They are
 * numbered from 0.
 */
size_t ictus_catalog_count(void);

/**
 * Creates a handle of one series of a catalogued timer. Free it with `ictus_timer_free`.
 *
 * `metric` is one of `ictus_conductor_metric`. `label_values` is an array of `label_count`
 * strings in the order of the metric's labels.
 *
 * Returns `ICTUS_STATUS_OPTION` if no metric has that number, `ICTUS_STATUS_MISMATCH` if
 * the metric is not a timer, and `ICTUS_STATUS_LABELS` if `label_count` is not its number
 * of labels.
 */
enum ictus_status ictus_catalog_timer_new(const struct ictus_registry *registry,
                                          int metric,
                                          const struct ictus_str *label_values,
                                          size_t label_count,
                                          struct ictus_timer **out);

/**
 * Creates a handle of one series of a catalogued counter, as `ictus_catalog_timer_new`
 * does for a timer. Free it with `ictus_counter_free`.
 */
enum ictus_status ictus_catalog_counter_new(const struct ictus_registry *registry,
                                            int metric,
                                            const struct ictus_str *label_values,
                                            size_t label_count,
                                            struct ictus_counter **out);

/**
 * Creates a handle of one series of a catalogued gauge, as `ictus_catalog_timer_new` does
 * for a timer. Free it with `ictus_gauge_free`.
 */
enum ictus_status ictus_catalog_gauge_new(const struct ictus_registry *registry,
                                          int metric,
                                          const struct ictus_str *label_values,
                                          size_t label_count,
                                          struct ictus_gauge **out);

/**
 * Returns the number of labels of a catalogued metric, or 0 if no metric has that number.
 */
size_t ictus_catalog_label_count(int metric);

/**
 * Writes all recorded metrics: those of all processes of the metrics directory, or those
 * of this process for a registry in memory.
 *
 * `format` is one of `ictus_format`. `surfaces` is one of `ictus_surface`, or the sum of
 * several. The function calls `write` one or more times in the calling thread, and passes
 * `context` to it. Returns `ICTUS_STATUS_OPTION` for an unknown format or an invalid sum
 * of surfaces, `ICTUS_STATUS_IO` if the directory cannot be listed, and
 * `ICTUS_STATUS_STOPPED` if `write` returned a number other than 0.
 */
enum ictus_status ictus_registry_render(const struct ictus_registry *registry,
                                        int format,
                                        int surfaces,
                                        ictus_write_fn write,
                                        void *context);

/**
 * Creates a snapshot of a registry. Free it with `ictus_snapshot_free`. Returns
 * `ICTUS_STATUS_IO` if the metrics directory cannot be listed.
 */
enum ictus_status ictus_snapshot_new(const struct ictus_registry *registry,
                                     struct ictus_snapshot **out);

/**
 * Writes the value of a counter or gauge to `out`: of the series of the family `name` with
 * these label values.
 *
 * Label values are in the order in which this registry registered the family's label
 * names. If only other processes have the family, they are in the order of the sorted
 * label names.
 *
 * Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series, and
 * `ICTUS_STATUS_MISMATCH` if the series is a timer.
 */
enum ictus_status ictus_snapshot_value(const struct ictus_snapshot *snapshot,
                                       struct ictus_str name,
                                       const struct ictus_str *label_values,
                                       size_t label_count,
                                       double *out);

/**
 * Writes the count, sum and window of a timer to `out`. Name and label values identify the
 * series as in `ictus_snapshot_value`.
 *
 * Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series, and
 * `ICTUS_STATUS_MISMATCH` if the series is not a timer.
 */
enum ictus_status ictus_snapshot_timing(const struct ictus_snapshot *snapshot,
                                        struct ictus_str name,
                                        const struct ictus_str *label_values,
                                        size_t label_count,
                                        struct ictus_timing *out);

/**
 * Computes quantiles of a timer's window: for each of the `count` numbers in `quantiles`,
 * from 0 to 1, writes one number to the array `out`, in the timer's unit: seconds, or
 * bytes. A result is interpolated linearly between the two nearest observations, and NaN
 * if the window is empty. Name and label values identify the series as in
 * `ictus_snapshot_value`.
 *
 * Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series,
 * `ICTUS_STATUS_MISMATCH` if the series is not a timer, and `ICTUS_STATUS_VALUE` if a
 * quantile is not from 0 to 1.
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
 * Starts an endpoint that serves a metrics directory at `address`. Stop it with
 * `ictus_exporter_stop`.
 *
 * `address` is for example `127.0.0.1:9464`, `[::]:9464`, `localhost:0` for a free port,
 * or `unix:/run/app/metrics.sock`. `surfaces` is one of `ictus_surface`, or the sum of
 * several; they are shown if the client does not choose. A forked child does not have the
 * threads: it serves nothing, and does not affect the exporter of its parent.
 *
 * Returns `ICTUS_STATUS_ADDRESS` for an invalid address, `ICTUS_STATUS_IO` if the address
 * cannot be bound, and `ICTUS_STATUS_OPTION` for an invalid sum of surfaces or an invalid
 * path.
 */
enum ictus_status ictus_exporter_start(struct ictus_str directory,
                                       struct ictus_str address,
                                       int surfaces,
                                       struct ictus_exporter **out);

/**
 * Passes the bound address, with its actual port, to `write` as text, and `context` with
 * it. The text has the form of the argument `address` of `ictus_exporter_start`.
 */
enum ictus_status ictus_exporter_address(const struct ictus_exporter *exporter,
                                         ictus_write_fn write,
                                         void *context);

/**
 * Stops an endpoint and frees the exporter. Responses in progress have one second to
 * finish. When this function returns, the address can be used again.
 */
void ictus_exporter_stop(struct ictus_exporter *exporter);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ICTUS_H */
