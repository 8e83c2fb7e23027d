package ictus

import (
	"os"
	"testing"
)

// folder returns a folder that is removed after the test. A recorder writes its file again if the file is
// removed while it lives, so the folder may fill again meanwhile, which fails a test with TempDir.
func folder(t testing.TB) string {
	path := must(os.MkdirTemp("", "ictus"))
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return path
}
