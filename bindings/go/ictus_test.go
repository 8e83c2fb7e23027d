package ictus

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// must gives a value where there is no error.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// An empty part of a text points to memory that is not pinned, which cgo refuses in an argument.
func TestEmptyTextsAreAccepted(t *testing.T) {
	empty := strings.Clone("jobs")[4:]
	registry := must(New())
	if err := must(registry.Counter("jobs", empty, Label{"queue", empty})).Inc(); err != nil {
		t.Fatal(err)
	}
	if value := must(must(registry.Snapshot()).Value("jobs", empty)); value != 1 {
		t.Fatal(value)
	}
	if _, err := registry.Counter(empty, ""); err == nil {
		t.Fatal("a metric without a name")
	}
}

func TestSnapshotHasTheRecordedValues(t *testing.T) {
	registry := must(Open(folder(t)))
	jobs := must(registry.Counter("jobs", "Jobs done.", Label{"queue", "mäil"}, Label{"zone", ""}))
	active := must(registry.Gauge("active", ""))
	work := must(registry.Timer("work_seconds", ""))
	for _, err := range []error{jobs.Add(1), jobs.Add(1.5), active.Set(5), active.Add(-2)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := jobs.Add(-1); !errors.Is(err, ErrValue) {
		t.Fatal(err)
	}
	for number := 1; number <= 2000; number++ {
		if err := work.Observe(float64(number)); err != nil {
			t.Fatal(err)
		}
	}
	if err := work.Observe(math.NaN()); !errors.Is(err, ErrValue) {
		t.Fatal(err)
	}
	snapshot := must(registry.Snapshot())
	if value := must(snapshot.Value("jobs", "mäil", "")); value != 2.5 {
		t.Fatal(value)
	}
	if value := must(snapshot.Value("active")); value != 3 {
		t.Fatal(value)
	}
	if timing := must(snapshot.Timing("work_seconds")); timing != (Timing{2000, 2_001_000, 1000}) {
		t.Fatal(timing)
	}
	if median := must(snapshot.Quantile(0.5, "work_seconds")); median != 1500.5 {
		t.Fatal(median)
	}
	if _, err := snapshot.Timing("none"); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	if _, err := registry.Timer("jobs", ""); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "another name") {
		t.Fatal(err)
	}
	if _, err := Open("/dev/null/x"); err == nil {
		t.Fatal("a directory below a file")
	}
	if shown := string(must(registry.Render(OpenMetrics, Default))); !strings.HasSuffix(shown, "# EOF\n") {
		t.Fatal(shown)
	}
}

func TestGoroutinesRecordAndAnEndpointShowsIt(t *testing.T) {
	registry := must(Open(folder(t)))
	var group sync.WaitGroup
	for goroutine := 0; goroutine < 16; goroutine++ {
		group.Add(1)
		go func(goroutine int) {
			defer group.Done()
			// The same series by separate handles.
			work := must(registry.Timer("work_seconds", "", Label{"kind", "a"}))
			for number := 0; number < 500; number++ {
				if err := work.Observe(float64(goroutine*1000 + number)); err != nil {
					t.Error(err)
				}
				work.Start()()
			}
		}(goroutine)
	}
	group.Wait()
	exporter := must(registry.Serve("127.0.0.1:0", Default))
	answer := must(http.Get("http://" + exporter.Address() + "/metrics"))
	shown := string(must(io.ReadAll(answer.Body)))
	if !strings.Contains(shown, "\nwork_seconds_count{kind=\"a\"} 16000.0\n") {
		t.Fatal(shown)
	}
	address := exporter.Address()
	exporter.Close()
	if _, err := http.Get("http://" + address); err == nil {
		t.Fatal("it still listens")
	}
}

func Example() {
	registry, err := New()
	if err != nil {
		panic(err)
	}
	requests, err := registry.Timer("request_seconds", "How long requests take.", Label{"route", "/"})
	if err != nil {
		panic(err)
	}
	_ = requests.Observe(0.25)
	snapshot, err := registry.Snapshot()
	if err != nil {
		panic(err)
	}
	p99, err := snapshot.Quantile(0.99, "request_seconds", "/")
	fmt.Println(p99, err)
	// Output: 0.25 <nil>
}

func BenchmarkIctus(b *testing.B) {
	work := must(must(Open(folder(b))).Timer("work_seconds", "", Label{"kind", "a"}))
	for i := 0; i < b.N; i++ {
		_ = work.Observe(0.01)
	}
}

func BenchmarkPrometheusHistogram(b *testing.B) {
	options := prometheus.HistogramOpts{Name: "work_seconds"}
	work := prometheus.NewHistogramVec(options, []string{"kind"}).WithLabelValues("a")
	for i := 0; i < b.N; i++ {
		work.Observe(0.01)
	}
}

func BenchmarkPrometheusSummary(b *testing.B) {
	options := prometheus.SummaryOpts{Name: "work_seconds", Objectives: map[float64]float64{0.5: 0.05, 0.99: 0.001}}
	work := prometheus.NewSummaryVec(options, []string{"kind"}).WithLabelValues("a")
	for i := 0; i < b.N; i++ {
		work.Observe(0.01)
	}
}

func TestARegistryInMemoryIsNotServed(t *testing.T) {
	registry := must(New())
	if exporter, err := registry.Serve("127.0.0.1:0", Default); err == nil || exporter != nil {
		t.Fatal("served", err)
	}
}
