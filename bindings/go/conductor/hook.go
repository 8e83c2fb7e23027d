//go:build hook

package conductor

import (
	"github.com/conductor-sdk/conductor-go/sdk/metrics"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

// Install makes the SDK tell the collector whatever it counts and measures. The SDK needs the change that
// ../patched makes of it.
func (c *Collector) Install() {
	metrics.SetObserver(c)
}

// Increment is told of a counter.
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

// Set is told of a gauge, which is a measurement in the SDK's terms. It says nothing of how a call ended.
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
