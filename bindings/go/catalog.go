package ictus

// #include <ictus.h>
import "C"

import "runtime"

// Metric is a metric that Conductor's SDKs record, as ictus.h numbers it.
type Metric int

// Metrics. The comments of ictus.h list their labels in order.
const (
	APIRequestTime            Metric = C.ICTUS_CONDUCTOR_METRIC_API_REQUEST_TIME
	TaskPoll                  Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_POLL
	TaskPollTime              Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_POLL_TIME
	TaskExecuteTime           Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME
	TaskUpdateTime            Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_TIME
	TaskExecuteError          Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR
	TaskExecuteErrorMessage   Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR_MESSAGE
	TaskUpdateError           Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR
	TaskUpdateErrorMessage    Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR_MESSAGE
	TaskPollError             Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_POLL_ERROR
	TaskExecutionStarted      Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_STARTED
	TaskAckError              Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR
	TaskAckErrorMessage       Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR_MESSAGE
	TaskAckFailed             Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_ACK_FAILED
	TaskExecutionQueueFull    Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_QUEUE_FULL
	TaskPaused                Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_PAUSED
	WorkerRestart             Metric = C.ICTUS_CONDUCTOR_METRIC_WORKER_RESTART
	UncaughtException         Metric = C.ICTUS_CONDUCTOR_METRIC_UNCAUGHT_EXCEPTION
	ExternalPayloadUsed       Metric = C.ICTUS_CONDUCTOR_METRIC_EXTERNAL_PAYLOAD_USED
	WorkflowStartError        Metric = C.ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR
	WorkflowStartErrorMessage Metric = C.ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR_MESSAGE
	TaskResultSize            Metric = C.ICTUS_CONDUCTOR_METRIC_TASK_RESULT_SIZE
	WorkflowInputSize         Metric = C.ICTUS_CONDUCTOR_METRIC_WORKFLOW_INPUT_SIZE
	ActiveWorkers             Metric = C.ICTUS_CONDUCTOR_METRIC_ACTIVE_WORKERS
)

// ConductorTimer creates the handle of a Conductor timer's series.
func (r *Registry) ConductorTimer(metric Metric, values ...string) (*Timer, error) {
	timer := &Timer{}
	err := r.catalogued(values, func(values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_catalog_timer_new(r.pointer, C.int(metric), values, count, &timer.pointer))
	})
	return timer.freed(), err
}

// ConductorCounter creates the handle of a Conductor counter's series.
func (r *Registry) ConductorCounter(metric Metric, values ...string) (*Counter, error) {
	counter := &Counter{}
	err := r.catalogued(values, func(values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_catalog_counter_new(r.pointer, C.int(metric), values, count, &counter.pointer))
	})
	return counter.freed(), err
}

// ConductorGauge creates the handle of a Conductor gauge's series.
func (r *Registry) ConductorGauge(metric Metric, values ...string) (*Gauge, error) {
	gauge := &Gauge{}
	err := r.catalogued(values, func(values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_catalog_gauge_new(r.pointer, C.int(metric), values, count, &gauge.pointer))
	})
	return gauge.freed(), err
}

func (r *Registry) catalogued(
	labels []string, make func(values *C.ictus_str, count C.size_t) error,
) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	values := []C.ictus_str{{}}
	for _, label := range labels {
		values = append(values, str(&pins, label))
	}
	pins.Pin(&values[0])
	err := make(tail(values, 1), C.size_t(len(labels)))
	runtime.KeepAlive(r)
	return err
}
