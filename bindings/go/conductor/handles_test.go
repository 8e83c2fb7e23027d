package conductor

import (
	"fmt"
	"strings"
	"testing"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

func TestCachedHandlesAreBoundedPerMetric(t *testing.T) {
	registry, err := ictus.New()
	if err != nil {
		t.Fatal(err)
	}
	collector := New(registry)
	const total = maxHandles + 500
	for number := 0; number < total; number++ {
		collector.count(ictus.TaskExecuteErrorMessage, "resize", fmt.Sprint("message ", number))
	}
	if cached := len(collector.counters.handles[ictus.TaskExecuteErrorMessage]); cached != maxHandles {
		t.Fatal(cached)
	}
	// Another metric has its own bound.
	collector.count(ictus.TaskPoll, "resize")
	if cached := len(collector.counters.handles[ictus.TaskPoll]); cached != 1 {
		t.Fatal(cached)
	}
	shown, err := registry.Render(ictus.Text, ictus.Legacy)
	if err != nil {
		t.Fatal(err)
	}
	recorded := 0.0
	for _, line := range strings.Split(string(shown), "\n") {
		if strings.HasPrefix(line, "task_execute_error_total{") {
			var value float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &value); err != nil {
				t.Fatal(err)
			}
			recorded += value
		}
	}
	if recorded != total {
		t.Fatalf("%v of %d were recorded:\n%.2000s", recorded, total, shown)
	}
}
