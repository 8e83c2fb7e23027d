//go:build hook

package conductor

import (
	"testing"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

func TestPollsAndUpdatesEqualTheCountsOfTheServer(t *testing.T) {
	registry, err := ictus.Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	collector := New(registry)
	collector.Install()
	recorded := work(t, collector)
	sample := shown(t, registry)
	for kind, server := range recorded {
		label := `taskType="` + kind + `"`
		same(t, "polls", sample("task_poll_total", label), server.Polls)
		same(t, "timed polls", sample("task_poll_time_seconds_count", `status="",`+label), server.Polls)
		same(t, "failed polls", sample("task_poll_error_total", `exception="error",`+label), server.PollErrors)
		same(t, "timed updates", sample("task_update_time_seconds_count", `status="",`+label), server.Updates)
	}
}
