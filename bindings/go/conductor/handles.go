package conductor

import (
	"strings"
	"sync"

	ictus "github.com/conductor-oss/ictus/bindings/go"
)

// maxHandles is the number of handles that are cached per metric. Label values such as messages are unbounded;
// beyond the limit each observation creates its handle, and libictus records it in the overflow series.
const maxHandles = 4096

// families caches handles by metric and label values.
type families[H any] struct {
	lock    sync.RWMutex
	handles map[ictus.Metric]map[string]*H
}

// handle returns the handle of a series, or nil if libictus refuses to create it: metrics must not fail a worker.
func (f *families[H]) handle(
	metric ictus.Metric, values []string, create func(ictus.Metric, ...string) (*H, error),
) *H {
	key := strings.Join(values, "\x00")
	f.lock.RLock()
	cached := f.handles[metric][key]
	f.lock.RUnlock()
	if cached != nil {
		return cached
	}
	created, err := create(metric, values...)
	if err != nil {
		return nil
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	if cached := f.handles[metric][key]; cached != nil {
		return cached
	}
	if f.handles == nil {
		f.handles = map[ictus.Metric]map[string]*H{}
	}
	if f.handles[metric] == nil {
		f.handles[metric] = map[string]*H{}
	}
	if len(f.handles[metric]) < maxHandles {
		f.handles[metric][key] = created
	}
	return created
}
