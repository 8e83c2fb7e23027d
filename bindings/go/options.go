package ictus

// #include <ictus.h>
import "C"

import (
	"errors"
	"runtime"
	"time"
)

// FamilyOptions are options of a family of series. A field that is zero has its default.
type FamilyOptions struct {
	// Window is how many of a timer's newest observations quantiles are computed of: 1 to 65,536. The default is 1,000.
	Window uint32
	// MaxAge removes older observations from the window. Count and sum do not change.
	MaxAge time.Duration
	// ExpireAfter removes series that no process has updated for that time.
	ExpireAfter time.Duration
	// MaxSeries is the maximum number of series. Further label sets are recorded in one overflow series. The default is
	// 1,000.
	MaxSeries uint32
	// Buckets are the ascending upper bounds of a histogram.
	Buckets []float64
	// NoDistribution records a timer without buckets, which makes an observation cheaper.
	NoDistribution bool
}

// Options are options of a registry. A field that is zero has its default.
type Options struct {
	// Families are the options of all families, except timers that have their own by TimerWith.
	Families FamilyOptions
	// Group is the number of a group of users that share the directory.
	Group *uint32
	// UTF8Names allows names of metrics and labels with any characters.
	UTF8Names bool
}

// create returns options that the caller frees, or the error of the first invalid option.
func (o FamilyOptions) create() (*C.ictus_family_options, error) {
	var options *C.ictus_family_options
	err := call(func() uint32 { return C.ictus_family_options_new(&options) })
	set := func(isSet bool, change func() uint32) {
		if err == nil && isSet {
			err = call(change)
		}
	}
	set(o.Window != 0, func() uint32 { return C.ictus_family_options_set_window(options, C.uint32_t(o.Window)) })
	set(o.MaxAge != 0, func() uint32 {
		return C.ictus_family_options_set_max_age(options, C.double(o.MaxAge.Seconds()))
	})
	set(o.ExpireAfter != 0, func() uint32 {
		return C.ictus_family_options_set_expire_after(options, C.double(o.ExpireAfter.Seconds()))
	})
	set(o.MaxSeries != 0, func() uint32 {
		return C.ictus_family_options_set_max_series(options, C.uint32_t(o.MaxSeries))
	})
	set(o.Buckets != nil, func() uint32 {
		bounds := make([]C.double, len(o.Buckets)+1)
		for index, bound := range o.Buckets {
			bounds[index] = C.double(bound)
		}
		return C.ictus_family_options_set_buckets(options, &bounds[0], C.size_t(len(o.Buckets)))
	})
	set(o.NoDistribution, func() uint32 { return C.ictus_family_options_set_no_distribution(options) })
	if err != nil {
		C.ictus_family_options_free(options)
		return nil, err
	}
	return options, nil
}

// create returns options that the caller frees, or the error of the first invalid option.
func (o Options) create() (*C.ictus_registry_options, error) {
	families, err := o.Families.create()
	if err != nil {
		return nil, err
	}
	defer C.ictus_family_options_free(families)
	var options *C.ictus_registry_options
	err = call(func() uint32 { return C.ictus_registry_options_new(&options) })
	if err == nil {
		err = call(func() uint32 { return C.ictus_registry_options_set_families(options, families) })
	}
	if err == nil && o.Group != nil {
		err = call(func() uint32 { return C.ictus_registry_options_set_group(options, C.uint32_t(*o.Group)) })
	}
	if err == nil && o.UTF8Names {
		err = call(func() uint32 { return C.ictus_registry_options_set_utf8_names(options, 1) })
	}
	if err != nil {
		C.ictus_registry_options_free(options)
		return nil, err
	}
	return options, nil
}

// NewWith creates a registry in this process's memory, with options.
func NewWith(options Options) (*Registry, error) {
	return create("", options, func(pins *runtime.Pinner, given *C.ictus_registry_options, out **C.ictus_registry) uint32 {
		return C.ictus_registry_new_with(given, out)
	})
}

// OpenWith creates a registry in a directory that processes share, with options.
func OpenWith(directory string, options Options) (*Registry, error) {
	return create(directory, options, func(pins *runtime.Pinner, given *C.ictus_registry_options, out **C.ictus_registry) uint32 {
		return C.ictus_registry_open_with(str(pins, directory), given, out)
	})
}

func create(
	directory string, options Options,
	open func(pins *runtime.Pinner, given *C.ictus_registry_options, out **C.ictus_registry) uint32,
) (*Registry, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	given, err := options.create()
	if err != nil {
		return nil, err
	}
	defer C.ictus_registry_options_free(given)
	var pins runtime.Pinner
	defer pins.Unpin()
	registry := &Registry{directory: directory}
	if err := call(func() uint32 { return open(&pins, given, &registry.pointer) }); err != nil {
		return nil, err
	}
	return registry.freed(), nil
}

// TimerWith creates the handle of a series as Timer does. If this process has not registered the family yet, it is
// registered with these options instead of those of the registry.
func (r *Registry) TimerWith(options FamilyOptions, name, help string, labels ...Label) (*Timer, error) {
	given, err := options.create()
	if err != nil {
		return nil, err
	}
	defer C.ictus_family_options_free(given)
	timer := &Timer{}
	err = r.series(name, help, labels, func(n, h C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32 {
		return C.ictus_timer_new_with(r.pointer, n, h, names, values, count, given, &timer.pointer)
	})
	return timer.freed(), err
}

// Remove removes a series of a counter, gauge or timer; the labels may be in any order. It returns false if there is
// none. Handles of the series record nothing afterwards; create them again.
func (r *Registry) Remove(name string, labels ...Label) (bool, error) {
	err := r.series(name, "", labels, func(n, _ C.ictus_str, names, values *C.ictus_str, count C.size_t) uint32 {
		return C.ictus_registry_remove(r.pointer, n, names, values, count)
	})
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// RemoveIdle removes the series that no process has updated for a time, and returns how many this process had. The first
// call starts to watch counters and gauges: call it from time to time.
func (r *Registry) RemoveIdle(idle time.Duration) (int, error) {
	var removed C.size_t
	err := call(func() uint32 {
		return C.ictus_registry_remove_idle(r.pointer, C.double(idle.Seconds()), &removed)
	})
	runtime.KeepAlive(r)
	return int(removed), err
}

// ObserveWithExemplar records a duration in seconds with the id of its trace, which histograms show in OpenMetrics and
// protobuf. If the id is invalid, the duration is recorded all the same; the error is ErrTraceID.
func (t *Timer) ObserveWithExemplar(seconds float64, traceID string) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	err := failure(C.ictus_timer_observe_exemplar(t.pointer, C.double(seconds), str(&pins, traceID)))
	runtime.KeepAlive(t)
	return err
}
