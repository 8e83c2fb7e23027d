// Package ictus records latencies through libictus: exact quantiles of the newest 1,000 observations over all
// threads and processes, lifetime counts and sums.
//
// A call crosses cgo, which costs some 30 ns. Any number of goroutines record without a lock.
package ictus

/*
#include <ictus.h>
#include <stdlib.h>

extern int ictusWrite(void *context, char *data, size_t len);

static int ictus_go_write(void *context, const char *data, size_t len)
{
	return ictusWrite(context, (char *)data, len);
}

static ictus_status ictus_go_render(const ictus_registry *registry, int format, int surfaces, uintptr_t context)
{
	return ictus_registry_render(registry, format, surfaces, ictus_go_write, (void *)context);
}

*/
import "C"

import (
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Error is a status of libictus, as ictus.h numbers it.
type Error int

// Statuses that a program may handle differently.
const (
	ErrMismatch Error = C.ICTUS_STATUS_MISMATCH
	ErrValue    Error = C.ICTUS_STATUS_VALUE
	ErrUnknown  Error = C.ICTUS_STATUS_UNKNOWN
	ErrOption   Error = C.ICTUS_STATUS_OPTION
	ErrTraceID  Error = C.ICTUS_STATUS_TRACE_ID
)

// Error returns the cause and the remedy.
func (e Error) Error() string {
	return C.GoString(C.ictus_status_text(C.int(e)).data)
}

// described is an error with the path, the system's error and the remedy. errors.Is compares its status.
type described struct {
	status Error
	text   string
}

func (d *described) Error() string { return d.text }

func (d *described) Unwrap() error { return d.status }

// failure returns the error of a frequent call, or of one whose status is enough.
func failure[Status ~uint32](status Status) error {
	if status == C.ICTUS_STATUS_OK {
		return nil
	}
	return Error(status)
}

// call returns the error of a call with the text of libictus, which keeps one per thread.
func call(function func() uint32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	switch status := function(); status {
	case C.ICTUS_STATUS_OK:
		return nil
	case C.ICTUS_STATUS_UNKNOWN:
		return ErrUnknown
	default:
		return &described{Error(status), C.GoString(C.ictus_error_text().data)}
	}
}

// Format is the format of an exposition.
type Format int

// Formats.
const (
	Text        Format = C.ICTUS_FORMAT_TEXT
	OpenMetrics Format = C.ICTUS_FORMAT_OPENMETRICS
	Protobuf    Format = C.ICTUS_FORMAT_PROTOBUF
)

// Surface is a set of names under which the Conductor metrics are shown.
type Surface int

// Surfaces.
const (
	Default    Surface = C.ICTUS_SURFACE_DEFAULT
	Legacy     Surface = C.ICTUS_SURFACE_LEGACY
	Documented Surface = C.ICTUS_SURFACE_DOCUMENTED
	Canonical  Surface = C.ICTUS_SURFACE_CANONICAL
)

// Label is a label's name and value.
type Label struct{ Name, Value string }

// Registry records metrics. Any number of goroutines may use it.
type Registry struct {
	pointer   *C.ictus_registry
	directory string
}

// New creates a registry in this process's memory.
func New() (*Registry, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	registry := &Registry{}
	if err := call(func() uint32 { return C.ictus_registry_new(&registry.pointer) }); err != nil {
		return nil, err
	}
	return registry.freed(), nil
}

// Open creates a registry in a directory that processes share, in whatever language they are written.
func Open(directory string) (*Registry, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	registry := &Registry{directory: directory}
	open := func() uint32 { return C.ictus_registry_open(str(&pins, directory), &registry.pointer) }
	if err := call(open); err != nil {
		return nil, err
	}
	return registry.freed(), nil
}

func (r *Registry) freed() *Registry {
	runtime.SetFinalizer(r, func(r *Registry) { C.ictus_registry_free(r.pointer) })
	return r
}

// Timer is one series of durations.
type Timer struct{ pointer *C.ictus_timer }

// Timer creates the handle of a series. Keep it: creating it is a lookup.
func (r *Registry) Timer(name, help string, labels ...Label) (*Timer, error) {
	timer := &Timer{}
	err := r.series(name, help, labels, func(n, h C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32 {
		return C.ictus_timer_new(r.pointer, n, h, names, values, count, &timer.pointer)
	})
	return timer.freed(), err
}

func (t *Timer) freed() *Timer {
	runtime.SetFinalizer(t, func(t *Timer) { C.ictus_timer_free(t.pointer) })
	return t
}

// Observe records a duration in seconds. A negative or non-finite number is counted as rejected; the error is
// ErrValue.
func (t *Timer) Observe(seconds float64) error {
	err := failure(C.ictus_timer_observe(t.pointer, C.double(seconds)))
	runtime.KeepAlive(t)
	return err
}

// Start starts a measurement and returns the function that records it, as in `defer timer.Start()()`.
func (t *Timer) Start() func() {
	begun := time.Now()
	return func() { _ = t.Observe(time.Since(begun).Seconds()) }
}

// ObserveDuration records a duration.
func (t *Timer) ObserveDuration(duration time.Duration) error { return t.Observe(duration.Seconds()) }

// Time measures a function, also if it panics.
func (t *Timer) Time(work func()) {
	defer t.Start()()
	work()
}

// Counter is one series of a total.
type Counter struct{ pointer *C.ictus_counter }

// Counter creates the handle of a series. Keep it: creating it is a lookup.
func (r *Registry) Counter(name, help string, labels ...Label) (*Counter, error) {
	counter := &Counter{}
	err := r.series(name, help, labels, func(n, h C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32 {
		return C.ictus_counter_new(r.pointer, n, h, names, values, count, &counter.pointer)
	})
	return counter.freed(), err
}

func (c *Counter) freed() *Counter {
	runtime.SetFinalizer(c, func(c *Counter) { C.ictus_counter_free(c.pointer) })
	return c
}

// Inc adds one to the total.
func (c *Counter) Inc() error { return c.Add(1) }

// Add adds to the total.
func (c *Counter) Add(by float64) error {
	err := failure(C.ictus_counter_add(c.pointer, C.double(by)))
	runtime.KeepAlive(c)
	return err
}

// Gauge is one series of a state. Readers sum it over living processes.
type Gauge struct{ pointer *C.ictus_gauge }

// Gauge creates the handle of a series. Keep it: creating it is a lookup.
func (r *Registry) Gauge(name, help string, labels ...Label) (*Gauge, error) {
	gauge := &Gauge{}
	err := r.series(name, help, labels, func(n, h C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32 {
		return C.ictus_gauge_new(r.pointer, n, h, names, values, count, &gauge.pointer)
	})
	return gauge.freed(), err
}

func (g *Gauge) freed() *Gauge {
	runtime.SetFinalizer(g, func(g *Gauge) { C.ictus_gauge_free(g.pointer) })
	return g
}

// Set sets the state of this process.
func (g *Gauge) Set(to float64) error {
	err := failure(C.ictus_gauge_set(g.pointer, C.double(to)))
	runtime.KeepAlive(g)
	return err
}

// Add adds to the state of this process. The number may be negative.
func (g *Gauge) Add(by float64) error {
	err := failure(C.ictus_gauge_add(g.pointer, C.double(by)))
	runtime.KeepAlive(g)
	return err
}

func (r *Registry) series(
	name, help string, labels []Label,
	make func(name, help C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32,
) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	names, values := []C.ictus_str{{}}, []C.ictus_str{{}}
	for _, label := range labels {
		names, values = append(names, str(&pins, label.Name)), append(values, str(&pins, label.Value))
	}
	pins.Pin(&names[0])
	pins.Pin(&values[0])
	err := call(func() uint32 {
		return make(str(&pins, name), str(&pins, help), tail(names, 1), tail(values, 1), C.size_t(len(labels)))
	})
	runtime.KeepAlive(r)
	return err
}

func tail(all []C.ictus_str, first int) *C.ictus_str {
	if first == len(all) {
		return nil
	}
	return &all[first]
}

// Render returns the exposition of all recorded metrics: of this process, or of all processes of the directory.
func (r *Registry) Render(format Format, surface Surface) ([]byte, error) {
	var written []byte
	handle := cgo.NewHandle(&written)
	defer handle.Delete()
	err := call(func() uint32 {
		return uint32(C.ictus_go_render(r.pointer, C.int(format), C.int(surface), C.uintptr_t(handle)))
	})
	runtime.KeepAlive(r)
	return written, err
}

//export ictusWrite
func ictusWrite(context unsafe.Pointer, data *C.char, len C.size_t) C.int {
	written := cgo.Handle(uintptr(context)).Value().(*[]byte)
	*written = append(*written, unsafe.Slice((*byte)(unsafe.Pointer(data)), int(len))...)
	return 0
}

// str pins a string for a call. An empty one is NULL: its pointer may lead to memory that is not pinned.
func str(pins *runtime.Pinner, text string) C.ictus_str {
	if text == "" {
		return C.ictus_str{}
	}
	data := unsafe.StringData(text)
	pins.Pin(data)
	return C.ictus_str{data: (*C.char)(unsafe.Pointer(data)), len: C.size_t(len(text))}
}
