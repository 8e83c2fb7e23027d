// Package conductor records what workers of Conductor's Go SDK do.
//
// The SDK's metrics are functions of a package, with no place for another collector. Executions are seen by
// wrapping the function of a task, which needs nothing of the SDK; polls, updates and the rest need a change of
// it: see hook.go.
package conductor

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/conductor-sdk/conductor-go/sdk/model"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

const (
	success = "SUCCESS"
	failure = "FAILURE"
	// maxMessage is the number of bytes of an error's message that are kept.
	maxMessage = 200
)

// Collector records into a registry. Any number of workers may use it.
type Collector struct {
	registry *ictus.Registry
	counters families[ictus.Counter]
	timers   families[ictus.Timer]
	gauges   families[ictus.Gauge]
}

// New creates a collector.
func New(registry *ictus.Registry) *Collector {
	return &Collector{registry: registry}
}

// Wrap records each execution of a task's function: how long it took and how it ended, the size of its result,
// and how many are running.
func (c *Collector) Wrap(execute model.ExecuteTaskFunction) model.ExecuteTaskFunction {
	return func(task *model.Task) (output interface{}, err error) {
		kind := task.TaskDefName
		c.count(ictus.TaskExecutionStarted, kind)
		c.active(kind, 1)
		begun := time.Now()
		status := failure
		// Also where it panics, which the SDK recovers from.
		defer func() {
			c.observe(ictus.TaskExecuteTime, time.Since(begun).Seconds(), kind, status)
			c.active(kind, -1)
		}()
		output, err = execute(task)
		if err != nil {
			c.count(ictus.TaskExecuteError, kind, class(err))
			c.count(ictus.TaskExecuteErrorMessage, kind, message(err))
			return output, err
		}
		status = success
		if written, wrong := json.Marshal(output); wrong == nil {
			c.observe(ictus.TaskResultSize, float64(len(written)), kind)
		}
		return output, nil
	}
}

func (c *Collector) count(metric ictus.Metric, values ...string) {
	if counter := c.counters.handle(metric, values, c.registry.ConductorCounter); counter != nil {
		_ = counter.Add(1)
	}
}

func (c *Collector) observe(metric ictus.Metric, value float64, values ...string) {
	if timer := c.timers.handle(metric, values, c.registry.ConductorTimer); timer != nil {
		_ = timer.Observe(value)
	}
}

func (c *Collector) active(kind string, by float64) {
	if gauge := c.gauges.handle(ictus.ActiveWorkers, []string{kind}, c.registry.ConductorGauge); gauge != nil {
		_ = gauge.Add(by)
	}
}

// class is the type of the innermost error.
func class(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return strings.TrimPrefix(reflect.TypeOf(err).String(), "*")
}

func message(err error) string {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "")
	}
	return text
}
