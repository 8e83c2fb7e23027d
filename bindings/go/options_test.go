package ictus

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestOptionsChangeFamilies(t *testing.T) {
	group := uint32(0)
	options := Options{Families: FamilyOptions{Window: 1, MaxSeries: 2, MaxAge: time.Hour}, UTF8Names: true}
	for _, registry := range []*Registry{must(NewWith(options)), must(OpenWith(folder(t), options))} {
		shared := must(registry.Timer("shared.seconds", ""))
		own := must(registry.TimerWith(FamilyOptions{Window: 2}, "own_seconds", ""))
		for _, timer := range []*Timer{shared, own} {
			for _, seconds := range []float64{1, 2, 3} {
				if err := timer.Observe(seconds); err != nil {
					t.Fatal(err)
				}
			}
		}
		snapshot := must(registry.Snapshot())
		if timing := must(snapshot.Timing("shared.seconds")); timing != (Timing{3, 6, 1}) {
			t.Fatal(timing)
		}
		if timing := must(snapshot.Timing("own_seconds")); timing != (Timing{3, 6, 2}) {
			t.Fatal(timing)
		}
		for _, tenant := range []string{"a", "b", "c"} {
			if err := must(registry.Counter("jobs", "", Label{"tenant", tenant})).Inc(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := must(registry.Snapshot()).Value("jobs", "c"); !errors.Is(err, ErrUnknown) {
			t.Fatal("a third series:", err)
		}
	}
	if _, err := NewWith(Options{Group: &group}); err != nil {
		t.Fatal(err)
	}
}

func TestInvalidOptionsAreErrorsThatNameThem(t *testing.T) {
	noGroup := uint32(math.MaxUint32)
	for option, options := range map[string]Options{
		"window":       {Families: FamilyOptions{Window: 65_537}},
		"max_age":      {Families: FamilyOptions{MaxAge: -time.Second}},
		"expire_after": {Families: FamilyOptions{ExpireAfter: -time.Second}},
		"buckets":      {Families: FamilyOptions{Buckets: []float64{2, 1}}},
		"group":        {Group: &noGroup},
	} {
		for _, err := range []error{
			second(NewWith(options)), second(OpenWith(folder(t), options)),
		} {
			if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), option) {
				t.Fatal(option, err)
			}
		}
		if _, err := must(New()).TimerWith(options.Families, "a", ""); options.Group == nil && !errors.Is(err, ErrOption) {
			t.Fatal(option, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestExemplarsAreShownAndInvalidOnesRefused(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	registry := must(NewWith(Options{Families: FamilyOptions{Buckets: []float64{0.5, 2}}}))
	executions := must(registry.ConductorTimer(TaskExecuteTime, "resize", "SUCCESS"))
	if err := executions.ObserveWithExemplar(0.25, id); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "a\nb", strings.Repeat("x", 97), "\xff"} {
		if err := executions.ObserveWithExemplar(0.25, wrong); !errors.Is(err, ErrTraceID) {
			t.Fatal(wrong, err)
		}
	}
	if err := executions.ObserveWithExemplar(-1, id); !errors.Is(err, ErrValue) {
		t.Fatal(err)
	}
	shown := string(must(registry.Render(OpenMetrics, Canonical)))
	const line = `task_execute_time_seconds_bucket{le="0.5",status="SUCCESS",taskType="resize"} 5.0 # {trace_id="` + id + `"} 0.25`
	if !strings.Contains(shown, line) {
		t.Fatal(shown)
	}
}

func TestSeriesAreRemoved(t *testing.T) {
	for _, registry := range []*Registry{must(New()), must(Open(folder(t)))} {
		labels := []Label{{"zone", "a"}, {"queue", "mail"}}
		jobs := must(registry.Counter("jobs", "", labels...))
		if err := jobs.Inc(); err != nil {
			t.Fatal(err)
		}
		if must(registry.Remove("jobs", Label{"queue", "mail"})) || must(registry.Remove("others")) {
			t.Fatal("removed what does not exist")
		}
		if !must(registry.Remove("jobs", labels[1], labels[0])) || must(registry.Remove("jobs", labels...)) {
			t.Fatal("not removed once")
		}
		if _, err := must(registry.Snapshot()).Value("jobs", "a", "mail"); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		must(registry.Gauge("active", ""))
		if removed := must(registry.RemoveIdle(20 * time.Millisecond)); removed != 0 {
			t.Fatal(removed)
		}
		time.Sleep(50 * time.Millisecond)
		if removed := must(registry.RemoveIdle(20 * time.Millisecond)); removed != 1 {
			t.Fatal(removed)
		}
		if _, err := registry.RemoveIdle(-time.Second); !errors.Is(err, ErrOption) {
			t.Fatal(err)
		}
	}
}

func TestExpiredSeriesAreNotShown(t *testing.T) {
	registry := must(New())
	idle := must(registry.TimerWith(FamilyOptions{ExpireAfter: 20 * time.Millisecond}, "idle_seconds", ""))
	idle.Time(func() {})
	if err := idle.ObserveDuration(time.Second); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if _, err := must(registry.Snapshot()).Timing("idle_seconds"); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
}

func TestPanickingWorkIsMeasured(t *testing.T) {
	registry := must(New())
	work := must(registry.Timer("work_seconds", ""))
	func() {
		defer func() { _ = recover() }()
		work.Time(func() { panic("on purpose") })
	}()
	if timing := must(must(registry.Snapshot()).Timing("work_seconds")); timing.Count != 1 {
		t.Fatal(timing)
	}
}

func TestHandlerServesTheFormatThatTheClientAccepts(t *testing.T) {
	registry := must(New())
	if err := must(registry.Counter("jobs", "")).Inc(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.Handler(Default))
	defer server.Close()
	for accept, contentType := range map[string]string{
		"":           "text/plain; version=0.0.4; charset=utf-8",
		"text/plain": "text/plain; version=0.0.4; charset=utf-8",
		"application/openmetrics-text;version=1.0.0,text/plain": "application/openmetrics-text; version=1.0.0; charset=utf-8",
	} {
		request := must(http.NewRequest(http.MethodGet, server.URL, nil))
		request.Header.Set("Accept", accept)
		answer := must(http.DefaultClient.Do(request))
		body := string(must(io.ReadAll(answer.Body)))
		if answer.Header.Get("Content-Type") != contentType || !strings.Contains(body, "\njobs_total 1.0\n") {
			t.Fatal(accept, answer.Header, body)
		}
	}
	if answer := must(http.Post(server.URL, "text/plain", nil)); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Fatal(answer.Status)
	}
}

func TestExporterEndsWithItsContext(t *testing.T) {
	registry := must(Open(folder(t)))
	ctx, cancel := context.WithCancel(context.Background())
	exporter := must(registry.ServeContext(ctx, "127.0.0.1:0", Default))
	must(http.Get("http://" + exporter.Address() + "/metrics")).Body.Close()
	cancel()
	deadline := time.Now().Add(10 * time.Second)
	for {
		answer, err := http.Get("http://" + exporter.Address() + "/metrics")
		if err != nil {
			break
		}
		answer.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still listens")
		}
		time.Sleep(10 * time.Millisecond)
	}
	exporter.Close()
	if _, err := registry.ServeContext(ctx, "127.0.0.1:0", Default); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
