package conductor

import (
	"os"
	"testing"
)

// folder returns a folder that is removed after the test, as that of package ictus does.
func folder(t *testing.T) string {
	path, err := os.MkdirTemp("", "ictus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return path
}
