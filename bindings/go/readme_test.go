package ictus

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The block of README.md is run as it is written, with a directory of the test.
func TestTheReadmeWorksAsWritten(t *testing.T) {
	text := string(must(os.ReadFile("README.md")))
	match := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(text)
	if match == nil {
		t.Fatal("README.md has no block")
	}
	directory := filepath.Join(folder(t), "metrics")
	program := strings.ReplaceAll(match[1], "/var/lib/app/metrics", directory)
	// Inside of the module, which the import is of.
	folder := must(os.MkdirTemp(".", "readme-"))
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("go", "run", "-tags", tags, "./"+folder).CombinedOutput(); err != nil ||
		string(said) != "p99: 0.099\n" {
		t.Fatalf("%v: %s\n%s", err, said, program)
	}
	snapshot := must(must(Open(directory)).Snapshot())
	timing := must(snapshot.Timing("request_seconds", "/"))
	if timing.Count != 100 {
		t.Fatal(timing)
	}
}
