package ictus

/*
#include <ictus.h>

extern int ictusWrite(void *context, char *data, size_t len);

static int ictus_go_write_address(void *context, const char *data, size_t len)
{
	return ictusWrite(context, (char *)data, len);
}

static ictus_status ictus_go_address(const ictus_exporter *exporter, uintptr_t context)
{
	return ictus_exporter_address(exporter, ictus_go_write_address, (void *)context);
}
*/
import "C"

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
)

// Exporter is an HTTP endpoint for Prometheus, on a separate thread.
type Exporter struct {
	lock    sync.Mutex
	pointer *C.ictus_exporter
	address string
}

// Serve serves the registry's directory at an address like 127.0.0.1:9464; port 0 is any free one.
func (r *Registry) Serve(address string, surface Surface) (*Exporter, error) {
	if r.directory == "" {
		return nil, errors.New("ictus: this registry is in memory, and Serve shows a directory: make it with Open")
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	exporter := &Exporter{}
	err := call(func() uint32 {
		return C.ictus_exporter_start(str(&pins, r.directory), str(&pins, address), C.int(surface), &exporter.pointer)
	})
	if err != nil {
		return nil, err
	}
	var written []byte
	handle := cgo.NewHandle(&written)
	defer handle.Delete()
	C.ictus_go_address(exporter.pointer, C.uintptr_t(handle))
	exporter.address = string(written)
	return exporter, nil
}

// ServeContext serves as Serve does, until the context is done or the exporter is closed.
func (r *Registry) ServeContext(ctx context.Context, address string, surface Surface) (*Exporter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	exporter, err := r.Serve(address, surface)
	if err == nil {
		context.AfterFunc(ctx, exporter.Close)
	}
	return exporter, err
}

// Address returns the address on which the exporter listens, or listened until it was closed.
func (e *Exporter) Address() string { return e.address }

// Close ends the exporter. A second call does nothing.
func (e *Exporter) Close() {
	e.lock.Lock()
	defer e.lock.Unlock()
	C.ictus_exporter_stop(e.pointer)
	e.pointer = nil
}

var contentTypes = map[Format]string{
	Text:        "text/plain; version=0.0.4; charset=utf-8",
	OpenMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

// Handler returns a handler for /metrics of a server of the program. It renders OpenMetrics for clients that accept it,
// and Prometheus's text format otherwise.
func (r *Registry) Handler(surface Surface) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		format := Text
		if strings.Contains(strings.Join(request.Header.Values("Accept"), ","), "application/openmetrics-text") {
			format = OpenMetrics
		}
		body, err := r.Render(format, surface)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentTypes[format])
		w.Header().Set("Vary", "Accept")
		_, _ = w.Write(body)
	})
}
