//go:build hook

package conductor

import (
	"github.com/conductor-sdk/conductor-go/sdk/metrics"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

// Install attaches the collector to the counts and measurements of the SDK. The SDK needs the patch that
// ../patched applies.
func (c *Collector) Install() {
	metrics.SetObserver(c)
}

// Increment records a count of the SDK.
func (c *Collector) Increment(name metrics.MetricName, labels []string) {
	switch name {
	case metrics.TASK_POLL:
		c.count(ictus.TaskPoll, labels[0])
	case metrics.TASK_POLL_ERROR:
		// The SDK drops the error.
		c.count(ictus.TaskPollError, labels[0], "error")
	case metrics.TASK_UPDATE_ERROR:
		c.count(ictus.TaskUpdateError, labels[0], "error")
	case metrics.TASK_PAUSED:
		c.count(ictus.TaskPaused, labels[0])
	case metrics.TASK_EXECUTION_QUEUE_FULL:
		c.count(ictus.TaskExecutionQueueFull, labels[0])
	case metrics.THREAD_UNCAUGHT_EXCEPTION:
		c.count(ictus.UncaughtException, labels[0])
	case metrics.EXTERNAL_PAYLOAD_USED:
		c.count(ictus.ExternalPayloadUsed, labels...)
	case metrics.WORKFLOW_START_ERROR:
		c.count(ictus.WorkflowStartError, labels[0], "error")
	}
}

// Set records a gauge, which is how the SDK reports a measurement. The status of the call is not passed.
func (c *Collector) Set(name metrics.MetricName, labels []string, value float64) {
	switch name {
	case metrics.TASK_POLL_TIME:
		c.observe(ictus.TaskPollTime, value, labels[0], "")
	case metrics.TASK_UPDATE_TIME:
		c.observe(ictus.TaskUpdateTime, value/1000, labels[0], "")
	case metrics.WORKFLOW_INPUT_SIZE:
		c.observe(ictus.WorkflowInputSize, value, labels[0], labels[1], "")
	}
}
