package conductor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/conductor-sdk/conductor-go/sdk/model"
	"github.com/conductor-sdk/conductor-go/sdk/settings"
	"github.com/conductor-sdk/conductor-go/sdk/worker"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

const tasks = 40

type counts struct {
	Polls      float64 `json:"polls"`
	PollErrors float64 `json:"poll_errors"`
	Updates    float64 `json:"updates"`
	Completed  float64 `json:"completed"`
	Failed     float64 `json:"failed"`
}

// refused is an error with a separate type.
type refused struct{ task string }

func (r *refused) Error() string { return "refused: " + r.task }

// server starts a Conductor on loopback and gives its address.
func server(t *testing.T) string {
	t.Helper()
	command := exec.Command("python3", "../../../testing/conductor_stub.py", "--port", "0", "--rate", "200",
		"--tasks", fmt.Sprint(tasks), "--slow", "0", "--poll-errors", "0.3", "--update-errors", "0")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimSpace(line), "/api")
}

func counted(t *testing.T, url string) map[string]counts {
	t.Helper()
	answer, err := http.Get(url + "/stub/counts")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]counts{}
	if err := json.Unmarshal(body, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// work runs all tasks in workers of the SDK, and returns the counts of the server.
func work(t *testing.T, collector *Collector) map[string]counts {
	t.Helper()
	url := server(t)
	runner := worker.NewTaskRunner(nil, settings.NewHttpSettings(url+"/api"))
	execute := collector.Wrap(func(task *model.Task) (interface{}, error) {
		if strings.HasSuffix(task.TaskId, "0") {
			return nil, fmt.Errorf("wrapped: %w", &refused{task.TaskId})
		}
		return map[string]any{"id": task.TaskId}, nil
	})
	kinds := []string{"resize", "mail"}
	for _, kind := range kinds {
		if err := runner.StartWorker(kind, execute, 2, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	for {
		done := 0
		for _, one := range counted(t, url) {
			if one.Completed+one.Failed == tasks && one.PollErrors > 0 {
				done++
			}
		}
		if done == len(kinds) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, kind := range kinds {
		runner.Shutdown(kind)
	}
	runner.WaitWorkers()
	return counted(t, url)
}

// shown finds samples of the canonical surface.
func shown(t *testing.T, registry *ictus.Registry) func(name, labels string) float64 {
	t.Helper()
	text, err := registry.Render(ictus.Text, ictus.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	return func(name, labels string) float64 {
		for _, line := range strings.Split(string(text), "\n") {
			if number, is := strings.CutPrefix(line, name+"{"+labels+"} "); is {
				var value float64
				if _, err := fmt.Sscan(number, &value); err != nil {
					t.Fatal(err)
				}
				return value
			}
		}
		return 0
	}
}

func same(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, and the server counted %v", what, got, want)
	}
}

func TestExecutionsEqualTheCountsOfTheServer(t *testing.T) {
	registry, err := ictus.Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	recorded := work(t, New(registry))
	sample := shown(t, registry)
	for kind, server := range recorded {
		label := `taskType="` + kind + `"`
		if server.Completed == 0 || server.Failed == 0 {
			t.Fatal(server)
		}
		same(t, "started", sample("task_execution_started_total", label), tasks)
		same(t, "completed", sample("task_execute_time_seconds_count", `status="SUCCESS",`+label), server.Completed)
		same(t, "failed", sample("task_execute_time_seconds_count", `status="FAILURE",`+label), server.Failed)
		same(t, "errors", sample("task_execute_error_total", `exception="conductor.refused",`+label), server.Failed)
		same(t, "results", sample("task_result_size_bytes_count", label), server.Completed)
		same(t, "active", sample("active_workers", label), 0)
	}
}
