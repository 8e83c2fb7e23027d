package ictus

// #include <ictus.h>
import "C"

import "runtime"

// Timing is the data of a timer's series.
type Timing struct {
	// Count and Sum are of all observations. Window is the number of the newest ones, of which quantiles are computed.
	Count  uint64
	Sum    float64
	Window int
}

// Snapshot is the recorded data of one instant.
type Snapshot struct{ pointer *C.ictus_snapshot }

// Snapshot reads all recorded metrics: of this process, or of all processes of the directory.
func (r *Registry) Snapshot() (*Snapshot, error) {
	snapshot := &Snapshot{}
	err := call(func() uint32 { return C.ictus_snapshot_new(r.pointer, &snapshot.pointer) })
	runtime.KeepAlive(r)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(snapshot, func(s *Snapshot) { C.ictus_snapshot_free(s.pointer) })
	return snapshot, nil
}

// Value returns the value of a counter or gauge, by the values of its labels in order.
func (s *Snapshot) Value(name string, labels ...string) (float64, error) {
	var value C.double
	err := s.find(name, labels, func(name C.ictus_str, values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_snapshot_value(s.pointer, name, values, count, &value))
	})
	return float64(value), err
}

// Timing returns the data of a timer.
func (s *Snapshot) Timing(name string, labels ...string) (Timing, error) {
	var timing C.ictus_timing
	err := s.find(name, labels, func(name C.ictus_str, values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_snapshot_timing(s.pointer, name, values, count, &timing))
	})
	return Timing{uint64(timing.count), float64(timing.sum), int(timing.window)}, err
}

// Quantile returns an exact quantile of a timer's window, for a share from 0 to 1; NaN if the window is empty.
func (s *Snapshot) Quantile(share float64, name string, labels ...string) (float64, error) {
	value, wanted := C.double(0), C.double(share)
	err := s.find(name, labels, func(name C.ictus_str, values *C.ictus_str, count C.size_t) error {
		return failure(C.ictus_snapshot_quantiles(s.pointer, name, values, count, &wanted, 1, &value))
	})
	return float64(value), err
}

func (s *Snapshot) find(
	name string, labels []string,
	find func(name C.ictus_str, values *C.ictus_str, count C.size_t) error,
) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	values := []C.ictus_str{{}}
	for _, label := range labels {
		values = append(values, str(&pins, label))
	}
	pins.Pin(&values[0])
	err := find(str(&pins, name), tail(values, 1), C.size_t(len(labels)))
	runtime.KeepAlive(s)
	return err
}
